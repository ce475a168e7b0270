/** One thread of the trace: the event it has in hand, those that wait behind it, and how late it is. */
import type { Thread } from '../engine/engine.js';
import type { Operation } from '../kernel/section.js';
import { Task } from '../kernel/task.js';
import { FRACTION, type Ns } from '../units.js';
import type { Asleep } from './operating.js';

/** Who runs it. */
export interface Host {
  /** It was woken: it goes on, releases what it was asked for, or starts its next event. */
  resume(runner: Runner): void;
  /** What it waits for and who holds that, in words. */
  describe(task: Task): string;
}

export const NONE = -1;
export const IDLE = 0;
export const FAULTING = 1;
export const OPERATING = 2;
/** Its fault is over but for a release nobody has asked to see, or that is set to happen. */
export const RELEASING = 3;

/** One thread of the trace. */
export class Runner extends Task implements Thread {
  state = IDLE;
  operation: Operation | null = null;
  /** first and last of its events in the backlog */
  head = NONE;
  tail = NONE;
  /** a wake-up for the start of the first of them is set */
  scheduled = false;
  /** its fork has not happened yet */
  unborn = false;
  /** index of the event that must start before the first of its queue */
  behind = NONE;
  /** epoch in which it acted last */
  epoch = NONE;
  /** it as one of those asleep in an operation that may be in the way of others */
  asleep: Asleep | null = null;
  /** how much later than recorded its next event starts */
  shift: Ns = FRACTION;
  /** when the event before was over, on our clock */
  lastEnd: Ns = FRACTION;

  constructor(
    id: number,
    private readonly host: Host,
  ) {
    super(id);
    this.shift = 0;
    this.lastEnd = 0;
  }

  /** Serves thread `id` from now on; the one before rests. */
  become(id: number): this {
    this.id = id;
    this.uses = null;
    this.epoch = NONE;
    this.shift = 0;
    this.lastEnd = 0;
    return this;
  }

  resume(): void {
    this.host.resume(this);
  }

  waitsFor(): string | null {
    return this.blockedOn === null ? null : this.host.describe(this);
  }
}
