/**
 * `perf script` text -> records, one per event line with the call chain that follows it.
 *
 * Models: tools/perf/builtin-script.c, process_event() and perf_sample__fprintf_*(); tools/perf/util/event.c,
 * perf_event__fprintf_{comm,mmap2,task,lost}() (v6.1 to v6.18): what prints the lines below.
 *
 *      1340/1340  [001]  2165.165898231: PERF_RECORD_MMAP2 1340/1340: [0x7f90b309b000(0x42000) @ 0 00:00 0 0]: ---p //anon
 *      1340/1351  [000]  2165.166367656: raw_syscalls:sys_exit: NR 435 = 0               0 ffffffff81415c9c syscall_exit_work
 *     Web Content  4711 [003]  12.000001:  250 exceptions:page_fault_user: address=0x7f... ip=0x5... error_code=0x6
 *     	ffffffff815e2d32 __vmf_anon_prepare
 *
 * The name of a thread (comm) may hold spaces and digits, hence the anchor is the time with its colon.
 */
import { digest } from './digest.js';
import { kept } from './fields.js';
import type { Line } from './lines.js';
import { isComm, RecordParser, type TraceRecord, torn, unterminated } from './record.js';

const HEAD = /(?:^|\s)(-?\d+)(?:\/(-?\d+))?\s+(?:\[(\d+)\]\s+)?(\d+)\.(\d{9}|\d{6})(:\s+(?:\d+\s+)?)(?=[A-Za-z])/;
const SIDE_BAND = /^PERF_RECORD_[A-Z0-9_]+/;
/** An event and its modifiers: `mmap_lock:mmap_lock_released`, `minor-faults`, `minor-faults:u`. */
const EVENT = /^([\w-]+)(?::([\w-]+))?(?::[ukhpPGHSDIWe]+)?$/;
const MODIFIERS = /^[ukhpPGHSDIWe]{1,6}$/;
const FRAME = /^\s+[0-9a-f]{4,16} (\S+)/;
const TAIL_FRAME = /\s[0-9a-f]{16} (\S+)(?: \([^)]*\))?$/;
/** A line that begins like an event and stops before it is one. */
const TORN_HEAD = /^\s*-?\d+\/-?\d+\s+\[\d+\]?(?:\s+[\d.]*:?)?\s*$/;

const TAB = 0x09;
const ZERO = 0x30;

/** Parts of lines that are remembered, of each sort; of more all are forgotten. */
const REMEMBERED = 1000;

/** The beginning of a line up to the dot of its time: the same for many lines. */
interface Head {
  readonly text: string;
  /** what stands before it: the name of the thread, if it is printed */
  readonly comm: string;
  /** -1 when it is not printed */
  readonly pid: number;
  readonly tid: number;
  /** -1 when it is not printed */
  readonly cpu: number;
  readonly sec: number;
}

/** An event as it is printed between the time and its fields, `:   kmem:rss_stat: `: of one recording there are few. */
interface Kind {
  readonly text: string;
  /** without subsystem and modifiers; '' when it is no event */
  readonly name: string;
  /** what followed it the last time: most faults have the same events in the same order */
  next: Kind | null;
}

/** No line has a line feed. */
const NO_HEAD: Head = { text: '\n', comm: '', pid: -1, tid: -1, cpu: -1, sec: 0 };
const NO_EVENT: Kind = { text: '', name: '', next: null };

/** `startsWith`, which V8 compiles to a loop over characters; two strings it compares at once. */
function isAt(text: string, at: number, part: string): boolean {
  return text.slice(at, at + part.length) === part;
}

function remember<T extends { readonly text: string }>(known: Map<string, T>, part: T): void {
  if (known.size >= REMEMBERED) known.clear();
  known.set(part.text, part);
}

/**
 * The line of an event, part by part. Nearly all lines begin as one before them and go on as one before them: to compare
 * takes half the time of reading.
 */
class EventLine {
  head = NO_HEAD;
  /** ns or us, as nine or six `digits` */
  fraction = 0;
  digits = 0;
  kind: Kind = { ...NO_EVENT };
  /** what stands behind the name of the event */
  rest = '';
  readonly #heads = new Map<string, Head>();
  readonly #kinds = new Map<string, Kind>();

  /** Reads a line; false when it is none that `perf script` prints for an event. */
  read(text: string): boolean {
    return this.#isLikeOthers(text) || this.#readAnew(text);
  }

