/** One fault along its way: the locks it tries and in which order, what it waits for, how a stack grows. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { lineage } from '../../src/lineage/resolve.js';
import { addressSpace, at, BASE, type Event, explain, fault, mmap, range, replay, vma } from '../helpers.js';

const ANON = vma(0, 1024);
const FRESH = mmap(0, 1024);
const read = (page?: object): Event => fault(0, { access: 'read', ...(page && { page }) });

describe('access_error', () => {
  const fetch = (more: object = {}): Event => fault(0, { access: 'exec', ...more });
  const verdict = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1).verdict;

  test('knows no instruction fetch: what is not there comes in like for a read, of what was there it is a signal', async () => {
    for (const model of ['mmap_lock', 'v6.4', 'v6.18']) {
      const ends = model === 'mmap_lock' ? 'mmap_lock' : 'vma_lock';
      expect(await verdict(model, ANON, fault(1), fetch())).toBe(ends);
      expect(await verdict(model, ANON, fetch(), fetch())).toBe('signal');
      expect(await verdict(model, ANON, fetch({ page: { entry: 'present' } }))).toBe('signal');
      expect(await verdict(model, vma(0, 8, { prot: '---' }), fetch())).toBe('signal');
      expect(await verdict(model, vma(0, 8, { prot: 'r-x' }), read(), fetch())).toBe(ends);
    }
  });

  test('takes what is absent, or due a NUMA hint, for a page that is not there', async () => {
    const absent = [{ entry: 'swap', wait: 0 }, { entry: 'migration' }, { numa_hint: true }];
    for (const page of absent) expect(await verdict('v6.18', ANON, fault(0), fetch({ page }))).toBe('vma_lock');
    const scan = range('numa_scan', 0, 8);
    expect(await verdict('v6.18', ANON, fault(0), scan, fetch())).toBe('vma_lock');
    expect(await verdict('v6.18', ANON, fault(0), scan, fetch(), fetch())).toBe('signal');
    expect(await verdict('v6.18', fetch())).toBe('signal');
  });

  test('finds a huge page by its first', async () => {
    const huge = vma(512, 512, { flags: ['private', 'anonymous', 'hugetlb'] });
    const inside = fault(512 + 7, { access: 'exec' });
    expect(await verdict('v6.18', huge, inside)).toBe('vma_lock');
    expect(await verdict('v6.18', huge, fault(512), inside)).toBe('signal');
  });

  test('is told by the exception whether the page was there, not by what came there while the fault waited', async () => {
    const busy = range('mprotect', 16, 1, { tid: 2, t: 100, dur: 50_000, prot: 'r--' });
    const comes = fault(0, { tid: 3, t: 900 });
    const late = fetch({ t: 1_000 });
    expect(await verdict('mmap_lock', { ...ANON, t: 0 }, busy, comes, late)).toBe('mmap_lock');
    expect(await verdict('mmap_lock', { ...ANON, t: 0 }, { ...comes, t: 50 }, busy, late)).toBe('signal');
  });
});

describe('locks', () => {
  test('the trylock of __vmf_anon_prepare is no fallback when it succeeds and names itself when it fails', async () => {
    const free = (await replay([FRESH, fault(0)], 'v6.18')).row('v6.18', -1);
    expect(free).toMatchObject({ verdict: 'vma_lock', fallback: false, site: null, tries: 1 });
    const section = { mode: 'write', ask: 900, got: 900, end: 51_000 };
    const holder = { op: 'other', tid: 9, name: 'holder', t: 900, locks: [section] };
    const busy = (await replay([FRESH, holder, fault(0, { t: 1_000 })], 'v6.18')).row('v6.18', -1);
    expect(busy).toMatchObject({ verdict: 'mmap_lock', site: 'vmf_anon_prepare', tries: 2 });
    expect(busy.blocked_by).toMatchObject({ op: 'other', tid: 9 });
    // The section lasts 50 us more, then the reader is woken.
    expect(busy.wait_ns).toBe(53_000);
  });

  test('after a major fault left the VMA lock, the pass under mmap_lock is the second: since 6.8 no third follows', async () => {
    const file = { flags: ['private'], file: { fs: 'ext4', name: 'f' } };
    const events = [mmap(0, 16, file), read({ folio: 'absent', readahead: true, wait: 5_000 })];
    const replayed = await replay(events, 'v6.7,v6.8');
    const site = 'filemap_fault';
    expect(replayed.row('v6.7', -1)).toMatchObject({ counter: 'vma_lock_retry', site, tries: 3 });
    expect(replayed.row('v6.8', -1)).toMatchObject({ counter: 'vma_lock_retry', site, tries: 2 });
    expect(replayed.lock('v6.7', 'mmap_lock', 'read').acquired).toBe(2);
    expect(replayed.lock('v6.8', 'mmap_lock', 'read').acquired).toBe(1);
  });

  test('a folio that is locked and marked for readahead is one retry, at the mark, which is seen first', async () => {
    const file = { flags: ['private'], file: { fs: 'ext4', name: 'f' } };
    const events = [mmap(0, 16, file), read({ folio: 'locked', readahead: true })];
    const replayed = await replay(events, 'mmap_lock,v6.18', { costs: { wait_readahead: 3_000, wait_folio: 10_000 } });
    expect(replayed.row('mmap_lock', -1)).toMatchObject({ tries: 2, wait_ns: 13_000 });
    const site = 'do_async_mmap_readahead';
    expect(replayed.row('v6.18', -1)).toMatchObject({ counter: 'vma_lock_retry', site, tries: 2, wait_ns: 13_000 });
  });

  test('an address in the kernel half is a signal, and no lock is taken', async () => {
    const replayed = await replay([fault(0, { addr: '0xffff888000001000' })], 'v6.18');
    expect(replayed.row('v6.18', 0)).toMatchObject({ verdict: 'signal', site: 'do_kern_addr_fault', fallback: false });
    expect(replayed.model('v6.18').locks).toEqual([]);
  });

  test('under a speculation it is one too, and none that was attempted', async () => {
    const events = [fault(1, { access: 'read' }), fault(0, { tid: 2, addr: '0xffff800000000000', access: 'read' })];
    const replayed = await replay(events, 'spf_dufour_v12,spf_lespinasse_2021,spf_lespinasse_2022');
    for (const { model, counters } of replayed.result.models) {
      expect(replayed.row(model, 1)).toMatchObject({ verdict: 'signal', site: 'do_kern_addr_fault', fallback: false });
      if (model !== 'spf_dufour_v12') expect(counters).toMatchObject({ spf_attempt: 1, spf_abort: 1 });
    }
  });

  test('the vsyscall page is not in it: only calls into it are, which the kernel emulates', async () => {
    const row = async (access: string) =>
      (await replay([fault(0, { addr: '0xffffffffff600000', access })], 'v6.18')).row('v6.18', 0);
    expect(await row('read')).toMatchObject({ verdict: 'signal', site: 'lock_vma_under_rcu.no_vma', fallback: true });
    expect(await row('exec')).toMatchObject({ verdict: 'signal', site: 'do_kern_addr_fault', fallback: false });
  });

  test('waits are those the trace says, and are slept with the lock the kernel holds meanwhile', async () => {
    const row = async (page: object) => (await replay([ANON, read(page)], 'v6.18')).row('v6.18', -1);
    // __folio_lock_or_retry() lets go before it sleeps, migration_entry_wait() keeps the VMA lock.
    const released = await row({ entry: 'swap', folio: 'locked', wait: 5_000 });
    expect(released).toMatchObject({ wait_ns: 5_000, verdict: 'mmap_lock' });
    expect(released.hold_ns).toBeLessThan(5_000);
    const kept = await row({ entry: 'migration', wait: 5_000 });
    expect(kept).toMatchObject({ wait_ns: 5_000, verdict: 'vma_lock' });
    expect(kept.hold_ns).toBeGreaterThanOrEqual(5_000);
  });

  test('the pass after a wait for a folio in swap brings in what the trace said is there, unless somebody has', async () => {
    const swapped = { t: 1_000, page: { entry: 'swap', folio: 'locked', wait: 50_000 } };
    const first = fault(0, { access: 'read', ...swapped });
    const other = fault(0, { tid: 2, t: 20_000 });
    const path = async (...events: Event[]) => {
      const [{ models }] = (await explain([{ ...ANON, t: 0 }, first, ...events], { events: [1] }, 'v6.18')).faults;
      return models[0].steps.flatMap(step => step.path);
    };
    const locked = ['do_swap_page', '__folio_lock_or_retry'];
    expect(await path()).toEqual([...locked, 'do_swap_page']);
    expect(await path(other)).toEqual(locked);
    const replayed = await replay([{ ...ANON, t: 0 }, first, fault(0, { t: 90_000 })], 'v6.18');
    expect(replayed.row('v6.18', 1).hold_ns).toBe(COSTS.swap);
    expect(replayed.row('v6.18', 2)).toMatchObject({ verdict: 'vma_lock', hold_ns: COSTS.wp });
  });

  test('addresses keep their offset in the page', async () => {
    const replayed = await replay([ANON, fault(0, { addr: at(3, 0xabc) })], 'v6.18');
    expect(replayed.row('v6.18', -1).addr).toBe(at(3, 0xabc));
  });

  test('after a fork the first write copies, in parent and child, under the VMA lock', async () => {
    const fork = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
    const replayed = await replay([ANON, fault(0), fork, fault(0), fault(0, { tid: 2, mm: 2 })], 'v6.4,v6.18');
    for (const model of ['v6.4', 'v6.18']) {
      expect(replayed.row(model, 3)).toMatchObject({ verdict: 'vma_lock' });
      expect(replayed.row(model, 4)).toMatchObject({ verdict: 'vma_lock' });
    }
  });
});

describe('stacks', () => {
  const STACK = vma(4096, 16, { flags: ['private', 'anonymous', 'growsdown'] });

  test('grow under the write lock, downgraded; under the read lock before the fix of 6.1.37, 6.4.1 and 6.5', async () => {
    const replayed = await replay([STACK, fault(4000)], 'all');
    const grown = lineage.filter(({ id }) => replayed.lock(id, 'mmap_lock', 'write').acquired === 0);
    expect(grown.map(({ id }) => id)).toEqual([
      'spf_dufour_v12',
      'spf_lespinasse_2021',
      'spf_lespinasse_2022',
      'rfc_2022',
      'v6.4.0',
      'swap_uncontended_2023_04',
      'swap_uncontended_2023_05',
      'vma_unlocked_2023_06',
      'v4_2023_06_28',
    ]);
  });

  test('grow up to their limit and not into the guard gap', async () => {
    const low = mmap(3000, 8);
    const near = await replay([low, STACK, fault(4000)], 'v6.18');
    expect(near.row('v6.18', -1)).toMatchObject({ verdict: 'mmap_lock', site: 'lock_vma_under_rcu.no_vma' });
    expect((await replay([low, STACK, fault(3100)], 'v6.18')).row('v6.18', -1).verdict).toBe('signal');
    expect((await replay([STACK, fault(2000)], 'v6.18')).row('v6.18', -1).verdict).toBe('signal');
  });

  test.each([
    ['to 8 MiB, the page that makes them so', 2064, [], 'mmap_lock'],
    ['not by a page more', 2063, [], 'signal'],
    ['up to the guard gap', 3264, [mmap(3000, 8)], 'mmap_lock'],
    ['not by a page more', 3263, [mmap(3000, 8)], 'signal'],
    ['beside what nobody can access', 3100, [mmap(3000, 8, { prot: '---' })], 'mmap_lock'],
    ['beside another stack', 3100, [vma(3000, 8, { flags: ['private', 'anonymous', 'growsdown'] })], 'mmap_lock'],
  ])('grow %s', async (_, page, below, verdict) => {
    for (const model of ['v6.4.0', 'v6.18']) {
      expect((await replay([...below, STACK, fault(page)], model)).row(model, -1).verdict).toBe(verdict);
    }
  });

  test('keep their pages at the offsets they had', async () => {
    for (const model of ['v6.4.0', 'v6.4', 'v6.18']) {
      const stack = (await addressSpace([STACK, fault(4000)], model)).mm_mt.find(BASE + 4000);
      expect([stack?.vm_start, stack?.vm_pgoff]).toEqual([BASE + 4000, BASE + 4000]);
    }
  });

  describe('that two threads fault below, after a writer let both in', () => {
    const writer = { ...range('mprotect', 0, 4, { prot: 'r--' }), t: 10_000, dur: 40_000 };
    const below = (tid: number, page: number, t: number) => fault(page, { tid, t });
    const before = [vma(0, 4, { t: 0 }), { ...STACK, t: 0 }, writer];

    test('grow to the lower page: the thread that comes second finds the stack grown', async () => {
      const events = [...before, below(2, 4010, 20_000), below(3, 4000, 21_000)];
      for (const model of ['mmap_lock', 'v6.18']) {
        const replayed = await replay(events, model);
        for (const i of [3, 4]) expect(replayed.row(model, i).verdict).toBe('mmap_lock');
        expect(replayed.lock(model, 'mmap_lock', 'write').acquired).toBe(3);
        expect((await addressSpace(events, model)).mm_mt.find(BASE + 4000)?.vm_start).toBe(BASE + 4000);
      }
    });

    test('grow no more for whom a munmap overtook', async () => {
      const munmap = { ...range('munmap', 4000, 112, { tid: 4 }), t: 22_000 };
      const events = [...before, below(2, 4010, 20_000), below(3, 4000, 21_000), munmap];
      const replayed = await replay(events, 'mmap_lock,v6.18');
      expect(replayed.row('mmap_lock', 3)).toMatchObject({ verdict: 'signal', site: 'bad_area' });
      const site = 'lock_vma_under_rcu.no_vma';
      expect(replayed.row('v6.18', 3)).toMatchObject({ verdict: 'signal', site, counter: 'vma_lock_abort' });
      expect(replayed.row('v6.18', 4)).toMatchObject({ verdict: 'mmap_lock', site });
    });
  });

  test('wait for the readers of their VMA, and the wait is told like that of any operation', async () => {
    // migration_entry_wait() sleeps with the VMA lock held.
    const inside = fault(4100, { tid: 2, t: 1_000_000, access: 'read', page: { entry: 'migration', wait: 100_000 } });
    const mapped = mmap(4096, 16, { flags: ['private', 'anonymous', 'growsdown'] });
    const replayed = await replay([mapped, fault(4101), inside, fault(4000, { tid: 3, t: 1_050_000 })], 'v6.18');
    expect(replayed.row('v6.18', 2)).toMatchObject({ verdict: 'vma_lock' });
    const grown = replayed.row('v6.18', 3);
    expect(grown).toMatchObject({ verdict: 'mmap_lock', blocked_by: { op: 'fault', tid: 2 } });
    expect(grown.wait_ns).toBeGreaterThan(40_000);
    const marks = replayed.model('v6.18').locks.filter(row => row.lock === 'vma_lock' && row.mode === 'write');
    // The other row adds up those nobody waited for: mmap marked what it mapped.
    expect(marks.map(({ acquired, contended }) => [acquired, contended])).toEqual([
      [1, 1],
      [1, 0],
    ]);
    expect(marks[0].wait_ns.total).toBe(grown.wait_ns);
  });
});
