/**
 * What system calls do to the map of an address space. An mmap(2) whose MMAP2 line shows more than its own pages has joined what lies
 * beside it: that fits where the map has it so, and is a mismatch where not. Rows are pages; `A` is mapped at first.
 */
import { expect, test } from 'vitest';
import { call, imported, line } from './sample.js';

const BASE = 0x7f0000000;
const addr = (page: number) => `${(BASE + page).toString(16)}000`;
const pages = (n: number) => `${n.toString(16)}000`;
const HEAP = { file: 'maps', text: `${addr(0)}-${addr(4)} rw-p 00000000 00:00 0   [heap]\n` };

const done = (nr: number, ...args: string[]) =>
  call(10, 10, `${nr} (${[...args, '0', '0', '0', '0'].slice(0, 6).join(', ')})`, [], 20, '0');
/** A call that returns an address. */
const moved = (nr: number, to: number, ...args: string[]) =>
  call(
    10,
    10,
    `${nr} (${[...args, '0', '0', '0', '0', '0'].slice(0, 6).join(', ')})`,
    [],
    20,
    String((BASE + to) * 4096),
  );
/** mmap(2) of [from, to), private and anonymous, which perf shows as [shown, until). */
function maps(from: number, to: number, shown: number, until = to, us = 30): string[] {
  const extent = `[0x${addr(shown)}(0x${pages(until - shown)}) @ 0 00:00 0 0]: rw-p //anon`;
  const enter = `9 (${addr(from)}, ${pages(to - from)}, 3, 22, ffffffff, 0)`;
  const row = line(us + 1, 10, `PERF_RECORD_MMAP2 10/10: ${extent}`);
  return call(us, 10, enter, [row], us + 2, String((BASE + from) * 4096));
}
/** A program that has mapped [0, 16), as perf has shown. */
const MAPPED = [line(1, 10, 'PERF_RECORD_COMM exec: x:10/10'), ...maps(0, 16, 0, 16, 2)];
const mismatched = async (lines: string[]) => (await imported([...MAPPED, ...lines].join('\n'))).summary.mismatched;
/** The same of one that was found with a heap. */
const ofHeap = async (lines: string[]) =>
  (await imported([line(1, 10, 'minor-faults: 0'), ...lines].join('\n'), { maps: HEAP })).summary.mismatched;

const AT = [addr(4), pages(4)];
const WHOLE = [addr(0), pages(16)];
/** Joins what is mapped below 16, as far down as that reaches in one piece. */
const joins = (down: number) => maps(16, 20, down);

test('what is there is joined, what is not is no part of it', async () => {
  expect(await mismatched(joins(0))).toBe(0);
  expect(await mismatched(maps(16, 20, 16))).toBe(0);
  expect(await mismatched(joins(8))).toBe(1);
  expect(await mismatched(maps(20, 24, 16))).toBe(1);
});

test.each<[string, string[], number]>([
  ['munmap leaves nothing', done(11, ...WHOLE), 1],
  ['munmap of a part leaves the rest', done(11, addr(20), pages(4)), 0],
  ['mprotect makes it another', done(10, ...WHOLE, '1'), 1],
  ['mprotect to what it was does not', done(10, ...WHOLE, '3'), 0],
  ['pkey_mprotect makes it another', done(329, ...WHOLE, '1', '0'), 1],
  ['mremap takes it away', moved(25, 32, ...WHOLE, pages(16), '1'), 1],
  ['mremap with MREMAP_DONTUNMAP leaves it', moved(25, 32, ...WHOLE, pages(16), '5'), 0],
  ['a call that failed changes nothing', call(10, 10, `11 (${WHOLE.join(', ')}, 0, 0, 0, 0)`, [], 20, '-22'), 0],
])('%s', async (_, before, found) => {
  expect(await mismatched([...before, ...joins(0)])).toBe(found);
});

test.each<[string, string[], number]>([
  ['madvise with a flag of the VMA', done(28, ...AT, 'e'), 0],
  ['madvise of pages', done(28, ...AT, '4'), 1],
  ['mlock', done(149, ...AT), 0],
  ['mlock2', done(325, ...AT, '1'), 0],
  ['munlock', done(150, ...AT), 0],
  ['mbind', done(237, ...AT, '2'), 0],
  ['mseal', done(462, ...AT), 0],
  ['mprotect', done(10, ...AT, '1'), 0],
  ['munmap', done(11, ...AT), 0],
])('%s splits what it is about: its upper part is joined alone', async (_, before, found) => {
  expect(await mismatched([...before, ...joins(8)])).toBe(found);
});

test('what mmap, mremap and brk map is joined, where perf showed nothing of it', async () => {
  const mmap = call(10, 10, `9 (0, ${pages(4)}, 3, 22, ffffffff, 0)`, [], 20, String((BASE + 40) * 4096));
  expect(await mismatched([...mmap, ...maps(44, 48, 40)])).toBe(0);
  const shared = call(10, 10, `9 (0, ${pages(4)}, 3, 21, ffffffff, 0)`, [], 20, String((BASE + 40) * 4096));
  expect(await mismatched([...shared, ...maps(44, 48, 40)])).toBe(1);
  expect(await mismatched([...moved(25, 32, ...WHOLE, pages(8), '1'), ...maps(40, 44, 32)])).toBe(0);
  expect(await mismatched([...moved(25, 32, ...WHOLE, pages(8), '1'), ...maps(48, 52, 32)])).toBe(1);
  expect(await ofHeap([...moved(12, 8, addr(8)), ...maps(8, 12, 0)])).toBe(0);
  expect(await ofHeap([...moved(12, 2, addr(2)), ...maps(4, 8, 0)])).toBe(1);
  expect(await ofHeap([...moved(12, 4, addr(4)), ...maps(4, 8, 0)])).toBe(0);
});

test('io_destroy unmaps the ring that its context is called by, whole, and nothing else', async () => {
  const text = [
    `${addr(0)}-${addr(3)} rw-s 00000000 00:0e 9   /[aio] (deleted)`,
    `${addr(3)}-${addr(6)} rw-s 00000000 00:0e 10   /[aio] (deleted)`,
    `${addr(6)}-${addr(9)} rw-s 00000000 00:0e 10   /memfd:aio (deleted)\n`,
  ];
  const after = async (page: number) => {
    const lines = [line(1, 10, 'minor-faults: 0'), ...done(207, addr(page), '0')];
    const { events } = await imported(lines.join('\n'), { maps: { file: 'maps', text: text.join('\n') } });
    return events.filter(({ op }) => op === 'munmap').map(({ addr, len }) => [addr, len]);
  };
  expect(await after(0)).toEqual([[`0x${addr(0)}`, '0x3000']]);
  expect(await after(3)).toEqual([[`0x${addr(3)}`, '0x3000']]);
  expect(await after(6)).toEqual([]);
  expect(await after(12)).toEqual([]);
});
