/** The operating system's answers: its errors in words, a reader that went away, and whose descriptors those of this process are. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Complaint, type Where } from '../errors.js';

/** The reader of our output went away: not an error, but the end, with the status of a broken pipe. */
export class OutputClosed extends Error {
  readonly exitCode = 141;
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  ENOSPC: 'no space left',
  EDQUOT: 'disk quota exceeded',
  EFBIG: 'file too large',
  EROFS: 'read-only file system',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ELOOP: 'too many levels of symbolic links',
  EIO: 'input/output error',
  EBADF: 'not open',
};

/** The words for an operating system's error: `no space left (ENOSPC)`. */
export function systemReason(error: NodeJS.ErrnoException): string {
  const code = error.code ?? 'unknown error';
  return Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : code;
}

/**
 * Does `path` name a descriptor that Node opened for its own ends, and nobody handed to it? What is written there breaks its event
 * loop, and what is read there never comes. Those are an epoll or eventfd, or a pipe of which both ends are here.
 */
export function isOfRuntime(path: string): boolean {
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path)?.[1];
  if (number === undefined) return false;
  const opened = nameOf(number);
  if (!opened.startsWith('pipe:')) return opened.startsWith('anon_inode:');
  const ends = readdirSync('/proc/self/fd').filter(other => nameOf(other) === opened);
  return new Set(ends.map(accessOf)).size > 1;
}

/** The complaint about such a descriptor. */
export function notOpen(what: string, where: Where): Complaint {
  return new Complaint('io', `${what}: not open (EBADF)`, where, 'open it in the shell, such as 7>FILE or 7<FILE');
}

/** What a descriptor is of, such as `pipe:[123]`; empty where there is none, or no /proc. */
function nameOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}

/** O_RDONLY, O_WRONLY or O_RDWR, which are the two lowest bits of its flags. */
function accessOf(descriptor: string): number {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
  return Number.parseInt(flags ?? '0', 8) & 3;
}
