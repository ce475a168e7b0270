/**
 * The words of the format by their bytes: one exact hash table over every key and every listed value, so that the
 * scanner turns a quoted word into a number without making a string.
 */
import {
  ACCESSES,
  ADVICES,
  ENTRIES,
  FACT_BITS,
  FOLIOS,
  HUGES,
  MAP_FLAGS,
  MAPS_KINDS,
  MREMAP_FLAGS,
  OPS,
  PATHS,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  RACES,
  UFFD_MODES,
} from '../vocab.js';
import { KEYS } from './draft.js';

/** The eight spellings of `prot`; the code is the place in the list. */
export const PROTS: readonly string[] = Array.from({ length: 8 }, (_, code) => protText(code));

/** `rwx` with `-` for what is missing. */
export function protText(prot: number): string {
  return `${prot & PROT_READ ? 'r' : '-'}${prot & PROT_WRITE ? 'w' : '-'}${prot & PROT_EXEC ? 'x' : '-'}`;
}

/** Keys inside `page`, `truth` and one of `locks`. */
export const PAGE_KEYS = ['entry', 'folio', 'huge', 'wait', 'race', ...FACT_BITS] as const;
export const TRUTH_KEYS = ['path', 'fallback', 'anon_prepare', 'via', 'wait'] as const;
export const LOCK_KEYS = ['mode', 'ask', 'got', 'end'] as const;
export const LOCK_MODES = ['read', 'write'] as const;
export const ANON_PREPARES = ['ok', 'failed'] as const;

const lists: Record<string, readonly string[]> = {
  KEYS,
  OPS,
  PROTS,
  MAP_FLAGS,
  MREMAP_FLAGS,
  ADVICES,
  ACCESSES,
  UFFD_MODES,
  MAPS_KINDS,
  PAGE_KEYS,
  ENTRIES,
  FOLIOS,
  HUGES,
  RACES,
  TRUTH_KEYS,
  PATHS,
  ANON_PREPARES,
  LOCK_KEYS,
  LOCK_MODES,
};
const ALL = [...new Set(Object.values(lists).flat())];
const ID = new Map(ALL.map((word, id) => [word, id]));

/** From a word's number to its place in `list`; -1 for a word of another list. */
function placeIn(list: readonly string[], code: (place: number) => number = place => place): Int32Array {
  const table = new Int32Array(ALL.length).fill(-1);
  for (const [place, word] of list.entries()) table[ID.get(word)!] = code(place);
  return table;
}

export const AS_KEY = placeIn(KEYS);
export const AS_OP = placeIn(OPS);
export const AS_PROT = placeIn(PROTS);
export const AS_MAP_FLAG = placeIn(MAP_FLAGS, bit => 1 << bit);
export const AS_MREMAP_FLAG = placeIn(MREMAP_FLAGS, bit => 1 << bit);
export const AS_ADVICE = placeIn(ADVICES);
export const AS_ACCESS = placeIn(ACCESSES);
export const AS_UFFD_MODE = placeIn(UFFD_MODES, bit => 1 << bit);
export const AS_MAPS_KIND = placeIn(MAPS_KINDS);
export const AS_PAGE_KEY = placeIn(PAGE_KEYS);
export const AS_ENTRY = placeIn(ENTRIES);
export const AS_FOLIO = placeIn(FOLIOS);
export const AS_HUGE = placeIn(HUGES);
export const AS_RACE = placeIn(RACES);
export const AS_TRUTH_KEY = placeIn(TRUTH_KEYS);
export const AS_PATH = placeIn(PATHS);
export const AS_ANON_PREPARE = placeIn(ANON_PREPARES);
export const AS_LOCK_KEY = placeIn(LOCK_KEYS);
export const AS_LOCK_MODE = placeIn(LOCK_MODES);

const SLOTS = 2048;
const TABLE = new Int16Array(SLOTS).fill(-1);
/** Every word; word `id` begins at FROM[id]. */
const POOL = new TextEncoder().encode(ALL.join(''));
const FROM = new Int32Array(ALL.length + 1);
for (const [id, word] of ALL.entries()) {
  FROM[id + 1] = FROM[id] + word.length;
  let hash = 0;
  for (let i = 0; i < word.length; i++) hash = mix(hash, word.charCodeAt(i));
  let slot = slotOf(hash);
  while (TABLE[slot] >= 0) slot = (slot + 1) & (SLOTS - 1);
  TABLE[slot] = id;
}

/** One step of the hash over a word's bytes, from 0. */
export function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 11)) & (SLOTS - 1);
}

/** The number of the word in `buf[start, end)` whose hash is given, or -1: the bytes are compared. */
export function wordId(buf: Uint8Array, start: number, end: number, hash: number): number {
  let slot = slotOf(hash);
  for (;;) {
    const id = TABLE[slot];
    if (id < 0) return -1;
    const from = FROM[id];
    const length = FROM[id + 1] - from;
    if (length === end - start) {
      let i = 0;
      while (i < length && POOL[from + i] === buf[start + i]) i++;
      if (i === length) return id;
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
}

/** Fixed texts for comparing four bytes at a time: text `i` is `length[i]` bytes, `stride` numbers from `i * stride`. */
export interface Spellings {
  readonly stride: number;
  readonly quads: Int32Array;
  readonly length: Int32Array;
  /** what counts of a text's last number */
  readonly mask: Int32Array;
}

/** Spellings of ASCII texts. */
export function spellings(texts: readonly string[]): Spellings {
  const length = Int32Array.from(texts, text => text.length);
  const stride = (Math.max(...length) >> 2) + 1;
  const bytes = new Uint8Array(texts.length * stride * 4);
  for (const [i, text] of texts.entries()) new TextEncoder().encodeInto(text, bytes.subarray(i * stride * 4));
  const view = new DataView(bytes.buffer);
  const quads = Int32Array.from({ length: texts.length * stride }, (_, i) => view.getInt32(i * 4, true));
  return { stride, quads, length, mask: length.map(n => (1 << ((n & 3) * 8)) - 1) };
}

/** Every word in its quotes, and behind them a spelling that nothing has. */
export const QUOTED = spellings([...ALL.map(word => `"${word}"`), '\u0001\u0001\u0001\u0001']);
export const NO_WORD = ALL.length;
/** Every key in its quotes with its colon. */
export const QUOTED_KEYS = spellings(KEYS.map(key => `"${key}":`));
