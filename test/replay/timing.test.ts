/** When events start: think time kept or recorded times, the order of a thread, forks, monitors, and what is summed up. */
import { describe, expect, test } from 'vitest';
import { type Event, fault, mmap, range, replay, vma } from '../helpers.js';

const WAKE = 3_000;
const read = (page: number, tid: number, t: number, more = {}): Event =>
  fault(page, { tid, t, access: 'read', ...more });
/** Thread 1 changes the VMA from 10 us to 60 us. */
const busy = { ...range('mprotect', 0, 8, { prot: 'r--' }), t: 10_000, dur: 50_000 };

describe('closed timing', () => {
  test('a wait for a lock shifts everything the thread does afterwards', async () => {
    const events = [vma(0, 8, { t: 0 }), busy, read(1, 2, 20_000), read(2, 2, 100_000), read(3, 3, 100_000)];
    const replayed = await replay(events, 'v6.18');
    const waited = replayed.row('v6.18', 2).wait_ns;
    expect(waited).toBe(40_000 + WAKE);
    expect(replayed.row('v6.18', 3).start).toBe(100_000 + waited);
    expect(replayed.row('v6.18', 4).start).toBe(100_000);
  });

  test.each([1, 1024])(
    'so does the shortest wait, though its release was made up for late (batches of %d)',
    async batch => {
      const events = [
        vma(0, 8, { t: 0 }),
        range('mprotect', 0, 8, { t: 0, prot: 'r--' }),
        read(1, 3, 0, { mode: 'kernel' }),
        read(1, 1, 40_000),
        read(2, 3, 40_000),
      ];
      const replayed = await replay(events, 'v6.18', { batch });
      const waited = replayed.row('v6.18', 2).wait_ns;
      expect(waited).toBe(700 + WAKE);
      expect(replayed.row('v6.18', 4).start).toBe(40_000 + waited);
    },
  );

  test('a wait for I/O was recorded as well and shifts nothing by itself', async () => {
    const io = read(1, 2, 20_000, { page: { entry: 'swap', wait: 5_000 } });
    const replayed = await replay([vma(0, 8, { t: 0 }), io, read(2, 2, 100_000)], 'v6.18');
    expect(replayed.row('v6.18', 2).start).toBe(100_000);
  });

  test('what the recording waited itself is not waited again', async () => {
    const section = { mode: 'write', ask: 20_000, got: 55_000, end: 56_000 };
    const recorded = { ...range('mprotect', 16, 4, { tid: 2, prot: 'r--', locks: [section] }), t: 20_000, dur: 37_000 };
    const events = [vma(0, 8, { t: 0 }), vma(16, 4, { t: 0 }), busy, recorded, read(17, 2, 100_000)];
    const row = (await replay(events, 'v6.18')).row('v6.18', 4);
    // It waits until 63 us where the recording waited until 55 us.
    expect(row.start).toBe(100_000 + 40_000 + WAKE - 35_000);
  });

  test('nor where the model takes no mmap_lock for it', async () => {
    const section = { mode: 'read', ask: 100_000, got: 120_000, end: 121_000 };
    const advice = { advice: 'dontneed', t: 100_000, dur: 21_000, locks: [section] };
    const events = [
      ...[vma(0, 8, { t: 0 }), vma(16, 8, { t: 0 }), busy, read(1, 2, 20_000)],
      ...[range('madvise', 16, 4, { tid: 2, ...advice }), read(17, 2, 200_000)],
    ];
    const waited = 40_000 + WAKE;
    const replayed = await replay(events, 'v6.15,v6.18');
    // madvise takes the VMA lock since 6.17
    for (const model of ['v6.15', 'v6.18']) expect(replayed.row(model, 5).start).toBe(200_000 + waited - 20_000);
  });

  test('what a call was about before it asked for mmap_lock, it is about again; that is no wait', async () => {
    const locks = [
      { mode: 'write', ask: 30_000, got: 32_000, end: 40_000 },
      { mode: 'write', ask: 60_000, got: 60_000, end: 61_000 },
    ];
    const twice = { op: 'other', name: 'prctl', tid: 1, t: 10_000, dur: 60_000, locks };
    const kernel = (t: number, i: number) => read(i, 10 + i, t, { mode: 'kernel' });
    const faults = [29_000, 30_500, 39_000, 50_000, 58_500, 59_500].map(kernel);
    const replayed = await replay([vma(0, 8, { t: 0 }), twice, ...faults], 'v6.18');
    const waits = faults.map((_, i) => replayed.row('v6.18', i + 2).wait_ns);
    // 8 us from 30 us on, as it waits for nothing now; 1 us from 58 us on, 20 us later
    expect(waits).toEqual([0, 7_500 + WAKE, 0, 0, 500 + WAKE, 0]);
    expect(replayed.model('v6.18').time).toMatchObject({ op_wait_ns: 0 });
  });

  test('no event starts before the one in front of it is over', async () => {
    const slow = read(1, 2, 20_000, { page: { entry: 'migration', wait: 50_000 } });
    const replayed = await replay([vma(0, 8, { t: 0 }), slow, read(2, 2, 30_000)], 'v6.18');
    expect(replayed.row('v6.18', 2).start).toBe(20_000 + replayed.row('v6.18', 1).hold_ns);
  });
});

