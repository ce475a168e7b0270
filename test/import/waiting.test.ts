/** Which requests of a monitor may have ended which faults: the definition, tried on all of both, against what is kept. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FaultWindow, type Resolver } from '../../src/trace/import/fault-window.js';
import { Waiting } from '../../src/trace/import/waiting.js';
import type { OpenFault } from '../../src/trace/import/world.js';

const USER = false;
const faultAt = (t: number, kernelMode = USER): OpenFault =>
  ({ window: new FaultWindow(t, 'address=0x1000', 4, kernelMode, false) }) as OpenFault;
const requestAt = (at: number): Resolver => ({ name: 'UFFDIO_COPY', mode: 'missing', at });

/** Steps of one ns each: a fault begins, the oldest or another ends, a request returns that began some time ago. */
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({ is: 'fault' as const }) },
    { weight: 2, arbitrary: fc.record({ is: fc.constant('end' as const), which: fc.nat(5) }) },
    { weight: 3, arbitrary: fc.record({ is: fc.constant('request' as const), ago: fc.nat(8) }) },
  ),
  { maxLength: 40 },
);

test('every fault knows the first and the last request that began after it and returned before its end', () => {
  fc.assert(
    fc.property(steps, all => {
      const waiting = new Waiting();
      const open: OpenFault[] = [];
      const returned: { began: number; at: number }[] = [];
      all.forEach((step, now) => {
        if (step.is === 'fault') {
          open.push(faultAt(now));
          waiting.begins(open[open.length - 1]);
        } else if (step.is === 'request') {
          const began = Math.max(0, now - step.ago);
          returned.push({ began, at: now });
          const waited = open.some(({ window }) => window.t <= began);
          expect(waiting.request(requestAt(now), began)).toBe(waited);
          const answered = open.filter(({ window }) => returned.some(({ began: since }) => since >= window.t));
          expect([...waiting.answered]).toEqual(answered);
        } else if (open.length > 0) {
          const [fault] = open.splice(step.which % open.length, 1);
          waiting.ends(fault);
          const may = returned.filter(({ began }) => began >= fault.window.t).map(({ at }) => at);
          expect([fault.window.resolvedAt, fault.window.resolvedBy?.at]).toEqual([may[0] ?? -1, may.at(-1)]);
        }
      });
    }),
    { numRuns: 500 },
  );
});

test('what the kernel itself faults in waits for nobody, and what is over is not there any more', () => {
  const waiting = new Waiting();
  waiting.begins(faultAt(0, !USER));
  expect(waiting.request(requestAt(2), 1)).toBe(false);
  const fault = faultAt(3);
  waiting.begins(fault);
  waiting.ends(fault);
  expect(waiting.request(requestAt(5), 4)).toBe(false);
  expect([...waiting.answered]).toEqual([]);
});
