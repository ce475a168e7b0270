/** A diff of two traces in every format a replay has: a sentence and tables for people; for sheets, a row for each quantity. */
import type { FromTo } from '../replay/result.js';
import type { Rated, TracesDiff } from '../replay/traces-diff.js';
import { formatCount, formatNs } from '../units.js';
import { arrow } from './diff-sections.js';
import { diffTracesOpening, formatRate } from './diff-traces-finding.js';
import { pickKeys } from './json.js';
import type { Listing } from './listing.js';
import type { Cell } from './rows.js';
import { type Heading, number, type Section, SITE, text, top } from './section.js';

/** The parts that are tables, in the order they are shown. */
const TABLES = ['verdicts', 'time', 'reasons', 'mappings', 'ops', 'blockers'] as const;

/** Columns of a row, in the order csv prints them. */
const COLUMNS = [
  'model',
  'part',
  'key',
  'quantity',
  'from',
  'to',
  'from_per_1000',
  'to_per_1000',
  'from_file',
  'to_file',
] as const;

type Row = Record<(typeof COLUMNS)[number], Cell>;

/** The names a diff of two traces in `format` can select. */
export function diffTracesFields(format: string): readonly string[] {
  if (format === 'json') return [...TABLES, 'faults', 'fallbacks'];
  return format === 'table' || format === 'markdown' ? TABLES : COLUMNS;
}

/**
 * @param fields a choice of parts or, in rows, of columns (`--fields`); null for all of them
 * @param most rows of each table
 */
export function diffTracesListing(diff: TracesDiff, fields: readonly string[] | null, most: number): Listing {
  const rows = rowsOf(diff);
  const columns = fields?.filter(field => (COLUMNS as readonly string[]).includes(field)) ?? COLUMNS;
  const { schema, model, timing, from, to, differs, warnings } = diff;
  return {
    document:
      fields === null ? diff : { schema, model, timing, from, to, differs, ...pickKeys(diff, fields), warnings },
    records: rows.map(row => pickKeys(row, columns)),
    opening: diffTracesOpening(diff),
    sections: diffTracesSections(diff, fields ?? TABLES, most),
    flat: {
      headings: columns.map(title => ({ title })),
      rows: rows.map(row => columns.map(column => row[column as keyof Row])),
    },
  };
}

/** Every quantity as a row of its own: what it is of, and both values. */
function rowsOf(diff: TracesDiff): Row[] {
  const { model, from, to, faults, verdicts, fallbacks, time } = diff;
  const row = (part: string, key: string, quantity: string, change: FromTo | Rated): Row => ({
    model,
    part,
    key,
    quantity,
    from_per_1000: null,
    to_per_1000: null,
    ...change,
    from_file: from.file,
    to_file: to.file,
  });
  const group = (part: string, quantity: string, changes: Record<string, FromTo>): Row[] =>
    Object.entries(changes).map(([key, change]) => row(part, key, quantity, change));
  const list = <T extends object>(part: string, keyOf: (one: T) => string, all: readonly T[]): Row[] =>
    all.flatMap(one =>
      Object.entries<unknown>(one as Record<string, unknown>).flatMap(([name, value]) =>
        value !== null && typeof value === 'object' ? [row(part, keyOf(one), name, value as Rated)] : [],
      ),
    );
  return [
    ...group('faults', 'count', faults),
    ...group('verdicts', 'count', verdicts),
    row('verdicts', 'fallbacks', 'count', fallbacks),
    ...group('time', 'ns', time),
    ...list('reasons', ({ counter, site }) => (counter === null ? site : `${counter} ${site}`), diff.reasons),
    ...list('mappings', ({ name }) => name ?? '', diff.mappings),
    ...list('ops', ({ op }) => op, diff.ops),
    ...list('blockers', ({ op, name }) => (name === null ? op : `${op} ${name}`), diff.blockers),
  ];
}

/**
 * @param parts which of TABLES
 * @param most rows of each, where it is not the usual number
 */
