/** An MMAP2 line against the call it came in: it shows the VMA that resulted, with the neighbours that it merged with. */
import { expect, test } from 'vitest';
import type { Extent } from '../../src/trace/import/address-map.js';
import { blank } from '../../src/trace/import/doubt.js';
import { checkExtent, type Range } from '../../src/trace/import/extent-check.js';
import type { ImportSummary } from '../../src/trace/import/index.js';
import { call, imported, line } from './sample.js';

const extent = (start: number, end: number, more: Partial<Extent> = {}): Extent => ({
  ...blank(start, end),
  prot: 3,
  ...more,
});

/** What was expected of a call for [4, 6) where perf shows `shown`; null when that fits. */
function expected(shown: Extent, over: readonly Extent[], older: readonly Range[] = []): string | null {
  const found = { mismatched: 0, mismatches: [] as ImportSummary['mismatches'] } as ImportSummary;
  checkExtent({ extent: shown, over, line: 7, older }, { start: 4, end: 6 }, found);
  expect(found.mismatched).toBe(found.mismatches.length);
  return found.mismatches[0]?.expected ?? null;
}

const FILE = { mapsFile: true, name: '/f' };
const at = (offset: number) => ({ ...FILE, offset });

test.each<[string, Extent, Extent[], string | null]>([
  ['its own range', extent(4, 6), [], null],
  ['the VMA below, which it joins', extent(2, 6), [extent(2, 4)], null],
  ['the VMA above', extent(4, 9), [extent(6, 9)], null],
  ['both, and more beyond', extent(0, 9), [extent(0, 2), extent(2, 4), extent(6, 7), extent(7, 9)], null],
  ['a part in the middle of one', extent(2, 9), [extent(2, 9)], null],
  ['more than there was', extent(3, 7), [], '0x4000-0x6000'],
  ['less than its own range', extent(4, 5), [], '0x4000-0x6000'],
  ['a neighbour that lies apart', extent(1, 6), [extent(1, 3)], '0x4000-0x6000'],
  ['one that lies apart above', extent(4, 9), [extent(7, 9)], '0x4000-0x6000'],
  ['a part of a neighbour', extent(3, 6), [extent(2, 4)], '0x4000-0x6000'],
  ['a part of one above', extent(4, 7), [extent(6, 8)], '0x4000-0x6000'],
  ['one of another protection', extent(2, 6), [extent(2, 4, { prot: 1 })], '0x4000-0x6000'],
  ['a shared one', extent(2, 6), [extent(2, 4, { shared: true })], '0x4000-0x6000'],
  ['one of a file', extent(2, 6), [extent(2, 4, FILE)], '0x4000-0x6000'],
  ['the file before it, of which it goes on', extent(2, 6, at(10)), [extent(2, 4, at(10))], null],
  ['another part of the file', extent(2, 6, at(10)), [extent(2, 4, at(11))], '0x4000-0x6000'],
  ['the file around it, cut in two', extent(2, 9, at(10)), [extent(2, 9, at(10))], null],
])('%s', (_, shown, over, said) => {
  expect(expected(shown, over)).toBe(said);
});

test.each<[string, Extent, [number, number][], string | null]>([
  [
    'what nobody saw there',
    extent(2, 8),
    [
      [0, 4],
      [6, 9],
    ],
    null,
  ],
  [
    'in pieces, in any order',
    extent(0, 6),
    [
      [2, 4],
      [0, 1],
      [1, 3],
    ],
    null,
  ],
  [
    'and what is known',
    extent(0, 6),
    [
      [0, 2],
      [3, 4],
    ],
    '0x4000-0x6000',
  ],
  [
    'known above',
    extent(2, 8),
    [
      [0, 4],
      [7, 9],
    ],
    '0x4000-0x6000',
  ],
  ['less than its own range', extent(4, 5), [[0, 9]], '0x4000-0x6000'],
  ['a part of it, and more', extent(2, 5), [[0, 9]], '0x4000-0x6000'],
])('of before the recording: %s', (_, shown, older, said) => {
  const ranges = older.map(([start, end]) => ({ start, end }));
  expect(expected(shown, [], ranges)).toBe(said);
});

