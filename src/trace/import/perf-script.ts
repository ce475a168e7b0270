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
import type { Line } from './lines.js';
import { Origin, pushFrame, type TraceRecord, torn, unterminated } from './record.js';

const HEAD = /^.{0,64}?(?<!\S)(-?\d+)(?:\/(-?\d+))?\s+(?:\[(\d+)\]\s+)?(\d+)\.(\d{9}|\d{6}):\s+(.*)$/;
const EVENT = /^(?:\d+\s+)?(?:PERF_RECORD_[A-Z0-9_]+|[\w-]+(?::[\w-]+)?:)/;
const FRAME = /^\s+([0-9a-f]{4,16}) (\S+)/;
const TAIL_FRAME = /\s([0-9a-f]{16}) (\S+)(?: \([^)]*\))?$/;
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
  readonly #origin = new Origin();
  #pending: TraceRecord | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * The record that this line completes, or null: a record is complete when the next one begins.
   *
   * @throws Complaint `schema` for a line that is cut off
   */
  push(line: Line): TraceRecord | null {
    const { text } = line;
    const head = HEAD.exec(text);
    if (head === null || !EVENT.test(head[6])) {
      this.#continuation(line);
      return null;
    }
    if (line.unterminated) throw unterminated(this.#file, line.number, text);
    const done = this.#pending;
    this.#pending = this.#record(head, line.number);
    return done;
  }

  /** The last record of the text. */
  end(): TraceRecord | null {
    const done = this.#pending;
    this.#pending = null;
    return done;
  }

  #continuation(line: Line): void {
    const { text } = line;
    if (text.trim() === '' || text.startsWith('#')) return;
    const frame = FRAME.exec(text);
    if (frame !== null && this.#pending !== null && !line.unterminated) {
      this.#pending.stack ??= [];
      pushFrame(this.#pending.stack, frame[2]);
    } else if (line.unterminated || TORN_HEAD.test(text)) {
      throw torn('perf script', this.#file, line.number, text);
    } else {
      this.unknownLines++;
    }
  }

  #record(head: RegExpExecArray, line: number): TraceRecord {
    const [, first, second, cpu, sec, fraction, rest] = head;
    const body = rest.replace(/^\d+\s+(?=\S)/, '');
    const side = /^(PERF_RECORD_[A-Z0-9_]+)(.*)$/.exec(body);
    const [name, text] = side ? [side[1], side[2]] : eventName(body);
    const tail = side ? null : TAIL_FRAME.exec(text);
    const stack: string[] = [];
    if (tail !== null) pushFrame(stack, tail[2]);
    const synthesized = Number(sec) === 0 && Number(fraction) === 0;
    return {
      synthesized,
      t: synthesized ? 0 : this.#origin.since(sec, fraction),
      pid: second === undefined ? -1 : Number(first),
      tid: Number(second ?? first),
      cpu: cpu === undefined ? -1 : Number(cpu),
      comm: '',
      name,
      text,
      stack: tail === null ? null : stack,
      line,
    };
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
