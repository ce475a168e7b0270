/**
 * Swap faults under the VMA lock, first version: only when the folio cannot be locked at once does the fault go to mmap_lock. The
 * wait for a migration, and ->migrate_to_ram(), happen with the VMA lock held.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'swap_uncontended_2023_04',
  title: '[PATCH 1/1] mm: handle swap page faults if the faulting page can be locked',
  author: 'Suren Baghdasaryan',
  date: '2023-04-14',
  link: 'https://lore.kernel.org/all/20230414180043.1839745-1-surenb@google.com/',
  merged: null,
  parent: 'v6.4.0',
  changes: {
    do_swap_page: { answer: 'go', by: '1/1 mm: handle swap page faults if the faulting page can be locked' },
    'do_swap_page.device_private': {
      answer: 'go',
      by: '1/1 mm: handle swap page faults if the faulting page can be locked',
    },
  },
} satisfies StageData;
