/**
 * The page table of an mm: one byte of state for every page that was ever touched.
 *
 * Models: mm/memory.c, handle_pte_fault, what a PTE can hold (v6.18); mm/memory.c, zap_page_range_single, copy_page_range
 * (v6.18); mm/mremap.c, move_page_tables (v6.18); include/linux/swapops.h, include/linux/mm_inline.h, PTE markers (v6.18).
 * Leaves out: page table pages and their locks, physical frames: a state says only what the next fault there would meet.
 * Units: pages; range ends are exclusive.
 *
 * Chunks of 64 states in one growing slab; an open-addressing hash from `page / 64` to the chunk. A chunk whose last
 * state is cleared goes to the free list at once, so memory follows the pages touched, never the ranges named.
 */
import type { Page } from '../units.js';

// The low four bits: what the PTE is.
export const PTE_NONE = 0;
/** the shared zero page, read-only */
export const PTE_ZERO = 1;
/** an anonymous page, writable and exclusive */
export const PTE_ANON = 2;
/** an anonymous page, write-protected: shared after a fork, or by userfaultfd */
export const PTE_ANON_WP = 3;
/** a page cache page, mapped read-only */
export const PTE_FILE_RO = 4;
/** a page cache page of a shared mapping, writable */
export const PTE_FILE_RW = 5;
export const PTE_SWAP = 6;
export const PTE_MIGRATION = 7;
export const PTE_MARKER_UFFD_WP = 8;
export const PTE_MARKER_POISON = 9;
export const PTE_MARKER_GUARD = 10;
export const PTE_HWPOISON = 11;
export const PTE_DEVICE_PRIVATE = 12;
export const PTE_DEVICE_EXCLUSIVE = 13;
export const PTE_KIND_MASK = 0x0f;

// The high four bits: what is also true of it.
/** userfaultfd write-protected */
export const PTE_UFFD_WP = 0x10;
/** pte_protnone(): a NUMA hinting fault is due */
export const PTE_PROTNONE = 0x20;
/** the page is mapped elsewhere too: a write needs a copy */
export const PTE_SHARED_COW = 0x40;
/** part of a PMD mapping */
export const PTE_HUGE = 0x80;

/** Pages per chunk: 2^6. */
const CHUNK = 64;
/** Chunks per table of PTEs: 2^3. */
const TABLE = 8;
/** Pages that one PMD maps. */
export const PMD_PAGES = CHUNK * TABLE;
const FREE = -1;
const FEWEST_CHUNKS = 8;

/** Is it of the page cache? */
export const isOfFile = (state: number): boolean => {
  const kind = state & PTE_KIND_MASK;
  return kind === PTE_FILE_RO || kind === PTE_FILE_RW;
};

/** The first page of the PMD that maps `page`. */
export const firstOfPmd = (page: Page): Page => page - (page % PMD_PAGES);

export class PageTable {
  /** `chunk * CHUNK + (page % CHUNK)` is the state of a page */
  private slab = new Uint8Array(FEWEST_CHUNKS * CHUNK);
  /** per chunk: its key, `floor(page / CHUNK)`, or FREE */
  private keys = new Float64Array(FEWEST_CHUNKS).fill(FREE);
  /** per chunk: how many of its states are not PTE_NONE */
  private live = new Uint8Array(FEWEST_CHUNKS);
  /** hash slots: chunk + 1, or 0 for an empty slot; twice the chunks or more */
  private slots = new Int32Array(FEWEST_CHUNKS * 2);
  private readonly freed: number[] = [];
  /** chunks ever taken from the slab; those in `freed` are below it */
  private taken = 0;
  private total = 0;
  private lastKey = FREE;
  private lastChunk = 0;
  /** tables of PTEs, each of TABLE chunks: made with the first entry in them, freed with the mappings of their 2 MiB */
  private readonly tables = new Set<number>();
  /** chunks of the range being worked on, reused */
  private readonly found: number[] = [];

