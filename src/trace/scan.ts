/**
 * The fast path: one event's JSON text straight into a Draft, no object and no string in the common case.
 *
 * The scanner knows the plain spelling of a plain event, keys in any order. Whatever is odd (an escape, a byte beyond
 * ASCII, an unknown or repeated key, a number of more than 15 digits, a leading zero) makes it say "not sure", and the
 * slow path (json.ts, encode.ts) decides. It never accepts what the slow path would refuse or read otherwise.
 *
 * It runs over the end of the text until a byte stops it: the byte at the end of the window must be 0.
 */

import { PAGE_SIZE } from '../units.js';
import {
  FACT_BITS,
  FACT_SHIFT,
  FAULT_KERNEL_MODE,
  FOLIO_SHIFT,
  HUGE_SHIFT,
  TRUTH_FALLBACK,
  TRUTH_FALLBACK_SAID,
} from '../vocab.js';
import type { FileFacts } from './columns.js';
import { type Draft, KEY, KEYS } from './draft.js';
import { plainFile } from './encode.js';
import { ByteCache, type Entry, type Interner } from './intern.js';
import { parseJson } from './json.js';
import * as words from './words.js';

const NOT_SURE = -1;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const BACKSLASH = 0x5c;

/** How the value of each key is read. */
const INTEGER = 0;
const ADDRESS = 1;
const WORD = 2;
const FLAGS = 3;
const UFFD_MODES = 4;
const TEXT = 5;
const MODE = 6;
const FILE = 7;
const PAGE = 8;
const TRUTH = 9;
const LOCKS = 10;
const BOOLEAN = 11;

const KIND = new Uint8Array(KEYS.length).fill(INTEGER);
for (const key of ['addr', 'len', 'offset', 'old_len', 'new_len', 'new_addr', 'src'] as const) KIND[KEY[key]] = ADDRESS;
const WORDS: (Int32Array | null)[] = KEYS.map(() => null);
for (const [key, table] of [
  ['op', words.AS_OP],
  ['access', words.AS_ACCESS],
  ['prot', words.AS_PROT],
  ['advice', words.AS_ADVICE],
  ['kind', words.AS_MAPS_KIND],
] as const) {
  KIND[KEY[key]] = WORD;
  WORDS[KEY[key]] = table;
}
KIND[KEY.flags] = FLAGS;
KIND[KEY.modes] = UFFD_MODES;
KIND[KEY.name] = TEXT;
KIND[KEY.mode] = MODE;
KIND[KEY.file] = FILE;
KIND[KEY.page] = PAGE;
KIND[KEY.truth] = TRUTH;
KIND[KEY.locks] = LOCKS;
KIND[KEY.anon_vma] = BOOLEAN;

/** Columns that hold 32 bits refuse what is larger. */
const LIMIT = new Float64Array(KEYS.length).fill(Number.MAX_SAFE_INTEGER);
for (const key of ['cpu', 'reader_pid'] as const) LIMIT[KEY[key]] = 0x7fffffff;

const FACT_SHIFTS = FACT_BITS.map(name => FACT_SHIFT[name]);
const FIRST_FACT_BIT = words.PAGE_KEYS.indexOf(FACT_BITS[0]);

/** Where numbers that are no key's own are put in `Draft.val`. */
const SCRATCH = KEYS.length;

export class Scanner {
  /** Did the last event scanned go over a line end? */
  multiline = false;
  private buf: Uint8Array = new Uint8Array(1);
  private at = 0;
  private hash = 0;
  private val: Float64Array;
  private readonly files = new ByteCache<Entry<FileFacts>>();
  private readonly texts = new ByteCache<Entry<string>>();

  /** @param linewise true when an event must not contain a line end */
  constructor(
    private readonly draft: Draft,
    private readonly names: Interner,
  ) {
    this.val = draft.val;
  }

  /**
   * Scans the event that begins at `pos` into the draft.
   * @param linewise an event must not go over a line end
   * @returns the offset behind its closing brace, or -1: not sure
   */
  scan(buf: Uint8Array, pos: number, linewise: boolean): number {
    const draft = this.draft;
    this.buf = buf;
    this.multiline = false;
    draft.reset();
    if (buf[pos] !== OPEN) return NOT_SURE;
    let p = this.space(pos + 1);
    let seen = 0;
    for (;;) {
      const word = this.word(p);
      if (word < 0) return NOT_SURE;
      const key = words.AS_KEY[word];
      if (key < 0 || (seen & (1 << key)) !== 0) return NOT_SURE;
      seen |= 1 << key;
      p = this.at;
      if (buf[p] <= 32) p = this.space(p);
      if (buf[p] !== COLON) return NOT_SURE;
      p++;
      if (buf[p] <= 32) p = this.space(p);
      p = this.value(p, key);
      if (p < 0) return NOT_SURE;
      if (buf[p] <= 32) p = this.space(p);
      const c = buf[p++];
      if (c === CLOSE) break;
      if (c !== COMMA) return NOT_SURE;
      if (buf[p] <= 32) p = this.space(p);
    }
    if (linewise && this.multiline) return NOT_SURE;
    if ((seen & (1 << KEY.mode)) !== 0 && this.val[KEY.op] === 0 && !this.faultMode()) return NOT_SURE;
    draft.seen = seen;
    return p;
  }

