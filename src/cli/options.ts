/** The options commands share: declared once, checked while they are parsed, refused with the nearest right word. */
import { type Command, Option } from 'commander';
import { Complaint, nearest, quote } from '../errors.js';
import { HOT_KEYS, type HotKey } from '../replay/result.js';
import { FORMATS, type Format } from '../report/index.js';
import { LIMITS, type LimitName } from '../trace/limits.js';
import type { ColorChoice } from './color.js';
import { type Condition, parseFailIf } from './fail-if.js';
import { isOfRuntime, notOpen } from './system.js';

/** Options every command takes. */
export interface BaseOptions {
  out?: string;
  color: ColorChoice;
  quiet?: boolean;
  progress: boolean;
  errorFormat: 'text' | 'json';
  /** the file that was read, if one was */
  config?: string | false;
}

/** Options of commands that read traces. */
export interface InputOptions {
  strict?: boolean;
  keepGoing?: boolean;
  maxLine: number;
  maxNames: number;
  maxWindow: number;
}

/** Options of commands that import. */
export interface HeldOptions {
  maxHeld: number;
}

/** Options of commands that report. */
export interface ReportingOptions<F extends string = Format> {
  format: F;
  fields?: string[];
}

/** Options of commands that let models run. */
export interface TimingOptions {
  timing: 'closed' | 'recorded';
  costs?: string;
  seed: number;
  maxThreads: number;
  maxMms: number;
  maxVmas: number;
  maxPages: number;
}

/** Options of those that have rows of events. */
export interface RunningOptions extends TimingOptions {
  events?: string;
  html?: string;
  perfetto?: string;
  folded?: string;
}

/** Options of commands that replay. */
export interface ReplayingOptions extends RunningOptions {
  model?: string[];
  failIf?: Condition[];
  by?: HotKey;
  top?: number;
  sample?: number;
}

export function withBase(command: Command): Command {
  return command
    .option('-o, --out <file>', 'write the result to a file, whole or not at all')
    .addOption(choice('--color <when>', 'colours and bold', ['auto', 'always', 'never'], 'auto'))
    .option('-q, --quiet', 'no warnings on stderr')
    .option('--no-progress', 'no progress on a terminal')
    .addOption(choice('--error-format <format>', 'how complaints are spelled on stderr', ['text', 'json'], 'text'))
    .option('--config <file>', 'options to begin with (default: vmalock.config.json, if there is one)')
    .option('--no-config', 'no options but those of the command line');
}

export function withInput(command: Command): Command {
  return withReading(command).option('--keep-going', 'skip bad lines and bad traces, counting them');
}

/** Options of commands that read a trace and stop at its first bad line. */
export function withReading(command: Command): Command {
  command.option('--strict', 'refuse unknown keys instead of warning about them');
  withText(command);
  return withLimit(command, 'maxNames', 'most that all names may take', 2 ** 34);
}

/** Options of commands that read lines, which may be packed. */
export function withText(command: Command): Command {
  withLimit(command, 'maxLine', 'longest line that is read', 2 ** 28);
  return withLimit(command, 'maxWindow', 'largest window of zstd data', 2 ** 31);
}

/** Options of commands that import. */
export function withHeld(command: Command): Command {
  return withLimit(command, 'maxHeld', 'most calls and faults that one without an end holds back');
}

/** An option that moves a limit: a number, or where `most` is given bytes up to that. */
export function withLimit(command: Command, name: LimitName, description: string, most?: number): Command {
  const { option, standard } = LIMITS[name];
  if (most === undefined) return command.option(`${option} <n>`, description, natural(option), standard);
  return command.option(`${option} <bytes>`, description, size(option, most), standard);
}

export function withReport<F extends string>(command: Command, formats: readonly F[]): Command {
  return command
    .addOption(choice('--format <format>', 'output format', formats, formats[0]))
    .option('--json', 'same as --format json')
    .on('option:json', () => command.setOptionValueWithSource('format', 'json', 'cli'));
}

export function withFields(command: Command): Command {
  return command.option(
    '--fields <names>',
    'only these fields, in this order (an unknown one lists them)',
    list('--fields'),
  );
}

/** @param timings those there are; the first is the default */
export function withTiming(
  command: Command,
  timings: readonly RunningOptions['timing'][] = ['closed', 'recorded'],
): Command {
  command
    .addOption(choice('--timing <timing>', 'when operations start', timings, timings[0]))
    .option('--costs <file>', 'JSON file of step costs in ns that replace the defaults')
    .option('--seed <n>', 'seed of random choices; the timings above make none', natural('--seed'), 0);
  withLimit(command, 'maxThreads', 'most threads of a trace');
  withLimit(command, 'maxMms', 'most address spaces of a trace');
  withLimit(command, 'maxVmas', 'most VMAs at once, of all address spaces');
  return withLimit(command, 'maxPages', 'most touched pages at once, of all address spaces');
}

/**
 * @param rows what `--events` has a row for
 * @param timings those there are; the first is the default
 */
export function withRun(command: Command, rows: string, timings?: readonly RunningOptions['timing'][]): Command {
  return withTiming(command, timings).option(
    '--events <file>',
    `one NDJSON row per ${rows}; - for stdout, in place of the report`,
  );
}

/** Pictures of a run, beside its report. */
export function withPictures(command: Command): Command {
  return command
    .option('--html <file>', 'a page with timelines and fault maps, to open in any browser')
    .option('--perfetto <file>', 'the run as Chrome trace JSON, for ui.perfetto.dev')
    .option('--folded <file>', 'who waited for what, as stacks for a flame graph');
}

