/**
 * do_swap_page(): an entry that is not present: swapped out, migrating, on a device, poisoned, or a marker.
 *
 * Models: mm/memory.c do_swap_page, handle_pte_marker, remove_device_exclusive_entry; mm/filemap.c __folio_lock_or_retry;
 * mm/migrate.c migration_entry_wait (v6.4 to v6.18).
 */
import type { Ns } from '../units.js';
import { FOLIO_CACHED, FOLIO_LOCKED } from '../vocab.js';
import { do_fault } from './do-fault.js';
import { do_wp_page } from './do-wp-page.js';
import type { Kernel } from './kernel.js';
import {
  folioOf,
  HANDLED,
  handle_userfault,
  install,
  isFolioLocked,
  major,
  mayDropLock,
  migrationWait,
  type Outcome,
  RETRY,
  readsSwapAtOnce,
  releaseAndWait,
  retryAt,
  SIGNAL,
  says,
  UNLOCKED,
  uffdBits,
  vmf_anon_prepare,
  waitHolding,
} from './outcome.js';
import {
  PTE_ANON,
  PTE_ANON_WP,
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HWPOISON,
  PTE_KIND_MASK,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISON,
  PTE_MARKER_UFFD_WP,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_UFFD_WP,
  PTE_ZERO,
} from './page-table.js';
import type { Task } from './task.js';
import { VM_SHARED, VM_UFFD_MISSING, VM_UFFD_WP, type Vma, vma_is_anonymous } from './vma.js';

export function do_swap_page(
  k: Kernel,
  task: Task,
  vma: Vma,
  vmaLocked: boolean,
  state: number,
  write: boolean,
): Outcome {
  k.witness?.enters(task, 'do_swap_page');
  if (vmaLocked && k.at.do_swap_page === 'retry') return retryAt(task, 'do_swap_page');
  const forbidden = uffdBits(vma, state);
  const mapped = forbidden | (write ? PTE_ANON : vma.vm_flags & VM_SHARED ? PTE_FILE_RO : PTE_ANON_WP);
  switch (state & PTE_KIND_MASK) {
    case PTE_MIGRATION:
      return migration_entry_wait(k, task, vmaLocked, forbidden | (vma.vm_flags & VM_SHARED ? PTE_FILE_RW : PTE_ANON));
    case PTE_DEVICE_EXCLUSIVE:
      return remove_device_exclusive_entry(k, task, vmaLocked, mapped);
    case PTE_DEVICE_PRIVATE:
      // ->migrate_to_ram() is not ready for the VMA lock.
      if (vmaLocked && k.at['do_swap_page.device_private'] === 'retry') {
        return retryAt(task, 'do_swap_page.device_private');
      }
      if (says(task.facts, 'oom')) return HANDLED;
      install(task, mapped);
      return HANDLED;
    case PTE_HWPOISON:
      task.site = 'do_swap_page.hwpoison';
      return SIGNAL;
    case PTE_MARKER_POISON:
      task.site = 'handle_pte_marker.poison';
      return SIGNAL;
    case PTE_MARKER_GUARD:
      task.site = 'handle_pte_marker.guard';
      return SIGNAL;
    case PTE_MARKER_UFFD_WP:
      return pte_marker_handle_uffd_wp(k, task, vma, vmaLocked, write);
  }
  const outcome = swapIn(k, task, vmaLocked, mapped);
  // A page that a userfaultfd write-protects is not made writable; what it keeps from every access is left to the next fault.
  if (outcome !== HANDLED || !write || forbidden !== PTE_UFFD_WP || says(task.facts, 'oom')) return outcome;
  if (k.at['do_swap_page.uffd_wp'] === 'handled' && !(state & PTE_SHARED_COW)) return HANDLED;
  const { cost } = task;
  const written = do_wp_page(k, task, vma, vmaLocked, mapped);
  task.cost += cost;
  return written;
}

