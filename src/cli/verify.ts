/** `vmalock verify`: recordings against the model of the kernel that made them, fault by fault. */
import type { Command } from 'commander';
import { Complaint, EXIT_ANSWER } from '../errors.js';
import { FIRST } from '../replay/result.js';
import type { VerifyResult } from '../replay/verification.js';
import type { Verify, VerifyOptions } from '../replay/verify.js';
import { selectFields } from '../report/fields.js';
import { formatEventRow } from '../report/json.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { Rereading } from '../trace/rereading.js';
import {
  type BaseOptions,
  type InputOptions,
  inputsOf,
  natural,
  REPLAY_FORMATS,
  type ReportingOptions,
  type RunningOptions,
  share,
  withBase,
  withExamples,
  withFields,
  withInput,
  withLimit,
  withModel,
  withReport,
  withRun,
} from './options.js';
import { Progress } from './progress.js';
import { openSinks } from './sinks.js';

type Options = BaseOptions &
  InputOptions &
  ReportingOptions &
  RunningOptions & { model?: string; truth?: string; maxTruth: number; min: number; top: number };

const NOTES = `
Every user fault is in one class: predicted from what was recorded; predicted
from what an importer inferred (x-inferred); undecided, where the recording
cannot tell what the fault met; or not compared. The first one counts.

Exit status 1 when less than --min of it agrees, or when nothing is in it; 2 where
no user fault says what the kernel did (truth).`;

export function registerVerify(program: Command): void {
  const command = program
    .command('verify')
    .argument('[trace...]', 'recordings: traces that say what the kernel did; - is stdin')
    .description('replay recordings under the model of their kernel and compare with what that did, fault by fault');
  withModel(command, 'id, release, per-vma or ./series.json (default: the kernel of the recording)')
    .option('--truth <file>', 'what the kernel did, as NDJSON rows of ts_ns, tid, addr, fallback; for one trace')
    .option('--min <share>', 'agreement below this is exit status 1', share('--min'), 1)
    .option('--top <n>', 'how many disagreements are listed', natural('--top'), FIRST)
    .addHelpText('after', `${NOTES}\n\nWith several traces, --format json is an array of results in the order given.`);
  withExamples(
    command,
    'verify t.ndjson.gz',
    'verify traces/recorded/*.gz --min 0.999',
    'verify t.ndjson.gz -m v6.17 --events - | jq -c \'select(.class == "scored" and .truth != .predicted)\'',
  );
  const run = withRun(withInput(withFields(withReport(command, REPLAY_FORMATS))), 'user fault', ['recorded']);
  withBase(withLimit(run, 'maxTruth', 'most rows of a truth file')).action(verify);
}

async function verify(traces: string[], options: Options, command: Command): Promise<void> {
  const inputs = inputsOf(traces, command);
  const several = inputs.length > 1;
  if (several && options.truth !== undefined) {
    throw new Complaint('usage', '--truth is for one trace', {}, 'verify one after the other');
  }
  const { VERIFIED_FIELDS, verifyFields, verifyListing } = await import('../report/verify.js');
  const fields = selectFields(
    options.fields,
    verifyFields(options.format),
    options.events === undefined ? [] : VERIFIED_FIELDS,
  );
  const asked = command.getOptionValueSource('format') === 'cli';
  const sinks = openSinks(options, inputs, asked);
  const { report, events } = sinks;
  try {
    const [start, { replayEach, replayFile }, { mayInfer }] = await Promise.all([
      prepare(options),
      import('./replay-file.js'),
      import('../trace/infers.js'),
    ]);
    const running = { ...options, sinks, progress: new Progress(options) };
    const results = await replayEach(inputs, running, async (input, file) => {
      const onFault = events && ((fault: object) => events.write(formatEventRow(fault, fields.events, file)));
      const rereading = new Rereading();
      const inferences = await mayInfer(input, options, rereading);
      const machine = new Lazily(info => start(info, { inferences, ...(onFault && { onFault }) }));
      const result = await replayFile(input, machine, { ...running, rereading });
      refuseUntold(result);
      return result;
    });
    if (results.length === 0) return;
    if (report !== null) {
      const [{ renderListing }, { outputStyle }] = await Promise.all([
        import('../report/listing.js'),
        import('./terminal.js'),
      ]);
      const listing = verifyListing(results, fields.report, several);
      report.write(renderListing(listing, options.format, outputStyle(options)));
    }
    await sinks.commit();
    const agrees = results.every(({ agreement }) => agreement !== null && agreement >= options.min);
    if (!agrees) process.exitCode ??= EXIT_ANSWER;
  } finally {
    sinks.discard();
  }
}

type Start = (info: TraceInfo, more: Pick<VerifyOptions, 'onFault' | 'inferences'>) => Verify;

/** Loads what all traces share; a verification starts when the kernel of its trace is known. */
async function prepare(options: Options): Promise<Start> {
  const { model, costs: sheet, truth: path, top, maxVmas, maxPages } = options;
  const [{ Verify }, { SLEEPS }, { loadCosts, loadModel, modelOfKernel }] = await Promise.all([
    import('../replay/verify.js'),
    import('../kernel/costs.js'),
    import('./models-option.js'),
  ]);
  const stage = model === undefined ? null : await loadModel(model);
  const costs = sheet === undefined ? {} : { costs: await loadCosts(sheet, SLEEPS) };
  const truth = path === undefined ? {} : { truth: await loadTruth(path, options) };
  return ({ meta, file }, more) =>
    new Verify(stage ?? modelOfKernel(meta.kernel, file), { top, maxVmas, maxPages, ...costs, ...truth, ...more });
}

async function loadTruth(path: string, limits: Options): Promise<NonNullable<VerifyOptions['truth']>> {
  const [{ TruthRows }, { readTruth }] = await Promise.all([
    import('../replay/truth.js'),
    import('../trace/truth-file.js'),
  ]);
  const rows = new TruthRows();
  for await (const row of readTruth(path, limits)) rows.add(row);
  return rows;
}

/** A verification that is made when the first events are there, and with them the trace's header. */
class Lazily {
  private verify: Verify | null = null;

  constructor(private readonly start: (info: TraceInfo) => Verify) {}

  feed(columns: Columns, info: TraceInfo): void {
    this.verify ??= this.start(info);
    this.verify.feed(columns, info);
  }

  finish(info: TraceInfo): VerifyResult {
    this.verify ??= this.start(info);
    return this.verify.finish(info);
  }
}

/** A trace of which nobody says what the kernel did is no recording. */
function refuseUntold({ trace, scored, inferred, undecided, unscored, truth }: VerifyResult): void {
  const { killed = 0, interrupted = 0 } = unscored;
  const told = scored + inferred.scored + undecided.faults + killed + interrupted;
  if (told > 0 || !unscored.no_truth) return;
  const file = { file: trace.file };
  if (truth !== undefined) {
    const found = `none of ${truth.rows} rows is of a user fault of the trace`;
    throw new Complaint(
      'semantic',
      `--truth belongs to another recording: ${found}`,
      file,
      'time and tid must be the same',
    );
  }
  const hint = 'import a recording with mmap_lock events, or give --truth FILE';
  throw new Complaint('semantic', 'no user fault says what the kernel did (truth.fallback)', file, hint);
}
