/**
 * Recording with tracefs alone: a private instance that follows one command or process and what it forks.
 *
 * The ring buffer is read when the recording is over: read meanwhile, events of several CPUs come out of order. What did
 * not fit is counted by the kernel.
 *
 * Models: Documentation/trace/{ftrace,events}.rst (v6.1).
 */
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Complaint } from '../../errors.js';
import { shellCommand, shellWord } from '../shell.js';
import type { StopSignal } from '../signals.js';
import { type Ended, type Started, start } from '../spawn.js';
import { systemReason } from '../system.js';
import type { Job, Recorder } from './recorder.js';
import { WITH_CALL_CHAIN } from './tracepoints.js';

/** A file of the instance, what is written to it, and whether a kernel may be without it. */
type Setting = readonly [file: string, value: string, optional?: 'optional'];

function settingsOf({ events, callChains, buffer }: Job): Setting[] {
  const settings: Setting[] = [
    ['tracing_on', '0'],
    ['trace_clock', 'mono'],
    ['buffer_size_kb', String(Math.ceil(buffer / 1024))],
    ['options/event-fork', '1'],
    ['options/irq-info', '0'],
    ['options/record-tgid', '1', 'optional'],
    // one name for an mm, in all lines
    ['options/hash-ptr', '0', 'optional'],
  ];
  if (callChains && events.includes(WITH_CALL_CHAIN)) {
    settings.push([`events/${folderOf(WITH_CALL_CHAIN)}/trigger`, 'stacktrace', 'optional']);
  }
  return settings;
}

function folderOf(event: string): string {
  return event.replace(':', '/');
}

/** Enters itself ($$) for tracing and becomes the command: nothing before it is recorded, and none of it is missed. */
const LAUNCH = 'echo $$ > "$0/set_event_pid" && echo 1 > "$0/tracing_on" && exec "$@"';

const CHUNK = 64 * 1024;
/** How often a process is looked at, ms. */
const LOOK = 100;

/** What a person would type; `importing` is the command that turns the text on stdin into the trace. */
export function tracefsCommands(tracefs: string, job: Job, importing: string): string {
  const lines = [`I=${shellWord(join(tracefs, 'instances', 'vmalock'))}`, 'mkdir "$I"'];
  for (const [file, value, optional] of settingsOf(job)) {
    lines.push(`${optional ? `[ ! -e "$I/${file}" ] || ` : ''}echo ${value} > "$I/${file}"`);
  }
  const { target, events } = job;
  const folders = shellCommand([['for', 'e', 'in'], ...events.map(event => [folderOf(event)])]);
  lines.push(`${folders}; do echo 1 > "$I/events/$e/enable"; done`);
  if (target.kind === 'command') {
    lines.push(`sh -c '${LAUNCH}' "$I" ${shellCommand([target.words])}`);
  } else {
    lines.push(`ls /proc/${target.pid}/task > "$I/set_event_pid"`, 'echo 1 > "$I/tracing_on"');
    lines.push(`sleep ${target.seconds ?? 'infinity # until Ctrl-C'}`);
  }
  lines.push('echo 0 > "$I/tracing_on"', `${importing} < "$I/trace"`, 'rmdir "$I"');
  return lines.join('\n') + '\n';
}

export class TracefsRecorder implements Recorder {
  readonly writes = 'ftrace';
  private readonly instance: string;
  private command: Started | null = null;
  private stopped = false;
  private overrun = 0;
  private reading: FileHandle | null = null;
  private readonly leave = (): void => this.close();

  constructor(
    tracefs: string,
    private readonly job: Job,
  ) {
    this.instance = join(tracefs, 'instances', `vmalock-${process.pid}`);
    this.attempt(`make ${this.instance}`, () => mkdirSync(this.instance));
    process.on('exit', this.leave);
    for (const [file, value, optional] of settingsOf(job)) {
      if (optional === undefined || existsSync(join(this.instance, file))) this.set(file, value);
    }
    for (const event of job.events) this.set(`events/${folderOf(event)}/enable`, '1');
  }

  async record(begins: () => void): Promise<Ended | null> {
    const { target } = this.job;
    begins();
    let ended: Ended | null = null;
    if (target.kind === 'command') {
      this.command = start('/bin/sh', ['-c', LAUNCH, this.instance, ...target.words], 'inherit');
      ended = await this.command.ended;
    } else {
      this.set('set_event_pid', readdirSync(`/proc/${target.pid}/task`).join(' '));
      this.set('tracing_on', '1');
      await this.watch(target.pid, target.seconds);
    }
    this.set('tracing_on', '0');
    this.overrun = this.countOverrun();
    return ended;
  }

  stop(signal: StopSignal): void {
    this.stopped = true;
    // Ctrl-C reaches the command by itself
    if (signal === 'SIGTERM' || !process.stderr.isTTY) this.command?.child.kill(signal);
  }

  size(): number | null {
    return null;
  }

  async *text(): AsyncGenerator<Uint8Array, void> {
    this.reading = await open(join(this.instance, 'trace'));
    try {
      for (;;) {
        const buffer = Buffer.allocUnsafe(CHUNK);
        const { bytesRead } = await this.reading.read(buffer, 0, CHUNK);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await this.reading.close();
      this.reading = null;
    }
  }

  lost(): number {
    return this.overrun;
  }

  close(): void {
    process.off('exit', this.leave);
    try {
      // an instance that is being read stays
      if (this.reading !== null) closeSync(this.reading.fd);
      rmdirSync(this.instance);
    } catch {
      // never made
    }
  }

  private set(file: string, value: string): void {
    const path = join(this.instance, file);
    this.attempt(`write ${path}`, () => writeFileSync(path, value));
  }

  private attempt(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      const hint = process.getuid?.() === 0 ? undefined : 'run it as root: sudo vmalock record ...';
      throw new Complaint('io', `${what}: ${systemReason(error as NodeJS.ErrnoException)}`, {}, hint);
    }
  }

  /** Until the process is gone, its time is up, or somebody wants it to end. */
  private async watch(pid: number, seconds = Number.POSITIVE_INFINITY): Promise<void> {
    const end = performance.now() + 1000 * seconds;
    while (!this.stopped && existsSync(`/proc/${pid}`) && performance.now() < end) {
      await new Promise(done => setTimeout(done, Math.min(LOOK, Math.max(0, end - performance.now()))));
    }
  }

  private countOverrun(): number {
    const folder = join(this.instance, 'per_cpu');
    const stats = readdirSync(folder).map(cpu => readFileSync(join(folder, cpu, 'stats'), 'utf8'));
    const counts = stats.flatMap(text => [...text.matchAll(/^(?:overrun|commit overrun|dropped events): (\d+)$/gm)]);
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }
}
