/** The output for people at a terminal: the finding first, then tables without borders, in `style.width` columns. */
import Table from 'cli-table3';
import { escapeText } from '../errors.js';
import type { ReplayResult } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { openingOf } from './finding.js';
import type { ReportOptions } from './reporter.js';
import type { Heading, Opening, Section } from './section.js';
import { sections } from './sections.js';
import { bar, type Marks, sparkline } from './spark.js';
import { displayWidth, keepEnds, type Style } from './style.js';

/** Columns between two cells, and where otherwise something would have to be cut. */
const GAP = 2;
const NARROW_GAP = 1;
/** A text column is not cut below this. */
const MIN_TEXT = 8;
/** A column of sentences should not be narrower than this. */
const MIN_SENTENCE = 24;
/** Below this, spare columns are left out first: it shows a range of addresses whole. */
const GOOD_TEXT = 29;
/** A bar of everything. */
const BAR = 10;

export function reportTable(results: readonly ReplayResult[], options: ReportOptions): string {
  return results.map(result => one(result, options)).join('\n');
}

function one(result: ReplayResult, { fields, top, style }: ReportOptions): string {
  const drawn = style.marks === null || fields !== null ? [] : overTime(result, style.marks);
  const tables = [...sections(result, fields, top), ...drawn].map(section => renderSection(section, style));
  return [renderOpening(openingOf(result), style), ...tables].join('\n\n') + '\n';
}

/** The sentence and what belongs to it, without a final line feed. */
export function renderOpening({ finding, subject, remarks }: Opening, style: Style): string {
  return [
    ...wrap(escapeText(finding), style.width).map(line => style.chalk.bold(line)),
    ...wrap(escapeText(subject), style.width).map(line => style.chalk.dim(line)),
    ...remarks.flatMap(line => wrap(escapeText(line), style.width)),
  ].join('\n');
}

/** When faults fell back, where only some did: a mark for each stretch of time. */
function overTime({ models }: ReplayResult, marks: Marks): Section[] {
  const ratios = models.map(model => model.fallback_ratio ?? 0);
  if (!ratios.some(ratio => ratio > 0 && ratio < 1)) return [];
  const rows = models.map(({ model, over_time: { bin_ns, faults, fallbacks } }) => {
    const shares = faults.map((count, bin) => (count === 0 ? null : fallbacks[bin] / count));
    return [model, formatNs(bin_ns), sparkline(shares, marks)];
  });
  const headings: Heading[] = [
    { title: 'model', kind: 'text' },
    { title: 'a mark is', kind: 'number' },
    { title: 'share of faults that fell back', kind: 'prose' },
  ];
  return [{ title: 'Fallbacks over time', note: null, headings, rows, more: 0 }];
}

/** The section with a column of bars, which is the first to go where it is narrow. */
function withBars(section: Section, { marks }: Style): Section {
  const { headings, rows, shares } = section;
  if (marks === null || shares === undefined) return section;
  return {
    ...section,
    headings: [...headings, { title: '', kind: 'text', spare: Number.POSITIVE_INFINITY }],
    rows: rows.map((row, i) => [...row, bar(shares[i], BAR, marks)]),
  };
}

