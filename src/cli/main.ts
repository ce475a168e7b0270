/** The door: argv in, exit status out. Commands live in files of their own and load what they need when they run. */
import { Command, CommanderError } from 'commander';
import { EXIT_OK, EXIT_TROUBLE } from '../errors.js';
import { asksForJson, fail, voice } from './complain.js';
import { registerCompletion } from './completion.js';
import { applyConfig } from './config.js';
import { registerConvert } from './convert.js';
import { registerDiff } from './diff.js';
import { registerExplain } from './explain.js';
import { HELP_STYLE } from './help.js';
import { registerImport } from './import.js';
import { registerMan } from './man.js';
import { registerModels } from './models.js';
import { openSink } from './output.js';
import { registerRecord } from './record.js';
import { registerReplay } from './replay.js';
import { registerSchema } from './schema.js';
import { watchSignals } from './signals.js';
import { helpComplaint, usageComplaint } from './usage.js';
import { registerValidate } from './validate.js';
import { registerVerify } from './verify.js';
import { version } from './version.js';

const EXIT_STATUS = `
Exit status: 0 fine, 1 the answer is no (invalid, differs, disagrees, --fail-if met,
events lost), 2 usage or bad input, 70 a bug in vmalock, 130 and 143 by signal, 141
when the reader of its output went away.`;

/** In the order the help lists them. */
const COMMANDS = [
  registerReplay,
  registerDiff,
  registerVerify,
  registerExplain,
  registerValidate,
  registerImport,
  registerRecord,
  registerConvert,
  registerModels,
  registerSchema,
  registerCompletion,
  registerMan,
];

/** Runs the command line; never rejects, never exits after output: sets `process.exitCode`. */
export async function main(argv: string[]): Promise<void> {
  watchProcess(argv);
  voice.json = asksForJson(argv);
  voice.quiet = false;
  const said = { out: '', err: '' };
  const program = new Command('vmalock')
    .description('replay traces of page faults and memory mapping against models of Linux fault handlers')
    .version(version(), '-V, --version')
    .addHelpText('after', EXIT_STATUS)
    .configureHelp(HELP_STYLE)
    .exitOverride()
    .configureOutput({
      writeOut: text => {
        said.out += text;
      },
      writeErr: text => {
        said.err += text;
      },
      outputError: () => {},
    })
    .hook('preAction', async (_, command) => {
      await applyConfig(command);
      voice.quiet = command.opts().quiet === true;
    });
  for (const register of COMMANDS) register(program);
  try {
    await program.parseAsync(argv).catch(async (error: unknown) => {
      if (!(error instanceof CommanderError)) throw error;
      await endParsing(error, said, program, argv);
    });
  } catch (error) {
    process.exitCode = fail(error, argv);
    // An input left half read must not keep the process waiting for its other end.
    process.stdin.destroy();
  }
}

/** What commander stopped for: help and version are fine, help for want of arguments is not, the rest is usage. */
async function endParsing(
  error: CommanderError,
  said: { readonly out: string; readonly err: string },
  program: Command,
  argv: readonly string[],
): Promise<void> {
  if (error.exitCode === EXIT_OK) {
    const sink = openSink(undefined, []);
    sink.write(said.out);
    await sink.commit();
    return;
  }
  const complaint =
    error.code === 'commander.help' ? helpComplaint(program, argv) : usageComplaint(error, program, argv);
  if (complaint !== null) throw complaint;
  process.stderr.write(said.err);
  process.exitCode = EXIT_TROUBLE;
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
