import { expect, test } from 'vitest';
import { Tempo } from '../../src/replay/tempo.js';
import { NATIVE } from '../../src/replay/windows.js';
import { Columns } from '../../src/trace/columns.js';
import { OP } from '../../src/vocab.js';

/** After a trace whose calls held mmap_lock for writing so long, ns. */
function tempoAfter(holds: readonly number[], op: number = OP.mmap): Tempo {
  const tempo = new Tempo();
  const columns = new Columns(holds.length);
  holds.forEach((held, row) => {
    columns.op[row] = op;
    columns.locks[row] = Float64Array.of(1, 0, 1_000, 1_000 + held);
    tempo.see(columns, row);
  });
  return tempo;
}
const slackAfter = (holds: readonly number[], op?: number) => tempoAfter(holds, op).slack;

const many = (held: number): number[] => Array(20).fill(held);

test('a machine as fast as the one it was measured on gets what was seen there', () => {
  expect(slackAfter(many(9_000))).toEqual(NATIVE);
  expect(slackAfter([])).toEqual(NATIVE);
});

test('a slower one gets more, in proportion, up to a limit', () => {
  const slow = slackAfter(many(160_000));
  expect(slow.lookup / NATIVE.lookup).toBeCloseTo(10, 0);
  expect(slow.trylock / slow.lookup).toBeCloseTo(NATIVE.trylock / NATIVE.lookup, 5);
  expect(slackAfter(many(1e9)).lookup).toBe(20 * NATIVE.lookup);
});

test('where a processor may stop anywhere, or the clock ticks, a mark comes at any time', () => {
  expect(slackAfter(many(160_000)).marking).toBeNull();
  expect(slackAfter(many(2))).toEqual({ ...NATIVE, marking: null });
  expect(slackAfter(many(9_000)).marking).toBe(NATIVE.marking);
});

test('not for a few calls, nor for calls that work on pages', () => {
  expect(slackAfter([160_000, 160_000, 160_000])).toEqual(NATIVE);
  expect(slackAfter(many(160_000), OP.munmap)).toEqual(NATIVE);
  expect(slackAfter([...many(9_000), 1e9, 1e9])).toEqual(NATIVE);
});

test('times of two processors are in order where the clock is known not to tick', () => {
  const ordered = (holds: number[]) => tempoAfter(holds).ordered;
  expect([many(9_000), many(160_000), many(2), [9_000, 9_000], []].map(ordered)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
