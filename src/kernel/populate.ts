/**
 * Populating a range: what MAP_POPULATE, mlock, MADV_POPULATE_* and get_user_pages() do: fault pages in under mmap_lock,
 * without an exception.
 *
 * Models: mm/gup.c __mm_populate, populate_vma_page_range, __get_user_pages (v6.18).
 * Leaves out: dropping the lock on VM_FAULT_RETRY (the pages are taken to be at hand).
 */
import type { Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { anon_vma_prepare } from './outcome.js';
import { PTE_ANON, PTE_FILE_RO, PTE_FILE_RW, PTE_NONE, PTE_ZERO } from './page-table.js';
import { enter, hold, leave, type Operation, READ, tryEnter } from './section.js';
import type { Task } from './task.js';
import { VM_ACCESS_FLAGS, VM_PFNMAP, VM_SHARED, VM_WRITE, type Vma, vma_is_anonymous } from './vma.js';

/** Pages whose state one call records at most, 4 GiB: beyond it the next fault there looks like a first touch. */
export const POPULATE_LIMIT = 2 ** 20;

/** One read section in which the absent pages of `[start, end)` are faulted in. */
export function* populate(k: Kernel, task: Task, mm: Mm, start: Page, end: Page, write: boolean): Operation {
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const pages = faultIn(mm, start, end, write);
  if (!hold(k, task, k.costs.op + pages * k.costs.populate_page)) yield;
  leave(k, task, mm, READ);
}

/** Installs what is absent in `[start, end)`; returns how many pages that were. */
export function faultIn(mm: Mm, start: Page, end: Page, write: boolean): number {
  let pages = 0;
  const tree = mm.mm_mt;
  for (let vma = tree.find(start); vma !== null && vma.vm_start < end; vma = tree.next(vma)) {
    if (!(vma.vm_flags & VM_ACCESS_FLAGS) || vma.vm_flags & VM_PFNMAP) continue;
    const from = Math.max(start, vma.vm_start);
    const to = Math.min(end, vma.vm_end, from + POPULATE_LIMIT);
    const state = populated(vma, write);
    if (state === PTE_ANON) anon_vma_prepare(mm, vma);
    for (let page = from; page < to; page++) {
      if (mm.page_table.get(page) !== PTE_NONE) continue;
      mm.page_table.set(page, state);
      vma.shmem?.add(vma, page);
      pages++;
    }
  }
  return pages;
}

function populated(vma: Vma, write: boolean): number {
  const writes = write && (vma.vm_flags & VM_WRITE) !== 0;
  if (vma_is_anonymous(vma)) return writes ? PTE_ANON : PTE_ZERO;
  if (!writes) return PTE_FILE_RO;
  return vma.vm_flags & VM_SHARED ? PTE_FILE_RW : PTE_ANON;
}
