/**
 * What handling a fault is made of, under v7.2: the functions of handle_mm_fault() that `explain` names, in the order in which
 * the kernel calls them, and what of the data sheet it costs with the lock held.
 */
import { describe, expect, test } from 'vitest';
import { COSTS, type CostName } from '../../src/kernel/costs.js';
import { type Event, explain, fault, mmap, replay, vma } from '../helpers.js';
import { costSums } from './cost-sum.js';
import { BRANCHES } from './kinds/branches.js';
import { KINDS } from './kinds/index.js';
import { WAIT } from './kinds/kind.js';

const { costs, spell } = costSums(Object.keys(COSTS) as CostName[], 1);
const partsOf = (ns: number) => spell(ns).replace(`${WAIT} ns`, 'page.wait');

/** By kind: the calls of the first pass, and what the lock was held for in all. */
const HANDLING: Readonly<Record<string, readonly [calls: string, held: string]>> = {
  oom: ['', 'minor'],
  access_flag_update: ['', 'minor'],
  anon_read_anon_vma: ['do_anonymous_page', 'anon_read'],
  anon_write_no_anon_vma: ['do_anonymous_page vmf_anon_prepare', 'anon_write + anon_vma_prepare'],
  anon_thp_no_anon_vma: ['do_huge_pmd_anonymous_page vmf_anon_prepare', 'anon_vma_prepare + huge'],
  cow_reuse: ['do_wp_page wp_page_reuse', 'wp'],
  cow_zero_no_anon_vma: ['do_wp_page wp_page_copy vmf_anon_prepare', 'anon_vma_prepare + wp'],
  thp_wp: ['do_huge_pmd_wp_page do_wp_page wp_page_copy', 'wp + page.wait'],
  numa_hint: ['do_numa_page', 'minor + page.wait'],
  'numa_hint: of a PMD': ['do_huge_pmd_numa_page', 'minor + page.wait'],
  file_read_map_pages: ['do_read_fault do_fault_around', 'file_map'],
  file_read_cached_fault: ['do_read_fault __do_fault filemap_fault', 'file_fault + minor'],
  file_read_readahead_mark: ['do_read_fault __do_fault filemap_fault do_async_mmap_readahead', 'file_map'],
  file_folio_lock_contended: ['do_read_fault __do_fault filemap_fault lock_folio_maybe_drop_mmap', 'file_map'],
  file_private_write_cached_no_anon_vma: [
    'do_cow_fault vmf_anon_prepare __do_fault filemap_fault',
    'anon_vma_prepare + file_fault + minor',
  ],
  file_shared_write_cached: ['do_shared_fault __do_fault filemap_fault', 'file_fault + minor + page.wait'],
  file_shared_mkwrite: ['do_wp_page wp_page_shared', 'wp + page.wait'],
  'file_shared_mkwrite: no ->page_mkwrite': ['do_wp_page wp_page_shared', 'wp'],
  pfn_wp_no_ops: ['do_wp_page wp_pfn_shared', 'wp'],
  shmem_read_new: ['do_read_fault __do_fault shmem_fault', 'file_fault + minor'],
  shmem_swapin: ['do_read_fault __do_fault shmem_fault', 'file_fault + minor + page.wait'],
  'shmem_write: the folio is locked': ['do_shared_fault __do_fault shmem_fault', 'file_fault + minor + page.wait'],
  shmem_hole_punch: ['do_read_fault __do_fault shmem_fault shmem_falloc_wait', 'file_fault + minor'],
  beyond_eof: ['do_read_fault __do_fault', 'file_fault + minor'],
  dax_pte_map_pages: ['do_shared_fault __do_fault', 'file_fault + minor'],
  swap_cached_uncontended: ['do_swap_page', 'swap'],
  swap_cached_contended: ['do_swap_page __folio_lock_or_retry', 'swap'],
  swap_new_sync_io: ['do_swap_page', 'swap + page.wait'],
  migration_pte: ['do_swap_page migration_entry_wait', 'minor + page.wait'],
  migration_pmd: ['pmd_migration_entry_wait', 'minor + page.wait'],
  device_private_pmd: ['do_huge_pmd_device_private', 'minor'],
  device_exclusive_uncontended: ['do_swap_page remove_device_exclusive_entry', 'minor'],
  marker_uffd_wp: ['do_swap_page pte_marker_handle_uffd_wp do_anonymous_page', 'anon_write'],
  'marker_uffd_wp: no anon_vma': [
    'do_swap_page pte_marker_handle_uffd_wp do_anonymous_page vmf_anon_prepare',
    'anon_write + anon_vma_prepare',
  ],
  uffd_missing_anon: ['do_anonymous_page handle_userfault', 'anon_write'],
  uffd_wp: ['do_wp_page handle_userfault', 'wp'],
  hugetlb_shared: ['hugetlb_fault hugetlb_no_page', 'hugetlb + page.wait'],
  'hugetlb_shared: present': ['hugetlb_fault', 'minor'],
  hugetlb_private_no_anon_vma: ['hugetlb_fault hugetlb_no_page __vmf_anon_prepare', 'anon_vma_prepare + hugetlb'],
  hugetlb_migration: ['hugetlb_fault migration_entry_wait_huge', 'minor + page.wait'],
  dax_huge_fault_pmd: ['create_huge_pmd', 'huge'],
  dax_huge_fault_pud: ['create_huge_pud', 'huge'],
  huge_fault_wp: ['wp_huge_pmd', 'wp'],
  'huge_fault_wp: of a PUD': ['wp_huge_pud', 'wp'],
};

