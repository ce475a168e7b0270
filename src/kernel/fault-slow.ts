/**
 * The pass under mmap_lock: where every fault went before there was a VMA lock, and where it goes when that fails.
 *
 * Models: arch/x86/mm/fault.c do_user_addr_fault (`retry:`); mm/memory.c (since 6.18 mm/mmap_lock.c) lock_mm_and_find_vma,
 * get_mmap_lock_carefully, upgrade_mmap_lock_carefully; mm/mmap.c (mm/vma.c since 6.12) expand_downwards,
 * acct_stack_growth (v6.1 to v6.18).
 */
import type { Ns } from '../units.js';
import {
  access_error,
  after,
  awaitMonitor,
  BLOCKED,
  countSleep,
  EXPAND_STACK,
  finish,
  holdUntil,
  LOCK_MMAP_WOKEN,
  MMAP_LOCKED,
  MMAP_READ_UNLOCK,
  MMAP_RETRY,
  SIGNALLED_MMAP,
  STACK_MARKED,
  STACK_WRITE_LOCK,
  STACK_WRITE_LOCK_WOKEN,
} from './fault-steps.js';
import { handle_mm_fault } from './handle-mm-fault.js';
import type { Kernel } from './kernel.js';
import { anon_vma_prepare, HANDLED, RETRY, SIGNAL } from './outcome.js';
import { leave, READ, readersLeft, vma_start_write, woken } from './section.js';
import { type Task, VERDICT_SIGNAL } from './task.js';
import { VM_ACCESS_FLAGS, VM_GROWSDOWN, type Vma } from './vma.js';

/** RLIMIT_STACK, in pages: 8 MiB, the default of every distribution. */
export const RLIMIT_STACK = 2048;
/** stack_guard_gap, in pages. */
export const STACK_GUARD_GAP = 256;

/** get_mmap_lock_carefully(): a trylock, then a sleep. */
export function lock_mm_and_find_vma(k: Kernel, task: Task): number {
  task.fallback = true;
  task.tries++;
  const { mm } = task;
  task.since = k.engine.now;
  if (k.tryRead(task, mm)) {
    k.ledger.mmapLocked(task, mm, false, 0, false);
    return MMAP_LOCKED;
  }
  if (mm.mmap_lock.readers.size > 0) k.settleHolders(mm);
  if (mm.mmap_lock.read(task.id)) {
    k.ledger.mmapLocked(task, mm, false, 0, true);
    return MMAP_LOCKED;
  }
  k.blame(task, mm.mmap_lock.inTheWay);
  k.sleepsOn(task, 'mmap_lock (read)');
  task.step = LOCK_MMAP_WOKEN;
  return BLOCKED;
}

/** Woken in the queue of mmap_lock, by whoever held it. */
export function mmapWoken(k: Kernel, task: Task, write: boolean, next: number): number {
  return woken(k, task, task.mm, write, task.vma) ? next : BLOCKED;
}

export function mmap_locked(k: Kernel, task: Task): number {
  const { mm } = task;
  let vma = mm.mm_mt.walk(task.page);
  if (vma === null) {
    vma = mm.mm_mt.find(task.page);
    if (vma === null || !(vma.vm_flags & VM_GROWSDOWN)) return badArea(k, task, 'bad_area');
    if (k.at['expand_stack.lock'] !== 'read') {
      leave(k, task, mm, READ);
      return STACK_WRITE_LOCK;
    }
    if (!may_expand(task, vma)) return badArea(k, task, 'bad_area');
    anon_vma_prepare(mm, vma);
    expand_downwards(task, vma);
  }
  if (access_error(task, vma)) return badArea(k, task, 'bad_area_access_error');
  task.vma = vma;
  const { site } = task;
  const outcome = handle_mm_fault(k, task, vma, false);
  if (outcome === SIGNAL) k.witness?.signals(task, task.site!);
  // Where the fault left the VMA lock was decided before; without one, only a signal has a site of its own.
  if (k.lock !== null || outcome !== SIGNAL) task.site = site;
  switch (outcome) {
    case HANDLED:
      countSleep(k, task);
      return holdMmap(k, task, task.cost + task.sleep, MMAP_READ_UNLOCK);
    case SIGNAL:
      return holdMmap(k, task, task.cost, SIGNALLED_MMAP);
    case RETRY:
      // Only the first attempt may drop the lock to sleep; what it slept for is settled then.
      task.tried = true;
      leave(k, task, mm, READ);
      countSleep(k, task);
      return after(k, task, task.sleep, MMAP_RETRY);
    default:
      leave(k, task, mm, READ);
      return awaitMonitor(k, task, MMAP_RETRY);
  }
}

