/**
 * The slow path: one event as an object into a Draft. It accepts exactly what the schema accepts, by hand, so that the
 * schema's library is loaded only when there is something to complain about.
 */

import { PAGE_SIZE } from '../units.js';
import {
  ACCESSES,
  ADVICE_UNKNOWN,
  ADVICES,
  ENTRIES,
  FACT_BITS,
  FACT_SHIFT,
  FAULT_KERNEL_MODE,
  FILE_OPS,
  FOLIO_SHIFT,
  FOLIOS,
  HIDDEN_MEMORY,
  HIDDEN_PAGE,
  HIDDEN_WORD,
  HUGE_SHIFT,
  HUGES,
  MAP_FLAGS,
  MAPS_KINDS,
  MREMAP_FLAGS,
  OP,
  type OpName,
  PATHS,
  RACE_SHIFT,
  RACES,
  TRUTH_FALLBACK,
  TRUTH_FALLBACK_SAID,
  UFFD_MODES,
  VM_OPS,
} from '../vocab.js';
import { type FileFacts, NO_INDEX } from './columns.js';
import { ADDRESS_KEYS, type Draft, KEY, type KeyName, keyBelongs } from './draft.js';
import { defaultFileOps } from './file-ops.js';
import type { Names } from './intern.js';
import type { JsonObject, JsonValue } from './json.js';
import { ANON_PREPARES, LOCK_MODES, PAGE_KEYS, PROTS, TRUTH_KEYS } from './words.js';

const FILE_KEYS: readonly string[] = ['name', 'fs', ...FILE_OPS];
const LOCK_TIMES = ['ask', 'got', 'end'] as const;
const MAX_INT32 = 0x7fffffff;
const HEX = /^0x[0-9a-f]{1,16}$/;

/** Is the key the user's own: kept, never looked at? */
export function isForeign(word: string): boolean {
  return word.startsWith('x-');
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A non-negative exact integer, or -1. */
export function natural(value: JsonValue | undefined, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) return -1;
  return value <= max ? value : -1;
}

function unknownKeys(object: JsonObject, known: readonly string[], prefix: string, unknown: string[]): void {
  for (const key of Object.keys(object)) if (!known.includes(key) && !isForeign(key)) unknown.push(prefix + key);
}

/**
 * Fills the draft from an event of a known operation; `unknown` gets the path of every key that the format does not know.
 * @returns false when the event does not have its operation's shape; the draft is then meaningless
 */
export function encodeEvent(event: JsonObject, draft: Draft, names: Names, unknown: string[]): boolean {
  draft.reset();
  if (typeof event.op !== 'string' || !Object.hasOwn(OP, event.op)) return false;
  const op = OP[event.op as OpName];
  draft.val[KEY.op] = op;
  for (const key of Object.keys(event)) {
    if (!Object.hasOwn(KEY, key) || !keyBelongs(op, KEY[key as KeyName])) {
      if (!isForeign(key)) unknown.push(key);
      continue;
    }
    if (!encodeValue(key as KeyName, event[key], op, draft, names, unknown)) return false;
    draft.seen |= 1 << KEY[key as KeyName];
  }
  return true;
}

/**
 * Fills the draft from an event of the user's own (`x-...`): it keeps its place in the count of events and in time, and
 * is of no thread and of no mm. Without a time of its own it has that of the event before.
 */
export function encodeForeign(event: JsonObject, draft: Draft, names: Names): void {
  const set = (key: number, value: number): void => {
    draft.val[key] = value;
    draft.seen |= 1 << key;
  };
  draft.reset();
  const said = natural(event.t);
  const t = said < 0 ? draft.lastT : said;
  set(KEY.op, OP.other);
  if (t >= 0) set(KEY.t, t);
  set(KEY.tid, NO_INDEX);
  set(KEY.mm, NO_INDEX);
  set(KEY.name, 0);
  draft.name = names.string(event.op as string);
}

