/** What must hold at the end of every replay, whatever the trace: where it does not, that is a bug of ours. */
import { invariant, tooLate } from '../errors.js';
import type { Kernel } from '../kernel/kernel.js';
import {
  COUNTER_ABORT,
  COUNTER_RETRY,
  COUNTER_SUCCESS,
  VERDICT_MMAP_LOCK,
  VERDICT_SIGNAL,
  VERDICT_VMA_LOCK,
} from '../kernel/task.js';
import { LAST_NS, type Ns } from '../units.js';
import type { OverTime } from './result.js';

/** What a replay under one stage counted. */
export interface Sums {
  /** events that were never started, and faults that were */
  readonly backlog: number;
  readonly begun: number;
  /** faults that are over, those of them from kernel mode, and the user faults that took mmap_lock */
  readonly total: number;
  readonly kernelMode: number;
  readonly userFallbacks: number;
  /** by code of the verdict, of the counter */
  readonly verdicts: ArrayLike<number>;
  readonly counters: ArrayLike<number>;
  /** faults that were not counted, and whose last word was a miss */
  readonly uncounted: number;
  readonly givenUp: number;
  /** faults that have a reason, by the table of reasons */
  readonly reasons: number;
  readonly overTime: OverTime;
  readonly hasVmaLock: boolean;
  /** speculations that were counted, that were given up, and that ended in a signal */
  readonly attempts: number;
  readonly gaveUp: number;
  readonly speculativeSignals: number;
}

/** Throws a Bug for the first sum that does not add up; `where` says which replay. */
export function checkSums(sums: Sums, where: string): void {
  const { total, verdicts, counters } = sums;
  const signals = verdicts[VERDICT_SIGNAL];
  const underVmaLock = verdicts[VERDICT_VMA_LOCK];
  const underMmapLock = verdicts[VERDICT_MMAP_LOCK];
  const success = counters[COUNTER_SUCCESS];
  const counted = success + counters[COUNTER_ABORT] + counters[COUNTER_RETRY] + sums.givenUp;
  invariant(sums.backlog === 0, `${sums.backlog} events were never started ${where}`);
  invariant(sums.begun === total, `${sums.begun} faults were started and ${total} are over ${where}`);
  invariant(underVmaLock + underMmapLock + signals === total, `verdicts do not add up to the ${total} faults ${where}`);
  invariant(sums.reasons === total - underVmaLock, `reasons do not add up ${where}`);
  invariant(counted + sums.uncounted === total, `counters do not add up ${where}`);
  invariant(success <= (sums.hasVmaLock ? underVmaLock + signals : 0), `too many successes ${where}`);
  invariant(
    sums.attempts === 0 || sums.attempts === sums.gaveUp + underVmaLock + sums.speculativeSignals,
    `speculations do not add up ${where}`,
  );
  invariant(sums.userFallbacks <= total - sums.kernelMode, `more fallbacks than user faults ${where}`);
  invariant(underMmapLock <= sums.userFallbacks + sums.kernelMode, `mmap_lock without a fallback ${where}`);
  const { faults, fallbacks } = sums.overTime;
  invariant(add(faults) === total && add(fallbacks) === sums.userFallbacks, `times do not add up ${where}`);
}

const add = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

/** Every sum of waits is a part of all waits, and every sum of holds one of all holds: a complaint when those are not exact. */
export function checkTimes(waits: Ns, holds: Ns, file: string): void {
  if (waits > LAST_NS) throw tooLate('what faults and operations waited', { file });
  if (holds > LAST_NS) throw tooLate('how long locks were held', { file });
}

/** Throws a Bug when somebody still holds a lock, or waits for one. */
export function checkLocks(kernel: Kernel, where: string): void {
  for (const mm of kernel.mms) {
    if (!mm) continue;
    const { mmap_lock: lock } = mm;
    invariant(
      lock.writer < 0 && lock.readers.size === 0 && !lock.hasWaiters,
      `mmap_lock is not free at the end ${where}`,
    );
    for (let vma = mm.mm_mt.first(); vma !== null; vma = mm.mm_mt.next(vma)) {
      invariant((kernel.lock?.readers(vma) ?? 0) === 0, `a VMA lock is not free at the end ${where}`);
    }
  }
}
