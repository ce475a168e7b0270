/**
 * A distribution of times in constant memory: log-linear buckets at most 1/64 wide, exact below 128 ns. Deterministic:
 * a percentile is the upper edge of its bucket, never above the largest time seen.
 */
import type { Ns } from './units.js';

const SUB = 64;
const LINEAR = 2 * SUB;
/** Enough for times up to 2^53 ns. */
const BUCKETS = LINEAR + (53 - 7) * SUB;

export class Histogram {
  count = 0;
  total = 0;
  max = 0;
  private counts: Float64Array | null = null;
  /** Times of zero are the common case and need no buckets. */
  private zeros = 0;

  add(ns: Ns): void {
    this.count++;
    if (ns <= 0) {
      this.zeros++;
      return;
    }
    this.total += ns;
    if (ns > this.max) this.max = ns;
    this.counts ??= new Float64Array(BUCKETS);
    this.counts[bucketOf(ns)]++;
  }

  /** Adds all of `other` to this one. */
  merge(other: Histogram): void {
    this.count += other.count;
    this.total += other.total;
    this.zeros += other.zeros;
    if (other.max > this.max) this.max = other.max;
    if (!other.counts) return;
    this.counts ??= new Float64Array(BUCKETS);
    for (let i = 0; i < BUCKETS; i++) this.counts[i] += other.counts[i];
  }

  get mean(): Ns {
    return this.count === 0 ? 0 : Math.round(this.total / this.count);
  }

  /** The time below or at which a `share` (0 to 1) of all times lie; 0 when there are none. */
  percentile(share: number): Ns {
    if (this.count === 0) return 0;
    let left = Math.ceil(share * this.count) - this.zeros;
    if (left <= 0 || !this.counts) return 0;
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.counts[i];
      if (left <= 0) return Math.min(upperEdge(i), this.max);
    }
    return this.max;
  }
}

function bucketOf(ns: Ns): number {
  if (ns < LINEAR) return ns | 0;
  const top = ns < 2 ** 31 ? 31 - Math.clz32(ns) : Math.min(Math.floor(Math.log2(ns)), 52);
  return LINEAR + (top - 7) * SUB + Math.min(SUB - 1, Math.floor(ns / 2 ** (top - 6)) - SUB);
}

function upperEdge(bucket: number): Ns {
  if (bucket < LINEAR) return bucket;
  const exponent = Math.floor((bucket - LINEAR) / SUB) + 7;
  const sub = (bucket - LINEAR) % SUB;
  return (SUB + sub + 1) * 2 ** (exponent - 6) - 1;
}
