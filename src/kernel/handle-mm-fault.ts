/**
 * handle_mm_fault(): what the page-table entry, the VMA and the access make of a fault, once a lock is held.
 *
 * Models: mm/memory.c handle_mm_fault, __handle_mm_fault, handle_pte_fault, do_anonymous_page; mm/huge_memory.c
 * do_huge_pmd_anonymous_page, do_huge_pmd_wp_page; mm/hugetlb.c hugetlb_fault (v6.4 to v6.18; which version does what is
 * in the stages' answers).
 * Leaves out: page-table pages, memory cgroups, allocation failure, mTHP: none changes where a fault is finished.
 */
import { ENTRY, FOLIO_ABSENT, FOLIO_LOCKED, HUGE_PUD, VM_OPS } from '../vocab.js';
import { do_fault } from './do-fault.js';
import { do_swap_page } from './do-swap-page.js';
import { do_wp_page } from './do-wp-page.js';
import { hugeEntryOf, hugetlb_fault } from './hugetlb.js';
import type { Kernel } from './kernel.js';
import {
  folioOf,
  HANDLED,
  handle_userfault,
  hugeOf,
  install,
  installHuge,
  isReadWriteProtected,
  isSaid,
  isWrite,
  migrationWait,
  type Outcome,
  RETRY,
  retryAt,
  says,
  uffdBits,
  vmf_anon_prepare,
  waitHolding,
} from './outcome.js';
import {
  firstOfPmd,
  isOfFile,
  PMD_PAGES,
  PTE_ANON,
  PTE_ANON_WP,
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HUGE,
  PTE_HWPOISON,
  PTE_KIND_MASK,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISON,
  PTE_MARKER_UFFD_WP,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_PROTNONE,
  PTE_SHARED_COW,
  PTE_SWAP,
  PTE_UFFD_WP,
  PTE_ZERO,
} from './page-table.js';
import type { Task } from './task.js';
import {
  UFFD_WP_ASYNC,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_SHARED,
  VM_UFFD_ARMED,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type Vma,
  vma_is_anonymous,
} from './vma.js';

/** The PTE kind an explicit `page.entry` stands for, by ENTRY code; `present` needs a look at the VMA. */
const KIND_OF_ENTRY: readonly number[] = Object.freeze(
  Object.entries({
    none: PTE_NONE,
    present: PTE_NONE,
    swap: PTE_SWAP,
    migration: PTE_MIGRATION,
    device_private: PTE_DEVICE_PRIVATE,
    device_exclusive: PTE_DEVICE_EXCLUSIVE,
    hwpoison: PTE_HWPOISON,
    marker_uffd_wp: PTE_MARKER_UFFD_WP,
    marker_poison: PTE_MARKER_POISON,
    marker_guard: PTE_MARKER_GUARD,
  } satisfies Record<keyof typeof ENTRY, number>).reduce<number[]>((kinds, [entry, kind]) => {
    kinds[ENTRY[entry as keyof typeof ENTRY]] = kind;
    return kinds;
  }, []),
);

/**
 * handle_mm_fault() for `task` in `vma`; `vmaLocked` is FAULT_FLAG_VMA_LOCK. Sets `cost`, `sleep` and, when it leaves the
 * fast path, `site`. May take and release mmap_lock by trylock (vmf_anon_prepare).
 */
