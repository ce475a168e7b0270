/** What each kind of event did with mmap_lock: how often it took it, in which mode, how long it waited for it and held it. */
import type { Ns } from '../units.js';
import { OPS } from '../vocab.js';
import type { OpRow } from './result.js';

export class OpMix {
  private readonly counts = new Float64Array(OPS.length);
  // By twice the operation, plus 1 for writing.
  private readonly acquired = new Float64Array(OPS.length * 2);
  private readonly holds = new Float64Array(OPS.length * 2);
  private readonly waits = new Float64Array(OPS.length);

  /** An event of this kind is over. */
  over(op: number): void {
    this.counts[op]++;
  }

  acquire(op: number, write: boolean, waited: Ns): void {
    this.acquired[2 * op + (write ? 1 : 0)]++;
    this.waits[op] += waited;
  }

  hold(op: number, write: boolean, held: Ns): void {
    this.holds[2 * op + (write ? 1 : 0)] += held;
  }

  /** Kinds that occurred: those that held it for writing longest first, then for reading, then the most frequent. */
  rows(): OpRow[] {
    return OPS.map(
      (op, code): OpRow => ({
        op,
        count: this.counts[code],
        read: this.acquired[2 * code],
        write: this.acquired[2 * code + 1],
        wait_ns: this.waits[code],
        read_hold_ns: this.holds[2 * code],
        write_hold_ns: this.holds[2 * code + 1],
      }),
    )
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.write_hold_ns - a.write_hold_ns || b.read_hold_ns - a.read_hold_ns || b.count - a.count);
  }
}
