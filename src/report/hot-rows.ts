/** What `--by` adds up, for sheets: a row for each model and key. */
import type { HotSpot, ModelResult, ReplayResult } from '../replay/result.js';
import type { Cell } from './rows.js';

/** Columns of a row, in the order csv prints them. */
export const HOT_COLUMNS = [
  'model',
  'key',
  'faults',
  'fallbacks',
  'wait_ns',
  'max_wait_ns',
  'mm',
  'start',
  'end',
  'lost',
  'sample',
  'file',
] as const;

/** The rows of all models of one trace, with the cells of `columns`. */
export function hotRows({ trace, models }: ReplayResult, columns: readonly string[], most: number): Cell[][] {
  const cell = (model: ModelResult, spot: HotSpot, column: string): Cell => {
    if (column === 'model') return model.model;
    if (column === 'file' || column === 'lost' || column === 'sample') return trace[column] ?? null;
    return spot[column as keyof HotSpot] ?? null;
  };
  return models.flatMap(model =>
    (model.by ?? []).slice(0, most).map(spot => columns.map(column => cell(model, spot, column))),
  );
}
