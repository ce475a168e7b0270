/** What follows from VMA locks for everybody else: who waits for whom and for how long, who does not, what is counted. */
import { describe, expect, test } from 'vitest';
import { addressSpace, at, draw, type Event, fault, mmap, range, replay, vma } from '../helpers.js';

const WAKE = 3_000;
const VMA_LOCKED = 'v6.4,v6.6,v6.12,v6.18';
const each = VMA_LOCKED.split(',');

/** Thread 1 changes its VMA from t = 100 us on, for 100 us. */
const T = 100_000;
const slow = (op: Event): Event => ({ ...op, t: T, dur: 100_000 });
const mprotect = (page: number, pages: number): Event => slow(range('mprotect', page, pages, { prot: 'r--' }));
const read = (page: number, tid: number, t: number, more = {}): Event =>
  fault(page, { tid, t, access: 'read', ...more });

describe('a write section of mmap_lock', () => {
  test('does not stop faults in VMAs it has not marked', async () => {
    const events = [vma(0, 4, { t: 0 }), vma(8, 4, { t: 0 }), mprotect(0, 4), read(9, 2, T + 50_000)];
    const replayed = await replay(events, `mmap_lock,${VMA_LOCKED}`);
    expect(replayed.row('mmap_lock', -1)).toMatchObject({ verdict: 'mmap_lock', wait_ns: 50_000 + WAKE });
    for (const model of each) expect(replayed.row(model, -1)).toMatchObject({ verdict: 'vma_lock', wait_ns: 0 });
  });

  test('blames nobody for a fault that takes the lock before a woken writer does', async () => {
    const elsewhere = mmap(32, 1, { tid: 2, t: T + 1_000, dur: 5_000 });
    const events = [vma(0, 4, { t: 0 }), mprotect(0, 4), elsewhere, read(64, 3, T + 100_500)];
    const replayed = await replay(events, `mmap_lock,${VMA_LOCKED}`);
    for (const model of ['mmap_lock', ...each]) {
      expect(replayed.row(model, -1)).toMatchObject({ verdict: 'signal', wait_ns: 0, blocked_by: null });
      expect(replayed.model(model).blockers).toMatchObject([{ op: 'mprotect', victims: 1 }]);
    }
  });

  test('makes a fault in a marked VMA wait until it is over: it falls back to mmap_lock', async () => {
    const events = [vma(0, 4, { t: 0 }), mprotect(0, 4), read(1, 2, T + 50_000)];
    const replayed = await replay(events, VMA_LOCKED);
    for (const model of each) {
      expect(replayed.row(model, -1)).toMatchObject({
        verdict: 'mmap_lock',
        counter: 'vma_lock_abort',
        site: 'vma_start_read',
        wait_ns: 50_000 + WAKE,
        blocked_by: { i: 1, op: 'mprotect', tid: 1 },
      });
      expect(replayed.model(model).blockers).toMatchObject([{ op: 'mprotect', tid: 1, victims: 1 }]);
    }
  });

  test('advances the sequence though it marked nothing', async () => {
    const idle = [vma(0, 4, { name: '[heap]' }), { op: 'brk', tid: 1, addr: at(4) }, range('munmap', 8, 4)];
    expect((await addressSpace(idle, 'v6.4')).mm_lock_seq).toBe(2);
    // A sequence count: odd inside, even outside.
    expect((await addressSpace(idle, 'v6.18')).mm_lock_seq).toBe(4);
  });
});

