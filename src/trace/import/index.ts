/**
 * The importers: text of other tools -> header and events of a trace. One list, sniffed by content.
 */
import { Complaint, nearest, quote } from '../../errors.js';
import { PAGE_SIZE } from '../../units.js';
import type { EventObject, HeaderObject, ImportSummary } from './event.js';
import { FtraceParser, isFtraceLine } from './ftrace.js';
import { type Line, linesOf } from './lines.js';
import { Pairing } from './pairing.js';
import { isPerfLine, PerfScriptParser } from './perf-script.js';
import type { TraceRecord } from './record.js';

export type { EventObject, HeaderObject, ImportSummary } from './event.js';

export interface ImportOptions {
  /** name for complaints: a path or `-` */
  file: string;
  /** name of an importer; sniffed from the first lines when absent */
  from?: string | undefined;
  /** release of the recording kernel, where it is known */
  kernel?: string | undefined;
  /** the swap device reads synchronously (zram, brd, pmem); a recording does not say */
  swapSync?: boolean | undefined;
  /** a line that is cut off or contradicts itself is skipped and told here instead of ending the import */
  onBadLine?: ((complaint: Complaint) => void) | undefined;
}

/** One tool whose text can be read. */
export interface Importer {
  name: string;
  sniff(firstLines: readonly string[]): boolean;
  read(lines: AsyncIterable<Line>, options: ImportOptions, summary: ImportSummary): Events;
}

/** The header first, then events in time order; the return value is what was found beside them. */
type Events = AsyncGenerator<HeaderObject | EventObject, void>;

export const IMPORTERS: readonly Importer[] = [
  {
    name: 'ftrace',
    sniff: lines => lines.some(isFtraceLine),
    read: (lines, options, summary) => readEvents('ftrace', new FtraceParser(options.file), lines, options, summary),
  },
  {
    name: 'perf',
    sniff: lines => lines.some(isPerfLine),
    read: (lines, options, summary) => readEvents('perf', new PerfScriptParser(options.file), lines, options, summary),
  },
];

/** Lines looked at to tell whose text it is. */
const SNIFF_LINES = 64;

/**
 * Reads the text of a recorder.
 *
 * `meta.lost` of the header grows while the text streams by: a caller that can wait writes the header last.
 *
 * @returns an async generator of the header, then events; its return value is the summary
 * @throws Complaint `usage` for an unknown `from`, `schema` for a text no importer knows or a line that is cut off
 */
export async function* importTrace(
  chunks: AsyncIterable<string | Uint8Array>,
  options: ImportOptions,
): AsyncGenerator<HeaderObject | EventObject, ImportSummary> {
  const summary: ImportSummary = { lines: 0, events: 0, faults: 0, unknownLines: 0, lost: 0, unclassified: {} };
  const lines = linesOf(chunks, options.file);
  const first: Line[] = [];
  while (first.length < SNIFF_LINES) {
    const { value, done } = await lines.next();
    if (done) break;
    first.push(value);
  }
  const importer = choose(first, options);
  let header = true;
  for await (const item of importer.read(counted(first, lines, summary), options, summary)) {
    if (!header) summary.events++;
    header = false;
    yield item;
  }
  return summary;
}

async function* counted(
  first: readonly Line[],
  rest: AsyncIterable<Line>,
  summary: ImportSummary,
): AsyncGenerator<Line> {
  for (const line of first) {
    summary.lines++;
    yield line;
  }
  for await (const line of rest) {
    summary.lines++;
    yield line;
  }
}

function choose(first: readonly Line[], { file, from }: ImportOptions): Importer {
  const names = IMPORTERS.map(importer => importer.name);
  if (from !== undefined) {
    const named = IMPORTERS.find(importer => importer.name === from);
    if (named !== undefined) return named;
    const near = nearest(from, names);
    const hint = near === undefined ? `one of ${names.join(' ')}` : `did you mean ${near}?`;
    throw new Complaint('usage', `unknown importer ${quote(from)}`, {}, hint);
  }
  const texts = first.map(line => line.text);
  const found = IMPORTERS.find(importer => importer.sniff(texts));
  if (found !== undefined) return found;
  const [text] = texts;
  const hint = text?.startsWith('PERFILE2')
    ? 'it looks like perf.data: run perf script on it first'
    : `known formats: ${names.join(' ')}; --from names one`;
  const what = text === undefined ? 'the text is empty' : `not a text any importer knows, found ${quote(text)}`;
  throw new Complaint('schema', what, { file, line: 1 }, hint);
}

/** A reader of event lines: each line may complete the record before it. */
interface Parser {
  readonly unknownLines: number;
  push(line: Line): TraceRecord | null;
  end(): TraceRecord | null;
}

/** A recording of events: records by their parser, events by the pairing. */
async function* readEvents(
  tool: string,
  parser: Parser,
  lines: AsyncIterable<Line>,
  options: ImportOptions,
  summary: ImportSummary,
): Events {
  const pairing = new Pairing(options, summary);
  let header: HeaderObject | null = null;
  const withHeader = function* (events: Iterable<EventObject>): Generator<HeaderObject | EventObject> {
    for (const event of events) {
      if (header === null) {
        header = headerOf(tool, options, pairing.command);
        yield header;
      }
      yield event;
    }
    if (header !== null) header.meta.lost = summary.lost;
  };
  const tolerant = function* (read: () => TraceRecord | null): Generator<HeaderObject | EventObject> {
    try {
      const record = read();
      if (record !== null) yield* withHeader(pairing.push(record));
    } catch (error) {
      if (options.onBadLine === undefined || !(error instanceof Complaint)) throw error;
      options.onBadLine(error);
    }
  };
  for await (const line of lines) {
    yield* tolerant(() => parser.push(line));
    summary.unknownLines = parser.unknownLines;
  }
  yield* tolerant(() => parser.end());
  yield* withHeader(pairing.end());
  if (header === null) yield headerOf(tool, options, pairing.command);
}

function headerOf(tool: string, options: ImportOptions, command: string | null): HeaderObject {
  return {
    format: 'vmalock-trace',
    version: 1,
    meta: {
      producer: `vmalock import ${tool}`,
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      arch: 'x86_64',
      pageSize: PAGE_SIZE,
      clock: 'mono',
      lost: 0,
      ...(command === null ? {} : { command }),
    },
  };
}
