/**
 * A collector that also tells what it depends on whether a recording can be held against a model: write sections, marks,
 * trylocks, and faults that nothing the model knows explains.
 */
import type { Mm } from '../kernel/mm.js';
import type { Stage } from '../kernel/stage.js';
import type { Task } from '../kernel/task.js';
import type { Vma } from '../kernel/vma.js';
import type { Ns } from '../units.js';
import { Collector } from './collect.js';
import type { FaultRow } from './result.js';
import type { Sections } from './sections.js';

export class Observer extends Collector {
  /**
   * @param onTrylock called when the fault that is event `i` tries mmap_lock under the lock of its VMA
   * @param onSpurious called when the fault that is event `i` met a page that needed none
   */
  constructor(
    stage: Stage,
    onFault: (row: FaultRow) => void,
    private readonly sections: Sections,
    private readonly onTrylock: (i: number) => void,
    private readonly onSpurious: (i: number) => void,
  ) {
    super(stage, onFault);
  }

  override fault(task: Task): void {
    super.fault(task);
    if (task.spurious) this.onSpurious(task.i);
  }

  override trylock(task: Task): void {
    this.onTrylock(task.i);
  }

  override mmapLocked(task: Task, mm: Mm, write: boolean, waited: Ns, contended: boolean): void {
    super.mmapLocked(task, mm, write, waited, contended);
    if (write) this.sections.entered(task);
  }

  override mmapHeld(task: Task, mm: Mm, write: boolean, held: Ns): void {
    super.mmapHeld(task, mm, write, held);
    if (write) this.sections.left(mm, this.kernel.engine.now);
  }

  override vmaMarked(task: Task, mm: Mm, vma: Vma, waited: Ns, contended: boolean): void {
    super.vmaMarked(task, mm, vma, waited, contended);
    this.sections.marked(mm, vma);
  }
}
