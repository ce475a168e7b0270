/** Two traces under one model: what is put beside each other, and that it adds up to what each replay says. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveModels } from '../../src/lineage/resolve.js';
import { diffTraces, replayToCompare } from '../../src/replay/diff-traces.js';
import type { ModelResult, ReplayResult } from '../../src/replay/result.js';
import type { Rated, TracesDiff } from '../../src/replay/traces-diff.js';
import { readTrace } from '../../src/trace/reader.js';
import { traces } from '../arbitrary.js';
import { type Event, fault, range, replay, traceFile, vma } from '../helpers.js';

async function compared(events: readonly Event[], model: string): Promise<ReplayResult> {
  const machine = replayToCompare(resolveModels(model)[0], {});
  const info = await readTrace(traceFile(events), { onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return machine.finish(info);
}

async function diffed(from: readonly Event[], to: readonly Event[], model = 'v6.18'): Promise<TracesDiff> {
  return diffTraces(await compared(from, model), await compared(to, model));
}

/** Threads of other numbers, as in another run of the program. */
const again = (events: readonly Event[], by: number): Event[] =>
  events.map(event => ({ ...event, tid: Number(event.tid) + by }));

const heap = vma(0, 64, { t: 0, name: '[heap]' });
const arena = vma(128, 64, { t: 0, name: 'arena' });

describe('two traces under one model', () => {
  test('the same events by other threads are the same', async () => {
    const events = [
      heap,
      fault(0, { t: 10 }),
      range('mprotect', 4, 4, { t: 20, tid: 2, prot: 'r--' }),
      fault(1, { t: 21 }),
    ];
    const result = await diffed(events, again(events, 70));
    expect(result).toMatchObject({ differs: false, reasons: [], mappings: [], ops: [], blockers: [] });
  });

  test('counts are put beside each other, and beside how many there are for each 1,000 faults', async () => {
    const before = [heap, arena, ...[0, 1, 2, 3].map(page => fault(page, { t: 10_000 * (page + 1) }))];
    const after = [...before.slice(0, 4), fault(128, { t: 90_000 }), fault(400, { t: 100_000 })];
    const { mappings, reasons, ops, faults, fallbacks, verdicts } = await diffed(before, after);
    expect(faults.total).toEqual({ from: 4, to: 4 });
    const of = (name: string | null) => mappings.find(row => row.name === name)?.faults;
    expect(of('[heap]')).toEqual({ from: 4, to: 2, from_per_1000: 1000, to_per_1000: 500 });
    expect(of('arena')).toEqual({ from: 0, to: 1, from_per_1000: 0, to_per_1000: 250 });
    expect(of(null)).toMatchObject({ from: 0, to: 1 });
    expect(reasons.map(({ site, count }) => [site, count.from, count.to])).toEqual([
      ['lock_vma_under_rcu.no_vma', 0, 1],
    ]);
    expect(ops).toMatchObject([{ op: 'fault' }]);
    expect(fallbacks).toMatchObject({ from: 0, to: 1, to_per_1000: 250 });
    expect(verdicts.signal).toMatchObject({ from: 0, to: 1 });
  });

  test('rows of most difference come first', async () => {
    const few = [heap, arena, fault(0, { t: 10 }), fault(128, { t: 90_000 })];
    const more = [...few, ...[1, 2, 3].map(page => fault(128 + page, { t: 100_000 * (page + 1) }))];
    const { mappings } = await diffed(few, more);
    const distance = ({ from_per_1000, to_per_1000 }: Rated) => Math.abs(to_per_1000 - from_per_1000);
    const distances = mappings.map(row => distance(row.faults));
    expect(distances).toEqual(distances.toSorted((a, b) => b - a));
  });

  test('a trace without faults has rates of nothing', async () => {
    const { fallbacks, time } = await diffed([heap], [heap, fault(500, { t: 10 })]);
    expect(fallbacks).toEqual({ from: 0, to: 1, from_per_1000: 0, to_per_1000: 1000 });
    expect(time.fault_wait_ns.from_per_1000).toBe(0);
  });

  test('warnings say of which trace they are', async () => {
    const { warnings } = await diffed([fault(0, { t: 1 })], [heap, fault(0, { t: 1 })]);
    expect(warnings).toEqual([expect.stringMatching(/^\/.*\.ndjson: 1 of 1 faults hit no known mapping/)]);
  });
});

describe('any two traces', () => {
  const holds = (property: (from: Event[], to: Event[]) => Promise<void>) =>
    fc.assert(fc.asyncProperty(traces({ locks: true }), traces(), property), { seed: 6118, numRuns: 25 });

  test('add up to what a replay says of each', () =>
    holds(async (from, to) => {
      for (const model of ['mmap_lock', 'v6.4', 'v6.18']) {
        const result = await diffed(from, to, model);
        const [a, b] = [(await replay(from, model)).model(model), (await replay(to, model)).model(model)];
        const both = (of: (model: ModelResult) => number) => ({ from: of(a), to: of(b) });
        expect(result.faults.total).toEqual(both(m => m.faults.total));
        expect(result.time.fault_wait_ns).toMatchObject(both(m => m.time.fault_wait_ns));
        expect(result.time.op_wait_ns).toMatchObject(both(m => m.time.op_wait_ns));
        for (const verdict of ['vma_lock', 'mmap_lock', 'signal'] as const) {
          expect(result.verdicts[verdict]).toMatchObject(both(m => m.faults[verdict]));
        }
        for (const [side, { fallback_ratio, faults }] of [
          ['from', a],
          ['to', b],
        ] as const) {
          if (fallback_ratio !== null) expect(result.fallbacks[side]).toBe(Math.round(fallback_ratio * faults.user));
        }
        // Rows that are equal are left out: the others differ by as much as the whole.
        const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
        const rise = (rows: readonly Rated[]) => sum(rows.map(row => row.to - row.from));
        const expected = (of: (model: ModelResult) => number[]) => sum(of(b)) - sum(of(a));
        expect(rise(result.mappings.map(row => row.faults))).toBe(b.faults.total - a.faults.total);
        expect(rise(result.reasons.map(row => row.count))).toBe(expected(m => m.reasons.map(row => row.count)));
        expect(rise(result.ops.map(row => row.count))).toBe(expected(m => m.ops.map(row => row.count)));
        expect(rise(result.blockers.map(row => row.wait_ns))).toBe(expected(m => m.blockers.map(row => row.wait_ns)));
      }
    }));

  test('are mirrored when they are swapped, and a trace does not differ from itself', () =>
    holds(async (from, to) => {
      const [there, back] = [await diffed(from, to), await diffed(to, from)];
      const mirrored = ({ from, to }: { from: number; to: number }) => ({ from: to, to: from });
      expect(back.differs).toBe(there.differs);
      expect(back.faults.total).toEqual(mirrored(there.faults.total));
      expect(back.fallbacks).toMatchObject(mirrored(there.fallbacks));
      expect(back.mappings.length).toBe(there.mappings.length);
      expect((await diffed(from, from)).differs).toBe(false);
    }));
});
