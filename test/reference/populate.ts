/** Pages faulted in by a system call, under mmap_lock: mm/gup.c faultin_page(), populate_vma_page_range(); mm/mlock.c. */
import type { Act } from './act.js';
import { opsOf } from './files.js';
import { anon_vma_prepare, forbiddenStill, isShared, make } from './handle.js';
import { type Area, type Entry, NOTHING } from './history.js';
import { HUGE, headOf } from './hugetlb.js';
import type { Life } from './world.js';

/** Never VM_LOCKED: VM_SPECIAL, a hugetlb mapping, and what has no pages of memory. */
export const mayLock = (vma: Area): boolean =>
  !vma.like.some(flag => ['pfnmap', 'hugetlb'].includes(flag)) && !opsOf(vma).dax && vma.file !== 'secretmem';

/** A write breaks COW; a shared mapping has none, and would be dirtied for nothing. */
const breaksCow = (vma: Area) => vma.prot.includes('w') && !isShared(vma);
const LOCKED = ['locked', 'onfault'];

/** One read section of mmap_lock in which `[start, end)` is faulted in. */
export function* mm_populate(act: Act, start: number, end: number, stops = false): Life {
  const { w } = act;
  yield* act.enter(false);
  const reach = stops ? Math.min(end, ...forbidden(act, start)) : end;
  yield* act.hold(w.costs.op + populate(act, start, reach));
  act.leave();
}

/** Where VMAs behind `start` begin in which nothing can be faulted in. */
const forbidden = ({ w, mm }: Act, start: number): number[] =>
  w.past
    .areas(mm)
    .map(({ id }) => w.past.area(mm, id))
    .filter(vma => vma.end > start && isClosed(vma) && !vma.like.includes('onfault'))
    .map(vma => Math.max(start, vma.start));

export const isClosed = (vma: Area): boolean =>
  vma.prot === '---' || vma.like.includes('pfnmap') || vma.file === 'secretmem';

/** populate_vma_page_range() of each VMA; what is locked page by page is left to the faults. Returns how long that takes. */
export const populate = (act: Act, start: number, end: number): number =>
  faultIn(act, start, end, breaksCow, vma => !vma.like.includes('onfault'));

/** Faults in what `[start, end)` lacks, for writing in VMAs that `writes` names; returns how long that takes. */
export function faultIn(
  { w, thread, mm }: Act,
  start: number,
  end: number,
  writes: (vma: Area) => boolean,
  wants: (vma: Area) => boolean = () => true,
): number {
  let cost = 0;
  for (const { id } of w.past.areas(mm)) {
    const vma = w.past.area(mm, id);
    if (isClosed(vma) || !wants(vma)) continue;
    const huge = vma.like.includes('hugetlb');
    const from = Math.max(start, vma.start);
    for (let page = huge ? headOf(from) : from; page < Math.min(end, vma.end); page += huge ? HUGE : 1) {
      const met = w.past.page(mm, page);
      const until = met.kind === 'migration' ? w.past.migratesUntil(mm, page) : null;
      if (until !== null) cost = Math.max(cost, until - w.now);
      const entry = until === null ? faultedIn(vma, met, writes(vma)) : null;
      if (entry === null) continue;
      if (entry.kind === 'anon') anon_vma_prepare(w, thread, mm, w.past.area(mm, id));
      w.split(mm, thread, page, page + 1);
      w.note(mm, thread, { what: 'page', page, entry });
      make(w, mm, thread, vma, page);
      cost += huge ? w.costs.hugetlb : w.costs.populate_page;
    }
  }
  return cost;
}

/** What an entry becomes; null where there is nothing to do, the fault fails, or a monitor is to be asked first. */
function faultedIn(vma: Area, met: Entry, write: boolean): Entry | null {
  const { kind, cow, wp, rwp } = met;
  const writable = isShared(vma) ? 'file' : 'anon';
  const as = (kind: Entry['kind'], cow = false): Entry => ({ kind, cow });
  switch (kind) {
    case 'hwpoison':
    case 'poison':
    case 'guard':
    case 'marker':
      return null;
    case 'migration':
      return { ...as(writable), ...forbiddenStill(vma, met) };
    case 'swap':
    case 'device_private':
    case 'device_exclusive':
      return { ...as(write ? writable : `${writable} read-only`), ...forbiddenStill(vma, met) };
    case NOTHING.kind:
      if (write || vma.like.includes('hugetlb')) return as(writable);
      return as(vma.file === null ? 'zero' : 'file read-only');
    default:
      return write && !wp && !rwp && (cow || kind !== writable) ? as(writable) : null;
  }
}

/** get_user_pages(): for writing where that is allowed. */
export function* gup(act: Act): Life {
  const { w, event } = act;
  yield* act.enter(false);
  yield* act.hold(w.costs.op + faultIn(act, event.page, act.end, vma => vma.prot.includes('w')));
  act.leave();
}

export function* mlock(act: Act): Life {
  const { event, end } = act;
  yield* act.enter(true);
  const hole = firstHole(act);
  yield* lockRange(act, event.page, hole, flagsOf(event.raw.mode as string | undefined));
  const populates = hole === end && end > event.page;
  yield* act.hold(act.w.costs.op, !populates);
  act.leave();
  if (populates) yield* mm_populate(act, event.page, end, true);
}

/** The first page of the event's range that nothing is mapped at; its end where everything is. */
function firstHole({ w, mm, event, end }: Act): number {
  let page = event.page;
  while (page < end && w.areaAt(mm, page) !== null) page++;
  return page;
}

export function* munlock(act: Act): Life {
  yield* act.enter(true);
  yield* lockRange(act, act.event.page, firstHole(act), []);
  yield* act.hold(act.w.costs.op);
  act.leave();
}

/** mlockall(2), of what there is, of what will be, or of both. */
export function* mlockall(act: Act): Life {
  const { w, thread, mm, event } = act;
  const said = (event.raw.mode as string | undefined) ?? '';
  const mode = /current|future/.test(said) ? said : `current|future|${said}`;
  const current = mode.includes('current');
  const flags = flagsOf(mode);
  yield* act.enter(true);
  w.note(mm, thread, { what: 'will lock', like: mode.includes('future') ? flags : [] });
  if (current) yield* lockRange(act, 0, Number.POSITIVE_INFINITY, flags);
  yield* act.hold(w.costs.op, !current);
  act.leave();
  if (current) yield* mm_populate(act, 0, Number.POSITIVE_INFINITY);
}

export function* munlockall(act: Act): Life {
  const { w, thread, mm } = act;
  yield* act.enter(true);
  w.note(mm, thread, { what: 'will lock', like: [] });
  yield* lockRange(act, 0, Number.POSITIVE_INFINITY, []);
  yield* act.hold(w.costs.op);
  act.leave();
}

/** MLOCK_ONFAULT, MCL_ONFAULT: pages are locked when somebody faults them in. */
const flagsOf = (mode = ''): string[] => (mode.includes('onfault') ? LOCKED : ['locked']);

/** apply_vma_lock_flags(), mlock_fixup(). */
const lockRange = (act: Act, start: number, end: number, flags: readonly string[]): Life =>
  act.change(
    vma => {
      const { like } = vma;
      if (!mayLock(vma)) return like;
      return [...like.filter(flag => !LOCKED.includes(flag)), ...flags].sort();
    },
    true,
    start,
    end,
  );
