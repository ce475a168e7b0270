/** `vmalock record`: a program that runs, recorded with stock tools and imported into a trace at once. */
import type { Command } from 'commander';
import { Complaint, EXIT_ANSWER, quote } from '../errors.js';
import { formatCount } from '../units.js';
import { note, warn } from './complain.js';
import {
  type BaseOptions,
  choice,
  filesBeside,
  type HeldOptions,
  natural,
  size,
  withBase,
  withExamples,
  withHeld,
} from './options.js';
import { isStdout, openSink } from './output.js';
import { commandLineOf, hasKernelNames, swapSync } from './recorder/machine.js';
import { PerfRecorder, perfCommands } from './recorder/perf.js';
import type { Job, Target } from './recorder/recorder.js';
import { recordInto } from './recorder/session.js';
import { TracefsRecorder, tracefsCommands } from './recorder/tracefs.js';
import { ALL_TRACEPOINTS, findTracefs, type Tracepoints, tracepointsOf } from './recorder/tracepoints.js';
import { shellWord } from './shell.js';
import { lookUp } from './spawn.js';

interface RecordOptions extends BaseOptions, HeldOptions {
  pid?: number;
  seconds?: number;
  with?: 'perf' | 'tracefs';
  buffer?: number;
  tracefs?: string;
  allowLost?: boolean;
  print?: boolean;
}

const NOTES = `
The stdin, stdout and stderr of the command are its own; how it ended is told on
stderr. SIGINT and SIGTERM end the recording as they end perf record, and what was
recorded until then becomes the trace; a second one gives up. Exit status: 0 the
trace is whole, 1 events were lost, 2 there is no trace.`;

/** Bytes for each cpu: perf empties its buffer all the time, that of tracefs holds the whole recording. */
const BUFFER = { perf: 8 * 1024 ** 2, tracefs: 16 * 1024 ** 2 };

export function registerRecord(program: Command): void {
  const command = program
    .command('record')
    .usage('[options] -o FILE -- COMMAND...\n       vmalock record [options] -p PID')
    .argument('[command...]', 'what to run and record, after --')
    .description('record a program with perf or tracefs, straight into a trace')
    .option('-p, --pid <pid>', 'record a running process, until it ends or Ctrl-C', natural('--pid'))
    .option('--seconds <n>', 'end the recording of a process after n seconds', seconds)
    .addOption(choice('--with <tool>', 'what records (default: perf, where it is in PATH)', ['perf', 'tracefs']))
    .option('-m, --buffer <size>', 'buffer for each cpu (default: 8M, tracefs 16M)', size('--buffer', 2 ** 30))
    .option('--tracefs <dir>', 'where tracefs is mounted (default: /sys/kernel/tracing)')
    .option('--allow-lost', 'exit 0 although events were lost')
    .option('--print', 'show the commands that record, and record nothing');
  command.addHelpText('after', NOTES);
  withExamples(command, 'record -o build.ndjson.gz -- make -j4', 'record -p 4711 --seconds 10 -o server.ndjson.gz');
  withBase(withHeld(command)).action(record);
}

function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && value > 0) return value;
  throw new Complaint('usage', `--seconds cannot be ${quote(text)}`, {}, 'give a number of seconds, such as 10 or 0.5');
}

async function record(words: string[], options: RecordOptions, command: Command): Promise<void> {
  const target = targetOf(words, options, command);
  const tool = toolOf(options);
  const { tracefs, tracepoints } = kernelOf(options);
  const job: Job = {
    target,
    events: tracepoints.events,
    callChains: hasKernelNames(),
    buffer: options.buffer ?? BUFFER[tool],
  };
  (await import('./packing.js')).choosePacking(undefined, options.out);
  const sink = openSink(options.print ? undefined : options.out, filesBeside(options));
  try {
    if (options.print) {
      const importing = importCommand(tool === 'perf' ? 'perf' : 'ftrace', options.out);
      sink.write(tool === 'perf' ? perfCommands(job, importing) : tracefsCommands(tracefs, job, importing));
      await sink.commit();
      return;
    }
    warnOfAbsent(tracepoints, job);
    const recorder = tool === 'perf' ? new PerfRecorder(job) : new TracefsRecorder(tracefs, job);
    const lost = await recordInto(sink, recorder, target, options);
    if (lost > 0) answerLost(lost, options);
  } finally {
    sink.discard();
  }
}

