/** What a userfaultfd may watch, and what its ioctls leave where they put pages, by version. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { PTE_ANON, PTE_KIND_MASK, PTE_NONE } from '../../src/kernel/page-table.js';
import { addressSpace, at, BASE, draw, type Event, fault, mmap, range, replay, vma } from '../helpers.js';

const [OLD, NEW, NEXT] = ['v6.6', 'v6.18', 'v7.3'];
const file = (fs: string, flags = ['shared']) => mmap(0, 8, { flags, file: { fs, name: 'f' }, offset: '0x0' });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
/** How often a lock was taken for reading, and for how long in all. */
async function reads(model: string, lock: string, ...events: Event[]) {
  const rows = (await replay(events, model)).model(model).locks.filter(of => of.lock === lock && of.mode === 'read');
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  return { acquired: sum(row => row.acquired), held: sum(row => row.hold_ns.total) };
}

describe('a userfaultfd watches', () => {
  const MEMORY = {
    anonymous: vma(0, 8),
    tmpfs: file('tmpfs'),
    hugetlb: mmap(0, 8, { flags: ['private', 'hugetlb'], file: { fs: 'hugetlbfs', name: 'f' } }),
    ext4: file('ext4'),
  };
  /** Whether the part of it that is asked for becomes a VMA of its own. */
  const watched = async (memory: keyof typeof MEMORY, modes: string[], model: string) => {
    const picture = draw(await addressSpace([MEMORY[memory], range('uffd_register', 2, 4, { modes })], model), 8);
    expect(['AAAAAAAA', 'AABBBBCC']).toContain(picture);
    return picture !== 'AAAAAAAA';
  };

  test.each<[modes: string, anonymous: string, tmpfs: string, hugetlb: string, ext4: string]>([
    ['missing', 'spf old new next', 'spf old new next', 'spf old new next', ''],
    ['wp', 'old new next', 'old new next', 'old new next', ''],
    ['minor', '', 'old new next', 'old new next', ''],
    ['wp_async', 'new next', 'new next', 'new next', 'new next'],
    ['rwp', 'next', 'next', 'next', ''],
    ['missing wp', 'old new next', 'old new next', 'old new next', ''],
    ['missing minor', '', 'old new next', 'old new next', ''],
    ['missing wp_async', 'new next', 'new next', 'new next', ''],
    ['wp rwp', '', '', '', ''],
  ])('%s: of anonymous memory in %j, of tmpfs in %j, of hugetlb in %j, of a file in %j', async (modes, ...expected) => {
    const models = { spf: 'spf_dufour_v12', old: OLD, new: NEW, next: NEXT };
    const found = [];
    for (const memory of Object.keys(MEMORY) as (keyof typeof MEMORY)[]) {
      const known = [];
      for (const [name, model] of Object.entries(models))
        if (await watched(memory, modes.split(' '), model)) known.push(name);
      found.push(known.join(' '));
    }
    expect(found).toEqual(expected);
  });

  test('anonymous memory alone where write protection was new', async () => {
    const model = 'spf_lespinasse_2021';
    const wp = async (memory: keyof typeof MEMORY) => watched(memory, ['wp'], model);
    expect([await wp('anonymous'), await wp('tmpfs'), await wp('ext4')]).toEqual([true, false, false]);
  });
});

