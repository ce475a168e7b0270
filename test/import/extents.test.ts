/** What was mapped where, as rows of pages: a letter for each extent, a dot for a hole. */
import { describe, expect, test } from 'vitest';
import { AddressMap, type Extent } from '../../src/trace/import/address-map.js';

const extent = (start: number, end: number, more: Partial<Extent> = {}): Extent => ({
  ...{ start, end, shared: false, prot: 3, mapsFile: false, growsdown: false, name: '', offset: 0, since: 0 },
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

test('a move out of nothing maps nothing', () => {
  const map = mapOf('....AA..');
  map.move(0, 2, 6, 2, false);
  expect(draw(map)).toBe('....AA..');
});
