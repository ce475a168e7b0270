/** `vmalock diff`: one trace under two models, and what differs. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { Complaint, EXIT_ANSWER, quote } from '../errors.js';
import { type ChangedFault, FIRST } from '../replay/result.js';
import { selectFields } from '../report/fields.js';
import { formatEventRow } from '../report/json.js';
import { warn } from './complain.js';
import {
  type BaseOptions,
  type InputOptions,
  natural,
  REPLAY_FORMATS,
  type ReportingOptions,
  type RunningOptions,
  withBase,
  withExamples,
  withFields,
  withInput,
  withPictures,
  withReport,
  withRun,
} from './options.js';
import { startPictures } from './pictures.js';
import { Progress } from './progress.js';
import { openSinks } from './sinks.js';

type DiffOptions = BaseOptions & InputOptions & ReportingOptions & RunningOptions & { top: number };

const NOTES = `
Two models without a trace compare the one on stdin. csv, tsv and ndjson have a
row for each way in which faults change, --events one for each fault that does.

Exit status 1 when anything differs: the verdict, fallback, counter or site of
a fault, or any time; 0 when nothing does.`;

export function registerDiff(program: Command): void {
  const command = program
    .command('diff')
    .usage('[options] [trace] <from> <to>')
    .argument('[trace]', 'a trace: JSON or NDJSON, plain, gzip or zstd; - is stdin')
    .argument('[from]', 'a model: id, release, per-vma or ./series.json')
    .argument('[to]', 'the model to compare it with')
    .description('replay a trace against two models: which faults change, and what that does to waiting')
    .option('--top <n>', 'how many of the faults that change are listed', natural, FIRST)
    .addHelpText('after', NOTES);
  withExamples(
    command,
    'diff trace.ndjson.gz v6.5 v6.6',
    'diff trace.ndjson mmap_lock per-vma --format markdown --top 3',
    'diff trace.ndjson v6.18 ./my-series.json --events changed.ndjson',
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
  const [input, ...names] = argumentsOf([trace, from, to], command);
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
  const asked = command.getOptionValueSource('format') === 'cli';
  const sinks = openSinks(options, [input], asked);
  const { report, events } = sinks;
  try {
    const pictures = await startPictures(sinks, { traces: 1, models: 2 });
    const [{ Diff }, { replayFile }] = await Promise.all([import('../replay/diff.js'), import('./replay-file.js')]);
    const progress = new Progress(options);
    const { timing, top } = options;
    const onChange = events && ((fault: ChangedFault) => events.write(formatEventRow(fault, fields.events, null)));
    const machine = new Diff(before, after, {
      timing,
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
      pictures.over([result.from, result.to], drawn => diffPart(result, drawn));
      await pictures.finish();
    }
    await sinks.commit();
    if (result.differs) process.exitCode = EXIT_ANSWER;
  } finally {
    sinks.discard();
  }
}

/** The trace and two models; two words that are no file are models, of a trace that is piped in. */
function argumentsOf(words: readonly (string | undefined)[], command: Command): string[] {
  const given = words.filter(word => word !== undefined);
  if (given.length === words.length) return given;
  const piped = process.stdin.isTTY !== true;
  if (given.length === 0 && !piped) command.help({ error: true });
  const [first] = given;
  if (given.length === 2 && piped && first !== '-' && !existsSync(first)) return ['-', ...given];
  const found = given.length === 0 ? 'nothing' : given.map(quote).join(' ');
  throw new Complaint(
    'usage',
    `diff takes a trace and two models, found ${found}`,
    {},
    'vmalock diff TRACE v6.6 v6.18',
  );
}
