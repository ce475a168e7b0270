/** A trace against any number of stages in one pass: feed it batches, then ask for the result. */
import { COSTS, type Costs } from '../kernel/costs.js';
import type { Stage } from '../kernel/stage.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { formatCount, type Ns } from '../units.js';
import { OP } from '../vocab.js';
import { Collector } from './collect.js';
import { HotSpots } from './hot-spots.js';
import { Recorder } from './record.js';
import type { ExpectFailure, FaultRow, HotKey, ReplayResult, Watcher } from './result.js';
import { Run } from './run.js';
import { inSample } from './sample.js';
import type { SizeLimits } from './sizes.js';

export interface ReplayOptions extends SizeLimits {
  /** `closed` (default): threads keep their think time and waiting shifts what follows; `recorded`: recorded times */
  timing?: 'closed' | 'recorded';
  costs?: Costs;
  /**
   * Called once for each fault and stage: stage by stage within a batch of events, in the order of the trace; a fault that
   * is not over by then follows in the batch in which it is.
   */
  onFault?: (row: FaultRow) => void;
  /** who counts for a stage, in place of a collector of the replay's own */
  collect?: (stage: Stage) => Collector;
  /** adds the faults that fell back or waited up by this */
  by?: HotKey;
  /** `by` adds up all faults */
  byAll?: boolean;
  /** replays one in so many faults, and every operation */
  sample?: number;
  /** Told of every event that is over, with its waits and holds, under every stage: for pictures of a run. */
  watcher?: Watcher;
}

export class Replay {
  private readonly runs: readonly Run[];
  private readonly stages: readonly Stage[];
  private readonly timing: 'closed' | 'recorded';
  private readonly by: HotKey | undefined;
  private readonly sample: number;
  private events = 0;
  private faults = 0;
  private firstT: Ns = -1;
  private lastT: Ns = -1;

  constructor(stages: readonly Stage[], options: ReplayOptions = {}) {
    this.timing = options.timing ?? 'closed';
    this.stages = stages;
    const costs = options.costs ?? COSTS;
    const onFault = options.onFault ?? null;
    this.by = options.by;
    this.sample = options.sample ?? 1;
    const { watcher, maxVmas, maxPages } = options;
    const { timing, by, sample } = this;
    const spots = (): HotSpots | null => (by === undefined ? null : new HotSpots(by, options.byAll));
    const records = watcher && ((stage: Stage) => new Recorder(stage, onFault, watcher, spots()));
    const collect = options.collect ?? records ?? (stage => new Collector(stage, onFault, spots()));
    this.runs = stages.map(
      stage => new Run(stage, { timing, costs, sample, maxVmas, maxPages, collector: collect(stage) }),
    );
  }

  /** Takes the next batch of a trace's events. */
  feed(columns: Columns, info: TraceInfo): void {
    const { n, op, t } = columns;
    for (let row = 0; row < n; row++) {
      if (op[row] === OP.fault) this.faults++;
      // an event of the user's own may come before the first that has a time
      if (this.firstT < 0) this.firstT = t[row];
    }
    if (n > 0 && t[n - 1] > this.lastT) this.lastT = t[n - 1];
    for (const run of this.runs) run.feed(columns, this.events, info);
    this.events += n;
  }

  /** Runs every stage to its end and gives the result. Throws a Bug when a sum does not add up. */
  finish(info: TraceInfo): ReplayResult {
    for (const run of this.runs) {
      run.collector.info = info;
      run.finish();
    }
    const result: ReplayResult = {
      schema: 'vmalock.replay/1',
      trace: {
        file: info.file,
        events: info.events,
        faults: this.faults,
        threads: info.tids.length - (info.nobody < 0 ? 0 : 1),
        mms: info.mms.length,
        span_ns: this.lastT < 0 ? 0 : this.lastT - Math.max(0, this.firstT),
        lost: info.meta.lost ?? 0,
        ...(this.sample > 1 && { sample: `1/${this.sample}` }),
      },
      timing: this.timing,
      ...(this.by !== undefined && { by: this.by }),
      models: this.runs.map(run => run.collector.result()),
      warnings: this.warnings(info),
    };
    if (info.expect) result.expect = this.expectations(info.expect);
    return result;
  }

  private warnings(info: TraceInfo): string[] {
    const warnings: string[] = [];
    if (this.sample > 1) {
      warnings.push(
        `a sample: 1 in ${formatCount(this.sample)} faults was replayed, all counts and waits are of those`,
      );
    }
    if (info.meta.lost) {
      warnings.push(`${formatCount(info.meta.lost)} records were lost when this was recorded: counts are too low`);
    }
    const unmapped = this.runs.length > 0 ? this.runs[0].collector.unmapped : 0;
    if (unmapped > 0) {
      warnings.push(
        `${formatCount(unmapped)} of ${formatCount(this.faults)} faults hit no known mapping: ` +
          'the trace starts late (give the maps as vma events)',
      );
    }
    return warnings;
  }

  private expectations(expect: NonNullable<TraceInfo['expect']>): NonNullable<ReplayResult['expect']> {
    const failed: ExpectFailure[] = [];
    let checked = 0;
    this.runs.forEach((run, at) => {
      const model = this.stages[at].id;
      for (const [key, expected] of Object.entries(expect[model] ?? {})) {
        if (!inSample(Number(key), this.sample)) continue;
        checked++;
        const got = run.collector.outcomes.get(Number(key)) ?? null;
        const holds =
          got !== null &&
          got.verdict === expected.verdict &&
          (expected.site === undefined || got.site === expected.site) &&
          (expected.counter === undefined || got.counter === expected.counter);
        if (!holds) failed.push({ model, i: Number(key), expected, got });
      }
    });
    return { checked, failed };
  }
}
