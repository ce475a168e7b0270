/**
 * Collapse: 512 small pages become one huge page, by khugepaged or MADV_COLLAPSE.
 *
 * Models: mm/khugepaged.c hpage_collapse_scan_pmd, collapse_huge_page (v6.4 to v6.18).
 */
import type { Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { installHuge, PMD_PAGES } from './outcome.js';
import { PTE_ANON, PTE_HUGE } from './page-table.js';
import { enter, hold, leave, type Operation, READ, readersLeave, tryEnter, vma_start_write, WRITE } from './section.js';
import type { Task } from './task.js';

/** khugepaged on the PMD around the event's address. */
export function collapse(k: Kernel, task: Task): Operation {
  return collapseOne(k, task, task.mm, task.page - (task.page % PMD_PAGES));
}

/** collapse_huge_page(): allocates and revalidates under the read lock, then takes the write lock and marks the VMA. */
export function* collapseOne(k: Kernel, task: Task, mm: Mm, pmd: Page): Operation {
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  if (!hold(k, task, k.costs.op, false)) yield;
  leave(k, task, mm, READ);
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  const vma = mm.mm_mt.walk(pmd);
  const fits = vma !== null && pmd >= vma.vm_start && pmd + PMD_PAGES <= vma.vm_end;
  // check_pmd_still_valid() before or after the mark: what it finds is the same here, where a step is not interrupted.
  const worth = fits && mm.page_table.countRange(pmd, pmd + PMD_PAGES) > 0;
  if (vma !== null && fits && (worth || k.at['collapse_huge_page.start_write'] === 'before_check')) {
    if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
  }
  if (worth) installHuge(mm, pmd, PTE_ANON | PTE_HUGE);
  if (!hold(k, task, worth ? k.costs.collapse : k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}
