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
import { Complaint, quote } from '../../errors.js';
import { NS_PER_SEC, type Ns } from '../../units.js';
import type { Line } from './lines.js';

export interface PerfRecord {
  /** ns since the first record that has a time; 0 for what perf synthesized before it */
  t: Ns;
  /** made up by perf before the recording began: what existed already */
  synthesized: boolean;
  /** -1 when the text does not print it */
  pid: number;
  tid: number;
  /** -1 when the text does not print it */
  cpu: number;
  /** event name without its subsystem, or `PERF_RECORD_...` */
  name: string;
  /** what follows the name */
  text: string;
  /** kernel symbols of the call chain, innermost first; null when none was printed */
  stack: string[] | null;
  line: number;
}

const HEAD = /^.{0,64}?(?<!\S)(-?\d+)(?:\/(-?\d+))?\s+(?:\[(\d+)\]\s+)?(\d+)\.(\d{9}|\d{6}):\s+(.*)$/;
const EVENT = /^(?:\d+\s+)?(?:PERF_RECORD_[A-Z0-9_]+|[\w-]+(?::[\w-]+)?:)/;
const FRAME = /^\s+([0-9a-f]{4,16}) (\S+)/;
const TAIL_FRAME = /\s([0-9a-f]{16}) (\S+)(?: \([^)]*\))?$/;
/** Frames of the tracepoint itself, above the function that took the lock. */
const PLUMBING = /^(?:__mmap_lock_do_trace|__traceiter|perf_|trace_|bpf_)/;
/** A line that begins like an event and stops before it is one. */
const TORN_HEAD = /^\s*-?\d+\/-?\d+\s+\[\d+\]?(?:\s+[\d.]*:?)?\s*$/;

/** Is this line one that `perf script` prints for an event? */
export function isPerfLine(text: string): boolean {
  const head = HEAD.exec(text);
  return head !== null && EVENT.test(head[6]);
}

/** The parser: feed it lines, it hands back each record once its call chain is complete. */
export class PerfScriptParser {
  /** lines that were neither an event, a call chain frame, blank nor a comment */
  unknownLines = 0;
  readonly #file: string;
  #pending: PerfRecord | null = null;
  #originSec = -1;
  #originNs = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** The record that this line completes, or null: a record is complete when the next one begins. */
  push(line: Line): PerfRecord | null {
    const { text } = line;
    const head = HEAD.exec(text);
    if (head === null || !EVENT.test(head[6])) {
      this.#continuation(line);
      return null;
    }
    const done = this.#pending;
    this.#pending = this.#record(head, line.number);
    return done;
  }

  /** The last record of the text. */
  end(): PerfRecord | null {
    const done = this.#pending;
    this.#pending = null;
    return done;
  }

  #continuation(line: Line): void {
    const { text } = line;
    if (text.trim() === '' || text.startsWith('#')) return;
    const frame = FRAME.exec(text);
    if (frame !== null && this.#pending !== null) {
      this.#pending.stack ??= [];
      if (!PLUMBING.test(frame[2])) this.#pending.stack.push(frame[2].replace(/\+0x[0-9a-f]+$/, ''));
    } else if (line.unterminated || TORN_HEAD.test(text)) {
      throw torn(this.#file, line.number, text);
    } else {
      this.unknownLines++;
    }
  }

  #record(head: RegExpExecArray, line: number): PerfRecord {
    const [, first, second, cpu, sec, fraction, rest] = head;
    const body = rest.replace(/^\d+\s+(?=\S)/, '');
    const side = /^(PERF_RECORD_[A-Z0-9_]+)(.*)$/.exec(body);
    const [name, text] = side ? [side[1], side[2]] : eventName(body);
    const tail = side ? null : TAIL_FRAME.exec(text);
    return {
      synthesized: Number(sec) === 0 && Number(fraction) === 0,
      t: this.#time(Number(sec), Number(fraction) * (fraction.length === 6 ? 1000 : 1)),
      pid: second === undefined ? -1 : Number(first),
      tid: Number(second ?? first),
      cpu: cpu === undefined ? -1 : Number(cpu),
      name,
      text,
      stack: tail === null ? null : PLUMBING.test(tail[2]) ? [] : [tail[2].replace(/\+0x[0-9a-f]+$/, '')],
      line,
    };
  }

  /** Seconds and ns are subtracted apart, so that a large clock costs no precision. */
  #time(sec: number, ns: number): Ns {
    if (sec === 0 && ns === 0) return 0;
    if (this.#originSec < 0) {
      this.#originSec = sec;
      this.#originNs = ns;
    }
    return (sec - this.#originSec) * NS_PER_SEC + (ns - this.#originNs);
  }
}

function eventName(body: string): [name: string, text: string] {
  const colon = body.search(/:\s|:$/);
  const full = body.slice(0, colon < 0 ? body.length : colon);
  const parts = full.split(':');
  // `mmap_lock:mmap_lock_released` is subsystem and name, `minor-faults:u` is name and modifier
  const name = parts.length > 1 && /^[ukhppGHSDIWe]{1,6}$/.test(parts[1]) ? parts[0] : parts[parts.length - 1];
  return [name, colon < 0 ? '' : body.slice(colon + 1)];
}

/** What to say of a line that was cut off. */
export function torn(file: string, line: number, text: string): Complaint {
  const where = { file, line, column: text.length - text.trimStart().length + 1 };
  return new Complaint(
    'schema',
    `perf script line is cut off, found ${quote(text.trim())}`,
    where,
    'export it again, or cut the last line',
  );
}

/** `key=value` of a tracepoint's text; by name, because newer kernels add fields in the middle. */
export function field(text: string, key: string): string | null {
  const at = text.search(new RegExp(`(?:^|[\\s,])${key}=`));
  if (at < 0) return null;
  const from = text.indexOf('=', at) + 1;
  const end = text.slice(from).search(/[\s,]/);
  return end < 0 ? text.slice(from) : text.slice(from, from + end);
}
