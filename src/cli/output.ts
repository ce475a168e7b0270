/**
 * Where results go: stdout, a whole file or none, or straight through to a device or pipe.
 *
 * A regular file is written beside its place under a temporary name, synced, and renamed when all of it is there; what is
 * left unfinished is removed however the run ends. Writes to files are synchronous, so rows that stream out of a replay
 * need no memory.
 */
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { Complaint } from '../errors.js';
import { isOfRuntime, notOpen, OutputClosed, systemReason } from './system.js';

export interface Sink {
  /** a reader may be waiting at the other end */
  readonly streams: boolean;
  /** Takes text or bytes; may throw a Complaint (io) or OutputClosed. */
  write(data: string | Uint8Array): void;
  /** Waits until what was written is taken over by the system. */
  drain(): Promise<void>;
  /** Drains, closes and puts the file in its place. */
  commit(): Promise<void>;
  /** Forgets what was written, as far as it can be; nothing after a commit. */
  discard(): void;
}

const CHUNK = 64 * 1024;

function writeComplaint(target: string, error: unknown, hint?: string): Error {
  const cause = error as NodeJS.ErrnoException;
  if (cause.code === 'EPIPE') return new OutputClosed();
  return new Complaint('io', `write ${target}: ${systemReason(cause)}`, {}, hint);
}

/** stdout as a stream: a pipe, a socket or a terminal. Errors of the stream end up in `drain`. */
class StreamSink implements Sink {
  readonly streams = true;
  private pending: Promise<void> = Promise.resolve();
  private buffer = '';

  write(data: string | Uint8Array): void {
    if (typeof data === 'string') {
      this.buffer += data;
      if (this.buffer.length >= CHUNK) this.flush();
    } else {
      this.flush();
      this.push(data);
    }
  }

  private flush(): void {
    if (this.buffer === '') return;
    const text = this.buffer;
    this.buffer = '';
    this.push(text);
  }

  private push(data: string | Uint8Array): void {
    const written = new Promise<void>((done, failed) => {
      process.stdout.write(data, error => (error ? failed(writeComplaint('stdout', error)) : done()));
    });
    const before = this.pending;
    this.pending = before.then(() => written);
    // Said by drain; until somebody drains, a failed write is not unhandled.
    this.pending.catch(() => {});
    written.catch(() => {});
  }

  async drain(): Promise<void> {
    this.flush();
    await this.pending;
  }

  commit(): Promise<void> {
    return this.drain();
  }

  discard(): void {
    this.buffer = '';
  }
}

/** Temporary files not yet in their place, and temporary directories: removed when the process ends in any way it can notice. */
const unfinished = new Set<string>();
let watching = false;

function watch(temporary: string): void {
  unfinished.add(temporary);
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const path of unfinished) remove(path);
  });
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // what the system does not let go stays
  }
  unfinished.delete(path);
}

/** A file descriptor; `temporary` is what to rename to `place` at the end, if anything. */
class FileSink implements Sink {
  readonly streams = false;
  private buffer = '';
  private closed = false;

  constructor(
    private readonly fd: number,
    private readonly target: string,
    private readonly place: string,
    private readonly temporary: string | null,
  ) {}

  write(data: string | Uint8Array): void {
    if (typeof data === 'string') {
      this.buffer += data;
      if (this.buffer.length >= CHUNK) this.flush();
    } else {
      this.flush();
      this.put(data);
    }
  }

  flush(): void {
    const text = this.buffer;
    this.buffer = '';
    this.put(Buffer.from(text));
  }

  private put(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
    } catch (error) {
      throw writeComplaint(this.target, error);
    }
  }

  async drain(): Promise<void> {
    this.flush();
  }

  async commit(): Promise<void> {
    this.flush();
    try {
      if (this.temporary !== null) fsyncSync(this.fd);
      this.close();
      if (this.temporary !== null) {
        renameSync(this.temporary, this.place);
        unfinished.delete(this.temporary);
      }
    } catch (error) {
      throw writeComplaint(this.target, error);
    }
  }

  discard(): void {
    this.close();
    if (this.temporary !== null && unfinished.has(this.temporary)) remove(this.temporary);
  }

  private close(): void {
    if (this.closed || this.fd === 1) return;
    this.closed = true;
    closeSync(this.fd);
  }
}

