/**
 * The trail of one fault: its steps as they are made, and who stood in its way. Reads what the walk leaves in the task and
 * changes nothing.
 */
import { step } from '../kernel/fault.js';
import {
  access_error,
  DONE,
  EXPAND_STACK,
  HANDLE,
  LOCK_MMAP,
  LOCK_VMA_UNDER_RCU,
  MMAP_LOCKED,
  SPECULATE,
  SPECULATE_COMMIT,
  STACK_MARKED,
  VMA_START_READ_RECHECK,
} from '../kernel/fault-steps.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Answers, SiteName } from '../kernel/sites.js';
import { functionIn, type Stage, siteIn } from '../kernel/stage.js';
import type { Task } from '../kernel/task.js';
import { VM_GROWSDOWN, type Vma } from '../kernel/vma.js';
import type { TraceInfo } from '../trace/columns.js';
import { formatAddr, type Ns } from '../units.js';
import { CONTENDED_SITES, OP, OPS } from '../vocab.js';
import type { Other, Rule, Step } from './explanation.js';
import { nameOf } from './lock-table.js';
import { seenEntry, seenVma } from './seen.js';
import { functionOf, heldBefore, isQueued, isRelease, isSilent, keepsVmaLock, outcomeOf } from './walked.js';

/** The rule by which a stage answers at a site. */
export function ruleAt(stage: Stage, site: SiteName | 'lock'): Rule | null {
  const origin = stage.origins[site];
  const answer = site === 'lock' ? stage.vmaLock : stage.answers[site];
  return origin === undefined || answer === undefined ? null : { site, answer, ...origin };
}

/** A step but for what most have not; `special` is its function with what tells it from others in that function. */
type Told = Pick<Step, 't' | 'function' | 'outcome'> & Partial<Step> & { special?: string };

export class Trail {
  readonly steps: Step[] = [];
  readonly others: Other[] = [];
  /** where the fault left the fast path, by the name that was merged, and what was asked in that step */
  left: { site: string; asked: readonly SiteName[] } | null = null;
  /** thread of each of `others` */
  private readonly threads: number[] = [];
  /** of the step being made */
  private path: string[] = [];
  private asked: SiteName[] = [];
  private trylock: Step['trylock'] = null;
  private signalled: string | null = null;
  private answers: Answers | null = null;
  private at = DONE;
  /** what of the task's waiting the steps have told */
  private told: Ns = 0;
  /** asleep in the queue of mmap_lock */
  private queued = false;

  constructor(
    private readonly k: Kernel,
    readonly task: Task,
    private readonly stage: Stage,
    private readonly info: TraceInfo,
  ) {}

  /** Makes the task's next step; returns what step() does. */
  make(): number {
    const { k } = this;
    const { at } = k;
    k.at = this.listening(at);
    try {
      return this.follow();
    } finally {
      k.at = at;
    }
  }

  /** A signal was decided there. */
  signals(site: string): void {
    this.signalled = site;
  }

  /** The fault is in this function of handle_mm_fault(). */
  enters(fn: string): void {
    this.path.push(fn);
  }

  /** An mmap_read_trylock() while the VMA lock is held. */
  tried(taken: boolean): void {
    if (this.at === HANDLE) this.trylock = taken ? 'ok' : 'failed';
  }

  /** A write section of the fault's mm is over. */
  sectionOver(thread: number, since: Ns, until: Ns): void {
    if (thread === this.task.id) return;
    let other = this.find(thread, other => other.role !== 'reader' && other.until === null);
    if (other === undefined) {
      if (!this.queued) return;
      other = this.add(thread, 'writer', null);
    }
    other.role = 'writer';
    other.since = since;
    other.until = until;
  }

  /** `by` has resolved the page the fault waits for; null: nobody the trace shows. */
  answered(by: Task | null): void {
    if (by === null) return;
    this.add(by.id, 'resolver', null).since = this.k.engine.now;
    this.steps[this.steps.length - 1].blocked_by = this.others.length - 1;
  }

