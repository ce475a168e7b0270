/** Hand-made results: small ones for sentences, and one in which everything a trace can name is hostile. */
import { diffTraces } from '../../src/replay/diff-traces.js';
import type {
  Blocker,
  ChangedFault,
  Convoy,
  DiffResult,
  Ends,
  LockRow,
  ModelResult,
  OpRow,
  Reason,
  ReplayResult,
  Times,
  Transition,
} from '../../src/replay/result.js';
import type { TracesDiff } from '../../src/replay/traces-diff.js';

export function times(total: number, max = total): Times {
  return { total, mean: total / 10, p50: max / 2, p99: max, max };
}

export interface ModelFigures {
  user?: number;
  kernel?: number;
  fallbacks?: number;
  signal?: number;
  reasons?: Reason[];
  locks?: LockRow[];
  blockers?: Blocker[];
  ops?: OpRow[];
  convoy?: Convoy;
  makespan?: number;
}

/** A model's row that adds up: `fallbacks` of the user faults take mmap_lock, and so do all of the kernel's. */
export function model(id: string, figures: ModelFigures = {}): ModelResult {
  const { user = 0, kernel = 0, fallbacks = 0, signal = 0, reasons = [], locks = [], blockers = [] } = figures;
  const aborts = reasons.reduce((sum, row) => sum + (row.counter === 'vma_lock_abort' ? row.count : 0), 0);
  const retries = reasons.reduce((sum, row) => sum + (row.counter === 'vma_lock_retry' ? row.count : 0), 0);
  const success = id === 'mmap_lock' ? 0 : user - fallbacks;
  return {
    model: id,
    faults: {
      total: user + kernel,
      user,
      kernel,
      vma_lock: user - fallbacks - signal,
      mmap_lock: fallbacks + kernel,
      signal,
    },
    counters: { vma_lock_success: success, vma_lock_abort: aborts, vma_lock_retry: retries, vma_lock_miss: 0 },
    fallback_ratio: user === 0 ? null : fallbacks / user,
    reasons,
    locks,
    blockers,
    ops: figures.ops ?? [],
    convoy: figures.convoy ?? null,
    time: { makespan_ns: figures.makespan ?? 0, fault_wait_ns: 3_050_000, op_wait_ns: 640 },
    over_time: {
      from_ns: 0,
      bin_ns: 2000,
      faults: user + kernel > 0 ? [user, 0, kernel] : [],
      fallbacks: user + kernel > 0 ? [fallbacks, 0, 0] : [],
    },
  };
}

export function result(models: ModelResult[], more: Partial<ReplayResult['trace']> = {}): ReplayResult {
  const faults = models[0]?.faults.total ?? 0;
  return {
    schema: 'vmalock.replay/1',
    trace: { file: 'node.ndjson.gz', events: faults + 12, faults, threads: 8, mms: 1, span_ns: 3e9, lost: 0, ...more },
    timing: 'closed',
    models,
    warnings: [],
  };
}

export const CONTENDED: ModelFigures = {
  user: 90_266,
  kernel: 34,
  fallbacks: 1_204,
  makespan: 3_010_000_000,
  reasons: [
    { counter: 'vma_lock_abort', site: 'vma_start_read', count: 1_150, wait_ns: 2_900_000 },
    { counter: 'vma_lock_retry', site: '__folio_lock_or_retry', count: 54, wait_ns: 150_000 },
    { counter: null, site: 'do_user_addr_fault.kernel_mode', count: 34, wait_ns: 0 },
  ],
  locks: [
    {
      lock: 'mmap_lock',
      mm: 1,
      mode: 'write',
      acquired: 4_120,
      contended: 877,
      wait_ns: times(9_400_000, 812_000),
      hold_ns: times(51_000_000, 1_900_000),
    },
    {
      lock: 'vma_lock',
      mm: 1,
      start: '0x55d0c0de1000',
      end: '0x55d0c0e02000',
      name: '[heap]',
      mode: 'write',
      acquired: 910,
      contended: 12,
      wait_ns: times(310_000, 44_000),
      hold_ns: times(700_000, 61_000),
    },
    { lock: 'vma_lock', mm: 1, mode: 'read', acquired: 88_000, contended: 0, wait_ns: times(0), hold_ns: times(9e6) },
  ],
  ops: [
    { op: 'mprotect', count: 900, read: 0, write: 910, wait_ns: 640, read_hold_ns: 0, write_hold_ns: 51_000_000 },
    { op: 'fault', count: 90_300, read: 1_238, write: 0, wait_ns: 3_050_000, read_hold_ns: 80_000, write_hold_ns: 0 },
  ],
  convoy: {
    mm: 1,
    from_ns: 4_000_000,
    to_ns: 4_812_000,
    threads: 5,
    waits: 40,
    wait_ns: 2_000_000,
    max_wait_ns: 412_000,
    deepest: 4,
    holder: { i: 11, op: 'read_maps', tid: 90, mode: 'read', from_ns: 3_900_000 },
    members: [
      {
        i: 12,
        op: 'mprotect',
        tid: 41,
        mode: 'write',
        start: '0x55d0c0de1000',
        end: '0x55d0c0e02000',
        name: '[heap]',
        from_ns: 4_000_000,
        wait_ns: 412_000,
        blocked_by: { i: 11, op: 'read_maps', tid: 90 },
      },
    ],
  },
  blockers: [
    {
      op: 'mprotect',
      tid: 41,
      start: '0x55d0c0de1000',
      end: '0x55d0c0e02000',
      name: '[heap]',
      victims: 1_120,
      fallbacks: 1_118,
      wait_ns: 3_050_000,
      max_wait_ns: 412_000,
      times: 900,
    },
    {
      op: 'munmap',
      tid: 7,
      start: '0x7f12a4b3c000',
      end: '0x7f12a4b7c000',
      victims: 30,
      fallbacks: 12,
      wait_ns: 90_000,
      max_wait_ns: 9_000,
      times: 3,
      period_ns: 1e9,
    },
  ],
};

