/**
 * The fast path: one event's JSON text straight into a Draft, no object and no string in the common case.
 *
 * The scanner knows the plain spelling of a plain event, keys in any order. Whatever is odd (an escape, a byte beyond
 * ASCII, an unknown or repeated key, a number of more than 15 digits, a leading zero) makes it say "not sure", and the
 * slow path (json.ts, encode.ts) decides. It never accepts what the slow path would refuse or read otherwise.
 *
 * It runs over the end of the text until a byte stops it: the text must be followed by a 0 and 60 bytes of anything.
 */
import { HIDDEN_MEMORY, HIDDEN_PAGE, HIDDEN_WORD } from '../vocab.js';
import { ADDRESS_KEYS, KEY, KEYS } from './draft.js';
import { FactScanner } from './scan-facts.js';
import { CLOSE, COMMA, HEX_DIGIT, NOT_SURE, OPEN, QUOTE } from './scan-tokens.js';
import * as words from './words.js';

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
const EVIDENCE = 12;
const HIDDEN = 13;

const KIND = new Uint8Array(KEYS.length).fill(INTEGER);
for (const key of KEYS) if (ADDRESS_KEYS.has(key)) KIND[KEY[key]] = ADDRESS;
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
KIND[KEY['x-inferred']] = EVIDENCE;
KIND[KEY['x-hidden']] = HIDDEN;
KIND[KEY.mode] = MODE;
KIND[KEY.file] = FILE;
KIND[KEY.page] = PAGE;
KIND[KEY.truth] = TRUTH;
KIND[KEY.locks] = LOCKS;
KIND[KEY.anon_vma] = BOOLEAN;

const MEMORY = new TextEncoder().encode(HIDDEN_WORD);

/** Columns that hold 32 bits refuse what is larger. */
const LIMIT = new Float64Array(KEYS.length).fill(Number.MAX_SAFE_INTEGER);
for (const key of ['cpu', 'reader_pid'] as const) LIMIT[KEY[key]] = 0x7fffffff;

export class Scanner extends FactScanner {
  // module constants as fields: read once per event instead of through the module at every use
  private readonly kinds = KIND;
  private readonly limits = LIMIT;
  private readonly hexDigit = HEX_DIGIT;
  private readonly quotedKeys = words.QUOTED_KEYS;
  private readonly quoted = words.QUOTED;
  private view = new DataView(this.buf.buffer);
  /** By key: the key that followed it the last time; at KEYS.length the first one. It is tried first. */
  private readonly nextKey = new Int32Array(KEYS.length + 1);
  /** By key: the word that was its value the last time, and what it means there. */
  private readonly lastWord = new Int32Array(KEYS.length).fill(words.NO_WORD);
  private readonly lastCode = new Int32Array(KEYS.length);

