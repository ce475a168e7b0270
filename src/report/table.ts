/** The output for people at a terminal: the finding first, then tables without borders, in `style.width` columns. */
import Table from 'cli-table3';
import { escapeText } from '../errors.js';
import type { ReplayResult } from '../replay/result.js';
import { formatCount } from '../units.js';
import { finding, remarks, subject } from './finding.js';
import type { ReportOptions } from './reporter.js';
import { type Section, sections } from './sections.js';
import { displayWidth, keepEnd, type Style } from './style.js';

/** Columns between two cells. */
const GAP = 2;
/** A text column is not cut below this. */
const MIN_TEXT = 8;

export function reportTable(results: readonly ReplayResult[], options: ReportOptions): string {
  return results.map(result => one(result, options)).join('\n');
}

function one(result: ReplayResult, { fields, style }: ReportOptions): string {
  const opening = [
    ...wrap(escapeText(finding(result)), style.width).map(line => style.chalk.bold(line)),
    ...wrap(escapeText(subject(result)), style.width).map(line => style.chalk.dim(line)),
    ...remarks(result).flatMap(line => wrap(escapeText(line), style.width)),
  ].join('\n');
  const tables = sections(result, fields).map(section => renderSection(section, style));
  return [opening, ...tables].join('\n\n') + '\n';
}

/** One titled table, without a final line feed. */
export function renderSection(section: Section, style: Style): string {
  const rows = section.rows.map(row => row.map(escapeText));
  const titles = section.headings.map(heading => heading.title);
  const widths = columnWidths(section, rows, style.width);
  const table = new Table({
    head: titles.map(title => style.chalk.bold(title)),
    colAligns: section.headings.map(heading => (heading.kind === 'number' ? 'right' : 'left')),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map((cell, i) => keepEnd(cell, widths[i])));
  const lines = table
    .toString()
    .split('\n')
    .map(line => line.trimEnd());
  const total = widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
  const ruler = '-'.repeat(Math.min(total, style.width));
  if (titles.every(title => title === '')) lines.shift();
  else lines.splice(1, 0, style.chalk.dim(ruler));
  if (section.more > 0) lines.push(style.chalk.dim(`... ${formatCount(section.more)} more`));
  if (section.note !== null) lines.push(...wrap(section.note, style.width).map(line => style.chalk.dim(line)));
  return [style.chalk.bold.underline(escapeText(section.title)), ...lines].join('\n');
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
  middle: ' '.repeat(GAP),
};

/** Widths of the columns: natural ones, the widest text column cut first until the row fits or all are at MIN_TEXT. */
function columnWidths(section: Section, rows: readonly (readonly string[])[], width: number): number[] {
  const natural = section.headings.map((heading, i) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[i])), displayWidth(heading.title)),
  );
  let excess = natural.reduce((sum, column) => sum + column, GAP * (natural.length - 1)) - width;
  const widths = [...natural];
  while (excess > 0) {
    let widest = -1;
    section.headings.forEach((heading, i) => {
      const floor = Math.max(MIN_TEXT, heading.title.length);
      if (heading.kind === 'text' && widths[i] > floor && (widest < 0 || widths[i] > widths[widest])) widest = i;
    });
    if (widest < 0) break;
    widths[widest]--;
    excess--;
  }
  return widths;
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
