/** Faults over time: every fault is in one bin, whatever the length of the run. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BINS, TimeBins } from '../../src/replay/over-time.js';

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

describe('faults over time', () => {
  test('are counted from the first on', () => {
    const bins = new TimeBins();
    bins.add(5_000_000, false);
    bins.add(5_001_500, true);
    bins.add(4_999_000, true);
    expect(bins.result()).toEqual({ bin_ns: 1000, faults: [2, 1], fallbacks: [1, 1] });
  });

  test('share wider bins the longer it takes', () => {
    const bins = new TimeBins();
    for (let ms = 0; ms < 64; ms++) bins.add(ms * 1e6, ms >= 32);
    const { bin_ns, faults, fallbacks } = bins.result();
    expect(bin_ns).toBe(2_048_000);
    expect(faults).toHaveLength(31);
    expect(sum(fallbacks.slice(0, 15))).toBe(0);
    expect(sum(fallbacks)).toBe(32);
  });

  test('of no faults are no bins', () => {
    expect(new TimeBins().result()).toEqual({ bin_ns: 1000, faults: [], fallbacks: [] });
  });

  test('add up, and lie in the bin of their time', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1e13), fc.boolean()), { minLength: 1 }), faults => {
        const sorted = [...faults].sort((a, b) => a[0] - b[0]);
        const bins = new TimeBins();
        for (const [start, fallback] of sorted) bins.add(start, fallback);
        const result = bins.result();
        expect(result.faults.length).toBeLessThanOrEqual(BINS);
        expect(sum(result.fallbacks)).toBe(sorted.filter(([, fallback]) => fallback).length);
        const expected = result.faults.map(() => 0);
        for (const [start] of sorted) expected[Math.floor((start - sorted[0][0]) / result.bin_ns)]++;
        expect(result.faults).toEqual(expected);
      }),
      { seed: 6118, numRuns: 300 },
    );
  });
});
