/**
 * mprotect: access rights, and what they do to the accounting that VMAs must share to be merged.
 *
 * Models: mm/mprotect.c do_mprotect_pkey, mprotect_fixup; include/linux/mman.h calc_vm_prot_bits; mm/mmap.c
 * accountable_mapping (v6.18).
 * Leaves out: whether the memory is there at all (security_vm_enough_memory_mm), and overcommit_memory 2, which ignores
 * MAP_NORESERVE.
 */
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../vocab.js';
import type { Kernel } from './kernel.js';
import { faultIn } from './populate.js';
import { enter, hold, leave, type Operation, tryEnter, WRITE, WRITE_KILLABLE } from './section.js';
import type { Task } from './task.js';
import {
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_EXEC,
  VM_HUGETLB,
  VM_LOCKED,
  VM_NORESERVE,
  VM_READ,
  VM_SEALED,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  vma_is_anonymous,
} from './vma.js';
import { vma_modify } from './vma-ops.js';

/** calc_vm_prot_bits(). */
export function calc_vm_prot_bits(prot: number): number {
  return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0);
}

/** accountable_mapping(); hugetlb counts on its own. */
export function accountable_mapping(flags: number): boolean {
  return (flags & (VM_WRITE | VM_SHARED | VM_HUGETLB | VM_NORESERVE)) === VM_WRITE;
}

/** mprotect(2), pkey_mprotect(2): every VMA of the range up to the first hole; a VMA that has the flags is left alone. */
export function* mprotect(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const end = task.page + task.len;
  const wanted = calc_vm_prot_bits(task.code);
  let at = task.page;
  let work = k.costs.op;
  for (let vma = mm.mm_mt.walk(at); vma !== null && at < end; vma = mm.mm_mt.walk(at)) {
    if (vma.vm_flags & VM_SEALED) break;
    const upTo = Math.min(end, vma.vm_end);
    if (wanted !== (vma.vm_flags & VM_ACCESS_FLAGS)) {
      const breaksCow = (vma.vm_flags & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED && (wanted & VM_WRITE) !== 0;
      yield* vma_modify(k, task, mm, vma, at, upTo, { flags: mprotect_flags(k, vma, wanted) });
      // locked memory is never to fault once it can be written to
      if (breaksCow) work += faultIn(k, task, mm, at, upTo, 'private');
    }
    at = upTo;
  }
  if (!hold(k, task, work)) yield;
  leave(k, task, mm, WRITE);
}

/** mprotect_fixup(): the flags of `vma` once its access rights are `wanted`. */
function mprotect_flags(k: Kernel, vma: Vma, wanted: number): number {
  const flags = (vma.vm_flags & ~VM_ACCESS_FLAGS) | wanted;
  if (accountable_mapping(flags)) return flags | VM_ACCOUNT;
  const unused = !(wanted & VM_WRITE) && vma_is_anonymous(vma) && vma.anon_vma === null;
  return unused && k.at['mprotect_fixup.account'] === 'goes' ? flags & ~VM_ACCOUNT : flags;
}
