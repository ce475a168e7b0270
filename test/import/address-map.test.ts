/** What is mapped where: the map itself, as rows of pages (a letter for each extent, a dot for a hole), and what calls make of it. */
import { describe, expect, test } from 'vitest';
import { AddressMap, type Extent } from '../../src/trace/import/address-map.js';
import { blank } from '../../src/trace/import/doubt.js';
import { call, imported, line, section } from './sample.js';

const extent = (start: number, end: number, more: Partial<Extent> = {}): Extent => ({
  ...blank(start, end),
  prot: 3,
  ...more,
});

/** Extents called by their letters: `AABB.C`. */
function mapOf(row: string): AddressMap {
  const map = new AddressMap();
  for (const { 0: run, index } of row.matchAll(/([A-Z])\1*/g)) {
    map.map(extent(index, index + run.length, { name: run[0], offset: 100 }));
  }
  return map;
}

/** Each extent by its name, in capitals, then in small letters, where one of the same name follows. */
function draw(map: AddressMap, width = 8): string {
  const row = Array.from({ length: width }, () => '.');
  let last: Extent | null = null;
  for (const { start, end, name } of map.all()) {
    const beside: string =
      last !== null && last.end === start && last.name.toUpperCase() === name ? row[start - 1] : '';
    const letter = beside === name ? name.toLowerCase() : name;
    for (let page = start; page < end; page++) row[page] = letter;
    last = extent(start, end, { name });
  }
  return row.join('');
}

test.each<[string, number, number, string]>([
  ['AAAA.BBB', 1, 3, 'A..A.BBB'],
  ['AAAA.BBB', 0, 2, '..AA.BBB'],
  ['AAAA.BBB', 2, 4, 'AA...BBB'],
  ['AAAA.BBB', 0, 4, '.....BBB'],
  ['AAAA.BBB', 4, 5, 'AAAA.BBB'],
  ['AAAA.BBB', 3, 6, 'AAA...BB'],
  ['AAAA.BBB', 0, 8, '........'],
  ['AABBCCDD', 1, 7, 'A......D'],
  ['AAAA.BBB', 3, 3, 'AAAA.BBB'],
  ['AAAA.BBB', 3, 1, 'AAAA.BBB'],
])('%s without [%i, %i) is %s', (row, start, end, after) => {
  const map = mapOf(row);
  map.unmap(start, end);
  expect(draw(map)).toBe(after);
});

test('what an extent is cut to keeps its offset in the file', () => {
  const map = mapOf('AAAAAAAA');
  map.unmap(2, 5);
  expect(map.all().map(({ start, end, offset }) => [start, end, offset])).toEqual([
    [0, 2, 100],
    [5, 8, 105],
  ]);
});

test('what was mapped while an unmap went on stays', () => {
  const map = mapOf('AAAAAAAA');
  map.map(extent(2, 3, { name: 'X', since: 500 }));
  map.map(extent(4, 5, { name: 'Y', since: 300 }));
  map.unmap(1, 7, 300);
  expect(draw(map)).toBe('A.X....A');
});

test('mapping replaces what was there', () => {
  const map = mapOf('AAAA.BBB');
  map.map(extent(2, 6, { name: 'X' }));
  expect(draw(map)).toBe('AAXXXXBB');
});

describe('is asked', () => {
  const map = mapOf('.AAA..BB');

  test('what holds a page', () => {
    expect([0, 1, 3, 4, 6, 8].map(page => map.at(page)?.name ?? null)).toEqual([null, 'A', 'A', null, 'B', null]);
  });

  test('what ends above one', () => {
    expect([0, 1, 3, 4, 7, 8].map(page => map.above(page)?.name ?? null)).toEqual(['A', 'A', 'A', 'B', 'B', null]);
  });

  test('what overlaps a range, whole', () => {
    const over = (start: number, end: number) => map.overlapping(start, end).map(({ start, end }) => [start, end]);
    expect([over(0, 1), over(4, 6), over(6, 6)]).toEqual([[], [], []]);
    expect([over(0, 2), over(3, 6), over(3, 7)]).toEqual([
      [[1, 4]],
      [[1, 4]],
      [
        [1, 4],
        [6, 8],
      ],
    ]);
  });
});

