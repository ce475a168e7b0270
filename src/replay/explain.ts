/** Some faults of a trace told step by step under some models, and how they end under every stage of the lineage. */
import { Complaint, invariant } from '../errors.js';
import type { Costs } from '../kernel/costs.js';
import type { Stage } from '../kernel/stage.js';
import { lineage } from '../lineage/resolve.js';
import { type Columns, NO_INDEX, type TraceInfo } from '../trace/columns.js';
import { formatAddr, formatCount, type Page } from '../units.js';
import { ACCESS_MASK, ACCESSES, FAULT_KERNEL_MODE, OP, OPS } from '../vocab.js';
import type { ExplainedFault, Explanation, ModelExplanation } from './explanation.js';
import { Replay } from './replay.js';
import { type Ending, rangesOf, ruleOf } from './ruling.js';
import { saidOfPage } from './seen.js';
import type { SizeLimits } from './sizes.js';
import { Watch } from './watch.js';

export interface ExplainOptions extends SizeLimits {
  timing?: 'closed' | 'recorded';
  costs?: Costs;
}

/** Which faults: those of these events, or the first one on a page. */
export type Choice = { readonly events: readonly number[] } | { readonly page: Page };

/** What the trace says of a fault that was chosen. */
type Said = Omit<ExplainedFault, 'models' | 'lineage'>;

export class Explain {
  private readonly replay: Replay;
  private readonly watches = new Map<Stage, Watch>();
  private readonly watched: Set<number>;
  private readonly said = new Map<number, Said>();
  private readonly missing: Missing;
  private events = 0;
  /** events of further faults on the page that was asked for */
  private readonly further: number[] = [];

  constructor(
    private readonly models: readonly Stage[],
    private readonly choice: Choice,
    options: ExplainOptions = {},
  ) {
    this.watched = new Set('events' in choice ? choice.events : []);
    this.missing = new Missing(choice);
    this.replay = new Replay([...new Set([...models, ...lineage])], {
      ...options,
      collect: stage => {
        const watch = new Watch(stage, this.watched);
        this.watches.set(stage, watch);
        return watch;
      },
    });
  }

  /** Takes the next batch of a trace's events. */
  feed(columns: Columns, info: TraceInfo): void {
    for (let row = 0; row < columns.n; row++) {
      const i = this.events + row;
      if (columns.op[row] === OP.fault && this.chooses(columns, row, i))
        this.said.set(i, saidOf(columns, row, i, info));
      else this.missing.passes(columns, row, i, info);
    }
    this.events += columns.n;
    this.replay.feed(columns, info);
  }

  /** Runs every stage to its end and tells. Throws a usage Complaint when there is no such fault. */
  finish(info: TraceInfo): Explanation {
    const { trace, timing, warnings } = this.replay.finish(info);
    const events = 'events' in this.choice ? this.choice.events : [...this.said.keys()];
    if (events.length === 0 || events.some(i => !this.said.has(i))) throw this.missing.complaint(info, trace.faults);
    return {
      schema: 'vmalock.explain/1',
      trace,
      timing,
      faults: events.map(i => this.tell(i)),
      further: this.further,
      warnings,
    };
  }

  private chooses({ page }: Columns, row: number, i: number): boolean {
    const { choice } = this;
    if ('events' in choice) return this.watched.has(i);
    if (page[row] !== choice.page) return false;
    if (this.watched.size > 0) {
      this.further.push(i);
      return false;
    }
    this.watched.add(i);
    return true;
  }

  private tell(i: number): ExplainedFault {
    const inOrder = lineage.map(stage => this.ending(stage, i));
    const endings = new Map(inOrder.map(ending => [ending.stage.id, ending]));
    return {
      ...this.said.get(i)!,
      models: this.models.map(stage => explanationOf(this.ending(stage, i), endings)),
      lineage: rangesOf(inOrder, endings),
    };
  }

  private ending(stage: Stage, i: number): Ending {
    const followed = this.watches.get(stage)?.followed.get(i);
    invariant(followed !== undefined, `the fault of event ${i} was not followed under ${stage.id}`);
    return { stage, followed };
  }
}

function explanationOf(ending: Ending, endings: ReadonlyMap<string, Ending>): ModelExplanation {
  const { trail, row, end } = ending.followed;
  const { model, start, verdict, fallback, counter, site, wait_ns, hold_ns, tries } = row;
  const waits = trail.steps.reduce((sum, step) => sum + step.wait_ns, 0);
  invariant(waits === wait_ns, `the steps of event ${row.i} wait ${waits} ns under ${model}, the fault ${wait_ns}`);
  return {
    model,
    start,
    end,
    verdict,
    fallback,
    counter,
    site,
    wait_ns,
    hold_ns,
    tries,
    steps: trail.steps,
    others: trail.others,
    rule: ruleOf(ending, endings),
  };
}

function saidOf(columns: Columns, row: number, i: number, { tids, mms }: TraceInfo): Said {
  const { t, thread, mm, page, off, code, facts, wait } = columns;
  return {
    i,
    t: t[row] < 0 ? null : t[row],
    tid: tids[thread[row]],
    mm: mms[mm[row]],
    addr: formatAddr(page[row], off[row]),
    access: ACCESSES[code[row] & ACCESS_MASK],
    mode: code[row] & FAULT_KERNEL_MODE ? 'kernel' : 'user',
    page: saidOfPage(facts[row], wait[row]),
  };
}

/** What can be said where a fault is asked for that the trace does not have. */
class Missing {
  /** the event itself, in words, where it is no fault */
  private what: string | null = null;
  /** faults next to what was asked for, below and above: events, or pages */
  private below = -1;
  private above = Number.POSITIVE_INFINITY;

  constructor(private readonly choice: Choice) {}

  /** An event that is not what was asked for. */
  passes({ op, page, thread }: Columns, row: number, i: number, { tids }: TraceInfo): void {
    const { choice } = this;
    const wanted = 'events' in choice ? choice.events[0] : choice.page;
    const here = 'events' in choice ? i : page[row];
    if (op[row] !== OP.fault) {
      if ('events' in choice && i === wanted) {
        this.what =
          thread[row] === NO_INDEX ? "event of the user's own" : `${OPS[op[row]]} of thread ${tids[thread[row]]}`;
      }
    } else if (here < wanted) this.below = Math.max(this.below, here);
    else this.above = Math.min(this.above, here);
  }

  complaint({ file, events }: TraceInfo, faults: number): Complaint {
    const { choice, what } = this;
    const count = (n: number, noun: string): string => `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`;
    const all = `${count(events, 'event')} with ${count(faults, 'fault')}`;
    if ('page' in choice) {
      const message = `no fault is on the page of ${formatAddr(choice.page)}: the trace has ${all}`;
      return new Complaint(
        'usage',
        message,
        { file },
        this.nearest('on', 'on', page => formatAddr(page)),
      );
    }
    const [i] = choice.events;
    const message =
      what === null ? `there is no event ${i}: the trace has ${all}` : `event ${i} is no fault: it is ${article(what)}`;
    return new Complaint('usage', message, { file }, this.nearest('event', 'events', String));
  }

  private nearest(one: string, two: string, spell: (place: number) => string): string | undefined {
    const near = [this.below, this.above].filter(place => place >= 0 && place !== Number.POSITIVE_INFINITY).map(spell);
    if (near.length === 0) return undefined;
    if (near.length === 1) return `the nearest fault is ${one} ${near[0]}`;
    return `the nearest faults are ${two} ${near.join(' and ')}`;
  }
}

function article(noun: string): string {
  return `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
