/** Anonymous memory that is present, or absent for the first time. */
import { mmap } from '../../helpers.js';
import {
  ANON,
  ANON_PMDS,
  ANONYMOUS,
  asleep,
  FRESH,
  HUGE,
  inPmd,
  type Kind,
  noAnonVma,
  read,
  trace,
  WAIT,
  write,
} from './kind.js';

/** HUGE, where what lasts is done with the VMA lock held. */
const HUGE_HELD = asleep('mmap_lock', { ...HUGE, rfc_2022: 'V | vma_lock' });
const READ_NO_ANON_VMA = { ...noAnonVma('P'), 'v6.10': 'V' };

export const ANONYMOUS_KINDS: Record<string, Kind> = {
  anon_read_no_anon_vma: { events: trace(FRESH, read()), cells: READ_NO_ANON_VMA },
  anon_read_anon_vma: { events: trace(ANON, read()), cells: ANONYMOUS },
  anon_write_no_anon_vma: {
    events: trace(FRESH, write()),
    cells: noAnonVma('- do_anonymous_page.spf_abort_anon_vma'),
  },
  anon_write_anon_vma: { events: trace(ANON, write()), cells: ANONYMOUS },
  anon_thp_no_anon_vma: {
    events: trace(mmap(512, 1024), inPmd({ huge: 'pmd' })),
    cells: noAnonVma(HUGE.spf_lespinasse_2021!),
  },
  // Zeroing 2 MiB takes the time the others sleep.
  anon_thp_anon_vma: { events: trace(ANON_PMDS, inPmd({ huge: 'pmd' })), cells: HUGE_HELD },
  access_flag_update: { events: trace(ANON, write(), read()), cells: ANONYMOUS },
  cow_reuse: { events: trace(ANON, write({ entry: 'present', shared: false })), cells: ANONYMOUS },
  cow_copy: { events: trace(ANON, write({ entry: 'present', shared: true })), cells: ANONYMOUS },
  cow_zero_no_anon_vma: {
    events: trace(FRESH, read(), write()),
    cells: noAnonVma('- wp_page_copy.spf_abort_anon_vma'),
  },
  thp_wp: {
    events: trace(ANON_PMDS, inPmd({ huge: 'pmd', entry: 'present', shared: true, folio: 'locked', wait: WAIT })),
    cells: HUGE_HELD,
  },
  numa_hint: {
    events: trace(ANON, write({ entry: 'present', numa_hint: true, wait: WAIT })),
    cells: asleep('mmap_lock', { ...ANONYMOUS, spf_dufour_v12: 'P | free', rfc_2022: 'V | vma_lock' }),
  },
};
