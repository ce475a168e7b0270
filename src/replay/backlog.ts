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
/** Chains of waiting faults, a power of two, and the pages each stands for: 2^9. */
const CHAINS = 1_024;
const CHAIN_SHIFT = 9;

export class Backlog {
  readonly rows = new Columns(LOOKAHEAD);
  /** index of the event in the trace, by slot */
  readonly index = new Float64Array(LOOKAHEAD);
  private readonly next = new Int32Array(LOOKAHEAD);
  private free = NONE;
  private used = 0;
  private held = 0;
  /** slots of the operations among them, in the order of the trace */
  private readonly operations: number[] = [];
  /** the faults among them by the low bits of their 2 MiB: first slot of each chain, and the links */
  private readonly chains = new Int32Array(CHAINS).fill(NONE);
  private readonly above = new Int32Array(LOOKAHEAD);
  /** how many of the operations touch each chain's pages: most faults need not look at them */
  private readonly operationsIn = new Int32Array(CHAINS);
  private readonly below = new Int32Array(LOOKAHEAD);

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
    if (rows.op[slot] === OP.fault) this.addFault(slot);
    else this.addOperation(from, row, slot);
    this.index[slot] = i;
    this.next[slot] = NONE;
    if (last !== NONE) this.next[last] = slot;
    this.held++;
    return slot;
  }

  private addFault(slot: number): void {
    const { rows, chains, above, below } = this;
    rows.len[slot] = 1;
    const chain = (rows.page[slot] >>> CHAIN_SHIFT) & (CHAINS - 1);
    const first = chains[chain];
    above[slot] = NONE;
    below[slot] = first;
    if (first !== NONE) above[first] = slot;
    chains[chain] = slot;
  }

  private removeFault(slot: number): void {
    const { rows, chains, above, below } = this;
    if (above[slot] === NONE) chains[(rows.page[slot] >>> CHAIN_SHIFT) & (CHAINS - 1)] = below[slot];
    else below[above[slot]] = below[slot];
    if (below[slot] !== NONE) above[below[slot]] = above[slot];
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
    this.countOperation(slot, 1);
  }

  private countOperation(slot: number, by: 1 | -1): void {
    const first = this.rows.page[slot] >>> CHAIN_SHIFT;
    const spans = chainsOf(this.rows.len[slot]);
    for (let span = 0; span < spans; span++) this.operationsIn[(first + span) & (CHAINS - 1)] += by;
  }

  /**
   * The event recorded before event `i` (row `row` of `of`) that has not started and that it must not overtake: one of the
   * two is an operation, and both are about the same pages. Its index in the trace, or -1.
   */
  inTheWay(of: Columns, row: number, i: number): number {
    if (this.held === 0) return NONE;
    const page = of.page[row];
    const mm = of.mm[row];
    const isFault = of.op[row] === OP.fault;
    const end = isFault ? page + 1 : page + of.len[row];
    if (isFault && this.operationsIn[(page >>> CHAIN_SHIFT) & (CHAINS - 1)] === 0) return NONE;
    for (const slot of this.operations) {
      if (this.index[slot] >= i) break;
      if (this.concerns(slot, i, mm, page, end)) return this.index[slot];
    }
    if (isFault) return NONE;
    // An operation may not overtake a fault either: look where its pages would be.
    const first = page >>> CHAIN_SHIFT;
    const spans = chainsOf(end - page);
    for (let span = 0; span < spans; span++) {
      for (let slot = this.chains[(first + span) & (CHAINS - 1)]; slot !== NONE; slot = this.below[slot]) {
        if (this.concerns(slot, i, mm, page, end)) return this.index[slot];
      }
    }
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
    if (this.rows.op[slot] === OP.fault) this.removeFault(slot);
    else {
      this.operations.splice(this.operations.indexOf(slot), 1);
      this.countOperation(slot, -1);
    }
    this.next[slot] = this.free;
    this.free = slot;
    this.held--;
    return next;
  }
}

/** How many chains a range of `pages` may touch, wherever it begins. */
function chainsOf(pages: number): number {
  return Math.min(CHAINS, Math.floor(pages / (1 << CHAIN_SHIFT)) + 2);
}
