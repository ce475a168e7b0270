/**
 * `strace -f -ttt -T` text -> operations. It shows no fault, no lock and nothing of what execve mapped.
 *
 * Models: strace 6.1 to 6.12, src/strace.c, printleader(); src/syscall.c, syscall_exiting_trace(); src/ioctl.c,
 * src/userfaultfd.c: what prints these.
 *
 *     10603 1795250463.760578 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3</etc/x>, 0) = 0x7f01a2bf5000 <0.000012>
 *     [pid 10604] 1795250463.762391 munmap(0x7f01a2bf5000, 8192 <unfinished ...>
 *     [pid 10604] 1795250463.763464 <... munmap resumed>) = 0 <0.001065>
 *     10604 1795250463.773386 +++ exited with 0 +++
 */
import { NS_PER_SEC, type Ns } from '../../units.js';
import { LIMITS, type Limited, tooLong } from '../limits.js';
import { type EventObject, type ImportSummary, notClassified } from './event.js';
import type { Line } from './lines.js';
import { identified } from './mapped.js';
import { type Entry, HELD_TOO_LONG, Outbox } from './outbox.js';
import { Queue } from './queue.js';
import type { Reader } from './reader.js';
import { Origin, torn, unterminated } from './record.js';
import { Recording } from './recording.js';
import { hexOf, pathOf, splitArguments, stringOf } from './strace-args.js';
import { syscallName } from './syscall-table.js';
import { signed } from './syscall-text.js';
import { argumentsOf, decode, isExec, isFork, isModelled } from './syscalls.js';
import { uffdOperation } from './uffd-call.js';
import { adviceWord } from './words.js';
import { type Mm, mmKey, type Thread, World } from './world.js';

const LEADER = /^(?:\[pid\s+(\d+)\] |(\d+)\s+)?(\d+)\.(\d{9}|\d{6}) +(\S.*)/;
const UNFINISHED = /^(\w+)\((.*)<unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)/;
const WHOLE = /^(\w+)\((.*)\)\s+= (.+)/;
const RESULT = /^(-?\d{1,20}|0x[0-9a-f]{1,16}|\?)(?=[\s<]|$)/;
const DURATION = / <(\d+)\.(\d{6}|\d{9})>$/;
/** What stands in the place of a time and is none. */
const NO_DURATION = / <(?!\d+(?:\.\d+)?>)[-\d.]+>$/;
const NUMBERED = /^syscall_0x([0-9a-f]+)$/;
const NOTE = /strace: Process \d+ attached$/;
const SIGNAL = /^--- .* ---$/;
const GONE = /^\+\+\+ (?:exited with -?\d+|killed by .*) \+\+\+$/;
const SUPERSEDED = /^\+\+\+ superseded by execve in pid \d+ \+\+\+$/;
/** The thread of lines without a pid, before strace had more than one. */
const FIRST = 1;

const NOT_DECODED = 'userfaultfd request whose range strace did not print';
const NO_LENGTH = 'shmat: its length is not in the call';
const FOREIGN_MM = 'process_madvise on a process that strace did not follow';
const NO_PARENT = 'thread whose fork was not seen: taken to share the first address space';

interface Unfinished {
  name: string;
  text: string;
  t: Ns;
  entry: Entry | null;
}

interface Finished extends Unfinished {
  result: string;
  /** ns; 0 when strace was not asked (-T) */
  took: Ns;
  /** the complaint for its line */
  cutOff: () => Error;
}

/** Name of a call; strace prints the number of one that it does not know. */
function nameOf(printed: string): string {
  const number = NUMBERED.exec(printed);
  return number === null ? printed : syscallName(Number.parseInt(number[1], 16));
}

function tookOf(result: string): Ns {
  const match = DURATION.exec(result);
  return match === null ? 0 : Number(match[1]) * NS_PER_SEC + Number(match[2].padEnd(9, '0'));
}

/** Is this line one that strace prints with -ttt? */
export function isStraceLine(text: string): boolean {
  const body = LEADER.exec(text)?.[5];
  if (body === undefined) return false;
  return WHOLE.test(body) || UNFINISHED.test(body) || RESUMED.test(body) || SIGNAL.test(body) || GONE.test(body);
}

