/** The result of `verify` as plain data: shapes of `vmalock.verify/1`; all times in ns. */
import type { TruthPath } from '../vocab.js';
import type { Counter, FaultRow, ReplayResult, Verdict } from './result.js';

/** Did a fault leave the VMA lock for mmap_lock? Those that did not: finished under the VMA lock, or signalled there. */
export type Path = 'vma_lock' | 'mmap_lock';

/**
 * Why the recording cannot tell: the VMA was being marked by another thread; mmap_lock was being taken or released when the fault
 * tried it; another thread, which was to give the VMA its anon_vma, may still have waited for mmap_lock, or have been faster
 * than it seems; I/O for a page in swap may end before anybody waits for it; another thread faulted on the page at the same
 * time; no VMA is known there, or not what the page was, in a recording that hides some; a call did to that memory what no
 * record shows; records were lost before.
 */
export type Undecided =
  | 'vma_lock_race'
  | 'mmap_lock_race'
  | 'anon_vma_race'
  | 'swap_io'
  | 'page_race'
  | 'hidden_vma'
  | 'hidden_page'
  | 'hidden_memory'
  | 'lost';
/**
 * Why a fault was not compared. `killed`: the thread died before the fault was finished anywhere; `interrupted`: it left the VMA
 * lock, and went back to the program for a signal instead of taking mmap_lock (fault_signal_pending()).
 */
export type Unscored = Undecided | 'kernel_mode' | 'no_truth' | 'killed' | 'interrupted';

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
  /** how much later than its tracepoint a thing may have happened, ns; null: as long as mmap_lock was held */
  slack_ns: { lookup: number; trylock: number; marking: number | null; releasing: number };
  warnings: string[];
}
