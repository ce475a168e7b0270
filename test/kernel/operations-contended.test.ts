/** Every operation of the table once more, with somebody in its way: a writer of mmap_lock, and readers of its VMAs. */
import { describe, expect, test } from 'vitest';
import { addressSpace, BASE, draw, type Event, fault, range, replay, vma } from '../helpers.js';
import { ADVICE_CASES } from './cases-advice.js';
import { MAPPING_CASES } from './cases-mapping.js';
import { OTHER_CASES } from './cases-other.js';
import { RANGE_CASES } from './cases-range.js';
import { type Case, of, STAGES, type StageId } from './operation-case.js';

/** But for faults, and for what is about another mm than the first. */
const CASES = Object.entries({ ...MAPPING_CASES, ...ADVICE_CASES, ...RANGE_CASES, ...OTHER_CASES }).filter(
  ([, { op, mm }]) => op.op !== 'fault' && mm === undefined,
);
const T = 100_000_000;
const WAKE = 3_000;
const WIDTH = 40;

function started({ before, op }: Case, between: readonly Event[], after: readonly Event[]): Event[] {
  const timed = before.map((event, i) => ({ ...event, t: i * 1_000_000 }));
  return [...timed, ...between, { ...op, t: T }, ...after];
}

/** The operation with and without what others do before and during it: what it waits, and whether it leaves the same VMAs. */
async function disturbed(one: Case, stage: StageId, between: readonly Event[], after: readonly Event[] = []) {
  const [with_, without] = await Promise.all(
    [
      [between, after],
      [[], []],
    ].map(async ([before, later]) => draw(await addressSpace(started(one, before, later), stage), WIDTH)),
  );
  const { result } = await replay(started(one, between, after), stage);
  return { waited: result.models[0].time.op_wait_ns, same: with_ === without };
}

describe.each(CASES)('%s', (_, one) => {
  test('waits for a writer that has mmap_lock, and then does the same; where it only tries, it gives up', async () => {
    const elsewhere = vma(4_000, 4, { t: T - 2_000, tid: 90 });
    const writer = { ...range('mprotect', 4_000, 4, { tid: 90, prot: 'r--' }), t: T - 1_000, dur: 51_000 };
    for (const stage of ['rfc_2022', 'v6.4', 'v6.12', 'v6.18'] as const) {
      const sections = of(one.sections, STAGES.indexOf(stage));
      const { waited, same } = await disturbed(one, stage, [elsewhere, writer]);
      if (/^[RW]\?/.test(sections)) expect([stage, waited]).toEqual([stage, 0]);
      // Who reads every VMA comes to the one that is marked.
      else if (sections === '-' && one.op.op === 'read_maps') expect(same).toBe(true);
      else expect([stage, waited, same]).toEqual([stage, sections === '-' ? 0 : 50_000 + WAKE, true]);
    }
  });

  test('between two of its sections waits for who came meanwhile, and then does the same', async () => {
    const elsewhere = vma(4_000, 4, { t: T - 2_000, tid: 90 });
    // without the reader it would take the lock again before the writer is awake
    const reader = { ...range('gup', 4_000, 4, { tid: 91 }), t: T + 50, dur: 20_000 };
    const writer = { ...range('mprotect', 4_000, 4, { tid: 90, prot: 'r--' }), t: T + 100, dur: 20_000 };
    for (const stage of ['rfc_2022', 'v6.4', 'v6.12', 'v6.18'] as const) {
      const { waited, same } = await disturbed(one, stage, [elsewhere], [reader, writer]);
      expect([stage, same]).toEqual([stage, true]);
      if (/^[RW]k? [RW]/.test(of(one.sections, STAGES.indexOf(stage)))) expect(waited).toBeGreaterThan(50_000);
    }
  });

  test('waits for readers inside of what it marks, and then does the same', async () => {
    const shape = of(one.marks, STAGES.indexOf('v6.18'));
    const before = await addressSpace(
      one.before.map((event, i) => ({ ...event, t: i * 1_000_000 })),
      'v6.18',
    );
    const mapped = Array.from({ length: WIDTH }, (_, page) => page).filter(page => before.mm_mt.walk(BASE + page));
    // migration_entry_wait() sleeps with the VMA lock held; the higher the page the longer, so that each mark is waited for.
    const inside = mapped.map((page, i) =>
      fault(page, {
        tid: 500 + i,
        t: T - 5_000,
        access: 'read',
        page: { entry: 'migration', wait: 100_000 + 10_000 * i },
      }),
    );
    for (const stage of ['v6.12', 'v6.18'] as const) {
      const { waited, same } = await disturbed(one, stage, inside);
      const marks = mapped.some(page => shape[page] === 'M');
      expect([stage, same]).toEqual([stage, true]);
      if (marks) expect(waited).toBeGreaterThan(90_000);
    }
  });
});
