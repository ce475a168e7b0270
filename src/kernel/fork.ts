/**
 * fork, exec, exit: address spaces that come, are replaced and go.
 *
 * Models: kernel/fork.c dup_mmap, copy_mm; mm/memory.c vma_needs_copy, copy_page_range; fs/exec.c exec_mmap; mm/mmap.c
 * exit_mmap (v6.4 to v6.18).
 * Leaves out: the exec sections of the new mm before anybody can fault in it; coredumps.
 */
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { UFFD_RWP_BITS } from './outcome.js';
import {
  PTE_ANON,
  PTE_ANON_WP,
  PTE_KIND_MASK,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_SHARED_COW,
  PTE_UFFD_WP,
} from './page-table.js';
import {
  enter,
  hold,
  leave,
  type Operation,
  READ,
  READ_KILLABLE,
  readersLeave,
  tryEnter,
  vma_start_write,
  vma_store,
  WRITE,
  WRITE_KILLABLE,
} from './section.js';
import type { Task } from './task.js';
import {
  AnonVma,
  VM_DONTCOPY,
  VM_LOCKED_MASK,
  VM_MAYBE_GUARD,
  VM_PFNMAP,
  VM_UFFD_ARMED,
  VM_WIPEONFORK,
  type Vma,
} from './vma.js';
import { vm_area_dup } from './vma-ops.js';

/** fork(2), vfork(2), clone(2). A thread, or a child that shares the mm, takes no lock. */
export function* fork(k: Kernel, task: Task): Operation {
  const { mm: parent, b: childMm } = task;
  if (childMm === parent.id) {
    k.uses(k.tasks[task.a], parent);
    return;
  }
  if (!tryEnter(k, task, parent, WRITE_KILLABLE)) yield* enter(k, task, parent, WRITE_KILLABLE);
  const since = task.since;
  const built = k.engine.now;
  const child = k.freshMm(childMm);
  child.known = true;
  k.uses(k.tasks[task.a], child);
  child.mmap_lock.write(task.id);
  k.ledger.mmapLocked(task, child, true, 0, false);
  k.lock?.beginWriteSection(child);
  let cost = k.costs.op;
  const marks = k.at['dup_mmap.start_write'];
  for (let vma = parent.mm_mt.first(); vma !== null; vma = parent.mm_mt.next(vma)) {
    const killable = marks === 'all_killable';
    if ((marks === 'all' || killable) && !vma_start_write(k, task, parent, vma, killable)) {
      yield* readersLeave(k, task, parent, vma);
    }
    if (vma.vm_flags & VM_DONTCOPY) continue;
    dupVma(k, task, child, vma);
    cost += k.costs.fork_vma;
    if (vma.vm_flags & VM_WIPEONFORK) continue;
    if (marks === 'copied' && !vma_start_write(k, task, parent, vma)) yield* readersLeave(k, task, parent, vma);
    cost += copy_page_range(parent, child, vma) * k.costs.fork_page;
  }
  child.start_brk = parent.start_brk;
  child.brk = parent.brk;
  child.start_stack = parent.start_stack;
  if (!hold(k, task, cost)) yield;
  k.mmap_write_unlock(task, child, k.engine.now - built);
  task.since = since;
  leave(k, task, parent, WRITE);
}

/** The child's copy of a VMA, in its tree. */
function dupVma(k: Kernel, task: Task, child: Mm, vma: Vma): void {
  const copy = vm_area_dup(vma);
  copy.vm_flags &= ~(VM_LOCKED_MASK | VM_UFFD_ARMED);
  copy.vm_userfaultfd_ctx = 0;
  if (vma.vm_flags & VM_WIPEONFORK) {
    copy.anon_vma = null;
    copy.anon_vma_chain = 0;
  } else if (vma.anon_vma !== null) {
    // anon_vma_fork(): an anon_vma of its own, and a link to each of its parent's.
    copy.anon_vma = new AnonVma();
    copy.anon_vma_chain = vma.anon_vma_chain + 1;
  }
  if (k.at['dup_mmap.child'] === 'all') vma_start_write(k, task, child, copy);
  vma_store(k, child, copy);
}

/** Copies the pages the child could not fault in again. Returns how many those were. */
function copy_page_range(parent: Mm, child: Mm, vma: Vma): number {
  if (vma.anon_vma === null && (vma.vm_flags & (VM_PFNMAP | VM_MAYBE_GUARD)) === 0) return 0;
  const pages = parent.page_table.countRange(vma.vm_start, vma.vm_end);
  parent.page_table.transformRange(vma.vm_start, vma.vm_end, shareCow);
  parent.page_table.copyTo(child.page_table, vma.vm_start, vma.vm_end, unprotect);
  return pages;
}

/** No userfaultfd goes along with a fork, and nothing that it forbade. */
function unprotect(pte: number): number {
  if ((pte & PTE_KIND_MASK) === PTE_MARKER_UFFD_WP) return PTE_NONE;
  return pte & PTE_UFFD_WP ? pte & ~UFFD_RWP_BITS : pte;
}

/** copy_present_page(): an anonymous page is write-protected in both and shared from now on. */
function shareCow(pte: number): number {
  const kind = pte & PTE_KIND_MASK;
  if (kind !== PTE_ANON && kind !== PTE_ANON_WP) return pte;
  return (pte & ~PTE_KIND_MASK) | PTE_ANON_WP | PTE_SHARED_COW;
}

/**
 * execve(2): the old mm is read-locked while the thread leaves it, and goes with its last user; the new one is nobody else's
 * yet, also where it has the old one's number.
 */
export function* exec(k: Kernel, task: Task): Operation {
  const { mm: old, b: newMm } = task;
  if (!tryEnter(k, task, old, READ_KILLABLE)) yield* enter(k, task, old, READ_KILLABLE);
  if (!hold(k, task, k.costs.op, !old.known || old.users > 1)) yield;
  leave(k, task, old, READ);
  const fresh = k.freshMm(newMm);
  fresh.known = true;
  k.uses(task, fresh);
  if (old.users > 0 || !old.known) return;
  if (newMm !== old.id) k.dropMm(old.id);
  yield* exit_mmap(k, task, old);
}

/** exit(2): the last thread of an mm whose threads are all known tears it down. */
export function* exit(k: Kernel, task: Task): Operation {
  const { mm } = task;
  k.uses(task, null);
  if (mm.users > 0 || !mm.known) return;
  yield* exit_mmap(k, task, mm);
  k.dropMm(mm.id);
}

/** exit_mmap(): unmaps and frees in one write section, or unmaps under the read lock first; every VMA is marked. */
function* exit_mmap(k: Kernel, task: Task, mm: Mm): Operation {
  if (k.at.exit_mmap === 'no_lock') return;
  let zap = mm.page_table.count * k.costs.zap_page;
  if (k.at.exit_mmap === 'read_then_write') {
    if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
    if (!hold(k, task, k.costs.op + zap, false)) yield;
    leave(k, task, mm, READ);
    zap = 0;
  }
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  // nobody is left who could be inside
  for (let vma = mm.mm_mt.first(); vma !== null; vma = mm.mm_mt.next(vma)) vma_start_write(k, task, mm, vma);
  if (!hold(k, task, k.costs.op + zap)) yield;
  leave(k, task, mm, WRITE);
}
