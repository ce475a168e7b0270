/** Threads whose next event must not overtake another, by the event that has to start or go on before. */
import type { Runner } from './runner.js';

/** Index of the event that a thread is to start next. */
type Next = (runner: Runner) => number;

export class Overtaken {
  private readonly behind = new Map<number, Runner[]>();

  constructor(private readonly next: Next) {}

  get isEmpty(): boolean {
    return this.behind.size === 0;
  }

  /** `runner` waits for event `i`: among those who do in the order of the trace, whoever came to it first. */
  add(runner: Runner, i: number): void {
    runner.behind = i;
    const others = this.behind.get(i);
    if (others === undefined) {
      this.behind.set(i, [runner]);
      return;
    }
    let place = others.length;
    while (place > 0 && this.next(others[place - 1]) > this.next(runner)) place--;
    others.splice(place, 0, runner);
  }

  /** Who waited for event `i`, and does no longer. */
  take(i: number): readonly Runner[] {
    const runners = this.behind.get(i) ?? [];
    this.behind.delete(i);
    return runners;
  }
}