  /** Pages whose state is not PTE_NONE. */
  get count(): number {
    return this.total;
  }

  /** Bytes of states held now, free chunks included. */
  get bytes(): number {
    return this.slab.length;
  }

  /** The state of `page`; PTE_NONE when nothing was ever there. */
  get(page: Page): number {
    const key = Math.floor(page / CHUNK);
    const chunk = this.chunkOf(key);
    return chunk < 0 ? PTE_NONE : this.slab[chunk * CHUNK + (page - key * CHUNK)];
  }

  /** pmd_present(): is there a table of PTEs for `page`? */
  hasTable(page: Page): boolean {
    return this.tables.has(Math.floor(page / (CHUNK * TABLE)));
  }

  /** There is a table of PTEs for `page`, whatever is in it: an entry was seen there. */
  addTable(page: Page): void {
    this.tables.add(Math.floor(page / (CHUNK * TABLE)));
  }

  /** free_pgtables(): the tables of `[floor, ceiling)` go, for nothing is mapped there any more. */
  freeTables(floor: Page, ceiling: Page): void {
    const first = Math.ceil(floor / (CHUNK * TABLE));
    const end = Math.floor(ceiling / (CHUNK * TABLE));
    if (end - first < this.tables.size) for (let table = first; table < end; table++) this.tables.delete(table);
    else for (const table of this.tables) if (table >= first && table < end) this.tables.delete(table);
  }

  set(page: Page, state: number): void {
    const key = Math.floor(page / CHUNK);
    let chunk = this.chunkOf(key);
    if (chunk < 0) {
      if (state === PTE_NONE) return;
      chunk = this.add(key);
    }
    this.put(chunk, chunk * CHUNK + (page - key * CHUNK), state);
    if (this.live[chunk] === 0) this.drop(chunk);
  }

  /**
   * __split_huge_pmd(): where `page` is part of a PMD mapping, the 2 MiB around it are pages of their own from now on. Those of a
   * file are not mapped any more, and have no table.
   */
  splitHuge(page: Page): void {
    const state = this.get(page);
    if (!(state & PTE_HUGE)) return;
    const first = firstOfPmd(page);
    const ofFile = isOfFile(state);
    this.transformRange(first, first + PMD_PAGES, split);
    if (ofFile && this.countRange(first, first + PMD_PAGES) === 0) this.freeTables(first, first + PMD_PAGES);
  }

  /** A PMD mapping that the ends of `[start, end)` cut in two is split. */
  splitEnds(start: Page, end: Page): void {
    if (start % PMD_PAGES !== 0) this.splitHuge(start);
    if (end % PMD_PAGES !== 0) this.splitHuge(end);
  }

  /** Zap: every page of `[start, end)` becomes PTE_NONE. Costs as much as was touched there, however long the range. */
  clearRange(start: Page, end: Page): void {
    const { found, slab, live } = this;
    this.splitEnds(start, end);
    const n = this.find(start, end);
    for (let f = 0; f < n; f++) {
      const chunk = found[f];
      const from = this.firstIn(chunk, start);
      const to = this.endIn(chunk, end);
      if (to - from < CHUNK) {
        for (let i = from; i < to; i++) this.put(chunk, i, PTE_NONE);
      } else {
        slab.fill(PTE_NONE, from, to);
        this.total -= live[chunk];
        live[chunk] = 0;
      }
      if (live[chunk] === 0) this.drop(chunk);
    }
  }

  /** The number of pages in `[start, end)` whose state is not PTE_NONE. */
  countRange(start: Page, end: Page): number {
    const { found, slab, live } = this;
    const n = this.find(start, end);
    let count = 0;
    for (let f = 0; f < n; f++) {
      const chunk = found[f];
      const from = this.firstIn(chunk, start);
      const to = this.endIn(chunk, end);
      if (to - from === CHUNK) count += live[chunk];
      else for (let i = from; i < to; i++) if (slab[i] !== PTE_NONE) count++;
    }
    return count;
  }

