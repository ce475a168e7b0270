/**
 * One event between its text and its row: the keys that were seen and their values as numbers. Both parsing paths fill a
 * Draft; what a row means is decided here, once.
 */

import { PAGE_END, PAGE_SIZE } from '../units.js';
import type { OpName } from '../vocab.js';
import { OP, OPS } from '../vocab.js';
import type { Columns, FileFacts } from './columns.js';
import type { Entry, Interner } from './intern.js';

/** Every key an event may carry; a key's number is its place here (below 32: `seen` is a bit set). */
export const KEYS = [
  'op',
  't',
  'tid',
  'mm',
  'cpu',
  'dur',
  'locks',
  'addr',
  'len',
  'access',
  'mode',
  'page',
  'truth',
  'prot',
  'flags',
  'file',
  'name',
  'offset',
  'anon_vma',
  'old_len',
  'new_len',
  'new_addr',
  'advice',
  'child_tid',
  'child_mm',
  'new_mm',
  'modes',
  'src',
  'kind',
  'reader_pid',
  'x-inferred',
  'x-hidden',
] as const;
export type KeyName = (typeof KEYS)[number];
export const KEY = Object.freeze(Object.fromEntries(KEYS.map((name, i) => [name, i]))) as Readonly<
  Record<KeyName, number>
>;

/** Keys of any operation whose value is an address or a length. */
export const ADDRESS_KEYS: ReadonlySet<string> = new Set<KeyName>([
  'addr',
  'len',
  'offset',
  'old_len',
  'new_len',
  'new_addr',
  'src',
]);

export const COMMON_KEYS: readonly KeyName[] = [
  'op',
  't',
  'tid',
  'mm',
  'cpu',
  'dur',
  'locks',
  'x-inferred',
  'x-hidden',
];
const RANGE: readonly KeyName[] = ['addr', 'len'];
const NAMED: readonly [readonly KeyName[], readonly KeyName[]] = [[], ['addr', 'len', 'mode']];
const UFFD: readonly [readonly KeyName[], readonly KeyName[]] = [RANGE, ['src']];

/** Keys of each operation beside the common ones: those it must have, those it may have. */
export const OP_KEYS: Readonly<Record<OpName, readonly [required: readonly KeyName[], optional: readonly KeyName[]]>> =
  {
    fault: [
      ['addr', 'access'],
      ['mode', 'page', 'truth'],
    ],
    vma: [
      ['addr', 'len', 'prot', 'flags'],
      ['file', 'name', 'offset', 'anon_vma'],
    ],
    mmap: [
      ['addr', 'len', 'prot', 'flags'],
      ['file', 'name', 'offset'],
    ],
    munmap: [RANGE, []],
    shmdt: [RANGE, []],
    mprotect: [['addr', 'len', 'prot'], []],
    pkey_mprotect: [['addr', 'len', 'prot'], []],
    mremap: [['addr', 'old_len', 'new_len', 'new_addr'], ['flags']],
    brk: [['addr'], []],
    madvise: [['addr', 'len', 'advice'], []],
    prctl_set_vma: [RANGE, ['name']],
    mlock: NAMED,
    munlock: NAMED,
    mlockall: [[], ['mode']],
    munlockall: [[], ['mode']],
    mbind: NAMED,
    mseal: NAMED,
    remap_file_pages: NAMED,
    fork: [['child_tid', 'child_mm'], []],
    exec: [['new_mm'], []],
    exit: [[], []],
    uffd_register: [['addr', 'len', 'modes'], []],
    uffd_unregister: [RANGE, ['modes']],
    uffd_copy: UFFD,
    uffd_zeropage: UFFD,
    uffd_continue: UFFD,
    uffd_move: UFFD,
    uffd_wp: UFFD,
    uffd_rwp: UFFD,
    collapse: [['addr'], ['len']],
    reclaim: [RANGE, []],
    migrate: [RANGE, []],
    numa_scan: [RANGE, []],
    read_maps: [[], ['kind', 'reader_pid']],
    clear_refs: [[], ['mode']],
    mmu_notifier_register: [[], []],
    gup: [RANGE, []],
    thread: [['name'], []],
    other: [[], ['name']],
  };

