import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveModels } from '../../src/lineage/resolve.js';
import { HOT_ROWS, OTHERS } from '../../src/replay/hot-spots.js';
import { Replay } from '../../src/replay/replay.js';
import { HOT_KEYS, type HotKey, type HotSpot, type ModelResult } from '../../src/replay/result.js';
import { readTrace } from '../../src/trace/reader.js';
import { traces } from '../arbitrary.js';
import { type Event, fault, mmap, range, traceFile, vma } from '../helpers.js';

async function by(key: HotKey, events: readonly Event[], model: string): Promise<ModelResult> {
  const replay = new Replay(resolveModels(model), { by: key });
  const info = await readTrace(traceFile(events), { onBatch: (columns, soFar) => replay.feed(columns, soFar) });
  const result = replay.finish(info);
  expect(result.by).toBe(key);
  return result.models[0];
}

const spots = async (key: HotKey, events: readonly Event[], model: string): Promise<readonly HotSpot[]> =>
  (await by(key, events, model)).by ?? [];

/** A heap that is write-locked by thread 2 for 40 us while thread 1 touches it, and an mmap that nobody minds. */
const HEAP: readonly Event[] = [
  vma(0, 8, { t: 0, name: '[heap]' }),
  vma(16, 8, { t: 0 }),
  range('mprotect', 6, 1, { t: 10_000, tid: 2, prot: 'r--', dur: 40_000 }),
  fault(1, { t: 20_000 }),
  fault(17, { t: 21_000, tid: 3 }),
];

describe('faults that fell back or waited', () => {
  test('by mapping: those of a name are one row, others are known by where they are', async () => {
    expect(await spots('vma', HEAP, 'v6.18')).toMatchObject([
      { key: '[heap]', name: '[heap]', mm: 1, faults: 1, fallbacks: 1 },
    ]);
    const all = await spots('vma', HEAP, 'mmap_lock');
    expect(all.map(({ key, faults }) => [key, faults])).toEqual([
      ['[heap]', 1],
      ['0x7f0000210000-0x7f0000218000', 1],
    ]);
  });

  test('by the operation to blame, by thread, by site, by reason', async () => {
    const wait = { faults: 1, fallbacks: 1 };
    expect(await spots('op', HEAP, 'v6.18')).toMatchObject([{ key: 'mprotect', ...wait }]);
    expect(await spots('thread', HEAP, 'v6.18')).toMatchObject([{ key: '1', tid: 1, ...wait }]);
    expect(await spots('site', HEAP, 'v6.18')).toMatchObject([{ key: 'vma_start_read', ...wait }]);
    expect(await spots('reason', HEAP, 'v6.18')).toMatchObject([
      { key: 'vma_lock_abort vma_start_read', counter: 'vma_lock_abort', site: 'vma_start_read', ...wait },
    ]);
  });

  test('a fault that waits under the VMA lock is there without having fallen back', async () => {
    const events = [vma(0, 4, { t: 0 }), fault(0, { t: 10, page: { entry: 'migration', wait: 5_000 } })];
    expect(await spots('site', events, 'v6.18')).toMatchObject([{ faults: 1, fallbacks: 0, wait_ns: 5_000 }]);
  });

  test('a fault outside every mapping has no key', async () => {
    expect(await spots('vma', [vma(0, 1), fault(40)], 'mmap_lock')).toMatchObject([{ key: null, mm: 1, faults: 1 }]);
  });

  test('the most waited for comes first', async () => {
    const rows = await spots('thread', HEAP, 'mmap_lock');
    expect(rows.map(({ wait_ns }) => wait_ns)).toEqual([...rows.map(({ wait_ns }) => wait_ns)].sort((a, b) => b - a));
  });

  test(`after ${HOT_ROWS} keys the rest is one row, the last`, async () => {
    const extra = 5;
    const events = Array.from({ length: HOT_ROWS + extra }, (_, i) => [mmap(2 * i, 1), fault(2 * i)]).flat();
    // Files without an offset merge with nothing, so that each is a mapping of its own.
    for (const event of events) if (event.op === 'mmap') Object.assign(event, { flags: ['private'], file: {} });
    const rows = await spots('vma', events, 'mmap_lock');
    expect(rows).toHaveLength(HOT_ROWS + 1);
    expect(rows.at(-1)).toMatchObject({ key: OTHERS, faults: extra });
  });

  test('whatever the key, rows add up to all user fallbacks and all waits of faults', async () => {
    await fc.assert(
      fc.asyncProperty(traces(), fc.constantFrom('mmap_lock', 'v6.4', 'v6.18'), async (events, id) => {
        for (const key of HOT_KEYS) {
          const model = await by(key, events, id);
          const sum = (of: (spot: HotSpot) => number): number => (model.by ?? []).reduce((n, spot) => n + of(spot), 0);
          const fallbacks = (model.fallback_ratio ?? 0) * model.faults.user;
          if (model.fallback_ratio !== null) expect(sum(spot => spot.fallbacks)).toBeCloseTo(fallbacks);
          expect(sum(spot => spot.wait_ns)).toBe(model.time.fault_wait_ns);
          expect((model.by ?? []).every(spot => spot.fallbacks <= spot.faults)).toBe(true);
        }
      }),
      { numRuns: 40, seed: 11 },
    );
  });
});