export function withReplay(command: Command): Command {
  const chosen = withModels(
    command,
    'models to replay against: ids, releases, per-vma, all, ./series.json (default: mmap_lock,per-vma)',
  );
  return withPictures(withRun(chosen, 'fault and model'))
    .addOption(choice('--by <key>', 'add the faults that fell back or waited up by', HOT_KEYS))
    .option('--top <n>', 'rows of each table, and of --by in every format', natural('--top'))
    .option('--sample <1/n>', 'replay one in n faults, and every operation', fraction)
    .option('--fail-if <expr>', 'exit 1 when a model meets it, such as fallbacks>5% or max_wait>10ms', failIf);
}

/** Command lines that show what a command is for, at the end of its help; `vmalock` is put before each. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map(line => `  vmalock ${line}`).join('\n')}`);
}

/** The parser of a share of the whole, from 0 to 1. */
export function share(name: string): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d*\.?\d+$/.test(text) && value <= 1) return value;
    throw cannotBe(name, text, 'give a number from 0 to 1, such as 0.995');
  };
}

function cannotBe(name: string, text: string, hint: string): Complaint {
  return new Complaint('usage', `${name} cannot be ${quote(text)}`, {}, hint);
}

/** All formats a replay can be reported in. */
export const REPLAY_FORMATS = FORMATS;

/** An option that takes one of a few words. */
export function choice<T extends string>(
  flags: string,
  description: string,
  values: readonly T[],
  standard?: T,
): Option {
  const name = flags.split(' ')[0];
  const option = new Option(flags, `${description}: ${values.join(', ')}`).choices(values).default(standard);
  return option.argParser((text: string) => {
    const value = values.find(known => known === text);
    if (value !== undefined) return value;
    const near = nearest(text, values);
    throw cannotBe(name, text, near === undefined ? `one of ${values.join(', ')}` : `did you mean ${near}?`);
  });
}

/** The parser of a comma list. */
function list(name: string): (text: string) => string[] {
  return text => {
    const words = text.split(',').map(word => word.trim());
    if (words.includes('')) throw cannotBe(name, text, 'write a,b,c');
    return words;
  };
}

/** `--model` of one. */
export function withModel(command: Command, description: string): Command {
  return command.option('-m, --model <model>', description).addOption(plural('--models <model>'));
}

/** `--model` of several, which may be given more than once. */
export function withModels(command: Command, description: string): Command {
  return command
    .option('-m, --model <models>', description, models)
    .addOption(plural('--models <models>').argParser(models));
}

/** Another spelling of `--model`; help tells of one. */
function plural(flags: string): Option {
  const option = new Option(flags).hideHelp();
  option.attributeName = () => 'model';
  return option;
}

function models(text: string, before: string[] = []): string[] {
  return [...before, ...list('--model')(text)];
}

/** The parser of a whole number, from `least` on. */
export function natural(name: string, least = 0): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw cannotBe(name, text, `give an integer from ${least} to 2^53 - 1`);
  };
}

/** The n of `1/n`. */
function fraction(text: string): number {
  const match = /^1\/([1-9]\d{0,8})$/.exec(text);
  if (match !== null) return Number(match[1]);
  throw cannotBe('--sample', text, '1/10 replays one in ten faults');
}

/** The parser of a number of bytes, such as `64k`, up to `most`. */
export function size(name: string, most: number): (text: string) => number {
  return text => {
    const match = /^(\d+)([kKM]?)$/.exec(text);
    const scale = { '': 1, k: 1024, K: 1024, M: 1024 ** 2 }[match?.[2] ?? ''] ?? 1;
    const value = Number(match?.[1]) * scale;
    if (match !== null && value > 0 && value <= most) return value;
    throw cannotBe(name, text, `bytes, such as 65536, 64k or 4M, up to ${most / 1024 ** 2}M`);
  };
}

function failIf(text: string, before: Condition[] = []): Condition[] {
  return [...before, ...parseFailIf(text)];
}

/**
 * The inputs a command was given: `-` when there are none and something is piped in.
 *
 * On a terminal without inputs the command's help goes to stderr.
 */
export function inputsOf(names: readonly string[], command: Command): string[] {
  if (names.length === 0 && process.stdin.isTTY) command.help({ error: true });
  const inputs = names.length === 0 ? ['-'] : [...names];
  const read = [...inputs, ...filesBeside(command.opts())];
  const runtimes = read.find(isOfRuntime);
  if (runtimes !== undefined) throw notOpen('cannot read', { file: runtimes });
  if (read.filter(name => name === '-').length > 1) {
    throw new Complaint('usage', 'stdin (-) is given twice', {}, 'it can be read once');
  }
  return inputs;
}

/** Options that name a file to read. */
export interface FileOptions {
  config?: string | false;
  costs?: string;
  truth?: string;
  maps?: string;
  smaps?: string;
  model?: string | readonly string[];
}

/** Does `--model` mean a file by this? */
export const isSeriesFile = (model: string): boolean => /\/|\.json$/.test(model);

/** What a command reads beside its traces: inputs too, none of which may be written over. */
export function filesBeside({ config, costs, truth, maps, smaps, model = [] }: FileOptions): string[] {
  const named = [config, costs, truth, maps, smaps].filter(name => typeof name === 'string');
  return [...named, ...[model].flat().filter(isSeriesFile)];
}
