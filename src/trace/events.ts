/**
 * A trace as objects, one event at a time with every key it has: for those who rewrite, explain or check a trace. Who only
 * wants to know what is wrong needs no object of an event that the scanner finds good.
 */
import { Complaint } from '../errors.js';
import type { TraceInfo } from './columns.js';
import { eventComplaints, headerComplaints, unknownEventKeys, unknownHeaderKeys, unknownModels } from './complain.js';
import { Draft, FINE, NOT_THIS_SHAPE } from './draft.js';
import { encodeEvent, encodeForeign, isForeign, isObject } from './encode.js';
import { END, Frames, HEADER, MORE, SCANNED } from './frame.js';
import { addTrailer, countUnknown, readHeader } from './header.js';
import { readBytes } from './input.js';
import { emptyInfo, Interner } from './intern.js';
import type { JsonObject, JsonValue } from './json.js';
import { LIMITS, type Limited } from './limits.js';
import { Scanner } from './scan.js';
import type { TraceEvent, TraceHeader } from './schema.js';

export interface EventOptions extends Limited<'maxLine' | 'maxNames' | 'maxWindow'> {
  strict?: boolean | undefined;
  /** ids that `expect` may name; any when absent */
  models?: readonly string[] | undefined;
  /** told before the first event, when there is a header; again at the end with what follows the events, if anything may */
  onHeader?: ((header: TraceHeader) => void) | undefined;
  onProgress?: ((bytesRead: number, totalBytes: number | null) => void) | undefined;
  /** told at the end of what the header says and which keys nobody knows */
  onEnd?: ((info: TraceInfo) => void) | undefined;
}

/**
 * The events of a trace in order, unknown keys kept, those of the user's own (`x-`) included.
 * @throws Complaint about the first thing that is wrong
 */
export async function* readEvents(path: string, options: EventOptions = {}): AsyncGenerator<TraceEvent> {
  for await (const met of new Walk(path, options, false).all()) {
    if (met instanceof Complaint) throw met;
    yield met as TraceEvent;
  }
}

export interface ValidateOptions
  extends Pick<EventOptions, 'strict' | 'models' | 'onEnd'>,
    Limited<'maxLine' | 'maxNames' | 'maxWindow'> {
  /** stop after so many problems */
  max?: number | undefined;
  /** false: every event takes the slow path; same result */
  scan?: boolean | undefined;
}

/** Every problem of a trace, in order; goes on behind a bad event wherever the next one can be found. */
export async function* validateTrace(path: string, options: ValidateOptions = {}): AsyncGenerator<Complaint> {
  let left = options.max ?? Number.POSITIVE_INFINITY;
  if (left <= 0) return;
  for await (const met of new Walk(path, options, options.scan !== false).all()) {
    if (!(met instanceof Complaint)) continue;
    yield met;
    if (--left <= 0) return;
  }
}

/** Goes through a trace and meets complaints and events; with `scan` the first good event and those the scanner is not sure of. */
class Walk {
  private readonly frames: Frames;
  private readonly info;
  private readonly names: Interner;
  private readonly draft = new Draft();
  private index = 0;
  /** the stream said more about itself behind its events */
  private trailer = false;
  /** unknown keys of the header that were complained about */
  private readonly refused = new Set<string>();
  /** Complaints about what precedes the first good event, held back: the whole may turn out to be no JSON at all. */
  private held: Complaint[] | null = [];

  constructor(
    private readonly path: string,
    private readonly options: EventOptions,
    scan: boolean,
  ) {
    this.info = emptyInfo(path);
    this.names = new Interner(this.info, options, this);
    this.frames = new Frames(
      path,
      options.maxLine ?? LIMITS.maxLine.standard,
      scan ? new Scanner(this.draft, this.names) : null,
    );
  }

  /** Line of the event at hand. */
  get line(): number {
    return this.frames.line;
  }

