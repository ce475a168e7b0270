/**
 * The two ways in which system calls are recorded -> name and arguments, name and result.
 *
 * Models: include/trace/events/syscalls.h (raw_syscalls); kernel/trace/trace_syscalls.c, print_syscall_enter(),
 * print_syscall_exit(), __set_enter_print_fmt() (v6.1 to v7.2). Up to 6.16 tracefs prints hex without 0x.
 *
 *     sys_enter: NR 9 (0, 2000, 3, 22, ffffffff, 0)                     sys_exit: NR 9 = 139637976727552
 *     sys_mmap(addr: 0, len: 2000, prot: 3, flags: 22, fd: ff, off: 0)  sys_mmap -> 0x7f0000000000
 *     syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x00002000, ...   syscalls:sys_exit_mmap: 0x7f0000000000
 */
import { Alike, END, End } from './fields.js';
import { syscallName } from './syscall-table.js';
import { argumentsOf } from './syscalls.js';

const RAW_ENTER = /^\s*NR (\d+) \(([0-9a-f]+(?:, [0-9a-f]+){5})\)/;
const RAW_EXIT = /^\s*NR (-?\d+) = (-?\d{1,19})/;
const ARGUMENT = /^(?:[\w *]+ \*?)?\w+: (?:0x)?([0-9a-f]{1,16})(?![0-9a-f])/;
const NAMED_EXIT = new RegExp(`^\\s*(?:0x([0-9a-f]{1,16})|(-?\\d{1,19}))${END}`);

const BETWEEN = ', ';
const NONE: readonly string[] = [];
const NO_CALL: Exit = { name: null };

const enterEnd = new End();
const exitEnd = new End();

const rawCalls = new Alike<Enter>();
const namedCalls = new Alike<Enter>();
const returns = new Alike<Exit>();

/** A call but for its arguments. */
export interface Enter {
  name: string;
  /** raw_syscalls, not the call's own event */
  raw: boolean;
}

/** A return but for its result. */
export interface Exit {
  /** null when the text says -1: not a call that is under way */
  name: string | null;
}

/**
 * Of `sys_enter` or `sys_enter_NAME`; null when the text is cut off.
 *
 * `args` are hex digits without 0x, as many as were printed, none of a raw call that is understood without; between two
 * stands BETWEEN.
 */
export function parseEnter(event: string, text: string): { args: string; fields: Enter } | null {
  if (event !== 'sys_enter') return namedEnter(event.slice('sys_enter_'.length), text.trim());
  const match = RAW_ENTER.exec(text);
  if (match === null || !enterEnd.isAt(text, match[0].length)) return null;
  const fields = rawCalls.of(syscallName(Number(match[1])), name => ({ name, raw: true }));
  return { args: argumentsOf(fields.name) === 0 ? '' : match[2], fields };
}

/** tracefs puts the arguments in parentheses, perf does not. A string beside a pointer is left out. */
function namedEnter(called: string, text: string): { args: string; fields: Enter } | null {
  if (text.startsWith('(') && !text.endsWith(')')) return null;
  const args: string[] = [];
  for (const piece of text.replace(/^\(|\)$/g, '').split(BETWEEN)) {
    const match = ARGUMENT.exec(piece);
    if (match !== null) args.push(match[1]);
  }
  if (args.length < argumentsOf(called)) return null;
  return { args: args.join(BETWEEN), fields: namedCalls.of(called, name => ({ name, raw: false })) };
}

/** The arguments one by one. */
export function argumentsIn(args: string): readonly string[] {
  return args === '' ? NONE : args.split(BETWEEN);
}

/** Of `sys_exit` or `sys_exit_NAME`; the result is a signed decimal. Null when the text is cut off. */
export function parseExit(event: string, text: string): { result: string; fields: Exit } | null {
  if (event === 'sys_exit') {
    const match = RAW_EXIT.exec(text);
    if (match === null || !exitEnd.isAt(text, match[0].length)) return null;
    return { result: match[2], fields: match[1].startsWith('-') ? NO_CALL : returnOf(syscallName(Number(match[1]))) };
  }
  const match = NAMED_EXIT.exec(text);
  if (match === null) return null;
  return { result: match[2] ?? signed(match[1]), fields: returnOf(event.slice('sys_exit_'.length)) };
}

const returnOf = (called: string): Exit => returns.of(called, name => ({ name }));

/** Hex digits of a result as a signed decimal. */
export function signed(digits: string): string {
  return digits.length < 14 ? String(Number('0x' + digits)) : BigInt.asIntN(64, BigInt('0x' + digits)).toString();
}