  /** Replaces the state of every page of `[start, end)` that is not PTE_NONE; `change` must not use this table. */
  transformRange(start: Page, end: Page, change: (state: number, page: Page) => number): void {
    const { found, slab, keys } = this;
    this.splitEnds(start, end);
    const n = this.find(start, end);
    for (let f = 0; f < n; f++) {
      const chunk = found[f];
      const to = this.endIn(chunk, end);
      const base = (keys[chunk] - chunk) * CHUNK;
      for (let i = this.firstIn(chunk, start); i < to; i++)
        if (slab[i] !== PTE_NONE) this.put(chunk, i, change(slab[i], base + i));
      if (this.live[chunk] === 0) this.drop(chunk);
    }
  }

  /** Shows every page of `[start, end)` that is not PTE_NONE, in no particular order; `look` must not use this table. */
  visitRange(start: Page, end: Page, look: (state: number, page: Page) => void): void {
    const { found, slab, keys } = this;
    const n = this.find(start, end);
    for (let f = 0; f < n; f++) {
      const chunk = found[f];
      const to = this.endIn(chunk, end);
      const base = (keys[chunk] - chunk) * CHUNK;
      for (let i = this.firstIn(chunk, start); i < to; i++) if (slab[i] !== PTE_NONE) look(slab[i], base + i);
    }
  }

  /**
   * copy_page_range(): gives `child` what `map` makes of each state of `[start, end)` that is not PTE_NONE. A result of
   * PTE_NONE leaves the child's page as it is. The parent's own states stay: write-protect them with transformRange.
   */
  copyTo(child: PageTable, start: Page, end: Page, map: (state: number) => number): void {
    const { found, slab } = this;
    const n = this.find(start, end);
    for (let f = 0; f < n; f++) {
      const chunk = found[f];
      const to = this.endIn(chunk, end);
      let theirs = FREE;
      for (let i = this.firstIn(chunk, start); i < to; i++) {
        if (slab[i] === PTE_NONE) continue;
        const state = map(slab[i]);
        if (state === PTE_NONE) continue;
        if (theirs === FREE) {
          theirs = child.chunkOf(this.keys[chunk]);
          if (theirs < 0) theirs = child.add(this.keys[chunk]);
        }
        child.put(theirs, (theirs - chunk) * CHUNK + i, state);
      }
    }
  }

  /** move_page_tables(): what was in `[start, end)` is found from `newStart` on, and nothing else is left there. */
  moveRange(start: Page, end: Page, newStart: Page): void {
    const { found, slab } = this;
    this.splitEnds(start, end);
    const keeps = (newStart - start) % PMD_PAGES === 0 ? PTE_HUGE : 0;
    const n = this.find(start, end);
    const pages: Page[] = [];
    const states: number[] = [];
    for (let f = 0; f < n; f++) {
      const chunk = found[f];
      const base = newStart + (this.keys[chunk] * CHUNK - start);
      const to = this.endIn(chunk, end);
      for (let i = this.firstIn(chunk, start); i < to; i++) {
        if (slab[i] === PTE_NONE) continue;
        pages.push(base + (i - chunk * CHUNK));
        states.push(slab[i] & (~PTE_HUGE | keeps));
      }
    }
    this.clearRange(start, end);
    this.clearRange(newStart, newStart + (end - start));
    for (let i = 0; i < pages.length; i++) this.set(pages[i], states[i]);
  }

  /** Slab index of the first page of `chunk` at or above `start`. */
  private firstIn(chunk: number, start: Page): number {
    return chunk * CHUNK + Math.max(0, start - this.keys[chunk] * CHUNK);
  }

  /** Slab index one past the last page of `chunk` below `end`. */
  private endIn(chunk: number, end: Page): number {
    return chunk * CHUNK + Math.min(CHUNK, end - this.keys[chunk] * CHUNK);
  }

