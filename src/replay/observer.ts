/**
 * A collector that also tells what it depends on whether a recording can be held against a model: write sections, marks,
 * trylocks, who made the anon_vmas, and faults that nothing the model knows explains.
 */
import type { Mm } from '../kernel/mm.js';
import type { Stage } from '../kernel/stage.js';
import type { Task } from '../kernel/task.js';
import { type AnonVma, VM_GROWSDOWN, type Vma } from '../kernel/vma.js';
import type { Ns } from '../units.js';
import { OP } from '../vocab.js';
import { reachOf } from './anon-vmas.js';
import { Collector } from './collect.js';
import type { FaultRow } from './result.js';
import type { Section, Sections } from './sections.js';

/** Where a fault finds no VMA. */
export const NO_VMA = 'lock_vma_under_rcu.no_vma';

/** Whom it tells about faults, by event. */
export interface Watcher {
  over(row: FaultRow): void;
  /** fault `i` tries mmap_lock under the lock of its VMA */
  tries(i: number): void;
  /** fault `i` met a page that needed none */
  spurious(i: number): void;
  /** fault `i` was on a page below a stack, which grew */
  grew(i: number): void;
  /** fault `i` gave its VMA this anon_vma, new or a neighbour's */
  prepared(i: number, anonVma: AnonVma): void;
  /** so did an operation, at some time of the section it is in, which was recorded */
  populated(by: Task, anonVma: AnonVma): void;
  /** fault `i`, while what it did is not settled */
  open(i: number): Section['grows'];
  /** fault `i` was in this VMA */
  met(i: number, vma: Vma): void;
}

export class Observer extends Collector {
  constructor(
    stage: Stage,
    private readonly sections: Sections,
    private readonly watcher: Watcher,
  ) {
    super(stage, row => watcher.over(row));
  }

  override fault(task: Task): void {
    super.fault(task);
    if (task.spurious) this.watcher.spurious(task.i);
    if (task.site === NO_VMA && task.vma !== null && task.vma.vm_flags & VM_GROWSDOWN) this.watcher.grew(task.i);
    if (task.vma !== null) this.watcher.met(task.i, task.vma);
  }

  override trylock(task: Task): void {
    this.watcher.tries(task.i);
  }

  override prepared(task: Task, { anon_vma }: Vma): void {
    if (anon_vma === null) return;
    if (task.op === OP.fault) this.watcher.prepared(task.i, anon_vma);
    else if (task.sectionEnd >= 0) this.watcher.populated(task, anon_vma);
  }

  override mmapLocked(task: Task, mm: Mm, write: boolean, waited: Ns, contended: boolean): void {
    super.mmapLocked(task, mm, write, waited, contended);
    if (write) this.sections.entered(task, task.op === OP.fault ? this.watcher.open(task.i) : null);
  }

  override mmapHeld(task: Task, mm: Mm, write: boolean, held: Ns): void {
    super.mmapHeld(task, mm, write, held);
    if (write) this.sections.left(mm, this.kernel.engine.now);
  }

  override vmaMarked(task: Task, mm: Mm, vma: Vma, waited: Ns, contended: boolean): void {
    super.vmaMarked(task, mm, vma, waited, contended);
    this.sections.marked(mm, vma, reachOf(mm.mm_mt, vma, task.page, task.page + task.len));
  }
}
