/** An address space with its gaps squeezed: pages that somebody touched lie close together, and a break stands for what lies between. */
import type { Page } from '../units.js';

/** Pages between two that are touched from which on the space between them is a gap: 2 MiB. */
export const GAP_PAGES = 512;
/** Stretches at most; more are joined where the gaps are smallest. */
export const STRETCHES = 512;
/** The share of the height that all stretches have alike; the rest goes by how many of their pages were touched. */
const ALIKE = 0.4;

/** A stretch of pages without a gap; `at` and `size` are its place among all, as shares of the whole height. */
export interface Stretch {
  readonly start: Page;
  readonly end: Page;
  readonly at: number;
  readonly size: number;
}

/** The stretches that hold `pages` (in any order), from low to high. */
export function squeeze(pages: Iterable<Page>): Stretch[] {
  const sorted = [...new Set(pages)].sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  const gaps = sorted
    .slice(1)
    .map((page, i) => ({ at: i + 1, size: page - sorted[i] }))
    .filter(gap => gap.size > GAP_PAGES)
    .sort((a, b) => b.size - a.size || a.at - b.at)
    .slice(0, STRETCHES - 1);
  const starts = [0, ...gaps.map(gap => gap.at).sort((a, b) => a - b)];
  const bounds = starts.map((from, i) => {
    const last = (starts[i + 1] ?? sorted.length) - 1;
    return { start: sorted[from], end: sorted[last] + 1, touched: last - from + 1 };
  });
  let at = 0;
  return bounds.map(({ start, end, touched }) => {
    const size = ALIKE / bounds.length + (touched / sorted.length) * (1 - ALIKE);
    const stretch = { start, end, at, size };
    at += size;
    return stretch;
  });
}

/** The place of `page` as a share of the whole height; a page in a gap is at the gap's edge. */
export function placeOf(page: Page, stretches: readonly Stretch[]): number {
  let place = 0;
  for (const { start, end, at, size } of stretches) {
    if (page < start) return place;
    if (page < end) return at + ((page - start) / (end - start)) * size;
    place = at + size;
  }
  return place;
}
