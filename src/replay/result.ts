/**
 * The results of a replay, a diff and a verification as plain data: what every reporter sees and `--format json` prints.
 * Shapes follow the published schemas `vmalock.replay/1`, `vmalock.diff/1` and `vmalock.verify/1`; all times in ns.
 */
import type { Expectation } from '../trace/columns.js';
import type { TruthPath } from '../vocab.js';

export type Verdict = 'vma_lock' | 'mmap_lock' | 'signal' | 'speculative';
/** The kernel's own counters; null when that kernel counts nothing for the outcome. */
export type Counter = 'vma_lock_success' | 'vma_lock_abort' | 'vma_lock_retry' | 'vma_lock_miss';

/** Distribution of times in ns. Percentiles are the upper edge of a log-linear bucket at most 1/32 wide. */
export interface Times {
  total: number;
  mean: number;
  p50: number;
  p99: number;
  max: number;
}

export interface Reason {
  counter: Counter | null;
  /** kernel function that decided, with a sub-case after a dot */
  site: string;
  count: number;
  /** ns those faults waited, for locks, folios, I/O or a userfaultfd monitor */
  wait_ns: number;
}

export interface LockRow {
  lock: 'mmap_lock' | 'vma_lock';
  mm: number;
  /** hex; both absent on the row that adds up every VMA never contended */
  start?: string;
  end?: string;
  name?: string;
  mode: 'read' | 'write';
  acquired: number;
  contended: number;
  wait_ns: Times;
  hold_ns: Times;
}

export interface Blocker {
  op: string;
  tid: number;
  start?: string;
  end?: string;
  name?: string;
  /** faults and operations that waited for it or fell back because of it */
  victims: number;
  /** faults among them that left the VMA lock because of it */
  fallbacks: number;
  wait_ns: number;
  max_wait_ns: number;
}

export interface ModelResult {
  model: string;
  faults: { total: number; user: number; kernel: number; vma_lock: number; mmap_lock: number; signal: number };
  /** of the VMA lock; and by its own names what else that kernel counts, such as `spf_abort` */
  counters: Record<Counter, number> & Record<string, number>;
  /** user faults that took the mmap_lock path over all user faults; null without user faults */
  fallback_ratio: number | null;
  reasons: Reason[];
  locks: LockRow[];
  blockers: Blocker[];
  time: { makespan_ns: number; fault_wait_ns: number; op_wait_ns: number };
}

export interface ReplayResult {
  schema: 'vmalock.replay/1';
  trace: {
    file: string;
    events: number;
    faults: number;
    threads: number;
    mms: number;
    span_ns: number;
    lost: number;
  };
  timing: 'closed' | 'recorded';
  models: ModelResult[];
  /** litmus expectations that did not hold; absent when the trace carries none */
  expect?: { checked: number; failed: ExpectFailure[] };
  /** remarks about the trace as a whole, each said once */
  warnings: string[];
}

export interface ExpectFailure {
  model: string;
  i: number;
  expected: Expectation;
  got: { verdict: string; site: string | null; counter: string | null } | null;
}

/** One row of `--events`. */
export interface FaultRow {
  i: number;
  model: string;
  /** as recorded; where the event has no time, when it started */
  t: number;
  /** when it started in this replay, ns: later than `t` by what its thread waited before */
  start: number;
  tid: number;
  mm: number;
  addr: string;
  verdict: Verdict;
  /** did it take the mmap_lock path */
  fallback: boolean;
  counter: Counter | null;
  site: string | null;
  wait_ns: number;
  hold_ns: number;
  tries: number;
  blocked_by: { i: number; op: string; tid: number } | null;
}

/** A quantity under the first model of a diff and under the second. */
export interface FromTo {
  from: number;
  to: number;
}

/** How a fault ends under the two models of a diff: `from` under the first, `to` under the second. */
export interface Ends {
  from: Verdict;
  to: Verdict;
  /** what decided: `to_site`, or `from_site` where the second model has none */
  site: string | null;
  /** null where the fault did not leave the fast path */
  from_site: string | null;
  to_site: string | null;
  from_counter: Counter | null;
  to_counter: Counter | null;
}

/** Faults that all change in the same way. */
export interface Transition extends Ends {
  count: number;
  /** ns those faults waited under each model */
  from_wait_ns: number;
  to_wait_ns: number;
}

/** A fault that changes; one row of `diff --events`. */
export interface ChangedFault extends Ends {
  i: number;
  /** as recorded; where the event has no time, when it started under the first model */
  t: number;
  tid: number;
  mm: number;
  addr: string;
  from_fallback: boolean;
  to_fallback: boolean;
  from_wait_ns: number;
  to_wait_ns: number;
  from_blocked_by: FaultRow['blocked_by'];
  to_blocked_by: FaultRow['blocked_by'];
}

