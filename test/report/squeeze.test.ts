/** An address space without its gaps: order is kept, nothing is lost, and every place is inside. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GAP_PAGES, placeOf, STRETCHES, squeeze } from '../../src/report/squeeze.js';

describe('squeezing an address space', () => {
  test('breaks it where nobody touched anything for long', () => {
    const stretches = squeeze([10, 0, 5, 10_000, 10_003]);
    expect(stretches.map(({ start, end }) => [start, end])).toEqual([
      [0, 11],
      [10_000, 10_004],
    ]);
    expect(stretches[0].at).toBe(0);
    expect(stretches[1].at + stretches[1].size).toBeCloseTo(1);
    expect(squeeze([0, GAP_PAGES])).toHaveLength(1);
    expect(squeeze([0, GAP_PAGES + 1])).toHaveLength(2);
  });

  test('joins stretches where there are too many', () => {
    expect(squeeze(Array.from({ length: 1000 }, (_, i) => i * 4096))).toHaveLength(STRETCHES);
  });

  test('of nothing is nothing', () => {
    expect(squeeze([])).toEqual([]);
    expect(placeOf(7, [])).toBe(0);
  });

  test('keeps the order of addresses, and small stretches visible', () => {
    const page = fc.oneof(fc.nat(5000), fc.integer({ min: 0, max: 2 ** 52 - 1 }));
    fc.assert(
      fc.property(fc.array(page, { minLength: 1 }), fc.array(page), (pages, others) => {
        const stretches = squeeze(pages);
        for (const { size } of stretches) expect(size).toBeGreaterThanOrEqual(0.4 / STRETCHES);
        const sorted = [...pages, ...others].sort((a, b) => a - b);
        const places = sorted.map(one => placeOf(one, stretches));
        places.forEach((place, i) => {
          expect(place).toBeGreaterThanOrEqual(i === 0 ? 0 : places[i - 1]);
          expect(place).toBeLessThan(1 + 1e-9);
        });
      }),
      { seed: 6118, numRuns: 200 },
    );
  });
});
