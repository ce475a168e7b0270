/** Chrome trace events as Perfetto's importer takes them, with its rules re-implemented: nothing may be dropped. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Queue, Span } from '../../src/replay/result.js';
import { PerfettoWriter } from '../../src/report/perfetto.js';
import { queues, span, spans, wait } from './span-fixtures.js';

interface TraceEvent {
  ph: string;
  ts: number;
  pid: number;
  tid: number;
  name?: string;
  cat?: string;
  id?: number | string;
  args?: Record<string, unknown>;
}

function write(all: readonly Span[], more: readonly Queue[] = [], file: string | null = null): string {
  let text = '';
  const writer = new PerfettoWriter(piece => {
    text += piece;
  });
  const watcher = writer.watcher(file);
  for (const queue of more) watcher.queue(queue);
  for (const one of all) watcher.over(one);
  writer.finish();
  return text;
}

interface Slice extends TraceEvent {
  from: number;
  to: number;
  depth: number;
}

/** Reads a trace: events by time, then by their place in the file, each time cut to whole ns; throws where one would be dropped. */
function load(text: string) {
  const { traceEvents } = JSON.parse(text) as { traceEvents: TraceEvent[] };
  const events = traceEvents.map(event => ({ ...event, ns: Math.trunc(event.ts * 1000) })).sort((a, b) => a.ns - b.ns);
  const stacks = new Map<string, Slice[]>();
  const slices: Slice[] = [];
  const processOf = new Map<number, number>();
  const names = new Map<string, unknown>();
  const flows = new Map<unknown, Slice>();
  const arrows: [Slice, Slice][] = [];
  const asyncs = new Map<unknown, number>();
  const counters: TraceEvent[] = [];
  for (const event of events) {
    const { ph, ns, pid, tid, name = '', id, args } = event;
    // A tid belongs to one process, and none is the idle thread.
    expect(processOf.get(tid) ?? pid).toBe(pid);
    processOf.set(tid, pid);
    expect(pid > 0 && tid > 0 && ns >= 0).toBe(true);
    const stack = stacks.get(`${pid} ${tid}`) ?? [];
    stacks.set(`${pid} ${tid}`, stack);
    const top = stack.at(-1);
    switch (ph) {
      case 'B': {
        const slice = { ...event, from: ns, to: -1, depth: stack.push({ ...event, from: ns, to: -1, depth: 0 }) };
        stack[stack.length - 1] = slice;
        slices.push(slice);
        break;
      }
      case 'E':
        if (top === undefined) throw new Error('an end without a beginning');
        top.to = ns;
        stack.pop();
        break;
      case 's':
        if (top === undefined) throw new Error('an arrow that begins in no slice');
        flows.set(id, top);
        break;
      case 'f': {
        const tail = flows.get(id);
        if (top === undefined || tail === undefined) throw new Error('an arrow that ends in no slice');
        arrows.push([tail, top]);
        break;
      }
      case 'b':
        asyncs.set(id, ns);
        break;
      case 'e':
        expect(asyncs.has(id)).toBe(true);
        asyncs.delete(id);
        break;
      case 'C':
        counters.push(event);
        break;
      case 'M':
        names.set(`${name} ${name === 'process_name' ? pid : tid}`, args?.name);
        break;
      default:
        throw new Error(`unknown phase ${ph}`);
    }
  }
  for (const stack of stacks.values()) expect(stack).toEqual([]);
  expect(asyncs.size).toBe(0);
  expect(slices.every(slice => slice.name !== '' && slice.depth < 512)).toBe(true);
  return { slices, names, arrows, counters };
}

