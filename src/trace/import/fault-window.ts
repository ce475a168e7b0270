/**
 * One page fault between its exception and its end: what it met (page facts).
 *
 * Models: arch/x86/mm/fault.c, do_user_addr_fault(); mm/memory.c, mm_account_fault(), wp_page_copy(); mm/filemap.c,
 * filemap_fault(); mm/page_io.c, swap_read_folio() (v6.18): the order in which they leave their tracepoints.
 *
 * Facts come from kmem, filemap, readahead and the completion events, what became of the fault (truth.ts) from mmap_lock
 * events. Take the fault's own mmap_lock events away and the facts are the same.
 */
import type { Ns } from '../../units.js';
import type { PageObject } from './event.js';
import { FaultLocks } from './fault-locks.js';
import type { Mode } from './uffd.js';

/** A ->fault call is microseconds; beyond this it slept on a folio lock. Handled faults stay below 175 us. */
export const FOLIO_WAIT_NS = 200_000;
/**
 * Beyond this it may have: a readahead that was under way can be over as soon. Of 8,801 calls that did not sleep, in 52
 * recordings of 6.18.44, 64 took longer (an interrupt, the hypervisor); of programs started cold 6 faults that slept took
 * 41 to 133 us.
 */
const MAY_HAVE_WAITED: Ns = 20_000;
/** While pages of the file are being read in, the wait may be for the rest of that: a fault of 16 us was seen. */
const READING_MAY_HAVE_WAITED: Ns = 5_000;
/**
 * The same of a page in the swap cache, which readahead may still be reading: of 7,148 faults of a program that swapped to a
 * disk (6.18.44) six fell back, and took 19 us and more; the others, but for 13, took less than this.
 */
const SWAP_MAY_HAVE_WAITED: Ns = 10_000;
/** No monitor answers sooner: of 278 userfaults of a program that does nothing else (6.18.44) the shortest took 25.7 us. */
const MONITOR_ANSWERS: Ns = 25_000;
const PMD_BYTES = 2 << 20;

const ERROR_PRESENT = 1;
const ERROR_WRITE = 2;
const ERROR_FETCH = 16;

/** A userfaultfd request that returned. */
export interface Resolver {
  name: string;
  mode: Mode;
  at: Ns;
}

export class FaultWindow {
  readonly t: Ns;
  readonly address: string;
  readonly kernelMode: boolean;
  readonly errorCode: number;
  readonly write: boolean;
  /** its mmap_lock events, of which the facts know nothing */
  readonly locks = new FaultLocks();
  /** SIGSEGV or SIGBUS that the kernel raised for it; 0 for none */
  signal = 0;
  /** it was SIGBUS, since there is nothing at the address */
  foundNothing = false;
  /** signal that no fault raises, for which it went back to the program before it was finished; 0 for none */
  interruptedBy = 0;
  /** 'minor' or 'major' once handle_mm_fault() completed */
  done: 'minor' | 'major' | null = null;
  doneAt: Ns = -1;
  /** when the first userfaultfd request of another thread returned that began while this fault waited; -1: none did */
  resolvedAt: Ns = -1;

  /** the last of those requests */
  #resolver: Resolver | null = null;

  /** first rss_stat; -1 when there was none */
  firstRss: Ns = -1;

  /** did it sleep, and not to reclaim memory? null where the recording does not show that */
  #slept: boolean | null;
  /** the last time, with nobody else in its address space */
  #alone = false;
  /** a signal could have woken it: handle_userfault() sleeps so, folio locks and mmap_lock do not */
  #interruptibly = false;
  #handlerCalls: Ns[] = [];
  #readAhead: Ns = -1;
  #reading = false;
  /** first rss_stat after ->fault was called; -1 when there was none */
  #counted: Ns = -1;
  /** after ->fault was called, a page that was mapped by then was copied */
  #copied = false;
  #asyncMark = false;
  #swapIn = false;
  /** the counter of swap entries changed, who knows how */
  #swapCounted = false;
  #hugePage = false;
  /** there are more anonymous pages, or may be */
  #anonymous = false;

