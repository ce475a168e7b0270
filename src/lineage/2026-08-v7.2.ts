/** Linux 7.2: guard markers, smaps and numa_maps under the VMA lock; huge pages in device memory. */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v7.2',
  title: 'Guard markers and smaps under the VMA lock',
  author: 'Linus Torvalds',
  date: '2026-08-01',
  link: 'https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tag/?h=v7.2',
  merged: '7.2',
  parent: 'v6.18',
  changes: {
    do_huge_pmd_device_private: {
      answer: 'retry',
      by: 'mm/huge_memory: add device-private THP support to the fault handler',
    },
    'dup_mmap.start_write': {
      answer: 'all_killable',
      by: '7370f8e1b3a8 mm: use vma_start_write_killable() in dup_mmap()',
    },
    'madvise_lock.guard': { answer: 'vma_read', by: 'mm/madvise: allow guard page install/remove under VMA lock' },
    proc_smaps: { answer: 'vma_read', by: 'fs/proc/task_mmu: read smaps and numa_maps under per-vma lock' },
  },
} satisfies StageData;