/** bad_area(): no VMA, or bad_area_access_error(): one that forbids the access. */
function badArea(k: Kernel, task: Task, site: string): number {
  if (k.lock === null) task.site = site;
  return holdMmap(k, task, k.costs.minor, SIGNALLED_MMAP);
}

/** Somebody who sleeps in the queue must be woken by the release; otherwise it may be made up for later. */
function holdMmap(k: Kernel, task: Task, ns: Ns, next: number): number {
  if (!task.mm.mmap_lock.hasWaiters) return holdUntil(k, task, task.mm, ns, next);
  task.until = k.engine.now + ns;
  return after(k, task, ns, next);
}

export function mmap_read_unlock(k: Kernel, task: Task, verdict: number): number {
  const held = task.until - task.since;
  task.held += held;
  k.mmap_read_unlock(task, task.mm, held);
  return finish(k, task, verdict);
}

// ---------------------------------------------------------------------------------------------------------------------
// Stack growth

/** upgrade_mmap_lock_carefully(): the read lock is gone already; take it for write. */
export function upgrade_mmap_lock(k: Kernel, task: Task): number {
  const { mm } = task;
  task.since = k.engine.now;
  k.settleHolders(mm);
  const busy = mm.mmap_lock.inTheWay;
  if (mm.mmap_lock.write(task.id)) {
    k.ledger.mmapLocked(task, mm, true, 0, false);
    k.lock?.beginWriteSection(mm);
    return EXPAND_STACK;
  }
  k.blame(task, busy);
  k.sleepsOn(task, 'mmap_lock (write)');
  task.step = STACK_WRITE_LOCK_WOKEN;
  return BLOCKED;
}

/** expand_stack_locked(): everything is looked up again, the VMA is marked, its start moves, the lock is downgraded. */
export function expand_stack(k: Kernel, task: Task): number {
  const { mm } = task;
  const vma = mm.mm_mt.find(task.page);
  if (vma !== null && vma.vm_start <= task.page) return downgraded(k, task);
  if (vma === null || !may_expand(task, vma)) {
    k.mmap_write_unlock(task, mm, k.engine.now - task.since);
    if (k.lock === null) task.site = 'bad_area';
    return finish(k, task, VERDICT_SIGNAL);
  }
  task.vma = vma;
  anon_vma_prepare(mm, vma);
  if (k.at['expand_stack.lock'] === 'write_and_mark' && !vma_start_write(k, task, mm, vma)) {
    task.step = STACK_MARKED;
    return BLOCKED;
  }
  expand_downwards(task, vma);
  return downgraded(k, task);
}

/** The last reader of the stack VMA has left. */
export function stack_marked(k: Kernel, task: Task): number {
  readersLeft(k, task, task.mm, task.vma!);
  expand_downwards(task, task.vma!);
  return downgraded(k, task);
}

function downgraded(k: Kernel, task: Task): number {
  const held = k.engine.now - task.since;
  task.held += held;
  k.mmap_write_downgrade(task, task.mm, held);
  task.since = k.engine.now;
  return MMAP_LOCKED;
}

/** expand_downwards(): `vma` begins at the fault's page from now on. */
function expand_downwards(task: Task, vma: Vma): void {
  task.mm.mm_mt.resize(vma, task.page, vma.vm_end);
}

/** acct_stack_growth() and the guard gap of expand_downwards(). */
function may_expand(task: Task, vma: Vma): boolean {
  if (!(vma.vm_flags & VM_GROWSDOWN)) return false;
  if (vma.vm_end - task.page > RLIMIT_STACK) return false;
  const prev = task.mm.mm_mt.prev(vma);
  if (prev === null || prev.vm_flags & VM_GROWSDOWN || !(prev.vm_flags & VM_ACCESS_FLAGS)) return true;
  return task.page - prev.vm_end >= STACK_GUARD_GAP;
}
