/**
 * Loaded before the command line (`node --import`): of the system calls of one kind that vmalock makes, the n-th fails, once.
 *
 * FAIL=kind:n:code says which, with `short` as the code of a write that takes only half; COUNT=file gets how many of each
 * kind there were. Calls of Node's own are not counted.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [kindToFail, nth, code] = (process.env.FAIL ?? '').split(':');
/** @type {Record<string, number>} */
const counts = {};

/** Is this call the one that fails? `syscall` is its name in the error. @type {(kind: string, syscall: string) => void} */
function meet(kind, syscall) {
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (kind !== kindToFail || counts[kind] !== Number(nth) || code === 'short') return;
  throw Object.assign(new Error(`${code}: injected, ${syscall}`), { code, syscall, errno: -5 });
}

const isOurs = () => /\/dist\/bundle\//.test(new Error().stack ?? '');

/** @type {(target: any, name: string, kind: string) => void} */
function wrap(target, name, kind) {
  const real = target[name];
  target[name] = (/** @type {unknown[]} */ ...args) => {
    if (isOurs()) meet(kind, name);
    return real.apply(target, args);
  };
}

const KINDS = {
  open: ['openSync'],
  read: ['readSync'],
  load: ['readFileSync'],
  fsync: ['fsyncSync'],
  rename: ['renameSync'],
  close: ['closeSync'],
  stat: ['statSync', 'fstatSync', 'lstatSync', 'realpathSync', 'fchmodSync'],
  mkdtemp: ['mkdtempSync'],
  rm: ['rmSync'],
};
for (const [kind, names] of Object.entries(KINDS)) for (const name of names) wrap(fs, name, kind);

const { writeSync } = fs;
/** @type {any} */ (fs).writeSync = (
  /** @type {number} */ fd,
  /** @type {Uint8Array} */ bytes,
  /** @type {number} */ at,
) => {
  meet('write', 'write');
  const short = kindToFail === 'write' && code === 'short' && counts.write === Number(nth);
  return writeSync(fd, bytes, at, short ? Math.ceil((bytes.length - at) / 2) : bytes.length - at);
};

// Streams: a file that is stdin, and a pipe that is stdout.
const { read } = fs;
/** @type {any} */ (fs).read = (/** @type {any[]} */ ...args) => {
  try {
    meet('read', 'read');
  } catch (error) {
    process.nextTick(args.at(-1), error);
    return;
  }
  /** @type {any} */ (read)(...args);
};
const stdout = /** @type {any} */ (process.stdout);
const { _write, _writev } = stdout;
/** @type {(real: Function) => Function} */
const failing =
  real =>
  (/** @type {any[]} */ ...args) => {
    try {
      meet('write', 'write');
    } catch (error) {
      args.at(-1)(error);
      return;
    }
    real.apply(stdout, args);
  };
stdout._write = failing(_write);
stdout._writev = _writev && failing(_writev);

const { open } = fs.promises;
fs.promises.open = async (...args) => {
  if (isOurs()) meet('open', 'open');
  const handle = await open(...args);
  for (const [name, kind] of [
    ['read', 'read'],
    ['stat', 'stat'],
    ['close', 'close'],
  ]) {
    const real = /** @type {any} */ (handle)[name];
    /** @type {any} */ (handle)[name] = async (/** @type {unknown[]} */ ...rest) => {
      meet(kind, name);
      return real.apply(handle, rest);
    };
  }
  return handle;
};

const { spawn } = childProcess;
/** @type {any} */ (childProcess).spawn = (/** @type {any[]} */ ...args) => {
  try {
    meet('spawn', 'spawn');
  } catch (error) {
    // As spawn(3) fails: the program is not there when it is to be run.
    args[0] = '/nonexistent/program';
    void error;
  }
  return /** @type {any} */ (spawn)(...args);
};
syncBuiltinESMExports();

const { writeFileSync } = fs;
if (process.env.COUNT) process.on('exit', () => writeFileSync(String(process.env.COUNT), JSON.stringify(counts)));
