/**
 * Is what was made of a text an event of the format? A text that is not what it seems may have any number in any place, and
 * none of them may become a trace that cannot be read.
 */
import { Complaint, quote } from '../../errors.js';
import { Draft, FINE } from '../draft.js';
import { encodeEvent } from '../encode.js';
import type { Names } from '../intern.js';
import type { JsonObject } from '../json.js';
import type { EventObject } from './event.js';

/** Whatever the names are. */
const ANY_NAMES: Names = {
  string: value => ({ value, index: -1 }),
  file: value => ({ value, index: -1 }),
};

export class Sound {
  readonly #file: string;
  readonly #draft = new Draft();
  /** events of the list at hand that were looked at */
  #seen = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Looks at the events that were added to the list.
   *
   * @param line what completed them
   * @throws Complaint `semantic` about the first that is none; it is out of the list, and those behind it are still to be looked at
   */
  check(events: EventObject[], line: number): void {
    for (; this.#seen < events.length; this.#seen++) {
      const event = events[this.#seen];
      if (this.#isSound(event)) continue;
      events.splice(this.#seen, 1);
      const what = `numbers that no kernel prints, they make ${quote(JSON.stringify(event))}`;
      const hint = 'export it again, or leave such lines out with --keep-going';
      throw new Complaint('semantic', what, { file: this.#file, line }, hint);
    }
  }

  /** Have all events of the list been looked at? */
  isOver(events: readonly EventObject[]): boolean {
    return this.#seen === events.length;
  }

  /** The list is empty again. */
  next(): void {
    this.#seen = 0;
  }

  #isSound(event: EventObject): boolean {
    if (isPlainFault(event)) return true;
    const draft = this.#draft;
    if (!encodeEvent(event as JsonObject, draft, ANY_NAMES, []) || draft.check() !== FINE) return false;
    draft.remember();
    return true;
  }
}

/** Most events are faults, in which these are the numbers as printed: to look at no more takes a tenth of the time. */
function isPlainFault({ op, t, tid, cpu, dur, page, truth }: EventObject): boolean {
  if (op !== 'fault' || (cpu !== undefined && cpu >= 2 ** 31)) return false;
  return (
    isNatural(t) &&
    isNatural(tid) &&
    isNatural(cpu) &&
    isNatural(dur) &&
    isNatural(page?.wait) &&
    isNatural(truth?.wait)
  );
}

const isNatural = (value = 0): boolean => Number.isSafeInteger(value) && value >= 0;
