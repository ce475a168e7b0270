/**
 * The mmap_lock events of one fault: every attempt to take the lock, who made it, and how long it was held.
 *
 * Models: include/linux/mmap_lock.h, mm/mmap_lock.c (v6.1 to v7.2): start_locking and acquire_returned fire for trylocks
 * too, acquire_returned without start_locking is mmap_write_downgrade().
 */
import type { Ns } from '../../units.js';

/** The slow path of the fault handler: it took mmap_lock for this fault. */
export const SLOW_PATH = 'lock_mm_and_find_vma';
/** Installs the first anon_vma of a VMA under mmap_read_trylock(), while the fault stays under the VMA lock. */
export const ANON_PREPARE = '__vmf_anon_prepare';
/** Handlers of kernels and architectures that take mmap_lock themselves instead of calling lock_mm_and_find_vma(). */
const HANDLERS = new Set(['do_user_addr_fault', 'exc_page_fault', 'do_page_fault', '__do_page_fault']);

export interface Attempt {
  asked: Ns;
  /** when it was answered */
  t: Ns;
  write: boolean;
  success: boolean;
  /** became a read lock */
  downgraded: boolean;
  /** kernel function that wanted the lock; null without a call chain */
  by: string | null;
  /** -1 while held */
  released: Ns;
}

/** Frames of the tracepoint and of the lock's own wrappers, above the function that took the lock. */
const PLUMBING =
  /^(?:__mmap_lock|mmap_(?:read|write)_|down_(?:read|write)|get_mmap_lock_carefully|__traceiter|perf_|trace_|bpf_|ftrace_|__ftrace)/;
/** What the compiler and the printer append to a symbol. */
const SUFFIX = /(?:\.(?:isra|constprop|part|cold|llvm)(?:\.\d+)?)*(?:\+0x[0-9a-f]+(?:\/0x[0-9a-f]+)?)?$/;

/** Which function of a call chain wanted the lock, innermost first; null when the chain says nothing. */
function takerOf(stack: readonly string[] | null): string | null {
  let innermost: string | null = null;
  for (const frame of stack ?? []) {
    if (PLUMBING.test(frame)) continue;
    const symbol = frame.replace(SUFFIX, '');
    if (symbol === SLOW_PATH) return SLOW_PATH;
    if (symbol === ANON_PREPARE || symbol === 'vmf_anon_prepare') return ANON_PREPARE;
    innermost ??= symbol;
  }
  return innermost;
}

export class FaultLocks {
  readonly attempts: Attempt[] = [];

  /** mmap_lock_acquire_returned; `asked` is when its start_locking was seen. */
  acquire(t: Ns, asked: Ns, write: boolean, success: boolean, stack: readonly string[] | null): void {
    const released = success ? -1 : t;
    this.attempts.push({ asked, t, write, success, downgraded: false, by: takerOf(stack), released });
  }

  /** The call chain of the last attempt, which came as an event of its own. */
  explain(stack: readonly string[]): void {
    this.attempts[this.attempts.length - 1].by ??= takerOf(stack);
  }

  /** The lock that is held. */
  release(t: Ns): void {
    this.#held().released = t;
  }

  #held(): Attempt {
    return this.attempts[this.attempts.findLastIndex(({ released }) => released < 0)];
  }

  /** A write lock became a read lock: the stack has grown. */
  downgrade(t: Ns, stack: readonly string[] | null): void {
    const held = this.#held();
    held.released = t;
    held.downgraded = true;
    this.acquire(t, t, false, true, stack);
  }
}

/** Did the fault handler itself want the lock, for the whole fault? */
export function isSlowPath(by: string | null): boolean {
  return by !== null && (by === SLOW_PATH || HANDLERS.has(by));
}
