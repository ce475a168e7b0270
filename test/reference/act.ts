/** One operation in hand: its sections of mmap_lock, and how long each lasts. */
import { Writer } from './areas.js';
import { isOnDisk, isShmem } from './files.js';
import type { Area, Entry } from './history.js';
import type { Happening, Life, Thread, World } from './world.js';

/** ns between taking a free lock and the tracepoint that says so, at most. */
const WRITING_DOWN = 20_000;
const UNKNOWN = 2 ** 31;

/** One operation in hand. */
export class Act {
  readonly mm: string;
  readonly end: number;

  constructor(
    readonly w: World,
    readonly thread: Thread,
    readonly event: Happening,
  ) {
    this.mm = w.space(event.mm);
    this.end = event.page + event.pages;
  }

  /** Takes mmap_lock; at recorded times not before the recording had it. */
  *enter(write: boolean, mm = this.mm): Life {
    const { w, thread } = this;
    this.nextSection(write);
    const { section } = thread;
    if (!w.recorded || section === null) {
      if (section !== null && section.ask > section.before) yield* w.sleep(thread, section.ask - section.before);
      yield* w.lock(thread, mm, write);
      return;
    }
    if (section.ask > w.now) yield* w.sleep(thread, section.ask - w.now);
    const { writer, readers, queue, expected } = w.past.mmapLock(mm);
    const free = writer < 0 && readers.length === 0 && queue.length === 0 && expected.length === 0;
    const early = section.got - w.now;
    const waits = early > 0 && !(free && early < WRITING_DOWN);
    if (waits) {
      w.note(mm, thread, { what: 'expected', write });
      yield* w.sleep(thread, early);
      w.note(mm, thread, { what: 'no longer expected' });
    }
    yield* w.lock(thread, mm, write);
    if (!waits && section.got > w.now) yield* w.sleep(thread, section.got - w.now);
  }

  /** As enter(), where it is free. */
  tryRead(): boolean {
    const { w, thread } = this;
    this.nextSection(false);
    thread.since = w.now;
    return w.tryRead(thread, this.mm);
  }

  tryWrite(): boolean {
    const { w, thread } = this;
    this.nextSection(true);
    thread.since = w.now;
    return w.tryWrite(thread, this.mm);
  }

  /** The next recorded section of this mode. */
  private nextSection(write: boolean): void {
    const { thread, event } = this;
    thread.section = null;
    const mode = write ? 'write' : 'read';
    const at = event.locks?.findIndex((lock, i) => i >= thread.sectionsUsed && lock.mode === mode) ?? -1;
    if (event.locks === null) return;
    thread.sectionsUsed = at < 0 ? event.locks.length : at + 1;
    if (at < 0) return;
    const { ask, got, end } = event.locks[at];
    thread.section = { ask, got, end, before: thread.sectionEnded };
    thread.sectionEnded = end;
  }

  /** The section lasts as long as it did, else what is left of the call's duration, else its cost. */
  *hold(cost: number, last = true, part = 1): Life {
    const { w, thread, event } = this;
    const { section } = thread;
    let ns = cost;
    if (section !== null) {
      ns = Math.floor((section.end - (w.recorded ? w.now : section.got)) * part);
      section.got += ns;
    } else if (event.dur >= 0 && event.locks === null) {
      const left = Math.max(0, event.dur - thread.spent);
      ns = last ? Math.floor(left * part) : Math.min(cost, left);
    }
    if (ns <= 0) return;
    thread.spent += ns;
    yield* w.sleep(thread, ns);
  }

  /** The VMA at `page`, read-locked; null when that takes mmap_lock. */
  readLock(page: number): Area | null {
    const { w, thread, mm } = this;
    const vma = w.areaAt(mm, page);
    if (vma === null || !w.hasVmaLock) return null;
    if (w.startRead(thread, mm, vma.id) !== 'taken') {
      w.blames(thread, w.past.mmapLock(mm).writer);
      return null;
    }
    thread.since = w.now;
    return vma;
  }

  leave(mm = this.mm): void {
    this.thread.held += this.w.now - this.thread.since;
    this.thread.section = null;
    this.w.unlock(this.thread, mm);
  }

  downgrade(): void {
    this.w.downgrade(this.thread, this.mm);
    this.thread.since = this.w.now;
    this.nextSection(false);
  }

  get writer(): Writer {
    return new Writer(this.w, this.thread, this.mm);
  }

