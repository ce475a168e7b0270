/**
 * The page table against a Map from page to state, and its promise about memory.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  PageTable,
  PTE_ANON,
  PTE_ANON_WP,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HUGE,
  PTE_KIND_MASK,
  PTE_NONE,
  PTE_PROTNONE,
  PTE_SHARED_COW,
  PTE_SWAP,
  PTE_ZERO,
} from '../../src/kernel/page-table.js';

type Model = Map<number, number>;
type Step =
  | { do: 'set'; page: number; state: number }
  | { do: 'map'; page: number; state: number }
  | { do: 'clear'; page: number; length: number }
  | { do: 'swap out'; page: number; length: number }
  | { do: 'forget'; page: number; length: number }
  | { do: 'fork'; page: number; length: number }
  | { do: 'move'; page: number; length: number; to: number };

const swapOut = (state: number) => (state === PTE_ANON ? PTE_SWAP : state | PTE_PROTNONE);
const forget = (state: number) => (state & 1 ? PTE_NONE : state);
const wrprotect = (state: number) => (state === PTE_ZERO ? PTE_NONE : PTE_ANON_WP | PTE_SHARED_COW);

// Pages near each other, far apart, at the very top; lengths from one page to half an address space.
const page = fc.oneof(
  fc.nat(300),
  fc.nat(300),
  fc.nat(300).map(n => 2 ** 40 + n),
  fc.nat(300).map(n => 2 ** 52 - 301 + n),
);
const length = fc.oneof(fc.nat(200), fc.constantFrom(64, 128, 2 ** 40, 2 ** 51));
const range = { page, length };
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), page, state: fc.nat(255) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('map' as const), page, state: fc.nat(127) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), ...range }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('swap out' as const), ...range }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), ...range }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fork' as const), ...range }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('move' as const), page, length: fc.nat(200), to: fc.nat(900) }),
    },
  ),
  { maxLength: 60 },
);

function inRange(model: Model, start: number, end: number): [number, number][] {
  return [...model].filter(([p]) => p >= start && p < end);
}

function put(model: Model, page: number, state: number): void {
  if (state === PTE_NONE) model.delete(page);
  else model.set(page, state);
}

const isHuge = (state: number) => (state & PTE_HUGE) !== 0;
const isOfFile = (state: number) => [PTE_FILE_RO, PTE_FILE_RW].includes(state & PTE_KIND_MASK);

/** A PMD mapping that a range cuts in two is pages of their own from then on; those of a file are not mapped any more. */
function split(model: Model, ...edges: number[]): void {
  for (const edge of edges) {
    const first = edge - (edge % 512);
    if (edge === first || !isHuge(model.get(edge) ?? 0)) continue;
    for (const [p, state] of inRange(model, first, first + 512))
      put(model, p, isHuge(state) && isOfFile(state) ? PTE_NONE : state & ~PTE_HUGE);
  }
}

function agree(table: PageTable, model: Model, probes: Iterable<number>): void {
  expect(table.count).toBe(model.size);
  for (const [page, state] of model) expect(table.get(page)).toBe(state);
  for (const page of probes) expect(table.get(page)).toBe(model.get(page) ?? PTE_NONE);
}

function apply(step: Step, table: PageTable, model: Model): void {
  if (step.do === 'set') {
    table.set(step.page, step.state);
    put(model, step.page, step.state);
    return;
  }
  if (step.do === 'map') {
    const first = step.page - (step.page % 512);
    for (let p = first; p < first + 512; p++) {
      table.set(p, step.state | PTE_HUGE);
      put(model, p, step.state | PTE_HUGE);
    }
    return;
  }
  const { page: start, length } = step;
  const end = Math.min(2 ** 52, start + length);
  expect(table.countRange(start, end)).toBe(inRange(model, start, end).length);
  if (step.do !== 'fork') split(model, start, end);
  const touched = inRange(model, start, end);
  if (step.do === 'clear') {
    table.clearRange(start, end);
    for (const [p] of touched) model.delete(p);
  } else if (step.do === 'fork') {
    const child = new PageTable();
    const theirs: Model = new Map([[start, PTE_SWAP]]);
    child.set(start, PTE_SWAP);
    table.copyTo(child, start, end, wrprotect);
    for (const [p, state] of touched) if (wrprotect(state) !== PTE_NONE) theirs.set(p, wrprotect(state));
    agree(child, theirs, [end, Math.max(start - 1, 0)]);
  } else if (step.do === 'move') {
    table.moveRange(start, end, step.to);
    for (const [p] of touched) model.delete(p);
    split(model, step.to, step.to + (end - start));
    for (const [p] of inRange(model, step.to, step.to + (end - start))) model.delete(p);
    const moves = (step.to - start) % 512 === 0 ? ~0 : ~PTE_HUGE;
    for (const [p, state] of touched) put(model, p - start + step.to, state & moves);
  } else {
    const change = step.do === 'forget' ? forget : swapOut;
    table.transformRange(start, end, change);
    for (const [p, state] of touched) put(model, p, change(state));
  }
}

