/** How large all address spaces are, and may be: an operation may have changed its own, and one that it makes. */
import type { Where } from '../errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Task } from '../kernel/task.js';
import { LIMITS, type Limited, tooMany } from '../trace/limits.js';

/** Limits on what there is at once. */
export type SizeLimits = Limited<'maxVmas' | 'maxPages'>;

export class Sizes {
  private vmas = 0;
  /** pages that were touched, by the 64 that are kept together, with room for as many more */
  private pages = 0;
  // By dense index of the mm, when it was looked at last.
  private readonly vmasOf: number[] = [];
  private readonly pagesOf: number[] = [];
  private readonly maxVmas: number;
  private readonly maxPages: number;

  constructor({ maxVmas, maxPages }: SizeLimits) {
    this.maxVmas = maxVmas ?? LIMITS.maxVmas.standard;
    this.maxPages = maxPages ?? LIMITS.maxPages.standard;
  }

  /**
   * The operation `task` has in hand is over.
   * @throws Complaint (limit)
   */
  after({ mm, b }: Task, kernel: Kernel, where: () => Where): void {
    this.look(mm.id, kernel);
    if (b >= 0) this.look(b, kernel);
    if (this.vmas > this.maxVmas) throw tooMany('maxVmas', this.maxVmas, where());
    if (this.pages > this.maxPages) throw tooMany('maxPages', this.maxPages, where());
  }

  private look(id: number, kernel: Kernel): void {
    const mm = kernel.mms[id];
    const vmas = mm?.mm_mt.count ?? 0;
    const bytes = mm?.page_table.bytes ?? 0;
    this.vmas += vmas - (this.vmasOf[id] ?? 0);
    this.vmasOf[id] = vmas;
    this.pages += bytes - (this.pagesOf[id] ?? 0);
    this.pagesOf[id] = bytes;
  }
}
