/**
 * A strict JSON parser over bytes: RFC 8259 to the letter, and nothing lost on the way in.
 *
 * Beyond the grammar it refuses what a lenient parser loses in silence: bytes that are not UTF-8, lone surrogates, keys
 * given twice, integers that a double cannot hold, fractions that become integers, numbers that become infinite. Objects
 * have no prototype, so that `__proto__` is a key like any other. Offsets are byte offsets into the buffer that was given.
 */
import { type ComplaintClass, quote } from '../errors.js';
import { MAX_DEPTH } from './limits.js';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** What is wrong and at which byte of the buffer. */
export class JsonError extends Error {
  readonly class: ComplaintClass;
  readonly offset: number;
  readonly hint: string | undefined;

  constructor(kind: ComplaintClass, offset: number, message: string, hint?: string) {
    super(message);
    this.name = 'JsonError';
    this.class = kind;
    this.offset = offset;
    this.hint = hint;
  }
}

/** Makes an error of what is wrong at a byte of the buffer: a Complaint, where the file is known. */
export type JsonFailure = (kind: ComplaintClass, offset: number, message: string, hint?: string) => Error;

/** Byte offsets of a value, and of its key if it has one. */
export interface Spot {
  readonly key: number;
  readonly value: number;
}

export interface JsonOptions {
  /** how deep the value already is inside another one */
  depth?: number;
  /** filled with the spot of every value, by path: `''` is the value itself, then `page.wait`, `locks[0].ask`; of two with one path the first */
  positions?: Map<string, Spot>;
  /** what is thrown, JsonError when absent */
  fail?: JsonFailure;
}

/**
 * The one JSON value in `bytes[start, end)`, white space around it allowed.
 * @throws what `fail` makes; an error of the grammar is reported before a repeated key or a number that would be lost
 */
export function parseJson(bytes: Uint8Array, start: number, end: number, options: JsonOptions = {}): JsonValue {
  const { depth = 0, positions = null, fail = jsonError } = options;
  const parser = new Parser(bytes, start, end, positions, fail);
  const value = parser.document(depth);
  if (parser.soft !== null) throw parser.soft;
  return value;
}

const jsonError: JsonFailure = (...what) => new JsonError(...what);

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** For what a complaint repeats. */
export const LENIENT = new TextDecoder('utf-8', { ignoreBOM: true });
const LONE_SURROGATE = /\p{Cs}/u;
const ESCAPES: Readonly<Record<number, string>> = Object.freeze({
  34: '"',
  92: '\\',
  47: '/',
  98: '\b',
  102: '\f',
  110: '\n',
  114: '\r',
  116: '\t',
});

