/** What the recorded kernel did, from a file beside the trace: its rows joined with the trace's faults by thread, address and time. */
import type { Columns, TraceInfo } from '../trace/columns.js';
import type { TruthRow } from '../trace/truth-file.js';
import { formatAddr, type Ns } from '../units.js';
import { OP } from '../vocab.js';

/** Faults of a batch by which the clocks are compared. */
const COMPARED = 256;
/** Times that differ by less are the same: of a clock in microseconds the trace has the order as well. */
const SAME: Ns = 1_000;

interface Row {
  readonly t: Ns;
  readonly fallback: boolean;
}

export class TruthRows {
  /** rows that met a fault of the trace */
  joined = 0;
  size = 0;
  /** rows of a thread and address, in order, that met no fault yet */
  private readonly rows = new Map<string, Row[]>();
  /** the recorder's clock at the trace's origin; null until a batch says it */
  private origin: Ns | null = null;

  add({ t, tid, addr, fallback }: TruthRow): void {
    this.size++;
    const place = `${tid} ${addr}`;
    const rows = this.rows.get(place);
    if (rows === undefined) this.rows.set(place, [{ t, fallback }]);
    else rows.push({ t, fallback });
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
      for (const { t } of this.rows.get(place) ?? []) {
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

  /** Did the fault of `tid` on `addr` at `t` of the trace take the mmap_lock path? Null when no row says so. */
  take(tid: number, addr: string, t: Ns): boolean | null {
    const rows = this.rows.get(`${tid} ${addr}`);
    if (this.origin === null || rows === undefined || t < 0) return null;
    const clock = this.origin + t;
    const at = rows.findIndex(row => Math.abs(row.t - clock) < SAME);
    if (at < 0) return null;
    const [{ fallback }] = rows.splice(at, 1);
    this.joined++;
    return fallback;
  }
}
