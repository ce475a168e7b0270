/**
 * The page cache of a file, as far as a trace can know of it: of shared anonymous memory, which is empty at first; of a file on tmpfs or
 * a memfd, of which only what was seen is known; and of one on a disk, of which all is there but what the trace saw dropped.
 *
 * Models: mm/shmem.c, shmem_zero_setup, shmem_get_folio_gfp, shmem_undo_range, shmem_writepage (v6.6); mm/filemap.c,
 * do_sync_mmap_readahead; mm/madvise.c, madvise_remove, madvise_willneed (v6.18).
 * Leaves out: that two mappings of shmem may be of one file (memfds share names, files are made anew), and what a private one does to
 * it; who else reads and writes a file.
 * Units: pages; range ends are exclusive.
 */
import type { Page } from '../units.js';
import type { IntervalTree } from './interval-tree.js';
import { PageTable } from './page-table.js';
import { VM_UFFD_MISSING, type Vma } from './vma.js';

/** What there is of a page: nobody knows, a folio, an entry of swap, nothing. */
export const FOLIO_UNKNOWN = 0;
export const FOLIO_IN_CACHE = 1;
export const FOLIO_IN_SWAP = 2;
export const FOLIO_MISSING = 3;

/** What is read of a file with a page that is not there: 128 KiB around it or, MADV_SEQUENTIAL, from it on. */
const RA_PAGES = 32;

export class AddressSpace {
  /** who maps it, once somebody has asked */
  i_mmap: IntervalTree | null = null;
  /** was anything dropped of a file on a disk? */
  private lacks = false;
  /** the pages that were brought in, by index */
  private readonly folios = new PageTable();
  /** of all others: where each range begins, and what is there */
  private readonly begins: Page[] = [Number.NEGATIVE_INFINITY];
  private readonly holds: number[];

  constructor(
    holds: typeof FOLIO_UNKNOWN | typeof FOLIO_MISSING,
    readonly onDisk = false,
  ) {
    this.holds = [holds];
  }

  /** What is there of the page that `vma` has at `page`. */
  folio(vma: Vma, page: Page): number {
    const index = indexOf(vma, page);
    return this.folios.get(index) || this.holds[this.rangeOf(index)];
  }

  /** It is in the page cache from now on. */
  add(vma: Vma, page: Page): void {
    if (this.onDisk && !this.lacks) return;
    this.folios.set(indexOf(vma, page), FOLIO_IN_CACHE);
  }

  /** The page of `vma` was read from the disk, and others with it. */
  readAround(vma: Vma, page: Page): void {
    if (!this.onDisk || !this.lacks) return;
    for (let at = page - RA_PAGES / 2; at < page + RA_PAGES; at++) {
      if (this.folio(vma, at) === FOLIO_MISSING) this.add(vma, at);
    }
  }

  /** `[start, end)` of `vma` was read from the disk, as far as it was not there. */
  readAhead(vma: Vma, start: Page, end: Page): void {
    if (!this.onDisk || !this.lacks) return;
    const [from, to] = [indexOf(vma, start), indexOf(vma, end)];
    this.folios.transformRange(from, to, () => FOLIO_IN_CACHE);
    this.paint(from, to, () => FOLIO_UNKNOWN);
  }

  /** It was clean, nobody maps it any more, and it is not there. */
  drop(vma: Vma, page: Page): void {
    if (!this.onDisk) return;
    this.lacks = true;
    this.folios.set(indexOf(vma, page), FOLIO_MISSING);
  }

  /** All of it is reclaimed: to swap, or to where it came from. */
  reclaim(vma: Vma, start: Page, end: Page): void {
    if (this.onDisk) this.remove(vma, start, end);
    else this.swapOut(vma, start, end);
  }

  /** A hole was punched: nothing is left of what `vma` has at `[start, end)`. */
  remove(vma: Vma, start: Page, end: Page): void {
    this.lacks = true;
    this.folios.clearRange(indexOf(vma, start), indexOf(vma, end));
    this.paint(indexOf(vma, start), indexOf(vma, end), () => FOLIO_MISSING);
  }

  /** What there is of it went to swap; what a userfaultfd monitor is to fill is not there. */
  swapOut(vma: Vma, start: Page, end: Page): void {
    if (this.onDisk) return;
    this.folios.transformRange(indexOf(vma, start), indexOf(vma, end), () => FOLIO_IN_SWAP);
    if (vma.vm_flags & VM_UFFD_MISSING) return;
    this.paint(indexOf(vma, start), indexOf(vma, end), was => (was === FOLIO_UNKNOWN ? FOLIO_IN_SWAP : was));
  }

  private paint(start: Page, end: Page, change: (was: number) => number): void {
    const { begins, holds } = this;
    const first = this.cut(start);
    const last = this.cut(end);
    for (let i = first; i < last; i++) holds[i] = change(holds[i]);
    for (let i = last; i >= first; i--) {
      if (holds[i] !== holds[i - 1]) continue;
      begins.splice(i, 1);
      holds.splice(i, 1);
    }
  }

  /** The range that begins at `index`, made by dividing one where there is none. */
  private cut(index: Page): number {
    const { begins, holds } = this;
    const i = this.rangeOf(index);
    if (begins[i] === index) return i;
    begins.splice(i + 1, 0, index);
    holds.splice(i + 1, 0, holds[i]);
    return i + 1;
  }

  /** The range that `index` is in. */
  private rangeOf(index: Page): number {
    const { begins } = this;
    let low = 0;
    for (let high = begins.length; high - low > 1; ) {
      const middle = (low + high) >>> 1;
      if (begins[middle] <= index) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** linear_page_index(). */
export const indexOf = (vma: Vma, page: Page): Page => vma.vm_pgoff + (page - vma.vm_start);
