/** `vmalock man`: the manual page, from the same source as the help. */
import type { Command } from 'commander';
import { type BaseOptions, filesBeside, withBase, withExamples } from './options.js';
import { openSink } from './output.js';
import { version } from './version.js';

export function registerMan(program: Command): void {
  const command = program.command('man').description('print the manual page, as roff');
  withBase(withExamples(command, 'man | man -l -')).action(async (options: BaseOptions) => {
    const { manual } = await import('./manual.js');
    const sink = openSink(options.out, filesBeside(options));
    sink.write(manual(program, version()));
    await sink.commit();
  });
}