export function diffTracesSections(diff: TracesDiff, parts: readonly string[] = TABLES, most?: number): Section[] {
  const sections: Record<(typeof TABLES)[number], () => Section> = {
    verdicts: () => verdicts(diff),
    time: () => time(diff),
    reasons: () => reasons(diff, most),
    mappings: () => mappings(diff, most),
    ops: () => ops(diff, most),
    blockers: () => blockers(diff, most),
  };
  const shown = TABLES.filter(name => parts.includes(name)).map(name => sections[name]());
  return shown.filter(section => section.rows.length > 0);
}

/** Both values, then for each 1,000 faults. */
const COUNTED: readonly Heading[] = [
  number('A', 2),
  number('B', 2),
  number('A/1,000'),
  number('B/1,000'),
  number('change'),
];

function counted(count: Rated): string[] {
  return [
    formatCount(count.from),
    formatCount(count.to),
    formatRate(count.from_per_1000),
    formatRate(count.to_per_1000),
    signed(count.to_per_1000 - count.from_per_1000),
  ];
}

function differs({ from, to }: FromTo): boolean {
  return from !== to;
}

function signed(rate: number): string {
  if (rate === 0) return '0';
  return `${rate > 0 ? '+' : '-'}${formatRate(Math.abs(rate))}`;
}

function verdicts({ verdicts, fallbacks }: TracesDiff): Section {
  const counts = Object.entries({ ...verdicts, fallbacks });
  const rows = counts.some(([, count]) => differs(count))
    ? counts.map(([name, count]) => [name, ...counted(count)])
    : [];
  return top('Faults, and of 1,000', [text('finished'), ...COUNTED.map(({ title, kind }) => ({ title, kind }))], rows);
}

function time({ time: { makespan_ns, fault_wait_ns, op_wait_ns, longest_wait_ns } }: TracesDiff): Section {
  const sum = (name: string, { from, to }: FromTo, mean: string): string[] => [
    name,
    formatNs(from),
    formatNs(to),
    mean,
  ];
  const mean = ({ from_per_1000, to_per_1000 }: Rated): string =>
    arrow({ from: from_per_1000 / 1000, to: to_per_1000 / 1000 }, formatNs);
  const rows = [makespan_ns, fault_wait_ns, op_wait_ns, longest_wait_ns].some(differs)
    ? [
        sum('makespan', makespan_ns, '-'),
        sum('faults waited', fault_wait_ns, mean(fault_wait_ns)),
        sum('operations waited', op_wait_ns, mean(op_wait_ns)),
        sum('longest wait', longest_wait_ns, '-'),
      ]
    : [];
  return top('Time', [text(''), number('A'), number('B'), number('per fault')], rows);
}

function reasons({ reasons }: TracesDiff, most?: number): Section {
  const rows = reasons.map(({ counter, site, count }) => [site, counter ?? '-', ...counted(count)]);
  return top('Why faults did not finish under the VMA lock', [SITE, text('counter', 1), ...COUNTED], rows, most);
}

function mappings({ mappings }: TracesDiff, most?: number): Section {
  const rows = mappings.map(({ name, faults, fallbacks, wait_ns }) => [
    name ?? '(no name)',
    ...counted(faults),
    arrow(fallbacks, formatCount),
    arrow(wait_ns, formatNs),
  ]);
  return top(
    'Faults by mapping',
    [text('mapping'), ...COUNTED, number('fell back', 1), number('waited', 3)],
    rows,
    most,
  );
}

function ops({ ops }: TracesDiff, most?: number): Section {
  const rows = ops.map(({ op, count, wait_ns, hold_ns }) => [
    op,
    ...counted(count),
    arrow(wait_ns, formatNs),
    arrow(hold_ns, formatNs),
  ]);
  const headings = [text('operation'), ...COUNTED, number('waited', 3), number('held mmap_lock', 1)];
  return top('Events by kind, and mmap_lock', headings, rows, most);
}

function blockers({ blockers }: TracesDiff, most?: number): Section {
  const rows = blockers.map(({ op, name, victims, wait_ns }) => [
    op,
    name ?? '-',
    ...counted(victims),
    arrow(wait_ns, formatNs),
  ]);
  const headings = [text('operation'), text('where'), ...COUNTED, number('waited', 1)];
  return top('Who stood in the way: victims', headings, rows, most);
}
