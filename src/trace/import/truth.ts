/**
 * What the recording kernel did with a fault, read off its mmap_lock events: by call chain where there is one, by the
 * order of events where not.
 *
 * Models: arch/x86/mm/fault.c, do_user_addr_fault(); include/linux/sched/signal.h, fault_signal_pending(); mm/mmap_lock.c, lock_mm_and_find_vma(); mm/memory.c,
 * __vmf_anon_prepare(), fault_dirty_shared_page(), mm_account_fault(); kernel/exit.c, acct_collect(); mm/memory.c,
 * print_vma_addr() (v6.18).
 *
 * Nothing here reaches the facts of a fault (fault-window.ts).
 */
import type { Ns } from '../../units.js';
import type { TruthObject } from './event.js';
import { ANON_PREPARE, type Attempt, isSlowPath } from './fault-locks.js';
import type { Recording } from './recording.js';

/** What is known of a fault besides its locks, once it is over. */
export interface Circumstances {
  kernelMode: boolean;
  access: 'read' | 'write' | 'exec';
  /** the VMA is shared; null when no VMA is known there */
  shared: boolean | null;
  /** the VMA maps a file; null when no VMA is known there */
  mapsFile: boolean | null;
  /** when handle_mm_fault() completed; -1 when no event says so */
  doneAt: Ns;
  /** first rss_stat of the fault; -1 when there was none */
  firstRss: Ns;
  /** when another thread's userfaultfd request began to end its wait; -1 when none did */
  resolvedAt: Ns;
  /** SIGSEGV or SIGBUS that the kernel raised for it; 0 for none */
  signal: number;
  ending: Ending;
}

/** What the address map and the end of the thread say of a fault without a completion event. */
export interface Ending {
  /** a VMA covers the address; null when the map is not known well enough */
  covered: boolean | null;
  permitted: boolean;
  /** the thread exits next */
  exits: boolean;
  /** as the last of its process */
  groupDead: boolean;
  /** the thread goes on in user mode: it faults again or makes a call, and not the return from a signal */
  goesOn: boolean;
  /** the recording ends too soon after it */
  cutOff: boolean;
  /** another thread of the process began to die during the fault */
  dying: boolean;
  /** signal that no fault raises, for which it went back to the program unfinished; 0 for none */
  interruptedBy: number;
}

const SIGKILL = 9;

/** Why there is no truth. */
export const UNKNOWN_VMA = 'fault in an unknown VMA: shared and private look alike';
export const UNKNOWN_LOCK = 'fault with one short mmap_lock section: for the anon_vma of its VMA, or for all of it';

/** Truth of a fault, or why there is none. */
export function truthOf(
  attempts: readonly Attempt[],
  about: Circumstances,
  recording: Recording,
): TruthObject | typeof UNKNOWN_VMA | typeof UNKNOWN_LOCK {
  // nearly all faults, and what the rest would say of them
  if (attempts.length === 0 && about.doneAt >= 0) return { fallback: false, path: 'vma_lock' };
  const chains = attempts.some(attempt => attempt.by !== null);
  const slow = byCallChain(attempts) ?? byOrder(attempts, about, recording);
  if (typeof slow === 'string') return slow;
  const truth: TruthObject = { fallback: slow };
  const path = pathOf(slow, about, recording);
  if (path !== undefined) truth.path = path;
  const prepared = chains ? preparedByCallChain(attempts) : preparedByOrder(attempts, slow, about, recording);
  if (prepared !== undefined) truth.anon_prepare = prepared;
  const via = chains ? attempts.find(({ by }) => (slow ? isSlowPath(by) : by === ANON_PREPARE))?.by : undefined;
  if (via !== undefined && via !== null) truth.via = via;
  const wait = slow ? waited(attempts, chains, about) : 0;
  if (wait > 0) truth.wait = wait;
  return truth;
}

/** Did the handler itself take the lock? null unless every read lock has its call chain. */
function byCallChain(attempts: readonly Attempt[]): boolean | null {
  if (attempts.some(({ by }) => isSlowPath(by))) return true;
  return attempts.length > 0 && attempts.every(({ by, write }) => by !== null || write) ? false : null;
}

function byOrder(
  attempts: readonly Attempt[],
  about: Circumstances,
  recording: Recording,
): boolean | typeof UNKNOWN_VMA | typeof UNKNOWN_LOCK {
  const got = attempts.filter(({ success }) => success);
  if (about.doneAt >= 0) {
    if (about.kernelMode || about.shared === true || recording.trylock === false) return got.length > 0;
    if (grows(got) || got.some(({ released }) => released < 0 || released > about.doneAt)) return true;
    // a shared page that gets dirty drops the lock before the fault completes, as the trylock for an anon_vma does
    return got.length > 0 && about.shared === null ? UNKNOWN_VMA : false;
  }
  return recording.completions ? abandoned(got, about, recording) : bySections(attempts, got, about, recording);
}

/**
 * No completion although the recording has them: a signal, or the thread was killed. acct_collect() of a dying process and
 * print_vma_addr() of an unhandled SIGSEGV lock the mm once more, and the trylock for an anon_vma may come before SIGBUS;
 * but before 6.10 a forbidden access took mmap_lock too.
 */
