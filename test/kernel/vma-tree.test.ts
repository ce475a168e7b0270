/**
 * The VMA set against a plain sorted array: random operations, all questions asked after each.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bug } from '../../src/errors.js';
import { VM_READ, Vma } from '../../src/kernel/vma.js';
import { VmaTree } from '../../src/kernel/vma-tree.js';

const vmaOf = (start: number, end: number) => new Vma(start, end, VM_READ, start, -1, 0, -1);

/** The set as an array, asked in the obvious way. */
class Model {
  vmas: Vma[] = [];

  free(start: number, end: number, but?: Vma): boolean {
    return this.vmas.every(v => v === but || v.vm_end <= start || v.vm_start >= end);
  }

  add(vma: Vma): void {
    this.vmas.push(vma);
    this.vmas.sort((a, b) => a.vm_start - b.vm_start);
  }

  find = (page: number) => this.vmas.find(v => v.vm_end > page) ?? null;
  walk = (page: number) => this.vmas.find(v => v.vm_start <= page && page < v.vm_end) ?? null;
  firstFrom = (page: number) => this.vmas.find(v => v.vm_start >= page) ?? null;
  lastBelow = (page: number) => this.vmas.findLast(v => v.vm_start < page) ?? null;
  in = (start: number, end: number) => this.vmas.filter(v => v.vm_end > start && v.vm_start < end);
}

function agree(tree: VmaTree, model: Model, page: number, length: number, out: Vma[]): void {
  expect(tree.count).toBe(model.vmas.length);
  expect(tree.find(page)).toBe(model.find(page));
  expect(tree.walk(page)).toBe(model.walk(page));
  expect(tree.firstFrom(page)).toBe(model.firstFrom(page));
  expect(tree.lastBelow(page)).toBe(model.lastBelow(page));
  expect(tree.collect(page, page + length, out)).toBe(out.length);
  expect(out).toEqual(model.in(page, page + length));
  const here = model.find(page);
  if (here !== null) {
    const i = model.vmas.indexOf(here);
    expect(tree.next(here)).toBe(model.vmas[i + 1] ?? null);
    expect(tree.prev(here)).toBe(model.vmas[i - 1] ?? null);
  }
}

