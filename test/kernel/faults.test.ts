/** Every kind of fault under every stage, and every branch of those that depend on more: the cells of kinds/, from traces. */
import { describe, expect, test } from 'vitest';
import { lineage } from '../../src/lineage/resolve.js';
import type { FaultRow } from '../../src/replay/result.js';
import { type Event, type Replayed, range, replay } from '../helpers.js';
import { BRANCHES } from './kinds/branches.js';
import { KINDS } from './kinds/index.js';
import { type Kind, STAGES, type StageId, spread, WAIT } from './kinds/kind.js';
import { GUP, LOOKUP } from './kinds/lookup.js';

type Outcomes = Record<StageId, string>;
const forEach = (of: (stage: StageId) => string) =>
  Object.fromEntries(STAGES.map(stage => [stage, of(stage)])) as Outcomes;

/** A cell without what is held, and what is held. */
const outcome = (cell: string) => cell.split(' | ')[0];
const held = (cell: string): string | undefined => cell.split(' | ')[1];

/** The letter of a fault that is over, and its site. */
function spell({ verdict, fallback, counter, site }: FaultRow, misses: number): string {
  const letters: Record<string, string> = { vma_lock_abort: 'A', vma_lock_retry: 'R', vma_lock_miss: 'M' };
  const fast = counter === 'vma_lock_success' ? 'V' : verdict === 'vma_lock' ? 'U' : 'P';
  const letter = fallback ? (counter === null ? '-' : (letters[counter] ?? '?')) : fast;
  const again = misses > 0 && letter !== 'M' ? 'M' : '';
  // Where it was handled is the verdict, unless a signal is.
  const handled = { A: 'mmap_lock', R: 'mmap_lock', M: 'mmap_lock', '-': 'mmap_lock', P: 'speculative' }[letter];
  const end = verdict === 'signal' ? '!' : verdict === (handled ?? 'vma_lock') ? '' : '?';
  return again + letter + end + (site === null ? '' : ` ${site}`);
}

const outcomesOf = (replayed: Replayed): Outcomes =>
  forEach(stage => spell(lastFault(replayed, stage), replayed.model(stage).counters.vma_lock_miss));
const lastFault = (replayed: Replayed, stage: StageId): FaultRow =>
  replayed.rows.findLast(row => row.model === stage && row.tid === 1)!;

/** What the last fault gave, without when and where in the trace. */
const whatItGave = (replayed: Replayed, stage: StageId) => ({ ...lastFault(replayed, stage), i: 0, t: 0, start: 0 });

/** The same events a millisecond apart, with `more` beside the last. */
const spaced = (events: readonly Event[], more: (last: number) => Event): Event[] => {
  const timed = events.map((event, i) => ({ ...event, t: (i + 1) * 1_000_000 }));
  const beside = more(events.length * 1_000_000);
  return [...timed, beside].sort((a, b) => Number(a.t) - Number(b.t));
};

/** Thread 9 is inside a write section of mmap_lock, about no VMA, during the last event. */
const whileMmapLockIsHeld = (events: readonly Event[]): Event[] =>
  spaced(events, last => {
    const section = { mode: 'write', ask: last - 100, got: last - 100, end: last + 50_000 };
    return { op: 'other', tid: 9, name: 'holder', t: last - 100, locks: [section] };
  });

/** Thread 9 changes the VMA of the last event while that sleeps, and leaves the access allowed. */
const whileItSleeps = (events: readonly Event[]): Event[] => {
  const { addr, len } = events.findLast(({ op }) => op === 'mmap' || op === 'vma')!;
  const page = { addr, len, tid: 9, prot: 'rwx' };
  return spaced(events, last => ({ ...range('mprotect', 0, 0), ...page, t: last + WAIT / 2 }));
};

/** What thread 9 waited for. */
function heldOf(replayed: Replayed, stage: StageId): string {
  const long = (lock: 'vma_lock' | 'mmap_lock') => replayed.lock(stage, lock, 'write').wait > WAIT / 4;
  return long('vma_lock') ? 'vma_lock' : long('mmap_lock') ? 'mmap_lock' : 'free';
}

