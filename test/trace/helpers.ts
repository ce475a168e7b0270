/** What the trace tests share: a trace text to rows, complaints and files. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Complaint } from '../../src/errors.js';
import type { Columns, TraceInfo } from '../../src/trace/columns.js';
import { type ReadOptions, readTrace, type ValidateOptions, validateTrace } from '../../src/trace/reader.js';

const dir = mkdtempSync(join(tmpdir(), 'vmalock-trace-'));
let files = 0;

/** A file with these bytes; its path. */
export function file(bytes: string | Uint8Array): string {
  const path = join(dir, `${files++}.trace`);
  writeFileSync(path, bytes);
  return path;
}

const NUMBERS = [
  't',
  'dur',
  'op',
  'thread',
  'mm',
  'cpu',
  'page',
  'off',
  'len',
  'page2',
  'len2',
  'code',
  'a',
  'b',
] as const;
const MORE = ['facts', 'wait', 'truth', 'truthWait', 'via', 'inferred', 'file', 'name', 'line'] as const;
export type Row = Record<(typeof NUMBERS)[number] | (typeof MORE)[number], number> & { locks: number[] | null };

export function rowsOf(columns: Columns): Row[] {
  return Array.from({ length: columns.n }, (_, i) => {
    const row = { locks: columns.locks[i] === null ? null : [...columns.locks[i]] } as Row;
    for (const key of [...NUMBERS, ...MORE]) row[key] = columns[key][i];
    return row;
  });
}

export interface Read {
  rows: Row[];
  info: TraceInfo;
}

/** Reads a trace given as text. */
export async function read(text: string | Uint8Array, options: ReadOptions = {}): Promise<Read> {
  return readFile(file(text), options);
}

export async function readFile(path: string, options: ReadOptions = {}): Promise<Read> {
  const rows: Row[] = [];
  const info = await readTrace(path, {
    ...options,
    onBatch: async (columns, soFar) => {
      await options.onBatch?.(columns, soFar);
      rows.push(...rowsOf(columns));
    },
  });
  return { rows, info };
}

/** The complaint that reading must end with. */
export async function complaint(text: string | Uint8Array, options: ReadOptions = {}): Promise<Complaint> {
  try {
    await read(text, options);
  } catch (error) {
    if (error instanceof Complaint) return error;
    throw error;
  }
  throw new Error('the trace was accepted');
}

/** Every problem that validation names. */
export async function problems(text: string | Uint8Array, options: ValidateOptions = {}): Promise<Complaint[]> {
  const found: Complaint[] = [];
  for await (const problem of validateTrace(file(text), options)) found.push(problem);
  return found;
}

/** Rows and what was interned, or the complaint, as plain data without the file's name. */
export async function outcome(text: string | Uint8Array, options: ReadOptions = {}): Promise<unknown> {
  try {
    const { rows, info } = await read(text, options);
    return { rows, info: { ...info, file: '' } };
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    return { class: error.class, message: error.message, where: { ...error.where, file: '' }, hint: error.hint };
  }
}

/** One event as a stream of its own, with a header. */
export const HEADER = '{"format":"vmalock-trace","version":1}\n';
export const FAULT = '{"t":123456789,"tid":1234,"op":"fault","addr":"0x7f12a4b3c123","access":"write"}';
export const MMAP =
  '{"op":"mmap","tid":1,"addr":"0x7f0000000000","len":"0x4000","prot":"rw-","flags":["private","anonymous"]}';
