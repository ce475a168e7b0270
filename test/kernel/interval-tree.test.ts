/** Who maps which pages of a file: what a list that is looked through says. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalTree } from '../../src/kernel/interval-tree.js';
import { Vma } from '../../src/kernel/vma.js';

const interval = fc.record({
  pgoff: fc.oneof(fc.nat(40), fc.nat(2 ** 31 - 1), fc.constantFrom(2 ** 40, 2 ** 51)),
  length: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2 ** 30 }), fc.constantFrom(4, 1024)),
});
const step = fc.oneof(
  fc.record({ what: fc.constant('insert' as const), at: interval }),
  fc.record({ what: fc.constant('remove' as const), which: fc.nat() }),
  fc.record({ what: fc.constant('ask' as const), at: interval }),
);

test('finds who overlaps, each once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), steps => {
      const tree = new IntervalTree();
      const all: Vma[] = [];
      const ask = ({ pgoff, length }: { pgoff: number; length: number }) => {
        const end = pgoff + length;
        const expected = all.filter(vma => vma.vm_pgoff < end && pgoff < vma.vm_pgoff + vma.vm_end - vma.vm_start);
        const found = [...tree.overlapping(pgoff, end)];
        expect(found.length).toBe(expected.length);
        expect(new Set(found)).toEqual(new Set(expected));
      };
      for (const one of steps) {
        if (one.what === 'ask') ask(one.at);
        else if (one.what === 'insert') {
          const { pgoff, length } = one.at;
          const vma = new Vma(1000, 1000 + length, 0, pgoff, 0, 0, -1);
          tree.insert(vma);
          all.push(vma);
        } else if (all.length > 0) tree.remove(all.splice(one.which % all.length, 1)[0]);
      }
      ask({ pgoff: 0, length: 2 ** 52 });
      for (const vma of all.splice(0)) tree.remove(vma);
      ask({ pgoff: 0, length: 2 ** 52 });
    }),
    { numRuns: 300 },
  );
});

test('keeps nothing of what was taken out, and takes out what is not there without a word', () => {
  const tree = new IntervalTree();
  const vma = new Vma(0, 3, 0, 7, 0, 0, -1);
  tree.remove(vma);
  tree.insert(vma);
  tree.remove(vma);
  tree.remove(vma);
  expect([...tree.overlapping(0, 100)]).toEqual([]);
});