test.each(Object.entries(HANDLING))('%s: %s', async (name, [calls, held]) => {
  const { events } = { ...KINDS, ...BRANCHES }[name];
  const i = events.findLastIndex(({ op }) => op === 'fault');
  const [{ models }] = (await explain(events, { events: [i] }, 'v7.2')).faults;
  const pass = models[0].steps.find(({ function: fn }) => fn === 'handle_mm_fault');
  expect(pass?.path.join(' ')).toBe(calls);
  expect(partsOf((await replay(events, 'v7.2', { costs })).row('v7.2', i).hold_ns)).toBe(held);
});

test('once a monitor has taken its protection away, the write reuses the page', async () => {
  const { events } = KINDS.uffd_wp;
  const [{ models }] = (await explain(events, { events: [events.length - 1] }, 'v7.2')).faults;
  expect(models[0].steps.flatMap(({ path }) => path)).toEqual([
    ...['do_wp_page', 'handle_userfault', 'do_wp_page', 'wp_page_reuse'],
  ]);
});

test('a private hugetlb page that fork shared is copied by the first write, whoever makes it', async () => {
  const hugetlb = vma(512, 1_024, { flags: ['private', 'anonymous', 'hugetlb'] });
  const fork = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
  const events = [hugetlb, fault(512), fork, fault(513), fault(514), fault(515, { tid: 2, mm: 2 })];
  const paths = async (i: number) =>
    (await explain(events, { events: [i] }, 'v7.2')).faults[0].models[0].steps.flatMap(({ path }) => path).join(' ');
  expect([await paths(3), await paths(4), await paths(5)]).toEqual([
    'hugetlb_fault hugetlb_wp',
    'hugetlb_fault',
    'hugetlb_fault hugetlb_wp',
  ]);
  const said = async (page: object) => {
    const trace = [hugetlb, fault(512), fork, fault(513, { page: { entry: 'present', ...page } })];
    const [{ models }] = (await explain(trace, { events: [3] }, 'v7.2')).faults;
    return models[0].steps.flatMap(({ path }) => path).join(' ');
  };
  expect(await said({ shared: true })).toBe('hugetlb_fault hugetlb_wp');
  expect(await said({ shared: false })).toBe('hugetlb_fault');
  const { rows } = await replay(events, 'v7.2', { costs });
  expect(rows.slice(1).map(({ hold_ns }) => partsOf(hold_ns))).toEqual(['hugetlb', 'minor', 'hugetlb']);
});