  /**
   * Scans the event that begins at `pos` into the draft.
   * @param linewise an event must not go over a line end
   * @returns the offset behind its closing brace, or -1: not sure
   */
  scan(buf: Uint8Array, pos: number, linewise: boolean): number {
    const { draft, nextKey, val, low, kinds, limits, hexDigit, lastWord, lastCode, quoted, quotedKeys } = this;
    if (buf !== this.buf) {
      this.buf = buf;
      this.view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
    }
    const { view } = this;
    this.multiline = false;
    draft.reset();
    if (buf[pos] !== OPEN) return NOT_SURE;
    let p = pos;
    let seen = 0;
    let last: number = KEYS.length;
    for (;;) {
      let key = nextKey[last];
      if (buf[++p] <= 32) p = this.space(p);
      if (plainly(view, p, quotedKeys, key)) p += quotedKeys.length[key];
      else {
        key = this.key(p);
        if (key < 0) return NOT_SURE;
        nextKey[last] = key;
        p = this.at;
      }
      const bit = 1 << key;
      if ((seen & bit) !== 0) return NOT_SURE;
      seen |= bit;
      last = key;
      let c = buf[p];
      if (c <= 32) {
        p = this.space(p);
        c = buf[p];
      }
      const kind = kinds[key];
      if (kind === INTEGER) {
        c -= 48;
        if (c < 0 || c > 9) return NOT_SURE;
        const zero = c === 0;
        const from = p;
        let n = c;
        for (;;) {
          c = buf[++p] - 48;
          if (c < 0 || c > 9) break;
          n = n * 10 + c;
        }
        if (p - from > (zero ? 1 : 15) || n > limits[key]) return NOT_SURE;
        val[key] = n;
        c = buf[p];
      } else if (kind === ADDRESS && c === QUOTE) {
        if (buf[p + 1] !== 0x30 || buf[p + 2] !== 0x78) return NOT_SURE;
        p += 3;
        const from = p;
        let hi = 0;
        let lo = 0;
        for (let digit = hexDigit[buf[p]]; digit >= 0; digit = hexDigit[buf[++p]]) {
          hi = (hi << 4) | (lo >>> 28);
          lo = (lo << 4) | digit;
        }
        if (buf[p] !== QUOTE || p === from || p - from > 16) return NOT_SURE;
        val[key] = (hi >>> 0) * 1048576 + (lo >>> 12);
        low[key] = lo & 0xfff;
        c = buf[++p];
      } else if (kind === WORD) {
        const word = lastWord[key];
        if (plainly(view, p, quoted, word)) {
          val[key] = lastCode[key];
          p += quoted.length[word];
        } else p = this.newWord(p, key);
        if (p < 0) return NOT_SURE;
        c = buf[p];
      } else {
        p = this.value(p, key);
        if (p < 0) return NOT_SURE;
        c = buf[p];
      }
      if (c <= 32) {
        p = this.space(p);
        c = buf[p];
      }
      if (c === CLOSE) break;
      if (c !== COMMA) return NOT_SURE;
    }
    if (linewise && this.multiline) return NOT_SURE;
    if ((seen & (1 << KEY.mode)) !== 0 && val[KEY.op] === 0 && !this.faultMode()) return NOT_SURE;
    draft.seen = seen;
    return p + 1;
  }

  /** The key whose quote opens at `p`, its colon consumed; or -1. */
  private key(p: number): number {
    const word = this.word(p);
    if (word < 0) return NOT_SURE;
    p = this.colon(this.at);
    this.at = p;
    return p < 0 ? NOT_SURE : words.AS_KEY[word];
  }

  private newWord(p: number, key: number): number {
    const word = this.word(p);
    const code = word < 0 ? -1 : WORDS[key]![word];
    if (code < 0) return NOT_SURE;
    this.lastWord[key] = word;
    this.lastCode[key] = code;
    this.val[key] = code;
    return this.at;
  }

  private value(p: number, key: number): number {
    switch (KIND[key]) {
      case ADDRESS:
        return this.numericAddress(p, key);
      case TEXT:
        this.draft.name = this.text(p);
        return this.draft.name === null ? NOT_SURE : this.at;
      case EVIDENCE:
        return this.quotedEnd(p) + 1 || NOT_SURE;
      case HIDDEN:
        this.val[key] = MEMORY.every((c, i) => this.buf[p + 1 + i] === c) ? HIDDEN_MEMORY : HIDDEN_PAGE;
        return this.quotedEnd(p) + 1 || NOT_SURE;
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
}

/** Is text `i` of the spellings at `p`? */
function plainly(view: DataView, p: number, spelled: words.Spellings, i: number): boolean {
  const { quads } = spelled;
  let at = i * spelled.stride;
  const length = spelled.length[i];
  const to = p + (length & ~3);
  while (p < to) {
    if (view.getInt32(p, true) !== quads[at]) return false;
    p += 4;
    at++;
  }
  return (view.getInt32(p, true) & spelled.mask[i]) === quads[at];
}
