/**
 * Every place where the lineage ever changed its mind: the kernel function, the fact it looks at, the answers allowed.
 *
 * `fault` sites are asked only by a stage that has a VMA lock; `op` sites by every stage. A series that cannot be said with
 * these sites adds one here (all stages must then answer it), never a test on a version in the machinery.
 */

export interface Site {
  readonly floor: 'fault' | 'op';
  /** what the kernel looks at */
  readonly fact: string;
  readonly answers: readonly string[];
}

const fault = <const A extends readonly string[]>(fact: string, ...answers: A) =>
  ({ floor: 'fault', fact, answers }) as const;
const op = <const A extends readonly string[]>(fact: string, ...answers: A) =>
  ({ floor: 'op', fact, answers }) as const;

export const SITES = {
  // arch/x86/mm/fault.c
  'do_user_addr_fault.access_error': fault('the VMA forbids the access', 'mmap_lock', 'signal'),
  'do_user_addr_fault.vma_end_read': fault('handle_mm_fault() returned', 'always', 'unless_retry_or_completed'),
  'do_user_addr_fault.tried': fault('the VMA-lock attempt returned RETRY and MAJOR', 'no', 'major'),

  // mm/memory.c, since 6.18 mm/mmap_lock.c
  'lock_vma_under_rcu.vm_ops': fault('which VMAs may be locked', 'anonymous', 'anonymous_or_tcp', 'any'),
  'lock_vma_under_rcu.anon_vma': fault(
    'an anonymous VMA without anon_vma',
    'abort_before_lock',
    'abort_after_lock',
    'go',
  ),
  'lock_vma_under_rcu.userfaultfd_armed': fault('a userfaultfd is registered on the VMA', 'abort', 'go'),
  'lock_vma_under_rcu.range': fault(
    'when the bounds of the locked VMA are checked again',
    'before_detached',
    'after_detached',
  ),

  // mm/memory.c, top to bottom as handle_mm_fault() meets them
  do_swap_page: fault('a page-table entry that is not present', 'retry', 'go'),
  'do_swap_page.device_private': fault('a device-private entry', 'retry', 'go'),
  'handle_pte_marker.guard': fault('a guard marker', 'absent', 'signal'),
  __folio_lock_or_retry: fault('the folio is locked by another task', 'retry_at_once', 'release_and_wait'),
  migration_entry_wait: fault('a migration entry', 'wait_with_lock', 'release_and_wait'),
  do_read_fault: fault('a read fault that ->map_pages did not settle', 'retry', 'map_pages'),
  do_cow_fault: fault('a write fault on a private file mapping', 'retry', 'map_pages'),
  do_shared_fault: fault('a write fault on a shared mapping', 'retry', 'map_pages'),
  do_wp_page: fault('copy on write in a VMA without anon_vma', 'retry', 'vmf_anon_prepare'),
  wp_page_shared: fault('a write to a read-only shared page with ->page_mkwrite', 'retry', 'map_pages'),
  wp_pfn_shared: fault('a write to a read-only PFN with ->pfn_mkwrite', 'retry', 'map_pages'),
  vmf_anon_prepare: fault('an anonymous page for a VMA without anon_vma', 'retry', 'trylock'),
  create_huge_pmd: fault('->huge_fault on an empty PMD or PUD', 'retry', 'go'),
  wp_huge_pmd: fault('->huge_fault on a write-protected PMD or PUD', 'retry', 'go'),
  do_huge_pmd_device_private: fault('a device-private PMD', 'absent', 'retry'),
  hugetlb_fault: fault('a hugetlb mapping', 'retry', 'go'),
  handle_userfault: fault('a fault a userfaultfd monitor must resolve', 'unreachable', 'release_and_wait'),

  // mm/mmap.c, since 6.12 mm/vma.c
  'do_vmi_align_munmap.downgrade': op('munmap removed its VMAs', 'unless_grows', 'always'),
  '__split_vma.start_write': op('which parts of a split are marked', 'target', 'both'),
  '__split_vma.first': op('which part of the first split of a munmap is the new VMA', 'above', 'below'),
  'is_mergeable_anon_vma.unfaulted': op('a faulted range beside a VMA that never faulted', 'no', 'yes'),
  'mmap_region.fixed': op('MAP_FIXED over existing VMAs', 'munmap_then_insert', 'gather'),
  'dup_mmap.start_write': op('which parent VMAs fork marks', 'none', 'all'),
  'expand_stack.lock': op('stack growth', 'read', 'write', 'write_and_mark'),
  remap_file_pages: op('remap_file_pages', 'write', 'read_then_write'),
  mseal: op('mseal', 'absent', 'write'),

  // mm/madvise.c
  'madvise_lock.dontneed': op('MADV_DONTNEED, MADV_DONTNEED_LOCKED and MADV_FREE', 'mmap_read', 'vma_read'),
  'madvise_lock.guard': op('MADV_GUARD_INSTALL and MADV_GUARD_REMOVE', 'absent', 'mmap_read', 'vma_read'),

  // mm/mempolicy.c, mm/khugepaged.c
  'queue_pages_range.start_write': op('mbind', 'none', 'range'),
  'collapse_huge_page.start_write': op('when collapse marks its VMA', 'after_check', 'before_check'),

  // fs/userfaultfd.c, mm/userfaultfd.c
  uffd_mfill_lock: op('UFFDIO_COPY, ZEROPAGE and CONTINUE', 'mmap_read', 'vma_read'),
  uffd_move_lock: op('UFFDIO_MOVE', 'absent', 'mmap_read', 'vma_read'),

  // fs/proc/task_mmu.c
  proc_maps: op('reading /proc/PID/maps', 'mmap_read', 'vma_read'),
  procmap_query: op('PROCMAP_QUERY', 'absent', 'mmap_read', 'vma_read'),
  proc_smaps: op('reading /proc/PID/smaps and numa_maps', 'mmap_read', 'vma_read'),
} as const satisfies Record<string, Site>;

export type SiteName = keyof typeof SITES;
export type Answers = { readonly [S in SiteName]: (typeof SITES)[S]['answers'][number] };
