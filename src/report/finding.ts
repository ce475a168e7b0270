/** The finding: what a replay says, in sentences a person can quote. Plain text; every name in it is still unescaped. */
import type { Blocker, ModelResult, Reason, ReplayResult } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { CONTENDED_SITES, MARKED_SITES } from '../vocab.js';
import { convoyFinding } from './convoy.js';
import { formatPercent, formatRatio, NAME_WIDTH, userFallbacks, whereOf } from './rows.js';
import type { Opening } from './section.js';
import { SITE_WORDS } from './site-words.js';
import { keepEnds } from './style.js';

/** An operation is named as the cause when it made at least this share of the fallbacks. */
const WORTH_NAMING = 1 / 4;
/** Models of one trace that are compared one by one. */
const COMPARED = 4;

/** The finding of one trace, what it is about and what must be known beside it. */
export function openingOf(result: ReplayResult): Opening {
  const { sample } = result.trace;
  const convoy = convoyFinding(result.models);
  const found = convoy === null ? finding(result) : `${finding(result)} ${convoy}`;
  return {
    finding: sample === undefined ? found : `Sample ${sample}: ${found}`,
    subject: subject(result),
    remarks: remarks(result),
  };
}

/** The finding of one trace: one sentence for one model; a comparison, newest last, for several. */
export function finding(result: ReplayResult): string {
  const { models } = result;
  const [first] = models;
  if (result.trace.faults === 0) return 'The trace has no page faults.';
  if (first.faults.total === 0) return 'None of its page faults is in the sample.';
  if (models.length === 1) return alone(first);
  const { user, total } = first.faults;
  if (user === 0) {
    const none = total === 1 ? 'The only fault did not come' : `None of ${faults(total)} came`;
    return `${none} from user mode: no model could use a VMA lock.`;
  }
  if (unmapped(first)) return `${noVma(user)}.`;
  const last = models[models.length - 1];
  const compared = models.length <= COMPARED ? models.slice(1) : [last];
  const parts = compared.map(model => {
    const place = compared.length < models.length - 1 ? `, the last of ${models.length} models,` : '';
    return `under ${model.model}${place} ${short(model)}`;
  });
  return `Under ${first.model} ${opening(first)}; ${parts.join('; ')}${because(last, ', ')}.`;
}

/** How one model fares, as a full sentence. */
function alone(model: ModelResult): string {
  const { user, total, mmap_lock } = model.faults;
  if (user === 0) {
    return `${formatCount(mmap_lock)} of ${faults(total)} took mmap_lock under ${model.model}; none came from user mode.`;
  }
  if (unmapped(model)) return `${noVma(user)} under ${model.model}.`;
  const fallbacks = userFallbacks(model);
  if (fallbacks === 0) {
    const none = user === 1 ? 'The only user fault did not fall' : `None of ${userFaults(user)} fell`;
    return `${none} back to mmap_lock under ${model.model}.`;
  }
  if (fallbacks === user) {
    return `${capital(opening(model))} under ${model.model}${because(model, user === 1 ? ', ' : '; ')}.`;
  }
  const share = `${formatCount(fallbacks)} of ${userFaults(user)} (${formatRatio(fallbacks, user)})`;
  return `${share} fell back to mmap_lock under ${model.model}${because(model, fallbacks === 1 ? ', ' : '; ')}.`;
}

/** The model the others are measured by. */
function opening(model: ModelResult): string {
  const { user } = model.faults;
  const fallbacks = userFallbacks(model);
  if (fallbacks === 0) {
    return user === 1 ? 'the only user fault did not take mmap_lock' : `none of ${userFaults(user)} took mmap_lock`;
  }
  if (fallbacks === user) return `${everyUserFault(user)} took mmap_lock`;
  return `${formatCount(fallbacks)} of ${userFaults(user)} (${formatRatio(fallbacks, user)}) took mmap_lock`;
}

function everyUserFault(user: number): string {
  if (user === 1) return 'the only user fault';
  return user === 2 ? 'both user faults' : `all ${userFaults(user)}`;
}

/** How one model fares beside another. */
function short(model: ModelResult): string {
  const { user } = model.faults;
  const fallbacks = userFallbacks(model);
  if (fallbacks === 0) return user === 1 ? 'it did not' : 'none did';
  if (fallbacks === user) return user === 1 ? 'it did' : user === 2 ? 'both did' : 'all did';
  return `${formatCount(fallbacks)} (${formatRatio(fallbacks, user)}) did`;
}

/** Nobody mapped what was touched, so no lock could have served: there is no ratio. */
function unmapped(model: ModelResult): boolean {
  return model.faults.user > 0 && model.fallback_ratio === null;
}

function noVma(user: number): string {
  return user === 1 ? 'No VMA covered the address of the only user fault' : `No VMA covered any of ${userFaults(user)}`;
}

/** Why user faults took mmap_lock, with the share of each cause; empty when there is nothing to say. */
function because(model: ModelResult, joint: ', ' | '; '): string {
  const fallbacks = userFallbacks(model);
  if (fallbacks === 0) return '';
  const causes = causesOf(model, fallbacks).map(({ count, words }, i) => {
    if (fallbacks === 1) return words;
    const share = count >= fallbacks ? (fallbacks === 2 ? 'both' : 'all') : formatPercent(count, fallbacks);
    return `${share}${joint === ', ' && i === 0 ? ' of them' : ''} ${words}`;
  });
  return causes.length === 0 ? '' : joint + causes.join(', ');
}

