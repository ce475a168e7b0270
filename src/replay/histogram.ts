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
/** Buckets of an array to begin with, enough for a few microseconds. */
const FEWEST = 256;
/** Buckets in use that are listed instead: a trace may have tens of thousands of address spaces that lived for little. */
const LISTED = 16;

export class Histogram {
  count = 0;
  total: Ns = FRACTION;
  max: Ns = FRACTION;
  /** buckets in use and their counts, in turn, while they are few */
  private list: number[] = [];
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
    if (this.counts !== null || !this.listed(bucket, this.repeats)) this.reach(bucket)[bucket] += this.repeats;
    this.positive += this.repeats;
    this.repeats = 0;
  }

  /** Counts `times` in the list; false when it is full. */
  private listed(bucket: number, times: number): boolean {
    const { list } = this;
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== bucket) continue;
      list[i + 1] += times;
      return true;
    }
    if (list.length === 2 * LISTED) return false;
    list.push(bucket, times);
    return true;
  }

  /** The buckets as an array, as many as it takes for `bucket` to be among them. */
  private reach(bucket: number): Float64Array {
    const { counts } = this;
    if (counts !== null && bucket < counts.length) return counts;
    const known = this.inOrder();
    const most = Math.max(bucket, known.at(-1)![0]);
    const larger = new Float64Array(Math.max(FEWEST, 2 ** Math.ceil(Math.log2(most + 1))));
    for (const [at, times] of known) larger[at] = times;
    this.list = [];
    this.counts = larger;
    return larger;
  }

  /**
   * The time below or at which a `share` (0 to 1) of `count` times lie; 0 when there are none. Times beyond those noted
   * were zero.
   */
  percentile(share: number, count = this.count): Ns {
    if (count === 0) return 0;
    this.flush();
    let left = Math.ceil(share * count) - (count - this.positive);
    if (left <= 0) return 0;
    for (const [bucket, times] of this.inOrder()) {
      left -= times;
      if (left <= 0) return Math.min(upperEdge(bucket), this.max);
    }
    return this.max;
  }

  /** Buckets in use, from the shortest times on, each with its count. */
  private inOrder(): [bucket: number, times: number][] {
    const { counts, list } = this;
    const found: [number, number][] = [];
    if (counts === null) for (let i = 0; i < list.length; i += 2) found.push([list[i], list[i + 1]]);
    else for (let i = 0; i < counts.length; i++) if (counts[i] > 0) found.push([i, counts[i]]);
    return found.sort(([a], [b]) => a - b);
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
