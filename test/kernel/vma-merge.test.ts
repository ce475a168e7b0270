/**
 * Which VMAs merge, and into what: every case as a picture, every property by nested loops, and what no merge may change
 * as a property. In the pictures a letter is a VMA, `*` the range, a dot nothing.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bug } from '../../src/errors.js';
import {
  AnonVma,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_PFNMAP,
  VM_READ,
  VM_SEALED,
  VM_SHARED,
  VM_UFFD_MISSING,
  VM_WRITE,
  Vma,
} from '../../src/kernel/vma.js';
import {
  commit_merge,
  find_mergeable_anon_vma,
  VmaMerge,
  vma_merge_existing_range,
  vma_merge_new_range,
} from '../../src/kernel/vma-merge.js';
import { VmaTree } from '../../src/kernel/vma-tree.js';
import { BASE, fault, Picture, RW, stars } from './picture.js';

describe('a new range', () => {
  it.each([
    // ruler '0123456789ab'
    ['alone, merges with nothing', '....****....', '............', 'none', '', '............'],
    ['with a gap on both sides, merges with nothing', 'PPP.****.NNN', 'PPP......NNN', 'none', '', 'PPP......NNN'],
    ['beside prev, extends it', '.PPP****....', '.PPP........', 'left', '', '.PPPPPPP....'],
    ['beside prev, with a gap before next', 'PPPP****.NNN', 'PPPP.....NNN', 'left', '', 'PPPPPPPP.NNN'],
    ['beside next, extends it downwards', '....****NNN.', '........NNN.', 'right', '', '....NNNNNNN.'],
    ['between both, leaves one VMA', 'PPPP****NNNN', 'PPPP....NNNN', 'both', 'N', 'PPPPPPPPPPPP'],
  ])('%s', (_, range, before, kind, removed, after) => {
    const picture = new Picture(before);
    const [start, end] = stars(range);
    const vmg = new VmaMerge(true).forNew(picture.tree, start, end, RW, -1, start);
    expect(vma_merge_new_range(vmg)).toBe(kind !== 'none');
    expect(vmg.kind).toBe(kind);
    expect(picture.draw(12)).toBe(before);
    if (kind === 'none') return;
    commit_merge(picture.tree, vmg);
    expect(picture.letters(vmg.removed)).toBe(removed);
    expect(picture.draw(12)).toBe(after);
    expect(picture.linear()).toBe(true);
  });

  it('of a brk never joins what lies above it', () => {
    const { tree, vmas } = new Picture('PPPP....NNNN');
    const vmg = new VmaMerge(true).forNew(tree, BASE + 4, BASE + 8, RW, -1, BASE + 4);
    vmg.just_expand = true;
    expect(vma_merge_new_range(vmg)).toBe(true);
    expect([vmg.kind, vmg.target, vmg.removed]).toEqual(['left', vmas.P, []]);
  });

  it('by mremap in place extends its VMA, and joins the next one where they meet', () => {
    const picture = new Picture('.PPP..NNN...');
    const { tree, vmas } = picture;
    const vmg = new VmaMerge(true).forExtend(tree, vmas.P, 1);
    expect(vma_merge_new_range(vmg)).toBe(true);
    commit_merge(tree, vmg);
    expect(picture.draw(12)).toBe('.PPPP.NNN...');
    expect(vma_merge_new_range(vmg.forExtend(tree, vmas.P, 1))).toBe(true);
    commit_merge(tree, vmg);
    expect(picture.draw(12)).toBe('.PPPPPPPP...');
  });
});

describe('a part of a VMA that changes to what its neighbours are', () => {
  it.each([
    // ruler               '0123456789ab'
    ['in the middle', '....**......', 'PPPMMMMMMNNN', 'none', '', '-', 'PPPMMMMMMNNN'],
    ['all of it, beside prev only', '....****....', 'PPPPMMMM.NNN', 'left', 'M', '-', 'PPPPPPPP.NNN'],
    ['all of it, beside next only', '....****....', 'PPP.MMMMNNNN', 'right', 'M', '-', 'PPP.NNNNNNNN'],
    ['all of it, beside both', '....****....', 'PPPPMMMMNNNN', 'both', 'MN', '-', 'PPPPPPPPPPPP'],
    ['its lower part', '....**......', 'PPPPMMMMNNNN', 'left', '', 'M', 'PPPPPPMMNNNN'],
    ['its upper part', '......**....', 'PPPPMMMMNNNN', 'right', '', 'M', 'PPPPMMNNNNNN'],
    ['its lower part, prev apart', '....**......', 'PPP.MMMMNNNN', 'none', '', '-', 'PPP.MMMMNNNN'],
    ['its upper part, next apart', '......**....', 'PPPPMMMM.NNN', 'none', '', '-', 'PPPPMMMM.NNN'],
    ['all of it, alone', '....****....', '....MMMM....', 'none', '', '-', '....MMMM....'],
  ])('%s', (_, range, before, kind, removed, shrunk, after) => {
    for (const faulted of [false, true]) {
      const picture = new Picture(before);
      const { tree, vmas } = picture;
      vmas.M.vm_flags = VM_READ;
      const shared = new AnonVma();
      if (faulted) for (const vma of Object.values(vmas)) fault(vma, shared);
      const vmg = new VmaMerge(false).forModify(tree, vmas.M, ...stars(range));
      vmg.flags = RW;
      expect(vma_merge_existing_range(vmg)).toBe(kind !== 'none');
      expect([vmg.kind, picture.letters(vmg.removed), picture.letters([vmg.shrunk])]).toEqual([kind, removed, shrunk]);
      expect(picture.draw(12)).toBe(before);
      if (kind !== 'none') expect(picture.letters([commit_merge(tree, vmg)])).toBe(kind === 'right' ? 'N' : 'P');
      expect(picture.draw(12)).toBe(after);
      expect(picture.linear()).toBe(true);
    }
  });

  it('joins only the side that is alike', () => {
    const picture = new Picture('PPPPMMMMNNNN');
    picture.vmas.P.vm_flags = VM_EXEC;
    picture.vmas.M.vm_flags = VM_READ;
    const vmg = new VmaMerge(true).forModify(picture.tree, picture.vmas.M, BASE + 4, BASE + 8);
    vmg.flags = RW;
    expect(vma_merge_existing_range(vmg)).toBe(true);
    commit_merge(picture.tree, vmg);
    expect(picture.draw(12)).toBe('PPPPNNNNNNNN');
  });

  it.each([
    [BASE + 3, BASE + 6],
    [BASE + 6, BASE + 9],
    [BASE + 6, BASE + 6],
  ])('must be part of it: [%i, %i) is a Bug', (start, end) => {
    const { tree, vmas } = new Picture('PPPPMMMMNNNN');
    expect(() => new VmaMerge(true).forModify(tree, vmas.M, start, end)).toThrow(Bug);
  });

  it('cannot be carried out without a plan', () => {
    const { tree, vmas } = new Picture('....MMMM....');
    const vmg = new VmaMerge(true).forModify(tree, vmas.M, BASE + 4, BASE + 8);
    expect(vma_merge_existing_range(vmg)).toBe(false);
    expect(() => commit_merge(tree, vmg)).toThrow(Bug);
  });
});

const KEYS = ['flags', 'file', 'pgoff', 'policy', 'uffd_ctx', 'name'] as const;

describe('properties', () => {
  it.each(KEYS)('a neighbour that differs in %s is not joined', key => {
    for (const side of ['P', 'N']) {
      for (const range of ['new', 'existing']) {
        const { tree, vmas } = new Picture(range === 'new' ? 'PPPP....NNNN' : 'PPPPMMMMNNNN');
        const odd = vmas[side];
        if (key === 'flags') odd.vm_flags = RW | VM_LOCKED;
        if (key === 'file') odd.vm_file = 3;
        if (key === 'pgoff') odd.vm_pgoff += 1;
        if (key === 'policy') odd.vm_policy = 1;
        if (key === 'uffd_ctx') odd.vm_userfaultfd_ctx = 1;
        if (key === 'name') odd.name = 7;
        const vmg = new VmaMerge(true);
        if (range === 'new') vma_merge_new_range(vmg.forNew(tree, BASE + 4, BASE + 8, RW, -1, BASE + 4));
        else vma_merge_existing_range(vmg.forModify(tree, vmas.M, BASE + 4, BASE + 8));
        expect(vmg.kind).toBe(side === 'P' ? 'right' : 'left');
      }
    }
  });

  it('every combination of flags merges with itself and with no other, save the special ones', () => {
    const bits = [VM_WRITE, VM_SHARED, VM_GROWSDOWN, VM_LOCKED, VM_UFFD_MISSING, VM_SEALED, VM_PFNMAP, VM_HUGETLB];
    const combinations = Array.from({ length: 2 ** bits.length }, (_, n) =>
      bits.reduce((flags, bit, i) => (n & (1 << i) ? flags | bit : flags), VM_READ),
    );
    const { tree, vmas } = new Picture('PPPP........');
    const vmg = new VmaMerge(true);
    for (const theirs of combinations) {
      vmas.P.vm_flags = theirs;
      for (const ours of combinations) {
        const merges = vma_merge_new_range(vmg.forNew(tree, BASE + 4, BASE + 8, ours, -1, BASE + 4));
        if (merges !== (ours === theirs && (ours & (VM_PFNMAP | VM_HUGETLB)) === 0))
          expect.fail(`flags ${ours.toString(16)} beside ${theirs.toString(16)}: ${merges}`);
      }
    }
  });

  it('two mappings of a file merge where their offsets meet', () => {
    const tree = new VmaTree();
    tree.store(new Vma(BASE, BASE + 4, RW, 0, 5, 0, 2));
    for (const [file, pgoff, merges] of [
      [5, 4, true],
      [5, 0, false],
      [6, 4, false],
      [5, 5, false],
    ] as const) {
      const vmg = new VmaMerge(true).forNew(tree, BASE + 4, BASE + 8, RW, file, pgoff);
      vmg.name = 2;
      expect(vma_merge_new_range(vmg)).toBe(merges);
    }
  });
});

describe('any sequence of mmap and mprotect', () => {
  const WIDTH = 40;
  const step = fc.record({
    page: fc.nat(WIDTH - 1),
    length: fc.integer({ min: 1, max: 8 }),
    flags: fc.constantFrom(RW, VM_READ),
    faulted: fc.boolean(),
  });

  it('leaves each page with the flags it was given last and at its own offset', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, into_unfaulted) => {
        const tree = new VmaTree();
        const vmg = new VmaMerge(into_unfaulted);
        const model: (number | null)[] = Array.from({ length: WIDTH }, () => null);
        for (const { page, length, flags, faulted } of steps) {
          const here = tree.find(BASE + page);
          if (here === null || here.vm_start > BASE + page) {
            const start = BASE + page;
            const end = Math.min(start + length, here?.vm_start ?? BASE + WIDTH, BASE + WIDTH);
            model.fill(flags, page, end - BASE);
            if (vma_merge_new_range(vmg.forNew(tree, start, end, flags, -1, start))) commit_merge(tree, vmg);
            else tree.store(new Vma(start, end, flags, start, -1, 0, -1));
          } else {
            if (faulted && here.anon_vma === null) fault(here, find_mergeable_anon_vma(tree, here) ?? new AnonVma());
            const end = Math.min(BASE + page + length, here.vm_end);
            model.fill(flags, page, end - BASE);
            mprotect(tree, vmg, here, BASE + page, end, flags);
          }
          for (let i = 0; i < WIDTH; i++) expect(tree.walk(BASE + i)?.vm_flags ?? null).toBe(model[i]);
          for (let vma = tree.first(); vma !== null; vma = tree.next(vma)) {
            expect(vma.vm_pgoff).toBe(vma.vm_start);
            expect(vma.anon_vma_chain).toBe(vma.anon_vma === null ? 0 : 1);
          }
        }
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  /** vma_modify(): merge, or split on both sides. */
  function mprotect(tree: VmaTree, vmg: VmaMerge, vma: Vma, start: number, end: number, flags: number): void {
    if (vma.vm_flags === flags) return;
    vmg.forModify(tree, vma, start, end).flags = flags;
    if (vma_merge_existing_range(vmg)) {
      commit_merge(tree, vmg);
      return;
    }
    const { vm_start, vm_end } = vma;
    tree.resize(vma, start, end);
    for (const [from, to] of [
      [vm_start, start],
      [end, vm_end],
    ]) {
      if (from === to) continue;
      const part = new Vma(from, to, vma.vm_flags, from, -1, 0, -1);
      fault(part, vma.anon_vma, vma.anon_vma_chain);
      tree.store(part);
    }
    vma.vm_pgoff = start;
    vma.vm_flags = flags;
  }
});
