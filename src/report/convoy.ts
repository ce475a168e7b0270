/** The longest convoy at mmap_lock: a sentence where it matters, and its members as a table. */
import type { Convoy, ModelResult, Queued } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { NAME_WIDTH, whereOf } from './rows.js';
import { number, type Section, text, top } from './sections.js';
import { keepEnds } from './style.js';

/** Fewer threads are a wait, no convoy. */
const FEWEST = 3;
/** A convoy is said in the finding when it made at least this share of all waiting. */
const WORTH_SAYING = 1 / 4;

/** `Longest convoy under v6.18: 46 threads ...`; null where none matters. */
export function convoyFinding({ model, convoy, time }: ModelResult): string | null {
  if (convoy === null || convoy.threads < FEWEST) return null;
  if (convoy.wait_ns < WORTH_SAYING * (time.fault_wait_ns + time.op_wait_ns)) return null;
  const { threads, max_wait_ns, holder, members } = convoy;
  const queued = `${formatCount(threads)} threads queued for mmap_lock, up to ${formatNs(max_wait_ns)},`;
  return `Longest convoy under ${model}: ${queued} behind ${causeOf(holder, members)}.`;
}

/** A writer that had to wait for a reader, and that reader; else whoever had the lock. */
function causeOf(holder: Convoy['holder'], [first]: Convoy['members']): string {
  if (holder === null) return named(first);
  if (holder.mode === 'write' || first.mode === 'read') return named(holder);
  return `${named(first)}, which waited for ${named(holder)}`;
}

function named(queued: Queued): string {
  const where = whereOf(queued);
  const who = `${queued.op === 'fault' ? 'a fault' : queued.op} by thread ${queued.tid}`;
  return queued.name === undefined || where === null ? who : `${who} in ${keepEnds(where, NAME_WIDTH)}`;
}

/** Who had the lock, then the members in the order in which they came. */
export function convoySection({ model, convoy }: ModelResult, most?: number): Section {
  const title = `Longest convoy under ${model}`;
  const headings = [
    number('thread'),
    text('event'),
    text('mode'),
    text('where'),
    number('since'),
    number('waited'),
    text('behind', 1),
  ];
  if (convoy === null || convoy.threads < FEWEST) return { title, note: null, headings, rows: [], more: 0 };
  const { threads, waits, wait_ns, deepest, from_ns, to_ns, holder, members } = convoy;
  const cells = (queued: Queued, waited: string, behind: string): string[] => {
    const { tid, op, mode, from_ns: since } = queued;
    const later = since > from_ns ? `+${formatNs(since - from_ns)}` : formatNs(since - from_ns);
    return [String(tid), op, mode, whereOf(queued) ?? '-', later, waited, behind];
  };
  const rows = members.map(member => {
    const { wait_ns, blocked_by } = member;
    return cells(member, formatNs(wait_ns), blocked_by === null ? '-' : `${blocked_by.op} (${blocked_by.tid})`);
  });
  if (holder !== null) rows.unshift(cells(holder, 'holds it', '-'));
  const shown = top(title, headings, rows, most);
  const note =
    `${formatCount(threads)} threads waited ${formatCount(waits)} times from ${formatNs(from_ns)} on for ` +
    `${formatNs(to_ns - from_ns)}, ${formatNs(wait_ns)} in all, ${formatCount(deepest)} of them at once.`;
  return { ...shown, more: shown.more + waits - members.length, note };
}