/** A page in swap: in the swap cache, on a device read at once (zram, pmem), or on a disk. */
function swapIn(k: Kernel, task: Task, vmaLocked: boolean, mapped: number): Outcome {
  const folio = folioOf(task.facts);
  const oom = says(task.facts, 'oom');
  // What is in the swap cache is locked before anything more is allocated; what is not needs a folio to be read into.
  if (oom && folio !== FOLIO_CACHED && folio !== FOLIO_LOCKED) return HANDLED;
  task.cost = k.costs.swap;
  // A wait of 0 says that the read was done, or the folio unlocked, before folio_trylock().
  if (!task.settled && task.wait !== 0) {
    const locked = folio === FOLIO_LOCKED;
    if (locked || (folio !== FOLIO_CACHED && !readsSwapAtOnce(k, task))) {
      // The read is submitted under the lock (VM_FAULT_MAJOR); the folio stays locked until it is done.
      const outcome = __folio_lock_or_retry(k, task, vmaLocked, locked ? k.costs.wait_folio : k.costs.wait_io);
      if (!locked) major(k, task, vmaLocked);
      if (outcome !== HANDLED) return outcome;
    } else if (folio !== FOLIO_CACHED) waitHolding(task, k.costs.wait_sync_swap);
  }
  if (!oom) install(task, mapped);
  return HANDLED;
}

/**
 * __folio_lock_or_retry(): the folio is locked, for `ns` more where the trace does not say. HANDLED when it was waited for with
 * the lock held. Under mmap_lock that is dropped too, once, and the next pass finds the page.
 */
function __folio_lock_or_retry(k: Kernel, task: Task, vmaLocked: boolean, ns: Ns): Outcome {
  k.witness?.enters(task, '__folio_lock_or_retry');
  if (vmaLocked && k.at.__folio_lock_or_retry === 'retry_at_once') return retryAt(task, '__folio_lock_or_retry');
  const held = vmaLocked ? k.at.__folio_lock_or_retry === 'wait_with_lock' : !mayDropLock(k, task, vmaLocked);
  return held ? waitHolding(task, ns) : releaseAndWait(task, '__folio_lock_or_retry', ns);
}

/** remove_device_exclusive_entry(): under the lock of the folio, which may be somebody else's. */
function remove_device_exclusive_entry(k: Kernel, task: Task, vmaLocked: boolean, mapped: number): Outcome {
  k.witness?.enters(task, 'remove_device_exclusive_entry');
  if (isFolioLocked(task) && !task.settled) {
    const outcome = __folio_lock_or_retry(k, task, vmaLocked, k.costs.wait_folio);
    if (outcome === RETRY) return retryAt(task, 'remove_device_exclusive_entry');
  }
  install(task, mapped);
  return HANDLED;
}

/** migration_entry_wait(): sleeps until the page has moved, and is `mapped` again. */
function migration_entry_wait(k: Kernel, task: Task, vmaLocked: boolean, mapped: number): Outcome {
  k.witness?.enters(task, 'migration_entry_wait');
  const answer = vmaLocked ? k.at.migration_entry_wait : 'wait_with_lock';
  const ns = migrationWait(k, task.mm, task.page, () => install(task, mapped));
  if (answer === 'release_and_wait') return releaseAndWait(task, 'migration_entry_wait', ns);
  waitHolding(task, ns);
  return answer === 'release_and_return' ? UNLOCKED : HANDLED;
}

/**
 * A marker left by userfaultfd write protection: the page is missing and is brought in write-protected; the write is
 * caught by the next fault. A marker that outlived its registration is cleared, and the instruction faults again.
 */
function pte_marker_handle_uffd_wp(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, write: boolean): Outcome {
  k.witness?.enters(task, 'pte_marker_handle_uffd_wp');
  if (!(vma.vm_flags & VM_UFFD_WP)) {
    install(task, PTE_NONE);
    return HANDLED;
  }
  if (says(task.facts, 'oom')) return HANDLED;
  if (!vma_is_anonymous(vma)) {
    const outcome = do_fault(k, task, vma, vmaLocked, write);
    if (outcome === HANDLED) install(task, task.mm.page_table.get(task.page) | PTE_UFFD_WP);
    return outcome;
  }
  k.witness?.enters(task, 'do_anonymous_page');
  if (write) task.cost = k.costs.anon_write;
  if (write && !vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  if (vma.vm_flags & VM_UFFD_MISSING && !task.answered) return handle_userfault(k, task, vmaLocked);
  if (!write) task.cost = k.costs.anon_read;
  install(task, (write ? PTE_ANON : PTE_ZERO) | PTE_UFFD_WP);
  return HANDLED;
}