describe('UFFDIO_MOVE', () => {
  const move = range('uffd_move', 0, 2, { src: at(16), t: 100_000 });
  const events = [mmap(0, 8), vma(16, 4), fault(16), fault(17), fault(18), move];
  const kinds = async (model: string, ...more: Event[]) => {
    const { page_table } = await addressSpace([...events, ...more], model);
    return [0, 1, 2, 16, 17, 18].map(page => page_table.get(BASE + page) & PTE_KIND_MASK);
  };

  test('leaves what it moved at its new place, under either lock; nothing before it came', async () => {
    for (const model of ['v6.8', 'v6.9', NEW])
      expect(await kinds(model)).toEqual([PTE_ANON, PTE_ANON, PTE_NONE, PTE_NONE, PTE_NONE, PTE_ANON]);
    expect((await kinds('v6.7'))[0]).toBe(PTE_NONE);
  });

  test('holds its lock for as long as the pages take, and finds its source below as above', async () => {
    const held = async (...what: Parameters<typeof reads>) => (await reads(...what)).held;
    const both = [vma(0, 8), vma(16, 4)];
    const down = range('uffd_move', 16, 2, { src: at(0) });
    for (const moves of [{ ...move, t: 0 }, down]) {
      expect(await held('v6.8', 'mmap_lock', ...both, moves)).toBe(2 * COSTS.uffd_page);
      expect(await held(NEW, 'vma_lock', ...both, moves)).toBe(2 * 2 * COSTS.uffd_page);
    }
    // one VMA, its first page too; the page behind it is another's
    for (const within of [{ ...move, src: at(4), t: 0 }, range('uffd_move', 4, 2, { src: at(0) })])
      expect(await held(NEW, 'vma_lock', ...both, within)).toBe(2 * COSTS.uffd_page);
    const next = vma(8, 4, { prot: 'r--' });
    expect(await held(NEW, 'vma_lock', vma(0, 8), next, { ...move, src: at(8), t: 0 })).toBe(2 * 2 * COSTS.uffd_page);
  });

  test('lets its destination go where its source is marked, and locks both under mmap_lock', async () => {
    const busy = range('mprotect', 16, 4, { tid: 2, t: 90_000, dur: 30_000, prot: 'r--' });
    const before = [vma(0, 8), ...events.slice(1, -1), busy];
    const read = async (lock: string) => {
      const [some, all] = [await reads(NEW, lock, ...before), await reads(NEW, lock, ...before, move)];
      return [all.acquired - some.acquired, all.held - some.held];
    };
    expect(await read('mmap_lock')).toEqual([1, COSTS.minor]);
    expect(await read('vma_lock')).toEqual([3, 2 * 2 * COSTS.uffd_page]);
    // nor does it matter who comes while it has that lock
    const meanwhile = range('mprotect', 0, 1, { tid: 3, t: 120_000 + COSTS.minor / 2, prot: 'rw-' });
    const { page_table } = await addressSpace([...before, move, meanwhile], NEW);
    expect([0, 1, 2].map(page => page_table.get(BASE + page))).toEqual([PTE_ANON, PTE_ANON, PTE_NONE]);
  });

  test('ends the wait of who faulted where the pages come to be', async () => {
    const missing = range('uffd_register', 0, 8, { modes: ['missing'] });
    const asleep = fault(1, { tid: 2, t: 50_000 });
    const answered = [...events.slice(0, -1), missing, asleep, { ...move, tid: 9 }];
    const zapped = range('madvise', 0, 2, { tid: 9, t: 100_001, advice: 'dontneed' });
    const again = range('uffd_copy', 0, 2, { tid: 9, t: 400_000, src: at(100) });
    const waits = async (...more: Event[]) => (await replay([...answered, ...more], NEW)).row(NEW, 6).wait_ns;
    expect(await waits()).toBeLessThan(100_000);
    expect(await waits(zapped, again)).toBeGreaterThan(300_000);
  });
});

describe('a private VMA has an anon_vma once a page was put into it', () => {
  const write = fault(5, { t: 900_000 });
  // v6.8 makes none under the VMA lock
  const site = async (...events: Event[]) => (await row('v6.8', ...events, write)).site;

  test('by any ioctl', async () => {
    expect(await site(mmap(0, 8))).toBe('lock_vma_under_rcu.anon_vma');
    expect(await site(mmap(0, 8), range('uffd_copy', 0, 1, { src: at(100) }))).toBe(null);
    expect(await site(mmap(0, 8), range('uffd_zeropage', 0, 1))).toBe(null);
    expect(await site(mmap(0, 8), vma(16, 4), fault(16), range('uffd_move', 0, 1, { src: at(16) }))).toBe(null);
  });

  test('under mmap_lock, which is held for a moment for that, where the VMA lock will do for the rest', async () => {
    const events = [mmap(0, 8), range('uffd_copy', 0, 4, { src: at(100) })];
    expect((await reads(NEW, 'mmap_lock', ...events)).held).toBe(COSTS.minor);
    expect((await reads(NEW, 'vma_lock', ...events)).held).toBe(4 * COSTS.uffd_page);
  });
});

