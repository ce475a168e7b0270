/** Swap faults under the VMA lock, third version: ->migrate_to_ram() is not ready for it and goes to mmap_lock again. */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'swap_uncontended_2023_05',
  title: '[PATCH 1/3] mm: handle swap page faults under VMA lock if page is uncontended',
  author: 'Suren Baghdasaryan',
  date: '2023-05-01',
  link: 'https://lore.kernel.org/all/20230501175025.36233-1-surenb@google.com/',
  merged: null,
  parent: 'swap_uncontended_2023_04',
  changes: {
    'do_swap_page.device_private': {
      answer: 'retry',
      by: '1/3 mm: handle swap page faults under VMA lock if page is uncontended',
    },
  },
} satisfies StageData;
