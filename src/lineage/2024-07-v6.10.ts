/**
 * Linux 6.10: the lookup no longer demands an anon_vma. A fault that needs one takes mmap_lock by trylock inside the fault; only
 * when that fails does it fall back. A bad access is signalled under the VMA lock.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v6.10',
  title: 'First touch without mmap_lock',
  author: 'Matthew Wilcox',
  date: '2024-07-14',
  link: 'https://lore.kernel.org/all/20240426144506.1290619-1-willy@infradead.org/',
  merged: '6.10',
  commits: ['bc7996c864bf'],
  parent: 'v6.9',
  functions: { vmf_anon_prepare: 'vmf_anon_prepare' },
  changes: {
    'do_user_addr_fault.access_error': {
      answer: 'signal',
      by: 'bc7996c864bf x86: mm: accelerate pagefault when badaccess',
    },
    'lock_vma_under_rcu.anon_vma': { answer: 'go', by: 'mm: delay the check for a NULL anon_vma' },
    vmf_anon_prepare: { answer: 'trylock', by: 'mm: optimise vmf_anon_prepare() for VMAs without an anon_vma' },
    mseal: { answer: 'write', by: 'mseal: add mseal syscall' },
  },
} satisfies StageData;