  private value(p: number, key: number): number {
    switch (KIND[key]) {
      case INTEGER: {
        const end = this.integer(p, key);
        return this.val[key] > LIMIT[key] ? NOT_SURE : end;
      }
      case ADDRESS:
        return this.address(p, key);
      case WORD: {
        const code = this.wordAs(p, WORDS[key]!);
        this.val[key] = code;
        return code < 0 ? NOT_SURE : this.at;
      }
      case TEXT:
        this.draft.name = this.text(p);
        return this.draft.name === null ? NOT_SURE : this.at;
      case MODE:
        this.draft.mode = this.text(p);
        return this.draft.mode === null ? NOT_SURE : this.at;
      case FLAGS:
        return this.flags(p, key);
      case UFFD_MODES:
        return this.modes(p, key);
      case FILE:
        return this.file(p);
      case PAGE:
        return this.page(p);
      case TRUTH:
        return this.truth(p);
      case LOCKS:
        return this.locks(p);
      default:
        return this.boolean(p, key);
    }
  }

  private space(p: number): number {
    const buf = this.buf;
    for (;;) {
      const c = buf[p];
      if (c === 10) this.multiline = true;
      else if (c !== 32 && c !== 9 && c !== 13) return p;
      p++;
    }
  }

  /** The closing quote of the plain string that opens at `p`, or -1; its hash in `hash`. */
  private quoted(p: number): number {
    const buf = this.buf;
    if (buf[p] !== QUOTE) return NOT_SURE;
    let hash = 0;
    for (let i = p + 1; ; i++) {
      const c = buf[i];
      if (c === QUOTE) {
        this.hash = hash;
        return i;
      }
      if (c < 32 || c >= 127 || c === BACKSLASH) return NOT_SURE;
      hash = (Math.imul(hash, 31) + c) | 0;
    }
  }

  private word(p: number): number {
    const end = this.quoted(p);
    if (end < 0) return NOT_SURE;
    this.at = end + 1;
    return words.wordId(this.buf, p + 1, end, this.hash);
  }

  private wordAs(p: number, table: Int32Array): number {
    const id = this.word(p);
    return id < 0 ? NOT_SURE : table[id];
  }

  private text(p: number): Entry<string> | null {
    const end = this.quoted(p);
    if (end < 0) return null;
    this.at = end + 1;
    let entry = this.texts.get(this.buf, p + 1, end, this.hash);
    if (entry === null) {
      entry = this.names.string(String.fromCharCode(...this.buf.subarray(p + 1, Math.min(end, p + 4097))));
      if (end - p > 4096) return null;
      this.texts.set(this.buf, p + 1, end, this.hash, entry);
    }
    return entry;
  }

  private integer(p: number, slot: number): number {
    const buf = this.buf;
    let c = buf[p] - 48;
    if (c < 0 || c > 9) return NOT_SURE;
    if (c === 0) {
      this.val[slot] = 0;
      return this.endOfNumber(p + 1);
    }
    let n = c;
    let i = p + 1;
    for (;;) {
      c = buf[i] - 48;
      if (c < 0 || c > 9) break;
      n = n * 10 + c;
      i++;
    }
    if (i - p > 15) return NOT_SURE;
    this.val[slot] = n;
    return this.endOfNumber(i);
  }

  /** What may follow an integer: anything but more of a number. */
  private endOfNumber(p: number): number {
    const c = this.buf[p];
    return c === COMMA || c === CLOSE || c === CLOSE_LIST || c === 32 || c === 10 || c === 13 || c === 9 ? p : NOT_SURE;
  }