test('a child has a copy of its own', () => {
  const parent = mapOf('AAAA....');
  const child = parent.clone();
  child.protect(0, 4, 1);
  child.unmap(0, 2);
  parent.map(extent(6, 8, { name: 'B' }));
  expect([draw(parent), draw(child)]).toEqual(['AAAA..BB', '..AA....']);
  expect(parent.at(3)?.prot).toBe(3);
});

test('a protection splits at both ends of its range, and holes stay holes', () => {
  const map = mapOf('AAA..BBB');
  map.protect(1, 7, 0xf5);
  expect(draw(map)).toBe('Aaa..BBb');
  expect(map.all().map(({ prot, offset }) => [prot, offset])).toEqual([
    [3, 100],
    [5, 101],
    [5, 100],
    [3, 102],
  ]);
});

test('a split changes nothing but that', () => {
  const map = mapOf('AAAA.BBB');
  map.split(2, 6);
  expect(draw(map)).toBe('AAaa.Bbb');
  expect(map.all().map(({ offset }) => offset)).toEqual([100, 102, 100, 101]);
});

test.each<[string, boolean, string]>([
  ['is gone from where it was', false, '..XAAABB'],
  ['stays there under MREMAP_DONTUNMAP', true, 'AAXAAABB'],
])('what is moved %s', (_, keep, after) => {
  const map = mapOf('AAX...BB');
  map.move(0, 2, 3, 3, keep);
  expect(draw(map)).toBe(after);
});

test('of several mappings each goes the same way, and holes stay holes', () => {
  const map = mapOf('AABB.C.........');
  map.move(1, 6, 9, 5, false);
  expect(draw(map, 14)).toBe('A........ABB.C');
});

test('beside a hole that moves, what is there stays', () => {
  const map = mapOf('AA.B....CCCCCC');
  map.move(0, 4, 9, 4, true);
  expect(draw(map, 14)).toBe('AA.B....CAACBC');
});

test('what does not fit where it goes is gone', () => {
  const map = mapOf('AABB....');
  map.move(0, 4, 5, 2, false);
  expect(draw(map)).toBe('.....AA.');
});

test('a move out of nothing maps nothing', () => {
  const map = mapOf('....AA..');
  map.move(0, 2, 6, 2, false);
  expect(draw(map)).toBe('....AA..');
});

/*
 * After a call the map is told by what is made of a fault there: one short mmap_lock section is a fallback in a shared VMA,
 * an anon_vma's in a private one, and undecided where nothing is known to be mapped.
 */

const DONE: Record<string, string> = { mmap_lock: 'shared', vma_lock: 'private' };

/** What is mapped at each of `addresses` after these calls: [enter, result]. */
async function mappedAt(calls: readonly (readonly [string, string])[], addresses: readonly string[]) {
  let us = 0;
  const text = calls.flatMap(([enter, result]) => call(us++, 10, enter, [], us++, result));
  for (const address of addresses) {
    us += 10;
    text.push(
      line(us, 10, `exceptions:page_fault_user: address=0x${address} ip=0x400000 error_code=0x6   0`),
      ...section(us + 1, 10, false),
      line(us + 5, 10, `minor-faults:     ${address}`),
    );
  }
  const { faults } = await imported(text.join('\n'));
  return faults.map(({ truth }) => DONE[truth?.path ?? ''] ?? 'nothing');
}

