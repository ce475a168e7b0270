/** Which operation of which thread on which mapping made how many others wait or fall back. */
import type { Task } from '../kernel/task.js';
import type { TraceInfo } from '../trace/columns.js';
import { formatAddr, type Ns, type Page } from '../units.js';
import { OPS } from '../vocab.js';
import type { Blocker, FaultRow } from './result.js';

/** Rows kept; what comes later is added to the last. */
export const BLOCKER_ROWS = 10_000;

interface Entry {
  op: number;
  thread: number;
  name: string | null;
  /** from the lowest to the highest page it worked on; start is -1 while none is known */
  start: Page;
  end: Page;
  victims: number;
  fallbacks: number;
  wait: Ns;
  max: Ns;
  /** operations that were told one by one: the last of them, when it and the first began, and the gaps between them */
  times: number;
  last: number;
  first: Ns;
  since: Ns;
  least: Ns;
  most: Ns;
}

/** Gaps between operations are alike when the longest is at most so much longer than the shortest. */
const ALIKE = 1.1;

export class Blockers {
  private readonly entries = new Map<string, Entry>();
  private last: Entry | null = null;

  /**
   * One more victim of `op` by `thread` on `[start, end)` (`start` -1: not known), which waited for `wait`; `fallback` when
   * it was a fault that left the VMA lock because of it.
   *
   * @returns its row, for happened()
   */
  add(op: number, thread: number, name: string | null, start: Page, end: Page, wait: Ns, fallback: boolean): Entry {
    const key = `${op} ${thread} ${name ?? ''}`;
    let entry = this.entries.get(key);
    if (entry === undefined) {
      if (this.entries.size >= BLOCKER_ROWS && this.last !== null) entry = this.last;
      else {
        entry = {
          ...{ op, thread, name, start, end, victims: 0, fallbacks: 0, wait: 0, max: 0 },
          ...{ times: 0, last: -1, first: 0, since: 0, least: Number.POSITIVE_INFINITY, most: 0 },
        };
        this.entries.set(key, entry);
        this.last = entry;
      }
    }
    if (start >= 0) {
      entry.end = entry.start < 0 ? end : Math.max(entry.end, end);
      entry.start = entry.start < 0 ? start : Math.min(entry.start, start);
    }
    entry.victims++;
    if (fallback) entry.fallbacks++;
    entry.wait += wait;
    if (wait > entry.max) entry.max = wait;
    return entry;
  }

  /** What stood in the way is event `i`, under way since `since`. */
  happened(entry: Entry, i: number, since: Ns): void {
    if (entry.last === i) return;
    entry.last = i;
    if (entry.times++ === 0) entry.first = since;
    else {
      const gap = since - entry.since;
      entry.least = Math.min(entry.least, gap);
      entry.most = Math.max(entry.most, gap);
    }
    entry.since = since;
  }

  /** Most waited for first. */
  rows(info: TraceInfo): Blocker[] {
    return [...this.entries.values()]
      .sort((a, b) => b.wait - a.wait || b.victims - a.victims || a.thread - b.thread || a.op - b.op)
      .map(({ op, thread, name, start, end, victims, fallbacks, wait, max, times, ...gaps }) => ({
        op: OPS[op],
        tid: info.tids[thread],
        ...(start >= 0 && end > start ? { start: formatAddr(start), end: formatAddr(end) } : {}),
        ...(name === null ? {} : { name }),
        victims,
        fallbacks,
        wait_ns: wait,
        max_wait_ns: max,
        times,
        ...periodOf(times, gaps),
      }));
  }
}

function periodOf(times: number, { first, since, least, most }: Pick<Entry, 'first' | 'since' | 'least' | 'most'>) {
  if (times < 3 || least <= 0 || most > ALIKE * least) return {};
  return { period_ns: Math.round((since - first) / (times - 1)) };
}

/** The event that made `task` wait or fall back, as far as it was known then. */
export function blockedBy(task: Pick<Task, 'byIndex' | 'byOp' | 'byThread'>, info: TraceInfo): FaultRow['blocked_by'] {
  if (task.byThread < 0) return null;
  return { i: task.byIndex, op: OPS[task.byOp], tid: info.tids[task.byThread] };
}