/** The cell while somebody writes under mmap_lock: the trylock fails, and one count for the whole mm is odd. */
function busy(stage: StageId, cell: string): string {
  if (cell === 'T') return 'R vmf_anon_prepare';
  const tried = cell === 'P' || (cell.startsWith('-') && !cell.includes('kernel_mode'));
  const perMm = tried && stage.startsWith('spf_lespinasse');
  if (perMm) return `-${cell.includes('!') ? '!' : ''} do_user_addr_fault.spf_abort_odd`;
  return cell;
}

/** Kinds that are about who holds mmap_lock already, or about nobody else being there. */
const SPOKEN_FOR = [LOOKUP.vma_write_locked, LOOKUP.mmap_write_locked_other_vma, LOOKUP.single_threaded_mm];

async function check({ events, plain, cells }: Kind): Promise<void> {
  const cell = spread(cells);
  const replayed = await replay(events, 'all');
  const without = plain && (await replay(plain, 'all'));
  const outcomes = outcomesOf(replayed);
  const same = without && outcomesOf(without);
  const expected = (of: (stage: StageId, cell: string) => string, there = same) =>
    forEach(stage => (cell[stage] === '=' ? there![stage] : of(stage, outcome(cell[stage]))));

  expect(outcomes).toEqual(expected((_, what) => (what === 'T' ? 'V' : what)));
  for (const stage of STAGES) {
    if (cell[stage] === '=') expect(whatItGave(replayed, stage)).toEqual(whatItGave(without!, stage));
  }
  if (STAGES.some(stage => held(cell[stage]) !== undefined)) {
    const watched = await replay(whileItSleeps(events), 'all');
    const says = (stage: StageId) => held(cell[stage]) !== undefined;
    expect(forEach(stage => (says(stage) ? heldOf(watched, stage) : '='))).toEqual(
      forEach(stage => held(cell[stage]) ?? '='),
    );
  }
  if (SPOKEN_FOR.some(kind => kind.events === events)) return;
  const locked = outcomesOf(await replay(whileMmapLockIsHeld(events), 'all'));
  const there = plain && outcomesOf(await replay(whileMmapLockIsHeld(plain), 'all'));
  expect(locked).toEqual(expected(busy, there));
}

describe('kinds of fault', () => {
  const checked = new Set<string>();

  test.each(Object.entries(KINDS))('%s', async (name, kind) => {
    await check(kind);
    for (const stage of STAGES) checked.add(`${stage} ${name}`);
  });

  test('gup_or_nowait: get_user_pages() takes mmap_lock and counts nothing', async () => {
    const replayed = await replay(GUP, 'all');
    const before = await replay(GUP.slice(0, -1), 'all');
    for (const stage of STAGES) {
      const read = (lock: 'mmap_lock' | 'vma_lock') =>
        replayed.lock(stage, lock, 'read').acquired - before.lock(stage, lock, 'read').acquired;
      expect([stage, read('mmap_lock'), read('vma_lock')]).toEqual([stage, 1, 0]);
      expect(replayed.model(stage).faults).toEqual(before.model(stage).faults);
      expect(replayed.model(stage).counters).toEqual(before.model(stage).counters);
      checked.add(`${stage} gup_or_nowait`);
    }
  });

  test('75 of them under every stage: 1,725 cells, and those of two stages that answer like a neighbour', () => {
    expect([...STAGES].sort()).toEqual(lineage.map(({ id }) => id).sort());
    const kinds = new Set([...checked].map(cell => cell.split(' ')[1]));
    expect(kinds.size).toBe(75);
    const own = [...checked].filter(cell => !/^v6\.(4\.0|17) /.test(cell));
    expect([own.length, checked.size]).toEqual([1725, 1875]);
    for (const kind of Object.values(KINDS)) {
      const cells = spread(kind.cells);
      expect([cells['v6.4.0'], cells['v6.17']]).toEqual([cells['v6.4'], cells['v6.15']]);
    }
  });

  test('a cell that is wrong is told: its letter, its site, what is held', async () => {
    const { events, cells } = KINDS.migration_pte;
    for (const wrong of ['R', 'V! handle_mm_fault', 'V | free', 'V migration_entry_wait | vma_lock', '- | vma_lock']) {
      await expect(check({ events, cells: { ...cells, 'v6.18': wrong } })).rejects.toThrow();
    }
  });
});

describe('branches', () => {
  test.each(Object.entries(BRANCHES))('%s', (_, kind) => check(kind));
});
