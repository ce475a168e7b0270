/**
 * Operations asleep, for a lock or in what they do, which events on the same pages must not overtake. Each event looks at
 * all of them, and there may be tens of thousands: what it compares lies side by side.
 */
import type { Ns, Page } from '../units.js';
import { OP } from '../vocab.js';
import { NONE, type Runner } from './runner.js';

/** Operations after which there is memory where there was none. */
const MAPS: ReadonlySet<number> = new Set([OP.mmap, OP.mremap, OP.brk]);

/** What is kept of each: its mm, the pages from and to, and when it was over in the recording. */
const WIDTH = 4;
/** In the place of when it was over, which was not recorded: as long as it waits for a lock. */
const WHILE_BLOCKED = Number.NEGATIVE_INFINITY;
const NEVER = Number.POSITIVE_INFINITY;

export class Operating {
  private readonly who: Runner[] = [];
  private kept = new Float64Array(16 * WIDTH);

  get size(): number {
    return this.who.length;
  }

  add(runner: Runner): void {
    runner.asleepAt = this.who.push(runner) - 1;
    const at = runner.asleepAt * WIDTH;
    if (at === this.kept.length) {
      const more = new Float64Array(2 * at);
      more.set(this.kept);
      this.kept = more;
    }
    const { kept } = this;
    kept[at] = runner.mm.id;
    kept[at + 1] = runner.page;
    kept[at + 2] = runner.page + runner.len;
    if (runner.dur >= 0) kept[at + 3] = runner.t + runner.dur;
    else kept[at + 3] = MAPS.has(runner.op) ? WHILE_BLOCKED : NEVER;
  }

  /** It is over: the last one takes its place. */
  remove(runner: Runner): void {
    const { who, kept } = this;
    const to = runner.asleepAt;
    const last = who.pop()!;
    if (last === runner) return;
    who[to] = last;
    last.asleepAt = to;
    kept.copyWithin(to * WIDTH, who.length * WIDTH, (who.length + 1) * WIDTH);
  }

  /**
   * The event of one that is asleep on pages of `[start, end)` though it was over at `t` in the recording, or -1. Of those
   * whose length was not recorded only the ones that make a mapping count, while they sleep for the lock: a fault there
   * came after them.
   */
  inTheWay(mm: number, start: Page, end: Page, t: Ns): number {
    const { who, kept } = this;
    for (let i = 0, at = 0; i < who.length; i++, at += WIDTH) {
      if (kept[at + 3] > t || kept[at] !== mm || kept[at + 1] >= end || kept[at + 2] <= start) continue;
      if (kept[at + 3] !== WHILE_BLOCKED || who[i].blockedOn !== null) return who[i].i;
    }
    return NONE;
  }
}
