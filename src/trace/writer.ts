/**
 * The canonical spelling of a trace: keys in the order of the format, addresses as lower-case hex without leading zeros,
 * unknown keys behind the known ones in the order they came. What is read back is what was written.
 */
import { ACCESSES, FACT_BITS, FILE_OPS, MAP_FLAGS, MREMAP_FLAGS, OPS, PATHS, UFFD_MODES } from '../vocab.js';
import { ADDRESS_KEYS, type KeyName, OP_KEYS } from './draft.js';
import type { Spelling } from './frame.js';
import { FORMAT, VERSION } from './header.js';
import { Ink } from './ink.js';
import type { TraceEvent } from './schema.js';
import { LOCK_KEYS, TRUTH_KEYS } from './words.js';

type Plain = Readonly<Record<string, unknown>>;

// Characters JSON allows as they are and a terminal must not meet.
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]|(?! )\p{Zs}/gu;

/** Strings that JSON spells as they are. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Addresses that are spelled as they are to be. */
const CANONICAL = /^0x[1-9a-f][0-9a-f]*$/;

/** Words that nearly every event has, as they are spelled. */
const SPELLED: ReadonlyMap<string, string> = new Map([...OPS, ...ACCESSES, ...PATHS].map(word => [word, `"${word}"`]));

/** `JSON.stringify` with every control, bidi and invisible character escaped. */
function spell(value: unknown): string {
  if (typeof value === 'string') return SPELLED.get(value) ?? spellText(value);
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return `${value}`;
  return escaped(value);
}

function spellText(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escaped(text);
}

function escaped(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, character => {
    let out = '';
    for (let i = 0; i < character.length; i++) out += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    return out;
  });
}

type Spell = (value: unknown) => string;

/** One key of an order: how it is written as the first of its object and as a later one, and how its value is. */
interface Member {
  readonly key: string;
  readonly first: string;
  readonly later: string;
  readonly spell: Spell;
}

/** Keys in the order in which they are written. */
interface Order {
  readonly keys: ReadonlySet<string>;
  readonly members: readonly Member[];
}

function orderOf(keys: readonly string[], spellOf: (key: string) => Spell = () => spell): Order {
  const members = keys.map(key => ({ key, first: `{"${key}":`, later: `,"${key}":`, spell: spellOf(key) }));
  return { keys: new Set(keys), members };
}

/** The members of `object`: those of `order` first, then the others as they come; undefined ones are left out. */
function spellObject(object: Plain, order: Order): string {
  let text = '';
  let others = Object.keys(object).length;
  for (const { key, first, later, spell } of order.members) {
    const value = object[key];
    if (value === undefined) continue;
    text += (text === '' ? first : later) + spell(value);
    if (--others === 0) break;
  }
  if (others > 0) {
    for (const [key, value] of Object.entries(object)) {
      if (value === undefined || order.keys.has(key)) continue;
      text += `${text === '' ? '{' : ','}${spell(key)}:${spell(value)}`;
    }
  }
  return text === '' ? '{}' : `${text}}`;
}

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A header as given: `format` and `version` are the writer's. */
export type HeaderFields = { readonly [key: string]: unknown } | object;

/** Line 1 of a stream, or what a document has beside its events. */
export function formatHeader(header: HeaderFields = {}): string {
  return spellObject({ ...header, format: FORMAT, version: VERSION }, TOP);
}

/** What follows the events of a stream when line 1 could not say it yet. */
export function formatTrailer(meta: Plain): string {
  return `{"meta":${spellObject(meta, META)}}`;
}

/** One event as one line, without its line end. */
export function formatEvent(event: TraceEvent): string {
  line.cut(0);
  return putFault(line, event) ? line.toString() : spellEvent(event);
}

/** Each event as one line, with its line end, in UTF-8. */
export function formatLines(events: readonly TraceEvent[]): Buffer {
  line.cut(0);
  for (const event of events) {
    if (!putFault(line, event)) line.text(spellEvent(event));
    line.bytes(LINE_END);
  }
  return line.copy();
}

const line = new Ink();

function spellEvent(event: TraceEvent): string {
  return spellObject(event, ORDER.get(event.op) ?? FOREIGN);
}

/**
 * The same of a fault, key by key: most events are faults, and it takes a third of the time. False, and nothing is written,
 * for another event and for a fault with a key or a value of its own.
 */
