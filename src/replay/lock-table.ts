/** Statistics of locks in the columns of lock_stat: per mm for mmap_lock, per VMA once that was contended. */
import { invariant } from '../errors.js';
import type { Kernel } from '../kernel/kernel.js';
import { type Mm, vma_is_initial_heap, vma_is_initial_stack } from '../kernel/mm.js';
import { type Vma, vma_is_anonymous } from '../kernel/vma.js';
import type { TraceInfo } from '../trace/columns.js';
import { formatAddr, type Ns, type Page } from '../units.js';
import { Histogram } from './histogram.js';
import type { LockRow, Times } from './result.js';

/** VMAs with a row of their own; those contended later share the row of their mm. */
export const VMA_ROWS = 256;

/** One lock in one mode. */
export class LockStat {
  acquired = 0;
  contended = 0;
  /** null while nobody waited */
  wait: Histogram | null = null;
  readonly hold = new Histogram();

  acquire(waited: Ns, contended: boolean): void {
    this.acquired++;
    if (!contended) return;
    this.contended++;
    this.wait ??= new Histogram();
    this.wait.add(waited);
  }
}

class VmaRow {
  readonly read = new LockStat();
  readonly write = new LockStat();

  constructor(
    readonly mm: number,
    readonly start: Page,
    public end: Page,
    readonly name: string | null,
  ) {}
}

/** The locks of an mm that have statistics, in each mode; all VMAs without a row of their own are one. */
const MM_LOCKS = [
  { lock: 'mmap_lock', mode: 'read' },
  { lock: 'mmap_lock', mode: 'write' },
  { lock: 'vma_lock', mode: 'read' },
  { lock: 'vma_lock', mode: 'write' },
] as const;
const MMAP_READ = 0;
const MMAP_WRITE = 1;
const VMA_READ = 2;
const VMA_WRITE = 3;

export class LockTable {
  /** as MM_LOCKS, mm after mm; most programs live shortly and use few of them */
  private readonly ofMms: (LockStat | undefined)[] = [];
  private readonly vmas: VmaRow[] = [];
  private readonly byStart = new Map<string, number>();

  mmap(mm: number, write: boolean): LockStat {
    return this.of(mm, write ? MMAP_WRITE : MMAP_READ);
  }

  vma(mm: number, vma: Vma, write: boolean): LockStat {
    if (vma.stats < 0) return this.of(mm, write ? VMA_WRITE : VMA_READ);
    const row = this.vmas[vma.stats];
    return write ? row.write : row.read;
  }

  /** As vma(), for one that somebody had to wait for: from now on it has a row of its own. */
  contendedVma(mm: Mm, vma: Vma, write: boolean, kernel: Kernel): LockStat {
    if (vma.stats < 0) this.giveRow(mm, vma, kernel);
    return this.vma(mm.id, vma, write);
  }

  /** A VMA that is split off and merged again and again is one row: that of its start. */
  private giveRow(mm: Mm, vma: Vma, kernel: Kernel): void {
    const key = `${mm.id} ${vma.vm_start}`;
    const known = this.byStart.get(key);
    if (known !== undefined) {
      vma.stats = known;
      this.vmas[known].end = Math.max(this.vmas[known].end, vma.vm_end);
    } else if (this.vmas.length < VMA_ROWS) {
      vma.stats = this.vmas.length;
      this.byStart.set(key, vma.stats);
      this.vmas.push(new VmaRow(mm.id, vma.vm_start, vma.vm_end, nameOf(vma, mm, kernel)));
    }
  }

  /** What was acquired was released: a broken sum is a bug of ours. */
  check(where: string): void {
    this.ofMms.forEach((stat, at) => {
      if (stat === undefined || MM_LOCKS[at % MM_LOCKS.length].lock !== 'mmap_lock') return;
      const { acquired, hold } = stat;
      invariant(hold.count === acquired, `mmap_lock: ${acquired} taken, ${hold.count} released ${where}`);
    });
  }

  /** What all locks were held, ns. */
  get held(): Ns {
    const ofVmas = this.vmas.flatMap(({ read, write }) => [read, write]);
    return [...this.ofMms, ...ofVmas].reduce((sum, stat) => sum + (stat?.hold.total ?? 0), 0);
  }

  rows(info: TraceInfo): LockRow[] {
    const rows: LockRow[] = [];
    this.ofMms.forEach((stat, at) => {
      const { lock, mode } = MM_LOCKS[at % MM_LOCKS.length];
      const mm = info.mms[Math.floor(at / MM_LOCKS.length)];
      if (stat !== undefined) push(rows, { lock, mm, mode }, stat);
    });
    for (const row of this.vmas) {
      const what = {
        lock: 'vma_lock' as const,
        mm: info.mms[row.mm],
        start: formatAddr(row.start),
        end: formatAddr(row.end),
        ...(row.name === null ? {} : { name: row.name }),
      };
      push(rows, { ...what, mode: 'read' }, row.read);
      push(rows, { ...what, mode: 'write' }, row.write);
    }
    // Most contended first; what was never contended keeps the order of the trace.
    return rows
      .map((row, at) => ({ row, at }))
      .sort((a, b) => b.row.wait_ns.total - a.row.wait_ns.total || b.row.contended - a.row.contended || a.at - b.at)
      .map(({ row }) => row);
  }

  private of(mm: number, which: number): LockStat {
    const at = mm * MM_LOCKS.length + which;
    const known = this.ofMms[at];
    if (known !== undefined) return known;
    while (this.ofMms.length < at) this.ofMms.push(undefined);
    const stat = new LockStat();
    this.ofMms[at] = stat;
    return stat;
  }
}

function push(rows: LockRow[], what: Omit<LockRow, 'acquired' | 'contended' | 'wait_ns' | 'hold_ns'>, stat: LockStat) {
  if (stat.acquired === 0 && stat.contended === 0) return;
  rows.push({
    ...what,
    acquired: stat.acquired,
    contended: stat.contended,
    wait_ns: timesOf(stat.wait, stat.acquired),
    hold_ns: timesOf(stat.hold, stat.hold.count),
  });
}

/** `count` times in all: those the histogram was not told of were zero. */
function timesOf(histogram: Histogram | null, count: number): Times {
  if (histogram === null) return { total: 0, mean: 0, p50: 0, p99: 0, max: 0 };
  return {
    total: histogram.total,
    mean: count === 0 ? 0 : Math.round(histogram.total / count),
    p50: histogram.percentile(0.5, count),
    p99: histogram.percentile(0.99, count),
    max: histogram.max,
  };
}

/** What people call a VMA of `mm`: its name, its label, what /proc/PID/maps would say; null for plain anonymous memory. */
export function nameOf(vma: Vma | null, mm: Mm, kernel: Kernel): string | null {
  if (vma === null) return null;
  if (vma.name >= 0) return kernel.strings[vma.name];
  if (vma.label >= 0) return kernel.strings[vma.label];
  if (!vma_is_anonymous(vma)) return kernel.files[vma.vm_file]?.name ?? null;
  if (vma_is_initial_heap(mm, vma)) return '[heap]';
  return vma_is_initial_stack(mm, vma) ? '[stack]' : null;
}