describe('an event behind one of another thread on the same pages', () => {
  test('starts when that starts, not when it is over, though nobody else has anything to do', async () => {
    // Thread 1 is late: its second mprotect starts at 50,001 ns and lasts, as the first, 50 us.
    const first = range('mprotect', 0, 8, { t: 1, dur: 50_000, prot: 'r--' });
    const events = [vma(0, 8, { t: 0 }), first, { ...first, t: 2, prot: 'rw-' }, read(1, 2, 3)];
    const row = (await replay(events, 'mmap_lock')).row('mmap_lock', 3);
    expect(row).toMatchObject({ start: 50_001, wait_ns: 50_000 + WAKE, blocked_by: { i: 2, op: 'mprotect', tid: 1 } });
  });

  test('does not overtake another that waits there too, though it waits for one more', async () => {
    // At 50,001 ns events 2 to 5 may start: 3 and 5 waited for 2, and 4, a fault, for 3.
    const op = (t: number, tid: number, page: number, pages: number): Event =>
      range('mprotect', page, pages, { t, tid, dur: 50_000, prot: 'r--' });
    const fault = read(1, 3, 4, { mode: 'kernel' });
    const events = [vma(0, 8, { t: 0 }), op(1, 4, 4, 1), op(2, 4, 0, 1), op(3, 1, 0, 2), fault, op(5, 2, 0, 1)];
    const row = (await replay(events, 'mmap_lock')).row('mmap_lock', 4);
    expect(row).toMatchObject({ start: 50_001, wait_ns: 2 * (50_000 + WAKE) });
  });
});

test('each of many that sleep for one lock is waited for on its own page, until it is over', async () => {
  const PAGES = 40;
  // Recorded, each was over at once; here they come to have the lock one after the other, 50 us later each.
  const long = range('mprotect', 100, 1, { t: 1, tid: 99, dur: 50_000, prot: 'r--' });
  const pages = Array.from({ length: PAGES }, (_, page) => page);
  const writers = pages.map(page => range('mprotect', page, 1, { t: 2 + page, tid: 1 + page, dur: 10, prot: 'rw-' }));
  const readers = pages.map(page => read(page, 200 + page, 1_000 + page));
  const replayed = await replay(
    [vma(0, PAGES, { t: 0 }), vma(100, 1, { t: 0 }), long, ...writers, ...readers],
    'v6.18',
  );
  const starts = pages.map(page => replayed.row('v6.18', 3 + PAGES + page).start);
  const apart = starts.slice(1).map((start, i) => start - starts[i]);
  expect(starts[0]).toBeGreaterThan(50_001 + WAKE);
  expect(new Set(apart)).toEqual(new Set([10 + WAKE]));
});

test('a child is not born before its fork, though the parent sleeps for a monitor who never answers', async () => {
  const watch = range('uffd_register', 0, 8, { t: 1, modes: ['missing'] });
  const kept = range('mprotect', 16, 1, { t: 9_000, tid: 1, dur: 50_000, prot: 'r--' });
  const fork: Event = { t: 9_002, tid: 3, op: 'fork', child_tid: 9, child_mm: 4 };
  const parent = read(0, 3, 9_001, { mode: 'kernel' });
  const events = [vma(0, 8, { t: 0 }), watch, kept, parent, fork, read(1, 9, 9_003, { mm: 4 })];
  const replayed = await replay(events, 'v6.18');
  expect(replayed.row('v6.18', 3).site).toBe('do_user_addr_fault.kernel_mode');
  expect(replayed.row('v6.18', 5)).toMatchObject({ verdict: 'vma_lock' });
});

