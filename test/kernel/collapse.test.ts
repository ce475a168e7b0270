/** What becomes of page tables and VMAs when 512 small pages become a huge one. */
import { describe, expect, test } from 'vitest';
import { at, type Event, fault, mmap, range, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
const file = (fs: string, mode = 'private') => ({ flags: [mode], file: { fs, name: 'f' } });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const held = async (...events: Event[]) => (await row(NEW, ...events)).hold_ns;
const COST = { anon: 600, minor: 300, file: 800 };

describe('collapse of a file', () => {
  /** What a read costs after it: mapped anew, or there still. */
  const readAfter = (model: string, pages: Event, ...more: Event[]) => {
    const collapse: Event = { op: 'collapse', tid: 7, t: 300_000, addr: at(0) };
    const read = fault(3, { t: 900_000, access: 'read' });
    return row(model, { ...pages, t: 0 }, fault(3, { t: 1, access: 'read' }), ...more, collapse, read);
  };
  const mapped = mmap(0, 512, file('ext4', 'shared'));

  test('takes the page tables away where mmap_lock is free, or needs no lock for that', async () => {
    for (const model of ['mmap_lock', 'v6.4', NEW]) expect((await readAfter(model, mapped)).hold_ns).toBe(COST.file);
  });

  test('leaves them to memory that is watched for writes', async () => {
    const watched = mmap(0, 512, file('tmpfs', 'shared'));
    const watch = range('uffd_register', 0, 512, { t: 2, modes: ['wp'] });
    for (const model of ['v6.4', NEW]) expect((await readAfter(model, watched, watch)).hold_ns).toBe(COST.minor);
  });

  test('leaves them to a private VMA with pages of its own', async () => {
    const own = [mmap(0, 512, file('ext4')), fault(9, { t: 2 })] as const;
    for (const model of ['mmap_lock', 'v6.4', NEW]) expect((await readAfter(model, ...own)).hold_ns).toBe(COST.minor);
  });

  test('leaves them where somebody has mmap_lock, up to 6.5', async () => {
    const busy = range('mprotect', 4_096, 1, { tid: 8, t: 290_000, dur: 400_000, prot: 'r--' });
    expect((await readAfter('v6.4', mapped, busy)).hold_ns).toBe(COST.minor);
    expect((await readAfter(NEW, mapped, busy)).hold_ns).toBe(COST.file);
  });
});

describe('collapse', () => {
  const collapse = (page: number, t: number): Event => ({ op: 'collapse', tid: 7, t, addr: at(page) });

  test('is about the 2 MiB around its address and leaves its neighbours mapped', async () => {
    const touched = [3, 600, 1_100].map((page, i) => fault(page, { t: i + 1, access: 'read' }));
    const before = [mmap(0, 1_536, { ...file('ext4', 'shared'), t: 0 }), ...touched, collapse(700, 300_000)];
    const readAt = (page: number) => held(...before, fault(page, { t: 900_000, access: 'read' }));
    expect([await readAt(3), await readAt(600), await readAt(1_100)]).toEqual([COST.minor, COST.file, COST.minor]);
  });

  test('of anonymous memory maps all of it, where anything was there', async () => {
    const collapsed = (...touched: Event[]) => [vma(0, 512, { t: 0 }), ...touched, collapse(0, 300_000)];
    expect(await held(...collapsed(fault(3, { t: 1 })), fault(9, { t: 900_000 }))).toBe(COST.minor);
    expect(await held(...collapsed(), fault(9, { t: 900_000 }))).toBe(COST.anon);
  });

  test('of less than 2 MiB, or of nothing, marks no VMA', async () => {
    const marks = async (...before: Event[]) =>
      (await replay([...before, collapse(512, 300_000)], NEW)).lock(NEW, 'vma_lock', 'write').acquired;
    const mapped = (page: number, pages: number) => [vma(page, pages, { t: 0 }), fault(page + 30, { t: 1 })];
    expect(await marks(...mapped(600, 900))).toBe(0);
    expect(await marks(...mapped(300, 700))).toBe(0);
    expect(await marks(...mapped(2_048, 52))).toBe(0);
    expect(await marks(...mapped(300, 724), fault(600, { t: 2 }))).toBe(1);
  });

  test('of a file finds its mapping gone, which was unmapped while the page was put together', async () => {
    const mapped = mmap(0, 1_024, { ...file('ext4', 'shared'), t: 0 });
    const unmap = range('munmap', 0, 1_024, { tid: 8, t: 300_100 });
    for (const model of ['mmap_lock', 'v6.4', NEW]) {
      const late = fault(3, { t: 900_000, access: 'read' });
      expect((await row(model, mapped, collapse(0, 300_000), unmap, late)).verdict).toBe('signal');
    }
  });
});

describe('MADV_COLLAPSE', () => {
  /** How often mmap_lock was taken for reading and for writing. */
  const taken = async (...events: Event[]) => {
    const advice = range('madvise', 0, 2_048, { t: 900_000, advice: 'collapse' });
    const replayed = await replay([...events, advice], NEW);
    return (['read', 'write'] as const).map(mode => replayed.lock(NEW, 'mmap_lock', mode).acquired);
  };
  const touched = (...pages: number[]) => pages.map((page, i) => fault(page, { t: i + 1 }));

  test('looks at each PMD under the read lock, which it keeps where nothing is to be done', async () => {
    const mapped = vma(0, 2_048, { t: 0 });
    expect(await taken(mapped)).toEqual([1, 0]);
    expect(await taken(mapped, ...touched(3))).toEqual([3, 1]);
    expect(await taken(mapped, ...touched(3, 600))).toEqual([5, 2]);
    expect(await taken(mapped, ...touched(1_600))).toEqual([3, 1]);
  });

  test.each([
    ['memory', {}],
    ['a file', file('ext4', 'shared')],
  ])('of %s waits for writers each time it takes the lock again', async (_, more) => {
    const mapped = [
      vma(0, 2_048, { ...more, t: 0 }),
      vma(4_000, 8, { t: 0 }),
      vma(5_000, 1, { t: 0 }),
      ...touched(3, 600, 1_200),
    ];
    const advice = range('madvise', 0, 2_048, { t: 900_000, advice: 'collapse' });
    const writers = (every: number) =>
      Array.from({ length: 40 }, (_, i) =>
        range('mprotect', 4_000, 4, { tid: 8, t: 900_000 + i * every, dur: every - 10, prot: i % 2 ? 'rw-' : 'r--' }),
      );
    // Somebody is always due before the next look at a PMD is over.
    const reads = Array.from({ length: 1_600 }, (_, i) =>
      fault(5_000, { tid: 9, t: 900_250 + i * 500, access: 'read' }),
    );
    const alone = (await replay([...mapped, advice], NEW)).lock(NEW, 'mmap_lock', 'read');
    const busy = (
      await replay(
        [...mapped, advice, ...[...writers(20_000), ...reads].sort((a, b) => Number(a.t) - Number(b.t))],
        NEW,
      )
    ).lock(NEW, 'mmap_lock', 'read');
    expect(alone.contended).toBe(0);
    expect(busy.acquired).toBe(alone.acquired);
    expect(busy.contended).toBeGreaterThan(2);
  });

  test('is for PMDs that one VMA maps', async () => {
    expect(await taken(vma(0, 300, { t: 0 }), vma(400, 300, { t: 0 }), ...touched(3, 600))).toEqual([1, 0]);
  });
});

test('collapse of a file takes no lock for a VMA that keeps its page tables', async () => {
  const collapse: Event = { op: 'collapse', tid: 7, t: 300_000, addr: at(0) };
  const writes = async (...events: Event[]) =>
    (await replay([...events, collapse], 'v6.4')).lock('v6.4', 'mmap_lock', 'write').acquired;
  expect(await writes(vma(0, 512, { ...file('ext4', 'shared'), anon_vma: false }))).toBe(1);
  expect(await writes(vma(0, 512, file('ext4')))).toBe(0);
  expect(await writes(vma(0, 500, { ...file('ext4', 'shared'), anon_vma: false }))).toBe(0);
});

test('a section that was recorded is over where its trylock fails: what the thread does next does not last as long', async () => {
  const busy = range('mprotect', 4_096, 1, { tid: 8, t: 900, dur: 50_000, prot: 'r--' });
  const locks = [{ mode: 'read', ask: 1_000, got: 1_000, end: 5_000_000 }];
  const scan = range('numa_scan', 0, 512, { tid: 7, t: 1_000, locks });
  const collapse: Event = { op: 'collapse', tid: 7, t: 2_000, addr: at(0) };
  const events = [
    mmap(0, 512, { ...file('ext4', 'shared'), t: 0 }),
    busy,
    scan,
    collapse,
    fault(3, { tid: 7, t: 3_000 }),
  ];
  expect((await row(NEW, ...events)).start).toBe(2_000 + 150_000);
});
