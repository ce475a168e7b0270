/**
 * `--folded`: where the time went that threads waited, as stacks for a flame graph, one a line with its weight in ns:
 *
 *     node (5632);fault at vma_start_read;waits for mmap_lock (read) held by munmap (thread 7) 41200
 *
 * The weights add up to what faults and operations waited. Stacks are bounded: those met after STACKS others share one.
 */
import { escapeText } from '../errors.js';
import type { Span } from '../replay/result.js';
import { causeWords, spanWords, threadWords, waitWords } from './span-words.js';

/** Stacks told apart. */
export const STACKS = 65_536;

const OTHERS = 'other waits';

export class FoldedStacks {
  private readonly weights = new Map<string, number>();

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
      const key = this.weights.has(stack) || this.weights.size < STACKS ? stack : OTHERS;
      this.weights.set(key, (this.weights.get(key) ?? 0) + to - from);
    }
  }

  /** All stacks, in the order of their text. */
  text(): string {
    return [...this.weights]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([stack, ns]) => `${stack} ${ns}\n`)
      .join('');
  }
}

/** A frame's name: nothing in it ends a frame or a line, and it is not empty. */
function frameText(name: string): string {
  return escapeText(name).replaceAll(';', ':').trim() || '?';
}
