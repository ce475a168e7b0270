/**
 * Operations that read-lock one VMA instead of mmap_lock.
 *
 * Models: mm/mmap_lock.c lock_vma_under_rcu; include/linux/mmap_lock.h vma_start_read_locked (v6.18).
 */
import type { Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import type { Task } from './task.js';
import type { Vma } from './vma.js';
import { READ_TAKEN } from './vma-lock/index.js';

/** lock_vma_under_rcu() for an operation: the VMA at `page`, read-locked; null when it must take mmap_lock. */
export function tryReadVma(k: Kernel, task: Task, mm: Mm, page: Page): Vma | null {
  const { lock } = k;
  const vma = mm.mm_mt.walk(page);
  if (lock === null || vma === null) return null;
  if (lock.seqSaysLocked(mm, vma) || lock.take(vma) !== READ_TAKEN) {
    k.blame(task, mm.mmap_lock.writer);
    k.ledger.vmaReadRefused(mm, vma);
    return null;
  }
  vma.reader = task.id;
  task.since = k.engine.now;
  return vma;
}

/**
 * vma_start_read_locked(): with mmap_lock held for reading, which keeps writers out, a VMA can always be read-locked. It is
 * kept when mmap_lock is released.
 */
export function vma_start_read_locked(k: Kernel, task: Task, vma: Vma): void {
  k.lock?.take(vma);
  vma.reader = task.id;
}

/** vma_end_read() of an operation. */
export function unlockVma(k: Kernel, task: Task, mm: Mm, vma: Vma): void {
  const held = k.engine.now - task.since;
  task.held += held;
  k.ledger.vmaRead(task, mm, vma, held);
  k.vma_end_read(vma);
}