describe('a downgrade', () => {
  const recorded = { locks: [section('write', 0, 20_000), section('read', 20_000, 100_000)] };
  const munmap = { ...range('munmap', 4, 4, recorded), t: T };

  function section(mode: string, from: number, to: number) {
    return { mode, ask: T + from, got: T + from, end: T + to };
  }

  test('ends every mark: what is left of a split VMA is faulted under its lock while pages are still zapped', async () => {
    const events = [vma(0, 8, { t: 0 }), munmap, read(1, 2, T + 10_000), read(2, 3, T + 50_000)];
    const replayed = await replay(events, VMA_LOCKED);
    for (const model of each) {
      expect(replayed.row(model, 2)).toMatchObject({ site: 'vma_start_read', wait_ns: 10_000 + WAKE });
      expect(replayed.row(model, 3)).toMatchObject({ verdict: 'vma_lock', wait_ns: 0 });
    }
  });

  test('lets readers of mmap_lock in, and keeps writers out to the end', async () => {
    const late = range('mprotect', 0, 4, { tid: 3, t: T + 60_000, prot: 'r--' });
    const events = [vma(0, 8, { t: 0 }), munmap, read(1, 2, T + 30_000, { mode: 'kernel' }), late];
    const replayed = await replay(events, 'mmap_lock,v6.18');
    for (const model of ['mmap_lock', 'v6.18']) {
      expect(replayed.row(model, 2).wait_ns).toBe(0);
      expect(replayed.model(model).time.op_wait_ns).toBe(40_000 + WAKE);
    }
  });

  test('what was unmapped is gone from the tree already: a fault there is a signal', async () => {
    const events = [vma(0, 8, { t: 0 }), munmap, read(5, 2, T + 50_000)];
    const replayed = await replay(events, 'v6.18');
    expect(replayed.row('v6.18', -1)).toMatchObject({ verdict: 'signal', site: 'lock_vma_under_rcu.no_vma' });
  });
});

describe('the convoy', () => {
  // Thread 2 sleeps on a migration entry with the VMA lock held; thread 1 wants to change that VMA; all wait for thread 1.
  const events = [
    vma(0, 4, { t: 0 }),
    vma(8, 4, { t: 0 }),
    read(1, 2, 10_000, { page: { entry: 'migration', wait: 500_000 } }),
    range('mprotect', 0, 4, { t: 20_000, dur: 60_000, prot: 'r--' }),
    read(2, 3, 30_000),
    read(9, 4, 40_000),
    fault(9, { tid: 5, t: 50_000, mode: 'kernel', access: 'read' }),
  ];

  test('a reader asleep inside a VMA stalls its writer, and the writer everybody who needs mmap_lock', async () => {
    const replayed = await replay(events, 'v6.6,v6.18');
    for (const model of ['v6.6', 'v6.18']) {
      const inside = replayed.row(model, 2);
      expect(inside).toMatchObject({ verdict: 'vma_lock', wait_ns: 500_000 });
      const leaves = 10_000 + inside.hold_ns;
      // The writer is woken, works, and releases; then its readers are woken.
      const over = leaves + WAKE + 60_000 + WAKE;
      expect(replayed.row(model, 4)).toMatchObject({ site: 'vma_start_read', wait_ns: over - 30_000 });
      expect(replayed.row(model, 6)).toMatchObject({ wait_ns: over - 50_000, blocked_by: { op: 'mprotect', tid: 1 } });
      expect(replayed.model(model).time.op_wait_ns).toBe(leaves + WAKE - 20_000);
    }
  });

  test('faults in other VMAs are not part of it', async () => {
    const replayed = await replay(events, 'v6.6,v6.18');
    for (const model of ['v6.6', 'v6.18']) {
      expect(replayed.row(model, 5)).toMatchObject({ verdict: 'vma_lock', wait_ns: 0 });
    }
  });

  test('who waited for whom is told: the writer for the fault, the others for the writer', async () => {
    const { blockers } = (await replay(events, 'v6.18')).model('v6.18');
    expect(blockers.map(({ op, tid, victims }) => ({ op, tid, victims }))).toEqual([
      { op: 'mprotect', tid: 1, victims: 2 },
      { op: 'fault', tid: 2, victims: 1 },
    ]);
  });

  test('under mmap_lock alone it is the same convoy, of everybody', async () => {
    const replayed = await replay(events, 'mmap_lock');
    for (const i of [4, 5, 6]) expect(replayed.row('mmap_lock', i).wait_ns).toBeGreaterThan(450_000);
  });

  test('a fault that waits without the lock (6.6: a locked folio) stalls nobody', async () => {
    const swap = read(1, 2, 10_000, { page: { entry: 'swap', folio: 'locked', wait: 500_000 } });
    const replayed = await replay(events.with(2, swap), 'v6.6,v6.18');
    for (const model of ['v6.6', 'v6.18']) expect(replayed.model(model).time.op_wait_ns).toBe(0);
  });
});