type StraceOptions = { readonly file: string } & Limited<'maxLine' | 'maxHeld'>;

export class StraceReader implements Reader {
  readonly clock = 'realtime';
  command: string | null = null;
  readonly #file: string;
  readonly #summary: ImportSummary;
  readonly #maxHeld: number;
  readonly #maxLine: number;
  readonly #origin = new Origin();
  readonly #world = new World(new Recording(undefined));
  readonly #outbox = new Outbox();
  /** the call that each thread is in, null between two: a Map is slow where one key comes and goes among many */
  readonly #open = new Map<number, Unfinished | null>();
  /** the forks of those, and some that are over */
  readonly #forking = new Queue<{ parent: Thread; call: Unfinished; entry: Entry }>();
  /** what a pidfd of a process names, by process and fd */
  readonly #pidfds = new Map<string, number>();
  #first: Thread | null = null;
  /** pid of the first thread, once a line said it */
  #firstPid = -1;
  /** what notes cut off from the line that goes on, and how long that is */
  #pieces: string[] = [];
  #pending = 0;
  #now: Ns = 0;
  #lineNumber = 0;

  constructor(options: StraceOptions, summary: ImportSummary) {
    this.#file = options.file;
    this.#summary = summary;
    this.#maxHeld = options.maxHeld ?? LIMITS.maxHeld.standard;
    this.#maxLine = options.maxLine ?? LIMITS.maxLine.standard;
  }

