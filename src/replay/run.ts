/**
 * One trace under one stage: threads that start their events when their recording and the waiting before let them.
 *
 * Closed timing: a thread keeps its think time, so every wait for a lock shifts all that follows by as much, less what the
 * recording is known to have waited there itself; no event starts before its recorded time or before the one in front of
 * it is over. Recorded timing: nothing shifts. An event without a time starts when everybody before it is done or blocked.
 */
import { Engine } from '../engine/engine.js';
import { Bug, type Where } from '../errors.js';
import type { Costs } from '../kernel/costs.js';
import type { walk } from '../kernel/fault.js';
import { BLOCKED, HOLDING, userfaultAnswered, wake_userfault } from '../kernel/fault-steps.js';
import { Kernel } from '../kernel/kernel.js';
import { existing } from '../kernel/mmap-ops.js';
import { OPERATIONS } from '../kernel/operations.js';
import { recordedWait } from '../kernel/section.js';
import type { Stage } from '../kernel/stage.js';
import type { Task } from '../kernel/task.js';
import { type Columns, NO_INDEX, type TraceInfo } from '../trace/columns.js';
import { type Ns, PAGE_END } from '../units.js';
import { OP } from '../vocab.js';
import { Backlog } from './backlog.js';
import { Collector } from './collect.js';
import { Operating } from './operating.js';
import { Overtaken } from './overtaken.js';
import { Pace } from './pace.js';
import { FAULTING, IDLE, NONE, OPERATING, RELEASING, type Runner } from './runner.js';
import { inSample } from './sample.js';
import { type SizeLimits, Sizes } from './sizes.js';
import { Threads } from './threads.js';
import { usesItsMm } from './users.js';

export interface RunOptions extends SizeLimits {
  readonly timing: 'closed' | 'recorded';
  readonly costs: Costs;
  /** who counts; one of the run's own when absent */
  readonly collector?: Collector;
  /** one in so many faults is replayed */
  readonly sample?: number;
}

export class Run {
  readonly kernel: Kernel;
  readonly collector: Collector;
  private readonly engine = new Engine();
  private readonly threads: Threads;
  private readonly backlog = new Backlog();
  private readonly closed: boolean;
  /** how a fault goes on: walk(), or who follows some of them */
  private readonly walk: typeof walk;
  private readonly sample: number;
  private readonly sizes: Sizes;
  /** how far the clock is ahead of the recording for everybody */
  private readonly pace = new Pace();
  private readonly overtaken = new Overtaken(runner => this.backlog.index[runner.head]);
  /** threads with events in the backlog */
  private lateThreads = 0;
  private readonly operating = new Operating();
  /** faults that were started */
  private begun = 0;
  private info!: TraceInfo;
  /** the latest batch, and the index of its first event */
  private batch!: Columns;
  private first = 0;

  constructor(stage: Stage, options: RunOptions) {
    this.closed = options.timing === 'closed';
    this.sample = options.sample ?? 1;
    this.sizes = new Sizes(options);
    this.collector = options.collector ?? new Collector(stage, null);
    this.walk = this.collector.walk;
    this.kernel = new Kernel(stage, this.engine, options.costs, this.collector, !this.closed);
    this.kernel.onRelease = task => this.release(task as Runner);
    this.threads = new Threads(this, this.kernel, this.engine);
    this.collector.kernel = this.kernel;
    this.kernel.witness = this.collector.inside;
  }

  /** Takes a batch of events, the first of which is event `first` of the trace. */
  feed(columns: Columns, first: number, info: TraceInfo): void {
    this.info = info;
    this.batch = columns;
    this.first = first;
    const { engine, kernel } = this;
    engine.where = { file: info.file };
    kernel.files = info.files;
    kernel.strings = info.strings;
    kernel.swapSync = info.meta['x-swap-sync'] === true;
    this.collector.info = info;
    if (first === 0 && kernel.at['do_user_addr_fault.mm_users'] === 'mmap_lock') this.meet(columns);
    const { n, t, op, thread } = columns;
    const { pace, sample } = this;
    for (let row = 0; row < n; row++) {
      if (thread[row] === NO_INDEX) continue;
      const at = t[row];
      if (first + row >= pace.due) pace.next(first + row, this.closed);
      const { base } = pace;
      if (at >= 0) {
        engine.horizon = at + base;
        engine.runUntil(at + base);
      } else this.quiesce();
      // Until the next event arrives the clock may move freely; behind the batch nothing is known.
      engine.horizon = row + 1 < n ? this.horizonOf(t[row + 1]) : at + base;
      if (op[row] === OP.thread) {
        this.collector.named(thread[row], columns.name[row]);
        continue;
      }
      if (sample > 1 && op[row] === OP.fault && !inSample(first + row, sample)) continue;
      const runner = this.threads.at(thread[row]) ?? this.wake(thread[row]);
      if (runner.epoch !== pace.epoch) pace.saw(runner);
      if (op[row] === OP.fork) this.expectChild(columns.a[row], runner);
      if (runner.state === FAULTING) userfaultAnswered(kernel, runner);
      const now = engine.now;
      if (runner.head === NONE && !runner.unborn) {
        if (runner.state === RELEASING && runner.holds !== null && runner.until <= now) this.release(runner);
        const free = runner.state === IDLE && runner.lastEnd <= now && at + runner.shift <= now;
        if (free && this.inTheWay(runner, columns, row, first + row) < 0) {
          this.begin(runner, columns, row, first + row);
          continue;
        }
      }
      this.enqueue(runner, columns, row, first + row);
    }
    if (this.collector.wantsRows) {
      kernel.settleDue();
      this.collector.emit();
    }
  }

