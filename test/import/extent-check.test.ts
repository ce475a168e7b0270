/** An MMAP2 line against the call it came in: what may have merged, and what does not fit. */
import { expect, test } from 'vitest';
import type { Extent } from '../../src/trace/import/address-map.js';
import { checkExtent } from '../../src/trace/import/extent-check.js';
import type { ImportSummary } from '../../src/trace/import/index.js';

const extent = (start: number, end: number, more: Partial<Extent> = {}): Extent => ({
  ...{ start, end, shared: false, prot: 3, mapsFile: false, growsdown: false, name: '', offset: 0, since: 0 },
  ...more,
});
const summary = (): ImportSummary =>
  ({ mismatched: 0, mismatches: [] as ImportSummary['mismatches'] }) as ImportSummary;

/** What was expected of a call for [4, 6) where perf shows `shown`; null when that fits. */
function expected(shown: Extent, over: readonly Extent[]): string | null {
  const found = summary();
  checkExtent({ extent: shown, over, line: 7 }, { start: 4, end: 6 }, found);
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

test('a hundred that do not fit are kept with their lines, all are counted', () => {
  const found = summary();
  for (let line = 1; line <= 103; line++) {
    checkExtent({ extent: extent(4, 9), over: [], line }, { start: 4, end: 6 }, found);
  }
  expect(found.mismatched).toBe(103);
  expect(found.mismatches).toHaveLength(100);
  expect(found.mismatches[99]).toEqual({ line: 100, shown: '0x4000-0x9000', expected: '0x4000-0x6000' });
});