/** Integers below `n`, the same on every run. */
function seeded(seed: number): (n: number) => number {
  let state = seed;
  return n => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function inOrder(tree: VmaTree): Vma[] {
  const all: Vma[] = [];
  for (let vma = tree.first(); vma !== null; vma = tree.next(vma)) all.push(vma);
  return all;
}

type Step = { what: 'store' | 'erase' | 'resize'; page: number; length: number };
const step = (span: number): fc.Arbitrary<Step> =>
  fc.record({
    what: fc.constantFrom('store', 'store', 'erase', 'resize'),
    page: fc.nat(span),
    length: fc.integer({ min: 1, max: 4 }),
  });

function run(steps: Step[], base: number): void {
  const tree = new VmaTree();
  const model = new Model();
  const out: Vma[] = [];
  for (const { what, page, length } of steps) {
    const start = base + page;
    if (what === 'store') {
      if (!model.free(start, start + length)) {
        expect(() => tree.store(vmaOf(start, start + length))).toThrow(Bug);
      } else {
        const vma = vmaOf(start, start + length);
        tree.store(vma);
        model.add(vma);
      }
    } else {
      const vma = model.find(start);
      if (vma === null) continue;
      if (what === 'erase') {
        tree.erase(vma);
        model.vmas.splice(model.vmas.indexOf(vma), 1);
      } else {
        const to = vma.vm_start + length - 2;
        const i = model.vmas.indexOf(vma);
        const fits =
          to + length <= (model.vmas[i + 1]?.vm_start ?? Infinity) && to >= (model.vmas[i - 1]?.vm_end ?? -Infinity);
        if (fits) tree.resize(vma, to, to + length);
        else expect(() => tree.resize(vma, to, to + length)).toThrow(Bug);
      }
    }
    agree(tree, model, start, length + 3, out);
  }
  expect(inOrder(tree)).toEqual(model.vmas);
}

describe('the VMA set', () => {
  it('answers as a sorted array does, crowded', () => {
    fc.assert(
      fc.property(fc.array(step(40), { maxLength: 120 }), steps => run(steps, 0x7f0000000)),
      { numRuns: 60, seed: 1 },
    );
  });

  it('answers as a sorted array does at the top of a 64-bit address space', () => {
    fc.assert(
      fc.property(fc.array(step(100), { maxLength: 100 }), steps => run(steps, 2 ** 52 - 110)),
      { numRuns: 30, seed: 2 },
    );
  });

  it.each([
    ['ascending', (i: number) => i],
    ['descending', (i: number) => 2999 - i],
    ['scattered', (i: number) => (i * 1237) % 3000],
  ])('keeps 3,000 VMAs in order when they are stored %s and erased in another order', (_, place) => {
    const tree = new VmaTree();
    const model = new Model();
    for (let i = 0; i < 3000; i++) {
      const vma = vmaOf(place(i) * 4, place(i) * 4 + 3);
      tree.store(vma);
      model.vmas[place(i)] = vma;
    }
    expect(inOrder(tree)).toEqual(model.vmas);
    const out: Vma[] = [];
    for (let i = 0; i < 3000; i++) {
      const vma = tree.walk(((i * 1789) % 3000) * 4 + 1);
      expect(vma).not.toBeNull();
      if (vma === null) break;
      tree.erase(vma);
      model.vmas.splice(model.vmas.indexOf(vma), 1);
      if (i % 50 === 0) agree(tree, model, vma.vm_start, 40, out);
      if (i % 500 === 0) expect(inOrder(tree)).toEqual(model.vmas);
    }
    expect(tree.count).toBe(0);
    expect(tree.first()).toBeNull();
    expect(tree.find(0)).toBeNull();
  });

  it('answers as a sorted array does while hundreds of VMAs come, go and move their bounds', () => {
    const tree = new VmaTree();
    const model = new Model();
    const out: Vma[] = [];
    const random = seeded(7);
    for (let i = 0; i < 3000; i++) {
      // Fill, empty and fill again, so that blocks split and join.
      const growing = Math.floor(i / 750) % 2 === 0;
      const page = random(4000);
      const here = model.find(page);
      if (here !== null && random(3) === 0) {
        const at = model.vmas.indexOf(here);
        const low = model.vmas[at - 1]?.vm_end ?? 0;
        const high = model.vmas[at + 1]?.vm_start ?? 5000;
        const start = low + random(high - low);
        tree.resize(here, start, start + 1 + random(Math.min(4, high - start)));
      } else if (growing && model.free(page, page + 2)) {
        const vma = vmaOf(page, page + 2);
        tree.store(vma);
        model.add(vma);
      } else if (!growing && here !== null) {
        tree.erase(here);
        model.vmas.splice(model.vmas.indexOf(here), 1);
      }
      agree(tree, model, page, random(200), out);
      agree(tree, model, random(5000), 1, out);
    }
    expect(inOrder(tree)).toEqual(model.vmas);
  });

  it.each([
    ['from its first VMA on', [[64, 128]]],
    ['at the end, beside a full one', [[192, 256]]],
    [
      'after the block above has thinned out',
      [
        [64, 127],
        [128, 172],
        [127, 128],
      ],
    ],
    [
      'before the block above',
      [
        [64, 120],
        [128, 192],
        [120, 128],
      ],
    ],
    [
      'and the first block after it',
      [
        [64, 128],
        [0, 64],
      ],
    ],
  ])('looks below a gap where a whole block was erased %s', (_, ranges) => {
    const tree = new VmaTree();
    const model = new Model();
    for (let i = 0; i < 256; i++) {
      model.add(vmaOf(i * 2, i * 2 + 1));
      tree.store(model.vmas[i]);
    }
    const all = [...model.vmas];
    for (const [from, to] of ranges) {
      for (const vma of all.slice(from, to)) {
        tree.erase(vma);
        model.vmas.splice(model.vmas.indexOf(vma), 1);
        for (let page = 120; page < 530; page += 31) agree(tree, model, page, 3, []);
      }
    }
    expect(inOrder(tree)).toEqual(model.vmas);
  });

  it('says what is wrong with what it is told', () => {
    const tree = new VmaTree();
    const [low, high] = [vmaOf(0x10, 0x20), vmaOf(0x30, 0x40)];
    for (const vma of [low, high]) tree.store(vma);
    const empty = 'vma tree: empty VMA [0x5000, 0x5000)';
    expect(() => tree.store(vmaOf(5, 5))).toThrow(empty);
    expect(() => tree.resize(low, 5, 5)).toThrow(empty);
    expect(() => tree.store(vmaOf(0x1f, 0x21))).toThrow(
      'vma tree: [0x1f000, 0x21000) overlaps [0x10000, 0x20000) below it',
    );
    expect(() => tree.resize(high, 0x1f, 0x40)).toThrow('overlaps [0x10000, 0x20000) below it');
    expect(() => tree.store(vmaOf(0x2f, 0x31))).toThrow('vma tree: [0x2f000, 0x31000) overlaps a VMA above it');
    expect(() => tree.resize(low, 0x10, 0x31)).toThrow('overlaps a VMA above it');
    expect(() => tree.erase(vmaOf(0x10, 0x20))).toThrow('vma tree: [0x10000, 0x20000) is not in the tree');
    expect(inOrder(tree)).toEqual([low, high]);
  });

  it('walk() forgets an erased VMA and sees new bounds', () => {
    const tree = new VmaTree();
    const vma = vmaOf(10, 20);
    tree.store(vma);
    expect(tree.walk(15)).toBe(vma);
    tree.resize(vma, 12, 14);
    expect(tree.walk(15)).toBeNull();
    expect(tree.walk(13)).toBe(vma);
    tree.erase(vma);
    expect(tree.walk(13)).toBeNull();
  });

  it.each<[string, (tree: VmaTree) => void]>([
    ['an empty VMA', tree => tree.store(vmaOf(3, 3))],
    ['a VMA that ends before it starts', tree => tree.store(vmaOf(4, 3))],
    ['a VMA over the first page of another', tree => tree.store(vmaOf(9, 11))],
    ['a VMA over the last page of another', tree => tree.store(vmaOf(19, 21))],
    ['a VMA inside another', tree => tree.store(vmaOf(12, 13))],
    ['a VMA around another', tree => tree.store(vmaOf(5, 25))],
    ['the removal of a VMA that is not there', tree => tree.erase(vmaOf(10, 20))],
    ['a step from a VMA that is not there', tree => tree.next(vmaOf(0, 1))],
    ['a resize to nothing', tree => tree.resize(tree.first() as Vma, 12, 12)],
    ['a resize over the next VMA', tree => tree.resize(tree.first() as Vma, 10, 31)],
    ['a resize past the next VMA', tree => tree.resize(tree.first() as Vma, 50, 60)],
  ])('refuses %s', (_, act) => {
    const tree = new VmaTree();
    tree.store(vmaOf(10, 20));
    tree.store(vmaOf(30, 40));
    expect(() => act(tree)).toThrow(Bug);
    expect(inOrder(tree).map(v => [v.vm_start, v.vm_end])).toEqual([
      [10, 20],
      [30, 40],
    ]);
  });
});
