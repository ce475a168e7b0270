/**
 * What a VMA lock must offer. Each is written in steps as fine as the kernel's own stores, so that a scheduler may put
 * another thread between any two of them; the replay runs them without a pause.
 */
import type { Vma } from '../vma.js';

/** What the lock reads of the mm: mm_lock_seq, and who wakes a sleeping writer. */
export interface LockedMm {
  /** v1: counts write sections. v2: a sequence count, odd while mmap_lock is write-locked. */
  mm_lock_seq: number;
}

/** Outcome of the step of vma_start_read() that takes the reference. */
export const READ_FAILED = 0;
export const READ_TAKEN = 1;
/** v2: the count is 0, the VMA is detached: look it up again (-EAGAIN). */
export const READ_DETACHED = 2;

export interface VmaLock {
  /** vma_start_read(), first step: does the sequence say "write-locked"? Nothing is taken yet. */
  seqSaysLocked(mm: LockedMm, vma: Vma): boolean;
  /** vma_start_read(), second step: take the reference. */
  take(vma: Vma): typeof READ_FAILED | typeof READ_TAKEN | typeof READ_DETACHED;
  /** vma_end_read(). True when the last reader left and a writer sleeps: wake `vma.writer`. */
  endRead(vma: Vma): boolean;

  /** vma_start_write(), first step: keep new readers out. True when readers are inside: the writer must sleep. */
  excludeReaders(vma: Vma): boolean;
  /** vma_start_write(), last step: mark it; the mark ends with the mmap_lock write section. */
  mark(mm: LockedMm, vma: Vma): void;
  /** Is the VMA marked in the current write section? */
  isMarked(mm: LockedMm, vma: Vma): boolean;

  /** Before the VMA is stored in the tree. */
  attach(vma: Vma): void;
  /** The VMA leaves the tree. */
  detach(vma: Vma): void;
  isDetached(vma: Vma): boolean;
  /** Threads inside it right now. */
  readers(vma: Vma): number;

  /** mmap_write_lock() was taken. */
  beginWriteSection(mm: LockedMm): void;
  /** vma_end_write_all(): every mark ends, at mmap_write_unlock() or mmap_write_downgrade() and nowhere else. */
  endWriteAll(mm: LockedMm): void;
}
