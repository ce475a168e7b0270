/** What a kernel did with each fault, as a file beside a recording: NDJSON, one row per fault, by the recorder's own clock. */
import { Complaint, quote } from '../errors.js';
import type { Ns } from '../units.js';
import { linesOf } from './import/lines.js';
import { readBytes } from './input.js';
import { type JsonFailure, type JsonValue, parseJson } from './json.js';
import { LIMITS, type Limited, tooMany } from './limits.js';

export interface TruthRow {
  /** ns of the recorder's clock */
  t: Ns;
  tid: number;
  /** lower-case hex without leading zeros */
  addr: string;
  /** did it take the mmap_lock path */
  fallback: boolean;
}

type TruthLimits = Limited<'maxLine' | 'maxWindow' | 'maxTruth'>;

const HEX = /^0x0*([0-9a-f]{1,16})$/;

/**
 * The rows of `path`, plain, gzip or zstd. Of each row `ts_ns`, `tid`, `addr` and `fallback` are read.
 * @throws Complaint with the line
 */
export async function* readTruth(path: string, limits: TruthLimits = {}): AsyncGenerator<TruthRow> {
  const { maxLine, maxWindow, maxTruth = LIMITS.maxTruth.standard } = limits;
  let rows = 0;
  for await (const lines of linesOf(readBytes(path, { maxWindow }), path, maxLine)) {
    for (const { text, number } of lines) {
      if (text.trim() === '') continue;
      const where = { file: path, line: number };
      if (++rows > maxTruth) throw tooMany('maxTruth', maxTruth, where);
      yield rowOf(text, where);
    }
  }
}

function rowOf(text: string, where: { file: string; line: number }): TruthRow {
  const bytes = Buffer.from(text);
  const fail: JsonFailure = (kind, offset, message, hint = 'check the JSON here') =>
    new Complaint(kind, message, { ...where, column: offset + 1 }, hint);
  const row = truthRow(parseJson(bytes, 0, bytes.length, { fail }));
  if (row !== null) return row;
  const hint = 'a row is {"ts_ns":1,"tid":1,"addr":"0x1000","fallback":false}';
  throw new Complaint('schema', `expected a row of truth, found ${quote(text)}`, where, hint);
}

function truthRow(value: JsonValue): TruthRow | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { ts_ns: t, tid, addr, fallback } = value;
  const digits = typeof addr === 'string' ? HEX.exec(addr)?.[1] : undefined;
  if (!isNatural(t) || !isNatural(tid) || digits === undefined || typeof fallback !== 'boolean') return null;
  return { t, tid, addr: `0x${digits}`, fallback };
}

function isNatural(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