  async *all(): AsyncGenerator<JsonObject | Complaint> {
    const { frames } = this;
    try {
      for await (const met of this.met()) {
        const { held } = this;
        if (held !== null && met instanceof Complaint && !frames.linewise && held.length < HELD) {
          held.push(met);
          continue;
        }
        if (held !== null) yield* held;
        this.held = null;
        yield met;
      }
      if (this.held !== null) yield* this.held;
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      if (this.held !== null && error.class !== 'json-syntax' && error.class !== 'encoding') yield* this.held;
      yield error;
    }
  }

  private async *met(): AsyncGenerator<JsonObject | Complaint> {
    for await (const chunk of readBytes(this.path, { ...this.options, transient: true })) {
      this.frames.push(chunk);
      yield* this.steps();
    }
    this.frames.eof = true;
    yield* this.steps();
  }

  private async *steps(): AsyncGenerator<JsonObject | Complaint> {
    const { frames } = this;
    for (;;) {
      const step = this.step();
      if (step === MORE) return;
      if (step === END || step === HEADER) {
        yield* this.header(step === END);
        if (step === END) {
          this.end();
          return;
        }
        continue;
      }
      let value: JsonValue;
      try {
        value = frames.value();
      } catch (error) {
        // behind a repeated key or a lost number the next element is still where it was
        if (!(error instanceof Complaint) || (!frames.linewise && error.class !== 'schema')) throw error;
        yield error;
        this.index++;
        continue;
      }
      if (frames.spelling === 'stream' && addTrailer(frames.head, value)) {
        this.trailer = true;
        frames.keepTrailer();
        continue;
      }
      yield* this.event(value);
      this.index++;
    }
  }

  /** The next step that is not a good event found by the scanner; but the first good one is met: it ends the holding back. */
  private step(): number {
    const { frames, draft } = this;
    for (;;) {
      const step = frames.step();
      if (step !== SCANNED || this.held !== null || draft.check() !== FINE) return step;
      draft.remember();
      this.index++;
    }
  }

  private async *header(final: boolean): AsyncGenerator<Complaint> {
    const { frames, info, options } = this;
    const { spelling } = frames;
    if (spelling !== 'document' && (final ? !this.trailer : spelling !== 'stream')) return;
    const unknown: string[] = [];
    if (!readHeader(frames.head, info, unknown)) {
      // a document's header is judged whole, at its end
      if (final || spelling === 'stream') yield* await headerComplaints(frames);
      return;
    }
    if (final !== (spelling === 'stream')) yield* unknownModels(frames, info, options.models);
    if (options.strict === true && (final || spelling === 'stream')) {
      yield* unknownHeaderKeys(
        frames,
        unknown.filter(key => !this.refused.has(key)),
      );
      for (const key of unknown) this.refused.add(key);
    }
    options.onHeader?.(frames.head as unknown as TraceHeader);
  }

  private end(): void {
    const { frames, info, options } = this;
    const unknown: string[] = [];
    readHeader(frames.head, info, unknown);
    if (options.strict !== true) for (const key of unknown) countUnknown(info, key);
    options.onEnd?.(info);
  }

  private async *event(value: JsonValue): AsyncGenerator<JsonObject | Complaint> {
    const { frames, draft, names } = this;
    const unknown: string[] = [];
    let problem = NOT_THIS_SHAPE;
    if (isObject(value)) {
      const foreign = typeof value.op === 'string' && isForeign(value.op);
      if (foreign) encodeForeign(value, draft, names);
      if (foreign || encodeEvent(value, draft, names, unknown)) problem = draft.check();
    }
    if (problem !== FINE) {
      yield* await eventComplaints(frames, value, problem, this.index, draft);
      return;
    }
    draft.remember();
    if (this.options.strict === true && unknown.length > 0) {
      yield* unknownEventKeys(frames, unknown, this.index);
      return;
    }
    for (const key of unknown) countUnknown(this.info, key);
    yield value as JsonObject;
  }
}

/** After so many complaints and no good event it is taken for JSON. */
const HELD = 1000;
