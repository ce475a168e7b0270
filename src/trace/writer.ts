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

const TOP = orderOf(['$schema', 'format', 'version', 'meta', 'expect']);
const META = orderOf(['name', 'producer', 'kernel', 'arch', 'pageSize', 'cpus', 'clock', 'lost', 'command']);
const ADDRESSES: ReadonlySet<string> = new Set(['addr', 'len', 'offset', 'old_len', 'new_len', 'new_addr', 'src']);
const INNER: ReadonlyMap<string, Order> = new Map([
  ['page', orderOf(['entry', 'folio', ...FACT_BITS, 'huge', 'wait', 'race'])],
  ['truth', orderOf(TRUTH_KEYS)],
  ['file', orderOf(['name', 'fs', ...FILE_OPS])],
]);
const LOCK = orderOf(LOCK_KEYS);

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

/** Keys in the order in which they are written; `texts` is empty between two objects. */
interface Order {
  readonly ranks: ReadonlyMap<string, number>;
  readonly texts: string[];
}

function orderOf(keys: readonly string[]): Order {
  return { ranks: new Map(keys.map((key, rank) => [key, rank])), texts: keys.map(() => '') };
}

/** The members of `object`: those of `order` first, then the others as they come; undefined ones are left out. */
function spellObject(object: Plain, order: Order, member: (key: string, value: unknown) => string): string {
  const { ranks, texts } = order;
  let others = '';
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    const rank = ranks.get(key);
    if (rank === undefined) others += `,${spell(key)}:${member(key, value)}`;
    else texts[rank] = `,"${key}":${member(key, value)}`;
  }
  let known = '';
  for (let rank = 0; rank < texts.length; rank++) {
    if (texts[rank] === '') continue;
    known += texts[rank];
    texts[rank] = '';
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
    key === 'meta' && isPlain(value) ? spellObject(value, META, plainly) : spell(value),
  );
}

/** What follows the events of a stream when line 1 could not say it yet. */
export function formatTrailer(meta: Plain): string {
  return `{"meta":${spellObject(meta, META, plainly)}}`;
}

/** One event as one line, without its line end. */
export function formatEvent(event: TraceEvent): string {
  const order = ORDER.get(event.op);
  if (order === undefined) return spellObject(event, FOREIGN, plainly);
  return spellObject(event, order, (key, value) =>
    order.ranks.has(key) ? spellValue(event.op, key, value) : spell(value),
  );
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

const FOREIGN = orderOf(['t', 'tid', 'mm', 'cpu', 'op', 'dur']);
/** The order of an event's keys: when and who, what, where and how, and the recorded sections last. */
const ORDER: ReadonlyMap<string, Order> = new Map(
  OPS.map(op => {
    const [required, optional] = OP_KEYS[op];
    const own: KeyName[] = [...required, ...optional];
    return [op, orderOf(['t', 'tid', 'mm', 'cpu', 'op', ...own, 'dur', 'locks'])];
  }),
);

const plainly = (_: string, value: unknown): string => spell(value);

function spellValue(op: string, key: string, value: unknown): string {
  if (ADDRESSES.has(key)) return spell(canonicalAddress(value as string | number));
  if (typeof value === 'number') return spell(value);
  if (key === 'flags') return spell(inOrder(value as string[], op === 'mremap' ? MREMAP_FLAGS : MAP_FLAGS));
  if (key === 'modes') return spell(inOrder(value as string[], UFFD_MODES));
  if (key === 'locks') return `[${(value as Plain[]).map(lock => spellObject(lock, LOCK, plainly)).join(',')}]`;
  const inner = INNER.get(key);
  if (inner !== undefined) return spellObject(value as Plain, inner, plainly);
  return spell(value);
}

/** Hex in lower case without leading zeros. */
function canonicalAddress(value: string | number): string {
  return typeof value === 'number' ? `0x${value.toString(16)}` : value.replace(/^0x0+(?=[0-9a-f])/, '0x');
}

/** The words of a set, each once, in the order of the vocabulary. */
function inOrder(value: readonly string[], words: readonly string[]): string[] {
  return words.filter(word => value.includes(word));
}
