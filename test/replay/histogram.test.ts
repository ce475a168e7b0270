/** Distributions of times: exact sums, percentiles never more than a bucket too high. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/replay/histogram.js';

function of(times: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const time of times) histogram.add(time);
  return histogram;
}

/** The smallest time that at least `share` of all are at or below. */
function exact(times: readonly number[], share: number): number {
  return [...times].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * times.length) - 1)];
}

const times = fc.array(fc.oneof(fc.nat(200), fc.nat(1e6), fc.nat(2 ** 31 - 1), fc.nat({ max: 2 ** 40 })), {
  minLength: 1,
  maxLength: 60,
});

describe('a histogram', () => {
  it('keeps count, sum and maximum exactly', () => {
    fc.assert(
      fc.property(times, values => {
        const histogram = of(values);
        expect(histogram.count).toBe(values.length);
        expect(histogram.total).toBe(values.reduce((sum, value) => sum + value, 0));
        expect(histogram.max).toBe(Math.max(...values));
      }),
      { seed: 42 },
    );
  });

  it('gives percentiles at most 1/32 too high and never above the maximum', () => {
    fc.assert(
      fc.property(times, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (values, share) => {
        const got = of(values).percentile(share);
        const want = exact(values, share);
        expect(got).toBeGreaterThanOrEqual(want);
        expect(got).toBeLessThanOrEqual(Math.min(want + want / 32, Math.max(...values)));
      }),
      { seed: 42 },
    );
  });

  it('is exact below 64 ns', () => {
    for (let time = 0; time < 64; time++) expect(of([time, 1e9]).percentile(0.5)).toBe(time);
  });

  it('takes times it was not told of for zero', () => {
    const histogram = of([5000]);
    expect(histogram.percentile(0.5, 10)).toBe(0);
    expect(histogram.percentile(1, 10)).toBe(5000);
  });

  it('has nothing to say of nothing', () => {
    expect(new Histogram().percentile(0.99)).toBe(0);
  });
});
