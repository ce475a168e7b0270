/** An imported trace on its way to its place: NDJSON, compressed when the output's name says so. */
import type { Batch, EventObject, HeaderObject, ImportSummary } from '../trace/import/index.js';
import { formatCount } from '../units.js';
import { warn } from './complain.js';
import { openSpool, type Sink } from './output.js';
import { choosePacking, writePacked } from './packing.js';
import type { Progress } from './progress.js';

/** What an importer yields. */
export type ImportedEvents = AsyncGenerator<Batch, ImportSummary>;

export interface TraceFileOptions {
  sink: Sink;
  /** `-o`: its ending decides how the trace is compressed */
  out: string | undefined;
  /** shown while the events go by, cleared before anything is written */
  progress: Progress;
  /** events are written as they come, and what is known only at the end goes behind them */
  live?: boolean | undefined;
  /** called with the number of events that are written next */
  onEvents?: ((n: number) => void) | undefined;
  /** adds what the importer cannot know to the header, once all events have gone by */
  complete?: ((header: HeaderObject) => object) | undefined;
}

/**
 * Writes a trace to its sink, without committing it: first all events aside, then the header and them, unless it is live.
 *
 * @throws what the importer throws; Complaint (io)
 */
export async function writeTrace(events: ImportedEvents, options: TraceFileOptions): Promise<ImportSummary> {
  const { sink, out, progress, live, onEvents, complete = header => header } = options;
  const { formatHeader, formatLines } = await import('../trace/writer.js');
  if (live) return writeLive(events, sink, complete);
  const packing = choosePacking(undefined, out);
  const spool = openSpool();
  try {
    const put = (events: readonly EventObject[]): void => {
      onEvents?.(events.length);
      spool.write(formatLines(events));
    };
    const { header, summary } = await forEach(events, { put });
    progress.clear();
    const pieces = trace(formatHeader(complete(header)) + '\n', spool.read());
    await writePacked(pieces, sink, packing);
    return summary;
  } finally {
    spool.remove();
  }
}

/** The header as it is when the first event comes, and behind the last one what it should have said. */
async function writeLive(
  events: ImportedEvents,
  sink: Sink,
  complete: (header: HeaderObject) => object,
): Promise<ImportSummary> {
  const { formatHeader, formatLines, formatTrailer } = await import('../trace/writer.js');
  let said: Readonly<Record<string, unknown>> = {};
  const { header, summary } = await forEach(events, {
    first: header => {
      said = { ...header.meta };
      sink.write(formatHeader(complete(header)) + '\n');
    },
    put: events => sink.write(formatLines(events)),
  });
  const late = Object.entries(header.meta).filter(([key, now]) => now !== said[key]);
  if (late.length > 0) sink.write(formatTrailer(Object.fromEntries(late)) + '\n');
  return summary;
}

/** `chunks`, handed on when all that came of the one before is out of `sink`. */
export async function* inStep(chunks: AsyncIterable<Uint8Array>, sink: Sink): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    await sink.drain();
  }
}

/** The events go by, many at a time; the header is final only after the last, since it says how many were lost. */
async function forEach(
  batches: ImportedEvents,
  to: { first?: (header: HeaderObject) => void; put: (events: readonly EventObject[]) => void },
): Promise<{ header: HeaderObject; summary: ImportSummary }> {
  try {
    const first = (await batches.next()).value as Batch;
    const { header } = first;
    to.first?.(header);
    to.put(first.events);
    for (;;) {
      const { value, done } = await batches.next();
      if (done) return { header, summary: value };
      to.put(value.events);
    }
  } finally {
    await batches.return(null as never);
  }
}

function* trace(header: string, body: Iterable<Buffer>): Generator<Buffer> {
  yield Buffer.from(header);
  yield* body;
}

/** Warns of what a recorder's text held that the trace does not. */
export function warnOfUnread(file: string, summary: ImportSummary): void {
  warnOfCount(file, summary.unknownLines, 'lines were not understood and were skipped');
  const names = 'lines have names with bytes that are no UTF-8, told as U+FFFD';
  warnOfCount(file, summary.mended.lines, `${names}; first: line ${summary.mended.first}`);
  const [mismatch] = summary.mismatches;
  const ranges = `first: line ${mismatch?.line} shows ${mismatch?.shown}, the calls make ${mismatch?.expected}`;
  warnOfCount(file, summary.mismatched, `MMAP2 lines contradict the calls; ${ranges}`);
  for (const [reason, n] of Object.entries(summary.unclassified)) {
    warnOfCount(file, n, `not classified: ${reason}; first: line ${summary.unclassifiedAt[reason]?.[0]}`);
  }
}

export function warnOfCount(file: string, n: number, what: string): void {
  if (n > 0) warn(`${formatCount(n)} ${what}`, { file });
}
