/** What holds for every trace. A failure prints the seed and the smallest trace that still fails. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineage } from '../src/lineage/resolve.js';
import { traces } from './arbitrary.js';
import { diff, type Event, type ReplayHow, replay } from './helpers.js';

const SEED = 6118;
const SOME = 'mmap_lock,v6.4,v6.10,v6.18';

/** The result as bytes, without the name of the file. */
async function bytes(events: readonly Event[], models: string, how: ReplayHow = {}): Promise<string> {
  const { result, rows } = await replay(events, models, how);
  return JSON.stringify({ ...result, trace: { ...result.trace, file: '' }, rows: how.rows === false ? null : rows });
}

function holds(of: fc.Arbitrary<Event[]>, numRuns: number, property: (events: Event[]) => Promise<void>) {
  return fc.assert(fc.asyncProperty(of, property), { seed: SEED, numRuns });
}

describe('every trace', () => {
  test('is replayed under every stage, every sum adds up and every lock is free at the end', () =>
    holds(traces(), 40, async events => {
      const { result, rows } = await replay(events, 'all');
      const faults = events.flatMap((event, i) => (event.op === 'fault' ? [i] : []));
      for (const { id } of lineage) {
        const mine = rows.filter(row => row.model === id);
        // Each fault is over exactly once.
        expect(mine.map(row => row.i).sort((a, b) => a - b)).toEqual(faults);
      }
      const told = events.filter(event => event.op !== 'thread').length;
      for (const { faults: sums, ops, locks } of result.models) {
        expect(sums.vma_lock + sums.mmap_lock + sums.signal).toBe(faults.length);
        expect(sums.user + sums.kernel).toBe(faults.length);
        const total = (of: (row: (typeof ops)[number]) => number) => ops.reduce((sum, row) => sum + of(row), 0);
        expect(total(row => row.count)).toBe(told);
        for (const mode of ['read', 'write'] as const) {
          const mine = locks.filter(row => row.lock === 'mmap_lock' && row.mode === mode);
          expect(total(row => row[mode])).toBe(mine.reduce((sum, row) => sum + row.acquired, 0));
          const held = total(row => row[`${mode}_hold_ns`]);
          expect(held).toBe(mine.reduce((sum, row) => sum + row.hold_ns.total, 0));
        }
      }
    }));

  test('so is one without times, whose events come in the order of the file', () =>
    holds(traces({ times: false }), 25, async events => {
      const faults = events.filter(event => event.op === 'fault').length;
      const { result } = await replay(events, 'all');
      for (const model of result.models) expect(model.faults.total).toBe(faults);
    }));

  test('at recorded times too, with the sections it was recorded with', () =>
    holds(traces({ locks: true }), 25, async events => {
      const faults = events.filter(event => event.op === 'fault').length;
      for (const timing of ['recorded', 'closed'] as const) {
        const { result } = await replay(events, SOME, { timing });
        for (const model of result.models) expect(model.faults.total).toBe(faults);
      }
    }));

  test('gives the same bytes when it is replayed again', () =>
    holds(traces({ locks: true }), 20, async events => {
      expect(await bytes(events, SOME)).toBe(await bytes(events, SOME));
    }));

  test('gives the same result whatever the size of a batch', () =>
    holds(traces({ locks: true }), 25, async events => {
      const whole = await bytes(events, SOME, { batch: 1024, rows: false });
      for (const batch of [1, 7]) expect(await bytes(events, SOME, { batch, rows: false })).toBe(whole);
    }));

  test('gives the same rows whatever the size of a batch', () =>
    holds(traces(), 20, async events => {
      const sorted = async (batch: number) => {
        const { rows } = await replay(events, 'v6.18', { batch });
        return rows.toSorted((a, b) => a.i - b.i);
      };
      const whole = await sorted(1024);
      for (const batch of [1, 7]) expect(await sorted(batch)).toEqual(whole);
    }));

  test('gives the same result whether or not somebody listens to its faults', () =>
    holds(traces({ locks: true }), 25, async events => {
      const [told, silent] = await Promise.all([replay(events, SOME), replay(events, SOME, { rows: false })]);
      expect({ ...told.result, trace: null }).toEqual({ ...silent.result, trace: null });
    }));

  test('gives a model the same result alone as among others', () =>
    holds(traces(), 20, async events => {
      const { result } = await replay(events, SOME);
      for (const model of result.models) {
        const alone = await replay(events, model.model);
        expect(alone.result.models).toEqual([model]);
      }
    }));
});