  private address(p: number, key: number): number {
    const buf = this.buf;
    if (buf[p] !== QUOTE) {
      const end = this.integer(p, key);
      if (end < 0) return NOT_SURE;
      const n = this.val[key];
      this.val[key] = Math.floor(n / PAGE_SIZE);
      this.draft.low[key] = n % PAGE_SIZE;
      return end;
    }
    if (buf[p + 1] !== 0x30 || buf[p + 2] !== 0x78) return NOT_SURE;
    let hi = 0;
    let lo = 0;
    let i = p + 3;
    for (; ; i++) {
      const c = buf[i];
      let digit: number;
      if (c >= 0x30 && c <= 0x39) digit = c - 0x30;
      else if (c >= 0x61 && c <= 0x66) digit = c - 0x57;
      else break;
      hi = (hi << 4) | (lo >>> 28);
      lo = (lo << 4) | digit;
    }
    const digits = i - p - 3;
    if (buf[i] !== QUOTE || digits === 0 || digits > 16) return NOT_SURE;
    this.val[key] = (hi >>> 0) * 2 ** 20 + (lo >>> 12);
    this.draft.low[key] = lo & 0xfff;
    return i + 1;
  }

  private boolean(p: number, slot: number): number {
    const buf = this.buf;
    if (buf[p] === 0x74 && buf[p + 1] === 0x72 && buf[p + 2] === 0x75 && buf[p + 3] === 0x65) {
      this.val[slot] = 1;
      return p + 4;
    }
    if (buf[p] === 0x66 && buf[p + 1] === 0x61 && buf[p + 2] === 0x6c && buf[p + 3] === 0x73 && buf[p + 4] === 0x65) {
      this.val[slot] = 0;
      return p + 5;
    }
    return NOT_SURE;
  }

  private faultMode(): boolean {
    const mode = this.draft.mode!.value;
    this.draft.mode = null;
    this.val[KEY.mode] = mode === 'kernel' ? FAULT_KERNEL_MODE : 0;
    return mode === 'kernel' || mode === 'user';
  }

  /** After one member or element: the offset of the next one, or of the byte behind `close` with `closed` set. */
  private closed = false;
  private next(p: number, close: number): number {
    const q = this.space(p);
    const c = this.buf[q];
    this.closed = c === close;
    if (this.closed) return q + 1;
    return c === COMMA ? this.space(q + 1) : NOT_SURE;
  }

  private flags(p: number, key: number): number {
    if (this.buf[p] !== OPEN_LIST) return NOT_SURE;
    let map = 0;
    let mremap = 0;
    p = this.space(p + 1);
    this.closed = this.buf[p] === CLOSE_LIST;
    if (this.closed) p++;
    while (!this.closed) {
      const id = this.word(p);
      if (id < 0) return NOT_SURE;
      map |= words.AS_MAP_FLAG[id];
      mremap |= words.AS_MREMAP_FLAG[id];
      p = this.next(this.at, CLOSE_LIST);
      if (p < 0) return NOT_SURE;
    }
    this.val[key] = map;
    this.draft.mremapFlags = mremap;
    return map < 0 && mremap < 0 ? NOT_SURE : p;
  }

  private modes(p: number, key: number): number {
    if (this.buf[p] !== OPEN_LIST) return NOT_SURE;
    let bits = 0;
    p = this.space(p + 1);
    this.closed = this.buf[p] === CLOSE_LIST;
    if (this.closed) p++;
    while (!this.closed) {
      bits |= this.wordAs(p, words.AS_UFFD_MODE);
      if (bits < 0) return NOT_SURE;
      p = this.next(this.at, CLOSE_LIST);
      if (p < 0) return NOT_SURE;
    }
    this.val[key] = bits;
    return p;
  }

  /** A flat object: known by its bytes after the first time. */
  private file(p: number): number {
    const buf = this.buf;
    if (buf[p] !== OPEN) return NOT_SURE;
    let hash = 0;
    let i = p + 1;
    for (; buf[i] !== CLOSE; i++) {
      const c = buf[i];
      hash = (Math.imul(hash, 31) + c) | 0;
      if (c !== QUOTE) {
        if (c < 32 || c >= 127 || c === OPEN || c === OPEN_LIST) return NOT_SURE;
        continue;
      }
      const end = this.quoted(i);
      if (end < 0) return NOT_SURE;
      hash = (Math.imul(hash, 31) + this.hash) | 0;
      i = end;
    }
    const end = i + 1;
    let entry = this.files.get(buf, p, end, hash);
    if (entry === null) {
      entry = this.newFile(p, end);
      if (entry === null) return NOT_SURE;
      this.files.set(buf, p, end, hash, entry);
    }
    this.draft.file = entry;
    return end;
  }

  private newFile(p: number, end: number): Entry<FileFacts> | null {
    try {
      const facts = plainFile(parseJson(this.buf, p, end));
      return facts === null ? null : this.names.file(facts);
    } catch {
      return null;
    }
  }

