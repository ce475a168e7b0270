/**
 * mm_struct: one address space with its lock, its VMAs and its page table.
 *
 * Models: include/linux/mm_types.h, struct mm_struct; kernel/fork.c, mm_init; include/linux/mm.h, vma_is_initial_heap,
 * vma_is_initial_stack (v6.18).
 */
import type { Ns, Page } from '../units.js';
import { MmapLock, type Waiters } from './mmap-lock.js';
import { PageTable } from './page-table.js';
import { Userfaults } from './userfaults.js';
import type { Vma } from './vma.js';
import type { LockedMm } from './vma-lock/index.js';
import { VmaMerge } from './vma-merge.js';
import { VmaTree } from './vma-tree.js';

export class Mm implements LockedMm {
  readonly mmap_lock: MmapLock;
  readonly mm_mt = new VmaTree();
  readonly page_table = new PageTable();
  /** the plan of the merge in hand: there is at most one, since who makes it holds mmap_lock for writing */
  readonly vmg: VmaMerge;
  mm_lock_seq = 0;
  /** the heap: `[start_brk, brk)`; -1 until the trace says where it is */
  start_brk: Page = -1;
  brk: Page = -1;
  /** a page of the first thread's stack: the last one of the highest VMA that grew down when the trace began; -1 if none */
  start_stack: Page = -1;
  /** VM_LOCKED_MASK bits of what is mapped from now on: mlockall(MCL_FUTURE) */
  def_flags = 0;
  /** has any VMA ever been stored here? */
  everMapped = false;
  /** made by a fork or an exec this trace shows, so that every thread of it is known */
  known = false;
  /** mm_users: threads that use it, as far as the trace has shown (see Kernel.uses) */
  users = 0;
  readonly userfaults = new Userfaults();
  /** pages that a `migrate` of the trace moves, and when that is over */
  readonly migrating = new Map<Page, Ns>();

  constructor(
    /** dense index, as in TraceInfo.mms */
    readonly id: number,
    waiters: Waiters,
    wakeLatency: number,
    mergeUnfaulted: boolean,
  ) {
    this.vmg = new VmaMerge(mergeUnfaulted);
    this.mmap_lock = new MmapLock(waiters, wakeLatency);
  }
}

export function vma_is_initial_heap(mm: Mm, vma: Vma): boolean {
  return vma.vm_start < mm.brk && vma.vm_end > mm.start_brk;
}

export function vma_is_initial_stack(mm: Mm, vma: Vma): boolean {
  return vma.vm_start <= mm.start_stack && vma.vm_end > mm.start_stack;
}
