/**
 * System calls that change an address space -> operations of the trace.
 *
 * Models: mm/mmap.c, mm/mprotect.c, mm/mremap.c, mm/madvise.c, mm/mlock.c, mm/mempolicy.c, SYSCALL_DEFINEn() (v6.18) for
 * the order of the arguments; clone is x86-64's, flags first.
 */
import { MREMAP_FLAGS } from '../../vocab.js';
import { mayBeInt80 } from './int80.js';
import { adviceWord, hex, hexOfDecimal, mapFlags, mlockallWord, policyWord, protWord } from './words.js';

/** What one system call says: its operation and keys, or null when it changed nothing the trace models. */
export type Decoded = { op: string; [key: string]: unknown } | null;

/** `args` are hex digits without 0x; `result` is a signed decimal, as raw_syscalls:sys_exit prints it. */
type Decode = (args: readonly string[], result: string) => Decoded;

const number = (digits: string): number => Number('0x' + digits);
const range = (op: string, args: readonly string[], rest: Record<string, unknown> = {}): Decoded =>
  number(args[1]) === 0 ? null : { op, addr: hex(args[0]), len: hex(args[1]), ...rest };

function mmap(args: readonly string[], result: string): Decoded {
  const flags = mapFlags(number(args[3]));
  const event: Decoded = {
    op: 'mmap',
    addr: hexOfDecimal(result),
    len: hex(args[1]),
    prot: protWord(number(args[2])),
    flags,
  };
  if (!flags.includes('anonymous')) {
    event.file = {};
    event.offset = hex(args[5]);
  }
  return event;
}

function mremap(args: readonly string[], result: string): Decoded {
  const bits = number(args[3]);
  const flags = MREMAP_FLAGS.filter((_, bit) => bits & (1 << bit));
  const event = { op: 'mremap', addr: hex(args[0]), old_len: hex(args[1]), new_len: hex(args[2]) };
  return { ...event, new_addr: hexOfDecimal(result), ...(flags.length > 0 ? { flags } : {}) };
}

const madvise: Decode = args => range('madvise', args, { advice: adviceWord(number(args[2])) });
const mlock2: Decode = args => range('mlock', args, number(args[2]) & 1 ? { mode: 'onfault' } : {});

/** Name, how many arguments must have been printed, and what they say. */
const CALLS: readonly [name: string, arguments: number, decode: Decode][] = [
  ['mmap', 6, mmap],
  ['mprotect', 3, args => range('mprotect', args, { prot: protWord(number(args[2])) })],
  ['munmap', 2, args => range('munmap', args)],
  ['brk', 1, (_, result) => ({ op: 'brk', addr: hexOfDecimal(result) })],
  ['mremap', 4, mremap],
  ['madvise', 3, madvise],
  ['mlock', 2, args => range('mlock', args)],
  ['munlock', 2, args => range('munlock', args)],
  ['mlockall', 1, args => ({ op: 'mlockall', mode: mlockallWord(number(args[0])) })],
  ['munlockall', 0, () => ({ op: 'munlockall' })],
  ['remap_file_pages', 2, args => range('remap_file_pages', args)],
  ['mbind', 3, args => range('mbind', args, { mode: policyWord(number(args[2])) })],
  ['mlock2', 3, mlock2],
  ['pkey_mprotect', 4, args => range('pkey_mprotect', args, { prot: protWord(number(args[2])) })],
  ['mseal', 2, args => range('mseal', args)],
];
const DECODERS = new Map(CALLS.map(([name, , decode]) => [name, decode]));
const ARGUMENTS = new Map([
  ...CALLS.map(([name, n]) => [name, n] as const),
  ['shmdt', 1],
  ['io_destroy', 1],
  ['ioctl', 3],
  ['clone', 1],
  ['process_madvise', 4],
  ['ptrace', 3],
]);

const FORKS = new Set(['clone', 'fork', 'vfork', 'clone3']);
const EXECS = new Set(['execve', 'execveat']);

export const isFork = (name: string): boolean => FORKS.has(name);
export const isExec = (name: string): boolean => EXECS.has(name);
/** What these do to memory is not among their arguments. */
const HIDDEN: ReadonlySet<string> = new Set(['shmdt', 'io_destroy', 'process_madvise']);

/** Does the importer hold other events back until this call returns? */
export const isModelled = (name: string): boolean => DECODERS.has(name) || HIDDEN.has(name) || mayBeInt80(name);

/** Arguments that must have been printed for the call to be understood. */
export const argumentsOf = (name: string): number => ARGUMENTS.get(name) ?? (mayBeInt80(name) ? 5 : 0);

/** Operation of a call that returned well. */
export function decode(name: string, args: readonly string[], result: string): Decoded {
  return DECODERS.get(name)?.(args, result) ?? null;
}

/** Did the call fail? A result in [-4095, -1] is an errno. */
export function failed(result: string): boolean {
  return result.startsWith('-') && result.length <= 5 && Number(result) >= -4095;
}
