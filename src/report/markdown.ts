/** The tables for people as GitHub Markdown, to paste into an issue. */
import type { ReplayResult } from '../replay/result.js';
import { formatCount } from '../units.js';
import { markdownText } from './escape.js';
import { openingOf } from './finding.js';
import type { ReportOptions } from './reporter.js';
import type { Opening, Section } from './section.js';
import { sections } from './sections.js';

export function reportMarkdown(results: readonly ReplayResult[], { fields, top }: ReportOptions): string {
  return results
    .map(
      result =>
        [renderOpening(openingOf(result)), ...sections(result, fields, top).map(renderSection)].join('\n\n') + '\n',
    )
    .join('\n---\n\n');
}

/** The sentence and what belongs to it, without a final line feed. */
export function renderOpening({ finding, subject, remarks }: Opening): string {
  return [`**${markdownText(finding)}**`, ...[subject, ...remarks].map(markdownText)].join('\n\n');
}

/** One table under its title, without a final line feed. */
export function renderSection(section: Section): string {
  const lines = [
    `### ${markdownText(section.title)}`,
    '',
    line(section.headings.map(heading => markdownText(heading.title))),
    line(section.headings.map(heading => (heading.kind === 'number' ? '---:' : '---'))),
    ...section.rows.map(row => line(row.map(markdownText))),
  ];
  if (section.more > 0) lines.push('', `... ${formatCount(section.more)} more`);
  if (section.note !== null) lines.push('', markdownText(section.note));
  return lines.join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
