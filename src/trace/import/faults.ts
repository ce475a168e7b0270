/**
 * The open fault of each thread: begun by its exception, ended by its completion or by what shows that there is none.
 */
import type { Extent } from './address-map.js';
import { POPULATED } from './doubt.js';
import { type EventObject, type ImportSummary, notClassified, type PageObject, type TruthObject } from './event.js';
import { ANON_PREPARE } from './fault-locks.js';
import { FaultWindow } from './fault-window.js';
import { type Counter, type FaultFields, fileOf, type Signal, switchedState } from './fields.js';
import { hiddenFrom } from './hidden.js';
import { mayBeOnDisk } from './mapped.js';
import type { Entry, Outbox } from './outbox.js';
import type { TraceRecord } from './record.js';
import type { Recording } from './recording.js';
import { type Circumstances, truthOf, UNKNOWN_LOCK } from './truth.js';
import type { Userfault } from './uffd.js';
import { HIGHEST_PAGE, type Page, pageOf, protBits } from './words.js';
import { type Mm, mmKey, type OpenFault, type Thread, type World } from './world.js';

/** A fault that is over, its truth depending on what kind of kernel this turns out to be. */
interface Pending {
  window: FaultWindow;
  about: Circumstances;
  entry: Entry;
  before: EventObject[];
  event: EventObject;
  line: number;
}

/**
 * What a thread does after its fault: it goes on in user mode, it is never seen again but lives on, its end comes (as the
 * last of its process), or the recording's, or neither is certain.
 */
export type Next = 'goesOn' | 'livesOn' | 'exits' | 'groupDead' | 'cutOff' | 'unknown';

/** ns after which a fault that shows nothing more is taken to be over. */
const SETTLED_NS = 1_000_000;

/** Nobody maps anything below: vm.mmap_min_addr. */
const LOWEST_PAGE = 1;

/** Why a fault has no path. */
const DISABLED = 'kernel-mode fault with page faults disabled: neither lock was tried';
export const NO_END = 'fault without its end: neither completion nor signal events were recorded';

/** Signals that a fault raises: SIGBUS and SIGSEGV. */
const SIGBUS = 7;
const OF_FAULTS: ReadonlySet<number> = new Set([SIGBUS, 11]);
/** si_code: there is nothing at the address. Others speak of poisoned memory. */
const BUS_ADRERR = 2;

const NEEDS = { read: protBits('rwx'), write: protBits('-w-'), exec: protBits('--x') };

export class Faults {
  readonly #outbox: Outbox;
  readonly #world: World;
  readonly #summary: ImportSummary;
  readonly #recording: Recording;
  readonly #swapSync: boolean | undefined;
  readonly #counters = new Map<string, number>();
  #pending: Pending[] = [];

  constructor(outbox: Outbox, world: World, summary: ImportSummary, swapSync: boolean | undefined) {
    this.#outbox = outbox;
    this.#world = world;
    this.#recording = world.recording;
    this.#summary = summary;
    this.#swapSync = swapSync;
  }

