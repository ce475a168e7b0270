import { expect, test } from 'vitest';
import { type Nearby, Neighbours, overBy } from '../../src/replay/nearby.js';
import type { FaultRow } from '../../src/replay/result.js';
import { Columns } from '../../src/trace/columns.js';

const NEVER = Number.POSITIVE_INFINITY;

type Fault = Nearby & { readonly row: FaultRow | null };

/** Takes events by thread, processor and time; those with a page are faults. */
function meet(...events: [thread: number, cpu: number, t: number, page?: number, done?: number][]): Fault[] {
  const neighbours = new Neighbours<Fault>();
  const columns = new Columns(events.length);
  const faults: Fault[] = [];
  events.forEach(([thread, cpu, t, page, done = NEVER], row) => {
    columns.thread[row] = thread;
    columns.cpu[row] = cpu;
    columns.t[row] = t;
    neighbours.passes(columns, row);
    if (page === undefined) return;
    const rest = { beside: null, done, ordered: true, away: false, next: NEVER, row: null };
    faults.push({ t, thread, cpu, mm: 0, page, ...rest });
    neighbours.add(faults[faults.length - 1], 100);
  });
  return faults;
}

test('faults of two threads on a page at about the same time know of each other', () => {
  const [first, second] = meet([1, 0, 10, 7], [2, 1, 60, 7]);
  expect([first.beside, second.beside]).toEqual([second, first]);
});

test.each([
  ['much later', [2, 1, 110, 7]],
  ['on another page', [2, 1, 60, 8]],
  ['of the same thread', [1, 0, 60, 7]],
] as const)('not one %s', (_what, other) => {
  expect(meet([1, 0, 10, 7], [...other]).map(({ beside }) => beside)).toEqual([null, null]);
});

test('a thread is away from its fault when another ran on its processor before it went on', () => {
  const [fault] = meet([1, 0, 10, 7], [2, 0, 60, 8], [1, 1, 900]);
  expect(fault).toMatchObject({ away: true, next: 900 });
  expect(meet([1, 0, 10, 7, 400], [2, 0, 60, 8])[0].away).toBe(true);
});

test.each([
  ['the other ran elsewhere', meet([1, 0, 10, 7], [2, 1, 60, 8], [1, 0, 900])],
  ['it had gone on', meet([1, 0, 10, 7], [1, 0, 50], [2, 0, 60, 8])],
  ['the fault is known to be over', meet([1, 0, 10, 7, 40], [2, 0, 60, 8])],
  ['nobody knows where it ran', meet([1, -1, 10, 7], [2, -1, 60, 8])],
])('not when %s', (_what, [fault]) => {
  expect(fault.away).toBe(false);
});

test('a fault is over when it ends, or when its thread goes on, unless the clock ticks', () => {
  const [ends, goesOn, neither] = meet([1, 0, 10, 7, 40], [2, 1, 20, 8], [1, 0, 50], [2, 1, 60, 9]);
  expect([ends, goesOn, neither].map(overBy)).toEqual([40, 60, NEVER]);
  expect(overBy({ ...ends, ordered: false })).toBe(NEVER);
});
