/** What is told of one fault, as plain data: the shape of `vmalock.explain/1`. All times in ns on the clock of the replay. */
import type { ACCESSES, Entry, Folio, Huge, Race } from '../vocab.js';
import type { Counter, FaultRow, ReplayResult, Verdict } from './result.js';

/** A lock a fault holds. */
export type Held = 'vma_lock' | 'mmap_lock:read' | 'mmap_lock:write';

/**
 * What came of a step.
 *
 * `passes` what was asked lets it go on; `speculates` it goes on without a lock; `locked` it holds the lock now; `again` the VMA is
 * looked up once more; `releases` the VMA lock; `leaves` to mmap_lock, because of `site`; `sleeps` in the queue of a lock;
 * `unmapped` nothing is mapped there. Of handle_mm_fault(): `handled`, `signal`, `retry` (the lock is
 * dropped and there will be another pass), `userfault` (dropped, and a monitor asked), `unlocked` (dropped, and done), `broken`
 * (a bug of the series). `grows` the stack must grow first, `grown` it has. `over` the fault is.
 */
export const OUTCOMES = [
  'passes',
  'speculates',
  'locked',
  'again',
  'releases',
  'leaves',
  'sleeps',
  'unmapped',
  'handled',
  'signal',
  'retry',
  'userfault',
  'unlocked',
  'broken',
  'grows',
  'grown',
  'over',
] as const;
export type StepOutcome = (typeof OUTCOMES)[number];

/** A place where kernels differ, what this one answers, and the patch that made it so. */
export interface Rule {
  /** a site of the lineage; `lock` is the VMA lock itself */
  site: string;
  answer: string;
  /** the stage that brought the answer, and its patch */
  stage: string;
  by: string;
}

/** A VMA as the step saw it. */
export interface VmaSeen {
  start: string;
  end: string;
  prot: string;
  name?: string;
  shared: boolean;
  anonymous: boolean;
  anon_vma: boolean;
  /** what else decides faults: `growsdown`, `hugetlb`, `uffd_missing` and the like */
  flags: string[];
}

export const ENTRY_KINDS = [
  'none',
  'zero_page',
  'anonymous',
  'anonymous_read_only',
  'file_read_only',
  'file_writable',
  'swap',
  'migration',
  'marker_uffd_wp',
  'marker_poison',
  'marker_guard',
  'hwpoison',
  'device_private',
  'device_exclusive',
] as const;
/** What may be true of an entry beside its kind. */
export const ENTRY_FLAGS = ['uffd_wp', 'protnone', 'shared', 'huge'] as const;

/** The page-table entry a step met. */
export interface EntrySeen {
  kind: (typeof ENTRY_KINDS)[number];
  flags: (typeof ENTRY_FLAGS)[number][];
  /** does the trace say so, or what it showed before? */
  from: 'trace' | 'history';
}

export interface Step {
  t: number;
  /** kernel function */
  function: string;
  outcome: StepOutcome;
  /** held once the step is done */
  held: Held[];
  /** where the step decided to leave the fast path; null elsewhere */
  site: string | null;
  /** what decided that there is a signal, as a site; null where there is none */
  signal: string | null;
  /** looked up in this step; null where nothing was */
  vma: VmaSeen | null;
  entry: EntrySeen | null;
  /** functions of handle_mm_fault() it went through, in order */
  path: string[];
  /** mmap_read_trylock() inside the fault; null where there was none */
  trylock: 'ok' | 'failed' | null;
  /** asked of the lineage, in order */
  asked: Rule[];
  /** ns asleep because of this step, and where that length comes from; the steps add up to what the fault waited */
  wait_ns: number;
  wait_from: 'lock' | 'monitor' | 'trace' | 'costs' | null;
  /** ns of work with the lock held */
  work_ns: number;
  /** who is to blame: an index into `others` */
  blocked_by: number | null;
}

/** Another thread's event that stood in the way, or resolved the page. */
export interface Other {
  i: number;
  op: string;
  tid: number;
  /** pages it works on, and what the mapping is called */
  start?: string;
  end?: string;
  name?: string;
  /** had mmap_lock for writing, or was first in line for that; held a lock for reading; or resolved what the fault waited for */
  role: 'writer' | 'queued' | 'reader' | 'resolver';
  /** when it began to wait for the lock; null where that is not known or it did not */
  queued: number | null;
  /** from when to when it held the lock (`resolver`: when it acted); null where that is not known, or was not over yet */
  since: number | null;
  until: number | null;
}

/** What the trace itself says of the page: keys as in the trace, those it leaves out absent. */
export interface PageSaid {
  entry?: Entry;
  folio?: Folio;
  huge?: Huge;
  race?: Race;
  readahead?: boolean;
  swap_sync?: boolean;
  shared?: boolean;
  numa_hint?: boolean;
  eof?: boolean;
  hole_punch?: boolean;
  oom?: boolean;
  wait?: number;
}

/** One fault under one model. */
export interface ModelExplanation
  extends Pick<
    FaultRow,
    'model' | 'start' | 'verdict' | 'fallback' | 'counter' | 'site' | 'wait_ns' | 'hold_ns' | 'tries'
  > {
  end: number;
  steps: Step[];
  others: Other[];
  /** the answer that decided; null where no kernel of the lineage would have decided otherwise */
  rule: Rule | null;
}

/** Neighbouring stages of the lineage under which the fault ends alike. */
export interface LineageRange {
  models: string[];
  verdict: Verdict;
  counter: Counter | null;
  site: string | null;
  /** what decided under the first of them */
  rule: Rule | null;
}

export interface ExplainedFault {
  i: number;
  /** as recorded; null where the event has no time */
  t: number | null;
  tid: number;
  mm: number;
  addr: string;
  access: (typeof ACCESSES)[number];
  mode: 'user' | 'kernel';
  page: PageSaid;
  models: ModelExplanation[];
  lineage: LineageRange[];
}

export interface Explanation {
  schema: 'vmalock.explain/1';
  trace: ReplayResult['trace'];
  timing: ReplayResult['timing'];
  faults: ExplainedFault[];
  /** events of the later faults on the page that was asked for */
  further: number[];
  warnings: string[];
}
