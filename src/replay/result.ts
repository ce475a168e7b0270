/**
 * The results of a replay and a diff as plain data: what every reporter sees and `--format json` prints. Shapes follow the
 * published schemas `vmalock.replay/1` and `vmalock.diff/1`; all times in ns.
 */
import type { Expectation } from '../trace/columns.js';
import type { Counter, Verdict } from '../vocab.js';

export type { Counter, Verdict };

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
  /** how many operations these were, as far as they were still under way when they were blamed */
  times: number;
  /** from one to the next, where there were three or more and the gaps are alike within a tenth */
  period_ns?: number;
}

/** What the events of a kind did with mmap_lock; `fault` is a kind. */
export interface OpRow {
  op: string;
  count: number;
  /** how often it was taken in each mode: a downgrade is both, some operations take it for every page or VMA */
  read: number;
  write: number;
  wait_ns: number;
  read_hold_ns: number;
  write_hold_ns: number;
}

/** An event in the queue of mmap_lock, or the one that held the lock. */
export interface Queued {
  i: number;
  /** of a system call that changed nothing, its name */
  op: string;
  /** which advice, or which file of /proc */
  kind?: string;
  tid: number;
  /** what the thread was called, where the trace says it */
  comm?: string;
  mode: 'read' | 'write';
  /** the pages it is about; absent where it is about none in particular */
  start?: string;
  end?: string;
  name?: string;
  /** since when it slept, or held the lock; ns on the clock of the replay */
  from_ns: number;
}

/** A convoy at mmap_lock: from the first thread that slept in its queue until nobody did. */
export interface Convoy {
  mm: number;
  from_ns: number;
  to_ns: number;
  /** threads that waited, and how often they did */
  threads: number;
  waits: number;
  wait_ns: number;
  max_wait_ns: number;
  /** most threads asleep at once; at least 2 */
  deepest: number;
  /** who had the lock when the first one fell asleep; null when not known */
  holder: Queued | null;
  /** the first, in the order in which they fell asleep */
  members: (Queued & { wait_ns: number; blocked_by: FaultRow['blocked_by'] })[];
}

/** What `--by` adds faults up by. */
export const HOT_KEYS = ['reason', 'vma', 'thread', 'op', 'site'] as const;
export type HotKey = (typeof HOT_KEYS)[number];

/** The faults of one key that fell back or waited. */
export interface HotSpot {
  /** counter and site, mapping, tid, the operation to blame, or site; null where there is none */
  key: string | null;
  /** by reason */
  counter?: Counter | null;
  site?: string | null;
  /** by vma: mappings of one name are one row, from the lowest to the highest page of those a fault was in */
  mm?: number;
  start?: string;
  end?: string;
  name?: string;
  /** by thread */
  tid?: number;
  faults: number;
  /** user faults among them that took the mmap_lock path */
  fallbacks: number;
  wait_ns: number;
  max_wait_ns: number;
}

/** Faults by when they began, in bins of equal width; `fallbacks` counts user faults that took the mmap_lock path. */
export interface OverTime {
  /** when the first bin begins */
  from_ns: number;
  bin_ns: number;
  faults: number[];
  fallbacks: number[];
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
  /** adds up to the events that were replayed; those that held mmap_lock for writing longest first */
  ops: OpRow[];
  /** that in which most was waited, added up; null when no two threads ever slept at once */
  convoy: Convoy | null;
  /** with `--by`: most waited for first */
  by?: HotSpot[];
  time: { makespan_ns: number; fault_wait_ns: number; op_wait_ns: number };
  over_time: OverTime;
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
    /** `1/N` when only so many of the faults were replayed; those of `faults` are all of the trace */
    sample?: string;
  };
  timing: 'closed' | 'recorded';
  /** what `models[].by` adds up by */
  by?: HotKey;
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

/** A VMA at the moment it was locked, in pages. */
export interface VmaRange {
  start: number;
  end: number;
  name: string | null;
}

/** What a thread slept for, from when to when, ns; a `page` is I/O or a locked folio, a `monitor` that of a userfaultfd. */
export interface Wait {
  on: 'mmap_lock' | 'vma_lock' | 'page' | 'monitor';
  /** how it wanted the lock; null where it is none */
  mode: 'read' | 'write' | null;
  vma: VmaRange | null;
  from: number;
  to: number;
  by: FaultRow['blocked_by'];
}

/** A lock a thread held, from when to when, ns; the VMA lock in mode `write` is a mark. */
export interface Hold {
  lock: 'mmap_lock' | 'vma_lock';
  mode: 'read' | 'write';
  vma: VmaRange | null;
  from: number;
  to: number;
}

/** An event of the trace as a model replayed it. Waits and holds lie between its start and its end. */
export interface Span {
  i: number;
  model: string;
  tid: number;
  /** what the thread was called by then */
  comm: string | null;
  mm: number;
  op: string;
  /** ns on the clock of the replay */
  start: number;
  end: number;
  /** the pages it is about; `pages` is 0 where it is about none in particular */
  page: number;
  pages: number;
  /** of a fault; null of an operation */
  verdict: Verdict | null;
  site: string | null;
  wait_ns: number;
  blocked_by: FaultRow['blocked_by'];
  waits: Wait[];
  holds: Hold[];
  /** VMA locks beyond those in `holds` */
  more_holds: number;
}

/** How many threads sleep for a kind of lock of an mm, from `t` on. */
export interface Queue {
  model: string;
  mm: number;
  lock: 'mmap_lock' | 'vma_lock' | 'monitor';
  t: number;
  waiting: number;
}

/** Who wants to see a run: told model after model within a batch of events, in the order in which events end. */
export interface Watcher {
  over(span: Span): void;
  queue(queue: Queue): void;
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
  /** of the VMA lock; and what else one of the two counts: where the other does not, that is 0 */
  counters: Record<Counter, FromTo> & Record<string, FromTo>;
  time: { makespan_ns: FromTo; fault_wait_ns: FromTo; op_wait_ns: FromTo };
  /** faults that wait less under the second model, and more, whether or not they end alike */
  waits: { less: number; more: number };
  /** those that differ; those whose victims' waits change most first */
  blockers: BlockerChange[];
  /** the first faults that change, in the order of the trace */
  faults: ChangedFault[];
  warnings: string[];
}
