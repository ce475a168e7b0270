/**
 * A trace as columns: streams any spelling of any size in constant memory, batch by batch.
 *
 * An event takes the fast path (scan.ts) or the slow one (json.ts, encode.ts); both fill a Draft, whose check and commit
 * are shared. The schema's library is loaded only to word a complaint.
 */
import { Complaint } from '../errors.js';
import { Columns, type TraceInfo } from './columns.js';
import { eventComplaints, headerComplaints, unknownEventKeys, unknownHeaderKeys, unknownModels } from './complain.js';
import { Draft, FINE, NOT_THIS_SHAPE } from './draft.js';
import { encodeEvent, encodeForeign, isForeign, isObject } from './encode.js';
import { END, Frames, HEADER, MORE, SCANNED } from './frame.js';
import { addTrailer, countUnknown, readHeader } from './header.js';
import { readBytes } from './input.js';
import { emptyInfo, Interner, type NameLimits } from './intern.js';
import type { JsonValue } from './json.js';
import { LIMITS, type Limited } from './limits.js';
import type { Rereading } from './rereading.js';
import { Scanner } from './scan.js';

const BATCH = 1024;
export interface ReadOptions extends Limited<'maxLine' | 'maxWindow'>, NameLimits {
  /** refuse unknown keys */
  strict?: boolean | undefined;
  /** ids that `expect` may name; any when absent */
  models?: readonly string[] | undefined;
  /** events of a batch, every one but the last */
  batch?: number | undefined;
  /** false: every event takes the slow path; same result */
  scan?: boolean | undefined;
  /** told once, before the first batch; of a document only what precedes its events is known */
  onHeader?: ((info: TraceInfo) => void) | undefined;
  /** the columns are used again for the next batch when this returns (or what it returns resolves) */
  onBatch?: ((columns: Columns, info: TraceInfo) => void | Promise<void>) | undefined;
  onProgress?: ((bytesRead: number, totalBytes: number | null) => void) | undefined;
  /** for a file that is read more than once */
  rereading?: Rereading | undefined;
  /** keep going: told of a bad line instead of throwing; spellings with an event per line only */
  onBadLine?: ((complaint: Complaint) => void) | undefined;
}

/**
 * Reads a whole trace.
 * @param path a file, or `-` for stdin
 * @returns what is known of the trace at its end
 * @throws Complaint about the first thing that is wrong
 */
export async function readTrace(path: string, options: ReadOptions = {}): Promise<TraceInfo> {
  const reader = new Reader(path, options);
  for await (const chunk of readBytes(path, { ...options, transient: true })) {
    reader.frames.push(chunk);
    await reader.drain();
  }
  reader.frames.eof = true;
  await reader.drain();
  return reader.info;
}

export { type EventOptions, readEvents, type ValidateOptions, validateTrace } from './events.js';

/** Why pump() stopped. */
const BATCH_FULL = 1;
const BAD_EVENT = 2;
const BAD_HEADER = 3;
const DONE = 4;

class Reader {
  readonly info: TraceInfo;
  readonly frames: Frames;
  private readonly columns: Columns;
  private readonly names: Interner;
  private readonly draft = new Draft();
  private readonly unknown: string[] = [];
  /** the stream said more about itself behind its events */
  private trailer = false;
  /** the event that pump() found bad */
  private value: JsonValue = null;
  private problem = FINE;
  /** The complaint about the first value, while the rest is only looked over for errors of the grammar. */
  private pending: Complaint | null = null;
  private pendingBytes = 0;

  constructor(
    path: string,
    private readonly options: ReadOptions,
  ) {
    this.info = emptyInfo(path);
    this.names = new Interner(this.info, options, this);
    this.columns = new Columns(options.batch ?? BATCH);
    const scanner = options.scan === false ? null : new Scanner(this.draft, this.names);
    this.frames = new Frames(path, options.maxLine ?? LIMITS.maxLine.standard, scanner);
  }

  /** Line of the event at hand. */
  get line(): number {
    return this.frames.line;
  }

