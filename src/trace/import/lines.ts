/**
 * Text in chunks -> lines with their numbers: LF and CRLF, one BOM, a limit on the length of a line.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { Complaint } from '../../errors.js';
import { LIMITS, tooLong } from '../limits.js';

/** Characters that are looked at together: V8 makes and forgets strings up to 128 KiB three times as fast as larger ones. */
const PIECE = 1 << 16;

export interface Line {
  text: string;
  /** from 1 */
  number: number;
  /** the text ended without a line feed: perhaps the writer died in the middle of it */
  unterminated: boolean;
}

/** Lines with bytes that are no UTF-8, where such lines are taken: how many, and the number of the first, 0 without one. */
export interface Mended {
  readonly lines: number;
  readonly first: number;
}

/** Between two chunks: what the last line began with, and how many there were before it, and of those that were mended. */
export interface CutHere {
  readonly rest: string;
  readonly number: number;
  readonly mended: Mended;
}

const BEGINNING: CutHere = { rest: '', number: 0, mended: { lines: 0, first: 0 } };

/** Lines of a text, each once and in order, however the text was cut into chunks: those that a piece of one completes, together. */
export class LineCutter {
  readonly #file: string;
  readonly #maxLine: number;
  readonly #mends: (text: string) => boolean;
  readonly #decoder = new Decoder();
  /** numbers of lines with bytes that are no UTF-8, of those that are to come */
  readonly #damaged = new Set<number>();
  #rest: string;
  #number: number;
  #within = false;
  mended: Mended;

  /**
   * @param maxLine characters of the longest
   * @param from where another one stopped
   * @param mends is this, where U+FFFD stands for bytes that are no UTF-8, a line to be taken so?
   */
  constructor(
    file: string,
    maxLine: number = LIMITS.maxLine.standard,
    from: CutHere = BEGINNING,
    mends = (_text: string): boolean => false,
  ) {
    this.#file = file;
    this.#maxLine = maxLine;
    this.#mends = mends;
    this.#rest = from.rest;
    this.#number = from.number;
    this.mended = from.mended;
  }

  /** Where another one may go on; null inside a chunk or a character, and where a line is already too long. */
  get here(): CutHere | null {
    const between = !this.#within && this.#decoder.whole && this.#rest.length <= this.#maxLine;
    return between && this.#damaged.size === 0 ? { rest: this.#rest, number: this.#number, mended: this.mended } : null;
  }

  /**
   * The lines that a chunk completes.
   *
   * @throws Complaint `limit` for a longer one, `encoding` for bytes that are no UTF-8
   */
  *cut(chunk: string | Uint8Array): Generator<Line[]> {
    for (let at = 0; at < chunk.length; at += PIECE) {
      const piece = typeof chunk === 'string' ? chunk.slice(at, at + PIECE) : chunk.subarray(at, at + PIECE);
      const lines = this.#linesOf(this.#rest + (typeof piece === 'string' ? piece : this.#decode(piece)));
      this.#within = at + PIECE < chunk.length;
      if (lines.length > 0) yield lines;
      if (this.#rest.length > this.#maxLine) throw this.#tooLong();
    }
  }

  /** The last line of the text, where it has no line feed. */
  end(): Line[] {
    const rest = this.#rest + this.#decode(new Uint8Array(0), true);
    this.#rest = '';
    return rest === '' ? [] : [this.#line(rest, 0, rest.length, true)];
  }

  #linesOf(text: string): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (end - from > this.#maxLine) throw this.#tooLong();
      lines.push(this.#line(text, from, end, false));
      from = end + 1;
    }
    this.#rest = text.slice(from);
    return lines;
  }

  #line(whole: string, from: number, end: number, unterminated: boolean): Line {
    const text = this.#trimmed(whole, from, end);
    const number = ++this.#number;
    if (this.#damaged.size > 0 && this.#damaged.delete(number)) {
      if (!this.#mends(text)) throw this.#notText(number);
      const { lines, first } = this.mended;
      this.mended = { lines: lines + 1, first: first || number };
    }
    return { text, number, unterminated };
  }

  #decode(piece: Uint8Array, last = false): string {
    const { text, damaged } = this.#decoder.decode(piece, last);
    for (const behind of damaged) this.#damaged.add(this.#number + 1 + behind);
    return text;
  }

  #notText(line: number): Complaint {
    const hint = 'convert it, as iconv -f latin1 -t utf-8 does';
    return new Complaint('encoding', 'the text is not UTF-8', { file: this.#file, line }, hint);
  }

  #trimmed(text: string, from: number, end: number): string {
    const start = this.#number === 0 && text.charCodeAt(from) === 0xfeff ? from + 1 : from;
    return text.slice(start, end > start && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
  }

  #tooLong(): Complaint {
    const line = this.#number + 1;
    if (this.#damaged.has(line)) return this.#notText(line);
    return tooLong(`line ${line}`, this.#maxLine, { file: this.#file, line });
  }
}

/** What a cutter makes of chunks. Throws what it throws. */
export async function* linesOf(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string>,
  file: string,
  maxLine?: number,
  cutter: LineCutter = new LineCutter(file, maxLine),
): AsyncGenerator<Line[]> {
  for await (const chunk of chunks) yield* cutter.cut(chunk);
  const last = cutter.end();
  if (last.length > 0) yield last;
}

/** A piece of a text, and how many line feeds of it stand before each line with bytes that are no UTF-8: U+FFFD is for those. */
interface Decoded {
  readonly text: string;
  readonly damaged: readonly number[];
}

const UNDAMAGED: readonly number[] = [];
const NO_BYTES = new Uint8Array(0);

/** UTF-8 in pieces -> text. Nearly all of them are ASCII, which needs no decoding. */
class Decoder {
  readonly #strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #lenient = new TextDecoder('utf-8', { ignoreBOM: true });
  /** what a character began with in the last piece that ends in the next */
  #begun: Uint8Array = NO_BYTES;

  get whole(): boolean {
    return this.#begun.length === 0;
  }

  /** @param last nothing follows */
  decode(piece: Uint8Array, last: boolean): Decoded {
    if (this.whole && isAscii(piece)) {
      return {
        text: Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1'),
        damaged: UNDAMAGED,
      };
    }
    const all = this.whole ? piece : Buffer.concat([this.#begun, piece]);
    const end = last ? all.length : endOfWhole(all);
    // the caller may write over what it gave
    this.#begun = end < all.length ? all.slice(end) : NO_BYTES;
    const bytes = all.subarray(0, end);
    try {
      return { text: this.#strict.decode(bytes), damaged: UNDAMAGED };
    } catch {
      return { text: this.#lenient.decode(bytes), damaged: damagedLines(bytes) };
    }
  }
}

const LF = 10;
/** Bytes of a character in UTF-8, by its first. */
const lengthOf = (byte: number): number => (byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4);
/** Bytes that go on with a character. */
const isRest = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Where the last character begins, if it does not end in these bytes; else their end. */
function endOfWhole(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let at = length - 1; at >= 0 && at > length - 4; at--) {
    if (!isRest(bytes[at])) return at + lengthOf(bytes[at]) > length ? at : length;
  }
  return length;
}

/** Line feeds before each line with bytes that are no UTF-8. */
function damagedLines(bytes: Uint8Array): number[] {
  const damaged: number[] = [];
  let from = 0;
  for (let lines = 0; from < bytes.length; lines++) {
    const end = bytes.indexOf(LF, from) + 1 || bytes.length;
    if (!isUtf8(bytes.subarray(from, end))) damaged.push(lines);
    from = end;
  }
  return damaged;
}
