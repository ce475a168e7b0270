/**
 * Every kind of fault under every stage: what the version read does with it (x86-64), as one letter per stage.
 *
 *     -  mmap_lock without an attempt, or the attempt given up uncounted
 *     A  lock_vma_under_rcu() returned NULL: vma_lock_abort, then mmap_lock
 *     R  VM_FAULT_RETRY: vma_lock_retry, then mmap_lock
 *     V  finished under the VMA lock: vma_lock_success
 *     T  V when mmap_read_trylock() succeeds inside the fault, R when somebody holds mmap_lock for writing
 */
import { describe, expect, test } from 'vitest';
import { lineage } from '../../src/lineage/resolve.js';
import type { FaultRow } from '../../src/replay/result.js';
import { at, type Event, fault, mmap, range, replay } from '../helpers.js';

const STAGES = lineage.map(stage => stage.id);

const read = (more = {}): Event => fault(0, { access: 'read', ...more });
const write = (more = {}): Event => fault(0, more);
/** A write elsewhere in the VMA: it has an anon_vma from then on. */
const anonVma = fault(16);
const page = (facts: Record<string, unknown>) => ({ page: facts });
/** A page in the second PMD of the VMA. */
const inPmd = (facts: Record<string, unknown>, access = 'write'): Event => fault(512, { access, page: facts });

const ANON = mmap(0, 1024);
const SHMEM = mmap(0, 1024, { flags: ['shared', 'anonymous'] });
const mapped = (kind: 'private' | 'shared', fs: string, more = {}): Event =>
  mmap(0, 1024, { flags: [kind], file: { fs, name: 'f', ...more } });
const PRIVATE = mapped('private', 'ext4');
const SHARED = mapped('shared', 'ext4');
const HUGETLB = mmap(0, 1024, { flags: ['shared', 'hugetlb'] });
const HUGETLB_PRIVATE = mmap(0, 1024, { flags: ['private', 'anonymous', 'hugetlb'] });
const register = (mode: string): Event => range('uffd_register', 0, 1024, { modes: [mode] });
/** How long the monitor takes, so that nobody waits for ever. */
const MONITOR = page({ wait: 1000 });
const PFN = (pfn: boolean): Event =>
  mmap(0, 1024, { flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: 'v', pfn, map_pages: false } });

