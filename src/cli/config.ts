/**
 * `vmalock.config.json`: options that are given always. Keys are the long names of the flags; an object under the name of
 * a command is for that command alone. What is on the command line wins.
 */
import { existsSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { Complaint, cutText, nearest, quote, shapeOf } from '../errors.js';
import type { JsonObject, JsonValue } from '../trace/json.js';
import { voice } from './complain.js';
import type { JsonFile } from './json-file.js';

/** Looked for in the working directory. */
const CONFIG_NAME = 'vmalock.config.json';

/** Options a file cannot give: what is written over is for the command line to say, and a file names no other file. */
const NEVER: ReadonlySet<string> = new Set([
  'config',
  'no-config',
  'help',
  'version',
  'out',
  'events',
  'html',
  'perfetto',
  'folded',
]);

/** Gives `command`, whose line was parsed, the options of its configuration file, if there is one. */
export async function applyConfig(command: Command): Promise<void> {
  const { config } = command.opts<{ config?: string | false }>();
  const program = command.parent;
  const path = config === undefined && existsSync(CONFIG_NAME) ? CONFIG_NAME : config;
  if (path === undefined || path === false || program === null) return;
  const { readJsonFile } = await import('./json-file.js');
  new ConfigFile(await readJsonFile(path), program).apply(command);
  command.setOptionValue('config', path);
  if (command.opts().errorFormat === 'json') voice.json = true;
}

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

class ConfigFile {
  constructor(
    private readonly file: JsonFile,
    private readonly program: Command,
  ) {}

  /** The keys for all commands first, then those for `command` alone. */
  apply(command: Command): void {
    const commands = new Map(this.program.commands.map(known => [known.name(), known]));
    const all = new Set(this.program.commands.flatMap(keysOf));
    const entries = Object.entries(this.object(this.file.json, ''));
    const own: [key: string, value: JsonValue][] = [];
    for (const [key, value] of entries) {
      const alone = commands.get(key);
      if (alone === undefined) {
        this.check(key, key, [...all, ...commands.keys()]);
        if (keysOf(command).includes(key)) this.set(command, key, key, value);
        continue;
      }
      for (const [inner, innerValue] of Object.entries(this.object(value, key))) {
        this.check(inner, `${key}.${inner}`, keysOf(alone));
        if (alone === command) own.push([inner, innerValue]);
      }
    }
    for (const [key, value] of own) this.set(command, key, `${command.name()}.${key}`, value);
  }

  private object(json: JsonValue, path: string): JsonObject {
    if (isObject(json)) return json;
    throw this.refuse(`options are an object, got ${shapeOf(json)}`, 'write {"model": "v6.4,v6.18"}', path);
  }

  private check(key: string, path: string, known: readonly string[]): void {
    if (known.includes(key)) return;
    if (NEVER.has(key)) throw this.unknown(`${quote(key)} is for the command line alone`, 'remove it here', path);
    const near = nearest(key, known);
    throw this.unknown(
      `unknown option ${quote(key)}`,
      near === undefined ? `options: ${known.join(', ')}` : `did you mean ${near}?`,
      path,
    );
  }

  /** Sets an option that the command line did not. */
  private set(command: Command, key: string, path: string, value: JsonValue): void {
    // The one option that is a short form of another.
    if (key === 'json') {
      if (this.truth(value, path)) this.set(command, 'format', path, 'json');
      return;
    }
    const option = command.options.find(known => nameOf(known) === key);
    if (option === undefined) return;
    const attribute = option.attributeName();
    if (command.getOptionValueSource(attribute) === 'cli') return;
    command.setOptionValueWithSource(attribute, this.parse(option, path, value), 'config');
  }

  private parse(option: Option, path: string, value: JsonValue): unknown {
    if (option.negate) return !this.truth(value, path);
    if (option.isBoolean()) return this.truth(value, path);
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0 || !list.every(word => typeof word === 'string' || typeof word === 'number')) {
      throw this.refuse(
        `must be a text, a number or a list of them, got ${cutText(JSON.stringify(value))}`,
        'write it so',
        path,
      );
    }
    if (option.variadic) return list.map(String);
    try {
      const text = list.join(',');
      return option.parseArg === undefined ? text : option.parseArg(text, undefined);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      throw new Complaint(error.class, error.message, this.file.value(path), error.hint);
    }
  }

  private truth(value: JsonValue, path: string): boolean {
    if (typeof value === 'boolean') return value;
    throw this.refuse(`must be true or false, got ${cutText(JSON.stringify(value))}`, 'write true', path);
  }

  private refuse(message: string, hint: string, path: string): Complaint {
    return new Complaint('usage', message, this.file.value(path), hint);
  }

  /** The same of a key. */
  private unknown(message: string, hint: string, path: string): Complaint {
    return new Complaint('usage', message, this.file.key(path), hint);
  }
}

/** The long name of a flag without its dashes. */
function nameOf(option: Option): string {
  return (option.long ?? '').slice(2);
}

/** The keys a command knows. */
function keysOf(command: Command): string[] {
  return command.options.map(nameOf).filter(name => !NEVER.has(name));
}