interface Cause {
  readonly count: number;
  readonly words: string;
}

/**
 * Whoever made a quarter of the fallbacks or more; and the site where most user faults left the VMA lock, when nobody made
 * so many or when more left there for reasons of their own.
 */
function causesOf(model: ModelResult, fallbacks: number): Cause[] {
  const reasons = model.reasons.filter(leavesVmaLock);
  const byOthers = reasons.filter(({ site }) => CONTENDED_SITES.has(site));
  const culprit = worst(model.blockers);
  const named = culprit !== null && culprit.fallbacks >= WORTH_NAMING * fallbacks;
  const causes: Cause[] = [];
  if (named) {
    causes.push({ count: culprit.fallbacks, words: `because ${did(culprit, byOthers)}` });
  }
  const others = named ? reasons.filter(reason => !byOthers.includes(reason)) : reasons;
  const main = others.reduce<Reason | null>((top, row) => (top === null || row.count > top.count ? row : top), null);
  if (main !== null && (!named || main.count > culprit.fallbacks)) {
    const words = SITE_WORDS.get(main.site);
    const site = keepEnds(main.site, NAME_WIDTH);
    causes.push({ count: main.count, words: words === undefined ? `at ${site}` : `because ${words} (${site})` });
  }
  return causes.sort((a, b) => b.count - a.count);
}

/** Reasons that are no fallback of a user fault, or none that a VMA lock could have spared it. */
const NO_CHOICE: ReadonlySet<string> = new Set([
  'do_user_addr_fault',
  'do_user_addr_fault.kernel_mode',
  'do_kern_addr_fault',
]);

export function leavesVmaLock({ counter, site }: Pick<Reason, 'counter' | 'site'>): boolean {
  return counter !== 'vma_lock_success' && !NO_CHOICE.has(site);
}

interface Culprit {
  readonly op: string;
  readonly tid: number;
  fallbacks: number;
  /** the mapping where it made most of them, and how many others there were */
  row: Blocker;
  mappings: number;
}

/** The kind of operation, by thread, that sent most faults to mmap_lock. */
function worst(blockers: readonly Blocker[]): Culprit | null {
  const culprits = new Map<string, Culprit>();
  for (const row of blockers) {
    if (row.fallbacks === 0) continue;
    const key = `${row.tid} ${row.op}`;
    const culprit = culprits.get(key);
    if (culprit === undefined) {
      culprits.set(key, { op: row.op, tid: row.tid, fallbacks: row.fallbacks, row, mappings: 1 });
      continue;
    }
    culprit.fallbacks += row.fallbacks;
    culprit.mappings++;
    if (row.fallbacks > culprit.row.fallbacks) culprit.row = row;
  }
  let most: Culprit | null = null;
  for (const culprit of culprits.values()) if (most === null || culprit.fallbacks > most.fallbacks) most = culprit;
  return most;
}

/** What it did: it marked VMAs, or where mmap_lock alone was wanted of it, had that. */
function did({ op, tid, row, mappings }: Culprit, byOthers: readonly Reason[]): string {
  const who = `${op === 'fault' ? 'a fault' : op} by thread ${tid}`;
  if (byOthers.some(({ site }) => !MARKED_SITES.has(site))) return `${who} kept mmap_lock busy`;
  const where = whereOf(row);
  if (where === null) return `${who} had write-locked the VMA`;
  return `${who} write-locked ${keepEnds(where, NAME_WIDTH)}${mappings === 1 ? '' : ` and ${mappings - 1} more`}`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

export function faults(n: number): string {
  return `${formatCount(n)} ${n === 1 ? 'fault' : 'faults'}`;
}

function userFaults(n: number): string {
  return `${formatCount(n)} user ${n === 1 ? 'fault' : 'faults'}`;
}

/** What was replayed, in one line: size of the trace, its span, the timing, and what the recording lost. */
export function subject({ trace, timing }: Pick<ReplayResult, 'trace' | 'timing'>): string {
  const parts = [
    `${formatCount(trace.events)} ${trace.events === 1 ? 'event' : 'events'}`,
    trace.sample === undefined ? faults(trace.faults) : `a sample of ${trace.sample} of ${faults(trace.faults)}`,
    `${formatCount(trace.threads)} ${trace.threads === 1 ? 'thread' : 'threads'}`,
    ...(trace.mms === 1 ? [] : [`${formatCount(trace.mms)} mms`]),
    `span ${formatNs(trace.span_ns)}`,
    `${timing} timing`,
  ];
  return `${trace.file}: ${parts.join(', ')}`;
}

/** Remarks that belong beside every table of a trace: lost events, expectations that did not hold. */
export function remarks({ trace, expect }: Pick<ReplayResult, 'trace' | 'expect'>): string[] {
  const lines: string[] = [];
  const { lost } = trace;
  if (lost > 0) {
    lines.push(
      `The recording lost ${formatCount(lost)} ${lost === 1 ? 'event' : 'events'}: all counts are lower bounds.`,
    );
  }
  if (expect !== undefined) {
    const held = expect.checked - expect.failed.length;
    lines.push(`${formatCount(held)} of ${formatCount(expect.checked)} expectations of the trace hold.`);
  }
  return lines;
}
