/** What the kernel floor reports while it runs: one call where something is decided, and whoever counts listens. */
import type { Ns } from '../units.js';
import type { Mm } from './mm.js';
import type { Task } from './task.js';
import type { Vma } from './vma.js';

export interface Ledger {
  /** A fault is over: its verdict, counter and site are set. */
  fault(task: Task): void;
  /** The VMA was detached between lookup and lock: vma_lock_miss, and the lookup is repeated. */
  miss(task: Task): void;
  /** A counter of that kernel that is not one of the VMA lock's, by its name in /proc/vmstat. */
  count(counter: string): void;
  /** `task` falls asleep until another thread ends that; `task.blockedOn` says what for. */
  asleep(task: Task): void;
  /** `task` sleeps for `waited` from `from` on: for its page, or until a monitor has answered. */
  slept(task: Task, on: 'page' | 'monitor', from: Ns, waited: Ns): void;
  /** `task` has mmap_lock, after `waited`; `contended` when it was not free at once. */
  mmapLocked(task: Task, mm: Mm, write: boolean, waited: Ns, contended: boolean): void;
  /** A fault, under the lock of its VMA, is about to try mmap_lock. */
  trylock(task: Task): void;
  /** A fault has given its VMA an anon_vma, perhaps a neighbour's. */
  prepared(task: Task, vma: Vma): void;
  /** An mmap_read_trylock() found it taken. */
  mmapTrylockFailed(mm: Mm): void;
  /** `task` releases mmap_lock, which it held from `task.since` on. */
  mmapHeld(task: Task, mm: Mm, write: boolean, held: Ns): void;
  /** A VMA was read-locked from `task.since` on, and is released. */
  vmaRead(task: Task, mm: Mm, vma: Vma, held: Ns): void;
  /** A VMA could not be read-locked: it is write-locked. */
  vmaReadRefused(mm: Mm, vma: Vma): void;
  /** A VMA was marked for writing after `waited`; `contended` when readers were inside. */
  vmaMarked(task: Task, mm: Mm, vma: Vma, waited: Ns, contended: boolean): void;
  /** `task` waited for `waited`, or fell back, because of the thread in its `by...` fields; `vma` where it is about one. */
  blocked(task: Task, vma: Vma | null, waited: Ns): void;
}