  /**
   * Who acts in the first batch of a trace, and was not born in it, was there from the beginning: for kernels that ask
   * whether a program has more than one thread.
   */
  private meet(columns: Columns): void {
    const born = new Set<number>();
    for (let row = 0; row < columns.n; row++) {
      const thread = columns.thread[row];
      if (thread === NO_INDEX || thread === this.info.nobody || !usesItsMm(columns, row)) continue;
      if (columns.op[row] === OP.fork) born.add(columns.a[row]);
      const runner = this.threads.at(thread) ?? this.wake(thread);
      if (runner.uses === null && !born.has(thread)) this.kernel.uses(runner, this.kernel.mm(columns.mm[row]));
    }
  }

  /** Runs until every event is over. */
  finish(): void {
    this.engine.horizon = Number.POSITIVE_INFINITY;
    for (;;) {
      this.quiesce();
      if (!this.threads.awake.some(runner => runner.state !== IDLE || runner.head !== NONE)) break;
      this.unblock();
    }
    this.collector.close(this.backlog.size, this.begun);
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

  /** Makes up for the release of `runner`, which was due at `runner.until`. */
  private release(runner: Runner): void {
    runner.holds = null;
    this.walk(this.kernel, runner);
    this.done(runner, runner.until);
  }

  /** Called by the engine: `runner` goes on, releases what it was asked for, or starts its next event. */
  resume(runner: Runner): void {
    switch (runner.state) {
      case FAULTING:
        this.fault(runner);
        return;
      case OPERATING:
        if (!this.overtaken.isEmpty) this.letPass(runner.i);
        if (runner.operation?.next().done) {
          this.operating.remove(runner);
          this.done(runner, this.engine.now);
        }
        return;
      case RELEASING: {
        const asked = runner.holds === null;
        this.release(runner);
        if (asked) return;
      }
    }
    runner.scheduled = false;
    this.startQueued(runner);
  }

  /** Starts the first event of the queue, unless one recorded before it on the same pages has not started yet. */
  private startQueued(runner: Runner): void {
    const { backlog } = this;
    const slot = runner.head;
    const i = backlog.index[slot];
    const earlier = this.inTheWay(runner, backlog.rows, slot, i);
    if (earlier >= 0) {
      this.overtaken.add(runner, earlier);
      return;
    }
    // Having been held up by another thread's event shifts what follows like any other wait.
    if (runner.behind >= 0 && this.closed)
      runner.shift = Math.max(runner.shift, this.engine.now - backlog.rows.t[slot]);
    runner.behind = NONE;
    runner.head = backlog.remove(slot);
    if (runner.head === NONE) {
      runner.tail = NONE;
      this.lateThreads--;
    }
    if (!this.overtaken.isEmpty) this.letPass(i);
    this.begin(runner, backlog.rows, slot, i);
  }

  /**
   * The event recorded before event `i` (row `row` of `of`) on the same pages that it must not overtake, or -1: one that has
   * not started, or an operation that was over by then in the recording and is not yet here.
   */
  private inTheWay(runner: Runner, of: Columns, row: number, i: number): number {
    // At recorded times everything starts when it did: the order is the recording's own.
    if (!this.closed) return NONE;
    // What waits on the thread itself comes in order anyway.
    const others = this.lateThreads - (runner.head === NONE ? 0 : 1);
    const waiting = others === 0 ? NONE : this.backlog.inTheWay(of, row, i);
    if (waiting >= 0 || this.operating.size === 0) return waiting;
    const start = of.page[row];
    const end = of.op[row] === OP.fault ? start + 1 : start + of.len[row];
    return this.operating.inTheWay(of.mm[row], start, end, of.t[row]);
  }

  /**
   * Event `i` is about to start or to go on: who waited for that tries again when it has, unless there is another to wait
   * for. Said before, or the clock would move on to the end of the event as if there were nobody.
   */
  private letPass(i: number): void {
    const { overtaken, backlog } = this;
    for (const runner of overtaken.take(i)) {
      const earlier = this.inTheWay(runner, backlog.rows, runner.head, backlog.index[runner.head]);
      if (earlier < 0 || earlier === i) this.schedule(runner);
      else overtaken.add(runner, earlier);
    }
  }

  /** Event `i`, by its line too where it is in the latest batch. */
  private where(i: number): Where {
    return { file: this.info.file, line: this.batch.line[i - this.first], path: `events[${i}]` };
  }

  /** What `task` waits for and who holds it, in words. */
  describe(task: Task): string {
    const tid = this.info.tids[task.id];
    const holder = task.byThread >= 0 ? `, held up by thread ${this.info.tids[task.byThread]}` : '';
    return `thread ${tid} (event ${task.i}) waits for ${task.blockedOn}${holder}`;
  }

  private horizonOf(t: Ns): Ns {
    return t >= 0 ? t + this.pace.base : Number.POSITIVE_INFINITY;
  }

  private wake(thread: number): Runner {
    return this.threads.wake(thread, this.pace.forgotten);
  }

  /** The child's events must not start before its fork is over. */
  private expectChild(child: number, parent: Runner): void {
    if (child < 0) return;
    const runner = this.threads.at(child) ?? this.wake(child);
    if (runner !== parent && runner.state === IDLE) runner.unborn = true;
  }

  private enqueue(runner: Runner, columns: Columns, row: number, i: number): void {
    while (this.backlog.full) if (!this.engine.step()) this.unblock();
    const slot = this.backlog.add(columns, row, i, runner.tail);
    runner.tail = slot;
    if (runner.head === NONE) {
      runner.head = slot;
      this.lateThreads++;
    }
    this.schedule(runner);
  }

  /** Wakes `runner` for the first event of its queue, unless it is busy: then it asks again when it is done. */
  private schedule(runner: Runner): void {
    if (runner.scheduled || runner.unborn || runner.state === FAULTING || runner.state === OPERATING) return;
    runner.scheduled = true;
    const { now } = this.engine;
    const free = runner.state === RELEASING ? runner.until : runner.lastEnd;
    const start = Math.max(this.backlog.rows.t[runner.head] + runner.shift, free, now);
    this.engine.wake(runner.id, start - now);
  }

  /** Starts event `i`, row `row` of `columns`, on an idle thread. */
  private begin(runner: Runner, columns: Columns, row: number, i: number): void {
    const { kernel, engine } = this;
    const mm = kernel.mm(columns.mm[row]);
    runner.start = engine.now;
    if (runner.uses !== mm && runner.id !== this.info.nobody && usesItsMm(columns, row)) kernel.uses(runner, mm);
    if (columns.op[row] === OP.fault) {
      this.begun++;
      runner.takeFault(columns, row, i, mm);
      this.fault(runner);
      return;
    }
    runner.takeOperation(columns, row, i, mm);
    if (runner.op === OP.vma) existing(kernel, runner);
    else {
      const operation = OPERATIONS[runner.op]?.(kernel, runner) ?? null;
      if (operation !== null && !operation.next().done) {
        runner.operation = operation;
        runner.state = OPERATING;
        this.operating.add(runner);
        return;
      }
    }
    this.done(runner, engine.now);
  }

  /** Lets a fault go on until it is over, asleep, or only holds its lock. */
  private fault(runner: Runner): void {
    const state = this.walk(this.kernel, runner);
    if (state === BLOCKED) {
      runner.state = FAULTING;
      return;
    }
    if (runner.waitedForLocks > 0 && this.closed) runner.shift += runner.waitedForLocks;
    if (state === HOLDING) {
      runner.state = RELEASING;
      if (runner.head !== NONE) this.schedule(runner);
    } else this.done(runner, this.engine.now);
  }

  /** The event of `runner` was over at `now`. */
  private done(runner: Runner, now: Ns): void {
    runner.state = IDLE;
    runner.lastEnd = now;
    this.collector.end(runner, now);
    if (runner.op !== OP.fault) this.afterOperation(runner);
    if (runner.head !== NONE) this.schedule(runner);
  }

  private afterOperation(runner: Runner): void {
    runner.operation = null;
    this.collector.operation(runner);
    this.sizes.after(runner, this.kernel, () => this.where(runner.i));
    if (this.closed) runner.shift = Math.max(0, runner.shift + runner.waitedForLocks - recordedWait(runner));
    if (runner.op === OP.fork) this.bear(runner);
  }

  /** A fork is over: its child may act, as long after it as it did in the recording. */
  private bear(parent: Runner): void {
    const child = parent.a >= 0 ? this.threads.at(parent.a) : undefined;
    if (!child?.unborn) return;
    child.unborn = false;
    child.shift = parent.shift;
    child.lastEnd = this.engine.now;
    if (child.head !== NONE) this.schedule(child);
  }

  /** Nothing moves any more: whoever still waits for a monitor is let go, as when the userfaultfd is closed. */
  private unblock(): void {
    let released = 0;
    for (const mm of this.kernel.mms) {
      if (!mm || mm.userfaults.size === 0) continue;
      released += mm.userfaults.size;
      wake_userfault(this.kernel, mm, 0, PAGE_END, true, null);
      released -= mm.userfaults.size;
    }
    if (released > 0) return;
    for (const runner of this.threads.awake) {
      if (!runner.unborn || runner.head === NONE) continue;
      // Its fork waits behind its own events, which no kernel can have recorded: let it live.
      runner.unborn = false;
      this.schedule(runner);
      released++;
    }
    if (released === 0) throw new Bug(`deadlock: ${this.engine.blocked().slice(0, 5).join('; ')}`);
  }
}
