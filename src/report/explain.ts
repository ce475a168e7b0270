/** A fault explained, in every format a replay has: sentences and tables for people; for sheets, a row for each step. */
import type {
  ExplainedFault,
  Explanation,
  LineageRange,
  ModelExplanation,
  Other,
  Step,
} from '../replay/explanation.js';
import { formatCount, formatNs } from '../units.js';
import { MARKED_SITES } from '../vocab.js';
import { leavesVmaLock, remarks, subject } from './finding.js';
import type { Listing } from './listing.js';
import { type Heading, number, type Opening, type Section, text } from './section.js';
import { SITE_WORDS } from './site-words.js';
import { accessOf, doing, pageWords, stepWords, whereWords, whoWords } from './step-words.js';

/** Further faults on the page that a remark names. */
const NAMED = 5;

const COLUMNS = [
  'i',
  'model',
  'step',
  't',
  'function',
  'outcome',
  'held',
  'site',
  'signal',
  'path',
  'wait_ns',
  'wait_from',
  'work_ns',
  'by_i',
  'by_op',
  'by_tid',
  'lost',
] as const;

export function explainListing(explanation: Explanation): Listing {
  const {
    faults,
    trace: { lost },
  } = explanation;
  const each = faults.flatMap(fault => fault.models.map(model => ({ fault, model })));
  return {
    document: explanation,
    records: each.flatMap(({ fault: { i }, model: { model, steps } }) =>
      steps.map((step, at) => ({ i, model, step: at, ...step, lost })),
    ),
    opening: opening(explanation),
    sections: faults.flatMap(fault => [
      ...fault.models.flatMap(model => [walk(fault, model), inTheWay(fault, model)]),
      underEveryModel(fault),
    ]),
    flat: {
      headings: COLUMNS.map(title => ({ title })),
      rows: each.flatMap(({ fault: { i }, model: { model, steps, others } }) =>
        steps.map((step, at) => {
          const other = step.blocked_by === null ? null : others[step.blocked_by];
          const { t, function: fn, outcome, held, site, signal, path, wait_ns, wait_from, work_ns } = step;
          const made = [t, fn, outcome, held.join(' '), site, signal, path.join(' '), wait_ns, wait_from, work_ns];
          return [i, model, at, ...made, other?.i ?? null, other?.op ?? null, other?.tid ?? null, lost];
        }),
      ),
    },
  };
}

function opening(explanation: Explanation): Opening {
  const { faults, further } = explanation;
  const [first] = faults;
  const notes = remarks(explanation);
  const said = pageWords(first.page);
  if (faults.length === 1 && said !== null) notes.unshift(`The trace says of the page: ${said}.`);
  if (further.length > 0) {
    const named = further.slice(0, NAMED).join(', ');
    const more = further.length > NAMED ? ` and ${formatCount(further.length - NAMED)} more` : '';
    notes.push(`Later faults on the page: ${further.length === 1 ? 'event' : 'events'} ${named}${more}.`);
  }
  return { finding: finding(first, first.models[0]), subject: subject(explanation), remarks: notes };
}

/** How the fault ends, and why, in a sentence. */
function finding(fault: ExplainedFault, explained: ModelExplanation): string {
  const { model, verdict, site, wait_ns, counter, steps } = explained;
  const what = `Event ${fault.i}, ${accessOf(fault)} to ${fault.addr} by thread ${fault.tid},`;
  const waits = wait_ns > 0 ? `, and waits ${formatNs(wait_ns)}` : '';
  const why = site === null ? undefined : SITE_WORDS.get(site);
  const blamed = steps.find(step => step.site !== null)?.blocked_by ?? null;
  const by = blamed === null ? '' : byWords(site, explained.others[blamed]);
  const because = why === undefined ? '' : `, because ${why}${by}`;
  if (verdict === 'vma_lock') return `${what} is finished under the VMA lock in ${model}${waits}.`;
  if (verdict === 'speculative') return `${what} is finished without any lock in ${model}${waits}.`;
  if (verdict === 'signal') {
    const signal = SITE_WORDS.get(steps.findLast(step => step.signal !== null)?.signal ?? '');
    return `${what} ends in a signal under ${model}${signal === undefined ? '' : `, because ${signal}`}${waits}.`;
  }
  if (site === null || !leavesVmaLock({ counter, site })) return `${what} takes mmap_lock under ${model}${waits}.`;
  return `${what} falls back to mmap_lock at ${site} under ${model}${because}${waits === '' ? '' : '; it'}${waits.replace(', and', '')}.`;
}

