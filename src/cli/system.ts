/** The operating system's answers: its errors in words, and a reader that went away. */

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
