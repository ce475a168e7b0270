/**
 * The importers: text of other tools -> header and events of a trace. One list, sniffed by content.
 */
import { Complaint, nearest, quote } from '../../errors.js';
import type { Limited } from '../limits.js';
import { type Elsewhere, type Handover, mayBeMended, PARSERS } from './elsewhere.js';
import { type EventObject, type HeaderObject, type ImportSummary, newSummary } from './event.js';
import { isFtraceLine } from './ftrace.js';
import { type Batch, Importing } from './importing.js';
import { type Line, LineCutter, linesOf } from './lines.js';
import { complaintOf } from './packet.js';
import { isPerfLine } from './perf-script.js';
import { type MapsFile, readMaps, type Snapshot } from './proc-maps.js';
import { EventReader, type Reader } from './reader.js';
import { isStraceLine, StraceReader } from './strace.js';
import type { OnBadLine } from './tolerating.js';

export type { Elsewhere, Handover, Rest } from './elsewhere.js';
export type { EventObject, HeaderObject, ImportSummary } from './event.js';
export type { Batch } from './importing.js';
export type { MapsFile } from './proc-maps.js';

export interface ImportOptions extends Limited<'maxLine' | 'maxHeld' | 'maxMaps'> {
  /** name for complaints: a path or `-` */
  file: string;
  /** name of an importer; sniffed from the first lines when absent */
  from?: string | undefined;
  /** release of the recording kernel, where it is known */
  kernel?: string | undefined;
  /** a text of nothing at all is a recording in which nothing happened */
  mayBeEmpty?: boolean | undefined;
  /** mmap_lock events were asked for: where there are none, nobody took the lock */
  locks?: boolean | undefined;
  /** the swap device reads synchronously (zram, brd, pmem); a recording does not say */
  swapSync?: boolean | undefined;
  /** /proc/PID/maps or smaps of the process that was attached to, as it was then */
  maps?: MapsFile | undefined;
  /** a line that is cut off or contradicts itself is skipped and told here instead of ending the import */
  onBadLine?: OnBadLine;
}

/** With the maps file read. */
type OpenOptions = Omit<ImportOptions, 'maps'> & { readonly maps: readonly Snapshot[] };

/** One tool whose text can be read. */
interface Importer {
  name: string;
  /** is this one of its lines? */
  sniff(text: string): boolean;
  open(options: OpenOptions, summary: ImportSummary): Reader;
}

export const IMPORTERS: readonly Importer[] = [
  {
    name: 'ftrace',
    sniff: isFtraceLine,
    open: (options, summary) => new EventReader(PARSERS.ftrace(options.file), options, summary),
  },
  {
    name: 'perf',
    sniff: isPerfLine,
    open: (options, summary) => new EventReader(PARSERS.perf(options.file), options, summary),
  },
  { name: 'strace', sniff: isStraceLine, open: (options, summary) => new StraceReader(options, summary) },
];

const NAMES = IMPORTERS.map(importer => importer.name);

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
  const batches = importBatches(chunks, options);
  for (let first = true; ; first = false) {
    const { value, done } = await batches.next();
    if (done) return value;
    if (first) yield value.header;
    yield* value.events;
  }
}

/**
 * importTrace(), many events at a time: what is complete comes before the next line is waited for.
 *
 * @param elsewhere another thread for the lines of a long text; what is complete may then have to wait for the next lines
 */
export async function* importBatches(
  chunks: AsyncIterable<string | Uint8Array>,
  options: ImportOptions,
  elsewhere?: Elsewhere,
): AsyncGenerator<Batch, ImportSummary> {
  const text = chunks[Symbol.asyncIterator]();
  try {
    return yield* importText(text, options, elsewhere);
  } finally {
    // A text of which the rest is not wanted is closed.
    await text.return?.();
  }
}

type Text = AsyncIterator<string | Uint8Array>;

async function* importText(
  text: Text,
  options: ImportOptions,
  elsewhere: Elsewhere | undefined,
): AsyncGenerator<Batch, ImportSummary> {
  const { file, maxLine } = options;
  const cutter = new LineCutter(file, maxLine, undefined, mayBeMended);
  const batches = linesOf({ [Symbol.asyncIterator]: () => text }, file, maxLine, cutter);
  let lines = await firstLines(batches);
  const importer = choose(lines, options);
  const maps = options.maps === undefined ? [] : await readMaps(options.maps, options);
  const summary = newSummary();
  const reader = importer.open({ ...options, maps }, summary);
  const importing = new Importing(reader, summary, options, importer.name);
  const [first] = lines;
  let sound = false;
  for (;;) {
    sound ||= lines.some(({ text }) => importer.sniff(text));
    importing.push(lines);
    summary.mended = cutter.mended;
    yield* importing.batches();
    // a text of which no line was met yet may be another tool's: all of it is looked at here
    const cut = sound ? cutter.here : null;
    if (cut !== null && reader instanceof EventReader && elsewhere?.isReady(cut.number)) {
      const from = { tool: importer.name as Handover['tool'], file, maxLine, cut, parser: reader.state };
      for await (const rest of elsewhere.read(text, from)) {
        importing.take(rest, reader);
        summary.mended = rest.mended;
        yield* importing.batches();
        if (rest.failure !== null) throw complaintOf(rest.failure);
      }
      break;
    }
    const next = await batches.next();
    if (next.done) break;
    lines = next.value;
  }
  const last = importing.end();
  if (!sound && summary.unknownLines > 0) throw foreign(first.text, importer, file);
  yield last;
  return summary;
}

/** Enough lines to tell whose text it is; all that their chunks held. */
async function firstLines(batches: AsyncGenerator<Line[]>): Promise<Line[]> {
  const lines: Line[] = [];
  while (lines.length < SNIFF_LINES) {
    const { value, done } = await batches.next();
    if (done) break;
    for (const line of value) lines.push(line);
  }
  return lines;
}

/** The complaint about a text of which no line is what the importer that was named reads. */
function foreign(text: string, { name }: Importer, file: string): Complaint {
  const other = IMPORTERS.find(importer => importer.sniff(text))?.name;
  const hint = other === undefined ? 'leave out --from to see whose it is' : `it looks like ${other}: leave out --from`;
  return new Complaint('schema', `no line is one of ${name}, found ${quote(text)}`, { file, line: 1 }, hint);
}

function choose(lines: readonly Line[], { file, from, mayBeEmpty }: ImportOptions): Importer {
  if (from !== undefined) {
    const named = IMPORTERS.find(importer => importer.name === from);
    if (named !== undefined && (lines.length > 0 || mayBeEmpty)) return named;
    if (named !== undefined) throw isEmpty(file);
    const near = nearest(from, NAMES);
    const hint = near === undefined ? `one of ${NAMES.join(' ')}` : `did you mean ${near}?`;
    throw new Complaint('usage', `unknown importer ${quote(from)}`, {}, hint);
  }
  const texts = lines.slice(0, SNIFF_LINES).map(line => line.text);
  const found = IMPORTERS.find(importer => texts.some(importer.sniff));
  if (found !== undefined) return found;
  const [text] = texts;
  if (text === undefined) throw isEmpty(file);
  const hint = text.startsWith('PERFILE2')
    ? 'it looks like perf.data: run perf script on it first'
    : `known formats: ${NAMES.join(' ')}; --from names one`;
  throw new Complaint('schema', `not a text any importer knows, found ${quote(text)}`, { file, line: 1 }, hint);
}

function isEmpty(file: string): Complaint {
  return new Complaint('schema', 'the text is empty', { file, line: 1 }, `known formats: ${NAMES.join(' ')}`);
}
