/**
 * The reference's threads and clock, and its locks. Each step looks through all threads for the one that is due first.
 */
import type { Costs } from '../../src/kernel/costs.js';
import type { Answers } from '../../src/kernel/sites.js';
import type { Stage } from '../../src/kernel/stage.js';
import { type Area, type Fact, History, NOTHING } from './history.js';

/** An event of a trace with its numbers read. */
export interface Happening {
  readonly i: number;
  readonly op: string;
  readonly t: number;
  readonly tid: number;
  readonly mm: number;
  /** -1 where it was not recorded */
  readonly dur: number;
  readonly page: number;
  readonly pages: number;
  readonly raw: Readonly<Record<string, unknown>>;
  readonly locks: readonly { mode: string; ask: number; got: number; end: number }[] | null;
}

/** What a thread does: it yields where it sleeps, having said until when, or for whom. */
export type Life<T = void> = Generator<undefined, T, undefined>;

export interface Thread {
  readonly tid: number;
  readonly events: Happening[];
  /** when it is due, and as how manieth that was asked for; null while another thread must act first */
  due: { at: number; asked: number; order: number } | null;
  life: Life;
  /** the event in hand, or the last one */
  event: Happening | null;
  busy: boolean;
  /** sleeps for a lock */
  blocked: boolean;
  shift: number;
  over: number;
  born: boolean;
  /** ns the event in hand waited for locks; all it slept; and held any; and what its recording waited in the sections used */
  waitedForLocks: number;
  waited: number;
  held: number;
  recordedWait: number;
  spent: number;
  since: number;
  /** as recorded; `before` is when the one before was over, or the event began */
  section: { before: number; ask: number; got: number; end: number } | null;
  sectionsUsed: number;
  sectionEnded: number;
  /** a fault holds its lock until then */
  until: number;
  blame: { tid: number; event: Happening } | null;
  /** sleeps in handle_userfault() */
  awaits: { mm: string; page: number; answer: 'none' | 'filled' | 'gone' } | null;
  /** its next event must not overtake another */
  behind: boolean;
}

export class World {
  now = 0;
  readonly past = new History();
  readonly threads: Thread[] = [];
  /**
   * Two threads were due at the same moment, and had not asked for it in the same, or a fault was to release what it holds: who is
   * first is nobody's to say.
   */
  tied = false;
  private order = 0;
  private ids = 0;
  private readonly files = new Map<string, number>();
  private readonly made = new Map<number, number>();
  private readonly known = new Set<string>();
  /** threads asleep in handle_userfault(), in the order in which they came */
  readonly awaiting: Thread[] = [];

  constructor(
    readonly stage: Stage,
    readonly costs: Costs,
    readonly recorded: boolean,
  ) {}

  get at(): Answers {
    return this.stage.answers as Answers;
  }

  newId(): number {
    return ++this.ids;
  }

  /** The address space that has the number `mm` now. */
  space(mm: number): string {
    return `${mm}.${this.made.get(mm) ?? 0}`;
  }

  /** A new, empty one in its place. */
  fresh(mm: number): string {
    this.made.set(mm, (this.made.get(mm) ?? 0) + 1);
    return this.space(mm);
  }

  /** As fresh(), by a fork or an exec: all its threads are known. */
  create(mm: number): string {
    const space = this.fresh(mm);
    this.known.add(space);
    return space;
  }

  /** The number of a file that all mappings of it have in common. */
  fileOf(name: string): number {
    const known = this.files.get(name) ?? this.newId();
    this.files.set(name, known);
    return known;
  }

  /** Every address space that there is. */
  spaces(): string[] {
    return this.past.spaces().filter(space => space === this.space(Number.parseInt(space, 10)));
  }

  isKnown(space: string): boolean {
    return this.known.has(space);
  }

  note(mm: string, thread: Thread, fact: Fact): void {
    this.past.add(this.now, mm, thread.tid, fact);
  }

