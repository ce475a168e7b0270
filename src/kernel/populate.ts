/**
 * Populating a range: what MAP_POPULATE, mlock, MADV_POPULATE_* and get_user_pages() do: fault pages in under mmap_lock,
 * without an exception.
 *
 * Models: mm/gup.c __mm_populate, populate_vma_page_range, __get_user_pages (v6.18).
 * Leaves out: dropping the lock on VM_FAULT_RETRY (the pages are taken to be at hand).
 */
import type { Ns, Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { anon_vma_prepare, uffdBits } from './outcome.js';
import {
  PMD_PAGES,
  PTE_ANON,
  PTE_ANON_WP,
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_KIND_MASK,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_SWAP,
  PTE_UFFD_WP,
  PTE_ZERO,
} from './page-table.js';
import { enter, hold, leave, type Operation, READ, tryEnter } from './section.js';
import type { Task } from './task.js';
import {
  VM_ACCESS_FLAGS,
  VM_HUGETLB,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  vma_is_anonymous,
} from './vma.js';

/** Pages one call looks at, 4 GiB: beyond it the next fault there looks like a first touch. */
export const POPULATE_LIMIT = 2 ** 20;

/** In which VMAs pages are faulted in by a write: in those that allow it, all or only private ones, or in none. */
type Writes = 'all' | 'private' | 'none';

/** What __mm_populate() does about a VMA that forbids it: mlock stops there, everybody else goes on. */
type OnError = 'stop' | 'ignore';

/** mm_populate(): one read section in which `[start, end)` is faulted in, with a write where that breaks COW. */
export function* populate(
  k: Kernel,
  task: Task,
  mm: Mm,
  start: Page,
  end: Page,
  onError: OnError = 'ignore',
): Operation {
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  if (!hold(k, task, k.costs.op + faultIn(k, task, mm, start, end, 'private', onError))) yield;
  leave(k, task, mm, READ);
}

/** Faults in what `[start, end)` lacks; returns how long that takes. */
export function faultIn(
  k: Kernel,
  task: Task,
  mm: Mm,
  start: Page,
  end: Page,
  writes: Writes,
  onError: OnError = 'ignore',
): Ns {
  let left = POPULATE_LIMIT;
  let cost = 0;
  const { mm_mt, page_table } = mm;
  // populate_vma_page_range() leaves MLOCK_ONFAULT to the faults
  const skipped = writes === 'private' ? VM_LOCKONFAULT : 0;
  for (let vma = mm_mt.find(start); vma !== null && vma.vm_start < end && left > 0; vma = mm_mt.next(vma)) {
    if (vma.vm_flags & skipped) continue;
    if (check_vma_flags(k, vma)) {
      if (onError === 'stop') break;
      continue;
    }
    const from = Math.max(start, vma.vm_start);
    const to = Math.min(end, vma.vm_end, from + left);
    const shared = (vma.vm_flags & VM_SHARED) !== 0;
    const write = (vma.vm_flags & VM_WRITE) !== 0 && (writes === 'all' || (writes === 'private' && !shared));
    left -= to - from;
    const huge = (vma.vm_flags & VM_HUGETLB) !== 0;
    const step = huge ? PMD_PAGES : 1;
    for (let page = from - (from % step); page < to; page += step) {
      const before = page_table.get(page);
      const until = (before & PTE_KIND_MASK) === PTE_MIGRATION ? mm.migrating.get(page) : undefined;
      if (until !== undefined) {
        // migration_entry_wait(); the page is there when that is over
        cost = Math.max(cost, until - k.engine.now);
        continue;
      }
      const state = faultedIn(vma, before, write);
      if (state === before) continue;
      if ((state & PTE_KIND_MASK) === PTE_ANON && vma.anon_vma === null) {
        anon_vma_prepare(mm, vma);
        k.ledger.prepared(task, vma);
      }
      page_table.splitHuge(page);
      page_table.set(page, state);
      vma.mapping?.add(vma, page);
      cost += huge ? k.costs.hugetlb : k.costs.populate_page;
    }
  }
  return cost;
}

/** Does get_user_pages() refuse the VMA: no access, no struct pages, or memory that the kernel itself cannot read? */
const check_vma_flags = (k: Kernel, { vm_flags, vm_file }: Vma): boolean =>
  !(vm_flags & VM_ACCESS_FLAGS) || (vm_flags & VM_PFNMAP) !== 0 || k.files[vm_file]?.fs === 'secretmem';

/** What a page's entry becomes; the same where nothing is to be done, or the fault fails, or would wait for a monitor. */
function faultedIn(vma: Vma, pte: number, write: boolean): number {
  const shared = (vma.vm_flags & VM_SHARED) !== 0;
  const writable = shared ? PTE_FILE_RW : PTE_ANON;
  const kind = pte & PTE_KIND_MASK;
  switch (kind) {
    case PTE_NONE:
      if (write || vma.vm_flags & VM_HUGETLB) return writable;
      return vma_is_anonymous(vma) ? PTE_ZERO : PTE_FILE_RO;
    case PTE_MIGRATION:
      return writable | uffdBits(vma, pte);
    case PTE_SWAP:
    case PTE_DEVICE_PRIVATE:
    case PTE_DEVICE_EXCLUSIVE:
      return uffdBits(vma, pte) | (write ? writable : shared ? PTE_FILE_RO : PTE_ANON_WP);
  }
  const present = kind < PTE_SWAP && !(pte & PTE_UFFD_WP);
  const breaks = write && (kind !== writable || pte & PTE_SHARED_COW);
  return present && breaks ? writable : pte;
}
