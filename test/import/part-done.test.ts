/** Calls that failed when they had done a part: what of it the trace has. Pages from 0x7f0000000; `A` is mapped, `.` is not. */
import { expect, test } from 'vitest';
import { call, imported, line, section } from './sample.js';

const BASE = 0x7f0000000;
const addr = (page: number) => `${(BASE + page).toString(16)}000`;
const pages = (n: number) => `${n.toString(16)}000`;
const [EPERM, ENOMEM, EINVAL, EACCES] = ['-1', '-12', '-22', '-13'];
/** AAAA....rrrrFFFFssss: private memory, a hole, memory that may only be read, a file, shared memory */
const MAPS = {
  file: 'maps',
  text: [
    `${addr(0)}-${addr(4)} rw-p 00000000 00:00 0 `,
    `${addr(8)}-${addr(12)} r--p 00000000 00:00 0 `,
    `${addr(12)}-${addr(16)} rw-p 00000000 08:01 7 /f`,
    `${addr(16)}-${addr(20)} rw-s 00000000 00:01 8 /dev/zero (deleted)\n`,
  ].join('\n'),
};

/** What is left of a call on `[from, to)`: its operation and range, or null. */
async function left(nr: number, from: number, to: number, error: string, ...rest: string[]): Promise<string | null> {
  return leftAfter([], nr, from, to, error, ...rest);
}

/** The same of a call with lines inside. */
async function leftAfter(
  inside: string[],
  nr: number,
  from: number,
  to: number,
  error: string,
  ...rest: string[]
): Promise<string | null> {
  const args = [addr(from), pages(to - from), ...rest, '0', '0', '0', '0'].slice(0, 6);
  const lines = [line(1, 10, 'minor-faults: 0'), ...call(10, 10, `${nr} (${args.join(', ')})`, inside, 20, error)];
  const { events } = await imported(lines.join('\n'), { maps: MAPS });
  const found = events.find(({ op }) => /^(mprotect|pkey_mprotect|mlock|munlock|madvise|munmap)$/.test(String(op)));
  if (found === undefined) return null;
  const start = Number(found.addr) / 4096 - BASE;
  return `${found.op} ${start}-${start + Number(found.len) / 4096}`;
}

test.each([
  ['mprotect', 10, ['3']],
  ['pkey_mprotect', 329, ['3', '0']],
] as const)('%s stops at the first hole', async (op, nr, rest) => {
  expect(await left(nr, 2, 12, ENOMEM, ...rest)).toBe(`${op} 2-4`);
  expect(await left(nr, 9, 18, ENOMEM, ...rest)).toBe(`${op} 9-18`);
  expect(await left(nr, 4, 12, ENOMEM, ...rest)).toBeNull();
  expect(await left(nr, 0, 4, EACCES, ...rest)).toBeNull();
});

test.each([
  ['mprotect', 10, ['1000003']],
  ['pkey_mprotect', 329, ['1000003', 'ffffffff']],
] as const)('%s with PROT_GROWSDOWN begins where its VMA does', async (op, nr, rest) => {
  expect(await left(nr, 10, 11, '0', ...rest)).toBe(`${op} 8-11`);
  expect(await left(nr, 10, 11, '0', '3', ...rest.slice(1))).toBe(`${op} 10-11`);
  expect(await left(nr, 10, 14, EACCES, ...rest)).toBeNull();
  expect(await left(nr, 5, 7, '0', ...rest)).toBe(`${op} 5-7`);
  const shown = (from: number, to: number) => [
    line(15, 10, `PERF_RECORD_MMAP2 10/10: [0x${addr(from)}(0x${pages(to - from)}) @ 0 00:00 0 0]: rw-p //anon`),
  ];
  expect(await leftAfter(shown(8, 11), nr, 10, 11, '0', ...rest)).toBe(`${op} 8-11`);
  // what refused was the file behind it
  expect(await leftAfter(shown(8, 12), nr, 10, 14, EACCES, ...rest)).toBe(`${op} 8-12`);
});

test.each([
  ['mlock', 149, []],
  ['mlock', 325, ['1']],
  ['munlock', 150, []],
] as const)('what %s did before a hole the replay knows', async (op, nr, rest) => {
  expect(await left(nr, 2, 12, ENOMEM, ...rest)).toBe(`${op} 2-12`);
  expect(await left(nr, 0, 4, EACCES, ...rest)).toBeNull();
});

test.each([EACCES, EPERM])('mprotect shows what it changed before a VMA that refused: %s', async error => {
  const shown = (from: number, to: number) =>
    line(15, 10, `PERF_RECORD_MMAP2 10/10: [0x${addr(from)}(0x${pages(to - from)}) @ 0 00:00 0 0]: rw-p //anon`);
  expect(await leftAfter([shown(8, 12)], 10, 9, 20, error, '3')).toBe('mprotect 9-12');
  expect(await leftAfter([shown(8, 12), shown(12, 16)], 329, 9, 14, error, '3', '0')).toBe('pkey_mprotect 9-14');
  expect(await leftAfter([], 10, 9, 20, error, '3')).toBeNull();
});

test('mlock that failed where there is no hole was over the limit, unless it went on to populate', async () => {
  expect(await left(149, 8, 20, ENOMEM)).toBeNull();
  expect(await leftAfter(section(12, 10, true), 149, 9, 18, ENOMEM)).toBeNull();
  expect(await leftAfter([...section(12, 10, true), ...section(16, 10, false)], 325, 9, 18, ENOMEM, '1')).toBe(
    'mlock 9-18',
  );
  expect(await left(149, 18, 24, ENOMEM)).toBe('mlock 18-24');
  expect(await left(150, 8, 20, ENOMEM)).toBe('munlock 8-20');
});

test('madvise goes on behind holes', async () => {
  expect(await left(28, 2, 12, ENOMEM, '4')).toBe('madvise 2-12');
  expect(await left(28, 2, 12, EINVAL, '4')).toBeNull();
  expect(await left(28, 2, 12, ENOMEM, '19')).toBeNull();
});

test('MADV_POPULATE_READ and MADV_POPULATE_WRITE do not, nor do they in memory that forbids it', async () => {
  expect(await left(28, 0, 12, ENOMEM, '16')).toBe('madvise 0-4');
  expect(await left(28, 9, 16, EINVAL, '16')).toBe('madvise 9-16');
  expect(await left(28, 9, 16, EINVAL, '17')).toBeNull();
  expect(await left(28, 13, 22, EINVAL, '17')).toBe('madvise 13-20');
  expect(await left(28, 0, 12, ENOMEM, '17')).toBe('madvise 0-4');
});

test('MADV_WIPEONFORK stops at a file and at shared memory', async () => {
  expect(await left(28, 0, 14, EINVAL, '12')).toBe('madvise 0-12');
  expect(await left(28, 16, 20, EINVAL, '12')).toBeNull();
  expect(await left(28, 0, 12, ENOMEM, '12')).toBe('madvise 0-12');
});

test.each([EINVAL, EACCES])('MADV_REMOVE stops at private memory: %s', async error => {
  expect(await left(28, 16, 22, error, '9')).toBe('madvise 16-20');
  expect(await left(28, 12, 20, error, '9')).toBeNull();
  expect(await left(28, 16, 24, ENOMEM, '9')).toBe('madvise 16-24');
});

test('nothing comes of any other call', async () => {
  expect(await left(11, 0, 4, ENOMEM)).toBeNull();
});
