/**
 * What the parts of handle_mm_fault() share: its results, the facts of a fault, and the few ways to leave with one.
 *
 * Models: include/linux/mm_types.h enum vm_fault_reason; mm/memory.c __vmf_anon_prepare, vmf_can_call_fault; mm/filemap.c
 * maybe_unlock_mmap_for_io, __folio_lock_or_retry (v6.18).
 *
 * Decides, never waits: a result says what to wait for and whether the lock is held meanwhile.
 */
import type { Ns, Page } from '../units.js';
import {
  ACCESS_MASK,
  ACCESS_WRITE,
  FACT_SHIFT,
  type FactBit,
  FOLIO_LOCKED,
  FOLIO_SHIFT,
  HUGE_SHIFT,
  RACE_SHIFT,
  VM_OPS,
} from '../vocab.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { firstOfPmd, PMD_PAGES, PTE_PROTNONE, PTE_UFFD_WP } from './page-table.js';
import type { Task } from './task.js';
import { AnonVma, VM_UFFD_RWP, VM_UFFD_WP, type Vma } from './vma.js';
import { find_mergeable_anon_vma } from './vma-merge.js';

/** Done: `task.sleep` ns of waiting and `task.cost` of work with the lock held, then it is released. */
export const HANDLED = 0;
/** VM_FAULT_RETRY: the lock is dropped, then `task.sleep` ns of waiting, then another pass under mmap_lock. */
export const RETRY = 1;
/** VM_FAULT_SIGBUS, _SIGSEGV or _HWPOISON: a signal, decided with the lock held. */
export const SIGNAL = 2;
/** VM_FAULT_RETRY from handle_userfault(): the lock is dropped, then a monitor must resolve the page. */
export const USERFAULT = 3;
/** VM_FAULT_VMA_UNLOCKED without RETRY: the lock is dropped, then `task.sleep` ns of waiting, and the fault is done. */
export const UNLOCKED = 4;
/** The series has a bug here, and no result: handled, and nothing is counted. */
export const BROKEN = 5;
export type Outcome =
  | typeof HANDLED
  | typeof RETRY
  | typeof SIGNAL
  | typeof USERFAULT
  | typeof UNLOCKED
  | typeof BROKEN;

export const folioOf = (facts: number) => (facts >> FOLIO_SHIFT) & 3;
/** Is the folio locked when the fault gets to it? A wait of 0 says that whoever had it was done by then. */
export const isFolioLocked = (task: Task) => folioOf(task.facts) === FOLIO_LOCKED && task.wait !== 0;
export const isWrite = (task: Task) => (task.code & ACCESS_MASK) === ACCESS_WRITE;
export const raceOf = (facts: number) => (facts >> RACE_SHIFT) & 3;
export const hugeOf = (facts: number) => (facts >> HUGE_SHIFT) & 3;
/** Does the trace say that the fact holds? */
export const says = (facts: number, fact: FactBit) => ((facts >> FACT_SHIFT[fact]) & 3) === 3;
/** Does the trace say whether it holds? */
export const isSaid = (facts: number, fact: FactBit) => ((facts >> FACT_SHIFT[fact]) & 1) === 1;

/** Is the swap device a synchronous one (zram, brd, pmem), as the fault or the whole trace says? */
export const readsSwapAtOnce = (k: Kernel, { facts }: Task) => k.swapSync || says(facts, 'swap_sync');

/** The fault ends here and goes to mmap_lock because of `site`. */
export function retryAt(task: Task, site: string): typeof RETRY {
  task.site = site;
  return RETRY;
}

/** Drops the lock, sleeps for what the trace says or `ns`, and lets the next pass find the page. */
export function releaseAndWait(task: Task, site: string, ns: Ns): typeof RETRY {
  // What the trace says is all the fault waited: the first sleep has it.
  if (task.wait < 0) task.sleep = ns;
  else task.sleep = task.settled ? 0 : task.wait;
  task.settled = true;
  task.answered ||= task.wait >= 0;
  return retryAt(task, site);
}

/**
 * fault_flag_allow_retry_first(): may the fault drop the lock to sleep? Not mmap_lock, when it was TRIED already; a speculation
 * has none to drop, and goes without FAULT_FLAG_ALLOW_RETRY.
 */
export function mayDropLock(k: Kernel, task: Task, vmaLocked: boolean): boolean {
  if (k.speculates !== null && !task.fallback) return false;
  return vmaLocked || !task.tried;
}

