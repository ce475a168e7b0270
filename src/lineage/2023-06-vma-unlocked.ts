/**
 * Swap and userfaults under the VMA lock, version 2: who drops the lock says so with VM_FAULT_VMA_UNLOCKED. A wait for a locked
 * folio, for a monitor and for a migration is slept without any lock.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'vma_unlocked_2023_06',
  title: '[PATCH v2 0/6] Per-VMA lock support for swap and userfaults',
  author: 'Suren Baghdasaryan',
  date: '2023-06-09',
  link: 'https://lore.kernel.org/all/20230609005158.2421285-1-surenb@google.com/',
  merged: null,
  parent: 'swap_uncontended_2023_05',
  changes: {
    'do_user_addr_fault.vma_end_read': {
      answer: 'unless_vma_unlocked',
      by: '4/6 mm: drop VMA lock before waiting for migration',
    },
    'lock_vma_under_rcu.userfaultfd_armed': { answer: 'go', by: '6/6 mm: handle userfaults under VMA lock' },
    __folio_lock_or_retry: { answer: 'release_and_wait', by: '5/6 mm: implement folio wait under VMA lock' },
    migration_entry_wait: { answer: 'release_and_return', by: '4/6 mm: drop VMA lock before waiting for migration' },
    handle_userfault: { answer: 'release_and_wait', by: '6/6 mm: handle userfaults under VMA lock' },
  },
} satisfies StageData;
