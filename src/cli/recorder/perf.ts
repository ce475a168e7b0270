/**
 * Recording with stock perf: `perf record` into a file, then `perf script` into the importer.
 *
 * Not through a pipe from one to the other: `perf record -o -` sends the stdout of the recorded program to stderr, and
 * printing takes the CPUs the program needs. On two CPUs, 164,000 faults in half a second lost nothing into a file, and
 * half of the recording and more through a pipe.
 *
 * Models: tools/perf/builtin-record.c, tools/perf/util/synthetic-events.c, __event__synthesize_thread() (v6.1), tools/perf/util/header.h: struct perf_file_header.
 */
import { closeSync, openSync, readSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Complaint, quote } from '../../errors.js';
import { type Folder, openFolder } from '../output.js';
import { shellCommand } from '../shell.js';
import type { StopSignal } from '../signals.js';
import { type Ended, endingOf, listen, type Started, start } from '../spawn.js';
import { whyRefused } from './machine.js';
import type { Job, Recorder } from './recorder.js';
import { WITH_CALL_CHAIN } from './tracepoints.js';

/** How often perf is started for a process. */
const ATTEMPTS = 5;

const FIELDS = 'pid,tid,cpu,time,event,addr,trace';

/** The arguments of `perf record`, in parts that belong together. */
function recordParts({ target, events, callChains, buffer }: Job, file: string): string[][] {
  const chain = (event: string): string =>
    callChains && event === WITH_CALL_CHAIN ? `${event}/call-graph=fp/` : event;
  const parts = [
    ['-q', '-B', '-k', 'mono', '-m', formatSize(buffer), '-c', '1', '-d', '--sample-cpu', '--kernel-callchains'],
    ['-o', file],
    // minor-faults and major-faults say when a fault was over
    ...[...events.map(chain), 'minor-faults', 'major-faults'].map(event => ['-e', event]),
  ];
  if (target.kind === 'command') return [...parts, ['--', ...target.words]];
  const wait = target.seconds === undefined ? [] : [['--', 'sleep', String(target.seconds)]];
  return [...parts, ['-p', String(target.pid)], ...wait];
}

function scriptParts({ callChains }: Job, file: string): string[][] {
  return [
    ['-i', file, '--ns', '--show-mmap-events', '--show-task-events', '--show-lost-events'],
    ['-F', callChains ? `${FIELDS},ip,sym` : FIELDS],
  ];
}

/** As perf reads it. */
function formatSize(bytes: number): string {
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}M`;
  return bytes % 1024 === 0 ? `${bytes / 1024}K` : `${bytes}B`;
}

/** What a person would type; `importing` is the command that turns the text on stdin into the trace. */
export function perfCommands(job: Job, importing: string): string {
  const file = 'vmalock.perf.data';
  const record = shellCommand([['perf', 'record'], ...recordParts(job, file)]);
  const script = shellCommand([['perf', 'script'], ...scriptParts(job, file)]);
  return `${record}\n${script} |\n  ${importing}\nrm ${file}\n`;
}

export class PerfRecorder implements Recorder {
  readonly writes = 'perf';
  private readonly folder: Folder = openFolder('vmalock-record-');
  private readonly file = join(this.folder.path, 'perf.data');
  private perf: Started | null = null;
  private stopped = false;

  constructor(private readonly job: Job) {}

  async record(begins: () => void): Promise<Ended | null> {
    const isCommand = this.job.target.kind === 'command';
    const args = ['record', ...recordParts(this.job, this.file).flat()];
    for (let left = isCommand ? 1 : ATTEMPTS; ; left--) {
      begins();
      this.perf = start('perf', args, isCommand ? 'inherit' : ['ignore', 'ignore', 'pipe']);
      const said = listen(this.perf.child.stderr);
      // perf ends as the command does
      const ended = await this.perf.ended;
      if (isFinished(this.file)) return isCommand ? ended : null;
      // __event__synthesize_thread() fails for a thread that is gone since it was listed, and nothing is said of it
      const gone = !isCommand && ended.code === 255 && said() === '';
      if (!gone || left === 1 || this.stopped) throw this.unfinished(ended, said(), gone);
    }
  }

  stop(signal: StopSignal): void {
    this.stopped = true;
    this.perf?.child.kill(signal);
  }

  size(): number | null {
    return statSync(this.file, { throwIfNoEntry: false })?.size ?? null;
  }

  async *text(): AsyncGenerator<Uint8Array, void> {
    const args = ['script', ...scriptParts(this.job, this.file).flat()];
    const script = start('perf', args, ['ignore', 'pipe', 'pipe']);
    const said = listen(script.child.stderr);
    try {
      yield* script.child.stdout ?? [];
      const ending = endingOf(await script.ended);
      if (ending !== null) throw new Complaint('io', `perf script ${ending}${lastWords(said())}`);
    } finally {
      script.child.kill();
    }
  }

  /** perf says so in its text. */
  lost(): number {
    return 0;
  }

  close(): void {
    this.folder.remove();
  }

  private unfinished(ended: Ended, said: string, gone: boolean): Complaint {
    const { bavail, bsize } = statfsSync(this.folder.path);
    if (bavail * bsize < this.job.buffer) {
      const where = dirname(this.folder.path);
      return new Complaint('io', `write ${where}: no space left (ENOSPC)`, {}, 'set TMPDIR to a larger place');
    }
    const ending = endingOf(ended) ?? 'ended';
    const hint = gone ? 'its threads may come and go faster than perf can list them: try again' : whyRefused();
    return new Complaint('io', `perf record ${ending} without a recording${lastWords(said)}`, {}, hint);
  }
}

/** Offset of the size of the data section in perf.data, which is written when all of it is there. */
const DATA_SIZE_AT = 48;

function isFinished(file: string): boolean {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return false;
  const fd = openSync(file, 'r');
  try {
    const size = Buffer.alloc(8);
    return readSync(fd, size, 0, size.length, DATA_SIZE_AT) === size.length && size.readBigUInt64LE() > 0n;
  } finally {
    closeSync(fd);
  }
}

/** Said by perf script for every event without a format of its own. */
const CHATTER = /^'trace' not valid for .* events\. Ignoring\.$/;

/** `: "why"`, from what perf said on stderr: its error, else what it said last. */
function lastWords(said: string): string {
  const lines = said.split('\n').map(line => line.trim());
  const last = lines.filter(line => line !== '' && !CHATTER.test(line)).pop();
  const why = /^Error:\s*(\S.*)$/m.exec(said)?.[1] ?? last;
  return why === undefined ? '' : `: ${quote(why)}`;
}
