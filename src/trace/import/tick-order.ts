/**
 * The order of what several processors did within one tick of a clock that counts timer interrupts.
 *
 * Models: kernel/trace/trace.c, __find_next_entry() (v6.6): of records with one time stamp all of the first processor are
 * printed, then all of the next. What each did is in order; between them only causes are: a thread runs after it was forked,
 * on one processor at a time, and mmap_lock has one writer or readers. The text's order is kept but for these.
 */
import type { Ns } from '../../units.js';
import { childOf, type LockFields } from './fields.js';
import type { TraceRecord } from './record.js';

/** The shortest timer interrupt there is: CONFIG_HZ 1000. */
const TICK: Ns = 1_000_000;
/** Records nearer than this are of one reading: a clock that is being adjusted may go on by a microsecond between two. */
const READING: Ns = 2_000;

/** Records of one tick that are held back to be put in order; of more the order of the text is kept. */
export const MAX_TICK = 1 << 17;
/** Looks at what processors wait for, within one tick: of those that stand still in their thousands the order of the text is kept. */
const MAX_LOOKS = 1 << 23;

/** The readings of a clock, and what they say of it. */
export class Clock {
  #began: Ns = Number.NEGATIVE_INFINITY;
  /** shortest time between two readings; infinite before the second */
  shortest: Ns = Number.POSITIVE_INFINITY;

  /** Is the time of the next record another reading? */
  reads(t: Ns): boolean {
    const since = t - this.#began;
    if (since < READING) return false;
    this.shortest = Math.min(this.shortest, since);
    this.#began = t;
    return true;
  }

  /** Nothing says that it counts anything shorter than timer interrupts. */
  get mayTick(): boolean {
    return this.shortest >= TICK;
  }
}

type Mode = 'read' | 'write';

/** One mmap_lock: who holds it, and who of them is still to let go within the tick. */
class Lock {
  readonly #holders = new Map<number, Mode>();
  /** releases still to come, by thread */
  readonly #releases = new Map<number, number>();
  readonly #leaving = { read: new Set<number>(), write: new Set<number>() };

  get free(): boolean {
    return this.#holders.size === 0 && this.#releases.size === 0;
  }

