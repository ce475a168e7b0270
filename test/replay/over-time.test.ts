/** Faults over time: every fault is in one bin, whatever the length of the run. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BINS, TimeBins } from '../../src/replay/over-time.js';

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

describe('faults over time', () => {
  test('are counted, in whatever order', () => {
    const bins = new TimeBins();
    bins.add(5_000_000, false);
    bins.add(5_001_500, true);
    bins.add(4_999_000, true);
    expect(bins.result()).toEqual({ from_ns: 4_999_000, bin_ns: 1000, faults: [1, 1, 1], fallbacks: [1, 0, 1] });
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
    expect(new TimeBins().result()).toEqual({ from_ns: 0, bin_ns: 1000, faults: [], fallbacks: [] });
  });

  test('add up, lie in the bin of their time, and do not depend on the order', () => {
    const times = fc.array(fc.tuple(fc.oneof(fc.nat(50_000), fc.nat(1e13)), fc.boolean()), { minLength: 1 });
    fc.assert(
      fc.property(times, faults => {
        const [bins, reversed] = [new TimeBins(), new TimeBins()];
        for (const [start, fallback] of faults) bins.add(start, fallback);
        for (const [start, fallback] of [...faults].reverse()) reversed.add(start, fallback);
        const result = bins.result();
        expect(reversed.result()).toEqual(result);
        expect(result.faults.length).toBeLessThanOrEqual(BINS);
        expect(sum(result.fallbacks)).toBe(faults.filter(([, fallback]) => fallback).length);
        const expected = result.faults.map(() => 0);
        for (const [start] of faults) expected[Math.floor((start - result.from_ns) / result.bin_ns)]++;
        expect(result.faults).toEqual(expected);
      }),
      { seed: 6118, numRuns: 300 },
    );
  });
});
