/**
 * A recording replayed at its recorded times under the kernel that made it, fault by fault against what that kernel did.
 *
 * Every user fault is in one class: scored (predicted from facts alone), inferred (the prediction rests on what an importer
 * concluded), undecided (the recording cannot tell what the fault met), or unscored. The class never depends on what the
 * kernel did; of how long that took only the end counts, by which the VMA had been looked up.
 */
import { invariant } from '../errors.js';
import { type Costs, SLEEPS } from '../kernel/costs.js';
import type { Stage } from '../kernel/stage.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { formatAddr, formatCount, type Ns } from '../units.js';
import {
  ACCESS_MASK,
  ACCESS_WRITE,
  FAULT_KERNEL_MODE,
  FOLIO_LOCKED,
  FOLIO_SHIFT,
  HIDDEN_MEMORY,
  OP,
  OPS,
  TRUTH_FALLBACK,
  TRUTH_FALLBACK_SAID,
} from '../vocab.js';
import { AnonVmas, type Preparing } from './anon-vmas.js';
import { type Image, Programs } from './fault-around.js';
import { keepFirst } from './first.js';
import { ALTERNATIVES, withoutInferences } from './inferred.js';
import { type Nearby, Neighbours, overBy, wentOn } from './nearby.js';
import { NO_VMA, Observer, type Watcher } from './observer.js';
import { Replay } from './replay.js';
import { type FaultRow, FIRST } from './result.js';
import { Score } from './score.js';
import { endOf, type Section, Sections } from './sections.js';
import type { SizeLimits } from './sizes.js';
import { Tempo } from './tempo.js';
import { recordedPath, type TruthRows, unfinishedBy, withFallback } from './truth.js';
import type {
  Disagreement,
  NearSection,
  Path,
  Undecided,
  Unscored,
  VerifiedFault,
  VerifyResult,
} from './verification.js';
import { isRace, type Slack, whileHeld, whileMarked } from './windows.js';

export interface VerifyOptions extends SizeLimits {
  /** SLEEPS when absent: a step takes no time but what is recorded */
  costs?: Costs;
  /** disagreements the result lists; FIRST when absent */
  top?: number;
  /** false: the trace holds nothing that an importer concluded, so it need not be replayed without that; true when absent */
  inferences?: boolean;
  /** what the kernel did, instead of what the trace says of it */
  truth?: TruthRows;
  /** Called once for each user fault, nearly in the order of the trace; some wait for the end of their program. */
  onFault?: (fault: VerifiedFault) => void;
}

/** How far a writer of the replay may be behind its recording and still be seen. */
const BEHIND: Ns = 2_000_000;
/** How near a write section is named beside a disagreement. */
const NEAR: Ns = 1_000_000;
/** Where a fault falls back for what is, or is not yet, in its page's entry: whoever is there first fills it. */
const FILLED: ReadonlySet<string> = new Set([
  'do_swap_page',
  'do_read_fault',
  'do_cow_fault',
  'do_shared_fault',
  'filemap_fault',
]);
/** Faults that may wait for what comes after them. */
const PENDING = 1 << 14;

/** A fault from its event until nothing can come any more that it could have met. */
interface Pending extends Nearby, Preparing {
  readonly i: number;
  readonly facts: number;
  readonly truth: number;
  readonly truthWait: Ns;
  readonly via: number;
  /** HIDDEN_*: what of all that it met the recording does not show; 0 when it does */
  readonly hidden: number;
  /** on a page of an inferred VMA: of what, when its code runs */
  readonly image: Image<Over> | null;
  readonly slack: Slack;
  trylock: boolean;
  mayWait: boolean;
  /** nothing that the trace shows explains it */
  spurious: boolean;
  /** it made a stack grow */
  grew: boolean;
  row: FaultRow | null;
  /** where the trace without inferences finishes the fault: for each of the replays of that */
  readonly plain: (Path | null)[];
}

/** A fault that waits for what its program turns out to be. */
interface Over {
  readonly fault: Pending;
  readonly row: FaultRow;
}

