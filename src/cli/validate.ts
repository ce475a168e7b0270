/** `vmalock validate`: is this a trace? Every problem as a complaint of its own; exit 1 when there is any. */
import type { Command } from 'commander';
import { type Complaint, EXIT_ANSWER, EXIT_TROUBLE, escapeText } from '../errors.js';
import { lostWords } from '../report/span-words.js';
import type { TraceInfo } from '../trace/columns.js';
import { complain, warn } from './complain.js';
import {
  type BaseOptions,
  filesBeside,
  type InputOptions,
  inputsOf,
  withBase,
  withExamples,
  withInput,
  withReport,
} from './options.js';
import { openSink } from './output.js';
import { unknownKeys } from './unknown-keys.js';

/** Problems told of one trace; after that it is enough. */
const MOST = 100;
const FORMATS = ['table', 'json', 'ndjson'] as const;

type ValidateOptions = BaseOptions & InputOptions & { format: (typeof FORMATS)[number] };

interface Verdict {
  file: string;
  valid: boolean;
  problems: object[];
  /** there were more problems than are listed */
  more: boolean;
  /** events the recording lost */
  lost: number;
  warnings: string[];
}

export function registerValidate(program: Command): void {
  const command = program
    .command('validate')
    .argument('[trace...]', 'traces to check; - is stdin')
    .description('check traces and name every problem with file, line and JSON path');
  withExamples(command, 'validate trace.ndjson', 'validate --strict --format ndjson *.ndjson.gz');
  withBase(withInput(withReport(command, FORMATS))).action(validate);
}

async function validate(traces: string[], options: ValidateOptions, command: Command): Promise<void> {
  const inputs = inputsOf(traces, command);
  const sink = openSink(options.out, [...inputs, ...filesBeside(options)]);
  try {
    const verdicts: Verdict[] = [];
    for (const file of inputs) verdicts.push(await check(file, options));
    sink.write(render(verdicts, options.format));
    await sink.commit();
  } finally {
    sink.discard();
  }
}

async function check(
  file: string,
  { strict = false, maxLine, maxNames, maxWindow }: ValidateOptions,
): Promise<Verdict> {
  const [{ validateTrace }, { knownIds }] = await Promise.all([
    import('../trace/reader.js'),
    import('./models-option.js'),
  ]);
  const models = knownIds();
  const verdict: Verdict = { file, valid: true, problems: [], more: false, lost: 0, warnings: [] };
  const onEnd = (info: TraceInfo): void => {
    verdict.lost = info.meta.lost ?? 0;
    verdict.warnings.push(...unknownKeys(info));
  };
  for await (const problem of validateTrace(file, {
    strict,
    maxLine,
    maxNames,
    maxWindow,
    models,
    max: MOST + 1,
    onEnd,
  })) {
    verdict.valid = false;
    // A file that cannot be read is trouble, not an answer.
    if (problem.class === 'io') process.exitCode = EXIT_TROUBLE;
    else process.exitCode ??= EXIT_ANSWER;
    verdict.more = verdict.problems.length === MOST;
    if (verdict.more) break;
    complain(problem);
    verdict.problems.push(plain(problem));
  }
  for (const text of verdict.warnings) warn(text, { file });
  return verdict;
}

function plain({ class: kind, where, message, hint }: Complaint): object {
  const { line = null, column = null, path = null } = where;
  return { class: kind, line, column, path, message, hint: hint ?? null };
}

function render(verdicts: readonly Verdict[], format: (typeof FORMATS)[number]): string {
  if (format === 'ndjson') return verdicts.map(verdict => JSON.stringify(verdict) + '\n').join('');
  if (format === 'json') {
    return (
      JSON.stringify({ schema: 'vmalock.validate/1', valid: verdicts.every(v => v.valid), traces: verdicts }, null, 2) +
      '\n'
    );
  }
  return verdicts
    .filter(({ valid }) => valid)
    .map(({ file, lost }) => `${escapeText(file)}: valid${lost === 0 ? '' : `, ${lostWords(lost)}`}\n`)
    .join('');
}
