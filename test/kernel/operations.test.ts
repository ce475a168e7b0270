/** Every operation of the table against the model: sections, marks, and the address space that is left. */
import { describe, expect, test } from 'vitest';
import { addressSpace, draw, type Event, fault, replay } from '../helpers.js';
import { MAPPING_CASES } from './cases-mapping.js';
import { OTHER_CASES } from './cases-other.js';
import { type ByStage, type Case, STAGES } from './operation-case.js';

const ALL = STAGES.join(',');
const CASES = { ...MAPPING_CASES, ...OTHER_CASES };
/** When the operation starts, ns, and how long it takes. */
const T = 100_000_000;
const DUR = 100_000;

const of = (value: ByStage, i: number): string => (typeof value === 'string' ? value : value[i]);

/** The events before, then the operation at T. */
function started({ before, op }: Case): Event[] {
  const timed = before.map((event, i) => ({ ...event, t: i * 1_000_000 }));
  return [...timed, { ...op, t: T, dur: DUR }];
}

/** Sections of mm 1 that the operation took, by model. */
async function sectionsOf(one: Case): Promise<string[]> {
  const events = started(one);
  const section = { mode: 'write', ask: 0, got: 0, end: 0 };
  const queued: Event = { op: 'other', tid: 90, name: 'writer', t: T + 100, locks: [section] };
  const [before, after, behind] = await Promise.all(
    [events.slice(0, -1), events, [...events, queued]].map(list => replay(list, ALL)),
  );
  const lock = (replayed: typeof before, model: string, mode: 'read' | 'write') =>
    replayed.model(model).locks.find(row => row.lock === 'mmap_lock' && row.mm === 1 && row.mode === mode);
  const taken = (model: string, mode: 'read' | 'write'): number =>
    (lock(after, model, mode)?.acquired ?? 0) - (lock(before, model, mode)?.acquired ?? 0);
  return STAGES.map(model => {
    const [writes, reads] = [taken(model, 'write'), taken(model, 'read')];
    // With a writer in the queue whoever takes the lock for reading finds it contended; a downgrade takes nothing.
    const downgraded = writes > 0 && !one.readsFirst && reads > 0 && lock(behind, model, 'read')?.contended === 0;
    return `${'W'.repeat(writes)}${downgraded ? '>' : ''}${'R'.repeat(reads)}` || '-';
  });
}

const LETTERS: Record<string, string> = {
  vma_start_read: 'M',
  'lock_vma_under_rcu.no_vma': 'x',
  'lock_vma_under_rcu.anon_vma': 'a',
  'lock_vma_under_rcu.vm_ops': 'f',
};

/** What threads meet that read the pages of `marks` while the operation lasts, by model from v6.4 on. */
async function marksOf(one: Case): Promise<string[]> {
  const events = started(one);
  const width = Math.max(...STAGES.slice(1).map((_, i) => of(one.marks, i).length));
  const pages = Array.from({ length: width }, (_, page) => page).filter(page => of(one.marks, 0)[page] !== '.');
  const looks = pages.map((page, i) =>
    fault(page, { tid: 100 + i, access: 'read', t: T + (one.look ?? 300) + i, page: { entry: 'present' } }),
  );
  const replayed = await replay([...events, ...looks], ALL);
  return STAGES.slice(1).map(model => {
    const line = Array.from({ length: width }, () => '.');
    pages.forEach((page, i) => {
      const { verdict, site } = replayed.row(model, events.length + i);
      line[page] = verdict === 'vma_lock' ? 'V' : (LETTERS[site ?? ''] ?? `(${site})`);
    });
    return line.join('');
  });
}

describe.each(Object.entries(CASES))('%s', (_, one) => {
  test('takes mmap_lock as that kernel does', async () => {
    expect(await sectionsOf(one)).toEqual(STAGES.map((_, i) => of(one.sections, i)));
  });

  if (one.marks !== '')
    test('marks what that kernel marks', async () => {
      expect(await marksOf(one)).toEqual(STAGES.slice(1).map((_, i) => of(one.marks, i)));
    });

  if (one.after !== undefined)
    test('leaves the address space as it should be', async () => {
      for (const model of STAGES) {
        const mm = await addressSpace(started(one), model);
        expect([model, draw(mm, one.after!.length)]).toEqual([model, one.after]);
      }
    });
});

test('a wrong expectation is told', async () => {
  const one = MAPPING_CASES['munmap of a middle'];
  expect(await sectionsOf(one)).not.toContain('W');
  expect(await marksOf(one)).not.toContain('V..x..V');
});
