/**
 * Linux 6.5: the first corrections. The anon_vma is looked at once the VMA is locked, TCP receive mappings may be locked as well,
 * every munmap downgrades, and page walks that change entries mark their VMAs first.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.5',
  title: 'Per-VMA locks, corrected',
  author: 'Linus Torvalds',
  date: '2023-08-27',
  link: 'https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tag/?h=v6.5',
  merged: '6.5',
  commits: ['657b5146955e', 'b1f02b95758d', '49b0638502da'],
  parent: 'v6.4',
  changes: {
    'lock_vma_under_rcu.vm_ops': { answer: 'anonymous_or_tcp', by: 'tcp: use per-vma locking for receive zerocopy' },
    'lock_vma_under_rcu.anon_vma': {
      answer: 'abort_after_lock',
      by: '657b5146955e mm: lock_vma_under_rcu() must check vma->anon_vma under vma lock',
    },
    'do_vmi_align_munmap.downgrade': {
      answer: 'always',
      by: 'e4bd84c069f2 mm: Always downgrade mmap_lock if requested',
    },
    'queue_pages_range.start_write': {
      answer: 'range',
      by: '49b0638502da mm: enable page walking API to lock vmas during the walk',
    },
    'vma_replace_policy.start_write': {
      answer: 'target',
      by: '6c21e066f925 mm/mempolicy: Take VMA lock before replacing policy',
    },
    'clear_refs_write.start_write': {
      answer: 'all',
      by: '49b0638502da mm: enable page walking API to lock vmas during the walk',
    },
  },
} satisfies StageData;