export class Verify {
  private readonly replay: Replay;
  /**
   * The same, of a trace that says only what was recorded, by what else inferred VMAs may be. What is decided otherwise in
   * one of them rests on an inference.
   */
  private readonly plain: readonly Replay[];
  private readonly sections = new Sections();
  private readonly tempo = new Tempo();
  private readonly neighbours = new Neighbours<Pending>();
  private readonly programs = new Programs<Over>(({ fault, row }, { cached }) =>
    this.compare(fault, row, cached ? null : 'hidden_page'),
  );
  private readonly pending = new Map<number, Pending>();
  private readonly anonVmas = new AnonVmas(this.sections);
  private readonly score = new Score();
  private readonly disagreements: Disagreement[] = [];
  private readonly truth: TruthRows | null;
  private readonly top: number;
  /** VMAs were inferred: the recording does not show them all */
  private hides = false;
  private info!: TraceInfo;
  private events = 0;

  constructor(
    private readonly stage: Stage,
    private readonly options: VerifyOptions = {},
  ) {
    const { costs = SLEEPS, maxVmas, maxPages, top = FIRST, truth = null, inferences = true } = options;
    this.top = top;
    this.truth = truth;
    const how = { timing: 'recorded', maxVmas, maxPages, costs } as const;
    const about = (i: number, say: (fault: Pending) => void): void => {
      const fault = this.pending.get(i);
      if (fault !== undefined) say(fault);
    };
    const watcher: Watcher = {
      over: row =>
        about(row.i, fault => {
          fault.row = row;
        }),
      tries: i =>
        about(i, fault => {
          fault.trylock = true;
        }),
      spurious: i =>
        about(i, fault => {
          fault.spurious = true;
        }),
      grew: i =>
        about(i, fault => {
          fault.grew = true;
        }),
      prepared: (i, anonVma) => about(i, fault => this.anonVmas.prepared(fault, anonVma)),
      open: i => this.pending.get(i) ?? null,
      populated: (by, anonVma) => this.anonVmas.populated(by, anonVma),
      met: (i, vma) => about(i, fault => this.anonVmas.met(fault, vma)),
    };
    const collect = (): Observer => new Observer(stage, this.sections, watcher);
    this.replay = new Replay([stage], { ...how, collect });
    this.plain = (inferences ? ALTERNATIVES : []).map((_, at) => {
      const onFault = ({ i, fallback }: FaultRow): void =>
        about(i, fault => {
          fault.plain[at] = pathOf(fallback);
        });
      return new Replay([stage], { ...how, onFault });
    });
  }

  /** Takes the next batch of a trace's events. */
  feed(columns: Columns, info: TraceInfo): void {
    this.info = info;
    this.truth?.align(columns, info);
    for (let row = 0; row < columns.n; row++) {
      this.tempo.see(columns, row);
      this.neighbours.passes(columns, row);
      this.programs.see(columns, row);
      if (columns.op[row] === OP.fault) this.take(columns, row);
      else {
        this.sections.announce(columns, row, this.events + row, this.tempo.ordered);
        this.anonVmas.see(columns, row, info);
      }
      if (columns.op[row] === OP.vma && columns.inferred[row] !== 0) this.hides = true;
    }
    this.events += columns.n;
    this.replay.feed(columns, info);
    const { n, inferred } = columns;
    invariant(this.plain.length > 0 || !inferred.subarray(0, n).includes(1), 'an inference in a trace without any');
    this.plain.forEach((plain, at) => {
      withoutInferences(columns, info, ALTERNATIVES[at], () => plain.feed(columns, info));
    });
    const now = columns.n > 0 ? columns.t[columns.n - 1] : -1;
    this.settle(now < 0 ? Number.POSITIVE_INFINITY : now);
  }

  /** Runs the replay to its end and compares. Throws a Bug when a sum does not add up. */
  finish(info: TraceInfo): VerifyResult {
    this.info = info;
    const { score, truth } = this;
    const { trace, warnings } = this.replay.finish(info);
    for (const plain of this.plain) plain.finish(info);
    this.settle(Number.POSITIVE_INFINITY);
    this.programs.finish();
    const { scored, inferred, undecided, unscored, confusion } = score;
    const others = Object.values(unscored).reduce((sum, n) => sum + n, 0);
    if (truth !== null && truth.joined < truth.size) {
      const rest = formatCount(truth.size - truth.joined);
      warnings.push(`${rest} of ${formatCount(truth.size)} rows of truth join no fault of the trace`);
    }
    invariant(this.pending.size === 0, `${this.pending.size} faults were never over`);
    invariant(scored.scored + inferred.scored + others === trace.faults, 'the classes of faults do not add up');
    return {
      schema: 'vmalock.verify/1',
      trace,
      timing: 'recorded',
      model: this.stage.id,
      kernel: info.meta.kernel ?? null,
      ...scored,
      agreement: scored.scored === 0 ? null : scored.agree / scored.scored,
      inferred,
      undecided,
      unscored,
      confusion,
      disagreements: this.disagreements,
      ...(truth && { truth: { rows: truth.size, joined: truth.joined } }),
      slack_ns: this.tempo.slack,
      warnings,
    };
  }

