/** First in, first out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Queue } from '../../src/trace/import/queue.js';

test('what comes out is what went in, in that order', () => {
  const runs = fc.array(fc.tuple(fc.nat(3000), fc.nat(3000)), { maxLength: 8 });
  fc.assert(
    fc.property(runs, runs => {
      const queue = new Queue<number>();
      let [pushed, shifted] = [0, 0];
      for (const [more, less] of runs) {
        for (let i = 0; i < more; i++) queue.push(pushed++);
        for (let i = 0; i < less && queue.first !== null; i++) {
          if (queue.first === shifted) shifted++;
          queue.shift();
        }
        expect([queue.length, queue.first]).toEqual([pushed - shifted, pushed > shifted ? shifted : null]);
      }
    }),
    { numRuns: 30 },
  );
});
