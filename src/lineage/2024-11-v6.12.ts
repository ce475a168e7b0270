/**
 * Linux 6.12: MAP_FIXED replaces what it finds without leaving a gap in the tree, and the lookup tests for a detached VMA before
 * it reads its bounds.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.12',
  title: 'munmap gathers before it clears',
  author: 'Liam Howlett',
  date: '2024-11-17',
  link: 'https://lore.kernel.org/all/20240830040101.822209-1-Liam.Howlett@oracle.com/',
  merged: '6.12',
  commits: ['98b74bb4d7e9'],
  parent: 'v6.10',
  functions: {
    'hugetlb_no_page.vmf_anon_prepare': '__vmf_anon_prepare',
    'hugetlb_wp.vmf_anon_prepare': '__vmf_anon_prepare',
  },
  changes: {
    'lock_vma_under_rcu.range': {
      answer: 'after_detached',
      by: 'mm: fix (harmless) type confusion in lock_vma_under_rcu()',
    },
    'mmap_region.fixed': { answer: 'gather', by: 'mm/mmap: avoid zeroing vma tree in mmap_region()' },
    remap_file_pages: {
      answer: 'read_then_write',
      by: 'mm: call the security_mmap_file() LSM hook in remap_file_pages()',
    },
    'do_swap_page.uffd_wp': {
      answer: 'userfault',
      by: 'mm: set pte writable while pte_soft_dirty() is true in do_swap_page(), in 6.11',
    },
    procmap_query: { answer: 'mmap_read', by: 'fs/procfs: implement efficient VMA querying API for /proc/PID/maps' },
  },
} satisfies StageData;