  push(line: Line, into: EventObject[]): void {
    this.#lineNumber = line.number;
    this.#pending += line.text.length;
    if (this.#pending > this.#maxLine) {
      this.#pieces = [];
      this.#pending = 0;
      throw tooLong(`line ${line.number}`, this.#maxLine, { file: this.#file, line: line.number });
    }
    // with -f, strace notes on stderr that it attached a thread, in the middle of the line of its parent
    if (NOTE.test(line.text) && !line.unterminated) {
      this.#pieces.push(line.text.replace(NOTE, ''));
      return;
    }
    const text = this.#pieces.join('') + line.text;
    this.#pieces = [];
    this.#pending = 0;
    const leader = LEADER.exec(text);
    if (leader === null) this.#foreign(line, text);
    else if (line.unterminated) throw unterminated(this.#file, line.number, text);
    else this.#line(leader, line.number, text);
    this.#outbox.drain(into, this.#maxHeld);
  }

  end(into: EventObject[]): void {
    for (const call of this.#open.values()) if (call?.entry?.done === false) this.#outbox.close(call.entry, []);
    this.#outbox.drain(into);
    for (let late = this.#outbox.late; late > 0; late--) this.#count(HELD_TOO_LONG);
  }

  #count(reason: string): void {
    notClassified(this.#summary, reason, this.#lineNumber);
  }

  #foreign(line: Line, text: string): void {
    if (text.trim() === '' || text.startsWith('strace: ') || text.startsWith(' > ')) return;
    if (line.unterminated || /^(?:\[pid\s+\d+\]?|\d+)?\s*[\d.]*\s*$/.test(text)) {
      throw torn('strace', this.#file, line.number, text);
    }
    this.#summary.unknownLines++;
  }

  #line([, bracketed, plain, sec, fraction, body]: RegExpExecArray, number: number, text: string): void {
    const t = Math.max(this.#now, this.#origin.since(Number(sec), Number(fraction), fraction.length));
    this.#now = t;
    const thread = this.#thread(bracketed ?? plain, t);
    if (SIGNAL.test(body)) return;
    if (GONE.test(body) || SUPERSEDED.test(body)) {
      this.#exits(thread, t);
      return;
    }
    const unfinished = UNFINISHED.exec(body);
    if (unfinished !== null) {
      this.#enter(thread, t, nameOf(unfinished[1]), unfinished[2].trimEnd());
      return;
    }
    const cutOff = () => torn('strace', this.#file, number, text);
    const resumed = RESUMED.exec(body);
    const open = resumed === null ? null : (this.#open.get(thread.tid) ?? null);
    let printed = body;
    if (resumed !== null) {
      // the rest of a call that began before strace attached
      if (open === null) return;
      if (open.name !== nameOf(resumed[1])) throw cutOff();
      printed = `${open.name}(${open.text}${resumed[2]}`;
    }
    const whole = WHOLE.exec(printed);
    const result = whole === null ? undefined : RESULT.exec(whole[3])?.[1];
    if (whole === null || result === undefined || NO_DURATION.test(whole[3])) throw cutOff();
    const call = open ?? this.#enter(thread, t, nameOf(whole[1]), '');
    this.#open.set(thread.tid, null);
    this.#leave(thread, { ...call, text: whole[2], result, took: tookOf(whole[3]), cutOff });
  }

  /** A line without a pid is of the only thread that strace has. */
  #thread(printed: string | undefined, t: Ns): Thread {
    if (printed === undefined) {
      const { only } = this.#world;
      if (only !== null) return only;
      this.#first ??= this.#world.thread(-1, FIRST);
      return this.#first;
    }
    const pid = Number(printed);
    if (pid === this.#firstPid && this.#first !== null) return this.#first;
    return this.#world.known(pid) ?? this.#newThread(pid, t);
  }

  /** Its first line may come before the call that made it returns. */
  #newThread(pid: number, t: Ns): Thread {
    this.#dropForked();
    const fork = this.#forking.first;
    if (fork !== null) return this.#forks(fork.parent, fork.call, fork.entry, pid, t - fork.call.t);
    if (this.#first === null) {
      this.#firstPid = pid;
      this.#first = this.#world.thread(-1, pid);
      return this.#first;
    }
    if (this.#firstPid < 0) {
      this.#firstPid = pid;
      return this.#first;
    }
    this.#count(NO_PARENT);
    return this.#world.fork(this.#first.process.pid, pid, this.#first.process.mm);
  }

  /** The fork that began first of those under way whose child was not seen is the first of the queue then. */
  #dropForked(): void {
    while (this.#forking.first?.entry.done) this.#forking.shift();
  }

  #enter(thread: Thread, t: Ns, name: string, text: string): Unfinished {
    this.#abandon(thread);
    const holds = isModelled(name) || isFork(name) || isExec(name) || SPECIAL.has(name);
    const entry = holds ? this.#outbox.open() : null;
    const call = { name, text, t, entry };
    this.#open.set(thread.tid, call);
    if (entry !== null && isFork(name)) {
      this.#dropForked();
      this.#forking.push({ parent: thread, call, entry });
    }
    return call;
  }

  #leave(thread: Thread, call: Finished): void {
    const { entry, name, result } = call;
    if (name === 'pidfd_open') this.#pidfd(thread, call);
    if (entry === null || entry.done) return;
    // nothing comes of it if it failed, or cannot be read
    this.#outbox.close(entry, []);
    if (result === '?' || result.startsWith('-')) return;
    if (isFork(name)) {
      this.#forks(thread, call, entry, Number(result), call.took);
    } else {
      const args = splitArguments(call.text);
      if (args === null) throw call.cutOff();
      this.#outbox.close(entry, this.#events(thread, call, args));
    }
  }

  /** The call that a thread is in will not be seen to return. */
  #abandon(thread: Thread): void {
    const entry = this.#open.get(thread.tid)?.entry;
    if (entry?.done === false) this.#outbox.close(entry, []);
    this.#open.set(thread.tid, null);
  }

  #events(thread: Thread, call: Finished, args: readonly string[]): EventObject[] {
    const base = (mm: Mm) => ({ t: call.t, tid: thread.tid, ...mmKey(mm) });
    const { mm } = thread.process;
    const { name, result } = call;
    const dur = call.took;
    if (args.length < (SPECIAL.get(name) ?? argumentsOf(name))) throw call.cutOff();
    if (isExec(name)) return this.#execs(thread, call, args);
    if (name === 'ioctl') {
      const operation = uffdOperation(args[1], args[2] ?? '');
      if (operation === null) this.#count(NOT_DECODED);
      return operation === null || operation === undefined ? [] : [{ ...base(mm), ...operation, dur }];
    }
    if (name === 'process_madvise')
      return this.#processMadvise(thread, call, args).map(event => ({ ...base(event.mm), ...event.keys, dur }));
    if (name === 'shmat' || name === 'shmdt') {
      if (name === 'shmat') this.#count(NO_LENGTH);
      return [];
    }
    const digits = args.map(hexOf);
    if (hexOf(result) === null || digits.slice(0, argumentsOf(name)).includes(null)) throw call.cutOff();
    const keys = decode(name, digits as string[], result.startsWith('0x') ? signed(result.slice(2)) : result);
    if (keys === null) return [];
    const { op } = keys;
    const path = keys.file === undefined ? '' : pathOf(args[4]);
    const named = path === '' ? keys : identified(keys, path, (keys.flags as string[]).includes('shared'));
    return [{ ...base(mm), ...named, op, dur }];
  }

  #forks(parent: Thread, call: Unfinished, entry: Entry, tid: number, dur: Ns): Thread {
    const { mm } = parent.process;
    const sharesMm = call.name === 'vfork' || /\bCLONE_VM\b/.test(call.text);
    const childMm = sharesMm ? mm : this.#world.newMm();
    const pid = /\bCLONE_THREAD\b/.test(call.text) ? parent.process.pid : tid;
    const child = this.#world.fork(pid, tid, childMm);
    const keys = { ...mmKey(mm), op: 'fork', child_tid: tid, child_mm: childMm.id };
    this.#outbox.close(entry, [{ t: call.t, tid: parent.tid, ...keys, dur }]);
    return child;
  }