/** What an operation of a thread on a mapping did to others under each model; see Blocker. */
export interface BlockerChange {
  op: string;
  tid: number;
  /** from the lowest to the highest page under either model */
  start?: string;
  end?: string;
  name?: string;
  victims: FromTo;
  fallbacks: FromTo;
  wait_ns: FromTo;
  max_wait_ns: FromTo;
}

/** Changed faults a diff lists unless told otherwise. */
export const FIRST = 10;

export interface DiffResult {
  schema: 'vmalock.diff/1';
  trace: ReplayResult['trace'];
  timing: ReplayResult['timing'];
  /** the models: first and second */
  from: string;
  to: string;
  /** does anything below differ? */
  differs: boolean;
  /** faults whose verdict, fallback, counter or site differs */
  changed: number;
  /** adds up to `changed`; most faults first */
  transitions: Transition[];
  /** faults by where they were finished */
  verdicts: { vma_lock: FromTo; mmap_lock: FromTo; signal: FromTo };
  counters: Record<Counter, FromTo>;
  time: { makespan_ns: FromTo; fault_wait_ns: FromTo; op_wait_ns: FromTo };
  /** faults that wait less under the second model, and more, whether or not they end alike */
  waits: { less: number; more: number };
  /** those that differ; those whose victims' waits change most first */
  blockers: BlockerChange[];
  /** the first faults that change, in the order of the trace */
  faults: ChangedFault[];
  warnings: string[];
}

/** Did a fault leave the VMA lock for mmap_lock? Those that did not: finished under the VMA lock, or signalled there. */
export type Path = 'vma_lock' | 'mmap_lock';

/**
 * Why the recording cannot tell: the VMA was being marked by another thread; mmap_lock was being taken or released when the fault
 * tried it; I/O for a page in swap may end before anybody waits for it.
 */
export type Undecided = 'vma_lock_race' | 'mmap_lock_race' | 'swap_io';
/** Why a fault was not compared. `killed`: the thread died before the fault was finished anywhere. */
export type Unscored = Undecided | 'kernel_mode' | 'no_truth' | 'killed';

/** What the model says, and what the kernel did. */
export interface Agreement {
  scored: number;
  agree: number;
}

/** A user fault beside its truth; one row of `verify --events`. */
export interface VerifiedFault {
  i: number;
  /** as recorded; where the event has no time, when it started */
  t: number;
  tid: number;
  mm: number;
  addr: string;
  /** how it was scored */
  class: 'scored' | 'inferred' | 'undecided' | 'unscored';
  /** why it was not */
  reason: Unscored | null;
  /** null when unknown */
  truth: Path | null;
  predicted: Path;
  /** null where the fault did not leave the fast path */
  site: string | null;
  counter: Counter | null;
  verdict: Verdict;
  wait_ns: number;
  blocked_by: FaultRow['blocked_by'];
}

/** A write section of another thread near a fault, times in ns of the trace. */
export interface NearSection {
  i: number;
  op: string;
  tid: number;
  ask: number;
  got: number;
  /** null when it was not over yet */
  end: number | null;
  /** did it mark the VMA of the fault? */
  marks: boolean;
}

/** A scored fault on which model and recording differ, with what either has to say. */
export interface Disagreement extends Omit<VerifiedFault, 'class' | 'reason' | 'truth'> {
  truth: Path;
  /** the rest of the recording's `truth`: where it was finished, what took mmap_lock, how long it waited */
  recorded: { path: TruthPath | null; via: string | null; wait_ns: number | null };
  /** nearest in time, of those within a millisecond */
  writer: NearSection | null;
}

export interface VerifyResult extends Agreement {
  schema: 'vmalock.verify/1';
  trace: ReplayResult['trace'];
  timing: 'recorded';
  model: string;
  /** kernel of the recording, where the trace says it */
  kernel: string | null;
  /** agree / scored: faults predicted from facts alone; null when there are none */
  agreement: number | null;
  /** faults whose prediction rests on what an importer inferred */
  inferred: Agreement;
  /** faults of which the recording cannot tell what they met, and on how many of them the model is right anyway */
  undecided: { faults: number; agree: number; reasons: { reason: Undecided; faults: number; agree: number }[] };
  /** everybody else, by reason, those undecided included: with `scored` and `inferred.scored` all faults of the trace */
  unscored: Partial<Record<Unscored, number>>;
  /** truth, prediction, scored faults */
  confusion: Record<Path, Record<Path, number>>;
  /** the first, in the order of the trace */
  disagreements: Disagreement[];
  /** rows of a truth file, and how many of them met a fault */
  truth?: { rows: number; joined: number };
  /** how much later than its tracepoint a thing may have happened, ns */
  slack_ns: { lookup: number; trylock: number; marking: number; releasing: number };
  warnings: string[];
}