describe('neighbours', () => {
  test('are marked when they merge and left alone when they do not', async () => {
    const beside = (prot: string): Event[] => [vma(0, 4, { t: 0 }), slow(mmap(4, 4, { prot })), read(1, 2, T + 50_000)];
    for (const model of each) {
      expect((await replay(beside('rw-'), model)).row(model, -1).site).toBe('vma_start_read');
      expect((await replay(beside('r--'), model)).row(model, -1).verdict).toBe('vma_lock');
    }
  });

  test('another thread that changes flags back and forth next door, or elsewhere, costs a faulting thread nothing', async () => {
    const events: Event[] = [vma(0, 64, { t: 0 }), vma(64, 8, { t: 0, prot: 'r--' }), vma(100, 8, { t: 0 })];
    for (let i = 0; i < 40; i++) {
      const t = 10_000 + i * 10_000;
      events.push({ ...range('mprotect', 100, 4, { prot: i % 2 ? 'rw-' : 'r--' }), t, dur: 9_000 });
      events.push(fault(i, { tid: 2, t: t + 1_000 }));
    }
    const { faults, counters } = (await replay(events, 'v6.18')).model('v6.18');
    expect(faults.vma_lock).toBe(40);
    expect(counters.vma_lock_abort).toBe(0);
  });

  test('but splitting the tail of the VMA it faults in makes it fall back', async () => {
    const events: Event[] = [vma(0, 64, { t: 0 })];
    for (let i = 0; i < 40; i++) {
      const t = 10_000 + i * 20_000;
      events.push({ ...range('mprotect', 60, 4, { prot: i % 2 ? 'rw-' : 'r--' }), t, dur: 9_000 });
      events.push(fault(i, { tid: 2, t: t + 1_000 }));
    }
    const replayed = await replay(events, 'v6.18', { timing: 'recorded' });
    expect(replayed.model('v6.18').counters.vma_lock_abort).toBe(40);
  });
});

describe('mremap', () => {
  test('moves several VMAs at once since 6.17, and marks each, old and new', async () => {
    const to = { old_len: '0x6000', new_addr: at(12), new_len: '0x6000', flags: ['maymove', 'fixed'] };
    const move = slow({ op: 'mremap', tid: 1, addr: at(0), ...to });
    const vmas = [vma(0, 3, { t: 0 }), vma(3, 3, { t: 0, prot: 'r--' }), vma(6, 2, { t: 0 })];
    const looks = [0, 3, 6, 12, 15].map((page, i) => read(page, 10 + i, T + 50_000));
    const replayed = await replay([...vmas, move, ...looks], 'v6.17,v7.2');
    for (const model of ['v6.17', 'v7.2']) {
      const sites = looks.map((_, i) => replayed.row(model, 4 + i).site);
      const [gone, marked] = ['lock_vma_under_rcu.no_vma', 'vma_start_read'];
      expect(sites).toEqual([gone, gone, null, marked, marked]);
    }
    expect(draw(await addressSpace([...vmas, move], 'v7.2'), 18)).toBe('......AA....BBBCCC');
  });
});

