/**
 * Collapse: 512 small pages become one huge page, by khugepaged or MADV_COLLAPSE.
 *
 * Models: mm/khugepaged.c collapse_huge_page, collapse_file, retract_page_tables (v6.4 to v7.2).
 * Leaves out: the scan before it, which holds mmap_lock for reading while it looks through many PMDs.
 */
import type { Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { installHuge } from './outcome.js';
import { firstOfPmd, PMD_PAGES, PTE_ANON, PTE_HUGE } from './page-table.js';
import {
  enter,
  hasReaders,
  hold,
  leave,
  type Operation,
  READ,
  readersLeave,
  tryEnter,
  tryLock,
  vma_start_write,
  WRITE,
} from './section.js';
import type { Task } from './task.js';
import { VM_UFFD_WP, type Vma } from './vma.js';

/** khugepaged on the PMD around the event's address. */
export function collapse(k: Kernel, task: Task): Operation {
  return collapseOne(k, task, task.mm, firstOfPmd(task.page));
}

/** hpage_collapse_scan_pmd() or, where a file is mapped, hpage_collapse_scan_file(). */
export function* collapseOne(k: Kernel, task: Task, mm: Mm, pmd: Page): Operation {
  const vma = mm.mm_mt.walk(pmd);
  if (vma !== null && vma.vm_ops !== 0) yield* collapse_file(k, task, mm, pmd);
  else yield* collapse_huge_page(k, task, mm, pmd);
}

/** collapse_huge_page(): allocates and revalidates under the read lock, then takes the write lock and marks the VMA. */
function* collapse_huge_page(k: Kernel, task: Task, mm: Mm, pmd: Page): Operation {
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  if (!hold(k, task, k.costs.op, false)) yield;
  leave(k, task, mm, READ);
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  const vma = mm.mm_mt.walk(pmd);
  const fits = vma !== null && pmd + PMD_PAGES <= vma.vm_end;
  // check_pmd_still_valid() before or after the mark: what it finds is the same here, where a step is not interrupted.
  const worth = fits && mm.page_table.countRange(pmd, pmd + PMD_PAGES) > 0;
  if (vma !== null && fits && (worth || k.at['collapse_huge_page.start_write'] === 'before_check')) {
    if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
  }
  if (vma !== null && worth) installHuge(mm, vma, pmd, PTE_ANON | PTE_HUGE);
  if (!hold(k, task, worth ? k.costs.collapse : k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/**
 * collapse_file(): the huge page goes into the page cache without any lock of the mm. retract_page_tables() then takes the
 * page tables of its mappings away; where that needs mmap_lock it is only tried, as is the lock of the VMA.
 */
function* collapse_file(k: Kernel, task: Task, mm: Mm, pmd: Page): Operation {
  const answer = k.at.retract_page_tables;
  if (!hold(k, task, k.costs.collapse, false)) yield;
  const vma = mm.mm_mt.walk(pmd);
  // A VMA with pages of its own keeps its page tables, and so does one that does not have all of the huge page.
  if (vma === null || vma.anon_vma !== null || pmd + PMD_PAGES > vma.vm_end) return;
  if (answer === 'no_lock') {
    retract(mm, vma, pmd);
    return;
  }
  if (!tryLock(k, task, mm, WRITE)) return;
  if (answer === 'write' || vma_try_start_write(k, task, mm, vma)) retract(mm, vma, pmd);
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** What is watched for writes keeps its page tables: there may be markers in them. */
function retract(mm: Mm, vma: Vma, pmd: Page): void {
  if (!(vma.vm_flags & VM_UFFD_WP)) mm.page_table.clearRange(pmd, pmd + PMD_PAGES);
}

/** vma_try_start_write(): not when readers are inside. */
function vma_try_start_write(k: Kernel, task: Task, mm: Mm, vma: Vma): boolean {
  return !hasReaders(k, vma) && vma_start_write(k, task, mm, vma);
}