  private follow(): number {
    const { k, task } = this;
    this.credit();
    const at = task.step;
    this.at = at;
    this.path = [];
    this.trylock = null;
    this.signalled = null;
    const t = isRelease(at) ? task.until : k.engine.now;
    const { site: siteBefore, waited: waitedBefore, raced } = task;
    const covers = this.looksUp(at);
    const vma = covers ?? this.stackAbove(at);
    const forbidden = at === MMAP_LOCKED && vma !== null && access_error(task, vma);
    const reachesEntry = (at === HANDLE || at === MMAP_LOCKED || at === SPECULATE) && vma !== null && !forbidden;
    const entry = reachesEntry ? seenEntry(k, task, vma) : null;
    let seen = vma === null || at === HANDLE ? null : seenVma(vma, task.mm, k);

    this.asked = [];
    const next = step(k, task);

    const place = next >= 0 ? next : next === DONE ? DONE : task.step;
    this.queued = isQueued(place);
    this.at = DONE;
    if (isSilent(at, place)) return next;
    const site = task.site !== siteBefore ? task.site : null;
    if (site !== null) this.left = { site, asked: this.asked };
    const grew = at === MMAP_LOCKED && covers === null && vma !== null && vma.vm_start <= task.page;
    if (grew) {
      this.tell({ t, function: 'expand_stack_locked', outcome: 'grown', held: heldBefore(at), vma: seen });
      seen = seenVma(vma, task.mm, k);
    }
    const late = task.raced && !raced && place !== VMA_START_READ_RECHECK && !this.tellsDetached(place);
    if (late) this.tell({ t, function: 'vma_start_read', outcome: 'locked', held: heldBefore(HANDLE) });
    const last = this.steps.at(-1)?.outcome ?? null;
    const there = covers !== null || grew;
    const outcome = outcomeOf(task, at, place, { last, there, monitor: this.path.at(-1) === 'handle_userfault' });
    const handled = this.path.length > 0 || (at !== MMAP_LOCKED && at !== SPECULATE) || outcome === 'handled';
    let fn = functionOf(k, at, outcome);
    if (late) fn = 'lock_vma_under_rcu';
    else if (outcome === 'unmapped') fn = vma === null ? 'lock_mm_and_find_vma' : 'expand_stack_locked';
    else if (site === 'do_user_addr_fault.access_error') fn = 'do_user_addr_fault';
    else if (forbidden && outcome === 'signal') fn = 'bad_area_access_error';
    const kept = outcome === 'retry' && at === HANDLE && keepsVmaLock(k, this.path);
    const decided = this.signalled ?? (forbidden ? 'bad_area_access_error' : task.site);
    this.tell({
      t,
      function: fn,
      special: `${fn}.${this.isTrylock(at, place) ? 'trylock' : outcome}`,
      outcome,
      held: heldBefore(kept ? HANDLE : place),
      site,
      signal: outcome === 'signal' ? (last === 'unmapped' ? 'bad_area' : decided) : null,
      vma: seen,
      entry: handled ? entry : null,
      path: this.path,
      trylock: this.trylock,
      asked: [...new Set(this.asked)].flatMap(asked => ruleAt(this.stage, asked) ?? []),
      work_ns: this.worked(place, t, task.waited - waitedBefore),
      blocked_by: this.isBlamed(place, site) && task.byThread >= 0 ? this.blamed() : null,
    });
    this.credit();
    if (kept) this.tell({ t, function: 'vma_end_read', outcome: 'releases' });
    if (outcome === 'unmapped' && place === DONE)
      this.tell({ t, function: 'bad_area_nosemaphore', outcome: 'signal', signal: 'bad_area' });
    return next;
  }

  /** Adds a step, its functions as this kernel calls them. */
  private tell({ t, function: fn, special, outcome, held = [], site = null, path = [], ...more }: Told): void {
    const own = path.map((fn, at) => functionIn(this.stage, fn, `${path[at - 1]}.${fn}`));
    const {
      signal = null,
      vma = null,
      entry = null,
      trylock = null,
      asked = [],
      work_ns = 0,
      blocked_by = null,
    } = more;
    this.steps.push({
      t,
      function: functionIn(this.stage, fn, special),
      outcome,
      held,
      site: site === null ? null : siteIn(this.stage, site),
      signal,
      vma,
      entry,
      path: own.filter((fn, at) => fn !== own[at - 1]),
      trylock,
      asked,
      wait_ns: 0,
      wait_from: null,
      work_ns,
      blocked_by,
    });
  }

