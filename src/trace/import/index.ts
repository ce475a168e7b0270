/**
 * The importers: text of other tools -> header and events of a trace. One list, sniffed by content.
 */
import { Complaint, nearest, quote } from '../../errors.js';
import type { Limited } from '../limits.js';
import { type Elsewhere, type Handover, PARSERS } from './elsewhere.js';
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
  const cutter = new LineCutter(file, maxLine);
  const batches = linesOf({ [Symbol.asyncIterator]: () => text }, file, maxLine, cutter);
  let lines = await firstLines(batches);
  const importer = choose(lines, options);
  const maps = options.maps === undefined ? [] : await readMaps(options.maps, options);
  const summary = newSummary();
  const reader = importer.open({ ...options, maps }, summary);
  const importing = new Importing(reader, summary, options, importer.name);
  for (;;) {
    importing.push(lines);
    yield* importing.batches();
    const cut = cutter.here;
    if (cut !== null && reader instanceof EventReader && elsewhere?.isReady(cut.number)) {
      const from = { tool: importer.name as Handover['tool'], file, maxLine, cut, parser: reader.state };
      for await (const rest of elsewhere.read(text, from)) {
        importing.take(rest, reader);
        yield* importing.batches();
        if (rest.failure !== null) throw complaintOf(rest.failure);
      }
      break;
    }
    const next = await batches.next();
    if (next.done) break;
    lines = next.value;
  }
  yield importing.end();
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

function choose(lines: readonly Line[], { file, from }: ImportOptions): Importer {
  const names = IMPORTERS.map(importer => importer.name);
  if (from !== undefined) {
    const named = IMPORTERS.find(importer => importer.name === from);
    if (named !== undefined) return named;
    const near = nearest(from, names);
    const hint = near === undefined ? `one of ${names.join(' ')}` : `did you mean ${near}?`;
    throw new Complaint('usage', `unknown importer ${quote(from)}`, {}, hint);
  }
  const texts = lines.slice(0, SNIFF_LINES).map(line => line.text);
  const found = IMPORTERS.find(importer => texts.some(importer.sniff));
  if (found !== undefined) return found;
  const [text] = texts;
  const hint = text?.startsWith('PERFILE2')
    ? 'it looks like perf.data: run perf script on it first'
    : `known formats: ${names.join(' ')}; --from names one`;
  const what = text === undefined ? 'the text is empty' : `not a text any importer knows, found ${quote(text)}`;
  throw new Complaint('schema', what, { file, line: 1 }, hint);
}