const decimal = (digits: string) => BigInt(`0x${digits}`).toString();
const A = '7f0000000000';
const B = '7f0000100000';
const SHARED = [`9 (0, 2000, 3, 21, ffffffff, 0)`, decimal(A)] as const;
const PRIVATE = [`9 (0, 2000, 3, 22, ffffffff, 0)`, decimal(A)] as const;
const page = (base: string, n: number) => (BigInt(`0x${base}`) + BigInt(n) * 4096n).toString(16);

test('a length that is no multiple of the page size is rounded up', async () => {
  const odd = ['9 (0, 1800, 3, 21, ffffffff, 0)', decimal(A)] as const;
  expect(await mappedAt([odd], [page(A, 1), page(A, 2)])).toEqual(['shared', 'nothing']);
});

test('brk grows the heap and gives it back', async () => {
  const brk = (end: string) => ['12 (0, 0, 0, 0, 0, 0)', decimal(end)] as const;
  const heap = page(B, 2);
  expect(await mappedAt([brk(B), brk(page(B, 4))], [heap])).toEqual(['private']);
  expect(await mappedAt([brk(B), brk(page(B, 4)), brk(page(B, 1))], [B, heap])).toEqual(['private', 'nothing']);
  expect(await mappedAt([brk(B)], [B])).toEqual(['nothing']);
});

test.each([
  ['moves what was there', '2000, 3000, 1', ['nothing', 'shared', 'shared']],
  ['leaves the old range with MREMAP_DONTUNMAP', '2000, 2000, 5', ['shared', 'shared', 'nothing']],
  ['duplicates a shared mapping of which nothing is old', '0, 3000, 1', ['shared', 'shared', 'shared']],
])('mremap %s', async (_what, lengths, mapped) => {
  const mremap = [`25 (${A}, ${lengths}, 0, 0)`, decimal(B)] as const;
  expect(await mappedAt([SHARED, mremap], [page(A, 1), B, page(B, 2)])).toEqual(mapped);
});

test('mremap of what nobody saw mapped leaves it unknown; without flags it stays where it is', async () => {
  expect(await mappedAt([[`25 (${A}, 1000, 1000, 1, 0, 0)`, decimal(B)]], [B])).toEqual(['nothing']);
  expect(await mappedAt([PRIVATE, [`25 (${A}, 2000, 4000, 0, 0, 0)`, decimal(A)]], [page(A, 3)])).toEqual(['private']);
});

test('a call on an empty range, and shmdt of what is not the beginning of a mapping, change nothing', async () => {
  expect(await mappedAt([SHARED, [`10 (${A}, 0, 0, 0, 0, 0)`, '0']], [A])).toEqual(['shared']);
  expect(await mappedAt([SHARED, [`67 (${page(A, 1)}, 0, 0, 0, 0, 0)`, '0']], [A])).toEqual(['shared']);
  expect(await mappedAt([SHARED, [`67 (${B}, 0, 0, 0, 0, 0)`, '0']], [A])).toEqual(['shared']);
  const { events } = await imported(call(1, 10, `67 (${B}, 0, 0, 0, 0, 0)`, [], 2, '0').join('\n'));
  expect(events).toEqual([]);
});

test('what was mapped while an unmap of another thread went on is what had the lock last', async () => {
  const parts = (us: number, tid: number, enter: string) => line(us, tid, `raw_syscalls:sys_enter: NR ${enter}   0`);
  const exit = (us: number, tid: number, result: string) => line(us, tid, `raw_syscalls:sys_exit: NR ${result}   0`);
  const mapped = async (...lines: string[]) => {
    const { faults } = await imported(
      [
        ...lines,
        line(40, 10, `exceptions:page_fault_user: address=0x${A} ip=0x400000 error_code=0x6   0`),
        ...section(41, 10, false),
        line(45, 10, `minor-faults:     ${A}`),
      ].join('\n'),
    );
    return DONE[faults[0].truth?.path ?? ''] ?? 'nothing';
  };
  const [map, unmap] = [`9 (0, 2000, 3, 21, ffffffff, 0)`, `11 (${A}, 2000, 0, 0, 0, 0)`];
  const maps = [parts(2, 11, map), exit(22, 11, `9 = ${decimal(A)}`)];
  const unmaps = [parts(5, 10, unmap), exit(25, 10, '11 = 0')];
  const order = (first: string[], second: string[]) => [maps[0], unmaps[0], ...first, ...second, maps[1], unmaps[1]];
  expect(await mapped(...order(section(7, 10, true), section(12, 11, true)))).toBe('shared');
  expect(await mapped(...order(section(7, 11, true), section(12, 10, true)))).toBe('nothing');
});

