/** Faults asleep in handle_userfault(), by page: fault_wqh of fs/userfaultfd.c, which may hold tens of thousands. */
import type { Page } from '../units.js';
import type { Task } from './task.js';

interface Asleep {
  readonly task: Task;
  /** how many came before it */
  readonly after: number;
}

export class Userfaults {
  private readonly at = new Map<Page, Asleep[]>();
  private came = 0;
  private asleep = 0;

  get size(): number {
    return this.asleep;
  }

  add(task: Task): void {
    const one: Asleep = { task, after: this.came++ };
    const there = this.at.get(task.page);
    if (there === undefined) this.at.set(task.page, [one]);
    else there.push(one);
    this.asleep++;
  }

  /** Takes `task` out; false when it does not sleep. */
  remove(task: Task): boolean {
    const there = this.at.get(task.page);
    const index = there?.findIndex(one => one.task === task) ?? -1;
    if (there === undefined || index < 0) return false;
    if (there.length === 1) this.at.delete(task.page);
    else there.splice(index, 1);
    this.asleep--;
    return true;
  }

  /** Does anybody sleep on `[start, end)`? */
  any(start: Page, end: Page): boolean {
    return this.pages(start, end).length > 0;
  }

  /** Takes out who sleeps on `[start, end)`, in order of arrival. */
  take(start: Page, end: Page): Task[] {
    const woken: Asleep[] = [];
    for (const page of this.pages(start, end)) {
      for (const one of this.at.get(page)!) woken.push(one);
      this.at.delete(page);
    }
    this.asleep -= woken.length;
    return woken.sort((a, b) => a.after - b.after).map(({ task }) => task);
  }

  /** Pages of `[start, end)` with somebody on them: by the page or by who sleeps, whichever are fewer. */
  private pages(start: Page, end: Page): Page[] {
    const found: Page[] = [];
    if (end - start < this.at.size) {
      for (let page = start; page < end; page++) if (this.at.has(page)) found.push(page);
    } else for (const page of this.at.keys()) if (page >= start && page < end) found.push(page);
    return found;
  }
}
