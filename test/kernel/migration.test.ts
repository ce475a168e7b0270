/** A page that a `migrate` of the trace moves: everybody meets its entry until that is over, and nobody ends it before. */
import { describe, expect, test } from 'vitest';
import { PTE_ANON, PTE_KIND_MASK } from '../../src/kernel/page-table.js';
import { addressSpace, BASE, type Event, fault, range, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
/** At 1 ms for 50 us. */
const T = 1_000_000;
const moves = (page: number, pages = 1): Event => range('migrate', page, pages, { tid: 9, t: T, dur: 50_000 });
const late = (page: number, tid: number, after: number, more: object = {}): Event =>
  fault(page, { tid, t: T + after, ...more });

const SMALL = [vma(0, 8, { t: 0 }), fault(0, { t: 1 }), moves(0)];
const HUGETLB = [
  vma(0, 1_024, { t: 0, flags: ['private', 'anonymous', 'hugetlb'], anon_vma: true }),
  fault(0, { t: 1 }),
  moves(0, 512),
];
const PMD = [vma(0, 1_024, { t: 0 }), fault(0, { t: 1, page: { huge: 'pmd' } }), moves(0, 512)];

const waits = async (events: readonly Event[], model = NEW, timing: 'closed' | 'recorded' = 'closed') => {
  const { rows } = await replay(events, model, { timing });
  return rows.filter(({ t }) => t !== null && t >= T).map(({ wait_ns }) => wait_ns);
};

describe.each([
  ['a page', SMALL],
  ['a page of hugetlb', HUGETLB],
  ['a PMD', PMD],
] as const)('%s', (_, before) => {
  test.each(['closed', 'recorded'] as const)('is waited for until it has moved, at %s times', async timing => {
    const faults = [late(0, 2, 10_000), late(0, 3, 35_000), late(0, 4, 60_000)];
    expect(await waits([...before, ...faults], NEW, timing)).toEqual([40_000, 15_000, 0]);
  });
});

test('is waited for without a lock, or under mmap_lock, for as long', async () => {
  const faults = [late(0, 2, 10_000), late(0, 3, 35_000)];
  for (const model of ['v6.4', 'vma_unlocked_2023_06', 'v4_2023_06_28', 'mmap_lock'])
    expect([model, await waits([...SMALL, ...faults], model)]).toEqual([model, [40_000, 15_000]]);
});

test('what the trace says that a fault waited is what it waits, and ends the migration for nobody else', async () => {
  const said = late(0, 2, 10_000, { page: { entry: 'migration', wait: 5_000 } });
  for (const model of ['vma_unlocked_2023_06', NEW])
    expect(await waits([...SMALL, said, late(0, 3, 35_000)], model)).toEqual([5_000, 15_000]);
});

test('what is on its way holds up what populates', async () => {
  const gup = range('gup', 0, 2, { tid: 2, t: T + 10_000 });
  const mprotect = range('mprotect', 4, 1, { tid: 3, t: T + 20_000, prot: 'r--' });
  const { result } = await replay([...SMALL, gup, mprotect], NEW);
  expect(result.models[0].time.op_wait_ns).toBeGreaterThan(29_000);
});

test('populates what a fork has copied while it migrated, of which nobody knows for how long', async () => {
  const fork = { op: 'fork', tid: 2, t: T + 1_000, child_tid: 3, child_mm: 2 };
  const gup = range('gup', 0, 1, { tid: 3, mm: 2, t: T + 20_000 });
  const child = await addressSpace([...SMALL, fork, gup], NEW, 2);
  expect(child.page_table.get(BASE) & PTE_KIND_MASK).toBe(PTE_ANON);
});

test('what was forbidden of it meanwhile is forbidden when it is there again', async () => {
  const armed = range('uffd_register', 0, 8, { t: 2, modes: ['wp'] });
  const wp = range('uffd_wp', 0, 1, { tid: 2, t: T + 1_000 });
  const [first, touched, migrate] = SMALL;
  const met = late(0, 3, 60_000, { page: { wait: 0 } });
  const { rows } = await replay([first, touched, armed, migrate, wp, met], NEW);
  expect(rows.at(-1)?.site).toBe('handle_userfault');
});

test('nothing is left of it behind its end', async () => {
  const mm = await addressSpace([...SMALL, late(0, 2, 10_000)], NEW);
  expect([mm.migrating.size, mm.page_table.count, mm.mm_mt.walk(BASE)?.vm_end]).toEqual([0, 1, BASE + 8]);
});
