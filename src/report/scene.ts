/**
 * What `--html` draws of one model: lanes of threads and locks with what happened in them, and where faults lie in the address
 * space. Plain data, as the page's script reads it: columns of numbers, texts by their index, times in ns from the first event.
 */
import { escapeText } from '../errors.js';
import type { Span, VmaRange, Wait } from '../replay/result.js';
import { formatAddr } from '../units.js';
import { Sample } from './sample.js';
import { causeWords, spanWords, threadWords, vmaWords, waitWords } from './span-words.js';
import { placeOf, squeeze } from './squeeze.js';

/** Lanes of threads, and of VMA locks: those that are waited for most, then the busiest. */
export const THREAD_LANES = 48;
export const VMA_LANES = 12;
/** Waits listed as text. */
export const LONGEST = 20;

/** What an event was, in the order of the legend. */
export const KINDS = ['vma_lock', 'mmap_lock', 'signal', 'operation'] as const;

/** Columns of equal length. */
export interface Scene {
  model: string;
  /** events drawn, and how many there were */
  drawn: number;
  of: number;
  /** threads with a lane, and how many there were */
  threadsOf: number;
  /** when the first event begins on the clock of the replay, which is the trace's, ns */
  origin: number;
  /** from the first event to the end of the last, ns */
  span: number;
  words: string[];
  /** index into `words` of each lane's title: threads first, then locks */
  lanes: number[];
  threads: number;
  events: {
    i: number[];
    lane: number[];
    start: number[];
    length: number[];
    kind: number[];
    what: number[];
    /** its place in the address space, low and high; -1 where it has none */
    low: number[];
    high: number[];
    addr: number[];
  };
  /** of an event (an index into `events`), in the lane of the lock or -1 */
  waits: { event: number[]; lane: number[]; start: number[]; length: number[]; what: number[] };
  /** mode 0 read, 1 write */
  holds: { event: number[]; lane: number[]; start: number[]; length: number[]; mode: number[] };
  stretches: { title: string; at: number; size: number }[];
}

/** One of the longest waits, as text. */
export interface LongWait {
  readonly event: string;
  readonly thread: string;
  readonly what: string;
  readonly for: string;
  readonly because: string;
  readonly at: number;
  readonly ns: number;
}

/** Gathers what is drawn of one model while the replay goes on. */
export class SceneDraft {
  private readonly sample: Sample;
  private first = Number.POSITIVE_INFINITY;
  private last = 0;

  /** @param limit events drawn at most */
  constructor(
    private readonly model: string,
    limit: number,
  ) {
    this.sample = new Sample(limit);
  }

  add(span: Span): void {
    if (span.start < this.first) this.first = span.start;
    if (span.end > this.last) this.last = span.end;
    this.sample.add(span);
  }

  scene(): Scene {
    const spans = this.sample.spans();
    const origin = spans.length === 0 ? 0 : this.first;
    const words = new Words();
    const threads = threadLanes(spans);
    const locks = lockLanes(spans);
    const lanes = [...threads.titles, ...locks.titles].map(title => words.index(title));
    const stretches = squeeze(spans.filter(span => span.verdict !== null).map(span => span.page));
    const scene: Scene = {
      model: escapeText(this.model),
      drawn: spans.length,
      of: this.sample.of,
      threadsOf: threads.of,
      origin,
      span: Math.max(1, this.last - origin),
      words: words.list,
      lanes,
      threads: threads.titles.length,
      events: { i: [], lane: [], start: [], length: [], kind: [], what: [], low: [], high: [], addr: [] },
      waits: { event: [], lane: [], start: [], length: [], what: [] },
      holds: { event: [], lane: [], start: [], length: [], mode: [] },
      stretches: stretches.map(({ start, end, at, size }) => ({ title: addresses(start, end), at, size })),
    };
    const { events, waits, holds } = scene;
    const laneOf = (mm: number, vma: VmaRange | null): number => {
      const lane = locks.byKey.get(lockKey(mm, vma));
      return lane === undefined ? -1 : threads.titles.length + lane;
    };
    spans.forEach((span, event) => {
      const mapped = span.pages > 0 && stretches.length > 0;
      events.i.push(span.i);
      events.lane.push(threads.byKey.get(threadKey(span)) ?? -1);
      events.start.push(span.start - origin);
      events.length.push(span.end - span.start);
      events.kind.push(kindOf(span));
      events.what.push(words.index(spanWords(span)));
      events.low.push(mapped ? rounded(placeOf(span.page, stretches)) : -1);
      events.high.push(mapped ? rounded(placeOf(span.page + span.pages, stretches)) : -1);
      events.addr.push(words.index(span.pages === 0 ? '' : addresses(span.page, span.page + span.pages)));
      for (const wait of span.waits) {
        waits.event.push(event);
        waits.lane.push(wait.on === 'mmap_lock' || wait.vma !== null ? laneOf(span.mm, wait.vma) : -1);
        waits.start.push(wait.from - origin);
        waits.length.push(wait.to - wait.from);
        waits.what.push(words.index(sentence(wait)));
      }
      for (const hold of span.holds) {
        const lane = laneOf(span.mm, hold.vma);
        if (lane < 0) continue;
        holds.event.push(event);
        holds.lane.push(lane);
        holds.start.push(hold.from - origin);
        holds.length.push(hold.to - hold.from);
        holds.mode.push(hold.mode === 'write' ? 1 : 0);
      }
    });
    return scene;
  }

