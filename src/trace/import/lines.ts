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

/** Between two chunks: what the last line began with, and how many there were before it. */
export interface CutHere {
  readonly rest: string;
  readonly number: number;
}

/** Lines of a text, each once and in order, however the text was cut into chunks: those that a piece of one completes, together. */
export class LineCutter {
  readonly #file: string;
  readonly #maxLine: number;
  readonly #decoder = new Decoder();
  #rest: string;
  #number: number;
  #within = false;

  /**
   * @param maxLine characters of the longest
   * @param from where another one stopped
   */
  constructor(file: string, maxLine: number = LIMITS.maxLine.standard, from: CutHere = { rest: '', number: 0 }) {
    this.#file = file;
    this.#maxLine = maxLine;
    this.#rest = from.rest;
    this.#number = from.number;
  }

  /** Where another one may go on; null inside a chunk or a character, and where a line is already too long. */
  get here(): CutHere | null {
    const between = !this.#within && this.#decoder.whole && this.#rest.length <= this.#maxLine;
    return between ? { rest: this.#rest, number: this.#number } : null;
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
    const rest = this.#rest;
    this.#rest = '';
    return rest === ''
      ? []
      : [{ text: this.#trimmed(rest, 0, rest.length), number: ++this.#number, unterminated: true }];
  }

  #linesOf(text: string): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (end - from > this.#maxLine) throw this.#tooLong();
      lines.push({ text: this.#trimmed(text, from, end), number: ++this.#number, unterminated: false });
      from = end + 1;
    }
    this.#rest = text.slice(from);
    return lines;
  }

  #decode(piece: Uint8Array): string {
    const { whole } = this.#decoder;
    const text = this.#decoder.decode(piece);
    if (text !== null) return text;
    const where = { file: this.#file, line: this.#number + 1 + linesBeforeDamage(piece, whole) };
    throw new Complaint('encoding', 'the text is not UTF-8', where, 'convert it, as iconv -f latin1 -t utf-8 does');
  }

  #trimmed(text: string, from: number, end: number): string {
    const start = this.#number === 0 && text.charCodeAt(from) === 0xfeff ? from + 1 : from;
    return text.slice(start, end > start && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
  }

  #tooLong(): Complaint {
    const line = this.#number + 1;
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

/** UTF-8 in pieces -> text. Nearly all of them are ASCII, which needs no decoding. */
class Decoder {
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** no character began in the last piece and ends in the next */
  whole = true;

  /** Null where they are no UTF-8. */
  decode(bytes: Uint8Array): string | null {
    if (this.whole && isAscii(bytes))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    this.whole = bytes[bytes.length - 1] < 0x80;
    try {
      return this.#utf8.decode(bytes, { stream: true });
    } catch {
      return null;
    }
  }
}

const LF = 10;
/** Bytes that go on with a character. */
const isRest = (byte: number): boolean => (byte & 0xc0) === 0x80;

/**
 * Line feeds before the first bytes that are no UTF-8.
 *
 * @param whole the piece begins with a character
 */
function linesBeforeDamage(piece: Uint8Array, whole: boolean): number {
  let from = whole
    ? 0
    : Math.max(
        0,
        piece.findIndex(byte => !isRest(byte)),
      );
  for (let lines = 0; ; lines++) {
    const end = piece.indexOf(LF, from);
    const line = piece.subarray(from, end < 0 ? piece.length : end);
    if (!isUtf8(line)) return lines;
    // what is left of a character before, and none of the lines
    if (end < 0) return 0;
    from = end + 1;
  }
}