const STDOUT_NAMES = new Set(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']);

/** Does `target` (of -o or --events) mean stdout? */
export function isStdout(target: string | undefined): boolean {
  return target === undefined || STDOUT_NAMES.has(target);
}

/**
 * Opens the place for a result before the long work begins, so that a wrong place is told at once.
 *
 * @param target a path, or stdout when undefined or `-`
 * @param inputs files being read, none of which may be written over
 * @throws Complaint (io or usage)
 */
export function openSink(target: string | undefined, inputs: readonly string[]): Sink {
  if (target === undefined || isStdout(target)) return openStdout();
  if (target === '') throw new Complaint('usage', 'a file to write to has no name', {}, 'name a file');
  try {
    const place = followLinks(target);
    if (isOfRuntime(place)) throw notOpen(`write ${target}`, {});
    const there = statOrNull(place);
    if (there?.isDirectory() || target.endsWith('/'))
      throw new Complaint('io', `write ${target}: is a directory (EISDIR)`, {}, 'name a file');
    if (there !== null && inputs.some(input => isSame(input, there))) {
      throw new Complaint('usage', `${target} is also an input`, {}, 'write to another file');
    }
    if ((there !== null && !there.isFile()) || isDescriptor(place))
      return new FileSink(openSync(place, 'w'), target, place, null);
    const temporary = openTemporary(place);
    watch(temporary.path);
    if (there !== null) fchmodSync(temporary.fd, there.mode & 0o777);
    return new FileSink(temporary.fd, target, place, temporary.path);
  } catch (error) {
    throw error instanceof Complaint ? error : writeComplaint(target, error);
  }
}

/** Files and devices are written with our own loop, which minds short writes; the rest is left to the stream. */
function openStdout(): Sink {
  const there = fstatSync(1);
  const direct = there.isFile() || (there.isCharacterDevice() && !process.stdout.isTTY);
  return direct ? new FileSink(1, 'stdout', 'stdout', null) : new StreamSink();
}

/** Bytes put by until what goes before them is known. */
export interface Spool {
  write(data: string | Uint8Array): void;
  /** All of it, from the beginning, in pieces. */
  read(): Generator<Buffer>;
  remove(): void;
}

/** Opens a spool in the directory for temporary files; it does not outlive the run. */
export function openSpool(): Spool {
  const { fd, path } = openSpoolFile();
  watch(path);
  const sink = new FileSink(fd, path, path, path);
  return {
    write: data => sink.write(data),
    *read() {
      sink.flush();
      for (let at = 0; ; ) {
        const chunk = Buffer.allocUnsafe(CHUNK);
        const length = readSync(fd, chunk, 0, CHUNK, at);
        if (length === 0) return;
        at += length;
        yield chunk.subarray(0, length);
      }
    },
    remove: () => sink.discard(),
  };
}

function openSpoolFile(): { fd: number; path: string } {
  try {
    return openTemporary(join(tmpdir(), 'spool'), 'wx+');
  } catch (error) {
    throw writeComplaint(tmpdir(), error, 'set TMPDIR to another directory');
  }
}

/** A directory of our own for what another program writes on the way. */
export interface Folder {
  path: string;
  remove(): void;
}

/**
 * Makes a directory nobody else can look into; it does not outlive the run.
 *
 * @throws Complaint (io)
 */
export function openFolder(prefix: string): Folder {
  try {
    const path = mkdtempSync(join(tmpdir(), prefix));
    watch(path);
    return { path, remove: () => remove(path) };
  } catch (error) {
    throw writeComplaint(tmpdir(), error, 'set TMPDIR to another directory');
  }
}

/** Do two targets name one file? */
export function isSameTarget(a: string, b: string): boolean {
  return isStdout(a) ? isStdout(b) : !isStdout(b) && followLinks(a) === followLinks(b);
}

/** The path behind symbolic links, dangling ones included, as `>` of a shell would write to it. */
function followLinks(target: string): string {
  let path = resolve(target);
  for (let hops = 0; hops < 40; hops++) {
    if (!lstatOrNull(path)?.isSymbolicLink() || statOrNull(path) !== null) break;
    path = resolve(dirname(path), readlinkSync(path));
  }
  if (statOrNull(path) !== null) return isDescriptor(path) ? path : realpathSync(path);
  return join(realpathSync(dirname(path)), basename(path));
}

/** A name for something already open, or for the kernel's own files: never replaced by a rename. */
function isDescriptor(path: string): boolean {
  return /^\/(proc|dev\/fd)\//.test(path) || path === '/dev/stderr' || path === '/dev/stdin';
}

function openTemporary(place: string, flags = 'wx'): { fd: number; path: string } {
  for (let n = 0; ; n++) {
    const path = join(dirname(place), `.vmalock-${process.pid}-${n}.tmp`);
    try {
      return { fd: openSync(path, flags), path };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || n > 1_000) throw error;
    }
  }
}

function statOrNull(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

function lstatOrNull(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}

function isSame(input: string, there: Stats): boolean {
  try {
    const { dev, ino } = input === '-' ? fstatSync(0) : statSync(input);
    return dev === there.dev && ino === there.ino && there.isFile();
  } catch {
    return false;
  }
}
