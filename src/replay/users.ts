/**
 * Who counts in mm_users: the threads that the trace shows at work in an mm.
 *
 * Models: include/linux/mm_types.h, mm_users (v6.18); kernel/fork.c, copy_mm; mm/khugepaged.c, __khugepaged_enter, which
 * takes mm_count alone (v6.18).
 * Leaves out: fs/proc/task_mmu.c, m_start: who reads a file of /proc is a user for as long as that takes (mmget_not_zero).
 */
import type { Columns } from '../trace/columns.js';
import { OP } from '../vocab.js';

/** What is done to pages that are found through rmap, or by khugepaged, may be done by anybody. */
const ANYBODYS: ReadonlySet<number> = new Set([OP.collapse, OP.reclaim, OP.migrate]);

/** Is the thread of event `row` one of its mm's? A process that reads about another is not. */
export function usesItsMm({ op, a }: Columns, row: number): boolean {
  return !ANYBODYS.has(op[row]) && (op[row] !== OP.read_maps || a[row] < 0);
}
