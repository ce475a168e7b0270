/** The result of `diff` of two traces as plain data: shapes of `vmalock.diff-traces/1`; all times in ns. */
import type { Counter, FromTo, ReplayResult } from './result.js';

/** A quantity of the first trace and of the second, and the same for each 1,000 faults of its trace (0 where it has none). */
export interface Rated extends FromTo {
  from_per_1000: number;
  to_per_1000: number;
}

/** Faults that did not finish under the VMA lock, by reason. */
export interface ReasonRates {
  counter: Counter | null;
  site: string;
  count: Rated;
  wait_ns: Rated;
}

/** The faults in the mappings of one name, of all mms; null for those without a name. */
export interface MappingRates {
  name: string | null;
  faults: Rated;
  fallbacks: Rated;
  wait_ns: Rated;
}

/** Events of a kind; `fault` is a kind. */
export interface OpRates {
  op: string;
  count: Rated;
  /** ns they waited for mmap_lock, and held it, in both modes */
  wait_ns: Rated;
  hold_ns: Rated;
}

/** What operations of a kind, on mappings of a name, did to others: threads of two traces are not the same ones. */
export interface BlockerRates {
  op: string;
  name: string | null;
  victims: Rated;
  fallbacks: Rated;
  wait_ns: Rated;
}

export interface TracesDiff {
  schema: 'vmalock.diff-traces/1';
  model: string;
  timing: ReplayResult['timing'];
  /** the traces: first and second */
  from: ReplayResult['trace'];
  to: ReplayResult['trace'];
  /** does anything below differ? */
  differs: boolean;
  faults: { total: FromTo; user: FromTo; kernel: FromTo };
  verdicts: { vma_lock: Rated; mmap_lock: Rated; signal: Rated };
  /** user faults that took the mmap_lock path */
  fallbacks: Rated;
  time: { makespan_ns: FromTo; fault_wait_ns: Rated; op_wait_ns: Rated; longest_wait_ns: FromTo };
  /** rows that differ; those whose first quantity changes most for each 1,000 faults first */
  reasons: ReasonRates[];
  mappings: MappingRates[];
  ops: OpRates[];
  blockers: BlockerRates[];
  warnings: string[];
}
