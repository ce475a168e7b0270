/**
 * Neighbours: what a stage makes of a fault differs from its parent only where its own patches say so. By stage, each change
 * and the kinds of fault that have it, in the notation of kernel/kinds/kind.ts; what is held in sleep is said where it changes.
 */
import { expect, test } from 'vitest';
import { lineage } from '../../src/lineage/resolve.js';
import { KINDS } from '../kernel/kinds/index.js';
import { type StageId, spread } from '../kernel/kinds/kind.js';

type Changes = Record<string, readonly string[]>;

/** Those that try something before mmap_lock: new in nearly every kind. What is as it was for each of them: */
const FIRST: readonly StageId[] = ['spf_dufour_v12', 'spf_lespinasse_2021', 'rfc_2022', 'v6.4.0'];
const AS_BEFORE = ['kernel_mode_fault', 'device_private_pmd', 'marker_guard', 'uffd_wp_async', 'uffd_rwp'];

const REST: Partial<Record<StageId, Changes>> = {
  spf_lespinasse_2022: {
    'P -> - do_user_addr_fault.spf_abort_no_speculate': [
      'file_read_map_pages',
      'file_read_cached_fault',
      'file_private_write_cached_anon_vma',
      'file_private_cow_anon_vma',
    ],
    '- filemap_fault -> - do_user_addr_fault.spf_abort_no_speculate': [
      'file_read_readahead_mark',
      'file_read_miss_io',
      'file_folio_lock_contended',
      'file_private_write_miss',
    ],
    '- do_cow_fault.spf_abort_anon_vma -> - do_user_addr_fault.spf_abort_no_speculate': [
      'file_private_write_cached_no_anon_vma',
    ],
    '- wp_page_copy.spf_abort_anon_vma -> - do_user_addr_fault.spf_abort_no_speculate': [
      'file_private_cow_no_anon_vma',
    ],
    '-! filemap_fault -> -! do_user_addr_fault.spf_abort_no_speculate': ['beyond_eof'],
    '- do_swap_page -> - do_swap_page.spf_abort_swap': ['swap_cached_contended'],
    '- do_swap_page.spf_abort_swap_nopage -> - do_swap_page.spf_abort_swap': ['swap_new_sync_io', 'swap_new_async_io'],
    '- do_swap_page.spf_abort_non_swap_entry -> - do_swap_page.spf_abort_swap': [
      'migration_pte',
      'device_private_pte',
      'device_exclusive_uncontended',
      'device_exclusive_contended',
      'marker_uffd_wp',
    ],
    '-! do_swap_page.spf_abort_non_swap_entry -> -! do_swap_page.spf_abort_swap': ['hwpoison_entry', 'marker_poison'],
    'P -> - do_swap_page.spf_abort_swap': ['swap_cached_uncontended'],
  },
  'v6.4': {},
  'v6.5': {
    'A! lock_vma_under_rcu.vm_ops -> V! do_fault': ['vm_ops_no_fault'],
  },
  swap_uncontended_2023_04: {
    'R do_swap_page -> V': ['swap_cached_uncontended', 'device_private_pte', 'device_exclusive_uncontended'],
    'R do_swap_page -> R __folio_lock_or_retry': ['swap_cached_contended', 'swap_new_async_io'],
    'R do_swap_page | mmap_lock -> V | vma_lock': ['swap_new_sync_io', 'migration_pte'],
    'R do_swap_page -> R remove_device_exclusive_entry': ['device_exclusive_contended'],
    'R! do_swap_page -> V! do_swap_page.hwpoison': ['hwpoison_entry'],
    'R! do_swap_page -> V! handle_pte_marker.poison': ['marker_poison'],
  },
  swap_uncontended_2023_05: {
    'V -> R do_swap_page.device_private': ['device_private_pte'],
  },
  vma_unlocked_2023_06: {
    'V | vma_lock -> V | free': ['migration_pte'],
    'A lock_vma_under_rcu.userfaultfd_armed -> V': ['marker_uffd_wp'],
    'A lock_vma_under_rcu.userfaultfd_armed -> R handle_userfault': ['uffd_missing_anon', 'uffd_wp'],
  },
  v4_2023_06_28: {
    'V | free -> V | vma_lock': ['migration_pte'],
  },
  mm_unstable_2023_08: {
    'A lock_vma_under_rcu.vm_ops -> V': ['file_read_map_pages', 'file_private_cow_anon_vma', 'pfn_wp_no_ops'],
    'A lock_vma_under_rcu.vm_ops -> R do_read_fault': [
      'file_read_cached_fault',
      'file_read_readahead_mark',
      'file_read_miss_io',
      'file_folio_lock_contended',
      'shmem_read_new',
      'shmem_swapin',
      'shmem_hole_punch',
      'uffd_missing_shmem',
      'uffd_minor',
      'driver_fault_no_map_pages',
    ],
    'A lock_vma_under_rcu.vm_ops -> R do_cow_fault': [
      'file_private_write_cached_anon_vma',
      'file_private_write_cached_no_anon_vma',
      'file_private_write_miss',
    ],
    'A lock_vma_under_rcu.vm_ops -> R do_wp_page': ['file_private_cow_no_anon_vma'],
    'A lock_vma_under_rcu.vm_ops -> R do_shared_fault': [
      'file_shared_write_cached',
      'file_shared_write_miss',
      'shmem_write',
      'dax_pte_no_map_pages',
      'dax_pte_map_pages',
    ],
    'A lock_vma_under_rcu.vm_ops -> R wp_page_shared': ['file_shared_mkwrite'],
    'A! lock_vma_under_rcu.vm_ops -> R! do_read_fault': ['beyond_eof'],
    'R do_swap_page -> V': ['swap_cached_uncontended', 'device_exclusive_uncontended'],
    'R do_swap_page -> R __folio_lock_or_retry': ['swap_cached_contended', 'swap_new_async_io'],
    'R do_swap_page | mmap_lock -> V | vma_lock': ['swap_new_sync_io', 'migration_pte'],
    'R do_swap_page -> R do_swap_page.device_private': ['device_private_pte'],
    'R do_swap_page -> R remove_device_exclusive_entry': ['device_exclusive_contended'],
    'R! do_swap_page -> V! do_swap_page.hwpoison': ['hwpoison_entry'],
    'R! do_swap_page -> V! handle_pte_marker.poison': ['marker_poison'],
    'A lock_vma_under_rcu.userfaultfd_armed -> V': ['marker_uffd_wp'],
    'A lock_vma_under_rcu.userfaultfd_armed -> R handle_userfault': ['uffd_missing_anon', 'uffd_wp'],
    'A lock_vma_under_rcu.vm_ops -> R hugetlb_fault': [
      'hugetlb_shared',
      'hugetlb_private_no_anon_vma',
      'hugetlb_private_anon_vma',
      'hugetlb_uffd',
      'hugetlb_migration',
    ],
    'A lock_vma_under_rcu.vm_ops -> R create_huge_pmd': ['dax_huge_fault_pmd'],
    'A lock_vma_under_rcu.vm_ops -> R create_huge_pud': ['dax_huge_fault_pud'],
    'A lock_vma_under_rcu.vm_ops -> R wp_huge_pmd': ['huge_fault_wp'],
    'A lock_vma_under_rcu.vm_ops -> R wp_pfn_shared': ['pfn_mkwrite'],
  },
  'v6.6': {
    'R create_huge_pmd -> V': ['dax_huge_fault_pmd'],
    'R create_huge_pud -> V': ['dax_huge_fault_pud'],
    'R wp_huge_pmd -> V': ['huge_fault_wp'],
  },
  'v6.7': {
    'R do_read_fault -> V': ['file_read_cached_fault', 'shmem_read_new'],
    'R do_read_fault -> R do_async_mmap_readahead': ['file_read_readahead_mark'],
    'R do_read_fault -> R filemap_fault': ['file_read_miss_io'],
    'R do_read_fault -> R lock_folio_maybe_drop_mmap': ['file_folio_lock_contended'],
    'R do_cow_fault -> V': ['file_private_write_cached_anon_vma'],
    'R do_cow_fault -> R vmf_anon_prepare': ['file_private_write_cached_no_anon_vma'],
    'R do_cow_fault -> R filemap_fault': ['file_private_write_miss'],
    'R do_wp_page -> R vmf_anon_prepare': ['file_private_cow_no_anon_vma'],
    'R do_shared_fault | mmap_lock -> V | vma_lock': ['file_shared_write_cached'],
    'R do_shared_fault -> R filemap_fault': ['file_shared_write_miss'],
    'R wp_page_shared | mmap_lock -> V | vma_lock': ['file_shared_mkwrite'],
    'R do_shared_fault -> V': ['shmem_write', 'dax_pte_map_pages'],
    'R do_read_fault | mmap_lock -> V | vma_lock': ['shmem_swapin'],
    'R do_read_fault -> R shmem_falloc_wait': ['shmem_hole_punch'],
    'R! do_read_fault -> V! filemap_fault.eof': ['beyond_eof'],
    'R do_read_fault -> R handle_userfault': ['uffd_missing_shmem', 'uffd_minor'],
    '= -> V': ['uffd_wp_async'],
    'R do_shared_fault -> R vmf_can_call_fault': ['dax_pte_no_map_pages'],
    'R do_read_fault -> R vmf_can_call_fault': ['driver_fault_no_map_pages'],
    'R wp_pfn_shared -> R vmf_can_call_fault': ['pfn_mkwrite'],
  },
  'v6.8': {},
  'v6.9': {
    'R hugetlb_fault | mmap_lock -> V | vma_lock': ['hugetlb_shared', 'hugetlb_private_anon_vma', 'hugetlb_migration'],
    'R hugetlb_fault -> R vmf_anon_prepare': ['hugetlb_private_no_anon_vma'],
    'R hugetlb_fault -> R handle_userfault': ['hugetlb_uffd'],
  },
  'v6.10': {
    '-! do_user_addr_fault.access_error -> V! do_user_addr_fault.access_error': ['access_error'],
    'A lock_vma_under_rcu.anon_vma -> V': ['anon_read_no_anon_vma'],
    'A lock_vma_under_rcu.anon_vma -> T': ['anon_write_no_anon_vma', 'anon_thp_no_anon_vma', 'cow_zero_no_anon_vma'],
    'R vmf_anon_prepare -> T': [
      'file_private_write_cached_no_anon_vma',
      'file_private_cow_no_anon_vma',
      'hugetlb_private_no_anon_vma',
    ],
  },
  'v6.12': {},
  'v6.13': {
    '= -> V! handle_pte_marker.guard': ['marker_guard'],
  },
  'v6.15': {},
  'v6.17': {},
  'v6.18': {},
  'v7.2': {
    '= -> R do_huge_pmd_device_private': ['device_private_pmd'],
  },
  'v7.3': {
    '= -> R handle_userfault | free': ['uffd_rwp'],
  },
};

