/** Linux 6.1: one reader-writer semaphore for the whole address space. Every fault of every thread read-locks it. */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'mmap_lock',
  title: 'mmap_lock only',
  author: 'Linus Torvalds',
  date: '2022-12-11',
  link: 'https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tag/?h=v6.1',
  merged: '6.1',
  commits: ['8d7071af8907'],
  parent: null,
  changes: {
    'handle_pte_marker.uffd_wp': { answer: 'missing', by: '5c041f5d1f23 mm: teach core mm about pte markers, in 5.19' },
    'handle_pte_marker.poison': { answer: 'signal', by: '15520a3f0469 mm: use pte markers for swap errors' },
    'handle_pte_marker.guard': { answer: 'absent', by: 'new in 6.13' },
    'userfaultfd_register.wp': {
      answer: 'any',
      by: 'b1f9e876862d mm/uffd: enable write protection for shmem & hugetlbfs',
    },
    'userfaultfd_register.minor': {
      answer: 'present',
      by: '7677f7fd8be7 userfaultfd: add minor fault registration mode',
    },
    'userfaultfd_register.wp_async': { answer: 'absent', by: 'new in 6.7' },
    'userfaultfd_register.rwp': { answer: 'absent', by: 'new in 7.3' },
    'calc_vm_flag_bits.stack': { answer: 'ignored', by: 'new in 6.8' },
    'do_vmi_align_munmap.downgrade': {
      answer: 'unless_grows',
      by: 'dd2283f2605e mm: mmap: zap pages with read mmap_sem in munmap',
    },
    '__split_vma.start_write': { answer: 'target', by: 'no VMA lock to take' },
    '__split_vma.first': { answer: 'above', by: '2.6' },
    'is_mergeable_anon_vma.unfaulted': { answer: 'no', by: '965f55dea0e3 mmap: avoid merging cloned VMAs' },
    'mmap_region.fixed': { answer: 'munmap_then_insert', by: '2.6' },
    'dup_mmap.start_write': { answer: 'none', by: 'no VMA lock to take' },
    'expand_stack.lock': {
      answer: 'write',
      by: '8d7071af8907 mm: always expand the stack with the mmap write lock held',
    },
    remap_file_pages: { answer: 'write', by: '2.6' },
    mseal: { answer: 'absent', by: 'new in 6.10' },
    'madvise_lock.dontneed': { answer: 'mmap_read', by: '0a27a14a6292 mm: madvise avoid exclusive mmap_sem' },
    'madvise_lock.guard': { answer: 'absent', by: 'new in 6.13' },
    'queue_pages_range.start_write': { answer: 'none', by: 'no VMA lock to take' },
    'collapse_huge_page.start_write': { answer: 'after_check', by: 'no VMA lock to take' },
    uffd_mfill_lock: { answer: 'mmap_read', by: 'c1a4de99fada userfaultfd: mcopy_atomic|mfill_zeropage' },
    uffd_move_lock: { answer: 'absent', by: 'new in 6.8' },
    proc_maps: { answer: 'mmap_read', by: '2.6' },
    procmap_query: { answer: 'absent', by: 'new in 6.11' },
    proc_smaps: { answer: 'mmap_read', by: '2.6' },
  },
} satisfies StageData;