  taken(tid: number, mode: Mode): void {
    this.released(tid);
    this.#holders.set(tid, mode);
    if (this.#releases.has(tid)) this.#leaving[mode].add(tid);
  }

  released(tid: number): void {
    const mode = this.#holders.get(tid);
    if (mode !== undefined) this.#leaving[mode].delete(tid);
    this.#holders.delete(tid);
  }

  /** A release by `tid` is to come. */
  expects(tid: number): void {
    put(this.#releases, tid);
    const mode = this.#holders.get(tid);
    if (mode !== undefined) this.#leaving[mode].add(tid);
  }

  /** It came. */
  came(tid: number): void {
    take(this.#releases, tid);
    this.released(tid);
  }

  /** Must another let go within the tick before `tid` may have it? */
  keepsOut(tid: number, write: boolean): boolean {
    const others = (leaving: ReadonlySet<number>) => leaving.size > (leaving.has(tid) ? 1 : 0);
    return others(this.#leaving.write) || (write && others(this.#leaving.read));
  }
}

interface Queue {
  readonly cpu: number;
  readonly records: TraceRecord[];
  next: number;
  /** of what is still to come: records by thread */
  readonly threads: Map<number, number>;
}

export class TickOrder {
  readonly #clock = new Clock();
  #group: TraceRecord[] = [];
  /** where each thread ran last */
  readonly #ranOn = new Map<number, number>();
  readonly #locks = new Map<string, Lock>();
  /** how often it was asked in this tick whether a processor may go on */
  #looks = 0;

  /** The clock counts what is shorter than a tick: a record's place is known at once. */
  get asItComes(): boolean {
    return !this.#clock.mayTick;
  }

  /** Takes the next record of the text; hands back those whose place is known now, in order. */
  push(record: TraceRecord): readonly TraceRecord[] {
    if (this.asItComes) return [record];
    if (!this.#clock.reads(record.t) && record.cpu >= 0 && this.#group.length < MAX_TICK) {
      this.#group.push(record);
      return [];
    }
    const done = this.end();
    this.#group = [record];
    return this.#clock.mayTick ? done : [...done, ...this.end()];
  }

  /** What is left when the text is over. */
  end(): readonly TraceRecord[] {
    const group = this.#group;
    this.#group = [];
    if (!this.#clock.mayTick) return group;
    if (group.every(({ cpu }) => cpu === group[0].cpu)) {
      for (const record of group) this.#passes(record, lockOf(record));
      return group;
    }
    const times = group.map(({ t }) => t);
    const ordered = this.#arrange(this.#queuesOf(group));
    for (const [i, record] of ordered.entries()) record.t = times[i];
    return ordered;
  }

  #arrange(queues: readonly Queue[]): TraceRecord[] {
    const byCpu = new Map(queues.map(queue => [queue.cpu, queue]));
    const forks = new Map<number, Queue>();
    for (const queue of queues) {
      for (const { name, text } of queue.records) {
        if (name === 'sched_process_fork') forks.set(childOf(text) ?? -1, queue);
      }
    }
    const ordered: TraceRecord[] = [];
    this.#looks = 0;
    for (let first = 0; first < queues.length; ) {
      const queue = this.#nextOf(queues, first, byCpu, forks);
      const record = queue.records[queue.next++];
      while (first < queues.length && isOver(queues[first])) first++;
      const lock = lockOf(record);
      take(queue.threads, record.tid);
      if (record.name === 'sched_process_fork') forks.delete(childOf(record.text) ?? -1);
      this.#passes(record, lock);
      ordered.push(record);
    }
    return ordered;
  }

  /** Of those from `first` on, the first that may go on, else the first. */
  #nextOf(
    queues: readonly Queue[],
    first: number,
    byCpu: ReadonlyMap<number, Queue>,
    forks: ReadonlyMap<number, Queue>,
  ): Queue {
    for (let i = first; i < queues.length && this.#looks < MAX_LOOKS; i++) {
      this.#looks++;
      if (!isOver(queues[i]) && this.#mayGoOn(queues[i], byCpu, forks)) return queues[i];
    }
    return queues[first];
  }

  /** May the next record of `queue` come before everything that the others still hold? */
  #mayGoOn(queue: Queue, byCpu: ReadonlyMap<number, Queue>, forks: ReadonlyMap<number, Queue>): boolean {
    const record = queue.records[queue.next];
    const { tid } = record;
    const forker = forks.get(tid);
    if (forker !== undefined && forker !== queue) return false;
    const ranOn = this.#ranOn.get(tid);
    if (ranOn !== undefined && ranOn !== queue.cpu && byCpu.get(ranOn)?.threads.has(tid)) return false;
    const lock = lockOf(record);
    if (lock === null || record.name !== 'mmap_lock_acquire_returned' || !lock.success) return true;
    return !this.#locks.get(lock.mm)?.keepsOut(tid, lock.write);
  }

  #passes({ name, tid, cpu }: TraceRecord, lock: LockFields | null): void {
    if (name === 'sched_process_exit') this.#ranOn.delete(tid);
    else this.#ranOn.set(tid, cpu);
    if (lock === null) return;
    const held = this.#lock(lock.mm);
    if (name === 'mmap_lock_released') held.came(tid);
    else if (name === 'mmap_lock_acquire_returned' && lock.success) held.taken(tid, lock.write ? 'write' : 'read');
    if (held.free) this.#locks.delete(lock.mm);
  }

  #lock(mm: string): Lock {
    const lock = this.#locks.get(mm) ?? new Lock();
    this.#locks.set(mm, lock);
    return lock;
  }

  #queuesOf(group: readonly TraceRecord[]): Queue[] {
    const queues = new Map<number, Queue>();
    for (const record of group) {
      const { cpu, tid } = record;
      const queue: Queue = queues.get(cpu) ?? { cpu, records: [], next: 0, threads: new Map() };
      queues.set(cpu, queue);
      queue.records.push(record);
      put(queue.threads, tid);
      const lock = record.name === 'mmap_lock_released' ? lockOf(record) : null;
      if (lock !== null) this.#lock(lock.mm).expects(tid);
    }
    return [...queues.values()];
  }
}

const isOver = ({ records, next }: Queue): boolean => next === records.length;

const lockOf = ({ name, fields }: TraceRecord): LockFields | null =>
  name.startsWith('mmap_lock_') ? (fields as LockFields | null) : null;

function put<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function take<Key>(counts: Map<Key, number>, key: Key): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