const CELLS = Object.entries(KINDS).map(([kind, { cells }]) => ({ kind, cells: spread(cells) }));

/** Both cells, without what is held in sleep where that is the same. */
function change(before: string, after: string): string {
  const [from, held] = before.split(' | ');
  const [to, heldAfter] = after.split(' | ');
  return held === heldAfter ? `${from} -> ${to}` : `${before} -> ${after}`;
}

function changesOf(stage: StageId, parent: StageId): Changes {
  const changes: Record<string, string[]> = {};
  for (const { kind, cells } of CELLS) {
    if (cells[stage] === cells[parent]) continue;
    const what = change(cells[parent], cells[stage]);
    changes[what] ??= [];
    changes[what].push(kind);
  }
  return changes;
}

const PARENTS = lineage.flatMap(({ id, parent }) => (parent === null ? [] : [[id, parent] as [StageId, StageId]]));

test('every stage but the first is in one of the tables, under its parent', () => {
  expect([...FIRST, ...Object.keys(REST)].sort()).toEqual(PARENTS.map(([id]) => id).sort());
});

test.each(PARENTS.filter(([id]) => id in REST))('%s differs from %s where its patches say so', (id, parent) => {
  expect(changesOf(id, parent)).toEqual(REST[id]);
});

test.each(FIRST)('%s leaves to mmap_lock what nobody has tried, and what is still to come', id => {
  const same = CELLS.filter(({ cells }) => cells[id] === cells.mmap_lock).map(({ kind }) => kind);
  expect(same).toEqual(AS_BEFORE);
});
