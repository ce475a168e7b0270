/**
 * Speculative page faults, version 12, on 5.1-rc: a fault looks its VMA up without a lock, notes the VMA's sequence count,
 * and looks at it again with the page-table lock held. Only who modified this VMA makes it give up.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'spf_dufour_v12',
  title: '[PATCH v12 00/31] Speculative page faults',
  author: 'Laurent Dufour',
  date: '2019-04-16',
  link: 'https://lore.kernel.org/all/20190416134522.17540-1-ldufour@linux.ibm.com/',
  merged: null,
  parent: 'mmap_lock',
  lock: { answer: 'vm_sequence', by: '06/31 mm: introduce a per VMA sequence counter' },
  functions: {
    lock_mm_and_find_vma: 'down_read',
    'lock_mm_and_find_vma.trylock': 'down_read_trylock',
    'lock_mm_and_find_vma.unmapped': 'find_vma',
    expand_stack_locked: 'expand_stack',
    bad_area_nosemaphore: 'bad_area',
    mmap_read_unlock: 'up_read',
    hugetlb_wp: 'hugetlb_cow',
    __folio_lock_or_retry: '__lock_page_or_retry',
    lock_folio_maybe_drop_mmap: 'lock_page_maybe_drop_mmap',
    remove_device_exclusive_entry: 'do_swap_page',
  },
  changes: {
    'do_brk_flags.merge': { answer: 'any', by: 'before 2e7ce7d354f2' },
    'do_user_addr_fault.mm_users': { answer: 'mmap_lock', by: '20/31 mm: introduce __handle_speculative_fault()' },
    vma_can_speculate: { answer: 'without_fault_op', by: '20/31 mm: introduce __handle_speculative_fault()' },
    'do_swap_page.speculative': { answer: 'sleep', by: '12/31 mm: protect the swap path (inferred)' },
    'handle_pte_marker.uffd_wp': { answer: 'absent', by: 'new in 5.19' },
    'handle_pte_marker.poison': { answer: 'absent', by: 'new in 6.1' },
    'userfaultfd_register.wp': { answer: 'absent', by: 'new in 5.7' },
    'userfaultfd_register.minor': { answer: 'absent', by: 'new in 5.13' },
    'do_vmi_align_munmap.downgrade': {
      answer: 'always',
      by: 'dd2283f2605e mm: mmap: zap pages with read mmap_sem in munmap, before its exception of 5.8',
    },
    'dup_mmap.start_write': { answer: 'copied', by: '19/31 mm: protect against PTE changes done by dup_mmap()' },
    exit_mmap: { answer: 'no_lock', by: 'as in 5.1' },
    madvise_collapse: { answer: 'absent', by: 'new in 6.1' },
    'expand_stack.lock': { answer: 'read', by: 'as in 5.1' },
  },
} satisfies StageData;
