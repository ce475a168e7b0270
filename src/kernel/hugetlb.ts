/**
 * hugetlb_fault(): a mapping of preallocated huge pages goes its own way.
 *
 * Models: mm/hugetlb.c hugetlb_fault, hugetlb_no_page, hugetlb_wp (v6.6 to v6.18).
 * Leaves out: sizes other than 2 MiB (a page of 1 GiB is tracked by its 2 MiB parts).
 */
import { ENTRY } from '../vocab.js';
import type { Kernel } from './kernel.js';
import {
  HANDLED,
  handle_userfault,
  isWrite,
  type Outcome,
  PMD_PAGES,
  RETRY,
  retryAt,
  says,
  vmf_anon_prepare,
  waitHolding,
} from './outcome.js';
import {
  PTE_ANON,
  PTE_FILE_RW,
  PTE_KIND_MASK,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_UFFD_WP,
} from './page-table.js';
import type { Task } from './task.js';
import { VM_SHARED, VM_UFFD_ARMED, VM_UFFD_MINOR, VM_UFFD_MISSING, VM_UFFD_WP, type Vma } from './vma.js';

export function hugetlb_fault(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'hugetlb_fault');
  if (vmaLocked && k.at.hugetlb_fault === 'retry') return retryAt(task, 'hugetlb_fault');
  const { page_table } = task.mm;
  const head = task.page - (task.page % PMD_PAGES);
  const said = task.settled ? 0 : task.facts & 15;
  const state = said === ENTRY.none ? PTE_NONE : page_table.get(head);
  const shared = (vma.vm_flags & VM_SHARED) !== 0;
  const write = isWrite(task);
  if (said === ENTRY.migration || (said === 0 && (state & PTE_KIND_MASK) === PTE_MIGRATION)) {
    // It sleeps with the VMA lock held.
    k.witness?.enters(task, 'migration_entry_wait_huge');
    page_table.set(head, shared ? PTE_FILE_RW : PTE_ANON);
    return waitHolding(task, k.costs.wait_migration);
  }
  if (vma.vm_flags & VM_UFFD_ARMED && !task.settled) {
    const absent = state === PTE_NONE;
    if (absent && vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_MINOR)) return handle_userfault(k, task, vmaLocked);
    if (write && state & PTE_UFFD_WP && vma.vm_flags & VM_UFFD_WP) return handle_userfault(k, task, vmaLocked);
  }
  const copies = write && !shared && (state & PTE_SHARED_COW || says(task.facts, 'shared'));
  if (state !== PTE_NONE && !copies) return HANDLED;
  task.cost = k.costs.hugetlb;
  if (!shared && !vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  page_table.set(head, shared ? PTE_FILE_RW : PTE_ANON);
  // hugetlb_fault_mutex and the folio lock are waited for with the VMA lock held.
  return task.wait > 0 ? waitHolding(task, 0) : HANDLED;
}