function putFault(ink: Ink, event: TraceEvent): boolean {
  if (event.op !== 'fault') return false;
  const { t, tid, mm, cpu, addr, access, mode, page, truth, dur } = event;
  const [accessed, began] = [ACCESS.get(access), ink.length];
  if (tid === undefined || accessed === undefined) return false;
  if (tid !== lastWhere.tid || mm !== lastWhere.mm || cpu !== lastWhere.cpu) lastWhere = spellWhere(tid, mm, cpu);
  let keys = lastWhere.keys + 4;
  ink.bytes(TIME);
  let plain = ink.natural(t);
  ink.bytes(lastWhere.bytes);
  plain = plain && ink.address(addr);
  ink.bytes(accessed);
  if (mode !== undefined) {
    ink.text(`,"mode":${spell(mode)}`);
    keys++;
  }
  if (page !== undefined) {
    ink.text(`,"page":${spellObject(page, PAGE)}`);
    keys++;
  }
  if (truth !== undefined) {
    if (isUnderVmaLock(truth)) ink.bytes(UNDER_VMA_LOCK);
    else ink.text(`,"truth":${spellObject(truth, TRUTH)}`);
    keys++;
  }
  if (dur !== undefined) {
    ink.bytes(DURATION);
    plain = plain && ink.natural(dur);
    keys++;
  }
  ink.bytes(END);
  plain = plain && Object.keys(event).length === keys;
  if (!plain) ink.cut(began);
  return plain;
}

const TIME = Buffer.from('{"t":');
const DURATION = Buffer.from(',"dur":');
const END = Buffer.from('}');
const LINE_END = Buffer.from('\n');
const ACCESS: ReadonlyMap<unknown, Buffer> = new Map(
  ACCESSES.map(word => [word, Buffer.from(`,"access":${spell(word)}`)]),
);

/** Whose fault it was, and where it ran: most are as the one before. */
function spellWhere(tid: number, mm: number | undefined, cpu: number | undefined) {
  let keys = 1;
  let text = `,"tid":${spell(tid)}`;
  if (mm !== undefined) {
    text += `,"mm":${spell(mm)}`;
    keys++;
  }
  if (cpu !== undefined) {
    text += `,"cpu":${spell(cpu)}`;
    keys++;
  }
  return { tid, mm, cpu, keys, bytes: Buffer.from(`${text},"op":"fault","addr":`) };
}

let lastWhere = spellWhere(-1, undefined, undefined);

/** Most faults end alike. */
function isUnderVmaLock(truth: Plain): boolean {
  return truth.path === 'vma_lock' && truth.fallback === false && Object.keys(truth).length === 2;
}

const UNDER_VMA_LOCK = Buffer.from(',"truth":{"path":"vma_lock","fallback":false}');

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

const META = orderOf(['name', 'producer', 'kernel', 'arch', 'pageSize', 'cpus', 'clock', 'lost', 'command']);
const TOP = orderOf(['$schema', 'format', 'version', 'meta', 'expect'], key =>
  key === 'meta' ? meta => (isPlain(meta) ? spellObject(meta, META) : spell(meta)) : spell,
);
const PAGE = orderOf(['entry', 'folio', ...FACT_BITS, 'huge', 'wait', 'race']);
const TRUTH = orderOf(TRUTH_KEYS);
const FILE = orderOf(['name', 'fs', ...FILE_OPS]);
const LOCK = orderOf(LOCK_KEYS);
const FOREIGN = orderOf(['t', 'tid', 'mm', 'cpu', 'op', 'dur']);

/** The order of an event's keys: when and who, what, where and how, and the recorded sections last. */
const ORDER: ReadonlyMap<string, Order> = new Map(
  OPS.map(op => {
    const [required, optional] = OP_KEYS[op];
    const own: KeyName[] = [...required, ...optional];
    return [op, orderOf(['t', 'tid', 'mm', 'cpu', 'op', ...own, 'dur', 'locks'], key => spellingOf(op, key))];
  }),
);

/** How the value of a key is written. */
function spellingOf(op: string, key: string): Spell {
  if (ADDRESS_KEYS.has(key)) return address => spellAddress(address as string | number);
  switch (key) {
    case 'flags':
      return words => spell(inOrder(words as string[], op === 'mremap' ? MREMAP_FLAGS : MAP_FLAGS));
    case 'modes':
      return words => spell(inOrder(words as string[], UFFD_MODES));
    case 'locks':
      return locks => `[${(locks as Plain[]).map(lock => spellObject(lock, LOCK)).join(',')}]`;
    case 'page':
      return page => spellObject(page as Plain, PAGE);
    case 'truth':
      return truth => spellObject(truth as Plain, TRUTH);
    case 'file':
      return file => spellObject(file as Plain, FILE);
    default:
      return spell;
  }
}

/** Hex in lower case without leading zeros. */
function spellAddress(value: string | number): string {
  if (typeof value === 'number') return `"0x${value.toString(16)}"`;
  return CANONICAL.test(value) ? `"${value}"` : spellText(value.replace(/^0x0+(?=[0-9a-f])/, '0x'));
}

/** The words of a set, each once, in the order of the vocabulary. */
function inOrder(value: readonly string[], words: readonly string[]): string[] {
  return words.filter(word => value.includes(word));
}
