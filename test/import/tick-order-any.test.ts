/**
 * What three processors do in ticks of a slow clock, printed processor by processor as tracefs does: whatever it is, the order
 * that comes of the text is one in which it can have happened.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digest } from '../../src/trace/import/digest.js';
import type { TraceRecord } from '../../src/trace/import/record.js';
import { TickOrder } from '../../src/trace/import/tick-order.js';
import { RECORD } from './sample.js';

const TICK = 4_000_000;
const CPUS = 3;

interface Thread {
  tid: number;
  cpu: number;
  /** it began, or went to another processor, in this tick */
  settled: boolean;
}

type Step = readonly [
  act: 'runs' | 'reads' | 'writes' | 'refused' | 'holds' | 'forks' | 'moves' | 'exits' | 'tick',
  n: number,
];

/** Records in the order in which they happened; `line` is the place of each in it. */
function happens(steps: readonly Step[]): TraceRecord[] {
  const records: TraceRecord[] = [];
  let t = 0;
  let threads: Thread[] = Array.from({ length: CPUS }, (_, cpu) => ({ tid: cpu + 1, cpu, settled: true }));
  let gone: number[] = [];
  let reused: number[] = [];
  let locked = false;
  let holder: { thread: Thread; write: boolean } | null = null;
  const does = ({ tid, cpu }: Thread, name: string, text = '') => {
    const line = records.length;
    records.push({ ...RECORD, t, tid, cpu, name, text, line });
  };
  const lock = (thread: Thread, what: string, write: boolean, more = '') =>
    does(thread, `mmap_lock_${what}`, ` mm=00000000bbe4e955 memcg_path=/ write=${write}${more}`);
  const takes = (thread: Thread, write: boolean) => {
    lock(thread, 'start_locking', write);
    lock(thread, 'acquire_returned', write, ' success=true');
    locked = true;
  };
  const lets = () => {
    if (holder !== null) lock(holder.thread, 'released', holder.write);
    holder = null;
  };
  const ticks = () => {
    t += TICK;
    for (const thread of threads) thread.settled = true;
    locked = false;
    // whose id is free may come again
    reused = [...gone];
  };
  for (const thread of threads) does(thread, 'x');
  ticks();
  for (const [act, n] of steps) {
    const thread = threads[n % threads.length];
    const cpu = (thread.cpu + 1 + (n % (CPUS - 1))) % CPUS;
    if (act === 'runs') does(thread, 'x');
    else if (act === 'reads' || act === 'writes') {
      const write = act === 'writes';
      if (holder?.thread === thread || (holder !== null && (write || holder.write))) lets();
      takes(thread, write);
      does(thread, 'x');
      lock(thread, 'released', write);
    } else if (act === 'refused') {
      lock(thread, 'start_locking', true);
      lock(thread, 'acquire_returned', true, ' success=false');
    } else if (act === 'holds' && !locked && holder === null) {
      // the only one of its tick, released in the next
      takes(thread, n % 2 === 0);
      holder = { thread, write: n % 2 === 0 };
      ticks();
    } else if (act === 'forks') {
      const child = { tid: reused.pop() ?? records.length + 10, cpu, settled: false };
      gone = gone.filter(tid => tid !== child.tid);
      does(thread, 'sched_process_fork', ` comm=x pid=${thread.tid} child_comm=x child_pid=${child.tid}`);
      threads.push(child);
      does(child, 'x');
    } else if (act === 'moves' && thread.settled) {
      Object.assign(thread, { cpu, settled: false });
      does(thread, 'x');
    } else if (act === 'exits' && threads.length > 1 && holder?.thread !== thread) {
      does(thread, 'sched_process_exit', ` comm=x pid=${thread.tid} prio=120`);
      threads = threads.filter(other => other !== thread);
      gone.push(thread.tid);
    } else if (act === 'tick') {
      lets();
      ticks();
    }
  }
  lets();
  return records;
}

/** As tracefs prints them: of each tick what the first processor did, then the next. */
const printed = (records: readonly TraceRecord[]): TraceRecord[] =>
  records.toSorted((a, b) => a.t - b.t || a.cpu - b.cpu || a.line - b.line);

/** As a reader hands it on. */
function digested(record: TraceRecord): TraceRecord {
  const copy = { ...record };
  digest(copy);
  return copy;
}

function ordered(records: readonly TraceRecord[]): TraceRecord[] {
  const order = new TickOrder();
  return [...records.flatMap(record => [...order.push(digested(record))]), ...order.end()];
}

/** What of this order cannot have been; null when all of it can. */
function impossible(records: readonly TraceRecord[]): string | null {
  const last = new Map<string, number>();
  const holders = new Map<number, boolean>();
  const unborn = new Map<number, number>();
  for (const { name, text, line } of records)
    if (name === 'sched_process_fork') unborn.set(line, Number(/child_pid=(\d+)/.exec(text)?.[1]));
  for (const { tid, cpu, name, text, line } of records) {
    for (const who of [`thread ${tid}`, `processor ${cpu}`]) {
      if ((last.get(who) ?? -1) > line) return `${who} did ${line} after ${last.get(who)}`;
      last.set(who, line);
    }
    unborn.delete(line);
    for (const [fork, child] of unborn) if (child === tid && fork < line) return `${tid} did ${line} before its fork`;
    const write = text.includes('write=true');
    if (name === 'mmap_lock_released') holders.delete(tid);
    if (!text.includes('success=true')) continue;
    for (const [other, writes] of holders) if (write || writes) return `${tid} got the lock of ${other} at ${line}`;
    holders.set(tid, write);
  }
  return null;
}

const ACTS = ['runs', 'reads', 'writes', 'writes', 'refused', 'holds', 'forks', 'moves', 'exits', 'tick'] as const;
const steps = fc.array(fc.tuple(fc.constantFrom(...ACTS), fc.nat(11)), { minLength: 1, maxLength: 40 });

test('of what the processors did in a tick comes an order in which it can have been; the text’s, where that is one', () => {
  let put = 0;
  fc.assert(
    fc.property(steps, steps => {
      const truth = happens(steps);
      expect(impossible(truth)).toBe(null);
      const text = printed(truth);
      const out = ordered(text);
      expect(out.map(({ t }) => t)).toEqual(text.map(({ t }) => t));
      const order = out.map(({ line }) => truth[line]);
      expect(impossible(order)).toBe(null);
      if (impossible(text) === null) expect(order).toEqual(text);
      else put++;
    }),
    { numRuns: 2_000, seed: 250 },
  );
  expect(put).toBeGreaterThan(50);
});
