/**
 * do_fault(): an empty entry in a mapping that has vm_ops.
 *
 * Models: mm/memory.c do_fault, do_read_fault, do_cow_fault, do_shared_fault, __do_fault, should_fault_around; mm/filemap.c
 * filemap_map_pages, filemap_fault, lock_folio_maybe_drop_mmap, do_async_mmap_readahead; mm/shmem.c shmem_fault
 * (v6.6 to v6.18).
 * Leaves out: fault-around maps the neighbours too; the next fault there says so itself by not happening.
 */
import { ENTRY, FOLIO_ABSENT, FOLIO_LOCKED, VM_OPS } from '../vocab.js';
import { do_page_mkwrite } from './do-wp-page.js';
import type { Kernel } from './kernel.js';
import {
  folioOf,
  HANDLED,
  handle_userfault,
  install,
  isFolioLocked,
  major,
  mayDropLock,
  type Outcome,
  RETRY,
  releaseAndWait,
  retryAt,
  SIGNAL,
  says,
  vmf_anon_prepare,
  vmf_can_call_fault,
  waitHolding,
} from './outcome.js';
import { FOLIO_IN_CACHE, FOLIO_IN_SWAP, FOLIO_MISSING, FOLIO_UNKNOWN } from './page-cache.js';
import { PTE_ANON, PTE_FILE_RO, PTE_FILE_RW } from './page-table.js';
import type { Task } from './task.js';
import { FILE_SHMEM, VM_RAND_READ, VM_SHARED, VM_UFFD_MINOR, VM_UFFD_MISSING, VM_UFFD_WP, type Vma } from './vma.js';

export function do_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, write: boolean): Outcome {
  if (!(vma.vm_ops & VM_OPS.fault)) {
    task.site = 'do_fault';
    return SIGNAL;
  }
  const handle = !write ? do_read_fault : vma.vm_flags & VM_SHARED ? do_shared_fault : do_cow_fault;
  const outcome = handle(k, task, vma, vmaLocked);
  if (outcome === HANDLED && vma.mapping !== null) {
    if (inPageCache(task, vma) === FOLIO_MISSING && !(vma.vm_flags & VM_RAND_READ))
      vma.mapping.readAround(vma, task.page);
    vma.mapping.add(vma, task.page);
  }
  return outcome;
}

function do_read_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'do_read_fault');
  if (should_fault_around(task, vma)) {
    // ->map_pages never sleeps.
    k.witness?.enters(task, 'do_fault_around');
    task.cost = k.costs.file_map;
    install(task, PTE_FILE_RO);
    return HANDLED;
  }
  if (vmaLocked && k.at.do_read_fault === 'retry') return retryAt(task, 'do_read_fault');
  if (!vmf_can_call_fault(task, vma, vmaLocked)) return RETRY;
  return __do_fault(k, task, vma, vmaLocked, PTE_FILE_RO);
}

function do_cow_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'do_cow_fault');
  if (vmaLocked && k.at.do_cow_fault === 'retry') return retryAt(task, 'do_cow_fault');
  if (!vmf_can_call_fault(task, vma, vmaLocked)) return RETRY;
  if (!vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  return __do_fault(k, task, vma, vmaLocked, PTE_ANON);
}

function do_shared_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'do_shared_fault');
  if (vmaLocked && k.at.do_shared_fault === 'retry') return retryAt(task, 'do_shared_fault');
  if (!vmf_can_call_fault(task, vma, vmaLocked)) return RETRY;
  const outcome = __do_fault(k, task, vma, vmaLocked, PTE_FILE_RW);
  if (outcome === HANDLED) do_page_mkwrite(task, vma);
  return outcome;
}

/** Does ->map_pages settle it: is the folio up to date, unlocked and without the readahead mark? */
function should_fault_around(task: Task, vma: Vma): boolean {
  if (!(vma.vm_ops & VM_OPS.map_pages) || vma.vm_ops & VM_OPS.dax) return false;
  if (vma.vm_flags & (VM_UFFD_WP | VM_UFFD_MINOR)) return false;
  if (says(task.facts, 'readahead') && !task.readAhead) return false;
  if (says(task.facts, 'eof') || (task.facts & 15) === ENTRY.swap) return false;
  if (says(task.facts, 'hole_punch')) {
    if (!task.settled) return false;
  } else if (task.settled) return true;
  return inPageCache(task, vma) === FOLIO_IN_CACHE && folioOf(task.facts) !== FOLIO_LOCKED;
}

