/** Traces that no kernel recorded whole: what is told late, or cannot have succeeded, must not break what is known. */
import { describe, expect, test } from 'vitest';
import { addressSpace, at, draw, type Event, fault, len, mmap, range, replay, vma } from '../helpers.js';

const STAGES = 'mmap_lock,v6.4,v6.10,v6.18';

/** The address space under every stage of the list, which must agree. */
async function drawn(events: readonly Event[], width: number): Promise<string> {
  const pictures = new Set<string>();
  for (const stage of STAGES.split(',')) pictures.add(draw(await addressSpace(events, stage), width));
  return [...pictures].join(' or ');
}

describe('a vma event that comes late', () => {
  test('replaces what was thought to be there', async () => {
    expect(await drawn([vma(0, 8), vma(2, 3, { prot: 'r--' })], 8)).toBe('AABBBCCC');
  });

  test('leaves a VMA alone that a fault is inside of, and fills the rest', async () => {
    const inside = fault(1, { t: 1_000, tid: 2, page: { entry: 'migration', wait: 50_000 } });
    const events = [vma(0, 4, { t: 0 }), vma(4, 4, { t: 0 }), inside, vma(0, 12, { t: 2_000, prot: 'r--', tid: 3 })];
    expect(draw(await addressSpace(events, 'v6.10'), 12)).toBe('AAAABBBBBBBB');
    expect(draw(await addressSpace(events, 'v6.18'), 12)).toBe('AAAABBBBBBBB');
    // Under mmap_lock nobody is inside of a VMA.
    expect(draw(await addressSpace(events, 'mmap_lock'), 12)).toBe('AAAAAAAAAAAA');
  });

  test('is passed over while an operation changes the address space', async () => {
    const munmap = { ...range('munmap', 0, 8), t: 1_000, dur: 50_000 };
    const locks = [{ mode: 'write', ask: 1_000, got: 1_000, end: 51_000 }];
    const events = [
      vma(0, 8, { t: 0 }),
      { ...munmap, locks },
      vma(0, 8, { t: 20_000, tid: 2 }),
      fault(0, { t: 99_000 }),
    ];
    const { rows } = await replay(events, STAGES);
    expect(rows.map(row => row.verdict)).toEqual(['signal', 'signal', 'signal', 'signal']);
  });
});

describe('a call that cannot have succeeded changes nothing', () => {
  const mremap = (from: number, pages: number, to: number, size = pages): Event => ({
    op: 'mremap',
    tid: 1,
    addr: at(from),
    old_len: len(pages),
    new_addr: at(to),
    new_len: len(size),
  });

  test('mremap to a place that overlaps the old one', async () => {
    expect(await drawn([vma(0, 6), mremap(0, 4, 2)], 8)).toBe('AAAAAA..');
  });

  test('mremap onto a sealed VMA, where there is mseal', async () => {
    const events = [vma(0, 4), vma(6, 4), range('mseal', 6, 4), mremap(0, 4, 6)];
    expect(draw(await addressSpace(events, 'v6.18'), 10)).toBe('AAAA..BBBB');
    expect(draw(await addressSpace(events, 'v6.4'), 10)).toBe('......AAAA');
  });

  test('mremap that would grow into its neighbour', async () => {
    expect(await drawn([vma(0, 4), vma(5, 2), mremap(0, 4, 0, 6)], 8)).toBe('AAAA.BB.');
  });

  test('munmap, mprotect, madvise and mremap of nothing', async () => {
    const nothing = ['munmap', 'mprotect', 'madvise'].map(op => range(op, 8, 4, { prot: 'r--', advice: 'hugepage' }));
    expect(await drawn([vma(0, 4), ...nothing, mremap(8, 4, 16)], 20)).toBe('AAAA................');
  });
});

test('brk that grows over something that should be gone takes its place', async () => {
  const brk = (page: number): Event => ({ op: 'brk', tid: 1, addr: at(page) });
  expect(await drawn([vma(0, 2, { name: '[heap]' }), mmap(3, 3, { prot: 'r--' }), brk(5)], 8)).toBe('AAAAAB..');
});
