/** The finding of a diff: how many faults change, from where to where, and what that does to waiting, in one sentence. */
import type { Counter, DiffResult, FromTo, Transition, Verdict } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { faults, leavesVmaLock, remarks, subject } from './finding.js';
import type { Opening } from './section.js';

/** Ways to change the sentence names; the others are counted together. */
const NAMED = 3;

const DETERMINISTIC = 'Replays are deterministic: what differs, the models made differ.';

/** The finding of a diff, what it is about and what must be known beside it. */
export function diffOpening(diff: DiffResult): Opening {
  const known = remarks(diff);
  return {
    finding: `${diffFinding(diff)}.`,
    subject: subject(diff),
    remarks: diff.differs ? [...known, DETERMINISTIC] : known,
  };
}

function diffFinding(diff: DiffResult): string {
  const { changed, from, to } = diff;
  const waiting = waitingOf(diff);
  if (changed > 0) return `From ${from} to ${to}, ${changesOf(diff)}; ${waiting ?? 'no wait changes'}`;
  const none = diff.trace.faults === 0;
  const models = `between ${from} and ${to}`;
  if (!diff.differs) return `${none ? 'The trace has no page faults and nothing' : 'No fault'} differs ${models}`;
  return `${none ? 'The trace has no page faults' : `No fault differs ${models}`}, but ${waiting ?? countsOf(diff)}`;
}

/** Who changes how: `16 of 1,314 faults no longer fall back at do_swap_page`. */
function changesOf({ changed, trace, transitions }: DiffResult): string {
  const all = trace.faults;
  const those =
    all === 1
      ? 'the only fault'
      : changed === all
        ? `${all === 2 ? 'both' : `all ${formatCount(all)}`} faults`
        : `${formatCount(changed)} of ${faults(all)}`;
  const ways = waysOf(transitions);
  if (ways.length === 1) return `${those} ${words(ways[0].sample, changed > 1)}`;
  const named = ways.slice(0, NAMED);
  const others = named.reduce((left, way) => left - way.count, changed);
  const list = named.map(({ sample, count }) => `${formatCount(count)} ${words(sample, count > 1)}`);
  if (others > 0) list.push(`${formatCount(others)} in other ways`);
  return `${those} change: ${list.join(', ')}`;
}

interface Way {
  readonly sample: Transition;
  count: number;
}

/** Transitions that are said in the same words, most faults first. */
function waysOf(transitions: readonly Transition[]): Way[] {
  const ways = new Map<string, Way>();
  for (const sample of transitions) {
    const key = words(sample, true);
    const way = ways.get(key);
    if (way === undefined) ways.set(key, { sample, count: sample.count });
    else way.count += sample.count;
  }
  return [...ways.values()].sort((a, b) => b.count - a.count);
}

/** How faults change, as the rest of a sentence about one of them or many. */
function words(way: Transition, many: boolean): string {
  const { from, to, from_site, to_site, from_counter, to_counter } = way;
  if (from === to && from_site === to_site) {
    const are = many ? 'are' : 'is';
    if (from_counter === null) return `${are} now counted ${to_counter}`;
    return to_counter === null
      ? `${are} no longer counted ${from_counter}`
      : `${are} counted ${to_counter} instead of ${from_counter}`;
  }
  const before = actionOf(from, from_counter, from_site, many);
  const after = actionOf(to, to_counter, to_site, many);
  if (after === null) {
    return before === null ? `${many ? 'are' : 'is'} ${to} instead of ${from}` : `no longer ${said(before)}`;
  }
  if (before === null) return `now ${said(after)}`;
  if (before.does === after.does) return `${after.does} at ${to_site} instead of ${from_site}`;
  if (from === 'mmap_lock' && to === 'mmap_lock') {
    return after.site === null ? `now ${after.does} at once` : `still ${before.does} after trying the VMA lock`;
  }
  return `now ${said(after)}`;
}

interface Action {
  readonly does: string;
  readonly site: string | null;
}

/** What faults do that do not finish where they began; null where they do. */
function actionOf(verdict: Verdict, counter: Counter | null, site: string | null, many: boolean): Action | null {
  if (verdict === 'signal') return { does: many ? 'get a signal' : 'gets a signal', site };
  if (verdict !== 'mmap_lock') return null;
  if (site !== null && leavesVmaLock({ counter, site })) return { does: many ? 'fall back' : 'falls back', site };
  return { does: many ? 'take mmap_lock' : 'takes mmap_lock', site: null };
}

function said({ does, site }: Action): string {
  return site === null ? does : `${does} at ${site}`;
}

/** What happens to waiting; null when no wait changes. */
function waitingOf({ time, waits }: DiffResult): string | null {
  const sums = [
    { who: 'faults', by: by(time.fault_wait_ns) },
    { who: 'operations', by: by(time.op_wait_ns) },
  ].filter(sum => sum.by !== 0);
  if (sums.length > 0) {
    return sums
      .map(
        ({ who, by }, at) => `${who}${at === 0 ? ' wait' : ''} ${formatNs(Math.abs(by))} ${by > 0 ? 'more' : 'less'}`,
      )
      .join(' and ')
      .concat(' in all');
  }
  const { less, more } = waits;
  if (less + more > 0) {
    return `${faults(less)} ${less === 1 ? 'waits' : 'wait'} shorter, ${formatCount(more)} longer, with the same sum`;
  }
  const later = by(time.makespan_ns);
  return later === 0 ? null : `the makespan is ${formatNs(Math.abs(later))} ${later > 0 ? 'longer' : 'shorter'}`;
}

/** What differs where no fault and no wait does. */
function countsOf({ counters }: DiffResult): string {
  const found = Object.entries(counters).find(([, count]) => by(count) !== 0);
  if (found === undefined) return 'who is waited for does';
  const [name, { from, to }] = found;
  return `${name} is ${formatCount(to)} instead of ${formatCount(from)}`;
}

function by({ from, to }: FromTo): number {
  return to - from;
}
