/** Spans for pictures: one with given parts, and arbitrary ones in which everything a trace names is hostile. */
import fc from 'fast-check';
import type { Hold, Queue, Span, Wait } from '../../src/replay/result.js';
import { HOSTILE } from './fixtures.js';

export function span(more: Partial<Span> = {}): Span {
  return {
    i: 0,
    model: 'v6.18',
    tid: 7,
    comm: null,
    mm: 1,
    op: 'fault',
    start: 0,
    end: 1000,
    page: 0x7f000,
    pages: 1,
    verdict: 'vma_lock',
    site: null,
    wait_ns: 0,
    blocked_by: null,
    waits: [],
    holds: [],
    more_holds: 0,
    ...more,
  };
}

export function wait(from: number, to: number, more: Partial<Wait> = {}): Wait {
  return { on: 'mmap_lock', mode: 'read', vma: null, from, to, by: null, ...more };
}

const name = fc.oneof(
  fc.constantFrom(...HOSTILE, '', ';', ' ', '</script>', '<!--', 'a\u2028b', '\u2029'),
  fc.string({ unit: 'binary' }),
);
const mode = fc.constantFrom('read', 'write');
const vma = fc.record({ start: fc.nat(1e6), end: fc.nat(1e6), name: fc.option(name) });
const by = fc.option(fc.record({ i: fc.nat(40), op: name, tid: fc.nat(4) }));

/** Two times within `[start, end]`, in order. */
const interval = (start: number, end: number) =>
  fc.tuple(fc.integer({ min: start, max: end }), fc.integer({ min: start, max: end })).map(([a, b]) => ({
    from: Math.min(a, b),
    to: Math.max(a, b),
  }));

const spanIn = (i: number, tid: number, start: number, end: number): fc.Arbitrary<Span> =>
  fc
    .record({
      comm: fc.option(name),
      op: name,
      verdict: fc.constantFrom('vma_lock', 'mmap_lock', 'signal', 'speculative', null),
      site: fc.option(name),
      page: fc.oneof(fc.nat(1e6), fc.integer({ min: 2 ** 51, max: 2 ** 52 - 1 })),
      pages: fc.nat(2000),
      blocked_by: by,
      more_holds: fc.nat(2),
      waits: fc.array(
        fc
          .tuple(
            interval(start, end),
            fc.constantFrom('mmap_lock', 'vma_lock', 'page', 'monitor'),
            mode,
            fc.option(vma),
            by,
          )
          .map(([times, on, how, range, cause]) => ({ ...times, on, mode: how, vma: range, by: cause }) as Wait),
        { maxLength: 3 },
      ),
      holds: fc.array(
        fc
          .tuple(interval(start, end), fc.constantFrom('mmap_lock', 'vma_lock'), mode, vma)
          .map(
            ([times, lock, how, range]) =>
              ({ ...times, lock, mode: how, vma: lock === 'vma_lock' ? range : null }) as Hold,
          ),
        { maxLength: 3 },
      ),
    })
    .map(parts => {
      const wait_ns = parts.waits.reduce((sum, { from, to }) => sum + to - from, 0);
      return { ...span(), ...parts, i, tid, start, end, wait_ns } as Span;
    });

/** The events of a few threads, one after the other on each, in the order in which they end. */
export const spans: fc.Arbitrary<Span[]> = fc
  .array(fc.tuple(fc.nat(3), fc.nat(40), fc.nat(3000)), { maxLength: 25 })
  .chain(moves => {
    const free = [0, 0, 0, 0];
    return fc.tuple(
      ...moves.map(([tid, think, length], i) => {
        const start = free[tid] + think;
        free[tid] = start + length;
        return spanIn(i, tid, start, start + length);
      }),
    );
  })
  .map(all => [...all].sort((a, b) => a.end - b.end));

export const queues: fc.Arbitrary<Queue[]> = fc.array(
  fc.record({
    model: fc.constant('v6.18'),
    mm: fc.constant(1),
    lock: fc.constantFrom('mmap_lock', 'vma_lock', 'monitor'),
    t: fc.nat(5000),
    waiting: fc.nat(9),
  }),
  { maxLength: 5 },
);
