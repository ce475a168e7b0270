/** Every operation of the table against the model: sections, marks, VMAs read-locked, and the address space that is left. */
import { describe, expect, test, vi } from 'vitest';
import { addressSpace, draw, type Event, fault, replay } from '../helpers.js';
import { ADVICE_CASES } from './cases-advice.js';
import { MAPPING_CASES } from './cases-mapping.js';
import { OTHER_CASES } from './cases-other.js';
import { RANGE_CASES } from './cases-range.js';
import { type ByStage, type Case, of, rw, STAGES } from './operation-case.js';
import { BETWEEN, OPERATIONS, RECORDED } from './operation-list.js';
import { type Asked, logOf } from './operation-log.js';

/** Nothing that a replay gives tells a killable lock from another: heard where operations ask for one. */
const asked = vi.hoisted(() => [] as Asked[]);
vi.mock('../../src/kernel/section.js', async original => {
  const section = await original<typeof import('../../src/kernel/section.js')>();
  const { tryEnter, tryLock } = section;
  const mocked: Pick<typeof section, 'tryEnter' | 'tryLock'> = {
    tryEnter: (k, task, mm, ask) => {
      asked.push({ at: k.engine.now, mm: mm.id, manner: ask.words.includes('killable') ? 'k' : '' });
      return tryEnter(k, task, mm, ask);
    },
    tryLock: (k, task, mm, ask) => {
      asked.push({ at: k.engine.now, mm: mm.id, manner: '?' });
      return tryLock(k, task, mm, ask);
    },
  };
  return { ...section, ...mocked };
});

const CASES: Readonly<Record<string, Case>> = { ...MAPPING_CASES, ...ADVICE_CASES, ...RANGE_CASES, ...OTHER_CASES };
/** When the operation starts, ns, how long it takes, and when others look. */
const T = 100_000_000;
const DUR = 100_000;
const FIRST = 300;
const SECOND = 75_000;
const THIRD = DUR + 50_000;

/** The events before, then the operation at T. */
function started({ before, op }: Pick<Case, 'before' | 'op'>): Event[] {
  const timed = before.map((event, i) => ({ ...event, t: i * 1_000_000 }));
  return [...timed, { ...op, t: T, ...(op.op === 'fault' ? {} : { dur: DUR }) }];
}

const byStage = <V>(value: (stage: (typeof STAGES)[number], i: number) => V) =>
  Object.fromEntries(STAGES.map((stage, i) => [stage, value(stage, i)]));

/** Sections, and VMAs taken, by stage. */
async function logsOf(one: Case) {
  const sections: Record<string, string> = {};
  const took: Record<string, string> = {};
  for (const stage of STAGES) {
    const log = await logOf(started(one), stage, one.mm ?? 1, T, asked);
    sections[stage] = log.sections;
    took[stage] = log.took;
  }
  return { sections, took };
}

const LETTERS: Record<string, string> = {
  vma_start_read: 'M',
  'lock_vma_under_rcu.no_vma': 'x',
  'lock_vma_under_rcu.anon_vma': 'a',
  'lock_vma_under_rcu.vm_ops': 'f',
  vma_read_trylock: 'M',
  'find_and_lock_anon_vma.no_vma': 'x',
  'find_and_lock_anon_vma.vm_ops': 'f',
};

/** What threads meet that read the pages of `marks` at each of the three times, by stage. */
async function marksOf(one: Case, stages: readonly string[] = STAGES): Promise<string[][]> {
  const events = started(one);
  const shape = of(one.marks, 0);
  const pages = Array.from(shape, (_, page) => page).filter(page => shape[page] !== '.');
  const times = [one.look ?? FIRST, SECOND, THIRD];
  const looks = times.flatMap((time, look) =>
    pages.map((page, i) =>
      fault(page, { tid: 100 * (look + 1) + i, access: 'read', t: T + time + i, page: { entry: 'present' } }),
    ),
  );
  const replayed = await replay([...events, ...looks], stages.join(','));
  return stages.map(stage =>
    times.map((_, look) => {
      const line = Array.from(shape, () => '.');
      pages.forEach((page, i) => {
        const { verdict, site } = replayed.row(stage, events.length + look * pages.length + i);
        line[page] = verdict === 'vma_lock' ? 'V' : (LETTERS[site ?? ''] ?? `(${site})`);
      });
      return line.join('');
    }),
  );
}