test('a forked child has nothing where its parent said MADV_DONTFORK, until it said MADV_DOFORK', async () => {
  const advise = (us: number, length: string, advice: string) =>
    call(us, 10, `28 (${A}, ${length}, ${advice}, 0, 0, 0)`, [], us + 1, '0');
  const shown = (us: number, tid: number, what: string) =>
    line(us, tid, `PERF_RECORD_MMAP2 ${tid}/${tid}: [0x${A}(0x3000) @ 0 00:00 0 0]: ${what} //anon`).replace(
      '10/20',
      '20/20',
    );
  const child = async (...rows: string[]) => {
    const text = [
      line(0, 10, 'PERF_RECORD_COMM exec: x:10/10'),
      ...call(1, 10, `9 (${A}, 3000, 3, 32, ffffffff, 0)`, [shown(2, 10, 'rw-p')], 3, decimal(A)),
      ...rows,
      line(30, 10, 'PERF_RECORD_FORK(20:20):(10:10)'),
      ...call(40, 20, `9 (${A}, 1000, 3, 32, ffffffff, 0)`, [shown(41, 20, 'rw-p')], 42, decimal(A)).map(row =>
        row.replace('10/20', '20/20'),
      ),
    ];
    return (await imported(text.join('\n'))).summary.mismatched;
  };
  // what the child maps is shown as merged with the pages behind it, which are there or not
  expect(await child()).toBe(0);
  expect(await child(...advise(10, '3000', 'a'))).toBe(1);
  expect(await child(...advise(10, '3000', 'a'), ...advise(20, '3000', 'b'))).toBe(0);
  expect(await child(...advise(10, '1000', 'a'))).toBe(0);
  // mprotect leaves the flag as it was
  const protect = call(20, 10, `10 (${A}, 3000, 1, 0, 0, 0)`, [shown(21, 10, 'r--p')], 22, '0');
  expect(await child(...advise(10, '3000', 'a'), ...protect)).toBe(1);
  const replace = call(20, 10, `9 (${A}, 3000, 3, 32, ffffffff, 0)`, [shown(21, 10, 'rw-p')], 22, decimal(A));
  expect(await child(...advise(10, '3000', 'a'), ...replace)).toBe(0);
});

test('a forked child has what its parent had mapped, and goes its own way from there', async () => {
  const fault = (us: number, tid: number) => [
    line(us, tid, `exceptions:page_fault_user: address=0x${A} ip=0x400000 error_code=0x6   0`).replace(
      '10/20',
      '20/20',
    ),
    ...section(us + 1, tid, false).map(row => row.replace('10/20', '20/20')),
    line(us + 5, tid, `minor-faults:     ${A}`).replace('10/20', '20/20'),
  ];
  const text = [
    ...call(1, 10, SHARED[0], [], 2, SHARED[1]),
    line(3, 10, 'PERF_RECORD_FORK(20:20):(10:10)'),
    ...call(4, 10, `11 (${A}, 2000, 0, 0, 0, 0)`, [], 5, '0'),
    ...fault(10, 10),
    ...fault(20, 20),
  ];
  const { faults } = await imported(text.join('\n'));
  expect(faults.map(({ tid, truth }) => [tid, truth?.path])).toEqual([
    [10, undefined],
    [20, 'mmap_lock'],
  ]);
});
