/** The places a command that replays writes to, opened before the work begins: its report and, beside it, rows and pictures. */
import { Complaint } from '../errors.js';
import { warn } from './complain.js';
import { type FileOptions, filesBeside } from './options.js';
import { isSameTarget, isStdout, openSink, type Sink } from './output.js';

/** What is written beside a report, by the option that asks for it. */
const BESIDE = ['events', 'html', 'perfetto', 'folded'] as const;
type Beside = (typeof BESIDE)[number];
export type Targets = { readonly out?: string } & { readonly [option in Beside]?: string };

export class Sinks {
  /** null where something else has stdout */
  readonly report: Sink | null;
  readonly events: Sink | null;
  readonly html: Sink | null;
  readonly perfetto: Sink | null;
  readonly folded: Sink | null;
  private readonly opened: Sink[] = [];

  /** @throws Complaint (io) */
  constructor(targets: Targets, inputs: readonly string[], room: boolean) {
    const open = (target: string | undefined): Sink => {
      const sink = openSink(target, inputs);
      this.opened.push(sink);
      return sink;
    };
    const beside = (option: Beside): Sink | null => (targets[option] === undefined ? null : open(targets[option]));
    try {
      this.report = room ? open(targets.out) : null;
      this.events = beside('events');
      this.html = beside('html');
      this.perfetto = beside('perfetto');
      this.folded = beside('folded');
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Waits until what was written is taken over by the system. */
  async drain(): Promise<void> {
    await this.events?.drain();
    await this.perfetto?.drain();
  }

  /** Puts every file in its place once all of them are written. */
  async commit(): Promise<void> {
    for (const sink of this.opened) await sink.drain();
    for (const sink of this.opened) await sink.commit();
  }

  discard(): void {
    for (const sink of this.opened) sink.discard();
  }
}

/**
 * Opens the places of the report and of what goes beside it; what is beside it on stdout leaves no room for a report there.
 *
 * @param asked a format was asked for, so that a report that is left out is missed
 * @throws Complaint (io or usage)
 */
export function openSinks(targets: Targets & FileOptions, inputs: readonly string[], asked: boolean): Sinks {
  const given = (['out', ...BESIDE] as const).flatMap(option => {
    const target = targets[option];
    return target === undefined ? [] : [{ option, target }];
  });
  given.forEach(({ option, target }, i) => {
    const other = given.slice(0, i).find(before => isSameTarget(before.target, target));
    if (other === undefined) return;
    throw new Complaint('usage', `--${option} and --${other.option} name the same file`, {}, 'name two files');
  });
  const taken = given.find(({ option, target }) => option !== 'out' && isStdout(target));
  const room = targets.out !== undefined || taken === undefined;
  if (taken !== undefined && !room && asked) {
    warn(`--${taken.option} - has stdout: the report is left out, give it a place with --out FILE`);
  }
  return new Sinks(targets, [...inputs, ...filesBeside(targets)], room);
}
