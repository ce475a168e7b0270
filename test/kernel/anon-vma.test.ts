/**
 * Which anon_vma may keep VMAs apart, which one a merge leaves behind, and which one a first fault shares.
 */
import { describe, expect, it } from 'vitest';
import { AnonVma, VM_LOCKED, VM_READ, type Vma } from '../../src/kernel/vma.js';
import {
  commit_merge,
  find_mergeable_anon_vma,
  VmaMerge,
  vma_merge_existing_range,
  vma_merge_new_range,
} from '../../src/kernel/vma-merge.js';
import { BASE, fault, Picture, RW } from './picture.js';

const shared = new AnonVma();
const other = new AnonVma();
type Anon = 'none' | 'one' | 'other' | 'forked';
const ANONS: Anon[] = ['none', 'one', 'other', 'forked'];
function give(vma: Vma, anon: Anon): void {
  if (anon === 'none') fault(vma, null);
  else if (anon === 'other') fault(vma, other);
  else fault(vma, shared, anon === 'forked' ? 2 : 1);
}
const anonOf = (anon: Anon) => (anon === 'none' ? null : anon === 'other' ? other : shared);

describe('anon_vma', () => {
  it.each([
    // the part, its neighbour: merges before v6.16, merges from v6.16 on
    ['none', 'none', true, true],
    ['none', 'one', true, true],
    ['none', 'forked', false, false],
    ['one', 'none', false, true],
    ['forked', 'none', false, false],
    ['one', 'one', true, true],
    ['one', 'other', false, false],
    ['forked', 'forked', true, true],
    ['forked', 'other', false, false],
  ] as const)('a part with %s beside a neighbour with %s', (ours, theirs, before, since) => {
    for (const into_unfaulted of [false, true]) {
      for (const side of ['P', 'N']) {
        const { tree, vmas } = new Picture(side === 'P' ? 'PPPPMMMM....' : '....MMMMNNNN');
        give(vmas.M, ours);
        give(vmas[side], theirs);
        const vmg = new VmaMerge(into_unfaulted).forModify(tree, vmas.M, BASE + 4, BASE + 8);
        expect(vma_merge_existing_range(vmg)).toBe(into_unfaulted ? since : before);
      }
    }
  });

  it('of what merges is one: whichever of the three has it, the target has it afterwards', () => {
    let merged = 0;
    for (const p of ANONS)
      for (const m of ANONS)
        for (const n of ANONS)
          for (const into_unfaulted of [false, true]) {
            const { tree, vmas } = new Picture('PPPPMMMMNNNN');
            give(vmas.P, p);
            give(vmas.M, m);
            give(vmas.N, n);
            const vmg = new VmaMerge(into_unfaulted).forModify(tree, vmas.M, BASE + 4, BASE + 8);
            if (!vma_merge_existing_range(vmg)) continue;
            const parts = vmg.kind === 'both' ? [p, m, n] : vmg.kind === 'left' ? [p, m] : [m, n];
            const theirs = new Set(parts.map(anonOf).filter(anon => anon !== null));
            expect(theirs.size).toBeLessThan(2);
            const target = commit_merge(tree, vmg);
            expect(target.anon_vma).toBe([...theirs][0] ?? null);
            expect(target.anon_vma_chain > 0).toBe(target.anon_vma !== null);
            merged++;
          }
    expect(merged).toBeGreaterThan(50);
  });

  it('prev and next with different ones are not joined by an unfaulted range between them', () => {
    const picture = new Picture('PPPP....NNNN');
    fault(picture.vmas.P, shared);
    fault(picture.vmas.N, other);
    const vmg = new VmaMerge(true).forNew(picture.tree, BASE + 4, BASE + 8, RW, -1, BASE + 4);
    expect(vma_merge_new_range(vmg)).toBe(true);
    commit_merge(picture.tree, vmg);
    expect(picture.draw(12)).toBe('PPPPPPPPNNNN');
    expect(picture.vmas.P.anon_vma).toBe(shared);
  });

  it('of next goes to an unfaulted prev that swallows it', () => {
    const { tree, vmas } = new Picture('PPPP....NNNN');
    fault(vmas.N, shared);
    const vmg = new VmaMerge(true).forNew(tree, BASE + 4, BASE + 8, RW, -1, BASE + 4);
    expect(vma_merge_new_range(vmg)).toBe(true);
    expect(vmg.anon_from).toBe(vmas.N);
    expect(commit_merge(tree, vmg).anon_vma).toBe(shared);
  });

  it.each([
    [1, true, 'left'],
    [1, false, 'none'],
    [2, true, 'none'],
  ] as const)('of a copied VMA with a chain of %i goes along, if into_unfaulted is %s: %s', (chain, since, kind) => {
    const { tree, vmas } = new Picture('PPPP......SS');
    fault(vmas.S, shared, chain);
    const vmg = new VmaMerge(since).forCopy(tree, vmas.S, BASE + 4, BASE + 6, BASE + 4);
    vma_merge_new_range(vmg);
    expect(vmg.kind).toBe(kind);
    if (kind !== 'none') expect(commit_merge(tree, vmg).anon_vma).toBe(shared);
  });
});

describe('find_mergeable_anon_vma', () => {
  it('prefers next, takes prev, and shares across what mprotect may change only', () => {
    const { tree, vmas } = new Picture('PPPPMMMMNNNN');
    fault(vmas.P, shared);
    fault(vmas.N, other);
    vmas.P.vm_flags = VM_READ;
    expect(find_mergeable_anon_vma(tree, vmas.M)).toBe(other);
    vmas.N.vm_flags = RW | VM_LOCKED;
    expect(find_mergeable_anon_vma(tree, vmas.M)).toBe(shared);
    vmas.P.vm_pgoff -= 1;
    expect(find_mergeable_anon_vma(tree, vmas.M)).toBeNull();
  });

  it('shares none across a gap, none of a fork, none between different files or policies', () => {
    for (const spoil of ['gap', 'fork', 'file', 'policy', 'nothing']) {
      const { tree, vmas } = new Picture(spoil === 'gap' ? 'PPP.MMMM....' : 'PPPPMMMM....');
      fault(vmas.P, shared, spoil === 'fork' ? 2 : 1);
      if (spoil === 'file') vmas.P.vm_file = 1;
      if (spoil === 'policy') vmas.P.vm_policy = 1;
      expect(find_mergeable_anon_vma(tree, vmas.M)).toBe(spoil === 'nothing' ? shared : null);
    }
  });
});