const BASE = 0x7f0000000000;
const EXEC = line(0, 10, 'PERF_RECORD_COMM exec: x:10/10');
const address = (page: number) => (BASE + page * 4096).toString(16);
const range = (from: number, to: number) => `0x${address(from)}-0x${address(to)}`;
const shown = (us: number, from: number, to: number, what = '0 00:00 0 0]: rw-p //anon') =>
  line(us, 10, `PERF_RECORD_MMAP2 10/10: [0x${address(from)}(0x${((to - from) * 4096).toString(16)}) @ ${what}`);

/** mmap(2) of pages [from, to), of which the MMAP2 line shows `extent`. */
const mmap = (us: number, from: number, to: number, extent = [from, to], what?: string, flags = 22, offset = '0') =>
  call(
    us,
    10,
    `9 (0, ${((to - from) * 4096).toString(16)}, 3, ${flags}, 3, ${offset})`,
    [shown(us + 1, extent[0], extent[1], what)],
    us + 2,
    String(BASE + from * 4096),
  );

async function mismatches(lines: readonly string[]) {
  const { summary } = await imported([EXEC, ...lines].join('\n'));
  expect(summary.mismatched).toBe(summary.mismatches.length);
  return summary.mismatches.map(({ shown, expected }) => [shown, expected]);
}

test('a mapping merges with the neighbour below it, and with those on both sides', async () => {
  expect(await mismatches([...mmap(1, 0, 2), ...mmap(5, 2, 4, [0, 4])])).toEqual([]);
  expect(await mismatches([...mmap(1, 0, 2), ...mmap(5, 4, 6), ...mmap(9, 2, 4, [0, 6])])).toEqual([]);
});

test('what was mapped before the recording began may have merged with anything, and so may what is watched', async () => {
  const wrong = mmap(1, 2, 4, [0, 4]);
  expect(await mismatches(wrong)).toHaveLength(1);
  expect((await imported(wrong.join('\n'))).summary.mismatched).toBe(0);
  const watched = call(0, 10, '16 (4, c020aa00, 7ffd0, 0, 0, 0)', [], 1, '0');
  expect(await mismatches([...watched, ...mmap(2, 2, 4, [0, 4])])).toEqual([]);
});

test('a part of the neighbour below is no whole one', async () => {
  expect(await mismatches([...mmap(1, 0, 2), ...mmap(5, 2, 4, [1, 4])])).toEqual([[range(1, 4), range(2, 4)]]);
});

test.each([
  ['mlock', '149', ''],
  ['an advice that changes the flags of a VMA', '28', ', a'],
])('%s splits a VMA: afterwards its part is a neighbour of its own', async (_what, nr, rest) => {
  const split = call(5, 10, `${nr} (${address(0)}, 1000${rest || ', 0'}, 0, 0, 0)`, [], 7, '0');
  const merges = mmap(9, 4, 6, [1, 6]);
  expect(await mismatches([...mmap(1, 0, 4), ...merges])).toEqual([[range(1, 6), range(4, 6)]]);
  expect(await mismatches([...mmap(1, 0, 4), ...split, ...merges])).toEqual([]);
});

test('an advice that changes no flags splits nothing', async () => {
  const dontneed = call(5, 10, `28 (${address(0)}, 1000, 4, 0, 0, 0)`, [], 7, '0');
  expect(await mismatches([...mmap(1, 0, 4), ...dontneed, ...mmap(9, 4, 6, [1, 6])])).toHaveLength(1);
});