/** Names that try to move a cursor, close a cell, run a formula, open a tag or be taken for a pattern. */
export const HOSTILE = [
  '\u001b[2J\u001b]0;owned\u0007',
  '\u009b31mred',
  '\u202egnp.exe\u2066',
  'two\nlines\r\nthree\ttabs',
  'a|b|c',
  '<script>alert(1)</script>',
  '=cmd|"/c calc"!A1',
  '+1+1',
  '-2+3',
  '@SUM(A1)',
  '\t=1',
  '%s%n%d%j',
  '$& $1 $$',
  '`code` *bold* [link](http://example.org) ~~gone~~',
  '__proto__',
  '\ud800lone',
  'zero\u200bwidth',
  '\u{e0041}tag',
  '../../../tmp/owned',
  'a;b 5',
  '"><img src=x onerror=alert(1)>',
  '&lt;b&gt;',
  '\u2028\u2029\ufeff\u00ad',
  '\u4e2d\u6587\u{1f600}',
  '\u00a0blank \u2800\u3000\u2003\u1680\u202f\u{1d159}',
] as const;

/** A result in which the file, a lock, an operation's mapping, a site and a model all bear `name`. */
export function hostileResult(name: string): ReplayResult {
  const convoy = CONTENDED.convoy!;
  return result(
    [
      model(`m ${name}`, {
        ...CONTENDED,
        reasons: [{ counter: 'vma_lock_abort', site: name, count: 1_204, wait_ns: 1 }],
        locks: CONTENDED.locks!.map(row => ({ ...row, name })),
        blockers: CONTENDED.blockers!.map(row => ({ ...row, name, op: name })),
        ops: CONTENDED.ops!.map(row => ({ ...row, op: name })),
        convoy: { ...convoy, members: convoy.members.map(row => ({ ...row, name, op: name })) },
      }),
    ],
    { file: name },
  );
}

/** One side of a fault's change: `verdict counter site`, with `-` for none. */
function side(text: string): [Ends['from'], Ends['from_counter'], string | null] {
  const [verdict, counter, site] = text.split(' ').map(word => (word === '-' ? null : word));
  return [verdict as Ends['from'], counter as Ends['from_counter'], site ?? null];
}

/** How a fault ends under two models, such as `mmap_lock vma_lock_retry do_swap_page` and `vma_lock vma_lock_success -`. */
function ends(before: string, after: string): Ends {
  const [from, from_counter, from_site] = side(before);
  const [to, to_counter, to_site] = side(after);
  return { from, to, site: to_site ?? from_site, from_site, to_site, from_counter, to_counter };
}

export function transition(count: number, before: string, after: string): Transition {
  const { from, to, site, ...rest } = ends(before, after);
  return { from, to, site, count, ...rest, from_wait_ns: 900 * count, to_wait_ns: 0 };
}

export function changedFault(i: number, before: string, after: string): ChangedFault {
  const [from_fallback, to_fallback] = [before, after].map(text => text.startsWith('mmap_lock'));
  const waited = { from_wait_ns: 900, to_wait_ns: 0 };
  const blocked = { from_blocked_by: { i: 3, op: 'mprotect', tid: 41 }, to_blocked_by: null };
  const where = { i, t: 10 * i, tid: 7, mm: 1, addr: '0x7f12a4b3c000' };
  return { ...where, ...ends(before, after), from_fallback, to_fallback, ...waited, ...blocked };
}

