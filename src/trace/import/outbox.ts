/**
 * Events in time order although many are complete only later: a queue whose head waits until it is complete.
 *
 * An entry takes its place when the call or fault begins and is filled when it ends. Nothing waits that is not an
 * address-space operation or a fault, so a thread asleep in futex(2) holds nothing back.
 */
import { LIMITS } from '../limits.js';
import type { EventObject } from './event.js';
import { Queue } from './queue.js';

/** Counted for each entry that was filled after the limit had pushed it out empty. */
export const HELD_TOO_LONG = `held back too long: dropped (${LIMITS.maxHeld.option} moves the limit)`;

export interface Entry {
  /** null when nothing came of it */
  events: readonly EventObject[];
  done: boolean;
  /** not yet handed out: its events may still be changed */
  queued: boolean;
}

const NONE: readonly EventObject[] = [];

export class Outbox {
  /** entries that were filled after the limit had pushed them out empty */
  late = 0;
  readonly #queue = new Queue<Entry>();

  get length(): number {
    return this.#queue.length;
  }

  /** A place in the order, to be filled later. */
  open(): Entry {
    const entry = { events: NONE, done: false, queued: true };
    this.#queue.push(entry);
    return entry;
  }

  /** An event that is complete at once. */
  add(event: EventObject): void {
    this.close(this.open(), [event]);
  }

  close(entry: Entry, events: readonly EventObject[]): void {
    if (!entry.queued && events.length > 0) this.late++;
    entry.events = events;
    entry.done = true;
  }

  /** What took its place after `entry`, from the last on. */
  behind(entry: Entry): Iterable<Entry> {
    return this.#queue.behind(entry);
  }

  /** Hands out what no earlier event can precede any more; with `limit`, also what stands before the newest `limit`. */
  drain(into: EventObject[], limit = Number.POSITIVE_INFINITY): void {
    for (let entry = this.#queue.first; entry !== null; entry = this.#queue.first) {
      if (!entry.done && this.length <= limit) return;
      this.#queue.shift();
      entry.queued = false;
      for (const event of entry.events) into.push(event);
    }
  }
}
