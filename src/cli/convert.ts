/** `vmalock convert`: a trace in another spelling or compression, with nothing lost. */
import type { Command } from 'commander';
import { Complaint } from '../errors.js';
import type { TraceInfo } from '../trace/columns.js';
import type { TraceEvent, TraceHeader } from '../trace/schema.js';
import type { Frame } from '../trace/writer.js';
import { warn } from './complain.js';
import {
  type BaseOptions,
  choice,
  filesBeside,
  type InputOptions,
  inputsOf,
  withBase,
  withExamples,
  withReading,
} from './options.js';
import { isStdout, openSink, openSpool } from './output.js';
import type { Packing } from './packing.js';
import { Progress } from './progress.js';
import { unknownKeys } from './unknown-keys.js';

const SPELLINGS = ['document', 'stream', 'headerless', 'array'] as const;
type Spelling = (typeof SPELLINGS)[number];
const PACKINGS = ['plain', 'gzip', 'zstd'] as const satisfies readonly Packing[];

interface ConvertOptions extends BaseOptions, Omit<InputOptions, 'keepGoing'> {
  to?: Spelling;
  compress?: Packing;
}

const NOTES = `
Unless told otherwise the name of --out decides: .json is a document, anything
else a stream; .gz is gzip, .zst zstd.

Events keep their order and every key, known or not; addresses keep their 64
bits. The spelling is canonical: keys in the order of the format, addresses
without leading zeros. headerless and array have no room for what a header
says, and warn of it.`;

export function registerConvert(program: Command): void {
  const command = program
    .command('convert')
    .argument('[trace]', 'a trace: JSON or NDJSON, plain, gzip or zstd; - is stdin')
    .description('write a trace in another spelling or compression, with nothing lost')
    .addOption(choice('--to <spelling>', 'how the trace is spelled', SPELLINGS))
    .addOption(choice('--compress <how>', 'how it is packed', PACKINGS))
    .addHelpText('after', NOTES);
  withExamples(
    command,
    'convert trace.json -o trace.ndjson.gz',
    'convert trace.ndjson.zst --to array',
    'convert trace.ndjson --to headerless --compress gzip -o part.gz',
  );
  withBase(withReading(command)).action(convert);
}

async function convert(trace: string | undefined, options: ConvertOptions, command: Command): Promise<void> {
  const [input] = inputsOf(trace === undefined ? [] : [trace], command);
  const { out, strict, maxLine, maxNames, maxWindow } = options;
  const spelling = options.to ?? (/\.json(\.gz|\.zst)?$/.test(out ?? '') ? 'document' : 'stream');
  const [{ choosePacking, writePacked }, { readEvents }, { formatEvent, frameOf }] = await Promise.all([
    import('./packing.js'),
    import('../trace/events.js'),
    import('../trace/writer.js'),
  ]);
  const packing = choosePacking(options.compress, out);
  if (packing !== 'plain' && isStdout(out) && process.stdout.isTTY) {
    throw new Complaint('usage', 'compressed data is not for a terminal', {}, 'name a file with --out');
  }
  const progress = new Progress(options);
  const sink = openSink(out, [input, ...filesBeside(options)]);
  try {
    let header: TraceHeader | null = null;
    const onHeader = (found: TraceHeader): void => {
      header = found;
    };
    const onProgress = (done: number, total: number | null): void => progress.update(input, done, total);
    const remarks: string[] = [];
    const onEnd = (info: TraceInfo): void => {
      remarks.push(...unknownKeys(info, 'kept'));
    };
    const events = readEvents(input, { strict, maxLine, maxNames, maxWindow, onHeader, onProgress, onEnd });
    const pieces = respell(events, spelling, formatEvent, () => frameOf(spelling, header ?? {}));
    await writePacked(pieces, sink, packing);
    progress.clear();
    for (const text of remarks) warn(text, { file: input });
    if (spelling === 'headerless' || spelling === 'array') tellOfLoss(header, spelling, input);
    await sink.commit();
  } finally {
    progress.clear();
    sink.discard();
  }
}

/**
 * The text of a trace in pieces. The events are put by first: a header may be complete only behind them.
 *
 * @param frame what stands around the events, known once they have gone by
 */
async function* respell(
  events: AsyncIterable<TraceEvent>,
  spelling: Spelling,
  format: (event: TraceEvent) => string,
  frame: () => Frame,
): AsyncGenerator<Uint8Array> {
  const { first, between } = frame();
  const spool = openSpool();
  try {
    let n = 0;
    for await (const event of events) spool.write((n++ === 0 ? first : between) + format(event));
    if (n === 0 && spelling === 'headerless') {
      throw new Complaint('usage', 'a headerless trace without events would be empty', {}, 'leave out --to headerless');
    }
    const { open, close, none } = frame();
    yield Buffer.from(open);
    yield* spool.read();
    yield Buffer.from(n === 0 ? none : close);
  } finally {
    spool.remove();
  }
}

/** What a header said beside its format, which the spelling has no room for. */
function tellOfLoss(header: TraceHeader | null, spelling: Spelling, file: string): void {
  const lost = Object.keys(header ?? {}).filter(key => key !== 'format' && key !== 'version');
  if (lost.length > 0) warn(`left out, since ${spelling} has no header: ${lost.join(', ')}`, { file });
}
