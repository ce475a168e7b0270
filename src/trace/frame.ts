/**
 * From bytes to events: finds where each event begins and ends in all four spellings of a trace, in constant memory.
 *
 * step() looks at what the window holds and says what it found, or that it needs more. A document is never held as a
 * whole: the elements of `events` are framed one by one, its other members likewise.
 */
import { quote } from '../errors.js';
import type { JsonObject, JsonValue, Spot } from './json.js';
import { type Part, type Place, Places } from './places.js';
import { NEED_MORE, Window } from './window.js';

/** What step() found. */
export const MORE = 0;
/** the spelling is known, and of a header or document what precedes the events */
export const HEADER = 1;
/** an event that the scanner has read */
export const SCANNED = 2;
/** an event between `start` and `end` that value() parses */
export const TEXT = 3;
export const END = 4;
const AGAIN = 5;

/** The fast path, as far as framing sees it. */
export interface EventScanner {
  /** where the event at `pos` ends when it could be read at once, or -1 */
  scan(buf: Uint8Array, pos: number, linewise: boolean): number;
  /** did the last event scanned go over a line end */
  readonly multiline: boolean;
}

export type Spelling = 'document' | 'stream' | 'headerless' | 'array';

const LF = 10;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
/** Room for separators around an event of the greatest size. */
const SLACK = 4096;

export class Frames extends Window {
  spelling: Spelling | null = null;
  /** Members of the header or document read so far, `events` left out. */
  head: JsonObject = Object.create(null) as JsonObject;
  /** Where the header or document begins. */
  private headPlace: Place = { line: 1, column: 1 };
  /** The members of `head` as they were spelled, each as an object of its own, and the last line that added to it. */
  private readonly members = new Map<string, Part>();
  private trailer: readonly Part[] = [];
  private mode: 'start' | 'first' | 'lines' | 'elements' | 'members' | 'tail' = 'start';
  private first = true;

  constructor(
    file: string,
    maxLine: number,
    private readonly scanner: EventScanner | null,
  ) {
    super(file, maxLine);
  }

  /** @throws Complaint */
  step(): number {
    try {
      for (;;) {
        const found =
          this.mode === 'lines' ? this.stepLine() : this.mode === 'elements' ? this.stepElement() : this.other();
        if (found !== AGAIN) return found;
      }
    } catch (error) {
      if (error !== NEED_MORE) throw error;
      if (this.limit - this.pos > this.maxLine + (this.mode === 'lines' ? 0 : SLACK))
        throw this.tooLong(this.mode === 'elements');
      return MORE;
    }
  }

  /** The value of the last TEXT event; `positions` as in JsonOptions. */
  value(positions?: Map<string, Spot>): JsonValue {
    const depth = this.spelling === 'document' ? 2 : this.spelling === 'array' ? 1 : 0;
    return this.parse(this.start, this.end, positions === undefined ? { depth } : { depth, positions });
  }

  /** Remembers the line at hand, which added to the header. */
  keepTrailer(): void {
    const { line, lineStart, start, end } = this;
    this.trailer = [{ text: Buffer.from(this.buf.subarray(start, end)), line, column: start - lineStart + 1 }];
  }

  /** Where everything in `head` is. */
  headPlaces(): Places {
    return new Places(this.headPlace, [...this.members.values(), ...this.trailer]);
  }

  /** Does each event have a line of its own, so that reading can go on behind a bad one? */
  get linewise(): boolean {
    return this.mode === 'lines';
  }

  private other(): number {
    switch (this.mode) {
      case 'start':
        return this.stepStart();
      case 'first':
        return this.stepFirst();
      case 'members':
        return this.stepMember();
      default:
        return this.stepTail();
    }
  }

  private stepLine(): number {
    const { buf, limit, scanner } = this;
    let p = this.pos;
    for (;;) {
      while (buf[p] === 32 || buf[p] === 13 || buf[p] === 9) p++;
      if (buf[p] !== LF || p >= limit) break;
      this.pos = ++p;
      this.posLine++;
      this.posLineStart = p;
    }
    if (p > this.lastLineEnd && !this.eof) throw NEED_MORE;
    if (p >= limit) return END;
    this.start = p;
    this.line = this.posLine;
    this.lineStart = this.posLineStart;
    if (scanner !== null) {
      let q = scanner.scan(buf, p, true);
      if (q > 0) {
        while (buf[q] === 32 || buf[q] === 13 || buf[q] === 9) q++;
        if (buf[q] === LF && q < limit && q - this.pos <= this.maxLine) {
          this.end = q;
          this.pos = q + 1;
          this.posLine++;
          this.posLineStart = q + 1;
          return SCANNED;
        }
      }
    }
    let lf = buf.indexOf(LF, p);
    if (lf < 0 || lf >= limit) lf = limit;
    if (lf - this.pos > this.maxLine) throw this.tooLong(false);
    this.end = lf;
    this.pos = Math.min(lf + 1, limit);
    this.posLine++;
    this.posLineStart = lf + 1;
    return TEXT;
  }

  private stepElement(): number {
    const { buf, scanner } = this;
    let p = this.space(this.pos);
    if (buf[p] === CLOSE_LIST) {
      this.mark(p);
      this.consume(p + 1);
      this.mode = this.spelling === 'document' ? 'members' : 'tail';
      return AGAIN;
    }
    if (!this.first) {
      if (buf[p] !== COMMA) throw this.syntax(p, '"," or "]"');
      p = this.space(p + 1);
    }
    this.mark(p);
    if (p >= this.limit) throw this.syntax(p, 'an event');
    if (scanner !== null) {
      const q = scanner.scan(buf, p, false);
      if (q > 0 && q - p <= this.maxLine) return this.found(q, SCANNED, !scanner.multiline);
    }
    const q = this.frame(p);
    if (q === p) throw this.syntax(p, 'an event');
    if (q - p > this.maxLine) throw this.tooLong(true);
    return this.found(q, TEXT, false);
  }

