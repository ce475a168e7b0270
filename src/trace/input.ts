/**
 * A path or `-` to bytes: plain, gzip or zstd by their magic bytes, with anything that is plainly not a trace named for
 * what it is. Every way the bytes can be incomplete is a complaint; a short trace is never silent.
 */
import { fstatSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Complaint, quote } from '../errors.js';
import type { Limited } from './limits.js';
import type { Rereading } from './rereading.js';
import { isZstd, unzstd } from './zstd.js';

const CHUNK = 128 * 1024;

export interface InputOptions extends Limited<'maxWindow'> {
  /** told of the bytes read so far (compressed ones, where compressed) and of the size of the file, null when unknown */
  onProgress?: ((bytesRead: number, totalBytes: number | null) => void) | undefined;
  /** true: a chunk is the caller's only until the next one is asked for */
  transient?: boolean | undefined;
  /** for a file that is read more than once */
  rereading?: Rereading | undefined;
}

/**
 * The bytes of `path` (`-` is stdin), decompressed, without a byte order mark.
 * @throws Complaint of class `io`, `encoding` or `limit`
 */
export async function* readBytes(path: string, options: InputOptions = {}): AsyncGenerator<Uint8Array> {
  const memory: Memory = { reuse: false };
  const raw = rawBytes(path, options, memory);
  try {
    const head = await firstBytes(raw);
    refuseBinary(head, path);
    const all = prepend(head, raw);
    if (isGzip(head)) yield* withoutBom(gunzip(all, path), path);
    else if (isZstd(head)) yield* withoutBom(unzstd(all, path, options.maxWindow), path);
    else {
      memory.reuse = options.transient === true;
      yield* withoutBom(all, path);
    }
  } catch (error) {
    throw asComplaint(error, path);
  } finally {
    await raw.return?.(undefined);
  }
}

/** Is `path` a file, which gives the same bytes each time it is read? */
export async function canReadAgain(path: string): Promise<boolean> {
  if (path === '-') return false;
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** May the next chunk overwrite the last one? Only once it is known that nothing keeps them: not while decompressing. */
interface Memory {
  reuse: boolean;
}

async function* rawBytes(path: string, options: InputOptions, memory: Memory): AsyncGenerator<Uint8Array> {
  const { onProgress, rereading } = options;
  let read = 0;
  if (path === '-') {
    // Node takes a directory for an end. In a worker it has no descriptor of its own.
    const { stdin } = process;
    if (fstatSync(stdin.fd ?? 0).isDirectory()) throw isDirectory(path);
    for await (const chunk of stdin) {
      read += chunk.length;
      onProgress?.(read, null);
      yield chunk;
    }
    return;
  }
  const handle = await open(path);
  try {
    const facts = await handle.stat();
    if (facts.isDirectory()) throw isDirectory(path);
    const look = async () => rereading?.look(path, await handle.stat({ bigint: true }));
    await look();
    const total = facts.isFile() ? facts.size : null;
    let [buffer, last] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
    const next = () => handle.read(buffer, 0, CHUNK, null);
    let reading = next();
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) {
        await look();
        return;
      }
      read += bytesRead;
      onProgress?.(read, total);
      const chunk = buffer.subarray(0, bytesRead);
      [buffer, last] = [memory.reuse ? last : Buffer.allocUnsafe(CHUNK), buffer];
      // More of a file is read meanwhile; from a pipe it may never come, and the caller may stop here.
      if (total !== null) {
        reading = next();
        // an error waits until somebody asks
        void Promise.allSettled([reading]);
      }
      yield chunk;
      if (total === null) reading = next();
    }
  } finally {
    await handle.close();
  }
}

const isDirectory = (file: string): Complaint => new Complaint('io', 'is a directory', { file }, 'name a file');

/** At least the four bytes that magic numbers need, unless the input is shorter. */
async function firstBytes(raw: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 8) {
    const { value, done } = await raw.next();
    if (done === true) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* prepend(head: Uint8Array, raw: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const { value, done } = await raw.next();
    if (done === true) return;
    yield value;
  }
}

const startsWith = (head: Uint8Array, ...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);

const isGzip = (head: Uint8Array): boolean => startsWith(head, 0x1f, 0x8b);

