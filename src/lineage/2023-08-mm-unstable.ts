/**
 * mm-unstable of August 2023: 6.6 but for the last patches of its series, so that ->huge_fault still needs mmap_lock. What
 * "mm: allow ->huge_fault() to be called without the mmap_lock held" changes is what lies between this and v6.6.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'mm_unstable_2023_08',
  title: 'mm-unstable before ->huge_fault() without mmap_lock',
  author: 'Suren Baghdasaryan, Matthew Wilcox',
  date: '2023-08-18',
  link: 'https://lore.kernel.org/all/20230818202335.2739663-3-willy@infradead.org/',
  merged: null,
  commits: ['4089eef0e6ac', '1235ccd05b6d', '29a22b9e08d7', '350f6bbca1de'],
  parent: 'v6.5',
  changes: {
    'lock_vma_under_rcu.vm_ops': { answer: 'any', by: '350f6bbca1de mm: allow per-VMA locks on file-backed VMAs' },
    'lock_vma_under_rcu.userfaultfd_armed': { answer: 'go', by: '29a22b9e08d7 mm: handle userfaults under VMA lock' },
    'do_user_addr_fault.vma_end_read': {
      answer: 'unless_retry_or_completed',
      by: '4089eef0e6ac mm: drop per-VMA lock when returning VM_FAULT_RETRY or VM_FAULT_COMPLETED',
    },
    do_swap_page: { answer: 'go', by: '1235ccd05b6d mm: handle swap page faults under per-VMA lock' },
    __folio_lock_or_retry: {
      answer: 'release_and_wait',
      by: '1235ccd05b6d mm: handle swap page faults under per-VMA lock',
    },
    handle_userfault: { answer: 'release_and_wait', by: '29a22b9e08d7 mm: handle userfaults under VMA lock' },
    '__split_vma.start_write': {
      answer: 'both',
      by: 'ad9f006351c3 mm: always lock new vma before inserting into vma tree',
    },
    'do_brk_flags.start_write': {
      answer: 'before_store',
      by: 'ad9f006351c3 mm: always lock new vma before inserting into vma tree',
    },
    mm_drop_all_locks: { answer: 'stay', by: "mm: don't drop VMA locks in mm_drop_all_locks()" },
    retract_page_tables: {
      answer: 'no_lock',
      by: '1d65b771bc08 mm/khugepaged: retract_page_tables() without mmap or vma lock',
    },
    '__split_vma.first': { answer: 'below', by: 'as read in 6.6; its patch is not identified' },
  },
} satisfies StageData;
