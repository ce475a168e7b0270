/**
 * `--perfetto`: the run as Chrome trace events, for ui.perfetto.dev. A process is an mm under a model, a slice an event of a
 * thread; inside it lie its waits and the times it held mmap_lock or read-locked a VMA, or an argument says that it held one
 * all the time. Marks of VMAs are slices of the process. Counters say how many threads sleep for each kind of lock, arrows lead from who held it to who waited.
 *
 * What the importer wants, and is not written down: times are us whatever `displayTimeUnit` says; each is cut to whole ns on
 * its own, so that only begin and end pairs nest for certain; a name is given to a tid in all processes alike, so that
 * pids and tids must be numbers of our own; `ts` stands before any text.
 */
import { escapeText } from '../errors.js';
import type { Hold, Queue, Span, Wait, Watcher } from '../replay/result.js';
import { formatAddr, type Ns } from '../units.js';
import { jsonText } from './escape.js';
import { causeWords, holdWords, lostWords, spanWords, threadWords, vmaWords, waitWords } from './span-words.js';

/** One thread of one process. */
interface Lane {
  pid: number;
  tid: number;
  name: string;
  /** the last event that is over: what an arrow can begin in */
  i: number;
  start: Ns;
  end: Ns;
}

type Process = { pid: number; name: string; file: string | null };
type Slice = { from: Ns; to: Ns; name: string; cat: string; args: Record<string, unknown>; arrow?: Arrow };
type Arrow = { id: number; at: Ns };

const COUNTERS: Readonly<Record<Queue['lock'], string>> = {
  mmap_lock: 'asleep for mmap_lock',
  vma_lock: 'asleep for readers of a VMA',
  monitor: 'asleep for a userfaultfd monitor',
};

export class PerfettoWriter {
  private readonly processes = new Map<string, Process>();
  private readonly lanes = new Map<string, Lane>();
  private ids = 0;
  private begun = false;

  /** @param write takes the text as it comes; nothing of a run is kept but the names of its threads */
  constructor(private readonly write: (text: string) => void) {}

  /** @param file named in processes when several traces go to one place; null for one trace */
  watcher(file: string | null): Watcher {
    return { over: span => this.over(span, file), queue: queue => this.queue(queue, file) };
  }

  /** The recording of the trace that `file` stands for lost events: its processes say so. */
  lost(file: string | null, events: number): void {
    for (const process of this.processes.values()) {
      if (process.file === file) process.name += `, ${lostWords(events)}`;
    }
  }

  /** The names, and the end of the document. */
  finish(): void {
    for (const { pid, name } of this.processes.values()) {
      this.event(`"ph":"M","ts":0,"pid":${pid},"tid":${pid}`, { name: 'process_name', args: { name } });
    }
    for (const { pid, tid, name } of this.lanes.values()) {
      this.event(`"ph":"M","ts":0,"pid":${pid},"tid":${tid}`, { name: 'thread_name', args: { name } });
    }
    this.write(this.begun ? '\n]}\n' : '{"traceEvents":[]}\n');
  }

  private over(span: Span, file: string | null): void {
    const lane = this.lane(span, file);
    lane.name = escapeText(threadWords(span.tid, span.comm));
    const slices = [
      ...span.holds.filter(hold => isOnThread(hold) && !isWhole(hold, span)).map(sliceOfHold),
      ...span.waits.map(wait => this.sliceOfWait(wait, span, file)),
    ];
    const whole: Slice = {
      from: span.start,
      to: span.end,
      name: escapeText(spanWords(span)),
      cat: span.verdict ?? 'operation',
      args: argsOf(span),
    };
    for (const { mark, slice } of nested(whole, slices)) {
      const { pid, tid } = lane;
      const ts = mark === 'B' ? slice.from : slice.to;
      const head = `"ph":"${mark}","ts":${microseconds(ts)},"pid":${pid},"tid":${tid}`;
      if (mark === 'E') this.event(head);
      else {
        this.event(head, { name: slice.name, cat: slice.cat, args: slice.args });
        if (slice.arrow !== undefined) this.arrowHead(slice.arrow, lane);
      }
    }
    for (const hold of span.holds) if (!isOnThread(hold)) this.mark(hold, span, lane.pid);
    Object.assign(lane, { i: span.i, start: span.start, end: span.end });
  }

  private queue({ model, mm, lock, t, waiting }: Queue, file: string | null): void {
    const { pid } = this.process(model, mm, file);
    const head = `"ph":"C","ts":${microseconds(t)},"pid":${pid},"tid":${pid}`;
    this.event(head, { name: COUNTERS[lock], args: { threads: waiting } });
  }

  /** A VMA marked for writing, from the mark to the end of the write section. */
  private mark(hold: Hold, span: Span, pid: number): void {
    const name = escapeText(holdWords(hold));
    const what = `"pid":${pid},"tid":${pid},"id":"${++this.ids}","cat":"mark"`;
    const args = { by: escapeText(`${span.op} (thread ${span.tid})`), event: span.i };
    this.event(`"ph":"b","ts":${microseconds(hold.from)},${what}`, { name, args });
    this.event(`"ph":"e","ts":${microseconds(hold.to)},${what}`, { name });
  }

