/** The longest convoy at mmap_lock: a sentence where it matters, and its members as a table. */
import type { Blocker, Convoy, ModelResult, Queued } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { NAME_WIDTH, whereOf } from './rows.js';
import { number, type Section, text, top } from './section.js';
import { keepEnds } from './style.js';

/** Fewer threads are a wait, no convoy. */
const FEWEST = 3;
/** A convoy is said in the finding when it made at least this share of all waiting. */
const WORTH_SAYING = 1 / 4;

type WithConvoy = ModelResult & { readonly convoy: Convoy };

/**
 * `Longest convoy under v6.18: 46 threads queued ...; under v7.3 none.`: of the model under which most was waited in one, and
 * how it is under the last; null where none matters.
 */
export function convoyFinding(models: readonly ModelResult[]): string | null {
  const longest = models.filter(matters).sort((a, b) => b.convoy.wait_ns - a.convoy.wait_ns)[0];
  if (longest === undefined) return null;
  const { model, convoy, blockers } = longest;
  const last = models[models.length - 1];
  const { threads, max_wait_ns } = convoy;
  const queued = `${formatCount(threads)} threads queued for mmap_lock, up to ${formatNs(max_wait_ns)}, behind`;
  const rest = last === longest ? '' : `; under ${last.model} ${matters(last) ? sizeOf(last.convoy) : 'none'}`;
  return `Longest convoy under ${model}: ${queued} ${causeOf(convoy, blockers)}${rest}.`;
}

function matters(model: ModelResult): model is WithConvoy {
  const { convoy, time } = model;
  if (convoy === null || convoy.threads < FEWEST) return false;
  return convoy.wait_ns >= WORTH_SAYING * (time.fault_wait_ns + time.op_wait_ns);
}

function sizeOf({ threads, max_wait_ns }: Convoy): string {
  return `${formatCount(threads)}, up to ${formatNs(max_wait_ns)}`;
}

/** A writer that had to wait for a reader, and that reader; else whoever had the lock. And how often that one comes. */
function causeOf({ holder, members: [first] }: Convoy, blockers: readonly Blocker[]): string {
  if (holder === null) return named(first);
  const often = blockers.find(row => row.op === holder.op && row.tid === holder.tid)?.period_ns;
  const who = `${named(holder)}${often === undefined ? '' : `, which comes every ${formatNs(often)}`}`;
  if (holder.mode === 'write' || first.mode === 'read') return who;
  return `${named(first)}, which waited for ${who}`;
}

function named(queued: Queued): string {
  const { op, tid, comm, name } = queued;
  const who = op === 'fault' ? 'a fault' : eventOf(queued);
  const thread = comm === undefined ? `thread ${tid}` : `${keepEnds(comm, NAME_WIDTH)} (${tid})`;
  return `${who} by ${thread}${name === undefined ? '' : ` in ${keepEnds(name, NAME_WIDTH)}`}`;
}

/** `madvise sequential`, `munmap`. */
function eventOf({ op, kind }: Queued): string {
  return kind === undefined ? op : `${op} ${kind}`;
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
    const { tid, mode, from_ns: since } = queued;
    const later = since > from_ns ? `+${formatNs(since - from_ns)}` : formatNs(since - from_ns);
    return [String(tid), eventOf(queued), mode, whereOf(queued) ?? '-', later, waited, behind];
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
