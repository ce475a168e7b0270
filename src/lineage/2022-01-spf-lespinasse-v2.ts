/** Speculative page faults by one sequence count for the whole mm, second version, on 5.17-rc: anonymous memory only. */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'spf_lespinasse_2022',
  title: '[PATCH v2 00/35] Speculative page faults',
  author: 'Michel Lespinasse',
  date: '2022-01-28',
  link: 'https://lore.kernel.org/all/20220128131006.67712-1-michel@lespinasse.org/',
  merged: null,
  parent: 'spf_lespinasse_2021',
  functions: {
    __folio_lock_or_retry: '__folio_lock_or_retry',
    lock_folio_maybe_drop_mmap: 'lock_folio_maybe_drop_mmap',
    remove_device_exclusive_entry: 'remove_device_exclusive_entry',
  },
  changes: {
    vma_can_speculate: { answer: 'anonymous', by: 'x86/mm: attempt speculative mm faults first' },
    'do_swap_page.speculative': { answer: 'abort', by: 'no speculative do_swap_page() in this version' },
    exit_mmap: {
      answer: 'write',
      by: '64591e8605d6 mm: protect free_pgtables with mmap_lock write lock in exit_mmap',
    },
    'userfaultfd_register.minor': { answer: 'present', by: 'userfaultfd: add minor fault registration mode, in 5.13' },
  },
} satisfies StageData;
