/** `vmalock diff` of two traces under one model. */
import { Complaint, EXIT_ANSWER } from '../errors.js';
import type { ReplayResult } from '../replay/result.js';
import type { TracesDiff } from '../replay/traces-diff.js';
import { selectFields } from '../report/fields.js';
import { warn } from './complain.js';
import type { BaseOptions, InputOptions, ReportingOptions, RunningOptions } from './options.js';
import { type Pictures, startPictures } from './pictures.js';
import { Progress } from './progress.js';
import { openSinks } from './sinks.js';

export type DiffOptions = BaseOptions &
  InputOptions &
  ReportingOptions &
  RunningOptions & { model?: string; top: number };

/** @param asked a format was asked for */
export async function diffTwoTraces(
  traces: readonly [string, string],
  options: DiffOptions,
  asked: boolean,
): Promise<void> {
  if (options.events !== undefined) {
    const hint = 'vmalock replay A B --events - has the faults of both';
    throw new Complaint('usage', '--events of diff is for two models: faults of two traces are not the same', {}, hint);
  }
  const { diffTracesFields, diffTracesListing } = await import('../report/diff-traces.js');
  const fields = selectFields(options.fields, diffTracesFields(options.format), []);
  const { loadCosts, loadModel } = await import('./models-option.js');
  const model = await loadModel(options.model ?? 'per-vma');
  const costs = options.costs === undefined ? undefined : await loadCosts(options.costs);
  const sinks = openSinks(options, traces, asked);
  try {
    const pictures = await startPictures(sinks, { traces: 2, models: 1 });
    const [{ diffTraces, replayToCompare }, { replayFile }] = await Promise.all([
      import('../replay/diff-traces.js'),
      import('./replay-file.js'),
    ]);
    const progress = new Progress(options);
    const replay = async (input: string): Promise<ReplayResult> => {
      const machine = replayToCompare(model, {
        timing: options.timing,
        maxVmas: options.maxVmas,
        maxPages: options.maxPages,
        ...(costs && { costs }),
        ...(pictures && { watcher: pictures.watcher(input) }),
      });
      const result = await replayFile(input, machine, { ...options, sinks, progress }).finally(() => progress.clear());
      for (const text of result.warnings) warn(text, { file: input });
      await picture(pictures, result);
      return result;
    };
    const [from, to] = [await replay(traces[0]), await replay(traces[1])];
    const result = diffTraces(from, to);
    if (sinks.report !== null) {
      const [{ renderListing }, { outputStyle }] = await Promise.all([
        import('../report/listing.js'),
        import('./terminal.js'),
      ]);
      const listing = diffTracesListing(result, fields.report, options.top);
      sinks.report.write(renderListing(listing, options.format, outputStyle(options)));
    }
    await pictureBoth(pictures, result);
    await sinks.commit();
    if (result.differs) process.exitCode = EXIT_ANSWER;
  } finally {
    sinks.discard();
  }
}

async function picture(pictures: Pictures | null, result: ReplayResult): Promise<void> {
  if (pictures === null) return;
  const { replayPart } = await import('../report/html.js');
  pictures.over(result.trace, [result.models[0].model], drawn => replayPart(result, drawn));
}

async function pictureBoth(pictures: Pictures | null, result: TracesDiff): Promise<void> {
  if (pictures === null) return;
  const { diffTracesPart } = await import('../report/html.js');
  pictures.lead(diffTracesPart(result));
  await pictures.finish();
}
