/**
 * mmap_lock: the rw_semaphore of an mm (mmap_sem before 5.8).
 *
 * Models: kernel/locking/rwsem.c v6.18: rwsem_down_read_slowpath (steal, queue), rwsem_mark_wake (a reader at the head
 * wakes every queued reader, at most MAX_READERS_WAKEUP), rwsem_try_write_lock (HANDOFF after RWSEM_WAIT_TIMEOUT),
 * downgrade_write; include/linux/mmap_lock.h v6.18: mmap_read_trylock fails on RWSEM_READ_FAILED_MASK.
 * Leaves out: optimistic spinning (a writer queues at once; what a spinner would win is the steal window between a release
 * and the woken writer running), OSQ order, interrupts, PREEMPT_RT. None changes who may enter.
 * Units: ns.
 *
 * The lock decides and keeps order; threads sleep in the engine. `Waiters` is how it wakes them.
 */
import { invariant } from '../errors.js';
import type { Ns } from '../units.js';

/** rwsem.c MAX_READERS_WAKEUP: readers granted by one release. */
export const MAX_READERS_WAKEUP = 256;
/** rwsem.c RWSEM_WAIT_TIMEOUT: after this long at the head a waiter sets HANDOFF and nobody steals any more. */
export const RWSEM_WAIT_TIMEOUT: Ns = 4_000_000;

export interface Waiters {
  readonly now: Ns;
  /** Makes `thread` run again after `delay`. */
  wake(thread: number, delay: Ns): void;
}

/** Somebody who is known to wait. */
export interface Expected {
  readonly thread: number;
  readonly write: boolean;
}

const NOBODY = -1;

export class MmapLock {
  /** Thread that holds it for write; -1 when none. */
  writer = NOBODY;
  /** Threads that hold it for read, in the order in which they got it. */
  readonly readers = new Set<number>();
  /** Set by the waiter at the head once it waited too long: no stealing. */
  handoff = false;
  /** Recorded waiters, in the order they asked: others may still overtake them, and their turn comes at a known time. */
  private expected: readonly Expected[] = [];

  // FIFO of sleepers: a ring of (thread, mode, since).
  private threads = new Int32Array(8);
  private writes = new Uint8Array(8);
  private since = new Float64Array(8);
  private head = 0;
  private queued = 0;
  /** The writers among them, in order: the first is at `firstWriter`. */
  private readonly waitingWriters: number[] = [];
  private firstWriter = 0;
  /** The writer at the head was woken and has not run yet. */
  private waking = false;

  constructor(
    private readonly waiters: Waiters,
    /** ns between a release and the woken thread running: the window in which others steal */
    private readonly wakeLatency: Ns,
  ) {}

  /** Is anybody asleep in the queue (RWSEM_FLAG_WAITERS)? */
  get hasWaiters(): boolean {
    return this.queued > 0;
  }

  /** Neither held nor waited for. */
  get isFree(): boolean {
    return this.readers.size === 0 && this.canTryRead;
  }

  /**
   * Whom a thread waits for that cannot take it: the writer, else the first that waits to write, else the reader who is
   * inside longest, else who is known to wait for it; -1 when it is free.
   */
  get inTheWay(): number {
    if (this.writer >= 0) return this.writer;
    const { expected } = this;
    return (
      this.waitingWriters[this.firstWriter] ??
      expected.find(({ write }) => write)?.thread ??
      this.readers.values().next().value ??
      expected[0]?.thread ??
      NOBODY
    );
  }

  /** `thread` is known to wait from now on: trylocks fail until arrived(), or until readers were let in. */
  expect(thread: number, write: boolean): Expected {
    const waiter = { thread, write };
    this.expected = [...this.expected, waiter];
    return waiter;
  }

  /** It is known to have the lock now. */
  arrived(waiter: Expected): void {
    this.expected = this.expected.filter(other => other !== waiter);
  }

  /** Would down_read_trylock() succeed? */
  get canTryRead(): boolean {
    return this.writer === NOBODY && this.queued === 0 && this.expected.length === 0 && !this.handoff;
  }

  /** down_read_trylock(): fails on a writer, on anybody queued, on HANDOFF. */
  tryRead(thread: number): boolean {
    if (!this.canTryRead) return false;
    this.readers.add(thread);
    return true;
  }

  /** down_read(): true when the lock was taken (perhaps stolen from the queue), false when `thread` now sleeps. */
  read(thread: number): boolean {
    if (this.tryRead(thread)) return true;
    const readerOwned = this.readers.size > 0;
    if (!readerOwned && this.writer === NOBODY && !this.handoff) {
      // Free but the writer at the head has not woken yet: steal.
      this.readers.add(thread);
      return true;
    }
    this.enqueue(thread, 0);
    return false;
  }

