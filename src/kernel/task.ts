/**
 * task_struct, as far as we need one: the event a thread has in hand and, when it is a fault, where its walk stands.
 *
 * One object per thread for its whole life; every event overwrites it, so the hot path allocates nothing. Field meanings
 * and units of the event are those of the trace's columns.
 */
import type { Columns } from '../trace/columns.js';
import { FRACTION, type Ns, type Page } from '../units.js';
import type { Mm } from './mm.js';
import type { Vma } from './vma.js';

/** The kernel's counters, and what it does not count. */
export const COUNTER_NONE = 0;
export const COUNTER_SUCCESS = 1;
export const COUNTER_ABORT = 2;
export const COUNTER_RETRY = 3;
export const COUNTER_MISS = 4;

/** Where a fault was finished. */
export const VERDICT_VMA_LOCK = 1;
export const VERDICT_MMAP_LOCK = 2;
export const VERDICT_SIGNAL = 3;

/** What only another thread can end. */
export type Sleep =
  | `mmap_lock (${'read' | 'write'}${'' | ', killable'})`
  | `the readers of a VMA${'' | ' (killable)'}`
  | 'a userfaultfd monitor';

const NOBODY = -1;

/** What others may ask of a thread, be it at work or not. */
export type Seen = Pick<
  Task,
  | ('id' | 'i' | 'op' | 'code' | 'page' | 'off' | 'len' | 'name' | 'mm' | 'start' | 'since' | 'until' | 'uses')
  | ('byThread' | 'byIndex' | 'byOp' | 'markNext' | 'blockedOn')
>;

export class Task {
  // The event in hand.
  /** index in the trace; -1 between events */
  i = -1;
  t: Ns = FRACTION;
  dur: Ns = FRACTION;
  op = 0;
  page: Page = FRACTION;
  off = 0;
  len: number = FRACTION;
  page2: Page = FRACTION;
  len2: number = FRACTION;
  code = 0;
  a = -1;
  b = -1;
  facts = 0;
  wait: Ns = FRACTION;
  file = -1;
  name = -1;
  locks: Float64Array | null = null;
  /** next recorded mmap_lock section to use */
  lockAt = 0;
  mm!: Mm;

  /** the recorded section in hand; end is -1 when it was not recorded */
  sectionAsk: Ns = FRACTION;
  sectionGot: Ns = FRACTION;
  sectionEnd: Ns = FRACTION;
  /** when the last recorded section in hand was over, or the call began */
  sectionBefore: Ns = FRACTION;
  /** ns that the call is about something else before it asks for mmap_lock */
  asksIn: Ns = FRACTION;
  /** since when it waits for the readers of a VMA */
  markSince: Ns = FRACTION;
  /** who waits for them behind it; -1 for nobody */
  markNext = -1;
  /** ns of `dur` already spent in sections */
  spent: Ns = FRACTION;

  // What became of it.
  /** did it leave traces in the fields below, from `waited` to `tried`? */
  marked = false;
  /** when it started, ns on the engine's clock */
  start: Ns = FRACTION;
  /** ns asleep: for locks, folios, I/O, a monitor */
  waited: Ns = FRACTION;
  /** ns asleep for locks alone */
  waitedForLocks: Ns = FRACTION;
  /** ns it held a lock */
  held: Ns = FRACTION;

