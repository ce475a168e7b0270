/**
 * Counts what the kernel floor reports and turns it into a result. Memory is bounded: rows for VMAs and blockers are
 * capped, what comes later is added to a common row.
 */
import { walk } from '../kernel/fault.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Ledger } from '../kernel/ledger.js';
import type { Mm } from '../kernel/mm.js';
import { isSpeculation, type Stage, siteIn } from '../kernel/stage.js';
import {
  COUNTER_ABORT,
  COUNTER_MISS,
  COUNTER_NONE,
  COUNTER_RETRY,
  COUNTER_SUCCESS,
  type Task,
  VERDICT_MMAP_LOCK,
  VERDICT_SIGNAL,
  VERDICT_VMA_LOCK,
} from '../kernel/task.js';
import type { Vma } from '../kernel/vma.js';
import type { Witness } from '../kernel/witness.js';
import type { TraceInfo } from '../trace/columns.js';
import { FRACTION, formatAddr, type Ns } from '../units.js';
import { CONTENDED_SITES, FAULT_KERNEL_MODE, OP } from '../vocab.js';
import { Blockers, blockedBy } from './blockers.js';
import { Convoys } from './convoys.js';
import type { HotSpots } from './hot-spots.js';
import { LockTable, nameOf } from './lock-table.js';
import { OpMix } from './op-mix.js';
import { TimeBins } from './over-time.js';
import type { Counter, FaultRow, ModelResult, Reason, Verdict } from './result.js';
import { checkLocks, checkSums, checkTimes } from './sums.js';

const COUNTERS: readonly (Counter | null)[] = (() => {
  const names: (Counter | null)[] = [];
  names[COUNTER_NONE] = null;
  names[COUNTER_SUCCESS] = 'vma_lock_success';
  names[COUNTER_ABORT] = 'vma_lock_abort';
  names[COUNTER_RETRY] = 'vma_lock_retry';
  names[COUNTER_MISS] = 'vma_lock_miss';
  return names;
})();

const VERDICTS: readonly Verdict[] = (() => {
  const names: Verdict[] = [];
  names[VERDICT_VMA_LOCK] = 'vma_lock';
  names[VERDICT_MMAP_LOCK] = 'mmap_lock';
  names[VERDICT_SIGNAL] = 'signal';
  return names;
})();

/** Under speculation what no lock was needed for is no VMA lock's doing. */
const SPECULATIVE_VERDICTS = VERDICTS.with(VERDICT_VMA_LOCK, 'speculative');

/** Faults whose outcome is kept for `expect`: litmus traces are small. */
export const EXPECT_LIMIT = 10_000;

/** The outcome of one fault, for `expect`. */
export interface Outcome {
  verdict: Verdict;
  site: string | null;
  counter: Counter | null;
}

export class Collector implements Ledger {
  /** how a fault goes on, for who follows some of them */
  readonly walk: typeof walk = walk;
  /** who follows faults from inside; null when nobody does */
  readonly inside: Witness | null = null;
  kernel!: Kernel;
  info!: TraceInfo;
  /** outcomes of the first EXPECT_LIMIT faults, by event index */
  readonly outcomes = new Map<number, Outcome>();
  /** faults in an mm of which the trace knows no mapping at all */
  unmapped = 0;
  protected readonly model: string;
  private readonly hasVmaLock: boolean;
  protected readonly verdictNames: readonly Verdict[];
  private readonly counters = new Float64Array(5);
  private readonly verdicts = new Float64Array(4);
  private readonly reasons: { counter: number; site: string; count: number; wait: Ns }[] = [];
  /** the kernel's counters beside those of the VMA lock, by name */
  private readonly others = new Map<string, number>();
  private readonly locks = new LockTable();
  private readonly blockers = new Blockers();
  private readonly ops = new OpMix();
  private readonly convoys = new Convoys();
  private readonly bins = new TimeBins();
  private readonly pending: FaultRow[] = [];
  private total = 0;
  private kernelMode = 0;
  private userFallbacks = 0;
  private uncounted = 0;
  /** faults whose last word was a miss */
  private givenUp = 0;
  /** signals without mmap_lock, of addresses below the kernel's */
  private speculativeSignals = 0;
  private faultWait: Ns = FRACTION;
  private opWait: Ns = FRACTION;
  private firstStart: Ns = FRACTION;
  private lastEnd: Ns = FRACTION;

  constructor(
    protected readonly stage: Stage,
    private readonly onFault: ((row: FaultRow) => void) | null,
    private readonly hotSpots: HotSpots | null = null,
  ) {
    this.model = stage.id;
    this.hasVmaLock = stage.vmaLock !== 'none' && !isSpeculation(stage.vmaLock);
    this.verdictNames = isSpeculation(stage.vmaLock) ? SPECULATIVE_VERDICTS : VERDICTS;
    this.faultWait = 0;
    this.opWait = 0;
    this.firstStart = -1;
    this.lastEnd = 0;
  }

