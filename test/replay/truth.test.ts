/** What a kernel did, told by a file beside its recording. */
import { describe, expect, test } from 'vitest';
import { TruthRows } from '../../src/replay/truth.js';
import { at, fault, verify, vma } from '../helpers.js';
import { addUp, STAYED } from './verified.js';

describe('truth from a file', () => {
  const trace = [
    vma(0, 8, { t: 0 }),
    ...[0, 1, 2].map(page => fault(page, { t: 100 * (page + 1), tid: page + 1, ...STAYED })),
  ];
  const rows = (...of: [t: number, tid: number, page: number, fallback: boolean][]): TruthRows => {
    const truth = new TruthRows();
    for (const [t, tid, page, fallback] of of) truth.add({ t, tid, addr: at(page), fallback });
    return truth;
  };

  test('joins by thread, address and time, by whatever clock, and goes before what the trace says', async () => {
    const truth = rows([5_100, 1, 0, true], [5_200, 2, 1, false], [5_300, 3, 2, true]);
    const { result } = await verify(trace, 'v6.18', { truth });
    expect(result).toMatchObject({ scored: 3, agree: 1, truth: { rows: 3, joined: 3 }, warnings: [] });
  });

  test('what joins nothing is counted on both sides', async () => {
    const truth = rows([5_100, 1, 0, false], [5_200, 9, 1, false], [6_300, 3, 2, false], [5_400, 1, 1, false]);
    const { result } = await verify(trace, 'v6.18', { truth });
    expect(result).toMatchObject({ scored: 1, unscored: { no_truth: 2 }, truth: { rows: 4, joined: 1 } });
    expect(result.warnings).toEqual(['3 of 4 rows of truth join no fault of the trace']);
    addUp(result);
  });

  test('of a clock in ticks it is told by its address, and by its order', async () => {
    const faults = [0, 0, 1].map((page, i) => fault(page, { t: 100 + i, tid: 1 }));
    const truth = rows([5_100, 1, 0, false], [5_100, 1, 0, true], [5_100, 1, 1, true]);
    const { result, rows: told } = await verify([vma(0, 8, { t: 0 }), ...faults], 'v6.18', { truth });
    expect(told.map(row => row.truth)).toEqual(['vma_lock', 'mmap_lock', 'mmap_lock']);
    expect(result).toMatchObject({ truth: { rows: 3, joined: 3 } });
  });

  test('of another recording joins nothing at all', async () => {
    const { result } = await verify(trace, 'v6.18', { truth: rows([5_100, 77, 3, false]) });
    expect(result).toMatchObject({ scored: 0, agreement: null, unscored: { no_truth: 3 } });
  });

  test('of one place joins in order of time, however it is written, and is not gone through for each fault', async () => {
    const N = 200_000;
    const faults = Array.from({ length: 300 }, (_, i) => fault(0, { t: 10_000 * (i + 1), tid: 1 }));
    const truth = new TruthRows();
    // Differences of times that no two rows have in common, but for those that meet.
    for (let i = N; i > 0; i--) {
      const t = i <= 300 ? 10_000 * i : 4_000_000 + i * 10_000 + (i % 9_973);
      truth.add({ t, tid: 1, addr: at(0), fallback: i % 2 === 0 });
    }
    const { result, rows: told } = await verify([vma(0, 8, { t: 0 }), ...faults], 'v6.18', { truth });
    expect(result.truth).toEqual({ rows: N, joined: 300 });
    expect(told.slice(0, 4).map(row => row.truth)).toEqual(['vma_lock', 'mmap_lock', 'vma_lock', 'mmap_lock']);
  });
});
