/** Numbers of the x86-64 system call interface and their words, as include/uapi has them (v6.18). */
import { expect, test } from 'vitest';
import {
  adviceNumber,
  adviceWord,
  hex,
  hexOfDecimal,
  mapFlags,
  mlockallWord,
  pageOf,
  pageRange,
  pagesOf,
  policyNumber,
  policyWord,
  protBits,
  protWord,
} from '../../src/trace/import/words.js';
import { ADVICES } from '../../src/vocab.js';

test('protections are bits in the order of their letters', () => {
  const words = ['---', 'r--', '-w-', 'rw-', '--x', 'r-x', '-wx', 'rwx'];
  expect(words.map((_, bits) => protWord(bits))).toEqual(words);
  expect(words.map(protBits)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(protWord(0x1000003)).toBe('rw-');
});

test('flags of mmap', () => {
  expect([1, 2, 3].map(mapFlags)).toEqual([['shared'], ['private'], ['shared']]);
  const flags: [number, string][] = [
    ...([
      [0x10, 'fixed'],
      [0x20, 'anonymous'],
      [0x100, 'growsdown'],
      [0x2000, 'locked'],
    ] as [number, string][]),
    ...([
      [0x4000, 'noreserve'],
      [0x8000, 'populate'],
      [0x20000, 'stack'],
      [0x40000, 'hugetlb'],
      [0x100000, 'fixed'],
    ] as [number, string][]),
  ];
  for (const [bit, flag] of flags) expect(mapFlags(2 | bit)).toEqual(['private', flag]);
  expect(mapFlags(0x100012)).toEqual(['private', 'fixed']);
  expect(mapFlags(0x10000 | 0x800 | 0x22)).toEqual(['private', 'anonymous']);
});

test('advice, of which 63 is for nobody', () => {
  const numbers = [
    [
      'normal',
      'random',
      'sequential',
      'willneed',
      'dontneed',
      null,
      null,
      null,
      'free',
      'remove',
      'dontfork',
      'dofork',
    ],
    ['mergeable', 'unmergeable', 'hugepage', 'nohugepage', 'dontdump', 'dodump', 'wipeonfork', 'keeponfork', 'cold'],
    ['pageout', 'populate_read', 'populate_write', 'dontneed_locked', 'collapse'],
  ].flat();
  const above = ['hwpoison', 'soft_offline', 'guard_install', 'guard_remove'];
  for (const [number, word] of [...numbers.entries(), ...above.map((word, i) => [100 + i, word] as const)]) {
    expect(adviceWord(number)).toBe(word ?? String(number));
    if (word !== null) expect(adviceNumber(word)).toBe(number);
  }
  expect([...numbers, ...above].filter(word => word !== null).sort()).toEqual([...ADVICES].sort());
  expect([adviceWord(63), adviceNumber('63')]).toEqual(['63', null]);
});

test('policies, whose flags are in the bits above', () => {
  const words = ['default', 'preferred', 'bind', 'interleave', 'local', 'preferred_many', 'weighted_interleave'];
  expect(words.map((_, mode) => policyWord(mode | 0x8000))).toEqual(words);
  expect(words.map(policyNumber)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect([policyWord(7), policyNumber('static')]).toEqual(['7', null]);
});

test('flags of mlockall', () => {
  expect([1, 2, 4, 7, 0].map(mlockallWord)).toEqual(['current', 'future', 'onfault', 'current future onfault', '']);
});

test('numbers as addresses keep all 64 bits', () => {
  expect(['0', '000', '00007F00A', 'ffffffffffffffff'].map(hex)).toEqual([
    '0x0',
    '0x0',
    '0x7f00a',
    '0xffffffffffffffff',
  ]);
  expect(['139637976727552', '-4096', '0'].map(hexOfDecimal)).toEqual(['0x7f0000000000', '0xfffffffffffff000', '0x0']);
});

test('addresses and lengths in pages', () => {
  expect(['0x0', '0xfff', '0x1000', '0x7f12a4b3c123'].map(pageOf)).toEqual([0, 0, 1, 0x7f12a4b3c]);
  expect(['0xA000', '0x:000', '0xg000', '0x/000'].map(pageOf)).toEqual([
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ]);
  expect(['0x0', '0x1', '0xfff', '0x1000', '0x1001', '0x1010', '0x1100', '0x2000'].map(pagesOf)).toEqual([
    ...[0, 1, 1, 1, 2, 2, 2, 2],
  ]);
  expect(pageRange('0x7f12a4b3c123')).toEqual({ addr: '0x7f12a4b3c000', len: '0x1000' });
});