  /** The stack that would have to grow to the fault. */
  private stackAbove(at: number): Vma | null {
    const { mm, page } = this.task;
    const vma = at === MMAP_LOCKED || at === EXPAND_STACK ? mm.mm_mt.find(page) : null;
    return vma !== null && vma.vm_flags & VM_GROWSDOWN && vma.vm_start > page ? vma : null;
  }

  /** Is the VMA looked up again because vma_start_read() itself found it detached? */
  private tellsDetached(place: number): boolean {
    return place === LOCK_VMA_UNDER_RCU && this.stage.vmaLock === 'refcount';
  }

  /** Only the first pass tries mmap_lock before it asks for it. */
  private isTrylock(at: number, place: number): boolean {
    return at === LOCK_MMAP && place === MMAP_LOCKED && !this.steps.some(({ held }) => held.includes('mmap_lock:read'));
  }

  /** ns of work the fault has before it, with a lock or speculatively. */
  private worked(place: number, t: Ns, waits: Ns): Ns {
    const { task } = this;
    if (isRelease(place)) return task.until - t - waits;
    return place === SPECULATE_COMMIT ? task.cost : 0;
  }

  /** The VMA a step looks up, or works in. */
  private looksUp(at: number): Vma | null {
    const { task } = this;
    if (at === HANDLE) return task.vma;
    return at === LOCK_VMA_UNDER_RCU || at === MMAP_LOCKED || at === SPECULATE ? task.mm.mm_mt.walk(task.page) : null;
  }

  /** Gives what the task has waited, and no step has told, to the last step. */
  private credit(): void {
    const { task, steps } = this;
    const waited = task.waited - this.told;
    if (waited === 0 || steps.length === 0) return;
    const last = steps[steps.length - 1];
    this.told = task.waited;
    last.wait_ns += waited;
    if (last.outcome === 'locked' || last.outcome === 'grown') last.wait_from = 'lock';
    else if (task.wait >= 0) last.wait_from = 'trace';
    else last.wait_from = last.outcome === 'userfault' ? 'monitor' : 'costs';
  }

  /** Did this step name somebody who stands in the way? */
  private isBlamed(place: number, site: string | null): boolean {
    if (this.queued || place === STACK_MARKED || this.trylock === 'failed') return true;
    return place === LOCK_MMAP && site !== null && site !== 'vmf_anon_prepare' && CONTENDED_SITES.has(site);
  }

  /** Puts who is to blame among the others, with what it does right now; its index there. */
  private blamed(): number {
    const { k, task } = this;
    const { mmap_lock } = task.mm;
    const other = k.tasks[task.byThread];
    const waits = other.blockedOn?.startsWith('mmap_lock') === true;
    const role = mmap_lock.writer === other.id ? 'writer' : waits ? 'queued' : 'reader';
    let known = this.find(other.id, ({ i, role }) => i === task.byIndex && role !== 'resolver');
    if (known === undefined) {
      known = this.add(other.id, role, role === 'reader' ? null : task.vma);
      if (role === 'writer') known.since = other.since;
      else if (role === 'queued') known.queued = other.since;
      else if (other.op === OP.fault && other.until > k.engine.now) {
        known.since = other.since;
        known.until = other.until;
      }
    }
    return this.others.indexOf(known);
  }

  private find(thread: number, fits: (other: Other) => boolean): Other | undefined {
    return this.others.find((other, at) => this.threads[at] === thread && fits(other));
  }

  /** @param vma what it is about where its own pages are mapped no more */
  private add(thread: number, role: Other['role'], vma: Vma | null): Other {
    const { k, task, info } = this;
    const { i, op, page, len, off } = k.tasks[thread];
    const name = nameOf(len > 0 ? (task.mm.mm_mt.walk(page) ?? vma) : null, task.mm, k);
    const other: Other = {
      i,
      op: OPS[op],
      tid: info.tids[thread],
      ...(op === OP.fault && { start: formatAddr(page, off) }),
      ...(op !== OP.fault && len > 0 && { start: formatAddr(page), end: formatAddr(page + len) }),
      ...(name !== null && { name }),
      role,
      queued: null,
      since: null,
      until: null,
    };
    this.others.push(other);
    this.threads.push(thread);
    return other;
  }

  /** The answers, telling which of them are asked. */
  private listening(answers: Answers): Answers {
    this.answers ??= new Proxy(answers, {
      get: (of, site: string) => {
        this.asked.push(site as SiteName);
        return of[site as SiteName];
      },
    });
    return this.answers;
  }
}
