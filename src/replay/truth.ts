/** What the recorded kernel did, from a file beside the trace: its rows joined with the trace's faults by time and thread. */
import { Complaint } from '../errors.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import type { TruthRow } from '../trace/truth-file.js';
import { formatAddr, type Ns } from '../units.js';
import { OP } from '../vocab.js';

/** Rows a file may have: they are held in memory, about 200 bytes each. */
export const MAX_TRUTH_ROWS = 2_000_000;
/** Faults of a batch by which the clocks are compared. */
const COMPARED = 256;

export class TruthRows {
  /** rows that met a fault of the trace */
  joined = 0;
  private readonly fallbacks = new Map<string, boolean>();
  /** times of the rows of a thread and address */
  private readonly times = new Map<string, Ns[]>();
  /** the recorder's clock at the trace's origin; null until a batch says it */
  private origin: Ns | null = null;

  get size(): number {
    return this.fallbacks.size;
  }

  /** @throws Complaint (limit) */
  add({ t, tid, addr, fallback }: TruthRow): void {
    if (this.size >= MAX_TRUTH_ROWS) {
      throw new Complaint('limit', `more than ${MAX_TRUTH_ROWS} rows`, {}, 'cut the trace and its truth in parts');
    }
    this.fallbacks.set(`${tid} ${t}`, fallback);
    const place = `${tid} ${addr}`;
    const times = this.times.get(place);
    if (times === undefined) this.times.set(place, [t]);
    else times.push(t);
  }

  /** Learns from a batch of events how the two clocks lie, unless that is known. */
  align(columns: Columns, { tids }: TraceInfo): void {
    if (this.origin !== null) return;
    const votes = new Map<Ns, number>();
    let left = COMPARED;
    for (let row = 0; row < columns.n && left > 0; row++) {
      if (columns.op[row] !== OP.fault || columns.t[row] < 0) continue;
      left--;
      const place = `${tids[columns.thread[row]]} ${formatAddr(columns.page[row], columns.off[row])}`;
      for (const t of this.times.get(place) ?? []) {
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
    if (this.origin !== null) this.times.clear();
  }

  /** Did the fault of `tid` at `t` of the trace take the mmap_lock path? Null when no row says so. */
  take(tid: number, t: Ns): boolean | null {
    if (this.origin === null || t < 0) return null;
    const fallback = this.fallbacks.get(`${tid} ${this.origin + t}`);
    if (fallback === undefined) return null;
    this.joined++;
    return fallback;
  }
}
