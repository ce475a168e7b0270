/** What `vmalock diff` was given: a trace and two models, or two traces. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { Complaint, quote } from '../errors.js';
import { inputsOf } from './options.js';

export type DiffArguments =
  | { readonly of: 'models'; readonly trace: string; readonly models: readonly [string, string] }
  | { readonly of: 'traces'; readonly traces: readonly [string, string] };

const MODELS = 'vmalock diff TRACE v6.6 v6.18';
const TRACES = 'vmalock diff A.json B.json -m v6.18';

/**
 * Two words that are traces are compared under `--model`; two that are none are models, of a trace that is piped in. What is
 * stdin, names a file or is spelled like one is a trace in a trace's place.
 *
 * @throws Complaint (usage)
 */
export function diffArguments(
  words: readonly (string | undefined)[],
  model: string | undefined,
  command: Command,
): DiffArguments {
  const given = words.filter(word => word !== undefined);
  const piped = process.stdin.isTTY !== true;
  if (given.length === 0 && !piped) command.help({ error: true });
  const [first, second, third] = given;
  if (given.length === 2 && isTrace(first) && isTrace(second)) {
    return { of: 'traces', traces: inputsOf(given, command) as [string, string] };
  }
  if (model !== undefined) {
    const stray = given.find(word => !isTrace(word));
    if (stray === undefined || given.length > 2) throw misfit('diff takes two traces with --model', given, TRACES);
    throw misfit(`with --model, ${quote(stray)} should be a trace`, given, TRACES);
  }
  if (given.length === 3) {
    const trace = given.slice(1).find(isFile);
    if (!isTrace(first) && trace !== undefined && !isTrace(third === trace ? second : third)) {
      throw misfit(`${quote(trace)} is a file: the trace comes first`, given, MODELS);
    }
    const traces = given.filter(isTraceFile);
    if (traces.length > 1) {
      throw misfit(`${traces.map(quote).join(' and ')} are traces: the model goes to --model`, given, TRACES);
    }
    return { of: 'models', trace: first, models: [second, third] };
  }
  if (given.length === 2 && isTrace(first)) {
    throw misfit(`${quote(second)} is no trace: two traces, or a trace and two models are compared`, given, TRACES);
  }
  if (given.length === 2 && piped) return { of: 'models', trace: '-', models: [first, second] };
  throw misfit('diff takes a trace and two models, or two traces', given, MODELS);
}

function misfit(what: string, given: readonly string[], hint: string): Complaint {
  const found = given.length === 0 ? 'nothing' : given.map(quote).join(' ');
  return new Complaint('usage', `${what}, found ${found}`, {}, hint);
}

function isTrace(word: string): boolean {
  return word === '-' || isFile(word) || /\.(?:json|ndjson|jsonl)(?:\.(?:gz|zst))?$/.test(word) || word.includes('/');
}

function isFile(word: string): boolean {
  return statSync(word, { throwIfNoEntry: false })?.isDirectory() === false;
}

/** Bytes in which a trace says what it is. */
const HEAD = 4096;

/** Is it a file that is certainly no series? */
function isTraceFile(word: string): boolean {
  if (statSync(word, { throwIfNoEntry: false })?.isFile() !== true) return false;
  if (!word.endsWith('.json')) return true;
  const file = openSync(word, 'r');
  try {
    const head = Buffer.alloc(HEAD);
    return /"format"\s*:\s*"vmalock-trace"/.test(head.toString('latin1', 0, readSync(file, head)));
  } finally {
    closeSync(file);
  }
}
