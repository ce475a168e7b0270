/**
 * `csv` and `tsv`: a header, then one row per trace and model, or with `--by` per trace, model and key. Times in ns, an
 * unknown number as an empty field.
 */
import type { ReplayResult } from '../replay/result.js';
import { csvField, tsvField } from './escape.js';
import { HOT_COLUMNS, hotRows } from './hot-rows.js';
import type { ReportOptions } from './reporter.js';
import { type Cell, COLUMNS, columnsOf } from './rows.js';

export function reportCsv(results: readonly ReplayResult[], options: ReportOptions): string {
  return flat(results, options, 'csv');
}

export function reportTsv(results: readonly ReplayResult[], options: ReportOptions): string {
  return flat(results, options, 'tsv');
}

function flat(results: readonly ReplayResult[], { fields, top }: ReportOptions, format: 'csv' | 'tsv'): string {
  const sampled = results.some(({ trace }) => trace.sample !== undefined);
  const shown = (name: string): boolean => name !== 'sample' || sampled;
  if (results.some(({ by }) => by !== undefined)) {
    const names = fields ?? HOT_COLUMNS.filter(shown);
    const rows = results.flatMap(result => hotRows(result, names, top ?? Number.POSITIVE_INFINITY));
    return formatRows(names, rows, format);
  }
  const columns = fields === null ? COLUMNS.filter(({ name }) => shown(name)) : columnsOf(fields);
  const rows = results.flatMap(result =>
    result.models.map(model => columns.map(column => column.value(model, result))),
  );
  const names = columns.map(column => column.name);
  return formatRows(names, rows, format);
}

/** A header and rows of cells; only text is escaped, so that a negative number stays one. */
export function formatRows(
  names: readonly string[],
  rows: readonly (readonly Cell[])[],
  format: 'csv' | 'tsv',
): string {
  const [separator, field] = format === 'csv' ? [',', csvField] : ['\t', tsvField];
  const line = (cells: readonly Cell[]): string =>
    cells.map(cell => (typeof cell === 'string' ? field(cell) : String(cell ?? ''))).join(separator) + '\n';
  return line(names) + rows.map(line).join('');
}
