/**
 * Who is who while a recording streams by: threads, processes, address spaces.
 *
 * An address space is known by the `mm=` pointer of the mmap_lock events. The kernel reuses pointers, so a pointer means
 * whatever mm was made last under it.
 */
import type { Ns } from '../../units.js';
import { AddressMap, type Extent } from './address-map.js';
import { Doubts } from './doubt.js';
import type { EventObject, LockSection } from './event.js';
import type { Shown } from './extent-check.js';
import type { FaultWindow } from './fault-window.js';
import type { Growth } from './mapped.js';
import type { Entry } from './outbox.js';
import type { Recording } from './recording.js';
import type { Userfault } from './uffd.js';
import { Unseen } from './unseen.js';
import { Waiting } from './waiting.js';
import type { Page } from './words.js';

export class Mm {
  map: AddressMap;
  /** what calls may have done to it, and nobody knows */
  readonly doubts: Doubts;
  /** some of it was given to MADV_FREE */
  freed: boolean;
  /** by mseal(2): it can neither be unmapped nor changed */
  readonly sealed: AddressMap;
  /** hex; '' before the first brk(2) */
  brk: string;
  uffd: Userfault | null = null;
  /** it was copied from one that had a userfaultfd */
  readonly #inherits: boolean;
  /** everything mapped in it is known: it was empty at an execve of this recording, or its maps were found */
  complete: boolean;
  /** it was there when the recording began */
  attached: boolean;
  /** what is known of the rest of it */
  readonly unseen: Unseen;
  readonly waiting = new Waiting();
  /** pages that faults left without mapping them */
  readonly unfinished = new Set<Page>();
  #id = 0;
  readonly #ids: { last: number };

  constructor(ids: { last: number }, from?: Mm) {
    this.#ids = ids;
    this.map = from?.map.clone() ?? new AddressMap();
    this.doubts = from?.doubts.clone() ?? new Doubts();
    this.freed = from?.freed ?? false;
    this.sealed = from?.sealed.clone() ?? new AddressMap();
    this.unseen = from?.unseen.clone() ?? new Unseen();
    this.brk = from?.brk ?? '';
    this.complete = from?.complete ?? false;
    this.attached = from?.attached ?? false;
    if (from !== undefined) this.#leavesOut(from);
    this.#inherits = from?.watched ?? false;
  }

  /** dup_mmap() does not copy what has VM_DONTCOPY: nothing is there in the child, for certain. */
  #leavesOut(from: Mm): void {
    for (const { start, end, dontfork } of from.map.all()) {
      if (!dontfork) continue;
      this.map.unmap(start, end);
      this.doubts.settle(start, end);
    }
  }

  /** A userfaultfd may watch some of it, or may have. */
  get watched(): boolean {
    return this.#inherits || this.uffd !== null;
  }

  /** Numbered in the order in which events mention them. */
  get id(): number {
    if (this.#id === 0) this.#id = ++this.#ids.last;
    return this.#id;
  }
}

export interface Process {
  pid: number;
  mm: Mm;
  /** when and by whom its end began, if not by the thread's own exit(2) */
  dying: { t: Ns; tid: number } | null;
  threads: number;
}

/** A run of mmap_lock sections inside a call that is not modelled. */
export interface Episode {
  kind: 'episode';
  t: Ns;
  entry: Entry;
  key: string;
  mm: Mm;
  name: string;
  sections: LockSection[];
  mapped: Extent | null;
  /** what it made a VMA grow down by, with no fault: a debugger, or /proc/PID/mem */
  grown: Growth | null;
  /** it made anonymous pages, and their VMA an anon_vma, without a fault */
  populates: boolean;
  /** its thread stopped running while it held mmap_lock for writing */
  stopped: boolean;
}

export interface Call {
  kind: 'call';
  name: string;
  args: readonly string[];
  /** raw_syscalls, not the call's own event */
  raw: boolean;
  t: Ns;
  /** place in the order; null for calls that are not modelled */
  entry: Entry | null;
  sections: LockSection[];
  /** its thread stopped running while it held mmap_lock for writing */
  stopped: boolean;
  /** MMAP2 lines that came while it ran */
  mapped: Shown[];
  /** mmap_lock pointer of the mm that fork or execve is making */
  newKey: string | null;
}

export type Owner = { kind: 'fault'; window: FaultWindow } | Call | Episode | { kind: 'nobody' };

export interface Held {
  key: string;
  owner: Owner;
  section: LockSection;
}

export interface OpenFault {
  tid: number;
  window: FaultWindow;
  entry: Entry;
  mm: Mm;
  cpu: number;
  /** line of the text where it began */
  line: number;
  /** records were lost while it was open */
  lossy: boolean;
  /** what turned out to stand before it in the trace */
  before: EventObject[];
}

export interface Thread {
  tid: number;
  process: Process;
  fault: OpenFault | null;
  call: Call | null;
  episode: Episode | null;
  asking: { key: string; t: Ns; stack: readonly string[] | null; owner: Owner } | null;
  /** the fault whose last attempt at mmap_lock may still get its call chain */
  unexplained: FaultWindow | null;
  held: Held[];
  /** mapped by the execve that is under way; null outside one */
  execMaps: AddressMap | null;
  /** first segment of the image that this execve maps */
  execImage: Extent | null;
  /** its execve is past the point of no return */
  execed: boolean;
  exited: boolean;
}