function encodeValue(
  key: KeyName,
  value: JsonValue,
  op: number,
  draft: Draft,
  names: Names,
  unknown: string[],
): boolean {
  const slot = KEY[key];
  if (ADDRESS_KEYS.has(key)) return encodeAddress(value, slot, draft);
  switch (key) {
    case 'op':
      return true;
    case 'access':
      return encodeWord(value, ACCESSES, slot, draft);
    case 'prot':
      return encodeWord(value, PROTS, slot, draft);
    case 'kind':
      return encodeWord(value, MAPS_KINDS, slot, draft);
    case 'advice':
      if (!encodeWord(value, ADVICES, slot, draft)) draft.val[slot] = ADVICE_UNKNOWN;
      return typeof value === 'string';
    case 'flags':
      if (op === OP.mremap) draft.mremapFlags = bits(value, MREMAP_FLAGS);
      else draft.val[slot] = bits(value, MAP_FLAGS);
      return (op === OP.mremap ? draft.mremapFlags : draft.val[slot]) >= 0;
    case 'modes':
      draft.val[slot] = bits(value, UFFD_MODES);
      return draft.val[slot] >= 0;
    case 'name':
      if (typeof value !== 'string') return false;
      draft.name = names.string(value);
      return true;
    case 'mode':
      return op === OP.fault ? encodeFaultMode(value, draft) : encodeMode(value, draft, names);
    case 'file': {
      const facts = encodeFile(value, unknown);
      if (facts !== null) draft.file = names.file(facts);
      return facts !== null;
    }
    case 'page':
      return encodePage(value, draft, unknown);
    case 'truth':
      return encodeTruth(value, draft, names, unknown);
    case 'locks':
      return encodeLocks(value, draft, unknown);
    // It begins with x-: whatever its author wants it to be.
    case 'x-inferred':
      return true;
    case 'x-hidden':
      draft.val[slot] = typeof value === 'string' && value.startsWith(HIDDEN_WORD) ? HIDDEN_MEMORY : HIDDEN_PAGE;
      return true;
    case 'anon_vma':
      draft.val[slot] = value === true ? 1 : 0;
      return typeof value === 'boolean';
    default:
      draft.val[slot] = natural(value, key === 'cpu' || key === 'reader_pid' ? MAX_INT32 : undefined);
      return draft.val[slot] >= 0;
  }
}

function encodeAddress(value: JsonValue, slot: number, draft: Draft): boolean {
  if (typeof value === 'string') {
    if (!HEX.test(value)) return false;
    const digits = value.slice(2);
    draft.val[slot] = digits.length > 3 ? Number(`0x${digits.slice(0, -3)}`) : 0;
    draft.low[slot] = Number(`0x${digits.slice(-3)}`);
    return true;
  }
  const n = natural(value);
  if (n < 0) return false;
  draft.val[slot] = Math.floor(n / PAGE_SIZE);
  draft.low[slot] = n % PAGE_SIZE;
  return true;
}

function encodeWord(value: JsonValue, list: readonly string[], slot: number, draft: Draft): boolean {
  const code = typeof value === 'string' ? list.indexOf(value) : -1;
  draft.val[slot] = code;
  return code >= 0;
}

/** Bit set of a list of words; -1 when it is not one. */
function bits(value: JsonValue, list: readonly string[]): number {
  if (!Array.isArray(value)) return -1;
  let set = 0;
  for (const word of value) {
    const bit = typeof word === 'string' ? list.indexOf(word) : -1;
    if (bit < 0) return -1;
    set |= 1 << bit;
  }
  return set;
}

function encodeFaultMode(value: JsonValue, draft: Draft): boolean {
  draft.val[KEY.mode] = value === 'kernel' ? FAULT_KERNEL_MODE : 0;
  return value === 'kernel' || value === 'user';
}

/** `mode` of an operation: a word, a number, or a list of words. */
function encodeMode(value: JsonValue, draft: Draft, names: Names): boolean {
  if (Array.isArray(value)) {
    if (!value.every(word => typeof word === 'string')) return false;
    draft.mode = names.string(value.join(' '));
    return true;
  }
  if (typeof value !== 'string' && natural(value) < 0) return false;
  draft.mode = names.string(String(value));
  return true;
}

