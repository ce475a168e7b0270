/** The finding of a diff of two traces: how many faults, fallbacks and waits there are now, for each 1,000 faults, and where. */
import type { FromTo } from '../replay/result.js';
import type { Rated, ReasonRates, TracesDiff } from '../replay/traces-diff.js';
import { formatCount, formatNs } from '../units.js';
import { subject } from './finding.js';
import { NAME_WIDTH } from './rows.js';
import type { Opening } from './section.js';
import { SITE_WORDS } from './site-words.js';
import { keepEnds } from './style.js';

const DETERMINISTIC =
  'Replays are deterministic: what differs, the traces made differ. How much two recordings of one program differ by ' +
  'chance, only more recordings tell.';

/** What is said to make most of a difference makes more than this share of it. */
const MOST = 1 / 2;

/** The finding, both traces, and what must be known beside it. */
export function diffTracesOpening(diff: TracesDiff): Opening {
  const { from, to, timing } = diff;
  const lost = [from, to].filter(trace => trace.lost > 0).map(({ file, lost }) => `${file} lost ${formatCount(lost)}`);
  return {
    finding: `${findingOf(diff)}.`,
    subject: `A: ${subject({ trace: from, timing })}`,
    remarks: [
      `B: ${subject({ trace: to, timing })}`,
      ...(lost.length === 0
        ? []
        : [`Events were lost when this was recorded (${lost.join(', ')}): counts are too low.`]),
      ...(diff.differs ? [DETERMINISTIC] : []),
    ],
  };
}

function findingOf(diff: TracesDiff): string {
  const { from, to, model, differs } = diff;
  if (!differs) return `Nothing differs between ${from.file} and ${to.file} under ${model}`;
  const parts = [faultsOf(diff), fallbacksOf(diff), waitOf(diff), opWaitOf(diff), longestOf(diff)].filter(
    part => part !== null,
  );
  if (parts.length === 0) parts.push('as many faults, fallbacks and waits, but other events');
  return `From ${from.file} to ${to.file} under ${model}: ${parts.join('; ')}`;
}

/** `24,595 faults instead of 119,805, most of the difference in [heap]`. */
function faultsOf({ faults: { total }, mappings }: TracesDiff): string | null {
  if (total.from === total.to) return null;
  const where = mappings
    .filter(({ faults, name }) => name !== null && makesMost(faults, total))
    .map(({ name }) => keepEnds(name ?? '', NAME_WIDTH));
  const most = where.length === 1 ? `, most of the difference in ${where[0]}` : '';
  return `${formatCount(total.to)} ${total.to === 1 ? 'fault' : 'faults'} instead of ${formatCount(total.from)}${most}`;
}

/** `3.10 of 1,000 faults fall back instead of 8.20, mostly because the VMA was write-locked (vma_start_read)`. */
function fallbacksOf({ fallbacks, reasons }: TracesDiff): string | null {
  const by = change(fallbacks);
  if (by === 0) return null;
  const main = reasons.find(({ count }) => change(count) / by > MOST);
  const rates = `${formatRate(fallbacks.to_per_1000)} of 1,000 faults fall back instead of ${formatRate(fallbacks.from_per_1000)}`;
  return main === undefined ? rates : `${rates}, mostly ${causeOf(main)}`;
}

function causeOf({ site }: ReasonRates): string {
  const words = SITE_WORDS.get(site);
  const name = keepEnds(site, NAME_WIDTH);
  return words === undefined ? `at ${name}` : `because ${words} (${name})`;
}

function waitOf({ time }: TracesDiff): string | null {
  return change(time.fault_wait_ns) === 0 ? null : `a fault waits ${perFault(time.fault_wait_ns)}`;
}

function opWaitOf({ time }: TracesDiff): string | null {
  return change(time.op_wait_ns) === 0 ? null : `operations wait ${perFault(time.op_wait_ns)}, per fault`;
}

function longestOf({ time: { longest_wait_ns: longest } }: TracesDiff): string | null {
  if (longest.from === longest.to) return null;
  return `the longest wait for a lock is ${formatNs(longest.to)} instead of ${formatNs(longest.from)}`;
}

/** `300 ns instead of 1.20 us`: means, of the second trace and of the first. */
function perFault({ from_per_1000, to_per_1000 }: Rated): string {
  return `${formatNs(to_per_1000 / 1000)} instead of ${formatNs(from_per_1000 / 1000)}`;
}

function change({ from_per_1000, to_per_1000 }: Rated): number {
  return to_per_1000 - from_per_1000;
}

function makesMost(part: FromTo, whole: FromTo): boolean {
  return (part.to - part.from) / (whole.to - whole.from) > MOST;
}

/** Of 1,000, for people: three significant digits, as long as there are that many; `<0.01` of something. */
export function formatRate(rate: number): string {
  if (rate >= 1000) return formatCount(Math.round(rate));
  if (rate === 0 || rate >= 100) return String(Math.round(rate));
  return rate < 0.01 ? '<0.01' : rate.toFixed(rate < 10 ? 2 : 1);
}
