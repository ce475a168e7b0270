/** `vmalock import`: text of other tools to a trace, as NDJSON; compressed when the output's name ends in .gz or .zst. */
import { fstatSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { Complaint } from '../errors.js';
import {
  type BaseOptions,
  filesBeside,
  type HeldOptions,
  type InputOptions,
  inputsOf,
  withBase,
  withExamples,
  withHeld,
  withLimit,
  withText,
} from './options.js';
import { openSink } from './output.js';
import { Progress } from './progress.js';

interface ImportOptions extends BaseOptions, HeldOptions, Pick<InputOptions, 'keepGoing' | 'maxLine' | 'maxWindow'> {
  from?: string;
  kernel?: string;
  swapSync?: boolean;
  maps?: string;
  smaps?: string;
  maxMaps: number;
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
  withExamples(command, 'import T.perf.txt -o T.ndjson.gz', 'import --from perf --kernel 6.18.44 -');
  withLimit(withHeld(withText(command)), 'maxMaps', 'longest copy of maps or smaps', 2 ** 30);
  withBase(command).action(importText);
}

async function importText(file: string | undefined, options: ImportOptions, command: Command): Promise<void> {
  const [input] = inputsOf(file === undefined ? [] : [file], command);
  const { maxLine, maxWindow, maxHeld, maxMaps } = options;
  const [trace, { importBatches }, { readBytes }, { SecondThread }] = await Promise.all([
    import('./trace-file.js'),
    import('../trace/import/index.js'),
    import('../trace/input.js'),
    import('./second-thread.js'),
  ]);
  const { inStep, warnOfCount, warnOfUnread, writeTrace } = trace;
  if (options.smaps !== undefined && options.maps !== undefined) {
    throw new Complaint('usage', '--maps and --smaps are given', {}, 'smaps says all that maps does');
  }
  const snapshot = options.smaps ?? options.maps;
  const progress = new Progress(options);
  const sink = openSink(options.out, [input, ...filesBeside(options)]);
  const skipped: Complaint[] = [];
  try {
    const onProgress = (done: number, total: number | null) => progress.update(input, done, total);
    const bytes = readBytes(input, { onProgress, transient: true, maxWindow });
    const live = isPiped(input) && sink.streams;
    const about = {
      file: input,
      from: options.from,
      kernel: options.kernel,
      swapSync: options.swapSync,
      maps: snapshot === undefined ? undefined : { file: snapshot, text: readBytes(snapshot, { maxWindow }) },
      ...{ maxLine, maxHeld, maxMaps },
      onBadLine: options.keepGoing ? (complaint: Complaint) => skipped.push(complaint) : undefined,
    };
    // who waits for the events of a line must not wait for the next lines
    const events = live ? importBatches(inStep(bytes, sink), about) : importBatches(bytes, about, new SecondThread());
    const summary = await writeTrace(events, { sink, out: options.out, progress, live });
    await sink.commit();
    warnOfCount(input, summary.lost, 'records were lost by the recorder');
    warnOfCount(input, skipped.length, `lines were cut off and skipped; first: line ${skipped[0]?.where.line}`);
    warnOfUnread(input, summary);
  } finally {
    progress.clear();
    sink.discard();
  }
}

/** Is it stdin, and no file that can be had whole? */
function isPiped(input: string): boolean {
  return input === '-' && !fstatSync(0).isFile();
}
