/** A diff as titled tables of cells, for every output that people read. What does not differ has no table. */
import type { BlockerChange, ChangedFault, DiffResult, Ends, FromTo } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { type Cell, whereOf } from './rows.js';
import { type Heading, number, type Section, SITE, text, top } from './section.js';
import { MODEL_ONLY } from './sections.js';

/** The parts of a diff that are tables, in the order they are shown. */
export const TABLES = ['transitions', 'verdicts', 'counters', 'time', 'blockers', 'faults'] as const;

/** @param parts which of TABLES */
export function diffSections(diff: DiffResult, parts: readonly string[]): Section[] {
  const sections: Record<(typeof TABLES)[number], (diff: DiffResult) => Section> = {
    transitions,
    verdicts,
    counters,
    time,
    blockers,
    faults: first,
  };
  return TABLES.filter(name => parts.includes(name)).map(name => sections[name](diff));
}

const WAYS = 'Faults that change';

/** The ways in which faults change, in columns that were chosen. */
export function waysSection(columns: readonly string[], rows: readonly (readonly Cell[])[]): Section {
  const headings = columns.map((name): Heading => (/^(?:count|lost)$|_ns$/.test(name) ? number(name) : text(name)));
  const cell = (value: Cell, column: number): string => {
    if (typeof value !== 'number') return value ?? '-';
    return columns[column].endsWith('_ns') ? formatNs(value) : formatCount(value);
  };
  return top(
    WAYS,
    headings,
    rows.map(row => row.map(cell)),
  );
}

function transitions({ from, to, transitions }: DiffResult): Section {
  const rows = transitions.map(way => [
    formatCount(way.count),
    way.from,
    way.from_site ?? '-',
    formatNs(way.from_wait_ns),
    way.to,
    sameButCounter(way) ?? way.to_site ?? '-',
    formatNs(way.to_wait_ns),
  ]);
  const waited = number('waited', 1);
  return top(WAYS, [number('faults'), text(from), SITE, waited, text(to), SITE, waited], rows);
}

/** `same, success` where only the counter is another; null elsewhere. */
function sameButCounter({ from, to, from_site, to_site, to_counter }: Ends): string | null {
  if (from !== to || from_site !== to_site) return null;
  return `same, ${to_counter?.replace('vma_lock_', '') ?? 'uncounted'}`;
}

function verdicts(diff: DiffResult): Section {
  return quantities('Verdicts', 'verdict', diff, Object.entries(diff.verdicts), formatCount, null);
}

function counters(diff: DiffResult): Section {
  return quantities('Counters', 'counter', diff, Object.entries(diff.counters), formatCount, MODEL_ONLY);
}

function time(diff: DiffResult): Section {
  const { makespan_ns, fault_wait_ns, op_wait_ns } = diff.time;
  const { less, more } = diff.waits;
  const rows: [string, FromTo][] = [
    ['makespan', makespan_ns],
    ['faults waited', fault_wait_ns],
    ['operations waited', op_wait_ns],
  ];
  const note = less + more === 0 ? null : `Faults that wait less: ${formatCount(less)}; more: ${formatCount(more)}.`;
  return quantities('Time', '', diff, rows, formatNs, note);
}

/** Quantities under both models; no rows when none differs. */
function quantities(
  title: string,
  what: string,
  { from, to }: DiffResult,
  entries: readonly (readonly [string, FromTo])[],
  format: (n: number) => string,
  note: string | null,
): Section {
  const rows = entries.some(([, change]) => change.from !== change.to)
    ? entries
        .filter(([, change]) => change.from !== 0 || change.to !== 0)
        .map(([name, change]) => [name, format(change.from), format(change.to), difference(change, format)])
    : [];
  return { title, note, headings: [text(what), number(from), number(to), number('change')], rows, more: 0 };
}

/** `+16`, `-8.03 us`, `0`. */
export function difference({ from, to }: FromTo, format: (n: number) => string): string {
  return `${to > from ? '+' : ''}${format(to - from)}`;
}

/** `63 -> 2`, or one of them when they are the same. */
export function arrow({ from, to }: FromTo, format: (n: number) => string): string {
  return from === to ? format(to) : `${format(from)} -> ${format(to)}`;
}

function blockers({ blockers }: DiffResult): Section {
  const rows = blockers.map((row: BlockerChange) => [
    row.op,
    String(row.tid),
    whereOf(row) ?? '-',
    arrow(row.victims, formatCount),
    arrow(row.fallbacks, formatCount),
    arrow(row.wait_ns, formatNs),
    difference(row.wait_ns, formatNs),
  ]);
  const headings = [
    text('operation'),
    number('thread'),
    text('where'),
    number('victims'),
    number('fell back', 1),
    number('waited', 2),
    number('change'),
  ];
  return top('Who stood in the way', headings, rows);
}

/** Where a fault went: a site alone says mmap_lock. */
function place(verdict: string, site: string | null): string {
  if (site === null) return verdict;
  return verdict === 'mmap_lock' ? site : `${verdict}, ${site}`;
}

function first(diff: DiffResult): Section {
  const rows = diff.faults.map((fault: ChangedFault) => [
    String(fault.i),
    String(fault.tid),
    fault.addr,
    place(fault.from, fault.from_site),
    sameButCounter(fault) ?? place(fault.to, fault.to_site),
    arrow({ from: fault.from_wait_ns, to: fault.to_wait_ns }, formatNs),
  ]);
  const site = (title: string): Heading => ({ ...SITE, title });
  const headings = [
    number('event'),
    number('thread', 2),
    text('address'),
    site(diff.from),
    site(diff.to),
    number('waited', 1),
  ];
  const more = diff.changed - diff.faults.length;
  return { title: 'The first faults that change', note: null, headings, rows, more };
}
