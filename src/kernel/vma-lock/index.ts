/** The VMA locks there are. */
import type { VmaLock } from './lock.js';
import { RefcountLock } from './refcount.js';
import { RwsemSeqLock } from './rwsem-seq.js';

export { type LockedMm, READ_DETACHED, READ_FAILED, READ_TAKEN, type VmaLock } from './lock.js';

/** The lock a stage names; null where there is none. */
export function vmaLockNamed(name: 'none' | 'rwsem-seq' | 'refcount'): VmaLock | null {
  if (name === 'rwsem-seq') return new RwsemSeqLock();
  if (name === 'refcount') return new RefcountLock();
  return null;
}