describe('recorded timing', () => {
  test('everything starts when it was recorded to start', async () => {
    const events = [vma(0, 8, { t: 0 }), busy, read(1, 2, 20_000), read(2, 2, 100_000)];
    const replayed = await replay(events, 'v6.18', { timing: 'recorded' });
    expect(replayed.row('v6.18', 3).start).toBe(100_000);
  });

  test('a section is held just so: from its recorded time to its recorded end', async () => {
    const locks = [{ mode: 'write', ask: 20_000, got: 30_000, end: 70_000 }];
    const op = { ...range('mprotect', 0, 8, { prot: 'r--', locks }), t: 10_000, dur: 90_000 };
    const looks = [12_000, 40_000, 80_000].map((t, i) => read(i, 2 + i, t));
    const replayed = await replay([vma(0, 8, { t: 0 }), op, ...looks], 'v6.18', { timing: 'recorded' });
    expect([2, 3, 4].map(i => replayed.row('v6.18', i).site)).toEqual([null, 'vma_start_read', null]);
    expect(replayed.row('v6.18', 3).wait_ns).toBe(30_000 + WAKE);
  });
});

describe('a recorded section', () => {
  const section = (mode: 'read' | 'write', ask: number, got: number, end: number) => [{ mode, ask, got, end }];
  const writer = { ...range('mprotect', 0, 8, { tid: 2, prot: 'r--' }), t: 1_000, dur: 60_000 };
  const reader = { ...range('madvise', 0, 8, { tid: 3, advice: 'willneed' }), t: 2_000, dur: 70_000 };
  const recorded = async (...events: Event[]) =>
    (await replay([vma(0, 8, { t: 0 }), ...events], 'v6.18', { timing: 'recorded' })).model('v6.18');
  const locks = section('write', 5_000, 5_100, 60_000);

  test('was waited for as long as it was, because of who held the lock when it was asked for', async () => {
    const waits = { ...reader, locks: section('read', 30_000, 63_000, 70_000) };
    const model = await recorded({ ...writer, locks }, waits);
    expect(model.time.op_wait_ns).toBe(33_000);
    expect(model.blockers).toMatchObject([{ op: 'mprotect', tid: 2, victims: 1, wait_ns: 33_000 }]);
    const [read] = model.locks.filter(({ mode }) => mode === 'read');
    expect(read).toMatchObject({ contended: 1, wait_ns: { total: 33_000 }, hold_ns: { total: 7_000 } });
  });

  test('that the model lets in later was waited for from when it was asked for', async () => {
    // the writer, so recorded, holds the lock until 60,000
    const waits = { ...reader, locks: section('read', 30_000, 52_000, 70_000) };
    expect((await recorded({ ...writer, locks }, waits)).time.op_wait_ns).toBe(30_000 + WAKE);
  });

  test('was waited for, though nobody is known to have held the lock', async () => {
    const model = await recorded({ ...reader, locks: section('read', 5_000, 35_000, 40_000) });
    expect([model.time.op_wait_ns, model.blockers]).toEqual([30_000, []]);
  });

  test('begins when the recording says so, where it took a while to say so', async () => {
    const model = await recorded({ ...writer, locks: section('write', 5_000, 20_000, 60_000) });
    const [lock] = model.locks;
    expect(lock).toMatchObject({ lock: 'mmap_lock', contended: 0, wait_ns: { total: 0 }, hold_ns: { total: 40_000 } });
  });

  /** Thread 1 waits for mmap_lock from 1,000 ns on, and has it at `got`. */
  const waits = (got: number): Event => ({
    ...range('munmap', 64, 8, { dur: 90_000, locks: [{ mode: 'write', ask: 1_000, got, end: got + 1_000 }] }),
    t: 1_000,
  });
  const kernel = { mode: 'kernel' };

  test('does not keep a reader asleep that queued behind another reader', async () => {
    const events = [vma(0, 8, { t: 0 }), waits(60_000), read(1, 2, 2_000, kernel), read(1, 3, 2_010, kernel)];
    const replayed = await replay(events, 'v6.18', { timing: 'recorded' });
    const [first, second] = [replayed.row('v6.18', 2), replayed.row('v6.18', 3)];
    expect([first.wait_ns, second.wait_ns]).toEqual([0, first.hold_ns - 10 + WAKE]);
  });

  test('takes a lock for free whose last reader has left without being seen to', async () => {
    const events = [vma(0, 8, { t: 0 }), read(1, 2, 0, kernel), waits(1_002), read(2, 2, 1_001, kernel)];
    const row = (await replay(events, 'v6.18', { timing: 'recorded' })).row('v6.18', 3);
    expect(row).toMatchObject({ wait_ns: 1_001 + WAKE, blocked_by: { i: 2, op: 'munmap', tid: 1 } });
  });
});

