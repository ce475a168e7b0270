/** `vmalock explain`: one fault, step by step. */
import { statSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { Command } from 'commander';
import { Complaint, quote } from '../errors.js';
import type { Choice, ExplainOptions as Running } from '../replay/explain.js';
import type { Question } from '../replay/search.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { Rereading } from '../trace/rereading.js';
import { LAST_NS, type Page } from '../units.js';
import { warn } from './complain.js';
import {
  type BaseOptions,
  filesBeside,
  type InputOptions,
  inputsOf,
  natural,
  REPLAY_FORMATS,
  type ReportingOptions,
  type TimingOptions,
  withBase,
  withExamples,
  withInput,
  withModels,
  withReport,
  withTiming,
} from './options.js';
import { openSink, openSpool } from './output.js';
import { Progress } from './progress.js';
import { type Machine, replayFile } from './replay-file.js';

/** An explanation is written at the end. */
const NOWHERE = { drain: async () => {} };

type ExplainOptions = BaseOptions &
  InputOptions &
  ReportingOptions &
  TimingOptions & { model?: string[]; fault?: number; addr?: Page; at?: number; worst?: number };

const NOTES = `
Events count from 0. --at is a time of the replay, which --timing recorded makes
that of the recording: the fault that began first among those in progress then,
else the next one. --at and --worst ask the first of the models.

Exit status 2 where there is no such fault.`;

export function registerExplain(program: Command): void {
  const command = program
    .command('explain')
    .argument('[trace]', 'a trace: JSON or NDJSON, plain, gzip or zstd; - is stdin')
    .description('tell one fault step by step, with who it waited for, and how it ends under every model')
    .option('--fault <n>', 'the fault that is event n of the trace', natural('--fault'))
    .option('--addr <address>', 'the first fault on the page of an address', page)
    .option('--at <time>', 'the fault in progress at a time, or the next: ns, or such as 12.3ms', time)
    .option('--worst <n>', 'the n faults that waited longest', natural('--worst', 1))
    .addHelpText('after', NOTES);
  withModels(command, 'models to tell it under: ids, releases, per-vma, all, ./series.json (default: per-vma)');
  withExamples(
    command,
    'explain t.ndjson.gz --fault 812',
    'explain t.ndjson.gz --worst 3 -m v6.6,v6.18',
    'explain t.ndjson.gz --at 12.3ms --timing recorded',
  );
  withBase(withTiming(withInput(withReport(command, REPLAY_FORMATS)))).action(explain);
}

async function explain(trace: string | undefined, options: ExplainOptions, command: Command): Promise<void> {
  const [input] = inputsOf(trace === undefined ? [] : [trace], command);
  const asked = askedOf(options);
  const { loadCosts, loadModels } = await import('./models-option.js');
  const stages = await loadModels(options.model ?? ['per-vma']);
  const costs = options.costs === undefined ? undefined : await loadCosts(options.costs);
  const { timing, maxVmas, maxPages } = options;
  const running: Running = { timing, maxVmas, maxPages, ...(costs && { costs }) };
  const sink = openSink(options.out, [input, ...filesBeside(options)]);
  const source = new Source(input, options);
  try {
    const [{ Explain }, { explainListing }, { renderListing }, { outputStyle }] = await Promise.all([
      import('../replay/explain.js'),
      import('../report/explain.js'),
      import('../report/listing.js'),
      import('./terminal.js'),
    ]);
    let choice: Choice;
    if ('events' in asked || 'page' in asked) choice = asked;
    else {
      const { Search } = await import('../replay/search.js');
      choice = await source.through(new Search(stages[0], asked, running), true);
    }
    const result = await source.through(new Explain(stages, choice, running), false);
    for (const text of result.warnings) warn(text, { file: input });
    sink.write(renderListing(explainListing(result), options.format, outputStyle(options)));
    await sink.commit();
  } finally {
    source.close();
    sink.discard();
  }
}

/** A trace that may be gone through twice; what is no regular file is put by the first time. */
class Source {
  private kept: Kept | null = null;
  private readonly rereading = new Rereading();

  constructor(
    private readonly input: string,
    private readonly options: ExplainOptions,
  ) {}

  /** @param again it will be gone through once more */
  async through<Result extends { warnings: string[] }>(machine: Machine<Result>, again: boolean): Promise<Result> {
    const { input, options, rereading } = this;
    if (this.kept !== null) return this.kept.feedTo(machine);
    if (again && !isFile(input)) this.kept = new Kept();
    const progress = new Progress(options);
    const fed = this.kept?.keeping(machine) ?? machine;
    return replayFile(input, fed, { ...options, sinks: NOWHERE, progress, rereading }).finally(() => progress.clear());
  }

  close(): void {
    this.kept?.remove();
  }
}

/** The batches of a trace in a temporary file: each behind its length, four bytes. */
class Kept {
  private readonly spool = openSpool();
  private info: TraceInfo | null = null;

  /** The machine, with what it is fed kept. */
  keeping<Result>(machine: Machine<Result>): Machine<Result> {
    return {
      feed: (columns, info) => {
        const bytes = serialize(columns);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        this.spool.write(length);
        this.spool.write(bytes);
        machine.feed(columns, info);
      },
      finish: info => {
        this.info = info;
        return machine.finish(info);
      },
    };
  }

  feedTo<Result>(machine: Machine<Result>): Result {
    const info = this.info as TraceInfo;
    for (const columns of this.batches()) machine.feed(columns, info);
    return machine.finish(info);
  }

  private *batches(): Generator<Columns> {
    let bytes = Buffer.alloc(0);
    for (const piece of this.spool.read()) {
      bytes = Buffer.concat([bytes, piece]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32LE(0)) {
        const end = 4 + bytes.readUInt32LE(0);
        yield deserialize(bytes.subarray(4, end)) as Columns;
        bytes = bytes.subarray(end);
      }
    }
  }

  remove(): void {
    this.spool.remove();
  }
}

function isFile(input: string): boolean {
  return input !== '-' && statSync(input, { throwIfNoEntry: false })?.isFile() === true;
}

/** Which fault is asked for, by exactly one option. */
function askedOf({ fault, addr, at, worst }: ExplainOptions): Choice | Question {
  const given: (Choice | Question)[] = [];
  if (fault !== undefined) given.push({ events: [fault] });
  if (addr !== undefined) given.push({ page: addr });
  if (at !== undefined) given.push({ at });
  if (worst !== undefined) given.push({ worst });
  if (given.length === 1) return given[0];
  const message = given.length === 0 ? 'which fault is to be explained' : 'only one way to name a fault can be given';
  throw new Complaint('usage', message, {}, 'give --fault N, --addr 0x..., --at TIME or --worst N');
}

function page(text: string): Page {
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return Number(BigInt(text) >> 12n);
  throw new Complaint('usage', `${quote(text)} is no address`, {}, 'give it in hex, such as 0x7f12a0b4c000');
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['ns', 1],
  ['us', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
]);

function time(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/.exec(text);
  const scale = UNITS.get(match?.[2] ?? '');
  const ns = Math.round(Number(match?.[1]) * (scale ?? Number.NaN));
  if (ns <= LAST_NS) return ns;
  const last = 'times end at 9,007,199,254,740,991 ns, which are 104 days';
  if (ns > LAST_NS) throw new Complaint('usage', `${quote(text)} is past the last time`, {}, last);
  throw new Complaint(
    'usage',
    `${quote(text)} is no time`,
    {},
    'give ns, or a number with us, ms or s, such as 12.3ms',
  );
}
