/** The first step in: a question that needs nothing of the rest is answered before the rest is loaded. */
import { asksForJson, fail, voice } from './complain.js';
import { openSink } from './output.js';
import { version } from './version.js';

/** As main() of main.ts, which it calls for everything but the bare `--version` that scripts ask for. */
export async function start(argv: string[]): Promise<void> {
  if (argv.length !== 3 || (argv[2] !== '--version' && argv[2] !== '-V')) {
    const main = await load(argv);
    return main?.(argv);
  }
  // The sink tells of it.
  process.stdout.on('error', () => {});
  try {
    const sink = openSink(undefined, []);
    sink.write(`${version()}\n`);
    await sink.commit();
  } catch (error) {
    process.exitCode = fail(error, argv);
  }
}

/** The rest; where the system does not let it be loaded that is said, as it is later by main(). */
async function load(argv: readonly string[]): Promise<typeof import('./main.js').main | null> {
  try {
    return (await import('./main.js')).main;
  } catch (error) {
    voice.json = asksForJson(argv);
    process.exitCode = fail(error, argv);
    return null;
  }
}