test('of the lines of one mmap the one that has its address names what it mapped', async () => {
  const of = async (...lines: string[]) => {
    const mapped = call(1, 10, `9 (0, 2000, 1, 2, 3, 0)`, lines, 9, String(BASE + 4 * 4096));
    const { events } = await imported(mapped.join('\n'));
    return events.find(({ op }) => op === 'mmap')?.file;
  };
  const named = (from: number, to: number, name: string) => shown(2, from, to, `0x0 fe:00 2 3]: r--p /${name}`);
  const [below, own, above] = [named(2, 4, 'below'), named(4, 6, 'own'), named(6, 8, 'above')];
  for (const lines of [[below, own, above], [above, own, below], [own]])
    expect(await of(...lines)).toEqual({ name: '/own' });
  expect(await of(below, above)).toEqual({});
  expect(await of(below, named(3, 7, 'around'))).toEqual({ name: '/around' });
});

test('of a call about several VMAs each line is one of them', async () => {
  const file = '0x0 fe:00 2 3]: r--p /etc/x';
  const before = [...mmap(1, 0, 2), ...mmap(5, 2, 4, [2, 4], file, 2)];
  const protect = (...lines: string[]) => call(9, 10, `10 (${address(0)}, 4000, 1, 0, 0, 0)`, lines, 12, '0');
  const anonymous = shown(10, 0, 2, '0 00:00 0 0]: r--p //anon');
  expect(await mismatches([...before, ...protect(anonymous, shown(11, 2, 4, file))])).toEqual([]);
  expect(await mismatches([...before, ...protect(anonymous, shown(11, 2, 5, file))])).toEqual([
    [range(2, 5), range(2, 4)],
  ]);
});

test('mappings of a file merge where their offsets go on', async () => {
  const file = (offset: string) => `0x${offset} fe:00 2 3]: rw-p /etc/x`;
  const goesOn = mmap(5, 2, 4, [0, 4], file('0'), 2, '2000');
  expect(await mismatches([...mmap(1, 0, 2, [0, 2], file('0'), 2), ...goesOn])).toEqual([]);
  const other = mmap(5, 2, 4, [0, 4], file('3000'), 2, '5000');
  expect(await mismatches([...mmap(1, 0, 2, [0, 2], file('0'), 2), ...other])).toEqual([[range(0, 4), range(2, 4)]]);
});

test('brk extends the heap from where it ended', async () => {
  const brk = (us: number, end: number, lines: string[]) =>
    call(us, 10, '12 (0, 0, 0, 0, 0, 0)', lines, us + 2, String(BASE + end * 4096));
  const heap = '0 00:00 0 0]: rw-p [heap]';
  const first = brk(1, 0, []);
  const grows = brk(4, 2, [shown(5, 0, 2, heap)]);
  expect(await mismatches([...first, ...grows, ...brk(7, 4, [shown(8, 0, 4, heap)])])).toEqual([]);
  expect(await mismatches([...first, ...brk(4, 2, [shown(5, 0, 3, heap)])])).toEqual([[range(0, 3), range(0, 2)]]);
});

test('a stack that grows out of nothing is told: the line that showed it was lost', async () => {
  const fault = line(1, 10, `exceptions:page_fault_user: address=0x${address(4)} ip=0x400000 error_code=0x6   0`);
  const grown = shown(2, 4, 8, '0 00:00 0 0]: rw-p [stack]');
  expect(await mismatches([fault, grown])).toEqual([[range(4, 8), range(4, 5)]]);
});

test('a hundred mismatches are listed with their lines, all are counted', async () => {
  const wrong = Array.from({ length: 103 }, (_, i) => mmap(1 + 4 * i, 8 * i, 8 * i + 1, [8 * i, 8 * i + 2])).flat();
  const { summary } = await imported([EXEC, ...wrong].join('\n'));
  expect(summary.mismatched).toBe(103);
  expect(summary.mismatches).toHaveLength(100);
  // each call has three lines, of which the second is wrong
  expect(summary.mismatches[99]).toEqual({ line: 300, shown: range(792, 794), expected: range(792, 793) });
});
