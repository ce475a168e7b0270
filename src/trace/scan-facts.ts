/**
 * The nested values of the fast path: flag lists, `file`, `page`, `truth` and `locks` into the draft.
 */
import {
  FACT_BITS,
  FACT_SHIFT,
  FAULT_KERNEL_MODE,
  FOLIO_SHIFT,
  HUGE_SHIFT,
  RACE_SHIFT,
  TRUTH_FALLBACK,
  TRUTH_FALLBACK_SAID,
} from '../vocab.js';
import type { FileFacts } from './columns.js';
import { KEY, KEYS } from './draft.js';
import { plainFile } from './encode.js';
import { ByteCache, type Entry } from './intern.js';
import { parseJson } from './json.js';
import { CLOSE, CLOSE_LIST, NOT_SURE, OPEN, OPEN_LIST, QUOTE, TokenScanner } from './scan-tokens.js';
import * as words from './words.js';

/** Where numbers that are no key's own are put in `Draft.val`. */
const SCRATCH = KEYS.length;
const FACT_SHIFTS = FACT_BITS.map(name => FACT_SHIFT[name]);
/** By place in PAGE_KEYS: the words of a key that has a word, and where its code goes; `wait` has a number instead. */
const PAGE_WORDS = [words.AS_ENTRY, words.AS_FOLIO, words.AS_HUGE, words.AS_HUGE, words.AS_RACE];
const PAGE_SHIFTS = [0, FOLIO_SHIFT, HUGE_SHIFT, 0, RACE_SHIFT];
const FIRST_FACT_BIT = words.PAGE_KEYS.indexOf(FACT_BITS[0]);

export class FactScanner extends TokenScanner {
  private readonly files = new ByteCache<Entry<FileFacts>>();

  protected faultMode(): boolean {
    const mode = this.draft.mode!.value;
    this.draft.mode = null;
    this.val[KEY.mode] = mode === 'kernel' ? FAULT_KERNEL_MODE : 0;
    return mode === 'kernel' || mode === 'user';
  }

  protected flags(p: number, key: number): number {
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

  protected modes(p: number, key: number): number {
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
  protected file(p: number): number {
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
      const end = this.quotedEnd(i);
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

  protected page(p: number): number {
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
        const code = this.wordAs(p, PAGE_WORDS[key]);
        if (code < 0) return NOT_SURE;
        facts |= (code + 1) << PAGE_SHIFTS[key];
        p = this.at;
      }
      if (p < 0) return NOT_SURE;
      p = this.next(p, CLOSE);
      if (p < 0) return NOT_SURE;
    }
    draft.facts = facts;
    return p;
  }

  protected truth(p: number): number {
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
        this.draft.via = this.text(p);
        if (this.draft.via === null) return NOT_SURE;
        p = this.at;
      } else {
        p = this.integer(p, SCRATCH);
        this.draft.truthWait = this.val[SCRATCH];
      }
      if (p < 0) return NOT_SURE;
      p = this.next(p, CLOSE);
      if (p < 0) return NOT_SURE;
    }
    this.draft.truth = truth;
    return p;
  }

  protected locks(p: number): number {
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
