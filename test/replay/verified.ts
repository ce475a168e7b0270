/** What tests of `verify` share. */
import { expect } from 'vitest';
import type { VerifyResult } from '../../src/replay/result.js';

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
