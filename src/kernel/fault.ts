/**
 * do_user_addr_fault(): one page fault from the exception to its end, under whatever lock the stage gives it.
 *
 * Models: arch/x86/mm/fault.c do_user_addr_fault, do_kern_addr_fault; mm/memory.c (since 6.18 mm/mmap_lock.c)
 * lock_vma_under_rcu, vma_start_read (v6.4 to v6.18). The pass under mmap_lock is in fault-slow.ts.
 * Leaves out: signals pending, exception tables: the trace does not know them.
 *
 * The walk is a list of steps as fine as the kernel's own stores. `walk` runs them until the fault is over or must sleep;
 * a scheduler that wants to put other threads between any two steps calls `step` instead. Steps return the next one.
 */
import type { Ns } from '../units.js';
import { ACCESS_EXEC, ACCESS_MASK, FAULT_KERNEL_MODE, RACE_DETACHED } from '../vocab.js';
import {
  expand_stack,
  lock_mm_and_find_vma,
  mmap_locked,
  mmap_read_unlock,
  mmapWoken,
  stack_marked,
  upgrade_mmap_lock,
} from './fault-slow.js';
import {
  access_error,
  after,
  awaitMonitor,
  type BLOCKED,
  countSleep,
  type DONE,
  ENTRY,
  EXPAND_STACK,
  finish,
  HANDLE,
  type HOLDING,
  holdUntil,
  LOCK_MMAP,
  LOCK_MMAP_WOKEN,
  LOCK_VMA_UNDER_RCU,
  MMAP_LOCKED,
  MMAP_READ_UNLOCK,
  MMAP_RETRY,
  RETRIED,
  SPECULATE,
  SPECULATE_COMMIT,
  STACK_MARKED,
  STACK_WRITE_LOCK,
  STACK_WRITE_LOCK_WOKEN,
  UNLOCKED_DONE,
  VMA_END_READ,
  VMA_LOCKED,
  VMA_START_READ,
  VMA_START_READ_RECHECK,
} from './fault-steps.js';
import { handle_mm_fault, isPresent } from './handle-mm-fault.js';
import type { Kernel } from './kernel.js';
import { BROKEN, HANDLED, raceOf, SIGNAL, UNLOCKED, USERFAULT } from './outcome.js';
import { __handle_speculative_fault, do_speculative_fault, speculate_commit } from './speculate.js';
import {
  COUNTER_ABORT,
  COUNTER_MISS,
  COUNTER_RETRY,
  COUNTER_SUCCESS,
  type Task,
  VERDICT_MMAP_LOCK,
  VERDICT_SIGNAL,
  VERDICT_VMA_LOCK,
} from './task.js';
import { type Vma, vma_is_anonymous } from './vma.js';
import { READ_DETACHED, READ_FAILED } from './vma-lock/index.js';

/** x86-64 TASK_SIZE_MAX, in pages: above it is the kernel's half. */
export const TASK_SIZE_MAX = 2 ** 35 - 1;
/** VSYSCALL_ADDR, -10 << 20: no part of the kernel's half to fault_in_kernel_space(); calls into it are emulated. */
const VSYSCALL_PAGE = 2 ** 52 - 2560;

/** Runs `task`'s fault until it is over (DONE), asleep (BLOCKED) or HOLDING; call again when it is woken or released. */
export function walk(k: Kernel, task: Task): typeof DONE | typeof BLOCKED | typeof HOLDING {
  let at = task.step;
  // The steps most faults take, one after the other: as the loop below would, without looking each up.
  if (at === ENTRY) at = do_user_addr_fault(k, task);
  if (at === LOCK_VMA_UNDER_RCU) at = lock_vma_under_rcu(k, task);
  if (at === VMA_START_READ) at = vma_start_read(k, task);
  if (at === VMA_START_READ_RECHECK) at = vma_start_read_recheck(k, task);
  if (at === VMA_LOCKED) at = vma_locked(k, task);
  if (at === HANDLE) at = handle_under_vma_lock(k, task);
  while (at >= 0) at = stepAt(k, task, at);
  return at as typeof DONE | typeof BLOCKED | typeof HOLDING;
}

/** One step; a step that sleeps has set `task.step` to where the thread goes on. */
export function step(k: Kernel, task: Task): number {
  const next = stepAt(k, task, task.step);
  if (next >= 0) task.step = next;
  return next;
}