/** The facts of a `file` whose every key is known; null otherwise. */
export function plainFile(value: JsonValue): FileFacts | null {
  const unknown: string[] = [];
  const facts = encodeFile(value, unknown);
  return unknown.length > 0 || !isObject(value) || Object.keys(value).some(isForeign) ? null : facts;
}

function encodeFile(value: JsonValue, unknown: string[]): FileFacts | null {
  if (!isObject(value)) return null;
  unknownKeys(value, FILE_KEYS, 'file.', unknown);
  const { name, fs } = value;
  if ((name !== undefined && typeof name !== 'string') || (fs !== undefined && typeof fs !== 'string')) return null;
  let ops = defaultFileOps(fs ?? null, value.dax === true);
  for (const key of FILE_OPS) {
    const said = value[key];
    if (said === undefined) continue;
    if (typeof said !== 'boolean') return null;
    ops = said ? ops | VM_OPS[key] : ops & ~VM_OPS[key];
  }
  return { name: name ?? null, fs: fs ?? null, ops };
}

function encodePage(value: JsonValue, draft: Draft, unknown: string[]): boolean {
  if (!isObject(value)) return false;
  unknownKeys(value, PAGE_KEYS, 'page.', unknown);
  let facts = 0;
  for (const [key, list, shift] of PAGE_WORDS) {
    const said = value[key];
    if (said === undefined) continue;
    const code = typeof said === 'string' ? list.indexOf(said) : -1;
    if (code < 0) return false;
    facts |= (code + 1) << shift;
  }
  for (const key of FACT_BITS) {
    const said = value[key];
    if (said === undefined) continue;
    if (typeof said !== 'boolean') return false;
    facts |= (said ? 3 : 1) << FACT_SHIFT[key];
  }
  draft.facts = facts;
  if (value.wait === undefined) return true;
  draft.wait = natural(value.wait);
  return draft.wait >= 0;
}

const PAGE_WORDS: readonly (readonly [key: string, list: readonly string[], shift: number])[] = [
  ['entry', ENTRIES, 0],
  ['folio', FOLIOS, FOLIO_SHIFT],
  ['huge', HUGES, HUGE_SHIFT],
  ['race', RACES, RACE_SHIFT],
];

function encodeTruth(value: JsonValue, draft: Draft, names: Names, unknown: string[]): boolean {
  if (!isObject(value)) return false;
  unknownKeys(value, TRUTH_KEYS, 'truth.', unknown);
  const { path, fallback, anon_prepare, via, wait } = value;
  let truth = 0;
  if (path !== undefined) {
    truth = PATHS.indexOf(path as (typeof PATHS)[number]) + 1;
    if (truth === 0) return false;
  }
  if (fallback !== undefined) {
    if (typeof fallback !== 'boolean') return false;
    truth |= TRUTH_FALLBACK_SAID | (fallback ? TRUTH_FALLBACK : 0);
  }
  draft.truth = truth;
  if (anon_prepare !== undefined && !(ANON_PREPARES as readonly JsonValue[]).includes(anon_prepare)) return false;
  if (typeof via === 'string') draft.via = names.string(via);
  else if (via !== undefined) return false;
  draft.truthWait = natural(wait);
  return wait === undefined || draft.truthWait >= 0;
}

function encodeLocks(value: JsonValue, draft: Draft, unknown: string[]): boolean {
  if (!Array.isArray(value)) return false;
  const sections = new Float64Array(value.length * 4);
  for (const [i, section] of value.entries()) {
    if (!isObject(section)) return false;
    unknownKeys(section, ['mode', ...LOCK_TIMES], `locks[${i}].`, unknown);
    const mode = (LOCK_MODES as readonly JsonValue[]).indexOf(section.mode);
    if (mode < 0) return false;
    sections[i * 4] = mode;
    for (const [k, key] of LOCK_TIMES.entries()) {
      const time = natural(section[key]);
      if (time < 0) return false;
      sections[i * 4 + k + 1] = time;
    }
  }
  draft.locks = sections;
  return true;
}
