/** The command line as data: what `--help` lists, with the words that can stand for each value. Shells are told from it. */
import type { Argument, Command, Option } from 'commander';

/** What can stand in a place: words to choose from, and files beside them or instead. */
export interface Values {
  readonly words: readonly string[];
  readonly files: boolean;
  /** several, with commas between */
  readonly list: boolean;
}

export interface OptionNode {
  /** `-m`, `--model`: short first */
  readonly names: readonly string[];
  readonly description: string;
  /** what its value is called and can be; null for a flag */
  readonly value: ({ readonly name: string } & Values) | null;
  /** may be given more than once */
  readonly repeats: boolean;
}

export interface CommandNode {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly places: readonly ({ readonly name: string; readonly variadic: boolean } & Values)[];
}

/** Words that are known only when somebody asks: by the name a placeholder has in the help. */
export interface Vocabulary {
  readonly models: readonly string[];
  readonly importers: readonly string[];
  readonly metrics: readonly string[];
  /** by command */
  readonly fields: Readonly<Record<string, readonly string[]>>;
}

const NOTHING: Values = { words: [], files: false, list: false };

/** The program itself, without a name, then its commands. */
export function treeOf(program: Command, vocabulary: Vocabulary): [CommandNode, ...CommandNode[]] {
  const help = program.createHelp();
  const node = (command: Command, name: string): CommandNode => ({
    name,
    description: command.description(),
    options: help.visibleOptions(command).map(option => optionNode(option, name, vocabulary)),
    places: command.registeredArguments.map(place => ({
      name: place.name(),
      variadic: place.variadic,
      ...valuesOf(place, place.name(), name, vocabulary),
    })),
  });
  const commands = program.commands.map(command => node(command, command.name()));
  const places = [{ name: 'command', variadic: false, ...NOTHING, words: commands.map(({ name }) => name) }];
  return [
    node(program, ''),
    ...commands,
    { name: 'help', description: 'display help for command', options: [], places },
  ];
}

function optionNode(option: Option, command: string, vocabulary: Vocabulary): OptionNode {
  const name = /[<[]([^>\].]+)/.exec(option.flags)?.[1];
  return {
    names: [option.short, option.long].filter(flag => flag !== undefined),
    description: option.description,
    value: name === undefined ? null : { name, ...valuesOf(option, name, command, vocabulary) },
    repeats: option.attributeName() === 'model' || option.attributeName() === 'failIf',
  };
}

function valuesOf(place: Option | Argument, name: string, command: string, vocabulary: Vocabulary): Values {
  if (place.argChoices !== undefined) return { ...NOTHING, words: place.argChoices };
  const { models, importers, metrics, fields } = vocabulary;
  switch (name) {
    case 'file':
    case 'trace':
      return { ...NOTHING, files: true };
    case 'models':
      return { words: models, files: true, list: true };
    case 'id':
    case 'ids':
    case 'from':
    case 'model':
    case 'to':
      return { words: models, files: true, list: false };
    case 'names':
      return { ...NOTHING, words: fields[command] ?? [], list: true };
    case 'expr':
      return { ...NOTHING, words: metrics };
    case 'tool':
      return { ...NOTHING, words: importers };
    default:
      return NOTHING;
  }
}
