/** `vmalock replay`: each trace against each model, and what came of it. */
import type { Command } from 'commander';
import { Complaint, EXIT_ANSWER, EXIT_TROUBLE } from '../errors.js';
import type { FaultRow, ReplayResult } from '../replay/result.js';
import { EVENT_FIELDS, reportFields, selectFields } from '../report/fields.js';
import { loadReporter } from '../report/index.js';
import { formatEventRow } from '../report/json.js';
import type { ReportOptions } from '../report/reporter.js';
import { complain, note, warn } from './complain.js';
import type { Condition } from './fail-if.js';
import {
  type BaseOptions,
  type InputOptions,
  inputsOf,
  REPLAY_FORMATS,
  type ReplayingOptions,
  type ReportingOptions,
  withBase,
  withFields,
  withInput,
  withReplay,
  withReport,
} from './options.js';
import { startPictures } from './pictures.js';
import { Progress } from './progress.js';
import { openSinks } from './sinks.js';

export type ReplayOptions = BaseOptions & InputOptions & ReportingOptions & ReplayingOptions;

export function registerReplay(program: Command): void {
  const command = program
    .command('replay')
    .argument('[trace...]', 'traces: JSON or NDJSON, plain, gzip or zstd; - is stdin')
    .description('replay traces against models and report verdicts, reasons and contention')
    .addHelpText('after', '\nWith several traces, --format json is an array of results in the order given.');
  withBase(withReplay(withInput(withFields(withReport(command, REPLAY_FORMATS))))).action(replay);
}

async function replay(traces: string[], options: ReplayOptions, command: Command): Promise<void> {
  const inputs = inputsOf(traces, command);
  const fields = selectFields(
    options.fields,
    reportFields(options.format),
    options.events === undefined ? [] : EVENT_FIELDS,
  );
  const { loadCosts, loadModels } = await import('./models-option.js');
  const models = await loadModels(options.model);
  const costs = options.costs === undefined ? undefined : await loadCosts(options.costs);
  const several = inputs.length > 1;
  const asked = command.getOptionValueSource('format') === 'cli';
  const sinks = openSinks(options, inputs, asked);
  const { report, events } = sinks;
  try {
    const pictures = await startPictures(sinks, { traces: inputs.length, models: models.length });
    const [{ Replay }, { replayFile }] = await Promise.all([import('../replay/replay.js'), import('./replay-file.js')]);
    const progress = new Progress(options);
    const results: ReplayResult[] = [];
    for (const input of inputs) {
      const file = several ? input : null;
      const onFault = events && ((row: FaultRow) => events.write(formatEventRow(row, fields.events, file)));
      try {
        const machine = new Replay(models, {
          timing: options.timing,
          ...(costs && { costs }),
          ...(onFault && { onFault }),
          ...(pictures && { watcher: pictures.watcher(input) }),
        });
        const result = await replayFile(input, machine, { ...options, sinks, progress });
        results.push(result);
        if (pictures !== null) {
          const { replayPart } = await import('../report/html.js');
          pictures.over(
            result.models.map(({ model }) => model),
            drawn => replayPart(result, drawn),
          );
        }
      } catch (error) {
        if (!options.keepGoing || !(error instanceof Complaint)) throw error;
        progress.clear();
        complain(error);
        process.exitCode = EXIT_TROUBLE;
      } finally {
        progress.clear();
      }
    }
    for (const { trace, warnings } of results) for (const text of warnings) warn(text, { file: trace.file });
    if (results.length > 0) {
      report?.write(await render(results, options, { fields: fields.report, several }));
      await pictures?.finish();
      await sinks.commit();
    }
    answer(results, options.failIf ?? []);
  } finally {
    sinks.discard();
  }
}

type Shape = Pick<ReportOptions, 'fields' | 'several'>;

async function render(results: ReplayResult[], options: ReplayOptions, shape: Shape): Promise<string> {
  const [{ outputStyle }, reporter] = await Promise.all([import('./terminal.js'), loadReporter(options.format)]);
  return reporter(results, { ...shape, style: outputStyle(options) });
}

/** Exit 1 with a line that says why: a condition of --fail-if that is met, an expectation that does not hold. */
function answer(results: readonly ReplayResult[], conditions: readonly Condition[]): void {
  const say = (message: string, file: string): void => {
    note(message, { file });
    process.exitCode ??= EXIT_ANSWER;
  };
  for (const { trace, models, expect } of results) {
    for (const { text, met } of conditions) {
      const hits = models.flatMap(model => {
        const what = met(model);
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
