/** Verifications in every format a replay has: a sentence and tables for people; for sheets, a row for each trace. */
import type { VerifyResult } from '../replay/verification.js';
import { listingFields } from './fields.js';
import { pickKeys } from './json.js';
import type { Listing } from './listing.js';
import type { Cell } from './rows.js';
import type { Section } from './section.js';
import { openingOfAll, verifyOpening } from './verify-finding.js';
import { chosenSection, recordings, TABLES, verifySections } from './verify-sections.js';

/** Columns of a trace's row, in the order csv prints them. */
const COLUMNS = [
  'file',
  'model',
  'kernel',
  'faults',
  'scored',
  'agree',
  'agreement',
  'inferred_scored',
  'inferred_agree',
  'undecided_faults',
  'undecided_agree',
  'kernel_mode',
  'no_truth',
  'killed',
  'interrupted',
  'lost',
] as const;

type ColumnName = (typeof COLUMNS)[number];
type Row = Record<ColumnName, Cell>;

/** The parts of json that `--fields` can choose beside columns. */
const PARTS = ['inferred', 'confusion', 'undecided', 'unscored', 'disagreements', 'slack_ns'] as const;

/** Columns of a row of `verify --events`, in the order they are printed; `file` only where there are several traces. */
export const VERIFIED_FIELDS = [
  'file',
  'i',
  't',
  'tid',
  'mm',
  'addr',
  'class',
  'reason',
  'truth',
  'predicted',
  'site',
  'counter',
  'verdict',
  'wait_ns',
  'blocked_by',
] as const;

/** The names a verification in `format` can select. */
export function verifyFields(format: string): readonly string[] {
  return listingFields(format, COLUMNS, PARTS, TABLES);
}

/**
 * @param fields a choice of columns and parts (`--fields`); null for all of them
 * @param several more than one trace was given
 */
export function verifyListing(
  results: readonly VerifyResult[],
  fields: readonly string[] | null,
  several: boolean,
): Listing {
  const chosen = fields?.flatMap(field => COLUMNS.find(column => column === field) ?? []) ?? [];
  const columns = fields === null ? COLUMNS : chosen;
  const rows = results.map(rowOf);
  const records = rows.map(row => pickKeys(row, columns));
  const documents = results.map((result, i) => (fields === null ? result : documentOf(result, fields, records[i])));
  const cells = rows.map(row => columns.map(column => row[column]));
  const tables = several ? sectionsOfAll(results, fields) : verifySections(results[0], fields ?? TABLES);
  return {
    document: several ? documents : documents[0],
    records,
    opening: several ? openingOfAll(results) : verifyOpening(results[0]),
    sections: [...(chosen.length > 0 ? [chosenSection(columns, cells)] : []), ...tables],
    flat: { headings: columns.map(title => ({ title })), rows: cells },
  };
}

function rowOf({ trace, model, kernel, scored, agree, agreement, inferred, undecided, unscored }: VerifyResult): Row {
  return {
    file: trace.file,
    model,
    kernel,
    faults: trace.faults,
    scored,
    agree,
    agreement,
    inferred_scored: inferred.scored,
    inferred_agree: inferred.agree,
    undecided_faults: undecided.faults,
    undecided_agree: undecided.agree,
    kernel_mode: unscored.kernel_mode ?? 0,
    no_truth: unscored.no_truth ?? 0,
    killed: unscored.killed ?? 0,
    interrupted: unscored.interrupted ?? 0,
    lost: trace.lost,
  };
}

/** What json prints of a choice: the head, the parts that were chosen, and the columns that were. */
function documentOf(result: VerifyResult, fields: readonly string[], record: object): object {
  const { schema, trace, timing, model, scored, agree, agreement, warnings } = result;
  const parts = pickKeys(
    result,
    PARTS.filter(part => fields.includes(part)),
  );
  return { schema, trace, timing, model, scored, agree, agreement, ...record, ...parts, warnings };
}

/** Of several traces the sums come first, and only what disagrees is worth a table of its own. */
function sectionsOfAll(results: readonly VerifyResult[], fields: readonly string[] | null): Section[] {
  const tables = results.flatMap(result =>
    verifySections(result, fields ?? ['disagreements']).map(section => ({
      ...section,
      title: `${section.title}: ${result.trace.file}`,
    })),
  );
  return fields === null ? [recordings(results), ...tables] : tables;
}
