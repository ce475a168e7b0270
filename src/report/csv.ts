/** `csv` and `tsv`: a header, then one row per trace and model. Times in ns, an unknown number as an empty field. */
import type { ReplayResult } from '../replay/result.js';
import { csvField, tsvField } from './escape.js';
import type { ReportOptions } from './reporter.js';
import { COLUMNS, columnsOf } from './rows.js';

export function reportCsv(results: readonly ReplayResult[], options: ReportOptions): string {
  return flat(results, options, ',', csvField);
}

export function reportTsv(results: readonly ReplayResult[], options: ReportOptions): string {
  return flat(results, options, '\t', tsvField);
}

function flat(
  results: readonly ReplayResult[],
  { fields }: ReportOptions,
  separator: string,
  field: (text: string) => string,
): string {
  const columns = fields === null ? COLUMNS : columnsOf(fields);
  let out = columns.map(column => column.name).join(separator) + '\n';
  for (const result of results) {
    for (const model of result.models) {
      const cells = columns.map(column => {
        const value = column.value(model, result);
        return typeof value === 'string' ? field(value) : String(value ?? '');
      });
      out += cells.join(separator) + '\n';
    }
  }
  return out;
}
