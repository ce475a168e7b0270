/**
 * do_wp_page(): a write to a present page that is mapped read-only.
 *
 * Models: mm/memory.c do_wp_page, wp_page_shared, wp_pfn_shared, wp_page_reuse, wp_page_copy (v6.4 to v6.18).
 */
import { VM_OPS } from '../vocab.js';
import type { Kernel } from './kernel.js';
import {
  HANDLED,
  handle_userfault,
  install,
  type Outcome,
  RETRY,
  retryAt,
  vmf_anon_prepare,
  vmf_can_call_fault,
  waitHolding,
} from './outcome.js';
import { PTE_ANON, PTE_ANON_WP, PTE_FILE_RW, PTE_KIND_MASK, PTE_SHARED_COW, PTE_UFFD_WP } from './page-table.js';
import type { Task } from './task.js';
import { UFFD_WP_ASYNC, VM_PFNMAP, VM_SHARED, VM_UFFD_WP, type Vma } from './vma.js';

export function do_wp_page(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean, state: number): Outcome {
  k.witness?.enters(task, 'do_wp_page');
  task.cost = k.costs.wp;
  // userfaultfd_wp_async(): the bit is taken off in place, and the write goes on.
  const sync = vma.vm_flags & VM_UFFD_WP && !(vma.vm_flags & UFFD_WP_ASYNC);
  if (state & PTE_UFFD_WP && sync && !task.answered) return handle_userfault(k, task, vmaLocked);
  if (vma.vm_flags & VM_SHARED) {
    return vma.vm_flags & VM_PFNMAP ? wp_pfn_shared(k, task, vma, vmaLocked) : wp_page_shared(k, task, vma, vmaLocked);
  }
  const kind = state & PTE_KIND_MASK;
  if ((kind === PTE_ANON || kind === PTE_ANON_WP) && !(state & PTE_SHARED_COW)) {
    // Nobody else maps it.
    k.witness?.enters(task, 'wp_page_reuse');
    install(task, PTE_ANON);
    return HANDLED;
  }
  // wp_page_copy() makes an anonymous page: in a VMA that never had one, anon_vma is still missing.
  if (!vma.anon_vma && vmaLocked && k.at.do_wp_page === 'retry') return retryAt(task, 'do_wp_page');
  k.witness?.enters(task, 'wp_page_copy');
  if (!vmf_anon_prepare(k, task, vma, vmaLocked)) return RETRY;
  install(task, PTE_ANON);
  return HANDLED;
}

/** A shared file page. */
function wp_page_shared(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'wp_page_shared');
  if (vma.vm_ops & VM_OPS.page_mkwrite) {
    if (vmaLocked && k.at.wp_page_shared === 'retry') return retryAt(task, 'wp_page_shared');
    if (!vmf_can_call_fault(task, vma, vmaLocked)) return RETRY;
    do_page_mkwrite(task, vma);
  }
  install(task, PTE_FILE_RW);
  return HANDLED;
}

/** ->page_mkwrite: the file system may sleep, with the lock held. */
export function do_page_mkwrite(task: Task, vma: Vma): void {
  if (vma.vm_ops & VM_OPS.page_mkwrite) waitHolding(task, 0);
}

/** A shared PFN mapping: ->pfn_mkwrite where there is one. */
function wp_pfn_shared(k: Kernel, task: Task, vma: Vma, vmaLocked: boolean): Outcome {
  k.witness?.enters(task, 'wp_pfn_shared');
  if (vma.vm_ops & VM_OPS.pfn) {
    if (vmaLocked && k.at.wp_pfn_shared === 'retry') return retryAt(task, 'wp_pfn_shared');
    if (!vmf_can_call_fault(task, vma, vmaLocked)) return RETRY;
  }
  install(task, PTE_FILE_RW);
  return HANDLED;
}
