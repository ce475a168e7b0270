/** What commander stopped for, in our words: what is wrong, the nearest right word, and where to read on. */
import type { Command, CommanderError } from 'commander';
import { Complaint, cutText, nearest, quote } from '../errors.js';

/** The complaint about a command line that could not be parsed. */
export function usageComplaint(error: CommanderError, program: Command, argv: readonly string[]): Complaint {
  const command = program.commands.find(known => known.name() === argv[2]);
  const help = `see vmalock ${command === undefined ? '' : `${command.name()} `}--help`;
  const [message, hint] = error.message.replace(/^error: /, '').split('\n');
  const counts = /Expected (\d+) arguments? but got (\d+)/.exec(message);
  if (counts !== null && command !== undefined) {
    const [, wanted, got] = counts;
    const takes = `${command.name()} takes ${wanted === '1' ? '1 argument' : `at most ${wanted} arguments`}`;
    return new Complaint('usage', `${takes}, found ${got}`, {}, help);
  }
  const missing = /^option '(?:-\w, )?(--[\w-]+) (.*)' argument missing$/.exec(message);
  if (missing !== null) return new Complaint('usage', `${missing[1]} needs ${missing[2]}`, {}, help);
  const argument = /^missing required argument '(.*)'$/.exec(message);
  if (argument !== null && command !== undefined) {
    return new Complaint('usage', `${command.name()} needs <${argument[1]}>`, {}, help);
  }
  const near = /^\(Did you mean (.*)\?\)$/.exec(hint ?? '')?.[1];
  return new Complaint(
    'usage',
    message.replace(/'(.*)'/su, (_, text: string) => `'${cutText(text)}'`),
    {},
    near === undefined ? help : `did you mean ${near}?`,
  );
}

/** The complaint about `help` of a command there is none of; null when help was asked for in another way. */
export function helpComplaint(program: Command, argv: readonly string[]): Complaint | null {
  const [word, name] = argv.slice(2);
  if (word !== 'help' || name === undefined) return null;
  const near = nearest(
    name,
    program.commands.map(command => command.name()),
  );
  const hint = near === undefined ? 'see vmalock --help' : `did you mean ${near}?`;
  return new Complaint('usage', `unknown command ${quote(name)}`, {}, hint);
}
