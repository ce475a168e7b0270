/** Files through the page cache, and shmem. */
import { vma } from '../../helpers.js';
import { asleep, file, type Kind, mapped, PRIVATE, read, SHARED, SHMEM, trace, WAIT, write } from './kind.js';

const ANON_VMA = vma(0, 128, { flags: ['private'], file: { fs: 'ext4', name: 'f' } });
const MISSES = '- filemap_fault';
const NO_ANON_VMA = '- do_cow_fault.spf_abort_anon_vma';
const UNSUPPORTED = '- do_user_addr_fault.spf_abort_no_speculate';

/** What 6.6 left to mmap_lock at `site`, and 6.7 took over. */
const since67 = (site: string, cell: string, spf?: string) => ({
  ...file(spf),
  mm_unstable_2023_08: `R ${site}`,
  'v6.7': cell,
});

export const FILE_KINDS: Record<string, Kind> = {
  file_read_map_pages: { events: trace(PRIVATE, read()), cells: { ...file('P'), mm_unstable_2023_08: 'V' } },
  file_read_cached_fault: {
    // Locked while ->map_pages looked, but not any more when ->fault does.
    events: trace(PRIVATE, read({ folio: 'locked', wait: 0 })),
    cells: since67('do_read_fault', 'V', 'P'),
  },
  file_read_readahead_mark: {
    events: trace(PRIVATE, read({ readahead: true, wait: WAIT })),
    cells: asleep('free', since67('do_read_fault', 'R do_async_mmap_readahead', MISSES)),
  },
  file_read_miss_io: {
    events: trace(PRIVATE, read({ folio: 'absent', wait: WAIT })),
    cells: asleep('free', since67('do_read_fault', 'R filemap_fault', MISSES)),
  },
  file_folio_lock_contended: {
    events: trace(PRIVATE, read({ folio: 'locked', wait: WAIT })),
    cells: asleep('free', since67('do_read_fault', 'R lock_folio_maybe_drop_mmap', MISSES)),
  },
  file_private_write_cached_anon_vma: {
    events: trace(ANON_VMA, write()),
    cells: since67('do_cow_fault', 'V', 'P'),
  },
  file_private_write_cached_no_anon_vma: {
    events: trace(PRIVATE, write()),
    cells: { ...since67('do_cow_fault', 'R vmf_anon_prepare', NO_ANON_VMA), 'v6.10': 'T' },
  },
  file_private_write_miss: {
    events: trace(ANON_VMA, write({ folio: 'absent', wait: WAIT })),
    cells: asleep('free', since67('do_cow_fault', 'R filemap_fault', MISSES)),
  },
  file_private_cow_anon_vma: {
    events: trace(ANON_VMA, read(), write()),
    cells: { ...file('P'), mm_unstable_2023_08: 'V' },
  },
  file_private_cow_no_anon_vma: {
    events: trace(PRIVATE, read(), write()),
    cells: {
      ...since67('do_wp_page', 'R vmf_anon_prepare', '- wp_page_copy.spf_abort_anon_vma'),
      'v6.10': 'T',
    },
  },
  file_shared_write_cached: {
    events: trace(SHARED, write({ wait: WAIT })),
    cells: asleep('mmap_lock', since67('do_shared_fault', 'V | vma_lock')),
  },
  file_shared_write_miss: {
    events: trace(SHARED, write({ folio: 'absent', wait: WAIT })),
    cells: asleep('free', since67('do_shared_fault', 'R filemap_fault')),
  },
  file_shared_mkwrite: {
    events: trace(SHARED, read(), write({ wait: WAIT })),
    cells: asleep('mmap_lock', since67('wp_page_shared', 'V | vma_lock')),
  },
  shmem_read_new: {
    events: trace(mapped('shared', 'memfd'), read({ folio: 'absent' })),
    cells: since67('do_read_fault', 'V', UNSUPPORTED),
  },
  shmem_write: { events: trace(SHMEM, write()), cells: since67('do_shared_fault', 'V') },
  shmem_swapin: {
    events: trace(SHMEM, read({ entry: 'swap', wait: WAIT })),
    cells: asleep('mmap_lock', since67('do_read_fault', 'V | vma_lock', UNSUPPORTED)),
  },
  shmem_hole_punch: {
    events: trace(SHMEM, read({ hole_punch: true, wait: WAIT })),
    cells: asleep('free', since67('do_read_fault', 'R shmem_falloc_wait', UNSUPPORTED)),
  },
  beyond_eof: {
    events: trace(PRIVATE, read({ eof: true })),
    cells: {
      mmap_lock: '-! filemap_fault.eof',
      spf_dufour_v12: '-! __handle_speculative_fault.vm_ops',
      spf_lespinasse_2021: '-! filemap_fault',
      spf_lespinasse_2022: '-! do_user_addr_fault.spf_abort_no_speculate',
      rfc_2022: '-! find_and_lock_anon_vma.vm_ops',
      'v6.4.0': 'A! lock_vma_under_rcu.vm_ops',
      mm_unstable_2023_08: 'R! do_read_fault',
      'v6.7': 'V! filemap_fault.eof',
    },
  },
};
