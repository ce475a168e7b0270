/**
 * An mmap_lock section of an operation: ask, sleep, hold, release; and vma_start_write() inside it.
 *
 * Models: include/linux/mmap_lock.h; mm/mmap_lock.c __vma_start_write (v6.18).
 *
 * Operations are generators that yield only where their thread sleeps. Each move is a plain call that says whether it is
 * done at once, and a generator for when it is not:
 *
 *     if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
 *     if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
 *     if (!hold(k, task, cost)) yield;
 *     leave(k, task, mm, WRITE);
 */
import type { Ns } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import type { Sleep, Task } from './task.js';
import type { Vma } from './vma.js';

/** How mmap_lock is asked for: mmap_read_lock() and mmap_write_lock(), and their kind that a fatal signal ends. */
export interface Ask {
  readonly write: boolean;
  /** what a thread sleeps for */
  readonly words: Sleep;
}
export const READ: Ask = { write: false, words: 'mmap_lock (read)' };
export const READ_KILLABLE: Ask = { write: false, words: 'mmap_lock (read, killable)' };
export const WRITE: Ask = { write: true, words: 'mmap_lock (write)' };
export const WRITE_KILLABLE: Ask = { write: true, words: 'mmap_lock (write, killable)' };

export type Operation = Generator<undefined, void, undefined>;

/** ns between taking a free lock and the tracepoint that says so, at most. */
const WRITING_DOWN: Ns = 20_000;

// Layout of one recorded section in `locks`.
const MODE = 0;
const ASK = 1;
const GOT = 2;
const END = 3;
const SECTION = 4;

/** Takes the next recorded section of this mode in hand, if there is one. */
function nextRecorded(task: Task, write: boolean): void {
  const { locks } = task;
  task.sectionAsk = -1;
  task.sectionEnd = -1;
  task.asksIn = 0;
  if (locks === null) return;
  while (task.lockAt < locks.length && locks[task.lockAt + MODE] !== (write ? 1 : 0)) task.lockAt += SECTION;
  if (task.lockAt >= locks.length) return;
  const at = task.lockAt;
  task.lockAt += SECTION;
  task.sectionAsk = locks[at + ASK];
  task.sectionGot = locks[at + GOT];
  task.sectionEnd = locks[at + END];
  task.asksIn = Math.max(0, task.sectionAsk - task.sectionBefore);
  task.sectionBefore = task.sectionEnd;
}

/** ns that the call was recorded to wait for mmap_lock, also where the model takes none. */
export function recordedWait({ locks }: Task): Ns {
  let ns = 0;
  for (let at = 0; locks !== null && at < locks.length; at += SECTION)
    ns += Math.max(0, locks[at + GOT] - locks[at + ASK]);
  return ns;
}

/** Begins a section of `mm` when that needs no sleep: the lock is free, and the call asks for it at once. */
export function tryEnter(k: Kernel, task: Task, mm: Mm, ask: Ask): boolean {
  nextRecorded(task, ask.write);
  if (k.recorded ? task.sectionEnd >= 0 : task.asksIn > 0) return false;
  return lock(k, task, mm, ask);
}

/**
 * Begins the section after tryEnter() said no: once the call asks for it, sleeps in the queue of the lock; at recorded times it
 * waits from the recorded `ask` to the recorded `got`, overtaken by whoever overtook it then.
 */
export function* enter(k: Kernel, task: Task, mm: Mm, ask: Ask): Generator<undefined, void, undefined> {
  if (!k.recorded || task.sectionEnd < 0) {
    if (task.asksIn > 0) {
      if (!k.engine.pass(task.id, task.asksIn)) yield;
      if (lock(k, task, mm, ask)) return;
    }
    yield* queue(k, task, mm, ask.write);
    return;
  }
  const early = task.sectionAsk - k.engine.now;
  if (early > 0 && !k.engine.pass(task.id, early)) yield;
  const { mmap_lock } = mm;
  k.settleDue();
  const wait = task.sectionGot - k.engine.now;
  // A short wait for a free lock is the time it took to write the event down.
  const waits = wait > 0 && !(mmap_lock.isFree && wait < WRITING_DOWN);
  if (waits) {
    sleep(k, task, ask, mmap_lock.inTheWay);
    const waiter = mmap_lock.expect(task.id, ask.write);
    if (!k.engine.pass(task.id, wait)) yield;
    mmap_lock.arrived(waiter);
  }
  if (!lock(k, task, mm, ask)) yield* queue(k, task, mm, ask.write);
  if (waits || wait <= 0) return;
  if (!k.engine.pass(task.id, task.sectionGot - k.engine.now)) yield;
  task.since = k.engine.now;
}

