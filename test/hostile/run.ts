/** Runs of the built command line, as a shell would have them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));

export interface Ran {
  /** exit status, or the signal that ended it */
  status: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface How {
  /** what stdin holds; nothing where absent */
  input?: string | Uint8Array;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** arguments of node, before those of vmalock */
  node?: readonly string[];
  /** told of the process as soon as it runs */
  started?: (child: ChildProcess) => void;
}

/** Runs `vmalock ARGS` to its end. */
export function vmalock(args: readonly string[], how: How = {}): Promise<Ran> {
  const { input = '', env = {}, cwd, node = [], started } = how;
  const child = spawn(process.execPath, [...node, BIN, ...args], {
    env: { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C', ...env },
    ...(cwd !== undefined && { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  // It may end before it has read everything.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  started?.(child);
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done({ status: code ?? signal, stdout, stderr }));
  });
}

/** As `list.map(work)`, two at a time. */
export async function inPairs<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}
