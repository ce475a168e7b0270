/** Completion for fish: one `complete` for each command, option and place. */
import type { CommandNode, OptionNode, Values } from './tree.js';

export function fishScript([program, ...commands]: readonly [CommandNode, ...CommandNode[]]): string {
  const lines = [
    '# vmalock completion for fish: vmalock completion fish | source',
    '',
    'complete -c vmalock -f',
    ...program.options.map(option => optionLine('__fish_use_subcommand', option)),
    ...commands.flatMap(command => commandLines(command)),
  ];
  return lines.join('\n') + '\n';
}

function commandLines({ name, description, options, places }: CommandNode): string[] {
  const here = `'__fish_seen_subcommand_from ${name}'`;
  return [
    '',
    `complete -c vmalock -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
    ...options.map(option => optionLine(here, option)),
    ...places.flatMap(place => {
      const given = valueFlags(place);
      return given === '' ? [] : [`complete -c vmalock -n ${here}${given}`];
    }),
  ];
}

function optionLine(when: string, { names, description, value }: OptionNode): string {
  const flags = names.map(name => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
  const takes = value === null ? '' : ` -r${valueFlags(value)}`;
  return `complete -c vmalock -n ${when} ${flags}${takes} -d ${quoted(description)}`;
}

/** What follows, as flags of complete: words, and whether files do too. */
function valueFlags({ words, files, list }: Values): string {
  const some = words.join(' ');
  const given = words.length === 0 ? '' : ` -a ${quoted(list ? `(__fish_append , ${some})` : some)}`;
  return given + (files ? ' -F' : words.length > 0 ? ' -f' : '');
}

/** In single quotes fish knows two escapes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