  thread(tid: number): Thread {
    return this.threads.find(thread => thread.tid === tid)!;
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The clock

  wake(thread: Thread, at: number): void {
    thread.due = { at, asked: this.now, order: this.order++ };
  }

  *sleep(thread: Thread, ns: number): Life {
    this.wake(thread, this.now + ns);
    yield;
  }

  /** The thread that is due first goes on; false when none is. */
  step(): boolean {
    let first: Thread | null = null;
    for (const thread of this.threads) {
      if (thread.due === null) continue;
      if (first?.due === undefined || first.due === null || before(thread.due, first.due)) first = thread;
    }
    if (first === null || first.due === null) return false;
    const { at, asked } = first.due;
    const releases = this.threads.some(t => t.due?.at === at && t.until === at);
    if (this.threads.some(t => t !== first && t.due?.at === at && (t.due.asked !== asked || releases)))
      this.tied = true;
    this.now = at;
    first.due = null;
    first.life.next();
    return true;
  }

  // -------------------------------------------------------------------------------------------------------------------
  // userfaultfd

  /** handle_userfault(): sleeps until a monitor answers, or the trace shows the thread going on: then all is settled. */
  *awaitMonitor(thread: Thread, mm: string, page: number): Life<'filled' | 'gone'> {
    const awaits: Thread['awaits'] = { mm, page, answer: 'none' };
    const since = this.now;
    thread.awaits = awaits;
    this.awaiting.push(thread);
    const next = thread.events.find(({ i, t }) => i > thread.event!.i && t > this.now);
    if (next !== undefined) this.wake(thread, next.t);
    yield;
    if (awaits.answer === 'none') {
      this.answered(thread, 'gone');
      yield;
    }
    thread.waited += this.now - this.costs.wake - since;
    return awaits.answer === 'filled' ? 'filled' : 'gone';
  }

  /** wake_userfault() on `[start, end)`. */
  answer(mm: string, start: number, end: number, how: 'filled' | 'gone'): void {
    for (const thread of this.awaiting.filter(({ awaits }) => awaits?.mm === mm)) {
      const { page } = thread.awaits!;
      if (start <= page && page < end) this.answered(thread, how);
    }
  }

  /** Whoever is left sleeping when nobody moves any more goes on as when the userfaultfd is closed; false when nobody is. */
  closeAll(): boolean {
    const left = this.awaiting.toSorted((a, b) => Number.parseFloat(a.awaits!.mm) - Number.parseFloat(b.awaits!.mm));
    for (const thread of left) this.answered(thread, 'gone');
    return left.length > 0;
  }

  private answered(thread: Thread, how: 'filled' | 'gone'): void {
    thread.awaits!.answer = how;
    thread.awaits = null;
    this.awaiting.splice(this.awaiting.indexOf(thread), 1);
    this.wake(thread, this.now + this.costs.wake);
  }

  // -------------------------------------------------------------------------------------------------------------------
  // mmap_lock: kernel/locking/rwsem.c

  /** Whom a thread blames that does not get it. */
  holder(mm: string): number {
    const { writer, readers, queue, expected } = this.past.mmapLock(mm);
    if (writer >= 0) return writer;
    const writers = [...queue, ...expected].filter(({ write }) => write).map(({ who }) => who);
    return [...writers, ...readers, ...expected.map(({ who }) => who), -1][0];
  }

  blames(thread: Thread, tid: number): void {
    const other = tid < 0 ? null : this.thread(tid);
    thread.blame = other?.event ? { tid, event: other.event } : null;
  }

  /** down_read_trylock(). */
  tryRead(thread: Thread, mm: string): boolean {
    const lock = this.past.mmapLock(mm);
    if (lock.writer >= 0 || lock.queue.length > 0 || lock.expected.length > 0) return false;
    this.note(mm, thread, { what: 'got', write: false });
    return true;
  }

  /** down_write_trylock(). */
  tryWrite(thread: Thread, mm: string): boolean {
    const { writer, readers, queue, expected } = this.past.mmapLock(mm);
    if (writer >= 0 || readers.length > 0 || queue.length > 0 || expected.length > 0) return false;
    this.note(mm, thread, { what: 'got', write: true });
    return true;
  }

  /** down_read(), down_write(): takes it, or sleeps in the queue and has it on return. */
  *lock(thread: Thread, mm: string, write: boolean): Life {
    thread.since = this.now;
    const holder = this.holder(mm);
    if (this.takes(thread, mm, write)) return;
    this.blames(thread, holder);
    this.note(mm, thread, { what: 'queued', write });
    thread.blocked = true;
    do yield;
    while (!this.hasIt(thread, mm, write));
    thread.blocked = false;
    thread.waited += this.now - thread.since;
    thread.waitedForLocks += this.now - thread.since;
    thread.since = this.now;
  }

  private takes(thread: Thread, mm: string, write: boolean): boolean {
    const { writer, readers, queue, impatient, expected } = this.past.mmapLock(mm);
    const held = writer >= 0 || readers.length > 0;
    // Free with somebody queued: a writer was told and has not come yet. It may be overtaken while it is patient.
    const free = !held && (queue.length === 0 || !impatient);
    const shared = !write && writer < 0 && queue.length === 0 && expected.length === 0;
    if (!free && !shared) return false;
    this.note(mm, thread, { what: 'got', write });
    return true;
  }

  /** Woken in the queue: a reader was given the lock; a writer tries, and may find that somebody was faster. */
  private hasIt(thread: Thread, mm: string, write: boolean): boolean {
    if (!write) return true;
    const { writer, readers } = this.past.mmapLock(mm);
    if (writer >= 0 || readers.length > 0) {
      this.note(mm, thread, { what: 'in vain' });
      return false;
    }
    this.note(mm, thread, { what: 'got', write });
    return true;
  }

  /** up_read(), up_write(). Every mark ends with the latter. */
  unlock(thread: Thread, mm: string): void {
    this.note(mm, thread, { what: 'let go' });
    const { writer, readers, queue, told } = this.past.mmapLock(mm);
    if (writer >= 0 || readers.length > 0 || queue.length === 0) return;
    if (!queue[0].write) this.grantReaders(mm);
    else if (!told) {
      const first = this.thread(queue[0].who);
      this.note(mm, first, { what: 'told' });
      this.wake(first, this.now + this.costs.wake);
    }
  }

  /** downgrade_write(). */
  downgrade(thread: Thread, mm: string): void {
    this.note(mm, thread, { what: 'downgraded' });
    const { queue } = this.past.mmapLock(mm);
    if (queue.length > 0 && !queue[0].write) this.grantReaders(mm);
  }

  /** A reader at the head takes every queued reader along. */
  private grantReaders(mm: string): void {
    for (const { who, write } of this.past.mmapLock(mm).queue) {
      if (write) continue;
      this.note(mm, this.thread(who), { what: 'got', write: false });
      this.wake(this.thread(who), this.now + this.costs.wake);
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The lock of a VMA

  get hasVmaLock(): boolean {
    return this.stage.vmaLock === 'rwsem-seq' || this.stage.vmaLock === 'refcount';
  }

  /** vma_start_read(): 'gone' only where the lock can tell by its count. */
  startRead(thread: Thread, mm: string, vma: number): 'taken' | 'refused' | 'gone' {
    if (!this.hasVmaLock || this.past.isMarked(mm, vma)) return 'refused';
    if (this.stage.vmaLock === 'refcount' && this.past.wasDetached(mm, vma)) return 'gone';
    if (this.past.readersOf(mm, vma).awaited >= 0) return 'refused';
    this.note(mm, thread, { what: 'inside', vma });
    return 'taken';
  }

  /** vma_end_read(). */
  endRead(thread: Thread, mm: string, vma: number): void {
    this.note(mm, thread, { what: 'left', vma });
    const { inside, awaited } = this.past.readersOf(mm, vma);
    if (inside.length === 0 && awaited >= 0) this.wake(this.thread(awaited), this.now + this.costs.wake);
  }

  /** vma_start_write(): waits until nobody is inside. */
  *startWrite(thread: Thread, mm: string, vma: number): Life {
    if (this.stage.vmaLock === 'none' || this.past.isMarked(mm, vma)) return;
    const { inside, last } = this.past.readersOf(mm, vma);
    if (inside.length > 0) {
      const faults = inside.map(tid => this.thread(tid)).filter(({ event }) => event?.op === 'fault');
      const longest = faults.reduce<Thread | null>((a, b) => (a === null || b.until > a.until ? b : a), null);
      this.blames(thread, longest?.tid ?? last);
      this.note(mm, thread, { what: 'excludes', vma });
      const since = this.now;
      thread.blocked = true;
      yield;
      thread.blocked = false;
      thread.waited += this.now - since;
      thread.waitedForLocks += this.now - since;
    }
    this.note(mm, thread, { what: 'marked', vma });
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The address space

  /** __split_huge_pmd(): what lies on both sides of an edge is mapped page by page. */
  split(mm: string, thread: Thread, ...edges: number[]): void {
    for (const page of edges) {
      if (page % 512 !== 0 && this.past.page(mm, page).huge) this.splitAround(mm, thread, page);
    }
  }

  /** What is mapped of a file is mapped no more, and its table is not there either. */
  splitAround(mm: string, thread: Thread, page: number): void {
    const isHugeOfFile = (other: number) => {
      const { kind, huge } = this.past.page(mm, other);
      return huge === true && (kind === 'file' || kind === 'file read-only');
    };
    const from = page - (page % 512);
    const unmapped = isHugeOfFile(page) ? this.past.pages(mm, from, from + 512).filter(isHugeOfFile) : [];
    this.note(mm, thread, { what: 'split', page });
    for (const other of unmapped) this.note(mm, thread, { what: 'page', page: other, entry: NOTHING });
    if (unmapped.length === 0 || this.past.pages(mm, from, from + 512).length > 0) return;
    this.note(mm, thread, { what: 'tables gone', from, to: from + 512 });
  }

  /** Pages of `[start, end)` with an entry, for something that is about just these. */
  pagesIn(mm: string, thread: Thread, start: number, end: number): number[] {
    this.split(mm, thread, start, end);
    return this.past.pages(mm, start, end);
  }

  areaAt(mm: string, page: number): Area | null {
    return this.past.areas(mm).find(({ start, end }) => start <= page && page < end) ?? null;
  }

  /** find_vma(): the VMA at `page` or the next above. */
  areaFrom(mm: string, page: number): Area | null {
    return this.past.areas(mm).find(({ end }) => end > page) ?? null;
  }
}

const before = (a: { at: number; order: number }, b: { at: number; order: number }) =>
  a.at < b.at || (a.at === b.at && a.order < b.order);