describe('a trace without times', () => {
  test('is played in the order of the file, each event when those before it are over or blocked', async () => {
    const events = [mmap(0, 8), fault(0), range('munmap', 0, 8), fault(0), mmap(0, 8), fault(0, { tid: 2 })];
    const replayed = await replay(events, 'v6.18');
    expect([1, 3, 5].map(i => replayed.row('v6.18', i).verdict)).toEqual(['vma_lock', 'signal', 'vma_lock']);
  });

  test('a fault that waits for its monitor is woken by the ioctl that comes after it', async () => {
    const register = range('uffd_register', 0, 8, { modes: ['missing'] });
    const events = [vma(0, 8), register, fault(3), range('uffd_copy', 3, 1, { tid: 2, src: 0 }), fault(4)];
    const replayed = await replay(events, 'v6.18');
    expect(replayed.row('v6.18', 2)).toMatchObject({ site: 'handle_userfault', counter: 'vma_lock_retry', tries: 2 });
    // Nobody answers the last one: it is let go, as when the userfaultfd is closed.
    expect(replayed.row('v6.18', 4)).toMatchObject({ site: 'handle_userfault', verdict: 'mmap_lock' });
  });
});

describe('fork', () => {
  test('the child acts when its fork is over, not before', async () => {
    const fork: Event = { op: 'fork', tid: 1, t: 20_000, dur: 50_000, child_tid: 9, child_mm: 2 };
    const events = [vma(0, 8, { t: 0 }), fork, read(1, 9, 30_000, { mm: 2 })];
    const row = (await replay(events, 'v6.18')).row('v6.18', 2);
    expect(row.start).toBeGreaterThanOrEqual(70_000);
    expect(row.verdict).toBe('vma_lock');
  });
});

describe('a thread far behind', () => {
  test('keeps more events than the lookahead holds, in their order', async () => {
    const events: Event[] = [vma(0, 8, { t: 0 }), { ...busy, dur: 1_000_000_000 }];
    for (let i = 0; i < 20_000; i++) events.push(read(i % 8, 2, 20_000 + i));
    const { rows, result } = await replay(events, 'v6.18');
    expect(result.models[0].faults.total).toBe(20_000);
    expect(rows.map(row => row.i)).toEqual(rows.map((_, at) => at + 2));
  });
});

describe('the result', () => {
  const events = [
    vma(0, 8, { t: 0, name: '[heap]' }),
    busy,
    read(1, 2, 20_000),
    read(40, 3, 30_000),
    read(2, 4, 90_000),
  ];

  test('adds up: verdicts, counters, reasons and what locks and blockers cost', async () => {
    const model = (await replay(events, 'v6.18')).model('v6.18');
    expect(model.faults).toEqual({ total: 3, user: 3, kernel: 0, vma_lock: 1, mmap_lock: 1, signal: 1 });
    expect(model.counters).toEqual({ vma_lock_success: 1, vma_lock_abort: 2, vma_lock_retry: 0, vma_lock_miss: 0 });
    expect(model.fallback_ratio).toBeCloseTo(2 / 3);
    expect(model.reasons.map(({ site, count }) => [site, count]).sort()).toEqual([
      ['lock_vma_under_rcu.no_vma', 1],
      ['vma_start_read', 1],
    ]);
    const waited = model.reasons.reduce((sum, reason) => sum + reason.wait_ns, 0);
    expect(waited).toBe(model.time.fault_wait_ns);
    expect(model.time.fault_wait_ns).toBe(40_000 + WAKE + 30_000 + WAKE);
    expect(model.blockers).toMatchObject([{ op: 'mprotect', tid: 1, victims: 2, wait_ns: 70_000 + 2 * WAKE }]);
    expect(model.time.makespan_ns).toBeGreaterThan(90_000);
  });

  test('names the VMA that was contended and adds the others up', async () => {
    const { locks } = (await replay(events, 'v6.18')).model('v6.18');
    const named = locks.filter(row => row.name === '[heap]' && row.mode === 'read');
    expect(named).toMatchObject([{ lock: 'vma_lock', contended: 1 }]);
    const mmapReads = locks.filter(row => row.lock === 'mmap_lock' && row.mode === 'read');
    expect(mmapReads).toMatchObject([{ acquired: 2, contended: 2 }]);
  });

  test('warns of a trace that starts late, once', async () => {
    const { result } = await replay([fault(0), fault(1), fault(2)], 'mmap_lock,v6.18');
    expect(result.warnings).toEqual([
      '3 of 3 faults hit no known mapping: the trace starts late (give the maps as vma events)',
    ]);
  });
});
