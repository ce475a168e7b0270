/**
 * `--folded`: where the time went that threads waited, as stacks for a flame graph, one a line with its weight in ns:
 *
 *     node (5632);fault at vma_start_read;waits for mmap_lock (read) held by munmap (thread 7) 41200
 *
 * The weights add up to what faults and operations waited. Stacks are bounded: those met after STACKS others share one.
 */
import { escapeText } from '../errors.js';
import type { Span } from '../replay/result.js';
import { causeWords, lostWords, spanWords, threadWords, waitWords } from './span-words.js';

/** Stacks told apart. */
export const STACKS = 65_536;

const OTHERS = 'other waits';

export class FoldedStacks {
  private readonly weights = new Map<string, number>();
  /** of traces that are over */
  private readonly done = new Map<string, number>();

  /** @param roots frames below the thread, where one picture has several models or traces */
  add(span: Span, roots: readonly string[]): void {
    for (const { from, to, by, ...what } of span.waits) {
      if (to <= from) continue;
      const cause = causeWords(by);
      const held = cause === null ? '' : ` held by ${cause}`;
      const frames = [
        ...roots,
        threadWords(span.tid, span.comm),
        spanWords(span),
        `waits for ${waitWords(what)}${held}`,
      ];
      const stack = frames.map(frameText).join(';');
      const known = this.weights.has(stack) || this.weights.size + this.done.size < STACKS;
      addTo(this.weights, known ? stack : OTHERS, to - from);
    }
  }

  /** A trace is over, whose recording lost so many events: if any, the first frame of its stacks says so. */
  over(lost: number): void {
    const root = lost === 0 ? '' : `${lostWords(lost)};`;
    for (const [stack, ns] of this.weights) addTo(this.done, root + stack, ns);
    this.weights.clear();
  }

  /** All stacks of traces that are over, in the order of their text. */
  text(): string {
    return [...this.done]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([stack, ns]) => `${stack} ${ns}\n`)
      .join('');
  }
}

function addTo(sums: Map<string, number>, key: string, more: number): void {
  sums.set(key, (sums.get(key) ?? 0) + more);
}

/** A frame's name: nothing in it ends a frame or a line, and it is not empty. */
function frameText(name: string): string {
  return escapeText(name).replaceAll(';', ':').trim() || '?';
}
