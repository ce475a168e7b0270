/** What operations do to VMAs in a write section: cut, mark, take out, merge. The pictures are those of mm/vma.c. */
import type { Answers } from '../../src/kernel/sites.js';
import type { Area } from './history.js';
import type { Life, Thread, World } from './world.js';

/** Which neighbours a VMA may join. */
type Joins = 'both' | 'prev' | 'nobody';

export const isSealed = ({ like }: Area): boolean => like.includes('sealed');

/** Never merge. */
const SPECIAL = ['pfnmap', 'hugetlb'];

export class Writer {
  constructor(
    readonly w: World,
    readonly thread: Thread,
    readonly mm: string,
  ) {}

  put(area: Area): void {
    this.w.note(this.mm, this.thread, { what: 'area', area });
  }

  mark(area: Area): Life {
    return this.w.startWrite(this.thread, this.mm, area.id);
  }

  now({ id }: Area): Area {
    return this.w.past.area(this.mm, id);
  }

  gone({ id }: Area): void {
    this.w.note(this.mm, this.thread, { what: 'gone', vma: id });
  }

  detached({ id }: Area): void {
    this.w.note(this.mm, this.thread, { what: 'detached', vma: id });
  }

  /** Cuts a VMA in two; the new one is the lower part or the upper. Returns [lower, upper]. */
  *cut(vma: Area, at: number, newBelow: boolean): Life<[Area, Area]> {
    this.w.split(this.mm, this.thread, at);
    yield* this.mark(vma);
    const marks = this.w.at['__split_vma.start_write'];
    const lower = { end: at };
    const upper = { start: at, pgoff: vma.pgoff + (at - vma.start) };
    const fresh = { ...vma, ...(newBelow ? lower : upper), id: this.w.newId() };
    if (marks === 'both') yield* this.mark(fresh);
    if (marks === 'target_and_next') {
      const next = this.w.areaFrom(this.mm, vma.end);
      if (next !== null) yield* this.mark(next);
    }
    const old = { ...this.now(vma), ...(newBelow ? upper : lower) };
    this.put(old);
    this.put({ ...fresh, anon: old.anon, chain: old.chain });
    const both: [Area, Area] = newBelow ? [this.now(fresh), old] : [old, this.now(fresh)];
    return both;
  }

  /** Cuts at both ends, then marks and detaches all of `[start, end)`. They stay in the tree. Null where one of them is sealed. */
  *gather(start: number, end: number): Life<Area[] | null> {
    const { w, mm } = this;
    const all: Area[] = [];
    let vma = w.areaFrom(mm, start);
    if (vma === null || vma.start >= end) return all;
    if (w.past.areas(mm).some(area => isSealed(area) && area.start < end && area.end > start)) return null;
    if (vma.start < start) {
      const [, upper]: [Area, Area] = yield* this.cut(vma, start, w.at['__split_vma.first'] === 'below');
      vma = upper;
    }
    while (vma !== null && vma.start < end) {
      if (vma.end > end) {
        const [lower]: [Area, Area] = yield* this.cut(vma, end, w.at['__split_vma.last'] === 'below');
        vma = lower;
      }
      yield* this.mark(vma);
      this.detached(vma);
      all.push(vma);
      vma = w.areaFrom(mm, vma.end);
    }
    return all;
  }

  *unmap(start: number, end: number): Life<Area[] | null> {
    const all = start === end ? [] : yield* this.gather(start, end);
    for (const area of all ?? []) this.gone(area);
    return all;
  }

  /** Zaps `[start, end)`, and frees its tables as far as the neighbours allow. */
  zap(start: number, end: number): void {
    const { w, mm, thread } = this;
    for (const page of w.pagesIn(mm, thread, start, end)) {
      w.note(mm, thread, { what: 'page', page, entry: { kind: 'none', cow: false } });
    }
    const from = w.past.areas(mm).findLast(area => area.start < start)?.end ?? 0;
    const to = w.areaFrom(mm, end)?.start ?? Number.POSITIVE_INFINITY;
    w.note(mm, thread, { what: 'tables gone', from, to });
  }

  /** Gives `[start, end)` inside `vma` other properties: merges what then is alike, else cuts. */
  *modify(vma: Area, start: number, end: number, change: Partial<Pick<Area, 'prot' | 'like'>>, marks = true): Life {
    this.w.split(this.mm, this.thread, start, end);
    const range = { ...vma, ...change, start, end, pgoff: vma.pgoff + (start - vma.start) };
    if (yield* this.merge(range, vma, null)) return;
    let part = this.now(vma);
    if (start > part.start) [, part] = yield* this.cut(part, start, true);
    if (end < part.end) [part] = yield* this.cut(part, end, false);
    if (marks) yield* this.mark(part);
    this.put({ ...this.now(part), ...change });
  }

