/**
 * Events read but not yet started: a thread that lags behind its recording keeps its next events here, each thread a list
 * in order. Bounded, so that memory does not grow with the trace: when it is full the clock must run on first.
 */
import { Columns } from '../trace/columns.js';

/** Events of all threads together that may wait to be started. Beyond it, threads that are ahead are held back. */
export const LOOKAHEAD = 16_384;

const NONE = -1;

export class Backlog {
  readonly rows = new Columns(LOOKAHEAD);
  /** index of the event in the trace, by slot */
  readonly index = new Float64Array(LOOKAHEAD);
  private readonly next = new Int32Array(LOOKAHEAD);
  private free = NONE;
  private used = 0;
  private held = 0;

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
    rows.dur[slot] = from.dur[row];
    rows.op[slot] = from.op[row];
    rows.thread[slot] = from.thread[row];
    rows.mm[slot] = from.mm[row];
    rows.page[slot] = from.page[row];
    rows.off[slot] = from.off[row];
    rows.len[slot] = from.len[row];
    rows.page2[slot] = from.page2[row];
    rows.len2[slot] = from.len2[row];
    rows.code[slot] = from.code[row];
    rows.a[slot] = from.a[row];
    rows.b[slot] = from.b[row];
    rows.facts[slot] = from.facts[row];
    rows.wait[slot] = from.wait[row];
    rows.file[slot] = from.file[row];
    rows.name[slot] = from.name[row];
    rows.locks[slot] = from.locks[row];
    this.index[slot] = i;
    this.next[slot] = NONE;
    if (last !== NONE) this.next[last] = slot;
    this.held++;
    return slot;
  }

  /** Frees `slot`; returns the slot behind it, or NONE. */
  remove(slot: number): number {
    const next = this.next[slot];
    this.next[slot] = this.free;
    this.free = slot;
    this.held--;
    return next;
  }
}
