/**
 * Dense indexes for what events name: threads, mms, strings and files. A name gets its index when the first event that
 * carries it is committed, so that both parsing paths number alike.
 */
import type { Where } from '../errors.js';
import { type FileFacts, NO_INDEX, type TraceInfo } from './columns.js';
import { LIMITS, type Limited, NAME_COST, tooMany } from './limits.js';

/** A string or a file met in the trace; `index` is -1 until an event that carries it is committed. */
export interface Entry<T> {
  readonly value: T;
  index: number;
}

const CACHE = 4096;
const TEXT_CACHE = 1024;

/** Numbers (tid, mm) to dense indexes: a direct-mapped cache before a Map. */
class Dense {
  private readonly map = new Map<number, number>();
  private readonly keys = new Float64Array(CACHE).fill(-1);
  private readonly indexes = new Int32Array(CACHE);

  constructor(
    private readonly list: number[],
    private readonly most: number,
    private readonly complain: () => never,
  ) {}

  index(key: number): number {
    if (key === NO_INDEX) return NO_INDEX;
    const slot = key & (CACHE - 1);
    if (this.keys[slot] === key) return this.indexes[slot];
    let index = this.map.get(key);
    if (index === undefined) {
      if (this.list.length >= this.most) this.complain();
      index = this.list.push(key) - 1;
      this.map.set(key, index);
    }
    this.keys[slot] = key;
    this.indexes[slot] = index;
    return index;
  }
}

/** Byte strings to what they were found to mean: direct-mapped, exact (bytes are compared), replaced on collision. */
export class ByteCache<T> {
  private readonly bytes: (Uint8Array | null)[] = new Array<Uint8Array | null>(TEXT_CACHE).fill(null);
  private readonly values: (T | null)[] = new Array<T | null>(TEXT_CACHE).fill(null);

  get(buf: Uint8Array, start: number, end: number, hash: number): T | null {
    const slot = (hash ^ (hash >>> 11)) & (TEXT_CACHE - 1);
    const known = this.bytes[slot];
    if (known === null || known.length !== end - start) return null;
    for (let i = 0; i < known.length; i++) if (known[i] !== buf[start + i]) return null;
    return this.values[slot];
  }

  set(buf: Uint8Array, start: number, end: number, hash: number, value: T): void {
    const slot = (hash ^ (hash >>> 11)) & (TEXT_CACHE - 1);
    this.bytes[slot] = buf.slice(start, end);
    this.values[slot] = value;
  }
}

/** Limits on what events name. */
export type NameLimits = Limited<'maxNames' | 'maxThreads' | 'maxMms'>;

/** What reads an event asks of them. */
export type Names = Pick<Interner, 'string' | 'file'>;

export class Interner {
  private readonly threads: Dense;
  private readonly mms: Dense;
  private readonly strings = new Map<string, Entry<string>>();
  private readonly files = new Map<string, Entry<FileFacts>>();

  private readonly maxNames: number;
  /** what all names take, in bytes */
  private bytes = 0;

  /** @param at where the event at hand is; looked at only for a complaint */
  constructor(
    readonly info: TraceInfo,
    limits: NameLimits,
    private readonly at: Pick<Where, 'line'>,
  ) {
    const { maxThreads = LIMITS.maxThreads.standard, maxMms = LIMITS.maxMms.standard } = limits;
    this.maxNames = limits.maxNames ?? LIMITS.maxNames.standard;
    this.threads = new Dense(info.tids, maxThreads, () => {
      throw tooMany('maxThreads', maxThreads, this.where());
    });
    this.mms = new Dense(info.mms, maxMms, () => {
      throw tooMany('maxMms', maxMms, this.where());
    });
  }

  thread(tid: number): number {
    return this.threads.index(tid);
  }

  /** The index of who does what no thread does: it has one among them, and the tid 0. */
  nobody(): number {
    const { info } = this;
    if (info.nobody < 0) info.nobody = info.tids.push(0) - 1;
    return info.nobody;
  }

  mm(id: number): number {
    return this.mms.index(id);
  }

  string(text: string): Entry<string> {
    let entry = this.strings.get(text);
    if (entry === undefined) {
      entry = { value: text, index: -1 };
      this.grow(text.length);
      this.strings.set(text, entry);
    }
    return entry;
  }

  file(facts: FileFacts): Entry<FileFacts> {
    const key = JSON.stringify([facts.name, facts.fs, facts.ops]);
    let entry = this.files.get(key);
    if (entry === undefined) {
      entry = { value: facts, index: -1 };
      this.grow(key.length);
      this.files.set(key, entry);
    }
    return entry;
  }

  private grow(length: number): void {
    this.bytes += length + NAME_COST;
    if (this.bytes > this.maxNames) throw tooMany('maxNames', this.maxNames, this.where());
  }

  private where(): Where {
    return { file: this.info.file, line: this.at.line };
  }

  /** The index of an entry that an event now carries. */
  stringIndex(entry: Entry<string>): number {
    if (entry.index < 0) entry.index = this.info.strings.push(entry.value) - 1;
    return entry.index;
  }

  fileIndex(entry: Entry<FileFacts>): number {
    if (entry.index < 0) entry.index = this.info.files.push(entry.value) - 1;
    return entry.index;
  }
}

/** Everything known of a trace before its first byte is read. */
export function emptyInfo(file: string): TraceInfo {
  return {
    file,
    meta: {},
    expect: null,
    tids: [],
    nobody: -1,
    mms: [],
    files: [],
    strings: [],
    events: 0,
    unknownKeys: new Map(),
  };
}
