/**
 * Numbers of the x86-64 system call interface -> words of the trace format, and the spelling of addresses.
 *
 * Models: include/uapi/asm-generic/mman-common.h, include/uapi/linux/mman.h, include/uapi/linux/mempolicy.h (v6.18).
 */
import { formatAddr, formatLen } from '../../units.js';
import type { Advice, MapFlag } from '../../vocab.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../vocab.js';

export type { Page } from '../../units.js';

/** Nothing is mapped from here on: user space ends below. */
export const HIGHEST_PAGE = 2 ** 44;

export const PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC;

/** PROT_* bits of a system call as `rwx`. */
export function protWord(bits: number): string {
  return (bits & PROT_READ ? 'r' : '-') + (bits & PROT_WRITE ? 'w' : '-') + (bits & PROT_EXEC ? 'x' : '-');
}

/** `rwx` as PROT_* bits. */
export function protBits(word: string): number {
  return (word[0] === 'r' ? PROT_READ : 0) | (word[1] === 'w' ? PROT_WRITE : 0) | (word[2] === 'x' ? PROT_EXEC : 0);
}

const MAP_BITS: readonly [bit: number, flag: MapFlag][] = [
  [0x20, 'anonymous'],
  [0x10, 'fixed'],
  [0x100000, 'fixed'],
  [0x100, 'growsdown'],
  [0x4000, 'noreserve'],
  [0x40000, 'hugetlb'],
  [0x2000, 'locked'],
  [0x8000, 'populate'],
  [0x20000, 'stack'],
];

/** `flags` of mmap(2) as words. */
export function mapFlags(bits: number): MapFlag[] {
  const words: MapFlag[] = [(bits & 3) === 2 ? 'private' : 'shared'];
  for (const [bit, flag] of MAP_BITS) if (bits & bit && !words.includes(flag)) words.push(flag);
  return words;
}

const ADVICE_NUMBERS: Readonly<Record<number, Advice>> = {
  0: 'normal',
  1: 'random',
  2: 'sequential',
  3: 'willneed',
  4: 'dontneed',
  8: 'free',
  9: 'remove',
  10: 'dontfork',
  11: 'dofork',
  12: 'mergeable',
  13: 'unmergeable',
  14: 'hugepage',
  15: 'nohugepage',
  16: 'dontdump',
  17: 'dodump',
  18: 'wipeonfork',
  19: 'keeponfork',
  20: 'cold',
  21: 'pageout',
  22: 'populate_read',
  23: 'populate_write',
  24: 'dontneed_locked',
  25: 'collapse',
  100: 'hwpoison',
  101: 'soft_offline',
  102: 'guard_install',
  103: 'guard_remove',
};

/** `advice` of madvise(2); a number nobody named stays a number. */
export function adviceWord(advice: number): string {
  return ADVICE_NUMBERS[advice] ?? String(advice);
}

/** Number of an advice by its word; null when nobody named it. */
export function adviceNumber(word: string): number | null {
  const found = Object.entries(ADVICE_NUMBERS).find(([, name]) => name === word);
  return found === undefined ? null : Number(found[0]);
}

const POLICIES = ['default', 'preferred', 'bind', 'interleave', 'local', 'preferred_many', 'weighted_interleave'];

/** `mode` of mbind(2). */
export function policyWord(mode: number): string {
  return POLICIES[mode & 0xff] ?? String(mode);
}

/** Number of a policy by its word; null when nobody named it. */
export function policyNumber(word: string): number | null {
  const mode = POLICIES.indexOf(word);
  return mode < 0 ? null : mode;
}

/** `flags` of mlockall(2). */
export function mlockallWord(flags: number): string {
  return ['current', 'future', 'onfault'].filter((_, bit) => flags & (1 << bit)).join(' ');
}

/** Hex digits (no 0x) as a canonical address or length. */
export function hex(digits: string): string {
  return '0x' + (digits.replace(/^0+/, '').toLowerCase() || '0');
}

/** A signed decimal, as sys_exit prints its result, as an address: all 64 bits. */
export function hexOfDecimal(text: string): string {
  return '0x' + BigInt.asUintN(64, BigInt(text)).toString(16);
}

/** What a hex digit counts, in lower case; NaN for any other character. */
function hexDigit(code: number): number {
  const digit = code < 0x3a ? code - 0x30 : code < 0x61 ? -1 : code - 0x57;
  return digit < 0 || digit > 15 ? Number.NaN : digit;
}

/** Page number of an address such as `0x7f12a4b3c123`. */
export function pageOf(address: string): number {
  let page = 0;
  for (let at = 2; at < address.length - 3; at++) page = page * 16 + hexDigit(address.charCodeAt(at));
  return page;
}

/** The page that holds an address, as a spelled range. */
export function pageRange(address: string): { addr: string; len: string } {
  return { addr: formatAddr(pageOf(address)), len: formatLen(1) };
}

/** Pages of a length, rounded up as the kernel does. */
export function pagesOf(length: string): number {
  return pageOf(length) + (/[^0]/.test(length.slice(2).slice(-3)) ? 1 : 0);
}
