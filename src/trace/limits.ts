/** Limits, each with its reason: what a trace may ask of the machine that reads it. SECURITY.md lists them. */
import { Complaint, type Where } from '../errors.js';

/** Deepest nesting: the depth of the stack is not for the input to choose. */
export const MAX_DEPTH = 64;

/** A limit that an option moves. */
export interface Limit {
  readonly option: string;
  readonly standard: number;
  /** what there may be as much of, after a number */
  readonly what: string;
}

export const LIMITS = {
  /** Longest line of any text and longest single event: what one complaint or one window may have to hold. */
  maxLine: { option: '--max-line', standard: 1024 * 1024, what: 'bytes' },
  /** What all distinct names may take: a trace names its mappings, threads and files for as long as it is read. */
  maxNames: { option: '--max-names', standard: 512 * 1024 * 1024, what: 'bytes of names' },
  /** Threads of a trace: each model keeps about 300 bytes for each, and 1 KB while it does something. */
  maxThreads: { option: '--max-threads', standard: 2 ** 20, what: 'threads' },
  /** Address spaces of a trace: each model keeps about 12 KB for each. */
  maxMms: { option: '--max-mms', standard: 2 ** 16, what: 'address spaces' },
  /** VMAs of all address spaces at once, under one model: about 300 bytes each, and a fork of all of them is one line. */
  maxVmas: { option: '--max-vmas', standard: 2 ** 21, what: 'VMAs at once' },
  /** Touched pages of all address spaces at once, under one model: one byte each, kept by 64, and a fork doubles them. */
  maxPages: { option: '--max-pages', standard: 2 ** 29, what: 'touched pages at once' },
  /** Window of zstd data: it is held in memory, and zstd itself asks before it makes a larger one. */
  maxWindow: { option: '--max-window', standard: 128 * 1024 * 1024, what: 'bytes of zstd window' },
  /** Unfinished calls and faults of a recorder's text, and what came after them: the oldest is given up, and counted. */
  maxHeld: { option: '--max-held', standard: 2 ** 18, what: 'calls and faults held back' },
  /** A copy of /proc/PID/maps or smaps: smaps prints about 800 bytes for each VMA. */
  maxMaps: { option: '--max-maps', standard: 256 * 1024 * 1024, what: 'bytes of maps' },
  /** Rows of a truth file: about 200 bytes each. */
  maxTruth: { option: '--max-truth', standard: 2_000_000, what: 'rows of truth' },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof LIMITS;

/** Limits other than the standard ones, by name. */
export type Limited<L extends LimitName> = { readonly [N in L]?: number | undefined };

/** Bytes a name takes beside its text. */
export const NAME_COST = 64;

/** The complaint that there is more of something than `most`. */
export function tooMany(name: LimitName, most: number, where: Where): Complaint {
  const { option, what } = LIMITS[name];
  return new Complaint('limit', `more than ${most} ${what}`, where, `raise the limit with ${option} if they are meant`);
}

/** The complaint that a line, or the event that begins on it, is longer than `most` bytes. */
export function tooLong(line: string, most: number, where: Where): Complaint {
  const hint = `raise the limit with ${LIMITS.maxLine.option} if it is meant`;
  return new Complaint('limit', `${line} is longer than ${most} bytes`, where, hint);
}