function stepAt(k: Kernel, task: Task, at: number): number {
  switch (at) {
    case ENTRY:
      return do_user_addr_fault(k, task);
    case LOCK_VMA_UNDER_RCU:
      return lock_vma_under_rcu(k, task);
    case VMA_START_READ:
      return vma_start_read(k, task);
    case VMA_START_READ_RECHECK:
      return vma_start_read_recheck(k, task);
    case VMA_LOCKED:
      return vma_locked(k, task);
    case HANDLE:
      return handle_under_vma_lock(k, task);
    case VMA_END_READ:
      return vma_end_read(k, task);
    case RETRIED:
      return retried(task);
    case LOCK_MMAP:
      return lock_mm_and_find_vma(k, task);
    case LOCK_MMAP_WOKEN:
      return mmapWoken(k, task, false, MMAP_LOCKED);
    case MMAP_LOCKED:
      return mmap_locked(k, task);
    case SPECULATE:
      return k.speculates === 'vm_sequence' ? __handle_speculative_fault(k, task) : do_speculative_fault(k, task);
    case SPECULATE_COMMIT:
      return speculate_commit(k, task);
    case UNLOCKED_DONE:
      return finish(k, task, VERDICT_VMA_LOCK);
    case MMAP_READ_UNLOCK:
      return mmap_read_unlock(k, task, VERDICT_MMAP_LOCK);
    case MMAP_RETRY:
      return LOCK_MMAP;
    case STACK_WRITE_LOCK:
      return upgrade_mmap_lock(k, task);
    case STACK_WRITE_LOCK_WOKEN:
      return mmapWoken(k, task, true, EXPAND_STACK);
    case EXPAND_STACK:
      return expand_stack(k, task);
    case STACK_MARKED:
      return stack_marked(k, task);
    default:
      return mmap_read_unlock(k, task, VERDICT_SIGNAL);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Under the VMA lock

function do_user_addr_fault(k: Kernel, task: Task): number {
  task.start = k.engine.now;
  if (task.page >= TASK_SIZE_MAX && (task.page !== VSYSCALL_PAGE || (task.code & ACCESS_MASK) === ACCESS_EXEC)) {
    task.tries = 1;
    // do_kern_addr_fault(): no VMA of ours can be there, no lock is taken.
    task.site = 'do_kern_addr_fault';
    return finish(k, task, VERDICT_SIGNAL);
  }
  if ((task.code & ACCESS_MASK) === ACCESS_EXEC) task.protection = isPresent(k, task);
  if (k.lock === null || task.code & FAULT_KERNEL_MODE) {
    task.site = task.code & FAULT_KERNEL_MODE ? 'do_user_addr_fault.kernel_mode' : 'do_user_addr_fault';
    return LOCK_MMAP;
  }
  if (k.at['do_user_addr_fault.mm_users'] === 'mmap_lock' && task.mm.users <= 1) {
    task.site = k.speculates === 'vm_sequence' ? 'handle_speculative_fault.mm_users' : 'do_user_addr_fault.mm_users';
    return LOCK_MMAP;
  }
  task.tries = 1;
  return k.speculates === null ? LOCK_VMA_UNDER_RCU : SPECULATE;
}

/** The lookup up to the lock: mas_walk() and what may be asked of a VMA nobody holds. */
function lock_vma_under_rcu(k: Kernel, task: Task): number {
  const vma = task.mm.mm_mt.walk(task.page);
  if (vma === null) return abort(k, task, 'lock_vma_under_rcu.no_vma');
  task.vma = vma;
  const { at } = k;
  const vm_ops = at['lock_vma_under_rcu.vm_ops'];
  if (vm_ops !== 'any' && !vma_is_anonymous(vma) && !(vm_ops === 'anonymous_or_tcp' && vma_is_tcp(k, vma))) {
    return abort(k, task, 'lock_vma_under_rcu.vm_ops');
  }
  if (at['lock_vma_under_rcu.anon_vma'] === 'abort_before_lock' && vma.anon_vma === null) {
    return abort(k, task, 'lock_vma_under_rcu.anon_vma');
  }
  if (k.lock!.seqSaysLocked(task.mm, vma)) return refused(k, task, vma);
  return VMA_START_READ;
}

function vma_start_read(k: Kernel, task: Task): number {
  const vma = task.vma!;
  const taken = k.lock!.take(vma);
  if (taken === READ_FAILED) return refused(k, task, vma);
  if (taken === READ_DETACHED) return missed(k, task);
  if (raceOf(task.facts) !== 0 && !task.raced) return raced(k, task, vma);
  vma.reader = task.id;
  task.since = k.engine.now;
  return VMA_START_READ_RECHECK;
}

/** The sequence may have moved between the first look and the reference. */
function vma_start_read_recheck(k: Kernel, task: Task): number {
  const vma = task.vma!;
  if (k.lock!.seqSaysLocked(task.mm, vma)) {
    k.vma_end_read(vma);
    return refused(k, task, vma);
  }
  return VMA_LOCKED;
}

/** The VMA is read-locked: it cannot change any more, so what was seen before is looked at again. */
function vma_locked(k: Kernel, task: Task): number {
  const { at } = k;
  const vma = task.vma!;
  if (at['lock_vma_under_rcu.anon_vma'] === 'abort_after_lock' && vma.anon_vma === null && vma_is_anonymous(vma)) {
    k.vma_end_read(vma);
    return abort(k, task, 'lock_vma_under_rcu.anon_vma');
  }
  if (at['lock_vma_under_rcu.userfaultfd_armed'] === 'abort' && vma.vm_userfaultfd_ctx !== 0) {
    k.vma_end_read(vma);
    return abort(k, task, 'lock_vma_under_rcu.userfaultfd_armed');
  }
  const outside = task.page < vma.vm_start || task.page >= vma.vm_end;
  const detached = k.lock!.isDetached(vma);
  const range = at['lock_vma_under_rcu.range'];
  if (outside && range !== 'never' && (!detached || range === 'before_detached')) {
    k.vma_end_read(vma);
    return abort(k, task, 'lock_vma_under_rcu.range');
  }
  if (detached) {
    k.vma_end_read(vma);
    return missed(k, task);
  }
  if (access_error(task, vma)) {
    task.site = 'do_user_addr_fault.access_error';
    if (at['do_user_addr_fault.access_error'] === 'mmap_lock') {
      k.vma_end_read(vma);
      return LOCK_MMAP;
    }
    task.counter = COUNTER_SUCCESS;
    task.verdict = VERDICT_SIGNAL;
    task.cost = k.costs.minor;
    return holdUntil(k, task, vma, task.cost, VMA_END_READ);
  }
  return HANDLE;
}

function handle_under_vma_lock(k: Kernel, task: Task): number {
  const vma = task.vma!;
  task.verdict = VERDICT_VMA_LOCK;
  switch (handle_mm_fault(k, task, vma, true)) {
    case HANDLED:
      task.counter = COUNTER_SUCCESS;
      countSleep(k, task);
      return holdUntil(k, task, vma, task.cost + task.sleep, VMA_END_READ);
    case SIGNAL:
      task.counter = COUNTER_SUCCESS;
      task.verdict = VERDICT_SIGNAL;
      return holdUntil(k, task, vma, task.cost, VMA_END_READ);
    case USERFAULT:
      release(k, task, vma, k.engine.now);
      return awaitMonitor(k, task, RETRIED);
    case UNLOCKED:
      release(k, task, vma, k.engine.now);
      task.counter = COUNTER_SUCCESS;
      countSleep(k, task);
      return after(k, task, task.sleep, UNLOCKED_DONE);
    case BROKEN:
      task.sleep = Math.max(0, task.wait);
      countSleep(k, task);
      return holdUntil(k, task, vma, task.cost + task.sleep, VMA_END_READ);
    default:
      release(k, task, vma, k.engine.now);
      countSleep(k, task);
      return after(k, task, task.sleep, RETRIED);
  }
}

function release(k: Kernel, task: Task, vma: Vma, now: Ns): void {
  const held = now - task.since;
  task.held += held;
  k.ledger.vmaRead(task, task.mm, vma, held);
  k.vma_end_read(vma);
}

function vma_end_read(k: Kernel, task: Task): number {
  release(k, task, task.vma!, task.until);
  return finish(k, task, task.verdict);
}

/** VM_FAULT_RETRY: the VMA lock is gone, and the VMA perhaps too. */
function retried(task: Task): number {
  task.counter = COUNTER_RETRY;
  task.vma = null;
  return LOCK_MMAP;
}

/** lock_vma_under_rcu() returned NULL. */
function abort(k: Kernel, task: Task, site: string): number {
  if (k.at['lock_vma_under_rcu.count'] === 'all') task.counter = COUNTER_ABORT;
  task.site = site;
  return LOCK_MMAP;
}

/** A TCP receive mapping: no callback of it can be needed. */
function vma_is_tcp(k: Kernel, vma: Vma): boolean {
  return k.files[vma.vm_file]?.fs === 'tcp';
}

/** The trace says that the VMA was unmapped, or resized, between the lookup and the lock. */
function raced(k: Kernel, task: Task, vma: Vma): number {
  task.raced = true;
  if (raceOf(task.facts) === RACE_DETACHED) {
    k.vma_end_read(vma);
    return missed(k, task);
  }
  if (k.at['lock_vma_under_rcu.range'] !== 'never') {
    k.vma_end_read(vma);
    return abort(k, task, 'lock_vma_under_rcu.range');
  }
  vma.reader = task.id;
  task.since = k.engine.now;
  return VMA_START_READ_RECHECK;
}

/** vma_start_read() failed: who has the VMA for writing holds mmap_lock; where nobody writes, it was a NUMA scan. */
function refused(k: Kernel, task: Task, vma: Vma): number {
  const { writer } = task.mm.mmap_lock;
  if (writer >= 0) k.blame(task, writer);
  else k.blameEvent(task, vma.scanned);
  k.ledger.vmaReadRefused(task.mm, vma);
  task.counter = COUNTER_ABORT;
  task.site = 'vma_start_read';
  return LOCK_MMAP;
}

/** The VMA was detached under us: look it up again. */
function missed(k: Kernel, task: Task): number {
  if (k.at['lock_vma_under_rcu.detached'] === 'give_up') {
    task.counter = COUNTER_MISS;
    task.site = 'lock_vma_under_rcu.detached';
    return LOCK_MMAP;
  }
  k.ledger.miss(task);
  return LOCK_VMA_UNDER_RCU;
}