  /**
   * Does `range` join what lies beside it? `part` is the VMA it is part of (null: it is new), `from` the one it is a copy
   * of, `gathered` what is in its place still.
   */
  *merge(
    range: Area,
    part: Area | null,
    from: Area | null,
    gathered: Area[] = [],
    joins: Joins = 'both',
  ): Life<boolean> {
    const { w, mm } = this;
    const others = w.past.areas(mm).filter(({ id }) => id !== part?.id && !gathered.some(area => area.id === id));
    const prev = others.findLast(area => area.end <= range.start) ?? null;
    const next = others.find(area => area.start >= range.end) ?? null;
    const special = range.like.some(flag => SPECIAL.includes(flag));
    if (w.at['vma_merge.start_write'] === 'neighbours' && !special) yield* this.markAround(range, part, prev, next);
    if (special) return false;
    const suits = (area: Area) =>
      area.prot === range.prot &&
      area.like.join() === range.like.join() &&
      area.file === range.file &&
      this.anonSuits(range, area, part ?? from);
    const leftEdge = part === null || part.start === range.start;
    const rightEdge = part === null || part.end === range.end;
    const left =
      leftEdge &&
      prev !== null &&
      prev.end === range.start &&
      suits(prev) &&
      prev.pgoff + (prev.end - prev.start) === range.pgoff;
    const right =
      joins === 'both' &&
      rightEdge &&
      next !== null &&
      next.start === range.end &&
      suits(next) &&
      next.pgoff === range.pgoff + (range.end - range.start) &&
      (!left || prev.anon === 0 || next.anon === 0 || prev.anon === next.anon);
    if (!left && !right) return false;
    const target = left ? prev : next!;
    // The part is swallowed, or loses what joins the neighbour.
    const swallowed = part !== null && ((leftEdge && rightEdge) || (left && right));
    const shrinks = part !== null && !swallowed;
    yield* this.mark(target);
    if (shrinks) yield* this.mark(part);
    if (swallowed) yield* this.mark(part);
    if (left && right) yield* this.mark(next);
    for (const area of gathered) this.gone(area);
    const heirs = [left && right ? next : null, part, from].filter(area => area !== null);
    const heir = target.anon === 0 ? heirs.find(area => area.anon !== 0) : undefined;
    const start = left ? target.start : range.start;
    const end = left ? (right ? next.end : range.end) : target.end;
    if (left && right) this.remove(next);
    if (swallowed) this.remove(part);
    if (shrinks) {
      this.put(
        left
          ? { ...part, start: range.end, pgoff: part.pgoff + (range.end - part.start) }
          : { ...part, end: range.start },
      );
    }
    const { anon, chain } = heir ?? target;
    const all = [range, target, left && right ? next : null, swallowed ? part : null];
    const guarded = all.some(area => area?.guarded);
    this.put({ ...target, start, end, pgoff: target.pgoff - (target.start - start), anon, chain, guarded });
    return true;
  }

  private remove(area: Area): void {
    this.gone(area);
    this.detached(area);
  }

  /** The same anon_vma, or one is missing and no fork is in the way of sharing it. */
  private anonSuits(range: Area, area: Area, origin: Area | null): boolean {
    const forked = (of: Area | null) => of !== null && of.anon !== 0 && of.chain !== 1;
    if (range.anon === area.anon) return true;
    if (range.anon === 0) return !forked(area);
    return area.anon === 0 && this.w.at['is_mergeable_anon_vma.unfaulted'] === 'yes' && !forked(origin);
  }

  /** The first vma_merge() that knew of VMA locks marked before it decided. */
  private *markAround(range: Area, part: Area | null, prev: Area | null, next: Area | null): Life {
    if (part === null) {
      if (prev !== null) yield* this.mark(prev);
    } else {
      if (part.start === range.start && prev !== null) yield* this.mark(prev);
      yield* this.mark(part);
      if (part.end !== range.end && part.start === range.start) return;
    }
    if (next !== null) yield* this.mark(next);
  }

  /** A new VMA over `area`'s range, merged with what is alike; what was `gathered` gives way. */
  *insert(area: Area, gathered: Area[], marks: Answers['do_brk_flags.start_write'], joins: Joins = 'both'): Life {
    if (joins !== 'nobody' && (yield* this.merge(area, null, null, gathered, joins))) return;
    for (const old of gathered) this.gone(old);
    if (marks !== 'never') yield* this.mark(area);
    this.put(area);
  }
}
