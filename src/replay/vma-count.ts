/** How many VMAs all address spaces have: an operation may have changed its own, and one that it makes. */
import type { Kernel } from '../kernel/kernel.js';
import type { Task } from '../kernel/task.js';

export class VmaCount {
  total = 0;
  /** by dense index of the mm, when it was counted last */
  private readonly counts: number[] = [];

  /** The operation `task` has in hand is over. */
  after({ mm, b }: Task, kernel: Kernel): void {
    this.count(mm.id, kernel);
    if (b >= 0) this.count(b, kernel);
  }

  private count(id: number, kernel: Kernel): void {
    const { count } = kernel.mm(id).mm_mt;
    this.total += count - (this.counts[id] ?? 0);
    this.counts[id] = count;
  }
}
