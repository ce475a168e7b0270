/** Lists that are not a replay's result (the lineage, one stage, an edit), in every format a replay has. */
import { formatRows } from './csv.js';
import { jsonText } from './escape.js';
import type { Format } from './index.js';
import { renderSection as renderMarkdown } from './markdown.js';
import type { Section } from './sections.js';
import type { Style } from './style.js';
import { renderSection as renderTable } from './table.js';

export interface Listing {
  /** what json prints */
  readonly document: unknown;
  /** what ndjson prints, one line each */
  readonly records: readonly unknown[];
  /** what people read */
  readonly sections: readonly Section[];
  /** which of the sections csv and tsv print */
  readonly flat: Section;
}

export function renderListing(listing: Listing, format: Format, style: Style): string {
  switch (format) {
    case 'json':
      return jsonText(listing.document, 2) + '\n';
    case 'ndjson':
      return listing.records.map(record => jsonText(record) + '\n').join('');
    case 'csv':
    case 'tsv': {
      const names = listing.flat.headings.map(heading => heading.title);
      return formatRows(names, listing.flat.rows, format);
    }
    case 'markdown':
      return shown(listing, renderMarkdown);
    case 'table':
      return shown(listing, section => renderTable(section, style));
  }
}

function shown(listing: Listing, render: (section: Section) => string): string {
  const texts = listing.sections.filter(section => section.rows.length > 0).map(render);
  return texts.length === 0 ? '' : texts.join('\n\n') + '\n';
}
