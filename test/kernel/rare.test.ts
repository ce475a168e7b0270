/** What a page, a VMA or a model has to say that is rare: each a fact, and the trace that shows it. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { PTE_ANON, PTE_KIND_MASK } from '../../src/kernel/page-table.js';
import {
  addressSpace,
  at,
  BASE,
  draw,
  type Event,
  explain,
  fault,
  mmap,
  otherwise,
  range,
  replay,
  replayUnder,
  vma,
} from '../helpers.js';

const NEW = 'v6.18';
const file = (fs: string, mode = 'private') => ({ flags: [mode], file: { fs, name: 'f' } });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
const register = (mode: string, pages = 4) => range('uffd_register', 0, pages, { modes: [mode] });

test('a model may wait for a page that migrates after it has dropped the VMA lock', async () => {
  const other = otherwise(NEW, { migration_entry_wait: 'release_and_wait' });
  const { rows } = await replayUnder([vma(0, 4), fault(0, { page: { entry: 'migration', wait: 5_000 } })], [other]);
  expect(rows).toMatchObject([{ verdict: 'mmap_lock', site: 'migration_entry_wait', wait_ns: 5_000, tries: 2 }]);
});

test('a marker of userfaultfd on a file leads to its ->fault, which 6.6 has under mmap_lock', async () => {
  const page = { entry: 'marker_uffd_wp' };
  const before = [mmap(0, 4, file('tmpfs', 'shared')), register('wp')];
  const read = fault(0, { access: 'read', page });
  expect(await row('v6.6', ...before, read)).toMatchObject({ verdict: 'mmap_lock', site: 'do_read_fault' });
  expect(await row('v6.7', ...before, read)).toMatchObject({ verdict: 'vma_lock', site: null });
});

describe('a huge page', () => {
  const dax = (mode = 'shared') => mmap(0, 1_024, file('device-dax', mode));

  test('of a PUD, and one of a PMD, go by functions of their own', async () => {
    const said = async (page: object, ...before: Event[]) =>
      JSON.stringify(
        (await explain([dax(), ...before, fault(0, { page })], { events: [1 + before.length] }, NEW)).faults[0],
      );
    expect(await said({ huge: 'pud', entry: 'none' })).toContain('create_huge_pud');
    expect(await said({ huge: 'pmd', entry: 'none' })).toContain('create_huge_pmd');
    expect(await said({ huge: 'pud', entry: 'present' })).toContain('wp_huge_pud');
    expect(await said({ huge: 'pmd', entry: 'present' })).toContain('wp_huge_pmd');
    const anonymous = [vma(0, 1_024), fault(0, { page: { huge: 'pmd', entry: 'present' } })];
    expect(JSON.stringify((await explain(anonymous, { events: [1] }, NEW)).faults[0])).toContain('do_huge_pmd_wp_page');
  });

  test('that was read first is written to by another fault, one that was written is not', async () => {
    const touch = (access: string) => fault(0, { access, page: { huge: 'pmd' } });
    expect((await row(NEW, dax(), touch('read'), fault(1))).hold_ns).toBe(COSTS.wp);
    expect((await row(NEW, dax(), touch('write'), fault(1))).hold_ns).toBe(COSTS.minor);
  });

  test('that a monitor protects sends a write to it', async () => {
    const protectedPage = [
      vma(0, 1_024),
      fault(0, { page: { huge: 'pmd' } }),
      register('wp', 1_024),
      range('uffd_wp', 0, 512),
    ];
    const write = fault(0, { page: { huge: 'pmd', wait: 5 } });
    expect(await row(NEW, ...protectedPage, write)).toMatchObject({ site: 'handle_userfault', wait_ns: 5 });
    expect((await row(NEW, ...protectedPage, fault(0, { access: 'read' }))).site).toBe(null);
  });

  test('is no matter for speculation, which gives up before one is made', async () => {
    const thread: Event = { op: 'fork', tid: 1, child_tid: 9, child_mm: 1 };
    const wanted = [vma(0, 1_024), advise('hugepage', 0, 1_024), thread, fault(0)];
    expect((await row('spf_lespinasse_2022', ...wanted)).site).toBe('__handle_mm_fault.spf_abort_pmd');
  });
});

describe('a hugetlb page', () => {
  const private_ = mmap(0, 1_024, { flags: ['private', 'anonymous', 'hugetlb'] });

  test('that the trace says is not there is made again', async () => {
    expect((await row(NEW, private_, fault(0), fault(1))).hold_ns).toBe(COSTS.minor);
    expect((await row(NEW, private_, fault(0), fault(1, { page: { entry: 'none' } }))).hold_ns).toBe(COSTS.hugetlb);
  });

  test('that migrates is there afterwards, in a private mapping as well', async () => {
    const migrates = fault(0, { page: { entry: 'migration', wait: 5_000 } });
    expect((await row(NEW, private_, migrates)).wait_ns).toBe(5_000);
    expect((await row(NEW, private_, migrates, fault(1))).hold_ns).toBe(COSTS.minor);
  });
});

describe('madvise', () => {
  test('gives guards in a file no anon_vma, where it is anonymous memory that needs one', async () => {
    const both = [mmap(0, 4, file('ext4')), mmap(4, 4), advise('guard_install', 2, 4)];
    const anonVmas = async (model: string) => {
      const { mm_mt } = await addressSpace(both, model);
      return [BASE, BASE + 4].map(page => mm_mt.walk(page)?.anon_vma !== null);
    };
    expect(await anonVmas('v6.15')).toEqual([true, true]);
    expect(await anonVmas('v7.2')).toEqual([false, true]);
  });

  test('of a file reads ahead without mmap_lock, whether or not its file system is known', async () => {
    const sections = async (said: object) =>
      (await replay([mmap(0, 4, { flags: ['private'], file: said }), advise('willneed', 0, 4)], NEW)).lock(
        NEW,
        'mmap_lock',
        'read',
      ).acquired;
    expect(await sections({ name: 'f' })).toBe(2);
    expect(await sections({ name: 'f', fs: 'ext4' })).toBe(2);
    expect(await sections({ name: 'f', fs: 'tmpfs' })).toBe(1);
  });
});

test('a VMA told around one that somebody is inside of, to its very end, replaces what is below that', async () => {
  const inside = fault(9, { t: 1_000, access: 'read', page: { entry: 'migration', wait: 90_000 } });
  const told = vma(4, 8, { t: 20_000, tid: 2, prot: 'r--' });
  expect(draw(await addressSpace([vma(8, 4, { t: 0 }), inside, told], NEW), 16)).toBe('....AAAABBBB....');
});

test('pages that nobody looks at while they migrate are back afterwards', async () => {
  const migrate = range('migrate', 0, 4, { t: 100_000, dur: 50_000 });
  const events = [vma(0, 4, { t: 0 }), fault(0, { t: 1_000 }), migrate, fault(1, { t: 900_000 })];
  const { page_table } = await addressSpace(events, NEW);
  expect(page_table.get(BASE) & PTE_KIND_MASK).toBe(PTE_ANON);
});

test('userfaultfd protects files since 5.19 only', async () => {
  const events = [
    mmap(0, 4, file('tmpfs', 'shared')),
    fault(0),
    register('wp'),
    range('uffd_wp', 0, 1),
    fault(0, { page: { wait: 5 } }),
  ];
  expect((await row('v6.4', ...events)).wait_ns).toBe(5);
  expect((await row('spf_lespinasse_2022', ...events)).wait_ns).toBe(0);
  const anonymous = [vma(0, 4), fault(0), register('wp'), range('uffd_wp', 0, 1), fault(0, { page: { wait: 5 } })];
  expect((await row('spf_lespinasse_2022', ...anonymous)).wait_ns).toBe(5);
});

test('a page for pfn mappings that mremap would make larger stays as large as it was', async () => {
  const grow: Event = { op: 'mremap', tid: 1, addr: at(0), old_len: '0x4000', new_addr: at(0), new_len: '0x8000' };
  const pfn = mmap(0, 4, { flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: 'f' } });
  expect(draw(await addressSpace([pfn, grow], NEW), 10)).toBe('AAAA......');
  expect(draw(await addressSpace([mmap(0, 4), grow], NEW), 10)).toBe('AAAAAAAA..');
});
