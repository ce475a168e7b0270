/**
 * A batch of events as columns: what the scanner writes and the replay reads. No object per event.
 *
 * Units: `t`, `dur` and `wait` in ns; `page`, `page2` page numbers; `len`, `len2` in pages, rounded up as the kernel does;
 * `thread`, `mm`, `a`, `b` dense indexes into `TraceInfo.tids` and `TraceInfo.mms`.
 *
 * Which columns an operation fills, beside `t dur op thread mm cpu line inferred hidden`:
 *
 *     op                        page    len      page2     len2     code                      a            b         others
 *     fault                     addr                                access | kernel mode                             off facts wait truth truthWait via
 *     vma                       addr    len     offset              prot | map flags << 3     anon_vma 0/1 (-1 unsaid)     file name
 *     mmap                      addr    len     offset              prot | map flags << 3                            file name
 *     munmap shmdt              addr    len
 *     mprotect pkey_mprotect    addr    len                         prot
 *     mremap                    addr    old_len  new_addr  new_len  MREMAP_* (-1 unsaid)
 *     brk                       addr (rounded up to a page)
 *                               offset: the file's, in pages; -1 when unsaid
 *     madvise                   addr    len                         advice
 *     prctl_set_vma             addr    len                                                                        name
 *     mlock munlock mbind mseal remap_file_pages
 *                               addr    len (0 when unsaid)                                                        name: mode
 *     mlockall munlockall clear_refs                                                                               name: mode
 *     fork                                                                                    child thread child mm
 *     exec                                                                                                 new mm
 *     uffd_register/unregister  addr    len                         modes
 *     uffd_copy .. uffd_rwp     addr    len      src
 *     collapse                  addr    len (0 when unsaid: one PMD)
 *     reclaim migrate numa_scan gup  addr len
 *     read_maps                                                     index in MAPS_KINDS       reader pid or -1
 *     thread other                                                                                                 name
 *
 * Elsewhere `page` is 0, `len` and `len2` 0, `page2` -1 (0 for a fault), `a` `b` `file` `name` -1. An event whose `op`
 * begins with `x-` is a row too, so that rows count like events: `other`, named by its op, `thread` and `mm` -1.
 * `vma collapse reclaim migrate numa_scan` without a tid are nobody's (`TraceInfo.nobody`), who is said to be tid 0.
 */
export class Columns {
  n = 0;
  readonly capacity: number;
  /** ns since the origin; -1 when the event has no `t` */
  readonly t: Float64Array;
  /** ns the recorded call took; -1 when unknown */
  readonly dur: Float64Array;
  readonly op: Uint8Array;
  readonly thread: Int32Array;
  readonly mm: Int32Array;
  /** -1 when unsaid */
  readonly cpu: Int32Array;
  readonly page: Float64Array;
  readonly off: Uint16Array;
  readonly len: Float64Array;
  readonly page2: Float64Array;
  readonly len2: Float64Array;
  readonly code: Int32Array;
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly facts: Int32Array;
  /** `page.wait` in ns; -1 when unsaid */
  readonly wait: Float64Array;
  /** packed `truth`: 0 when unsaid */
  readonly truth: Int32Array;
  /** `truth.wait` in ns; -1 when unsaid */
  readonly truthWait: Float64Array;
  /** `truth.via`: index into TraceInfo.strings, -1 when unsaid */
  readonly via: Int32Array;
  /** 1 where the event carries `x-inferred`: an importer concluded it */
  readonly inferred: Uint8Array;
  /** HIDDEN_* where the event carries `x-hidden`: the recording does not show all that it met; else 0 */
  readonly hidden: Uint8Array;
  /** index into TraceInfo.files, -1 when unsaid */
  readonly file: Int32Array;
  /** index into TraceInfo.strings, -1 when unsaid */
  readonly name: Int32Array;
  /** recorded mmap_lock sections, four numbers each: write 0/1, ask, got, end; null when unsaid */
  readonly locks: (Float64Array | null)[];
  /** line of the event in its file, from 1 */
  readonly line: Float64Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.t = new Float64Array(capacity);
    this.dur = new Float64Array(capacity);
    this.op = new Uint8Array(capacity);
    this.thread = new Int32Array(capacity);
    this.mm = new Int32Array(capacity);
    this.cpu = new Int32Array(capacity);
    this.page = new Float64Array(capacity);
    this.off = new Uint16Array(capacity);
    this.len = new Float64Array(capacity);
    this.page2 = new Float64Array(capacity);
    this.len2 = new Float64Array(capacity);
    this.code = new Int32Array(capacity);
    this.a = new Int32Array(capacity);
    this.b = new Int32Array(capacity);
    this.facts = new Int32Array(capacity);
    this.wait = new Float64Array(capacity);
    this.truth = new Int32Array(capacity);
    this.truthWait = new Float64Array(capacity);
    this.via = new Int32Array(capacity);
    this.inferred = new Uint8Array(capacity);
    this.hidden = new Uint8Array(capacity);
    this.file = new Int32Array(capacity);
    this.name = new Int32Array(capacity);
    this.locks = new Array<Float64Array | null>(capacity).fill(null);
    this.line = new Float64Array(capacity);
  }
}

/** `thread` and `mm` of an event that has neither. */
export const NO_INDEX = -1;

/** A mapped file, once for each distinct set of facts. `ops` are VM_OPS bits after the defaults of `fs` were applied. */
export interface FileFacts {
  readonly name: string | null;
  readonly fs: string | null;
  readonly ops: number;
}

/** The trace's own header, as far as it was given. */
export interface Meta {
  name?: string | undefined;
  producer?: string | undefined;
  kernel?: string | undefined;
  arch?: string | undefined;
  pageSize?: number | undefined;
  cpus?: number | undefined;
  clock?: string | undefined;
  lost?: number | undefined;
  command?: string | undefined;
  [key: string]: unknown;
}

/** A litmus expectation: what one model must say of one fault. */
export interface Expectation {
  verdict: string;
  site?: string | undefined;
  counter?: string | null | undefined;
}

/** What a reader knows of a trace beside its events; grows while the trace streams by. */
export interface TraceInfo {
  /** the name people gave: a path or `-` */
  file: string;
  meta: Meta;
  /** `expect` of a document: model id, then fault's event index */
  expect: Record<string, Record<string, Expectation>> | null;
  /** tid of each dense thread index */
  tids: number[];
  /** index among them of nobody in particular, who does what has no tid; -1 when there is nothing like that */
  nobody: number;
  /** mm id of each dense mm index */
  mms: number[];
  files: FileFacts[];
  strings: string[];
  /** events read so far */
  events: number;
  /** unknown keys met, by name (null prototype, at most 1,000 names): ignored, kept in round trips, warned about once */
  unknownKeys: Map<string, number>;
}
