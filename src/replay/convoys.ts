/**
 * Convoys at mmap_lock: one begins when a thread falls asleep in an empty queue of the lock and is over when nobody sleeps
 * there any more. The longest of a run is kept: that in which its members waited most, added up. Costs nothing while nobody
 * sleeps; memory is that of the convoys under way, one for each mm at most.
 */
import type { Kernel } from '../kernel/kernel.js';
import type { Seen, Sleep, Task } from '../kernel/task.js';
import type { Vma } from '../kernel/vma.js';
import type { TraceInfo } from '../trace/columns.js';
import { formatAddr, type Ns, type Page } from '../units.js';
import { ADVICES, MAPS_KINDS, OP, OPS } from '../vocab.js';
import { blockedBy } from './blockers.js';
import { nameOf } from './lock-table.js';
import type { Convoy, Queued } from './result.js';

/** Members a convoy lists: the first. */
export const MEMBERS_LISTED = 32;

const MODES: Partial<Record<Sleep, Queued['mode']>> = {
  'mmap_lock (read)': 'read',
  'mmap_lock (read, killable)': 'read',
  'mmap_lock (write)': 'write',
  'mmap_lock (write, killable)': 'write',
};

interface Member {
  readonly i: number;
  readonly op: number;
  /** of an advice, or a file of /proc */
  readonly code: number;
  /** of a system call; -1 when it has none */
  readonly name: number;
  readonly thread: number;
  readonly mode: Queued['mode'];
  readonly page: Page;
  readonly len: number;
  /** the VMA it was about, which keeps its name when it is unmapped */
  readonly vma: Vma | null;
  readonly from: Ns;
  readonly by: Pick<Task, 'byIndex' | 'byOp' | 'byThread'>;
  waited: Ns;
}

class Draft {
  waiting = 0;
  deepest = 0;
  threads = 0;
  waits = 0;
  wait: Ns = 0;
  max: Ns = 0;
  to: Ns = 0;
  readonly members: Member[] = [];

  constructor(
    readonly serial: number,
    readonly mm: number,
    readonly from: Ns,
    readonly holder: Member | null,
  ) {}
}

/** A thread that sleeps for mmap_lock. */
interface Sleeper {
  convoy: Draft | null;
  member: Member | null;
  /** of the last convoy it was in */
  serial: number;
}

export class Convoys {
  private readonly underWay = new Map<number, Draft>();
  private readonly sleepers: Sleeper[] = [];
  private serial = 0;
  private readonly comms: number[] = [];
  private longest: Draft | null = null;

  /** A thread is called `name` (an index into the trace's strings). */
  named(thread: number, name: number): void {
    this.comms[thread] = name;
  }

  /** `task` falls asleep. */
  join(task: Task, kernel: Kernel): void {
    const mode = MODES[task.blockedOn!];
    if (mode === undefined) return;
    const { mm, byThread } = task;
    let convoy = this.underWay.get(mm.id);
    if (convoy === undefined) {
      const holder = kernel.tasks[byThread];
      const held = mm.mmap_lock.writer >= 0 ? 'write' : 'read';
      convoy = new Draft(++this.serial, mm.id, kernel.engine.now, holder ? memberOf(holder, held, holder.since) : null);
      this.underWay.set(mm.id, convoy);
    }
    const sleeper = this.sleeper(task.id);
    if (sleeper.serial !== convoy.serial) convoy.threads++;
    sleeper.serial = convoy.serial;
    sleeper.convoy = convoy;
    convoy.waits++;
    convoy.waiting++;
    if (convoy.waiting > convoy.deepest) convoy.deepest = convoy.waiting;
    if (convoy.members.length >= MEMBERS_LISTED) return;
    sleeper.member = memberOf(task, mode, kernel.engine.now);
    convoy.members.push(sleeper.member);
  }

  /** `task` has mmap_lock, after `waited`. */
  leave(task: Task, waited: Ns, now: Ns): void {
    const sleeper = this.sleepers[task.id];
    const convoy = sleeper?.convoy ?? null;
    if (convoy === null) return;
    convoy.wait += waited;
    if (waited > convoy.max) convoy.max = waited;
    if (sleeper.member !== null) sleeper.member.waited = waited;
    sleeper.convoy = null;
    sleeper.member = null;
    if (--convoy.waiting > 0) return;
    convoy.to = now;
    this.underWay.delete(convoy.mm);
    if (convoy.deepest > 1 && convoy.wait > (this.longest?.wait ?? 0)) this.longest = convoy;
  }

  /** The longest; null when no two threads ever slept at once. */
  result(kernel: Kernel, info: TraceInfo): Convoy | null {
    if (this.longest === null) return null;
    const { mm, from, to, threads, waits, wait, max, deepest, holder, members } = this.longest;
    const queued = (member: Member): Queued => {
      const { i, op, code, thread, mode, page, len, vma, from } = member;
      const name = nameOf(vma, kernel.mm(mm), kernel);
      const kind = op === OP.madvise ? ADVICES[code] : op === OP.read_maps ? MAPS_KINDS[code] : undefined;
      const comm = info.strings[this.comms[thread]];
      return {
        i,
        op: member.name < 0 ? OPS[op] : info.strings[member.name],
        ...(kind !== undefined && { kind }),
        tid: info.tids[thread],
        ...(comm !== undefined && { comm }),
        mode,
        ...(len > 0 && { start: formatAddr(page), end: formatAddr(page + len) }),
        ...(name !== null && { name }),
        from_ns: from,
      };
    };
    return {
      mm: info.mms[mm],
      from_ns: from,
      to_ns: to,
      threads,
      waits,
      wait_ns: wait,
      max_wait_ns: max,
      deepest,
      holder: holder && queued(holder),
      members: members.map(member => ({
        ...queued(member),
        wait_ns: member.waited,
        blocked_by: blockedBy(member.by, info),
      })),
    };
  }

  private sleeper(thread: number): Sleeper {
    while (this.sleepers.length <= thread) this.sleepers.push({ convoy: null, member: null, serial: 0 });
    return this.sleepers[thread];
  }
}

function memberOf(task: Seen, mode: Queued['mode'], from: Ns): Member {
  const { i, op, code, id: thread, page, len, byIndex, byOp, byThread } = task;
  const name = op === OP.other ? task.name : -1;
  const vma = len > 0 ? task.mm.mm_mt.walk(page) : null;
  return { i, op, code, name, thread, mode, page, len, vma, from, by: { byIndex, byOp, byThread }, waited: 0 };
}