  private page(p: number): number {
    if (this.buf[p] !== OPEN) return NOT_SURE;
    const draft = this.draft;
    let seen = 0;
    let facts = 0;
    p = this.space(p + 1);
    this.closed = this.buf[p] === CLOSE;
    if (this.closed) p++;
    while (!this.closed) {
      const key = this.wordAs(p, words.AS_PAGE_KEY);
      if (key < 0 || (seen & (1 << key)) !== 0) return NOT_SURE;
      seen |= 1 << key;
      p = this.colon(this.at);
      if (p < 0) return NOT_SURE;
      if (key >= FIRST_FACT_BIT) {
        p = this.boolean(p, SCRATCH);
        facts |= (1 | (this.val[SCRATCH] << 1)) << FACT_SHIFTS[key - FIRST_FACT_BIT];
      } else if (key === 3) {
        p = this.integer(p, SCRATCH);
        draft.wait = this.val[SCRATCH];
      } else {
        const code = this.wordAs(p, key === 0 ? words.AS_ENTRY : key === 1 ? words.AS_FOLIO : words.AS_HUGE);
        if (code < 0) return NOT_SURE;
        facts |= (code + 1) << (key === 0 ? 0 : key === 1 ? FOLIO_SHIFT : HUGE_SHIFT);
        p = this.at;
      }
      if (p < 0) return NOT_SURE;
      p = this.next(p, CLOSE);
      if (p < 0) return NOT_SURE;
    }
    draft.facts = facts;
    return p;
  }

  private truth(p: number): number {
    if (this.buf[p] !== OPEN) return NOT_SURE;
    let seen = 0;
    let truth = 0;
    p = this.space(p + 1);
    this.closed = this.buf[p] === CLOSE;
    if (this.closed) p++;
    while (!this.closed) {
      const key = this.wordAs(p, words.AS_TRUTH_KEY);
      if (key < 0 || (seen & (1 << key)) !== 0) return NOT_SURE;
      seen |= 1 << key;
      p = this.colon(this.at);
      if (p < 0) return NOT_SURE;
      if (key === 0) {
        const path = this.wordAs(p, words.AS_PATH);
        if (path < 0) return NOT_SURE;
        truth |= path + 1;
        p = this.at;
      } else if (key === 1) {
        p = this.boolean(p, SCRATCH);
        truth |= TRUTH_FALLBACK_SAID | (this.val[SCRATCH] === 1 ? TRUTH_FALLBACK : 0);
      } else if (key === 2) {
        if (this.wordAs(p, words.AS_ANON_PREPARE) < 0) return NOT_SURE;
        p = this.at;
      } else if (key === 3) {
        p = this.quoted(p) + 1;
        if (p === 0) return NOT_SURE;
      } else {
        p = this.integer(p, SCRATCH);
      }
      if (p < 0) return NOT_SURE;
      p = this.next(p, CLOSE);
      if (p < 0) return NOT_SURE;
    }
    this.draft.truth = truth;
    return p;
  }

  private colon(p: number): number {
    const q = this.space(p);
    return this.buf[q] === COLON ? this.space(q + 1) : NOT_SURE;
  }

  private locks(p: number): number {
    if (this.buf[p] !== OPEN_LIST) return NOT_SURE;
    const sections: number[] = [];
    p = this.space(p + 1);
    this.closed = this.buf[p] === CLOSE_LIST;
    if (this.closed) p++;
    while (!this.closed) {
      if (this.buf[p] !== OPEN) return NOT_SURE;
      let seen = 0;
      const at = sections.push(0, 0, 0, 0) - 4;
      p = this.space(p + 1);
      do {
        const key = this.wordAs(p, words.AS_LOCK_KEY);
        if (key < 0 || (seen & (1 << key)) !== 0) return NOT_SURE;
        seen |= 1 << key;
        p = this.colon(this.at);
        if (p < 0) return NOT_SURE;
        if (key === 0) {
          const mode = this.wordAs(p, words.AS_LOCK_MODE);
          if (mode < 0) return NOT_SURE;
          sections[at] = mode;
          p = this.at;
        } else {
          p = this.integer(p, SCRATCH);
          if (p < 0) return NOT_SURE;
          sections[at + key] = this.val[SCRATCH];
        }
        p = this.next(p, CLOSE);
        if (p < 0) return NOT_SURE;
      } while (!this.closed);
      if (seen !== 15) return NOT_SURE;
      p = this.next(p, CLOSE_LIST);
      if (p < 0) return NOT_SURE;
    }
    this.draft.locks = Float64Array.from(sections);
    return p;
  }
}
