/**
 * What was mapped where, as far as the recording says: enough to tell a shared VMA from a private one, and a hole from
 * a VMA. Not the kernel's VMA set: nothing merges here, and nothing here reaches a trace.
 *
 * Units: page numbers, exclusive ends.
 */
import type { Ns } from '../../units.js';
import { type Page, PROT_ALL } from './words.js';

export interface Extent {
  start: Page;
  end: Page;
  shared: boolean;
  /** PROT_* bits */
  prot: number;
  /** a file or a special mapping, not anonymous memory */
  mapsFile: boolean;
  /** MAP_GROWSDOWN: it grows when what is below it is touched */
  growsdown: boolean;
  /** name as perf prints it: a path, `[heap]`, `//anon` */
  name: string;
  /** offset in the file, in pages */
  offset: Page;
  /** when it was mapped; 0 where that is not known */
  since: Ns;
}

function cut(extent: Extent, start: Page, end: Page): Extent {
  return { ...extent, start, end, offset: extent.offset + (start - extent.start) };
}

export class AddressMap {
  #extents: Extent[] = [];

  /** A copy for a forked child. */
  clone(): AddressMap {
    const copy = new AddressMap();
    copy.#extents = this.#extents.map(extent => ({ ...extent }));
    return copy;
  }

  /** The extent that holds `page`, or null for a hole. */
  at(page: Page): Extent | null {
    const extent = this.#extents[this.#firstEndingAfter(page)];
    return extent !== undefined && extent.start <= page ? extent : null;
  }

  /** The first extent that ends above `page`, or null. */
  above(page: Page): Extent | null {
    return this.#extents[this.#firstEndingAfter(page)] ?? null;
  }

  /** Every extent, by address. */
  all(): readonly Extent[] {
    return this.#extents;
  }

  /** Extents that overlap [start, end), whole, by address. */
  overlapping(start: Page, end: Page): Extent[] {
    const found: Extent[] = [];
    for (let i = this.#firstEndingAfter(start); i < this.#extents.length && this.#extents[i].start < end; i++) {
      found.push(this.#extents[i]);
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
    this.#extents.splice(this.#firstEndingAfter(extent.start), 0, extent);
  }

  /**
   * Nothing is left in [start, end) but what was mapped after `until`: an unmap goes on for long when its range is free for
   * others already.
   */
  unmap(start: Page, end: Page, until: Ns = Number.POSITIVE_INFINITY): void {
    if (start >= end) return;
    const newer = this.overlapping(start, end).filter(({ since }) => since > until);
    const from = this.#firstEndingAfter(start);
    let to = from;
    const kept: Extent[] = [];
    for (; to < this.#extents.length && this.#extents[to].start < end; to++) {
      const extent = this.#extents[to];
      if (extent.start < start) kept.push({ ...extent, end: start });
      if (extent.end > end) kept.push(cut(extent, end, extent.end));
    }
    if (to > from) this.#extents.splice(from, to - from, ...kept);
    for (const extent of newer) this.map(extent);
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

  #firstEndingAfter(page: Page): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#extents[middle].end > page) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
