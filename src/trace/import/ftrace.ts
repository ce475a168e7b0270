/**
 * tracefs text (`trace`, `trace_pipe`, `trace-cmd report`) -> records.
 *
 * Models: kernel/trace/trace_output.c, trace_print_context(), trace_print_lat_fmt(), trace_stack_print(),
 * print_syscall_enter(); kernel/trace/trace.c, print_event_info(), print_trace_line() (v6.1 to v7.2): what prints these.
 *
 *                 uffd-693     [000] d..1.    90.993346: page_fault_user: address=0x5bfb41 ip=0x40a619 error_code=0x4
 *          Web Content-4711    (   4700) [001]  2890.316: sys_mmap(addr: 0, len: 2000, prot: 3, flags: 22, fd: ff, off: 0)
 *                <...>-693     [000] .....    90.993400: <stack trace>
 *      => __mmap_lock_do_trace_acquire_returned
 *      => lock_mm_and_find_vma
 *     CPU:1 [LOST 34 EVENTS]
 *
 * The name of a thread may hold anything, so a line is known by what follows it. A call chain is an event of its own: the
 * thread's event before it has that chain, and lines of other processors may stand between the two.
 */
import { digest } from './digest.js';
import type { Line } from './lines.js';
import { isComm, KERNEL_STACK, RecordParser, type TraceRecord, torn, unterminated } from './record.js';

const HEAD =
  /-(\d+)\s+(?:\(\s*(\d+|-+)\)\s+)?\[(\d{3,})\]\s+(?:[^\s\d]\S{3,4}\s+|\.{4,5}\s+)?(\d+)\.(\d{9}|\d{6}): +(\S.*)$/;
const LOST = /^CPU:(\d+) \[LOST (\d+ )?EVENTS\]/;
/** The buffer kept fewer than were written: the oldest are gone. */
const OVERRUN = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+) /;
const FRAME = /^\s*=> <?([^\s>]+)/;
const CALL = /^sys_(\w+)(\(| -> )/;
const STACK = /^(?:kernel_stack:\s+)?<stack trace ?>/;
/** Name of the event in the frame that recorded it. */
const OF_EVENT = /^trace_event_raw_event_(\w+)/;
/** A line that begins like an event and stops before it is one. */
const TORN_HEAD =
  /^\s*\S.{0,40}-\d+\s+(?:\([\d\s-]*\)?\s*)?(?:\[\d*\]?\s*(?:[.\w]{1,5}$)?)?(?:[.\w]{0,5}\s+)?[\d.]*:?\s*$/;

/** Is this line one that tracefs prints for an event, or the heading above them? */
export function isFtraceLine(text: string): boolean {
  return HEAD.test(text) || text.startsWith('# tracer:');
}

/** The parser: feed it lines, it hands back each record once the frames below it are complete. */
export class FtraceParser extends RecordParser {
  push(line: Line): TraceRecord | null {
    const { text } = line;
    const head = HEAD.exec(text);
    const lost = head === null ? lostEvents(text) : null;
    if (head === null && lost === null) {
      this.#continuation(line);
      return null;
    }
    if (line.unterminated) throw unterminated(this.file, line.number, text);
    if (head !== null && !isComm(text.slice(0, head.index))) throw torn('ftrace', this.file, line.number, text);
    const done = this.pending;
    this.pending = head === null ? this.#lost(lost!, line.number) : this.#record(head, line);
    return done;
  }

  #continuation(line: Line): void {
    const { text } = line;
    if (text.trim() === '' || text.startsWith('#')) return;
    const frame = FRAME.exec(text);
    const { pending } = this;
    if (frame !== null && !line.unterminated) {
      if (pending === null || pending.stack === null) return;
      const event = OF_EVENT.exec(frame[1]);
      if (event !== null) pending.text = event[1];
      pending.stack.push(frame[1]);
    } else if (line.unterminated || TORN_HEAD.test(text)) {
      throw torn('ftrace', this.file, line.number, text);
    } else {
      this.unknownLines++;
    }
  }

  #record(head: RegExpExecArray, { text: whole, number }: Line): TraceRecord {
    const [, tid, tgid, cpu, sec, fraction, body] = head;
    const comm = whole.slice(0, head.index).trim();
    const record: TraceRecord = {
      t: this.origin.since(Number(sec), Number(fraction), fraction.length),
      synthesized: false,
      pid: tgid === undefined || tgid.startsWith('-') ? -1 : Number(tgid),
      tid: Number(tid),
      cpu: Number(cpu),
      comm: comm === '<...>' ? '' : comm,
      name: '',
      text: '',
      fields: null,
      size: 0,
      stack: null,
      line: number,
    };
    const call = CALL.exec(body);
    if (call !== null) {
      record.name = (call[2] === '(' ? 'sys_enter_' : 'sys_exit_') + call[1];
      record.text = body.slice(call[0].length - (call[2] === '(' ? 1 : 0));
    } else if (STACK.test(body)) {
      record.name = KERNEL_STACK;
      record.stack = [];
    } else {
      const colon = body.indexOf(':');
      record.name = colon < 0 ? body : body.slice(0, colon);
      record.text = colon < 0 ? '' : body.slice(colon + 1);
    }
    digest(record);
    return record;
  }

  #lost({ cpu, events }: Lost, line: number): TraceRecord {
    const t = this.pending?.t ?? 0;
    const text = ` lost ${events}`;
    const name = 'PERF_RECORD_LOST';
    return {
      t,
      synthesized: false,
      pid: 0,
      tid: 0,
      cpu,
      comm: '',
      name,
      text,
      fields: null,
      size: 0,
      stack: null,
      line,
    };
  }
}

/** How many events of which processor were lost; those before the first that was kept have none. */
interface Lost {
  readonly cpu: number;
  readonly events: number;
}

/** What this line says was lost; null for any other line, and where that is nothing. */
function lostEvents(text: string): Lost | null {
  const overrun = OVERRUN.exec(text);
  if (overrun !== null) {
    const events = Number(overrun[2]) - Number(overrun[1]);
    return events > 0 ? { cpu: -1, events } : null;
  }
  const lost = LOST.exec(text);
  return lost === null ? null : { cpu: Number(lost[1]), events: Number(lost[2] ?? 1) };
}