describe('counters', () => {
  test('no VMA and a marked VMA are aborts, and nothing is missed when nothing was detached in between', async () => {
    const events = [vma(0, 4, { t: 0 }), mprotect(0, 4), read(1, 2, T + 10), read(40, 3, T + 10)];
    const replayed = await replay(events, VMA_LOCKED);
    for (const model of each) {
      expect(replayed.model(model).counters).toMatchObject({ vma_lock_abort: 2, vma_lock_miss: 0, vma_lock_retry: 0 });
    }
  });

  test('a fault in kernel mode never tries the VMA lock and is counted by nobody', async () => {
    const replayed = await replay([vma(0, 4), fault(1, { mode: 'kernel' })], VMA_LOCKED);
    for (const model of each) {
      const { faults, counters, fallback_ratio } = replayed.model(model);
      expect(faults).toMatchObject({ total: 1, user: 0, kernel: 1, mmap_lock: 1 });
      expect(Object.values(counters)).toEqual([0, 0, 0, 0]);
      expect(fallback_ratio).toBeNull();
    }
  });
});

describe('a NUMA scan', () => {
  test('gives up when anybody has mmap_lock for writing', async () => {
    const scan = range('numa_scan', 8, 4, { tid: 2, t: T + 50_000 });
    const events = [vma(0, 4, { t: 0 }), vma(8, 4, { t: 0 }), mprotect(0, 4), scan];
    const replayed = await replay(events, 'v6.18');
    expect(replayed.lock('v6.18', 'mmap_lock', 'read')).toMatchObject({ acquired: 0, contended: 1 });
  });
});

describe('fork and exit', () => {
  test('a fault in the parent waits for the fork, a fault in the child for nobody', async () => {
    const fork = slow({ op: 'fork', tid: 1, child_tid: 2, child_mm: 2 });
    const events = [vma(0, 4, { t: 0 }), fork, read(1, 3, T + 50_000), read(1, 2, T + 120_000, { mm: 2 })];
    const replayed = await replay(events, VMA_LOCKED);
    for (const model of each) {
      expect(replayed.row(model, 2)).toMatchObject({ site: 'vma_start_read', wait_ns: 50_000 + WAKE });
      expect(replayed.row(model, 3)).toMatchObject({ verdict: 'vma_lock', wait_ns: 0 });
    }
  });

  test('exec leaves the old address space behind, and the last exit takes the new one down', async () => {
    const family = [
      vma(0, 4),
      { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 },
      { op: 'exec', tid: 2, mm: 2, new_mm: 3 },
    ];
    const replayed = await replay([...family, { op: 'exit', tid: 2, mm: 3 }, fault(0, { tid: 3, mm: 2 })], 'v6.18');
    expect(replayed.row('v6.18', -1).verdict).toBe('signal');
    const torn = replayed.model('v6.18').locks.filter(({ lock, mm }) => lock === 'mmap_lock' && mm === 3);
    expect(torn.map(({ mode, acquired }) => `${mode} ${acquired}`).sort()).toEqual(['read 1', 'write 1']);
    // Built by the fork, left by the exec and torn down by it, then asked once in vain.
    const left = replayed.model('v6.18').locks.filter(({ lock, mm }) => lock === 'mmap_lock' && mm === 2);
    expect(left.map(({ mode, acquired }) => `${mode} ${acquired}`).sort()).toEqual(['read 3', 'write 2']);
  });

  test('exec leaves the old address space behind, also where the new one has its number', async () => {
    const replayed = await replay([vma(0, 4), { op: 'exec', tid: 1, new_mm: 1 }, fault(0)], 'v6.18');
    expect(replayed.row('v6.18', -1).verdict).toBe('signal');
  });

  test('the last thread of a forked address space takes it down', async () => {
    const fork = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
    const events = [vma(0, 4), fork, { op: 'exit', tid: 2, mm: 2 }, fault(0, { tid: 3, mm: 2 })];
    const replayed = await replay(events, 'v6.18');
    expect(replayed.row('v6.18', -1).verdict).toBe('signal');
    const locks = replayed.model('v6.18').locks.filter(({ lock, mm }) => lock === 'mmap_lock' && mm === 2);
    // Built by the fork, torn down by the exit, then asked once in vain.
    expect(locks.map(({ mode, acquired }) => `${mode} ${acquired}`).sort()).toEqual(['read 2', 'write 2']);
  });
});
