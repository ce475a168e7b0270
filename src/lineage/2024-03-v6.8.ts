/**
 * Linux 6.8: a VMA-lock attempt that slept for I/O sets FAULT_FLAG_TRIED, so the mmap_lock pass is accounted as the second try
 * it is. UFFDIO_MOVE appears, and the stacks of threads no longer merge with what is mapped beside them.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.8',
  title: 'A retry after I/O is a retry',
  author: 'Suren Baghdasaryan',
  date: '2024-03-10',
  link: 'https://lore.kernel.org/all/20231226214610.109282-1-surenb@google.com/',
  merged: '6.8',
  commits: ['46e714c729c8', 'c4608d1bf7c6'],
  parent: 'v6.7',
  changes: {
    'do_user_addr_fault.tried': {
      answer: 'major',
      by: '46e714c729c8 arch/mm/fault: fix major fault accounting when retrying under per-VMA lock',
    },
    'calc_vm_flag_bits.stack': {
      answer: 'nohugepage',
      by: 'c4608d1bf7c6 mm: mmap: map MAP_STACK to VM_NOHUGEPAGE (its release is inferred)',
    },
    uffd_move_lock: { answer: 'mmap_read', by: 'userfaultfd: UFFDIO_MOVE uABI' },
  },
} satisfies StageData;
