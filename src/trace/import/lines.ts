/**
 * Text in chunks -> lines with their numbers: LF and CRLF, one BOM, a limit on the length of a line.
 */
import { Complaint, type Where } from '../../errors.js';

/** Longest line an importer reads, in characters. perf prints about 150; anything near this is not its text. */
export const MAX_TEXT_LINE = 1 << 20;

export interface Line {
  text: string;
  /** from 1 */
  number: number;
  /** the text ended without a line feed: perhaps the writer died in the middle of it */
  unterminated: boolean;
}

/**
 * Lines of a text, each once and in order, however the text was cut into chunks: those that a chunk completes, together.
 *
 * @throws Complaint `limit` for a line above MAX_TEXT_LINE, `encoding` for bytes that are no UTF-8
 */
export async function* linesOf(chunks: AsyncIterable<string | Uint8Array>, file: string): AsyncGenerator<Line[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let number = 0;
  for await (const chunk of chunks) {
    const text = rest + (typeof chunk === 'string' ? chunk : decode(decoder, chunk, { file, line: number + 1 }));
    const lines: Line[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (end - from > MAX_TEXT_LINE) throw tooLong({ file, line: number + 1 });
      lines.push({ text: trimmed(text, from, end, number), number: ++number, unterminated: false });
      from = end + 1;
    }
    if (lines.length > 0) yield lines;
    rest = text.slice(from);
    if (rest.length > MAX_TEXT_LINE) throw tooLong({ file, line: number + 1 });
  }
  if (rest !== '') yield [{ text: trimmed(rest, 0, rest.length, number), number: number + 1, unterminated: true }];
}

function tooLong(where: Where): Complaint {
  return new Complaint('limit', 'line is longer than 1 MiB', where, 'no recorder prints such lines');
}

function trimmed(text: string, from: number, end: number, number: number): string {
  const start = number === 0 && text.charCodeAt(from) === 0xfeff ? from + 1 : from;
  return text.slice(start, end > start && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array, where: Where): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw new Complaint('encoding', 'the text is not UTF-8', where, 'export it again with LC_ALL=C.UTF-8');
  }
}