  private take(columns: Columns, row: number): void {
    const { page, mm, thread, cpu, dur, facts, truth, truthWait, via, code, t } = columns;
    const said = this.truth?.take(this.info.tids[thread[row]], formatAddr(page[row], columns.off[row]), t[row]);
    if (code[row] & FAULT_KERNEL_MODE) {
      this.score.other('kernel_mode');
      return;
    }
    const i = this.events + row;
    const access = code[row] & ACCESS_MASK;
    const fault: Pending = {
      i,
      t: t[row],
      thread: thread[row],
      cpu: cpu[row],
      mm: mm[row],
      page: page[row],
      facts: facts[row],
      truth: said === undefined ? truth[row] : withFallback(truth[row], said),
      truthWait: truthWait[row],
      via: via[row],
      hidden: columns.hidden[row],
      image: this.programs.of(mm[row], page[row]),
      slack: this.tempo.slack,
      trylock: false,
      write: access === ACCESS_WRITE,
      mayWait: true,
      spurious: false,
      grew: false,
      met: null,
      elsewhere: false,
      beside: null,
      done: dur[row] < 0 ? Number.POSITIVE_INFINITY : t[row] + dur[row],
      ordered: this.tempo.ordered,
      // an emulated processor may have stopped with nobody else running there
      away: dur[row] < 0 && this.tempo.slack.marking === null,
      next: Number.POSITIVE_INFINITY,
      row: null,
      plain: this.plain.map(() => null),
    };
    this.pending.set(i, fault);
    this.neighbours.add(fault, fault.slack.trylock);
  }

  /** Scores the faults that nothing can touch any more when the trace is at `now`, and more when too many wait for that. */
  private settle(now: Ns): void {
    const { pending } = this;
    for (const fault of pending.values()) {
      const crowded = pending.size > PENDING;
      const ready = now - fault.slack.trylock - BEHIND;
      if (fault.t > ready && !crowded) break;
      const { row, plain } = fault;
      if (row === null || plain.includes(null) || (row.start > ready && !crowded)) continue;
      if ((fault.away || fault.done < Number.POSITIVE_INFINITY) && wentOn(fault) > now && !crowded) continue;
      pending.delete(fault.i);
      this.neighbours.drop(fault);
      this.anonVmas.over(fault);
      const reason = this.undecided(fault, row);
      fault.mayWait = reason !== null || row.fallback;
      if (reason === 'hidden_page' && fault.image !== null && !fault.spurious) {
        this.programs.decide({ fault, row }, fault.image);
      } else this.compare(fault, row, reason);
    }
    const [oldest] = pending.values();
    this.sections.forget((oldest === undefined ? now : oldest.t) - NEAR - this.tempo.slack.trylock);
  }

  /** @param race why the recording cannot tell what the fault met; null when it can */
  private compare(fault: Pending, row: FaultRow, race: Undecided | null): void {
    const { score } = this;
    const { i, t, tid, mm, addr, site, counter, verdict, wait_ns, blocked_by } = row;
    const predicted = pathOf(row.fallback);
    const truth = fault.truth & TRUTH_FALLBACK_SAID ? pathOf((fault.truth & TRUTH_FALLBACK) !== 0) : null;
    const unfinished = unfinishedBy(fault.truth);
    const inferred = fault.plain.some(path => path !== predicted);
    let reason: Unscored | null = null;
    if (truth === null || unfinished !== null) {
      reason = unfinished ?? 'no_truth';
      score.other(reason);
    } else if (race !== null) {
      reason = race;
      score.race(race, truth === predicted);
    } else if (inferred) score.inference(truth, predicted);
    else score.fact(truth, predicted);
    const how = reason === null ? (inferred ? 'inferred' : 'scored') : reason === race ? 'undecided' : 'unscored';
    const outcome = { predicted, site, counter, verdict, wait_ns, blocked_by };
    this.options.onFault?.({ i, t, tid, mm, addr, class: how, reason, truth, ...outcome });
    if (how !== 'scored' || truth === null || truth === predicted) return;
    const { via, truthWait } = fault;
    const recorded = {
      path: recordedPath(fault.truth),
      via: via < 0 ? null : this.info.strings[via],
      wait_ns: truthWait < 0 ? null : truthWait,
    };
    keepFirst(this.disagreements, this.top, {
      ...{ i, t, tid, mm, addr, truth },
      ...outcome,
      recorded,
      writer: this.writerNear(fault, row),
    });
  }

