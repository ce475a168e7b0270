/**
 * Linux 6.4.0: per-VMA locks as merged. A user fault in an anonymous VMA that already has an anon_vma is handled under the
 * lock of its VMA; everything else takes mmap_lock as before. Before the fixes of 6.4.1 to 6.4.10: fork marks nothing, and a
 * stack grows under the read lock.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.4.0',
  title: '[PATCH v4 00/33] Per-VMA locks',
  author: 'Suren Baghdasaryan',
  date: '2023-06-25',
  link: 'https://lore.kernel.org/all/20230227173632.3292573-1-surenb@google.com/',
  merged: '6.4.0',
  commits: ['5e31275cc997', '50ee32537206', '0bff0aaea03e'],
  parent: 'mmap_lock',
  lock: { answer: 'rwsem-seq', by: '5e31275cc997 mm: add per-VMA lock and helper functions to control it' },
  functions: {
    lock_mm_and_find_vma: 'mmap_read_lock',
    'lock_mm_and_find_vma.trylock': 'mmap_read_trylock',
    'lock_mm_and_find_vma.unmapped': 'find_vma',
    expand_stack_locked: 'expand_stack',
    bad_area_nosemaphore: 'bad_area',
  },
  changes: {
    'do_user_addr_fault.access_error': {
      answer: 'mmap_lock',
      by: '0bff0aaea03e x86/mm: try VMA lock-based page fault handling first',
    },
    'do_user_addr_fault.mm_users': {
      answer: 'go',
      by: '0bff0aaea03e x86/mm: try VMA lock-based page fault handling first',
    },
    'do_user_addr_fault.vma_end_read': {
      answer: 'always',
      by: '0bff0aaea03e x86/mm: try VMA lock-based page fault handling first',
    },
    'do_user_addr_fault.tried': {
      answer: 'no',
      by: '0bff0aaea03e x86/mm: try VMA lock-based page fault handling first',
    },
    'lock_vma_under_rcu.count': { answer: 'all', by: '52f238653e45 mm: introduce per-VMA lock statistics' },
    'lock_vma_under_rcu.vm_ops': { answer: 'anonymous', by: '50ee32537206 mm: introduce lock_vma_under_rcu' },
    'lock_vma_under_rcu.anon_vma': {
      answer: 'abort_before_lock',
      by: '2ac0af1b66e3 mm: fall back to mmap_lock if vma->anon_vma is not yet set',
    },
    'lock_vma_under_rcu.userfaultfd_armed': {
      answer: 'abort',
      by: '444eeb17437a mm: prevent userfaults to be handled under per-vma lock',
    },
    'lock_vma_under_rcu.range': { answer: 'before_detached', by: '50ee32537206 mm: introduce lock_vma_under_rcu' },
    'lock_vma_under_rcu.detached': { answer: 'again', by: '50ee32537206 mm: introduce lock_vma_under_rcu' },
    do_swap_page: {
      answer: 'retry',
      by: '17c05f18e541 mm: prevent do_swap_page from handling page faults under VMA lock',
    },
    'do_swap_page.device_private': {
      answer: 'retry',
      by: '17c05f18e541 mm: prevent do_swap_page from handling page faults under VMA lock',
    },
    __folio_lock_or_retry: {
      answer: 'retry_at_once',
      by: '17c05f18e541 mm: prevent do_swap_page from handling page faults under VMA lock',
    },
    migration_entry_wait: {
      answer: 'wait_with_lock',
      by: '17c05f18e541 mm: prevent do_swap_page from handling page faults under VMA lock',
    },
    do_read_fault: { answer: 'retry', by: 'file mappings are not locked' },
    do_cow_fault: { answer: 'retry', by: 'file mappings are not locked' },
    do_shared_fault: { answer: 'retry', by: 'file mappings are not locked' },
    do_wp_page: { answer: 'retry', by: 'file mappings are not locked' },
    wp_page_shared: { answer: 'retry', by: 'file mappings are not locked' },
    wp_pfn_shared: { answer: 'retry', by: 'file mappings are not locked' },
    vmf_anon_prepare: {
      answer: 'retry',
      by: '2ac0af1b66e3 mm: fall back to mmap_lock if vma->anon_vma is not yet set',
    },
    create_huge_pmd: { answer: 'retry', by: 'file mappings are not locked' },
    wp_huge_pmd: { answer: 'retry', by: 'file mappings are not locked' },
    do_huge_pmd_device_private: { answer: 'absent', by: 'new in 7.2' },
    hugetlb_fault: { answer: 'retry', by: 'file mappings are not locked' },
    handle_userfault: {
      answer: 'unreachable',
      by: '444eeb17437a mm: prevent userfaults to be handled under per-vma lock',
    },
    '__split_vma.last': { answer: 'above', by: '183654ce26a5 mmap: change do_mas_munmap and do_mas_aligned_munmap()' },
    'mmap_region.start_write': {
      answer: 'after_store',
      by: 'bc292ab00f6c mm: introduce vma->vm_flags wrapper functions, by vm_flags_set(VM_SOFTDIRTY)',
    },
    'do_brk_flags.start_write': {
      answer: 'after_store',
      by: 'bc292ab00f6c mm: introduce vma->vm_flags wrapper functions, by vm_flags_set(VM_SOFTDIRTY)',
    },
    'dup_mmap.child': {
      answer: 'all',
      by: 'bc292ab00f6c mm: introduce vma->vm_flags wrapper functions, by vm_flags_clear(VM_LOCKED_MASK)',
    },
    mm_drop_all_locks: {
      answer: 'end_early',
      by: 'eeff9a5d47f8 mm/mmap: prevent pagefault handler from racing with mmu_notifier registration',
    },
    retract_page_tables: {
      answer: 'write_and_mark',
      by: 'mm/khugepaged: write-lock VMA while collapsing a huge page',
    },
    'expand_stack.lock': { answer: 'read', by: 'as in 6.3; see 8d7071af8907' },
  },
} satisfies StageData;
