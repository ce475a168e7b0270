/** What tests of `verify` share. */
import { expect } from 'vitest';
import type { VerifyResult } from '../../src/replay/verification.js';
import { type Event, range } from '../helpers.js';

export const did = (fallback: boolean) => ({ truth: { path: fallback ? 'mmap_lock' : 'vma_lock', fallback } });
export const STAYED = did(false);
export const FELL_BACK = did(true);

/** The classes of a result, which must add up to all faults. */
export function addUp({ trace, scored, inferred, unscored, undecided, confusion }: VerifyResult): void {
  const others = Object.values(unscored).reduce((sum, n) => sum + n, 0);
  expect(scored + inferred.scored + others).toBe(trace.faults);
  expect(undecided.reasons.reduce((sum, { faults }) => sum + faults, 0)).toBe(undecided.faults);
  for (const { reason, faults } of undecided.reasons) expect(unscored[reason]).toBe(faults);
  const { vma_lock, mmap_lock } = confusion;
  expect(vma_lock.vma_lock + vma_lock.mmap_lock + mmap_lock.vma_lock + mmap_lock.mmap_lock).toBe(scored);
}

/** mprotect of 2 pages by thread 2 that has mmap_lock from `got` to `end`. */
export const writer = (page: number, got: number, end: number): Event =>
  range('mprotect', page, 2, {
    t: got - 2_000,
    tid: 2,
    prot: 'r--',
    dur: end - got + 4_000,
    locks: [{ mode: 'write', ask: got - 1_000, got, end }],
  });

export const MS = 1_000_000;