function refuseBinary(head: Uint8Array, file: string): void {
  const refuse = (what: string, hint: string): never => {
    throw new Complaint('encoding', `looks like ${what}, not like a trace`, { file, line: 1, column: 1 }, hint);
  };
  const text = Buffer.from(head.subarray(0, 8)).toString('latin1');
  if (text.startsWith('PERFILE2') || text.startsWith('2ELIFREP'))
    refuse('perf.data', 'run: perf script -i FILE | vmalock import -');
  const wide = wideText(head);
  if (wide !== null) refuse(wide, 'convert it: iconv -t UTF-8');
  if (text.startsWith('\x7fELF')) refuse('an ELF program', 'record it: vmalock record -o FILE -- PROGRAM');
  if (text.startsWith('BZh')) refuse('bzip2 data', 'pipe it through bzcat');
  if (text.startsWith('\xfd7zXZ')) refuse('xz data', 'pipe it through xzcat');
  if (text.startsWith('PK\x03\x04')) refuse('a zip archive', 'pipe it through unzip -p');
}

/** Text of two or four bytes a character, by its byte order mark or by the zeros of its first ASCII characters. */
function wideText(head: Uint8Array): string | null {
  if (startsWith(head, 0xff, 0xfe, 0, 0) || startsWith(head, 0, 0, 0xfe, 0xff)) return 'UTF-32 text';
  if (startsWith(head, 0xff, 0xfe) || startsWith(head, 0xfe, 0xff)) return 'UTF-16 text';
  const zeros = Array.from(head.subarray(0, 8), byte => (byte === 0 ? '0' : 'x')).join('');
  if (/^(x000|000x){2}/.test(zeros)) return 'UTF-32 text';
  return /^(x0x0|0x0x)/.test(zeros) ? 'UTF-16 text' : null;
}

/** Skips exactly one UTF-8 byte order mark. */
async function* withoutBom(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array(0);
  for await (const chunk of source) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < 3) continue;
    refuseBinary(head, file);
    if (isGzip(head) || isZstd(head)) {
      throw new Complaint('encoding', 'what was packed here is packed data', { file }, 'unpack it once');
    }
    yield startsWith(head, 0xef, 0xbb, 0xbf) ? head.subarray(3) : head;
    head = null;
  }
  if (head !== null && head.length > 0) yield head;
}

async function* gunzip(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const { createGunzip } = await import('node:zlib');
  const inflate = createGunzip({ chunkSize: CHUNK });
  // bytes so far, and those up to the last that is not zero
  let [given, filled] = [0, 0];
  const feed = async (): Promise<void> => {
    for await (const chunk of source) {
      // zlib takes a zero behind a member for the end of it all: what comes then is only looked at
      const over = inflate.bytesWritten < given;
      const length = lengthWithoutPadding(chunk);
      if (length > 0) filled = given + length;
      given += chunk.length;
      if (!over) await new Promise<void>((done, fail) => inflate.write(chunk, error => (error ? fail(error) : done())));
    }
    inflate.end();
  };
  const feeding = feed();
  feeding.catch((error: Error) => inflate.destroy(error));
  try {
    yield* inflate;
    await feeding;
  } finally {
    inflate.destroy();
  }
  if (filled > inflate.bytesWritten) {
    const message = 'something follows the zeros behind the gzip data';
    throw new Complaint('encoding', message, { file }, 'the file is damaged, or cut off what comes after the zeros');
  }
}

/** Its length without the zeros at its end; 0 when there is nothing else. */
function lengthWithoutPadding(chunk: Uint8Array): number {
  return chunk.findLastIndex(byte => byte !== 0) + 1;
}

function asComplaint(error: unknown, file: string): unknown {
  if (error instanceof Complaint || !(error instanceof Error) || !('code' in error)) return error;
  const code = String(error.code);
  switch (code) {
    case 'ENOENT':
      if (file === '') return new Complaint('io', 'a file to read has no name', {}, 'name a file; - reads stdin');
      return new Complaint('io', 'no such file', { file }, 'check the path; - reads stdin');
    case 'EACCES':
    case 'EPERM':
      return new Complaint('io', `permission denied (${code})`, { file }, 'make it readable');
    case 'Z_BUF_ERROR':
      return new Complaint('encoding', 'truncated gzip data: it ends early', { file }, 'copy the file again');
    case 'Z_DATA_ERROR':
      return new Complaint('encoding', `damaged gzip data: ${quote(error.message)}`, { file }, 'copy the file again');
    default:
      return code.startsWith('E') && !code.startsWith('ERR_')
        ? new Complaint('io', `cannot read: ${quote(error.message)}`, { file }, `the system said ${code}`)
        : error;
  }
}
