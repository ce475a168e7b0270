/**
 * Linux 6.15: the read-write semaphore of a VMA becomes vm_refcnt; a detached VMA is one whose count is zero. Guards may be
 * put into file mappings too.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.15',
  title: 'The VMA lock becomes a reference count',
  author: 'Suren Baghdasaryan',
  date: '2025-05-25',
  link: 'https://lore.kernel.org/all/20250213224655.1680278-1-surenb@google.com/',
  merged: '6.15',
  commits: ['7b6218ae1253', '8ef95d8f15f9'],
  parent: 'v6.13',
  lock: { answer: 'refcount', by: 'mm: replace vm_lock and detached flag with a reference count' },
  changes: {
    is_valid_guard_vma: { answer: 'any', by: 'mm: allow guard regions in file-backed and read-only mappings' },
  },
} satisfies StageData;
