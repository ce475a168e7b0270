/**
 * Faults that fell back or waited, added up by one key: where it hurts. Memory is bounded: what comes after `HOT_ROWS`
 * keys is added to a common row.
 */
import type { Kernel } from '../kernel/kernel.js';
import type { Task } from '../kernel/task.js';
import type { TraceInfo } from '../trace/columns.js';
import { formatAddr, type Ns, type Page } from '../units.js';
import { OPS } from '../vocab.js';
import { nameOf } from './lock-table.js';
import type { Counter, HotKey, HotSpot } from './result.js';

/** Keys with a row of their own. */
export const HOT_ROWS = 10_000;
/** What the row of all others is called. */
export const OTHERS = '(others)';

/** A fault that is over, in words. */
export interface Ended {
  readonly task: Task;
  /** a user fault that took the mmap_lock path */
  readonly fallback: boolean;
  readonly counter: Counter | null;
  readonly site: string | null;
}

interface Entry {
  readonly who: Omit<HotSpot, 'faults' | 'fallbacks' | 'wait_ns' | 'max_wait_ns'>;
  /** of mappings: from the lowest to the highest page of those of a name; -1 when there is none */
  start: Page;
  end: Page;
  faults: number;
  fallbacks: number;
  wait: Ns;
  max: Ns;
}

export class HotSpots {
  private readonly entries = new Map<string, Entry>();
  private others: Entry | null = null;

  /** @param all count every fault, not only those that fell back or waited */
  constructor(
    readonly key: HotKey,
    private readonly all = false,
  ) {}

  /** Counts a fault if it fell back or waited. */
  add(ended: Ended, kernel: Kernel, info: TraceInfo): void {
    const { task, fallback } = ended;
    if (!fallback && task.waited === 0 && !this.all) return;
    const entry = this.key === 'vma' ? this.mapping(task, kernel, info) : this.entryOf(ended, info);
    entry.faults++;
    if (fallback) entry.fallbacks++;
    entry.wait += task.waited;
    if (task.waited > entry.max) entry.max = task.waited;
  }

  private entryOf({ task, counter, site }: Ended, info: TraceInfo): Entry {
    switch (this.key) {
      case 'reason': {
        const said = [counter, site].filter(word => word !== null).join(' ');
        return this.entry(said, () => ({ key: said === '' ? null : said, counter, site }));
      }
      case 'thread': {
        const tid = info.tids[task.id];
        return this.entry(String(tid), () => ({ key: String(tid), tid }));
      }
      case 'op': {
        const op = task.byThread < 0 ? null : OPS[task.byOp];
        return this.entry(op ?? '', () => ({ key: op }));
      }
      default:
        return this.entry(site ?? '', () => ({ key: site }));
    }
  }

  /** Mappings of one name are one row, as people see them; those without are known by where they begin. */
  private mapping(task: Task, kernel: Kernel, info: TraceInfo): Entry {
    const { mm } = task;
    const vma = mm.mm_mt.walk(task.page);
    const name = nameOf(vma, mm, kernel);
    const id = info.mms[mm.id];
    const start = vma?.vm_start ?? -1;
    const entry = this.entry(`${mm.id} ${name ?? start}`, () => ({
      key: name,
      mm: id,
      ...(name !== null && { name }),
    }));
    if (vma !== null && entry !== this.others) {
      entry.start = entry.start < 0 ? start : Math.min(entry.start, start);
      entry.end = Math.max(entry.end, vma.vm_end);
    }
    return entry;
  }

  private entry(id: string, who: () => Entry['who']): Entry {
    const known = this.entries.get(id);
    if (known !== undefined) return known;
    if (this.entries.size >= HOT_ROWS) {
      this.others ??= blank({ key: OTHERS });
      return this.others;
    }
    const entry = blank(who());
    this.entries.set(id, entry);
    return entry;
  }

  /** Most waited for first, then most fallbacks; the row of all others last. */
  rows(): HotSpot[] {
    const sorted = [...this.entries.values()].sort(
      (a, b) => b.wait - a.wait || b.fallbacks - a.fallbacks || b.faults - a.faults,
    );
    if (this.others !== null) sorted.push(this.others);
    return sorted.map(({ who, start, end, faults, fallbacks, wait, max }) => {
      const range = start < 0 ? {} : { start: formatAddr(start), end: formatAddr(end) };
      const key = who.key ?? (start < 0 ? null : `${range.start}-${range.end}`);
      return { ...who, key, ...range, faults, fallbacks, wait_ns: wait, max_wait_ns: max };
    });
  }
}

function blank(who: Entry['who']): Entry {
  return { who, start: -1, end: -1, faults: 0, fallbacks: 0, wait: 0, max: 0 };
}
