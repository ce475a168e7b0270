/** Arguments as strace spells them. */
import { describe, expect, test } from 'vitest';
import { hexOf, member, pathOf, splitArguments, stringOf } from '../../src/trace/import/strace-args.js';

describe('arguments are split at commas', () => {
  test.each<[string, string[] | null]>([
    ['', []],
    ['1', ['1']],
    ['1, 2,3 ', ['1', '2', '3']],
    ['1, ', ['1', '']],
    ['"a, b", 2', ['"a, b"', '2']],
    [String.raw`"a\", b", 2`, [String.raw`"a\", b"`, '2']],
    [String.raw`"a\\", 2`, [String.raw`"a\\"`, '2']],
    ['"a, b', null],
    ['{a=1, b=[2, 3]}, f(4, 5)', ['{a=1, b=[2, 3]}', 'f(4, 5)']],
    ['{a=1, b=2', null],
    ['a), 2', null],
    ['3</tmp/a, b>, 2', ['3</tmp/a, b>', '2']],
    ['AT_FDCWD</tmp/a, b>, 2', ['AT_FDCWD</tmp/a, b>', '2']],
    ['3<TCP:[1->2, 3]>, 2', ['3<TCP:[1->2, 3]>', '2']],
    ['3</tmp/a, 2', null],
    ['21<<MAP_HUGE_SHIFT, 2', ['21<<MAP_HUGE_SHIFT', '2']],
    ['a<b, 2', ['a<b', '2']],
  ])('%s', (text, args) => {
    expect(splitArguments(text)).toEqual(args);
  });
});

describe('an argument as hex digits', () => {
  test.each<[string, string | null]>([
    ['0x7f24cd12a000', '7f24cd12a000'],
    ['0x7f24CD', null],
    ['0xfffffffffffffffff', null],
    ['4096', '1000'],
    ['-1', 'ffffffffffffffff'],
    ['123456789012345678901', null],
    ['NULL', '0'],
    ['PROT_NONE', '0'],
    ['PROT_READ|PROT_WRITE|PROT_EXEC', '7'],
    ['PROT_READ | 0x1000000', '1000001'],
    ['PROT_SEM|PROT_GROWSUP|8', '2000008'],
    ['MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS', '32'],
    ['MAP_SHARED|MAP_POPULATE|MAP_LOCKED', 'a001'],
    ['MAP_SHARED_VALIDATE|MAP_SYNC', '80003'],
    ['MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE|MAP_STACK|MAP_GROWSDOWN', '24122'],
    ['MAP_PRIVATE|MAP_DENYWRITE|MAP_EXECUTABLE|MAP_32BIT|MAP_NONBLOCK|MAP_DROPPABLE', '1184a'],
    ['MAP_FIXED_NOREPLACE|MAP_UNINITIALIZED|MAP_FILE', '4100000'],
    ['MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT', '40002'],
    ['MAP_PRIVATE|x21<<MAP_HUGE_SHIFT', null],
    ['MREMAP_MAYMOVE|MREMAP_FIXED|MREMAP_DONTUNMAP', '7'],
    ['MCL_CURRENT|MCL_FUTURE|MCL_ONFAULT', '7'],
    ['MLOCK_ONFAULT', '1'],
    ['CLONE_VM', null],
    ['MADV_DONTNEED', '4'],
    ['MADV_GUARD_INSTALL', '66'],
    ['MADV_WHAT', null],
    ['0x19 /* MADV_??? */', '19'],
    ['MPOL_BIND|MPOL_F_STATIC_NODES', '2'],
    ['MPOL_WHAT', null],
    ['3</tmp/f>', '3'],
    ['-1<a>', 'ffffffffffffffff'],
    ['toString', null],
    ['PROT_READ|what', null],
    ['PROT_READ|0x123456789', null],
    ['', null],
  ])('%s', (argument, digits) => {
    expect(hexOf(argument)).toBe(digits);
  });
});

test.each([
  ['3</tmp/a b>', '/tmp/a b'],
  ['-100</tmp>', '/tmp'],
  ['3</tmp/a>(deleted)', '/tmp/a (deleted)'],
  [String.raw`3</tmp/\303\244\74b>`, '/tmp/ä<b'],
  ['3', ''],
  ['AT_FDCWD</tmp>', ''],
  ['3</tmp/a>, 4', ''],
])('the path of %s', (argument, path) => {
  expect(pathOf(argument)).toBe(path);
});

test.each([
  ['"/bin/true"', '/bin/true'],
  ['"/bin/tr"...', '/bin/tr'],
  [String.raw`"a\n\t\r\v\f\a\b\e\"\\\0z"`, 'a\n\t\r\v\f\x07\b\x1b"\\\0z'],
  [String.raw`"\x41\1012\33"`, 'AA2\x1b'],
  [String.raw`"→\n"`, '→\n'],
  ['/bin/true', ''],
  ['0x7ffd "/bin/true"', ''],
  ['"/bin/true" 1', ''],
])('the string %s', (argument, text) => {
  expect(stringOf(argument)).toBe(text);
});

test('members of a structure', () => {
  const text = '{dst=0x7f24cd12a000, src=0x4bf000, len=4096, mode=0, copy=0x1000}';
  expect(['dst', 'src', 'len', 'copy'].map(key => member(text, key))).toEqual([
    ...['7f24cd12a000', '4bf000', '1000', '1000'],
  ]);
  expect(['rc', 'wake', 'mod'].map(key => member(text, key))).toEqual([null, null, null]);
  expect(member('{len=4096...', 'len')).toBe(null);
});

test.each([
  ['a path that is not closed', '3</tmp/a', null],
  ['a comparison is no path', '<a, b', ['<a', 'b']],
])('arguments with %s', (_what, text, args) => {
  expect(splitArguments(text)).toEqual(args);
});

test('escapes of a string: C, hex, octal, a quote; a character that strace left as it was', () => {
  expect(stringOf('"a\\tb\\x41\\101\\""...')).toBe('a\tbAA"');
  expect(stringOf('0x7ffd0')).toBe('');
  expect(pathOf('3</tmp/\u65e5\\40x>')).toBe('/tmp/\u65e5 x');
});
