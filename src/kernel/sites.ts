/**
 * Every place where the lineage ever changed its mind: the kernel function, the fact it looks at, the answers allowed.
 *
 * Who must answer a site: `vma` those with a VMA lock, `speculation` those that speculate, `fast` both, `all` every stage. A
 * series that cannot be said with these sites adds one here (all who must then answer it), never a test on a version in the
 * machinery.
 */

export interface Site {
  readonly floor: 'vma' | 'speculation' | 'fast' | 'all';
  /** what the kernel looks at */
  readonly fact: string;
  readonly answers: readonly string[];
}

const site =
  <const F extends Site['floor']>(floor: F) =>
  <const A extends readonly string[]>(fact: string, ...answers: A) =>
    ({ floor, fact, answers }) as const;
const vma = site('vma');
const speculation = site('speculation');
const fast = site('fast');
const all = site('all');

export const SITES = {
  // arch/x86/mm/fault.c
  'do_user_addr_fault.access_error': vma('the VMA forbids the access', 'mmap_lock', 'signal'),
  'do_user_addr_fault.mm_users': fast('only one thread uses the mm', 'mmap_lock', 'go'),
  'do_user_addr_fault.vma_end_read': vma(
    'handle_mm_fault() returned: who drops the VMA lock',
    'always',
    'unless_vma_unlocked',
    'unless_retry_or_completed',
  ),
  'do_user_addr_fault.tried': vma('the VMA-lock attempt returned RETRY and MAJOR', 'no', 'major'),

  // mm/memory.c, since 6.18 mm/mmap_lock.c
  'lock_vma_under_rcu.count': vma('which failed lookups count as aborts', 'contended', 'all'),
  'lock_vma_under_rcu.vm_ops': vma('which VMAs may be locked', 'anonymous', 'anonymous_or_tcp', 'any'),
  'lock_vma_under_rcu.anon_vma': vma(
    'an anonymous VMA without anon_vma',
    'abort_before_lock',
    'abort_after_lock',
    'go',
  ),
  'lock_vma_under_rcu.userfaultfd_armed': vma('a userfaultfd is registered on the VMA', 'abort', 'go'),
  'lock_vma_under_rcu.range': vma(
    'when the bounds of the locked VMA are checked again',
    'never',
    'before_detached',
    'after_detached',
  ),
  'lock_vma_under_rcu.detached': vma('the locked VMA is detached', 'give_up', 'again'),

  // mm/memory.c, top to bottom as handle_mm_fault() meets them
  do_swap_page: vma('a page-table entry that is not present', 'retry', 'go'),
  'do_swap_page.device_private': vma('a device-private entry', 'retry', 'go'),
  'do_swap_page.uffd_wp': all('a write to a swapped page that a userfaultfd write-protects', 'handled', 'userfault'),
  'do_swap_page.speculative': speculation('a page-table entry that is not present', 'sleep', 'swap_cache', 'abort'),
  'handle_pte_marker.uffd_wp': all('a marker of userfaultfd write protection', 'absent', 'missing'),
  'handle_pte_marker.poison': all('a poison marker', 'absent', 'signal'),
  'handle_pte_marker.guard': all('a guard marker', 'absent', 'signal'),
  __folio_lock_or_retry: vma(
    'the folio is locked by another task',
    'retry_at_once',
    'release_and_wait',
    'wait_with_lock',
  ),
  migration_entry_wait: vma('a migration entry', 'wait_with_lock', 'release_and_return', 'release_and_wait'),
  do_read_fault: vma('a read fault that ->map_pages did not settle', 'retry', 'map_pages'),
  do_cow_fault: vma('a write fault on a private file mapping', 'retry', 'map_pages'),
  do_shared_fault: vma('a write fault on a shared mapping', 'retry', 'map_pages'),
  do_wp_page: vma('copy on write in a VMA without anon_vma', 'retry', 'vmf_anon_prepare'),
  wp_page_shared: vma('a write to a read-only shared page with ->page_mkwrite', 'retry', 'map_pages'),
  wp_pfn_shared: vma('a write to a read-only PFN with ->pfn_mkwrite', 'retry', 'map_pages'),
  vmf_anon_prepare: vma('an anonymous page for a VMA without anon_vma', 'unlocked', 'retry', 'trylock'),
  create_huge_pmd: vma('->huge_fault on an empty PMD or PUD', 'retry', 'go'),
  wp_huge_pmd: vma('->huge_fault on a write-protected PMD or PUD', 'retry', 'go'),
  do_huge_pmd_device_private: vma('a device-private PMD', 'absent', 'retry'),
  hugetlb_fault: vma('a hugetlb mapping', 'retry', 'go'),
  handle_userfault: vma(
    'a fault a userfaultfd monitor must resolve',
    'drops_mmap_lock',
    'unreachable',
    'release_and_wait',
  ),
  vma_can_speculate: speculation('which VMAs', 'without_fault_op', 'anonymous_or_file', 'anonymous'),

  // fs/userfaultfd.c
  'userfaultfd_register.wp': all('write protection by userfaultfd', 'absent', 'anonymous', 'any'),
  'userfaultfd_register.minor': all('minor faults to userfaultfd', 'absent', 'present'),
  'userfaultfd_register.wp_async': all('UFFD_FEATURE_WP_ASYNC', 'absent', 'present'),
  'userfaultfd_register.rwp': all('read-write protection by userfaultfd', 'absent', 'present'),

  // include/linux/mman.h; mm/mmap.c, since 6.12 mm/vma.c
  'calc_vm_flag_bits.stack': all('mmap with MAP_STACK', 'ignored', 'nohugepage'),
  'vma_merge.start_write': all('which VMAs are marked when a range may merge', 'participants', 'neighbours'),
  'is_mergeable_anon_vma.unfaulted': all('a faulted range beside a VMA that never faulted', 'no', 'yes'),
  '__split_vma.start_write': all('which parts of a split are marked', 'target', 'target_and_next', 'both'),
  '__split_vma.first': all('which part of the first split of a munmap is the new VMA', 'above', 'below'),
  '__split_vma.last': all('which part of its last split is', 'below', 'above'),
  'do_vmi_align_munmap.downgrade': all('munmap removed its VMAs', 'unless_grows', 'unless_grows_then_mark', 'always'),
  'mmap_region.fixed': all('MAP_FIXED over existing VMAs', 'munmap_then_insert', 'gather'),
  'mmap_region.start_write': all('when a new VMA is marked', 'before_store', 'after_store'),
  'mprotect_fixup.account': all(
    'VM_ACCOUNT of anonymous memory made read-only before its first fault',
    'stays',
    'goes',
  ),
  'do_brk_flags.merge': all('what the heap joins', 'any', 'heap'),
  'do_brk_flags.start_write': all('when a new heap is marked', 'before_store', 'after_store', 'never'),
  'expand_stack.lock': all('stack growth', 'read', 'write', 'write_and_mark'),
  remap_move: all('one mremap that moves a range of several VMAs: how many', 'one', 'each'),
  remap_file_pages: all('remap_file_pages', 'write', 'read_then_write'),
  mm_drop_all_locks: all('an mmu_notifier was registered: the marks on all VMAs', 'end_early', 'stay'),
  exit_mmap: all('the last user of an mm is gone', 'no_lock', 'write', 'read_then_write'),

  // kernel/fork.c, since 6.18 mm/mmap.c
  'dup_mmap.start_write': all('which parent VMAs fork marks', 'none', 'copied', 'all', 'all_killable'),
  'dup_mmap.child': all('which VMAs of the child it marks', 'none', 'all'),

  // mm/memory.c
  'vma_needs_copy.guard': all('guards in a file: what tells fork to copy them', 'anon_vma', 'vm_maybe_guard'),

  // mm/mseal.c
  mseal: all('mseal', 'absent', 'write'),

  // mm/madvise.c
  'madvise_lock.dontneed': all('MADV_DONTNEED, MADV_DONTNEED_LOCKED and MADV_FREE', 'mmap_read', 'vma_read'),
  'madvise_lock.guard': all('MADV_GUARD_INSTALL and MADV_GUARD_REMOVE', 'absent', 'mmap_read', 'vma_read'),
  is_valid_guard_vma: all('which VMAs may have guards', 'anonymous', 'any'),

  // mm/mempolicy.c
  'queue_pages_range.start_write': all('mbind looks for pages: which VMAs are marked', 'none', 'range'),
  'vma_replace_policy.start_write': all('mbind puts the policy into a VMA', 'none', 'target'),
  'change_prot_numa.start_write': all('a NUMA scan, under the read lock', 'none', 'range'),

  // mm/khugepaged.c
  madvise_collapse: all('MADV_COLLAPSE', 'absent', 'present'),
  'collapse_huge_page.start_write': all('when collapse marks its VMA', 'after_check', 'before_check'),
  retract_page_tables: all(
    'a huge page of a file: the page tables of its mappings',
    'write',
    'write_and_mark',
    'no_lock',
  ),

  // fs/userfaultfd.c, mm/userfaultfd.c
  uffd_mfill_lock: all('UFFDIO_COPY, ZEROPAGE and CONTINUE', 'mmap_read', 'vma_read'),
  uffd_move_lock: all('UFFDIO_MOVE', 'absent', 'mmap_read', 'vma_read'),

  // fs/proc/task_mmu.c
  proc_maps: all('reading /proc/PID/maps', 'mmap_read', 'vma_read'),
  procmap_query: all('PROCMAP_QUERY', 'absent', 'mmap_read', 'vma_read'),
  proc_smaps: all('reading /proc/PID/smaps and numa_maps', 'mmap_read', 'vma_read'),
  'clear_refs_write.start_write': all('writing to /proc/PID/clear_refs', 'soft_dirty', 'all'),
} as const satisfies Record<string, Site>;

export type SiteName = keyof typeof SITES;
export type Answers = { readonly [S in SiteName]: (typeof SITES)[S]['answers'][number] };