/** Operations of nobody in particular: without `tid` no thread of the trace is said to do them. */
export const TID_OPTIONAL: readonly OpName[] = ['vma', 'collapse', 'reclaim', 'migrate', 'numa_scan'];
/** Calls the kernel refuses with EINVAL when `addr` is not page aligned; a call that failed is no event. */
const ALIGNED: readonly OpName[] = ['vma', 'mmap', 'munmap', 'shmdt', 'mprotect', 'pkey_mprotect', 'mremap'];
/** Calls the kernel refuses with EINVAL when `len` is 0. */
const NOT_EMPTY: readonly OpName[] = ['vma', 'mmap', 'munmap', 'shmdt'];

function keyMask(names: readonly KeyName[]): number {
  return names.reduce((mask, name) => mask | (1 << KEY[name]), 0);
}

const COMMON_MASK = keyMask(COMMON_KEYS);
const bitsPerOp = (of: (op: OpName) => number): Int32Array => Int32Array.from(OPS, of);
const REQUIRED = bitsPerOp(op => keyMask(OP_KEYS[op][0]) | keyMask(TID_OPTIONAL.includes(op) ? ['op'] : ['op', 'tid']));
const ALLOWED = bitsPerOp(op => COMMON_MASK | keyMask(OP_KEYS[op][0]) | keyMask(OP_KEYS[op][1]));
const MUST_ALIGN = bitsPerOp(op => (ALIGNED.includes(op) ? 1 : 0));
const MUST_HAVE_LENGTH = bitsPerOp(op => (NOT_EMPTY.includes(op) ? 1 : 0));

const K_T = KEY.t;
const K_TID = KEY.tid;
const K_MM = KEY.mm;
const K_CPU = KEY.cpu;
const K_DUR = KEY.dur;
const K_ADDR = KEY.addr;
const K_LEN = KEY.len;
const B_NAME = 1 << KEY.name;
const B_MODE = 1 << KEY.mode;
const B_INFERRED = 1 << KEY['x-inferred'];
const B_HIDDEN = 1 << KEY['x-hidden'];

/** Is `key` one of `op`'s own or common keys? */
export function keyBelongs(op: number, key: number): boolean {
  return (ALLOWED[op] & (1 << key)) !== 0;
}

/** What check() can find; semantic problems say their texts in `problemText`. */
export const FINE = 0;
export const NOT_THIS_SHAPE = 1;
export const UNALIGNED = 2;
export const EMPTY = 3;
export const WRAPS = 4;
export const BACKWARDS = 5;
export const LOCKS_DISORDER = 6;

export class Draft {
  /** bit set over KEYS */
  seen = 0;
  /** by key, and one to work with: an integer, a code, or the page number of an address or length */
  readonly val = new Float64Array(KEYS.length + 1);
  /** so: the offset in the page of an address or length */
  readonly low = new Uint16Array(KEYS.length + 1);
  /** packed `page` (vocab.ts), `page.wait` or -1, packed `truth`, `truth.wait` or -1, `truth.via` */
  facts = 0;
  wait = -1;
  truth = 0;
  truthWait = -1;
  via: Entry<string> | null = null;
  /** `flags` read as mremap's; -1 when they are not. `val[flags]` reads them as mmap's */
  mremapFlags = -1;
  name: Entry<string> | null = null;
  mode: Entry<string> | null = null;
  file: Entry<FileFacts> | null = null;
  locks: Float64Array | null = null;
  /** `t` of the latest event that had one */
  lastT = -1;

  /** Forgets the last event; `lastT` stays. */
  reset(): void {
    this.seen = 0;
    this.facts = 0;
    this.wait = -1;
    this.truth = 0;
    this.truthWait = -1;
    this.via = null;
    this.mremapFlags = -1;
    this.name = null;
    this.mode = null;
    this.file = null;
    this.locks = null;
  }

