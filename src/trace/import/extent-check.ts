/**
 * Does an MMAP2 line fit what the calls made? It shows the VMA that resulted, after merging and splitting.
 *
 * Models: mm/vma.c, vma_merge_new_range(), vma_modify() and vma_expand(); kernel/events/core.c, perf_event_mmap() (v6.18):
 * a VMA grows by neighbours that are alike, and by whole ones. Which of them it takes in depends on more than a recording
 * shows (anon_vma, vm_flags), so that is taken as shown; everything else is checked.
 */
import { formatAddr } from '../../units.js';
import type { Extent } from './address-map.js';
import type { ImportSummary } from './event.js';
import type { Page } from './words.js';

export interface Range {
  start: Page;
  end: Page;
}

/** An MMAP2 line inside a call or a fault. */
export interface Shown {
  extent: Extent;
  /** what overlapped it before, whole */
  over: readonly Extent[];
  /** line of the text */
  line: number;
  /** what may have been otherwise, or there at all, when the recording began: it may have changed since it was listed */
  older: readonly Range[];
}

/** Mismatches that are kept with both ranges; the others are only counted. */
const KEPT = 100;

/** Compares a line with what its call mapped or changed, and keeps the mismatch. */
export function checkExtent(shown: Shown, own: Range, summary: ImportSummary): void {
  const { extent, line } = shown;
  const expected = expectedRange(shown, own);
  if (expected.start === extent.start && expected.end === extent.end) return;
  if (isOlder(shown, expected)) return;
  summary.mismatched++;
  if (summary.mismatches.length === KEPT) return;
  summary.mismatches.push({ line, shown: spelled(extent), expected: spelled(expected) });
}

/** Is all that the line shows beyond what is expected of before the recording? */
function isOlder({ extent, older }: Shown, { start, end }: Range): boolean {
  if (start < extent.start || extent.end < end) return false;
  return covers(older, extent.start, start) && covers(older, end, extent.end);
}

function covers(ranges: readonly Range[], start: Page, end: Page): boolean {
  let at = start;
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) if (range.start <= at) at = Math.max(at, range.end);
  return at >= end;
}

const spelled = ({ start, end }: Range): string => `${formatAddr(start)}-${formatAddr(end)}`;

/** The call's own range and, of its neighbours inside the line, those that are alike. */
function expectedRange({ extent, over }: Shown, own: Range): Range {
  const expected = { ...own };
  const pieces = over.flatMap(piece => without(piece, own)).filter(piece => isAlike(piece, extent));
  for (const { start, end } of pieces.toReversed()) {
    if (end === expected.start && start >= extent.start) expected.start = start;
  }
  for (const { start, end } of pieces) {
    if (start === expected.end && end <= extent.end) expected.end = end;
  }
  return expected;
}

function without(extent: Extent, own: Range): Extent[] {
  const pieces: Extent[] = [];
  if (extent.start < own.start) pieces.push({ ...extent, end: Math.min(extent.end, own.start) });
  if (extent.end > own.end) {
    const start = Math.max(extent.start, own.end);
    pieces.push({ ...extent, start, offset: extent.offset + (start - extent.start) });
  }
  return pieces;
}

function isAlike(piece: Extent, shown: Extent): boolean {
  if (piece.shared !== shown.shared || piece.prot !== shown.prot || piece.mapsFile !== shown.mapsFile) return false;
  return !shown.mapsFile || piece.offset - piece.start === shown.offset - shown.start;
}
