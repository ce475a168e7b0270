/** The first step in: a question that needs nothing of the rest is answered before the rest is loaded. */
import { fail } from './complain.js';
import { openSink } from './output.js';
import { version } from './version.js';

/** As main() of main.ts, which it calls for everything but the bare `--version` that scripts ask for. */
export async function start(argv: string[]): Promise<void> {
  if (argv.length !== 3 || (argv[2] !== '--version' && argv[2] !== '-V')) {
    const { main } = await import('./main.js');
    return main(argv);
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