  has(key: number): boolean {
    return (this.seen & (1 << key)) !== 0;
  }

  /** Is the draft an event of its operation, and can it have happened? One of the constants above. */
  check(): number {
    const { seen, val, low } = this;
    const op = val[0];
    if ((seen & REQUIRED[op]) !== REQUIRED[op] || (seen & ~ALLOWED[op]) !== 0) return NOT_THIS_SHAPE;
    if ((seen & (1 << K_T)) !== 0 && val[K_T] < this.lastT) return BACKWARDS;
    if (this.locks !== null && !inOrder(this.locks)) return LOCKS_DISORDER;
    if (op === OP.fault) return FINE;
    if (MUST_ALIGN[op] !== 0 && low[K_ADDR] !== 0) return UNALIGNED;
    if ((seen & (1 << K_LEN)) !== 0) {
      if (MUST_HAVE_LENGTH[op] !== 0 && val[K_LEN] === 0 && low[K_LEN] === 0) return EMPTY;
      // without `addr` its slot is another event's
      const addr = (seen & (1 << K_ADDR)) !== 0;
      if (wraps(addr ? val[K_ADDR] : 0, addr ? low[K_ADDR] : 0, val[K_LEN], low[K_LEN])) return WRAPS;
    }
    if (op === OP.mremap) return this.checkMremap();
    if ((seen & (1 << KEY.offset)) !== 0 && low[KEY.offset] !== 0) return UNALIGNED;
    if ((seen & (1 << KEY.flags)) !== 0 && val[KEY.flags] < 0) return NOT_THIS_SHAPE;
    return FINE;
  }

  private checkMremap(): number {
    const { val, low } = this;
    if (low[KEY.new_addr] !== 0) return UNALIGNED;
    if (val[KEY.new_len] === 0 && low[KEY.new_len] === 0) return EMPTY;
    if (this.oldRangeWraps()) return WRAPS;
    if (wraps(val[KEY.new_addr], 0, val[KEY.new_len], low[KEY.new_len])) return WRAPS;
    return this.has(KEY.flags) && this.mremapFlags < 0 ? NOT_THIS_SHAPE : FINE;
  }

  /** Does what mremap moves go over the end of addresses? */
  oldRangeWraps(): boolean {
    const { val, low } = this;
    return wraps(val[K_ADDR], 0, val[KEY.old_len], low[KEY.old_len]);
  }

  /** Takes note of the event's time without appending it. */
  remember(): void {
    if (this.has(K_T)) this.lastT = this.val[K_T];
  }

  /** Appends the event to `cols`; check() has found it fine. */
  commit(cols: Columns, names: Interner, line: number): void {
    const { seen, val, low } = this;
    const i = cols.n++;
    const op = val[0];
    const t = (seen & (1 << K_T)) === 0 ? -1 : val[K_T];
    if (t >= 0) this.lastT = t;
    cols.t[i] = t;
    cols.dur[i] = (seen & (1 << K_DUR)) === 0 ? -1 : val[K_DUR];
    cols.op[i] = op;
    cols.thread[i] = (seen & (1 << K_TID)) === 0 ? names.nobody() : names.thread(val[K_TID]);
    cols.mm[i] = names.mm((seen & (1 << K_MM)) === 0 ? 1 : val[K_MM]);
    cols.cpu[i] = (seen & (1 << K_CPU)) === 0 ? -1 : val[K_CPU];
    cols.line[i] = line;
    cols.locks[i] = this.locks;
    cols.facts[i] = this.facts;
    cols.wait[i] = this.wait;
    cols.truth[i] = this.truth;
    cols.truthWait[i] = this.truthWait;
    cols.via[i] = this.via === null ? -1 : names.stringIndex(this.via);
    cols.inferred[i] = (seen & B_INFERRED) === 0 ? 0 : 1;
    cols.hidden[i] = (seen & B_HIDDEN) === 0 ? 0 : val[KEY['x-hidden']];
    if (op === OP.fault) {
      cols.page[i] = val[K_ADDR];
      cols.off[i] = low[K_ADDR];
      cols.code[i] = val[KEY.access] | ((seen & B_MODE) === 0 ? 0 : val[KEY.mode]);
      cols.len[i] = 0;
      cols.page2[i] = 0;
      cols.len2[i] = 0;
      cols.a[i] = -1;
      cols.b[i] = -1;
      cols.file[i] = -1;
      cols.name[i] = -1;
    } else {
      this.commitOperation(cols, i, op, names);
    }
    names.info.events++;
  }

