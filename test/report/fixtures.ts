/** Hand-made results: small ones for sentences, and one in which everything a trace can name is hostile. */
import type { Blocker, LockRow, ModelResult, Reason, ReplayResult, Times } from '../../src/replay/result.js';

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
    time: { makespan_ns: figures.makespan ?? 0, fault_wait_ns: 3_050_000, op_wait_ns: 640 },
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
  '\u4e2d\u6587\u{1f600}',
] as const;

/** A result in which the file, a lock, an operation's mapping, a site and a model all bear `name`. */
export function hostileResult(name: string): ReplayResult {
  return result(
    [
      model(`m ${name}`, {
        ...CONTENDED,
        reasons: [{ counter: 'vma_lock_abort', site: name, count: 1_204, wait_ns: 1 }],
        locks: CONTENDED.locks!.map(row => ({ ...row, name })),
        blockers: CONTENDED.blockers!.map(row => ({ ...row, name, op: name })),
      }),
    ],
    { file: name },
  );
}
