/**
 * One page fault between its exception and its end: what it met (page facts) and what became of it (truth).
 *
 * Models: arch/x86/mm/fault.c, do_user_addr_fault(); mm/mmap_lock.c, lock_mm_and_find_vma(); mm/memory.c,
 * __vmf_anon_prepare(), fault_dirty_shared_page(), mm_account_fault(); mm/filemap.c, filemap_fault() (v6.18): the order
 * in which they leave their tracepoints.
 *
 * The two halves never touch: facts come from kmem, filemap, readahead and the completion events, truth from mmap_lock
 * events. Take the fault's own mmap_lock events away and the facts are the same.
 */
import type { Ns } from '../../units.js';
import type { PageObject, TruthObject } from './event.js';
import type { Mode } from './uffd.js';

/** The slow path of the x86 handler: it took mmap_lock for this fault. */
const SLOW_PATH = 'lock_mm_and_find_vma';
/** Installs the first anon_vma of a VMA under mmap_read_trylock(), while the fault stays under the VMA lock. */
const ANON_PREPARE = '__vmf_anon_prepare';
/** A ->fault call is microseconds; beyond this it slept on a folio lock. Handled faults stay below 175 us. */
export const FOLIO_WAIT_NS = 200_000;
const PMD_BYTES = 2 << 20;

const ERROR_PRESENT = 1;
const ERROR_WRITE = 2;
const ERROR_FETCH = 16;

interface Acquisition {
  t: Ns;
  wait: Ns;
  write: boolean;
  /** outermost known function that took it, null without a call chain */
  by: string | null;
  /** -1 while held */
  released: Ns;
}

/** What the address map says of the fault's address when the fault ends without a completion event. */
export interface Ending {
  covered: boolean;
  permitted: boolean;
  /** the thread exits next, as the last of its process */
  groupDead: boolean;
  exits: boolean;
  /** another thread of the process began to die during the fault */
  dying: boolean;
}

export class FaultWindow {
  readonly t: Ns;
  readonly address: string;
  readonly kernelMode: boolean;
  readonly errorCode: number;
  readonly write: boolean;
  /** the VMA is shared; null when no VMA is known there */
  readonly shared: boolean | null;
  /** 'minor' or 'major' once handle_mm_fault() completed */
  done: 'minor' | 'major' | null = null;
  doneAt: Ns = -1;
  /** userfaultfd requests of other threads that ran from beginning to end while this fault waited */
  readonly resolvers: { name: string; mode: Mode; at: Ns }[] = [];

  #acquired: Acquisition[] = [];
  #refusedInARow = 0;
  #firstRefusal: Ns = 0;
  #prepareFailed = false;
  #refusedSlow = false;
  #stacks = false;
  #waited: Ns = 0;

  #handlerCalls: Ns[] = [];
  #readAhead: Ns = -1;
  #asyncMark = false;
  #firstRss: Ns = -1;
  #swapIn = false;
  #hugePage = false;

  constructor(t: Ns, address: string, errorCode: number, kernelMode: boolean, shared: boolean | null) {
    this.t = t;
    this.address = address;
    this.errorCode = errorCode;
    this.kernelMode = kernelMode;
    this.shared = shared;
    this.write = (errorCode & ERROR_WRITE) !== 0;
  }

  get access(): 'read' | 'write' | 'exec' {
    return this.write ? 'write' : this.errorCode & ERROR_FETCH ? 'exec' : 'read';
  }

