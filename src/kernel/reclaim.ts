/**
 * Pages that are reclaimed: by kswapd and its like, and by MADV_PAGEOUT.
 *
 * Models: mm/vmscan.c shrink_folio_list; mm/madvise.c madvise_pageout, madvise_cold_or_pageout_pte_range (v6.18).
 */
import type { Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { PTE_ANON, PTE_ANON_WP, PTE_FILE_RO, PTE_HUGE, PTE_KIND_MASK, PTE_SWAP, PTE_ZERO } from './page-table.js';
import { leftBehind, mappedElsewhere, unmap_mapping_range } from './rmap.js';
import { VM_HUGETLB, VM_LOCKED, VM_PFNMAP, type Vma } from './vma.js';

/** What is left of an entry: anonymous pages go to swap, one by one, file pages are dropped, the zero page is nobody's. */
function reclaimed(pte: number, vma: Vma): number {
  const kind = pte & PTE_KIND_MASK;
  if (kind === PTE_ANON || kind === PTE_ANON_WP) return PTE_SWAP | (pte & ~(PTE_KIND_MASK | PTE_HUGE));
  return kind === PTE_ZERO || kind >= PTE_SWAP ? pte : leftBehind(pte, vma);
}

/** The pages of `[start, end)` are reclaimed: those of files are gone for all who map them. */
export function reclaimRange(k: Kernel, mm: Mm, start: Page, end: Page): void {
  mm.page_table.splitEnds(start, end);
  for (const [vma, from, to] of mm.mm_mt.parts(start, end)) {
    unmap_mapping_range(k, vma, from, to);
    mm.page_table.transformRange(from, to, pte => reclaimed(pte, vma));
    vma.mapping?.reclaim(vma, from, to);
  }
}

/** madvise_pageout(): "do not interfere with other mappings of this folio"; EINVAL at what is no business of the LRU. */
export function madvise_pageout(k: Kernel, mm: Mm, start: Page, end: Page): void {
  mm.page_table.splitEnds(start, end);
  for (const [vma, from, to] of mm.mm_mt.parts(start, end)) {
    if (vma.vm_flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) return;
    const kept = mappedElsewhere(k, mm, vma, from, to);
    mm.page_table.transformRange(from, to, (pte, page) => {
      if (kept.has(page)) return pte;
      // What was written to is not mapped any more, but waits in the cache for its writeback.
      if ((pte & PTE_KIND_MASK) === PTE_FILE_RO) vma.mapping?.drop(vma, page);
      return reclaimed(pte, vma);
    });
    let at = from;
    for (const page of [...kept].sort((a, b) => a - b)) {
      vma.mapping?.swapOut(vma, at, page);
      at = page + 1;
    }
    vma.mapping?.swapOut(vma, at, to);
  }
}
