/**
 * Linux 6.4 as of 6.4.6: fork marks every VMA of the parent, and a stack grows under the write lock with its VMA marked, as in
 * mainline since 6.5.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.4',
  title: 'Per-VMA locks, with the fixes to fork and stack growth',
  author: 'Suren Baghdasaryan, Linus Torvalds',
  date: '2023-07-11',
  link: 'https://lore.kernel.org/all/20230708191212.4147700-1-surenb@google.com/',
  merged: '6.4.3',
  commits: ['fb49c455323f', 'c137381f71ae', '33313a747e81', '8d7071af8907'],
  parent: 'v6.4.0',
  functions: {
    lock_mm_and_find_vma: 'lock_mm_and_find_vma',
    'lock_mm_and_find_vma.trylock': 'lock_mm_and_find_vma',
    'lock_mm_and_find_vma.unmapped': 'lock_mm_and_find_vma',
    expand_stack_locked: 'expand_stack_locked',
    bad_area_nosemaphore: 'bad_area_nosemaphore',
  },
  changes: {
    'mmap_region.start_write': {
      answer: 'before_store',
      by: '33313a747e81 mm: lock newly mapped VMA which can be modified after it becomes visible',
    },
    'dup_mmap.start_write': { answer: 'all', by: 'fb49c455323f fork: lock VMAs of the parent process when forking' },
    'expand_stack.lock': { answer: 'write_and_mark', by: 'c137381f71ae mm: lock a vma before stack expansion' },
  },
} satisfies StageData;