/** VM_FAULT_MAJOR: where the next pass learns of it, that one is TRIED. */
export function major(k: Kernel, task: Task, vmaLocked: boolean): void {
  if (vmaLocked && k.at['do_user_addr_fault.tried'] === 'major') task.tried = true;
}

/** Sleeps with the lock held, for what the trace says or `ns`; then the fault is done. */
export function waitHolding(task: Task, ns: Ns): typeof HANDLED {
  if (!task.settled) task.sleep = task.wait >= 0 ? task.wait : ns;
  return HANDLED;
}

/**
 * handle_userfault(): drops the lock before it sleeps. The RFC drops mmap_lock, which it does not hold, and goes on as if the
 * fault were handled: said as that, with the wait, since what a kernel does after that is anybody's guess.
 */
export function handle_userfault(k: Kernel, task: Task, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'handle_userfault');
  task.site = 'handle_userfault';
  if (vmaLocked && k.at.handle_userfault === 'drops_mmap_lock') return BROKEN;
  return USERFAULT;
}

/** userfaultfd_pte_rwp() of an entry that is protnone: every access is the monitor's. */
export function isReadWriteProtected(state: number, vma: Vma): boolean {
  return (state & PTE_PROTNONE) !== 0 && (state & PTE_UFFD_WP) !== 0 && (vma.vm_flags & VM_UFFD_RWP) !== 0;
}

/** UFFDIO_RWPROTECT takes every access away. */
export const UFFD_RWP_BITS = PTE_UFFD_WP | PTE_PROTNONE;

/** pte_swp_uffd(): what a monitor forbade of a page that was away is forbidden again when it is back. */
export function uffdBits({ vm_flags }: Vma, state: number): number {
  if (!(state & PTE_UFFD_WP)) return 0;
  if (vm_flags & VM_UFFD_RWP) return UFFD_RWP_BITS;
  return vm_flags & VM_UFFD_WP ? PTE_UFFD_WP : 0;
}

/** vmf_can_call_fault(): ->fault may run under the VMA lock only when the file has ->map_pages. */
export function vmf_can_call_fault(task: Task, vma: Vma, vmaLocked: boolean): boolean {
  if (!vmaLocked || vma.vm_ops & VM_OPS.map_pages) return true;
  task.site = 'vmf_can_call_fault';
  return false;
}

/** __vmf_anon_prepare(): true when the VMA has an anon_vma now; false is VM_FAULT_RETRY. */
export function vmf_anon_prepare(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): boolean {
  if (vma.anon_vma) return true;
  k.witness?.enters(task, 'vmf_anon_prepare');
  if (vmaLocked && k.at.vmf_anon_prepare !== 'unlocked') {
    // The order is mmap_lock, then VMA lock; the other way round only a trylock cannot deadlock.
    if (k.at.vmf_anon_prepare === 'retry' || !k.mmap_read_trylock(task)) {
      task.site = 'vmf_anon_prepare';
      return false;
    }
    anon_vma_prepare(task.mm, vma);
    k.mmap_read_unlock(task, task.mm, 0);
  } else anon_vma_prepare(task.mm, vma);
  k.ledger.prepared(task, vma);
  task.cost += k.costs.anon_vma_prepare;
  return true;
}

/** __anon_vma_prepare(): a neighbour's anon_vma when the two could merge, else a new one. */
export function anon_vma_prepare(mm: Mm, vma: Vma): void {
  if (vma.anon_vma) return;
  vma.anon_vma = find_mergeable_anon_vma(mm.mm_mt, vma) ?? new AnonVma();
  vma.anon_vma_chain = 1;
}

/** Maps `page` with `state`. */
export function install(task: Task, state: number): void {
  task.mm.page_table.set(task.page, state);
}

/**
 * What a fault waits at the migration entry of `page`. One that a `migrate` of the trace has put there stays until that is over; of
 * any other nothing is known but this fault, and `back()` makes the page what it is after it.
 */
export function migrationWait(k: Kernel, mm: Mm, page: Page, back: () => void): Ns {
  const until = mm.migrating.get(page);
  if (until !== undefined) return until - k.engine.now;
  back();
  return k.costs.wait_migration;
}

/** Maps the whole PMD around `page` with `state`, as far as `vma` reaches. */
export function installHuge(mm: Mm, vma: Vma, page: Page, state: number): void {
  const first = firstOfPmd(page);
  const end = Math.min(first + PMD_PAGES, vma.vm_end);
  for (let p = Math.max(first, vma.vm_start); p < end; p++) mm.page_table.set(p, state);
}
