/** A whole trace under one stage: when each thread's events begin. */
import type { Costs } from '../../src/kernel/costs.js';
import type { Stage } from '../../src/kernel/stage.js';
import type { Event } from '../helpers.js';
import { Act } from './act.js';
import { fault, type Row } from './fault.js';
import { operate } from './operations.js';
import { type Happening, type Life, type Thread, World } from './world.js';

/** Operations after which there is memory where there was none. */
const MAPS = ['mmap', 'mremap', 'brk'];

/** What a thread does not do: nobody is to blame for it. */
const TOLD = ['vma', 'thread'];

/** What a thread of any process may do to the pages of another. */
const TO_PAGES = ['collapse', 'reclaim', 'migrate'];

/** mm_users counts who it is that does this. */
const counts = ({ op, raw }: Happening) => !TO_PAGES.includes(op) && raw.reader_pid === undefined;

export interface Played {
  readonly rows: Row[];
  /** unrelated events came at the same moment: their order is nobody's to say */
  readonly tied: boolean;
}

export function play(events: readonly Event[], stage: Stage, costs: Costs, timing: 'closed' | 'recorded'): Played {
  const w = new World(stage, costs, timing === 'recorded');
  const rows: Row[] = [];
  const all = events.map(happening);
  for (const event of all) {
    if (!w.threads.some(({ tid }) => tid === event.tid)) w.threads.push(newThread(event.tid));
    w.thread(event.tid).events.push(event);
    if (event.op === 'fork' && !w.threads.some(({ tid }) => tid === event.raw.child_tid)) {
      w.threads.push({ ...newThread(event.raw.child_tid as number), born: false });
    }
  }
  const begun = new Set<number>();
  for (const thread of w.threads) {
    thread.life = live(w, thread, all, begun, rows);
    if (thread.events.length === 0 || !thread.born) continue;
    const first = thread.events.find(counts);
    if (first !== undefined) w.past.add(0, w.space(first.mm), thread.tid, { what: 'uses' });
    thread.life.next();
  }
  do while (w.step()) letPass(w, all, begun);
  while (w.closeAll());
  const left = all.filter(({ i }) => !begun.has(i));
  if (left.length > 0) throw new Error(`never begun: ${left.map(({ i }) => i).join()}`);
  return { rows: rows.sort((a, b) => a.i - b.i), tied: w.tied };
}

function happening(raw: Event, i: number): Happening {
  const round = raw.op === 'brk' ? Math.ceil : Math.floor;
  const pageOf = (key: string) => round(Number(raw[key] ?? 0) / 4096);
  return {
    i,
    op: raw.op,
    t: raw.t as number,
    tid: raw.tid as number,
    mm: (raw.mm as number) ?? 1,
    dur: (raw.dur as number) ?? -1,
    page: pageOf('addr'),
    pages: raw.op === 'fault' ? 1 : pageOf('old_len') || pageOf('len'),
    raw,
    locks: (raw.locks as Happening['locks']) ?? null,
  };
}

function newThread(tid: number): Thread {
  return {
    tid,
    events: [],
    due: null,
    life: null as unknown as Life,
    event: null,
    busy: false,
    blocked: false,
    shift: 0,
    over: 0,
    born: true,
    waitedForLocks: 0,
    waited: 0,
    held: 0,
    recordedWait: 0,
    spent: 0,
    since: 0,
    section: null,
    sectionsUsed: 0,
    sectionEnded: 0,
    until: 0,
    blame: null,
    awaits: null,
    behind: false,
  };
}

/** One event after the other, none before its time, its birth, the end of the one before, or what it must not overtake. */
function* live(w: World, thread: Thread, all: Happening[], begun: Set<number>, rows: Row[]): Life {
  for (const event of thread.events) {
    yield* w.sleep(thread, Math.max(event.t + thread.shift, thread.over, w.now) - w.now);
    while (inTheWay(w, thread, all, begun)) {
      thread.behind = true;
      yield;
    }
    if (thread.behind) thread.shift = Math.max(thread.shift, w.now - event.t);
    thread.behind = false;
    begin(w, thread, event);
    begun.add(event.i);
    letPass(w, all, begun);
    if (event.op === 'fault') rows.push(yield* fault(w, thread, event));
    else yield* operate(new Act(w, thread, event)) ?? [];
    thread.busy = false;
    thread.over = w.now;
    letPass(w, all, begun);
    if (!w.recorded) {
      const late = thread.shift + thread.waitedForLocks - thread.recordedWait;
      thread.shift = event.op === 'fault' ? late : Math.max(0, late);
    }
    if (event.op === 'fork') bear(w, thread, w.thread(event.raw.child_tid as number));
  }
}

/** Whoever has nothing in its way any more is due, in the order of the trace, but for a last look then. */
function letPass(w: World, all: Happening[], begun: Set<number>): void {
  for (const thread of w.threads
    .filter(({ behind }) => behind)
    .sort((a, b) => nextOf(a, begun).i - nextOf(b, begun).i)) {
    if (thread.due === null && !inTheWay(w, thread, all, begun)) w.wake(thread, w.now);
  }
}

function begin(w: World, thread: Thread, event: Happening): void {
  if (!TOLD.includes(event.op)) thread.event = event;
  const recordedWait = (event.locks ?? []).reduce((ns, { ask, got }) => ns + Math.max(0, got - ask), 0);
  Object.assign(thread, { busy: true, waitedForLocks: 0, waited: 0, held: 0, recordedWait, spent: 0 });
  Object.assign(thread, { section: null, sectionsUsed: 0, sectionEnded: event.t, blame: null });
  if (counts(event)) w.note(w.space(event.mm), thread, { what: 'uses' });
}

function bear(w: World, parent: Thread, child: Thread): void {
  child.born = true;
  child.shift = parent.shift;
  child.over = w.now;
  child.life.next();
}

const nextOf = (thread: Thread, begun: Set<number>) => thread.events.find(({ i }) => !begun.has(i))!;

/** Is there an event recorded before `thread`'s next one, on the same pages, that it must not overtake? */
function inTheWay(w: World, thread: Thread, all: Happening[], begun: Set<number>): boolean {
  if (w.recorded) return false;
  const mine = nextOf(thread, begun);
  return all.some(other => {
    const touches = other.page < mine.page + mine.pages && other.page + other.pages > mine.page;
    if (other.i >= mine.i || other.mm !== mine.mm || !touches) return false;
    if (!begun.has(other.i)) return other.op !== 'fault' || mine.op !== 'fault';
    const { event, busy, blocked } = w.thread(other.tid);
    if (other.op === 'fault' || !busy || event !== other) return false;
    return other.dur >= 0 ? other.t + other.dur <= mine.t : blocked && MAPS.includes(other.op);
  });
}
