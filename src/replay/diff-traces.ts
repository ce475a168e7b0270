/** Two traces of one program under one stage: what there is more or less of, for each 1,000 faults. */
import type { Stage } from '../kernel/stage.js';
import { longestWait } from './longest-wait.js';
import { Replay, type ReplayOptions } from './replay.js';
import type { FromTo, HotSpot, ModelResult, ReplayResult } from './result.js';
import type { Rated, TracesDiff } from './traces-diff.js';

/** A replay of one of two traces that diffTraces() compares. */
export function replayToCompare(
  stage: Stage,
  options: Pick<ReplayOptions, 'timing' | 'costs' | 'watcher' | 'maxVmas' | 'maxPages'>,
): Replay {
  return new Replay([stage], { ...options, by: 'vma', byAll: true });
}

/** What differs between two traces, both from replayToCompare() with the same stage and options. */
export function diffTraces(from: ReplayResult, to: ReplayResult): TracesDiff {
  const [a, b] = [from.models[0], to.models[0]];
  const faults = { from: a.faults.total, to: b.faults.total };
  const rate = (before: number, after: number): Rated => ({
    from: before,
    to: after,
    from_per_1000: per1000(before, faults.from),
    to_per_1000: per1000(after, faults.to),
  });
  const rows = new Rows(a, b, rate);
  const parts = {
    faults: { total: faults, user: both(a, b, m => m.faults.user), kernel: both(a, b, m => m.faults.kernel) },
    verdicts: {
      vma_lock: rate(a.faults.vma_lock, b.faults.vma_lock),
      mmap_lock: rate(a.faults.mmap_lock, b.faults.mmap_lock),
      signal: rate(a.faults.signal, b.faults.signal),
    },
    fallbacks: rate(fallbacksOf(a), fallbacksOf(b)),
    time: {
      makespan_ns: both(a, b, m => m.time.makespan_ns),
      fault_wait_ns: rate(a.time.fault_wait_ns, b.time.fault_wait_ns),
      op_wait_ns: rate(a.time.op_wait_ns, b.time.op_wait_ns),
      longest_wait_ns: both(a, b, longestWait),
    },
    reasons: rows.of(
      m => m.reasons,
      ({ counter, site }) => ({ counter, site }),
      { count: row => row.count, wait_ns: row => row.wait_ns },
    ),
    mappings: rows.of(
      m => m.by ?? [],
      ({ name = null }) => ({ name }),
      { faults: row => row.faults, fallbacks: row => row.fallbacks, wait_ns: row => row.wait_ns },
    ),
    ops: rows.of(
      m => m.ops,
      ({ op }) => ({ op }),
      { count: row => row.count, wait_ns: row => row.wait_ns, hold_ns: row => row.read_hold_ns + row.write_hold_ns },
    ),
    blockers: rows.of(
      m => m.blockers,
      ({ op, name = null }) => ({ op, name }),
      { victims: row => row.victims, fallbacks: row => row.fallbacks, wait_ns: row => row.wait_ns },
    ),
  };
  const { reasons, mappings, ops, blockers } = parts;
  const sums: FromTo[] = [parts.faults, parts.verdicts, parts.time].flatMap(group => Object.values<FromTo>(group));
  return {
    schema: 'vmalock.diff-traces/1',
    model: a.model,
    timing: from.timing,
    from: from.trace,
    to: to.trace,
    differs: reasons.length + mappings.length + ops.length + blockers.length > 0 || sums.some(differs),
    ...parts,
    warnings: [from, to].flatMap(({ trace, warnings }) => warnings.map(text => `${trace.file}: ${text}`)),
  };
}

type Quantities<Row> = Readonly<Record<string, (row: Row) => number>>;

/** Rows of both results, those of the same key added up and put beside each other. */
class Rows {
  constructor(
    private readonly from: ModelResult,
    private readonly to: ModelResult,
    private readonly rate: (from: number, to: number) => Rated,
  ) {}

  /**
   * @param keyOf by what rows are the same
   * @param quantities of a row; the first says how much it differs
   * @returns rows in which any quantity differs, most different first
   */
  of<Row, Key extends object, Q extends Quantities<Row>>(
    list: (model: ModelResult) => readonly Row[],
    keyOf: (row: Row) => Key,
    quantities: Q,
  ): (Key & { [name in keyof Q]: Rated })[] {
    const names: (keyof Q)[] = Object.keys(quantities);
    const sums = new Map<string, { key: Key; from: number[]; to: number[] }>();
    for (const side of ['from', 'to'] as const) {
      for (const row of list(this[side])) {
        const key = keyOf(row);
        const id = JSON.stringify(key);
        const sum = sums.get(id) ?? { key, from: names.map(() => 0), to: names.map(() => 0) };
        names.forEach((name, at) => {
          sum[side][at] += quantities[name](row);
        });
        sums.set(id, sum);
      }
    }
    return [...sums.values()]
      .map(({ key, from, to }) => ({ key, rated: names.map((_, at) => this.rate(from[at], to[at])) }))
      .filter(({ rated }) => rated.some(differs))
      .map((row, at) => ({ ...row, at }))
      .sort((x, y) => distance(y.rated[0]) - distance(x.rated[0]) || x.at - y.at)
      .map(({ key, rated }) => ({
        ...key,
        ...Object.fromEntries(names.map((name, at) => [name, rated[at]])),
      })) as (Key & {
      [name in keyof Q]: Rated;
    })[];
  }
}

function both(a: ModelResult, b: ModelResult, of: (model: ModelResult) => number): FromTo {
  return { from: of(a), to: of(b) };
}

function per1000(quantity: number, faults: number): number {
  return faults === 0 ? 0 : (1000 * quantity) / faults;
}

/** User faults that took the mmap_lock path: every one of them is in a row of `by`. */
function fallbacksOf({ by = [] }: ModelResult): number {
  return by.reduce((sum: number, row: HotSpot) => sum + row.fallbacks, 0);
}

function differs({ from, to }: FromTo): boolean {
  return from !== to;
}

function distance({ from_per_1000, to_per_1000 }: Rated): number {
  return Math.abs(to_per_1000 - from_per_1000);
}