//           mmap_lock 6.4 6.5 6.6 6.7 6.8 6.9 6.10 6.12 6.13 6.15 6.17 6.18
const KINDS: [kind: string, cells: string, ...events: Event[]][] = [
  ['an address outside every VMA', '-AAAAAAAAAAAA', write()],
  [
    'stack growth',
    '-AAAAAAAAAAAA',
    mmap(1, 1024, { flags: ['private', 'anonymous', 'growsdown'] }),
    fault(1),
    fault(16),
    write(),
  ],
  ['a kernel-mode fault', '-------------', ANON, anonVma, write({ mode: 'kernel' })],
  ['an access error, no anon_vma', '-AAAAAAVVVVVV', mmap(0, 1024, { prot: 'r--' }), write()],
  ['an access error, anon_vma', '-------VVVVVV', ANON, anonVma, range('mprotect', 0, 1024, { prot: 'r--' }), write()],

  ['anonymous, read, no anon_vma', '-AAAAAAVVVVVV', ANON, read()],
  ['anonymous, read, anon_vma', '-VVVVVVVVVVVV', ANON, anonVma, read()],
  ['anonymous, write, no anon_vma', '-AAAAAATTTTTT', ANON, write()],
  ['anonymous, write, anon_vma', '-VVVVVVVVVVVV', ANON, anonVma, write()],
  ['huge, no anon_vma', '-AAAAAATTTTTT', ANON, inPmd({ huge: 'pmd' })],
  ['huge, anon_vma', '-VVVVVVVVVVVV', ANON, anonVma, inPmd({ huge: 'pmd' })],
  ['only the accessed bit was missing', '-VVVVVVVVVVVV', ANON, write(), read()],
  ['copy on write, reused', '-VVVVVVVVVVVV', ANON, anonVma, write(page({ entry: 'present', shared: false }))],
  ['copy on write, copied', '-VVVVVVVVVVVV', ANON, anonVma, write(page({ entry: 'present', shared: true }))],
  ['a write to the zero page, no anon_vma', '-AAAAAATTTTTT', ANON, read(), write()],
  [
    'a write to a shared huge page',
    '-VVVVVVVVVVVV',
    ANON,
    anonVma,
    inPmd({ huge: 'pmd', entry: 'present', shared: true }),
  ],
  ['a NUMA hinting fault', '-VVVVVVVVVVVV', ANON, anonVma, write(page({ entry: 'present', numa_hint: true }))],

  ['file, read, mapped by ->map_pages', '-AAVVVVVVVVVV', PRIVATE, read()],
  ['file, read, cached, by ->fault', '-AARVVVVVVVVV', SHMEM, read(page({ folio: 'absent' }))],
  ['file, read, readahead mark', '-AARRRRRRRRRR', PRIVATE, read(page({ readahead: true }))],
  ['file, read, miss', '-AARRRRRRRRRR', PRIVATE, read(page({ folio: 'absent' }))],
  ['file, read, folio locked', '-AARRRRRRRRRR', PRIVATE, read(page({ folio: 'locked' }))],
  ['private file, write, cached, anon_vma', '-AARVVVVVVVVV', PRIVATE, anonVma, write()],
  ['private file, write, cached, no anon_vma', '-AARRRRTTTTTT', PRIVATE, write()],
  ['private file, write, miss', '-AARRRRRRRRRR', PRIVATE, anonVma, write(page({ folio: 'absent' }))],
  ['private file, copy on write, anon_vma', '-AAVVVVVVVVVV', PRIVATE, anonVma, read(), write()],
  ['private file, copy on write, no anon_vma', '-AARRRRTTTTTT', PRIVATE, read(), write()],
  ['shared file, write, cached', '-AARVVVVVVVVV', SHARED, write()],
  ['shared file, write, miss', '-AARRRRRRRRRR', SHARED, write(page({ folio: 'absent' }))],
  ['shared file, ->page_mkwrite', '-AARVVVVVVVVV', SHARED, read(), write()],
  ['shmem, read, new page', '-AARVVVVVVVVV', SHMEM, read(page({ folio: 'absent' }))],
  ['shmem, write', '-AARVVVVVVVVV', SHMEM, write()],
  ['shmem, swap-in', '-AARVVVVVVVVV', SHMEM, read(page({ folio: 'locked' }))],

  ['swap, in the swap cache', '-RRVVVVVVVVVV', ANON, anonVma, read(page({ entry: 'swap', folio: 'cached' }))],
  ['swap, folio locked', '-RRRRRRRRRRRR', ANON, anonVma, read(page({ entry: 'swap', folio: 'locked' }))],
  ['swap, synchronous device', '-RRVVVVVVVVVV', ANON, anonVma, read(page({ entry: 'swap', swap_sync: true }))],
  ['swap, disk', '-RRRRRRRRRRRR', ANON, anonVma, read(page({ entry: 'swap' }))],
  ['migration entry', '-RRVVVVVVVVVV', ANON, anonVma, read(page({ entry: 'migration' }))],
  ['migration entry of a PMD', '-VVVVVVVVVVVV', ANON, anonVma, inPmd({ entry: 'migration', huge: 'pmd' }, 'read')],
  ['device-private', '-RRRRRRRRRRRR', ANON, anonVma, read(page({ entry: 'device_private' }))],
  ['device-exclusive', '-RRVVVVVVVVVV', ANON, anonVma, read(page({ entry: 'device_exclusive' }))],
  [
    'device-exclusive, folio locked',
    '-RRRRRRRRRRRR',
    ANON,
    anonVma,
    read(page({ entry: 'device_exclusive', folio: 'locked' })),
  ],
  ['poisoned page', '-RRVVVVVVVVVV', ANON, anonVma, read(page({ entry: 'hwpoison' }))],
  ['poison marker', '-RRVVVVVVVVVV', ANON, anonVma, read(page({ entry: 'marker_poison' }))],

  ['userfaultfd, missing, anonymous', '-AARRRRRRRRRR', ANON, anonVma, register('missing'), write(MONITOR)],
  ['userfaultfd, missing, shmem', '-AARRRRRRRRRR', SHMEM, register('missing'), write(MONITOR)],
  ['userfaultfd, minor', '-AARRRRRRRRRR', SHMEM, register('minor'), read(MONITOR)],
  [
    'userfaultfd, write-protected',
    '-AARRRRRRRRRR',
    ANON,
    write(),
    register('wp'),
    range('uffd_wp', 0, 1024),
    write(MONITOR),
  ],
  [
    'userfaultfd, write-protect marker, as the missing page it is',
    '-AAVVVVVVVVVV',
    ANON,
    anonVma,
    register('wp'),
    write(page({ entry: 'marker_uffd_wp' })),
  ],
  [
    'userfaultfd, the write after such a marker',
    '-AARRRRRRRRRR',
    ANON,
    anonVma,
    register('wp'),
    write(page({ entry: 'marker_uffd_wp' })),
    write(MONITOR),
  ],

  ['hugetlb, shared', '-AARRRVVVVVVV', HUGETLB, write()],
  ['hugetlb, private, no anon_vma', '-AARRRRTTTTTT', HUGETLB_PRIVATE, write()],
  ['hugetlb, private, anon_vma', '-AARRRVVVVVVV', HUGETLB_PRIVATE, write(), fault(512)],
  ['hugetlb, userfaultfd', '-AARRRRRRRRRR', HUGETLB, register('missing'), write(MONITOR)],
  ['hugetlb, migration entry', '-AARRRVVVVVVV', HUGETLB, write(page({ entry: 'migration' }))],

  ['->huge_fault on a PMD', '-AAVVVVVVVVVV', mapped('shared', 'ext4-dax'), write(page({ huge: 'pmd', entry: 'none' }))],
  [
    '->huge_fault on a PUD',
    '-AAVVVVVVVVVV',
    mapped('shared', 'device-dax'),
    write(page({ huge: 'pud', entry: 'none' })),
  ],
  [
    '->huge_fault, write-protected',
    '-AAVVVVVVVVVV',
    mapped('shared', 'ext4-dax'),
    write(page({ huge: 'pmd', entry: 'present' })),
  ],
  ['DAX, no ->map_pages', '-AARRRRRRRRRR', mapped('shared', 'ext4-dax'), write()],
  ['DAX, ->map_pages', '-AARVVVVVVVVV', mapped('shared', 'xfs-dax'), write()],
  ['a special mapping without ->map_pages', '-AARRRRRRRRRR', mapped('private', 'special'), read()],
  ['PFN mapping, ->pfn_mkwrite', '-AARRRRRRRRRR', PFN(true), write(page({ entry: 'present' }))],
  ['PFN mapping, no ->pfn_mkwrite', '-AAVVVVVVVVVV', PFN(false), write(page({ entry: 'present' }))],
];