/** One titled table, without a final line feed. */
export function renderSection(section: Section, style: Style): string {
  const { headings, rows, widths, gap } = layOut(withBars(section, style), style.width);
  const titles = headings.map(heading => heading.title);
  const table = new Table({
    head: titles.map(title => style.chalk.bold(title)),
    colAligns: headings.map(heading => (heading.kind === 'number' ? 'right' : 'left')),
    chars: { ...NO_BORDERS, middle: ' '.repeat(gap) },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map((cell, i) => fitted(cell, headings[i], widths[i])));
  const lines = table
    .toString()
    .split('\n')
    .map(line => line.trimEnd());
  const ruler = '-'.repeat(Math.min(total(widths, gap), style.width));
  if (titles.every(title => title === '')) lines.shift();
  else lines.splice(1, 0, style.chalk.dim(ruler));
  if (section.more > 0) lines.push(style.chalk.dim(`... ${formatCount(section.more)} more`));
  if (section.note !== null)
    lines.push(...wrap(escapeText(section.note), style.width).map(line => style.chalk.dim(line)));
  return [style.chalk.bold.underline(escapeText(section.title)), ...lines].join('\n');
}

/** A cell in the width of its column. */
function fitted(cell: string, { kind }: Heading, width: number): string {
  return kind === 'sentence' ? wrap(cell, width).join('\n') : keepEnds(cell, width);
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
};

interface Layout {
  readonly headings: readonly Heading[];
  readonly rows: readonly (readonly string[])[];
  readonly widths: readonly number[];
  readonly gap: number;
}

/**
 * Fits a section into `width` columns: spare columns go first, then the gaps narrow; text is cut to what is left. Where a text
 * is to stay whole the gaps narrow first.
 */
function layOut(section: Section, width: number): Layout {
  let { headings } = section;
  let rows = section.rows.map(row => row.map(escapeText));
  for (;;) {
    const natural = naturalWidths(headings, rows);
    const good = natural.map((column, i) => Math.min(column, comfort(headings[i])));
    const spare = headings.reduce((most, { spare = 0 }) => Math.max(most, spare), 0);
    const fits = total(good, GAP) <= width;
    const tight = headings.some(({ whole }) => whole) && total(good, NARROW_GAP) <= width;
    if (fits || tight || spare === 0) {
      // Prose overflows whatever is done.
      const gap = fits || headings.some(({ kind }) => kind === 'prose') ? GAP : NARROW_GAP;
      return { headings, rows, widths: cutTo(width, headings, rows, natural, gap), gap };
    }
    const kept = headings.map(heading => heading.spare !== spare);
    headings = headings.filter((_, i) => kept[i]);
    rows = rows.map(row => row.filter((_, i) => kept[i]));
  }
}

/** Columns a cell should have before anything else gives way for it. */
function comfort({ kind, whole = false }: Heading): number {
  if (kind === 'sentence') return MIN_SENTENCE;
  return kind === 'text' && !whole ? GOOD_TEXT : Number.POSITIVE_INFINITY;
}

function naturalWidths(headings: readonly Heading[], rows: readonly (readonly string[])[]): number[] {
  return headings.map((heading, i) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[i])), displayWidth(heading.title)),
  );
}

function total(widths: readonly number[], gap: number): number {
  return widths.reduce((sum, width) => sum + width, gap * (widths.length - 1));
}

/**
 * Widths of the columns: the widest is made narrower until the row fits, sentences down to their longest word first, then text
 * down to MIN_TEXT.
 */
function cutTo(
  width: number,
  headings: readonly Heading[],
  rows: readonly (readonly string[])[],
  natural: readonly number[],
  gap: number,
): number[] {
  const widths = [...natural];
  const floors = headings.map(({ kind, title }, i) => {
    if (kind === 'sentence') return Math.max(displayWidth(title), ...rows.map(row => longestWord(row[i])));
    return kind === 'text' ? Math.max(MIN_TEXT, title.length) : Number.POSITIVE_INFINITY;
  });
  const widestOf = (kind: Heading['kind']): number =>
    headings.reduce((widest, heading, i) => {
      const can = heading.kind === kind && widths[i] > floors[i];
      return can && (widest < 0 || widths[i] > widths[widest]) ? i : widest;
    }, -1);
  for (let excess = total(natural, gap) - width; excess > 0; excess--) {
    const sentence = widestOf('sentence');
    const widest = sentence >= 0 ? sentence : widestOf('text');
    if (widest < 0) break;
    widths[widest]--;
  }
  return widths;
}

function longestWord(text: string): number {
  return text.split(BREAK).reduce((longest, word) => Math.max(longest, displayWidth(word)), 0);
}

// Not between a number and its unit.
const BREAK = / (?!(?:%|[num]?s)(?![A-Za-z0-9]))/;

/** Lines of at most `width` columns, broken at spaces; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(BREAK)) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
