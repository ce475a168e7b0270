/**
 * Linux 6.18: PROCMAP_QUERY uses the VMA lock.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.18',
  title: 'PROCMAP_QUERY under the VMA lock',
  author: 'Suren Baghdasaryan',
  date: '2025-11-30',
  link: 'https://lore.kernel.org/all/20250808152850.2580887-1-surenb@google.com/',
  merged: '6.18',
  parent: 'v6.17',
  changes: {
    procmap_query: { answer: 'vma_read', by: 'fs/proc/task_mmu: execute PROCMAP_QUERY ioctl under per-vma locks' },
  },
} satisfies StageData;
