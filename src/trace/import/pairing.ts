/**
 * Records -> events: enter with exit, fault with completion, set with remove, in the order in which they began.
 *
 * The one place that knows every record; what each means is in calls.ts, locking.ts, fault-window.ts, mapped.ts and
 * uffd.ts.
 */
import { Complaint, quote } from '../../errors.js';
import { LIMITS, type Limited } from '../limits.js';
import { Calls } from './calls.js';
import { type EventObject, type ImportSummary, notClassified } from './event.js';
import { Faults } from './faults.js';
import {
  childOf,
  copiesFromUser,
  deliveredSignal,
  execPath,
  type FaultFields,
  groupDead,
  migrationAddress,
  signalFields,
} from './fields.js';
import { Images } from './images.js';
import { Locking } from './locking.js';
import { parseMmap2 } from './mapped.js';
import { type Entry, HELD_TOO_LONG, Outbox } from './outbox.js';
import type { Snapshot } from './proc-maps.js';
import { KERNEL_STACK, type TraceRecord } from './record.js';
import { Recording } from './recording.js';
import { argumentsIn, type Enter, type Exit } from './syscall-text.js';
import { hex, pageRange } from './words.js';
import { type Call, mmKey, type Thread, World } from './world.js';

export interface PairingOptions extends Limited<'maxHeld'> {
  file: string;
  /** release of the recording kernel, where it is known */
  kernel?: string | undefined;
  /** mmap_lock events were asked for: where there are none, nobody took the lock */
  locks?: boolean | undefined;
  /** the swap device reads synchronously (zram, brd, pmem); a recording does not say */
  swapSync?: boolean | undefined;
  /** /proc/PID/maps or smaps of the process that was attached to, as it was then */
  maps: readonly Snapshot[];
}

/** Characters of a thread's name that the kernel keeps (TASK_COMM_LEN). */
const COMM_LENGTH = 15;
const CLONE_VM = 0x100;
const CLONE_THREAD = 0x10000;

export class Pairing {
  readonly summary: ImportSummary;
  /** name of the program, once known */
  command: string | null = null;
  readonly #options: PairingOptions;
  readonly #recording: Recording;
  readonly #world: World;
  readonly #outbox = new Outbox();
  readonly #calls: Calls;
  readonly #locking: Locking;
  readonly #faults: Faults;
  readonly #images: Images;
  readonly #migrating = new Map<string, { entry: Entry; event: EventObject }>();
  /** of the record that was taken last */
  #line = 0;

  constructor(options: PairingOptions, summary: ImportSummary) {
    this.#options = options;
    this.summary = summary;
    this.#recording = new Recording(options.kernel);
    this.#recording.locks = options.locks === true;
    this.#world = new World(this.#recording);
    this.#calls = new Calls(this.#outbox, this.#world, summary);
    this.#locking = new Locking(this.#outbox, this.#world, options.file);
    this.#images = new Images(this.#outbox, this.#world, summary, options.maps);
    this.#faults = new Faults(this.#outbox, this.#world, summary, options.swapSync);
  }

  /** Takes one record; what can be told for certain now is put `into` the list, in time order. */
  push(record: TraceRecord, into: EventObject[]): void {
    this.#line = record.line;
    if (record.t > Number.MAX_SAFE_INTEGER) throw this.#tooLate(record);
    if (record.t < this.#recording.now) {
      this.#count('time runs backwards: taken as simultaneous');
      record.t = this.#recording.now;
    }
    this.#recording.saw(record);
    this.#dispatch(record);
    this.#outbox.drain(into, this.#options.maxHeld ?? LIMITS.maxHeld.standard);
  }

