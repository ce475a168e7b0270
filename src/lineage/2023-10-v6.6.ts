/**
 * Linux 6.6: any VMA may be locked. Swap entries, userfaults, fault-around and ->huge_fault are handled under the VMA lock; who
 * has to wait for a folio or a monitor drops it first (VM_FAULT_RETRY means dropped). ->fault still wants mmap_lock.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.6',
  title: 'Swap and userfaults under the VMA lock',
  author: 'Suren Baghdasaryan, Matthew Wilcox',
  date: '2023-10-29',
  link: 'https://lore.kernel.org/all/20230630211957.1341547-1-surenb@google.com/',
  merged: '6.6',
  parent: 'v6.5',
  changes: {
    'lock_vma_under_rcu.vm_ops': { answer: 'any', by: 'mm: allow per-VMA locks on file-backed VMAs' },
    'lock_vma_under_rcu.userfaultfd_armed': { answer: 'go', by: 'mm: handle userfaults under VMA lock' },
    'do_user_addr_fault.vma_end_read': {
      answer: 'unless_retry_or_completed',
      by: 'mm: drop per-VMA lock when returning VM_FAULT_RETRY or VM_FAULT_COMPLETED',
    },
    do_swap_page: { answer: 'go', by: 'mm: handle swap page faults under per-VMA lock' },
    __folio_lock_or_retry: { answer: 'release_and_wait', by: 'mm: handle swap page faults under per-VMA lock' },
    handle_userfault: { answer: 'release_and_wait', by: 'mm: handle userfaults under VMA lock' },
    create_huge_pmd: { answer: 'go', by: 'mm: allow ->huge_fault() to be called without the mmap_lock held' },
    wp_huge_pmd: { answer: 'go', by: 'mm: allow ->huge_fault() to be called without the mmap_lock held' },
    '__split_vma.start_write': {
      answer: 'both',
      by: 'ad9f006351c3 mm: always lock new vma before inserting into vma tree',
    },
    '__split_vma.first': { answer: 'below', by: 'as read in 6.6; its patch is not identified' },
  },
} satisfies StageData;