  /** mmap_lock_acquire_returned inside the fault; `asked` is when its start_locking was seen. */
  acquire(t: Ns, asked: Ns, write: boolean, success: boolean, stack: readonly string[] | null): void {
    const by = stack === null ? null : ([SLOW_PATH, ANON_PREPARE].find(name => stack.includes(name)) ?? stack[0] ?? '');
    if (by !== null) this.#stacks = true;
    if (by === ANON_PREPARE && !success) this.#prepareFailed = true;
    if (by === null || by === SLOW_PATH) this.#waited += t - asked;
    if (success) {
      if (this.#refusedInARow >= 2) {
        this.#prepareFailed = true;
        // without call chains the trylock of __vmf_anon_prepare() was taken for the slow path's
        if (by === null) this.#waited -= this.#firstRefusal;
      }
      this.#refusedInARow = 0;
      this.#acquired.push({ t, wait: t - asked, write, by, released: -1 });
    } else {
      if (this.#refusedInARow++ === 0) this.#firstRefusal = t - asked;
      if (by === SLOW_PATH) this.#refusedSlow = true;
    }
  }

  /** mmap_lock_released inside the fault. */
  release(t: Ns): void {
    const held = this.#acquired.findLast(acquisition => acquisition.released < 0);
    if (held !== undefined) held.released = t;
  }

  /** Write lock became a read lock: the stack has grown. */
  downgrade(t: Ns, stack: readonly string[] | null): void {
    this.release(t);
    this.acquire(t, t, false, true, stack);
  }

  /** kmem:rss_stat of the thread's own mm; `delta` bytes, NaN when the counter was not seen before. */
  rss(t: Ns, type: string, delta: number): void {
    if (this.#firstRss < 0) this.#firstRss = t;
    if (type === 'MM_SWAPENTS' && delta < 0) this.#swapIn = true;
    if (delta === PMD_BYTES && (type === 'MM_ANONPAGES' || type === 'MM_SHMEMPAGES')) this.#hugePage = true;
  }

  /** filemap:mm_filemap_fault: fault-around did not map the page, ->fault was called. */
  handlerCalled(t: Ns): void {
    this.#handlerCalls.push(t);
  }

  /** A readahead:* event of this thread. */
  readAhead(t: Ns, name: string): void {
    if (name === 'page_cache_async_ra') this.#asyncMark = true;
    this.#readAhead = t;
  }

  complete(t: Ns, kind: 'minor' | 'major'): void {
    this.done = kind;
    this.doneAt = t;
  }

  /** Which userfaultfd request ended this fault: none when the fault itself put the page there or read it in. */
  get resolvedBy(): { name: string; mode: Mode; at: Ns } | null {
    if (this.#firstRss >= 0 || this.#readAhead >= 0 || this.#handlerCalls.length > 0) return null;
    return this.resolvers.at(-1) ?? null;
  }

  /** The page cache could not be read off the events: the handler ran twice, with no readahead and no wait. */
  get pageCacheUnknown(): boolean {
    const { folio, readahead } = this.facts();
    return this.#handlerCalls.length > 1 && folio === undefined && readahead === undefined;
  }

  /** What the fault met. What is left out is for the replay to derive. */
  facts(): PageObject {
    const page: PageObject = {};
    if (this.errorCode & ERROR_PRESENT) page.entry = 'present';
    if (this.#swapIn) {
      page.entry = 'swap';
      page.folio = this.done === 'major' ? 'absent' : 'cached';
      if (this.done === 'major') page.wait = this.#firstRss - this.t;
    } else if (this.#handlerCalls.length > 0 || this.#readAhead >= 0) {
      this.#pageCache(page);
    }
    if (this.#hugePage) page.huge = 'pmd';
    const by = this.resolvedBy;
    if (by !== null) page.wait = by.at - this.t;
    // UFFDIO_COPY and its kind refuse a page that is there
    if (by?.mode === 'missing' && page.entry === undefined) page.entry = 'none';
    return page;
  }

  #pageCache(page: PageObject): void {
    const began = this.#handlerCalls[0] ?? this.#readAhead;
    const from = Math.max(began, this.#readAhead);
    const next = [this.#handlerCalls[1] ?? -1, this.#firstRss, this.doneAt].find(t => t > from);
    const wait = next === undefined ? -1 : next - from;
    if (this.#asyncMark) page.readahead = true;
    else if (this.#readAhead >= 0 || this.done === 'major') page.folio = 'absent';
    else if (wait >= FOLIO_WAIT_NS) page.folio = 'locked';
    else return;
    if (wait >= 0 && !this.#asyncMark) page.wait = wait;
  }

  /**
   * What the kernel did with a fault that completed. Null when the order of events does not decide: a lock that was
   * released before the completion was the slow path's in a shared VMA, the anon_vma's in a private one.
   */
  completedTruth(): TruthObject | null {
    const released =
      this.#acquired.some(a => a.released >= 0 && !a.write) && this.#acquired.every(a => a.released >= 0);
    if (released && !this.#stacks && !this.kernelMode && this.shared === null) return null;
    const slow = this.#stacks
      ? this.#refusedSlow || this.#acquired.some(a => a.by === SLOW_PATH)
      : this.#acquired.some(a => this.#bySlowPath(a));
    const truth: TruthObject = { path: slow ? 'mmap_lock' : 'vma_lock', fallback: slow };
    this.#remarks(truth);
    return truth;
  }

  /** Without a call chain: kernel-mode and shared faults never prepare an anon_vma; else only what is still held counts. */
  #bySlowPath(acquisition: Acquisition): boolean {
    if (this.kernelMode || this.shared === true) return true;
    return acquisition.released < 0 || acquisition.released > this.doneAt;
  }

  /** What the kernel did with a fault that never completed: a signal, or the thread was killed. */
  abandonedTruth(ending: Ending): TruthObject {
    let slow = this.#refusedSlow || this.#acquired.some(a => a.by === SLOW_PATH);
    if (!this.#stacks) {
      // acct_collect() of a dying process read-locks its mm once more
      const pairs = this.#acquired.length - (ending.exits && ending.groupDead ? 1 : 0);
      slow = (this.kernelMode || !ending.covered) && (pairs > 0 || this.#acquired.some(a => a.write));
    }
    const truth: TruthObject = { fallback: slow };
    if (this.kernelMode && !slow) return truth;
    const killed = ending.exits && ending.permitted && ending.dying;
    truth.path = killed ? 'killed' : 'signal';
    this.#remarks(truth);
    return truth;
  }

  /**
   * What the locks alone say, for a recording without completion events: null when they do not decide. Where the fault
   * was finished stays unknown.
   */
  lockTruth(): TruthObject | null {
    if (this.#acquired.length > 0 && !this.#stacks) return null;
    const truth: TruthObject = { fallback: this.#refusedSlow || this.#acquired.some(a => a.by === SLOW_PATH) };
    this.#remarks(truth);
    return truth;
  }

  #remarks(truth: TruthObject): void {
    const prepared = this.#acquired.some(a => (this.#stacks ? a.by === ANON_PREPARE : this.#looksPrepared(a, truth)));
    if (this.#prepareFailed) truth.anon_prepare = 'failed';
    else if (prepared) truth.anon_prepare = 'ok';
    if (this.#stacks && truth.fallback) truth.via = SLOW_PATH;
    else if (this.#stacks && prepared) truth.via = ANON_PREPARE;
    if (truth.fallback && this.#waited > 0 && this.#waitIsKnown) truth.wait = this.#waited;
  }

  /** Without call chains, of two acquisitions one may have been the anon_vma's, or of another function altogether. */
  get #waitIsKnown(): boolean {
    if (this.#stacks || this.#acquired.length === 1 || this.#acquired.some(a => a.write)) return true;
    return this.done !== null && (this.kernelMode || this.shared === true);
  }

  #looksPrepared(acquisition: Acquisition, truth: TruthObject): boolean {
    return !truth.fallback && this.done !== null && !acquisition.write && acquisition.released >= 0;
  }
}
