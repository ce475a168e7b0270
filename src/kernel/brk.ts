/**
 * brk: the heap.
 *
 * Models: mm/mmap.c brk, do_brk_flags (in v6.18 mm/vma.c).
 */
import type { Kernel } from './kernel.js';
import { insert, unmapAndLeave } from './mmap-ops.js';
import { populate } from './populate.js';
import { enter, hold, leave, type Operation, tryEnter, WRITE, WRITE_KILLABLE } from './section.js';
import type { Task } from './task.js';
import { VM_ACCOUNT, VM_LOCKED, VM_READ, VM_WRITE, Vma } from './vma.js';
import { unmap_range, unmap_region } from './vma-ops.js';

/** brk(2): the heap grows by a merge or a new VMA, shrinks by a munmap, or is only asked for. */
export function* brk(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const { brk: old } = mm;
  const wanted = task.page;
  if (old < 0) mm.start_brk = wanted;
  mm.brk = wanted;
  if (old >= 0 && wanted < old) {
    yield* unmapAndLeave(k, task, mm, wanted, old);
    return;
  }
  let locked = false;
  // Where the trace lost a munmap something still seems to be in the way; the kernel would have refused.
  const replaced = old >= 0 && wanted > old ? yield* unmap_range(k, task, mm, old, wanted) : -1;
  if (replaced > 0) unmap_region(mm, old, wanted);
  if (replaced >= 0) {
    const vma = new Vma(old, wanted, VM_READ | VM_WRITE | VM_ACCOUNT | mm.def_flags, old, -1, 0, -1);
    const heap = yield* insert(k, task, mm, vma, k.at['do_brk_flags.start_write'], [], true);
    locked = (heap.vm_flags & VM_LOCKED) !== 0;
  }
  if (!hold(k, task, k.costs.op, !locked)) yield;
  leave(k, task, mm, WRITE);
  if (locked) yield* populate(k, task, mm, old, wanted);
}
