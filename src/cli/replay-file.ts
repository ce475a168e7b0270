/** One trace through whatever replays it: the reader's batches in, the result out, bad lines counted on the way. */
import { setImmediate } from 'node:timers/promises';
import { Complaint, EXIT_TROUBLE, quote } from '../errors.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import { isKnownFs } from '../trace/file-ops.js';
import { readTrace } from '../trace/reader.js';
import type { Rereading } from '../trace/rereading.js';
import { formatCount, PAGE_SIZE } from '../units.js';
import { complain, formatWhere, warn } from './complain.js';
import type { InputOptions, TimingOptions } from './options.js';
import type { Progress } from './progress.js';
import { unknownKeys } from './unknown-keys.js';

/** Unknown file systems a warning names. */
const NAMED_FS = 3;

/** What takes a trace batch by batch and has a result at its end. */
export interface Machine<Result> {
  feed(columns: Columns, info: TraceInfo): void;
  finish(info: TraceInfo): Result;
}

export interface FileOptions extends InputOptions, Pick<TimingOptions, 'maxThreads' | 'maxMms'> {
  /** where the machine writes to while it runs: waited for between batches */
  sinks: { drain(): Promise<void> };
  progress: Progress;
  /** ids that `expect` may name; any when absent */
  expected?: readonly string[];
  /** for a trace that is read more than once */
  rereading?: Rereading;
}

/** @throws Complaint about the trace, unless `keepGoing` allows its line to be skipped */
export async function replayFile<Result extends { warnings: string[] }>(
  path: string,
  machine: Machine<Result>,
  options: FileOptions,
): Promise<Result> {
  const { sinks, progress, strict = false, maxLine, maxNames, maxWindow, maxThreads, maxMms } = options;
  const skipped = new SkippedLines();
  const info = await readTrace(path, {
    strict,
    models: options.expected,
    rereading: options.rereading,
    ...{ maxLine, maxNames, maxWindow, maxThreads, maxMms },
    onBatch: async (columns, soFar) => {
      machine.feed(columns, soFar);
      await sinks.drain();
      // Signals are heard between batches, also where stdin gives many without a pause.
      await setImmediate();
    },
    onProgress: (done, total) => progress.update(path, done, total),
    ...(options.keepGoing && { onBadLine: (complaint: Complaint) => skipped.add(complaint) }),
  });
  const result = machine.finish(info);
  result.warnings.push(...otherPages(info), ...unknownFs(info), ...unknownKeys(info), ...skipped.warnings());
  return result;
}

/**
 * What comes of each trace, one after the other, and then all their warnings. With `keepGoing` a trace that fails is told
 * and passed over.
 *
 * @param replay makes the result of one; `file` is how its rows are told apart, null for the only one
 */
export async function replayEach<Result extends { trace: { file: string }; warnings: string[] }>(
  inputs: readonly string[],
  { keepGoing, progress }: Pick<FileOptions, 'keepGoing' | 'progress'>,
  replay: (input: string, file: string | null) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const input of inputs) {
    try {
      results.push(await replay(input, inputs.length > 1 ? input : null));
    } catch (error) {
      if (!keepGoing || !(error instanceof Complaint)) throw error;
      progress.clear();
      complain(error);
      process.exitCode = EXIT_TROUBLE;
    } finally {
      progress.clear();
    }
  }
  for (const { trace, warnings } of results) for (const text of warnings) warn(text, { file: trace.file });
  return results;
}

/** A warning where the trace was recorded with pages of another size than the models have. */
function otherPages({ meta: { pageSize = PAGE_SIZE } }: TraceInfo): string[] {
  if (pageSize === PAGE_SIZE) return [];
  return [`meta.pageSize is ${formatCount(pageSize)}: it is replayed with pages of ${formatCount(PAGE_SIZE)} bytes`];
}

/** One warning for all file systems that are not known, whose files are taken for ones of the page cache. */
function unknownFs({ files }: TraceInfo): string[] {
  const unknown = [...new Set(files.flatMap(({ fs }) => (fs === null || isKnownFs(fs) ? [] : fs)))];
  if (unknown.length === 0) return [];
  const what = unknown.length === 1 ? '1 file.fs is' : `${formatCount(unknown.length)} file.fs are`;
  const named = unknown.slice(0, NAMED_FS).map(quote).join(', ');
  const more = unknown.length > NAMED_FS ? `, and ${formatCount(unknown.length - NAMED_FS)} more` : '';
  return [
    `${what} unknown and taken for a page cache: ${named}${more}; vm_ops that differ can be said (map_pages ...)`,
  ];
}

class SkippedLines {
  private count = 0;
  private first: Complaint | null = null;

  add(complaint: Complaint): void {
    this.count++;
    this.first ??= complaint;
  }

  warnings(): string[] {
    if (this.first === null) return [];
    const { where, message, class: kind } = this.first;
    const lines = this.count === 1 ? '1 bad line was' : `${this.count} bad lines were`;
    return [`${lines} skipped; first: ${formatWhere({ ...where, file: undefined })}: ${kind}: ${message}`];
  }
}