describe('the page table', () => {
  it('answers as a Map does', () => {
    fc.assert(
      fc.property(steps, steps => {
        const table = new PageTable();
        const model: Model = new Map();
        const probes = new Set<number>([0, 2 ** 52 - 1]);
        for (const step of steps) {
          probes.add(step.page);
          apply(step, table, model);
          agree(table, model, probes);
        }
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  it('is none everywhere at first, and costs nothing to read', () => {
    const table = new PageTable();
    const { bytes } = table;
    for (let page = 0; page < 10_000; page++) expect(table.get(page * 1_000_003)).toBe(PTE_NONE);
    for (let page = 0; page < 10_000; page++) table.set(page * 1_000_003, PTE_NONE);
    expect([table.bytes, table.hasTable(0), table.hasTable(1_000_003)]).toEqual([bytes, false, false]);
    expect(table.count).toBe(0);
  });

  it('holds one byte per page of a dense range, and reuses what a zap frees', () => {
    const table = new PageTable();
    for (let round = 0; round < 20; round++) {
      const base = round * 2 ** 40;
      for (let page = 0; page < 64 * 64; page++) table.set(base + page, PTE_ANON);
      expect(table.count).toBe(64 * 64);
      expect(table.bytes).toBe(64 * 64);
      table.clearRange(base, base + 2 ** 40);
      expect(table.count).toBe(0);
    }
  });

  it('gives a chunk back when its last page becomes none, one page at a time', () => {
    const table = new PageTable();
    const { bytes } = table;
    for (let page = 0; page < 100_000; page++) {
      table.set(page * 64, PTE_ANON);
      table.set(page * 64, PTE_NONE);
      table.set(page * 64 + 63, PTE_ANON);
      table.transformRange(page * 64, page * 64 + 64, () => PTE_NONE);
    }
    expect(table.bytes).toBe(bytes);
  });

  it('does not take a reused chunk for the pages it held before', () => {
    const table = new PageTable();
    table.set(5, PTE_ANON);
    table.clearRange(0, 64);
    expect(table.get(5)).toBe(PTE_NONE);
    table.set(5, PTE_ANON);
    table.set(5, PTE_NONE);
    table.set(2 ** 30 + 5, PTE_SWAP);
    expect(table.get(5)).toBe(PTE_NONE);
    table.set(6, PTE_ZERO);
    table.clearRange(2 ** 30, 2 ** 31);
    table.set(2 ** 40 + 6, PTE_SWAP);
    expect([table.get(6), table.get(2 ** 30 + 5), table.get(2 ** 40 + 6)]).toEqual([PTE_ZERO, PTE_NONE, PTE_SWAP]);
  });

  it('keeps memory in pages apart that differ only above 2^32 chunks', () => {
    const table = new PageTable();
    for (let high = 0; high < 64; high++) table.set(high * 2 ** 38 + 1, high + 1);
    for (let high = 0; high < 64; high++) expect(table.get(high * 2 ** 38 + 1)).toBe(high + 1);
  });

  it('finds every other page again while pages far apart come and go', () => {
    const table = new PageTable();
    const model: Model = new Map();
    for (let i = 0; i < 4000; i++) {
      const page = ((i * 7919) % 1499) * 4099;
      const state = i % 3 === 0 ? PTE_NONE : (i % 13) + 1;
      table.set(page, state);
      put(model, page, state);
      if (i % 100 === 0) agree(table, model, [page]);
    }
    expect(table.count).toBe(model.size);
  });

  it('zaps a terabyte range that was touched in two places, and leaves its edges alone', () => {
    const table = new PageTable();
    for (const page of [0, 99, 100, 2 ** 28, 2 ** 40 - 1, 2 ** 40]) table.set(page, PTE_ANON);
    table.clearRange(100, 2 ** 40);
    expect([0, 99, 100, 2 ** 28, 2 ** 40 - 1, 2 ** 40].map(page => table.get(page))).toEqual([
      PTE_ANON,
      PTE_ANON,
      PTE_NONE,
      PTE_NONE,
      PTE_NONE,
      PTE_ANON,
    ]);
    expect(table.countRange(0, 2 ** 52)).toBe(3);
  });

  it('moves pages onto a range that overlaps their own', () => {
    const table = new PageTable();
    for (let page = 10; page < 14; page++) table.set(page, page);
    table.moveRange(10, 14, 12);
    expect([10, 11, 12, 13, 14, 15, 16].map(page => table.get(page))).toEqual([0, 0, 10, 11, 12, 13, 0]);
  });

  it('has a table of 512 entries where anything was, until nothing is mapped from its first to its last page', () => {
    const T = 512;
    const spread = fc.constantFrom(3, 40, 2 ** 30);
    const seen = fc.array(fc.nat(5 * T), { maxLength: 12 });
    const range = fc.tuple(fc.nat(6 * T), fc.nat(6 * T)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    const aligned = range.map(([from, to]) => [from - (from % T), to - (to % T)]);
    fc.assert(
      fc.property(seen, seen, spread, fc.oneof(range, aligned), (set, added, far, [from, to]) => {
        const table = new PageTable();
        const base = far * T;
        for (const page of set) table.set(base + page, PTE_ANON);
        for (const page of added) table.addTable(base + page);
        const tables = new Set([...set, ...added].map(page => Math.floor(page / T)));
        for (let i = 0; i < 7; i++) expect(table.hasTable(base + i * T + (i % T))).toBe(tables.has(i));
        table.clearRange(base + from, base + to);
        table.freeTables(base + from, base + to);
        for (let i = 0; i < 7; i++) {
          const freed = i * T >= from && (i + 1) * T <= to;
          expect([i, table.hasTable(base + i * T)]).toEqual([i, tables.has(i) && !freed]);
        }
        // all that lies below, and all that lies above
        table.freeTables(0, base);
        table.freeTables(base + 7 * T, 2 ** 52);
        for (let i = 0; i < 7; i++)
          expect(table.hasTable(base + i * T)).toBe(tables.has(i) && !(i * T >= from && (i + 1) * T <= to));
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('has none any more where a PMD of a file is split, unless something else is mapped there', () => {
    const splitOf = (state: number, ...others: [page: number, state: number][]) => {
      const table = new PageTable();
      for (let page = 512; page < 1_024; page++) table.set(page, state | PTE_HUGE);
      for (const [page, other] of others) table.set(page, other);
      table.set(1_024, PTE_ANON);
      table.splitHuge(700);
      expect([table.hasTable(1_024), table.hasTable(0)]).toEqual([true, false]);
      return [table.count - 1, table.hasTable(512)];
    };
    expect(splitOf(PTE_ANON)).toEqual([512, true]);
    for (const state of [PTE_FILE_RO, PTE_FILE_RW]) {
      expect(splitOf(state)).toEqual([0, false]);
      for (const page of [512, 1_023]) expect(splitOf(state, [page, PTE_ANON])).toEqual([1, true]);
    }
  });

  it('keeps kind and flags of a state apart', () => {
    const table = new PageTable();
    table.set(7, PTE_ANON_WP | PTE_SHARED_COW | PTE_PROTNONE);
    expect(table.get(7) & PTE_KIND_MASK).toBe(PTE_ANON_WP);
    table.transformRange(0, 64, state => state & ~PTE_PROTNONE);
    expect(table.get(7)).toBe(PTE_ANON_WP | PTE_SHARED_COW);
  });

  it('does nothing for an empty range or one that ends before it starts', () => {
    const table = new PageTable();
    table.set(5, PTE_ANON);
    table.clearRange(5, 5);
    table.clearRange(6, 5);
    expect(table.countRange(9, 3)).toBe(0);
    expect(table.get(5)).toBe(PTE_ANON);
  });
});
