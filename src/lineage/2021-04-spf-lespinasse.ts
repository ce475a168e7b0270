/**
 * Speculative page faults by one sequence count for the whole mm, on 5.12-rc: odd while anybody holds mmap_lock for writing.
 * Anonymous memory, file reads and copies of what is cached, pages in the swap cache. Any writer makes a speculation give up,
 * whatever VMA it is about. (Version 1, three weeks later, left files out again.)
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'spf_lespinasse_2021',
  title: '[RFC PATCH 00/37] Speculative page faults',
  author: 'Michel Lespinasse',
  date: '2021-04-07',
  link: 'https://lore.kernel.org/all/20210407014502.24091-1-michel@lespinasse.org/',
  merged: null,
  parent: 'mmap_lock',
  lock: { answer: 'mmap_seq', by: 'mmap locking API: add mmap_seq' },
  functions: {
    lock_mm_and_find_vma: 'mmap_read_lock',
    'lock_mm_and_find_vma.trylock': 'mmap_read_trylock',
    'lock_mm_and_find_vma.unmapped': 'find_vma',
    expand_stack_locked: 'expand_stack',
    bad_area_nosemaphore: 'bad_area',
    hugetlb_wp: 'hugetlb_cow',
    __folio_lock_or_retry: '__lock_page_or_retry',
    lock_folio_maybe_drop_mmap: 'lock_page_maybe_drop_mmap',
    remove_device_exclusive_entry: 'do_swap_page',
    pte_marker_handle_uffd_wp: 'do_swap_page',
  },
  changes: {
    'do_brk_flags.merge': { answer: 'any', by: 'before 2e7ce7d354f2' },
    'do_user_addr_fault.mm_users': { answer: 'mmap_lock', by: 'x86/mm: attempt speculative mm faults first' },
    vma_can_speculate: { answer: 'anonymous_or_file', by: 'fs: list file types that support speculative faults' },
    'do_swap_page.speculative': { answer: 'swap_cache', by: 'mm: implement speculative handling in do_swap_page()' },
    'userfaultfd_register.wp': { answer: 'anonymous', by: '5.7; file mappings came in 5.19' },
    'userfaultfd_register.minor': { answer: 'absent', by: 'new in 5.13' },
    exit_mmap: { answer: 'no_lock', by: 'as in 5.12' },
    madvise_collapse: { answer: 'absent', by: 'new in 6.1' },
    'expand_stack.lock': { answer: 'read', by: 'as in 5.12' },
  },
} satisfies StageData;
