/** The finding: what a replay says, in sentences a person can quote. Plain text; every name in it is still unescaped. */
import type { Blocker, ModelResult, Reason, ReplayResult } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { formatRatio, userFallbacks } from './rows.js';
import { keepEnd } from './style.js';

/** Columns a mapping's name may take inside a sentence. */
const NAME_WIDTH = 60;

/** Sites where another thread's operation is what sent the fault away, and how to say so. */
const CONTENDED_SITES: ReadonlyMap<string, string> = new Map([['vma_start_read', 'the VMA was write-locked']]);

/** The finding of one trace: one sentence for one model; a comparison, newest last, for several. */
export function finding(result: ReplayResult): string {
  const { models } = result;
  if (result.trace.faults === 0) return 'The trace has no page faults.';
  if (models.length === 1) return alone(models[0]);
  const last = models[models.length - 1];
  const parts = models.map(model => `${model.model}: ${short(model)}`);
  const shown = parts.length <= 4 ? parts : [...parts.slice(0, 1), `(${parts.length - 2} more)`, ...parts.slice(-1)];
  const because = cause(last);
  return shown.join('; ') + (because === null ? '' : `, ${because}`) + '.';
}

/** How one model fares, as a full sentence. */
function alone(model: ModelResult): string {
  const { user, total } = model.faults;
  if (user === 0) {
    const took = `${formatCount(model.faults.mmap_lock)} of ${faults(total)} took mmap_lock under ${model.model}`;
    return `${took}; none came from user mode.`;
  }
  const fallbacks = userFallbacks(model);
  const because = cause(model);
  const tail = because === null ? '.' : `; ${because}.`;
  if (fallbacks === 0) return `None of ${userFaults(user)} fell back to mmap_lock under ${model.model}${tail}`;
  if (fallbacks === user) {
    const subject = user === 1 ? 'The only user fault' : `All ${userFaults(user)}`;
    return `${subject} took mmap_lock under ${model.model}${tail}`;
  }
  const share = formatRatio(fallbacks, user);
  return `${formatCount(fallbacks)} of ${userFaults(user)} (${share}) fell back to mmap_lock under ${model.model}${tail}`;
}

/** How one model fares, to stand beside others. */
function short(model: ModelResult): string {
  const { user } = model.faults;
  const fallbacks = userFallbacks(model);
  if (user === 0) return 'no user faults';
  if (fallbacks === 0) return `none of ${userFaults(user)} fell back`;
  if (fallbacks === user)
    return user === 1 ? 'the only user fault took mmap_lock' : `all ${userFaults(user)} took mmap_lock`;
  return `${formatCount(fallbacks)} (${formatRatio(fallbacks, user)}) fell back`;
}

/**
 * Why, as far as the result proves it: the site where most faults failed to finish under the VMA lock, and the operation that
 * stood in the way most often. null when there is nothing to say.
 */
function cause(model: ModelResult): string | null {
  const left = model.reasons.reduce((sum, reason) => sum + reason.count, 0);
  let top: Reason | null = null;
  for (const reason of model.reasons) if (top === null || reason.count > top.count) top = reason;
  const parts: string[] = [];
  const attempted = model.faults.vma_lock > 0 || top?.counter != null;
  if (top !== null && attempted) {
    const words = CONTENDED_SITES.get(top.site);
    const meaning = words === undefined ? '' : ` (${words})`;
    parts.push(`main reason, ${formatRatio(top.count, left)}: ${keepEnd(top.site, NAME_WIDTH)}${meaning}`);
  }
  const blocker = worstBlocker(model);
  if (blocker !== null) parts.push(inTheWay(blocker));
  return parts.length === 0 ? null : parts.join('; ');
}

/** The blocker with most victims, then longest wait. */
function worstBlocker(model: ModelResult): Blocker | null {
  let worst: Blocker | null = null;
  for (const blocker of model.blockers) {
    if (blocker.victims === 0) continue;
    const more = worst === null ? 1 : blocker.victims - worst.victims || blocker.wait_ns - worst.wait_ns;
    if (more > 0) worst = blocker;
  }
  return worst;
}

function inTheWay(blocker: Blocker): string {
  const on = blocker.name ?? blocker.start;
  const victims = `${formatCount(blocker.victims)} ${blocker.victims === 1 ? 'victim' : 'victims'}`;
  const waited = blocker.wait_ns === 0 ? '' : `, ${formatNs(blocker.wait_ns)} of waiting`;
  const where = on === undefined ? '' : ` on ${keepEnd(on, NAME_WIDTH)}`;
  return `most in the way: ${blocker.op} by thread ${blocker.tid}${where} (${victims}${waited})`;
}

function faults(n: number): string {
  return `${formatCount(n)} ${n === 1 ? 'fault' : 'faults'}`;
}

function userFaults(n: number): string {
  return `${formatCount(n)} user ${n === 1 ? 'fault' : 'faults'}`;
}

/** What was replayed, in one line: size of the trace, its span, the timing, and what the recording lost. */
export function subject(result: ReplayResult): string {
  const { trace } = result;
  const parts = [
    `${formatCount(trace.events)} ${trace.events === 1 ? 'event' : 'events'}`,
    faults(trace.faults),
    `${formatCount(trace.threads)} ${trace.threads === 1 ? 'thread' : 'threads'}`,
    ...(trace.mms === 1 ? [] : [`${formatCount(trace.mms)} mms`]),
    `span ${formatNs(trace.span_ns)}`,
    `${result.timing} timing`,
  ];
  return `${trace.file}: ${parts.join(', ')}`;
}

/** Remarks that belong beside every table of a trace: lost events, expectations that did not hold. */
export function remarks(result: ReplayResult): string[] {
  const lines: string[] = [];
  const { lost } = result.trace;
  if (lost > 0) {
    lines.push(
      `The recording lost ${formatCount(lost)} ${lost === 1 ? 'event' : 'events'}: all counts are lower bounds.`,
    );
  }
  const { expect } = result;
  if (expect !== undefined) {
    const held = expect.checked - expect.failed.length;
    lines.push(`${formatCount(held)} of ${formatCount(expect.checked)} expectations of the trace hold.`);
  }
  return lines;
}