describe('every diff of two models', () => {
  const PAIRS = [
    ['mmap_lock', 'v6.18'],
    ['v6.5', 'v6.6'],
    ['v6.18', 'v6.4'],
  ] as const;

  test('adds up, and agrees with a replay of either', () =>
    holds(traces({ locks: true }), 25, async events => {
      for (const [from, to] of PAIRS) {
        const { result, rows } = await diff(events, from, to, { top: 5 });
        const { result: replayed } = await replay(events, `${from},${to}`);
        const [a, b] = replayed.models;
        expect(result.transitions.reduce((sum, { count }) => sum + count, 0)).toBe(result.changed);
        expect(rows.length).toBe(result.changed);
        expect(result.faults).toEqual(rows.toSorted((x, y) => x.i - y.i).slice(0, 5));
        expect({ ...result.trace, file: '' }).toEqual({ ...replayed.trace, file: '' });
        for (const verdict of ['vma_lock', 'mmap_lock', 'signal'] as const) {
          expect(result.verdicts[verdict]).toEqual({ from: a.faults[verdict], to: b.faults[verdict] });
          const count = (side: 'from' | 'to') => rows.filter(row => row[side] === verdict).length;
          expect(count('to') - count('from')).toBe(b.faults[verdict] - a.faults[verdict]);
        }
        for (const [name, { from: before, to: after }] of Object.entries({ ...result.counters, ...result.time })) {
          const of = { ...a.counters, ...a.time } as Record<string, number>;
          const and = { ...b.counters, ...b.time } as Record<string, number>;
          expect([name, before, after]).toEqual([name, of[name], and[name]]);
        }
        const victims = (side: 'from' | 'to') => result.blockers.reduce((sum, row) => sum + row.victims[side], 0);
        const blocked = (model: typeof a) => model.blockers.reduce((sum, row) => sum + row.victims, 0);
        expect(victims('to') - victims('from')).toBe(blocked(b) - blocked(a));
      }
    }));

  test('finds the faults whose rows differ', () =>
    holds(traces(), 25, async events => {
      const { rows } = await diff(events, 'v6.4', 'v6.18');
      const { rows: all } = await replay(events, 'v6.4,v6.18');
      const of = (model: string) =>
        new Map(
          all.filter(row => row.model === model).map(row => [row.i, [row.verdict, row.counter, row.site].join()]),
        );
      const [before, after] = [of('v6.4'), of('v6.18')];
      const found = [...before.keys()].filter(i => before.get(i) !== after.get(i));
      expect(rows.map(({ i }) => i).sort((x, y) => x - y)).toEqual(found.sort((x, y) => x - y));
    }));

  test('is the same whatever the size of a batch, and mirrored when its models are swapped', () =>
    holds(traces({ locks: true }), 25, async events => {
      const said = async (from: string, to: string, batch: number) => {
        const { result } = await diff(events, from, to, { batch });
        return { ...result, trace: null };
      };
      const whole = await said('v6.4', 'v6.12', 1024);
      for (const batch of [1, 7]) expect(await said('v6.4', 'v6.12', batch)).toEqual(whole);
      const back = await said('v6.12', 'v6.4', 7);
      const { less, more } = whole.waits;
      expect([back.changed, back.waits]).toEqual([whole.changed, { less: more, more: less }]);
    }));

  test('finds nothing between a model and itself', () =>
    holds(traces({ locks: true }), 25, async events => {
      for (const model of ['mmap_lock', 'v6.6', 'v6.18']) {
        const { result, rows } = await diff(events, model, model, { batch: 7 });
        expect([result.differs, result.changed, rows]).toEqual([false, 0, []]);
        expect([result.transitions, result.blockers, result.waits]).toEqual([[], [], { less: 0, more: 0 }]);
      }
    }));
});

describe('the tests above', () => {
  test('would tell: another cost of a first touch gives other bytes for some trace', async () => {
    const property = fc.asyncProperty(traces(), async events => {
      expect(await bytes(events, SOME, { costs: { anon_write: 1 } })).toBe(await bytes(events, SOME));
    });
    await expect(fc.assert(property, { seed: SEED, numRuns: 60 })).rejects.toThrow(`seed: ${SEED}`);
  });
});
