/**
 * A distribution of times in bounded memory: log-linear buckets at most 1/32 wide, exact below 64 ns. Deterministic:
 * a percentile is the upper edge of its bucket, never above the largest time seen.
 */
import { FRACTION, type Ns } from '../units.js';

const SUB = 32;
const LINEAR = 2 * SUB;
/** log2 of SUB, and of LINEAR */
const SUB_BITS = 5;
const LINEAR_BITS = 6;
/** Buckets to begin with, enough for a microsecond or two. */
const FEWEST = 256;

export class Histogram {
  count = 0;
  total: Ns = FRACTION;
  max: Ns = FRACTION;
  private counts: Float64Array | null = null;
  /** times above zero that are in the buckets: zero is the common case and needs none */
  private positive = 0;
  /** the last time noted and how often in a row, not in the buckets yet: costs repeat */
  private lastNs: Ns = FRACTION;
  private repeats = 0;

  constructor() {
    this.total = 0;
    this.max = 0;
    this.lastNs = 0;
  }

  add(ns: Ns): void {
    this.count++;
    if (ns <= 0) return;
    this.total += ns;
    if (ns === this.lastNs) {
      this.repeats++;
      return;
    }
    this.flush();
    this.lastNs = ns;
    this.repeats = 1;
    if (ns > this.max) this.max = ns;
  }

  /** Counts the times noted since the value last changed. */
  private flush(): void {
    if (this.repeats === 0) return;
    const bucket = bucketOf(this.lastNs);
    this.reach(bucket)[bucket] += this.repeats;
    this.positive += this.repeats;
    this.repeats = 0;
  }

  /** The buckets, as many as it takes for `bucket` to be among them. */
  private reach(bucket: number): Float64Array {
    if (this.counts === null || bucket >= this.counts.length) {
      const larger = new Float64Array(Math.max(FEWEST, 2 ** Math.ceil(Math.log2(bucket + 1))));
      if (this.counts !== null) larger.set(this.counts);
      this.counts = larger;
    }
    return this.counts;
  }

  /**
   * The time below or at which a `share` (0 to 1) of `count` times lie; 0 when there are none. Times beyond those noted
   * were zero.
   */
  percentile(share: number, count = this.count): Ns {
    if (count === 0) return 0;
    this.flush();
    let left = Math.ceil(share * count) - (count - this.positive);
    if (left <= 0 || !this.counts) return 0;
    for (let i = 0; i < this.counts.length; i++) {
      left -= this.counts[i];
      if (left <= 0) return Math.min(upperEdge(i), this.max);
    }
    return this.max;
  }
}

function bucketOf(ns: Ns): number {
  if (ns < LINEAR) return ns | 0;
  if (ns < 2 ** 31) {
    const top = 31 - Math.clz32(ns);
    return LINEAR + (top - LINEAR_BITS) * SUB + ((ns >>> (top - SUB_BITS)) - SUB);
  }
  const top = Math.min(Math.floor(Math.log2(ns)), 52);
  return LINEAR + (top - LINEAR_BITS) * SUB + Math.min(SUB - 1, Math.floor(ns / 2 ** (top - SUB_BITS)) - SUB);
}

function upperEdge(bucket: number): Ns {
  if (bucket < LINEAR) return bucket;
  const exponent = Math.floor((bucket - LINEAR) / SUB) + LINEAR_BITS;
  const sub = (bucket - LINEAR) % SUB;
  return (SUB + sub + 1) * 2 ** (exponent - SUB_BITS) - 1;
}
