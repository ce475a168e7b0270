/**
 * Linux 6.9: hugetlb faults and the userfaultfd ioctls that fill pages use the VMA lock.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.9',
  title: 'hugetlb and userfaultfd ioctls under the VMA lock',
  author: 'Vishal Moola, Lokesh Gidra',
  date: '2024-05-12',
  link: 'https://lore.kernel.org/all/20240215182756.3448972-1-lokeshgidra@google.com/',
  merged: '6.9',
  parent: 'v6.8',
  functions: {
    'hugetlb_no_page.vmf_anon_prepare': 'vmf_anon_prepare',
    'hugetlb_wp.vmf_anon_prepare': 'vmf_anon_prepare',
  },
  changes: {
    hugetlb_fault: { answer: 'go', by: 'hugetlb: allow faults to be handled under the VMA lock' },
    uffd_mfill_lock: { answer: 'vma_read', by: 'userfaultfd: use per-vma locks in userfaultfd operations' },
    uffd_move_lock: { answer: 'vma_read', by: 'userfaultfd: use per-vma locks in userfaultfd operations' },
  },
} satisfies StageData;
