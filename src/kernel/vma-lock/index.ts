/** The VMA locks there are. */
import type { VmaLockName } from '../stage.js';
import type { VmaLock } from './lock.js';
import { RefcountLock } from './refcount.js';
import { RwsemSeqLock } from './rwsem-seq.js';
import { SequenceLock } from './sequence.js';

export { type LockedMm, READ_DETACHED, READ_FAILED, READ_TAKEN, type VmaLock } from './lock.js';

/** The lock a stage names; null where there is none. */
export function vmaLockNamed(name: VmaLockName): VmaLock | null {
  switch (name) {
    case 'none':
      return null;
    case 'rwsem-seq':
      return new RwsemSeqLock();
    case 'refcount':
      return new RefcountLock();
    default:
      return new SequenceLock();
  }
}
