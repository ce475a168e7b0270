/** The door: argv in, exit status out. Commands live in files of their own and load what they need when they run. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { Complaint, EXIT_OK, EXIT_TROUBLE, QUOTE_LIMIT } from '../errors.js';
import { fail, voice } from './complain.js';
import { registerDiff } from './diff.js';
import { registerImport } from './import.js';
import { registerModels } from './models.js';
import { openSink } from './output.js';
import { registerRecord } from './record.js';
import { registerReplay } from './replay.js';
import { registerSchema } from './schema.js';
import { watchSignals } from './signals.js';
import { registerValidate } from './validate.js';
import { registerVerify } from './verify.js';

const EXIT_STATUS = `
Exit status: 0 fine, 1 the answer is no (invalid, differs, disagrees, --fail-if met,
events lost), 2 usage or bad input, 70 a bug in vmalock, 130 and 143 by signal, 141
when the reader of its output went away.`;

/** In the order the help lists them. */
const COMMANDS = [
  registerReplay,
  registerDiff,
  registerVerify,
  registerValidate,
  registerImport,
  registerRecord,
  registerModels,
  registerSchema,
];

/** Runs the command line; never rejects, never exits after output: sets `process.exitCode`. */
export async function main(argv: string[]): Promise<void> {
  watchProcess(argv);
  voice.json = asksForJson(argv);
  voice.quiet = false;
  let helpText = '';
  const program = new Command('vmalock')
    .description('replay traces of page faults and memory mapping against models of Linux fault handlers')
    .version(version(), '-V, --version')
    .addHelpText('after', EXIT_STATUS)
    .exitOverride()
    .configureOutput({
      writeOut: text => {
        helpText += text;
      },
      outputError: () => {},
    })
    .hook('preAction', (_, command) => {
      voice.quiet = command.opts().quiet === true;
    });
  for (const register of COMMANDS) register(program);
  try {
    await program.parseAsync(argv).catch(async (error: unknown) => {
      if (!(error instanceof CommanderError)) throw error;
      await endParsing(error, helpText);
    });
  } catch (error) {
    process.exitCode = fail(error, argv);
    // An input left half read must not keep the process waiting for its other end.
    process.stdin.destroy();
  }
}

/** What commander stopped for: help and version are fine, help for want of arguments is not, the rest is usage. */
async function endParsing(error: CommanderError, helpText: string): Promise<void> {
  if (error.exitCode === EXIT_OK) {
    const sink = openSink(undefined, []);
    sink.write(helpText);
    await sink.commit();
  } else if (error.code === 'commander.help') {
    process.exitCode = EXIT_TROUBLE;
  } else {
    const [message, hint] = error.message.replace(/^error: /, '').split('\n');
    throw new Complaint('usage', cut(message), {}, suggestion(hint));
  }
}

/** `(Did you mean --fields?)` in our words, or the way to the help. */
function suggestion(hint: string | undefined): string {
  const near = /^\(Did you mean (.*)\?\)$/.exec(hint ?? '')?.[1];
  return near === undefined ? 'see vmalock --help' : `did you mean ${near}?`;
}

function cut(message: string): string {
  const characters = [...message];
  return characters.length <= 2 * QUOTE_LIMIT ? message : characters.slice(0, 2 * QUOTE_LIMIT).join('') + '...';
}

/** Complaints about the command line itself must already obey --error-format, so it is looked for by hand. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const ours = end < 0 ? argv : argv.slice(0, end);
  return ours.some(
    (word, i) => word === '--error-format=json' || (word === '--error-format' && ours[i + 1] === 'json'),
  );
}

function version(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

/** A reader that goes away ends the run quietly; a signal ends it with its status. Both remove unfinished files. */
function watchProcess(argv: readonly string[]): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(141);
  });
  process.stderr.on('error', () => {});
  process.once('uncaughtException', error => process.exit(fail(error, argv)));
  watchSignals();
}
