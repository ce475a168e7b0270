/**
 * What was mapped where, as far as the recording says: enough to tell a shared VMA from a private one, and a hole from
 * a VMA. Not the kernel's VMA set: nothing merges here, and nothing here reaches a trace.
 *
 * Units: page numbers, exclusive ends.
 */
import type { Ns } from '../../units.js';
import { type Page, PROT_ALL } from './words.js';

export interface Extent {
  readonly start: Page;
  readonly end: Page;
  readonly shared: boolean;
  /** PROT_* bits */
  readonly prot: number;
  /** a file or a special mapping, not anonymous memory */
  readonly mapsFile: boolean;
  /** MAP_GROWSDOWN: it grows when what is below it is touched */
  readonly growsdown: boolean;
  /** VM_DONTCOPY: a forked child has it not */
  readonly dontfork: boolean;
  /** name as perf prints it: a path, `[heap]`, `//anon` */
  readonly name: string;
  /** offset in the file, in pages */
  readonly offset: Page;
  /** when it was mapped; 0 where that is not known */
  readonly since: Ns;
}

/** The part in [start, end). All that are kept are made here, key by key: V8 reads objects fast that were made at one place. */
function cut(extent: Extent, start: Page, end: Page): Extent {
  const { shared, prot, mapsFile, growsdown, dontfork, name, since } = extent;
  const offset = extent.offset + (start - extent.start);
  return { start, end, shared, prot, mapsFile, growsdown, dontfork, name, offset, since };
}

/** Extents of a block: a change copies one of them, and the list of all. */
const BLOCK = 128;

/** Extents by address, in blocks that are never empty and never changed: a change puts another in its place. */
export class AddressMap {
  #blocks: (readonly Extent[])[] = [];

  /** A copy, with all that is in it. */
  clone(): AddressMap {
    const copy = new AddressMap();
    copy.#blocks = [...this.#blocks];
    return copy;
  }

  /** The extent that holds `page`, or null for a hole. */
  at(page: Page): Extent | null {
    const extent = this.above(page);
    return extent !== null && extent.start <= page ? extent : null;
  }

  /** The first extent that ends above `page`, or null. */
  above(page: Page): Extent | null {
    const block = this.#blocks[this.#blockEndingAfter(page)];
    return block === undefined ? null : block[firstEndingAfter(block, page)];
  }

  /** The extent with the highest address, or null. */
  get last(): Extent | null {
    return this.#blocks.at(-1)?.at(-1) ?? null;
  }

  /** Every extent, by address. */
  all(): Extent[] {
    return this.#blocks.flat();
  }

  /** Extents that overlap [start, end), whole, by address. */
  overlapping(start: Page, end: Page): Extent[] {
    const found: Extent[] = [];
    for (let b = this.#blockEndingAfter(start); b < this.#blocks.length; b++) {
      const block = this.#blocks[b];
      for (let i = firstEndingAfter(block, start); i < block.length; i++) {
        if (block[i].start >= end) return found;
        found.push(block[i]);
      }
    }
    return found;
  }

  /** An operation on [start, end) split the VMAs there, whatever else it did. */
  split(start: Page, end: Page): void {
    for (const extent of this.#within(start, end)) this.map(extent);
  }

  /** Everything in [start, end) is replaced by one extent. */
  map(extent: Extent): void {
    this.unmap(extent.start, extent.end);
    const b = Math.min(this.#blockEndingAfter(extent.start), this.#blocks.length - 1);
    const block = this.#blocks[b] ?? [];
    this.#put(
      Math.max(b, 0),
      block.toSpliced(firstEndingAfter(block, extent.start), 0, cut(extent, extent.start, extent.end)),
    );
  }

  /**
   * Nothing is left in [start, end) but what was mapped after `until`: an unmap goes on for long when its range is free for
   * others already.
   */
  unmap(start: Page, end: Page, until: Ns = Number.POSITIVE_INFINITY): void {
    if (start >= end) return;
    const newer: Extent[] = [];
    for (let b = this.#blockEndingAfter(start); b < this.#blocks.length && this.#blocks[b][0].start < end; ) {
      const block = this.#blocks[b];
      const from = firstEndingAfter(block, start);
      let to = from;
      const kept: Extent[] = [];
      for (; to < block.length && block[to].start < end; to++) {
        const extent = block[to];
        if (extent.since > until) newer.push(extent);
        if (extent.start < start) kept.push(cut(extent, extent.start, start));
        if (extent.end > end) kept.push(cut(extent, end, extent.end));
      }
      b += this.#put(b, to > from ? block.toSpliced(from, to - from, ...kept) : block);
    }
    for (const extent of newer) this.map(extent);
  }

  /** MADV_DONTFORK and MADV_DOFORK. */
  keepFromChildren(start: Page, end: Page, dontfork: boolean): void {
    for (const extent of this.#within(start, end)) this.map({ ...extent, dontfork });
  }

  protect(start: Page, end: Page, prot: number): void {
    for (const extent of this.#within(start, end)) this.map({ ...extent, prot: prot & PROT_ALL });
  }

  /**
   * mremap: what was at [start, end) is now at `to`, `pages` long; the old range stays with `keep`. What lies beside a hole
   * comes to lie beside whatever is there: remap_move() unmaps a place for each VMA, and none for holes.
   */
  move(start: Page, end: Page, to: Page, pages: number, keep: boolean): void {
    // of a length of 0, which duplicates a shared mapping, only the place is known
    const parts = this.#within(start, Math.max(end, start + 1));
    if (!keep) this.unmap(start, end);
    for (const part of parts) {
      const from = to + (part.start - start);
      const until = part.end >= end ? to + pages : Math.min(to + (part.end - start), to + pages);
      if (from < until) this.map({ ...part, start: from, end: until });
    }
  }

  #within(start: Page, end: Page): Extent[] {
    return this.overlapping(start, end).map(extent =>
      cut(extent, Math.max(start, extent.start), Math.min(end, extent.end)),
    );
  }

  /** Puts `block` in the place of number `b`: as two when it has grown too long, not at all when it is empty. Says as how many. */
  #put(b: number, block: readonly Extent[]): number {
    const half = block.length >> 1;
    const blocks = block.length > BLOCK ? [block.slice(0, half), block.slice(half)] : block.length > 0 ? [block] : [];
    if (blocks.length === 1 && b < this.#blocks.length) this.#blocks[b] = block;
    else this.#blocks.splice(b, 1, ...blocks);
    return blocks.length;
  }

  #blockEndingAfter(page: Page): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = blocks[middle];
      if (block[block.length - 1].end > page) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function firstEndingAfter(block: readonly Extent[], page: Page): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (block[middle].end > page) high = middle;
    else low = middle + 1;
  }
  return low;
}
