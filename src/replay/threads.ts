/**
 * The threads of a run. One that has had nothing in hand for long gives up what a thread at work needs, about 1 KB, and keeps
 * what it needs to go on and what others may still ask of it: a long recording has many that never come back.
 */
import type { Engine } from '../engine/engine.js';
import { Bug } from '../errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Mm } from '../kernel/mm.js';
import type { Seen } from '../kernel/task.js';
import type { Ns } from '../units.js';
import { type Host, IDLE, NONE, Runner } from './runner.js';

/** Threads awake before the first look at who may rest, and between two looks. */
export const AWAKE = 16_384;

/** What is kept of a thread that rests. */
class Resting implements Seen {
  readonly id: number;
  readonly i: number;
  readonly op: number;
  readonly code: number;
  readonly page: number;
  readonly off: number;
  readonly len: number;
  readonly name: number;
  readonly mm: Seen['mm'];
  readonly start: Ns;
  readonly since: Ns;
  readonly until: Ns;
  readonly byThread: number;
  readonly byIndex: number;
  readonly byOp: number;
  markNext: number;
  /** it rests: nothing */
  readonly blockedOn = null;
  uses: Seen['uses'];
  readonly epoch: number;
  readonly shift: Ns;
  readonly lastEnd: Ns;

  constructor(runner: Runner, mm: Mm) {
    this.id = runner.id;
    this.i = runner.i;
    this.op = runner.op;
    this.code = runner.code;
    this.page = runner.page;
    this.off = runner.off;
    this.len = runner.len;
    this.name = runner.name;
    this.mm = mm;
    this.start = runner.start;
    this.since = runner.since;
    this.until = runner.until;
    this.byThread = runner.byThread;
    this.byIndex = runner.byIndex;
    this.byOp = runner.byOp;
    this.markNext = runner.markNext;
    this.uses = runner.uses;
    this.epoch = runner.epoch;
    this.shift = runner.shift;
    this.lastEnd = runner.lastEnd;
  }
}

/** Nobody set a wake-up for a thread that rests. */
const NOBODY = {
  resume(): never {
    throw new Bug('a resting thread was woken');
  },
  waitsFor: () => null,
};

export class Threads {
  /** by dense index; undefined before a thread acts, and while it rests */
  private readonly runners: (Runner | undefined)[] = [];
  private list: Runner[] = [];
  /** of threads that rest, to be used again */
  private readonly spare: Runner[] = [];
  /** stands for every mm that is gone */
  private gone: Mm | null = null;
  /** how many may be awake until the next look */
  private most = AWAKE;

  constructor(
    private readonly host: Host,
    private readonly kernel: Kernel,
    private readonly engine: Engine,
  ) {}

  /** Those that do not rest. */
  get awake(): readonly Runner[] {
    return this.list;
  }

  /** The thread `id`, unless it is new or rests. */
  at(id: number): Runner | undefined {
    return this.runners[id];
  }

  /** The thread `id`, made or woken. Others may rest from now on, if they did not act after `epoch`. */
  wake(id: number, epoch: number): Runner {
    if (this.list.length >= this.most) this.rest(epoch);
    const { runners, kernel, engine } = this;
    const rests = kernel.tasks[id];
    if (rests instanceof Resting) {
      const runner = Object.assign(this.take(id), rests);
      engine.put(id, runner);
      return runner;
    }
    // Dense indexes appear in order, but a fork may name its child before the child acts.
    while (runners.length <= id) engine.add(this.take(runners.length));
    return runners[id]!;
  }

  private take(id: number): Runner {
    const runner = this.spare.pop()?.become(id) ?? new Runner(id, this.host);
    this.runners[id] = runner;
    this.kernel.tasks[id] = runner;
    this.list.push(runner);
    return runner;
  }

  /** Its mm, which it has none of before it acts; what is left of one that is gone need not be kept for each. */
  private mmOf({ mm }: Runner): Mm {
    if (mm === undefined || this.kernel.mms[mm.id] === mm) return mm;
    this.gone ??= mm;
    return this.gone;
  }

  /** Lets everybody rest who has nothing in hand and did not act after `epoch`. */
  private rest(epoch: number): void {
    const { runners, kernel, engine } = this;
    kernel.settleDue();
    this.list = this.list.filter(runner => {
      const { state, head, unborn, scheduled, listed } = runner;
      if (state !== IDLE || head !== NONE || unborn || scheduled || listed || runner.epoch > epoch) return true;
      runners[runner.id] = undefined;
      kernel.tasks[runner.id] = new Resting(runner, this.mmOf(runner));
      engine.put(runner.id, NOBODY);
      this.spare.push(runner);
      return false;
    });
    this.most = this.list.length + AWAKE;
  }
}
