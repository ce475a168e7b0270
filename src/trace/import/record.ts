/**
 * One event of a recording, whoever wrote its text down: what every reader hands to the pairing.
 */
import { Complaint, quote } from '../../errors.js';
import { NS_PER_SEC, type Ns } from '../../units.js';
import type { Counter, FaultFields, LockFields } from './fields.js';
import type { Line } from './lines.js';
import type { Enter, Exit } from './syscall-text.js';

export interface TraceRecord {
  /** ns since the first record that has a time; 0 for what the recorder made up before it */
  t: Ns;
  /** made up by the recorder before the recording began: what existed already */
  synthesized: boolean;
  /** process; -1 when the text does not print it */
  pid: number;
  tid: number;
  /** -1 when the text does not print it */
  cpu: number;
  /** name of the thread; '' when the text does not print it or did not know it */
  comm: string;
  /**
   * Event name without its subsystem, or `PERF_RECORD_...`; system calls of the syscalls subsystem are
   * `sys_enter_NAME` and `sys_exit_NAME`, a call chain that stands alone is `kernel_stack` and its text the event that
   * it belongs to.
   */
  name: string;
  /** what follows the name; where there are `fields`, only what is the event's own: an address, arguments, a result */
  text: string;
  /** what it has in common with many others, the same object; null where nothing is read ahead, and where it is cut off */
  fields: FaultFields | Counter | LockFields | Enter | Exit | null;
  /** of a counter, its new total in bytes */
  size: number;
  /** of an mmap_lock event, kernel symbols of the call chain as printed, innermost first; null when none was printed */
  stack: string[] | null;
  /** line of the text, from 1 */
  line: number;
}

/** Name of a record that is only the call chain of the thread's last event. */
export const KERNEL_STACK = 'kernel_stack';

const NS_PER_US = 1000;

/**
 * Seconds and fraction as printed -> ns since the first; subtracted apart, so that a large clock costs no precision. Of a
 * clock in microseconds, or in ticks of milliseconds, many records have the same time: they are a nanosecond apart, within
 * their microsecond, which keeps them in order.
 */
export class Origin {
  state = { sec: -1, ns: 0, last: -1 as Ns, same: 0 };

  /** `fraction` as printed, of `digits` digits: six or nine. */
  since(sec: number, fraction: number, digits: number): Ns {
    const coarse = digits === 6;
    const ns = fraction * (coarse ? NS_PER_US : 1);
    const { state } = this;
    if (state.sec < 0) {
      state.sec = sec;
      state.ns = ns;
    }
    const t = (sec - state.sec) * NS_PER_SEC + (ns - state.ns);
    state.same = coarse && t === state.last ? Math.min(state.same + 1, NS_PER_US - 1) : 0;
    state.last = t;
    return t + state.same;
  }
}

/** Where a parser is between two lines: plain data, so that one in another thread can go on from there. */
export interface ParserState {
  readonly unknownLines: number;
  readonly pending: TraceRecord | null;
  readonly origin: Origin['state'];
}

/** What a parser of a recorder's text has in hand: a record is complete when the next one begins. */
export abstract class RecordParser {
  /** lines that were neither an event, a frame of a call chain, blank nor a comment */
  unknownLines = 0;
  protected readonly origin = new Origin();
  protected pending: TraceRecord | null = null;

  constructor(protected readonly file: string) {}

  /**
   * The record that this line completes, or null.
   *
   * @throws Complaint `schema` for a line that is cut off
   */
  abstract push(line: Line): TraceRecord | null;

  get state(): ParserState {
    return { unknownLines: this.unknownLines, pending: this.pending, origin: this.origin.state };
  }

  set state({ unknownLines, pending, origin }: ParserState) {
    this.unknownLines = unknownLines;
    this.pending = pending;
    this.origin.state = origin;
  }

  /** The last record of the text. */
  end(): TraceRecord | null {
    const done = this.pending;
    this.pending = null;
    return done;
  }
}

/** Longest name of a thread: TASK_COMM_LEN less its NUL, and some room for kernel threads' long names. */
const COMM_LENGTH = 31;

/** May this stand before the head of a line? A longer text is the rest of a line that another one cut off. */
export function isComm(text: string): boolean {
  return text === '' || (text.trim().length <= COMM_LENGTH && !/\s\[\d{3}\]|\d\.\d{6}/.test(text));
}

/** What to say of a line that was cut off, or that two writers wrote into. */
export function torn(tool: string, file: string, line: number, text: string): Complaint {
  const where = { file, line, column: text.length - text.trimStart().length + 1 };
  const what = `${tool} line is cut off, found ${quote(text.trim())}`;
  return new Complaint('schema', what, where, 'export it again, or leave such lines out with --keep-going');
}

/** What to say of a last line without its line feed. */
export function unterminated(file: string, line: number, text: string): Complaint {
  const where = { file, line };
  const what = `the text ends without a line feed, so its last line may be cut off, found ${quote(text.trim())}`;
  return new Complaint('schema', what, where, 'add a line feed if the line is whole, or skip it with --keep-going');
}
