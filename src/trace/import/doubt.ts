/**
 * Memory of which nobody knows what a call did to it: the call failed, and what it had done by then depends on what the
 * recording does not show; or its ranges lie behind a pointer, or what it forbids in a register (arch/x86/include/asm/pkru.h).
 *
 * Models: mm/mremap.c, mremap_to() (the target is unmapped first), remap_move() (since v6.17 one VMA after the other); mm/vma.c,
 * __mmap_region(), vms_abort_munmap_vmas() (what was there is gone when ->mmap() refuses, and before v6.12 whatever fails);
 * mm/mprotect.c, do_mprotect_pkey(); mm/madvise.c, madvise_walk_vmas(), vector_madvise() (v6.18).
 */
import { HIDDEN_WORD, MREMAP_FIXED } from '../../vocab.js';
import { AddressMap, type Extent } from './address-map.js';
import { HUGE } from './mapped.js';
import { EACCES, EINVAL, ENOMEM, EPERM } from './part-done.js';
import { failed } from './syscalls.js';
import { HIGHEST_PAGE, type Page, pageOf, pagesOf } from './words.js';
import type { Call, Mm } from './world.js';

const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_HUGETLB = 0x40000;

/** Advice, in hex, that some VMAs refuse and that takes pages away, or forbids them; what is sealed refuses another set. */
const REFUSED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // DONTNEED, FREE, PAGEOUT, DONTNEED_LOCKED, GUARD_INSTALL, GUARD_REMOVE
  [EINVAL, new Set(['4', '8', '15', '18', '66', '67'])],
  // DONTNEED, FREE, REMOVE, DONTNEED_LOCKED, GUARD_INSTALL
  [EPERM, new Set(['4', '8', '9', '18', '66'])],
]);

/** Advice, in hex, that process_madvise gives to its own process only, and that does so: no other is done by reclaim as well. */
const OWN: ReadonlySet<string> = new Set(['4', '8', '9', '18', '66', '67']);
/** Of those, what may leave pages as they were or take them away: who writes to one knows it again. */
const TAKES: ReadonlySet<string> = new Set(['4', '8', '9', '18']);

/** How a reason ends that is about nothing else. */
const PAGES = 'its pages';

interface Range {
  readonly start: Page;
  readonly end: Page;
}

/** Calls that may leave something in doubt also where they succeed. */
export const HIDE_MORE: ReadonlySet<string> = new Set(['process_madvise', 'pkey_mprotect']);

/**
 * Why nobody knows which VMA has an anon_vma: get_user_pages() and fixup_user_fault() make pages as a fault does, for an
 * O_DIRECT read, a futex that may be shared, /proc/PID/mem.
 */
export const POPULATED = `${HIDDEN_WORD}: which pages it made`;

/** All that a process can have. */
export const ALL_MEMORY: Range = { start: 0, end: HIGHEST_PAGE };

const number = (digits: string): number => Number(`0x${digits}`);

function rangeOf(address: string, length: string): Range {
  const start = pageOf(`0x${address}`);
  return { start, end: start + pagesOf(`0x${length}`) };
}

/**
 * What a call leaves in doubt that failed, or of which nobody knows what it is about.
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
      return number(args[3]) & MAP_FIXED ? replaced(mm, args, result) : [];
    case 'mremap':
      return number(args[3]) & MREMAP_FIXED ? moved(mm, args, result) : [];
    case 'mprotect':
    case 'pkey_mprotect':
      if (result === '0') return name === 'pkey_mprotect' && hasKey(args[3]) ? [rangeOf(args[0], args[1])] : [];
      return !knows.changes && (result === EACCES || result === EPERM) ? [upToLast(mm, rangeOf(args[0], args[1]))] : [];
    case 'madvise':
      return REFUSED.get(result)?.has(args[2]) ? [advised(mm, rangeOf(args[0], args[1]), result)] : [];
    case 'process_madvise':
      return OWN.has(args[3]) && result !== '0' ? [ALL_MEMORY] : [];
    default:
      return [];
  }
}

/**
 * mmap(MAP_FIXED): what is sealed there refuses before anything is done, and only a file does so later. ksys_mmap_pgoff()
 * rounds the length of hugetlb, and of a file nobody knows whether it is.
 */