  /** down_write(): true when the lock was taken, false when `thread` now sleeps. */
  write(thread: number): boolean {
    if (this.writer === NOBODY && this.readers.size === 0 && (this.queued === 0 || (!this.handoff && this.waking))) {
      this.writer = thread;
      return true;
    }
    this.enqueue(thread, 1);
    return false;
  }

  /** down_write_trylock(): only a lock that nobody holds or waits for. */
  tryWrite(thread: number): boolean {
    if (!this.isFree) return false;
    this.writer = thread;
    return true;
  }

  /**
   * To be asked by a thread that slept in read() or write() and was woken: does it hold the lock now? A reader always
   * does. A writer tries, may find the lock stolen, and then sleeps on (setting HANDOFF when it waited too long).
   */
  woken(thread: number): boolean {
    if (this.queued === 0 || this.threads[this.head] !== thread || !this.writes[this.head]) return true;
    this.waking = false;
    if (this.writer === NOBODY && this.readers.size === 0) {
      this.dequeue();
      this.handoff = false;
      this.writer = thread;
      return true;
    }
    if (this.waiters.now - this.since[this.head] > RWSEM_WAIT_TIMEOUT) this.handoff = true;
    return false;
  }

  /** up_read(). */
  releaseRead(thread: number): void {
    const held = this.readers.delete(thread);
    invariant(held, 'mmap_lock: read-unlocked by a thread that does not hold it');
    invariant(this.writer === NOBODY, 'mmap_lock: a reader beside a writer');
    if (this.readers.size > 0) return;
    this.admitExpected();
    this.wakeNext();
  }

  /** up_write(). */
  releaseWrite(thread: number): void {
    invariant(this.writer === thread, 'mmap_lock: write-unlocked by a thread that does not hold it');
    invariant(this.readers.size === 0, 'mmap_lock: a writer beside a reader');
    this.writer = NOBODY;
    this.admitExpected();
    this.wakeNext();
  }

  /** downgrade_write(): from writer to one reader; queued readers wake only when a reader is at the head. */
  downgrade(thread: number): void {
    invariant(this.writer === thread, 'mmap_lock: downgraded by a thread that does not hold it for write');
    this.writer = NOBODY;
    this.readers.add(thread);
    this.admitExpected();
    if (this.queued > 0 && !this.writes[this.head]) this.grantReaders();
  }

  /** rwsem_mark_wake() of readers who are known to wait: they have the lock before they run and are seen to have it. */
  private admitExpected(): void {
    if (this.expected[0]?.write === false) this.expected = this.expected.filter(({ write }) => write);
  }

  /** rwsem_mark_wake(RWSEM_WAKE_ANY). */
  private wakeNext(): void {
    if (this.queued === 0) return;
    if (this.writes[this.head]) {
      if (this.waking) return;
      this.waking = true;
      this.waiters.wake(this.threads[this.head], this.wakeLatency);
    } else this.grantReaders();
  }

  /** Grants the lock to every queued reader, wherever it stands, at most MAX_READERS_WAKEUP; writers keep their order. */
  private grantReaders(): void {
    const mask = this.threads.length - 1;
    const passed: number[] = [];
    let looked = 0;
    let granted = 0;
    while (looked < this.queued && granted < MAX_READERS_WAKEUP) {
      const at = (this.head + looked++) & mask;
      if (this.writes[at]) {
        passed.push(at);
        continue;
      }
      granted++;
      this.readers.add(this.threads[at]);
      this.waiters.wake(this.threads[at], this.wakeLatency);
    }
    // They close up with those that were not looked at.
    for (let to = this.head + looked - 1; passed.length > 0; to--) {
      const at = passed.pop()!;
      this.threads[to & mask] = this.threads[at];
      this.writes[to & mask] = 1;
      this.since[to & mask] = this.since[at];
    }
    this.head = (this.head + granted) & mask;
    this.queued -= granted;
  }

  private enqueue(thread: number, write: 0 | 1): void {
    if (this.queued === this.threads.length) this.grow();
    const at = (this.head + this.queued++) & (this.threads.length - 1);
    this.threads[at] = thread;
    this.writes[at] = write;
    this.since[at] = this.waiters.now;
    if (write) this.waitingWriters.push(thread);
  }

  /** Takes out the writer at the head. */
  private dequeue(): void {
    this.head = (this.head + 1) & (this.threads.length - 1);
    this.queued--;
    if (2 * ++this.firstWriter < this.waitingWriters.length) return;
    this.waitingWriters.splice(0, this.firstWriter);
    this.firstWriter = 0;
  }

  private grow(): void {
    const size = this.threads.length;
    const threads = new Int32Array(size * 2);
    const writes = new Uint8Array(size * 2);
    const since = new Float64Array(size * 2);
    for (let i = 0; i < this.queued; i++) {
      const at = (this.head + i) & (size - 1);
      threads[i] = this.threads[at];
      writes[i] = this.writes[at];
      since[i] = this.since[at];
    }
    this.threads = threads;
    this.writes = writes;
    this.since = since;
    this.head = 0;
  }
}
