/**
 * The ordered set of an mm's VMAs (`mm_mt`): lookups by page, neighbours, insertion, removal, resizing.
 *
 * Models: include/linux/mm_types.h, struct mm_struct.mm_mt (v6.18); mm/mmap.c, find_vma (v6.18); mm/vma.c, vma_prepare,
 * vma_complete (v6.18); lib/maple_tree.c, mas_walk, mas_next, mas_prev (v6.18): what they find, not how.
 * Leaves out: RCU and node replacement; readers see whole operations. What a reader may see in between is said by the
 * order in which callers store and erase.
 * Units: pages; `vm_end` is exclusive.
 *
 * Two levels: sorted blocks of at most BLOCK start pages, and a directory of the blocks' first start pages. All keys are
 * doubles in Float64Arrays, because pages reach 2^52. Nothing is allocated by a lookup.
 */
import { Bug } from '../errors.js';
import { formatAddr, type Page } from '../units.js';
import type { Vma } from './vma.js';

/** VMAs per block: a shift inside a block then costs less than the two binary searches. */
const BLOCK = 64;
/** A block that falls below this joins a neighbour when both then fill at most half a block. */
const SPARSE = BLOCK / 8;
const SMALLEST = 16;

class Block {
  /** `vm_start` of each VMA, ascending; only the first `n` count */
  keys: Float64Array;
  /** the VMAs in the same order; null from `n` on */
  vmas: (Vma | null)[];
  n = 0;

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity);
    this.vmas = new Array<Vma | null>(capacity).fill(null);
  }

  insert(at: number, vma: Vma): void {
    const { n, vmas } = this;
    if (n === this.keys.length) {
      const wider = new Float64Array(Math.min(BLOCK, n * 2));
      wider.set(this.keys);
      this.keys = wider;
      while (vmas.length < wider.length) vmas.push(null);
    }
    this.keys.copyWithin(at + 1, at, n);
    for (let i = n; i > at; i--) vmas[i] = vmas[i - 1];
    this.keys[at] = vma.vm_start;
    vmas[at] = vma;
    this.n = n + 1;
  }

  remove(at: number): void {
    const { vmas } = this;
    const n = this.n - 1;
    this.keys.copyWithin(at, at + 1, n + 1);
    for (let i = at; i < n; i++) vmas[i] = vmas[i + 1];
    vmas[n] = null;
    this.n = n;
  }

  /** Moves the VMAs from `from` on to the end of `other`, which has the capacity of a whole block. */
  moveTo(other: Block, from: number): void {
    other.keys.set(this.keys.subarray(from, this.n), other.n);
    for (let i = from; i < this.n; i++) {
      other.vmas[other.n++] = this.vmas[i];
      this.vmas[i] = null;
    }
    this.n = from;
  }
}

