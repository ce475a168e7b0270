/** Faults over time in a fixed number of bins: when a fault lies behind the last, two become one until it does not. */
import { FRACTION, type Ns } from '../units.js';
import type { OverTime } from './result.js';

/** Bins at most; a power of two. */
export const BINS = 32;
/** What a bin is wide at first. */
const FIRST_WIDTH: Ns = 1000;

export class TimeBins {
  private readonly faults = new Float64Array(BINS);
  private readonly fallbacks = new Float64Array(BINS);
  private origin: Ns = FRACTION;
  private width: Ns = FIRST_WIDTH;

  constructor() {
    this.origin = -1;
  }

  /** A fault that began at `start`; one that began before the first of all counts with that. */
  add(start: Ns, fallback: boolean): void {
    if (this.origin < 0) this.origin = start;
    const off = Math.max(0, start - this.origin);
    while (off >= BINS * this.width) this.widen();
    const bin = Math.floor(off / this.width);
    this.faults[bin]++;
    if (fallback) this.fallbacks[bin]++;
  }

  /** The bins up to the last that is not empty. */
  result(): OverTime {
    let used = BINS;
    while (used > 0 && this.faults[used - 1] === 0) used--;
    const first = (bins: Float64Array): number[] => [...bins.subarray(0, used)];
    return { bin_ns: this.width, faults: first(this.faults), fallbacks: first(this.fallbacks) };
  }

  private widen(): void {
    for (const bins of [this.faults, this.fallbacks]) {
      for (let bin = 0; bin < BINS; bin++) bins[bin] = bin < BINS / 2 ? bins[2 * bin] + bins[2 * bin + 1] : 0;
    }
    this.width *= 2;
  }
}
