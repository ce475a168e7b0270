/**
 * What an importer is: it reads the lines of one text, in order, and says what they complete.
 */
import { Complaint } from '../../errors.js';
import type { EventObject, ImportSummary } from './event.js';
import type { Line } from './lines.js';
import { Pairing, type PairingOptions } from './pairing.js';
import type { TraceRecord } from './record.js';
import { TickOrder } from './tick-order.js';

/** What they complete is put `into` a list, in time order. */
export interface Reader {
  /** clock of the trace's times */
  readonly clock: string;
  /** name of the program, once known */
  readonly command: string | null;
  /** @throws Complaint `schema` for a line that is cut off; the next line may be read all the same */
  push(line: Line, into: EventObject[]): void;
  end(into: EventObject[]): void;
}

/** Lines -> records, one per event; a line may complete the record before it. */
interface Parser {
  readonly unknownLines: number;
  push(line: Line): TraceRecord | null;
  end(): TraceRecord | null;
}

/** What to do about a line that is cut off or contradicts itself: nobody to tell it to ends the import. */
export type OnBadLine = ((complaint: Complaint) => void) | undefined;

/** Does one step; what is wrong with its line is told, or thrown where nobody is to be told. */
export function tolerating(onBadLine: OnBadLine, step: () => void): void {
  try {
    step();
  } catch (error) {
    if (onBadLine === undefined || !(error instanceof Complaint)) throw error;
    onBadLine(error);
  }
}

/** So for each of many: after one that is wrong it goes on with the next. */
export function forEachTolerating<T>(many: readonly T[], onBadLine: OnBadLine, step: (one: T) => void): void {
  for (let i = 0; i < many.length; ) {
    tolerating(onBadLine, () => {
      while (i < many.length) step(many[i++]);
    });
  }
}

/** A text of kernel events: records by their parser, put in order, events of the trace by the pairing. */
export class EventReader implements Reader {
  readonly clock = 'mono';
  readonly #parser: Parser;
  readonly #order = new TickOrder();
  readonly #pairing: Pairing;
  readonly #summary: ImportSummary;
  readonly #onBadLine: OnBadLine;

  constructor(parser: Parser, options: PairingOptions & { onBadLine?: OnBadLine }, summary: ImportSummary) {
    this.#parser = parser;
    this.#onBadLine = options.onBadLine;
    this.#pairing = new Pairing(options, summary);
    this.#summary = summary;
  }

  get command(): string | null {
    return this.#pairing.command;
  }

  push(line: Line, into: EventObject[]): void {
    const record = this.#parser.push(line);
    this.#summary.unknownLines = this.#parser.unknownLines;
    if (record === null) return;
    if (this.#order.asItComes) this.#pairing.push(record, into);
    else this.#pass(this.#order.push(record), into);
  }

  end(into: EventObject[]): void {
    const record = this.#parser.end();
    try {
      if (record !== null) this.#pass(this.#order.push(record), into);
      this.#pass(this.#order.end(), into);
    } finally {
      this.#pairing.end(into);
    }
  }

  #pass(records: readonly TraceRecord[], into: EventObject[]): void {
    forEachTolerating(records, this.#onBadLine, record => this.#pairing.push(record, into));
  }
}
