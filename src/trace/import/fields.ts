/**
 * What the tracepoints print after their name, field by field. A text that does not fit is cut off, or somebody else's.
 *
 * Models: TP_printk() of arch/x86/include/asm/trace/exceptions.h, include/trace/events/{mmap_lock,kmem,sched,signal,migrate}.h
 * (v6.1 to v7.2). `memcg_path=` became `memcg_id=` in 6.16; newer kernels may add fields, so only known ones are named.
 * After its fields perf prints the address of the sample and, if asked to, one frame of the call chain.
 */

/** To the end of the line: what follows the last field is perf's own, or somebody else's line. */
export const END = '(?=\\s*$|\\s+[0-9a-f]+\\s*$|\\s+(?:[0-9a-f]+ +)?[0-9a-f]{4,16} \\S+(?: \\([^)]*\\))?\\s*$)';

const FAULT = /^ *address=(0x[0-9a-f]{1,16}|[A-Za-z_][\w.]*) ip=\S+(?= error_code=)/;
const ERROR_CODE = ' error_code=(0x[0-9a-f]{1,16}|0)';
const COPIED = / ip=(?:strncpy_from_user|rep_movs|copy_user|_?copy_from_user)\S* error_code=(?:0x)?0(?=\s|$)/;
const CLEARED = / ip=(?:\w*clear_user|rep_stos|padzero|elf_load|load_elf_interp)\S* error_code=(?:0x)?2(?=\s|$)/;
/** Characters that tracefs prints for an event: the page of a trace_seq. What is longer would take long to be told from one. */
const MOST_PRINTED = 8192;

const LOCK = new RegExp(
  `^ *mm=(\\S+) (?:memcg_\\w+=.*? )?(?:\\w+=\\S* )*?write=(true|false)(?: success=(true|false))?${END}`,
);
const RSS = /^ *mm_id=(\d+) curr=([01]) (?:type|member)=(\S+) size=(?=-?\d)/;
const MIGRATION = /^ *addr=(?:0x)?([0-9a-f]{1,16}), pte=\S/;
const CHILD = new RegExp(`^.* child_pid=(\\d+)${END}`);
/** As the kernel prints it, and as libtraceevent does. */
const SWITCH = /^.*(?: prev_state=|:\d+ \[\d+\] )([A-Z+|]+) ==> \S/i;
const GROUP_DEAD = / group_dead=(true|false)(?=\s|$)/;
const EXEC = /^ *filename=(.*) pid=(\d+) old_pid=(\d+)(?=\s|$)/;
const INODE = /^ *dev[= ](\d+:\d+) ino[= ]([0-9a-f]+)(?= )/;
const DELIVERED = /^ *sig=(\d+) errno=/;
const MINUS = 0x2d;
const ZERO = 0x30;
const SIGNAL = /^ *sig=(\d+) errno=-?\d+ code=(-?\d+) .*? pid=(\d+) grp=\d res=\d(?=\s|$)/;

/** Things with the same key are one object, so that they are sent to another thread once. */
export class Alike<T> {
  readonly #known = new Map<string, T>();

  /** What was made for the key, or is made now. */
  of(key: string, make: (key: string) => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    // of more than a thousand all are forgotten
    if (this.#known.size === 1000) this.#known.clear();
    const own = kept(key);
    const made = make(own);
    this.#known.set(own, made);
    return made;
  }
}

/** The same text where V8 keeps keys: it does not hold the text that it was cut from, and is compared in one step. */
export function kept(text: string): string {
  return Object.keys({ [text]: true })[0];
}

/** END of one kind of event: nearly all are as the one before, and to compare takes a fifth of the time of reading. */
export class End {
  readonly #pattern: RegExp;
  #last = '';
  /** of the one that was found last, the number in its last field; NaN where `field` was not given */
  number = Number.NaN;

  /** @param field pattern of a last field that is nearly always the same, with its number as a group */
  constructor(field = '') {
    this.#pattern = new RegExp(`^${field}${END}`);
  }