  private sliceOfWait(wait: Wait, span: Span, file: string | null): Slice {
    const { from, to, by } = wait;
    const cause = causeWords(by);
    const args = cause === null || by === null ? {} : { blocked_by: escapeText(cause), blocked_by_event: by.i };
    const slice: Slice = { from, to, name: escapeText(`waits for ${waitWords(wait)}`), cat: 'wait', args };
    const arrow = this.arrowTail(wait, span, file);
    return arrow === null ? slice : { ...slice, arrow };
  }

  /** Begins an arrow inside the event that is to blame, where that is over and was the last of its thread. */
  private arrowTail({ from, to, by }: Wait, span: Span, file: string | null): Arrow | null {
    const blocker = by === null ? undefined : this.lanes.get(laneKey({ ...span, tid: by.tid }, file));
    if (blocker === undefined || blocker.i !== by?.i) return null;
    // A ns inside at either end: times are cut.
    const at = Math.max(from, blocker.start + 1);
    if (at + 1 >= Math.min(to, blocker.end)) return null;
    const arrow = { id: ++this.ids, at };
    this.event(`"ph":"s","ts":${microseconds(at)},"pid":${blocker.pid},"tid":${blocker.tid},"id":${arrow.id}`, ARROW);
    return arrow;
  }

  private arrowHead({ id, at }: Arrow, { pid, tid }: Lane): void {
    this.event(`"ph":"f","bp":"e","ts":${microseconds(at)},"pid":${pid},"tid":${tid},"id":${id}`, ARROW);
  }

  private lane(span: Span, file: string | null): Lane {
    const key = laneKey(span, file);
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      const { pid } = this.process(span.model, span.mm, file);
      lane = { pid, tid: ++this.ids, name: '', i: -1, start: 0, end: 0 };
      this.lanes.set(key, lane);
    }
    return lane;
  }

  private process(model: string, mm: number, file: string | null): { pid: number } {
    const name = escapeText(`${file === null ? '' : `${file}: `}mm ${mm} under ${model}`);
    let process = this.processes.get(name);
    if (process === undefined) {
      process = { pid: ++this.ids, name, file };
      this.processes.set(name, process);
    }
    return process;
  }

  private event(head: string, rest?: object): void {
    const tail = rest === undefined ? '' : `,${jsonText(rest).slice(1, -1)}`;
    this.write(`${this.begun ? ',\n' : '{"traceEvents":[\n'}{${head}${tail}}`);
    this.begun = true;
  }
}

const ARROW = { name: 'held up', cat: 'blocked_by' };

function laneKey({ model, mm, tid }: Pick<Span, 'model' | 'mm' | 'tid'>, file: string | null): string {
  return `${mm} ${tid} ${model} ${file ?? ''}`;
}

function isOnThread({ lock, mode }: Hold): boolean {
  return lock === 'mmap_lock' || mode === 'read';
}

function sliceOfHold(hold: Hold): Slice {
  const { vma } = hold;
  const args = vma === null ? {} : { vma: escapeText(vmaWords(vma)) };
  return { from: hold.from, to: hold.to, name: escapeText(`holds ${holdWords(hold)}`), cat: 'hold', args };
}

function argsOf(span: Span): Record<string, unknown> {
  const { page, pages, verdict, site, blocked_by } = span;
  const cause = causeWords(blocked_by);
  const held = span.holds.find(hold => isOnThread(hold) && isWhole(hold, span));
  return {
    event: span.i,
    ...(pages > 0 && { start: formatAddr(page) }),
    ...(pages > 1 && { end: formatAddr(page + pages) }),
    ...(verdict !== null && { verdict }),
    ...(site !== null && { site: escapeText(site) }),
    ...(held !== undefined && { holds: escapeText(holdWords(held)) }),
    ...(span.wait_ns > 0 && { wait_ns: span.wait_ns }),
    ...(cause !== null && blocked_by !== null && { blocked_by: escapeText(cause), blocked_by_event: blocked_by.i }),
    ...(span.more_holds > 0 && { vma_locks_not_shown: span.more_holds }),
  };
}

/** Was the lock held from the start of the event to its end? */
function isWhole({ from, to }: Hold, { start, end }: Span): boolean {
  return from === start && to === end;
}

/** Begins and ends in order, so that every slice lies inside the one it began in: what sticks out is cut off. */
function* nested(whole: Slice, slices: readonly Slice[]): Generator<{ mark: 'B' | 'E'; slice: Slice }> {
  const open: Slice[] = [];
  for (const slice of [whole, ...[...slices].sort((a, b) => a.from - b.from || b.to - a.to)]) {
    while (open.length > 1 && open[open.length - 1].to <= slice.from) yield { mark: 'E', slice: open.pop()! };
    const outer = open.at(-1);
    const inner = outer === undefined || slice.to <= outer.to ? slice : { ...slice, to: outer.to };
    open.push(inner);
    yield { mark: 'B', slice: inner };
  }
  while (open.length > 0) yield { mark: 'E', slice: open.pop()! };
}

/** Whole ns as us with three decimals. */
function microseconds(ns: Ns): string {
  return `${Math.floor(ns / 1000)}.${String(ns % 1000).padStart(3, '0')}`;
}
