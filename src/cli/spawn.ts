/** Other programs: looked up in PATH, started with argument arrays, and ended with the run. The only place that starts any. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Complaint, quote } from '../errors.js';
import { systemReason } from './system.js';

/** How a program ended: with a status, or by a signal. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Started {
  child: ChildProcess;
  /** rejects with a Complaint (io) when it could not be started */
  ended: Promise<Ended>;
}

const running = new Set<ChildProcess>();
let watching = false;

function endAll(): void {
  for (const child of running) child.kill(child.killed ? 'SIGKILL' : 'SIGTERM');
}

/** Starts a program; should the run end before it, it is sent SIGTERM, or SIGKILL after a signal that did not end it. */
export function start(name: string, args: readonly string[], stdio: StdioOptions): Started {
  if (!watching) process.on('exit', endAll);
  watching = true;
  const child = spawn(name, args, { stdio });
  running.add(child);
  const ended = new Promise<Ended>((done, failed) => {
    child.once('error', error => failed(new Complaint('io', `run ${quote(name)}: ${systemReason(error)}`)));
    child.once('close', (code, signal) => done({ code, signal }));
  }).finally(() => running.delete(child));
  // Said by whoever awaits it; until then it is not unhandled.
  ended.catch(() => {});
  return { child, ended };
}

/** `exited with 3`, `was killed by SIGKILL`; null for a program that succeeded. */
export function endingOf({ code, signal }: Ended): string | null {
  if (signal !== null) return `was killed by ${signal}`;
  return code === 0 ? null : `exited with ${code}`;
}

/** Can `name` be run, as execvp(3) would find it? Else why not. */
export function lookUp(name: string): 'found' | 'missing' | 'refused' {
  const folders = (process.env.PATH ?? '').split(delimiter).map(folder => (folder === '' ? '.' : folder));
  const places = name.includes('/') ? [name] : folders.map(folder => join(folder, name));
  const found = places.filter(isFile);
  if (found.length === 0) return 'missing';
  return found.some(isExecutable) ? 'found' : 'refused';
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Longest text kept of what a program says on stderr. */
const SAID_LIMIT = 4096;

/** Collects what a program says on a stream, up to a limit. */
export function listen(stream: Readable | null): () => string {
  let said = '';
  stream?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < SAID_LIMIT) said += text;
  });
  return () => said.slice(0, SAID_LIMIT);
}
