/**
 * The pages of shared anonymous memory: a shmem file of its own, empty at first, that a fork shares.
 *
 * Models: mm/shmem.c, shmem_zero_setup, shmem_get_folio, shmem_undo_range (v6.18).
 * Leaves out: files on tmpfs and memfds, whose contents a trace does not tell: their pages are taken to be there.
 * Units: pages; range ends are exclusive.
 */
import type { Page } from '../units.js';
import { PageTable, PTE_FILE_RW, PTE_NONE } from './page-table.js';
import type { Vma } from './vma.js';
import type { VmaTree } from './vma-tree.js';

export class ShmemInode {
  private readonly folios = new PageTable();

  /** Is the page that `vma` has at `page` in the page cache? */
  has(vma: Vma, page: Page): boolean {
    return this.folios.get(indexOf(vma, page)) !== PTE_NONE;
  }

  add(vma: Vma, page: Page): void {
    this.folios.set(indexOf(vma, page), PTE_FILE_RW);
  }

  /** What `vma` has at `[start, end)` is no longer in the page cache: a hole was punched, or it went to swap. */
  remove(vma: Vma, start: Page, end: Page): void {
    this.folios.clearRange(indexOf(vma, start), indexOf(vma, end));
  }
}

/** linear_page_index(). */
const indexOf = (vma: Vma, page: Page): Page => vma.vm_pgoff + (page - vma.vm_start);

/** Drops from their files what the VMAs of `[start, end)` have there. */
export function shmem_undo_range(tree: VmaTree, start: Page, end: Page): void {
  for (let vma = tree.find(start); vma !== null && vma.vm_start < end; vma = tree.next(vma)) {
    vma.shmem?.remove(vma, Math.max(start, vma.vm_start), Math.min(end, vma.vm_end));
  }
}
