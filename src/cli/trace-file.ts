/** An imported trace on its way to its place: NDJSON, gzip when the output's name ends in .gz. */
import { createGzip } from 'node:zlib';
import type { EventObject, HeaderObject, ImportSummary } from '../trace/import/index.js';
import { formatCount } from '../units.js';
import { warn } from './complain.js';
import { openSpool, type Sink } from './output.js';
import type { Progress } from './progress.js';

/** What an importer yields. */
export type ImportedEvents = AsyncGenerator<HeaderObject | EventObject, ImportSummary>;

export interface TraceFileOptions {
  sink: Sink;
  /** `-o`: its ending decides whether the trace is compressed */
  out: string | undefined;
  /** shown while the events go by, cleared before anything is written */
  progress: Progress;
  /** adds what the importer cannot know to an event */
  each?: ((event: EventObject) => EventObject) | undefined;
  /** adds what the importer cannot know to the header, once all events have gone by */
  complete?: ((header: HeaderObject) => object) | undefined;
}

/**
 * Writes a trace to its sink, without committing it: first all events aside, then the header and them.
 *
 * @throws what the importer throws; Complaint (io)
 */
export async function writeTrace(events: ImportedEvents, options: TraceFileOptions): Promise<ImportSummary> {
  const { sink, out, progress, each = event => event, complete = header => header } = options;
  const { formatEvent, formatHeader } = await import('../trace/writer.js');
  const spool = openSpool();
  try {
    const { header, summary } = await spoolEvents(events, event => spool.write(formatEvent(each(event)) + '\n'));
    progress.clear();
    const pieces = trace(formatHeader(complete(header)) + '\n', spool.read());
    if (out?.endsWith('.gz')) await writeGzip(pieces, sink);
    else for (const piece of pieces) await writePiece(piece, sink);
    return summary;
  } finally {
    spool.remove();
  }
}

/** The events go by one at a time; the header is final only after the last, since it says how many were lost. */
async function spoolEvents(
  events: ImportedEvents,
  put: (event: EventObject) => void,
): Promise<{ header: HeaderObject; summary: ImportSummary }> {
  const header = (await events.next()).value as HeaderObject;
  for (;;) {
    const { value, done } = await events.next();
    if (done) return { header, summary: value };
    put(value as EventObject);
  }
}

function* trace(header: string, body: Iterable<Buffer>): Generator<Buffer> {
  yield Buffer.from(header);
  yield* body;
}

async function writePiece(piece: Uint8Array, sink: Sink): Promise<void> {
  sink.write(piece);
  await sink.drain();
}

async function writeGzip(pieces: Iterable<Buffer>, sink: Sink): Promise<void> {
  const gzip = createGzip({ level: 9 });
  const feeding = (async () => {
    for (const piece of pieces) if (!gzip.write(piece)) await new Promise(done => gzip.once('drain', done));
    gzip.end();
  })();
  for await (const piece of gzip) await writePiece(piece as Buffer, sink);
  await feeding;
}

/** Warns of what a recorder's text held that the trace does not. */
export function warnOfUnread(file: string, summary: ImportSummary): void {
  warnOfCount(file, summary.unknownLines, 'lines were not understood and were skipped');
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
