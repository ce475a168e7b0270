/** The heap of wake-ups against a sorted array. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerHeap } from '../../src/engine/heap.js';

/** The same promise kept slowly: sorted by time, then by order of asking. */
class SortedArray {
  private readonly entries: { time: number; order: number; value: number }[] = [];
  private asked = 0;

  push(time: number, value: number): void {
    this.entries.push({ time, order: this.asked++, value });
    this.entries.sort((a, b) => a.time - b.time || a.order - b.order);
  }

  pop(): number | undefined {
    return this.entries.shift()?.value;
  }

  get minTime(): number {
    return this.entries[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.entries.length;
  }
}

// Few different times, so that ties are common; -1 is a pop.
const commands = fc.array(fc.integer({ min: -1, max: 6 }), { maxLength: 300 });

/** The values in the order in which they come out, and the first time after each command. */
function history(heap: TimerHeap | SortedArray, list: readonly number[]): unknown[] {
  const seen: unknown[] = [];
  let inside = 0;
  list.forEach((command, i) => {
    if (command >= 0) {
      heap.push(command, i);
      inside++;
    } else if (inside > 0) {
      seen.push(heap.pop());
      inside--;
    }
    seen.push(heap.minTime);
  });
  while (inside-- > 0) seen.push(heap.pop());
  return seen;
}

describe('the heap of wake-ups', () => {
  test('gives what a sorted array gives, whatever is pushed and popped', () => {
    fc.assert(
      fc.property(commands, list => {
        expect(history(new TimerHeap(), list)).toEqual(history(new SortedArray(), list));
      }),
      { seed: 611, numRuns: 200 },
    );
  });

  test('an array sorted by time alone is told apart', () => {
    class ByTimeAlone extends SortedArray {
      override push(time: number, value: number): void {
        super.push(time + (value % 2) * 0.5, value);
      }
    }
    expect(history(new TimerHeap(), [3, 3, 3, -1, -1, -1])).not.toEqual(
      history(new ByTimeAlone(), [3, 3, 3, -1, -1, -1]),
    );
  });

  test('grows beyond its first size and empties again', () => {
    const heap = new TimerHeap();
    for (let i = 0; i < 1000; i++) heap.push(1000 - i, i);
    expect(Array.from({ length: 1000 }, () => heap.pop())).toEqual(Array.from({ length: 1000 }, (_, i) => 999 - i));
    expect(heap.minTime).toBe(Number.POSITIVE_INFINITY);
    heap.push(5, 7);
    expect(heap.minTime).toBe(5);
    expect(heap.pop()).toBe(7);
  });
});
