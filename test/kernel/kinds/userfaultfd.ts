/** Faults that a userfaultfd monitor must resolve: what is missing, to be shown, or protected. */
import { range } from '../../helpers.js';
import { ANON, asleep, file, type Kind, MMAP, read, register, SHMEM, trace, WAIT, write } from './kind.js';

/** How long the monitor takes. */
const ANSWER = { wait: WAIT };
const protect = (op: string) => range(op, 0, 128);

/** In anonymous memory: from June 2023 on a monitor is called under the VMA lock; the RFC keeps that by mistake. */
const anonymous = (dufour: string, lespinasse: string) =>
  asleep('free', {
    mmap_lock: MMAP,
    spf_dufour_v12: dufour,
    spf_lespinasse_2021: lespinasse,
    rfc_2022: 'U handle_userfault | vma_lock',
    'v6.4.0': 'A lock_vma_under_rcu.userfaultfd_armed',
    vma_unlocked_2023_06: 'R handle_userfault',
  });
/** In shared memory, where ->fault must run first; `site` is what 6.6 does instead. */
const shared = (site: string, lespinasse?: string) =>
  asleep('free', { ...file(lespinasse), mm_unstable_2023_08: `R ${site}`, 'v6.7': 'R handle_userfault' });

export const UFFD_KINDS: Record<string, Kind> = {
  uffd_missing_anon: {
    events: trace(ANON, register('missing'), write(ANSWER)),
    cells: anonymous('- __handle_speculative_fault.userfaultfd', '- do_anonymous_page.spf_abort_userfaultfd'),
  },
  uffd_missing_shmem: {
    events: trace(SHMEM, register('missing'), read(ANSWER)),
    cells: shared('do_read_fault', '- do_user_addr_fault.spf_abort_no_speculate'),
  },
  uffd_minor: {
    events: trace(SHMEM, register('minor'), read({ ...ANSWER, folio: 'cached' })),
    cells: shared('do_read_fault', '- do_user_addr_fault.spf_abort_no_speculate'),
  },
  uffd_wp: {
    events: trace(ANON, write(), register('wp'), protect('uffd_wp'), write(ANSWER)),
    plain: trace(ANON, write(), write(ANSWER)),
    cells: anonymous('=', '- do_wp_page.spf_abort_userfaultfd'),
  },
  uffd_wp_async: {
    events: trace(ANON, write(), register('wp_async'), protect('uffd_wp'), write()),
    plain: trace(ANON, write(), write()),
    cells: { mmap_lock: '=', 'v6.7': 'V' },
  },
  uffd_rwp: {
    events: trace(ANON, write(), register('rwp'), protect('uffd_rwp'), read(ANSWER)),
    plain: trace(ANON, write(), read(ANSWER)),
    cells: { mmap_lock: '=', 'v7.3': 'R handle_userfault | free' },
  },
};
