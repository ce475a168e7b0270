/** `--fields`: which names each output knows, and what a choice among them selects. */
import { Complaint, nearest, quote } from '../errors.js';
import { HOT_COLUMNS } from './hot-rows.js';
import { COLUMN_GROUPS, COLUMNS, LISTS } from './rows.js';

/** Columns of a row of `--events`, in the order they are printed; `file` only where several traces are replayed. */
export const EVENT_FIELDS = [
  'file',
  'i',
  'model',
  't',
  'start',
  'tid',
  'mm',
  'addr',
  'verdict',
  'fallback',
  'counter',
  'site',
  'wait_ns',
  'hold_ns',
  'tries',
  'blocked_by',
] as const;

const FLAT_FIELDS: readonly string[] = [...COLUMNS.map(column => column.name), ...COLUMN_GROUPS.keys()];
const REPORT_FIELDS: readonly string[] = [...FLAT_FIELDS, ...LISTS];

/**
 * The names a replay's report in `format` can select.
 * @param by with `--by`, rows have other columns and JSON a list more
 */
export function reportFields(format: string, by = false): readonly string[] {
  if (format === 'csv' || format === 'tsv') return by ? HOT_COLUMNS : FLAT_FIELDS;
  return by ? [...REPORT_FIELDS, 'by'] : REPORT_FIELDS;
}

/** The names a listing in `format` can select: columns of its rows, with whole parts where it is no plain list of rows. */
export function listingFields(
  format: string,
  columns: readonly string[],
  parts: readonly string[],
  tables: readonly string[],
): readonly string[] {
  if (format === 'json') return [...columns, ...parts];
  return format === 'table' || format === 'markdown' ? [...columns, ...tables] : columns;
}

export interface Selection {
  /** fields of the report; null selects all */
  report: string[] | null;
  /** fields of each `--events` row; null selects all */
  events: string[] | null;
}

/**
 * Sorts the names of `--fields` out between the report and, when there are any, the rows of `--events`. Each takes the
 * names it knows, in the order given; names both know select nothing from one by themselves when the other was meant.
 *
 * @param known the names the report knows
 * @param eventFields the names rows of `--events` know; none where there are no such rows
 * @throws Complaint (usage) on a name neither knows, listing those there are
 */
export function selectFields(
  names: readonly string[] | undefined,
  known: readonly string[],
  eventFields: readonly string[],
): Selection {
  if (names === undefined) return { report: null, events: null };
  for (const name of names) {
    if (known.includes(name) || eventFields.includes(name)) continue;
    const all = [...new Set([...known, ...eventFields])];
    const near = nearest(name, all);
    const hint = `${near === undefined ? '' : `did you mean ${near}? `}the fields are ${all.join(', ')}`;
    throw new Complaint('usage', `unknown field ${quote(name)} in --fields`, {}, hint);
  }
  const report = names.filter(name => known.includes(name));
  const events = names.filter(name => eventFields.includes(name));
  const own = (picked: string[]): boolean => picked.some(name => !known.includes(name) || !eventFields.includes(name));
  return {
    report: own(report) || !own(events) ? report : null,
    events: events.length > 0 && (own(events) || !own(report)) ? events : null,
  };
}