  private commitOperation(cols: Columns, i: number, op: number, names: Interner): void {
    const { seen, val, low } = this;
    const addr = (seen & (1 << K_ADDR)) !== 0;
    const off = addr ? low[K_ADDR] : 0;
    cols.page[i] = addr ? val[K_ADDR] : 0;
    cols.off[i] = off;
    cols.len[i] = (seen & (1 << K_LEN)) === 0 ? 0 : pages(off, val[K_LEN], low[K_LEN]);
    cols.page2[i] = -1;
    cols.len2[i] = 0;
    cols.code[i] = 0;
    cols.a[i] = -1;
    cols.b[i] = -1;
    const name = (seen & B_NAME) !== 0 ? this.name : (seen & B_MODE) !== 0 ? this.mode : null;
    cols.name[i] = name === null ? -1 : names.stringIndex(name);
    cols.file[i] = this.file === null ? -1 : names.fileIndex(this.file);
    switch (op) {
      case OP.vma:
      case OP.mmap:
        cols.code[i] = val[KEY.prot] | (val[KEY.flags] << 3);
        if (this.has(KEY.offset)) cols.page2[i] = val[KEY.offset];
        if (this.has(KEY.anon_vma)) cols.a[i] = val[KEY.anon_vma];
        break;
      case OP.mprotect:
      case OP.pkey_mprotect:
        cols.code[i] = val[KEY.prot];
        break;
      case OP.mremap:
        cols.len[i] = pages(0, val[KEY.old_len], low[KEY.old_len]);
        cols.page2[i] = val[KEY.new_addr];
        cols.len2[i] = pages(0, val[KEY.new_len], low[KEY.new_len]);
        cols.code[i] = this.has(KEY.flags) ? this.mremapFlags : -1;
        break;
      case OP.brk:
        cols.page[i] += off === 0 ? 0 : 1;
        cols.off[i] = 0;
        break;
      case OP.madvise:
        cols.code[i] = val[KEY.advice];
        break;
      case OP.fork:
        cols.a[i] = names.thread(val[KEY.child_tid]);
        cols.b[i] = names.mm(val[KEY.child_mm]);
        break;
      case OP.exec:
        cols.b[i] = names.mm(val[KEY.new_mm]);
        break;
      case OP.read_maps:
        cols.code[i] = this.has(KEY.kind) ? val[KEY.kind] : 0;
        cols.a[i] = this.has(KEY.reader_pid) ? val[KEY.reader_pid] : -1;
        break;
      default:
        if (this.has(KEY.modes)) cols.code[i] = val[KEY.modes];
        if (this.has(KEY.src)) cols.page2[i] = val[KEY.src];
    }
  }
}

/** Pages that `len` bytes touch, beginning `off` bytes into the first one. */
function pages(off: number, lenPages: number, lenLow: number): number {
  if (lenPages === 0 && lenLow === 0) return 0;
  return lenPages + Math.ceil((off + lenLow) / PAGE_SIZE);
}

function wraps(page: number, off: number, lenPages: number, lenLow: number): boolean {
  return page + pages(off, lenPages, lenLow) > PAGE_END;
}

/** Sections must be asked for, got and ended in that order. */
function inOrder(locks: Float64Array): boolean {
  for (let i = 0; i < locks.length; i += 4) {
    if (locks[i + 1] > locks[i + 2] || locks[i + 2] > locks[i + 3]) return false;
  }
  return true;
}
