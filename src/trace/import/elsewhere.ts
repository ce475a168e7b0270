/**
 * The rest of a long text, read in another thread: where the lines become records there, and what is said between the two.
 * The thread itself is not started here (cli/second-thread.ts); what follows the records is done where the text began.
 */
import type { Complaint } from '../../errors.js';
import { FtraceParser, isFtraceLine } from './ftrace.js';
import { type CutHere, type Line, LineCutter, type Mended } from './lines.js';
import { Packer, type Packet, type PlainComplaint, plain } from './packet.js';
import { isPerfLine, PerfScriptParser } from './perf-script.js';
import type { ParserState, RecordParser } from './record.js';
import { forEachTolerating, tolerating } from './tolerating.js';

/** Texts that become records, by the name of their importer. */
export const PARSERS = {
  ftrace: (file: string): RecordParser => new FtraceParser(file),
  perf: (file: string): RecordParser => new PerfScriptParser(file),
} as const;

/**
 * May this line have bytes that are no UTF-8? Of an event they are in a name: the kernel cuts that of a thread after 15 bytes,
 * whatever they are (TASK_COMM_LEN), and that of a file may have any.
 */
export const mayBeMended = (text: string): boolean => isPerfLine(text) || isFtraceLine(text);

/** Where the other thread begins. */
export interface Handover {
  readonly tool: keyof typeof PARSERS;
  readonly file: string;
  readonly maxLine: number | undefined;
  readonly cut: CutHere;
  readonly parser: ParserState;
}

/** What came of one chunk. */
export interface Rest {
  readonly packet: Packet;
  /** lines that it completes, and the number of the last so far */
  readonly lines: number;
  readonly last: number;
  /** of all lines so far */
  readonly mended: Mended;
  /** why there is nothing behind it */
  readonly failure: PlainComplaint | null;
  /** after the last chunk, where the parser is */
  readonly end: ParserState | null;
}

/** Whoever has another thread for it. */
export interface Elsewhere {
  /** Is it worth it, after so many lines, and is the other thread there? */
  isReady(lines: number): boolean;
  /** Reads the rest of a text; each chunk is given back as one Rest, and one more follows the last. */
  read(text: AsyncIterator<string | Uint8Array>, from: Handover): AsyncGenerator<Rest>;
}

/** The other thread's side of it. */
export class RestReader {
  readonly #cutter: LineCutter;
  readonly #parser: RecordParser;
  readonly #packer = new Packer();
  #lines = 0;
  #last: number;

  constructor({ tool, file, maxLine, cut, parser }: Handover) {
    this.#cutter = new LineCutter(file, maxLine, cut, mayBeMended);
    this.#last = cut.number;
    this.#parser = PARSERS[tool](file);
    this.#parser.state = parser;
  }

  /** The records that a chunk completes, and what is wrong with its lines; null is the end of the text. */
  read(chunk: string | Uint8Array | null): Rest {
    this.#lines = 0;
    let failure: PlainComplaint | null = null;
    tolerating(
      complaint => {
        failure = plain(complaint);
      },
      () => {
        for (const lines of chunk === null ? [this.#cutter.end()] : this.#cutter.cut(chunk)) this.#take(lines);
      },
    );
    const end = chunk === null ? this.#parser.state : null;
    const { mended } = this.#cutter;
    return { packet: this.#packer.take(), lines: this.#lines, last: this.#last, mended, failure, end };
  }

  #take(lines: readonly Line[]): void {
    this.#lines += lines.length;
    const bad = (complaint: Complaint): void => this.#packer.put(complaint, this.#last);
    forEachTolerating(lines, bad, line => {
      this.#last = line.number;
      const record = this.#parser.push(line);
      if (record !== null) this.#packer.put(record, line.number);
    });
  }
}
