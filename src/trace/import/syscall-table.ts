/**
 * Numbers of x86-64 system calls -> names: those that change an address space, and those that take mmap_lock or wait.
 *
 * Models: arch/x86/entry/syscalls/syscall_64.tbl (v6.18).
 */
const NAMES: Readonly<Record<number, string>> = {
  0: 'read',
  1: 'write',
  9: 'mmap',
  10: 'mprotect',
  11: 'munmap',
  12: 'brk',
  14: 'rt_sigprocmask',
  15: 'rt_sigreturn',
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
  101: 'ptrace',
  149: 'mlock',
  150: 'munlock',
  151: 'mlockall',
  152: 'munlockall',
  157: 'prctl',
  202: 'futex',
  206: 'io_setup',
  207: 'io_destroy',
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

const named = (nr: number): string => NAMES[nr] ?? `syscall_${nr}`;

/** So for all there are: a string that is made once is compared and looked up faster than one that is made for every call. */
const ALL = Array.from({ length: 512 }, (_, nr) => named(nr));

/** Name of a system call, or its number where the table is silent. */
export function syscallName(nr: number): string {
  return ALL[nr] ?? named(nr);
}
