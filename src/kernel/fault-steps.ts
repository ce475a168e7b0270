/**
 * The steps of a fault's walk and what both of its halves share: fault.ts is the VMA-lock pass, fault-slow.ts the pass
 * under mmap_lock.
 */
import type { Ns } from '../units.js';
import { ACCESS_EXEC, ACCESS_MASK, ACCESS_WRITE } from '../vocab.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import type { Task } from './task.js';
import { VM_ACCESS_FLAGS, VM_EXEC, VM_WRITE, type Vma } from './vma.js';

// Steps. Positive: the next one. DONE and BLOCKED end a walk.
export const DONE = -1;
export const BLOCKED = -2;
/** Over but for the release at `task.until`, which nobody has asked to see yet. */
export const HOLDING = -3;
export const ENTRY = 0;
export const LOCK_VMA_UNDER_RCU = 1;
export const VMA_START_READ = 2;
export const VMA_START_READ_RECHECK = 3;
export const VMA_LOCKED = 4;
export const HANDLE = 5;
export const VMA_END_READ = 6;
export const RETRIED = 7;
export const LOCK_MMAP = 8;
export const LOCK_MMAP_WOKEN = 9;
export const MMAP_LOCKED = 10;
export const MMAP_READ_UNLOCK = 11;
export const MMAP_RETRY = 12;
export const STACK_WRITE_LOCK = 13;
export const STACK_WRITE_LOCK_WOKEN = 14;
export const EXPAND_STACK = 15;
export const STACK_MARKED = 16;
export const SIGNALLED_MMAP = 17;
export const SPECULATE = 18;
export const SPECULATE_COMMIT = 19;
/** The fault is done, but its VMA lock was dropped already. */
export const UNLOCKED_DONE = 20;

/** Goes on at `next`, after `ns` have passed: 0 is no sleep, and lets nobody in between. */
export function after(k: Kernel, task: Task, ns: Ns, next: number): number {
  if (ns <= 0 || k.engine.pass(task.id, ns)) return next;
  task.step = next;
  return BLOCKED;
}

/**
 * Holds `lock` for reading for `ns` more, then goes on at `next`, the release. While nobody asks for the lock the release
 * needs no wake-up: it is made up for when somebody does, or when the thread has something else to do.
 */
export function holdUntil(k: Kernel, task: Task, lock: Vma | Mm, ns: Ns, next: number): number {
  task.until = k.engine.now + ns;
  task.step = next;
  task.holds = lock;
  k.hold(task);
  return HOLDING;
}

/** What `task` sleeps for its page, from now on, is counted: no other thread ends it. */
export function countSleep(k: Kernel, task: Task): void {
  if (task.sleep <= 0) return;
  task.waited += task.sleep;
  k.ledger.slept(task, 'page', k.engine.now, task.sleep);
}

/**
 * access_error(): does the VMA forbid this access? It knows no instruction fetch: one that finds no page brings it in like a read,
 * whether it may be executed or not, and only of a page that was there can it be the execution that is forbidden.
 */
export function access_error(task: Task, vma: Vma): boolean {
  const access = task.code & ACCESS_MASK;
  if (access === ACCESS_WRITE) return !(vma.vm_flags & VM_WRITE);
  if (access === ACCESS_EXEC && task.protection) return !(vma.vm_flags & VM_EXEC);
  return !(vma.vm_flags & VM_ACCESS_FLAGS);
}

/** Asleep until a monitor resolves the page: for as long as the trace says, or until an operation does it. */
export function awaitMonitor(k: Kernel, task: Task, next: number): number {
  if (task.wait >= 0) {
    task.settled = true;
    task.answered = true;
    task.waited += task.wait;
    k.ledger.slept(task, 'monitor', k.engine.now, task.wait);
    return after(k, task, task.wait, next);
  }
  task.mm.userfaults.add(task);
  task.since = k.engine.now;
  k.sleepsOn(task, 'a userfaultfd monitor');
  task.step = next;
  return BLOCKED;
}

/** The trace shows `task` going on: if it sleeps in handle_userfault(), somebody has answered. */
export function userfaultAnswered(k: Kernel, task: Task): void {
  if (task.mm.userfaults.remove(task)) wakeFromMonitor(k, task, true, null);
}

/**
 * Wakes the faults asleep on `[start, end)`, for `by` or nobody the trace shows; `gone` says that nobody will be asked again: there is
 * no monitor any more.
 */
export function wake_userfault(
  k: Kernel,
  mm: Task['mm'],
  start: number,
  end: number,
  gone: boolean,
  by: Task | null,
): void {
  if (mm.userfaults.size === 0) return;
  for (const task of mm.userfaults.take(start, end)) wakeFromMonitor(k, task, gone, by);
}

function wakeFromMonitor(k: Kernel, task: Task, gone: boolean, by: Task | null): void {
  k.witness?.answered(task, by);
  const waited = k.engine.now - task.since;
  task.settled ||= gone;
  task.answered ||= gone;
  // What the trace says of the page was so before.
  task.facts = 0;
  task.waited += waited;
  k.ledger.slept(task, 'monitor', task.since, waited);
  task.blockedOn = null;
  k.engine.wake(task.id, k.costs.wake);
}

export function finish(k: Kernel, task: Task, verdict: number): typeof DONE {
  task.verdict = verdict;
  task.marked =
    task.fallback ||
    task.site !== null ||
    task.waited > 0 ||
    task.settled ||
    task.spurious ||
    task.raced ||
    task.byThread >= 0;
  if (task.byThread >= 0 && task.waitedForLocks === 0) {
    // It fell back because of a writer, without waiting for it: still a victim.
    k.ledger.blocked(task, task.vma, 0);
  }
  k.ledger.fault(task);
  return DONE;
}
