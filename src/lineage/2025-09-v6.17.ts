/**
 * Linux 6.17: MADV_DONTNEED and MADV_FREE inside one VMA and reading /proc/PID/maps use the VMA lock; collapse marks its VMA
 * before it looks at the PMD.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.17',
  title: 'madvise and /proc/PID/maps under the VMA lock',
  author: 'Barry Song, Suren Baghdasaryan',
  date: '2025-09-28',
  link: 'https://lore.kernel.org/all/20250719182854.3166724-1-surenb@google.com/',
  merged: '6.17',
  commits: ['366a4532d96f'],
  parent: 'v6.15',
  changes: {
    'is_mergeable_anon_vma.unfaulted': {
      answer: 'yes',
      by: '879bca0a2c4f mm/vma: fix incorrectly disallowed anonymous VMA merges, in 6.16',
    },
    remap_move: { answer: 'each', by: 'mm/mremap: permit mremap() move of multiple VMAs' },
    'madvise_lock.dontneed': { answer: 'vma_read', by: 'mm: use per_vma lock for MADV_DONTNEED' },
    proc_maps: { answer: 'vma_read', by: 'fs/proc/task_mmu: read proc/pid/maps under per-vma lock' },
    'collapse_huge_page.start_write': {
      answer: 'before_check',
      by: '366a4532d96f, for MADV_DONTNEED under the VMA lock',
    },
  },
} satisfies StageData;
