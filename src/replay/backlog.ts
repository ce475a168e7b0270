/**
 * Events read but not yet started: a thread that lags behind its recording keeps its next events here, each thread a list
 * in order. Bounded, so that memory does not grow with the trace: when it is full the clock must run on first.
 */
import { Columns } from '../trace/columns.js';
import type { Page } from '../units.js';
import { OP } from '../vocab.js';

/** Events of all threads together that may wait to be started. Beyond it, threads that are ahead are held back. */
export const LOOKAHEAD = 4_096;

const NONE = -1;

export class Backlog {
  readonly rows = new Columns(LOOKAHEAD);
  /** index of the event in the trace, by slot */
  readonly index = new Float64Array(LOOKAHEAD);
  private readonly next = new Int32Array(LOOKAHEAD);
  private free = NONE;
  private used = 0;
  private held = 0;
  /** slots of the operations among them, in no order */
  private readonly operations: number[] = [];

  get full(): boolean {
    return this.held === LOOKAHEAD;
  }

  get size(): number {
    return this.held;
  }

  /** Copies `row` of `from`, event `i`, behind slot `last` (or NONE); returns its slot. */
  add(from: Columns, row: number, i: number, last: number): number {
    let slot = this.free;
    if (slot !== NONE) this.free = this.next[slot];
    else slot = this.used++;
    const { rows } = this;
    rows.t[slot] = from.t[row];
    rows.op[slot] = from.op[row];
    rows.mm[slot] = from.mm[row];
    rows.page[slot] = from.page[row];
    rows.off[slot] = from.off[row];
    rows.code[slot] = from.code[row];
    rows.facts[slot] = from.facts[row];
    rows.wait[slot] = from.wait[row];
    if (rows.op[slot] === OP.fault) rows.len[slot] = 1;
    else this.addOperation(from, row, slot);
    this.index[slot] = i;
    this.next[slot] = NONE;
    if (last !== NONE) this.next[last] = slot;
    this.held++;
    return slot;
  }

  private addOperation(from: Columns, row: number, slot: number): void {
    const { rows } = this;
    rows.dur[slot] = from.dur[row];
    rows.len[slot] = from.len[row];
    rows.page2[slot] = from.page2[row];
    rows.len2[slot] = from.len2[row];
    rows.a[slot] = from.a[row];
    rows.b[slot] = from.b[row];
    rows.file[slot] = from.file[row];
    rows.name[slot] = from.name[row];
    rows.locks[slot] = from.locks[row];
    this.operations.push(slot);
  }

  /**
   * The event recorded before event `i` (row `row` of `of`) that has not started and that it must not overtake: one of the
   * two is an operation, and both are about the same pages. Its index in the trace, or -1.
   */
  inTheWay(of: Columns, row: number, i: number): number {
    if (this.held === 0) return NONE;
    const page = of.page[row];
    const mm = of.mm[row];
    if (of.op[row] === OP.fault) {
      for (const slot of this.operations) if (this.concerns(slot, i, mm, page, page + 1)) return this.index[slot];
      return NONE;
    }
    const end = page + of.len[row];
    for (let slot = 0; slot < this.used; slot++) if (this.concerns(slot, i, mm, page, end)) return this.index[slot];
    return NONE;
  }

  private concerns(slot: number, i: number, mm: number, start: Page, end: Page): boolean {
    const { rows, index } = this;
    const page = rows.page[slot];
    return index[slot] < i && rows.mm[slot] === mm && page < end && page + rows.len[slot] > start;
  }

  /** Frees `slot`; returns the slot behind it, or NONE. */
  remove(slot: number): number {
    const next = this.next[slot];
    if (this.rows.op[slot] !== OP.fault) this.operations.splice(this.operations.indexOf(slot), 1);
    this.index[slot] = Number.POSITIVE_INFINITY;
    this.next[slot] = this.free;
    this.free = slot;
    this.held--;
    return next;
  }
}
