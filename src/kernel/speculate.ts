/**
 * Speculative page faults: nothing is locked. The fault looks everything up, notes a sequence count, does its work, and looks
 * at the count again with the page-table lock held; when it moved, the fault begins anew under mmap_lock.
 *
 * Models: mm/memory.c __handle_speculative_fault, vma_has_changed, pte_map_lock (Dufour v12); arch/x86/mm/fault.c
 * do_user_addr_fault, mm/memory.c do_anonymous_page, wp_page_copy, do_swap_page, __pte_map_lock, mm/filemap.c filemap_fault
 * (Lespinasse, April 2021 and January 2022).
 * Leaves out: contention for the page-table lock (Lespinasse gives up, Dufour tries again), memory policies, mmu notifiers.
 *
 * A cause is a site: the function, and Lespinasse's counter of it in lower case where it has one.
 */
import { ENTRY, FOLIO_CACHED, FOLIO_LOCKED, VM_OPS } from '../vocab.js';
import { inPageCache, isShmem } from './do-fault.js';
import { access_error, after, countSleep, finish, LOCK_MMAP, SPECULATE_COMMIT } from './fault-steps.js';
import { entryOf, handle_mm_fault, isHugeCandidate } from './handle-mm-fault.js';
import type { Kernel } from './kernel.js';
import { folioOf, hugeOf, isFolioLocked, isWrite, raceOf, readsSwapAtOnce, SIGNAL, says } from './outcome.js';
import { FOLIO_MISSING } from './page-cache.js';
import {
  PTE_ANON,
  PTE_ANON_WP,
  PTE_HUGE,
  PTE_KIND_MASK,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_SWAP,
  PTE_UFFD_WP,
} from './page-table.js';
import { type Task, VERDICT_SIGNAL, VERDICT_VMA_LOCK } from './task.js';
import { VM_GROWSDOWN, VM_HUGETLB, VM_SHARED, VM_UFFD_MISSING, VM_UFFD_WP, type Vma, vma_is_anonymous } from './vma.js';

/** By a sequence count of each VMA (Dufour): what is asked before the page tables, in the kernel's order. */
export function __handle_speculative_fault(k: Kernel, task: Task): number {
  const { mm } = task;
  const vma = mm.mm_mt.find(task.page);
  if (vma === null) return giveUp(task, '__handle_speculative_fault.no_vma');
  if (k.lock!.seqSaysLocked(mm, vma)) return blamed(k, task, '__handle_speculative_fault.vm_sequence');
  if (vma.vm_ops & VM_OPS.fault || vma.vm_flags & VM_HUGETLB) return giveUp(task, '__handle_speculative_fault.vm_ops');
  if (vma_is_anonymous(vma) && vma.anon_vma === null) return giveUp(task, '__handle_speculative_fault.anon_vma');
  if (vma.vm_flags & VM_UFFD_MISSING) return giveUp(task, '__handle_speculative_fault.userfaultfd');
  if (vma.vm_flags & VM_GROWSDOWN) return giveUp(task, '__handle_speculative_fault.growsdown');
  if (task.page < vma.vm_start) return giveUp(task, '__handle_speculative_fault.range');
  if (raceOf(task.facts) !== 0) return giveUp(task, '__handle_speculative_fault.vma_has_changed');
  task.vma = vma;
  // Its own copy of access_error() does not see X86_PF_PROT: what is forbidden of a page that is there would fault for ever.
  if (access_error(task, vma)) {
    task.site = '__handle_speculative_fault.access_error';
    return finish(k, task, VERDICT_SIGNAL);
  }
  task.snapshot = vma.vm_lock_seq;
  if (!hasPteTable(task, vma)) return giveUp(task, '__handle_speculative_fault.pmd');
  const kind = entryOf(k, task, vma) & PTE_KIND_MASK;
  if (!vma_is_anonymous(vma) && kind === PTE_NONE) return giveUp(task, 'handle_pte_fault');
  // swapin_readahead() would need the VMA.
  if (kind === PTE_SWAP && !inSwapCache(task) && !readsSwapAtOnce(k, task)) {
    return giveUp(task, 'do_swap_page');
  }
  return work(k, task, vma);
}

