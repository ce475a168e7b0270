/**
 * Which events of a long run are drawn: all while there are few; else chosen by rule, never by chance, and in bounded memory.
 * The longest waits are always kept; of what is left, of each kind its share: every n-th, where n doubles whenever there are
 * too many.
 */
import type { Span } from '../replay/result.js';

/** Every n-th of the spans it is given. */
class EveryNth {
  readonly kept: Span[] = [];
  private step = 1;
  private seen = 0;

  constructor(private readonly limit: number) {}

  add(span: Span): void {
    if (this.seen++ % this.step !== 0) return;
    this.kept.push(span);
    if (this.kept.length <= this.limit) return;
    this.step *= 2;
    let to = 0;
    for (let from = 0; from < this.kept.length; from += 2) this.kept[to++] = this.kept[from];
    this.kept.length = to;
  }
}

/** The spans that wait longest: a heap with the least of them on top. */
class Longest {
  readonly kept: Span[] = [];

  constructor(private readonly limit: number) {}

  /** Takes the span in; gives back the one that is not among the longest, if there is one. */
  add(span: Span): Span | null {
    const { kept } = this;
    if (kept.length < this.limit) {
      kept.push(span);
      for (let at = kept.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!isLess(kept[at], kept[parent])) break;
        [kept[at], kept[parent]] = [kept[parent], kept[at]];
        at = parent;
      }
      return null;
    }
    if (this.limit === 0 || !isLess(kept[0], span)) return span;
    const out = kept[0];
    kept[0] = span;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < kept.length && isLess(kept[child], kept[least])) least = child;
      }
      if (least === at) return out;
      [kept[at], kept[least]] = [kept[least], kept[at]];
      at = least;
    }
  }
}

/** Waits less; of two that wait alike, the later. */
function isLess(a: Span, b: Span): boolean {
  return a.wait_ns < b.wait_ns || (a.wait_ns === b.wait_ns && a.i > b.i);
}

export class Sample {
  /** spans it was given */
  of = 0;
  /** all of them, while there are few enough */
  private all: Span[] | null = [];
  private readonly waits: Longest;
  /** operations, faults under the VMA lock, and those that left it or were signalled */
  private readonly operations: EveryNth;
  private readonly smooth: EveryNth;
  private readonly others: EveryNth;

  /** @param limit spans kept at most */
  constructor(private readonly limit: number) {
    const share = Math.floor(limit / 4);
    this.waits = new Longest(share);
    this.operations = new EveryNth(share);
    this.smooth = new EveryNth(share);
    this.others = new EveryNth(share);
  }

  add(span: Span): void {
    this.of++;
    if (this.all === null) {
      this.choose(span);
      return;
    }
    this.all.push(span);
    if (this.all.length <= this.limit) return;
    for (const one of this.all) this.choose(one);
    this.all = null;
  }

  private choose(span: Span): void {
    const rest = span.wait_ns > 0 ? this.waits.add(span) : span;
    if (rest === null) return;
    if (rest.verdict === null) this.operations.add(rest);
    else if (rest.verdict === 'vma_lock' || rest.verdict === 'speculative') this.smooth.add(rest);
    else this.others.add(rest);
  }

  /** What is drawn, by when it began. */
  spans(): Span[] {
    const { waits, operations, smooth, others } = this;
    const kept = this.all ?? [waits, operations, smooth, others].flatMap(of => of.kept);
    return [...kept].sort((a, b) => a.start - b.start || a.i - b.i);
  }
}