  fault(task: Task): void {
    this.total++;
    this.ops.over(OP.fault);
    if (this.firstStart < 0) this.firstStart = task.start;
    const inKernel = (task.code & FAULT_KERNEL_MODE) !== 0;
    if (inKernel) this.kernelMode++;
    else if (task.fallback) this.userFallbacks++;
    this.bins.add(task.start, task.fallback && !inKernel);
    this.verdicts[task.verdict]++;
    this.counters[task.counter]++;
    if (task.counter === COUNTER_NONE) this.uncounted++;
    else if (task.counter === COUNTER_MISS) this.givenUp++;
    this.faultWait += task.waited;
    if (task.verdict !== VERDICT_VMA_LOCK) this.reason(task);
    // do_kern_addr_fault() comes before any speculation
    if (task.verdict === VERDICT_SIGNAL && !task.fallback && task.site !== 'do_kern_addr_fault')
      this.speculativeSignals++;
    if (this.total <= EXPECT_LIMIT) {
      this.outcomes.set(task.i, {
        verdict: this.verdictNames[task.verdict],
        site: this.nameOf(task.site),
        counter: COUNTERS[task.counter],
      });
    }
    if (this.hotSpots !== null) {
      const [counter, site] = [COUNTERS[task.counter], this.nameOf(task.site)];
      this.hotSpots.add({ task, fallback: task.fallback && !inKernel, counter, site }, this.kernel, this.info);
    }
    if (this.onFault !== null) this.pending.push(this.row(task));
  }

  get wantsRows(): boolean {
    return this.onFault !== null;
  }

  /** Hands out the rows of the faults that are over, in the order of the trace. */
  emit(): void {
    const { onFault, pending } = this;
    if (onFault === null) return;
    pending.sort((a, b) => a.i - b.i);
    for (const row of pending) onFault(row);
    pending.length = 0;
  }

  private reason(task: Task): void {
    const site = this.nameOf(task.site) ?? 'do_user_addr_fault';
    if (!task.mm.everMapped && task.fallback && task.verdict === VERDICT_SIGNAL) this.unmapped++;
    for (const reason of this.reasons) {
      if (reason.site === site && reason.counter === task.counter) {
        reason.count++;
        reason.wait += task.waited;
        return;
      }
    }
    this.reasons.push({ counter: task.counter, site, count: 1, wait: task.waited });
  }

  /** A site as the series itself called the function. */
  protected nameOf(site: string | null): string | null {
    return site === null ? null : siteIn(this.stage, site);
  }

  /** What became of a fault. */
  protected row(task: Task): FaultRow {
    const { info } = this;
    return {
      i: task.i,
      model: this.model,
      t: task.t >= 0 ? task.t : task.start,
      start: task.start,
      tid: info.tids[task.id],
      mm: info.mms[task.mm.id],
      addr: formatAddr(task.page, task.off),
      verdict: this.verdictNames[task.verdict],
      fallback: task.fallback,
      counter: COUNTERS[task.counter],
      site: this.nameOf(task.site),
      wait_ns: task.waited,
      hold_ns: task.held,
      tries: task.tries,
      blocked_by: this.blockerOf(task),
    };
  }

  /** Who made `task` wait or fall back, as far as it is known by now. */
  protected blockerOf(task: Task): FaultRow['blocked_by'] {
    return blockedBy(task, this.info);
  }

  count(counter: string): void {
    this.others.set(counter, (this.others.get(counter) ?? 0) + 1);
  }

  miss(_task: Task): void {
    this.counters[COUNTER_MISS]++;
  }

  asleep(task: Task): void {
    this.convoys.join(task, this.kernel);
  }

  slept(_task: Task, _on: 'page' | 'monitor', _from: Ns, _waited: Ns): void {}

  mmapLocked(task: Task, mm: Mm, write: boolean, waited: Ns, contended: boolean): void {
    this.locks.mmap(mm.id, write).acquire(waited, contended);
    this.ops.acquire(task.op, write, waited);
    if (contended) this.convoys.leave(task, waited, this.kernel.engine.now);
  }

  trylock(_task: Task): void {}

  prepared(_task: Task, _vma: Vma): void {}

  mmapTrylockFailed(mm: Mm): void {
    this.locks.mmap(mm.id, false).contended++;
  }

  mmapHeld(task: Task, mm: Mm, write: boolean, held: Ns): void {
    this.locks.mmap(mm.id, write).hold.add(held);
    this.ops.hold(task.op, write, held);
  }

  vmaRead(_task: Task, mm: Mm, vma: Vma, held: Ns): void {
    const stat = this.locks.vma(mm.id, vma, false);
    stat.acquired++;
    stat.hold.add(held);
  }