/** The letter of a fault that is over. */
function letter({ counter, verdict, fallback, site }: FaultRow): string {
  if (counter === 'vma_lock_success') return fallback || verdict === 'mmap_lock' ? '!' : 'V';
  if (!fallback || verdict === 'vma_lock' || site === null) return '!';
  return counter === null ? '-' : counter === 'vma_lock_abort' ? 'A' : counter === 'vma_lock_retry' ? 'R' : '!';
}

/** The letters of the last event under every stage. */
async function cellsOf(events: readonly Event[]): Promise<string> {
  const replayed = await replay(events, 'all');
  return STAGES.map(stage => letter(replayed.row(stage, -1))).join('');
}

/** The same events a millisecond apart, with thread 9 inside a write section of mmap_lock during the last. */
function whileMmapLockIsHeld(events: readonly Event[]): Event[] {
  const timed = events.map((event, i) => ({ ...event, t: (i + 1) * 1_000_000 }));
  const last = timed[timed.length - 1];
  const section = { mode: 'write', ask: last.t - 100, got: last.t - 100, end: last.t + 50_000 };
  return [...timed.slice(0, -1), { op: 'other', tid: 9, name: 'holder', t: last.t - 100, locks: [section] }, last];
}

describe('kinds of fault', () => {
  test.each(KINDS)('%s: %s', async (_, cells, ...events) => {
    expect(await cellsOf(events)).toBe(cells.replaceAll('T', 'V'));
    if (!cells.includes('T')) return;
    expect(await cellsOf(whileMmapLockIsHeld(events))).toBe(cells.replaceAll('T', 'R'));
  });

  test('mmap_lock held for writing elsewhere changes no other kind', async () => {
    const others = KINDS.filter(([, cells]) => !cells.includes('T'));
    for (const [kind, cells, ...events] of others) {
      expect([kind, await cellsOf(whileMmapLockIsHeld(events))]).toEqual([kind, cells]);
    }
  });

  test('a table that is wrong in one cell is told', async () => {
    const [, cells, ...events] = KINDS[0];
    expect(await cellsOf(events)).not.toBe(cells.replace('A', 'R'));
  });
});

