/**
 * What writers do under speculative page faults: a sequence count of the mm, odd while mmap_lock is held for writing, and
 * one of each VMA that moves whenever the VMA is marked. Nobody ever waits for a reader, since speculation holds nothing.
 *
 * Models: include/linux/mmap_lock.h mmap_seq (Lespinasse 2021, 2022); include/linux/mm.h vm_write_begin (Dufour v12).
 * Leaves out: vm_write_end() before the end of the write section: here a VMA that is being modified stays odd until then.
 */
import type { Vma } from '../vma.js';
import { type LockedMm, READ_FAILED, type VmaLock } from './lock.js';

export class SequenceLock implements VmaLock {
  seqSaysLocked(mm: LockedMm, vma: Vma): boolean {
    return vma.vm_lock_seq === mm.mm_lock_seq;
  }

  /** There is nothing to take: operations that would read-lock a VMA take mmap_lock. */
  take(): typeof READ_FAILED {
    return READ_FAILED;
  }

  endRead(): boolean {
    return false;
  }

  excludeReaders(): boolean {
    return false;
  }

  mark(mm: LockedMm, vma: Vma): void {
    vma.vm_lock_seq = mm.mm_lock_seq;
  }

  isMarked(mm: LockedMm, vma: Vma): boolean {
    return vma.vm_lock_seq === mm.mm_lock_seq;
  }

  attach(vma: Vma): void {
    vma.detached = false;
  }

  detach(vma: Vma): void {
    vma.detached = true;
  }

  isDetached(vma: Vma): boolean {
    return vma.detached;
  }

  readers(): number {
    return 0;
  }

  beginWriteSection(mm: LockedMm): void {
    mm.mm_lock_seq++;
  }

  endWriteAll(mm: LockedMm): void {
    mm.mm_lock_seq++;
  }
}