  /** The part at hand is an event up to `q`. */
  private found(q: number, step: number, sameLine: boolean): number {
    const { line, lineStart } = this;
    this.end = q;
    this.first = false;
    this.consume(q, sameLine);
    this.line = line;
    this.lineStart = lineStart;
    return step;
  }

  private stepStart(): number {
    const { buf } = this;
    const p = this.space(this.pos);
    this.mark(p);
    this.headPlace = { line: this.line, column: p - this.lineStart + 1 };
    if (p >= this.limit)
      throw this.complaint('json-syntax', 'empty input, expected a trace', p, 'vmalock schema trace');
    if (buf[p] === OPEN) return this.stepHead(p);
    if (buf[p] === OPEN_LIST) {
      this.consume(p + 1);
      this.spelling = 'array';
      this.mode = 'elements';
      return HEADER;
    }
    let lf = buf.indexOf(LF, p);
    if (lf < 0 || lf >= this.limit) {
      if (!this.eof) throw NEED_MORE;
      lf = this.limit;
    }
    const value = this.parse(p, lf, {});
    throw this.notATrace(`found ${value === null ? 'null' : `a ${typeof value}`}`);
  }

  private notATrace(found: string): Error {
    return this.complaint(
      'schema',
      `not a vmalock trace: ${found}`,
      this.start,
      'the first line is {"format":"vmalock-trace","version":1}, or an event with an "op"',
    );
  }

  /** The first value is an object: a header, a document, or an event. Read again from its brace when bytes were missing. */
  private stepHead(open: number): number {
    const { buf } = this;
    const head = Object.create(null) as JsonObject;
    let p = this.space(open + 1);
    for (let first = true; first ? buf[p] !== CLOSE : true; first = false) {
      if (!first) {
        if (buf[p] === CLOSE) break;
        if (buf[p] !== COMMA) throw this.syntax(p, '"," or "}"');
        p = this.space(p + 1);
      }
      p = this.member(p, head);
      if (p < 0) {
        this.head = head;
        this.spelling = 'document';
        this.mode = 'elements';
        return HEADER;
      }
      p = this.space(p);
    }
    const close = p + 1;
    for (p = close; buf[p] === 32 || buf[p] === 13 || buf[p] === 9; p++);
    if (p >= this.limit && !this.eof) throw NEED_MORE;
    if (p < this.limit && buf[p] !== LF) throw this.syntax(p, 'the end of the line');
    this.mark(open);
    if ('op' in head) {
      this.spelling = 'headerless';
      this.mode = 'first';
      return HEADER;
    }
    const keys = Object.keys(head).slice(0, 3).map(quote).join(', ');
    if (!('format' in head)) throw this.notATrace(`an object with ${keys === '' ? 'no keys' : keys}`);
    this.consume(close);
    this.head = head;
    this.spelling = 'stream';
    this.mode = 'lines';
    return HEADER;
  }

  /** Reads the member at `p` into `object`; the offset behind it, or -1 when it is `events` and its list was entered. */
  private member(p: number, object: JsonObject): number {
    const { buf } = this;
    if (buf[p] !== 0x22) throw this.syntax(p, 'a key in double quotes');
    const keyAt = p;
    const keyEnd = this.frame(p);
    this.mark(p);
    const { line, lineStart } = this;
    const key = this.parse(p, keyEnd, {}) as string;
    if (key in object) throw this.complaint('schema', `duplicate key ${quote(key)}`, p, 'give each key once');
    p = this.space(keyEnd);
    if (buf[p] !== COLON) throw this.syntax(p, '":" after the key');
    p = this.space(p + 1);
    if (key === 'events' && buf[p] === OPEN_LIST) {
      this.mark(p);
      this.consume(p + 1);
      return -1;
    }
    const end = this.frame(p);
    if (end === p) throw this.syntax(p, 'a value');
    this.mark(p);
    object[key] = this.parse(p, end, { depth: 1 });
    const text = Buffer.concat([Buffer.from('{'), buf.subarray(keyAt, end), Buffer.from('}')]);
    this.members.set(key, { text, line, column: keyAt - lineStart });
    return end;
  }

  /** The first event of a stream without a header; it alone may go over several lines. */
  private stepFirst(): number {
    const p = this.space(this.pos);
    this.mark(p);
    const q = this.frame(p);
    this.mode = 'lines';
    const scanned = this.scanner !== null && this.scanner.scan(this.buf, p, false) === q;
    return this.found(q, scanned ? SCANNED : TEXT, false);
  }

  /** Members of a document behind its events. */
  private stepMember(): number {
    let p = this.space(this.pos);
    if (this.buf[p] === CLOSE) {
      this.mark(p);
      this.consume(p + 1);
      this.mode = 'tail';
      return AGAIN;
    }
    if (this.buf[p] !== COMMA) throw this.syntax(p, '"," or "}"');
    const known = { __proto__: null, ...this.head, events: null } as unknown as JsonObject;
    p = this.member(this.space(p + 1), known);
    for (const key of Object.keys(known)) if (key !== 'events') this.head[key] = known[key];
    this.consumeTo(p);
    return AGAIN;
  }

  private consumeTo(p: number): void {
    this.mark(p);
    this.consume(p);
  }

  private stepTail(): number {
    try {
      const p = this.space(this.pos);
      if (p < this.limit) throw this.syntax(p, 'the end of the file');
      return END;
    } catch (error) {
      if (error === NEED_MORE) this.consumeTo(this.limit);
      throw error;
    }
  }
}