function abandoned(got: readonly Attempt[], about: Circumstances, recording: Recording): boolean | typeof UNKNOWN_LOCK {
  const { ending } = about;
  const own = got.length - (ending.exits && ending.groupDead ? 1 : 0);
  if (about.kernelMode || ending.covered === false || recording.trylock === false) {
    return own > 0 || got.some(({ write }) => write);
  }
  if (own <= 0) return false;
  if (ending.covered === null) return UNKNOWN_LOCK;
  return recording.trylock || ending.exits || ending.permitted ? false : UNKNOWN_LOCK;
}

/** Without completion events: only the lock sections themselves, and the counters that changed beside them. */
function bySections(
  attempts: readonly Attempt[],
  got: readonly Attempt[],
  about: Circumstances,
  recording: Recording,
): boolean | typeof UNKNOWN_LOCK {
  if (got.length === 0) return false;
  // who dies of a signal is asked for the name of the VMA, and counted out of its process
  if (about.ending.exits) return UNKNOWN_LOCK;
  if (about.kernelMode || about.shared === true || recording.trylock === false) return true;
  if (grows(got) || got.some(({ released, write }) => released < 0 && !write)) return true;
  const { covered } = about.ending;
  if (about.signal > 0 && (covered === false || (covered === true && recording.trylock))) return !covered;
  // whoever was refused the trylock goes on to the slow path
  if (got.length < attempts.length) return true;
  if (!about.ending.goesOn) return UNKNOWN_LOCK;
  if (got.length > 1 && recording.everyCall) return true;
  const [only] = got;
  if (got.length === 1) {
    // the anon_vma is prepared before a fault waits for its monitor, the slow path comes after
    if (about.resolvedAt >= 0 && about.resolvedAt <= only.asked) return true;
    if (about.firstRss > only.t && about.firstRss < only.released) return true;
    if (about.firstRss > only.released && recording.everyCall) return false;
    if (about.access === 'exec' || (about.access === 'read' && about.mapsFile === true)) return true;
  }
  return UNKNOWN_LOCK;
}

/** The stack grew: read, write, and a read lock out of that. */
function grows(got: readonly Attempt[]): boolean {
  return got.some(({ downgraded }) => downgraded);
}

/** Where the fault was finished; undefined when nothing says so. */
function pathOf(slow: boolean, about: Circumstances, recording: Recording): TruthObject['path'] {
  const { ending, kernelMode } = about;
  const finished = slow ? 'mmap_lock' : 'vma_lock';
  if (about.doneAt >= 0) return finished;
  if ((kernelMode && !slow) || ending.cutOff) return undefined;
  if (about.signal > 0) return 'signal';
  if (ending.interruptedBy > 0) return ending.interruptedBy === SIGKILL ? 'killed' : 'interrupted';
  const killed = ending.exits && ending.permitted && ending.dying;
  if (recording.completions) return killed ? 'killed' : 'signal';
  if (about.firstRss >= 0) return finished;
  if (killed) return 'killed';
  if (recording.signals || kernelMode || (ending.covered === true && ending.permitted)) return finished;
  if (ending.goesOn && ending.covered === null) return finished;
  return undefined;
}

function preparedByCallChain(attempts: readonly Attempt[]): TruthObject['anon_prepare'] {
  const prepares = attempts.filter(({ by }) => by === ANON_PREPARE);
  if (prepares.length === 0) return undefined;
  return prepares.some(({ success }) => !success) ? 'failed' : 'ok';
}

/** Two refusals in a row: the first was the trylock for the anon_vma, since the slow path tries once and then waits. */
function preparedByOrder(
  attempts: readonly Attempt[],
  slow: boolean,
  about: Circumstances,
  recording: Recording,
): TruthObject['anon_prepare'] {
  if (recording.trylock === false || about.kernelMode || about.shared === true) return undefined;
  if (busyPrepare(attempts) !== undefined) return 'failed';
  const ended = about.doneAt >= 0 || (!recording.completions && about.firstRss >= 0);
  return !slow && ended && attempts.some(({ success, write }) => success && !write) ? 'ok' : undefined;
}

/** The first of two refusals in a row that somebody was let in after. */
function busyPrepare(attempts: readonly Attempt[]): Attempt | undefined {
  return attempts.find(
    ({ success }, i) => !success && attempts[i + 1]?.success === false && attempts[i + 2]?.success === true,
  );
}

/** ns that the slow path waited; 0 when of several sections some may not be the fault's. */
function waited(attempts: readonly Attempt[], chains: boolean, about: Circumstances): number {
  const total = (list: readonly Attempt[]) => list.reduce((sum, { t, asked }) => sum + t - asked, 0);
  if (chains)
    return total(attempts.filter(({ by, write, downgraded }) => (by === null ? !write || downgraded : isSlowPath(by))));
  const got = attempts.filter(({ success }) => success);
  const certain = got.length === 1 || grows(got);
  if (!certain && (about.doneAt < 0 || !(about.kernelMode || about.shared === true))) return 0;
  const busy = about.kernelMode || about.shared === true ? undefined : busyPrepare(attempts);
  const last = attempts.findLastIndex(({ success }) => success);
  return total(attempts.slice(0, last + 1).filter(attempt => attempt !== busy));
}