  // The fault's walk.
  step = 0;
  /** X86_PF_PROT of an instruction fetch: the page was there when it began */
  protection = false;
  vma: Vma | null = null;
  verdict = 0;
  counter = COUNTER_NONE;
  /** kernel function that decided where the fault goes; null while nothing departed from the fast path */
  site: string | null = null;
  /** took the mmap_lock path */
  fallback = false;
  /** attempts: 1, plus one for each pass under mmap_lock */
  tries = 0;
  /** the wait the trace speaks of is over: the next pass finds the page */
  settled = false;
  /** no monitor is asked any more: it is gone, or all that the fault waited is over */
  answered = false;
  /** FAULT_FLAG_TRIED: an attempt under mmap_lock returned RETRY, or one under the VMA lock that was MAJOR */
  tried = false;
  /** a speculation's sequence count, the entry it found, and the one it will map */
  snapshot = 0;
  found = 0;
  mapped = 0;
  /** the readahead that a marked folio asks for was started */
  readAhead = false;
  /** the page was there, with all that the access needs: nothing known explains the fault */
  spurious = false;
  /** the race the trace speaks of is over */
  raced = false;
  /** ns of handling, holding the lock */
  cost: Ns = FRACTION;
  /** ns to sleep, with or without the lock as the result says */
  sleep: Ns = FRACTION;
  /** since when the lock is held, or the wait lasts */
  since: Ns = FRACTION;
  /** when the work in hand is over and the lock is released */
  until: Ns = FRACTION;
  /** the VMA or mm it holds locked for reading until then, while nobody asked for it; null otherwise */
  holds: Vma | Mm | null = null;
  /** is it in Kernel.holding? */
  listed = false;

  // Who made it wait or fall back, as of that moment.
  byThread = NOBODY;
  byIndex = -1;
  byOp = 0;

  /** the mm it is a user of, as far as the trace has shown */
  uses: Mm | null = null;

  /** What it sleeps for, when only another thread can end that: for the deadlock report. */
  blockedOn: Sleep | null = null;

  constructor(
    /** dense index, as in TraceInfo.tids */
    public id: number,
  ) {
    this.t = 0;
    this.dur = -1;
    this.page = 0;
    this.page2 = 0;
    this.wait = -1;
    this.sectionAsk = -1;
    this.sectionGot = -1;
    this.sectionEnd = -1;
    this.sectionBefore = 0;
    this.asksIn = 0;
    this.markSince = 0;
    this.spent = 0;
    this.start = 0;
    this.waited = 0;
    this.waitedForLocks = 0;
    this.held = 0;
    this.cost = 0;
    this.sleep = 0;
    this.since = 0;
    this.until = 0;
    this.len = 0;
    this.len2 = 0;
  }

  /** Takes the fault in row `row` of `columns` in hand as event `i`: only what a fault has. */
  takeFault(columns: Columns, row: number, i: number, mm: Mm): void {
    this.i = i;
    this.t = columns.t[row];
    this.op = 0;
    this.page = columns.page[row];
    this.off = columns.off[row];
    this.len = 1;
    this.code = columns.code[row];
    this.facts = columns.facts[row];
    this.wait = columns.wait[row];
    this.mm = mm;
    this.held = 0;
    this.step = 0;
    this.counter = COUNTER_NONE;
    this.tries = 0;
    if (this.marked) this.wipe();
  }

  /** Forgets what became of an event that did not take the fast path. */
  private wipe(): void {
    this.marked = false;
    this.waited = 0;
    this.waitedForLocks = 0;
    this.site = null;
    this.fallback = false;
    this.settled = false;
    this.answered = false;
    this.tried = false;
    this.readAhead = false;
    this.spurious = false;
    this.raced = false;
    this.byThread = NOBODY;
  }

  /** Takes the operation in row `row` of `columns` in hand as event `i`. */
  takeOperation(columns: Columns, row: number, i: number, mm: Mm): void {
    this.takeFault(columns, row, i, mm);
    this.marked = true;
    this.op = columns.op[row];
    this.dur = columns.dur[row];
    this.len = columns.len[row];
    this.page2 = columns.page2[row];
    this.len2 = columns.len2[row];
    this.a = columns.a[row];
    this.b = columns.b[row];
    this.file = columns.file[row];
    this.name = columns.name[row];
    this.locks = columns.locks[row];
    this.lockAt = 0;
    this.sectionBefore = this.t;
    this.spent = 0;
  }
}