/** A diff in which nothing differs, but for what is given; `changed` is the sum of the transitions. */
export function diffResult(faults: number, more: Partial<DiffResult> = {}): DiffResult {
  const same = (n: number) => ({ from: n, to: n });
  const { trace, timing } = result([model('v6.5', { user: faults })]);
  const { transitions = [] } = more;
  return {
    schema: 'vmalock.diff/1',
    trace,
    timing,
    from: 'v6.5',
    to: 'v6.6',
    differs: transitions.length > 0,
    changed: transitions.reduce((sum, { count }) => sum + count, 0),
    transitions,
    verdicts: { vma_lock: same(faults), mmap_lock: same(0), signal: same(0) },
    counters: {
      vma_lock_success: same(faults),
      vma_lock_abort: same(0),
      vma_lock_retry: same(0),
      vma_lock_miss: same(0),
    },
    time: { makespan_ns: same(5_000), fault_wait_ns: same(0), op_wait_ns: same(0) },
    waits: { less: 0, more: 0 },
    blockers: [],
    faults: [],
    warnings: [],
    ...more,
  };
}

const ABORT = 'mmap_lock vma_lock_abort lock_vma_under_rcu.vm_ops';
const RETRY = 'mmap_lock vma_lock_retry do_cow_fault';

/** A diff in which everything differs. */
export const CHANGED = diffResult(90_266, {
  transitions: [
    transition(1_100, ABORT, 'vma_lock vma_lock_success -'),
    transition(104, ABORT, RETRY),
    transition(
      2,
      'signal - do_user_addr_fault.access_error',
      'signal vma_lock_success do_user_addr_fault.access_error',
    ),
  ],
  verdicts: {
    vma_lock: { from: 89_062, to: 90_162 },
    mmap_lock: { from: 1_202, to: 102 },
    signal: { from: 2, to: 2 },
  },
  counters: {
    vma_lock_success: { from: 89_062, to: 90_164 },
    vma_lock_abort: { from: 1_204, to: 0 },
    vma_lock_retry: { from: 0, to: 104 },
    vma_lock_miss: { from: 0, to: 0 },
  },
  time: {
    makespan_ns: { from: 3_010_000_000, to: 3_009_000_000 },
    fault_wait_ns: { from: 3_050_000, to: 47_000 },
    op_wait_ns: { from: 640, to: 700 },
  },
  waits: { less: 1_010, more: 2 },
  blockers: [
    {
      op: 'mprotect',
      tid: 41,
      start: '0x55d0c0de1000',
      end: '0x55d0c0e02000',
      name: '[heap]',
      victims: { from: 1_120, to: 0 },
      fallbacks: { from: 1_118, to: 0 },
      wait_ns: { from: 3_050_000, to: 0 },
      max_wait_ns: { from: 412_000, to: 0 },
    },
    {
      op: 'munmap',
      tid: 7,
      start: '0x7f12a4b3c000',
      end: '0x7f12a4b7c000',
      victims: { from: 30, to: 30 },
      fallbacks: { from: 12, to: 12 },
      wait_ns: { from: 90_000, to: 97_000 },
      max_wait_ns: { from: 9_000, to: 9_000 },
    },
  ],
  faults: [
    changedFault(12, ABORT, 'vma_lock vma_lock_success -'),
    changedFault(14, ABORT, RETRY),
    changedFault(
      15,
      'signal - do_user_addr_fault.access_error',
      'signal vma_lock_success do_user_addr_fault.access_error',
    ),
  ],
});

/** The same, with a file, a mapping and an operation that all bear `name`. */
export function hostileDiff(name: string): DiffResult {
  return {
    ...CHANGED,
    trace: { ...CHANGED.trace, file: name },
    blockers: CHANGED.blockers.map(row => ({ ...row, name, op: name })),
  };
}

/** Two traces in which everything that can be named bears `name`, against one in which nothing waits. */
export function hostileTracesDiff(name: string): TracesDiff {
  const busy = hostileResult(name);
  const by = [{ key: name, name, faults: 90_300, fallbacks: 1_204, wait_ns: 3_050_000, max_wait_ns: 412_000 }];
  const calm = result([model(`m ${name}`, { user: 9 })], { file: `${name} too` });
  return diffTraces({ ...busy, models: [{ ...busy.models[0], by }] }, calm);
}