test('what a monitor filled is asked for again where it was zapped before the one who waits goes on', async () => {
  const monitor = (op: string, t: number, more: object = {}) => range(op, 0, 1, { tid: 9, t, ...more });
  const copy = (t: number) => monitor('uffd_copy', t, { src: at(100) });
  const before = [vma(0, 8, { t: 0 }), range('uffd_register', 0, 8, { t: 10, modes: ['missing'] })];
  const waits = async (...answers: Event[]) => {
    const events = [...before, fault(0, { tid: 2, t: 20_000 }), ...answers];
    return (await replay(events, NEW)).row(NEW, 2).wait_ns;
  };
  const zap = monitor('madvise', 90_001, { advice: 'dontneed' });
  const once = await waits(copy(90_000));
  expect(await waits(copy(90_000), copy(300_000))).toBe(once);
  expect((await waits(copy(90_000), zap, copy(300_000))) - once).toBeGreaterThan(200_000);
});

test('what is put into shared memory is in its page cache: zapped, it is found there, and nobody asked', async () => {
  const shared = mmap(0, 8, { flags: ['shared', 'anonymous'] });
  const [missing, zap] = [
    range('uffd_register', 0, 8, { modes: ['missing'] }),
    range('madvise', 0, 8, { advice: 'dontneed' }),
  ];
  const site = async (...put: Event[]) =>
    (await row(NEW, shared, missing, ...put, zap, fault(3, { access: 'read', page: { wait: 5 } }))).site;
  expect(await site()).toBe('handle_userfault');
  expect(await site(range('uffd_copy', 3, 1, { src: at(100) }))).toBe(null);
  expect(await site(range('uffd_zeropage', 3, 1))).toBe(null);
  expect(await site(range('uffd_copy', 2, 1, { src: at(100) }))).toBe('handle_userfault');
});

test('a wait for a monitor lasts as long as it was recorded, for no time too; else until somebody answers', async () => {
  const events = [mmap(0, 8), range('uffd_register', 0, 8, { modes: ['missing'] })];
  const answer = range('uffd_copy', 0, 1, { tid: 9, t: 100_000, src: at(100) });
  const waited = async (page?: object) =>
    (await replay([...events, fault(0, { page }), answer], NEW)).row(NEW, events.length).wait_ns;
  expect([await waited({ wait: 0 }), await waited({ wait: 5 })]).toEqual([0, 5]);
  expect(await waited()).toBeGreaterThan(90_000);
});

test('a range that is protected leaves the memory between its VMAs alone', async () => {
  const wp = (page: number) => range('uffd_register', page, 2, { modes: ['wp'] });
  const touched = [vma(0, 8), fault(0), fault(3), fault(6)];
  const protect = [...touched, wp(0), wp(6), range('uffd_wp', 0, 8)];
  expect((await row(NEW, ...protect, fault(3))).hold_ns).toBe(COSTS.minor);
  // nor does it leave a marker behind its last page
  const shared = [file('tmpfs'), range('uffd_register', 0, 8, { modes: ['wp'] }), range('uffd_wp', 0, 2)];
  const met = async (page: number) =>
    row(NEW, ...shared, fault(page, { access: 'read' }), fault(page, { page: { wait: 5 } }));
  expect([(await met(1)).site, (await met(2)).site]).toEqual(['handle_userfault', null]);
  for (const page of [0, 6])
    expect((await row(NEW, ...protect, fault(page, { page: { wait: 5 } }))).site).toBe('handle_userfault');
});
