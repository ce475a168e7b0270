/** What is decided before a page-table entry is looked at: the entry filters, the lookup of the VMA, its lock, its permissions. */
import { at, fault, range, vma } from '../../helpers.js';
import { ANON, ANONYMOUS, type Kind, MMAP, mapped, read, trace, write } from './kind.js';

/** `events` 10 us apart; the last but one is an operation that lasts through the last. */
const during = (...events: ReturnType<typeof trace>) => events.map((event, i) => ({ t: i * 10_000, ...event }));
const mprotect = (page: number) => range('mprotect', page, 128, { tid: 2, prot: 'rwx', dur: 50_000 });

export const LOOKUP: Record<string, Kind> = {
  unmapped_address: {
    events: trace(fault(4096)),
    cells: {
      mmap_lock: '-! bad_area',
      spf_dufour_v12: '-! __handle_speculative_fault.no_vma',
      spf_lespinasse_2021: '-! do_user_addr_fault.spf_abort_unmapped',
      rfc_2022: '-! find_and_lock_anon_vma.no_vma',
      'v6.4.0': 'A! lock_vma_under_rcu.no_vma',
    },
  },
  stack_growth: {
    events: trace(vma(8, 8, { flags: ['private', 'anonymous', 'growsdown'] }), fault(4)),
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- __handle_speculative_fault.growsdown',
      spf_lespinasse_2021: '- do_user_addr_fault.spf_abort_unmapped',
      rfc_2022: '- find_and_lock_anon_vma.no_vma',
      'v6.4.0': 'A lock_vma_under_rcu.no_vma',
    },
  },
  vma_write_locked: {
    events: during(...trace(ANON, mprotect(0), write())),
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- __handle_speculative_fault.vm_sequence',
      spf_lespinasse_2021: '- do_user_addr_fault.spf_abort_odd',
      rfc_2022: 'A vma_read_trylock',
      'v6.4.0': 'A vma_start_read',
    },
  },
  vma_detached_race: {
    events: trace(ANON, write({ race: 'detached' })),
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- __handle_speculative_fault.vma_has_changed',
      spf_lespinasse_2021: '- do_user_addr_fault.spf_abort_vma_copy',
      rfc_2022: 'M find_and_lock_anon_vma.detached',
      'v6.4.0': 'MV',
    },
  },
  range_changed_race: {
    events: trace(ANON, write({ race: 'range' })),
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- __handle_speculative_fault.vma_has_changed',
      spf_lespinasse_2021: '- do_user_addr_fault.spf_abort_vma_copy',
      rfc_2022: 'V',
      'v6.4.0': 'A lock_vma_under_rcu.range',
    },
  },
  mmap_write_locked_other_vma: {
    events: during(...trace(vma(512, 128), ANON, mprotect(512), write())),
    cells: { ...ANONYMOUS, spf_lespinasse_2021: '- do_user_addr_fault.spf_abort_odd' },
  },
  single_threaded_mm: {
    events: [ANON, fault(1), write()],
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- handle_speculative_fault.mm_users',
      spf_lespinasse_2021: '- do_user_addr_fault.mm_users',
      'v6.4.0': 'V',
    },
  },
  kernel_mode_fault: {
    events: trace(ANON, write(undefined, { mode: 'kernel' })),
    cells: { mmap_lock: '- do_user_addr_fault.kernel_mode' },
  },
  access_error: {
    events: trace(vma(0, 128, { prot: 'r--' }), write()),
    cells: {
      mmap_lock: '-! bad_area_access_error',
      spf_dufour_v12: 'P! __handle_speculative_fault.access_error',
      spf_lespinasse_2021: '-! do_user_addr_fault.spf_abort_access_error',
      rfc_2022: '-! do_user_addr_fault.access_error',
      'v6.10': 'V! do_user_addr_fault.access_error',
    },
  },
  vm_ops_no_fault: {
    events: trace(mapped('shared', 'tcp', { prot: 'r--' }), read()),
    cells: {
      mmap_lock: '-! do_fault',
      spf_dufour_v12: '-! handle_pte_fault',
      spf_lespinasse_2021: '-! do_user_addr_fault.spf_abort_no_speculate',
      rfc_2022: '-! find_and_lock_anon_vma.vm_ops',
      'v6.4.0': 'A! lock_vma_under_rcu.vm_ops',
      'v6.5': 'V! do_fault',
      swap_uncontended_2023_04: 'A! lock_vma_under_rcu.vm_ops',
      mm_unstable_2023_08: 'V! do_fault',
    },
  },
  oom: {
    events: trace(ANON, write({ oom: true })),
    cells: ANONYMOUS,
  },
};

/** get_user_pages() is no fault of its own: it walks under mmap_lock, and no version tries anything else. */
export const GUP = trace(ANON, { op: 'gup', tid: 1, addr: at(0), len: '0x1000' });
