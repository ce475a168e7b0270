/**
 * Swap and userfaults under the VMA lock, version 4: RETRY or COMPLETED means that the lock was dropped, as it does for mmap_lock,
 * and a migration is waited for with the VMA lock held. Version 7 is what was merged, in 6.6.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v4_2023_06_28',
  title: '[PATCH v4 0/6] Per-VMA lock support for swap and userfaults',
  author: 'Suren Baghdasaryan',
  date: '2023-06-28',
  link: 'https://lore.kernel.org/all/20230628071800.544800-1-surenb@google.com/',
  merged: null,
  parent: 'vma_unlocked_2023_06',
  changes: {
    'do_user_addr_fault.vma_end_read': {
      answer: 'unless_retry_or_completed',
      by: '3/6 mm: drop per-VMA lock when returning VM_FAULT_RETRY or VM_FAULT_COMPLETED',
    },
    migration_entry_wait: { answer: 'wait_with_lock', by: 'the patch that dropped the lock before it is gone' },
  },
} satisfies StageData;
