/** The command line as its help shows it: what completion and the manual page must agree with. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));

export function vmalock(...args: string[]): string {
  const env = { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C' };
  return execFileSync(process.execPath, [BIN, ...args], { encoding: 'utf8', env });
}

const indented = (help: string, title: string): string[] => {
  const [, block = ''] = new RegExp(`^${title}:\\n((?:  .*\\n)*)`, 'm').exec(help) ?? [];
  return block.split('\n').filter(line => /^ {2}\S/.test(line));
};

/** Every command of `vmalock --help`. */
export const COMMANDS: readonly string[] = indented(vmalock('--help'), 'Commands').map(
  line => line.trim().split(' ')[0],
);

/** The flags in the help of a command, or of the program itself (''), in order: `-m`, `--model`. */
export function flagsOf(command: string): string[] {
  const help = vmalock(...(command === '' ? [] : [command]), '--help');
  return indented(help, 'Options').flatMap(
    line => /^ {2}(.*?)(?: {2,}|$)/.exec(line)?.[1].match(/(?<![\w-])--?[\w-]+/g) ?? [],
  );
}

/** Lines of the examples in the help of a command. */
export function examplesOf(command: string): string[] {
  const [, after = ''] = vmalock(command, '--help').split('Examples:\n');
  return after
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.trim());
}
