/**
 * The header by hand: format, version, `meta` and `expect` into a TraceInfo. Accepts exactly what the schema accepts.
 */
import { COUNTERS, VERDICTS } from '../vocab.js';
import type { Expectation, Meta, TraceInfo } from './columns.js';
import { isForeign, isObject, natural } from './encode.js';
import type { JsonObject, JsonValue } from './json.js';

export const FORMAT = 'vmalock-trace';
export const VERSION = 1;
/** Names of unknown keys that are remembered. */
const UNKNOWN_KEYS = 1000;
const TOP_KEYS: readonly string[] = ['$schema', 'format', 'version', 'meta', 'expect'];
/** What `expect` names a fault by. */
export const EVENT_INDEX = /^(?:0|[1-9]\d{0,15})$/;
const EXPECTATION_KEYS: readonly string[] = ['verdict', 'site', 'counter'];
const META_TEXTS = ['name', 'producer', 'kernel', 'arch'] as const;
const META_NUMBERS = ['pageSize', 'cpus', 'lost'] as const;
export const META_KEYS: readonly string[] = [...META_TEXTS, ...META_NUMBERS, 'clock', 'command'];

/**
 * Reads a header, or a document's members beside its events, into `info`.
 * @returns false when it does not have the header's shape; `info` is then unchanged
 */
export function readHeader(head: JsonObject, info: TraceInfo, unknown: string[]): boolean {
  if (head.format !== FORMAT || head.version !== VERSION || 'events' in head) return false;
  if (head.$schema !== undefined && typeof head.$schema !== 'string') return false;
  const meta = head.meta === undefined ? {} : readMeta(head.meta);
  if (meta === null) return false;
  const expect = head.expect === undefined ? null : readExpect(head.expect);
  if (expect === undefined) return false;
  info.meta = meta;
  info.expect = expect;
  for (const key of Object.keys(head)) if (!TOP_KEYS.includes(key) && !isForeign(key)) unknown.push(key);
  for (const key of Object.keys(meta)) if (!META_KEYS.includes(key) && !isForeign(key)) unknown.push(`meta.${key}`);
  if (expect !== null) unknown.push(...unknownExpectations(expect));
  return true;
}

/**
 * What a recorder knows only at its end may follow the events of a stream: `{"meta":{"lost":3}}`, which adds to the header
 * or replaces what it said.
 *
 * @returns false when `value` is no such line; `head` is then unchanged
 */
export function addTrailer(head: JsonObject, value: JsonValue): boolean {
  if (!isObject(value) || Object.keys(value).some(key => key !== 'meta')) return false;
  if (!isObject(value.meta) || readMeta(value.meta) === null) return false;
  head.meta = { __proto__: null, ...(head.meta as JsonObject | undefined), ...value.meta } as unknown as JsonObject;
  return true;
}

const isOneOf = (words: readonly JsonValue[], value: JsonValue): boolean => words.includes(value);

/** The keys of expectations that nobody knows: `expect.v6.4.3.sight`. */
function unknownExpectations(expect: NonNullable<TraceInfo['expect']>): string[] {
  return Object.entries(expect).flatMap(([model, faults]) =>
    Object.entries(faults).flatMap(([index, said]) =>
      Object.keys(said)
        .filter(key => !EXPECTATION_KEYS.includes(key) && !isForeign(key))
        .map(key => `expect.${model}.${index}.${key}`),
    ),
  );
}

/** Counts a key that was passed over, by its path without places in lists. */
export function countUnknown({ unknownKeys }: TraceInfo, path: string): void {
  const key = path.replace(/^locks\[\d+\]/, 'locks');
  const known = unknownKeys.get(key);
  if (known !== undefined || unknownKeys.size < UNKNOWN_KEYS) unknownKeys.set(key, (known ?? 0) + 1);
}

function readMeta(value: JsonValue): Meta | null {
  if (!isObject(value)) return null;
  for (const key of META_TEXTS) if (value[key] !== undefined && typeof value[key] !== 'string') return null;
  for (const key of META_NUMBERS) if (value[key] !== undefined && natural(value[key]) < 0) return null;
  const meta = { ...value } as Meta;
  const { clock, command } = value;
  if (clock !== undefined && typeof clock !== 'string') {
    if (!isObject(clock)) return null;
    meta.clock = JSON.stringify(clock);
  }
  if (command !== undefined && typeof command !== 'string') {
    if (!Array.isArray(command) || !command.every(word => typeof word === 'string')) return null;
    meta.command = command.join(' ');
  }
  return meta;
}

function readExpect(value: JsonValue): TraceInfo['expect'] | undefined {
  if (!isObject(value)) return undefined;
  for (const model of Object.values(value)) {
    if (!isObject(model)) return undefined;
    for (const [index, said] of Object.entries(model)) {
      if (!EVENT_INDEX.test(index) || !isObject(said) || !isOneOf(VERDICTS, said.verdict)) return undefined;
      if (said.site !== undefined && typeof said.site !== 'string') return undefined;
      if (said.counter !== undefined && said.counter !== null && !isOneOf(COUNTERS, said.counter)) return undefined;
    }
  }
  return value as unknown as Record<string, Record<string, Expectation>>;
}
