/**
 * The proof of concept of per-VMA locks, on 6.0-rc3: a semaphore and a sequence number in the VMA. Anonymous memory that is
 * not in swap, in programs of more than one thread. It checks neither anon_vma nor userfaultfd nor, once it has the lock, the
 * bounds of the VMA.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'rfc_2022',
  title: '[RFC PATCH 00/28] per-VMA locks proposal',
  author: 'Suren Baghdasaryan',
  date: '2022-08-29',
  link: 'https://lore.kernel.org/all/20220829212531.3184856-1-surenb@google.com/',
  merged: null,
  parent: 'mmap_lock',
  lock: { answer: 'rwsem-seq', by: '05/28 mm: add per-VMA lock and helper functions to control it' },
  names: {
    lock_vma_under_rcu: 'find_and_lock_anon_vma',
    vma_start_read: 'vma_read_trylock',
    vma_end_read: 'vma_read_unlock',
  },
  functions: {
    lock_mm_and_find_vma: 'mmap_read_lock',
    'lock_mm_and_find_vma.trylock': 'mmap_read_trylock',
    'lock_mm_and_find_vma.unmapped': 'find_vma',
    expand_stack_locked: 'expand_stack',
    bad_area_nosemaphore: 'bad_area',
  },
  changes: {
    'do_brk_flags.merge': { answer: 'any', by: 'before 2e7ce7d354f2' },
    'do_user_addr_fault.access_error': {
      answer: 'mmap_lock',
      by: '22/28 x86/mm: try VMA lock-based page fault handling first',
    },
    'do_user_addr_fault.mm_users': {
      answer: 'mmap_lock',
      by: '22/28 x86/mm: try VMA lock-based page fault handling first',
    },
    'do_user_addr_fault.vma_end_read': {
      answer: 'always',
      by: '22/28 x86/mm: try VMA lock-based page fault handling first',
    },
    'do_user_addr_fault.tried': { answer: 'no', by: '22/28 x86/mm: try VMA lock-based page fault handling first' },
    'lock_vma_under_rcu.count': { answer: 'contended', by: '20/28 mm: introduce per-VMA lock statistics' },
    'lock_vma_under_rcu.vm_ops': { answer: 'anonymous', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    'lock_vma_under_rcu.anon_vma': { answer: 'go', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    'lock_vma_under_rcu.userfaultfd_armed': { answer: 'go', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    'lock_vma_under_rcu.range': { answer: 'never', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    'lock_vma_under_rcu.detached': { answer: 'give_up', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    do_swap_page: { answer: 'retry', by: '19/28 mm: disallow do_swap_page to handle page faults under VMA lock' },
    'do_swap_page.device_private': {
      answer: 'retry',
      by: '19/28 mm: disallow do_swap_page to handle page faults under VMA lock',
    },
    __folio_lock_or_retry: {
      answer: 'retry_at_once',
      by: '19/28 mm: disallow do_swap_page to handle page faults under VMA lock',
    },
    migration_entry_wait: {
      answer: 'wait_with_lock',
      by: '19/28 mm: disallow do_swap_page to handle page faults under VMA lock',
    },
    do_read_fault: { answer: 'retry', by: 'file mappings are not locked' },
    do_cow_fault: { answer: 'retry', by: 'file mappings are not locked' },
    do_shared_fault: { answer: 'retry', by: 'file mappings are not locked' },
    do_wp_page: { answer: 'vmf_anon_prepare', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    wp_page_shared: { answer: 'retry', by: 'file mappings are not locked' },
    wp_pfn_shared: { answer: 'retry', by: 'file mappings are not locked' },
    vmf_anon_prepare: { answer: 'unlocked', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    create_huge_pmd: { answer: 'retry', by: 'file mappings are not locked' },
    wp_huge_pmd: { answer: 'retry', by: 'file mappings are not locked' },
    do_huge_pmd_device_private: { answer: 'absent', by: 'new in 6.19' },
    hugetlb_fault: { answer: 'retry', by: 'file mappings are not locked' },
    handle_userfault: { answer: 'drops_mmap_lock', by: '21/28 mm: introduce find_and_lock_anon_vma' },
    'vma_merge.start_write': {
      answer: 'neighbours',
      by: '11/28 mm/mmap: mark VMAs as locked before merging or splitting them',
    },
    '__split_vma.start_write': { answer: 'target_and_next', by: '10/28 mm/mmap: mark VMAs as locked in vma_adjust' },
    'do_vmi_align_munmap.downgrade': {
      answer: 'unless_grows_then_mark',
      by: '15/28 mm/mmap: mark adjacent VMAs as locked if they can grow into unmapped area',
    },
    'mmap_region.start_write': {
      answer: 'after_store',
      by: '06/28 mm: mark VMA as locked whenever vma->vm_flags are modified',
    },
    'do_brk_flags.start_write': { answer: 'never', by: 'do_brk_flags() is not touched' },
    mm_drop_all_locks: {
      answer: 'end_early',
      by: '17/28 mm/mmap: prevent pagefault handler from racing with mmu_notifier registration',
    },
    exit_mmap: { answer: 'write', by: 'as in 6.0 (inferred)' },
    'vma_replace_policy.start_write': {
      answer: 'target',
      by: '09/28 mm/mempolicy: mark VMA as locked when changing protection policy',
    },
    'change_prot_numa.start_write': {
      answer: 'range',
      by: '09/28 mm/mempolicy: mark VMA as locked when changing protection policy',
    },
    madvise_collapse: { answer: 'absent', by: 'new in 6.1' },
    'dup_mmap.start_write': {
      answer: 'copied',
      by: '07/28 kernel/fork: mark VMAs as locked before copying pages during fork',
    },
    'expand_stack.lock': { answer: 'read', by: 'as in 6.0' },
  },
} satisfies StageData;
