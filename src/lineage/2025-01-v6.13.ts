/**
 * Linux 6.13: MADV_GUARD_INSTALL puts guard markers into page tables instead of splitting VMAs.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.13',
  title: 'Guard markers',
  author: 'Lorenzo Stoakes',
  date: '2025-01-19',
  link: 'https://lore.kernel.org/all/cover.1730123433.git.lorenzo.stoakes@oracle.com/',
  merged: '6.13',
  parent: 'v6.12',
  changes: {
    'handle_pte_marker.guard': { answer: 'signal', by: 'mm: add PTE_MARKER_GUARD PTE marker' },
    'madvise_lock.guard': { answer: 'mmap_read', by: 'mm: madvise: implement lightweight guard page mechanism' },
  },
} satisfies StageData;
