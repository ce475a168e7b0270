/** One import under way: what its lines complete is looked at, counted and put together in batches. */
import { Complaint } from '../../errors.js';
import { PAGE_SIZE } from '../../units.js';
import type { Rest } from './elsewhere.js';
import type { EventObject, HeaderObject, ImportSummary } from './event.js';
import type { Line } from './lines.js';
import { lineOf, Unpacker } from './packet.js';
import type { EventReader, Reader } from './reader.js';
import { Sound } from './sound.js';
import { forEachTolerating, type OnBadLine, timesTolerating, tolerating } from './tolerating.js';

/** Events that are complete, and the header as it is by now; the list is the caller's until the next one is asked for. */
export interface Batch {
  readonly header: HeaderObject;
  readonly events: readonly EventObject[];
}

interface Options {
  readonly file: string;
  readonly kernel?: string | undefined;
  readonly swapSync?: boolean | undefined;
  readonly onBadLine?: OnBadLine;
}

export class Importing {
  readonly #reader: Reader;
  readonly #summary: ImportSummary;
  readonly #options: Options;
  readonly #tool: string;
  readonly #sound: Sound;
  readonly #unpacker = new Unpacker();
  readonly #events: EventObject[] = [];
  #header: HeaderObject | null = null;
  /** of the text, the last that was read */
  #line = 1;

  constructor(reader: Reader, summary: ImportSummary, options: Options, tool: string) {
    this.#reader = reader;
    this.#summary = summary;
    this.#options = options;
    this.#tool = tool;
    this.#sound = new Sound(options.file);
  }

  /** Takes the next lines. Throws what is wrong with them, where nobody is to be told. */
  push(lines: readonly Line[]): void {
    this.#summary.lines += lines.length;
    forEachTolerating(lines, this.#options.onBadLine, line => {
      this.#line = line.number;
      this.#reader.push(line, this.#events);
      this.#check();
    });
  }

  /** The same of lines that were read elsewhere; `reader` is the one that this began with. */
  take({ packet, lines, last, end }: Rest, reader: EventReader): void {
    this.#summary.lines += lines;
    this.#unpacker.open(packet);
    timesTolerating(packet.count, this.#options.onBadLine, i => {
      const item = this.#unpacker.next(packet);
      this.#line = lineOf(packet, i);
      if (item instanceof Complaint) throw item;
      reader.take(item, this.#events);
      this.#check();
    });
    this.#line = last;
    if (end !== null) reader.state = end;
  }

  /** What is complete by now, if anything is. */
  *batches(): Generator<Batch> {
    if (this.#events.length > 0) yield this.#batch();
    this.#events.length = 0;
    this.#sound.next();
  }

  /** The text is over: the last batch. */
  end(): Batch {
    tolerating(this.#options.onBadLine, () => this.#reader.end(this.#events));
    this.#check();
    return this.#batch();
  }

  #check(): void {
    while (!this.#sound.isOver(this.#events)) {
      tolerating(this.#options.onBadLine, () => this.#sound.check(this.#events, this.#line));
    }
  }

  #batch(): Batch {
    const [summary, events] = [this.#summary, this.#events];
    summary.events += events.length;
    this.#header ??= this.#newHeader();
    const { meta } = this.#header;
    meta.lost = summary.lost;
    if (summary.sleeps) meta['x-sleeps'] = true;
    if (summary.lost > 0) meta['x-lost-from'] = summary.lostFrom;
    return { header: this.#header, events };
  }

  #newHeader(): HeaderObject {
    const { kernel, swapSync } = this.#options;
    const { clock, command } = this.#reader;
    return {
      format: 'vmalock-trace',
      version: 1,
      meta: {
        producer: `vmalock import ${this.#tool}`,
        ...(kernel === undefined ? {} : { kernel }),
        arch: 'x86_64',
        pageSize: PAGE_SIZE,
        clock,
        lost: 0,
        ...(command === null ? {} : { command }),
        ...(swapSync && { 'x-swap-sync': true }),
      },
    };
  }
}
