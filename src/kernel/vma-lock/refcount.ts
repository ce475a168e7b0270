/**
 * VMA lock v2: a reference count and a sequence number per VMA.
 *
 *     vm_refcnt   0           detached
 *                 1           attached, no readers
 *                 1 + n       n readers
 *                 flag + ...  a writer keeps new readers out and waits for those inside
 *
 * Models: include/linux/mmap_lock.h vma_start_read, vma_refcount_put, mm/mmap_lock.c __vma_enter_locked,
 * vma_mark_attached, vma_mark_detached (v6.18); the flag was VMA_LOCK_OFFSET before 7.2.
 * Leaves out: reuse of a VMA by another mm (SLAB_TYPESAFE_BY_RCU) and count overflow: both only add a fallback.
 */
import { invariant } from '../../errors.js';
import type { Vma } from '../vma.js';
import { type LockedMm, READ_DETACHED, READ_FAILED, READ_TAKEN, type VmaLock } from './lock.js';

export const VM_REFCNT_EXCLUDE_READERS_FLAG = 0x4000_0000;

export class RefcountLock implements VmaLock {
  seqSaysLocked(mm: LockedMm, vma: Vma): boolean {
    return vma.vm_lock_seq === mm.mm_lock_seq;
  }

  take(vma: Vma): typeof READ_FAILED | typeof READ_TAKEN | typeof READ_DETACHED {
    if (vma.vm_refcnt === 0) return READ_DETACHED;
    if (vma.vm_refcnt >= VM_REFCNT_EXCLUDE_READERS_FLAG) return READ_FAILED;
    vma.vm_refcnt++;
    return READ_TAKEN;
  }

  endRead(vma: Vma): boolean {
    invariant(this.readers(vma) > 0, 'vma_end_read: nobody is inside');
    vma.vm_refcnt--;
    return vma.vm_refcnt === VM_REFCNT_EXCLUDE_READERS_FLAG + 1 || vma.vm_refcnt === VM_REFCNT_EXCLUDE_READERS_FLAG;
  }

  excludeReaders(vma: Vma): boolean {
    if (vma.vm_refcnt === 0) return false;
    if (vma.vm_refcnt < VM_REFCNT_EXCLUDE_READERS_FLAG) vma.vm_refcnt += VM_REFCNT_EXCLUDE_READERS_FLAG;
    return vma.vm_refcnt !== VM_REFCNT_EXCLUDE_READERS_FLAG + 1;
  }

  mark(mm: LockedMm, vma: Vma): void {
    invariant(this.readers(vma) === 0, 'vma_start_write: readers are inside');
    vma.vm_lock_seq = mm.mm_lock_seq;
    if (vma.vm_refcnt >= VM_REFCNT_EXCLUDE_READERS_FLAG) vma.vm_refcnt -= VM_REFCNT_EXCLUDE_READERS_FLAG;
  }

  isMarked(mm: LockedMm, vma: Vma): boolean {
    return vma.vm_lock_seq === mm.mm_lock_seq;
  }

  attach(vma: Vma): void {
    invariant(vma.vm_refcnt === 0, 'vma_mark_attached: the VMA is attached already');
    vma.vm_refcnt = 1;
  }

  detach(vma: Vma): void {
    invariant(vma.vm_refcnt === 1, 'vma_mark_detached: readers are inside');
    vma.vm_refcnt = 0;
  }

  isDetached(vma: Vma): boolean {
    return vma.vm_refcnt === 0;
  }

  readers(vma: Vma): number {
    const count = vma.vm_refcnt % VM_REFCNT_EXCLUDE_READERS_FLAG;
    return count > 0 ? count - 1 : 0;
  }

  beginWriteSection(mm: LockedMm): void {
    mm.mm_lock_seq++;
  }

  endWriteAll(mm: LockedMm): void {
    mm.mm_lock_seq++;
  }
}
