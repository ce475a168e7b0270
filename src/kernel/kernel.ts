/**
 * One kernel under one stage: what the walks share. Holds state and the few moves every walk makes; semantics are in
 * fault.ts, handle-mm-fault.ts and the operations.
 */
import type { Engine } from '../engine/engine.js';
import type { FileFacts } from '../trace/columns.js';
import type { Ns } from '../units.js';
import type { Costs } from './costs.js';
import type { Ledger } from './ledger.js';
import { Mm } from './mm.js';
import { AddressSpace, FOLIO_UNKNOWN } from './page-cache.js';
import type { Answers } from './sites.js';
import { isSpeculation, type Stage } from './stage.js';
import type { Seen, Sleep, Task } from './task.js';
import { type Culprit, Vma } from './vma.js';
import { type VmaLock, vmaLockNamed } from './vma-lock/index.js';
import type { Witness } from './witness.js';

const NOBODY = -1;
/** A lock that nobody can hold. */
const NOBODY_ASKS = new Vma(0, 0, 0, 0, -1, 0, -1);

export class Kernel {
  /** the stage's answers; who follows a fault may have a listener in their place while one of its steps runs */
  at: Answers;
  /** who follows faults from inside; null when nobody does */
  witness: Witness | null = null;
  /** what a writer marks; null where there is nothing */
  readonly lock: VmaLock | null;
  /** by which sequence count faults speculate; null where they do not */
  readonly speculates: 'vm_sequence' | 'mmap_seq' | null;
  readonly mms: (Mm | undefined)[] = [];
  /** by dense index, as in TraceInfo.tids */
  readonly tasks: Seen[] = [];
  /** files and names of the trace, by index */
  files: readonly FileFacts[] = [];
  strings: readonly string[] = [];
  /** Threads that hold a lock for reading, and whose release is made up for when somebody asks. */
  private readonly holding: Task[] = [];
  /** Called when such a release is made up for: `task.until` has passed. */
  onRelease!: (task: Task) => void;
  private readonly mappings = new Map<number, AddressSpace>();
  /** the header says that the swap device is a synchronous one */
  swapSync = false;
  /** counts up: identities of policies, userfaultfd contexts and unknown file offsets */
  private identities = 0;

  constructor(
    stage: Stage,
    readonly engine: Engine,
    readonly costs: Costs,
    readonly ledger: Ledger,
    /** hold mmap_lock as recorded, at the recorded times */
    readonly recorded: boolean,
  ) {
    // A stage without a VMA lock leaves fault sites unanswered and is never asked.
    this.at = stage.answers as Answers;
    this.lock = vmaLockNamed(stage.vmaLock);
    this.speculates = isSpeculation(stage.vmaLock) ? stage.vmaLock : null;
  }

  /** The mm with dense index `id`, made on first use. */
  mm(id: number): Mm {
    let mm = this.mms[id];
    if (mm === undefined) {
      mm = new Mm(id, this.engine, this.costs.wake, this.at['is_mergeable_anon_vma.unfaulted'] === 'yes');
      this.mms[id] = mm;
    }
    return mm;
  }

  /** A new, empty mm in place of whatever had this index. */
  freshMm(id: number): Mm {
    this.dropMm(id);
    return this.mm(id);
  }

  /** The mm with this index is gone; should anything still ask for it, it is empty. */
  dropMm(id: number): void {
    const mm = this.mms[id];
    if (mm === undefined) return;
    for (let vma = mm.mm_mt.first(); vma !== null; vma = mm.mm_mt.next(vma)) vma.mapping?.i_mmap?.remove(vma);
    this.mms[id] = undefined;
  }

  /** The page cache of a file on a disk, by its index. */
  mapping(file: number): AddressSpace {
    let mapping = this.mappings.get(file);
    if (mapping === undefined) {
      mapping = new AddressSpace(FOLIO_UNKNOWN, true);
      this.mappings.set(file, mapping);
    }
    return mapping;
  }

  /** `task` uses `mm` from now on, and no other; null when it is gone. */
  uses(task: Pick<Task, 'uses'>, mm: Mm | null): void {
    if (task.uses !== null) task.uses.users--;
    task.uses = mm;
    if (mm !== null) mm.users++;
  }

