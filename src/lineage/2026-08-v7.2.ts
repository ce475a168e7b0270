/**
 * Linux 7.2: smaps and numa_maps under the VMA lock; since 6.19 guard markers too, and huge pages in device memory. Its date is
 * inferred from the cadence of releases.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v7.2',
  title: 'Guard markers and smaps under the VMA lock',
  author: 'Suren Baghdasaryan, Lorenzo Stoakes, Balbir Singh',
  date: '2026-08-16',
  link: 'https://lore.kernel.org/all/20260424070234.190145-1-surenb@google.com/',
  merged: '7.2',
  commits: ['ea3085dd7a4e', '2ab7f1bbafc9', '4964099163d0'],
  parent: 'v6.18',
  changes: {
    do_huge_pmd_device_private: {
      answer: 'retry',
      by: '4964099163d0 mm/memory/fault: add THP fault handling for zone device private pages, in 6.19',
    },
    'madvise_lock.guard': {
      answer: 'vma_read',
      by: '2ab7f1bbafc9 mm/madvise: allow guard page install/remove under VMA lock, in 6.19',
    },
    proc_smaps: {
      answer: 'vma_read',
      by: 'ea3085dd7a4e fs/proc/task_mmu: read proc/pid/{smaps|numa_maps} under per-vma lock',
    },
    'dup_mmap.start_write': {
      answer: 'all_killable',
      by: '7370f8e1b3a8 mm: use vma_start_write_killable() in dup_mmap(), in 6.19',
    },
  },
} satisfies StageData;
