/** A collector that follows some faults on their way, step by step, beside counting all of them. */
import { walk } from '../kernel/fault.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Mm } from '../kernel/mm.js';
import type { Stage } from '../kernel/stage.js';
import type { Task } from '../kernel/task.js';
import type { Witness } from '../kernel/witness.js';
import type { Ns } from '../units.js';
import { Collector } from './collect.js';
import type { FaultRow } from './result.js';
import { Trail } from './trail.js';

/** A fault that was followed to its end. */
export interface Followed {
  readonly trail: Trail;
  readonly row: FaultRow;
  readonly end: Ns;
}

export class Watch extends Collector implements Witness {
  /** by event, those that are over */
  readonly followed = new Map<number, Followed>();
  /** of faults on their way */
  private readonly trails: Trail[] = [];
  /** whose step is being made */
  private current: Trail | null = null;
  /** the fault whose end is told next */
  private last: { row: FaultRow; trail: Trail | null } | null = null;

  /**
   * @param watched events of the faults to follow; may grow until they begin
   * @param onOver called for every fault when it is over, and when that was
   */
  constructor(
    stage: Stage,
    private readonly watched: ReadonlySet<number>,
    private readonly onOver: ((row: FaultRow, end: Ns) => void) | null = null,
  ) {
    super(stage, null);
  }

  override readonly inside = this;

  /** walk(), step by step for a fault that is followed. */
  override readonly walk: typeof walk = (k: Kernel, task: Task) => {
    if (!this.watched.has(task.i)) return walk(k, task);
    const before = this.current;
    const trail = this.trailOf(task) ?? this.begin(k, task);
    this.current = trail;
    let next: number;
    do next = trail.make();
    while (next >= 0);
    this.current = before;
    return next as ReturnType<typeof walk>;
  };

  enters(task: Task, fn: string): void {
    if (this.current?.task === task) this.current.enters(fn);
  }

  signals(task: Task, site: string): void {
    if (this.current?.task === task) this.current.signals(site);
  }

  answered(task: Task, by: Task | null): void {
    this.trailOf(task)?.answered(by);
  }

  override fault(task: Task): void {
    super.fault(task);
    const trail = this.trailOf(task) ?? null;
    if (trail === null && this.onOver === null) return;
    if (trail !== null) this.trails.splice(this.trails.indexOf(trail), 1);
    this.last = { row: this.row(task), trail };
  }

  /** Whoever ends something says so at once. */
  override end(task: Task, now: Ns): void {
    super.end(task, now);
    if (this.last === null) return;
    const { row, trail } = this.last;
    this.last = null;
    if (trail !== null) this.followed.set(row.i, { trail, row, end: now });
    this.onOver?.(row, now);
  }

  override mmapLocked(task: Task, mm: Mm, write: boolean, waited: Ns, contended: boolean): void {
    super.mmapLocked(task, mm, write, waited, contended);
    this.current?.tried(true);
  }

  override mmapTrylockFailed(mm: Mm): void {
    super.mmapTrylockFailed(mm);
    this.current?.tried(false);
  }

  /** Told before the lock is free: a writer still has it. */
  override mmapHeld(task: Task, mm: Mm, write: boolean, held: Ns): void {
    super.mmapHeld(task, mm, write, held);
    if (!write || this.trails.length === 0) return;
    const { now } = this.kernel.engine;
    for (const trail of this.trails) if (trail.task.mm === mm) trail.sectionOver(mm.mmap_lock.writer, now - held, now);
  }

  private trailOf(task: Task): Trail | undefined {
    return this.trails.find(trail => trail.task === task);
  }

  private begin(k: Kernel, task: Task): Trail {
    const trail = new Trail(k, task, this.stage, this.info);
    this.trails.push(trail);
    return trail;
  }
}
