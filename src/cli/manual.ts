/** The manual page, as roff: what `--help` says of every command, in the order it lists them. */
import type { Command } from 'commander';

/** vmalock(1) for the commands of `program`. */
export function manual(program: Command, version: string): string {
  const help = program.createHelp();
  const lines = [
    '.\\" Written by vmalock man.',
    `.TH VMALOCK 1 "" ${quoted(`vmalock ${version}`)} "User Commands"`,
    '.SH NAME',
    `vmalock \\- ${roff(program.description())}`,
    '.SH SYNOPSIS',
    ...program.commands.flatMap((command, i) => [...(i === 0 ? [] : ['.br']), usage(command)]),
    '.SH OPTIONS',
    ...options(program),
    '.SH COMMANDS',
    ...program.commands.flatMap(command => [
      `.SS ${quoted(command.name())}`,
      '.PP',
      usage(command),
      ...paragraph(`${capital(help.subcommandDescription(command))}.`),
      ...command.registeredArguments
        .filter(({ description }) => description !== '')
        .flatMap(place => ['.TP', `.I ${roff(place.name())}`, roff(help.argumentDescription(place))]),
      ...options(command),
      ...blocks(textAfter(command)),
    ]),
    '.SH FILES',
    '.TP',
    '.I vmalock.config.json',
    roff(
      'Options that are given always, by their long names: {"model": "v6.4,v6.18", "no-progress": true}. ' +
        'An object under the name of a command is for that command alone. The command line wins.',
    ),
    '.SH ENVIRONMENT',
    '.TP',
    '.BR NO_COLOR ", " FORCE_COLOR ", " CLICOLOR_FORCE',
    roff('Whether to colour, where --color does not say.'),
    '.SH NOTES',
    ...blocks(textAfter(program)),
  ];
  return lines.join('\n') + '\n';
}

/** One line for each way to call it; what is behind the first spells the command again. */
function usage(command: Command): string {
  const name = `vmalock ${command.name()}`;
  const ways = command
    .usage()
    .split('\n')
    .map(line => line.trim().replace(`${name} `, ''));
  return ways.map(way => `.B ${roff(name)}\n${roff(way)}`).join('\n.br\n');
}

function options(command: Command): string[] {
  const help = command.createHelp();
  return help
    .visibleOptions(command)
    .flatMap(option => ['.TP', `.B ${roff(help.optionTerm(option))}`, roff(help.optionDescription(option))]);
}

/** What was added to a command's help behind its options. */
function textAfter(command: Command): string {
  const before = command.configureOutput();
  let text = '';
  command.configureOutput({
    ...before,
    writeOut: piece => {
      text += piece;
    },
  });
  command.outputHelp();
  command.configureOutput(before);
  return text.slice(command.helpInformation().length);
}

/** Paragraphs, with what is indented left as it is. */
function blocks(text: string): string[] {
  return text
    .trim()
    .split(/\n{2,}/)
    .filter(block => block !== '')
    .flatMap(block => {
      const lines = block.split('\n');
      const laidOut = lines.findIndex(line => /^ |\S {2,}\S/.test(line));
      if (laidOut < 0) return paragraph(lines.join(' '));
      const head = lines.slice(0, laidOut);
      return [
        ...(head.length === 0 ? ['.PP'] : paragraph(head.join(' '))),
        '.nf',
        ...lines.slice(laidOut).map(roff),
        '.fi',
      ];
    });
}

function paragraph(text: string): string[] {
  return ['.PP', roff(text)];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Text that roff prints as it is: no escape, no hyphen for a minus, no request at the beginning of a line. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
}

/** One argument of a macro. */
function quoted(text: string): string {
  return `"${roff(text).replaceAll('"', '""')}"`;
}
