/**
 * The way back from a page to who maps it: everybody who has that page of a file, and who shares it since a fork.
 *
 * Models: mm/memory.c unmap_mapping_range; mm/rmap.c try_to_unmap; include/linux/mm.h folio_mapcount (v6.18).
 * Leaves out: processes that are not in the trace; a page that was moved (mremap) since a fork shared it.
 * Units: pages; range ends are exclusive.
 */
import type { Page } from '../units.js';
import { IntervalTree } from './interval-tree.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { type AddressSpace, indexOf } from './page-cache.js';
import {
  isOfFile,
  type PageTable,
  PTE_ANON_WP,
  PTE_KIND_MASK,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_UFFD_WP,
} from './page-table.js';
import { VM_UFFD_WP, type Vma, vma_is_anonymous } from './vma.js';

/** Where a part of a file is mapped. */
interface Mapped {
  readonly page_table: PageTable;
  readonly vma: Vma;
  readonly start: Page;
  readonly end: Page;
  /** how many pages above the place that was asked about */
  readonly above: number;
}

/** vma_interval_tree_foreach(): where what `vma` has of its file at `[start, end)` is mapped, there and elsewhere. */
function* i_mmap(k: Kernel, vma: Vma, start: Page, end: Page): Generator<Mapped> {
  if (vma.mapping === null) return;
  vma.mapping.i_mmap ??= mappersOf(k, vma.mapping);
  for (const other of vma.mapping.i_mmap.overlapping(indexOf(vma, start), indexOf(vma, end))) {
    const above = indexOf(vma, start) - indexOf(other, start);
    yield {
      page_table: other.vm_mm!.page_table,
      vma: other,
      start: Math.max(other.vm_start, start + above),
      end: Math.min(other.vm_end, end + above),
      above,
    };
  }
}

function mappersOf(k: Kernel, mapping: AddressSpace): IntervalTree {
  const tree = new IntervalTree();
  for (const mm of k.mms) {
    if (mm === undefined) continue;
    for (let vma = mm.mm_mt.first(); vma !== null; vma = mm.mm_mt.next(vma)) {
      if (vma.mapping === mapping) tree.insert(vma);
    }
  }
  return tree;
}

/** unmap_mapping_range(): nobody maps any more what `vma` has of its file at `[start, end)`; copies of it stay. */
export function unmap_mapping_range(k: Kernel, vma: Vma, start: Page, end: Page): void {
  for (const { page_table, vma: other, start: from, end: to } of i_mmap(k, vma, start, end)) {
    page_table.transformRange(from, to, pte => (isOfFile(pte) ? leftBehind(pte, other) : pte));
  }
}

/** pte_install_uffd_wp_if_needed(): what was write-protected in a file leaves a marker. */
export function leftBehind(pte: number, vma: Vma): number {
  const marks = pte & PTE_UFFD_WP && vma.vm_flags & VM_UFFD_WP && !vma_is_anonymous(vma);
  return marks ? PTE_MARKER_UFFD_WP : PTE_NONE;
}

/** folio_mapcount() above 1: the pages of `vma` in `[start, end)` that somebody maps elsewhere. */
export function mappedElsewhere(k: Kernel, mm: Mm, vma: Vma, start: Page, end: Page): ReadonlySet<Page> {
  const pages = new Set<Page>();
  // Of memory that was never forked, and of a file on a disk that is not mapped here, nobody need be asked.
  let forked = false;
  let mapped = vma.mapping?.onDisk === false;
  mm.page_table.visitRange(start, end, pte => {
    forked ||= isOfFork(pte);
    mapped ||= isOfFile(pte);
  });
  for (const other of forked ? k.mms : []) {
    if (other === undefined || other === mm) continue;
    other.page_table.visitRange(start, end, (pte, page) => {
      if (isOfFork(pte) && isOfFork(mm.page_table.get(page))) pages.add(page);
    });
  }
  for (const there of mapped ? i_mmap(k, vma, start, end) : []) {
    if (there.vma === vma) continue;
    there.page_table.visitRange(there.start, there.end, (pte, page) => {
      if (isOfFile(pte)) pages.add(page - there.above);
    });
  }
  return pages;
}

/** A page that a fork shares, and nobody has written to since. */
const isOfFork = (pte: number): boolean => (pte & PTE_KIND_MASK) === PTE_ANON_WP && (pte & PTE_SHARED_COW) !== 0;
