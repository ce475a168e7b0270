/** A trace under two stages in one pass: which faults end otherwise under the second, and what that does to waiting. */
import { invariant } from '../errors.js';
import type { Costs } from '../kernel/costs.js';
import type { Stage } from '../kernel/stage.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { keepFirst } from './first.js';
import { Replay } from './replay.js';
import {
  type Blocker,
  type BlockerChange,
  type ChangedFault,
  type DiffResult,
  type Ends,
  type FaultRow,
  FIRST,
  type FromTo,
  type Transition,
  type Watcher,
} from './result.js';
import type { SizeLimits } from './sizes.js';

export interface DiffOptions extends SizeLimits {
  timing?: 'closed' | 'recorded';
  costs?: Costs;
  /** changed faults the result lists; FIRST when absent */
  top?: number;
  /** Called once for each fault that changes, as soon as it is over under both stages: nearly in the order of the trace. */
  onChange?: (fault: ChangedFault) => void;
  /** Told of every event that is over under either stage. */
  watcher?: Watcher;
}

export class Diff {
  private readonly first: Replay;
  private readonly second: Replay;
  private readonly faults: FaultDiff;

  constructor(
    private readonly from: Stage,
    private readonly to: Stage,
    { top = FIRST, onChange, ...how }: DiffOptions = {},
  ) {
    this.faults = new FaultDiff(top, onChange ?? null);
    this.first = new Replay([from], { ...how, onFault: row => this.faults.over(row, 0) });
    this.second = new Replay([to], { ...how, onFault: row => this.faults.over(row, 1) });
  }

  /** Takes the next batch of a trace's events. */
  feed(columns: Columns, info: TraceInfo): void {
    this.first.feed(columns, info);
    this.second.feed(columns, info);
  }

  /** Runs both stages to their end and compares. Throws a Bug when a sum does not add up. */
  finish(info: TraceInfo): DiffResult {
    const { trace, timing, warnings, models } = this.first.finish(info);
    const [from] = models;
    const [to] = this.second.finish(info).models;
    const { faults } = this;
    invariant(faults.unpaired === 0, `${faults.unpaired} faults were over under one of two stages only`);
    const { changed, waits } = faults;
    const counters = pairs(from.counters, to.counters);
    const time = pairs(from.time, to.time);
    const blockers = diffBlockers(from.blockers, to.blockers);
    const moved = [...Object.values(counters), ...Object.values(time)].some(differs);
    return {
      schema: 'vmalock.diff/1',
      trace,
      timing,
      from: this.from.id,
      to: this.to.id,
      differs: changed > 0 || moved || waits.less + waits.more + blockers.length > 0,
      changed,
      transitions: faults.transitions(),
      verdicts: {
        vma_lock: pair(from.faults.vma_lock, to.faults.vma_lock),
        mmap_lock: pair(from.faults.mmap_lock, to.faults.mmap_lock),
        signal: pair(from.faults.signal, to.faults.signal),
      },
      counters,
      time,
      waits,
      blockers,
      faults: faults.listed,
      warnings,
    };
  }
}

/**
 * Pairs the rows of both stages by event and keeps what differs. A fault may be over in a later batch under one stage than
 * under the other: rows wait here for their other half, so memory is bounded by what is late.
 */
export class FaultDiff {
  changed = 0;
  readonly waits = { less: 0, more: 0 };
  /** the first `top` faults that change, by event */
  readonly listed: ChangedFault[] = [];
  private readonly kinds = new Map<string, Transition>();
  /** rows by event whose other half is still to come, for each stage */
  private readonly waiting = [new Map<number, FaultRow>(), new Map<number, FaultRow>()] as const;

  constructor(
    private readonly top: number,
    private readonly onChange: ((fault: ChangedFault) => void) | null,
  ) {}

  /** A fault is over under the first stage (0) or the second (1). */
  over(row: FaultRow, stage: 0 | 1): void {
    const others = this.waiting[stage === 0 ? 1 : 0];
    const other = others.get(row.i);
    if (other === undefined) {
      this.waiting[stage].set(row.i, row);
      return;
    }
    others.delete(row.i);
    if (stage === 0) this.compare(row, other);
    else this.compare(other, row);
  }

  /** Faults that are over under one stage only. */
  get unpaired(): number {
    return this.waiting[0].size + this.waiting[1].size;
  }