class Parser {
  /** The first thing that is grammatical and yet refused. */
  soft: Error | null = null;
  private at: number;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    private readonly end: number,
    private readonly positions: Map<string, Spot> | null,
    private readonly fail: JsonFailure,
  ) {
    this.at = start;
  }

  document(depth: number): JsonValue {
    const value = this.value(depth, '');
    this.space();
    if (this.at < this.end) {
      const crOnly = this.bytes[this.at - 1] === 13 && this.bytes[this.at] === 0x7b;
      throw this.unexpected(
        'the end of the value',
        crOnly ? 'end lines with LF or CRLF, not with CR alone' : undefined,
      );
    }
    return value;
  }

  private refuse(kind: ComplaintClass, offset: number, message: string, hint?: string): void {
    this.soft ??= this.fail(kind, offset, message, hint);
  }

  private space(): void {
    for (; this.at < this.end; this.at++) {
      const c = this.bytes[this.at];
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return;
    }
  }

  private value(depth: number, path: string, key = -1): JsonValue {
    this.space();
    if (this.positions !== null && !this.positions.has(path))
      this.positions.set(path, { key: key < 0 ? this.at : key, value: this.at });
    const c = this.at < this.end ? this.bytes[this.at] : -1;
    switch (c) {
      case 0x7b:
        return this.object(depth + 1, path);
      case 0x5b:
        return this.array(depth + 1, path);
      case 0x22:
        return this.string();
      case 0x74:
        return this.literal('true', true);
      case 0x66:
        return this.literal('false', false);
      case 0x6e:
        return this.literal('null', null);
      default:
        if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.number();
        throw this.unexpected('a value');
    }
  }

  private enter(depth: number): void {
    if (depth > MAX_DEPTH)
      throw this.fail('json-syntax', this.at, `nested deeper than ${MAX_DEPTH}`, 'a trace needs at most six levels');
    this.at++;
    this.space();
  }

  private object(depth: number, path: string): JsonObject {
    this.enter(depth);
    const object = Object.create(null) as JsonObject;
    if (this.take(0x7d)) return object;
    for (;;) {
      this.space();
      const keyAt = this.at;
      if (this.bytes[keyAt] !== 0x22 || keyAt >= this.end) throw this.unexpected('a key in double quotes');
      const key = this.string();
      if (key in object) this.refuse('schema', keyAt, `duplicate key ${quote(key)}`, 'give each key once');
      this.space();
      if (!this.take(0x3a)) throw this.unexpected('":" after the key');
      object[key] = this.value(depth, this.positions === null ? '' : path === '' ? key : `${path}.${key}`, keyAt);
      this.space();
      if (this.take(0x2c)) continue;
      if (this.take(0x7d)) return object;
      throw this.unexpected('"," or "}"');
    }
  }

  private array(depth: number, path: string): JsonValue[] {
    this.enter(depth);
    const array: JsonValue[] = [];
    if (this.take(0x5d)) return array;
    for (;;) {
      array.push(this.value(depth, this.positions === null ? '' : `${path}[${array.length}]`));
      this.space();
      if (this.take(0x2c)) continue;
      if (this.take(0x5d)) return array;
      throw this.unexpected('"," or "]"');
    }
  }

  private take(byte: number): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  private literal<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      if (this.at + i >= this.end || this.bytes[this.at + i] !== word.charCodeAt(i)) throw this.unexpected('a value');
    }
    this.at += word.length;
    return value;
  }

  private digits(): void {
    const from = this.at;
    while (this.at < this.end && this.bytes[this.at] >= 0x30 && this.bytes[this.at] <= 0x39) this.at++;
    if (this.at === from) throw this.unexpected('a digit');
  }

  private number(): number {
    const from = this.at;
    let whole = true;
    this.take(0x2d);
    if (!this.take(0x30)) this.digits();
    if (this.take(0x2e)) {
      whole = false;
      this.digits();
    }
    if (this.take(0x65) || this.take(0x45)) {
      whole = false;
      if (!this.take(0x2b)) this.take(0x2d);
      this.digits();
    }
    let text = '';
    for (let i = from; i < this.at; i++) text += String.fromCharCode(this.bytes[i]);
    const value = Number(text);
    if (!Number.isFinite(value)) this.refuse('schema', from, `number out of range: ${quote(text)}`);
    else if (whole && !Number.isSafeInteger(value))
      this.refuse('schema', from, `integer beyond 2^53: ${quote(text)}`, 'spell addresses as hex strings');
    else if (whole && Object.is(value, -0)) this.refuse('schema', from, 'negative zero is not an integer', 'write 0');
    else if (!whole && Number.isInteger(value) && hasFraction(text))
      this.refuse('schema', from, `number that would lose its fraction: ${quote(text)}`, 'write fewer digits');
    return value;
  }

  private string(): string {
    const { bytes, end } = this;
    const open = this.at;
    let from = ++this.at;
    let text = '';
    for (;;) {
      const c = this.at < end ? bytes[this.at] : -1;
      if (c === 0x22) break;
      if (c === 0x5c) {
        text += this.decode(from, this.at) + this.escape();
        from = this.at;
      } else if (c < 0x20) {
        if (c === -1) throw this.fail('json-syntax', open, 'string without its closing quote');
        throw this.unexpected('a string without control characters', 'write \\n, \\t or \\u00XX');
      } else this.at++;
    }
    text += this.decode(from, this.at);
    this.at++;
    if (from !== open + 1 && LONE_SURROGATE.test(text))
      this.refuse('encoding', open, 'lone surrogate in a string', 'a \\uD800-\\uDFFF escape needs its other half');
    return text;
  }

  private decode(from: number, to: number): string {
    const { bytes } = this;
    if (to - from <= 24) {
      let text = '';
      let i = from;
      for (; i < to && bytes[i] < 0x80; i++) text += String.fromCharCode(bytes[i]);
      if (i === to) return text;
    }
    try {
      return UTF8.decode(bytes.subarray(from, to));
    } catch {
      let bad = from;
      for (let n = sequenceLength(bytes, bad, to); n > 0; n = sequenceLength(bytes, bad, to)) bad += n;
      throw this.fail('encoding', bad, notUtf8(bytes[bad]), UTF8_ONLY);
    }
  }

  private escape(): string {
    const at = this.at;
    const c = at + 1 < this.end ? this.bytes[at + 1] : -1;
    if (c === 0x75) {
      let code = 0;
      for (let i = at + 2; i < at + 6; i++) {
        const digit = i < this.end ? hexDigit(this.bytes[i]) : -1;
        if (digit < 0) throw this.fail('json-syntax', at, '\\u needs four hex digits');
        code = code * 16 + digit;
      }
      this.at = at + 6;
      return String.fromCharCode(code);
    }
    const plain = ESCAPES[c];
    if (plain === undefined) throw this.fail('json-syntax', at, 'unknown escape in a string');
    this.at = at + 2;
    return plain;
  }

  private unexpected(wanted: string, hint?: string): Error {
    const { at, bytes, end } = this;
    if (at >= end) return this.fail('json-syntax', end, `expected ${wanted}, found the end of the text`, hint);
    const bad = badCharacter(bytes, at, end);
    if (bad !== null) return this.fail('encoding', at, bad, UTF8_ONLY);
    let to = at + 1;
    while (to < end && to < at + 100 && bytes[to] !== 10) to++;
    const slice = bytes.subarray(at, to);
    return this.fail('json-syntax', at, `expected ${wanted}, found ${quote(LENIENT.decode(slice))}`, hint);
  }
}