  vmaReadRefused(mm: Mm, vma: Vma): void {
    this.locks.contendedVma(mm, vma, false, this.kernel).contended++;
  }

  vmaMarked(_task: Task, mm: Mm, vma: Vma, waited: Ns, contended: boolean): void {
    const stat = contended ? this.locks.contendedVma(mm, vma, true, this.kernel) : this.locks.vma(mm.id, vma, true);
    stat.acquire(waited, contended);
  }

  blocked(task: Task, vma: Vma | null, waited: Ns): void {
    if (task.byThread < 0) return;
    const other = this.kernel.tasks[task.byThread];
    // The one to blame may have gone on to its next event meanwhile, or work on no pages in particular (a fork).
    const underWay = other.i === task.byIndex;
    const same = underWay && other.len > 0;
    const target = same ? task.mm.mm_mt.walk(other.page) : null;
    const name = nameOf(target ?? vma, task.mm, this.kernel);
    const fallback = task.op === OP.fault && task.site !== null && CONTENDED_SITES.has(task.site);
    const start = same ? other.page : -1;
    const row = this.blockers.add(task.byOp, task.byThread, name, start, other.page + other.len, waited, fallback);
    if (underWay) this.blockers.happened(row, other.i, other.start);
  }

  /** An operation is over. */
  operation(task: Task): void {
    if (this.firstStart < 0) this.firstStart = task.start;
    this.ops.over(task.op);
    this.opWait += task.waited;
  }

  /** A thread is called `name` from now on (an index into the trace's strings). */
  named(thread: number, name: number): void {
    this.convoys.named(thread, name);
  }

  /** The event `task` had in hand ended at `now`. */
  end(_task: Task, now: Ns): void {
    if (now > this.lastEnd) this.lastEnd = now;
  }

  /**
   * The run is over: every sum must add up and every lock be free, or it is a bug of ours. `backlog` events were never started,
   * `begun` faults were.
   */
  close(backlog: number, begun: number): void {
    this.emit();
    const { total, kernelMode, userFallbacks, verdicts, counters, uncounted, givenUp } = this;
    const { hasVmaLock, speculativeSignals, kernel } = this;
    const where = `in ${this.model}`;
    const reasons = this.reasons.reduce((sum, reason) => sum + reason.count, 0);
    const [attempts, gaveUp] = ['spf_attempt', 'spf_abort'].map(name => this.others.get(name) ?? 0);
    checkSums(
      {
        ...{ backlog, begun, total, kernelMode, userFallbacks, verdicts, counters, uncounted, givenUp, reasons },
        ...{ overTime: this.bins.result(), hasVmaLock, attempts, gaveUp, speculativeSignals },
      },
      where,
    );
    checkLocks(kernel, where);
    this.locks.check(where);
    checkTimes(this.faultWait + this.opWait, this.locks.held, this.info.file);
  }

  result(): ModelResult {
    const { total, verdicts, counters, info } = this;
    const user = total - this.kernelMode;
    const known = user - Math.min(user, this.unmapped);
    const reasons: Reason[] = this.reasons
      .map(({ counter, site, count, wait }) => ({ counter: COUNTERS[counter], site, count, wait_ns: wait }))
      .sort((a, b) => b.count - a.count || compareText(a.site, b.site) || compareText(a.counter, b.counter));
    return {
      model: this.model,
      faults: {
        total,
        user,
        kernel: this.kernelMode,
        vma_lock: verdicts[VERDICT_VMA_LOCK],
        mmap_lock: verdicts[VERDICT_MMAP_LOCK],
        signal: verdicts[VERDICT_SIGNAL],
      },
      counters: {
        vma_lock_success: counters[COUNTER_SUCCESS],
        vma_lock_abort: counters[COUNTER_ABORT],
        vma_lock_retry: counters[COUNTER_RETRY],
        vma_lock_miss: counters[COUNTER_MISS],
        ...Object.fromEntries([...this.others].sort(([a], [b]) => compareText(a, b))),
      },
      fallback_ratio: known > 0 ? this.userFallbacks / user : null,
      reasons,
      locks: this.locks.rows(info),
      blockers: this.blockers.rows(info),
      ops: this.ops.rows(),
      convoy: this.convoys.result(this.kernel, info),
      ...(this.hotSpots !== null && { by: this.hotSpots.rows() }),
      time: {
        makespan_ns: this.firstStart < 0 ? 0 : this.lastEnd - this.firstStart,
        fault_wait_ns: this.faultWait,
        op_wait_ns: this.opWait,
      },
      over_time: this.bins.result(),
    };
  }
}

function compareText(a: string | null, b: string | null): number {
  return (a ?? '') < (b ?? '') ? -1 : (a ?? '') > (b ?? '') ? 1 : 0;
}