  /** The waits that lasted longest, longest first: what a page says to who cannot see it. */
  longest(): LongWait[] {
    const all = this.sample.spans().flatMap(span => span.waits.map(wait => ({ span, wait })));
    return all
      .sort((a, b) => lengthOf(b.wait) - lengthOf(a.wait) || a.span.i - b.span.i)
      .slice(0, LONGEST)
      .filter(({ wait }) => lengthOf(wait) > 0)
      .map(({ span, wait }) => ({
        event: String(span.i),
        thread: threadWords(span.tid, span.comm),
        what: spanWords(span),
        for: waitWords(wait),
        because: causeWords(wait.by) ?? '-',
        at: wait.from,
        ns: lengthOf(wait),
      }));
  }
}

/** Texts, each once and escaped. */
class Words {
  readonly list: string[] = [];
  private readonly known = new Map<string, number>();

  index(text: string): number {
    let index = this.known.get(text);
    if (index === undefined) {
      index = this.list.push(escapeText(text)) - 1;
      this.known.set(text, index);
    }
    return index;
  }
}

interface Lanes {
  readonly titles: string[];
  readonly byKey: Map<string, number>;
  /** how many would have a lane if there were no limit */
  readonly of: number;
}

interface Candidate {
  key: string;
  title: string;
  waited: number;
  busy: number;
}

function threadLanes(spans: readonly Span[]): Lanes {
  const threads = new Map<string, Candidate & { tid: number; mm: number }>();
  for (const span of spans) {
    const { tid, mm, comm } = span;
    const key = threadKey(span);
    const thread = threads.get(key) ?? { key, title: '', waited: 0, busy: 0, tid, mm };
    thread.title = threadWords(tid, comm);
    thread.waited += span.wait_ns;
    thread.busy += span.end - span.start;
    threads.set(key, thread);
  }
  const all = [...threads.values()];
  const mms = new Set(all.map(({ mm }) => mm)).size;
  const lanes = busiest(all, THREAD_LANES).sort((a, b) => a.mm - b.mm || a.tid - b.tid);
  return {
    titles: lanes.map(({ title, mm }) => (mms > 1 ? `${title}, mm ${mm}` : title)),
    byKey: placesOf(lanes),
    of: all.length,
  };
}

function lockLanes(spans: readonly Span[]): Lanes {
  const mmapLocks = new Map<string, Candidate>();
  const vmas = new Map<string, Candidate>();
  const count = (mm: number, vma: VmaRange | null, waited: number, busy: number): void => {
    const key = lockKey(mm, vma);
    const locks = vma === null ? mmapLocks : vmas;
    const title = vma === null ? `mmap_lock of mm ${mm}` : `VMA ${vmaWords(vma)}`;
    const lock = locks.get(key) ?? { key, title, waited: 0, busy: 0 };
    lock.waited += waited;
    lock.busy += busy;
    locks.set(key, lock);
  };
  for (const { mm, waits, holds } of spans) {
    for (const wait of waits) {
      if (wait.on === 'mmap_lock' || wait.vma !== null) count(mm, wait.vma, lengthOf(wait), 0);
    }
    for (const hold of holds) count(mm, hold.vma, 0, lengthOf(hold));
  }
  const lanes = [...busiest([...mmapLocks.values()], VMA_LANES), ...busiest([...vmas.values()], VMA_LANES)];
  return { titles: lanes.map(({ title }) => title), byKey: placesOf(lanes), of: mmapLocks.size + vmas.size };
}

/** The candidates that are waited for most, then the busiest, then the first. */
function busiest<T extends Candidate>(all: readonly T[], most: number): T[] {
  return [...all].sort((a, b) => b.waited - a.waited || b.busy - a.busy).slice(0, most);
}

function placesOf(lanes: readonly Candidate[]): Map<string, number> {
  return new Map(lanes.map(({ key }, place) => [key, place]));
}

function threadKey({ mm, tid }: Span): string {
  return `${mm} ${tid}`;
}

/** A VMA that is split and merged again and again has one lane: that of its start. */
function lockKey(mm: number, vma: VmaRange | null): string {
  return vma === null ? `${mm}` : `${mm} ${vma.start}`;
}

function kindOf({ verdict }: Span): number {
  return verdict === null ? KINDS.length - 1 : KINDS.indexOf(verdict === 'speculative' ? 'vma_lock' : verdict);
}

function lengthOf({ from, to }: Pick<Wait, 'from' | 'to'>): number {
  return to - from;
}

function sentence(wait: Wait): string {
  const cause = causeWords(wait.by);
  return `waits for ${waitWords(wait)}${cause === null ? '' : ` held by ${cause}`}`;
}

function addresses(start: number, end: number): string {
  return end - start === 1 ? formatAddr(start) : `${formatAddr(start)}-${formatAddr(end)}`;
}

/** A share of the height, exact to what any screen can show. */
function rounded(place: number): number {
  return Math.round(place * 1e5) / 1e5;
}