/** By one sequence count of the mm (Lespinasse): odd while there is a writer, and copied VMAs are looked at. */
export function do_speculative_fault(k: Kernel, task: Task): number {
  const { mm } = task;
  k.ledger.count('spf_attempt');
  if (mm.mmap_lock.writer >= 0) return blamed(k, task, 'do_user_addr_fault.spf_abort_odd');
  const vma = mm.mm_mt.walk(task.page);
  if (vma === null) return abort(k, task, 'do_user_addr_fault.spf_abort_unmapped');
  const write = isWrite(task);
  if (!vma_can_speculate(k, vma, write)) return abort(k, task, 'do_user_addr_fault.spf_abort_no_speculate');
  if (raceOf(task.facts) !== 0) return abort(k, task, 'do_user_addr_fault.spf_abort_vma_copy');
  if (access_error(task, vma)) return abort(k, task, 'do_user_addr_fault.spf_abort_access_error');
  task.vma = vma;
  task.snapshot = mm.mm_lock_seq;
  const cause = hasPteTable(task, vma) ? causeOf(k, task, vma, write) : '__handle_mm_fault.spf_abort_pmd';
  return cause === null ? work(k, task, vma) : abort(k, task, cause);
}

/**
 * vma_can_speculate(): anonymous memory; in the RFC of 2021 also files with ->speculative (generic_file_vm_ops, ext4, f2fs, btrfs
 * and others of the page cache, not xfs and not shmem), but no write to a shared one.
 */
function vma_can_speculate(k: Kernel, vma: Vma, write: boolean): boolean {
  if (vma_is_anonymous(vma)) return !(vma.vm_flags & VM_HUGETLB);
  if (k.at.vma_can_speculate !== 'anonymous_or_file' || vma.vm_flags & VM_HUGETLB) return false;
  const cached = (vma.vm_ops & VM_OPS.map_pages) !== 0 && (vma.vm_ops & VM_OPS.dax) === 0;
  if (!cached || isShmem(k, vma) || k.files[vma.vm_file]?.fs === 'xfs') return false;
  return !(write && vma.vm_flags & VM_SHARED);
}

/** Is there a table of PTEs, and no huge page? Speculation allocates none: the first fault in each 2 MiB gives up. */
function hasPteTable(task: Task, vma: Vma): boolean {
  const { page_table } = task.mm;
  if (hugeOf(task.facts) !== 0 || page_table.get(task.page) & PTE_HUGE) return false;
  if (isHugeCandidate(task, vma)) return false;
  if ((task.facts & 15) > ENTRY.none) page_table.addTable(task.page);
  return page_table.hasTable(task.page);
}

/** lookup_swap_cache(): a folio that somebody has locked, or had, is there. */
function inSwapCache({ facts }: Task): boolean {
  const folio = folioOf(facts);
  return folio === FOLIO_CACHED || folio === FOLIO_LOCKED;
}

