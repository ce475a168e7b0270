/** Pictures of a run: what a watcher is told of every event, and that it adds up to what is counted. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveModels } from '../../src/lineage/resolve.js';
import { HOLDS_LISTED } from '../../src/replay/record.js';
import { Replay } from '../../src/replay/replay.js';
import type { Convoy, Queue, ReplayResult, Span } from '../../src/replay/result.js';
import { readTrace } from '../../src/trace/reader.js';
import { traces } from '../arbitrary.js';
import { type Event, fault, mmap, range, replay, traceFile, vma } from '../helpers.js';

interface Watched {
  result: ReplayResult;
  spans: Span[];
  queues: Queue[];
}

async function watch(
  events: readonly Event[],
  models: string,
  timing: 'closed' | 'recorded' = 'closed',
): Promise<Watched> {
  const spans: Span[] = [];
  const queues: Queue[] = [];
  const watcher = { over: (span: Span) => spans.push(span), queue: (queue: Queue) => queues.push(queue) };
  const machine = new Replay(resolveModels(models), { timing, watcher });
  const info = await readTrace(traceFile(events), { onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return { result: machine.finish(info), spans, queues };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
const length = ({ from, to }: { from: number; to: number }) => to - from;

describe('what a watcher is told', () => {
  test('a fault that finds its VMA marked waits for mmap_lock, because of the operation that marked it', async () => {
    const { spans, queues } = await watch(
      [
        vma(0, 16, { t: 0 }),
        { op: 'thread', tid: 2, name: 'worker', t: 1 },
        range('mprotect', 0, 16, { t: 1000, dur: 50_000, prot: 'r--' }),
        fault(3, { t: 2000, tid: 2, access: 'read' }),
      ],
      'v6.18',
    );
    const [operation, victim] = spans;
    expect(operation).toMatchObject({ op: 'mprotect', tid: 1, comm: null, start: 1000, verdict: null });
    const mark = operation.holds.find(hold => hold.lock === 'vma_lock');
    expect(mark).toMatchObject({ mode: 'write', to: operation.end });
    expect(victim).toMatchObject({ op: 'fault', tid: 2, comm: 'worker', verdict: 'mmap_lock', site: 'vma_start_read' });
    expect(victim.waits).toEqual([
      {
        on: 'mmap_lock',
        mode: 'read',
        vma: null,
        from: 2000,
        to: expect.any(Number),
        by: { i: operation.i, op: 'mprotect', tid: 1 },
      },
    ]);
    expect(length(victim.waits[0])).toBe(victim.wait_ns);
    expect(queues.map(({ lock, t, waiting }) => [lock, t, waiting])).toEqual([
      ['mmap_lock', 2000, 1],
      ['mmap_lock', victim.waits[0].to, 0],
    ]);
  });

  test('sleeping for a page is a wait for nobody', async () => {
    const page = { entry: 'swap', folio: 'absent', wait: 7000 };
    const { spans } = await watch([vma(0, 4, { t: 0 }), fault(1, { t: 10, page })], 'mmap_lock');
    expect(spans[0].waits).toEqual([{ on: 'page', mode: null, vma: null, from: 10, to: 7010, by: null }]);
  });

  test('an operation that locks very many VMAs lists some of them and counts the rest', async () => {
    const vmas = Array.from({ length: HOLDS_LISTED + 44 }, (_, i) => vma(2 * i, 1, { t: 0 }));
    const fork = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2, t: 5 };
    const { spans } = await watch([...vmas, fork], 'v6.18');
    const [span] = spans;
    // of the parent and of the child
    expect(span.holds.filter(hold => hold.lock === 'mmap_lock')).toHaveLength(2);
    expect(span.holds.length + span.more_holds).toBeGreaterThan(HOLDS_LISTED + 44);
    expect(span.holds.length).toBeLessThanOrEqual(HOLDS_LISTED + 2);
  });

  test('the trace’s own maps and calls that do nothing are not told', async () => {
    const { spans } = await watch([vma(0, 4), { op: 'other', tid: 1, name: 'getpid' }, mmap(8, 4)], 'v6.18');
    expect(spans.map(span => span.op)).toEqual(['mmap']);
  });
});

/** Stretches in which somebody sleeps for mmap_lock of an mm, and two at once: the area under the queue's length is the waiting. */
function stretches(queues: readonly Queue[]): Pick<Convoy, 'from_ns' | 'to_ns' | 'wait_ns' | 'deepest'>[] {
  const found: ReturnType<typeof stretches> = [];
  const open = new Map<number, { from: number; area: number; deepest: number; last: Queue }>();
  for (const queue of queues.filter(({ lock }) => lock === 'mmap_lock')) {
    const now = open.get(queue.mm);
    if (now === undefined) {
      open.set(queue.mm, { from: queue.t, area: 0, deepest: 1, last: queue });
      continue;
    }
    now.area += now.last.waiting * (queue.t - now.last.t);
    now.deepest = Math.max(now.deepest, queue.waiting);
    now.last = queue;
    if (queue.waiting > 0) continue;
    open.delete(queue.mm);
    found.push({ from_ns: now.from, to_ns: queue.t, wait_ns: now.area, deepest: now.deepest });
  }
  return found.filter(({ deepest }) => deepest > 1);
}

describe('every trace', () => {
  const check = (timing: 'closed' | 'recorded') => async (events: Event[]) => {
    const models = 'mmap_lock,spf_lespinasse_2022,v6.4,v6.10,v7.3';
    const { result, spans, queues } = await watch(events, models, timing);
    const plain = await replay(events, models, { timing, rows: false });
    expect(result.models).toEqual(plain.result.models);
    for (const { model, time, faults, convoy } of result.models) {
      const mine = spans.filter(span => span.model === model);
      expect(mine.filter(span => span.op === 'fault')).toHaveLength(faults.total);
      expect(sum(mine.flatMap(span => span.waits.map(length)))).toBe(time.fault_wait_ns + time.op_wait_ns);
      const inside = (span: Span) =>
        [...span.waits, ...span.holds].every(({ from, to }) => span.start <= from && from <= to && to <= span.end);
      expect(mine.filter(span => sum(span.waits.map(length)) !== span.wait_ns)).toEqual([]);
      expect(mine.filter(span => !inside(span))).toEqual([]);
      const ends = new Map<number, number>();
      for (const span of mine) {
        expect(span.start).toBeGreaterThanOrEqual(ends.get(span.tid) ?? 0);
        ends.set(span.tid, span.end);
      }
      const lengths = new Map<string, number>();
      let last = 0;
      for (const queue of queues.filter(one => one.model === model)) {
        const key = `${queue.mm} ${queue.lock}`;
        expect(queue.t).toBeGreaterThanOrEqual(last);
        expect(Math.abs(queue.waiting - (lengths.get(key) ?? 0))).toBe(1);
        lengths.set(key, queue.waiting);
        last = queue.t;
      }
      expect([...lengths.values()].filter(n => n !== 0)).toEqual([]);
      const convoys = stretches(queues.filter(one => one.model === model)).sort((a, b) => b.wait_ns - a.wait_ns);
      if (convoy === null) expect(convoys).toEqual([]);
      else expect(convoy).toMatchObject(convoys[0]);
    }
  };

  test('is told whole, its waits add up, and watching changes nothing', () =>
    fc.assert(fc.asyncProperty(traces({ locks: true }), check('closed')), { seed: 6118, numRuns: 40 }));

  test('so at recorded times', () =>
    fc.assert(fc.asyncProperty(traces({ locks: true }), check('recorded')), { seed: 6118, numRuns: 15 }));
});