/** Falls asleep in the queue of mmap_lock, because of the thread `holder`; -1 where nobody is known to hold it. */
function sleep(k: Kernel, task: Task, { words }: Ask, holder: number): void {
  task.since = k.engine.now;
  k.blame(task, holder);
  k.sleepsOn(task, words);
}

function* queue(k: Kernel, task: Task, mm: Mm, write: boolean): Generator<undefined, void, undefined> {
  do yield;
  while (!woken(k, task, mm, write, null));
}

/** Takes mmap_lock of `mm`, perhaps after it slept as recorded. False when the thread sleeps in its queue now. */
function lock(k: Kernel, task: Task, mm: Mm, ask: Ask): boolean {
  const { write } = ask;
  const rwsem = mm.mmap_lock;
  const slept = task.blockedOn !== null;
  if (rwsem.readers.size > 0 && (write || !rwsem.canTryRead)) k.settleHolders(mm);
  const holder = rwsem.inTheWay;
  const busy = write ? rwsem.writer >= 0 || rwsem.readers.size > 0 : !rwsem.canTryRead;
  if (write ? rwsem.write(task.id) : rwsem.read(task.id)) {
    if (slept) locked(k, task, mm, write, null);
    else {
      task.since = k.engine.now;
      k.ledger.mmapLocked(task, mm, write, 0, busy);
      if (write) k.lock?.beginWriteSection(mm);
    }
    return true;
  }
  if (!slept) sleep(k, task, ask, holder);
  return false;
}

/** mmap_read_trylock() or mmap_write_trylock() of an operation that gives up when it fails. */
export function tryLock(k: Kernel, task: Task, mm: Mm, { write }: Ask): boolean {
  nextRecorded(task, write);
  task.since = k.engine.now;
  if (write) k.settleHolders(mm);
  if (write ? mm.mmap_lock.tryWrite(task.id) : k.tryRead(task, mm)) {
    k.ledger.mmapLocked(task, mm, write, 0, false);
    if (write) k.lock?.beginWriteSection(mm);
    return true;
  }
  k.ledger.mmapTrylockFailed(mm);
  task.sectionEnd = -1;
  return false;
}

/** Woken in the queue of mmap_lock: does the thread hold it now? A writer may find it stolen and sleeps on. */
export function woken(k: Kernel, task: Task, mm: Mm, write: boolean, vma: Vma | null): boolean {
  if (!mm.mmap_lock.woken(task.id)) return false;
  locked(k, task, mm, write, vma);
  return true;
}

/** The thread has mmap_lock, for which it slept. */
function locked(k: Kernel, task: Task, mm: Mm, write: boolean, vma: Vma | null): void {
  const waited = k.engine.now - task.since;
  task.blockedOn = null;
  task.waited += waited;
  task.waitedForLocks += waited;
  task.since = k.engine.now;
  k.ledger.mmapLocked(task, mm, write, waited, true);
  k.ledger.blocked(task, vma, waited);
  if (write) k.lock?.beginWriteSection(mm);
}

/**
 * Holds the lock for the section's recorded length, else for `cost`; when only `dur` was recorded, the last section of the
 * operation takes what is left of it. A section in two phases says `part` 0.5 of its first one: of a length that was
 * recorded each phase gets half. False when the thread sleeps meanwhile.
 */
