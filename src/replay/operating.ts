/**
 * Operations asleep, for a lock or in what they do, which events on the same pages must not overtake. There may be tens of
 * thousands, and each event asks: they are kept by where their pages are.
 */
import { type Ns, PAGE_END, type Page } from '../units.js';
import { OP } from '../vocab.js';
import { NONE, type Runner } from './runner.js';

/** Operations after which there is memory where there was none. */
const MAPS: ReadonlySet<number> = new Set([OP.mmap, OP.mremap, OP.brk]);

/** In the place of when it was over, which was not recorded: as long as it waits for a lock. */
const WHILE_BLOCKED = Number.NEGATIVE_INFINITY;

/** Pages of a cell, by how long the longest range is that it takes: two at most have a part of it. */
const SCALES: readonly number[] = [2 ** 9, 2 ** 18, 2 ** 27, 2 ** 36, PAGE_END];

/** One of them: its pages from and to, and when it was over in the recording. */
export interface Asleep {
  readonly runner: Runner;
  readonly start: Page;
  readonly end: Page;
  readonly over: Ns;
}

/** Those of one scale with pages in the same place, in the order in which they fell asleep. */
class Cell {
  readonly asleep = new Set<Asleep>();
  /** none of them was over before */
  private soonest: Ns = Number.POSITIVE_INFINITY;

  add(one: Asleep): void {
    this.asleep.add(one);
    this.soonest = Math.min(this.soonest, one.over);
  }

  /** The index of the first that is in the way. */
  inTheWay(start: Page, end: Page, t: Ns): number {
    if (this.soonest > t) return NONE;
    let soonest = Number.POSITIVE_INFINITY;
    for (const one of this.asleep) {
      if (one.over < soonest) soonest = one.over;
      if (one.over > t || one.start >= end || one.end <= start) continue;
      if (one.over !== WHILE_BLOCKED || one.runner.blockedOn !== null) return one.runner.i;
    }
    this.soonest = soonest;
    return NONE;
  }
}

/** Cells of one scale, by number. */
type Cells = Map<number, Cell>;

export class Operating {
  private readonly byMm: Cells[][] = [];
  private count = 0;

  /** How many may be in anybody's way. */
  get size(): number {
    return this.count;
  }

  /** Of those whose length was not recorded only the ones that make a mapping are. */
  add(runner: Runner): void {
    if (runner.dur < 0 && !MAPS.has(runner.op)) return;
    const { page: start, len, mm } = runner;
    const over = runner.dur < 0 ? WHILE_BLOCKED : runner.t + runner.dur;
    const one = { runner, start, end: start + len, over };
    runner.asleep = one;
    this.count++;
    this.byMm[mm.id] ??= SCALES.map(() => new Map());
    const cells = this.byMm[mm.id];
    const scale = scaleOf(one);
    const [first, last] = placesOf(start, one.end, SCALES[scale]);
    for (let at = first; at <= last; at++) {
      const cell = cells[scale].get(at) ?? new Cell();
      cell.add(one);
      cells[scale].set(at, cell);
    }
  }

  /** It is over. */
  remove(runner: Runner): void {
    const one = runner.asleep;
    if (one === null) return;
    runner.asleep = null;
    this.count--;
    const scale = scaleOf(one);
    const cells = this.byMm[runner.mm.id][scale];
    const [first, last] = placesOf(one.start, one.end, SCALES[scale]);
    for (let at = first; at <= last; at++) {
      const cell = cells.get(at)!;
      cell.asleep.delete(one);
      if (cell.asleep.size === 0) cells.delete(at);
    }
  }

  /**
   * The event of one that is asleep on pages of `[start, end)` though it was over at `t` in the recording, or -1. One whose
   * length was not recorded counts while it sleeps for the lock: a fault there came after it.
   */
  inTheWay(mm: number, start: Page, end: Page, t: Ns): number {
    const scales = this.byMm[mm];
    if (scales === undefined) return NONE;
    let earliest = NONE;
    const ask = (cell: Cell | undefined): void => {
      const i = cell?.inTheWay(start, end, t) ?? NONE;
      if (i >= 0 && (earliest < 0 || i < earliest)) earliest = i;
    };
    for (let scale = 0; scale < SCALES.length; scale++) {
      const cells = scales[scale];
      if (cells.size === 0) continue;
      const [first, last] = placesOf(start, end, SCALES[scale]);
      if (last - first < cells.size) for (let at = first; at <= last; at++) ask(cells.get(at));
      else for (const [at, cell] of cells) if (at >= first && at <= last) ask(cell);
    }
    return earliest;
  }
}

function scaleOf({ start, end }: Pick<Asleep, 'start' | 'end'>): number {
  return SCALES.findIndex(pages => end - start <= pages);
}

/** The first and the last cell that `[start, end)` has a part of; of an empty one the cell where it is. */
function placesOf(start: Page, end: Page, pages: number): [first: number, last: number] {
  return [Math.floor(start / pages), Math.floor(Math.max(start, end - 1) / pages)];
}
