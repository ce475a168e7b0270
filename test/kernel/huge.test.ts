/** Huge pages: what splits them, and what of them goes page by page. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { at, type Event, explain, fault, len, mmap, range, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const held = async (...events: Event[]) => (await row(NEW, ...events)).hold_ns;
const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
const child: Event = { op: 'fork', tid: 1, child_tid: 9, child_mm: 9 };
/** One huge page of anonymous memory. */
const THP = [vma(0, 1_024), fault(0, { page: { huge: 'pmd' } })];

describe('a huge page that a child shares', () => {
  test('is split by a write, which copies its one page', async () => {
    expect(await held(...THP, child, fault(3))).toBe(COSTS.wp);
    expect(await held(...THP, child, fault(3), fault(3))).toBe(COSTS.minor);
    expect(await held(...THP, child, fault(3), fault(4))).toBe(COSTS.wp);
  });

  test('and its own one is made writable as a whole', async () => {
    const clean: Event = { op: 'clear_refs', tid: 1, mode: '4' };
    expect(await held(...THP, clean, fault(3))).toBe(COSTS.wp);
    expect(await held(...THP, clean, fault(3), fault(4))).toBe(COSTS.minor);
  });
});

describe('a huge page is split by what is about a part of it', () => {
  const WRITE = fault(100);
  /** A write to the rest, which would map all of it again. */
  const wholeAgain = [child, WRITE, fault(101)];

  test('unmapped, zapped, moved or protected, the rest goes page by page', async () => {
    const move = { op: 'mremap', tid: 1, addr: at(0), old_len: len(8), new_addr: at(4_096), new_len: len(8) };
    for (const part of [
      range('munmap', 0, 8),
      advise('dontneed', 0, 8),
      move,
      range('mprotect', 0, 8, { prot: 'r--' }),
    ])
      expect(await held(...THP, part, ...wholeAgain)).toBe(COSTS.wp);
    expect(await held(...THP, advise('dontneed', 0, 8), fault(4))).toBe(COSTS.anon_write);
    expect(await held(...THP, advise('dontneed', 0, 8), ...wholeAgain, fault(4))).toBe(COSTS.anon_write);
    expect(await held(...THP, range('munmap', 0, 8), ...wholeAgain, mmap(0, 8), fault(4))).toBe(COSTS.anon_write);
  });

  test('moved as a whole to where it fits it stays one', async () => {
    const move = (to: number) => ({
      op: 'mremap',
      tid: 1,
      addr: at(0),
      old_len: len(512),
      new_addr: at(to),
      new_len: len(512),
    });
    const clean: Event = { op: 'clear_refs', tid: 1, mode: '4' };
    expect(await held(...THP, move(4_096), clean, fault(4_100), fault(4_101))).toBe(COSTS.minor);
    expect(await held(...THP, move(4_097), clean, fault(4_100), fault(4_101))).toBe(COSTS.wp);
  });

  test('one of them populated, copied from what a child shares', async () => {
    expect(await held(...THP, child, advise('populate_write', 3, 1), fault(3))).toBe(COSTS.minor);
    expect(await held(...THP, child, advise('populate_write', 3, 1), fault(4))).toBe(COSTS.wp);
  });
});

test('a huge page that was reclaimed comes back from swap page by page', async () => {
  const read = fault(3, { access: 'read', page: { wait: 0 } });
  for (const out of [range('reclaim', 0, 512), advise('pageout', 0, 512)])
    expect(await held(...THP, out, read)).toBe(COSTS.swap);
  expect((await row('v6.4', ...THP, range('reclaim', 0, 512), read)).site).toBe('do_swap_page');
  const said = fault(0, { page: { huge: 'pmd', entry: 'swap', wait: 0 } });
  expect((await row('v6.4', vma(0, 1_024), said)).site).toBe('do_swap_page');
});

test('a NUMA scan has hints put into huge pages', async () => {
  const hinted = (page: number) => fault(page, { access: 'read', page: { wait: 77 } });
  const scanned = [...THP, range('numa_scan', 0, 1_024)];
  expect((await row(NEW, ...scanned, hinted(3))).wait_ns).toBe(77);
  expect((await row(NEW, ...scanned, hinted(3), hinted(4))).wait_ns).toBe(0);
  expect(await held(...scanned, hinted(3), fault(4, { access: 'read' }))).toBe(COSTS.minor);
});

