/**
 * hugetlb_fault(): a mapping of preallocated huge pages goes its own way.
 *
 * Models: mm/hugetlb.c hugetlb_fault, hugetlb_no_page, hugetlb_wp (v6.6 to v6.18).
 * Leaves out: sizes other than 2 MiB (a page of 1 GiB is tracked by its 2 MiB parts); a page that a read made counts as writable,
 * since a write reuses it at no cost.
 */
import { ENTRY, FOLIO_ABSENT, FOLIO_CACHED } from '../vocab.js';
import type { Kernel } from './kernel.js';
import {
  folioOf,
  HANDLED,
  handle_userfault,
  isReadWriteProtected,
  isSaid,
  isWrite,
  migrationWait,
  type Outcome,
  RETRY,
  retryAt,
  SIGNAL,
  says,
  uffdBits,
  vmf_anon_prepare,
  waitHolding,
} from './outcome.js';
import {
  firstOfPmd,
  PTE_ANON,
  PTE_ANON_WP,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HWPOISON,
  PTE_KIND_MASK,
  PTE_MARKER_POISON,
  PTE_MARKER_UFFD_WP,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_UFFD_WP,
} from './page-table.js';
import type { Task } from './task.js';
import { UFFD_WP_ASYNC, VM_SHARED, VM_UFFD_MINOR, VM_UFFD_MISSING, VM_UFFD_WP, type Vma } from './vma.js';

export function hugetlb_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'hugetlb_fault');
  if (vmaLocked && k.at.hugetlb_fault === 'retry') return retryAt(task, 'hugetlb_fault');
  const state = hugeEntryOf(k, task, vma);
  switch (state & PTE_KIND_MASK) {
    case PTE_NONE:
      return hugetlb_no_page(k, task, vma, vmaLocked, 0);
    case PTE_MARKER_UFFD_WP:
      // As if nothing were there, but what comes in is protected still.
      return hugetlb_no_page(k, task, vma, vmaLocked, PTE_UFFD_WP);
    case PTE_MIGRATION:
      // It sleeps with the VMA lock held.
      k.witness?.enters(task, 'migration_entry_wait_huge');
      return waitHolding(
        task,
        migrationWait(k, task.mm, headOf(task), () => install(task, writable(vma) | uffdBits(vma, state))),
      );
    case PTE_HWPOISON:
      task.site = 'hugetlb_fault.hwpoison';
      return SIGNAL;
    case PTE_MARKER_POISON:
      task.site = 'hugetlb_fault.poison';
      return SIGNAL;
  }
  if (isReadWriteProtected(state, vma) && !task.answered) return handle_userfault(k, task, vmaLocked);
  if (!isWrite(task)) return HANDLED;
  const sync = vma.vm_flags & VM_UFFD_WP && !(vma.vm_flags & UFFD_WP_ASYNC);
  if (state & PTE_UFFD_WP && sync && !task.answered) return handle_userfault(k, task, vmaLocked);
  return hugetlb_wp(k, task, vma, vmaLocked, state);
}

const headOf = (task: Task) => firstOfPmd(task.page);
const writable = (vma: Vma) => (vma.vm_flags & VM_SHARED ? PTE_FILE_RW : PTE_ANON);

function install(task: Task, state: number): void {
  task.mm.page_table.set(headOf(task), state);
}

/** The entry the fault meets: stated, else the trace's own history of the huge page. */
export function hugeEntryOf(k: Kernel, task: Task, vma: Vma): number {
  const known = task.mm.page_table.get(headOf(task));
  if (task.settled) return known;
  const absent = (known & PTE_KIND_MASK) === PTE_NONE;
  let state = known;
  switch (task.facts & 15) {
    case ENTRY.none:
      return PTE_NONE;
    case ENTRY.present:
      // A page that history knows nothing of: of the page cache where the VMA never made one of its own.
      if (absent) state = vma.anon_vma ? PTE_ANON : PTE_FILE_RO;
      break;
    case ENTRY.migration:
      return PTE_MIGRATION | (known & PTE_UFFD_WP);
    case ENTRY.hwpoison:
      return PTE_HWPOISON;
    case ENTRY.marker_poison:
      if (k.at['handle_pte_marker.poison'] !== 'absent') return PTE_MARKER_POISON;
  }
  if (isSaid(task.facts, 'shared') && state !== PTE_NONE) {
    if (says(task.facts, 'shared')) state |= PTE_SHARED_COW;
    else state &= ~PTE_SHARED_COW;
  }
  return state;
}

/** Of a private mapping the page cache may have a page all the same: a read maps that, and needs no anon_vma. */
function hugetlb_no_page(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, bits: number): Outcome {
  k.witness?.enters(task, 'hugetlb_no_page');
  const folio = folioOf(task.facts);
  if (!task.answered) {
    if (vma.vm_flags & VM_UFFD_MISSING && folio !== FOLIO_CACHED) return handle_userfault(k, task, vmaLocked);
    if (vma.vm_flags & VM_UFFD_MINOR && folio !== FOLIO_ABSENT) return handle_userfault(k, task, vmaLocked);
  }
  task.cost = k.costs.hugetlb;
  if (!(vma.vm_flags & VM_SHARED)) {
    if (folio === FOLIO_CACHED && !isWrite(task)) {
      install(task, PTE_FILE_RO | bits);
      return waitForMutex(task);
    }
    if (!vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  }
  install(task, writable(vma) | bits);
  return waitForMutex(task);
}

/** A private page that somebody else has too is copied; any other is made writable. */
function hugetlb_wp(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, state: number): Outcome {
  const kind = state & PTE_KIND_MASK;
  const own = (kind === PTE_ANON || kind === PTE_ANON_WP) && !(state & PTE_SHARED_COW);
  if (vma.vm_flags & VM_SHARED || own) return HANDLED;
  k.witness?.enters(task, 'hugetlb_wp');
  task.cost = k.costs.hugetlb;
  if (!vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  install(task, PTE_ANON);
  return waitForMutex(task);
}

/** hugetlb_fault_mutex and the folio lock are waited for with the VMA lock held. */
function waitForMutex(task: Task): Outcome {
  return waitHolding(task, 0);
}