  /** @param showsSleeps whether the recording would show that it slept */
  constructor(t: Ns, address: string, errorCode: number, kernelMode: boolean, showsSleeps = false) {
    this.#slept = showsSleeps ? false : null;
    this.t = t;
    this.address = address;
    this.errorCode = errorCode;
    this.kernelMode = kernelMode;
    this.write = (errorCode & ERROR_WRITE) !== 0;
  }

  /** Was an entry there that forbade the access? */
  get present(): boolean {
    return (this.errorCode & ERROR_PRESENT) !== 0;
  }

  /**
   * Once the handler had refused it, since page faults were disabled, fixup_user_fault() made the page instead: that is not
   * counted as a fault.
   */
  get madeBehind(): boolean {
    return this.kernelMode && this.done === null && this.#anonymous;
  }

  /** It is over, and met neither a page nor a swap entry, where changes of that counter are recorded. */
  get metNothing(): boolean {
    return this.done !== null && !this.present && !this.#swapCounted;
  }

  get access(): 'read' | 'write' | 'exec' {
    return this.write ? 'write' : this.errorCode & ERROR_FETCH ? 'exec' : 'read';
  }

  /** kmem:rss_stat of the thread's own mm; `delta` bytes, NaN when the counter was not seen before. */
  rss(t: Ns, type: string, delta: number): void {
    if (this.firstRss < 0) this.firstRss = t;
    if (this.#handlerCalls.length > 0) {
      if (this.#counted < 0) this.#counted = t;
      if (this.write && delta < 0 && (type === 'MM_FILEPAGES' || type === 'MM_SHMEMPAGES')) this.#copied = true;
    }
    if (type === 'MM_SWAPENTS') {
      this.#swapCounted = true;
      if (delta < 0) this.#swapIn = true;
    }
    if (type === 'MM_ANONPAGES' && !(delta <= 0)) this.#anonymous = true;
    if (delta === PMD_BYTES && (type === 'MM_ANONPAGES' || type === 'MM_SHMEMPAGES')) this.#hugePage = true;
  }

  /** filemap:mm_filemap_fault: fault-around did not map the page, ->fault was called; `reading`: of a file that may be read in. */
  handlerCalled(t: Ns, reading = false): void {
    this.#handlerCalls.push(t);
    this.#reading = reading;
  }

  /** A readahead:* event of this thread. */
  readAhead(t: Ns, name: string): void {
    if (name === 'page_cache_async_ra') this.#asyncMark = true;
    this.#readAhead = t;
  }

  /** sched:sched_switch: its thread sleeps; `alone` in its address space, nobody has mmap_lock from it meanwhile. */
  sleeps(alone: boolean, interruptibly = false): void {
    this.#slept = true;
    this.#alone = alone;
    if (interruptibly) this.#interruptibly = true;
  }

  /** vmscan:mm_vmscan_*_reclaim_end: so far it slept for that. */
  reclaimed(): void {
    if (this.#slept !== null) this.#slept = false;
    this.#alone = false;
    this.#copied = false;
  }

  complete(t: Ns, kind: 'minor' | 'major'): void {
    this.done = kind;
    this.doneAt = t;
  }

  /** A userfaultfd request of another thread ran from beginning to end while this fault waited. */
  answered(by: Resolver): void {
    if (this.resolvedAt < 0) this.resolvedAt = by.at;
    this.#resolver = by;
  }

  /** Which userfaultfd request ended this fault: none when the fault itself put the page there or read it in. */
  get resolvedBy(): Resolver | null {
    return this.#didNothing ? this.#resolver : null;
  }

  /** It neither put a page there nor called for one. */
  get #didNothing(): boolean {
    return this.firstRss < 0 && this.#readAhead < 0 && this.#handlerCalls.length === 0;
  }

  /**
   * May it have waited for a monitor, in an address space that has one? It was over `elapsed` ns after it began, or sooner. What it
   * counted itself may be a copy of what the monitor had put there: UFFDIO_ZEROPAGE, or UFFDIO_CONTINUE.
   */
  mayBeUserfault(elapsed: Ns): boolean {
    if (this.resolvedBy !== null) return true;
    if (this.#slept !== null) return this.#interruptibly;
    if (this.#didNothing) return (this.doneAt < 0 ? elapsed : this.doneAt - this.t) >= MONITOR_ANSWERS;
    return this.write && this.#resolver !== null && this.#resolver.name !== 'UFFDIO_COPY';
  }

  /** Was ->fault called, or something read ahead for it, and nothing mapped since? */
  get isUnderWay(): boolean {
    return (this.#handlerCalls.length > 0 || this.#readAhead >= 0) && this.firstRss < 0;
  }

  /** The page cache could not be read off the events: the handler ran twice, with no readahead and no wait. */
  get pageCacheUnknown(): boolean {
    return this.#handlerCalls.length > 1 && this.#saysNothing;
  }

  /**
   * Its page was in the page cache: nothing was read in, and ->fault not called, but for a write, of which that says so when it
   * was called once.
   */
  get foundCached(): boolean {
    if (this.done !== 'minor' || this.#handlerCalls.length !== (this.write ? 1 : 0)) return false;
    return Object.keys(this.facts()).length === 0;
  }

  /** It may have waited for a folio lock, or something else held it up. */
  get mayHaveWaited(): boolean {
    if (this.#swapIn) return this.#mayHaveWaitedForSwap;
    if (this.#slept === false) return false;
    if (this.#handlerCalls.length !== 1 || (this.#neverSlept && !this.#foundMapped) || !this.#saysNothing) return false;
    return this.#waited() >= (this.#reading ? READING_MAY_HAVE_WAITED : MAY_HAVE_WAITED);
  }

  /**
   * A folio that is being read may be unlocked between the look at its lock and the sleep: of 107,092 faults that read a page
   * from a disk (6.18.44) 107,039 slept, and all of those fell back; of the other 53 two did. What took less than a disk can was
   * read from none: it was all zeroes (mm/page_io.c swap_read_folio_zeromap(), since 6.12), or in zswap.
   */
  get #mayHaveWaitedForSwap(): boolean {
    // others may have slept for mmap_lock
    if (this.#slept === true) return this.done !== 'major' && !this.#alone;
    if (this.#slept === null && this.done !== 'minor') return false;
    return Math.max(this.firstRss, this.doneAt) - this.t >= SWAP_MAY_HAVE_WAITED;
  }

  /**
   * Who sleeps on a folio lock drops his own and starts again: a read may find the page mapped by fault-around then, but
   * do_cow_fault() and do_shared_fault() call ->fault once more, unless somebody who read it has mapped the page as well.
   */
  get #neverSlept(): boolean {
    return this.write && this.#handlerCalls.length === 1 && !this.#copied;
  }

  /** A write that slept and counted no page may have found it mapped when it started again, or slept in ->page_mkwrite. */
  get #foundMapped(): boolean {
    return this.#slept === true && this.#counted < 0;
  }

  /** Do the events say nothing of the page cache? */
  get #saysNothing(): boolean {
    const { folio, readahead } = this.facts();
    return folio === undefined && readahead === undefined;
  }

  /** What the fault met. What is left out is for the replay to derive. */
  facts(): PageObject {
    const page: PageObject = {};
    if (this.present) page.entry = 'present';
    if (this.#swapIn) {
      page.entry = 'swap';
      if (this.done !== null) page.folio = this.done === 'major' ? 'absent' : 'cached';
      // what it did not sleep for was done, or unlocked, by then
      if (this.#slept === false && this.done !== 'minor') page.wait = 0;
      else if (this.done === 'major' || this.#alone) page.wait = this.firstRss - this.t;
      if (this.#alone && this.done === 'minor') page.folio = 'locked';
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
    const wait = this.#waited();
    if (this.#asyncMark) page.readahead = true;
    else if (this.#readAhead >= 0 || this.done === 'major') page.folio = 'absent';
    else if (this.#copied) page.folio = 'locked';
    else if (wait >= FOLIO_WAIT_NS && !this.#neverSlept && this.#slept !== false) page.folio = 'locked';
    else return;
    if (wait >= 0 && !this.#asyncMark) page.wait = wait;
  }

  /** From the call of ->fault, or from its readahead, to what came next, ns; -1 when nothing did. */
  #waited(): Ns {
    const began = this.#handlerCalls[0] ?? this.#readAhead;
    const from = Math.max(began, this.#readAhead);
    const next = [this.#handlerCalls[1] ?? -1, this.firstRss, this.#counted, this.doneAt].find(t => t > from);
    return next === undefined ? -1 : next - from;
  }
}
