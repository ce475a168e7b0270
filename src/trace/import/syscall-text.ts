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
import { END, End } from './fields.js';
import type { TraceRecord } from './record.js';
import { syscallName } from './syscall-table.js';
import { argumentsOf } from './syscalls.js';

const RAW_ENTER = /^\s*NR (\d+) \(([0-9a-f]+(?:, [0-9a-f]+){5})\)/;
const RAW_EXIT = /^\s*NR (-?\d+) = (-?\d+)/;
const ARGUMENT = /^(?:[\w *]+ \*?)?\w+: (?:0x)?([0-9a-f]{1,16})(?![0-9a-f])/;
const NAMED_EXIT = new RegExp(`^\\s*(?:0x([0-9a-f]{1,16})|(-?\\d+))${END}`);

const NONE: readonly string[] = [];

const enterEnd = new End();
const exitEnd = new End();

export interface Enter {
  name: string;
  /** raw_syscalls, not the call's own event */
  raw: boolean;
  /** hex digits without 0x; as many as were printed, none of a raw call that is understood without */
  args: readonly string[];
}

export interface Exit {
  /** null when the text says -1: not a call that is under way */
  name: string | null;
  /** signed decimal */
  result: string;
}

/** Of `sys_enter` or `sys_enter_NAME`; null when the text is cut off. */
export function parseEnter({ name, text }: TraceRecord): Enter | null {
  if (name !== 'sys_enter') return namedEnter(name.slice('sys_enter_'.length), text.trim());
  const match = RAW_ENTER.exec(text);
  if (match === null || !enterEnd.isAt(text, match[0].length)) return null;
  const called = syscallName(Number(match[1]));
  return { name: called, raw: true, args: argumentsOf(called) === 0 ? NONE : match[2].split(', ') };
}

/** tracefs puts the arguments in parentheses, perf does not. A string beside a pointer is left out. */
function namedEnter(name: string, text: string): Enter | null {
  if (text.startsWith('(') && !text.endsWith(')')) return null;
  const args: string[] = [];
  for (const piece of text.replace(/^\(|\)$/g, '').split(', ')) {
    const match = ARGUMENT.exec(piece);
    if (match !== null) args.push(match[1]);
  }
  return { name, raw: false, args };
}

/** Of `sys_exit` or `sys_exit_NAME`; null when the text is cut off. */
export function parseExit({ name, text }: TraceRecord): Exit | null {
  if (name === 'sys_exit') {
    const match = RAW_EXIT.exec(text);
    if (match === null || !exitEnd.isAt(text, match[0].length)) return null;
    return { name: match[1].startsWith('-') ? null : syscallName(Number(match[1])), result: match[2] };
  }
  const match = NAMED_EXIT.exec(text);
  if (match === null) return null;
  return { name: name.slice('sys_exit_'.length), result: match[2] ?? signed(match[1]) };
}

/** Hex digits of a result as a signed decimal. */
export function signed(digits: string): string {
  return digits.length < 14 ? String(Number('0x' + digits)) : BigInt.asIntN(64, BigInt('0x' + digits)).toString();
}
