/**
 * Text in chunks -> lines with their numbers: LF and CRLF, one BOM, a limit on the length of a line.
 */
import { isAscii } from 'node:buffer';
import { Complaint, type Where } from '../../errors.js';
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

/**
 * Lines of a text, each once and in order, however the text was cut into chunks: those that a piece of one completes,
 * together.
 *
 * @param maxLine characters of the longest
 * @throws Complaint `limit` for a longer one, `encoding` for bytes that are no UTF-8
 */
export async function* linesOf(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string>,
  file: string,
  maxLine: number = LIMITS.maxLine.standard,
): AsyncGenerator<Line[]> {
  const decoder = new Decoder();
  let rest = '';
  let number = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      const piece = typeof chunk === 'string' ? chunk.slice(at, at + PIECE) : chunk.subarray(at, at + PIECE);
      const text = rest + (typeof piece === 'string' ? piece : decoder.decode(piece, { file, line: number + 1 }));
      const lines: Line[] = [];
      let from = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        if (end - from > maxLine) throw tooLong(`line ${number + 1}`, maxLine, { file, line: number + 1 });
        lines.push({ text: trimmed(text, from, end, number), number: ++number, unterminated: false });
        from = end + 1;
      }
      if (lines.length > 0) yield lines;
      rest = text.slice(from);
      if (rest.length > maxLine) throw tooLong(`line ${number + 1}`, maxLine, { file, line: number + 1 });
    }
  }
  if (rest !== '') yield [{ text: trimmed(rest, 0, rest.length, number), number: number + 1, unterminated: true }];
}

function trimmed(text: string, from: number, end: number, number: number): string {
  const start = number === 0 && text.charCodeAt(from) === 0xfeff ? from + 1 : from;
  return text.slice(start, end > start && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
}

/** UTF-8 in pieces -> text. Nearly all of them are ASCII, which needs no decoding. */
class Decoder {
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** no character began in the last piece and ends in the next */
  #whole = true;

  /** @throws Complaint `encoding` */
  decode(bytes: Uint8Array, where: Where): string {
    if (this.#whole && isAscii(bytes))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    this.#whole = bytes[bytes.length - 1] < 0x80;
    try {
      return this.#utf8.decode(bytes, { stream: true });
    } catch {
      throw new Complaint('encoding', 'the text is not UTF-8', where, 'export it again with LC_ALL=C.UTF-8');
    }
  }
}
