/**
 * The importers: text of other tools -> header and events of a trace. One list, sniffed by content.
 */
import { Complaint, nearest, quote } from '../../errors.js';
import { PAGE_SIZE } from '../../units.js';
import type { Limited } from '../limits.js';
import { type EventObject, type HeaderObject, type ImportSummary, newSummary } from './event.js';
import { FtraceParser, isFtraceLine } from './ftrace.js';
import { type Line, linesOf } from './lines.js';
import { isPerfLine, PerfScriptParser } from './perf-script.js';
import { type MapsFile, readMaps, type Snapshot } from './proc-maps.js';
import { EventReader, forEachTolerating, type OnBadLine, type Reader, tolerating } from './reader.js';
import { Sound } from './sound.js';
import { isStraceLine, StraceReader } from './strace.js';

export type { EventObject, HeaderObject, ImportSummary } from './event.js';
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
    open: (options, summary) => new EventReader(new FtraceParser(options.file), options, summary),
  },
  {
    name: 'perf',
    sniff: isPerfLine,
    open: (options, summary) => new EventReader(new PerfScriptParser(options.file), options, summary),
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

/** Events that are complete, and the header as it is by now; the list is the caller's until the next one is asked for. */
export interface Batch {
  readonly header: HeaderObject;
  readonly events: readonly EventObject[];
}

/** importTrace(), many events at a time: what is complete comes before the next line is waited for. */
export async function* importBatches(
  chunks: AsyncIterable<string | Uint8Array>,
  options: ImportOptions,
): AsyncGenerator<Batch, ImportSummary> {
  const batches = linesOf(chunks, options.file, options.maxLine);
  try {
    return yield* importLines(batches, options);
  } finally {
    // A text of which the rest is not wanted is closed.
    await batches.return(undefined);
  }
}

async function* importLines(
  batches: AsyncGenerator<Line[]>,
  options: ImportOptions,
): AsyncGenerator<Batch, ImportSummary> {
  const summary = newSummary();
  let lines = await firstLines(batches);
  const importer = choose(lines, options);
  const maps = options.maps === undefined ? [] : await readMaps(options.maps, options);
  const reader = importer.open({ ...options, maps }, summary);
  const sound = new Sound(options.file);
  const events: EventObject[] = [];
  const { onBadLine } = options;
  let number = 1;
  let header: HeaderObject | null = null;
  for (let over = false; ; ) {
    if (over) tolerating(onBadLine, () => reader.end(events));
    forEachTolerating(lines, onBadLine, line => {
      number = line.number;
      reader.push(line, events);
      sound.check(events, number);
    });
    while (!sound.isOver(events)) tolerating(onBadLine, () => sound.check(events, number));
    summary.lines += lines.length;
    summary.events += events.length;
    if (events.length > 0 || over) {
      header ??= headerOf(importer.name, options, reader);
      header.meta.lost = summary.lost;
      if (summary.sleeps) header.meta['x-sleeps'] = true;
      if (summary.lost > 0) header.meta['x-lost-from'] = summary.lostFrom;
      yield { header, events };
    }
    events.length = 0;
    sound.next();
    if (over) break;
    const next = await batches.next();
    over = next.done === true;
    lines = next.done ? [] : next.value;
  }
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

function headerOf(tool: string, options: ImportOptions, { clock, command }: Reader): HeaderObject {
  return {
    format: 'vmalock-trace',
    version: 1,
    meta: {
      producer: `vmalock import ${tool}`,
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      arch: 'x86_64',
      pageSize: PAGE_SIZE,
      clock,
      lost: 0,
      ...(command === null ? {} : { command }),
      ...(options.swapSync && { 'x-swap-sync': true }),
    },
  };
}