/** What the command line wants recorded. */
function targetOf(words: string[], { pid, seconds, out, print }: RecordOptions, command: Command): Target {
  const refuse = (message: string, hint: string): never => {
    throw new Complaint('usage', message, {}, hint);
  };
  if (pid !== undefined) {
    if (words.length > 0) refuse('a command and --pid are given', 'record one of them');
    if (!print && commandLineOf(pid) === null) refuse(`no process ${pid}`, 'see ps -e');
    return { kind: 'process', pid, seconds };
  }
  if (words.length === 0) refuse('nothing to record', 'give a command after --, or -p PID');
  if (!isAfterDashes(words, command)) refuse(`the command ${quote(words[0])} is not after --`, 'put -- before it');
  if (seconds !== undefined) refuse('--seconds goes with --pid', `for a command: -- timeout ${seconds} ${words[0]}`);
  if (isStdout(out) && !print) refuse('stdout belongs to the command', 'name a file for the trace with -o');
  const found = lookUp(words[0]);
  if (found !== 'found' && !print) {
    const missing = found === 'missing';
    refuse(
      `run ${quote(words[0])}: ${missing ? 'command not found' : 'permission denied (EACCES)'}`,
      missing ? 'give its path, or add its folder to PATH' : 'make it executable',
    );
  }
  return { kind: 'command', words };
}

/** Only behind `--` is an option surely the command's own. */
function isAfterDashes(words: readonly string[], command: Command): boolean {
  const all = (command.parent as Command & { rawArgs: string[] }).rawArgs;
  return all.indexOf('--') === all.length - words.length - 1;
}

function toolOf({ with: asked, print }: RecordOptions): 'perf' | 'tracefs' {
  if (asked === 'tracefs' || (asked === 'perf' && print)) return asked;
  const found = lookUp('perf');
  if (found === 'found') return 'perf';
  const why = found === 'missing' ? 'perf is not in PATH' : 'run perf: permission denied (EACCES)';
  if (asked === 'perf') {
    throw new Complaint('io', why, {}, 'apt install linux-perf, dnf install perf, or --with tracefs');
  }
  warn(`${why}: recording with tracefs, which does not tell what execve maps`);
  return 'tracefs';
}

/** Where tracefs is and what this kernel can tell; --print takes all of it where nobody may look. */
function kernelOf({ tracefs: place, print }: RecordOptions): { tracefs: string; tracepoints: Tracepoints } {
  try {
    const tracefs = findTracefs(place);
    return { tracefs, tracepoints: tracepointsOf(tracefs) };
  } catch (error) {
    if (!print || place !== undefined) throw error;
    return { tracefs: '/sys/kernel/tracing', tracepoints: ALL_TRACEPOINTS };
  }
}

function importCommand(from: string, out: string | undefined): string {
  const swap = swapSync() ? ' --swap-sync' : '';
  return `vmalock import --from ${from} --kernel "$(uname -r)"${swap}${out === undefined ? '' : ` -o ${shellWord(out)}`}`;
}

function warnOfAbsent({ absent }: Tracepoints, { callChains }: Job): void {
  for (const { events, tells } of absent) {
    warn(`left out, this kernel has no ${abbreviate(events)}: the trace does not tell ${tells}`);
  }
  if (!callChains) warn('left out, kernel.kptr_restrict hides it: who took mmap_lock (sysctl kernel.kptr_restrict=1)');
}

/** Several events of one subsystem as `subsystem:*`. */
function abbreviate(events: readonly string[]): string {
  const subsystem = (event: string): string => event.split(':')[0];
  const names = events.map(event => {
    const alone = events.filter(other => subsystem(other) === subsystem(event)).length === 1;
    return alone ? event : `${subsystem(event)}:*`;
  });
  return [...new Set(names)].join(', ');
}

/** A trace with holes is written, but is not what was asked for. */
function answerLost(lost: number, { allowLost }: RecordOptions): void {
  const message = `${formatCount(lost)} events were lost, the trace has holes (record again with a larger --buffer)`;
  if (allowLost) {
    warn(message);
    return;
  }
  note(message);
  process.exitCode = EXIT_ANSWER;
}