export class World {
  readonly recording: Recording;
  readonly #threads = new Map<number, Thread>();
  readonly #processes = new Map<number, Process>();
  readonly #mms = new Map<string, Mm>();
  readonly #keys = new WeakMap<Mm, string>();
  readonly #ids = { last: 0 };
  /** threads with a record since seenLately() was asked */
  #seen = new Set<Thread>();
  /** of those, the one whose record came last */
  #latest: Thread | null = null;

  constructor(recording: Recording) {
    this.recording = recording;
  }

  /** The thread of a record; `pid` -1 when the text prints none. */
  thread(pid: number, tid: number): Thread {
    const thread = this.#threads.get(tid) ?? this.#addThread(tid, this.#process(pid < 0 ? tid : pid));
    if (pid >= 0 && thread.process.pid !== pid) this.#regroup(thread, pid);
    if (thread !== this.#latest) this.#seen.add(thread);
    this.#latest = thread;
    return thread;
  }

  /** The text says of which process a thread is, where its fork did not. */
  #regroup(thread: Thread, pid: number): void {
    const { mm, threads } = thread.process;
    thread.process.threads--;
    if (threads === 1) this.#processes.delete(thread.process.pid);
    if (!this.#processes.has(pid)) this.#processes.set(pid, { pid, mm, dying: null, threads: 0 });
    thread.process = this.#process(pid);
    thread.process.threads++;
  }

  /** A thread that executes a program is a process of its own from then on. */
  detach(thread: Thread, mm: Mm): void {
    if (thread.process.threads > 1 && thread.process.pid !== thread.tid) this.#regroup(thread, thread.tid);
    thread.process.mm = mm;
  }

  known(tid: number): Thread | undefined {
    return this.#threads.get(tid);
  }

  /** The thread, where there is one alone. */
  get only(): Thread | null {
    const [first] = this.#threads.size === 1 ? this.#threads.values() : [];
    return first ?? null;
  }

  threads(): IterableIterator<Thread> {
    return this.#threads.values();
  }

  faultBegins(thread: Thread, fault: OpenFault): void {
    thread.fault = fault;
    fault.mm.waiting.begins(fault);
  }

  /** Takes the open fault off the thread, if any. */
  faultOver(thread: Thread): void {
    const { fault } = thread;
    if (fault === null) return;
    thread.fault = null;
    fault.mm.waiting.ends(fault);
  }

  /** The threads that had a record since this was asked last. */
  seenLately(): Iterable<Thread> {
    const seen = this.#seen;
    this.#seen = new Set();
    this.#latest = null;
    return seen;
  }

  /** A new thread of `process`, whatever had this tid before. */
  #addThread(tid: number, process: Process): Thread {
    const thread: Thread = {
      tid,
      process,
      fault: null,
      call: null,
      episode: null,
      asking: null,
      unexplained: null,
      held: [],
      execMaps: null,
      execImage: null,
      execed: false,
      exited: false,
    };
    process.threads++;
    this.#drop(tid);
    this.#threads.set(tid, thread);
    return thread;
  }

  #process(pid: number): Process {
    let process = this.#processes.get(pid);
    if (process === undefined) {
      process = { pid, mm: new Mm(this.#ids), dying: null, threads: 0 };
      this.#processes.set(pid, process);
    }
    return process;
  }

  /** A forked thread or process. `mm` is the parent's when they share it. */
  fork(pid: number, tid: number, mm: Mm): Thread {
    const parent = this.#processes.get(pid);
    if (parent !== undefined && parent.mm === mm && pid !== tid) return this.#addThread(tid, parent);
    const process: Process = { pid, mm, dying: null, threads: 0 };
    this.#processes.set(pid, process);
    return this.#addThread(tid, process);
  }

  /** A new address space: empty, or a copy for a forked child. */
  newMm(from?: Mm): Mm {
    return new Mm(this.#ids, from);
  }

  forget(tid: number): void {
    const thread = this.#drop(tid);
    if (thread !== undefined && thread.process.threads === 0) this.#processes.delete(thread.process.pid);
  }

  /** The thread that had this tid. */
  #drop(tid: number): Thread | undefined {
    const thread = this.#threads.get(tid);
    if (thread === undefined) return undefined;
    this.#threads.delete(tid);
    this.faultOver(thread);
    this.#seen.delete(thread);
    return thread;
  }

  keyOf(mm: Mm): string | undefined {
    return this.#keys.get(mm);
  }

  mmOf(key: string): Mm | undefined {
    return this.#mms.get(key);
  }

  bind(key: string, mm: Mm): void {
    const before = this.#mms.get(key);
    if (before !== undefined) this.#keys.delete(before);
    this.#mms.set(key, mm);
    this.#keys.set(mm, key);
  }
}

/** `mm` of an event, left out for the first address space. */
export function mmKey(mm: Mm): { mm?: number } {
  return mm.id === 1 ? {} : { mm: mm.id };
}
