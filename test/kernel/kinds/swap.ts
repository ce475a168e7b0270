/** Entries that are not present: in swap, migrating, on a device, poisoned, markers. */
import {
  ANON,
  ANON_PMDS,
  asleep,
  HUGE,
  inPmd,
  type Kind,
  MMAP,
  NOT_PRESENT,
  read,
  register,
  trace,
  WAIT,
  write,
} from './kind.js';

const SIGNAL = {
  mmap_lock: '',
  spf_dufour_v12: '',
  spf_lespinasse_2021: '-! do_swap_page.spf_abort_non_swap_entry',
  spf_lespinasse_2022: '-! do_swap_page.spf_abort_swap',
  rfc_2022: 'R! do_swap_page',
};
const NOPAGE = '- do_swap_page.spf_abort_swap_nopage';
const LOCKED = { ...NOT_PRESENT, swap_uncontended_2023_04: 'R __folio_lock_or_retry' };
const MIGRATES = asleep('mmap_lock', { ...NOT_PRESENT, spf_dufour_v12: 'P | free' });
const plain = trace(ANON, write());

export const SWAP_KINDS: Record<string, Kind> = {
  swap_cached_uncontended: {
    events: trace(ANON, read({ entry: 'swap', folio: 'cached' })),
    cells: {
      ...NOT_PRESENT,
      spf_lespinasse_2021: 'P',
      swap_uncontended_2023_04: 'V',
    },
  },
  swap_cached_contended: {
    events: trace(ANON, read({ entry: 'swap', folio: 'locked', wait: WAIT })),
    cells: asleep('free', { ...LOCKED, spf_lespinasse_2021: '- do_swap_page' }),
  },
  swap_new_sync_io: {
    events: trace(ANON, read({ entry: 'swap', swap_sync: true, wait: WAIT })),
    cells: { ...MIGRATES, spf_lespinasse_2021: `${NOPAGE} | mmap_lock`, swap_uncontended_2023_04: 'V | vma_lock' },
  },
  swap_new_async_io: {
    events: trace(ANON, read({ entry: 'swap', wait: WAIT })),
    cells: asleep('free', { ...LOCKED, spf_dufour_v12: '- do_swap_page', spf_lespinasse_2021: NOPAGE }),
  },
  migration_pte: {
    events: trace(ANON, read({ entry: 'migration', wait: WAIT })),
    cells: {
      ...MIGRATES,
      swap_uncontended_2023_04: 'V | vma_lock',
      vma_unlocked_2023_06: 'V | free',
      v4_2023_06_28: 'V | vma_lock',
    },
  },
  migration_pmd: {
    events: trace(ANON_PMDS, inPmd({ entry: 'migration', huge: 'pmd', wait: WAIT }, 'read')),
    cells: asleep('mmap_lock', { ...HUGE, rfc_2022: 'V | vma_lock' }),
  },
  device_private_pte: {
    events: trace(ANON, read({ entry: 'device_private' })),
    cells: {
      ...NOT_PRESENT,
      swap_uncontended_2023_04: 'V',
      swap_uncontended_2023_05: 'R do_swap_page.device_private',
    },
  },
  device_private_pmd: {
    events: trace(ANON_PMDS, inPmd({ entry: 'device_private', huge: 'pmd' })),
    plain: trace(ANON_PMDS, inPmd({ huge: 'pmd' })),
    cells: { mmap_lock: '=', 'v7.2': 'R do_huge_pmd_device_private' },
  },
  device_exclusive_uncontended: {
    events: trace(ANON, read({ entry: 'device_exclusive' })),
    cells: { ...NOT_PRESENT, swap_uncontended_2023_04: 'V' },
  },
  device_exclusive_contended: {
    events: trace(ANON, read({ entry: 'device_exclusive', folio: 'locked', wait: WAIT })),
    cells: asleep('free', { ...NOT_PRESENT, swap_uncontended_2023_04: 'R remove_device_exclusive_entry' }),
  },
  hwpoison_entry: {
    events: trace(ANON, read({ entry: 'hwpoison' })),
    cells: {
      ...SIGNAL,
      mmap_lock: '-! do_swap_page.hwpoison',
      spf_dufour_v12: 'P! do_swap_page.hwpoison',
      swap_uncontended_2023_04: 'V! do_swap_page.hwpoison',
    },
  },
  marker_poison: {
    events: trace(ANON, write({ entry: 'marker_poison' })),
    plain,
    cells: {
      ...SIGNAL,
      mmap_lock: '-! handle_pte_marker.poison',
      spf_dufour_v12: '=',
      swap_uncontended_2023_04: 'V! handle_pte_marker.poison',
    },
  },
  marker_guard: {
    events: trace(ANON, write({ entry: 'marker_guard' })),
    plain,
    cells: { mmap_lock: '=', 'v6.13': 'V! handle_pte_marker.guard' },
  },
  // As the missing page it stands for; the write that follows is one of uffd_wp.
  marker_uffd_wp: {
    events: trace(ANON, register('wp'), write({ entry: 'marker_uffd_wp' })),
    plain,
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '=',
      spf_lespinasse_2021: '- do_swap_page.spf_abort_non_swap_entry',
      spf_lespinasse_2022: '- do_swap_page.spf_abort_swap',
      rfc_2022: 'R do_swap_page',
      'v6.4.0': 'A lock_vma_under_rcu.userfaultfd_armed',
      vma_unlocked_2023_06: 'V',
    },
  },
};