  /** Why the recording cannot tell what the fault met; null when it can. */
  private undecided(fault: Pending, row: FaultRow): Undecided | null {
    const { t, start, site, fallback } = row;
    const { vmaLock } = this.stage;
    if (vmaLock === 'none') return null;
    if (t > Number(this.info.meta['x-lost-from'])) return 'lost';
    if (fault.hidden === HIDDEN_MEMORY) return 'hidden_memory';
    const { page, thread, mm, slack } = fault;
    // Whose thread lost its processor may have looked it up until it went on, but for what it waited after that: who waits
    // for mmap_lock may be overtaken, and for how long is not known.
    const waits = fallback && row.wait_ns > 0 && fault.done < Number.POSITIVE_INFINITY;
    const late = fault.away && !waits ? Math.max(start, wentOn(fault) - row.wait_ns) : start;
    const others = this.sections
      .of(mm)
      .filter(section => section.thread !== thread && endOf(section) + slack.lookup > t);
    // A thread the model still held up began later than recorded: until then counts too.
    const over = Math.max(start, overBy(fault));
    const looked = Math.min(late + slack.lookup, over);
    const lookups = others.map(section =>
      vmaLock === 'mmap_seq' ? whileHeld(section, t, looked, slack) : whileMarked(section, page, t, looked, slack),
    );
    if (isRace(lookups)) return 'vma_lock_race';
    if (!fallback && others.some(section => this.anonVmas.mayBeMarked(fault, section, t, looked)))
      return 'vma_lock_race';
    const tried = Math.min(late + slack.trylock, over);
    if (fault.trylock && isRace(others.map(section => whileHeld(section, t, tried, slack)))) return 'mmap_lock_race';
    if (this.anonVmas.areDoubtfulFor(fault, row)) return 'anon_vma_race';
    // The read was submitted and may be done before the folio lock is asked for; only a lock that was seen is certain.
    const locked = ((fault.facts >> FOLIO_SHIFT) & 3) === FOLIO_LOCKED;
    const known = this.info.meta['x-sleeps'] === true && fault.hidden === 0;
    if (site === '__folio_lock_or_retry' && !locked && !known) return 'swap_io';
    // Whoever came first changed what the other met, and either may have.
    const other = fault.beside?.row ?? null;
    if (other !== null && (other.fallback !== fallback || FILLED.has(site ?? ''))) return 'page_race';
    // What fell back did so before anything hidden mattered, or would have for that as well.
    if ((fault.hidden !== 0 || fault.spurious) && !fallback) return 'hidden_page';
    // tracefs does not show what execve maps: some of it was inferred, and there may be more; not in the gap of a stack.
    return this.hides && site === NO_VMA && !fault.grew ? 'hidden_vma' : null;
  }

  /** The write section of another thread that was nearest to the fault; of several, one that marks its VMA. */
  private writerNear(fault: Pending, { t }: FaultRow): NearSection | null {
    const { page, thread, mm } = fault;
    const marks = (section: Section): boolean => section.marks.some(({ start, end }) => start <= page && page < end);
    const distance = ({ ask, end }: Section): Ns => Math.max(0, ask - t, t - end);
    const [near] = this.sections
      .of(mm)
      .filter(section => section.thread !== thread && distance(section) <= NEAR)
      .sort((a, b) => distance(a) - distance(b) || Number(marks(b)) - Number(marks(a)));
    if (near === undefined) return null;
    const { i, op, ask, got, end } = near;
    const tid = this.info.tids[near.thread];
    return { i, op: OPS[op], tid, ask, got, end: Number.isFinite(end) ? end : null, marks: marks(near) };
  }
}

const pathOf = (fallback: boolean): Path => (fallback ? 'mmap_lock' : 'vma_lock');
