/**
 * What a recording is able to say, learnt while it streams by: which events it has, and what its kernel does not do.
 *
 * Models: mm/memory.c, __vmf_anon_prepare() (since v6.10); include/trace/events/mmap_lock.h (memcg_id since v6.16).
 */
import type { Ns } from '../../units.js';
import type { TraceRecord } from './record.js';
import { Clock } from './tick-order.js';

/** User faults in a row that all took mmap_lock: a kernel without VMA locks. Any other kernel lets one through by then. */
const ALL_LOCKED = 64;

/** A read of a slow disk takes no longer. */
const READ: Ns = 20_000_000;
/** Files that are being read at one time. */
const FILES = 4096;

export class Recording {
  /** mmap_lock events */
  locks = false;
  /** minor-faults and major-faults */
  completions = false;
  /** filemap, readahead, rss_stat or completion events: they show what a page was */
  pages = false;
  /** filemap:mm_filemap_fault: where a file's ->fault was not called, that shows */
  handlers = false;
  /** pages of files were dropped, but for those that were dirty, and until somebody writes to the file: no call shows that */
  drops = false;
  /** signal_generate or signal_deliver */
  signals = false;
  /** system calls, of which those that map at least */
  calls = false;
  /** sched_switch: a thread that sleeps shows */
  sleeps = false;
  /** raw_syscalls: every call shows, so no lock between two of them is a call's */
  everyCall = false;
  /** MMAP2 lines or a maps file: what execve mapped is known */
  maps = false;
  /** MMAP2 lines that perf did not make up: every VMA that mprotect changes is shown */
  changes = false;
  /** Does this kernel try mmap_lock inside a fault that stays under the VMA lock? null when nothing says so */
  trylock: boolean | null;
  /** when pages of a file were last asked for */
  readonly #readAhead = new Map<string, Ns>();
  readonly #clock = new Clock();
  /** time of the record in hand */
  now: Ns = 0;
  /** time of the record before it on its processor; 0 where that is not known */
  before: Ns = 0;
  /** by processor: time of its last record */
  readonly #lastOn: Ns[] = [];
  #locked = 0;
  #lockFree = false;

  /** `kernel` is the release, where the user named it. */
  constructor(kernel: string | undefined) {
    const release = /^v?(\d+)\.(\d+)/.exec(kernel ?? '');
    this.trylock = release === null ? null : Number(release[1]) * 1000 + Number(release[2]) >= 6010;
  }

  /** The next record comes. */
  saw({ t, cpu }: Pick<TraceRecord, 't' | 'cpu'>): void {
    this.now = t;
    this.#clock.reads(t);
    this.before = this.#lastOn[cpu] ?? 0;
    if (cpu >= 0) this.#lastOn[cpu] = t;
  }

  /** Pages of `file` are being read in from now on. */
  readsAhead(file: string): void {
    if (this.#readAhead.size === FILES) this.#readAhead.clear();
    this.#readAhead.set(file, this.now);
  }

  /** May pages of `file` still be on their way? */
  mayRead(file: string): boolean {
    return this.now - (this.#readAhead.get(file) ?? Number.NEGATIVE_INFINITY) < READ;
  }

  /** The clock counts timer interrupts: it says nothing of what is shorter. */
  get ticks(): boolean {
    return this.#clock.mayTick && this.#clock.shortest < Number.POSITIVE_INFINITY;
  }

  /** A user fault is over. */
  sawUserFault(locked: boolean): void {
    if (!this.locks || this.#lockFree) return;
    if (!locked) this.#lockFree = true;
    else if (++this.#locked === ALL_LOCKED) this.trylock ??= false;
  }

  /** Can it still turn out that the kernel has no VMA locks? */
  get undecided(): boolean {
    return this.trylock === null && !this.#lockFree;
  }
}
