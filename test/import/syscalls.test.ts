/** System calls as recorders print them: what their arguments and results say. */
import { expect, test } from 'vitest';
import { argumentsIn, parseEnter, parseExit, signed } from '../../src/trace/import/syscall-text.js';
import { argumentsOf, decode, failed, isExec, isFork, isModelled } from '../../src/trace/import/syscalls.js';

const AT = { addr: '0x7f0000000000', len: '0x2000' };
/** Arguments of a call on AT, and more. */
const on = (...more: string[]) => ['7f0000000000', '2000', ...more];

test.each<[name: string, args: string[], result: string, event: Record<string, unknown>]>([
  [
    'mmap',
    ['0', '2000', '3', '22', 'ffffffff', '0'],
    '139637976727552',
    { op: 'mmap', ...AT, prot: 'rw-', flags: ['private', 'anonymous'] },
  ],
  [
    'mmap',
    ['0', '2000', '1', '2', '3', '5000'],
    '139637976727552',
    { op: 'mmap', ...AT, prot: 'r--', flags: ['private'], file: {}, offset: '0x5000' },
  ],
  ['mprotect', on('5'), '0', { op: 'mprotect', ...AT, prot: 'r-x' }],
  ['pkey_mprotect', on('1', '2'), '0', { op: 'pkey_mprotect', ...AT, prot: 'r--' }],
  ['munmap', on(), '0', { op: 'munmap', ...AT }],
  ['brk', ['0'], '94874673868800', { op: 'brk', addr: '0x5649bb3bf000' }],
  [
    'mremap',
    on('3000', '0'),
    '139637976727552',
    { op: 'mremap', addr: AT.addr, old_len: '0x2000', new_len: '0x3000', new_addr: AT.addr },
  ],
  [
    'mremap',
    on('3000', '7', '7f0000000000'),
    '139637976727552',
    {
      op: 'mremap',
      addr: AT.addr,
      old_len: '0x2000',
      new_len: '0x3000',
      new_addr: AT.addr,
      flags: ['maymove', 'fixed', 'dontunmap'],
    },
  ],
  ['madvise', on('4'), '0', { op: 'madvise', ...AT, advice: 'dontneed' }],
  ['mlock', on(), '0', { op: 'mlock', ...AT }],
  ['mlock2', on('0'), '0', { op: 'mlock', ...AT }],
  ['mlock2', on('1'), '0', { op: 'mlock', ...AT, mode: 'onfault' }],
  ['munlock', on(), '0', { op: 'munlock', ...AT }],
  ['mlockall', ['5'], '0', { op: 'mlockall', mode: 'current onfault' }],
  ['munlockall', [], '0', { op: 'munlockall' }],
  ['remap_file_pages', on('0', '3', '0'), '0', { op: 'remap_file_pages', ...AT }],
  ['mbind', on('8003'), '0', { op: 'mbind', ...AT, mode: 'interleave' }],
  ['mseal', on('0'), '0', { op: 'mseal', ...AT }],
])('%s %j', (name, args, result, event) => {
  expect(decode(name, args, result)).toEqual(event);
  expect(isModelled(name)).toBe(true);
});

test('a range without a length is none, and other calls change nothing', () => {
  for (const name of ['mprotect', 'munmap', 'madvise', 'mlock', 'mseal'])
    expect(decode(name, ['1000', '0', '0'], '0')).toBe(null);
  expect([decode('read', ['3'], '0'), isModelled('read'), isModelled('shmdt')]).toEqual([null, false, true]);
});

test('how many arguments a call needs to be understood', () => {
  const needs = { mmap: 6, mremap: 4, mprotect: 3, pkey_mprotect: 4, madvise: 3, mbind: 3, mlock2: 3, ioctl: 3 };
  const few = {
    munmap: 2,
    mlock: 2,
    munlock: 2,
    mseal: 2,
    remap_file_pages: 2,
    brk: 1,
    mlockall: 1,
    shmdt: 1,
    clone: 1,
  };
  const none = { munlockall: 0, read: 0, fork: 0 };
  for (const [name, n] of Object.entries({ ...needs, ...few, ...none }))
    expect([name, argumentsOf(name)]).toEqual([name, n]);
});

