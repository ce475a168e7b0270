/** Every reporter by the name `--format` takes, each loaded only when it is asked for. */
import type { Reporter } from './reporter.js';

const REPORTERS = {
  table: async () => (await import('./table.js')).reportTable,
  json: async () => (await import('./json.js')).reportJson,
  ndjson: async () => (await import('./json.js')).reportNdjson,
  csv: async () => (await import('./csv.js')).reportCsv,
  tsv: async () => (await import('./csv.js')).reportTsv,
  markdown: async () => (await import('./markdown.js')).reportMarkdown,
} satisfies Record<string, () => Promise<Reporter>>;

export type Format = keyof typeof REPORTERS;
export const FORMATS = Object.keys(REPORTERS) as readonly Format[];

/** The reporter of a format. */
export function loadReporter(format: Format): Promise<Reporter> {
  return REPORTERS[format]();
}
