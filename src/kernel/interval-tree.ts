/**
 * The VMAs that map a file, by the pages of it that they have (`i_mmap`): these overlap, and one page may have many.
 *
 * Models: mm/interval_tree.c, vma_interval_tree_insert, vma_interval_tree_remove, vma_interval_tree_iter_first (v6.18):
 * what they find, not how.
 * Units: pages of the file; range ends are exclusive.
 *
 * A VMA is kept with others of its size, a power of two, in each block of that size which it touches: they are two at
 * most. Who asks looks at as many blocks as the question has of each size, or at all there are.
 */
import type { Page } from '../units.js';
import type { Vma } from './vma.js';

export class IntervalTree {
  /** by size, and by number of the block */
  private readonly sizes = new Map<number, Map<number, Set<Vma>>>();

  insert(vma: Vma): void {
    const size = sizeOf(vma);
    let blocks = this.sizes.get(size);
    if (blocks === undefined) {
      blocks = new Map();
      this.sizes.set(size, blocks);
    }
    for (let n = firstOf(vma, size); n * size < endOf(vma); n++) {
      const block = blocks.get(n);
      if (block === undefined) blocks.set(n, new Set([vma]));
      else block.add(vma);
    }
  }

  /** Takes out `vma`, which has the bounds that it was inserted with. */
  remove(vma: Vma): void {
    const size = sizeOf(vma);
    const blocks = this.sizes.get(size);
    if (blocks === undefined) return;
    for (let n = firstOf(vma, size); n * size < endOf(vma); n++) {
      const block = blocks.get(n);
      block?.delete(vma);
      if (block?.size === 0) blocks.delete(n);
    }
  }

  /** Those that have a page of `[start, end)`, each once, in no particular order. */
  *overlapping(start: Page, end: Page): Generator<Vma> {
    for (const [size, blocks] of this.sizes) {
      const [first, last] = [Math.floor(start / size), Math.floor((end - 1) / size)];
      for (const n of last - first < blocks.size ? numbers(first, last) : blocks.keys()) {
        for (const vma of blocks.get(n) ?? []) {
          if (n !== Math.max(first, firstOf(vma, size))) continue;
          if (vma.vm_pgoff < end && start < endOf(vma)) yield vma;
        }
      }
    }
  }
}

const sizeOf = (vma: Vma): number => 2 ** Math.ceil(Math.log2(vma.vm_end - vma.vm_start));
const firstOf = (vma: Vma, size: number): number => Math.floor(vma.vm_pgoff / size);
const endOf = (vma: Vma): Page => vma.vm_pgoff + (vma.vm_end - vma.vm_start);

function* numbers(first: number, last: number): Generator<number> {
  for (let n = first; n <= last; n++) yield n;
}