  newIdentity(): number {
    return ++this.identities;
  }

  /** `task` holds `task.holds` until `task.until`. */
  hold(task: Task): void {
    if (task.listed) return;
    task.listed = true;
    this.holding.push(task);
  }

  /**
   * Somebody asks for `lock`: who should have released it has, and who holds it still will at its time.
   * @returns the thread that will hold it longest, -1 when none of those is known
   */
  settleHolders(lock: Vma | Mm): number {
    const { holding, engine } = this;
    let kept = 0;
    let longest: Task | null = null;
    for (const task of holding) {
      if (task.holds !== null && task.until <= engine.now) this.onRelease(task);
      else if (task.holds === lock) {
        task.holds = null;
        engine.wake(task.id, task.until - engine.now);
        if (longest === null || task.until > longest.until) longest = task;
      }
      if (task.holds === null) task.listed = false;
      else holding[kept++] = task;
    }
    holding.length = kept;
    return longest?.id ?? NOBODY;
  }

  /** The latest time at which anybody releases what he holds. */
  get lastRelease(): Ns {
    let last = 0;
    for (const task of this.holding) if (task.holds !== null && task.until > last) last = task.until;
    return last;
  }

  /** Makes up for every release that is due. */
  settleDue(): void {
    this.settleHolders(NOBODY_ASKS);
  }

  /** `task` sleeps from now on, until another thread ends that. */
  sleepsOn(task: Task, what: Sleep): void {
    task.blockedOn = what;
    this.ledger.asleep(task);
  }

  /** Notes that `task` is held up by whatever `thread` has in hand. */
  blame(task: Task, thread: number): void {
    task.byThread = thread;
    if (thread < 0) return;
    const other = this.tasks[thread];
    task.byIndex = other.i;
    task.byOp = other.op;
  }

  /** What it is because of may be over. */
  blameEvent(task: Task, { thread, i, op }: Culprit): void {
    task.byThread = thread;
    task.byIndex = i;
    task.byOp = op;
  }

  /** down_read_trylock() of mmap_lock, when those who are through with it have released it. */
  tryRead(task: Task, mm: Mm): boolean {
    const { mmap_lock } = mm;
    if (mmap_lock.tryRead(task.id)) return true;
    if (mmap_lock.readers.size === 0) return false;
    // readers who are known to wait are let in by the last release
    this.settleDue();
    return mmap_lock.tryRead(task.id);
  }

  /** mmap_read_trylock() inside a fault. */
  mmap_read_trylock(task: Task): boolean {
    const { mm } = task;
    this.ledger.trylock(task);
    if (this.tryRead(task, mm)) {
      this.ledger.mmapLocked(task, mm, false, 0, false);
      return true;
    }
    this.blame(task, mm.mmap_lock.inTheWay);
    this.ledger.mmapTrylockFailed(mm);
    return false;
  }

  /** mmap_read_unlock(). */
  mmap_read_unlock(task: Task, mm: Mm, held: Ns): void {
    this.ledger.mmapHeld(task, mm, false, held);
    mm.mmap_lock.releaseRead(task.id);
  }

  /** mmap_write_unlock(): every mark ends, then the lock is free. */
  mmap_write_unlock(task: Task, mm: Mm, held: Ns): void {
    this.ledger.mmapHeld(task, mm, true, held);
    this.lock?.endWriteAll(mm);
    mm.mmap_lock.releaseWrite(task.id);
  }

  /** mmap_write_downgrade(): every mark ends, then queued readers at the head may enter. */
  mmap_write_downgrade(task: Task, mm: Mm, held: Ns): void {
    this.ledger.mmapHeld(task, mm, true, held);
    this.lock?.endWriteAll(mm);
    mm.mmap_lock.downgrade(task.id);
    this.ledger.mmapLocked(task, mm, false, 0, false);
  }

  /** vma_end_read(): the last reader wakes a writer asleep in vma_start_write(). */
  vma_end_read(vma: Vma): void {
    if (this.lock?.endRead(vma) && vma.writer >= 0) {
      const writer = vma.writer;
      vma.writer = -1;
      this.engine.wake(writer, this.costs.wake);
    }
  }
}
