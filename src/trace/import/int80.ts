/**
 * Calls of a 64-bit program through int 0x80: their numbers are of the 32-bit table, and nothing in the text says so.
 *
 * Models: arch/x86/entry/syscalls/syscall_32.tbl; arch/x86/entry/syscall_32.c, do_int80_emulation() (v6.18).
 *
 * What has these numbers in the 64-bit table never takes mmap_lock for writing. Left out are those whose number is one of
 * memory there too, and what may sleep for long there (brk is recvfrom), as it would hold back all that follows.
 */
import type { Call } from './world.js';

const CALLS: ReadonlyMap<string, string> = new Map([
  // fchmod, capget, acct, lgetxattr
  ['syscall_91', 'munmap'],
  ['syscall_125', 'mprotect'],
  ['syscall_163', 'mremap'],
  ['syscall_192', 'mmap'],
]);

/** Must it be held until its return says which of the two it is? */
export const mayBeInt80 = (name: string): boolean => CALLS.has(name);

/** The call as it was meant: mmap2 says its offset in pages, and of a register the lower half counts. */
export function throughInt80(call: Call): Call {
  const name = CALLS.get(call.name);
  if (name === undefined || !call.sections.some(({ mode }) => mode === 'write')) return call;
  const args = call.args.map(arg => arg.slice(-8));
  return { ...call, name, args: name === 'mmap' ? [...args.slice(0, 5), `${args[5]}000`] : args };
}
