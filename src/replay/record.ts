/**
 * A collector that also tells a watcher what each event did, once it is over: from when to when it waited for which lock and
 * because of whom, and which locks it held. For pictures; where nobody watches, the collector alone listens.
 */
import type { Mm } from '../kernel/mm.js';
import type { Stage } from '../kernel/stage.js';
import type { Sleep, Task } from '../kernel/task.js';
import type { Vma } from '../kernel/vma.js';
import type { Ns } from '../units.js';
import { OP, OPS } from '../vocab.js';
import { Collector } from './collect.js';
import type { HotSpots } from './hot-spots.js';
import { nameOf } from './lock-table.js';
import type { FaultRow, Hold, Queue, VmaRange, Wait, Watcher } from './result.js';

/** Holds an event lists, but for those of mmap_lock: a fork marks every VMA there is. */
export const HOLDS_LISTED = 256;

const QUEUES: Readonly<Record<Sleep, Queue['lock']>> = {
  'mmap_lock (read)': 'mmap_lock',
  'mmap_lock (read, killable)': 'mmap_lock',
  'mmap_lock (write)': 'mmap_lock',
  'mmap_lock (write, killable)': 'mmap_lock',
  'the readers of a VMA': 'vma_lock',
  'the readers of a VMA (killable)': 'vma_lock',
  'a userfaultfd monitor': 'monitor',
};

/** What is known so far of the event a thread has in hand. */
class Draft {
  comm = -1;
  waits: Wait[] = [];
  holds: Hold[] = [];
  moreHolds = 0;
  /** the first of `holds` that may be a mark nobody has ended */
  open = 0;
  /** the queue it sleeps in */
  queue: Queue | null = null;
}

export class Recorder extends Collector {
  private readonly drafts: Draft[] = [];
  /** how many sleep, by mm and kind of lock */
  private readonly queues = new Map<string, Queue>();

  constructor(
    stage: Stage,
    onFault: ((row: FaultRow) => void) | null,
    private readonly watcher: Watcher,
    hotSpots: HotSpots | null = null,
  ) {
    super(stage, onFault, hotSpots);
  }

  override named(thread: number, name: number): void {
    super.named(thread, name);
    this.draft(thread).comm = name;
  }

  override asleep(task: Task): void {
    super.asleep(task);
    const draft = this.draft(task.id);
    const queue = this.queueOf(task);
    draft.queue = queue;
    queue.waiting++;
    this.tell(queue);
  }

  override slept(task: Task, on: 'page' | 'monitor', from: Ns, waited: Ns): void {
    this.awake(task);
    this.draft(task.id).waits.push({ on, mode: null, vma: null, from, to: from + waited, by: null });
  }

  override mmapLocked(task: Task, mm: Mm, write: boolean, waited: Ns, contended: boolean): void {
    super.mmapLocked(task, mm, write, waited, contended);
    this.awake(task);
    if (waited > 0) this.waited(task, 'mmap_lock', write, null, waited);
  }

  override mmapHeld(task: Task, mm: Mm, write: boolean, held: Ns): void {
    super.mmapHeld(task, mm, write, held);
    const to = task.since + held;
    if (write) this.endMarks(task, to);
    this.hold(task, { lock: 'mmap_lock', mode: modeOf(write), vma: null, from: task.since, to });
  }

  override vmaRead(task: Task, mm: Mm, vma: Vma, held: Ns): void {
    super.vmaRead(task, mm, vma, held);
    const range = this.rangeOf(mm, vma);
    this.hold(task, { lock: 'vma_lock', mode: 'read', vma: range, from: task.since, to: task.since + held });
  }

  override vmaMarked(task: Task, mm: Mm, vma: Vma, waited: Ns, contended: boolean): void {
    super.vmaMarked(task, mm, vma, waited, contended);
    this.awake(task);
    const range = this.rangeOf(mm, vma);
    if (waited > 0) this.waited(task, 'vma_lock', true, range, waited);
    const { now } = this.kernel.engine;
    this.hold(task, { lock: 'vma_lock', mode: 'write', vma: range, from: now, to: Number.NaN });
  }

  override end(task: Task, now: Ns): void {
    super.end(task, now);
    const draft = this.draft(task.id);
    this.endMarks(task, now);
    const { waits, holds, moreHolds } = draft;
    const { op, start } = task;
    const idle = op === OP.other && start === now && waits.length + holds.length === 0;
    if (op !== OP.vma && !idle) {
      const isFault = op === OP.fault;
      const { strings, tids, mms } = this.info;
      this.watcher.over({
        i: task.i,
        model: this.model,
        tid: tids[task.id],
        comm: draft.comm < 0 ? null : strings[draft.comm],
        mm: mms[task.mm.id],
        op: op === OP.other && task.name >= 0 ? strings[task.name] : OPS[op],
        start,
        end: now,
        page: task.page,
        pages: task.len,
        verdict: isFault ? this.verdictNames[task.verdict] : null,
        site: isFault ? this.nameOf(task.site) : null,
        wait_ns: task.waited,
        blocked_by: this.blockerOf(task),
        waits,
        holds,
        more_holds: moreHolds,
      });
    }
    draft.waits = [];
    draft.holds = [];
    draft.moreHolds = 0;
    draft.open = 0;
  }

  private draft(thread: number): Draft {
    while (this.drafts.length <= thread) this.drafts.push(new Draft());
    return this.drafts[thread];
  }

  private waited(task: Task, on: Wait['on'], write: boolean, vma: VmaRange | null, waited: Ns): void {
    const to = this.kernel.engine.now;
    this.draft(task.id).waits.push({ on, mode: modeOf(write), vma, from: to - waited, to, by: this.blockerOf(task) });
  }

  private hold(task: Task, hold: Hold): void {
    if (hold.from === hold.to) return;
    const draft = this.draft(task.id);
    if (draft.holds.length < HOLDS_LISTED || hold.lock === 'mmap_lock') draft.holds.push(hold);
    else draft.moreHolds++;
  }

  /** Marks end all together, with the write section they were made in. */
  private endMarks(task: Task, to: Ns): void {
    const draft = this.draft(task.id);
    const { holds } = draft;
    for (let at = draft.open; at < holds.length; at++) if (Number.isNaN(holds[at].to)) holds[at].to = to;
    draft.open = holds.length;
  }

  /** `task` sleeps in no queue any more. */
  private awake(task: Task): void {
    const draft = this.draft(task.id);
    const { queue } = draft;
    if (queue === null) return;
    draft.queue = null;
    queue.waiting--;
    this.tell(queue);
  }

  private tell(queue: Queue): void {
    this.watcher.queue({ ...queue, t: this.kernel.engine.now });
  }

  private queueOf(task: Task): Queue {
    const lock = QUEUES[task.blockedOn!];
    const key = `${task.mm.id} ${lock}`;
    let queue = this.queues.get(key);
    if (queue === undefined) {
      queue = { model: this.model, mm: this.info.mms[task.mm.id], lock, t: 0, waiting: 0 };
      this.queues.set(key, queue);
    }
    return queue;
  }

  private rangeOf(mm: Mm, vma: Vma): VmaRange {
    return { start: vma.vm_start, end: vma.vm_end, name: nameOf(vma, mm, this.kernel) };
  }
}

function modeOf(write: boolean): 'read' | 'write' {
  return write ? 'write' : 'read';
}
