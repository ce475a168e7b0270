/**
 * x86-64 system calls that change an address space -> operations of the trace.
 *
 * Models: arch/x86/entry/syscalls/syscall_64.tbl (v6.18) for numbers and argument order.
 */
import { MREMAP_FLAGS } from '../../vocab.js';
import { adviceWord, hex, hexOfDecimal, mapFlags, mlockallWord, policyWord, protWord } from './words.js';

/** What one system call says: its operation and keys, or null when it changed nothing the trace models. */
export type Decoded = { op: string; [key: string]: unknown } | null;

/** `args` are hex digits without 0x; `result` is the decimal that sys_exit printed. */
type Decode = (args: readonly string[], result: string) => Decoded;

const number = (digits: string): number => Number('0x' + digits);
const range = (op: string, args: readonly string[], rest: Record<string, unknown> = {}): Decoded =>
  number(args[1]) === 0 ? null : { op, addr: hex(args[0]), len: hex(args[1]), ...rest };

function mmap(args: readonly string[], result: string): Decoded {
  const flags = mapFlags(number(args[3]));
  const event = { op: 'mmap', addr: hexOfDecimal(result), len: hex(args[1]), prot: protWord(number(args[2])), flags };
  return flags.includes('anonymous') ? event : { ...event, file: {}, offset: hex(args[5]) };
}

function mremap(args: readonly string[], result: string): Decoded {
  const bits = number(args[3]);
  const flags = MREMAP_FLAGS.filter((_, bit) => bits & (1 << bit));
  const event = { op: 'mremap', addr: hex(args[0]), old_len: hex(args[1]), new_len: hex(args[2]) };
  return { ...event, new_addr: hexOfDecimal(result), ...(flags.length > 0 ? { flags } : {}) };
}

const madvise: Decode = args => range('madvise', args, { advice: adviceWord(number(args[2])) });
const mlock2: Decode = args => range('mlock', args, number(args[2]) & 1 ? { mode: 'onfault' } : {});

const DECODERS = new Map<number, Decode>([
  [9, mmap],
  [10, args => range('mprotect', args, { prot: protWord(number(args[2])) })],
  [11, args => range('munmap', args)],
  [12, (_, result) => ({ op: 'brk', addr: hexOfDecimal(result) })],
  [25, mremap],
  [28, madvise],
  [149, args => range('mlock', args)],
  [150, args => range('munlock', args)],
  [151, args => ({ op: 'mlockall', mode: mlockallWord(number(args[0])) })],
  [152, () => ({ op: 'munlockall' })],
  [216, args => range('remap_file_pages', args)],
  [237, args => range('mbind', args, { mode: policyWord(number(args[2])) })],
  [325, mlock2],
  [329, args => range('pkey_mprotect', args, { prot: protWord(number(args[2])) })],
  [462, args => range('mseal', args)],
]);

export const NR_IOCTL = 16;
export const NR_SHMDT = 67;
const FORKS = new Set([56, 57, 58, 435]);
const EXECS = new Set([59, 322]);
const EXIT_GROUP = 231;

export const isFork = (nr: number): boolean => FORKS.has(nr);
export const isExec = (nr: number): boolean => EXECS.has(nr);
export const isExitGroup = (nr: number): boolean => nr === EXIT_GROUP;
/** Does the importer hold other events back until this call returns? */
export const isModelled = (nr: number): boolean => DECODERS.has(nr) || nr === NR_SHMDT;

/** Operation of a call that returned well. */
export function decode(nr: number, args: readonly string[], result: string): Decoded {
  return DECODERS.get(nr)?.(args, result) ?? null;
}

/** Did the call fail? A result in [-4095, -1] is an errno. */
export function failed(result: string): boolean {
  return result.startsWith('-') && result.length <= 5 && Number(result) >= -4095;
}

const NAMES: Readonly<Record<number, string>> = {
  0: 'read',
  1: 'write',
  9: 'mmap',
  10: 'mprotect',
  11: 'munmap',
  12: 'brk',
  14: 'rt_sigprocmask',
  16: 'ioctl',
  25: 'mremap',
  26: 'msync',
  27: 'mincore',
  28: 'madvise',
  30: 'shmat',
  56: 'clone',
  57: 'fork',
  58: 'vfork',
  59: 'execve',
  60: 'exit',
  61: 'wait4',
  67: 'shmdt',
  149: 'mlock',
  150: 'munlock',
  151: 'mlockall',
  152: 'munlockall',
  157: 'prctl',
  202: 'futex',
  206: 'io_setup',
  216: 'remap_file_pages',
  231: 'exit_group',
  237: 'mbind',
  239: 'get_mempolicy',
  256: 'migrate_pages',
  257: 'openat',
  262: 'newfstatat',
  279: 'move_pages',
  310: 'process_vm_readv',
  311: 'process_vm_writev',
  322: 'execveat',
  323: 'userfaultfd',
  325: 'mlock2',
  329: 'pkey_mprotect',
  425: 'io_uring_setup',
  435: 'clone3',
  440: 'process_madvise',
  447: 'memfd_secret',
  462: 'mseal',
};

/** Name of a system call, or its number where the table is silent. */
export function syscallName(nr: number): string {
  return NAMES[nr] ?? `syscall_${nr}`;
}