test('which calls make threads and programs', () => {
  const forks = ['clone', 'fork', 'vfork', 'clone3'];
  const execs = ['execve', 'execveat'];
  const all = [...forks, ...execs, 'exit'];
  expect(all.filter(isFork)).toEqual(forks);
  expect(all.filter(isExec)).toEqual(execs);
});

test('a result from -4095 to -1 is an error', () => {
  expect(['-1', '-14', '-4095'].map(failed)).toEqual([true, true, true]);
  expect(['0', '1', '-4096', '-9999', '-140000000000000', '4095'].map(failed)).toEqual(Array(6).fill(false));
});

const ARGS = ['0', '2000', '3', '22', 'ffffffff', '0'];

test.each<[string, string, unknown]>([
  ['sys_enter', ' NR 9 (0, 2000, 3, 22, ffffffff, 0)', { name: 'mmap', raw: true, args: ARGS }],
  ['sys_enter', 'NR 9 (0, 2000, 3, 22, ffffffff, 0', null],
  ['sys_enter', 'NR 9 (0, 2000, 3, 22, ffffffff)', null],
  ['sys_enter', 'call NR 9 (0, 2000, 3, 22, ffffffff, 0)', null],
  ['sys_enter', 'NR 9 (0, 2000, 3, 22, ffffffff, 0x1)', null],
  [
    'sys_enter_mmap',
    '(addr: 0, len: 2000, prot: 3, flags: 22, fd: ffffffff, off: 0)',
    { name: 'mmap', raw: false, args: ARGS },
  ],
  [
    'sys_enter_mmap',
    ' addr: 0x0, len: 0x2000, prot: 0x3, flags: 0x22, fd: 0xffffffff, off: 0x0 ',
    { name: 'mmap', raw: false, args: ARGS },
  ],
  ['sys_enter_munmap', '(addr: 7f0000000000, len: 20', null],
  ['sys_enter_munmap', '(addr: 7f0000000000)', null],
  [
    'sys_enter_munmap',
    '(unsigned long addr: 7f0000000000, size_t len: 2000)',
    { name: 'munmap', raw: false, args: on() },
  ],
  [
    'sys_enter_execve',
    '(const char * filename: 7ffd10 "/bin/true", argv: 7ffd20)',
    { name: 'execve', raw: false, args: ['7ffd10', '7ffd20'] },
  ],
  ['sys_enter_munlockall', '()', { name: 'munlockall', raw: false, args: [] }],
])('%s %s', (name, text, said) => {
  const read = parseEnter(name, text);
  expect(read && { ...read.fields, args: argumentsIn(read.args) }).toEqual(said);
});

test.each<[string, string, unknown]>([
  ['sys_exit', ' NR 9 = 139637976727552', { name: 'mmap', result: '139637976727552' }],
  ['sys_exit', 'NR 11 = -22', { name: 'munmap', result: '-22' }],
  ['sys_exit', 'NR -1 = 5', { name: null, result: '5' }],
  ['sys_exit', 'NR 9 = ', null],
  ['sys_exit', 'call NR 9 = 1', null],
  ['sys_exit', 'NR 9 = 18446744073709551616', null],
  ['sys_exit_brk', '18446744073709551616', null],
  ['sys_exit_mmap', ' 0x7f0000000000', { name: 'mmap', result: '139637976727552' }],
  ['sys_exit_mmap', '0xfffffffffffffff4', { name: 'mmap', result: '-12' }],
  ['sys_exit_brk', '-12', { name: 'brk', result: '-12' }],
  ['sys_exit_brk', 'returned 12', null],
  ['sys_exit_brk', '', null],
])('%s %s', (name, text, said) => {
  const read = parseExit(name, text);
  expect(read && { ...read.fields, result: read.result }).toEqual(said);
});

test('hex digits of a result are signed, and exact', () => {
  const digits = ['0', 'ff', '1fffffffffffff', '7fffffffffffffff', 'fffffffffffffff4', '8000000000000000'];
  expect(digits.map(signed)).toEqual([
    ...['0', '255', '9007199254740991', '9223372036854775807', '-12', '-9223372036854775808'],
  ]);
});