  /** The first execve is strace's own child becoming the program. */
  #execs(thread: Thread, call: Finished, args: readonly string[]): EventObject[] {
    const { mm } = thread.process;
    const path = stringOf(args[call.name === 'execveat' ? 1 : 0]);
    const name = path.slice(path.lastIndexOf('/') + 1).slice(0, 15);
    const at = { t: call.t, tid: thread.tid };
    if (this.command === null) {
      this.command = name;
      return [{ ...at, ...mmKey(mm), op: 'thread', name }];
    }
    const before = mmKey(mm);
    const next = this.#world.newMm();
    this.#world.detach(thread, next);
    const exec = { ...at, ...before, op: 'exec', new_mm: next.id, dur: call.took };
    return [exec, { ...at, ...mmKey(next), op: 'thread', name }];
  }

  #pidfd(thread: Thread, { text, result }: Finished): void {
    const pid = Number(splitArguments(text)?.[0]);
    this.#pidfds.set(`${thread.process.pid} ${Number.parseInt(result, 10)}`, pid);
  }

  #processMadvise(
    thread: Thread,
    call: Finished,
    [fd, vectors, , behaviour]: readonly string[],
  ): { mm: Mm; keys: { op: string; [key: string]: unknown } }[] {
    const pid = Number(
      /<pid:(\d+)/.exec(fd)?.[1] ?? this.#pidfds.get(`${thread.process.pid} ${Number.parseInt(fd, 10)}`),
    );
    const target = pid === this.#firstPid ? this.#first : this.#world.known(pid);
    if (target === null || target === undefined) {
      this.#count(FOREIGN_MM);
      return [];
    }
    const digits = hexOf(behaviour);
    if (digits === null) throw call.cutOff();
    const advice = adviceWord(Number.parseInt(digits, 16));
    const ranges = [...vectors.matchAll(/\{iov_base=(0x[0-9a-f]+), iov_len=(\d+)\}/g)];
    return ranges.map(([, addr, length]) => ({
      mm: target.process.mm,
      keys: { op: 'madvise', addr, len: `0x${hexOf(length)}`, advice },
    }));
  }

  #exits(thread: Thread, t: Ns): void {
    this.#abandon(thread);
    if (thread.exited) return;
    thread.exited = true;
    thread.process.threads--;
    this.#outbox.add({ t, tid: thread.tid, ...mmKey(thread.process.mm), op: 'exit' });
    this.#open.delete(thread.tid);
    this.#world.forget(thread.tid);
  }
}

/** Calls that strace prints with all that is needed, beside those of every importer; and arguments that it must have printed. */
const SPECIAL = new Map([
  ['execve', 1],
  ['execveat', 2],
  ['ioctl', 2],
  ['process_madvise', 4],
  ['shmat', 1],
]);
