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
import { isComm, RecordParser, type TraceRecord, torn, unterminated } from './record.js';

const HEAD = /(?:^|\s)(-?\d+)(?:\/(-?\d+))?\s+(?:\[(\d+)\]\s+)?(\d+)\.(\d{9}|\d{6}):\s+(?:\d+\s+)?(?=[A-Za-z])/;
const SIDE_BAND = /^PERF_RECORD_[A-Z0-9_]+/;
/** An event and its modifiers: `mmap_lock:mmap_lock_released`, `minor-faults`, `minor-faults:u`. */
const EVENT = /^([\w-]+)(?::([\w-]+))?(?::[ukhpPGHSDIWe]+)?$/;
const MODIFIERS = /^[ukhpPGHSDIWe]{1,6}$/;
const FRAME = /^\s+([0-9a-f]{4,16}) (\S+)/;
const TAIL_FRAME = /\s([0-9a-f]{16}) (\S+)(?: \([^)]*\))?$/;
/** A line that begins like an event and stops before it is one. */
const TORN_HEAD = /^\s*-?\d+\/-?\d+\s+\[\d+\]?(?:\s+[\d.]*:?)?\s*$/;

/** Event as printed -> its name without subsystem and modifiers; the same few come again and again. */
const NAMES = new Map<string, string>();

/** Name of a printed event; '' when it is none. */
function nameOf(event: string): string {
  const known = NAMES.get(event);
  if (known !== undefined) return known;
  const match = EVENT.exec(event);
  if (match === null) return '';
  const [, first, second] = match;
  const name = second === undefined || MODIFIERS.test(second) ? first : second;
  if (NAMES.size < 1000) NAMES.set(event, name);
  return name;
}

/** What stands behind the time: name of the event and the rest; the name is '' when it is no event. */
function eventAt(text: string, from: number): { name: string; rest: string } {
  if (text.startsWith('PERF_RECORD_', from)) {
    const body = text.slice(from);
    const name = SIDE_BAND.exec(body)?.[0] ?? '';
    return { name, rest: body.slice(name.length) };
  }
  const colon = text.indexOf(': ', from);
  const end = colon >= 0 ? colon : text.endsWith(':') ? text.length - 1 : from;
  return { name: nameOf(text.slice(from, end)), rest: text.slice(end + 1) };
}

/** Is this line one that `perf script` prints for an event? */
export function isPerfLine(text: string): boolean {
  const head = HEAD.exec(text);
  return head !== null && eventAt(text, head.index + head[0].length).name !== '';
}

/** The parser: feed it lines, it hands back each record once its call chain is complete. */
export class PerfScriptParser extends RecordParser {
  push(line: Line): TraceRecord | null {
    const { text } = line;
    // most lines are frames, and no event begins with a tab
    if (text.startsWith('\t') && this.#frame(line)) return null;
    const head = HEAD.exec(text);
    const event = head === null ? null : eventAt(text, head.index + head[0].length);
    if (head === null || event === null || event.name === '') {
      this.#continuation(line);
      return null;
    }
    if (line.unterminated) throw unterminated(this.file, line.number, text);
    if (!isComm(text.slice(0, head.index))) throw torn('perf script', this.file, line.number, text);
    const done = this.pending;
    this.pending = this.#record(head, event, line.number);
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
    const frame = this.pending === null || unterminated ? null : FRAME.exec(text);
    if (frame === null || this.pending === null) return false;
    this.pending.stack ??= [];
    this.pending.stack.push(frame[2]);
    return true;
  }

  #record(head: RegExpExecArray, { name, rest }: { name: string; rest: string }, line: number): TraceRecord {
    const [, first, second, cpu, sec, fraction] = head;
    const tail = name.startsWith('mmap_lock_') ? TAIL_FRAME.exec(rest) : null;
    const synthesized = Number(sec) === 0 && Number(fraction) === 0;
    return {
      synthesized,
      t: synthesized ? 0 : this.origin.since(Number(sec), Number(fraction), fraction.length),
      pid: second === undefined ? -1 : Number(first),
      tid: Number(second ?? first),
      cpu: cpu === undefined ? -1 : Number(cpu),
      comm: '',
      name,
      text: rest,
      stack: tail === null ? null : [tail[2]],
      line,
    };
  }
}