  /** The recording is over: what is still open ends here. */
  end(into: EventObject[]): void {
    for (const thread of this.#world.threads()) {
      this.#faults.giveUp(thread, this.#recording.now);
      if (this.#calls.abandon(thread, this.#recording.now)) this.#count('system call without its end');
      this.#locking.drop(thread, this.#recording.now);
    }
    this.#faults.settle();
    for (const { entry, event } of this.#migrating.values()) this.#outbox.close(entry, [event]);
    this.#outbox.drain(into, 0);
    for (let late = this.#outbox.late; late > 0; late--) this.#count(HELD_TOO_LONG);
  }

  #tooLate({ t, line }: TraceRecord): Complaint {
    const what = `a time of 2^53 ns or more after the first, found ${t} ns`;
    return new Complaint('semantic', what, { file: this.#options.file, line }, 'leave it out with --keep-going');
  }

  #count(reason: string): void {
    notClassified(this.summary, reason, this.#line);
  }

  #dispatch(record: TraceRecord): void {
    if (record.name.startsWith('PERF_RECORD_')) {
      this.#sideBand(record);
      return;
    }
    if (record.name === 'sched_switch') {
      if (!this.#faults.switched(record)) throw this.#cutOff(record);
      this.#locking.stops(this.#world.known(record.tid));
      return;
    }
    const thread = this.#thread(record);
    this.#locking.runs(thread, record.cpu);
    this.#images.begin(thread, record.t);
    if (thread.exited) return;
    const { t, text, name } = record;
    switch (name) {
      case 'page_fault_user':
      case 'page_fault_kernel':
        this.#fault(thread, record);
        break;
      case 'minor-faults':
      case 'major-faults':
        this.#faults.complete(thread, record);
        break;
      case 'mmap_lock_start_locking':
        this.#locking.start(thread, record);
        break;
      case 'mmap_lock_acquire_returned':
        this.#locking.acquired(thread, record);
        break;
      case 'mmap_lock_released':
        this.#locking.released(thread, record);
        break;
      case KERNEL_STACK:
        this.#locking.explain(thread, record);
        break;
      case 'sys_enter':
        this.#recording.everyCall = true;
        this.#enter(thread, record);
        break;
      case 'sys_exit':
        this.#recording.everyCall = true;
        this.#exit(thread, record);
        break;
      case 'signal_generate':
        this.#signal(thread, record);
        break;
      case 'signal_deliver':
        this.#deliver(thread, record);
        break;
      case 'rss_stat':
        if (!this.#faults.rss(thread, record)) throw this.#cutOff(record);
        break;
      case 'mm_filemap_fault':
        this.#faults.handlerCalled(thread, record);
        break;
      case 'set_migration_pte':
        this.#migrate(thread, record);
        break;
      case 'remove_migration_pte':
        this.#migrated(thread, record);
        break;
      case 'mm_vmscan_direct_reclaim_end':
      case 'mm_vmscan_memcg_reclaim_end':
        thread.fault?.window.reclaimed();
        break;
      case 'sched_process_fork':
        this.#schedFork(thread, record);
        break;
      case 'sched_process_exec':
        this.#schedExec(thread, record);
        break;
      case 'sched_process_exit':
        this.#threadExits(thread, t, groupDead(text) ?? thread.process.threads === 1);
        break;
      default:
        if (name.startsWith('page_cache_')) this.#faults.readAhead(thread, record);
        else if (name.startsWith('sys_enter_')) this.#enter(thread, record);
        else if (name.startsWith('sys_exit_')) this.#exit(thread, record);
    }
  }

  /** Whose record it is; a thread that is new, where the text prints its name, is introduced by that. */
  #thread({ pid, tid, t, comm }: TraceRecord): Thread {
    const known = comm === '' || this.#world.known(tid) !== undefined;
    const thread = this.#world.thread(pid, tid);
    if (!known) this.#named(thread, t, comm);
    return thread;
  }

  #named(thread: Thread, t: number, name: string): void {
    this.command ??= name;
    this.#outbox.add({ t, tid: thread.tid, ...mmKey(thread.process.mm), op: 'thread', name });
  }

  /** The kernel raises SIGSEGV or SIGBUS in the thread that faulted: there its fault ends. */
  #signal(thread: Thread, record: TraceRecord): void {
    const fields = signalFields(record.text);
    if (fields === null) throw this.#cutOff(record);
    this.#recording.signals = true;
    if (fields.tid === thread.tid) this.#faults.raised(thread, fields);
  }

  /** A signal reaches the thread: what a fault raises does so before anything else. */
  #deliver(thread: Thread, record: TraceRecord): void {
    const signal = deliveredSignal(record.text);
    if (signal === null) throw this.#cutOff(record);
    this.#recording.signals = true;
    this.#faults.delivered(thread, signal);
  }

  #sideBand(record: TraceRecord): void {
    const { name, text } = record;
    if (name === 'PERF_RECORD_COMM') this.#comm(record);
    else if (name === 'PERF_RECORD_MMAP2') this.#mmap2(record);
    else if (name === 'PERF_RECORD_FORK' || name === 'PERF_RECORD_EXIT') {
      const ids = /^\((-?\d+):(-?\d+)\):\((-?\d+):(-?\d+)\)/.exec(text)?.slice(1).map(Number);
      if (ids === undefined) throw this.#cutOff(record);
      const [pid, tid, parentPid, parentTid] = ids;
      if (name === 'PERF_RECORD_FORK') this.#fork(this.#world.thread(parentPid, parentTid), record.t, pid, tid);
      else this.#forget(tid, record.t);
    } else if (name.startsWith('PERF_RECORD_LOST')) {
      this.summary.lost += Number(/lost (\d+)/.exec(text)?.[1] ?? 1);
      this.summary.lostFrom = Math.min(this.summary.lostFrom, this.#recording.before);
      for (const thread of this.#world.seenLately()) this.#locking.lost(thread, record.t);
    }
  }

  #forget(tid: number, t: number): void {
    const gone = this.#world.known(tid);
    if (gone !== undefined && !gone.exited) this.#threadExits(gone, t, gone.process.threads === 1);
    this.#world.forget(tid);
  }

  #cutOff({ name, text, line }: TraceRecord): Complaint {
    const found = `${name} is cut off, found ${quote(text.trim())}`;
    return new Complaint('schema', found, { file: this.#options.file, line }, 'export it again, with -F +trace');
  }

  #comm(record: TraceRecord): void {
    const match = /^( exec)?: (.*):(-?\d+)\/(-?\d+)$/.exec(record.text);
    if (match === null) throw this.#cutOff(record);
    const [, exec, name] = match;
    // perf's own child, before it becomes the program
    if (name === 'perf-exec') return;
    const thread = this.#world.thread(Number(match[3]), Number(match[4]));
    if (exec !== undefined) this.#images.exec(thread, record.t);
    this.#named(thread, record.t, name);
  }

  /** Without PERF_RECORD_COMM lines this tracepoint says that a program was executed, and which. */
  #schedExec(thread: Thread, record: TraceRecord): void {
    const path = execPath(record.text);
    if (path === null) throw this.#cutOff(record);
    this.#faults.close(thread, 'goesOn');
    if (record.comm !== '') this.#named(thread, record.t, path.slice(path.lastIndexOf('/') + 1).slice(0, COMM_LENGTH));
    if (!thread.execed) this.#images.exec(thread, record.t);
    thread.execed = false;
  }

