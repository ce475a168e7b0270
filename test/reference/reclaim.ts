/** Pages that are taken away: reclaimed, paged out, punched out of a file. mm/vmscan.c, mm/madvise.c, mm/memory.c. */
import type { Act } from './act.js';
import { isOnDisk } from './files.js';
import { folioIn, isArmed, offsetOf } from './handle.js';
import { type Area, type Entry, NOTHING } from './history.js';

/** A file's page that is write-protected is so when it comes back. */
export function leftBehind(vma: Area, { wp, rwp }: Entry): Entry {
  const marks = vma.file !== null && (wp || rwp) && isArmed(vma, 'wp');
  return marks ? { kind: 'marker', cow: false } : NOTHING;
}

const isOfFile = ({ kind }: Entry) => kind === 'file' || kind === 'file read-only';

/** The VMAs of the event up to `end`, each with the pages that are its. */
function areasIn({ w, mm, event }: Act, end: number): { vma: Area; from: number; to: number }[] {
  return w.past.areas(mm).flatMap(vma => {
    const [from, to] = [Math.max(event.page, vma.start), Math.min(end, vma.end)];
    return from < to ? [{ vma, from, to }] : [];
  });
}

/** Where else there is a place for the page of a file that `vma` has at `page`. */
function placesOf({ w }: Act, vma: Area, page: number): { mm: string; vma: Area; page: number }[] {
  if (vma.object === undefined) return [];
  return w.spaces().flatMap(mm =>
    w.past.areas(mm).flatMap(other => {
      const there = other.start + offsetOf(vma, page) - other.pgoff;
      const has = other.object === vma.object && other.start <= there && there < other.end;
      return has && other.id !== vma.id ? [{ mm, vma: other, page: there }] : [];
    }),
  );
}

/** Nobody else maps it any more; what was copied from it stays. */
function unmapElsewhere(act: Act, vma: Area, page: number): void {
  const { w, thread } = act;
  for (const there of placesOf(act, vma, page)) {
    const met = w.past.page(there.mm, there.page);
    if (!isOfFile(met)) continue;
    w.note(there.mm, thread, { what: 'page', page: there.page, entry: leftBehind(there.vma, met) });
  }
}

/** Does somebody else map the page: of the file, or one that both have since a fork and neither has written to? */
function isMappedElsewhere(act: Act, vma: Area, page: number): boolean {
  const { w, mm } = act;
  const forked = (space: string) => {
    const { kind, cow } = w.past.page(space, page);
    return kind === 'anon read-only' && cow;
  };
  if (forked(mm) && w.spaces().some(space => space !== mm && forked(space))) return true;
  return placesOf(act, vma, page).some(there => isOfFile(w.past.page(there.mm, there.page)));
}

/** Pages of shmem are in swap, where there were any; a page that a disk has as well is dropped. */
function leaveCache({ w, mm, thread }: Act, vma: Area, page: number): void {
  const { object } = vma;
  if (object === undefined || folioIn(w, vma, page) === 'absent') return;
  const what = isOnDisk(vma) ? 'dropped' : 'swapped out';
  w.note(mm, thread, { what, object, offset: offsetOf(vma, page) });
}

/** An anonymous page goes to swap, one of a file is dropped. Returns whether nothing is left in its place. */
function takeAway(act: Act, vma: Area, page: number): boolean {
  const met = act.w.past.page(act.mm, page);
  if (met.kind === 'anon' || met.kind === 'anon read-only') act.set(page, { ...met, kind: 'swap', huge: false });
  if (!isOfFile(met)) return false;
  const left = leftBehind(vma, met);
  act.set(page, left);
  return left.kind === 'none';
}

/** Whoever maps them: they are reclaimed. */
export function reclaim(act: Act): null {
  act.w.split(act.mm, act.thread, act.event.page, act.end);
  for (const { vma, from, to } of areasIn(act, act.end)) {
    splitElsewhere(act, vma, from, to);
    for (let page = from; page < to; page++) {
      unmapElsewhere(act, vma, page);
      takeAway(act, vma, page);
      leaveCache(act, vma, page);
    }
  }
  return null;
}

/** MADV_PAGEOUT: not what others map too; it fails at memory that no reclaim looks at. Returns how many pages of files went. */
export function pageOut(act: Act): number {
  let dropped = 0;
  act.w.split(act.mm, act.thread, act.event.page, act.end);
  for (const { vma, from, to } of areasIn(act, act.end)) {
    if (vma.like.some(flag => ['locked', 'pfnmap', 'hugetlb'].includes(flag))) break;
    for (let page = from; page < to; page++) {
      if (isMappedElsewhere(act, vma, page)) continue;
      const { kind } = act.w.past.page(act.mm, page);
      if (takeAway(act, vma, page)) dropped++;
      // Of a file on a disk only what was mapped is looked at, and what is dirty waits to be written.
      if (!isOnDisk(vma) || kind === 'file read-only') leaveCache(act, vma, page);
    }
  }
  return dropped;
}

/** MADV_REMOVE, once the caller has unmapped it: a hole in the file, whoever maps it. */
export function punch(act: Act, end: number): void {
  const { w, mm, thread } = act;
  for (const { vma, from, to } of areasIn(act, end)) {
    splitElsewhere(act, vma, from, to);
    for (let page = from; page < to; page++) {
      unmapElsewhere(act, vma, page);
      const { object } = vma;
      if (object !== undefined) w.note(mm, thread, { what: 'dropped', object, offset: offsetOf(vma, page) });
    }
  }
}

/** A huge page of which only a part goes is not mapped whole by anybody. */
function splitElsewhere(act: Act, vma: Area, from: number, to: number): void {
  for (const there of placesOf(act, vma, from)) act.w.split(there.mm, act.thread, there.page);
  for (const there of placesOf(act, vma, to - 1)) act.w.split(there.mm, act.thread, there.page + 1);
}