describe('branches', () => {
  test('the trylock of __vmf_anon_prepare is no fallback when it succeeds and names itself when it fails', async () => {
    const events = [ANON, write()];
    const free = (await replay(events, 'v6.18')).row('v6.18', -1);
    expect(free).toMatchObject({ verdict: 'vma_lock', fallback: false, site: null, tries: 1 });
    const busy = (await replay(whileMmapLockIsHeld(events), 'v6.18')).row('v6.18', -1);
    expect(busy).toMatchObject({ verdict: 'mmap_lock', site: 'vmf_anon_prepare', tries: 2 });
    expect(busy.blocked_by).toMatchObject({ op: 'other', tid: 9 });
    // The section lasts 50 us more, then the reader is woken.
    expect(busy.wait_ns).toBe(53_000);
  });

  test('a bad access is signalled under mmap_lock before 6.10 and under the VMA lock since', async () => {
    const replayed = await replay(
      [mmap(0, 4, { prot: 'r--' }), mmap(8, 4, { prot: 'r--' }), write()],
      'mmap_lock,v6.9,v6.10',
    );
    expect(replayed.row('mmap_lock', -1)).toMatchObject({ verdict: 'signal', counter: null });
    expect(replayed.row('v6.9', -1)).toMatchObject({ verdict: 'signal', fallback: true });
    expect(replayed.row('v6.10', -1)).toMatchObject({
      verdict: 'signal',
      fallback: false,
      counter: 'vma_lock_success',
      site: 'do_user_addr_fault.access_error',
    });
  });

  test('MADV_RANDOM switches readahead off: its mark stops nobody', async () => {
    const events = [PRIVATE, range('madvise', 0, 1024, { advice: 'random' }), read(page({ readahead: true }))];
    expect(await cellsOf(events)).toBe('-AARVVVVVVVVV');
  });

  test('a read from disk that ended before folio_trylock() finds the folio in the swap cache', async () => {
    expect(await cellsOf([ANON, anonVma, read(page({ entry: 'swap', folio: 'cached' }))])).toBe('-RRVVVVVVVVVV');
  });

  test('a guard marker is met since 6.13, and ends in a signal under the VMA lock', async () => {
    const events = [ANON, anonVma, range('madvise', 0, 4, { advice: 'guard_install' }), write()];
    const { rows } = await replay(events, 'v6.13,v6.18');
    for (const row of rows.filter(({ i }) => i === 3)) {
      expect(row).toMatchObject({ verdict: 'signal', counter: 'vma_lock_success', site: 'handle_pte_marker.guard' });
    }
  });

  test('where the trace says nothing, history decides: what was reclaimed comes back from swap', async () => {
    expect(await cellsOf([ANON, write(), range('reclaim', 0, 1), write()])).toBe('-RRRRRRRRRRRR');
    expect(await cellsOf([ANON, write(), range('madvise', 0, 1, { advice: 'dontneed' }), write()])).toBe(
      '-VVVVVVVVVVVV',
    );
  });

  test('after a fork the first write copies, in parent and child, under the VMA lock', async () => {
    const events = [
      ANON,
      write(),
      { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 },
      write(),
      write({ tid: 2, mm: 2 }),
    ];
    const replayed = await replay(events, 'v6.4,v6.18');
    for (const model of ['v6.4', 'v6.18']) {
      expect(replayed.row(model, 3)).toMatchObject({ verdict: 'vma_lock' });
      expect(replayed.row(model, 4)).toMatchObject({ verdict: 'vma_lock' });
    }
  });

  test('an address in the kernel half is a signal, and no lock is taken', async () => {
    const replayed = await replay([write({ addr: '0xffffffffff600000' })], 'v6.18');
    expect(replayed.row('v6.18', 0)).toMatchObject({ verdict: 'signal', site: 'do_kern_addr_fault', fallback: false });
    expect(replayed.model('v6.18').locks).toEqual([]);
  });

  test('a stack grows up to its limit and not into its guard gap', async () => {
    const stack = mmap(4096, 16, { flags: ['private', 'anonymous', 'growsdown'] });
    const low = mmap(3000, 8);
    const near = await replay([low, stack, fault(4000)], 'v6.18');
    expect(near.row('v6.18', -1)).toMatchObject({ verdict: 'mmap_lock', site: 'lock_vma_under_rcu.no_vma' });
    expect((await replay([low, stack, fault(3100)], 'v6.18')).row('v6.18', -1).verdict).toBe('signal');
    expect((await replay([stack, fault(2000)], 'v6.18')).row('v6.18', -1).verdict).toBe('signal');
  });

  test('a growing stack waits for the readers of its VMA, and the wait is told like that of any operation', async () => {
    const stack = mmap(4096, 16, { flags: ['private', 'anonymous', 'growsdown'] });
    // migration_entry_wait() sleeps with the VMA lock held.
    const inside = fault(4100, { tid: 2, t: 1_000_000, access: 'read', page: { entry: 'migration', wait: 100_000 } });
    const replayed = await replay([stack, fault(4101), inside, fault(4000, { tid: 3, t: 1_050_000 })], 'v6.18');
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

  test('waits are those the trace says, and are slept with the lock the kernel holds meanwhile', async () => {
    const facts = (entry: string, folio?: string) => page({ entry, ...(folio && { folio }), wait: 5_000 });
    const held = async (event: Event) => (await replay([ANON, anonVma, event], 'v6.18')).row('v6.18', -1);
    // __folio_lock_or_retry() lets go before it sleeps, migration_entry_wait() keeps the VMA lock.
    const released = await held(read(facts('swap', 'locked')));
    expect(released).toMatchObject({ wait_ns: 5_000, verdict: 'mmap_lock' });
    expect(released.hold_ns).toBeLessThan(5_000);
    const kept = await held(read(facts('migration')));
    expect(kept).toMatchObject({ wait_ns: 5_000, verdict: 'vma_lock' });
    expect(kept.hold_ns).toBeGreaterThanOrEqual(5_000);
  });

  test('addresses keep their offset in the page', async () => {
    expect((await replay([ANON, anonVma, write({ addr: at(3, 0xabc) })], 'v6.18')).row('v6.18', -1).addr).toBe(
      at(3, 0xabc),
    );
  });
});
