/**
 * Linux 6.18: PROCMAP_QUERY uses the VMA lock. Its stable releases know which VMAs have guards.
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
    'vma_needs_copy.guard': {
      answer: 'vm_maybe_guard',
      by: '5dba5cc2e0ff mm: introduce VM_MAYBE_GUARD and make visible in /proc/$pid/smaps, in 6.19 and, as recorded, 6.18.44',
    },
    procmap_query: { answer: 'vma_read', by: 'fs/proc/task_mmu: execute PROCMAP_QUERY ioctl under per-vma locks' },
  },
} satisfies StageData;