  #mmap2(record: TraceRecord): void {
    const mapped = parseMmap2(record.text);
    if (mapped === null) throw this.#cutOff(record);
    this.#images.mapped(this.#world.thread(mapped.pid, mapped.tid), record, mapped);
  }

  #fork(parent: Thread, t: number, pid: number, tid: number): void {
    const { call } = parent;
    const { mm, pid: own } = parent.process;
    const shares = pid === own || sharesMm(call) || (this.#world.keyOf(mm) !== undefined && !call?.newKey);
    const childMm = shares ? mm : this.#world.newMm(mm);
    if (!shares && call?.newKey) this.#world.bind(call.newKey, childMm);
    this.#world.fork(pid, tid, childMm);
    const keys = { ...mmKey(mm), op: 'fork', child_tid: tid, child_mm: childMm.id };
    if (call === null || call.entry === null || call.entry.done) {
      this.#outbox.add({ t, tid: parent.tid, ...keys });
      return;
    }
    const locks = this.#recording.locks ? { locks: call.sections } : {};
    this.#outbox.close(call.entry, [{ t: call.t, tid: parent.tid, ...keys, dur: t - call.t, ...locks }]);
  }

  /** Without PERF_RECORD_FORK lines, this tracepoint says who was made. */
  #schedFork(parent: Thread, record: TraceRecord): void {
    const tid = childOf(record.text);
    if (tid === null) throw this.#cutOff(record);
    const known = this.#world.known(tid);
    if (known !== undefined && !known.exited) return;
    this.#fork(parent, record.t, makesProcess(parent.call) ? tid : parent.process.pid, tid);
  }

  #enter(thread: Thread, record: TraceRecord): void {
    const enter = record.fields as Enter | null;
    this.#recording.calls = true;
    if (enter === null) throw this.#cutOff(record);
    // recorded twice: by raw_syscalls and by its own event
    if (thread.call?.name === enter.name && thread.call.raw !== enter.raw) return;
    this.#faults.close(thread, enter.name === 'rt_sigreturn' ? 'unknown' : 'goesOn');
    this.#images.flush(thread, record.t, true);
    if (this.#calls.abandon(thread, record.t)) this.#count('system call without its end');
    this.#calls.enter(thread, record.t, enter, argumentsIn(record.text));
    thread.execed = false;
    const { process } = thread;
    if (enter.name === 'exit_group') process.dying ??= { t: record.t, tid: thread.tid };
  }

  #exit(thread: Thread, record: TraceRecord): void {
    const exit = record.fields as Exit | null;
    if (exit === null) throw this.#cutOff(record);
    this.#recording.calls = true;
    // who faulted in user mode entered the call after that, unseen
    const entered = exit.name !== 'rt_sigreturn' && thread.fault?.window.kernelMode === false;
    this.#faults.close(thread, entered ? 'goesOn' : 'unknown');
    this.#images.flush(thread, record.t, true);
    if (thread.call !== null && exit.name !== null && thread.call.name !== exit.name) {
      if (this.#calls.abandon(thread, record.t)) this.#count('system call without its end');
    }
    this.#calls.exit(thread, record.t, record.text);
  }

  #fault(thread: Thread, record: TraceRecord): void {
    const fields = record.fields as FaultFields | null;
    const goesOn = record.name === 'page_fault_user' || (fields?.copies ?? copiesFromUser(record.text));
    this.#faults.close(thread, goesOn ? 'goesOn' : 'unknown');
    this.#images.flush(thread, record.t, record.name === 'page_fault_user');
    if (fields === null) throw this.#cutOff(record);
    if (record.text.startsWith('0x')) {
      this.#images.execFaults(thread, record, fields);
      this.#faults.begin(thread, record, fields);
    } else this.#count('fault on an address of the kernel, printed as a symbol');
  }

  /** A migration entry stands from set to remove; whoever removes it, the page is named by mm and address. */
  #migrate(thread: Thread, record: TraceRecord): void {
    const { key, address } = this.#migrated(thread, record);
    const { mm } = thread.process;
    const event: EventObject = {
      t: record.t,
      tid: thread.tid,
      ...mmKey(mm),
      op: 'migrate',
      ...pageRange(hex(address)),
    };
    this.#migrating.set(key, { entry: this.#outbox.open(), event });
  }

  /** What migration entry was there is gone. */
  #migrated(thread: Thread, record: TraceRecord): { key: string; address: string } {
    const address = migrationAddress(record.text);
    if (address === null) throw this.#cutOff(record);
    const key = `${thread.process.mm.id} ${address}`;
    const found = this.#migrating.get(key);
    if (found !== undefined) {
      this.#migrating.delete(key);
      this.#outbox.close(found.entry, [{ ...found.event, dur: record.t - found.event.t }]);
    }
    return { key, address };
  }

  #threadExits(thread: Thread, t: number, lastOfGroup: boolean): void {
    const { process } = thread;
    this.#faults.close(thread, lastOfGroup ? 'groupDead' : 'exits');
    const { call } = thread;
    if (call?.name !== 'exit') process.dying ??= { t, tid: thread.tid };
    if (this.#calls.abandon(thread, t)) this.#count('system call without its end');
    this.#locking.drop(thread, t);
    thread.exited = true;
    process.threads--;
    this.#outbox.add({ t, tid: thread.tid, ...mmKey(process.mm), op: 'exit' });
  }
}

/** vfork and clone(CLONE_VM): no address space is made. The flags of clone3 are out of sight. */
function sharesMm(call: Call | null): boolean {
  return call?.name === 'vfork' || (call?.name === 'clone' && (Number('0x' + call.args[0]) & CLONE_VM) !== 0);
}

/** fork, vfork, clone without CLONE_THREAD; clone3 when it made an address space. */
function makesProcess(call: Call | null): boolean {
  if (call?.name === 'clone') return (Number('0x' + call.args[0]) & CLONE_THREAD) === 0;
  return call?.name === 'fork' || call?.name === 'vfork' || Boolean(call?.newKey);
}
