/** One recording from start to trace: who hears of signals, what is shown meanwhile, what is said in the end. */
import { Complaint } from '../../errors.js';
import type { MapsFile } from '../../trace/import/index.js';
import { formatCount } from '../../units.js';
import { note, warn } from '../complain.js';
import type { BaseOptions, HeldOptions } from '../options.js';
import type { Sink } from '../output.js';
import { mebibytes, Progress } from '../progress.js';
import { shellWord } from '../shell.js';
import { releaseSignal, type StopSignal, takeSignal } from '../signals.js';
import { type Ended, endingOf } from '../spawn.js';
import { warnOfUnread, writeTrace } from '../trace-file.js';
import { commandLineOf, machineMeta, smapsOf, swapSync } from './machine.js';
import type { Recorder, Target } from './recorder.js';

/**
 * Records, imports and commits the trace; says how the command ended and what the trace does not hold.
 *
 * @returns how many events were lost
 * @throws Complaint (io, schema)
 */
export async function recordInto(
  sink: Sink,
  recorder: Recorder,
  target: Target,
  options: BaseOptions & HeldOptions,
): Promise<number> {
  const progress = new Progress(options);
  const text = recorder.text();
  try {
    const isCommand = target.kind === 'command';
    const name = isCommand ? target.words[0] : `process ${target.pid}`;
    const command = isCommand ? target.words : commandLineOf(target.pid);
    let maps: MapsFile | undefined;
    const begins = (): void => {
      if (!isCommand) maps = smapsOf(target.pid);
    };
    tell(name, await recordUntilStopped(recorder, target, progress, begins));
    const { importBatches } = await import('../../trace/import/index.js');
    const { SecondThread } = await import('../second-thread.js');
    const file = `recording of ${name}`;
    const about = { ...machineMeta(), locks: true, mayBeEmpty: true, swapSync: swapSync(), maps };
    const limits = { maxHeld: options.maxHeld, maxMaps: Number.POSITIVE_INFINITY };
    const events = importBatches(text, { file, from: recorder.writes, ...about, ...limits }, new SecondThread());
    let lost = 0;
    const summary = await writeTrace(events, {
      sink,
      out: options.out,
      progress,
      onEvents: importProgress(progress),
      complete: ({ meta, ...header }) => {
        lost = meta.lost + recorder.lost();
        const producer = `vmalock record ${recorder.writes}`;
        const own = { producer, command: command?.map(shellWord).join(' '), lost };
        return { ...header, meta: { ...meta, ...machineMeta(), ...own } };
      },
    });
    if (summary.lines === 0) throw new Complaint('io', 'the recording is empty');
    await sink.commit();
    warnOfUnread(file, summary);
    if (summary.faults === 0) warn('no page fault was recorded');
    if (progress.wanted) note(`${formatCount(summary.events)} events, ${formatCount(summary.faults)} page faults`);
    return lost;
  } finally {
    progress.clear();
    await text.return();
    recorder.close();
  }
}

/** How the command ended, if there was one; or by which signal the recording was. */
async function recordUntilStopped(
  recorder: Recorder,
  target: Target,
  progress: Progress,
  begins: () => void,
): Promise<Ended | StopSignal | null> {
  let stopped: StopSignal | null = null;
  takeSignal(signal => {
    stopped = signal;
    recorder.stop(signal);
  });
  // The terminal of a command is its own.
  const ticking = target.kind === 'process' ? showRecording(recorder, target.pid, progress) : undefined;
  try {
    const ended = await recorder.record(begins);
    return stopped ?? ended;
  } finally {
    clearInterval(ticking);
    progress.clear();
    releaseSignal();
  }
}

function showRecording(recorder: Recorder, pid: number, progress: Progress): NodeJS.Timeout {
  const start = performance.now();
  return setInterval(() => {
    progress.say(() => {
      const bytes = recorder.size();
      const time = (performance.now() - start) / 1000;
      const far = bytes === null ? '' : `, ${mebibytes(bytes)}, ${mebibytes(bytes / time)}/s`;
      return `recording process ${pid}: ${time.toFixed(0)} s${far} (Ctrl-C ends it)`;
    });
  }, 100);
}

function tell(name: string, ended: Ended | StopSignal | null): void {
  if (typeof ended === 'string') {
    note(`recording of ${name} ended by ${ended}`);
    return;
  }
  const ending = ended === null ? null : endingOf(ended);
  if (ending !== null) note(`${name} ${ending}`);
}

/** To be called for every event: shows how many there were, and how fast they go by. */
function importProgress(progress: Progress): (n: number) => void {
  const start = performance.now();
  let n = 0;
  return more => {
    n += more;
    progress.say(() => {
      const rate = (1000 * n) / (performance.now() - start);
      return `importing: ${formatCount(n)} events, ${formatCount(rate)}/s`;
    });
  };
}