function byWords(site: string | null, other: Other): string {
  if (other.role === 'resolver') return `, which ${whoWords(other)} did`;
  return site !== null && MARKED_SITES.has(site) ? ` by ${whoWords(other)}` : `: ${whoWords(other)} ${doing(other)}`;
}

const sentence = (title: string): Heading => ({ title, kind: 'sentence' });

function walk(fault: ExplainedFault, explained: ModelExplanation): Section {
  const { model, start, end, steps } = explained;
  const rows = steps.map(step => [formatNs(step.t - start), stepWords(step, fault, explained), heldWords(step)]);
  const recorded =
    fault.t === null || formatNs(fault.t) === formatNs(start) ? '' : ` Recorded at ${formatNs(fault.t)}.`;
  return {
    title: `Event ${fault.i} under ${model}, from ${formatNs(start)} on, for ${formatNs(end - start)}`,
    note: verdictWords(explained) + recorded,
    headings: [number('after'), sentence('what happens'), text('then holds')],
    rows,
    more: 0,
  };
}

function heldWords({ held }: Step): string {
  return held.length === 0 ? '-' : held.map(lock => lock.replace(':read', ':R').replace(':write', ':W')).join(' ');
}

function verdictWords({ verdict, counter, site, wait_ns, hold_ns, tries }: ModelExplanation): string {
  const parts = [
    `verdict ${verdict}`,
    counter ?? 'not counted',
    ...(site === null ? [] : [`site ${site}`]),
    `waited ${formatNs(wait_ns)}`,
    `held a lock for ${formatNs(hold_ns)}`,
    `${formatCount(tries)} ${tries === 1 ? 'try' : 'tries'}`,
  ];
  const line = parts.join(', ');
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
}

function inTheWay({ i }: ExplainedFault, { model, others, start }: ModelExplanation): Section {
  const since = (t: number | null): string => (t === null ? '-' : formatNs(t - start));
  const rows = others.map((other: Other) => [
    String(other.i),
    other.op,
    String(other.tid),
    whereWords(other),
    other.role,
    since(other.queued),
    since(other.since),
    since(other.until),
  ]);
  const headings = [
    number('event'),
    text('operation'),
    number('thread'),
    text('where'),
    text('as'),
    number('queued', 1),
    number('since'),
    number('until'),
  ];
  const note = 'Times count from the start of the fault.';
  return { title: `Who event ${i} met under ${model}`, note, headings, rows, more: 0 };
}

/** `v6.10 to v7.3` */
function modelsWords({ models }: LineageRange): string {
  const last = models[models.length - 1];
  return models.length === 1 ? last : `${models[0]} to ${last}`;
}

/** How it ends under every model, and what decided that; first under models told above that are none of the lineage. */
function underEveryModel({ i, lineage, models }: ExplainedFault): Section {
  const ranged = new Set(lineage.flatMap(range => range.models));
  const own = models.filter(({ model }) => !ranged.has(model)).map(model => ({ ...model, models: [model.model] }));
  const rows = [...own, ...lineage].map(range => [modelsWords(range), endWords(range), whyWords(range)]);
  const headings = [sentence('models'), sentence('verdict'), sentence('site, and what decided')];
  return { title: `Event ${i} under every model`, note: null, headings, rows, more: 0 };
}

/** `mmap_lock, abort` */
function endWords({ verdict, counter }: LineageRange): string {
  return counter === null ? verdict : `${verdict}, ${counter.replace('vma_lock_', '')}`;
}

/** Answers of the lock that are sequence counts. */
const SPECULATION: ReadonlySet<string> = new Set(['vm_sequence', 'mmap_seq']);

function whyWords({ site, rule }: LineageRange): string {
  if (rule === null) return site ?? '-';
  const answer =
    rule.site === 'lock'
      ? `${SPECULATION.has(rule.answer) ? 'faults speculate by' : 'the VMA lock is'} ${rule.answer}`
      : `${rule.site} answers ${rule.answer}`;
  const where = site === null || site === rule.site ? '' : `${site}: `;
  return `${where}${answer} since ${rule.stage} (${rule.by})`;
}
