/** The map of what is mapped where against a plain list, with so many extents that they fill several blocks; and what changes and copies of it cost. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { AddressMap, type Extent } from '../../src/trace/import/address-map.js';

const PAGES = 1200;

const extent = (start: number, end: number, since = 0): Extent => ({
  ...{
    start,
    end,
    shared: false,
    prot: 3,
    mapsFile: true,
    growsdown: false,
    dontfork: false,
    name: '',
    offset: start,
    since,
  },
});

/** The part of `one` in [start, end), if any. */
function part(one: Extent, start: number, end: number): Extent[] {
  const from = Math.max(one.start, start);
  const to = Math.min(one.end, end);
  return from < to ? [{ ...one, start: from, end: to, offset: one.offset + (from - one.start) }] : [];
}

/** The same as a list, of which every change makes another. */
class Plain {
  extents: readonly Extent[] = [];

  #each(change: (one: Extent) => Extent[]): void {
    this.extents = this.extents.flatMap(change).sort((a, b) => a.start - b.start);
  }

  unmap(start: number, end: number, until = Number.POSITIVE_INFINITY): void {
    this.#each(one => (one.since > until ? [one] : [...part(one, 0, start), ...part(one, end, PAGES)]));
  }

  map(one: Extent): void {
    this.unmap(one.start, one.end);
    this.extents = [...this.extents, one].sort((a, b) => a.start - b.start);
  }

  protect(start: number, end: number, prot: number): void {
    this.#each(one => {
      const inside = part(one, start, end).map(piece => ({ ...piece, prot }));
      return [...part(one, 0, start), ...inside, ...part(one, end, PAGES)];
    });
  }

  split(start: number, end: number): void {
    this.#each(one => [...part(one, 0, start), ...part(one, start, end), ...part(one, end, PAGES)]);
  }
}

type Step = { what: 'map' | 'unmap' | 'unmap old' | 'protect' | 'split' | 'fork'; start: number; pages: number };

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('map', 'unmap', 'unmap old', 'protect', 'split', 'fork'),
  start: fc.nat(PAGES - 1),
  pages: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.integer({ min: 1, max: 400 })),
});

const ORDERS = {
  up: (n: number) => n,
  down: (n: number) => 599 - n,
  mixed: (n: number) => (n * 341) % 600,
};

function apply(map: AddressMap | Plain, { what, start, pages }: Step, now: number): void {
  const end = Math.min(start + pages, PAGES);
  if (what === 'map') map.map(extent(start, end, now));
  else if (what === 'unmap') map.unmap(start, end);
  else if (what === 'unmap old') map.unmap(start, end, now / 2);
  else if (what === 'protect') map.protect(start, end, pages % 8);
  else if (what === 'split') map.split(start, end);
}

function agree(map: AddressMap, plain: Plain, page: number, end: number): void {
  const { extents } = plain;
  const above = extents.find(one => one.end > page) ?? null;
  expect(map.above(page)).toEqual(above);
  expect(map.at(page)).toEqual(above !== null && above.start <= page ? above : null);
  expect(map.overlapping(page, end)).toEqual(extents.filter(one => one.end > page && one.start < end));
  expect(map.last).toEqual(extents.at(-1) ?? null);
}

describe('the extents are those of a list', () => {
  test.each(Object.entries(ORDERS))('first mapped %s', (_, place) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const plain = new Plain();
        const map = new AddressMap();
        for (let n = 0; n < 600; n++) map.map(extent(2 * place(n), 2 * place(n) + 1, n));
        plain.extents = map.all();
        expect(plain.extents.map(({ start }) => start)).toEqual(Array.from({ length: 600 }, (_, n) => 2 * n));
        const kept: [AddressMap, readonly Extent[]][] = [];
        for (const [now, step] of steps.entries()) {
          if (step.what === 'fork') kept.push([map.clone(), plain.extents]);
          for (const one of [map, plain]) apply(one, step, now * 20);
          agree(map, plain, step.start, step.start + step.pages);
        }
        kept.push([map, plain.extents]);
        for (const [copy, extents] of kept) expect(copy.all()).toEqual(extents);
      }),
      { numRuns: 40 },
    );
  });
});

/** Elements of all the arrays that `work` changes or copies, a splice at a time. */
function handled(work: () => void): number {
  let elements = 0;
  const spies = (['splice', 'toSpliced'] as const).map(name => {
    const real = Array.prototype[name];
    return vi.spyOn(Array.prototype, name).mockImplementation(function (this: unknown[], ...args: unknown[]) {
      elements += this.length;
      return Reflect.apply(real, this, args);
    });
  });
  try {
    work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return elements;
}

describe('of n extents a change handles far fewer than n', () => {
  const n = 20_000;

  test.each(Object.entries({ up: (i: number) => i, down: (i: number) => n - i }))('going %s', (_, place) => {
    const map = new AddressMap();
    const pages = Array.from({ length: n }, (_, i) => 2 * place(i));
    const mapping = handled(() => {
      for (const page of pages) map.map(extent(page, page + 1));
    });
    const unmapping = handled(() => {
      for (const page of pages) map.unmap(page, page + 1);
    });
    expect(map.last).toBeNull();
    // of one array of them all: 10,000
    expect(mapping / n).toBeLessThan(200);
    expect(unmapping / n).toBeLessThan(200);
  });
});

test('what a child has as its parent has it is there once', () => {
  const parent = new AddressMap();
  for (let page = 0; page < 20_000; page++) parent.map(extent(page, page + 1));
  const child = parent.clone();
  child.unmap(10_000, 10_001);
  const own = new Set(parent.all());
  expect(child.all()).toHaveLength(19_999);
  expect(child.all().every(one => own.has(one))).toBe(true);
});