/** Lespinasse: why handle_pte_fault() cannot go on speculatively; null when it can. */
function causeOf(k: Kernel, task: Task, vma: Vma, write: boolean): string | null {
  const state = entryOf(k, task, vma);
  const kind = state & PTE_KIND_MASK;
  // A shared file's page in swap leaves no entry.
  if (kind === PTE_NONE || (kind === PTE_SWAP && vma.vm_flags & VM_SHARED)) {
    return vma_is_anonymous(vma) ? anonymousCause(vma, write) : fileCause(task, vma, write);
  }
  if (kind >= PTE_SWAP) {
    if (k.at['do_swap_page.speculative'] === 'abort') return 'do_swap_page.spf_abort_swap';
    if (kind !== PTE_SWAP) return 'do_swap_page.spf_abort_non_swap_entry';
    if (isFolioLocked(task)) return 'do_swap_page';
    if (!inSwapCache(task)) return 'do_swap_page.spf_abort_swap_nopage';
    const copies = write && state & PTE_SHARED_COW && state & PTE_UFFD_WP && vma.vm_flags & VM_UFFD_WP;
    return copies ? 'do_wp_page.spf_abort_userfaultfd' : null;
  }
  if (!write) return null;
  if (state & PTE_UFFD_WP && vma.vm_flags & VM_UFFD_WP) return 'do_wp_page.spf_abort_userfaultfd';
  const copies = (kind !== PTE_ANON && kind !== PTE_ANON_WP) || (state & PTE_SHARED_COW) !== 0;
  return copies && vma.anon_vma === null ? 'wp_page_copy.spf_abort_anon_vma' : null;
}

function anonymousCause(vma: Vma, write: boolean): string | null {
  if (write && vma.anon_vma === null) return 'do_anonymous_page.spf_abort_anon_vma';
  return vma.vm_flags & VM_UFFD_MISSING ? 'do_anonymous_page.spf_abort_userfaultfd' : null;
}

/** A speculative ->fault may not sleep: only what is in the page cache, unlocked, and without the readahead mark. */
function fileCause(task: Task, vma: Vma, write: boolean): string | null {
  const { facts } = task;
  if (write && vma.anon_vma === null) return 'do_cow_fault.spf_abort_anon_vma';
  const absent = inPageCache(task, vma) === FOLIO_MISSING || says(facts, 'eof');
  return absent || isFolioLocked(task) || says(facts, 'readahead') ? 'filemap_fault' : null;
}

/** Does the work without any lock: what it would map is kept aside until the sequence was looked at again. */
function work(k: Kernel, task: Task, vma: Vma): number {
  const { page_table } = task.mm;
  task.found = page_table.get(task.page);
  task.verdict = handle_mm_fault(k, task, vma, false) === SIGNAL ? VERDICT_SIGNAL : VERDICT_VMA_LOCK;
  task.mapped = page_table.get(task.page);
  page_table.set(task.page, task.found);
  countSleep(k, task);
  return after(k, task, task.cost + task.sleep, SPECULATE_COMMIT);
}

/** The page-table lock is taken: has anybody modified the VMA (Dufour), or been a writer at all (Lespinasse)? */
export function speculate_commit(k: Kernel, task: Task): number {
  const vma = task.vma!;
  if (k.speculates === 'vm_sequence') {
    if (vma.detached || vma.vm_lock_seq !== task.snapshot) return blamed(k, task, 'pte_map_lock.vma_has_changed');
  } else if (task.mm.mm_lock_seq !== task.snapshot) {
    return blamed(k, task, '__pte_map_lock.spf_abort_pte_map_lock_seq1');
  }
  if (k.speculates === 'vm_sequence') k.ledger.count('speculative_pgfault');
  if (task.verdict !== VERDICT_SIGNAL) task.site = null;
  // pte_same(): who was faster has mapped it.
  const { page_table } = task.mm;
  if (page_table.get(task.page) === task.found) page_table.set(task.page, task.mapped);
  return finish(k, task, task.verdict);
}

/** A writer is to blame, if there is one still. */
function blamed(k: Kernel, task: Task, site: string): number {
  k.blame(task, task.mm.mmap_lock.writer);
  return k.speculates === 'mmap_seq' ? abort(k, task, site) : giveUp(task, site);
}

/** Lespinasse counts every abort, and most causes. */
function abort(k: Kernel, task: Task, site: string): number {
  k.ledger.count('spf_abort');
  const dot = site.indexOf('.');
  if (dot >= 0) k.ledger.count(site.slice(dot + 1));
  return giveUp(task, site);
}

/** VM_FAULT_RETRY of a speculation. */
function giveUp(task: Task, site: string): number {
  task.vma = null;
  task.site = site;
  return LOCK_MMAP;
}
