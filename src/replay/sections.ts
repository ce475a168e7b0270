/**
 * The write sections of the recent past, by mm: who had mmap_lock from when to when, and which pages it marked. Times are the
 * recorded ones where the trace has them; which VMAs a section marks only the model knows.
 */
import type { Mm } from '../kernel/mm.js';
import type { Task } from '../kernel/task.js';
import type { AnonVma, Vma } from '../kernel/vma.js';
import type { Columns } from '../trace/columns.js';
import { type Ns, PAGE_END, type Page } from '../units.js';
import { OP } from '../vocab.js';
import { type Nearby, wentOn } from './nearby.js';

/** VMAs side by side that only their anon_vmas keep apart: one VMA, had these been made in another order. */
export interface Reach {
  readonly start: Page;
  readonly end: Page;
  readonly anonVmas: readonly AnonVma[];
}

/** A VMA as it was when it was marked. */
export interface Mark {
  readonly start: Page;
  readonly end: Page;
  /** not marked at the beginning of the section, but when the operation came to it */
  readonly late: boolean;
  /** what it may have been a part of */
  readonly reach: Reach | null;
}

export interface Section {
  /** the event whose section it is: index, operation, dense index of its thread, and its range in pages */
  readonly i: number;
  readonly op: number;
  readonly thread: number;
  readonly page: Page;
  readonly len: number;
  readonly ask: Ns;
  readonly got: Ns;
  /** when it was released or downgraded; infinite until that is known */
  end: Ns;
  /** are these times recorded? */
  readonly recorded: boolean;
  /** what it marked it may have marked at any time: its thread stopped running meanwhile, or when it had the lock is not known */
  readonly late: boolean;
  /** the fault that grows, or would grow, a stack: until it is over it waits for the lock, or has it */
  readonly grows: Pick<Nearby, 'done' | 'next'> | null;
  /** when its call was over, and all marks with it; infinite where that is not known */
  readonly over: Ns;
  readonly marks: Mark[];
}

/** What a call that nobody models may mark: any VMA, at any time, as prctl(PR_SET_MEMORY_MERGE) and clear_refs do. */
const ANYTHING: Mark = { start: 0, end: PAGE_END, late: true, reach: null };

/** When it was over, and may have been at the latest. */
export function endOf({ end, grows }: Pick<Section, 'end' | 'grows'>): Ns {
  return grows === null ? end : Math.max(end, wentOn(grows));
}

/** Numbers of a recorded section in `locks`: write or not, ask, got, end. */
export const LOCK_FIELDS = 4;

/** Operations that go from VMA to VMA, with work on pages in between: only the first one is marked at once. */
const WALKS: ReadonlySet<number> = new Set([
  OP.fork,
  OP.mprotect,
  OP.pkey_mprotect,
  OP.mlock,
  OP.munlock,
  OP.mlockall,
  OP.munlockall,
]);

/** Sections of an mm that are kept; only a fault that sleeps for long needs more, and does without. */
const KEPT = 4096;

export class Sections {
  private readonly byMm: Section[][] = [];
  /** by mm: when somebody held mmap_lock for writing, or waited for that, without a break; in order */
  private readonly busy: { from: Ns; to: Ns }[][] = [];
  /** by mm: the one in hand */
  private readonly current: (Section | undefined)[] = [];

  /** Those of the mm with dense index `mm`. */
  of(mm: number): readonly Section[] {
    return this.byMm[mm] ?? [];
  }

  /** Forgets what was over before `t`. */
  forget(t: Ns): void {
    for (const [mm, sections] of this.byMm.entries()) {
      if (sections?.some(section => endOf(section) < t))
        this.byMm[mm] = sections.filter(section => endOf(section) >= t);
    }
  }

  /** Until when who asked for mmap_lock of `mm` at `t` may have had to wait for writers, ns; `t` when there were none. */
  busyUntil(mm: number, t: Ns): Ns {
    const last = this.busy[mm]?.findLast(({ from }) => from <= t);
    return last === undefined ? t : Math.max(t, last.to);
  }

  /**
   * Takes the sections that event `i` was recorded with: who waits for mmap_lock matters before he has it.
   *
   * @param ordered times of different processors are in the order of what happened
   */
  announce(columns: Columns, row: number, i: number, ordered: boolean): void {
    const locks = columns.locks[row];
    if (locks === null) return;
    const { op, thread, page, len, mm, t, dur } = columns;
    const late = columns.hidden[row] !== 0;
    const over = ordered && dur[row] >= 0 ? t[row] + dur[row] : Number.POSITIVE_INFINITY;
    for (let at = 0; at < locks.length; at += LOCK_FIELDS) {
      const [write, ask, got, end] = locks.subarray(at, at + LOCK_FIELDS);
      if (write === 0) continue;
      const what = { i, op: op[row], thread: thread[row], page: page[row], len: len[row] };
      this.keep(mm[row], {
        ...what,
        ask,
        got,
        end,
        recorded: true,
        late,
        grows: null,
        over,
        marks: what.op === OP.other ? [ANYTHING] : [],
      });
      this.occupy(mm[row], ask, end);
    }
  }

  private occupy(mm: number, from: Ns, to: Ns): void {
    this.busy[mm] ??= [];
    const busy = this.busy[mm];
    const last = busy.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else busy.push({ from, to });
    if (busy.length > KEPT) busy.shift();
  }

  /** The task has its mm's mmap_lock for writing now; it is a fault that `grows`, or an operation. */
  entered(task: Task, grows: Section['grows']): void {
    const { i, op, id: thread, mm, page, len, start, sectionGot, sectionEnd } = task;
    const known = op !== OP.fault && sectionEnd >= 0;
    const announced = known && this.byMm[mm.id]?.findLast(section => section.i === i && section.got === sectionGot);
    const [end, over] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const seen = { ask: start, got: start, end, recorded: false, late: grows !== null, grows, over, marks: [] };
    this.current[mm.id] = announced || this.keep(mm.id, { i, op, thread, page, len, ...seen });
  }

  /** The writer of `mm` released or downgraded it. */
  left(mm: Mm, now: Ns): void {
    const section = this.current[mm.id];
    if (section !== undefined && !section.recorded) section.end = now;
  }

  /** The writer of `mm` marked the VMA. */
  marked(mm: Mm, { vm_start: start, vm_end: end }: Vma, reach: Reach | null): void {
    const section = this.current[mm.id];
    if (section === undefined) return;
    const { op, page, len, late: always } = section;
    // A fork has no range: every VMA is one it comes to.
    const late = always || (WALKS.has(op) && start > page && (len === 0 || start < page + len));
    section.marks.push({ start, end, late, reach });
  }

  private keep(mm: number, section: Section): Section {
    this.byMm[mm] ??= [];
    const sections = this.byMm[mm];
    if (sections.length >= KEPT) sections.shift();
    sections.push(section);
    return section;
  }
}
