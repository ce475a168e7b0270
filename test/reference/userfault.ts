/** userfaultfd: fs/userfaultfd.c userfaultfd_register(), mm/userfaultfd.c uffd_lock_vma(), uffd_move_lock(), mwriteprotect_range(). */
import type { Act } from './act.js';
import { isShmem } from './files.js';
import { anon_vma_prepare, isArmed, isShared, make } from './handle.js';
import { type Area, type Entry, NOTHING } from './history.js';
import { landed } from './huge.js';
import type { Life, World } from './world.js';

/** The properties of a VMA that no userfaultfd watches. */
export const unarmed = ({ like }: Pick<Area, 'like'>): string[] => like.filter(flag => !flag.startsWith('uffd_'));

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  missing: ['uffd_missing'],
  minor: ['uffd_minor'],
  wp: ['uffd_wp'],
  rwp: ['uffd_rwp'],
  wp_async: ['uffd_async', 'uffd_wp'],
};

/** UFFDIO_REGISTER: a VMA that is watched so already is left alone; so is one that cannot be watched. */
export function* uffd_register(act: Act): Life {
  const { w, mm, writer, event } = act;
  const modes = event.raw.modes as string[];
  const wanted = [...new Set(modes.flatMap(mode => FLAGS[mode]))];
  const absent = (['wp', 'minor', 'wp_async', 'rwp'] as const).filter(
    mode => w.at[`userfaultfd_register.${mode}`] === 'absent',
  );
  if (absent.some(mode => FLAGS[mode].every(flag => wanted.includes(flag)))) return;
  // EINVAL: the two share a bit.
  if (wanted.includes('uffd_wp') && wanted.includes('uffd_rwp')) return;
  yield* act.enter(true);
  for (let vma = w.areaFrom(mm, event.page); vma !== null && vma.start < act.end; ) {
    const [from, to]: [number, number] = [Math.max(event.page, vma.start), Math.min(act.end, vma.end)];
    if (canWatch(w, vma, wanted) && !wanted.every(flag => vma?.like.includes(flag))) {
      yield* writer.modify(vma, from, to, { like: [...unarmed(vma), ...wanted].sort() });
    }
    vma = to < act.end ? w.areaFrom(mm, to) : null;
  }
  yield* act.hold(w.costs.op);
  act.leave();
}

/** vma_can_userfault(). */
function canWatch(w: World, { file }: Area, wanted: readonly string[]): boolean {
  const shmem = isShmem({ file }) || file === 'hugetlb';
  if (wanted.includes('uffd_minor') && !shmem) return false;
  if (wanted.includes('uffd_async') && wanted.length === 2) return true;
  if (wanted.includes('uffd_wp') && file !== null && w.at['userfaultfd_register.wp'] !== 'any') return false;
  return file === null || shmem;
}

/** UFFDIO_UNREGISTER: who sleeps there is woken, and what was write-protected is so no more. */
export function* uffd_unregister(act: Act): Life {
  const { w, mm, writer, event } = act;
  yield* act.enter(true);
  for (let vma = w.areaFrom(mm, event.page); vma !== null && vma.start < act.end; ) {
    const [from, to]: [number, number] = [Math.max(event.page, vma.start), Math.min(act.end, vma.end)];
    const like = unarmed(vma);
    if (like.length < vma.like.length) {
      for (const mode of ['wp', 'rwp'] as const) if (isArmed(vma, mode)) protect(act, vma, from, to, mode, false);
      yield* writer.modify(vma, from, to, { like });
    }
    vma = to < act.end ? w.areaFrom(mm, to) : null;
  }
  w.answer(mm, event.page, act.end, 'gone');
  yield* act.hold(w.costs.op);
  act.leave();
}

/** UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_CONTINUE. */
export function* uffd_fill(act: Act): Life {
  const { w, thread, mm, event } = act;
  const cost = Math.max(1, event.pages) * w.costs.uffd_page;
  if (w.at.uffd_mfill_lock === 'vma_read') {
    const vma: Area | null = yield* uffd_lock_vma(act, event.page);
    fill(act);
    yield* act.hold(cost);
    if (vma !== null) w.endRead(thread, mm, vma.id);
  } else {
    yield* act.enter(false);
    prepare(act, w.areaAt(mm, event.page));
    fill(act);
    yield* act.hold(cost);
    act.leave();
  }
  w.answer(mm, event.page, act.end, 'filled');
}

/** A private VMA needs an anon_vma, and mmap_lock for that. */
function* uffd_lock_vma(act: Act, page: number): Life<Area | null> {
  const { w, thread, mm } = act;
  const vma = act.readLock(page);
  if (vma !== null && (isShared(vma) || vma.anon !== 0)) return vma;
  if (vma !== null) w.endRead(thread, mm, vma.id);
  yield* act.enter(false);
  const found = w.areaAt(mm, page);
  prepare(act, found);
  if (found !== null) w.note(mm, thread, { what: 'inside', vma: found.id });
  yield* act.hold(w.costs.minor, false);
  act.leave();
  thread.since = w.now;
  return found;
}

