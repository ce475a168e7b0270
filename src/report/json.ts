/** The outputs for programs: `json`, one document, and `ndjson`, one line per trace and model; and the rows of events. */
import type { ModelResult, ReplayResult } from '../replay/result.js';
import { jsonText } from './escape.js';
import type { ReportOptions } from './reporter.js';
import { columnsOf } from './rows.js';

/** One trace: its result. Several: an array of results, in the order the traces were given. */
export function reportJson(results: readonly ReplayResult[], { fields, several }: ReportOptions): string {
  const documents = results.map(result =>
    fields === null ? result : { ...result, models: result.models.map(model => pick(model, result, fields)) },
  );
  return jsonText(several ? documents : documents[0], 2) + '\n';
}

/** One line per trace and model: the model's row of the JSON result, with the file and what its recording lost. */
export function reportNdjson(results: readonly ReplayResult[], { fields }: ReportOptions): string {
  let out = '';
  for (const result of results) {
    for (const model of result.models) {
      const row =
        fields === null ? { file: result.trace.file, lost: result.trace.lost, ...model } : pick(model, result, fields);
      out += jsonText(row) + '\n';
    }
  }
  return out;
}

/** A row of chosen fields: a key of the model's row as it is, a flat column as its value. */
function pick(model: ModelResult, result: ReplayResult, fields: readonly string[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const field of fields) {
    if (Object.hasOwn(model, field)) row[field] = model[field as keyof ModelResult];
    else for (const column of columnsOf([field])) row[column.name] = column.value(model, result);
  }
  return row;
}

/** The keys of a row that were chosen, in the order they were. */
export function pickKeys(row: object, keys: readonly string[]): object {
  return Object.fromEntries(keys.map(key => [key, row[key as keyof typeof row]]));
}

/**
 * One line of `--events`, with its line feed.
 *
 * @param file named in the row when rows of several traces go to one place; null for one trace
 */
export function formatEventRow(row: object, fields: readonly string[] | null, file: string | null): string {
  const whole = file === null ? row : { file, ...row };
  if (fields === null) return jsonText(whole) + '\n';
  return jsonText(pickKeys(whole, fields)) + '\n';
}