test("asynchronous write protection of a huge page is nobody's business but its page's", async () => {
  const watched = range('uffd_register', 0, 1_024, { modes: ['wp_async'] });
  const before = [...THP, watched, range('uffd_wp', 0, 1_024)];
  expect(await row(NEW, ...before, fault(3))).toMatchObject({ site: null, hold_ns: COSTS.wp });
  expect(await held(...before, fault(3), fault(4))).toBe(COSTS.wp);
  const [{ models }] = (await explain([...before, fault(3)], { events: [before.length] }, NEW)).faults;
  expect(models[0].steps.flatMap(({ path }) => path)).toEqual(['wp_huge_pmd', 'do_wp_page', 'wp_page_reuse']);
  // what is protected for another reason is made writable as a whole
  const clean: Event = { op: 'clear_refs', tid: 1, mode: '4' };
  expect(await held(...THP, watched, clean, fault(3), fault(4))).toBe(COSTS.minor);
});

describe('a huge page of a file that has no ->huge_fault', () => {
  const tmpfs = (mode: string) => mmap(0, 1_024, { flags: [mode], file: { fs: 'tmpfs', name: 'f' }, offset: '0x0' });
  const huge = (access: string, page: object = {}) => fault(0, { access, page: { huge: 'pmd', ...page } });

  test('is found by ->fault or ->map_pages, and mapped as a whole', async () => {
    expect((await row('v6.6', tmpfs('shared'), huge('write'))).site).toBe('do_shared_fault');
    expect((await row('v6.7', tmpfs('shared'), huge('write'))).verdict).toBe('vma_lock');
    expect(await held(tmpfs('shared'), huge('read'), fault(9, { access: 'read' }))).toBe(COSTS.minor);
    expect(await held(tmpfs('private'), huge('write'), fault(9, { access: 'read' }))).toBe(COSTS.file_map);
    expect((await row(NEW, tmpfs('shared'), huge('write', { hole_punch: true }))).site).toBe('shmem_falloc_wait');
    const ext4 = mmap(0, 1_024, { flags: ['shared'], file: { fs: 'ext4', name: 'f' } });
    const absent = await row(NEW, ext4, huge('read', { folio: 'absent', wait: 5 }));
    expect([absent.verdict, absent.site]).toEqual(['mmap_lock', 'filemap_fault']);
  });

  test('that was only read is unmapped by a write, and found by ->fault again', async () => {
    const wasRead = (mode: string) => [tmpfs(mode), huge('read')];
    const cost = COSTS.file_fault + COSTS.minor;
    expect(await held(...wasRead('shared'), fault(3))).toBe(cost);
    expect(await held(...wasRead('shared'), fault(3), fault(4))).toBe(COSTS.minor);
    expect(await held(...wasRead('private'), fault(2), fault(3))).toBe(cost);
    expect((await row('v6.6', ...wasRead('private'), fault(3))).site).toBe('do_cow_fault');
    expect(await held(...wasRead('private'), fault(3), fault(4, { access: 'read' }))).toBe(COSTS.file_map);
  });

  test('is not mapped any more where a part of it is unmapped, zapped, protected or write-protected', async () => {
    const read = (page: number) => fault(page, { access: 'read' });
    const mapped = [tmpfs('shared'), huge('read'), fault(512, { access: 'read', page: { huge: 'pmd' } })];
    expect(await held(...mapped, read(100))).toBe(COSTS.minor);
    for (const part of [range('munmap', 0, 8), advise('dontneed', 0, 8), range('mprotect', 0, 8, { prot: 'r--' })]) {
      expect(await held(...mapped, part, read(100))).toBe(COSTS.file_map);
      expect(await held(...mapped, part, read(600))).toBe(COSTS.minor);
    }
    const watched = [...mapped, range('uffd_register', 0, 1_024, { modes: ['wp'] })];
    expect(await held(...watched, range('uffd_wp', 8, 8), read(100))).toBe(COSTS.file_fault + COSTS.minor);
    expect(await held(...watched, range('uffd_wp', 0, 512), read(600))).toBe(COSTS.minor);
    expect((await row(NEW, ...watched, range('uffd_wp', 0, 512), read(3), fault(3))).site).toBe('handle_userfault');
  });

  test('is still mapped as a whole where reads of it are taken away: the monitor is asked', async () => {
    const watched = [tmpfs('shared'), huge('read'), range('uffd_register', 0, 1_024, { modes: ['rwp'] })];
    const asked = [...watched, range('uffd_rwp', 0, 512), fault(3, { access: 'read', page: { wait: 5 } })];
    expect((await row('v7.3', ...asked)).site).toBe('handle_userfault');
  });
});

test('a marker of write protection of a hugetlb page is as good as nothing, and what comes in is protected', async () => {
  const hugetlb = mmap(0, 1_024, { flags: ['shared', 'hugetlb'], file: { fs: 'hugetlbfs', name: 'f' } });
  const marked = [hugetlb, range('uffd_register', 0, 1_024, { modes: ['wp'] }), range('uffd_wp', 0, 1_024)];
  const read = fault(0, { access: 'read' });
  expect(await held(...marked, read)).toBe(COSTS.hugetlb);
  expect((await row(NEW, ...marked, read, fault(0, { page: { wait: 5 } }))).site).toBe('handle_userfault');
});