export function handle_mm_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  task.cost = k.costs.minor;
  task.sleep = 0;
  if (vma.vm_flags & VM_HUGETLB) return hugetlb_fault(k, task, vma, vmaLocked);
  const state = entryOf(k, task, vma);
  const write = isWrite(task);
  const kind = state & PTE_KIND_MASK;
  const huge = hugeOf(task.facts) !== 0 || state & PTE_HUGE;
  const whole = huge && (kind < PTE_SWAP || HUGE_ENTRIES.has(kind));
  // A shared file's page in swap leaves no entry: its ->fault finds it.
  const ofFile = kind === PTE_SWAP && vma.vm_flags & VM_SHARED;
  if (kind >= PTE_SWAP && !whole && !ofFile) return do_swap_page(k, task, vma, vmaLocked, state, write);
  if (says(task.facts, 'oom')) return HANDLED;
  if (whole) return handle_huge(k, task, vma, vmaLocked, state, write);
  if (kind === PTE_NONE || ofFile) {
    if (!vma_is_anonymous(vma)) return do_fault(k, task, vma, vmaLocked, write);
    if (isHugeCandidate(task, vma)) return do_huge_pmd_anonymous_page(k, task, vma, vmaLocked);
    return do_anonymous_page(k, task, vma, vmaLocked, write);
  }
  if (isReadWriteProtected(state, vma) && !task.answered) return handle_userfault(k, task, vmaLocked);
  if (state & PTE_PROTNONE || says(task.facts, 'numa_hint')) {
    // It copies the page to another node with the lock held.
    k.witness?.enters(task, 'do_numa_page');
    install(task, state & ~PTE_PROTNONE);
    return waitHolding(task, 0);
  }
  const writable = (kind === PTE_ANON || kind === PTE_FILE_RW) && !(state & (PTE_UFFD_WP | PTE_SHARED_COW));
  if (write && !writable) return do_wp_page(k, task, vma, vmaLocked, state);
  // Somebody else was faster, or only the accessed bit was missing.
  task.spurious = !task.settled;
  return HANDLED;
}

/** The entry the fault meets: what the trace says of it, else what the trace's own history left there. */
export function entryOf(k: Kernel, task: Task, vma: Vma): number {
  const derived = task.mm.page_table.get(task.page);
  if (task.facts === 0) return derived;
  const entry = task.facts & 15;
  if (task.settled) {
    // A wait has settled it: whoever resolved the page left it in the history. Of a folio it was waited for, the entry is still there.
    const waits = entry === ENTRY.swap || entry === ENTRY.device_exclusive;
    return waits && derived === PTE_NONE ? KIND_OF_ENTRY[entry] : derived;
  }
  let state = derived;
  if (entry === ENTRY.present) {
    const kind = derived & PTE_KIND_MASK;
    if (kind === PTE_NONE || kind >= PTE_SWAP) state = presentState(task, vma);
    // A write does not fault on a page it may write to: writeback protected it again, page_mkclean(), or KSM merged it,
    // where it was not a userfaultfd monitor.
    else if (kind === PTE_FILE_RW && isWrite(task) && vma.vm_ops & VM_OPS.page_mkwrite) state = PTE_FILE_RO;
    else if (kind === PTE_ANON && isWrite(task) && !(vma.vm_flags & VM_UFFD_ARMED))
      state = PTE_ANON_WP | (derived & ~PTE_KIND_MASK);
  } else if (entry !== 0) {
    if (exists(k, KIND_OF_ENTRY[entry])) {
      state = KIND_OF_ENTRY[entry];
      // What was write-protected is so still, wherever it went.
      if (state !== PTE_NONE) state |= derived & PTE_UFFD_WP;
    }
  } else if (folioOf(task.facts) === FOLIO_ABSENT && isOfFile(derived)) {
    // What is not in the page cache any more is mapped nowhere: unmap_mapping_range() was here.
    state = PTE_NONE;
  }
  if (isSaid(task.facts, 'shared') && state !== PTE_NONE) {
    if (says(task.facts, 'shared')) state |= PTE_SHARED_COW;
    else state &= ~PTE_SHARED_COW;
  }
  return state;
}

/** Does this kernel know such entries? Where it does not, the call that would have made them failed, and nothing changed. */
function exists(k: Kernel, kind: number): boolean {
  if (kind === PTE_MARKER_GUARD) return k.at['handle_pte_marker.guard'] !== 'absent';
  if (kind === PTE_MARKER_POISON) return k.at['handle_pte_marker.poison'] !== 'absent';
  if (kind === PTE_MARKER_UFFD_WP) return k.at['handle_pte_marker.uffd_wp'] !== 'absent';
  return true;
}

