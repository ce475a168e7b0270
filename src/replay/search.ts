/** Which faults of a trace are meant: those that waited longest under a stage, or the one in progress at some time. */
import { Complaint } from '../errors.js';
import type { Stage } from '../kernel/stage.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { formatCount, formatNs, type Ns } from '../units.js';
import type { ExplainOptions } from './explain.js';
import { Replay } from './replay.js';
import type { FaultRow } from './result.js';
import { Watch } from './watch.js';

/** So many of those that waited longest, or the one at a time of the replay's clock. */
export type Question = { readonly worst: number } | { readonly at: Ns };

export interface Found {
  /** events, in the order they are to be told */
  events: number[];
  warnings: string[];
}

interface Span {
  readonly i: number;
  readonly start: Ns;
  readonly end: Ns;
  readonly wait: Ns;
}

const NOBODY: ReadonlySet<number> = new Set();

export class Search {
  private readonly replay: Replay;
  /** the best so far, best first */
  private readonly best: Span[] = [];
  private lastStart: Ns = -1;
  private faults = 0;

  constructor(
    private readonly stage: Stage,
    private readonly question: Question,
    options: ExplainOptions = {},
  ) {
    const onOver = (row: FaultRow, end: Ns): void => this.over({ i: row.i, start: row.start, end, wait: row.wait_ns });
    this.replay = new Replay([stage], { ...options, collect: stage => new Watch(stage, NOBODY, onOver) });
  }

  /** Takes the next batch of a trace's events. */
  feed(columns: Columns, info: TraceInfo): void {
    this.replay.feed(columns, info);
  }

  /** Runs to the end. Throws a usage Complaint when no fault is meant. */
  finish(info: TraceInfo): Found {
    this.replay.finish(info);
    if (this.best.length === 0) throw new Complaint('usage', this.nothing(), { file: info.file });
    return { events: this.best.map(({ i }) => i), warnings: [] };
  }

  private over(fault: Span): void {
    const { question, best } = this;
    this.faults++;
    this.lastStart = Math.max(this.lastStart, fault.start);
    if ('worst' in question ? fault.wait === 0 : fault.start < question.at && fault.end <= question.at) return;
    let place = best.length;
    while (place > 0 && this.compare(fault, best[place - 1]) < 0) place--;
    best.splice(place, 0, fault);
    if (best.length > ('worst' in question ? question.worst : 1)) best.pop();
  }

  /** Longest wait first; or whoever began first, those in progress before those to come. */
  private compare(a: Span, b: Span): number {
    const order = 'worst' in this.question ? b.wait - a.wait : a.start - b.start;
    return order || a.i - b.i;
  }

  private nothing(): string {
    const { faults, question, stage } = this;
    const all = `${formatCount(faults)} ${faults === 1 ? 'fault' : 'faults'}`;
    if (faults === 0) return 'the trace has no page faults';
    if ('worst' in question) return `no fault waits under ${stage.id}: the trace has ${all}`;
    const last = `the last of ${all} begins at ${formatNs(this.lastStart)}`;
    return `no fault is in progress at ${formatNs(question.at)} or later under ${stage.id}: ${last}`;
  }
}
