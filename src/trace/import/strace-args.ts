/**
 * Arguments as strace spells them -> hex digits, as the other recorders print them.
 *
 * Models: strace 6.1 to 6.12, src/{mem,clone,madvise}.c and src/xlat/: words joined by `|`, an fd with its path in angle
 * brackets (-y), strings in double quotes with C escapes.
 */
import { adviceNumber, hexOfDecimal, policyNumber } from './words.js';

const BITS: Readonly<Record<string, number>> = {
  NULL: 0,
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  PROT_EXEC: 4,
  PROT_SEM: 8,
  PROT_GROWSDOWN: 0x1000000,
  PROT_GROWSUP: 0x2000000,
  MAP_FILE: 0,
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_SHARED_VALIDATE: 3,
  MAP_DROPPABLE: 8,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_32BIT: 0x40,
  MAP_GROWSDOWN: 0x100,
  MAP_DENYWRITE: 0x800,
  MAP_EXECUTABLE: 0x1000,
  MAP_LOCKED: 0x2000,
  MAP_NORESERVE: 0x4000,
  MAP_POPULATE: 0x8000,
  MAP_NONBLOCK: 0x10000,
  MAP_STACK: 0x20000,
  MAP_HUGETLB: 0x40000,
  MAP_SYNC: 0x80000,
  MAP_FIXED_NOREPLACE: 0x100000,
  MAP_UNINITIALIZED: 0x4000000,
  MREMAP_MAYMOVE: 1,
  MREMAP_FIXED: 2,
  MREMAP_DONTUNMAP: 4,
  MCL_CURRENT: 1,
  MCL_FUTURE: 2,
  MCL_ONFAULT: 4,
  MLOCK_ONFAULT: 1,
};

/** Splits at the commas that are not inside quotes or brackets; null when one of these is not closed. */
export function splitArguments(text: string): string[] | null {
  const args: string[] = [];
  const open: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      i = endOfString(text, i);
      if (i < 0) return null;
    } else if (character === '<' && /[\dD]/.test(text.charAt(i - 1)) && text[i + 1] !== '<') {
      i = endOfPath(text, i);
      if (i < 0) return null;
    } else if ('([{'.includes(character)) {
      open.push(character);
    } else if (')]}'.includes(character)) {
      if (open.pop() === undefined) return null;
    } else if (character === ',' && open.length === 0) {
      args.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  if (open.length > 0) return null;
  const last = text.slice(from).trim();
  return args.length > 0 || last !== '' ? [...args, last] : [];
}

/** strace escapes `<` and `>` of a path, and prints the ends of a socket with `->` between them. */
function endOfPath(text: string, from: number): number {
  const length = text.slice(from).search(/(?<!-)>/);
  return length < 0 ? -1 : from + length;
}

function endOfString(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

/** An argument as hex digits without 0x; null when it is no number of 64 bits and no known words. */
export function hexOf(argument: string): string | null {
  const text = argument.replace(/\s*\/\*.*?\*\//g, '').replace(/<.*$/, match => (match.startsWith('<<') ? match : ''));
  if (/^0x[0-9a-f]{1,16}$/.test(text)) return text.slice(2);
  if (/^-?\d{1,20}$/.test(text)) {
    const value = BigInt(text);
    return value === BigInt.asUintN(64, value) || value === BigInt.asIntN(64, value)
      ? hexOfDecimal(text).slice(2)
      : null;
  }
  let bits = 0;
  for (const word of text.split('|')) {
    const value = bitsOf(word.trim());
    if (value === null) return null;
    bits |= value;
  }
  return (bits >>> 0).toString(16);
}

function bitsOf(word: string): number | null {
  // what is left of known words: flags are 32 bits
  if (/^(?:0x[0-9a-f]{1,8}|\d{1,9})$/.test(word)) return Number(word);
  // the size of a huge page; the trace has 2 MiB ones
  if (/^\d+<<MAP_HUGE_SHIFT$/.test(word)) return 0;
  if (word.startsWith('MADV_')) return adviceNumber(word.slice('MADV_'.length).toLowerCase());
  if (word.startsWith('MPOL_F_')) return 0;
  if (word.startsWith('MPOL_')) return policyNumber(word.slice('MPOL_'.length).toLowerCase());
  return Object.hasOwn(BITS, word) ? BITS[word] : null;
}

/** Path of an fd with -y, `3</a/b>`, or '' when it prints none. */
export function pathOf(argument: string): string {
  const match = /^-?\d+<(.*?)>(\(deleted\))?$/.exec(argument);
  return match === null ? '' : unescaped(match[1]) + (match[2] === undefined ? '' : ' (deleted)');
}

/** A string in double quotes as it was; '' when the argument is none. */
export function stringOf(argument: string): string {
  const match = /^"(.*)"(?:\.\.\.)?$/.exec(argument);
  return match === null ? '' : unescaped(match[1]);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  v: '\v',
  f: '\f',
  a: '\x07',
  b: '\b',
  e: '\x1b',
};

/** C escapes -> the bytes they mean, read as UTF-8. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const latin = text.replace(/\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))/g, (_, hex, octal, other) =>
    hex === undefined && octal === undefined
      ? (ESCAPES[other] ?? other)
      : String.fromCharCode(Number.parseInt(hex ?? octal, hex === undefined ? 8 : 16)),
  );
  return /^[\0-\xff]*$/.test(latin) ? Buffer.from(latin, 'latin1').toString() : latin;
}

/** `key=0x...` or `key=123` inside a structure, as hex digits; null when it is not printed. */
export function member(structure: string, key: string): string | null {
  const match = new RegExp(`[{\\s]${key}=(0x[0-9a-f]{1,16}|\\d{1,20})(?=[,}])`).exec(structure);
  return match === null ? null : hexOf(match[1]);
}