  private compare(from: FaultRow, to: FaultRow): void {
    if (to.wait_ns < from.wait_ns) this.waits.less++;
    else if (to.wait_ns > from.wait_ns) this.waits.more++;
    const same =
      from.verdict === to.verdict &&
      from.fallback === to.fallback &&
      from.counter === to.counter &&
      from.site === to.site;
    if (same) return;
    this.changed++;
    const ends: Ends = {
      from: from.verdict,
      to: to.verdict,
      site: to.site ?? from.site,
      from_site: from.site,
      to_site: to.site,
      from_counter: from.counter,
      to_counter: to.counter,
    };
    const waited = { from_wait_ns: from.wait_ns, to_wait_ns: to.wait_ns };
    this.count(ends, waited);
    const { i, t, tid, mm, addr } = from;
    const fault: ChangedFault = {
      i,
      t,
      tid,
      mm,
      addr,
      ...ends,
      from_fallback: from.fallback,
      to_fallback: to.fallback,
      ...waited,
      from_blocked_by: from.blocked_by,
      to_blocked_by: to.blocked_by,
    };
    keepFirst(this.listed, this.top, fault);
    this.onChange?.(fault);
  }

  private count(ends: Ends, waited: Pick<Transition, 'from_wait_ns' | 'to_wait_ns'>): void {
    const key = Object.values(ends).join(' ');
    const kind = this.kinds.get(key);
    if (kind === undefined) {
      const { from, to, site, ...rest } = ends;
      this.kinds.set(key, { from, to, site, count: 1, ...rest, ...waited });
      return;
    }
    kind.count++;
    kind.from_wait_ns += waited.from_wait_ns;
    kind.to_wait_ns += waited.to_wait_ns;
  }

  /** Kinds of changes, most faults first. */
  transitions(): Transition[] {
    return [...this.kinds]
      .sort(([a, { count: ofA }], [b, { count: ofB }]) => ofB - ofA || (a < b ? -1 : 1))
      .map(([, kind]) => kind);
  }
}

function pair(from: number, to: number): FromTo {
  return { from, to };
}

/** What one of the two does not count did not happen there. */
function pairs<Counts extends Record<string, number>>(from: Counts, to: Counts): { [Name in keyof Counts]: FromTo } {
  const names = Object.keys({ ...from, ...to });
  const paired = names.map(name => [name, pair(from[name] ?? 0, to[name] ?? 0)]);
  return Object.fromEntries(paired) as { [Name in keyof Counts]: FromTo };
}

function differs({ from, to }: FromTo): boolean {
  return from !== to;
}

/** The operations of two results by kind, thread and name of the mapping, those whose victims' waits change most first. */
export function diffBlockers(from: readonly Blocker[], to: readonly Blocker[]): BlockerChange[] {
  const nobody = { victims: 0, fallbacks: 0, wait_ns: 0, max_wait_ns: 0 };
  const keyOf = ({ op, tid, name = '' }: Blocker): string => `${op} ${tid} ${name}`;
  const after = new Map(to.map(blocker => [keyOf(blocker), blocker]));
  const both: [Blocker | undefined, Blocker | undefined][] = [];
  for (const before of from) {
    const key = keyOf(before);
    both.push([before, after.get(key)]);
    after.delete(key);
  }
  for (const now of after.values()) both.push([undefined, now]);
  return both
    .map(([before, now]): BlockerChange => {
      const { op, tid, name } = (before ?? now) as Blocker;
      const a = before ?? nobody;
      const b = now ?? nobody;
      return {
        op,
        tid,
        ...rangeOf([before, now]),
        ...(name !== undefined && { name }),
        victims: pair(a.victims, b.victims),
        fallbacks: pair(a.fallbacks, b.fallbacks),
        wait_ns: pair(a.wait_ns, b.wait_ns),
        max_wait_ns: pair(a.max_wait_ns, b.max_wait_ns),
      };
    })
    .filter(row => [row.victims, row.fallbacks, row.wait_ns, row.max_wait_ns].some(differs))
    .sort((a, b) => distance(b.wait_ns) - distance(a.wait_ns) || distance(b.victims) - distance(a.victims));
}

function distance({ from, to }: FromTo): number {
  return Math.abs(to - from);
}

/** The lowest start and the highest end of blockers; nothing where no range is known. */
function rangeOf(blockers: readonly (Blocker | undefined)[]): Pick<Blocker, 'start' | 'end'> {
  const starts = blockers.flatMap(blocker => blocker?.start ?? []).sort(byAddress);
  const ends = blockers.flatMap(blocker => blocker?.end ?? []).sort(byAddress);
  const end = ends.at(-1);
  return end === undefined ? {} : { start: starts[0], end };
}

/** Hex without leading zeros: the longer is the higher. */
function byAddress(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
