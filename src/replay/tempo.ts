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
  private stale = false;
  /** half of the sections are shorter, ns; null while too few are known */
  private half: Ns | null = null;
  private known: Slack = NATIVE;

  /** Takes the next event of the trace. */
  see(columns: Columns, row: number): void {
    const { op, locks } = columns;
    const list = locks[row];
    if (list !== null && list.length > 0 && list[0] === 1 && (op[row] === OP.mmap || op[row] === OP.brk)) {
      this.sections.add(list[LOCK_FIELDS - 1] - list[LOCK_FIELDS - 2]);
      this.stale = true;
    }
  }

  /** How far what is recorded may be from what happened. */
  get slack(): Slack {
    this.measure();
    return this.known;
  }

  /** Is it known that the clock does not tick, so that times of different processors are in the order of what happened? */
  get ordered(): boolean {
    this.measure();
    return this.half !== null && this.half >= TICKS;
  }

  private measure(): void {
    const { sections } = this;
    if (!this.stale || sections.count < FEWEST) return;
    this.stale = false;
    this.half = sections.percentile(0.5);
    this.known = slackOf(this.half);
  }
}

function slackOf(half: Ns): Slack {
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
