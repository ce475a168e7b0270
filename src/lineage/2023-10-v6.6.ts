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
  parent: 'mm_unstable_2023_08',
  changes: {
    create_huge_pmd: {
      answer: 'go',
      by: '40d49a3c9e4a mm: allow ->huge_fault() to be called without the mmap_lock held',
    },
    wp_huge_pmd: { answer: 'go', by: '40d49a3c9e4a mm: allow ->huge_fault() to be called without the mmap_lock held' },
  },
} satisfies StageData;