describe('where the trace does not say how long, a fault waits as the data sheet says', () => {
  const ext4 = { flags: ['private'], file: { fs: 'ext4', name: 'f' } };
  const tmpfs = { flags: ['shared'], file: { fs: 'tmpfs', name: 'f' } };
  const dax = { flags: ['shared'], file: { fs: 'device-dax', name: 'f' } };
  const driver = { flags: ['shared'], file: { fs: 'special', name: 'f' } };
  const memory = { flags: ['shared'], file: { fs: 'xfs-dax', name: 'f' } };
  const hugetlb = { flags: ['private', 'hugetlb'] };
  const [ANON, PMDS] = [vma(0, 16), vma(0, 1_024)];

  test.each<[string, Event, object, string]>([
    ['a page to be read', mmap(0, 16, ext4), { folio: 'absent' }, 'wait_io'],
    ['a locked folio', mmap(0, 16, ext4), { folio: 'locked' }, 'wait_folio'],
    ['a mark for readahead', mmap(0, 16, ext4), { readahead: true }, 'wait_readahead'],
    ['both', mmap(0, 16, ext4), { folio: 'locked', readahead: true }, 'wait_folio + wait_readahead'],
    ['a page that a driver has', mmap(0, 16, driver), { folio: 'absent' }, ''],
    ['a page of a file that is memory', mmap(0, 16, memory), { folio: 'absent' }, ''],
    ['a locked folio of shmem', mmap(0, 16, tmpfs), { folio: 'locked' }, 'wait_folio'],
    ['shmem in swap', mmap(0, 16, tmpfs), { entry: 'swap' }, 'wait_sync_swap'],
    ['a hole being punched', mmap(0, 16, tmpfs), { hole_punch: true }, 'wait_folio'],
    ['swap on a disk', ANON, { entry: 'swap' }, 'wait_io'],
    ['swap in memory', ANON, { entry: 'swap', swap_sync: true }, 'wait_sync_swap'],
    ['swap in the swap cache', ANON, { entry: 'swap', folio: 'cached' }, ''],
    ['a locked folio of the swap cache', ANON, { entry: 'swap', folio: 'locked' }, 'wait_folio'],
    ['an entry that a device has for itself', ANON, { entry: 'device_exclusive' }, ''],
    ['one whose folio is locked', ANON, { entry: 'device_exclusive', folio: 'locked' }, 'wait_folio'],
    ['a page that migrates', ANON, { entry: 'migration' }, 'wait_migration'],
    ['a PMD that migrates', PMDS, { entry: 'migration', huge: 'pmd' }, 'wait_migration'],
    ['a hugetlb page that migrates', mmap(0, 1_024, hugetlb), { entry: 'migration' }, 'wait_migration'],
    ['a hugetlb page', mmap(0, 1_024, hugetlb), {}, ''],
    ['a write to a PMD', PMDS, { entry: 'present', huge: 'pmd', shared: true }, ''],
    ['one whose folio is locked', PMDS, { entry: 'present', huge: 'pmd', folio: 'locked' }, 'wait_folio'],
    ['a write to a PMD of a file', mmap(0, 1_024, dax), { entry: 'present', huge: 'pmd' }, ''],
    ['a NUMA hint', ANON, { numa_hint: true, entry: 'present' }, ''],
  ])('%s', async (_, mapping, page, waits) => {
    for (const model of ['mmap_lock', 'v7.2']) {
      const { wait_ns } = (await replay([mapping, fault(0, { page })], model, { costs })).row(model, -1);
      expect([model, partsOf(wait_ns)]).toEqual([model, waits]);
    }
  });
});
