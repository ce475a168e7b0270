/**
 * The order of what several processors did within one tick of a clock that counts timer interrupts.
 *
 * Models: kernel/trace/trace.c, __find_next_entry() (v6.6): of records with one time stamp all of the first processor are
 * printed, then all of the next. What each did is in order; between them only causes are: a thread runs after it was forked,
 * on one processor at a time, and mmap_lock has one writer or readers. The text's order is kept but for these.
 */
import type { Ns } from '../../units.js';
import { childOf, type LockFields, lockFields } from './fields.js';
import type { TraceRecord } from './record.js';

/** The shortest timer interrupt there is: CONFIG_HZ 1000. */
const TICK: Ns = 1_000_000;
/** Records nearer than this are of one reading: a clock that is being adjusted may go on by a microsecond between two. */
const READING: Ns = 2_000;

/** Records of one tick that are held back to be put in order; of more the order of the text is kept. */
export const MAX_TICK = 1 << 17;

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

interface Queue {
  readonly cpu: number;
  readonly records: TraceRecord[];
  next: number;
  /** of what is still to come: records by thread, and releases by thread and lock */
  readonly threads: Map<number, number>;
  readonly releases: Map<string, number>;
}

export class TickOrder {
  readonly #clock = new Clock();
  #group: TraceRecord[] = [];
  /** where each thread ran last */
  readonly #ranOn = new Map<number, number>();
  readonly #holders = new Map<string, Map<number, Mode>>();

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
    const ordered = this.#arrange(queuesOf(group));
    for (const [i, record] of ordered.entries()) record.t = times[i];
    return ordered;
  }

  #arrange(queues: readonly Queue[]): TraceRecord[] {
    const waiting = new Map(queues.map(queue => [queue.cpu, queue]));
    const forks = new Map<number, Queue>();
    for (const queue of queues) {
      for (const { name, text } of queue.records) {
        if (name === 'sched_process_fork') forks.set(childOf(text) ?? -1, queue);
      }
    }
    const ordered: TraceRecord[] = [];
    while (waiting.size > 0) {
      const queue = this.#nextOf(waiting, forks);
      const record = queue.records[queue.next++];
      if (queue.next === queue.records.length) waiting.delete(queue.cpu);
      const lock = lockOf(record);
      take(queue.threads, record.tid);
      if (record.name === 'mmap_lock_released' && lock !== null) take(queue.releases, `${record.tid} ${lock.mm}`);
      if (record.name === 'sched_process_fork') forks.delete(childOf(record.text) ?? -1);
      this.#passes(record, lock);
      ordered.push(record);
    }
    return ordered;
  }

  /** The first that may go on, else the first. */
  #nextOf(waiting: ReadonlyMap<number, Queue>, forks: ReadonlyMap<number, Queue>): Queue {
    const [first] = waiting.values();
    for (const queue of waiting.values()) if (this.#mayGoOn(queue, waiting, forks)) return queue;
    return first;
  }

  /** May the next record of `queue` come before everything that the others still hold? */
  #mayGoOn(queue: Queue, waiting: ReadonlyMap<number, Queue>, forks: ReadonlyMap<number, Queue>): boolean {
    const record = queue.records[queue.next];
    const { tid } = record;
    const forker = forks.get(tid);
    if (forker !== undefined && forker !== queue) return false;
    const ranOn = this.#ranOn.get(tid);
    if (ranOn !== undefined && ranOn !== queue.cpu && waiting.get(ranOn)?.threads.has(tid)) return false;
    const lock = lockOf(record);
    if (lock === null || record.name !== 'mmap_lock_acquire_returned' || !lock.success) return true;
    for (const [holder, mode] of this.#holders.get(lock.mm) ?? []) {
      const excludes = holder !== tid && (lock.write || mode === 'write');
      if (!excludes) continue;
      for (const { releases } of waiting.values()) if (releases.has(`${holder} ${lock.mm}`)) return false;
    }
    return true;
  }

  #passes({ name, tid, cpu }: TraceRecord, lock: LockFields | null): void {
    if (name === 'sched_process_exit') this.#ranOn.delete(tid);
    else this.#ranOn.set(tid, cpu);
    if (lock === null) return;
    const holders = this.#holders.get(lock.mm) ?? new Map<number, Mode>();
    if (name === 'mmap_lock_released') holders.delete(tid);
    else if (name === 'mmap_lock_acquire_returned' && lock.success) holders.set(tid, lock.write ? 'write' : 'read');
    if (holders.size === 0) this.#holders.delete(lock.mm);
    else this.#holders.set(lock.mm, holders);
  }
}

function queuesOf(group: readonly TraceRecord[]): Queue[] {
  const queues = new Map<number, Queue>();
  for (const record of group) {
    const { cpu, tid } = record;
    const fresh = (): Queue => ({ cpu, records: [], next: 0, threads: new Map(), releases: new Map() });
    const queue = queues.get(cpu) ?? fresh();
    queues.set(cpu, queue);
    queue.records.push(record);
    put(queue.threads, tid);
    const lock = record.name === 'mmap_lock_released' ? lockOf(record) : null;
    if (lock !== null) put(queue.releases, `${tid} ${lock.mm}`);
  }
  return [...queues.values()];
}

const lockOf = ({ name, text }: TraceRecord): LockFields | null =>
  name.startsWith('mmap_lock_') ? lockFields(name, text) : null;

function put<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function take<Key>(counts: Map<Key, number>, key: Key): void {
  const left = counts.get(key)! - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