/** The last index below `n` whose key is at most `key`; -1 when all are above. */
function lastAtMost(keys: Float64Array, n: number, key: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (keys[mid] <= key) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

/** Entries of the look-aside of walk(), a power of two, and the pages each stands for: 2^9. */
const RECENT = 256;
const RECENT_SHIFT = 9;

export class VmaTree {
  private readonly blocks: Block[] = [new Block(SMALLEST)];
  /** first key of each block that has one */
  private firsts = new Float64Array(SMALLEST);
  private total = 0;
  /** what walk() found last, by the low bits of the 2 MiB it was asked about: a TLB for VMAs */
  private readonly recent = new Array<Vma | null>(RECENT).fill(null);
  // Where the previous operation stood; believed only when the VMA asked about is there.
  private atBlock = 0;
  private atIndex = 0;

  /** How many VMAs there are (mm->map_count). */
  get count(): number {
    return this.total;
  }

  /** find_vma(): the first VMA that ends above `page`; it may start above it too. */
  find(page: Page): Vma | null {
    const vma = this.atMost(page);
    return vma !== null && vma.vm_end > page ? vma : this.step(1);
  }

  /** mas_walk(): the VMA that contains `page`, or null. */
  walk(page: Page): Vma | null {
    const slot = (page >>> RECENT_SHIFT) & (RECENT - 1);
    const recent = this.recent[slot];
    if (recent !== null && page < recent.vm_end && page >= recent.vm_start) return recent;
    const vma = this.atMost(page);
    if (vma === null || vma.vm_end <= page) return null;
    this.recent[slot] = vma;
    return vma;
  }

  /** Drops `vma` from the look-aside. Only entries inside its bounds could still be believed. */
  private forget(vma: Vma): void {
    const { recent } = this;
    const first = vma.vm_start >>> RECENT_SHIFT;
    const spans = (vma.vm_end - vma.vm_start) / (1 << RECENT_SHIFT) + 1;
    if (spans >= RECENT) recent.fill(null);
    else for (let i = 0; i <= spans; i++) recent[(first + i) & (RECENT - 1)] = null;
  }

  /** The first VMA that starts at `page` or above, or null. */
  firstFrom(page: Page): Vma | null {
    const vma = this.atMost(page);
    return vma !== null && vma.vm_start === page ? vma : this.step(1);
  }

  /** The last VMA that starts below `page`, or null. */
  lastBelow(page: Page): Vma | null {
    const vma = this.atMost(page);
    return vma !== null && vma.vm_start === page ? this.step(-1) : vma;
  }

  first(): Vma | null {
    this.atBlock = 0;
    this.atIndex = 0;
    return this.blocks[0].vmas[0];
  }

  /** The VMA after `vma`, which must be in the tree. */
  next(vma: Vma): Vma | null {
    this.seek(vma);
    return this.step(1);
  }

  /** The VMA before `vma`, which must be in the tree. */
  prev(vma: Vma): Vma | null {
    this.seek(vma);
    return this.step(-1);
  }

  /**
   * Writes the VMAs that intersect `[start, end)` into `out`, in order, and cuts it to their number.
   * @returns their number
   */
  collect(start: Page, end: Page, out: Vma[]): number {
    let n = 0;
    for (let vma = this.find(start); vma !== null && vma.vm_start < end; vma = this.step(1)) out[n++] = vma;
    out.length = n;
    return n;
  }

  /** The VMAs that intersect `[start, end)`, in order, each with its part of it; none may leave the tree meanwhile. */
  *parts(start: Page, end: Page): Generator<[vma: Vma, from: Page, to: Page]> {
    for (let vma = this.find(start); vma !== null && vma.vm_start < end; vma = this.next(vma)) {
      yield [vma, Math.max(start, vma.vm_start), Math.min(end, vma.vm_end)];
    }
  }

  /** Inserts `vma`; a Bug when it is empty or overlaps another. */
  store(vma: Vma): void {
    if (!(vma.vm_start < vma.vm_end)) throw new Bug(`vma tree: empty VMA ${range(vma.vm_start, vma.vm_end)}`);
    const before = this.atMost(vma.vm_start);
    const b = this.atBlock;
    const i = this.atIndex;
    this.refuseOverlap(before, vma.vm_start, vma.vm_end);
    this.total++;
    this.insertAt(b, i + 1, vma);
    vma.mapping?.i_mmap?.insert(vma);
  }

  /** Removes `vma`; a Bug when it is not in the tree. */
  erase(vma: Vma): void {
    this.seek(vma);
    const b = this.atBlock;
    const block = this.blocks[b];
    vma.mapping?.i_mmap?.remove(vma);
    block.remove(this.atIndex);
    this.forget(vma);
    this.total--;
    if (block.n < SPARSE && this.blocks.length > 1) this.thin(b);
    else if (this.atIndex === 0 && block.n > 0) this.firsts[b] = block.keys[0];
  }

  /**
   * vma_set_range(): moves the bounds of `vma` in place, over the same pages of its file; a Bug when it would be empty, overlap a
   * neighbour or pass one.
   */
  resize(vma: Vma, start: Page, end: Page): void {
    if (!(start < end)) throw new Bug(`vma tree: empty VMA ${range(start, end)}`);
    this.seek(vma);
    const b = this.atBlock;
    const i = this.atIndex;
    const before = this.step(-1);
    this.atBlock = b;
    this.atIndex = i;
    this.refuseOverlap(before, start, end);
    vma.mapping?.i_mmap?.remove(vma);
    vma.vm_pgoff += start - vma.vm_start;
    vma.vm_start = start;
    vma.vm_end = end;
    vma.mapping?.i_mmap?.insert(vma);
    this.blocks[b].keys[i] = start;
    if (i === 0) this.firsts[b] = start;
    this.atBlock = b;
    this.atIndex = i;
  }

  /** The VMA with the greatest `vm_start` at most `page`; without one, stands before the first so that step(1) finds it. */
  private atMost(page: Page): Vma | null {
    const b = this.blocks.length === 1 ? 0 : Math.max(0, lastAtMost(this.firsts, this.blocks.length, page));
    const block = this.blocks[b];
    const i = lastAtMost(block.keys, block.n, page);
    this.atBlock = b;
    this.atIndex = i;
    return i < 0 ? null : block.vmas[i];
  }

  /** Stands on `vma`. */
  private seek(vma: Vma): void {
    const i = this.atIndex;
    if (i >= 0 && this.atBlock < this.blocks.length && this.blocks[this.atBlock].vmas[i] === vma) return;
    if (this.atMost(vma.vm_start) !== vma)
      throw new Bug(`vma tree: ${range(vma.vm_start, vma.vm_end)} is not in the tree`);
  }

  /** Moves one VMA up (1) or down (-1) and returns the VMA there, or null beyond either end. */
  private step(by: 1 | -1): Vma | null {
    let block = this.blocks[this.atBlock];
    let i = this.atIndex + by;
    if (i >= block.n) {
      if (this.atBlock + 1 >= this.blocks.length) return null;
      block = this.blocks[++this.atBlock];
      i = 0;
    } else if (i < 0) {
      if (this.atBlock === 0) return null;
      block = this.blocks[--this.atBlock];
      i = block.n - 1;
    }
    this.atIndex = i;
    return block.vmas[i];
  }

  /** Stands at or just before the place of `[start, end)`, between `before` and the VMA one step on. */
  private refuseOverlap(before: Vma | null, start: Page, end: Page): void {
    if (before !== null && before.vm_end > start)
      throw new Bug(`vma tree: ${range(start, end)} overlaps ${range(before.vm_start, before.vm_end)} below it`);
    // The key, not the VMA: its memory is probably not in the cache.
    if (this.step(1) !== null && this.blocks[this.atBlock].keys[this.atIndex] < end)
      throw new Bug(`vma tree: ${range(start, end)} overlaps a VMA above it`);
  }

  private insertAt(b: number, i: number, vma: Vma): void {
    let block = this.blocks[b];
    if (block.n === BLOCK) {
      const upper = new Block(BLOCK);
      // Appending leaves the full block full: addresses often only grow.
      const cut = i === BLOCK && b === this.blocks.length - 1 ? BLOCK : BLOCK / 2;
      block.moveTo(upper, cut);
      this.addBlock(b + 1, upper, cut === BLOCK ? vma.vm_start : upper.keys[0]);
      if (i > cut || cut === BLOCK) {
        b++;
        i -= cut;
        block = upper;
      }
    }
    block.insert(i, vma);
    if (i === 0) this.firsts[b] = vma.vm_start;
    this.atBlock = b;
    this.atIndex = i;
  }

  private addBlock(b: number, block: Block, first: Page): void {
    const n = this.blocks.length;
    if (n === this.firsts.length) {
      const wider = new Float64Array(n * 2);
      wider.set(this.firsts);
      this.firsts = wider;
    }
    this.firsts.copyWithin(b + 1, b, n);
    this.firsts[b] = first;
    this.blocks.splice(b, 0, block);
  }

  /** Joins the sparse block `b` with a neighbour that has room. */
  private thin(b: number): void {
    const { blocks } = this;
    if (blocks[b].n > 0) this.firsts[b] = blocks[b].keys[0];
    for (let low = Math.max(0, b - 1); low <= b && low + 1 < blocks.length; low++) {
      if (blocks[low].n + blocks[low + 1].n > BLOCK / 2) continue;
      const joined = new Block(BLOCK);
      blocks[low].moveTo(joined, 0);
      blocks[low + 1].moveTo(joined, 0);
      this.firsts[low] = joined.keys[0];
      blocks[low] = joined;
      blocks.splice(low + 1, 1);
      this.firsts.copyWithin(low + 1, low + 2, blocks.length + 1);
      return;
    }
    if (blocks[b].n === 0) {
      blocks.splice(b, 1);
      this.firsts.copyWithin(b, b + 1, blocks.length + 1);
    }
  }
}

function range(start: Page, end: Page): string {
  return `[${formatAddr(start)}, ${formatAddr(end)})`;
}
