/**
 * A window of bytes that slides along the input, and the places in it as people count them: lines and columns.
 */
import { Complaint, type ComplaintClass, quote } from '../errors.js';
import {
  badCharacter,
  type JsonFailure,
  type JsonOptions,
  type JsonValue,
  LENIENT,
  parseJson,
  UTF8_ONLY,
} from './json.js';
import { MAX_DEPTH, tooLong } from './limits.js';
import type { Place } from './places.js';

const LF = 10;
const QUOTE = 0x22;

/** Room to begin with: enough for a chunk of input and the rest of the one before, unless lines are long. */
const ROOM = 256 * 1024;
/** Bytes behind the window that may be looked at: a scanner reads four at a time. */
const SLACK = 64;

/** Thrown when the window ends too early to say anything; nothing was consumed. */
export const NEED_MORE = Symbol('need more');

export class Window {
  /** Bytes from `pos` to `limit` are unread; the byte at `limit` is 0. */
  buf: Buffer = Buffer.alloc(ROOM + SLACK);
  pos = 0;
  limit = 0;
  /** Where the last line end in the window is; -1 without one. */
  lastLineEnd = -1;
  eof = false;
  /** Line of `pos`, from 1, and where that line begins (negative when it slid out of the window). */
  posLine = 1;
  posLineStart = 0;
  /** Where the part at hand begins, ends, and on which line; valid until the next push(). */
  start = 0;
  end = 0;
  line = 1;
  lineStart = 0;

  constructor(
    readonly file: string,
    readonly maxLine: number,
  ) {}

  /** Gives the window more bytes. */
  push(chunk: Uint8Array): void {
    const rest = this.limit - this.pos;
    const need = rest + chunk.length + SLACK;
    if (need > this.buf.length) {
      const bigger = Buffer.alloc(Math.max(need, this.buf.length * 2));
      this.buf.copy(bigger, 0, this.pos, this.limit);
      this.buf = bigger;
    } else if (this.pos > 0) this.buf.copyWithin(0, this.pos, this.limit);
    this.posLineStart -= this.pos;
    this.pos = 0;
    this.buf.set(chunk, rest);
    this.limit = rest + chunk.length;
    this.buf[this.limit] = 0;
    this.lastLineEnd = this.buf.subarray(0, this.limit).lastIndexOf(LF);
  }

  /** Makes `p` (not before `pos`) the beginning of the part at hand. */
  mark(p: number): void {
    this.start = p;
    this.line = this.posLine;
    this.lineStart = this.posLineStart;
    for (let i = this.pos; i < p; i++) {
      if (this.buf[i] === LF) {
        this.line++;
        this.lineStart = i + 1;
      }
    }
  }

  /** Consumes up to `p`, the part at hand being inside. */
  consume(p: number, sameLine = false): void {
    if (!sameLine) {
      for (let i = this.start; i < p; i++) {
        if (this.buf[i] === LF) {
          this.line++;
          this.lineStart = i + 1;
        }
      }
    }
    this.posLine = this.line;
    this.posLineStart = this.lineStart;
    this.pos = p;
  }

  /** The next byte that is not white space, from `p`; `limit` at the end of the input. */
  space(p: number): number {
    const { buf, limit } = this;
    for (; p < limit; p++) {
      const c = buf[p];
      if (c !== 32 && c !== LF && c !== 13 && c !== 9) return p;
    }
    if (!this.eof) throw NEED_MORE;
    return p;
  }

  /** Where the value that begins at `p` ends, by its brackets and quotes; a malformed one ends where that shows. */
  frame(p: number): number {
    const { buf, limit } = this;
    const c = buf[p];
    let depth = 0;
    if (c !== QUOTE && c !== 0x7b && c !== 0x5b) {
      for (; p < limit; p++) {
        const b = buf[p];
        if (b === 0x2c || b === 0x5d || b === 0x7d || b === 0x3a || b <= 32) return p;
      }
    }
    for (; p < limit; p++) {
      const b = buf[p];
      if (b === QUOTE) {
        for (p++; p < limit && buf[p] !== QUOTE; p++) {
          if (buf[p] < 32) return p + 1;
          if (buf[p] === 0x5c) p++;
        }
        if (p >= limit) break;
        if (depth === 0) return p + 1;
      } else if (b === 0x7b || b === 0x5b) {
        if (++depth > MAX_DEPTH) return p + 1;
      } else if ((b === 0x7d || b === 0x5d) && --depth === 0) return p + 1;
    }
    if (!this.eof) throw NEED_MORE;
    return limit;
  }

  /** The text of the value at `p`, which is in the window as a whole. */
  text(p: number): string {
    return LENIENT.decode(this.buf.subarray(p, this.frame(p)));
  }

  /** A complaint about a place in the part at hand. */
  complaint(kind: ComplaintClass, message: string, offset: number, hint?: string, path?: string): Complaint {
    return new Complaint(kind, message, { file: this.file, ...this.place(offset), path }, hint);
  }

  /** Line and column of an offset in the part at hand. */
  place(offset: number): Place {
    let line = this.line;
    let from = this.lineStart;
    for (let i = this.start; i < offset; i++) {
      if (this.buf[i] === LF) {
        line++;
        from = i + 1;
      }
    }
    return { line, column: offset - from + 1 };
  }

  /** Strictly parses `[start, end)` of the part at hand. */
  parse(start: number, end: number, options: JsonOptions): JsonValue {
    const fail: JsonFailure = (kind, offset, message, hint = this.check()) =>
      this.complaint(kind, message, offset, hint);
    return parseJson(this.buf, start, end, { ...options, fail });
  }

  /** What to do about text that is no JSON: a first line without any is a recorder's rather than a trace's. */
  private check(): string {
    const { buf, line, lineStart } = this;
    const begun = line > 1 || lineStart !== 0 || buf[0] === 0x7b || buf[0] === 0x5b;
    return begun ? 'check the JSON here' : 'a trace is JSON; vmalock import reads the text of recorders';
  }

  /** The complaint that something else was wanted at `p`. */
  syntax(p: number, wanted: string): Complaint {
    this.mark(p);
    const ends = p >= this.limit;
    const bad = ends ? null : badCharacter(this.buf, p, this.limit);
    if (bad !== null) return this.complaint('encoding', bad, p, UTF8_ONLY);
    const text = LENIENT.decode(this.buf.subarray(p, Math.min(this.limit, p + 200))).split('\n', 1)[0];
    const crOnly = this.buf[p - 1] === 13;
    return this.complaint(
      'json-syntax',
      `expected ${wanted}, found ${ends ? 'the end of the file' : quote(text)}`,
      p,
      ends ? 'the trace is truncated' : crOnly ? 'end lines with LF or CRLF, not with CR alone' : this.check(),
    );
  }

  /** The complaint about what comes next: an element of a list, or a line. */
  tooLong(element: boolean): Complaint {
    let line = this.posLine;
    for (let p = this.pos; p < this.limit && (this.buf[p] <= 32 || this.buf[p] === 0x2c); p++) {
      if (this.buf[p] === LF) line++;
    }
    const where = { file: this.file, line, column: 1 };
    return tooLong(`${element ? 'the event of ' : ''}line ${line}`, this.maxLine, where);
  }
}