  pagesTouched(start = this.event.page, end = this.end): number {
    return this.w.past.pages(this.mm, start, end).length;
  }

  set(page: number, entry: Entry): void {
    this.w.note(this.mm, this.thread, { what: 'page', page, entry });
  }

  /** Every VMA in the range of the event, or in another, gets the properties that `like` makes of its own. */
  *change(like: (vma: Area) => readonly string[], marks = true, start = this.event.page, end = this.end): Life {
    for (let at = start; ; ) {
      const vma = this.w.areaFrom(this.mm, at);
      if (vma === null || at >= end || vma.start >= end) return;
      const from = Math.max(at, vma.start);
      at = Math.min(end, vma.end);
      const now = like(vma);
      if (now.join() !== vma.like.join()) yield* this.writer.modify(vma, from, at, { like: now }, marks);
    }
  }

  /** mmap_region(): a new VMA in the place of whatever is there; `cost` is all it takes, `last` as in hold(). */
  *map(vma: Area, cost: number, last: boolean): Life {
    const { w, writer } = this;
    let gathered = yield* writer.gather(vma.start, vma.end);
    let rest = cost;
    if (gathered !== null && gathered.length > 0) {
      if (w.at['mmap_region.fixed'] === 'munmap_then_insert') {
        for (const area of gathered) writer.gone(area);
        gathered = [];
      }
      const half = Math.floor(cost / 2);
      const zap = this.pagesTouched(vma.start, vma.end) * w.costs.zap_page;
      writer.zap(vma.start, vma.end);
      yield* this.hold(half + zap, last, 0.5);
      rest -= half;
    }
    if (gathered !== null) yield* writer.insert(vma, gathered, w.at['mmap_region.start_write']);
    yield* this.hold(rest, last);
  }

  /** Ends the write section after `[start, end)` was unmapped. */
  *unmapAndLeave(start: number, end: number, downgrades = true): Life {
    const { w, writer } = this;
    const all = yield* writer.unmap(start, end);
    if (all === null || all.length === 0) {
      yield* this.hold(w.costs.op);
      this.leave();
      return;
    }
    const zap = this.pagesTouched(start, end) * w.costs.zap_page;
    let may = downgrades;
    const answer = w.at['do_vmi_align_munmap.downgrade'];
    const next = w.areaFrom(this.mm, end);
    if (may && answer !== 'always' && next?.like.includes('growsdown')) {
      if (answer === 'unless_grows_then_mark') yield* writer.mark(next);
      may = false;
    }
    if (may) {
      yield* this.hold(w.costs.op, false);
      this.downgrade();
      writer.zap(start, end);
      yield* this.hold(zap);
    } else {
      writer.zap(start, end);
      yield* this.hold(w.costs.op + zap);
    }
    this.leave();
  }
}

/** Private and writable: its memory is counted. */
export const isAccountable = (prot: string, like: readonly string[]): boolean =>
  prot.includes('w') && !like.some(flag => ['shared', 'hugetlb', 'noreserve'].includes(flag));

/** Where in its file a mapping is of which a trace does not say: far from any other. */
export const unknownOffset = (w: World): number => w.newId() * UNKNOWN;

/** The VMA that an `mmap` or `vma` event describes. */
export function described(w: World, { page, pages, raw }: Happening): Area {
  const flags = raw.flags as string[];
  const shared = flags.includes('shared');
  const named = (raw.file as { fs: string } | undefined)?.fs ?? null;
  const file = named ?? (flags.includes('hugetlb') ? 'hugetlb' : shared ? 'shmem' : null);
  const like: string[] = flags.filter(flag => ['shared', 'growsdown', 'hugetlb', 'noreserve', 'pfnmap'].includes(flag));
  if (flags.includes('stack') && w.at['calc_vm_flag_bits.stack'] === 'nohugepage') like.push('nohugepage');
  if (isAccountable(raw.prot as string, like)) like.push('account');
  if (named === 'secretmem') like.push('locked', 'dontdump');
  const offset = raw.offset === undefined ? unknownOffset(w) : Number(raw.offset) / 4096;
  return {
    id: w.newId(),
    start: page,
    end: page + pages,
    prot: raw.prot as string,
    like: like.sort(),
    file,
    pgoff: file === null ? page : offset,
    anon: 0,
    chain: 0,
    ...(shared && isShmem({ file }) && { object: w.newId() }),
    ...(isOnDisk({ file }) && { object: w.fileOf(named!) }),
  };
}
