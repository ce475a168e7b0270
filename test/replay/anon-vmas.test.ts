/** Anon_vmas that the recorded kernel may have made later than the model does, and what rests on them. */
import { describe, expect, test } from 'vitest';
import { type Event, fault, mmap, range, verify, vma } from '../helpers.js';
import { did, FELL_BACK, MS, STAYED, writer } from './verified.js';

describe('an anon_vma that a fault has yet to make', () => {
  /** Thread 1 makes it, but waits for thread 2 and perhaps for thread 3, who asked before him. */
  const trace = (...more: Event[]): Event[] => [
    vma(0, 8, { t: 0, anon_vma: false }),
    vma(100, 8, { t: 0, anon_vma: true }),
    writer(100, MS, 5 * MS),
    fault(0, { t: 2 * MS, tid: 1, ...FELL_BACK }),
    range('mprotect', 100, 2, {
      t: 2.4 * MS,
      tid: 3,
      prot: 'rw-',
      dur: 7 * MS,
      locks: [{ mode: 'write', ask: 2.5 * MS, got: 5.1 * MS, end: 9 * MS }],
    }),
    ...more,
  ];
  const reasons = async (...more: Event[]) =>
    (await verify(trace(...more), 'v6.18')).rows
      .slice(1)
      .map(({ class: how, reason, predicted }) => reason ?? `${how} ${predicted}`);

  test('may be missing as long as writers have the lock', async () => {
    expect(await reasons(fault(1, { t: 7 * MS, tid: 4, ...STAYED }))).toEqual(['anon_vma_race']);
    expect(await reasons(fault(1, { t: 9.3 * MS, tid: 4, ...STAYED }))).toEqual(['scored vma_lock']);
  });

  test('is there when its maker goes on, for himself, and when another write is over', async () => {
    expect(
      await reasons(fault(1, { t: 6 * MS, tid: 1, ...STAYED }), fault(2, { t: 7 * MS, tid: 4, ...STAYED })),
    ).toEqual(['scored vma_lock', 'scored vma_lock']);
    const [first, second] = [6 * MS, 7 * MS].map((t, i) => fault(1 + i, { t, tid: 4, ...STAYED }));
    expect(await reasons(first, second)).toEqual(['anon_vma_race', 'scored vma_lock']);
  });
});

test('VMAs that only doubtful anon_vmas keep apart may be one, marked as a whole', async () => {
  const locks = (got: number) => [{ mode: 'write', ask: got, got, end: got + 5_000 }];
  const trace = (...before: Event[]): Event[] => [
    vma(100, 8, { t: 0, anon_vma: true }),
    mmap(0, 4, { t: 0, locks: locks(0) }),
    mmap(8, 4, { t: 100_000, locks: locks(100_000) }),
    ...before,
    fault(0, { t: 2 * MS, tid: 1, ...did(before.length > 0) }),
    fault(8, { t: 10 * MS, tid: 1, ...STAYED }),
    // joins the first of them: the second has another anon_vma
    mmap(4, 4, { t: 11 * MS, locks: locks(11 * MS) }),
    writer(8, 20 * MS, 24 * MS),
    fault(1, { t: 22 * MS, tid: 3, ...STAYED }),
  ];
  const last = async (...before: Event[]) => (await verify(trace(...before), 'v6.18')).rows.at(-1);
  expect(await last()).toMatchObject({ class: 'scored', predicted: 'vma_lock' });
  expect(await last(writer(100, MS, 5 * MS))).toMatchObject({ class: 'undecided', reason: 'vma_lock_race' });
});