function replaced(mm: Mm, [address, length, , flags]: readonly string[], error: string): Range[] {
  const { start, end } = rangeOf(address, length);
  const anonymous = (number(flags) & (MAP_ANONYMOUS | MAP_HUGETLB)) === MAP_ANONYMOUS;
  if (anonymous ? error !== ENOMEM : error === EPERM && mm.sealed.overlapping(start, end).length > 0) return [];
  return covered(mm, { start, end: anonymous || start % HUGE !== 0 ? end : Math.ceil(end / HUGE) * HUGE });
}

/**
 * mremap(MREMAP_FIXED): the first VMA is looked up and asked before anything is done. What is shrunk is cut off first, and those
 * of several VMAs that come before the last may have moved.
 */
function moved(mm: Mm, [address, before, after, , to]: readonly string[], error: string): Range[] {
  const [source, target] = [rangeOf(address, before), rangeOf(to, after)];
  const first = mm.map.at(source.start);
  if (mm.complete && (first === null || (error === EPERM && mm.sealed.at(source.start) !== null))) return [];
  const lengths = source.end - source.start - (target.end - target.start);
  if (lengths > 0) return [source, ...covered(mm, target)];
  if (mm.complete && first !== null && first.end >= source.end) return covered(mm, target);
  return [upToLast(mm, source), target];
}

/** What a key other than 0 forbids is in a register that the program writes by itself. */
function hasKey(pkey: string): boolean {
  return (number(pkey) | 0) > 0;
}

/** madvise stops at a VMA that refuses: with EPERM at one that is sealed. */
function advised(mm: Mm, range: Range, error: string): Range {
  const sealed = error === EPERM ? mm.sealed.overlapping(range.start, range.end).at(-1) : undefined;
  return sealed === undefined ? upToLast(mm, range) : { start: range.start, end: sealed.start };
}

/** What is mapped in the range: a hole that something was to be unmapped from is one still. */
function covered({ map, complete }: Mm, { start, end }: Range): Range[] {
  if (!complete) return [{ start, end }];
  return map
    .overlapping(start, end)
    .map(extent => ({ start: Math.max(start, extent.start), end: Math.min(end, extent.end) }));
}

/** What comes before the last VMA of a range: that one, if none before it, refused. */
function upToLast({ map, complete }: Mm, { start, end }: Range): Range {
  const last = map.overlapping(start, end).at(-1);
  return { start, end: complete && last !== undefined ? Math.max(start, last.start) : end };
}

/** Why nobody knows what is there. */
export function reasonOf({ name, args }: Pick<Call, 'name' | 'args'>): string {
  const advice = name === 'madvise' ? args[2] : name === 'process_madvise' ? args[3] : '';
  return `${HIDDEN_WORD}: what ${name} did to ${TAKES.has(advice) ? PAGES : 'it'}`;
}

/** Ranges with a reason each: what is mapped anew, or unmapped, is known again. */
export class Doubts {
  readonly #map: AddressMap;

  constructor(map = new AddressMap()) {
    this.#map = map;
  }

  clone(): Doubts {
    return new Doubts(this.#map.clone());
  }

  /** Why nobody knows what is at `page`; null when it is known. */
  at(page: Page): string | null {
    return this.#map.at(page)?.name ?? null;
  }

  /** Those in a range, whole, by address. */
  overlapping(start: Page, end: Page): readonly Range[] {
    return this.#map.overlapping(start, end);
  }

  add({ start, end }: Range, reason: string): void {
    if (start < end) this.#map.map(blank(start, end, reason));
  }

  settle(start: Page, end: Page): void {
    this.#map.unmap(start, end);
  }

  /** A write to `page` ended well. */
  written(page: Page): void {
    if (this.at(page)?.endsWith(PAGES)) this.settle(page, page + 1);
  }

  /** mremap: what was in doubt at [start, end) is so at `to`, `pages` long. */
  move(start: Page, end: Page, to: Page, pages: number, keep: boolean): void {
    if (to !== start) this.settle(to, to + pages);
    this.#map.move(start, end, to, pages, keep);
  }
}

/** A range of which nothing else is said. */
export function blank(start: Page, end: Page, name = ''): Extent {
  const said = { shared: false, prot: 0, mapsFile: false, growsdown: false, dontfork: false };
  return { start, end, ...said, name, offset: 0, since: 0 };
}
