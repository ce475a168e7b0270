import { describe, expect, test } from 'vitest';
import { resolveModels } from '../../src/lineage/resolve.js';
import { Replay } from '../../src/replay/replay.js';
import type { FaultRow, ReplayResult } from '../../src/replay/result.js';
import { inSample } from '../../src/replay/sample.js';
import { readTrace } from '../../src/trace/reader.js';
import { type Event, fault, mmap, range, traceFile } from '../helpers.js';

async function sampled(events: readonly Event[], sample: number, batch?: number) {
  const rows: FaultRow[] = [];
  const replay = new Replay(resolveModels('v6.18'), { sample, onFault: row => rows.push(row) });
  const onBatch = replay.feed.bind(replay);
  const result: ReplayResult = replay.finish(await readTrace(traceFile(events), { batch, onBatch }));
  return { result, kept: rows.map(row => row.i) };
}

/** Faults by three threads in turn, and an operation after every ninth. */
const TURNS: readonly Event[] = [
  mmap(0, 4096),
  ...Array.from({ length: 3_000 }, (_, i) =>
    i % 10 === 9 ? range('munmap', 8_192 + i, 1) : fault(i, { tid: (i % 3) + 1 }),
  ),
];

describe('a sample', () => {
  test.each([2, 3, 7, 100])('of 1 in %i takes one index out of every so many in a row', of => {
    for (let turn = 0; turn < 200; turn++) {
      const taken = Array.from({ length: of }, (_, place) => inSample(turn * of + place, of)).filter(Boolean);
      expect(taken).toHaveLength(1);
    }
  });

  test('of 1 in 1 is everything', () => {
    expect([0, 1, 2, 2 ** 40].every(i => inSample(i, 1))).toBe(true);
  });

  test('hears every thread of those that take turns', () => {
    const heard = new Set<number>();
    for (let i = 0; i < 300; i++) if (inSample(i, 3)) heard.add(i % 3);
    expect(heard.size).toBe(3);
  });

  test('keeps every operation, and of the faults those with such an index', async () => {
    const { result, kept } = await sampled(TURNS, 10);
    const faults = TURNS.flatMap((event, i) => (event.op === 'fault' ? [i] : []));
    expect(kept).toEqual(faults.filter(i => inSample(i, 10)));
    expect(result.models[0].faults.total).toBe(kept.length);
    const writes = result.models[0].locks.find(row => row.lock === 'mmap_lock' && row.mode === 'write');
    expect(writes?.acquired).toBe(TURNS.length - faults.length);
  });

  test('is the same however the trace is cut into batches', async () => {
    const whole = await sampled(TURNS, 7);
    for (const batch of [1, 10, 999]) expect((await sampled(TURNS, 7, batch)).kept).toEqual(whole.kept);
  });

  test('says so in the result; a whole replay says nothing', async () => {
    const { result } = await sampled(TURNS, 10);
    expect(result.trace).toMatchObject({ faults: 2_700, sample: '1/10' });
    expect(result.warnings).toEqual(['a sample: 1 in 10 faults was replayed, all counts and waits are of those']);
    const { result: whole } = await sampled(TURNS, 1);
    expect(whole.trace).not.toHaveProperty('sample');
    expect(whole.warnings).toEqual([]);
  });
});