export function hold(k: Kernel, task: Task, cost: Ns, last = true, part = 1): boolean {
  let ns = cost;
  if (task.sectionEnd >= 0) {
    ns = Math.floor((task.sectionEnd - (k.recorded ? k.engine.now : task.sectionGot)) * part);
    task.sectionGot += ns;
  } else if (task.dur >= 0 && task.locks === null) {
    const left = Math.max(0, task.dur - task.spent);
    ns = last ? Math.floor(left * part) : Math.min(cost, left);
  }
  if (ns <= 0) return true;
  task.spent += ns;
  return k.engine.pass(task.id, ns);
}

/** Releases mmap_lock of `mm`; a write section ends every mark with it. */
export function leave(k: Kernel, task: Task, mm: Mm, { write }: Ask): void {
  const held = k.engine.now - task.since;
  task.held += held;
  task.sectionEnd = -1;
  if (write) k.mmap_write_unlock(task, mm, held);
  else k.mmap_read_unlock(task, mm, held);
}

/** mmap_write_downgrade(): marks end, the thread goes on as a reader; the recorded read section is taken in hand. */
export function downgrade(k: Kernel, task: Task, mm: Mm): void {
  const held = k.engine.now - task.since;
  task.held += held;
  k.mmap_write_downgrade(task, mm, held);
  task.since = k.engine.now;
  nextRecorded(task, false);
}

/**
 * vma_start_write(), or vma_start_write_killable(): true when `vma` is marked; false when readers are inside: go on with
 * readersLeave().
 */
export function vma_start_write(k: Kernel, task: Task, mm: Mm, vma: Vma, killable = false): boolean {
  const { lock } = k;
  if (lock === null || lock.isMarked(mm, vma)) return true;
  const holder = lock.readers(vma) > 0 ? k.settleHolders(vma) : -1;
  if (lock.excludeReaders(vma)) {
    queueMark(k, task, vma);
    k.blame(task, holder >= 0 ? holder : vma.reader);
    task.markSince = k.engine.now;
    k.sleepsOn(task, killable ? 'the readers of a VMA (killable)' : 'the readers of a VMA');
    return false;
  }
  lock.mark(mm, vma);
  k.ledger.vmaMarked(task, mm, vma, 0, false);
  return true;
}

/** Is anybody inside `vma`, once every release that is due is made up for? */
export function hasReaders(k: Kernel, vma: Vma): boolean {
  if (k.lock === null) return false;
  k.settleHolders(vma);
  return k.lock.readers(vma) > 0;
}

/** The thread sleeps in down_write() of the VMA's lock, behind those who do already: NUMA scans mark under the read lock. */
function queueMark(k: Kernel, task: Task, vma: Vma): void {
  if (vma.writer < 0) {
    vma.writer = task.id;
    return;
  }
  let last = k.tasks[vma.writer];
  while (last.markNext >= 0) last = k.tasks[last.markNext];
  last.markNext = task.id;
}

/** Sleeps until the last reader has left; then `vma` is marked. */
export function* readersLeave(k: Kernel, task: Task, mm: Mm, vma: Vma): Generator<undefined, void, undefined> {
  yield;
  readersLeft(k, task, mm, vma);
}

/** The last reader has left: `vma` is marked, what that took is told, and who waits behind is woken. */
export function readersLeft(k: Kernel, task: Task, mm: Mm, vma: Vma): void {
  const waited = k.engine.now - task.markSince;
  task.blockedOn = null;
  task.waited += waited;
  task.waitedForLocks += waited;
  k.lock?.mark(mm, vma);
  k.ledger.vmaMarked(task, mm, vma, waited, true);
  k.ledger.blocked(task, vma, waited);
  if (task.markNext >= 0) k.engine.wake(task.markNext, k.costs.wake);
  task.markNext = -1;
}

/** vma_mark_attached() and the store: `vma` becomes reachable. */
export function vma_store(k: Kernel, mm: Mm, vma: Vma): void {
  k.lock?.attach(vma);
  mm.everMapped = true;
  vma.vm_mm = mm;
  mm.mm_mt.store(vma);
}
