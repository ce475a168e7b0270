/**
 * fork, exec, exit: address spaces that come, are replaced and go.
 *
 * Models: kernel/fork.c dup_mmap, copy_mm; mm/memory.c vma_needs_copy, copy_page_range; fs/exec.c exec_mmap; mm/mmap.c
 * exit_mmap (v6.4 to v6.18).
 * Leaves out: the exec sections of the new mm before anybody can fault in it; coredumps.
 */
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { PTE_ANON, PTE_ANON_WP, PTE_KIND_MASK, PTE_SHARED_COW } from './page-table.js';
import {
  enter,
  hold,
  leave,
  type Operation,
  READ,
  readersLeave,
  tryEnter,
  vma_start_write,
  vma_store,
  WRITE,
} from './section.js';
import type { Task } from './task.js';
import {
  AnonVma,
  VM_DONTCOPY,
  VM_LOCKED,
  VM_PFNMAP,
  VM_UFFD_ARMED,
  VM_UFFD_WP,
  VM_WIPEONFORK,
  type Vma,
} from './vma.js';
import { vm_area_dup } from './vma-ops.js';

/** fork(2), vfork(2), clone(2). A thread, or a child that shares the mm, takes no lock. */
export function* fork(k: Kernel, task: Task): Operation {
  const { mm: parent, b: childMm } = task;
  if (childMm === parent.id || childMm < 0) {
    parent.users++;
    return;
  }
  if (!tryEnter(k, task, parent, WRITE)) yield* enter(k, task, parent, WRITE);
  const since = task.since;
  const child = k.freshMm(childMm);
  child.forked = true;
  child.users = 1;
  child.mmap_lock.write(task.id);
  k.lock?.beginWriteSection(child);
  let cost = k.costs.op;
  for (let vma = parent.mm_mt.first(); vma !== null; vma = parent.mm_mt.next(vma)) {
    if (k.at['dup_mmap.start_write'] === 'all' && !vma_start_write(k, task, parent, vma)) {
      yield* readersLeave(k, task, parent, vma);
    }
    if (vma.vm_flags & VM_DONTCOPY) continue;
    cost += k.costs.fork_vma + copyVma(k, task, parent, child, vma) * k.costs.fork_page;
  }
  child.start_brk = parent.start_brk;
  child.brk = parent.brk;
  child.start_stack = parent.start_stack;
  if (!hold(k, task, cost)) yield;
  k.lock?.endWriteAll(child);
  child.mmap_lock.releaseWrite(task.id);
  task.since = since;
  leave(k, task, parent, WRITE);
}

/** Copies one VMA and, where the child could not fault its pages in again, its pages. Returns how many those were. */
function copyVma(k: Kernel, task: Task, parent: Mm, child: Mm, vma: Vma): number {
  const copy = vm_area_dup(vma);
  copy.vm_flags &= ~(VM_LOCKED | VM_UFFD_ARMED);
  copy.vm_userfaultfd_ctx = 0;
  if (vma.vm_flags & VM_WIPEONFORK) {
    copy.anon_vma = null;
    copy.anon_vma_chain = 0;
  } else if (vma.anon_vma !== null) {
    // anon_vma_fork(): an anon_vma of its own, and a link to each of its parent's.
    copy.anon_vma = new AnonVma();
    copy.anon_vma_chain = vma.anon_vma_chain + 1;
  }
  vma_start_write(k, task, child, copy);
  vma_store(k, child, copy);
  const needsCopy = vma.anon_vma !== null || (vma.vm_flags & (VM_PFNMAP | VM_UFFD_WP)) !== 0;
  if (!needsCopy || vma.vm_flags & VM_WIPEONFORK) return 0;
  const pages = parent.page_table.countRange(vma.vm_start, vma.vm_end);
  parent.page_table.transformRange(vma.vm_start, vma.vm_end, shareCow);
  parent.page_table.copyTo(child.page_table, vma.vm_start, vma.vm_end, pte => pte);
  return pages;
}

/** copy_present_page(): an anonymous page is write-protected in both and shared from now on. */
function shareCow(pte: number): number {
  const kind = pte & PTE_KIND_MASK;
  if (kind !== PTE_ANON && kind !== PTE_ANON_WP) return pte;
  return (pte & ~PTE_KIND_MASK) | PTE_ANON_WP | PTE_SHARED_COW;
}

/** execve(2): the old mm is read-locked while the thread leaves it; the new one is nobody else's yet. */
export function* exec(k: Kernel, task: Task): Operation {
  const { mm: old, a: newMm } = task;
  if (!tryEnter(k, task, old, READ)) yield* enter(k, task, old, READ);
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, old, READ);
  if (newMm < 0 || newMm === old.id) return;
  const fresh = k.freshMm(newMm);
  fresh.forked = old.forked;
  fresh.users = 1;
  if (--old.users === 0 && old.forked) k.freshMm(old.id);
}

/** exit(2): the last thread of an mm whose threads are all known tears it down. */
export function* exit(k: Kernel, task: Task): Operation {
  const { mm } = task;
  mm.users--;
  if (mm.users > 0 || !mm.forked) return;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const pages = mm.page_table.count;
  if (!hold(k, task, k.costs.op + pages * k.costs.zap_page, false)) yield;
  leave(k, task, mm, READ);
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
  k.freshMm(mm.id);
}
