/**
 * The canonical spelling of a trace: keys in the order of the format, addresses as lower-case hex without leading zeros,
 * unknown keys behind the known ones in the order they came. What is read back is what was written.
 */
import { FACT_BITS, FILE_OPS, MAP_FLAGS, MREMAP_FLAGS, OPS, UFFD_MODES } from '../vocab.js';
import { type KeyName, OP_KEYS } from './draft.js';
import type { Spelling } from './frame.js';
import { FORMAT, VERSION } from './header.js';
import type { TraceEvent } from './schema.js';
import { LOCK_KEYS, TRUTH_KEYS } from './words.js';

const TOP: readonly string[] = ['$schema', 'format', 'version', 'meta', 'expect'];
const META: readonly string[] = ['name', 'producer', 'kernel', 'arch', 'pageSize', 'cpus', 'clock', 'lost', 'command'];
const ADDRESSES: readonly string[] = ['addr', 'len', 'offset', 'old_len', 'new_len', 'new_addr', 'src'];
const INNER: Readonly<Record<string, readonly string[]>> = {
  page: ['entry', 'folio', ...FACT_BITS, 'huge', 'wait', 'race'],
  truth: TRUTH_KEYS,
  file: ['name', 'fs', ...FILE_OPS],
};

type Plain = Readonly<Record<string, unknown>>;

// Characters JSON allows as they are and a terminal must not meet.
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Strings that JSON spells as they are. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** `JSON.stringify` with every control, bidi and invisible character escaped. */
function spell(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`;
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return `${value}`;
  return JSON.stringify(value).replace(UNSAFE, character => {
    let out = '';
    for (let i = 0; i < character.length; i++) out += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    return out;
  });
}

/** The members of `object`: those of `order` first, then the others as they come; undefined ones are left out. */
function spellObject(object: Plain, order: readonly string[], member: (key: string, value: unknown) => string): string {
  const keys = Object.keys(object);
  let known = '';
  let others = '';
  for (const key of order) {
    if (object[key] !== undefined && keys.includes(key)) known += `,"${key}":${member(key, object[key])}`;
  }
  for (const key of keys) {
    if (object[key] !== undefined && !order.includes(key)) others += `,${spell(key)}:${member(key, object[key])}`;
  }
  return `{${(known + others).slice(1)}}`;
}

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A header as given: `format` and `version` are the writer's. */
export type HeaderFields = { readonly [key: string]: unknown } | object;

/** Line 1 of a stream, or what a document has beside its events. */
export function formatHeader(header: HeaderFields = {}): string {
  const whole: Plain = { ...header, format: FORMAT, version: VERSION };
  return spellObject(whole, TOP, (key, value) =>
    key === 'meta' && isPlain(value) ? spellObject(value, META, (_, inner) => spell(inner)) : spell(value),
  );
}

/** What follows the events of a stream when line 1 could not say it yet. */
export function formatTrailer(meta: Plain): string {
  return `{"meta":${spellObject(meta, META, (_, inner) => spell(inner))}}`;
}

/** One event as one line, without its line end. */
export function formatEvent(event: TraceEvent): string {
  return spellObject(event, ORDER.get(event.op) ?? FOREIGN, (key, value) => spellValue(event.op, key, value));
}

/** What stands before, between and behind the events of a trace; `none` is behind a trace without any. */
export interface Frame {
  readonly open: string;
  readonly first: string;
  readonly between: string;
  readonly close: string;
  readonly none: string;
}

/** How events are framed in a spelling; one to a line in all of them. `header` is left out where there is no room for it. */
export function frameOf(spelling: Spelling, header: HeaderFields): Frame {
  switch (spelling) {
    case 'document':
      return { open: `${formatHeader(header).slice(0, -1)},"events":[`, ...LISTED, close: '\n]}\n', none: ']}\n' };
    case 'array':
      return { open: '[', ...LISTED, close: '\n]\n', none: ']\n' };
    case 'stream':
      return { open: formatHeader(header) + '\n', ...LINES };
    case 'headerless':
      return { open: '', ...LINES };
  }
}

const LISTED = { first: '\n  ', between: ',\n  ' } as const;
const LINES = { first: '', between: '\n', close: '\n', none: '' } as const;

/** A whole trace as a document; `events` one to a line. */
export function formatDocument(header: HeaderFields, events: Iterable<TraceEvent>): string {
  const { open, first, between, close, none } = frameOf('document', header);
  const lines = Array.from(events, formatEvent);
  return lines.length === 0 ? open + none : open + first + lines.join(between) + close;
}

const FOREIGN: readonly string[] = ['t', 'tid', 'mm', 'cpu', 'op', 'dur'];
/** The order of an event's keys: when and who, what, where and how, and the recorded sections last. */
const ORDER: ReadonlyMap<string, readonly string[]> = new Map(
  OPS.map(op => {
    const [required, optional] = OP_KEYS[op];
    const own: KeyName[] = [...required, ...optional];
    return [op, ['t', 'tid', 'mm', 'cpu', 'op', ...own, 'dur', 'locks']] as const;
  }),
);

function spellValue(op: string, key: string, value: unknown): string {
  const order = ORDER.get(op);
  if (order === undefined || !order.includes(key)) return spell(value);
  if (ADDRESSES.includes(key)) return spell(canonicalAddress(value));
  if (key === 'flags') return spell(inOrder(value, op === 'mremap' ? MREMAP_FLAGS : MAP_FLAGS));
  if (key === 'modes') return spell(inOrder(value, UFFD_MODES));
  if (key in INNER && isPlain(value)) return spellObject(value, INNER[key], (_, inner) => spell(inner));
  if (key === 'locks' && Array.isArray(value))
    return `[${value.map(lock => (isPlain(lock) ? spellObject(lock, LOCK_KEYS, (_, inner) => spell(inner)) : spell(lock))).join(',')}]`;
  return spell(value);
}

/** Hex in lower case without leading zeros; what is no address is left as it is. */
function canonicalAddress(value: unknown): unknown {
  if (typeof value === 'number') return `0x${value.toString(16)}`;
  return typeof value === 'string' ? value.replace(/^0x0+(?=[0-9a-f])/, '0x') : value;
}

/** The words of a set, each once, in the order of the vocabulary. */
function inOrder(value: unknown, words: readonly string[]): unknown {
  if (!Array.isArray(value)) return value;
  return [...words.filter(word => value.includes(word)), ...value.filter(word => !words.includes(word))];
}
