/**
 * Memory of which nobody knows what a call did to it: the call failed, and what it had done by then depends on what the
 * recording does not show; or its ranges lie behind a pointer.
 *
 * Models: mm/mremap.c, mremap_to() (the target is unmapped first), remap_move() (since v6.17 one VMA after the other); mm/vma.c,
 * __mmap_region(), vms_abort_munmap_vmas() (what was there is gone when ->mmap() refuses, and before v6.12 whatever fails);
 * mm/mprotect.c, do_mprotect_pkey(); mm/madvise.c, madvise_walk_vmas(), vector_madvise() (v6.18).
 */
import { MREMAP_FIXED } from '../../vocab.js';
import type { AddressMap, Extent } from './address-map.js';
import { EACCES, EINVAL, EPERM } from './part-done.js';
import { failed } from './syscalls.js';
import { type Page, pageOf, pagesOf } from './words.js';
import type { Call, Mm } from './world.js';

const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_HUGETLB = 0x40000;
/** Pages of a huge page: a length of hugetlb is rounded up to those. */
const HUGE: Page = 512;

/** Advice, in hex, that some VMAs refuse and that takes pages away, or forbids them; what is sealed refuses another set. */
const REFUSED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // DONTNEED, FREE, PAGEOUT, DONTNEED_LOCKED, GUARD_INSTALL, GUARD_REMOVE
  [EINVAL, new Set(['4', '8', '15', '18', '66', '67'])],
  // DONTNEED, FREE, REMOVE, DONTNEED_LOCKED, GUARD_INSTALL
  [EPERM, new Set(['4', '8', '9', '18', '66'])],
]);

/** Advice, in hex, that a process may give to another, so that nobody knows whose memory it was: it does what reclaim does. */
const REMOTE: ReadonlySet<string> = new Set(['3', '14', '15', '19']);

interface Range {
  readonly start: Page;
  readonly end: Page;
}

/** All that a process can have. */
const ALL_MEMORY: Range = { start: 0, end: 2 ** 44 };

const number = (digits: string): number => Number(`0x${digits}`);

function rangeOf(address: string, length: string): Range {
  const start = pageOf(`0x${address}`);
  return { start, end: start + pagesOf(`0x${length}`) };
}

/**
 * What a call leaves in doubt that failed, or whose ranges nobody knows.
 *
 * @param result what it returned: a negated errno when it failed
 * @param knows what the recording shows: every section of mmap_lock, every VMA that mprotect changes
 */
export function doubtsOf(
  mm: Mm,
  { name, args, sections }: Pick<Call, 'name' | 'args' | 'sections'>,
  result: string,
  knows: { readonly locks: boolean; readonly changes: boolean },
): Range[] {
  // who failed and never had mmap_lock did nothing
  if (failed(result) && knows.locks && sections.length === 0) return [];
  switch (name) {
    case 'mmap':
      return number(args[3]) & MAP_FIXED ? [mapped(args)] : [];
    case 'mremap':
      return number(args[3]) & MREMAP_FIXED ? [rangeOf(args[4], args[2]), moved(mm, args)] : [];
    case 'mprotect':
    case 'pkey_mprotect':
      return !knows.changes && (result === EACCES || result === EPERM) ? [upToLast(mm, rangeOf(args[0], args[1]))] : [];
    case 'madvise':
      return REFUSED.get(result)?.has(args[2]) ? [upToLast(mm, rangeOf(args[0], args[1]))] : [];
    case 'process_madvise':
      return REMOTE.has(args[3]) || result === '0' ? [] : [ALL_MEMORY];
    default:
      return [];
  }
}

/** mmap(MAP_FIXED): ksys_mmap_pgoff() rounds the length of hugetlb, and of a file nobody knows whether it is. */
function mapped([address, length, , flags]: readonly string[]): Range {
  const { start, end } = rangeOf(address, length);
  const huge = (number(flags) & (MAP_ANONYMOUS | MAP_HUGETLB)) !== MAP_ANONYMOUS && start % HUGE === 0;
  return { start, end: huge ? Math.ceil(end / HUGE) * HUGE : end };
}

/** mremap(MREMAP_FIXED): what is shrunk is cut off first, and those of several VMAs that come before the last may have moved. */
function moved(mm: Mm, [address, before, after]: readonly string[]): Range {
  const range = rangeOf(address, before);
  return pagesOf(`0x${before}`) === pagesOf(`0x${after}`) ? upToLast(mm, range) : range;
}

/** What comes before the last VMA of a range: that one, if none before it, refused. */
function upToLast({ map, complete }: Mm, { start, end }: Range): Range {
  const last = map.overlapping(start, end).at(-1);
  return { start, end: complete && last !== undefined ? Math.max(start, last.start) : end };
}

/** Ranges with a reason each: what is mapped anew, or unmapped, is known again. */
export class Doubts {
  #map: AddressMap;

  constructor(map: AddressMap) {
    this.#map = map;
  }

  clone(): Doubts {
    return new Doubts(this.#map.clone());
  }

  /** Why nobody knows what is at `page`; null when it is known. */
  at(page: Page): string | null {
    return this.#map.at(page)?.name ?? null;
  }

  add({ start, end }: Range, reason: string): void {
    if (start < end) this.#map.map({ ...NOTHING, start, end, name: reason });
  }

  settle(start: Page, end: Page): void {
    this.#map.unmap(start, end);
  }

  /** mremap: what was in doubt at [start, end) is so at `to`, `pages` long. */
  move(start: Page, end: Page, to: Page, pages: number, keep: boolean): void {
    if (to !== start) this.settle(to, to + pages);
    this.#map.move(start, end, to, pages, keep);
  }
}

const NOTHING: Extent = {
  start: 0,
  end: 0,
  shared: false,
  prot: 0,
  mapsFile: false,
  growsdown: false,
  name: '',
  offset: 0,
  since: 0,
};