/** What the page cache has of the page. Where that is not known it has it, but for what a userfaultfd monitor is to fill. */
export function inPageCache(task: Task, vma: Vma): number {
  const folio = folioOf(task.facts);
  if (folio !== 0) return folio === FOLIO_ABSENT ? FOLIO_MISSING : FOLIO_IN_CACHE;
  const known = vma.mapping?.folio(vma, task.page) ?? FOLIO_UNKNOWN;
  if (known !== FOLIO_UNKNOWN) return known;
  return vma.vm_flags & VM_UFFD_MISSING ? FOLIO_MISSING : FOLIO_IN_CACHE;
}

/** __do_fault(): ->fault of the page cache, of shmem, of a DAX file or of a driver; maps the page with `state`. */
function __do_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, state: number): Outcome {
  k.witness?.enters(task, '__do_fault');
  task.cost += k.costs.file_fault;
  if (says(task.facts, 'eof')) {
    task.site = isShmem(k, vma) ? 'shmem_fault.eof' : 'filemap_fault.eof';
    return SIGNAL;
  }
  if (isShmem(k, vma)) {
    k.witness?.enters(task, 'shmem_fault');
    if (says(task.facts, 'hole_punch') && !task.settled) {
      k.witness?.enters(task, 'shmem_falloc_wait');
      return releaseAndWait(task, 'shmem_falloc_wait', k.costs.wait_folio);
    }
    const there = (task.facts & 15) === ENTRY.swap ? FOLIO_IN_SWAP : inPageCache(task, vma);
    // A page in swap is one.
    const asks = vma.vm_flags & (there === FOLIO_MISSING ? VM_UFFD_MISSING : VM_UFFD_MINOR);
    if (asks && !task.answered) return handle_userfault(k, task, vmaLocked);
    // shmem_get_folio() takes the folio lock, and swaps in, with the lock held; an absent page is a new one.
    if (there === FOLIO_IN_SWAP) waitHolding(task, k.costs.wait_sync_swap);
    else if (isFolioLocked(task)) waitHolding(task, k.costs.wait_folio);
  }
  if (hasPageCache(vma) && !isShmem(k, vma) && filemap_fault(k, task, vma, vmaLocked) === RETRY) return RETRY;
  install(task, state);
  return HANDLED;
}

/** filemap_fault(): a marked folio starts readahead before its lock is waited for; both are waited for without the lock. */
function filemap_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'filemap_fault');
  if (!task.settled && inPageCache(task, vma) === FOLIO_MISSING) {
    major(k, task, vmaLocked);
    return releaseAndWait(task, 'filemap_fault', k.costs.wait_io);
  }
  const locked = !task.settled && isFolioLocked(task);
  const marked = says(task.facts, 'readahead') && !task.readAhead && !(vma.vm_flags & VM_RAND_READ);
  if (marked && mayDropLock(k, task, vmaLocked)) {
    k.witness?.enters(task, 'do_async_mmap_readahead');
    task.readAhead = true;
    const ns = k.costs.wait_readahead + (locked ? k.costs.wait_folio : 0);
    return releaseAndWait(task, 'do_async_mmap_readahead', ns);
  }
  if (!locked) return HANDLED;
  k.witness?.enters(task, 'lock_folio_maybe_drop_mmap');
  return releaseAndWait(task, 'lock_folio_maybe_drop_mmap', k.costs.wait_folio);
}

/** A driver's ->fault and DAX have no folios to wait for. */
export const hasPageCache = (vma: Vma) => (vma.vm_ops & VM_OPS.map_pages) !== 0 && (vma.vm_ops & VM_OPS.dax) === 0;

const SHMEM: ReadonlySet<string> = new Set(['tmpfs', 'shmem', 'memfd']);

export function isShmem(k: Kernel, vma: Vma): boolean {
  if (vma.vm_file === FILE_SHMEM) return true;
  const fs = k.files[vma.vm_file]?.fs;
  return typeof fs === 'string' && SHMEM.has(fs);
}
