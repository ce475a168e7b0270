/** The steps of a fault's walk as they are told: the function of each, what came of it, what is held after it. */
import {
  DONE,
  ENTRY,
  EXPAND_STACK,
  HANDLE,
  LOCK_MMAP,
  LOCK_MMAP_WOKEN,
  LOCK_VMA_UNDER_RCU,
  MMAP_LOCKED,
  MMAP_READ_UNLOCK,
  MMAP_RETRY,
  RETRIED,
  SIGNALLED_MMAP,
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
} from '../kernel/fault-steps.js';
import type { Kernel } from '../kernel/kernel.js';
import { COUNTER_NONE, type Task, VERDICT_SIGNAL } from '../kernel/task.js';
import type { Held, StepOutcome } from './explanation.js';

const VMA_LOCK: readonly Held[] = ['vma_lock'];
const READ: readonly Held[] = ['mmap_lock:read'];
const WRITE: readonly Held[] = ['mmap_lock:write'];

/** What a fault holds that is about to do a step; nothing before any other. */
const HELD_BEFORE: ReadonlyMap<number, readonly Held[]> = new Map([
  [VMA_START_READ_RECHECK, VMA_LOCK],
  [VMA_LOCKED, VMA_LOCK],
  [HANDLE, VMA_LOCK],
  [VMA_END_READ, VMA_LOCK],
  [MMAP_LOCKED, READ],
  [MMAP_READ_UNLOCK, READ],
  [SIGNALLED_MMAP, READ],
  [EXPAND_STACK, WRITE],
  [STACK_MARKED, WRITE],
]);

export const heldBefore = (step: number): Held[] => [...(HELD_BEFORE.get(step) ?? [])];

const FUNCTIONS: ReadonlyMap<number, string> = new Map([
  [ENTRY, 'do_user_addr_fault'],
  [LOCK_VMA_UNDER_RCU, 'lock_vma_under_rcu'],
  [VMA_START_READ, 'vma_start_read'],
  [VMA_START_READ_RECHECK, 'vma_start_read'],
  [VMA_LOCKED, 'lock_vma_under_rcu'],
  [HANDLE, 'handle_mm_fault'],
  [VMA_END_READ, 'vma_end_read'],
  [RETRIED, 'do_user_addr_fault'],
  [LOCK_MMAP, 'lock_mm_and_find_vma'],
  [LOCK_MMAP_WOKEN, 'lock_mm_and_find_vma'],
  [MMAP_LOCKED, 'handle_mm_fault'],
  [MMAP_READ_UNLOCK, 'mmap_read_unlock'],
  [SIGNALLED_MMAP, 'mmap_read_unlock'],
  [STACK_WRITE_LOCK, 'upgrade_mmap_lock_carefully'],
  [STACK_WRITE_LOCK_WOKEN, 'upgrade_mmap_lock_carefully'],
  [EXPAND_STACK, 'expand_stack_locked'],
  [STACK_MARKED, 'expand_stack_locked'],
  [UNLOCKED_DONE, 'do_user_addr_fault'],
]);

/**
 * Does handle_mm_fault() return VM_FAULT_RETRY with the VMA lock held still, for do_user_addr_fault() to drop? Where VM_FAULT_VMA_UNLOCKED
 * tells, it does but for the functions that sleep.
 */
export function keepsVmaLock(k: Kernel, path: readonly string[]): boolean {
  const end = k.at['do_user_addr_fault.vma_end_read'];
  return end === 'always' || (end === 'unless_vma_unlocked' && !path.some(fn => SLEEPERS.has(fn)));
}
const SLEEPERS: ReadonlySet<string> = new Set(['__folio_lock_or_retry', 'handle_userfault']);

/** The function of step `at`, by what came of it, where the fault does not leave it for one of another name. */
export function functionOf(k: Kernel, at: number, outcome: StepOutcome): string {
  const perVma = k.speculates === 'vm_sequence';
  if (at === SPECULATE) return perVma ? '__handle_speculative_fault' : 'do_user_addr_fault';
  if (at === SPECULATE_COMMIT) return perVma ? 'pte_map_lock' : '__pte_map_lock';
  if (outcome === 'grows') return 'lock_mm_and_find_vma';
  if (outcome === 'signal') {
    if (at === ENTRY) return 'do_kern_addr_fault';
    if (at === SIGNALLED_MMAP) return 'bad_area_nosemaphore';
  }
  return FUNCTIONS.get(at) ?? 'do_user_addr_fault';
}

/** Steps at whose time, `task.until`, a lock is released, though the release may be made up for later. */
export const isRelease = (at: number): boolean =>
  at === VMA_END_READ || at === MMAP_READ_UNLOCK || at === SIGNALLED_MMAP;

/** Steps that say nothing but that the walk goes on as it was going. */
export const isSilent = (at: number, place: number): boolean =>
  at === MMAP_RETRY || at === place || (at === VMA_START_READ_RECHECK && place === VMA_LOCKED);

/** Asleep in the queue of mmap_lock? */
export const isQueued = (place: number): boolean => place === LOCK_MMAP_WOKEN || place === STACK_WRITE_LOCK_WOKEN;

/** What more decides what came of a step. */
interface Circumstances {
  /** what came of the step before */
  readonly last: StepOutcome | null;
  /** does a VMA cover the address? */
  readonly there: boolean;
  /** the fault went into handle_userfault() */
  readonly monitor: boolean;
}

/** What came of step `at`, after which the fault stands at `place`. */
export function outcomeOf(task: Task, at: number, place: number, { last, there, monitor }: Circumstances): StepOutcome {
  switch (place) {
    case DONE:
      if (at === EXPAND_STACK) return 'unmapped';
      return at === ENTRY || at === SPECULATE || last === 'unmapped' ? 'signal' : 'over';
    case LOCK_MMAP_WOKEN:
    case STACK_WRITE_LOCK_WOKEN:
    case STACK_MARKED:
      return 'sleeps';
    case LOCK_VMA_UNDER_RCU:
      return at === ENTRY ? 'passes' : 'again';
    case SPECULATE:
      return 'speculates';
    case LOCK_MMAP:
      return 'leaves';
    case VMA_START_READ_RECHECK:
    case EXPAND_STACK:
      return 'locked';
    case MMAP_LOCKED:
      return at === EXPAND_STACK || at === STACK_MARKED ? 'grown' : 'locked';
    case VMA_END_READ:
      if (task.verdict === VERDICT_SIGNAL) return 'signal';
      return task.counter === COUNTER_NONE ? 'broken' : 'handled';
    case SPECULATE_COMMIT:
      return task.verdict === VERDICT_SIGNAL ? 'signal' : 'handled';
    case MMAP_READ_UNLOCK:
      return 'handled';
    case SIGNALLED_MMAP:
      return there ? 'signal' : 'unmapped';
    case RETRIED:
    case MMAP_RETRY:
      return monitor ? 'userfault' : 'retry';
    case UNLOCKED_DONE:
      return 'unlocked';
    case STACK_WRITE_LOCK:
      return 'grows';
    default:
      return 'passes';
  }
}
