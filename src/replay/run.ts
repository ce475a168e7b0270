/**
 * One trace under one stage: threads that start their events when their recording and the waiting before let them.
 *
 * Closed timing: a thread keeps its think time, so every wait for a lock shifts all that follows by as much, less what the
 * recording is known to have waited there itself; no event starts before its recorded time or before the one in front of
 * it is over. Recorded timing: nothing shifts. An event without a time starts when everybody before it is done or blocked.
 */
import { Engine, type Thread } from '../engine/engine.js';
import { Bug } from '../errors.js';
import type { Costs } from '../kernel/costs.js';
import { walk } from '../kernel/fault.js';
import { DONE, HOLDING, wake_userfault } from '../kernel/fault-steps.js';
import { Kernel } from '../kernel/kernel.js';
import { existing } from '../kernel/mmap-ops.js';
import { OPERATIONS } from '../kernel/operations.js';
import type { Operation } from '../kernel/section.js';
import type { Stage } from '../kernel/stage.js';
import { Task } from '../kernel/task.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { type Ns, PAGE_END } from '../units.js';
import { OP } from '../vocab.js';
import { Backlog } from './backlog.js';
import { Collector } from './collect.js';
import type { FaultRow } from './result.js';

export interface RunOptions {
  readonly timing: 'closed' | 'recorded';
  readonly costs: Costs;
  readonly onFault: ((row: FaultRow) => void) | null;
}

const NONE = -1;
const IDLE = 0;
/** An event of its queue waits for its start. */
const PENDING = 1;
const FAULTING = 2;
const OPERATING = 3;
/** Its fault is over but for a release nobody has asked to see. */
const RELEASING = 4;

/** One thread of the trace. */
class Runner implements Thread {
  state = IDLE;
  operation: Operation | null = null;
  /** first and last of its events in the backlog */
  head = NONE;
  tail = NONE;
  /** its fork has not happened yet */
  unborn = false;
  /** how much later than recorded its next event starts */
  shift: Ns = 0;
  /** when the event before was over, on our clock */
  lastEnd: Ns = 0;

  constructor(
    private readonly run: Run,
    readonly task: Task,
  ) {}

  resume(): void {
    this.run.resume(this);
  }

  waitsFor(): string | null {
    return this.task.blockedOn === null ? null : this.run.describe(this.task);
  }
}

export class Run {
  readonly kernel: Kernel;
  readonly collector: Collector;
  private readonly engine = new Engine();
  private readonly runners: Runner[] = [];
  private readonly backlog = new Backlog();
  private readonly closed: boolean;
  private info!: TraceInfo;

  constructor(stage: Stage, options: RunOptions) {
    this.closed = options.timing === 'closed';
    this.collector = new Collector(stage.id, stage.vmaLock !== 'none', options.onFault);
    // Rows come in the order in which faults finish, so then every release happens at its own time.
    const lazy = options.onFault === null;
    this.kernel = new Kernel(stage, this.engine, options.costs, this.collector, !this.closed, lazy);
    this.kernel.onRelease = task => this.release(this.runners[task.id]);
    this.collector.kernel = this.kernel;
  }

  /** Takes a batch of events, the first of which is event `first` of the trace. */
  feed(columns: Columns, first: number, info: TraceInfo): void {
    this.info = info;
    const { engine, kernel } = this;
    kernel.files = info.files;
    kernel.strings = info.strings;
    this.collector.info = info;
    const { n, t, op, thread } = columns;
    for (let row = 0; row < n; row++) {
      // Until the next event arrives the clock may move freely; behind the batch nothing is known.
      engine.horizon = row + 1 < n ? this.horizonOf(t[row + 1]) : t[row];
      if (t[row] >= 0) engine.runUntil(t[row]);
      else this.quiesce();
      if (op[row] === OP.thread) continue;
      const runner = this.runners[thread[row]] ?? this.addRunner(thread[row]);
      if (op[row] === OP.fork) this.expectChild(columns.a[row], runner);
      if (runner.state === RELEASING) this.next(runner);
      if (runner.state === IDLE && !runner.unborn && this.startOf(runner, t[row]) <= engine.now) {
        this.begin(runner, columns, row, first + row);
      } else this.enqueue(runner, columns, row, first + row);
    }
  }

  /** Runs until every event is over. */
  finish(): void {
    this.engine.horizon = Number.POSITIVE_INFINITY;
    for (;;) {
      this.quiesce();
      if (!this.runners.some(runner => runner.state !== IDLE || runner.head !== NONE)) break;
      this.unblock();
    }
    this.collector.close(this.backlog.size);
  }

  /** Runs until everybody is done or blocked by somebody who is. */
  private quiesce(): void {
    const { engine, kernel } = this;
    do {
      while (engine.step());
      engine.runUntil(Math.max(engine.now, kernel.lastRelease));
      kernel.settleDue();
    } while (engine.next !== Number.POSITIVE_INFINITY);
  }

  /** The thread of `runner` has something to do next: its release is made up for, or happens at its own time. */
  private next(runner: Runner): void {
    const { task } = runner;
    // Somebody may have asked already; then the wake-up is set.
    if (task.holds === null) return;
    if (task.until <= this.engine.now) this.release(runner);
    else {
      task.holds = null;
      this.engine.wake(task.id, task.until - this.engine.now);
    }
  }

  /** Makes up for the release of `runner`, which was due at `task.until`. */
  private release(runner: Runner): void {
    const { task } = runner;
    task.holds = null;
    walk(this.kernel, task);
    this.done(runner, task.until);
  }