  #isLikeOthers(text: string): boolean {
    const head = this.#headOf(text);
    if (head === undefined) return false;
    const from = head.text.length;
    let at = from;
    let fraction = 0;
    for (; at < text.length; at++) {
      const digit = text.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9) break;
      fraction = fraction * 10 + digit;
    }
    const digits = at - from;
    const kind = digits === 9 || digits === 6 ? this.#kindAt(text, at) : undefined;
    if (kind === undefined) return false;
    this.head = head;
    this.fraction = fraction;
    this.digits = digits;
    this.#follow(kind);
    this.rest = text.slice(at + kind.text.length - 1);
    return true;
  }

  #headOf(text: string): Head | undefined {
    if (isAt(text, 0, this.head.text)) return this.head;
    return this.#heads.get(text.slice(0, text.indexOf('.') + 1));
  }

  #kindAt(text: string, at: number): Kind | undefined {
    const { next } = this.kind;
    if (next !== null && isAt(text, at, next.text)) return next;
    return this.#kinds.get(text.slice(at, text.indexOf(': ', at + 2) + 2));
  }

  #follow(kind: Kind): void {
    this.kind.next = kind;
    this.kind = kind;
  }

  #readAnew(text: string): boolean {
    const match = HEAD.exec(text);
    if (match === null) return false;
    const [whole, first, second, cpu, sec, fraction, colon] = match;
    const event = match.index + whole.length;
    const time = event - colon.length;
    if (!this.#eventAt(text, time, event)) return false;
    this.fraction = Number(fraction);
    this.digits = fraction.length;
    const beginning = text.slice(0, time - fraction.length);
    this.head = this.#heads.get(beginning) ?? {
      text: kept(beginning),
      comm: kept(text.slice(0, match.index)),
      pid: second === undefined ? -1 : Number(first),
      tid: Number(second ?? first),
      cpu: cpu === undefined ? -1 : Number(cpu),
      sec: Number(sec),
    };
    remember(this.#heads, this.head);
    return true;
  }

  /** What stands `from` the event on, `time` being the end of the time: is it one? */
  #eventAt(text: string, time: number, from: number): boolean {
    if (text.startsWith('PERF_RECORD_', from)) {
      const name = SIDE_BAND.exec(text.slice(from))?.[0];
      if (name === undefined) return false;
      this.kind = { ...NO_EVENT, name };
      this.rest = text.slice(from + name.length);
      return true;
    }
    const colon = text.indexOf(': ', from);
    const end = colon >= 0 ? colon : text.endsWith(':') ? text.length - 1 : from;
    const printed = text.slice(time, end + 2);
    const kind = this.#kinds.get(printed) ?? kindOf(printed, text.slice(from, end));
    if (kind.name === '') return false;
    if (colon >= 0) {
      this.#follow(kind);
      remember(this.#kinds, kind);
    } else {
      this.kind = kind;
    }
    this.rest = text.slice(end + 1);
    return true;
  }
}

function kindOf(printed: string, event: string): Kind {
  const match = EVENT.exec(event);
  if (match === null) return NO_EVENT;
  const [, first, second] = match;
  const name = second === undefined || MODIFIERS.test(second) ? first : second;
  return { text: kept(printed), name: kept(name), next: null };
}

/** Of all call chains only those of mmap_lock events are looked at. */
const isLock = (name: string): boolean => name.startsWith('mmap_lock_');

/** Is this line one that `perf script` prints for an event? */
export function isPerfLine(text: string): boolean {
  return new EventLine().read(text);
}

/** The parser: feed it lines, it hands back each record once its call chain is complete. */
export class PerfScriptParser extends RecordParser {
  readonly #event = new EventLine();

  push(line: Line): TraceRecord | null {
    const { text } = line;
    // most lines are frames, and no event begins with a tab
    if (text.charCodeAt(0) === TAB && this.#frame(line)) return null;
    if (!this.#event.read(text)) {
      this.#continuation(line);
      return null;
    }
    if (line.unterminated) throw unterminated(this.file, line.number, text);
    if (!isComm(this.#event.head.comm)) throw torn('perf script', this.file, line.number, text);
    const done = this.pending;
    this.pending = this.#record(line.number);
    return done;
  }

  #continuation(line: Line): void {
    const { text } = line;
    if (text.trim() === '' || text.startsWith('#') || this.#frame(line)) return;
    if (line.unterminated || TORN_HEAD.test(text)) throw torn('perf script', this.file, line.number, text);
    this.unknownLines++;
  }

  /** Is it a frame of a call chain? */
  #frame({ text, unterminated }: Line): boolean {
    const { pending } = this;
    if (pending === null || unterminated) return false;
    if (!isLock(pending.name)) return FRAME.test(text);
    const frame = FRAME.exec(text);
    if (frame === null) return false;
    pending.stack ??= [];
    pending.stack.push(frame[1]);
    return true;
  }

  #record(line: number): TraceRecord {
    const { head, fraction, digits, kind, rest } = this.#event;
    const { pid, tid, cpu, sec } = head;
    const { name } = kind;
    const tail = isLock(name) ? TAIL_FRAME.exec(rest) : null;
    const synthesized = sec === 0 && fraction === 0;
    const record: TraceRecord = {
      synthesized,
      t: synthesized ? 0 : this.origin.since(sec, fraction, digits),
      pid,
      tid,
      cpu,
      comm: '',
      name,
      text: rest,
      fields: null,
      size: 0,
      stack: tail === null ? null : [tail[1]],
      line,
    };
    digest(record);
    return record;
  }
}
