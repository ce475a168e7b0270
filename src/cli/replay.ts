/** `vmalock replay`: each trace against each model, and what came of it. */
import type { Command } from 'commander';
import { Complaint, EXIT_ANSWER } from '../errors.js';
import type { Stage } from '../kernel/stage.js';
import type { FaultRow, ReplayResult } from '../replay/result.js';
import { EVENT_FIELDS, reportFields, selectFields } from '../report/fields.js';
import { loadReporter } from '../report/index.js';
import { formatEventRow } from '../report/json.js';
import type { ReportOptions } from '../report/reporter.js';
import { note } from './complain.js';
import type { Condition } from './fail-if.js';
import {
  type BaseOptions,
  type InputOptions,
  inputsOf,
  REPLAY_FORMATS,
  type ReplayingOptions,
  type ReportingOptions,
  withBase,
  withExamples,
  withFields,
  withInput,
  withReplay,
  withReport,
} from './options.js';
import { startPictures } from './pictures.js';
import { Progress } from './progress.js';
import { openSinks } from './sinks.js';

export type ReplayOptions = BaseOptions & InputOptions & ReportingOptions & ReplayingOptions;

const NOTES = `
--fail-if takes [MODEL:]METRIC OP VALUE; a comma means any of them. Metrics:
counts (fallbacks, retries, aborts, misses, signals, waits), of which but the
last a % is of user faults; fallback_ratio from 0 to 1; times with a unit
(max_wait, total_wait, fault_wait, op_wait).

--by adds up the faults that fell back or waited: by reason, by mapping (vma),
by thread, by the operation to blame (op), or by site; csv and tsv have these
rows in place of the models'. A --sample keeps every operation, and of the
faults always the same: all that is counted is of those alone.

With several traces, --format json is an array of results in the order given.`;

export function registerReplay(program: Command): void {
  const command = program
    .command('replay')
    .argument('[trace...]', 'traces: JSON or NDJSON, plain, gzip or zstd; - is stdin')
    .description('replay traces against models and report verdicts, reasons and contention')
    .addHelpText('after', NOTES);
  withExamples(
    command,
    'replay trace.ndjson.gz',
    'replay trace.ndjson -m v6.4,v6.18,./my-series.json --by vma --top 5',
    'replay trace.ndjson --events - --fields i,model,verdict,site',
    "replay *.ndjson.gz -q -m per-vma --fail-if 'fallbacks>5%,max_wait>10ms'",
  );
  withBase(withReplay(withInput(withFields(withReport(command, REPLAY_FORMATS))))).action(replay);
}

async function replay(traces: string[], options: ReplayOptions, command: Command): Promise<void> {
  const inputs = inputsOf(traces, command);
  const fields = selectFields(
    options.fields,
    reportFields(options.format, options.by !== undefined),
    options.events === undefined ? [] : EVENT_FIELDS,
  );
  const { knownIds, loadCosts, loadModel, loadModels } = await import('./models-option.js');
  const models = await loadModels(options.model);
  const conditions: OfModels[] = [];
  for (const condition of options.failIf ?? []) {
    conditions.push({ condition, ids: await idsOf(condition.model, models, loadModel) });
  }
  const costs = options.costs === undefined ? undefined : await loadCosts(options.costs);
  const several = inputs.length > 1;
  const asked = command.getOptionValueSource('format') === 'cli';
  const sinks = openSinks(options, inputs, asked);
  const { report, events } = sinks;
  try {
    const pictures = await startPictures(sinks, { traces: inputs.length, models: models.length });
    const [{ Replay }, { replayEach, replayFile }] = await Promise.all([
      import('../replay/replay.js'),
      import('./replay-file.js'),
    ]);
    const running = { ...options, sinks, progress: new Progress(options), expected: knownIds(models) };
    const results = await replayEach(inputs, running, async (input, file) => {
      const onFault = events && ((row: FaultRow) => events.write(formatEventRow(row, fields.events, file)));
      const machine = new Replay(models, {
        timing: options.timing,
        maxVmas: options.maxVmas,
        maxPages: options.maxPages,
        ...(costs && { costs }),
        ...(onFault && { onFault }),
        ...(options.by && { by: options.by }),
        ...(options.sample && { sample: options.sample }),
        ...(pictures && { watcher: pictures.watcher(input) }),
      });
      const result = await replayFile(input, machine, running);
      if (pictures !== null) {
        const { replayPart } = await import('../report/html.js');
        const ids = result.models.map(({ model }) => model);
        pictures.over(result.trace, ids, drawn => replayPart(result, drawn));
      }
      return result;
    });
    if (results.length > 0) {
      report?.write(await render(results, options, { fields: fields.report, several, top: options.top }));
      await pictures?.finish();
      await sinks.commit();
    }
    answer(results, conditions);
  } finally {
    sinks.discard();
  }
}

type Shape = Pick<ReportOptions, 'fields' | 'several' | 'top'>;

async function render(results: ReplayResult[], options: ReplayOptions, shape: Shape): Promise<string> {
  const [{ outputStyle }, reporter] = await Promise.all([import('./terminal.js'), loadReporter(options.format)]);
  return reporter(results, { ...shape, style: outputStyle(options) });
}

/** A condition of --fail-if and the models it is about. */
interface OfModels {
  readonly condition: Condition;
  readonly ids: readonly string[];
}

/** The ids of the models a condition is about: one that is not replayed would never meet it, in silence. */
async function idsOf(
  name: string | null,
  models: readonly Stage[],
  loadModel: (name: string) => Promise<Stage>,
): Promise<string[]> {
  const ids = models.map(({ id }) => id);
  if (name === null) return ids;
  const id = ids.includes(name) ? name : (await loadModel(name)).id;
  if (ids.includes(id)) return [id];
  throw new Complaint('usage', `--fail-if: ${id} is not replayed`, {}, `replayed are ${ids.join(', ')}; see --model`);
}

/** Exit 1 with a line that says why: a condition of --fail-if that is met, an expectation that does not hold. */
function answer(results: readonly ReplayResult[], conditions: readonly OfModels[]): void {
  const say = (message: string, file: string): void => {
    note(message, { file });
    process.exitCode ??= EXIT_ANSWER;
  };
  for (const { trace, models, expect } of results) {
    for (const { condition, ids } of conditions) {
      const { text, met } = condition;
      const hits = models.flatMap(model => {
        const what = ids.includes(model.model) ? met(model) : null;
        return what === null ? [] : `${model.model}: ${what}`;
      });
      if (hits.length > 0) say(`--fail-if ${text} is met by ${hits.join('; ')}`, trace.file);
    }
    const first = expect?.failed[0];
    if (expect !== undefined && first !== undefined) {
      const got = first.got === null ? 'no fault' : outcome(first.got);
      const what = `event ${first.i} under ${first.model} should be ${outcome(first.expected)}, is ${got}`;
      say(`${expect.failed.length} of ${expect.checked} expectations do not hold; first: ${what}`, trace.file);
    }
  }
}

interface Said {
  verdict: string;
  counter?: string | null | undefined;
  site?: string | null | undefined;
}

/** `mmap_lock, vma_lock_abort at vma_start_read`: as much of an outcome as is said. */
function outcome({ verdict, counter, site }: Said): string {
  return verdict + (counter ? `, ${counter}` : '') + (site ? ` at ${site}` : '');
}