  /** Called by the engine: `runner` goes on. */
  resume(runner: Runner): void {
    switch (runner.state) {
      case PENDING: {
        const slot = runner.head;
        runner.head = this.backlog.remove(slot);
        if (runner.head === NONE) runner.tail = NONE;
        this.begin(runner, this.backlog.rows, slot, this.backlog.index[slot]);
        return;
      }
      case RELEASING:
      case FAULTING:
        this.fault(runner);
        return;
      case OPERATING:
        if (runner.operation?.next().done) this.done(runner, this.engine.now);
    }
  }

  /** What `task` waits for and who holds it, in words. */
  describe(task: Task): string {
    const tid = this.info.tids[task.id];
    const holder = task.byThread >= 0 ? `, held up by thread ${this.info.tids[task.byThread]}` : '';
    return `thread ${tid} (event ${task.i}) waits for ${task.blockedOn}${holder}`;
  }

  private horizonOf(t: Ns): Ns {
    return t >= 0 ? t : Number.POSITIVE_INFINITY;
  }

  private addRunner(thread: number): Runner {
    // Dense indexes appear in order, but a fork may name its child before the child acts.
    while (this.runners.length <= thread) {
      const task = new Task(this.runners.length);
      const runner = new Runner(this, task);
      this.runners.push(runner);
      this.kernel.tasks.push(task);
      this.engine.add(runner);
    }
    return this.runners[thread];
  }

  /** The child's events must not start before its fork is over. */
  private expectChild(child: number, parent: Runner): void {
    if (child < 0) return;
    const runner = this.runners[child] ?? this.addRunner(child);
    if (runner !== parent && runner.state === IDLE) runner.unborn = true;
  }

  /** When `runner`, which is idle, starts an event recorded at `t`. */
  private startOf(runner: Runner, t: Ns): Ns {
    if (t < 0) return this.engine.now;
    return Math.max(t + runner.shift, runner.lastEnd);
  }

  private enqueue(runner: Runner, columns: Columns, row: number, i: number): void {
    while (this.backlog.full) if (!this.engine.step()) this.unblock();
    const slot = this.backlog.add(columns, row, i, runner.tail);
    runner.tail = slot;
    if (runner.head === NONE) runner.head = slot;
    // The clock may have run on to make room, and the thread with it.
    if (runner.state === RELEASING) this.next(runner);
    if (runner.state === IDLE && !runner.unborn) this.schedule(runner);
  }

  /** Starts event `i`, row `row` of `columns`, on an idle thread. */
  private begin(runner: Runner, columns: Columns, row: number, i: number): void {
    const { task } = runner;
    const { kernel, engine } = this;
    const mm = kernel.mm(columns.mm[row]);
    task.start = engine.now;
    if (columns.op[row] === OP.fault) {
      task.takeFault(columns, row, i, mm);
      this.fault(runner);
      return;
    }
    task.takeOperation(columns, row, i, mm);
    if (task.op === OP.vma) existing(kernel, task);
    else {
      const operation = OPERATIONS[task.op]?.(kernel, task) ?? null;
      if (operation !== null && !operation.next().done) {
        runner.operation = operation;
        runner.state = OPERATING;
        return;
      }
    }
    this.done(runner, engine.now);
  }

  /** Lets a fault go on until it is over, asleep, or only holds its lock. */
  private fault(runner: Runner): void {
    const { task } = runner;
    const state = walk(this.kernel, task);
    if (state === DONE) this.done(runner, this.engine.now);
    else runner.state = state === HOLDING ? RELEASING : FAULTING;
    if (state === HOLDING && runner.head !== NONE) this.next(runner);
  }

  /** The event of `runner` was over at `now`. */
  private done(runner: Runner, now: Ns): void {
    const { task } = runner;
    runner.operation = null;
    runner.lastEnd = now;
    if (task.op !== OP.fault) this.afterOperation(runner);
    else if (task.waitedForLocks > 0 && this.closed) runner.shift += task.waitedForLocks;
    this.collector.end(now);
    task.i = -1;
    runner.state = IDLE;
    if (runner.head !== NONE) this.schedule(runner);
  }

  private afterOperation(runner: Runner): void {
    const { task } = runner;
    this.collector.operation(task);
    if (this.closed) runner.shift = Math.max(0, runner.shift + task.waitedForLocks - task.recordedWait);
    if (task.op === OP.fork) this.bear(runner);
  }

  /** A fork is over: its child may act, as long after it as it did in the recording. */
  private bear(parent: Runner): void {
    const { task } = parent;
    const child = task.a >= 0 ? this.runners[task.a] : undefined;
    if (!child?.unborn) return;
    child.unborn = false;
    child.shift = parent.shift;
    child.lastEnd = this.engine.now;
    if (child.head !== NONE) this.schedule(child);
  }

  /** Wakes `runner` for the first event of its queue. */
  private schedule(runner: Runner): void {
    const start = this.startOf(runner, this.backlog.rows.t[runner.head]);
    runner.state = PENDING;
    this.engine.wake(runner.task.id, Math.max(0, start - this.engine.now));
  }

  /** Nothing moves any more: whoever still waits for a monitor is let go, as when the userfaultfd is closed. */
  private unblock(): void {
    let released = false;
    for (const mm of this.kernel.mms) {
      if (!mm || mm.userfaults.length === 0) continue;
      released = true;
      wake_userfault(this.kernel, mm, 0, PAGE_END, true);
    }
    for (const runner of this.runners) {
      if (!runner.unborn || runner.head === NONE) continue;
      // Its fork waits behind its own events, which no kernel can have recorded: let it live.
      runner.unborn = false;
      this.schedule(runner);
      released = true;
    }
    if (!released) throw new Bug(`deadlock: ${this.engine.blocked().slice(0, 5).join('; ')}`);
  }
}
