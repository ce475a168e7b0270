/**
 * Who runs when: threads over one clock, and nothing of memory.
 *
 * A thread is anything with `resume()`: a loop around a generator, or a walk that remembers its own place. It runs until
 * it blocks (it is then on a timer or on somebody's wait queue) or is done. Order is total: by time, then by the order in
 * which the wake-ups were asked for, so the same input always gives the same run.
 *
 * Units: ns.
 */
import { Bug, tooLate, type Where } from '../errors.js';
import { FRACTION, LAST_NS, type Ns } from '../units.js';
import { TimerHeap } from './heap.js';

export interface Thread {
  /** Goes on from where it blocked. Called by the engine only. */
  resume(): void;
  /** What it waits for, for the deadlock report; null while it is runnable or idle. */
  waitsFor(): string | null;
}

/** How often threads may be resumed without the clock moving before we call it a livelock. */
export const STEP_LIMIT = 10_000_000;

export class Engine {
  now: Ns = FRACTION;
  /** No event from outside arrives before this time: up to here the clock may move without asking. */
  horizon: Ns = FRACTION;
  /** what a complaint about the clock points to */
  where: Where = {};
  private readonly threads: Thread[] = [];
  private readonly timers = new TimerHeap();
  private stepsAtNow = 0;

  constructor() {
    this.now = 0;
    this.horizon = 0;
  }

  /** Adds a thread; returns its number. */
  add(thread: Thread): number {
    this.threads.push(thread);
    return this.threads.length - 1;
  }

  /** Puts `thread` in the place of number `id`, which has no wake-up pending. */
  put(id: number, thread: Thread): void {
    this.threads[id] = thread;
  }

  /** Resumes `thread` at `now + delay`. A thread has at most one wake-up pending. */
  wake(thread: number, delay: Ns): void {
    this.timers.push(this.exact(this.now + delay), thread);
  }

  /**
   * Lets `ns` pass for the running thread. True when the clock simply moved, since nobody else can act before then;
   * false when the thread must block: its wake-up is already set.
   */
  pass(thread: number, ns: Ns): boolean {
    const then = this.exact(this.now + ns);
    if (then <= this.horizon && this.timers.minTime > then) {
      if (ns > 0) {
        this.now = then;
        this.stepsAtNow = 0;
      }
      return true;
    }
    this.timers.push(then, thread);
    return false;
  }

  /** Runs every wake-up due at or before `time`, then sets the clock to `time`. */
  runUntil(time: Ns): void {
    this.exact(time);
    while (this.timers.minTime <= time) this.step();
    if (time > this.now) {
      this.now = time;
      this.stepsAtNow = 0;
    }
  }

  /** Runs the next wake-up, whenever it is due. False when there is none. */
  step(): boolean {
    const time = this.timers.minTime;
    if (time === Number.POSITIVE_INFINITY) return false;
    const thread = this.timers.pop();
    if (time > this.now) {
      this.now = time;
      this.stepsAtNow = 0;
    } else if (time < this.now) throw new Bug(`thread ${thread} is to act at ${time} ns, and it is ${this.now} ns`);
    else if (++this.stepsAtNow > STEP_LIMIT) {
      throw new Bug(`no progress: ${STEP_LIMIT} steps at ${this.now} ns (a retry loop that nobody ends?)`);
    }
    this.threads[thread].resume();
    return true;
  }

  /** Time of the next wake-up; Infinity without one. */
  get next(): Ns {
    return this.timers.minTime;
  }

  /** `time`, which must be one that a number holds. */
  private exact(time: Ns): Ns {
    if (time > LAST_NS) throw tooLate('the clock of the replay', this.where);
    return time;
  }

  /** Who waits for whom, a line each; empty when nobody is blocked. Meaningful when no wake-up is pending. */
  blocked(): string[] {
    return this.threads.map(thread => thread.waitsFor()).filter(text => text !== null);
  }
}