  /** page_fault_user or page_fault_kernel. */
  begin(thread: Thread, record: TraceRecord, { errorCode }: FaultFields): void {
    const { mm } = thread.process;
    const window = new FaultWindow(
      record.t,
      record.text,
      errorCode,
      record.name === 'page_fault_kernel',
      this.#recording.sleeps,
    );
    this.#world.faultBegins(thread, {
      tid: thread.tid,
      window,
      entry: this.#outbox.open(),
      mm,
      cpu: record.cpu,
      line: record.line,
      lossy: false,
      before: [],
    });
    this.#summary.faults++;
  }

  /** minor-faults or major-faults: handle_mm_fault() completed. */
  complete(thread: Thread, record: TraceRecord): void {
    this.#recording.completions = true;
    this.#recording.pages = true;
    const { fault } = thread;
    if (fault === null) return;
    fault.window.complete(record.t, record.name === 'major-faults' ? 'major' : 'minor');
    this.close(thread, 'goesOn');
  }

  /** The kernel raised a signal in the thread: where that is for its fault, the fault ends there. */
  raised(thread: Thread, { signal, code }: Signal): void {
    const { fault } = thread;
    if (fault === null || code <= 0 || !OF_FAULTS.has(signal)) return;
    fault.window.signal = signal;
    fault.window.foundNothing = signal === SIGBUS && code === BUS_ADRERR && !fault.window.present;
    this.close(thread, 'unknown');
  }

  /** A signal reaches the thread: what a fault raises does so before anything else. */
  delivered(thread: Thread, signal: number): void {
    const { fault } = thread;
    const another = fault?.window.kernelMode === false && !OF_FAULTS.has(signal);
    if (another && (this.#recording.completions || fault.window.isUnderWay)) fault.window.interruptedBy = signal;
    this.close(thread, another ? 'goesOn' : 'unknown');
  }

  /**
   * The fault is over: completed, or another event of the thread shows that it never will be.
   *
   * @param next what the thread does next
   */
  close(thread: Thread, next: Next): void {
    const { fault } = thread;
    if (fault === null) return;
    this.#world.faultOver(thread);
    const { window, entry, mm } = fault;
    const event = this.#event(thread, fault);
    const interrupted = window.interruptedBy > 0;
    const over = window.done !== null || (!this.#recording.completions && next === 'goesOn' && !interrupted);
    if (over && window.pageCacheUnknown) {
      notClassified(this.#summary, 'page cache: the handler ran twice, without readahead or a wait', fault.line);
      // PG_readahead is PG_reclaim too: while the folio is written back the lock is dropped and nothing read ahead
      event.page = { ...event.page, readahead: true };
      event['x-inferred'] = 'the handler ran twice, without readahead or a wait';
    }
    const page = pageOf(window.address);
    const extent = mm.map.at(page);
    const hidden = hiddenFrom(this.#recording, mm, window, extent, this.#recording.now - window.t);
    const doubt = mm.doubts.at(page);
    if (doubt !== null && window.write && window.done !== null) mm.doubts.written(page);
    if (doubt !== null) event['x-hidden'] = doubt;
    else if (hidden !== null) event['x-hidden'] = hidden;
    else if (window.mayHaveWaited) event['x-hidden'] = 'folio lock';
    this.#unfinished(event, window, mm, extent, over);
    const { drops, handlers } = this.#recording;
    // what a name says is asked last: few faults are such
    if (drops && handlers && window.foundCached && mayBeOnDisk(extent)) event.page = { ...event.page, folio: 'cached' };
    const endsBefore = window.foundNothing && !mm.watched && !window.isUnderWay;
    if (endsBefore && mayBeOnDisk(extent)) event.page = { ...event.page, eof: true };
    // reclaim drops what MADV_FREE freed, and swaps it where it was written to again
    const freed = mm.freed && this.#counters.size > 0 && extent?.mapsFile === false && !extent.shared;
    if (freed && window.metNothing) metNone(event);
    const { before } = fault;
    if (over && mm.uffd !== null) before.push(...this.#uffdEvidence(event, window, mm, mm.uffd, extent));
    const endedWell = over || interrupted || next === 'livesOn';
    const mayBe = endedWell || (next === 'unknown' && window.signal === 0);
    const unseen = mayBe && !this.#recording.maps ? mm.unseen.vmaOf(window, mm, endedWell) : null;
    if (unseen !== null) before.push({ t: window.t, tid: thread.tid, ...mmKey(mm), op: 'vma', ...unseen });
    const { call } = thread;
    if (this.#recording.completions && window.madeBehind && call !== null) {
      const { name } = call;
      before.push({ t: window.t, tid: thread.tid, ...mmKey(mm), op: 'other', name, 'x-hidden': POPULATED });
    }
    const about = this.#about(thread, fault, page, extent, next);
    const judged = { window, about, entry, before, event, line: fault.line };
    if (fault.lossy) this.#tell(judged, 'fault during which records were lost');
    else this.#judge(judged);
  }

  /** The event without its truth. */
  #event(thread: Thread, { window, mm, cpu }: OpenFault): EventObject {
    const { t, address: addr, access } = window;
    const { tid } = thread;
    // most events are made here, in one step: nothing is copied where the cpu is printed
    const event: EventObject =
      cpu < 0
        ? { t, tid, op: 'fault', ...mmKey(mm), addr, access }
        : mm.id === 1
          ? { t, tid, op: 'fault', cpu, addr, access }
          : { t, tid, op: 'fault', mm: mm.id, cpu, addr, access };
    if (window.kernelMode) event.mode = 'kernel';
    if (window.done !== null) event.dur = window.doneAt - window.t;
    const page = this.#page(window.facts());
    if (Object.keys(page).length > 0) event.page = page;
    return event;
  }

  /**
   * What found nothing and ended with SIGBUS (a file was too short; UFFD_FEATURE_SIGBUS), or went back to the program, left no page
   * behind: the next fault there meets none either, unless it says what it met. Of anonymous memory that went back to the program a
   * page may be in swap; of a userfaultfd, a marker may be there.
   */
  #unfinished(event: EventObject, window: FaultWindow, mm: Mm, extent: Extent | null, over: boolean): void {
    const page = pageOf(window.address);
    if (mm.unfinished.has(page)) metNone(event);
    if (over) mm.unfinished.delete(page);
    else if (window.foundNothing || (window.interruptedBy > 0 && extent?.mapsFile && !mm.watched))
      mm.unfinished.add(page);
  }

  #about(thread: Thread, { window, mm }: OpenFault, page: Page, extent: Extent | null, next: Next): Circumstances {
    const { dying } = thread.process;
    const ending = {
      covered: this.#covered(page, extent !== null),
      permitted: extent !== null && (extent.prot & NEEDS[window.access]) !== 0,
      exits: next === 'exits' || next === 'groupDead',
      groupDead: next === 'groupDead',
      goesOn: next === 'goesOn',
      cutOff: next === 'cutOff',
      dying: dying !== null && dying.tid !== thread.tid && dying.t >= window.t,
      interruptedBy: window.interruptedBy,
    };
    return {
      kernelMode: window.kernelMode,
      access: window.access,
      // what execve mapped is private, and all the rest is known
      shared: extent?.shared ?? (mm.complete && this.#recording.calls ? false : null),
      mapsFile: extent?.mapsFile ?? null,
      doneAt: window.doneAt,
      firstRss: window.firstRss,
      resolvedAt: window.resolvedAt,
      signal: window.signal,
      ending,
    };
  }

  /** Is a VMA there? null when neither the calls nor the mappings of execve tell. */
  #covered(page: number, mapped: boolean): boolean | null {
    if (page < LOWEST_PAGE || page >= HIGHEST_PAGE) return false;
    if (!this.#recording.calls) return null;
    return mapped || (this.#recording.maps ? false : null);
  }

  /** Gives a fault its truth and hands it out; it waits while the kind of kernel that it depends on is still open. */
  #judge(fault: Pending): void {
    const { window, about } = fault;
    const recording = this.#recording;
    const { attempts } = window.locks;
    if (!about.kernelMode) recording.sawUserFault(attempts.length > 0);
    if (attempts.some(({ by }) => by === ANON_PREPARE)) recording.trylock ??= true;
    const truth = recording.locks ? truthOf(attempts, about, recording) : 'fault before the first mmap_lock event';
    if (truth === UNKNOWN_LOCK && recording.undecided) this.#pending.push(fault);
    else this.#tell(fault, truth);
    if (this.#pending.length > 0 && !recording.undecided) this.settle();
  }

  /** Faults whose truth had to wait are judged with what is known by now. */
  settle(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const fault of pending) this.#tell(fault, truthOf(fault.window.locks.attempts, fault.about, this.#recording));
  }

  #tell({ window, entry, before, event, line }: Pending, truth: TruthObject | string): void {
    if (typeof truth === 'string') notClassified(this.#summary, truth, line);
    else {
      event.truth = truth;
      if (truth.path === undefined) notClassified(this.#summary, window.kernelMode ? DISABLED : NO_END, line);
    }
    this.#outbox.close(entry, before.length === 0 ? [event] : [...before, event]);
  }

  #page(page: PageObject): PageObject {
    if (page.entry !== 'swap' || this.#swapSync === undefined) return page;
    return { ...page, swap_sync: this.#swapSync };
  }

  /** The registration that this fault proves; it goes before the first fault that still waits for the same monitor. */
  #uffdEvidence(
    event: EventObject,
    window: FaultWindow,
    mm: Mm,
    uffd: Userfault,
    extent: Extent | null,
  ): EventObject[] {
    const by = window.resolvedBy;
    if (by === null || extent === null || uffd.watches(extent)) return [];
    for (const fault of mm.waiting.answered) {
      const { t } = fault.window;
      if (t > event.t) break;
      const page = pageOf(fault.window.address);
      if (fault.window.resolvedBy === null || page < extent.start || page >= extent.end) continue;
      fault.before.push(...uffd.evidence({ t, tid: fault.tid, ...mmKey(mm) }, extent, by));
      return [];
    }
    return uffd.evidence({ t: event.t, tid: event.tid, ...mmKey(mm) }, extent, by);
  }

  /**
   * The recording ended before the fault did, as far as it shows. One without completion events shows no end of any fault:
   * there, what took mmap_lock is judged by that, and what has no userfaultfd to wait for did not take it; whether that was
   * the end of it is known only after SETTLED_NS.
   */
  giveUp(thread: Thread, now: number): void {
    const { fault } = thread;
    if (fault === null) return;
    const { window, mm } = fault;
    const locked = window.locks.attempts.length > 0;
    if (!this.#recording.completions && (locked || mm.uffd === null)) {
      const settled = now - window.t >= SETTLED_NS;
      // where records were lost, silence says nothing
      this.close(thread, settled && !fault.lossy ? 'livesOn' : settled || locked ? 'unknown' : 'cutOff');
      return;
    }
    this.#world.faultOver(thread);
    this.#outbox.close(fault.entry, [...fault.before, this.#event(thread, fault)]);
    notClassified(this.#summary, 'fault under way when the recording ended', fault.line);
  }

  /** mm_filemap_fault. */
  handlerCalled({ fault }: Thread, { t, text }: TraceRecord): void {
    this.#recording.handlers = true;
    this.#recording.pages = true;
    if (fault === null) return;
    const file = fileOf(text);
    fault.window.handlerCalled(t, file !== null && this.#recording.mayRead(file));
  }

  /** An event of readahead. */
  readAhead({ fault }: Thread, { t, name, text }: TraceRecord): void {
    this.#recording.pages = true;
    fault?.window.readAhead(t, name);
    const file = fileOf(text);
    if (file !== null) this.#recording.readsAhead(file);
  }

  /** A processor goes from a thread, who need not be of the program, to another; false when that cannot be read. */
  switched({ tid, text }: TraceRecord): boolean {
    const state = switchedState(text);
    if (state === null) return false;
    this.#recording.sleeps = true;
    this.#summary.sleeps = true;
    const thread = state.startsWith('R') ? undefined : this.#world.known(tid);
    thread?.fault?.window.sleeps(thread.process.threads === 1, state.startsWith('S'));
    return true;
  }

  /**
   * The counter is printed as its new total in bytes: only the change says something, only for the thread's own mm. False
   * when its fields cannot be read.
   */
  rss(thread: Thread, { t, fields, size }: TraceRecord): boolean {
    const counter = fields as Counter | null;
    if (counter === null) return false;
    this.#recording.pages = true;
    const delta = size - (this.#counters.get(counter.name) ?? Number.NaN);
    this.#counters.set(counter.name, size);
    if (counter.own) thread.fault?.window.rss(t, counter.type, delta);
    const { episode, fault } = thread;
    if (episode !== null && fault === null && counter.type === 'MM_ANONPAGES' && !(delta <= 0))
      episode.populates = true;
    return true;
  }
}

/** There was no entry for the page, unless the fault says what it met. */
function metNone(event: EventObject): void {
  if (event.page?.entry === undefined) event.page = { ...event.page, entry: 'none' };
}
