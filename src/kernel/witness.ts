/** Who follows a fault from inside: told what no ledger needs, by the functions the fault is in. */
import type { Task } from './task.js';

export interface Witness {
  /** `task` is in this function of handle_mm_fault(). */
  enters(task: Task, fn: string): void;
  /** Under mmap_lock handle_mm_fault() decided at `site` that `task` gets a signal. */
  signals(task: Task, site: string): void;
  /** The page that `task` waits for in handle_userfault() is resolved; by whom, null for nobody the trace shows. */
  answered(task: Task, by: Task | null): void;
}
