/** `vmalock diff`: one trace under two models, or two traces under one, and what differs. */
import type { Command } from 'commander';
import { EXIT_ANSWER, quote } from '../errors.js';
import { type ChangedFault, FIRST } from '../replay/result.js';
import { selectFields } from '../report/fields.js';
import { formatEventRow } from '../report/json.js';
import { warn } from './complain.js';
import { diffArguments } from './diff-arguments.js';
import { type DiffOptions, diffTwoTraces } from './diff-traces.js';
import {
  natural,
  REPLAY_FORMATS,
  withBase,
  withExamples,
  withFields,
  withInput,
  withModel,
  withPictures,
  withReport,
  withRun,
} from './options.js';
import { startPictures } from './pictures.js';
import { Progress } from './progress.js';
import { openSinks } from './sinks.js';

const NOTES = `
Two models without a trace compare the one on stdin. csv, tsv and ndjson have a
row for each way in which faults change, --events one for each fault that does.

Two traces are compared for each 1,000 faults: two runs of a program, before a
change and after it. Rows are quantities then, and --html shows both.

Exit status 1 when anything differs: the verdict, fallback, counter or site of
a fault, or any time (of two traces: any count or time); 0 when nothing does.`;

export function registerDiff(program: Command): void {
  const command = program
    .command('diff')
    .usage('[options] [trace] <from> <to>\n       vmalock diff [options] <trace> <trace>')
    .argument('[trace]', 'a trace: JSON or NDJSON, plain, gzip or zstd; - is stdin')
    .argument('[from]', 'a model: id, release, per-vma or ./series.json; or another trace')
    .argument('[to]', 'the model to compare it with')
    .description('replay a trace against two models, or two traces against one, and say what differs')
    .addHelpText('after', NOTES);
  withModel(command, 'of two traces: id, release, per-vma or ./series.json (default: per-vma)').option(
    '--top <n>',
    'how many of the faults that change are listed; of two traces, rows of each table',
    natural('--top'),
    FIRST,
  );
  withExamples(
    command,
    'diff trace.ndjson.gz v6.5 v6.6',
    'diff trace.ndjson mmap_lock per-vma --format markdown --top 3',
    'diff trace.ndjson v6.18 ./my-series.json --events changed.ndjson',
    'diff before.ndjson.gz after.ndjson.gz -m v6.18',
  );
  const run = withRun(withInput(withFields(withReport(command, REPLAY_FORMATS))), 'fault that changes');
  withBase(withPictures(run)).action(diff);
}

async function diff(
  trace: string | undefined,
  from: string | undefined,
  to: string | undefined,
  options: DiffOptions,
  command: Command,
): Promise<void> {
  const model = command.getOptionValueSource('model') === 'cli' ? options.model : undefined;
  const given = diffArguments([trace, from, to], model, command);
  const asked = command.getOptionValueSource('format') === 'cli';
  if (given.of === 'traces') return diffTwoTraces(given.traces, options, asked);
  const { trace: input, models: names } = given;
  const { CHANGE_FIELDS, diffFields, diffListing } = await import('../report/diff.js');
  const fields = selectFields(
    options.fields,
    diffFields(options.format),
    options.events === undefined ? [] : CHANGE_FIELDS,
  );
  const { loadCosts, loadModel } = await import('./models-option.js');
  const [before, after] = [await loadModel(names[0]), await loadModel(names[1])];
  if (before === after && names[0] !== names[1]) warn(`${names.map(quote).join(' and ')} are both ${before.id}`);
  const costs = options.costs === undefined ? undefined : await loadCosts(options.costs);
  const sinks = openSinks({ ...options, model: names }, [input], asked);
  const { report, events } = sinks;
  try {
    const pictures = await startPictures(sinks, { traces: 1, models: 2 });
    const [{ Diff }, { replayFile }] = await Promise.all([import('../replay/diff.js'), import('./replay-file.js')]);
    const progress = new Progress(options);
    const { timing, maxVmas, maxPages, top } = options;
    const onChange = events && ((fault: ChangedFault) => events.write(formatEventRow(fault, fields.events, null)));
    const machine = new Diff(before, after, {
      timing,
      maxVmas,
      maxPages,
      top,
      ...(costs && { costs }),
      ...(onChange && { onChange }),
      ...(pictures && { watcher: pictures.watcher(input) }),
    });
    const result = await replayFile(input, machine, { ...options, sinks, progress }).finally(() => progress.clear());
    for (const text of result.warnings) warn(text, { file: input });
    if (report !== null) {
      const [{ renderListing }, { outputStyle }] = await Promise.all([
        import('../report/listing.js'),
        import('./terminal.js'),
      ]);
      report.write(renderListing(diffListing(result, fields.report), options.format, outputStyle(options)));
    }
    if (pictures !== null) {
      const { diffPart } = await import('../report/html.js');
      pictures.over(result.trace, [result.from, result.to], drawn => diffPart(result, drawn));
      await pictures.finish();
    }
    await sinks.commit();
    if (result.differs) process.exitCode = EXIT_ANSWER;
  } finally {
    sinks.discard();
  }
}