/** Marks end with the write section: what follows from the sections for whoever looks when the operation is nearly over. */
function lateMarks(sections: string, marks: string): string {
  return /[R-]k?$/.test(sections) ? marks.replaceAll(/[Ma]/g, 'V') : marks;
}

test('the table has 99 operations, and each is a case or says what a trace has instead', () => {
  expect(new Set(OPERATIONS).size).toBe(99);
  for (const name of OPERATIONS) expect([name, name in CASES !== name in RECORDED]).toEqual([name, true]);
  expect(OPERATIONS.length * STAGES.length).toBe(693);
});

describe.each(Object.entries(CASES))('%s', (_, one) => {
  test('takes locks as that kernel does', async () => {
    const { sections, took } = await logsOf(one);
    expect(sections).toEqual(byStage((_, i) => of(one.sections, i)));
    if (one.took !== undefined) expect(took).toEqual(byStage((_, i) => of(one.took as ByStage, i)));
  });

  if (one.marks !== '')
    test('marks what that kernel marks, for as long', async () => {
      const marks = await marksOf(one);
      expect(byStage((_, i) => marks[i][0])).toEqual(byStage((_, i) => of(one.marks, i)));
      expect(byStage((_, i) => marks[i][1])).toEqual(
        byStage((_, i) =>
          one.late === undefined ? lateMarks(of(one.sections, i), of(one.marks, i)) : of(one.late, i),
        ),
      );
      const over = one.over;
      if (over !== undefined) expect(byStage((_, i) => marks[i][2])).toEqual(byStage((_, i) => of(over, i)));
      else for (const [, , third] of marks) expect(third).not.toContain('M');
    });

  if (one.after !== undefined)
    test('leaves the address space as it should be', async () => {
      for (const model of STAGES.slice(1)) {
        const mm = await addressSpace(started(one), model);
        expect([model, draw(mm, one.after!.length)]).toEqual([model, one.after]);
      }
    });
});

describe.each(Object.entries(RECORDED))('%s', (name, { sections }) => {
  test('is what was recorded, and marks nothing', async () => {
    for (const [i, stage] of STAGES.entries()) {
      const said = of(sections, i).replace('-', '');
      const locks = Array.from(said, (mode, at) => {
        const t = T + at * 1_000;
        return { mode: mode === 'W' ? 'write' : 'read', ask: t, got: t, end: t + 1_000 };
      });
      const op = { op: 'other', tid: 1, name, locks };
      const one: Case = { before: [rw(0, 4)], op, sections: '', marks: 'V' };
      const log = await logOf(started(one), stage, 1, T, asked);
      expect([stage, log.sections.replaceAll(' ', '')]).toEqual([stage, said || '-']);
      expect((await marksOf(one, [stage]))[0]).toEqual(['V', 'V', 'V']);
    }
  });
});

describe.each(BETWEEN)('$name', ({ name, stage, sections, marks }) => {
  test(`in ${stage}, which lies between`, async () => {
    const one = CASES[name];
    const log = await logOf(started(one), stage, one.mm ?? 1, T, asked);
    expect(log.sections).toBe(sections);
    if (marks !== undefined) expect((await marksOf(one, [stage]))[0][0]).toBe(marks);
  });
});

test('a wrong expectation is told', async () => {
  const one = MAPPING_CASES['munmap of a middle'];
  expect(Object.values((await logsOf(one)).sections)).not.toContain('Wk');
  expect((await marksOf(one)).map(([first]) => first)).not.toContain('V..x..V..V');
});