/** Does this number, spelled with a point or an exponent, have digits behind the point when written out? */
function hasFraction(text: string): boolean {
  const [, digits, behind = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text)!;
  const shown = `${digits}${behind}`.replace(/0+$/, '');
  const zeros = digits.length + behind.length - shown.length;
  return shown !== '' && Number(exponent) + zeros < behind.length;
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Length of the UTF-8 sequence at `at`, 0 when it is not one (overlong, surrogate, beyond U+10FFFF, cut off). */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const c = bytes[at];
  if (c < 0x80) return 1;
  const n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
  if (at + n > end) return 0;
  for (let i = 1; i < n; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1];
  if ((c === 0xe0 && second < 0xa0) || (c === 0xed && second > 0x9f)) return 0;
  if ((c === 0xf0 && second < 0x90) || (c === 0xf4 && second > 0x8f)) return 0;
  return n;
}

/** The hint that goes with it. */
export const UTF8_ONLY = 'traces are UTF-8 text';

function notUtf8(byte: number): string {
  return `byte 0x${byte.toString(16).padStart(2, '0')} is not UTF-8`;
}

/** What is wrong with the character at `at`; null when it is UTF-8. */
export function badCharacter(bytes: Uint8Array, at: number, end: number): string | null {
  return sequenceLength(bytes, at, end) === 0 ? notUtf8(bytes[at]) : null;
}
