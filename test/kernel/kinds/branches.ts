/**
 * Branches: kinds of fault whose outcome depends on one fact more, each with that fact the other way round. The name is that of
 * the kind, then the fact.
 */
import { fault, mmap, range, vma } from '../../helpers.js';
import { ANONYMOUS_KINDS } from './anonymous.js';
import {
  ANON,
  ANON_PMDS,
  ANONYMOUS,
  asleep,
  emptyPmd,
  FRESH,
  file,
  inPmd,
  type Kind,
  MMAP,
  mapped,
  PRIVATE,
  read,
  register,
  SHARED,
  SHMEM,
  trace,
  WAIT,
  write,
} from './kind.js';
import { SPECIAL_KINDS } from './special.js';

/** Speculation makes no page table. */
const NO_TABLE = {
  spf_dufour_v12: '- __handle_speculative_fault.pmd',
  spf_lespinasse_2021: '- __handle_mm_fault.spf_abort_pmd',
};
const FILE_NO_TABLE = { ...file(NO_TABLE.spf_lespinasse_2021), mm_unstable_2023_08: 'V' };
const HELD = asleep('mmap_lock', { ...file(), mm_unstable_2023_08: 'R do_shared_fault', 'v6.7': 'V | vma_lock' });
const PFN_MAP_PAGES = mmap(0, 128, {
  flags: ['shared', 'pfnmap'],
  file: { fs: 'vfio', name: 'f', pfn: true, map_pages: true },
});
/** What a marker in an armed VMA is up to June 2023. */
const MARKER = {
  mmap_lock: MMAP,
  spf_dufour_v12: '=',
  spf_lespinasse_2021: '- do_swap_page.spf_abort_non_swap_entry',
  spf_lespinasse_2022: '- do_swap_page.spf_abort_swap',
  rfc_2022: 'R do_swap_page',
  'v6.4.0': 'A lock_vma_under_rcu.userfaultfd_armed',
};
const REGISTERED_TWICE = range('uffd_register', 0, 128, { modes: ['missing', 'wp'] });