/** A page said to be present that history knows nothing of: write-protected when the fault is a write. */
function presentState(task: Task, vma: Vma): number {
  if (!vma_is_anonymous(vma)) return PTE_FILE_RO;
  if (!vma.anon_vma) return PTE_ZERO;
  return isWrite(task) ? PTE_ANON_WP : PTE_ANON;
}

/** Does the processor find the page mapped? What no access is allowed to (_PAGE_PROTNONE) it takes for absent. */
export function isPresent(k: Kernel, task: Task): boolean {
  const vma = task.mm.mm_mt.walk(task.page);
  if (vma === null) return false;
  const state = vma.vm_flags & VM_HUGETLB ? hugeEntryOf(k, task, vma) : entryOf(k, task, vma);
  const kind = state & PTE_KIND_MASK;
  return kind !== PTE_NONE && kind < PTE_SWAP && !(state & PTE_PROTNONE) && !says(task.facts, 'numa_hint');
}

/** do_anonymous_page(). */
function do_anonymous_page(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, write: boolean): Outcome {
  k.witness?.enters(task, 'do_anonymous_page');
  const missing = (vma.vm_flags & VM_UFFD_MISSING) !== 0 && !task.answered;
  if (!write) {
    if (missing) return handle_userfault(k, task, vmaLocked);
    task.cost = k.costs.anon_read;
    install(task, PTE_ZERO);
    return HANDLED;
  }
  task.cost = k.costs.anon_write;
  if (!vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  if (missing) return handle_userfault(k, task, vmaLocked);
  install(task, PTE_ANON);
  return HANDLED;
}

/** Would a first touch here take a whole PMD? Only where the program asked for huge pages and nothing is mapped yet. */
export function isHugeCandidate(task: Task, vma: Vma): boolean {
  if (!(vma.vm_flags & VM_HUGEPAGE) || task.facts !== 0) return false;
  const first = firstOfPmd(task.page);
  if (first < vma.vm_start || first + PMD_PAGES > vma.vm_end) return false;
  return task.mm.page_table.countRange(first, first + PMD_PAGES) === 0;
}

/** do_huge_pmd_anonymous_page(): the anon_vma is prepared for reads too. */
function do_huge_pmd_anonymous_page(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'do_huge_pmd_anonymous_page');
  task.cost = k.costs.huge;
  if (!vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  if (vma.vm_flags & VM_UFFD_MISSING && !task.answered) return handle_userfault(k, task, vmaLocked);
  installHuge(task.mm, vma, task.page, PTE_ANON | PTE_HUGE);
  return HANDLED;
}

/** A huge page of the page cache: ->fault or ->map_pages finds it, and it is mapped whole where nobody copies from it. */
function do_fault_huge(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, write: boolean): Outcome {
  const outcome = do_fault(k, task, vma, vmaLocked, write);
  if (outcome !== HANDLED || (write && !(vma.vm_flags & VM_SHARED))) return outcome;
  installHuge(task.mm, vma, task.page, (write ? PTE_FILE_RW : PTE_FILE_RO) | PTE_HUGE);
  return HANDLED;
}

/** What is not present and may be of a whole PMD. */
const HUGE_ENTRIES: ReadonlySet<number> = new Set([PTE_MIGRATION, PTE_DEVICE_PRIVATE]);

/** The PUD and PMD levels of __handle_mm_fault(). */
function handle_huge(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, state: number, write: boolean): Outcome {
  const kind = state & PTE_KIND_MASK;
  const anonymous = vma_is_anonymous(vma);
  const pud = hugeOf(task.facts) === HUGE_PUD;
  if (kind === PTE_MIGRATION) {
    // In every version with the lock held.
    k.witness?.enters(task, 'pmd_migration_entry_wait');
    const mapped = uffdBits(vma, state) | (anonymous ? PTE_ANON : PTE_FILE_RO) | PTE_HUGE;
    const { mm, page } = task;
    return waitHolding(
      task,
      migrationWait(k, mm, page, () => installHuge(mm, vma, page, mapped)),
    );
  }
  if (kind === PTE_DEVICE_PRIVATE && k.at.do_huge_pmd_device_private === 'retry') {
    k.witness?.enters(task, 'do_huge_pmd_device_private');
    if (vmaLocked) return retryAt(task, 'do_huge_pmd_device_private');
    installHuge(task.mm, vma, task.page, uffdBits(vma, state) | PTE_ANON | PTE_HUGE);
    return HANDLED;
  }
  if (kind === PTE_NONE || kind === PTE_DEVICE_PRIVATE) {
    if (anonymous) return do_huge_pmd_anonymous_page(k, task, vma, vmaLocked);
    if (!(vma.vm_ops & VM_OPS.huge_fault)) return do_fault_huge(k, task, vma, vmaLocked, write);
    k.witness?.enters(task, pud ? 'create_huge_pud' : 'create_huge_pmd');
    if (vmaLocked && k.at.create_huge_pmd === 'retry')
      return retryAt(task, pud ? 'create_huge_pud' : 'create_huge_pmd');
    task.cost = k.costs.huge;
    if (!pud) installHuge(task.mm, vma, task.page, (write ? PTE_FILE_RW : PTE_FILE_RO) | PTE_HUGE);
    return HANDLED;
  }
  if (isReadWriteProtected(state, vma) && !task.answered) return handle_userfault(k, task, vmaLocked);
  if (state & PTE_PROTNONE || says(task.facts, 'numa_hint')) {
    k.witness?.enters(task, 'do_huge_pmd_numa_page');
    const first = firstOfPmd(task.page);
    task.mm.page_table.transformRange(first, first + PMD_PAGES, pte => pte & ~PTE_PROTNONE);
    return waitHolding(task, 0);
  }
  const writable = (kind === PTE_ANON || kind === PTE_FILE_RW) && !(state & (PTE_UFFD_WP | PTE_SHARED_COW));
  if (!write || (writable && folioOf(task.facts) !== FOLIO_LOCKED)) return HANDLED;
  const async = vma.vm_flags & UFFD_WP_ASYNC;
  if (anonymous && state & PTE_UFFD_WP && vma.vm_flags & VM_UFFD_WP && !async && !task.answered)
    return handle_userfault(k, task, vmaLocked);
  const taken = anonymous && state & PTE_UFFD_WP && async;
  k.witness?.enters(task, anonymous && !taken ? 'do_huge_pmd_wp_page' : pud ? 'wp_huge_pud' : 'wp_huge_pmd');
  const whole = anonymous
    ? !(state & PTE_SHARED_COW || taken)
    : vma.vm_ops & VM_OPS.huge_fault && vma.vm_flags & VM_SHARED;
  if (!whole) {
    // VM_FAULT_FALLBACK: it is the one page's business. do_huge_pmd_wp_page() has had the lock of the folio by then.
    task.mm.page_table.splitHuge(task.page);
    if (!anonymous) return do_fault_huge(k, task, vma, vmaLocked, write);
    const outcome = do_wp_page(k, task, vma, vmaLocked, state & ~PTE_HUGE);
    const waits = folioOf(task.facts) === FOLIO_LOCKED && outcome === HANDLED;
    return waits ? waitHolding(task, k.costs.wait_folio) : outcome;
  }
  if (!anonymous && vmaLocked && k.at.wp_huge_pmd === 'retry')
    return retryAt(task, pud ? 'wp_huge_pud' : 'wp_huge_pmd');
  // do_huge_pmd_wp_page() takes the folio lock with the lock held.
  if (!pud) installHuge(task.mm, vma, task.page, (anonymous ? PTE_ANON : PTE_FILE_RW) | PTE_HUGE);
  task.cost = k.costs.wp;
  return folioOf(task.facts) === FOLIO_LOCKED ? waitHolding(task, k.costs.wait_folio) : HANDLED;
}
