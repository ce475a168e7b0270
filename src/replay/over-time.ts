/**
 * Faults over time in a fixed number of bins, whose width doubles when they do not reach. Bins begin at multiples of their
 * width, so that what they hold does not depend on the order in which faults are counted.
 */
import type { Ns } from '../units.js';
import type { OverTime } from './result.js';

/** Bins at most. */
export const BINS = 32;
/** What a bin is wide at first. */
const FIRST_WIDTH: Ns = 1000;

export class TimeBins {
  /** by the number of the bin, counted from time 0, modulo BINS */
  private readonly faults = new Float64Array(BINS);
  private readonly fallbacks = new Float64Array(BINS);
  private width: Ns = FIRST_WIDTH;
  /** numbers of the first bin and the last */
  private first = Number.POSITIVE_INFINITY;
  private last = Number.NEGATIVE_INFINITY;

  /** A fault that began at `start`. */
  add(start: Ns, fallback: boolean): void {
    let bin = Math.floor(start / this.width);
    while (Math.max(bin, this.last) - Math.min(bin, this.first) >= BINS) {
      this.widen();
      bin = Math.floor(start / this.width);
    }
    if (bin < this.first) this.first = bin;
    if (bin > this.last) this.last = bin;
    this.faults[bin % BINS]++;
    if (fallback) this.fallbacks[bin % BINS]++;
  }

  result(): OverTime {
    const { first, last, width } = this;
    if (last < first) return { from_ns: 0, bin_ns: width, faults: [], fallbacks: [] };
    const inOrder = (bins: Float64Array): number[] =>
      Array.from({ length: last - first + 1 }, (_, i) => bins[(first + i) % BINS]);
    return {
      from_ns: first * width,
      bin_ns: width,
      faults: inOrder(this.faults),
      fallbacks: inOrder(this.fallbacks),
    };
  }

  private widen(): void {
    const { faults, fallbacks, from_ns } = this.result();
    const was = from_ns / this.width;
    this.width *= 2;
    for (const [bins, counts] of [
      [this.faults, faults],
      [this.fallbacks, fallbacks],
    ] as const) {
      bins.fill(0);
      counts.forEach((count, i) => {
        bins[Math.floor((was + i) / 2) % BINS] += count;
      });
    }
    this.first = Math.floor(this.first / 2);
    this.last = Math.floor(this.last / 2);
  }
}