  /** Does it stand there? */
  isAt(text: string, at: number): boolean {
    const end = text.slice(at);
    if (end === this.#last) return true;
    const match = this.#pattern.exec(end);
    if (match === null) return false;
    this.#last = end;
    this.number = Number(match[1]);
    return true;
  }
}

/** A counter as it is printed before its size. */
interface PrintedCounter {
  text: string;
  counter: Counter;
}

const faultEnd = new End(ERROR_CODE);
const rssEnd = new End('B');
let lastCounter: PrintedCounter = { text: '\n', counter: { name: '', own: false, type: '' } };

let lastFault: FaultFields = { errorCode: Number.NaN, copies: false, clears: false };

const faults = new Alike<FaultFields>();
const counters = new Alike<Counter>();
const acquired = new Alike<LockFields | null>();
const locks = new Alike<LockFields | null>();

export interface LockFields {
  /** the mm, as a pointer or its hash */
  mm: string;
  write: boolean;
  /** acquire_returned only; true for the others */
  success: boolean;
  /** the event has memcg_id, which came with 6.16 */
  memcgId: boolean;
}

/** A fault but for its address. */
export interface FaultFields {
  /** X86_PF_* bits */
  errorCode: number;
  /** of page_fault_kernel: copiesFromUser() */
  copies: boolean;
  /** of page_fault_kernel: clearsUser() */
  clears: boolean;
}

export interface Counter {
  name: string;
  /** of the thread's own mm */
  own: boolean;
  type: string;
}

/** page_fault_user and page_fault_kernel; null when cut off. The address is a symbol where it is one of the kernel's. */
export function faultFields(name: string, text: string): { address: string; fields: FaultFields } | null {
  const match = FAULT.exec(text);
  if (match === null || !faultEnd.isAt(text, match[0].length)) return null;
  const [{ number: errorCode }, kernelMode] = [faultEnd, name === 'page_fault_kernel'];
  const copies = kernelMode && copiesFromUser(text);
  const clears = kernelMode && clearsUser(text);
  if (errorCode !== lastFault.errorCode || copies !== lastFault.copies || clears !== lastFault.clears)
    lastFault = faults.of(`${errorCode} ${copies} ${clears}`, () => ({ errorCode, copies, clears }));
  return { address: match[1], fields: lastFault };
}

/** page_fault_kernel: does it read what the thread handed to a system call? Then the thread goes on. */
export function copiesFromUser(text: string): boolean {
  return COPIED.test(text);
}

/** page_fault_kernel of an execve: does it clear memory of the thread? A fast processor does so without a call. */
export function clearsUser(text: string): boolean {
  return CLEARED.test(text);
}

/** mmap_lock_start_locking, mmap_lock_acquire_returned, mmap_lock_released; null when cut off. */
export function lockFields(name: string, text: string): LockFields | null {
  if (text.length > MOST_PRINTED) return null;
  return name === 'mmap_lock_acquire_returned'
    ? acquired.of(text, () => readLock(text, true))
    : locks.of(text, () => readLock(text, false));
}

function readLock(text: string, saysSuccess: boolean): LockFields | null {
  const match = LOCK.exec(text);
  if (match === null || (match[3] !== undefined) !== saysSuccess) return null;
  const [, mm, write, success] = match;
  return { mm: kept(mm), write: write === 'true', success: success !== 'false', memcgId: text.includes(' memcg_id=') };
}

/** rss_stat: the counter's new total in bytes; null when cut off. */
export function rssFields(text: string): { size: number; fields: Counter } | null {
  const printed = counterOf(text);
  if (printed === null) return null;
  const sign = text.charCodeAt(printed.text.length) === MINUS ? -1 : 1;
  const from = printed.text.length + (sign < 0 ? 1 : 0);
  let at = from;
  let size = 0;
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) break;
    size = size * 10 + digit;
  }
  if (at === from || !rssEnd.isAt(text, at)) return null;
  return { size: sign * size, fields: printed.counter };
}

/** Of most faults the counter is the same as of the one before. */
function counterOf(text: string): PrintedCounter | null {
  if (text.slice(0, lastCounter.text.length) === lastCounter.text) return lastCounter;
  const match = RSS.exec(text);
  if (match === null) return null;
  const [printed, id, own, type] = match;
  const key = `${id} ${type} ${own}`;
  const counter = counters.of(key, () => ({ name: kept(`${id} ${type}`), own: own === '1', type: kept(type) }));
  lastCounter = { text: printed, counter };
  return lastCounter;
}

/** set_migration_pte and remove_migration_pte: hex digits of the address; null when cut off. */
export function migrationAddress(text: string): string | null {
  return MIGRATION.exec(text)?.[1] ?? null;
}

/** sched_process_fork: the new thread. The names of threads stand before it and may hold anything. Null when cut off. */
export function childOf(text: string): number | null {
  const child = CHILD.exec(text)?.[1];
  return child === undefined ? null : Number(child);
}

/** sched_switch: letters of the state in which the thread is left, R for one that could go on; null when cut off. */
export function switchedState(text: string): string | null {
  if (text.length > MOST_PRINTED) return null;
  return SWITCH.exec(text)?.[1] ?? null;
}

/** sched_process_exit: was it the last thread of its process? Kernels before 6.15 do not say. */
export function groupDead(text: string): boolean | null {
  const match = GROUP_DEAD.exec(text);
  return match === null ? null : match[1] === 'true';
}

/** sched_process_exec: the path that was executed; null when cut off. */
export function execPath(text: string): string | null {
  return EXEC.exec(text)?.[1] ?? null;
}

/** A signal on its way to `tid`. */
export interface Signal {
  readonly signal: number;
  /** si_code: above 0 the kernel raised it for what its target did, else a program sent it */
  readonly code: number;
  readonly tid: number;
}

/** signal_generate; null when cut off. */
export function signalFields(text: string): Signal | null {
  const match = SIGNAL.exec(text);
  return match === null ? null : { signal: Number(match[1]), code: Number(match[2]), tid: Number(match[3]) };
}

/** signal_deliver: the signal; null when cut off. */
export function deliveredSignal(text: string): number | null {
  const match = DELIVERED.exec(text);
  return match === null ? null : Number(match[1]);
}

/** mm_filemap_fault and page_cache_*_ra: device and inode of the file; null when cut off. */
export function fileOf(text: string): string | null {
  const match = INODE.exec(text);
  return match === null ? null : `${match[1]} ${match[2]}`;
}
