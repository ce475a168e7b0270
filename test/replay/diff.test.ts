/** A trace under two models: rows are paired by event, and nothing is lost or invented. */
import { describe, expect, test } from 'vitest';
import { resolveModels } from '../../src/lineage/resolve.js';
import { diffBlockers, FaultDiff } from '../../src/replay/diff.js';
import type { Blocker, ChangedFault, FaultRow } from '../../src/replay/result.js';
import { diff, fault, mmap, range, vma } from '../helpers.js';

function row(i: number, more: Partial<FaultRow> = {}): FaultRow {
  return {
    i,
    model: 'some',
    t: i,
    start: i,
    tid: 1,
    mm: 1,
    addr: '0x1000',
    verdict: 'vma_lock',
    fallback: false,
    counter: 'vma_lock_success',
    site: null,
    wait_ns: 0,
    hold_ns: 0,
    tries: 1,
    blocked_by: null,
    ...more,
  };
}

/** Fell back because it met a swap entry. */
const swapped = (i: number, wait_ns = 0): FaultRow =>
  row(i, { verdict: 'mmap_lock', fallback: true, counter: 'vma_lock_retry', site: 'do_swap_page', wait_ns });

describe('pairing', () => {
  test('a fault that is over later under one stage is compared then, whichever stage it is', () => {
    const seen: number[] = [];
    const faults = new FaultDiff(10, ({ i }) => seen.push(i));
    for (const i of [1, 3]) faults.over(swapped(i), 0);
    for (const i of [1, 2, 3]) faults.over(row(i), 1);
    expect([seen, faults.unpaired]).toEqual([[1, 3], 1]);
    faults.over(swapped(2), 0);
    faults.over(row(5), 1);
    faults.over(swapped(5), 0);
    expect([seen, faults.unpaired]).toEqual([[1, 3, 2, 5], 0]);
  });

  test('what waits is what is late, however long the trace', () => {
    const faults = new FaultDiff(10, null);
    faults.over(swapped(0), 0);
    for (let i = 1; i < 5_000; i++) {
      faults.over(row(i), 0);
      faults.over(swapped(i), 1);
      expect(faults.unpaired).toBe(1);
    }
    expect([faults.changed, faults.listed.length, faults.transitions().length]).toEqual([4_999, 10, 1]);
  });

  test('the first faults are listed in the order of the trace, in whatever order they come', () => {
    const faults = new FaultDiff(3, null);
    for (const i of [4, 9, 2, 7, 1, 3]) {
      faults.over(swapped(i), 0);
      faults.over(row(i), 1);
    }
    expect(faults.listed.map(({ i }) => i)).toEqual([1, 2, 3]);
    expect(faults.changed).toBe(6);
  });

  test('none is listed where none is wanted, and all are counted', () => {
    const faults = new FaultDiff(0, null);
    faults.over(swapped(1), 0);
    faults.over(row(1), 1);
    expect([faults.listed, faults.changed]).toEqual([[], 1]);
  });
});

describe('a fault changes with', () => {
  test.each<[string, Partial<FaultRow>]>([
    ['its verdict', { verdict: 'signal' }],
    ['its fallback', { fallback: false }],
    ['its counter', { counter: 'vma_lock_abort' }],
    ['its site', { site: 'do_wp_page' }],
  ])('%s', (_, more) => {
    const faults = new FaultDiff(1, null);
    faults.over(swapped(1), 0);
    faults.over({ ...swapped(1), ...more }, 1);
    expect(faults.changed).toBe(1);
  });

  test('nothing else: waits are told apart from it', () => {
    const faults = new FaultDiff(1, null);
    for (const [i, before, after] of [
      [1, 500, 0],
      [2, 500, 0],
      [3, 0, 40],
      [4, 7, 7],
    ]) {
      faults.over({ ...swapped(i, before), tries: 2 }, 0);
      faults.over(swapped(i, after), 1);
    }
    expect([faults.changed, faults.waits]).toEqual([0, { less: 2, more: 1 }]);
  });

  test('the site that decided is the second stage’s, or the first’s where it has none', () => {
    const faults = new FaultDiff(9, null);
    const retried = { ...swapped(2), site: '__folio_lock_or_retry' };
    for (const [before, after] of [
      [swapped(1), row(1)],
      [swapped(2), retried],
      [row(3), swapped(3)],
    ]) {
      faults.over(before, 0);
      faults.over(after, 1);
    }
    expect(faults.listed.map(({ from, to, site }) => [from, to, site])).toEqual([
      ['mmap_lock', 'vma_lock', 'do_swap_page'],
      ['mmap_lock', 'mmap_lock', '__folio_lock_or_retry'],
      ['vma_lock', 'mmap_lock', 'do_swap_page'],
    ]);
  });

  test('faults that change alike are one transition, most faults first', () => {
    const faults = new FaultDiff(9, null);
    for (let i = 0; i < 5; i++) {
      faults.over(i < 2 ? row(i) : swapped(i, 10), 0);
      faults.over(i < 2 ? swapped(i, 3) : row(i), 1);
    }
    expect(faults.transitions()).toEqual([
      {
        from: 'mmap_lock',
        to: 'vma_lock',
        site: 'do_swap_page',
        count: 3,
        from_site: 'do_swap_page',
        to_site: null,
        from_counter: 'vma_lock_retry',
        to_counter: 'vma_lock_success',
        from_wait_ns: 30,
        to_wait_ns: 0,
      },
      {
        from: 'vma_lock',
        to: 'mmap_lock',
        site: 'do_swap_page',
        count: 2,
        from_site: null,
        to_site: 'do_swap_page',
        from_counter: 'vma_lock_success',
        to_counter: 'vma_lock_retry',
        from_wait_ns: 0,
        to_wait_ns: 6,
      },
    ]);
  });
});

