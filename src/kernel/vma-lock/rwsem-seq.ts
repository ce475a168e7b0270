/**
 * VMA lock v1: a read-write semaphore and a sequence number per VMA.
 *
 * Models: include/linux/mm.h vma_start_read, vma_end_read, vma_start_write and include/linux/mmap_lock.h
 * vma_end_write_all, v6.4 to v6.14 (the acquire and release of b1f02b95758d included).
 * Leaves out: optimistic spinning on vm_lock (a writer excludes new readers from the moment it finds readers inside), and
 * the seqcount of 6.13, whose equality means the same.
 */
import { invariant } from '../../errors.js';
import type { Vma } from '../vma.js';
import { type LockedMm, READ_FAILED, READ_TAKEN, type VmaLock } from './lock.js';

export class RwsemSeqLock implements VmaLock {
  seqSaysLocked(mm: LockedMm, vma: Vma): boolean {
    return vma.vm_lock_seq === mm.mm_lock_seq;
  }

  take(vma: Vma): typeof READ_FAILED | typeof READ_TAKEN {
    if (vma.vm_lock_writer_waits) return READ_FAILED;
    vma.vm_lock_readers++;
    return READ_TAKEN;
  }

  endRead(vma: Vma): boolean {
    invariant(vma.vm_lock_readers > 0, 'vma_end_read: nobody is inside');
    vma.vm_lock_readers--;
    return vma.vm_lock_readers === 0 && vma.vm_lock_writer_waits;
  }

  excludeReaders(vma: Vma): boolean {
    vma.vm_lock_writer_waits = true;
    return vma.vm_lock_readers > 0;
  }

  mark(mm: LockedMm, vma: Vma): void {
    invariant(vma.vm_lock_readers === 0, 'vma_start_write: readers are inside');
    vma.vm_lock_seq = mm.mm_lock_seq;
    vma.vm_lock_writer_waits = false;
  }

  isMarked(mm: LockedMm, vma: Vma): boolean {
    return vma.vm_lock_seq === mm.mm_lock_seq;
  }

  attach(vma: Vma): void {
    vma.detached = false;
  }

  detach(vma: Vma): void {
    invariant(vma.vm_lock_readers === 0, 'vma_mark_detached: readers are inside');
    vma.detached = true;
  }

  isDetached(vma: Vma): boolean {
    return vma.detached;
  }

  readers(vma: Vma): number {
    return vma.vm_lock_readers;
  }

  beginWriteSection(): void {}

  endWriteAll(mm: LockedMm): void {
    mm.mm_lock_seq++;
  }
}
