/**
 * The tokens of the fast path: quoted words, integers and booleans at an offset of a buffer, without a string
 * being made. Everything that is not plainly spelled is "not sure" (-1).
 */
import { PAGE_SIZE } from '../units.js';
import type { Draft } from './draft.js';
import { ByteCache, type Entry, type Interner } from './intern.js';
import * as words from './words.js';

export const NOT_SURE = -1;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN = 0x7b;
export const CLOSE = 0x7d;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
const BACKSLASH = 0x5c;
/** Longest string that the fast path reads. */
const LONGEST = 4096;

/** By byte: the value of a lower-case hex digit, or -1. */
export const HEX_DIGIT = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) HEX_DIGIT[digit.toString(16).charCodeAt(0)] = digit;

export class TokenScanner {
  /** Did the last event scanned go over a line end? */
  multiline = false;
  protected buf: Uint8Array = new Uint8Array(64);
  /** Offset behind the last word or text. */
  protected at = 0;
  /** Did next() find the closing bracket? */
  protected closed = false;
  protected readonly val: Float64Array;
  protected readonly low: Uint16Array;
  /** Hash of the last word or text. */
  protected hash = 0;
  private readonly texts = new ByteCache<Entry<string>>();

  constructor(
    protected readonly draft: Draft,
    protected readonly names: Interner,
  ) {
    this.val = draft.val;
    this.low = draft.low;
  }

  protected space(p: number): number {
    const buf = this.buf;
    if (buf[p] === 32 && buf[p + 1] > 32) return p + 1;
    for (;;) {
      const c = buf[p];
      if (c === 10) this.multiline = true;
      else if (c !== 32 && c !== 9 && c !== 13) return p;
      p++;
    }
  }

  /** The closing quote of the plain string that opens at `p`, or -1; its hash in `hash`. */
  protected quotedEnd(p: number): number {
    const buf = this.buf;
    if (buf[p] !== QUOTE) return NOT_SURE;
    let hash = 0;
    for (let i = p + 1; ; i++) {
      const c = buf[i];
      if (c === QUOTE) {
        this.hash = hash;
        return i;
      }
      if (c < 32 || c >= 127 || c === BACKSLASH) return NOT_SURE;
      hash = (Math.imul(hash, 31) + c) | 0;
    }
  }

  /** The number of the word at `p`, or -1. */
  protected word(p: number): number {
    const end = this.quotedEnd(p);
    if (end < 0) return NOT_SURE;
    this.at = end + 1;
    return words.wordId(this.buf, p + 1, end, this.hash);
  }

  protected wordAs(p: number, table: Int32Array): number {
    const id = this.word(p);
    return id < 0 ? NOT_SURE : table[id];
  }

  protected text(p: number): Entry<string> | null {
    const end = this.quotedEnd(p);
    if (end < 0) return null;
    this.at = end + 1;
    let entry = this.texts.get(this.buf, p + 1, end, this.hash);
    if (entry === null) {
      if (end - p - 1 > LONGEST) return null;
      entry = this.names.string(String.fromCharCode(...this.buf.subarray(p + 1, end)));
      this.texts.set(this.buf, p + 1, end, this.hash, entry);
    }
    return entry;
  }

  protected integer(p: number, slot: number): number {
    const buf = this.buf;
    let c = buf[p] - 48;
    if (c < 0 || c > 9) return NOT_SURE;
    if (c === 0) {
      this.val[slot] = 0;
      return this.endOfNumber(p + 1);
    }
    let n = c;
    let i = p + 1;
    for (;;) {
      c = buf[i] - 48;
      if (c < 0 || c > 9) break;
      n = n * 10 + c;
      i++;
    }
    if (i - p > 15) return NOT_SURE;
    this.val[slot] = n;
    return this.endOfNumber(i);
  }

  /** What may follow an integer: anything but more of a number. */
  private endOfNumber(p: number): number {
    const c = this.buf[p];
    return c === COMMA || c === CLOSE || c === CLOSE_LIST || c === 32 || c === 10 || c === 13 || c === 9 ? p : NOT_SURE;
  }

  /** An address or length that is spelled as a number. */
  protected numericAddress(p: number, key: number): number {
    const end = this.integer(p, key);
    if (end < 0) return NOT_SURE;
    const n = this.val[key];
    this.val[key] = Math.floor(n / PAGE_SIZE);
    this.low[key] = n % PAGE_SIZE;
    return end;
  }

  protected boolean(p: number, slot: number): number {
    const buf = this.buf;
    if (buf[p] === 0x74 && buf[p + 1] === 0x72 && buf[p + 2] === 0x75 && buf[p + 3] === 0x65) {
      this.val[slot] = 1;
      return p + 4;
    }
    if (buf[p] === 0x66 && buf[p + 1] === 0x61 && buf[p + 2] === 0x6c && buf[p + 3] === 0x73 && buf[p + 4] === 0x65) {
      this.val[slot] = 0;
      return p + 5;
    }
    return NOT_SURE;
  }

  protected colon(p: number): number {
    const q = this.space(p);
    return this.buf[q] === COLON ? this.space(q + 1) : NOT_SURE;
  }

  /** After one member or element: the offset of the next one, or of the byte behind `close` with `closed` set. */
  protected next(p: number, close: number): number {
    const q = this.space(p);
    const c = this.buf[q];
    this.closed = c === close;
    if (this.closed) return q + 1;
    return c === COMMA ? this.space(q + 1) : NOT_SURE;
  }
}