function prepare({ w, thread, mm }: Act, vma: Area | null): void {
  if (vma !== null && !isShared(vma)) anon_vma_prepare(w, thread, mm, vma);
}

/** mfill_atomic_pte(): only where nothing is. A private mapping of shmem gets a page of its own, but for CONTINUE. */
function fill(act: Act): void {
  const { w, mm, thread, event } = act;
  const own: Entry['kind'] = event.op === 'uffd_zeropage' ? 'zero' : 'anon';
  for (let page = event.page; page < act.end; page++) {
    const vma = w.areaAt(mm, page);
    const { kind } = w.past.page(mm, page);
    if (vma === null || !['none', 'marker', 'guard', 'poison'].includes(kind)) continue;
    const cached = vma.file !== null && (isShared(vma) || event.op === 'uffd_continue');
    act.set(page, { kind: !cached ? own : isShared(vma) ? 'file' : 'file read-only', cow: false });
    make(w, mm, thread, vma, page);
  }
}

/** UFFDIO_MOVE: the destination is locked first; where the source cannot be locked at once, both are, under mmap_lock. */
export function* uffd_move(act: Act): Life {
  const { w, thread, mm, event } = act;
  const from = Number(event.raw.src) / 4096;
  const cost = Math.max(1, event.pages) * w.costs.uffd_page;
  if (w.at.uffd_move_lock === 'absent') return;
  if (w.at.uffd_move_lock === 'vma_read') {
    const locked: number[] = yield* uffd_move_lock(act, from);
    move(act, from);
    yield* act.hold(cost);
    for (const vma of locked) w.endRead(thread, mm, vma);
  } else {
    yield* act.enter(false);
    prepare(act, w.areaAt(mm, event.page));
    move(act, from);
    yield* act.hold(cost);
    act.leave();
  }
  w.answer(mm, event.page, act.end, 'filled');
}

function* uffd_move_lock(act: Act, from: number): Life<number[]> {
  const { w, thread, mm, event } = act;
  const dst: Area | null = yield* uffd_lock_vma(act, event.page);
  if (dst === null) return [];
  if (dst.start <= from && from < dst.end) return [dst.id];
  const src = act.readLock(from);
  if (src !== null) return [dst.id, src.id];
  w.endRead(thread, mm, dst.id);
  yield* act.enter(false);
  const both = [w.areaAt(mm, event.page), w.areaAt(mm, from)].flatMap(area => area?.id ?? []);
  const locked = [...new Set(both)];
  for (const vma of locked) w.note(mm, thread, { what: 'inside', vma });
  yield* act.hold(w.costs.minor, false);
  act.leave();
  thread.since = w.now;
  return locked;
}

function move(act: Act, from: number): void {
  const { w, mm, event } = act;
  const pages = w.pagesIn(mm, act.thread, from, from + event.pages);
  const entries = pages.map(
    page => [page - from + event.page, landed(w.past.page(mm, page), event.page - from)] as const,
  );
  for (const page of pages) act.set(page, NOTHING);
  for (const page of w.pagesIn(mm, act.thread, event.page, act.end)) act.set(page, NOTHING);
  for (const [page, entry] of entries) act.set(page, entry);
}

/** UFFDIO_WRITEPROTECT, UFFDIO_RWPROTECT: a trace does not say which way; where faults sleep on the range it is taken for their answer. */
export function* uffd_protect(act: Act): Life {
  const { w, mm, event } = act;
  const mode = event.op === 'uffd_rwp' ? 'rwp' : 'wp';
  if (mode === 'rwp' && w.at['userfaultfd_register.rwp'] === 'absent') return;
  yield* act.enter(false);
  const resolves = w.awaiting.some(
    ({ awaits }) => awaits?.mm === mm && awaits.page >= event.page && awaits.page < act.end,
  );
  for (const vma of w.past.areas(mm)) {
    if (isArmed(vma, mode))
      protect(act, vma, Math.max(event.page, vma.start), Math.min(act.end, vma.end), mode, !resolves);
  }
  yield* act.hold(w.costs.op);
  act.leave();
  if (resolves) w.answer(mm, event.page, act.end, 'filled');
}

/** uffd_wp_range(): an empty entry of a file gets a marker, or loses it. */
function protect(act: Act, vma: Area, start: number, end: number, mode: 'wp' | 'rwp', on: boolean): void {
  const { w, mm } = act;
  w.split(mm, act.thread, start, end);
  for (let page = start; page < end; page++) {
    // A PMD has no place for the bit of a file's page.
    if (on && mode === 'wp' && vma.file !== null && w.past.page(mm, page).huge) w.splitAround(mm, act.thread, page);
    const met = w.past.page(mm, page);
    const marks = on && mode === 'wp' && vma.file !== null && w.at['handle_pte_marker.uffd_wp'] !== 'absent';
    if (met.kind === 'none' && marks) act.set(page, { kind: 'marker', cow: false });
    else if (met.kind === 'marker' && !on) act.set(page, NOTHING);
    else if (!['none', 'marker', 'guard', 'poison', 'hwpoison'].includes(met.kind))
      act.set(page, { ...met, [mode]: on });
  }
}
