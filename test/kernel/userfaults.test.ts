/** Who sleeps for a monitor, against a list in order of arrival. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Task } from '../../src/kernel/task.js';
import { Userfaults } from '../../src/kernel/userfaults.js';

const page = fc.oneof(
  fc.nat(12),
  fc.nat(12).map(n => 2 ** 40 + n),
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), page }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat(30) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('take' as const), page, length: fc.oneof(fc.nat(6), fc.constant(2 ** 41)) }),
  },
);

test('who is taken out are those of the range, in order of arrival, whoever else sleeps', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const userfaults = new Userfaults();
      const tasks: Task[] = [];
      let asleep: Task[] = [];
      for (const step of steps) {
        if (step.do === 'add') {
          const task = { page: step.page } as Task;
          tasks.push(task);
          asleep.push(task);
          userfaults.add(task);
        } else if (step.do === 'remove') {
          const task = tasks[step.which] ?? ({ page: step.which } as Task);
          expect(userfaults.remove(task)).toBe(asleep.includes(task));
          asleep = asleep.filter(other => other !== task);
        } else {
          const [start, end] = [step.page, step.page + step.length];
          const there = asleep.filter(task => task.page >= start && task.page < end);
          expect(userfaults.any(start, end)).toBe(there.length > 0);
          const woken = userfaults.take(start, end);
          expect(woken.map(task => tasks.indexOf(task))).toEqual(there.map(task => tasks.indexOf(task)));
          asleep = asleep.filter(task => !there.includes(task));
        }
        expect(userfaults.size).toBe(asleep.length);
      }
    }),
    { numRuns: 1_000, seed: 66 },
  );
});
