/** What a reporter is: a pure function from results, in input order, to the whole text of the output. */
import type { ReplayResult } from '../replay/result.js';
import type { Style } from './style.js';

export interface ReportOptions {
  /** fields of each model's row (`--fields`); null for all */
  readonly fields: readonly string[] | null;
  /** several traces were asked for, even if fewer could be replayed: json is an array */
  readonly several: boolean;
  /** rows of each table, and of `by` in every format; absent for the usual number, which limits tables alone */
  readonly top?: number | undefined;
  /** looked at by outputs for a terminal only */
  readonly style: Style;
}

/** @returns text that ends with a line feed, or nothing at all */
export type Reporter = (results: readonly ReplayResult[], options: ReportOptions) => string;
