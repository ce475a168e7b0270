/** A titled table of cells, as every output that people read has them. Cells hold unescaped text. */

/** What stands before the tables. */
export interface Opening {
  /** the sentence to quote */
  readonly finding: string;
  /** what it is about, in one line */
  readonly subject: string;
  readonly remarks: readonly string[];
}

export interface Heading {
  readonly title: string;
  /** names are cut to fit a terminal, sentences wrapped, numbers and prose never */
  readonly kind: 'text' | 'number' | 'prose' | 'sentence';
  /** may be left out where a terminal is narrow; the highest goes first */
  readonly spare?: number;
  /** text that is cut only when narrow gaps do not do */
  readonly whole?: boolean;
}

export interface Section {
  readonly title: string;
  /** said under the table; null for nothing */
  readonly note: string | null;
  readonly headings: readonly Heading[];
  readonly rows: readonly (readonly string[])[];
  /** rows that were left out */
  readonly more: number;
  /** of each row, from 0 to 1: where it can, a terminal shows a bar of it */
  readonly shares?: readonly number[];
}

/** Rows a table shows before it says how many more there are. */
export const TOP = 10;

export function text(title: string, spare = 0): Heading {
  return spare === 0 ? { title, kind: 'text' } : { title, kind: 'text', spare };
}

export function number(title: string, spare = 0): Heading {
  return spare === 0 ? { title, kind: 'number' } : { title, kind: 'number', spare };
}

/** A site's column is the last to be cut. */
export const SITE: Heading = { title: 'site', kind: 'text', whole: true };

/** A table of the first `most` rows. */
export function top(
  title: string,
  headings: readonly Heading[],
  rows: readonly (readonly string[])[],
  most = TOP,
): Section {
  return { title, note: null, headings, rows: rows.slice(0, most), more: Math.max(0, rows.length - most) };
}