describe('a Perfetto trace', () => {
  const by = { i: 1, op: 'munmap', tid: 9 };
  const range = { start: 0x7f000, end: 0x7f010, name: '[heap]' };
  const munmap = span({
    i: 1,
    tid: 9,
    comm: 'main',
    op: 'munmap',
    verdict: null,
    start: 1000,
    end: 9000,
    pages: 16,
    holds: [
      { lock: 'mmap_lock', mode: 'write', vma: null, from: 1500, to: 9000 },
      { lock: 'vma_lock', mode: 'write', vma: range, from: 2000, to: 9000 },
    ],
  });
  const fault = span({
    i: 2,
    start: 3000,
    end: 12_345,
    verdict: 'mmap_lock',
    site: 'vma_start_read',
    wait_ns: 6000,
    blocked_by: by,
    waits: [wait(3100, 9100, { by })],
    holds: [{ lock: 'mmap_lock', mode: 'read', vma: null, from: 9100, to: 12_345 }],
  });

  test('has waits and holds inside events, and an arrow from who was in the way', () => {
    const { slices, names, arrows } = load(write([munmap, fault]));
    expect(slices.map(({ name, depth, from, to }) => [name, depth, from, to])).toEqual([
      ['munmap', 1, 1000, 9000],
      ['holds mmap_lock (write)', 2, 1500, 9000],
      ['fault at vma_start_read', 1, 3000, 12_345],
      ['waits for mmap_lock (read)', 2, 3100, 9100],
      ['holds mmap_lock (read)', 2, 9100, 12_345],
    ]);
    expect(slices[2].args).toEqual({
      event: 2,
      start: '0x7f000000',
      verdict: 'mmap_lock',
      site: 'vma_start_read',
      wait_ns: 6000,
      blocked_by: 'munmap (thread 9)',
      blocked_by_event: 1,
    });
    expect([...names.values()].sort()).toEqual(['main (9)', 'mm 1 under v6.18', 'thread 7']);
    expect(arrows.map(ends => ends.map(({ name }) => name))).toEqual([
      ['holds mmap_lock (write)', 'waits for mmap_lock (read)'],
    ]);
  });

  test('tells times in us with three decimals, before any text', () => {
    const text = write([fault]);
    expect(text).toContain('"ts":12.345,');
    expect(text).not.toContain('displayTimeUnit');
    expect(text.match(/^\{"ph":"[BEMbesfC]",(?:"bp":"e",)?"ts":\d+(?:\.\d{3})?,/gm)).toHaveLength(
      text.split('\n').length - 3,
    );
  });

  test('has a lock that is held all the time as an argument', () => {
    const holds = [{ lock: 'vma_lock' as const, mode: 'read' as const, vma: range, from: 0, to: 1000 }];
    const { slices } = load(write([span({ holds })]));
    expect(slices.map(({ args }) => args)).toEqual([
      { event: 0, start: '0x7f000000', verdict: 'vma_lock', holds: 'VMA [heap] (read)' },
    ]);
  });

  test('keeps the same thread of two models, mms or files apart', () => {
    const text = write([span(), span({ mm: 2 }), span({ model: 'v6.4' })], [], 'a.json');
    const { names } = load(text);
    expect([...names.values()].filter(name => name !== 'thread 7').sort()).toEqual([
      'a.json: mm 1 under v6.18',
      'a.json: mm 1 under v6.4',
      'a.json: mm 2 under v6.18',
    ]);
    expect(new Set(load(text).slices.map(slice => slice.tid)).size).toBe(3);
  });

  test('counts who sleeps', () => {
    const { counters } = load(write([], [{ model: 'v6.18', mm: 1, lock: 'mmap_lock', t: 1001, waiting: 2 }]));
    expect(counters.map(({ ts, name, args }) => [ts, name, args])).toEqual([
      [1.001, 'asleep for mmap_lock', { threads: 2 }],
    ]);
  });

  test('of nothing is one too', () => {
    expect(JSON.parse(write([]))).toEqual({ traceEvents: [] });
  });

  test('is taken without a drop, whatever overlaps and whatever the names', () => {
    fc.assert(
      fc.property(spans, queues, (all, more) => {
        const text = write(all, more, all[0]?.op ?? null);
        const { slices } = load(text);
        expect(slices.filter(({ depth }) => depth === 1)).toHaveLength(all.length);
        for (const { name = '' } of slices) expect(name).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2800]|(?! )\p{Z}/u);
      }),
      { seed: 6118, numRuns: 200 },
    );
  });
});

test('processes of a trace whose recording lost events say so', () => {
  let text = '';
  const writer = new PerfettoWriter(piece => {
    text += piece;
  });
  for (const file of ['a', 'b']) writer.watcher(file).over(span());
  writer.lost('a', 1234);
  writer.finish();
  const { traceEvents } = JSON.parse(text) as { traceEvents: TraceEvent[] };
  const names = traceEvents.filter(({ name }) => name === 'process_name').map(({ args }) => args?.name);
  expect(names).toEqual(['a: mm 1 under v6.18, 1,234 events lost when recorded', 'b: mm 1 under v6.18']);
});
