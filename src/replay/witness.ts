/** Who watches a run while it happens: what a recording cannot tell depends on who had which lock when. */
import type { Mm } from '../kernel/mm.js';
import type { Task } from '../kernel/task.js';
import type { Vma } from '../kernel/vma.js';
import type { Ns } from '../units.js';

export interface Witness {
  /** `task` has its mm's mmap_lock for writing now. */
  entered(task: Task): void;
  /** The writer of `mm` released or downgraded it. */
  left(mm: Mm, now: Ns): void;
  /** The writer of `mm` marked `vma`. */
  marked(mm: Mm, vma: Vma): void;
  /** The fault of `task`, under the lock of its VMA, tries mmap_lock. */
  trylock(task: Task): void;
}
