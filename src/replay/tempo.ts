/**
 * How fast a recorded machine is, as far as its trace has shown: an emulated one takes ten times as long from a tracepoint to
 * what that announces, and its processors stop anywhere: one had mmap_lock for 16 ms and had not marked its VMA yet.
 */
import type { Columns } from '../trace/columns.js';
import type { Ns } from '../units.js';
import { OP } from '../vocab.js';
import { Histogram } from './histogram.js';
import { LOCK_FIELDS } from './sections.js';
import { NATIVE, type Slack } from './windows.js';

/**
 * Half of the mmap_lock sections of mmap(2) and brk(2), which work on no pages, are over after this on the machine that NATIVE
 * was measured on: the highest median of its 52 recordings, rounded up.
 */
const SECTION: Ns = 16_000;
/** No section is as short as this: the clock ticks, and what happens between two ticks has one time. */
const TICKS: Ns = 100;
/** Sections that say something. */
const FEWEST = 8;
/** Beyond this a section waits for something else than its processor. */
const SLOWEST = 20;

export class Tempo {
  private readonly sections = new Histogram();
  private known: Slack | null = NATIVE;

  /** Takes the next event of the trace. */
  see(columns: Columns, row: number): void {
    const { op, locks } = columns;
    const list = locks[row];
    if (list !== null && list.length > 0 && list[0] === 1 && (op[row] === OP.mmap || op[row] === OP.brk)) {
      this.sections.add(list[LOCK_FIELDS - 1] - list[LOCK_FIELDS - 2]);
      this.known = null;
    }
  }

  /** How far what is recorded may be from what happened. */
  get slack(): Slack {
    this.known ??= this.measure();
    return this.known;
  }

  private measure(): Slack {
    const { sections } = this;
    if (sections.count < FEWEST) return NATIVE;
    const half = sections.percentile(0.5);
    if (half < TICKS) return { ...NATIVE, marking: null };
    const slower = Math.min(SLOWEST, half / SECTION);
    if (slower <= 1) return NATIVE;
    const scaled = (ns: Ns): Ns => Math.round(ns * slower);
    const { lookup, trylock, releasing } = NATIVE;
    return {
      lookup: scaled(lookup),
      trylock: scaled(trylock),
      marking: null,
      releasing: scaled(releasing),
    };
  }
}
