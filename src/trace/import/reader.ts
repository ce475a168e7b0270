/**
 * What an importer is: it reads the lines of one text, in order, and says what they complete.
 */
import type { EventObject, ImportSummary } from './event.js';
import type { Line } from './lines.js';
import { Pairing, type PairingOptions } from './pairing.js';
import type { TraceRecord } from './record.js';

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

/** A text of kernel events: records by their parser, events of the trace by the pairing. */
export class EventReader implements Reader {
  readonly clock = 'mono';
  readonly #parser: Parser;
  readonly #pairing: Pairing;
  readonly #summary: ImportSummary;

  constructor(parser: Parser, options: PairingOptions, summary: ImportSummary) {
    this.#parser = parser;
    this.#pairing = new Pairing(options, summary);
    this.#summary = summary;
  }

  get command(): string | null {
    return this.#pairing.command;
  }

  push(line: Line, into: EventObject[]): void {
    const record = this.#parser.push(line);
    this.#summary.unknownLines = this.#parser.unknownLines;
    if (record !== null) this.#pairing.push(record, into);
  }

  end(into: EventObject[]): void {
    const record = this.#parser.end();
    try {
      if (record !== null) this.#pairing.push(record, into);
    } finally {
      this.#pairing.end(into);
    }
  }
}
