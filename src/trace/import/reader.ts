/**
 * What an importer is: it reads the lines of one text, in order, and says what they complete.
 */
import type { EventObject, ImportSummary } from './event.js';
import type { Line } from './lines.js';
import { Pairing, type PairingOptions } from './pairing.js';
import type { ParserState, RecordParser, TraceRecord } from './record.js';
import { TickOrder } from './tick-order.js';
import { forEachTolerating, type OnBadLine } from './tolerating.js';

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

/** A text of kernel events: records by their parser, put in order, events of the trace by the pairing. */
export class EventReader implements Reader {
  readonly clock = 'mono';
  readonly #parser: RecordParser;
  readonly #order = new TickOrder();
  readonly #pairing: Pairing;
  readonly #summary: ImportSummary;
  readonly #onBadLine: OnBadLine;

  constructor(parser: RecordParser, options: PairingOptions & { onBadLine?: OnBadLine }, summary: ImportSummary) {
    this.#parser = parser;
    this.#onBadLine = options.onBadLine;
    this.#pairing = new Pairing(options, summary);
    this.#summary = summary;
  }

  get command(): string | null {
    return this.#pairing.command;
  }

  /** Where its parser is: where another one goes on, or has stopped. */
  get state(): ParserState {
    return this.#parser.state;
  }

  set state(state: ParserState) {
    this.#parser.state = state;
    this.#summary.unknownLines = state.unknownLines;
  }

  push(line: Line, into: EventObject[]): void {
    const record = this.#parser.push(line);
    this.#summary.unknownLines = this.#parser.unknownLines;
    if (record !== null) this.take(record, into);
  }

  /** The next record, where its line was read by another parser. */
  take(record: TraceRecord, into: EventObject[]): void {
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
