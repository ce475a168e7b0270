/** A diff in every format a replay has: a sentence and tables for people; for sheets, a row for each way in which faults change. */
import type { DiffResult, Transition } from '../replay/result.js';
import { diffOpening } from './diff-finding.js';
import { diffSections, TABLES, waysSection } from './diff-sections.js';
import { listingFields } from './fields.js';
import { pickKeys } from './json.js';
import type { Listing } from './listing.js';
import type { Cell } from './rows.js';

/** Columns of a transition's row, in the order csv prints them. */
const COLUMNS = [
  'from_model',
  'to_model',
  'from',
  'to',
  'site',
  'count',
  'from_site',
  'to_site',
  'from_counter',
  'to_counter',
  'from_wait_ns',
  'to_wait_ns',
  'lost',
  'file',
] as const;

type ColumnName = (typeof COLUMNS)[number];
type Row = Record<ColumnName, Cell>;

/** The parts of json that `--fields` can choose beside columns: those with a table of their own, and one without. */
const PARTS = [...TABLES, 'waits'] as const;

/** Columns of a row of `diff --events`, in the order they are printed. */
export const CHANGE_FIELDS = [
  'i',
  't',
  'tid',
  'mm',
  'addr',
  'from',
  'to',
  'site',
  'from_site',
  'to_site',
  'from_counter',
  'to_counter',
  'from_fallback',
  'to_fallback',
  'from_wait_ns',
  'to_wait_ns',
  'from_blocked_by',
  'to_blocked_by',
] as const;

/** The names a diff in `format` can select. */
export function diffFields(format: string): readonly string[] {
  return listingFields(format, COLUMNS, PARTS, TABLES);
}

/** @param fields a choice of columns and parts (`--fields`); null for all of them */
export function diffListing(diff: DiffResult, fields: readonly string[] | null): Listing {
  const columns = fields === null ? COLUMNS : columnsIn(fields);
  const rows = diff.transitions.map(way => rowOf(way, diff));
  const records = rows.map(row => pickKeys(row, columns));
  const cells = rows.map(row => columns.map(column => row[column]));
  const chosen = fields !== null && columns.length > 0;
  return {
    document: fields === null ? diff : documentOf(diff, fields, chosen ? records : null),
    records,
    opening: diffOpening(diff),
    sections: [...(chosen ? [waysSection(columns, cells)] : []), ...diffSections(diff, fields ?? TABLES)],
    flat: { headings: columns.map(title => ({ title })), rows: cells },
  };
}

function columnsIn(fields: readonly string[]): ColumnName[] {
  return fields.flatMap(field => COLUMNS.find(column => column === field) ?? []);
}

function rowOf(way: Transition, { from, to, trace: { lost, file } }: DiffResult): Row {
  return { from_model: from, to_model: to, ...way, lost, file };
}

/** What json prints of a choice: the head, the parts that were chosen and, where columns were, transitions of those. */
function documentOf(diff: DiffResult, fields: readonly string[], transitions: readonly object[] | null): object {
  const { schema, trace, timing, from, to, differs, changed, warnings } = diff;
  const parts = pickKeys(
    diff,
    PARTS.filter(part => fields.includes(part)),
  );
  return { schema, trace, timing, from, to, differs, changed, ...parts, ...(transitions && { transitions }), warnings };
}
