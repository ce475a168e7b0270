/**
 * What the recorded kernel did: as a trace says it, and from a file beside the trace, whose rows are joined with the trace's
 * faults by thread, address and time.
 */
import type { Columns, TraceInfo } from '../trace/columns.js';
import type { TruthRow } from '../trace/truth-file.js';
import { formatAddr, type Ns } from '../units.js';
import { OP, PATHS, TRUTH_FALLBACK, TRUTH_FALLBACK_SAID, type TruthPath } from '../vocab.js';

/** Faults of a batch by which the clocks are compared, each with the first rows of its place. */
const COMPARED = 256;
const FIRST_ROWS = 4096;
/** Times that differ by less are the same: of a clock in microseconds the trace has the order as well. */
const SAME: Ns = 1_000;

interface Row {
  readonly t: Ns;
  readonly fallback: boolean;
}

/** The rows of a thread and address. */
interface Place {
  readonly rows: Row[];
  /** the first that may still meet a fault */
  next: number;
  sorted: boolean;
}

export class TruthRows {
  /** rows that met a fault of the trace */
  joined = 0;
  size = 0;
  private readonly places = new Map<string, Place>();
  /** the recorder's clock at the trace's origin; null until a batch says it */
  private origin: Ns | null = null;

  add({ t, tid, addr, fallback }: TruthRow): void {
    this.size++;
    const key = `${tid} ${addr}`;
    const place = this.places.get(key);
    if (place === undefined) this.places.set(key, { rows: [{ t, fallback }], next: 0, sorted: true });
    else {
      place.rows.push({ t, fallback });
      place.sorted = false;
    }
  }

  /** Learns from a batch of events how the two clocks lie, unless that is known. */
  align(columns: Columns, { tids }: TraceInfo): void {
    if (this.origin !== null) return;
    const votes = new Map<Ns, number>();
    let left = COMPARED;
    for (let row = 0; row < columns.n && left > 0; row++) {
      if (columns.op[row] !== OP.fault || columns.t[row] < 0) continue;
      left--;
      const key = `${tids[columns.thread[row]]} ${formatAddr(columns.page[row], columns.off[row])}`;
      for (const { t } of this.place(key)?.rows.slice(0, FIRST_ROWS) ?? []) {
        const origin = t - columns.t[row];
        votes.set(origin, (votes.get(origin) ?? 0) + 1);
      }
    }
    let most = 0;
    for (const [origin, count] of votes) {
      if (count <= most) continue;
      most = count;
      this.origin = origin;
    }
  }

  /**
   * Did the fault of `tid` on `addr` at `t` of the trace take the mmap_lock path? Null when no row says so. Faults of one
   * thread are asked for in order of time.
   */
  take(tid: number, addr: string, t: Ns): boolean | null {
    const place = this.place(`${tid} ${addr}`);
    if (this.origin === null || place === undefined || t < 0) return null;
    const { rows } = place;
    const clock = this.origin + t;
    while (place.next < rows.length && rows[place.next].t <= clock - SAME) place.next++;
    if (place.next === rows.length || rows[place.next].t >= clock + SAME) return null;
    this.joined++;
    return rows[place.next++].fallback;
  }

  /** The rows of a place in order of time. */
  private place(key: string): Place | undefined {
    const place = this.places.get(key);
    if (place?.sorted === false) {
      place.rows.sort((a, b) => a.t - b.t);
      place.sorted = true;
    }
    return place;
  }
}

/** Where a packed truth says the fault was finished; null when it does not. */
export function recordedPath(truth: number): TruthPath | null {
  return PATHS[(truth & 7) - 1] ?? null;
}

/** What ended it where it was neither finished nor had come to mmap_lock; null else. */
export function unfinishedBy(truth: number): 'killed' | 'interrupted' | null {
  const path = recordedPath(truth);
  return path === 'killed' || (path === 'interrupted' && !(truth & TRUTH_FALLBACK)) ? path : null;
}

/** A packed truth whose fallback somebody else said; null leaves it unsaid. */
export function withFallback(truth: number, fallback: boolean | null): number {
  const rest = truth & ~(TRUTH_FALLBACK_SAID | TRUTH_FALLBACK);
  return fallback === null ? rest : rest | TRUTH_FALLBACK_SAID | (fallback ? TRUTH_FALLBACK : 0);
}
