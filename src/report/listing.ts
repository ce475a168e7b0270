/** What is not a replay's result (a diff, the lineage, one stage, an edit), in every format a replay has. */
import { formatRows } from './csv.js';
import { jsonText } from './escape.js';
import type { Format } from './index.js';
import * as markdown from './markdown.js';
import type { Cell } from './rows.js';
import type { Heading, Opening, Section } from './section.js';
import type { Style } from './style.js';
import * as table from './table.js';

export interface Listing {
  /** what json prints */
  readonly document: unknown;
  /** what ndjson prints, one line each */
  readonly records: readonly unknown[];
  /** what people read: sentences, then tables */
  readonly opening?: Opening;
  readonly sections: readonly Section[];
  /** what csv and tsv print */
  readonly flat: Flat;
}

export interface Flat {
  readonly headings: readonly Pick<Heading, 'title'>[];
  readonly rows: readonly (readonly Cell[])[];
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
      return shown(listing, markdown.renderOpening, markdown.renderSection);
    case 'table':
      return shown(
        listing,
        opening => table.renderOpening(opening, style),
        section => table.renderSection(section, style),
      );
  }
}

function shown(
  { opening, sections }: Listing,
  renderOpening: (opening: Opening) => string,
  renderSection: (section: Section) => string,
): string {
  const texts = [
    ...(opening === undefined ? [] : [renderOpening(opening)]),
    ...sections.filter(section => section.rows.length > 0).map(renderSection),
  ];
  return texts.length === 0 ? '' : texts.join('\n\n') + '\n';
}