export const BRANCHES: Record<string, Kind> = {
  'anon_read_no_anon_vma: no table of PTEs': {
    events: emptyPmd(FRESH, read()),
    cells: { ...ANONYMOUS_KINDS.anon_read_no_anon_vma.cells, spf_lespinasse_2021: NO_TABLE.spf_lespinasse_2021 },
  },
  'anon_read_anon_vma: no table of PTEs': {
    events: emptyPmd(ANON, read()),
    cells: { ...ANONYMOUS, ...NO_TABLE },
  },
  'anon_write_anon_vma: no table of PTEs': {
    events: emptyPmd(ANON, write()),
    cells: { ...ANONYMOUS, ...NO_TABLE },
  },
  'oom: no table of PTEs': {
    events: emptyPmd(ANON, write({ oom: true })),
    cells: { ...ANONYMOUS, ...NO_TABLE },
  },
  'file_read_map_pages: no table of PTEs': { events: emptyPmd(PRIVATE, read()), cells: FILE_NO_TABLE },
  'file_private_write_cached_anon_vma: no table of PTEs': {
    events: emptyPmd(vma(0, 128, { flags: ['private'], file: { fs: 'ext4', name: 'f' } }), write()),
    cells: { ...FILE_NO_TABLE, mm_unstable_2023_08: 'R do_cow_fault', 'v6.7': 'V' },
  },
  'access_error: no anon_vma either': {
    events: trace(mmap(0, 128, { prot: 'r--' }), write()),
    cells: {
      mmap_lock: '-! bad_area_access_error',
      spf_dufour_v12: '-! __handle_speculative_fault.anon_vma',
      spf_lespinasse_2021: '-! do_user_addr_fault.spf_abort_access_error',
      rfc_2022: '-! do_user_addr_fault.access_error',
      'v6.4.0': 'A! lock_vma_under_rcu.anon_vma',
      'v6.10': 'V! do_user_addr_fault.access_error',
    },
  },
  'anon_thp_no_anon_vma: a read': {
    events: trace(mmap(512, 1024), inPmd({ huge: 'pmd' }, 'read')),
    cells: ANONYMOUS_KINDS.anon_thp_no_anon_vma.cells,
  },
  'cow_copy: of the zero page': { events: trace(ANON, read(), write()), cells: ANONYMOUS },
  'numa_hint: of a PMD': {
    events: trace(ANON_PMDS, inPmd({ huge: 'pmd', entry: 'present', numa_hint: true, wait: WAIT })),
    cells: ANONYMOUS_KINDS.thp_wp.cells,
  },

  'file_read_readahead_mark: MADV_RANDOM': {
    events: trace(PRIVATE, range('madvise', 0, 128, { advice: 'random' }), read({ readahead: true })),
    cells: {
      ...file('- filemap_fault'),
      mm_unstable_2023_08: 'R do_read_fault',
      'v6.7': 'V',
    },
  },
  'file_private_write_cached_anon_vma: a readahead mark': {
    events: trace(
      vma(0, 128, { flags: ['private'], file: { fs: 'ext4', name: 'f' } }),
      write({ readahead: true, wait: WAIT }),
    ),
    cells: asleep('free', {
      ...file('- filemap_fault'),
      mm_unstable_2023_08: 'R do_cow_fault',
      'v6.7': 'R do_async_mmap_readahead',
    }),
  },
  'file_shared_mkwrite: no ->map_pages': {
    events: trace(mapped('shared', 'ceph'), read(), write()),
    cells: { ...file(), mm_unstable_2023_08: 'R wp_page_shared', 'v6.7': 'R vmf_can_call_fault' },
  },
  'file_shared_mkwrite: no ->page_mkwrite': {
    events: trace(SHMEM, read(), write()),
    cells: { ...file(), mm_unstable_2023_08: 'V' },
  },
  'file_shared_write_cached: the folio is locked': {
    events: trace(SHARED, write({ folio: 'locked', wait: WAIT })),
    cells: asleep('free', {
      ...file(),
      mm_unstable_2023_08: 'R do_shared_fault',
      'v6.7': 'R lock_folio_maybe_drop_mmap',
    }),
  },
  'shmem_write: the folio is locked': { events: trace(SHMEM, write({ folio: 'locked', wait: WAIT })), cells: HELD },
  'shmem_swapin: a write': { events: trace(SHMEM, write({ entry: 'swap', wait: WAIT })), cells: HELD },
  'shmem_hole_punch: a write': {
    events: trace(SHMEM, write({ hole_punch: true, wait: WAIT })),
    cells: asleep('free', { ...file(), mm_unstable_2023_08: 'R do_shared_fault', 'v6.7': 'R shmem_falloc_wait' }),
  },
  'beyond_eof: of shmem, a write': {
    events: trace(SHMEM, write({ eof: true })),
    cells: {
      mmap_lock: '-! shmem_fault.eof',
      spf_dufour_v12: '-! __handle_speculative_fault.vm_ops',
      spf_lespinasse_2021: '-! do_user_addr_fault.spf_abort_no_speculate',
      rfc_2022: '-! find_and_lock_anon_vma.vm_ops',
      'v6.4.0': 'A! lock_vma_under_rcu.vm_ops',
      mm_unstable_2023_08: 'R! do_shared_fault',
      'v6.7': 'V! shmem_fault.eof',
    },
  },
  'vm_ops_no_fault: not TCP': {
    events: trace(
      mmap(0, 128, { flags: ['shared'], file: { name: 'f', fault: false, map_pages: false, page_mkwrite: false } }),
      read(),
    ),
    cells: {
      mmap_lock: '-! do_fault',
      spf_dufour_v12: '-! handle_pte_fault',
      spf_lespinasse_2021: '-! do_user_addr_fault.spf_abort_no_speculate',
      rfc_2022: '-! find_and_lock_anon_vma.vm_ops',
      'v6.4.0': 'A! lock_vma_under_rcu.vm_ops',
      mm_unstable_2023_08: 'V! do_fault',
    },
  },

  'swap_new_async_io: the read was done before folio_trylock()': {
    events: trace(ANON, read({ entry: 'swap', wait: 0 })),
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- do_swap_page',
      spf_lespinasse_2021: '- do_swap_page.spf_abort_swap_nopage',
      spf_lespinasse_2022: '- do_swap_page.spf_abort_swap',
      rfc_2022: 'R do_swap_page',
      swap_uncontended_2023_04: 'V',
    },
  },
  'swap_new_async_io: the trace saw it reclaimed': {
    events: trace(ANON, write(), range('reclaim', 0, 1), write()),
    cells: {
      mmap_lock: MMAP,
      spf_dufour_v12: '- do_swap_page',
      spf_lespinasse_2021: '- do_swap_page.spf_abort_swap_nopage',
      spf_lespinasse_2022: '- do_swap_page.spf_abort_swap',
      rfc_2022: 'R do_swap_page',
      swap_uncontended_2023_04: 'R __folio_lock_or_retry',
    },
  },
  'anon_write_anon_vma: after MADV_DONTNEED': {
    events: trace(ANON, write(), range('madvise', 0, 1, { advice: 'dontneed' }), write()),
    cells: ANONYMOUS,
  },
  'marker_guard: made by MADV_GUARD_INSTALL': {
    events: trace(ANON, range('madvise', 0, 4, { advice: 'guard_install' }), write()),
    plain: trace(ANON, write()),
    cells: { mmap_lock: '=', 'v6.13': 'V! handle_pte_marker.guard' },
  },
  'marker_uffd_wp: of a registration that is gone': {
    events: trace(ANON, write({ entry: 'marker_uffd_wp' })),
    plain: trace(ANON, write()),
    cells: { ...MARKER, rfc_2022: 'R do_swap_page', 'v6.4.0': 'R do_swap_page', swap_uncontended_2023_04: 'V' },
  },
  'marker_uffd_wp: registered for missing pages too': {
    events: trace(ANON, REGISTERED_TWICE, write({ entry: 'marker_uffd_wp', wait: WAIT })),
    plain: trace(ANON, write()),
    cells: asleep('free', {
      ...MARKER,
      vma_unlocked_2023_06: 'R handle_userfault',
    }),
  },
  'marker_uffd_wp: no anon_vma': {
    events: trace(FRESH, register('wp'), write({ entry: 'marker_uffd_wp' })),
    plain: trace(FRESH, write()),
    cells: {
      ...MARKER,
      'v6.4.0': 'A lock_vma_under_rcu.anon_vma',
      'v6.10': 'T',
    },
  },
  'marker_uffd_wp: the write after it': {
    events: trace(ANON, register('wp'), write({ entry: 'marker_uffd_wp' }), write({ wait: WAIT })),
    plain: trace(ANON, write(), write({ wait: WAIT })),
    cells: asleep('free', {
      ...MARKER,
      spf_lespinasse_2021: '- do_wp_page.spf_abort_userfaultfd',
      spf_lespinasse_2022: '- do_wp_page.spf_abort_userfaultfd',
      rfc_2022: 'U handle_userfault | vma_lock',
      vma_unlocked_2023_06: 'R handle_userfault',
    }),
  },
  'uffd_missing_shmem: a write': {
    events: trace(SHMEM, register('missing'), write({ wait: WAIT })),
    cells: asleep('free', { ...file(), mm_unstable_2023_08: 'R do_shared_fault', 'v6.7': 'R handle_userfault' }),
  },

  'hugetlb_shared: present': {
    events: trace(mmap(512, 1024, { flags: ['shared', 'hugetlb'] }), fault(512), fault(513)),
    cells: { ...file(), mm_unstable_2023_08: 'R hugetlb_fault', 'v6.9': 'V' },
  },
  'hugetlb_uffd: a minor fault': {
    events: trace(
      mmap(512, 1024, { flags: ['shared', 'hugetlb'] }),
      register('minor', 512, 1024),
      inPmd({ wait: WAIT }, 'read'),
    ),
    // There are no minor faults in 5.1 and 5.12.
    cells: {
      ...SPECIAL_KINDS.hugetlb_uffd.cells,
      spf_dufour_v12: '- __handle_speculative_fault.vm_ops | mmap_lock',
      spf_lespinasse_2021: '- do_user_addr_fault.spf_abort_no_speculate | mmap_lock',
    },
  },
  'driver_fault_no_map_pages: a private write': {
    events: trace(mapped('private', 'secretmem'), write()),
    cells: { ...file(), mm_unstable_2023_08: 'R do_cow_fault', 'v6.7': 'R vmf_can_call_fault' },
  },
  'driver_fault_no_map_pages: a shared write': {
    events: trace(mapped('shared', 'sysv_shm'), write()),
    cells: { ...file(), mm_unstable_2023_08: 'R do_shared_fault', 'v6.7': 'R vmf_can_call_fault' },
  },
  'pfn_mkwrite: ->map_pages': {
    events: trace(PFN_MAP_PAGES, write({ entry: 'present' })),
    cells: { ...file(), mm_unstable_2023_08: 'R wp_pfn_shared', 'v6.7': 'V' },
  },
  'huge_fault_wp: of a PUD': {
    events: trace(
      mmap(512, 1024, { flags: ['shared'], file: { fs: 'device-dax', name: 'f' } }),
      inPmd({ huge: 'pud', entry: 'present' }),
    ),
    cells: { ...file(), mm_unstable_2023_08: 'R wp_huge_pud', 'v6.6': 'V' },
  },
};