  /** Reads all that the window holds. */
  async drain(): Promise<void> {
    for (;;) {
      const why = this.pending === null ? this.pump() : this.lookOver(this.pending);
      if (why === MORE) return;
      if (why === BATCH_FULL || why === DONE) {
        const { columns, info } = this;
        if (columns.n > 0) await this.options.onBatch?.(columns, info);
        columns.n = 0;
        if (why === DONE) return;
      } else if (why === BAD_HEADER) {
        throw (await headerComplaints(this.frames))[0];
      } else await this.badEvent();
    }
  }

  /** Events until something must be waited for. */
  private pump(): number {
    const { frames, draft, columns, names } = this;
    for (;;) {
      const step = frames.step();
      if (step === SCANNED && draft.check() === FINE) draft.commit(columns, names, frames.line);
      else if (step === MORE) return MORE;
      else if (step === END) return this.finish() ? DONE : BAD_HEADER;
      else if (step === HEADER) {
        if (!this.header()) return BAD_HEADER;
      } else if (!this.slow()) return BAD_EVENT;
      if (columns.n === columns.capacity) return BATCH_FULL;
    }
  }

  /** The slow path for the event at hand; false when it is bad. */
  private slow(): boolean {
    const { frames, draft, unknown } = this;
    try {
      this.value = frames.value();
    } catch (error) {
      if (!(error instanceof Complaint) || !this.skips(error)) throw error;
      return true;
    }
    const { value } = this;
    if (frames.spelling === 'stream' && addTrailer(frames.head, value)) {
      this.trailer = true;
      frames.keepTrailer();
      return true;
    }
    this.problem = NOT_THIS_SHAPE;
    unknown.length = 0;
    if (!isObject(value)) return false;
    if (typeof value.op === 'string' && isForeign(value.op)) encodeForeign(value, draft, this.names);
    else if (!encodeEvent(value, draft, this.names, unknown)) return false;
    this.problem = draft.check();
    if (this.problem !== FINE || (this.options.strict === true && unknown.length > 0)) return false;
    for (const key of unknown) countUnknown(this.info, key);
    draft.commit(this.columns, this.names, frames.line);
    return true;
  }

  /** Does reading go on behind this bad line? Tells of it if so. */
  private skips(complaint: Complaint): boolean {
    const { onBadLine } = this.options;
    if (onBadLine === undefined || !this.frames.linewise) return false;
    onBadLine(complaint);
    return true;
  }

  private async badEvent(): Promise<void> {
    const { frames, info, unknown } = this;
    const index = info.events;
    const [complaint] =
      this.problem === FINE
        ? unknownEventKeys(frames, unknown.slice(0, 1), index)
        : await eventComplaints(frames, this.value, this.problem, index, this.draft);
    if (this.skips(complaint)) return;
    if (index > 0 || frames.linewise) throw complaint;
    this.pending = complaint;
  }

  /** What does not even begin like a trace may not be JSON either: that is then the complaint. */
  private lookOver(pending: Complaint): number {
    const { frames } = this;
    for (;;) {
      const step = frames.step();
      if (step === MORE) {
        if (this.pendingBytes > frames.maxLine) throw pending;
        return MORE;
      }
      if (step === END) throw pending;
      this.pendingBytes += frames.end - frames.start;
      try {
        frames.value();
      } catch (error) {
        if (!(error instanceof Complaint) || error.class !== 'schema') throw error;
      }
    }
  }

  private header(): boolean {
    const { frames, info } = this;
    if (frames.spelling === 'stream' || (frames.spelling === 'document' && 'format' in frames.head)) {
      if (!this.readHead()) return false;
    }
    this.options.onHeader?.(info);
    return true;
  }

  private readHead(): boolean {
    const { frames, info, unknown } = this;
    unknown.length = 0;
    if (!readHeader(frames.head, info, unknown)) return false;
    const [noModel] = unknownModels(frames, info, this.options.models);
    if (noModel !== undefined) throw noModel;
    if (this.options.strict === true && unknown.length > 0) throw unknownHeaderKeys(frames, unknown)[0];
    return true;
  }

  /** The end of the input; a document's members are complete only now. */
  private finish(): boolean {
    const { spelling } = this.frames;
    if ((spelling === 'document' || this.trailer) && !this.readHead()) return false;
    if (spelling === 'document' || spelling === 'stream') {
      const counted: string[] = [];
      readHeader(this.frames.head, this.info, counted);
      for (const key of counted) countUnknown(this.info, key);
    }
    return true;
  }
}
