/**
 * How far our clock is ahead of the recording for everybody. In a program that waits a lot all threads come to be late by
 * about the same; what all of them are late by need not be waited for event by event.
 */
import { FRACTION, type Ns } from '../units.js';
import { LOOKAHEAD } from './backlog.js';

/** Events between two looks at who is how late. */
const EPOCH = 1_024;
const EPOCHS = LOOKAHEAD / EPOCH;

/** A thread, and by how much its next event is later than recorded. */
export interface Shifted {
  epoch: number;
  readonly shift: Ns;
}

export class Pace {
  /**
   * The least anybody is late who acted during the last LOOKAHEAD events. No event that arrives starts earlier than its
   * recorded time plus this: a thread that was silent for longer, or is new, is held back by as much. 0 before there were
   * LOOKAHEAD events, and at recorded times.
   */
  base: Ns = FRACTION;
  epoch = 0;
  /** index of the event at which the next epoch begins */
  due = EPOCH;
  /** who acted in each of the last epochs, oldest first; of threads that acted again later too */
  private readonly acted: Shifted[][] = [[]];

  constructor() {
    this.base = 0;
  }

  /** Who acted in this epoch last, or before it, is asked no more how late he is. */
  get forgotten(): number {
    return this.epoch - EPOCHS;
  }

  /** `thread` acts for the first time in this epoch. */
  saw(thread: Shifted): void {
    thread.epoch = this.epoch;
    this.acted[this.acted.length - 1].push(thread);
  }

  /** Event `i` begins a new epoch. */
  next(i: number, closed: boolean): void {
    this.due = i + EPOCH;
    this.epoch++;
    if (this.acted.length >= EPOCHS && closed) {
      let least = Number.POSITIVE_INFINITY;
      for (const threads of this.acted) for (const { shift } of threads) if (shift < least) least = shift;
      if (least !== Number.POSITIVE_INFINITY && least > this.base) this.base = least;
    }
    if (this.acted.length >= EPOCHS) this.acted.shift();
    this.acted.push([]);
  }
}
