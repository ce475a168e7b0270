/** `vmalock import`: text of other tools to a trace, as NDJSON; gzip when the output's name ends in .gz. */
import { createGzip } from 'node:zlib';
import { type Command, Option } from 'commander';
import type { Complaint } from '../errors.js';
import type { EventObject, HeaderObject, ImportSummary, MapsFile } from '../trace/import/index.js';
import { formatCount } from '../units.js';
import { warn } from './complain.js';
import { type BaseOptions, inputsOf, withBase } from './options.js';
import { openSink, openSpool, type Sink } from './output.js';
import { Progress } from './progress.js';

interface ImportOptions extends BaseOptions {
  from?: string;
  kernel?: string;
  swapSync?: boolean;
  maps?: string;
  smaps?: string;
  keepGoing?: boolean;
}

export function registerImport(program: Command): void {
  const command = program
    .command('import')
    .argument('[file]', 'text of a recorder; - is stdin')
    .description('turn the text of a recorder (perf script, tracefs, strace -f -ttt -T) into a trace')
    .addOption(
      new Option('--from <tool>', 'what wrote the text: perf, ftrace, strace (default: seen from its content)'),
    )
    .option('--kernel <release>', 'release of the kernel that was recorded')
    .option('--maps <file>', '/proc/PID/maps of the process that was attached to, taken before the recording')
    .option('--smaps <file>', 'the same of /proc/PID/smaps, which says more')
    .option('--swap-sync', 'the swap device reads synchronously: zram, brd, pmem')
    .option('--keep-going', 'skip lines that are cut off, counting them');
  withBase(command).action(importText);
}

async function importText(file: string | undefined, options: ImportOptions, command: Command): Promise<void> {
  const [input] = inputsOf(file === undefined ? [] : [file], command);
  const [{ importTrace }, { readBytes }, { formatEvent, formatHeader }] = await Promise.all([
    import('../trace/import/index.js'),
    import('../trace/input.js'),
    import('../trace/writer.js'),
  ]);
  const snapshot = options.smaps ?? options.maps;
  const maps = snapshot === undefined ? undefined : await readMaps(snapshot, readBytes(snapshot));
  const progress = new Progress(options.progress && !options.quiet && process.stderr.isTTY === true);
  const sink = openSink(options.out, snapshot === undefined ? [input] : [input, snapshot]);
  const spool = openSpool();
  const skipped: Complaint[] = [];
  try {
    const bytes = readBytes(input, { onProgress: (done, total) => progress.update(input, done, total) });
    const events = importTrace(bytes, {
      file: input,
      from: options.from,
      kernel: options.kernel,
      swapSync: options.swapSync,
      maps,
      onBadLine: options.keepGoing ? complaint => skipped.push(complaint) : undefined,
    });
    const { header, summary } = await spoolEvents(events, event => spool.write(formatEvent(event) + '\n'));
    progress.clear();
    const pieces = trace(formatHeader(header) + '\n', spool.read());
    if (options.out?.endsWith('.gz')) await writeGzip(pieces, sink);
    else for (const piece of pieces) await writePiece(piece, sink);
    await sink.commit();
    remark(input, summary, skipped);
  } finally {
    progress.clear();
    sink.discard();
    spool.remove();
  }
}

/** A maps file is small: it is read whole. */
async function readMaps(file: string, bytes: AsyncIterable<Uint8Array>): Promise<MapsFile> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return { file, text: Buffer.concat(pieces).toString() };
}

type Events = AsyncGenerator<HeaderObject | EventObject, ImportSummary>;

/** The events go by one at a time; the header is final only after the last, since it says how many were lost. */
async function spoolEvents(
  events: Events,
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

/** What the text held that the trace does not. */
function remark(file: string, summary: ImportSummary, skipped: readonly Complaint[]): void {
  const count = (n: number, what: string): void => {
    if (n > 0) warn(`${formatCount(n)} ${what}`, { file });
  };
  count(summary.lost, 'records were lost by the recorder');
  count(summary.unknownLines, 'lines were not understood and were skipped');
  const [mismatch] = summary.mismatches;
  const ranges = `first: line ${mismatch?.line} shows ${mismatch?.shown}, the calls make ${mismatch?.expected}`;
  count(summary.mismatched, `MMAP2 lines contradict the calls; ${ranges}`);
  count(skipped.length, `lines were cut off and skipped; first: line ${skipped[0]?.where.line}`);
  for (const [reason, n] of Object.entries(summary.unclassified)) {
    count(n, `not classified: ${reason}; first: line ${summary.unclassifiedAt[reason]?.[0]}`);
  }
}
