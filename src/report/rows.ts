/**
 * One flat row per trace and model: the columns that csv, tsv, the verdict tables and `--fields` share.
 *
 * A column has a name for scripts (the result's own key), a title for people, a raw value and a cell.
 */
import type { Blocker, LockRow, ModelResult, ReplayResult } from '../replay/result.js';
import { formatCount, formatNs, formatShare } from '../units.js';

/** What csv and tsv know: null is an empty field. */
export type Cell = string | number | null;

export interface Column {
  readonly name: string;
  readonly title: string;
  readonly kind: 'text' | 'number';
  /** null where the result knows no number */
  value(model: ModelResult, result: ReplayResult): string | number | null;
  /** the value as people read it, not yet escaped */
  cell(model: ModelResult, result: ReplayResult): string;
}

function count(name: string, title: string, value: (m: ModelResult, r: ReplayResult) => number): Column {
  return { name, title, kind: 'number', value, cell: (m, r) => formatCount(value(m, r)) };
}

function duration(name: string, title: string, value: (m: ModelResult) => number): Column {
  return { name, title, kind: 'number', value, cell: m => formatNs(value(m)) };
}

/** In the order csv prints them. */
export const COLUMNS: readonly Column[] = [
  { name: 'model', title: 'model', kind: 'text', value: m => m.model, cell: m => m.model },
  count('faults', 'faults', m => m.faults.total),
  count('user', 'user', m => m.faults.user),
  count('kernel', 'kernel', m => m.faults.kernel),
  count('vma_lock', 'vma_lock', m => m.faults.vma_lock),
  count('mmap_lock', 'mmap_lock', m => m.faults.mmap_lock),
  count('signal', 'signal', m => m.faults.signal),
  count('vma_lock_success', 'success', m => m.counters.vma_lock_success),
  count('vma_lock_abort', 'abort', m => m.counters.vma_lock_abort),
  count('vma_lock_retry', 'retry', m => m.counters.vma_lock_retry),
  count('vma_lock_miss', 'miss', m => m.counters.vma_lock_miss),
  {
    name: 'fallback_ratio',
    title: 'fallback',
    kind: 'number',
    value: m => m.fallback_ratio,
    cell: m => (m.fallback_ratio === null ? '-' : formatRatio(userFallbacks(m), m.faults.user)),
  },
  duration('makespan_ns', 'makespan', m => m.time.makespan_ns),
  duration('fault_wait_ns', 'faults waited', m => m.time.fault_wait_ns),
  duration('op_wait_ns', 'operations waited', m => m.time.op_wait_ns),
  count('lost', 'lost', (_, r) => r.trace.lost),
  {
    name: 'sample',
    title: 'sample',
    kind: 'text',
    value: (_, r) => r.trace.sample ?? null,
    cell: (_, r) => r.trace.sample ?? '-',
  },
  { name: 'file', title: 'file', kind: 'text', value: (_, r) => r.trace.file, cell: (_, r) => r.trace.file },
];

const COLUMN_BY_NAME = new Map(COLUMNS.map(column => [column.name, column]));

/** Names that stand for several columns, as they do in JSON. */
export const COLUMN_GROUPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['counters', ['vma_lock_success', 'vma_lock_abort', 'vma_lock_retry', 'vma_lock_miss']],
  ['time', ['makespan_ns', 'fault_wait_ns', 'op_wait_ns']],
]);

/** What a model's result has tables of its own of, for people; in JSON, keys. */
export const LISTS = ['reasons', 'locks', 'blockers', 'convoy', 'ops'] as const;

/** The columns of the given names, groups spelled out; names that are no column are passed over. */
export function columnsOf(names: readonly string[]): Column[] {
  return names.flatMap(name => COLUMN_GROUPS.get(name) ?? [name]).flatMap(name => COLUMN_BY_NAME.get(name) ?? []);
}

/** User faults that took the mmap_lock path: what `fallback_ratio` is the share of. */
export function userFallbacks(model: ModelResult): number {
  return Math.round((model.fallback_ratio ?? 0) * model.faults.user);
}

/** A share for people that says 100 % only of all and 0 % only of none: `1.3 %`, `99.9 %`; `-` of nothing. */
export function formatRatio(part: number, whole: number): string {
  if (part !== 0 && part !== whole && (1000 * part) / whole >= 999.5) return '>99.9 %';
  return formatShare(part, whole);
}

/** A share inside a sentence, which never overstates: `96 %`; `>99 %` short of all and `<1 %` of something. */
export function formatPercent(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  if (percent < 1) return part === 0 ? '0 %' : '<1 %';
  if (percent >= 99.5) return part < whole ? '>99 %' : '100 %';
  return `${Math.round(percent)} %`;
}

/** Columns a mapping's name may take inside a sentence. */
export const NAME_WIDTH = 60;

/** What people call a mapping: its name, else its range; null when neither is known (a fork has no pages in particular). */
export function whereOf({ name, start, end }: Pick<Blocker | LockRow, 'name' | 'start' | 'end'>): string | null {
  if (name !== undefined) return name;
  if (start === undefined) return null;
  return end === undefined ? start : `${start}-${end}`;
}