  /** Writes the chunks that intersect `[start, end)` into `found`, in no particular order; returns their number. */
  private find(start: Page, end: Page): number {
    const { found, keys } = this;
    if (start >= end || this.total === 0) return 0;
    const first = Math.floor(start / CHUNK);
    const last = Math.floor((end - 1) / CHUNK);
    let n = 0;
    if (last - first < this.taken) {
      for (let key = first; key <= last; key++) {
        const chunk = this.chunkOf(key);
        if (chunk >= 0) found[n++] = chunk;
      }
    } else {
      for (let chunk = 0; chunk < this.taken; chunk++)
        if (keys[chunk] >= first && keys[chunk] <= last) found[n++] = chunk;
    }
    return n;
  }

  private put(chunk: number, i: number, state: number): void {
    const before = this.slab[i];
    this.slab[i] = state;
    const grown = (state === PTE_NONE ? 0 : 1) - (before === PTE_NONE ? 0 : 1);
    this.live[chunk] += grown;
    this.total += grown;
  }

  /** The chunk of `key`, or -1. */
  private chunkOf(key: number): number {
    if (key === this.lastKey) return this.lastChunk;
    const { slots, keys } = this;
    const mask = slots.length - 1;
    for (let s = hash(key) & mask; ; s = (s + 1) & mask) {
      const chunk = slots[s] - 1;
      if (chunk < 0) return -1;
      if (keys[chunk] === key) {
        this.lastKey = key;
        this.lastChunk = chunk;
        return chunk;
      }
    }
  }

  /** A chunk for `key`, which has none. */
  private add(key: number): number {
    if (this.freed.length === 0 && this.taken === this.keys.length) this.grow();
    const chunk = this.freed.pop() ?? this.taken++;
    this.tables.add(Math.floor(key / TABLE));
    this.keys[chunk] = key;
    this.enter(chunk);
    this.lastKey = key;
    this.lastChunk = chunk;
    return chunk;
  }

  private enter(chunk: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let s = hash(this.keys[chunk]) & mask;
    while (slots[s] !== 0) s = (s + 1) & mask;
    slots[s] = chunk + 1;
  }

  /** Doubles the slab and enters every chunk anew; none is free. */
  private grow(): void {
    const chunks = this.keys.length * 2;
    const slab = new Uint8Array(chunks * CHUNK);
    slab.set(this.slab);
    this.slab = slab;
    const keys = new Float64Array(chunks).fill(FREE);
    keys.set(this.keys);
    this.keys = keys;
    const live = new Uint8Array(chunks);
    live.set(this.live);
    this.live = live;
    this.slots = new Int32Array(chunks * 2);
    for (let chunk = 0; chunk < this.taken; chunk++) this.enter(chunk);
  }

  /** Frees `chunk`, whose states are all PTE_NONE, and closes the gap in its probe sequence. */
  private drop(chunk: number): void {
    const { slots, keys } = this;
    const mask = slots.length - 1;
    let gap = hash(keys[chunk]) & mask;
    while (slots[gap] !== chunk + 1) gap = (gap + 1) & mask;
    for (let s = (gap + 1) & mask; slots[s] !== 0; s = (s + 1) & mask) {
      const home = hash(keys[slots[s] - 1]) & mask;
      if (((s - home) & mask) < ((s - gap) & mask)) continue;
      slots[gap] = slots[s];
      gap = s;
    }
    slots[gap] = 0;
    if (keys[chunk] === this.lastKey) this.lastKey = FREE;
    keys[chunk] = FREE;
    this.freed.push(chunk);
  }
}

const split = (state: number): number => (state & PTE_HUGE && isOfFile(state) ? PTE_NONE : state & ~PTE_HUGE);

/** Mixes a key below 2^46 into 32 bits. */
function hash(key: number): number {
  const high = Math.floor(key / 2 ** 32);
  let h = Math.imul((key | 0) ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
