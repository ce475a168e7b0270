/**
 * Linux 6.7: ->fault may be called under the VMA lock when the file has ->map_pages, so page-cache faults no longer fall back
 * unless they must wait for I/O or a folio.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.7',
  title: 'File faults under the VMA lock',
  author: 'Matthew Wilcox',
  date: '2024-01-07',
  link: 'https://lore.kernel.org/all/20231006195318.4087158-1-willy@infradead.org/',
  merged: '6.7',
  parent: 'v6.6',
  functions: {
    'do_cow_fault.vmf_anon_prepare': 'vmf_anon_prepare',
    'wp_page_copy.vmf_anon_prepare': 'vmf_anon_prepare',
    shmem_falloc_wait: 'shmem_falloc_wait',
  },
  changes: {
    'userfaultfd_register.wp_async': { answer: 'present', by: 'userfaultfd: UFFD_FEATURE_WP_ASYNC' },
    'mprotect_fixup.account': {
      answer: 'goes',
      by: 'mm/mprotect: allow unfaulted VMAs to be unaccounted on mprotect()',
    },
    do_read_fault: { answer: 'map_pages', by: '12214eba1992 mm: handle read faults under the VMA lock' },
    do_cow_fault: { answer: 'map_pages', by: '4de8c93a4751 mm: handle COW faults under the VMA lock' },
    do_shared_fault: { answer: 'map_pages', by: '4ed4379881aa mm: handle shared faults under the VMA lock' },
    do_wp_page: { answer: 'vmf_anon_prepare', by: '164b06f238b9 mm: call wp_page_copy() under the VMA lock' },
    wp_page_shared: { answer: 'map_pages', by: '4a68fef16df9 mm: handle write faults to RO pages under the VMA lock' },
    wp_pfn_shared: { answer: 'map_pages', by: '4a68fef16df9 mm: handle write faults to RO pages under the VMA lock' },
  },
} satisfies StageData;
