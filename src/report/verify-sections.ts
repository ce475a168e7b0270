/** A verification as titled tables of cells, for every output that people read. */
import type { Agreement, Disagreement, Unscored, VerifyResult } from '../replay/verification.js';
import { formatCount, formatNs } from '../units.js';
import { type Cell, formatRatio } from './rows.js';
import { type Heading, number, type Section, SITE, text } from './section.js';
import { sumOf, type Tally, UNDECIDED_WORDS } from './verify-finding.js';

/** The parts of a verification that are tables, in the order they are shown. */
export const TABLES = ['classes', 'confusion', 'undecided', 'unscored', 'disagreements'] as const;

type Part = (typeof TABLES)[number];

/** @param parts which of TABLES */
export function verifySections(result: VerifyResult, parts: readonly string[]): Section[] {
  const sections: Record<Part, (result: VerifyResult) => Section> = {
    classes,
    confusion,
    undecided,
    unscored,
    disagreements,
  };
  return TABLES.filter(name => parts.includes(name)).map(name => sections[name](result));
}

/** Several recordings, and their sums. */
export function recordings(results: readonly VerifyResult[]): Section {
  const of = ({ scored, agree }: Agreement): string =>
    scored === 0 ? '-' : `${formatCount(agree)} of ${formatCount(scored)}`;
  const row = (name: string, model: string, { scored, agree, inferred, undecided }: Tally): string[] => [
    name,
    model,
    of({ scored, agree }),
    formatRatio(agree, scored),
    of(inferred),
    of({ scored: undecided.faults, agree: undecided.agree }),
  ];
  return {
    title: 'Faults on which model and recording agree',
    note: null,
    headings: [
      text('recording'),
      { title: 'model', kind: 'text', spare: 1 },
      number('from facts'),
      number('agreement'),
      number('inferred'),
      number('undecided'),
    ],
    rows: [...results.map(result => row(result.trace.file, result.model, result)), row('total', '', sumOf(results))],
    more: 0,
  };
}

/** One row per trace, in columns that were chosen. */
export function chosenSection(columns: readonly string[], rows: readonly (readonly Cell[])[]): Section {
  const cell = (value: Cell, column: number): string => {
    if (typeof value !== 'number') return value ?? '-';
    return columns[column] === 'agreement' ? formatRatio(value, 1) : formatCount(value);
  };
  const headings = columns.map(name => (TEXTS.includes(name) ? text(name) : number(name.replace('_', ' '))));
  return { title: 'Recordings', note: null, headings, rows: rows.map(row => row.map(cell)), more: 0 };
}

const TEXTS: readonly string[] = ['file', 'model', 'kernel'];

function classes({ scored, agree, inferred, undecided }: VerifyResult): Section {
  const rows = [
    { what: 'predicted from facts', faults: scored, agree },
    { what: 'predicted from an inference', faults: inferred.scored, agree: inferred.agree },
    { what: 'undecided', ...undecided },
  ];
  return {
    title: 'Agreement',
    note: null,
    headings: [text('user faults'), number('faults'), number('agree'), number('agreement')],
    rows: rows
      .filter(({ faults }) => faults > 0)
      .map(row => [row.what, formatCount(row.faults), formatCount(row.agree), formatRatio(row.agree, row.faults)]),
    more: 0,
  };
}

function confusion({ confusion, scored }: VerifyResult): Section {
  const paths = ['vma_lock', 'mmap_lock'] as const;
  const rows = paths.map(truth => [truth, ...paths.map(predicted => formatCount(confusion[truth][predicted]))]);
  return {
    title: 'Recorded and predicted, from facts',
    note: null,
    headings: [text('recorded'), ...paths.map(path => number(`predicted ${path}`))],
    rows: scored === 0 ? [] : rows,
    more: 0,
  };
}

function undecided({ undecided }: VerifyResult): Section {
  const rows = undecided.reasons.map(({ reason, faults, agree }) => [
    reason,
    UNDECIDED_WORDS[reason],
    formatCount(faults),
    formatCount(agree),
  ]);
  const headings = [text('reason'), text('what happened'), number('faults'), number('agree')];
  return { title: 'Undecided: the recording cannot tell what they met', note: null, headings, rows, more: 0 };
}

const OTHERS: ReadonlyMap<Unscored, string> = new Map([
  ['kernel_mode', 'from kernel mode: no kernel tries the VMA lock'],
  ['no_truth', 'the recording does not say what the kernel did'],
  ['killed', 'the thread was killed before the fault was finished'],
  ['interrupted', 'a signal took it back before it took mmap_lock'],
]);

function unscored({ unscored }: VerifyResult): Section {
  const rows = [...OTHERS].flatMap(([reason, words]) => {
    const faults = unscored[reason] ?? 0;
    return faults === 0 ? [] : [[reason, words, formatCount(faults)]];
  });
  const headings = [text('reason'), text('why'), number('faults')];
  return { title: 'Not compared', note: null, headings, rows, more: 0 };
}

function disagreements({ disagreements, scored, agree }: VerifyResult): Section {
  const told = disagreements.some(({ recorded: { via, wait_ns } }) => via !== null || wait_ns !== null);
  const near = disagreements.some(({ writer }) => writer !== null);
  const rows = disagreements.map(fault => [
    String(fault.i),
    String(fault.tid),
    fault.addr,
    recorded(fault),
    ...(told ? [fault.recorded.via ?? '-', spell(fault.recorded.wait_ns)] : []),
    fault.site ?? fault.predicted,
    ...(near ? writer(fault) : []),
  ]);
  const how: Heading[] = [{ title: 'via', kind: 'text', spare: 5 }, number('waited', 3)];
  const who: Heading[] = [text('nearest writer'), number('from', 2), number('to', 1)];
  const headings: Heading[] = [
    number('event'),
    number('thread', 4),
    text('address'),
    text('recorded'),
    ...(told ? how : []),
    { ...SITE, title: 'predicted' },
    ...(near ? who : []),
  ];
  const note = near ? 'The nearest writer had mmap_lock from ... to, relative to the fault.' : null;
  return { title: 'The first disagreements', note, headings, rows, more: scored - agree - disagreements.length };
}

/** What the kernel did; where the fault was finished, if that is another thing. */
function recorded({ truth, recorded: { path } }: Disagreement): string {
  return path === 'signal' ? `${truth}, signal` : truth;
}

/** Who it was, and from when to when it had mmap_lock. */
function writer({ writer, t }: Disagreement): string[] {
  if (writer === null) return ['-', '-', '-'];
  const { op, tid, got, end } = writer;
  return [`${op} ${tid}`, relative(got - t), end === null ? '-' : relative(end - t)];
}

function relative(ns: number): string {
  return ns > 0 ? `+${formatNs(ns)}` : formatNs(ns);
}

function spell(ns: number | null): string {
  return ns === null ? '-' : formatNs(ns);
}