describe('operations that stand in the way', () => {
  const blocker = (more: Partial<Blocker> = {}): Blocker => ({
    op: 'mprotect',
    tid: 2,
    name: '[heap]',
    victims: 3,
    fallbacks: 1,
    wait_ns: 700,
    max_wait_ns: 400,
    times: 1,
    ...more,
  });

  test('are compared by kind, thread and mapping, over all the pages they worked on', () => {
    const before = [blocker({ start: '0xfffff000', end: '0x100001000' }), blocker({ tid: 3 })];
    const after = [
      blocker({ start: '0x100000000', end: '0x100002000', wait_ns: 100 }),
      blocker({ name: '[stack]' }),
      blocker({ tid: 3 }),
    ];
    expect(diffBlockers(before, after)).toEqual([
      {
        op: 'mprotect',
        tid: 2,
        name: '[stack]',
        victims: { from: 0, to: 3 },
        fallbacks: { from: 0, to: 1 },
        wait_ns: { from: 0, to: 700 },
        max_wait_ns: { from: 0, to: 400 },
      },
      {
        op: 'mprotect',
        tid: 2,
        start: '0xfffff000',
        end: '0x100002000',
        name: '[heap]',
        victims: { from: 3, to: 3 },
        fallbacks: { from: 1, to: 1 },
        wait_ns: { from: 700, to: 100 },
        max_wait_ns: { from: 400, to: 400 },
      },
    ]);
  });

  test('that only work elsewhere do not differ', () => {
    const [before, after] = ['0x1000', '0x2000'].map(start => [blocker({ start, end: '0x3000' })]);
    expect(diffBlockers(before, after)).toEqual([]);
  });
});

describe('two models', () => {
  test('a fault on a swap entry no longer falls back in 6.6', async () => {
    const { result } = await diff(
      [vma(0, 4), fault(0, { page: { entry: 'swap', folio: 'cached' } }), fault(1)],
      'v6.5',
      'v6.6',
    );
    expect(result).toMatchObject({ from: 'v6.5', to: 'v6.6', differs: true, changed: 1 });
    expect(result.transitions).toMatchObject([{ from: 'mmap_lock', to: 'vma_lock', site: 'do_swap_page', count: 1 }]);
    expect(result.verdicts).toEqual({
      vma_lock: { from: 1, to: 2 },
      mmap_lock: { from: 1, to: 0 },
      signal: { from: 0, to: 0 },
    });
    expect(result.faults).toMatchObject([{ i: 1, addr: '0x7f0000200000', from_fallback: true, to_fallback: false }]);
  });

  test('an operation that stops mattering has nobody in its way under the second', async () => {
    const events = [
      vma(0, 4, { t: 0 }),
      vma(8, 4, { t: 0, name: '[heap]' }),
      range('mprotect', 8, 4, { t: 100, tid: 2, prot: 'r--', dur: 50_000 }),
      fault(0, { t: 1_000 }),
    ];
    const { result } = await diff(events, 'mmap_lock', 'v6.18');
    const { fault_wait_ns } = result.time;
    expect([fault_wait_ns.from > 49_000, fault_wait_ns.to]).toEqual([true, 0]);
    expect(result.blockers).toMatchObject([
      { op: 'mprotect', tid: 2, victims: { from: 1, to: 0 }, wait_ns: fault_wait_ns },
    ]);
    expect(result.waits).toEqual({ less: 1, more: 0 });
  });

  test('a model does not differ from itself', async () => {
    const events = [mmap(0, 4, { t: 0 }), fault(0, { t: 10 }), fault(9, { t: 20 })];
    const { result, rows } = await diff(events, 'v6.6', 'v6.6');
    expect(result).toMatchObject({ differs: false, changed: 0, transitions: [], blockers: [], faults: [] });
    expect(result.time.makespan_ns.from).toBeGreaterThan(0);
    expect(rows).toEqual([]);
  });

  test('two postings of the same name are told apart', async () => {
    const [base] = resolveModels('v6.6');
    const [other] = resolveModels('v6.5');
    const { result } = await diff(
      [vma(0, 4), fault(0, { page: { entry: 'swap', folio: 'cached' } })],
      { ...other, id: base.id },
      base,
    );
    expect(result).toMatchObject({ from: 'v6.6', to: 'v6.6', changed: 1 });
  });

  test('as many faults are listed as are wanted, all are told one by one', async () => {
    const events = [mmap(0, 20, { t: 0 }), ...Array.from({ length: 12 }, (_, k) => fault(k, { t: 100 + k * 1_000 }))];
    const { result, rows } = await diff(events, 'mmap_lock', 'v6.18', { top: 5 });
    expect([result.changed, result.faults.length, rows.length]).toEqual([12, 5, 12]);
    expect(rows.slice(0, 5)).toEqual(result.faults satisfies ChangedFault[]);
  });
});
