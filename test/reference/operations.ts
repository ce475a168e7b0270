/** The operations of a trace, as Linux has them: which locks, in which order, for how long. */
import { ADVICES } from '../../src/vocab.js';
import { type Act, described, isAccountable } from './act.js';
import { isWatched, offsetOf } from './handle.js';
import { brk } from './heap.js';
import { type Area, NOTHING } from './history.js';
import { gup, mlock, mlockall, mm_populate, munlock, munlockall } from './populate.js';
import { exec, exit, fork } from './process.js';
import { uffd_fill, uffd_move, uffd_register, uffd_unregister, uffd_wp, unarmed } from './userfault.js';
import type { Life } from './world.js';

/** Null where it takes no time. */
type Operation = (act: Act) => Life | null;

function* mmap(act: Act): Life {
  const { w, mm, event } = act;
  yield* act.enter(true);
  const area = described(w, event);
  const flags = event.raw.flags as string[];
  const locked = flags.includes('locked') || w.past.willLock(mm);
  const vma = locked ? { ...area, like: [...area.like, 'locked'].sort() } : area;
  const populates = locked || flags.includes('populate');
  let gathered = yield* act.writer.gather(vma.start, vma.end);
  let cost = w.costs.op;
  if (gathered.length > 0) {
    if (w.at['mmap_region.fixed'] === 'munmap_then_insert') {
      for (const area of gathered) act.writer.gone(area);
      gathered = [];
    }
    const half = Math.floor(cost / 2);
    const zap = act.pagesTouched(vma.start, vma.end) * w.costs.zap_page;
    act.writer.zap(vma.start, vma.end);
    yield* act.hold(half + zap, !populates, 0.5);
    cost -= half;
  }
  yield* act.writer.insert(vma, gathered, w.at['mmap_region.start_write']);
  yield* act.hold(cost, !populates);
  act.leave();
  if (populates) yield* mm_populate(act, vma.start, vma.end);
}

function* munmap(act: Act): Life {
  yield* act.enter(true);
  yield* act.unmapAndLeave(act.event.page, act.end);
}

function* shmdt(act: Act): Life {
  yield* act.enter(true);
  yield* act.unmapAndLeave(act.event.page, act.end, false);
}

function* mprotect(act: Act): Life {
  const { w, event, mm } = act;
  const prot = event.raw.prot as string;
  yield* act.enter(true);
  for (let at = event.page; at < act.end; ) {
    const vma = w.areaAt(mm, at);
    if (vma === null) break;
    const upTo = Math.min(act.end, vma.end);
    if (vma.prot !== prot) {
      const others = vma.like.filter(flag => flag !== 'account');
      const counted = vma.like.includes('account');
      const forgets = w.at['mprotect_fixup.account'] === 'goes' && vma.file === null && vma.anon === 0;
      const account = isAccountable(prot, vma.like) || (counted && !(forgets && !prot.includes('w')));
      yield* act.writer.modify(vma, at, upTo, { prot, like: account ? [...others, 'account'].sort() : others });
    }
    at = upTo;
  }
  yield* act.hold(w.costs.op);
  act.leave();
}

/** Advice that is kept in a VMA's flags: what it adds and what it takes away. */
const KEPT: Readonly<Record<string, [string[], string[]]>> = {
  nohugepage: [['nohugepage'], []],
  dontfork: [['dontfork'], []],
  dofork: [[], ['dontfork']],
  wipeonfork: [['wipeonfork'], []],
  random: [['random'], ['sequential']],
  sequential: [['sequential'], ['random']],
  normal: [[], ['random', 'sequential']],
  mergeable: [['mergeable'], []],
};

function* madvise(act: Act): Life {
  const { w, event, mm, thread } = act;
  const advice = event.raw.advice as string;
  if (KEPT[advice]) {
    const [adds, takes] = KEPT[advice];
    yield* act.enter(true);
    for (let at = event.page; ; ) {
      const vma = w.areaFrom(mm, at);
      if (vma === null || at >= act.end || vma.start >= act.end) break;
      const from = Math.max(at, vma.start);
      at = Math.min(act.end, vma.end);
      const like = [...new Set([...vma.like, ...adds])].filter(flag => !takes.includes(flag)).sort();
      if (like.join() !== vma.like.join()) yield* act.writer.modify(vma, from, at, { like });
    }
    yield* act.hold(w.costs.op);
    act.leave();
    return;
  }
  if (advice === 'dontneed' || advice === 'free') {
    const cost = w.costs.op + act.pagesTouched() * w.costs.zap_page;
    const vma = w.at['madvise_lock.dontneed'] === 'vma_read' ? act.readLock(event.page) : null;
    if (vma !== null && (vma.end < act.end || isWatched(vma))) {
      w.endRead(thread, mm, vma.id);
    } else if (vma !== null) {
      if (advice === 'dontneed') clear(act);
      yield* act.hold(cost);
      w.endRead(thread, mm, vma.id);
      return;
    }
    yield* act.enter(false);
    if (advice === 'dontneed') clear(act);
    yield* act.hold(cost);
    act.leave();
    return;
  }
  const sections = advice === 'willneed' && readsFile(act) ? 2 : 1;
  for (let section = 1; section <= sections; section++) {
    yield* act.enter(false);
    const touched = advice === 'pageout' ? pageOut(act) : 0;
    yield* act.hold(w.costs.op + touched * w.costs.populate_page, section === sections);
    act.leave();
  }
}

/** MADV_WILLNEED reads a file ahead without mmap_lock, but not shmem and not what has no vm_ops. */
function readsFile({ w, mm, event }: Act): boolean {
  const vma = w.areaAt(mm, event.page);
  return vma !== null && (vma.file === 'ext4' || vma.file === 'vfio');
}

function clear(act: Act): void {
  for (const page of act.w.past.pages(act.mm, act.event.page, act.end)) act.set(page, NOTHING);
}

/** Anonymous pages go to swap, pages of files are dropped; returns how many were dropped. */
function pageOut(act: Act): number {
  const { w, mm, thread, event } = act;
  for (const vma of w.past.areas(mm).filter(({ file }) => file === 'shmem')) {
    for (let page = Math.max(event.page, vma.start); page < Math.min(act.end, vma.end); page++) {
      w.note(mm, thread, { what: 'dropped', offset: offsetOf(vma, page) });
    }
  }
  let dropped = 0;
  for (const page of act.w.past.pages(act.mm, act.event.page, act.end)) {
    const { kind, cow } = act.w.past.page(act.mm, page);
    if (kind === 'anon' || kind === 'anon read-only') act.set(page, { kind: 'swap', cow });
    else if (kind === 'file' || kind === 'file read-only') {
      act.set(page, NOTHING);
      dropped++;
    }
  }
  return dropped;
}

function* mremap(act: Act): Life {
  const { w, mm, event } = act;
  const to = Number(event.raw.new_addr) / 4096;
  const newPages = Number(event.raw.new_len) / 4096;
  const { page: from, pages } = event;
  yield* act.enter(true);
  const vma = w.areaAt(mm, from);
  if (vma !== null && to === from && newPages < pages) {
    yield* act.unmapAndLeave(from + newPages, from + pages);
    return;
  }
  if (vma !== null && to === from && newPages > pages) yield* grow(act, vma, newPages - pages);
  if (vma !== null && to !== from && !(from + pages > to && to + newPages > from)) {
    if (w.at.remap_move === 'one' || pages !== newPages) yield* moveOne(act, from, pages, to, newPages);
    else {
      for (let at = from; at < act.end; ) {
        const area = w.areaFrom(mm, at);
        if (area === null || area.start >= act.end) break;
        const start = Math.max(at, area.start);
        at = Math.min(act.end, area.end);
        yield* moveOne(act, start, at - start, to + (start - from), at - start);
      }
    }
  }
  const populates = vma?.like.includes('locked') && newPages > pages;
  yield* act.hold(w.costs.op, !populates);
  act.leave();
  if (populates) yield* mm_populate(act, to + pages, to + newPages);
}

/** In place, where nothing is behind it. */
function* grow(act: Act, vma: Area, more: number): Life {
  const { w, mm, writer } = act;
  const next = w.areaFrom(mm, vma.end);
  if (vma.end !== act.end || (next !== null && next.start < act.end + more)) return;
  const range = { ...vma, start: vma.end, end: vma.end + more, pgoff: vma.pgoff + (vma.end - vma.start) };
  if (yield* writer.merge(range, null, null)) return;
  yield* writer.mark(vma);
  writer.put({ ...writer.now(vma), end: vma.end + more });
}

/** Moves what lies at `from`: what is at the new place goes, the VMA is copied, its pages move, the old place goes. */
function* moveOne(act: Act, from: number, pages: number, to: number, newPages: number): Life {
  const { w, mm, writer } = act;
  yield* writer.unmap(to, to + newPages);
  writer.zap(to, to + newPages);
  if (newPages < pages) {
    yield* writer.unmap(from + newPages, from + pages);
    writer.zap(from + newPages, from + pages);
  }
  const source = w.areaAt(mm, from);
  if (source === null) return;
  const moved = Math.min(pages, newPages, source.end - from);
  yield* writer.mark(source);
  const untouched = source.file === null && source.anon === 0;
  const pgoff = untouched ? to : source.pgoff + (from - source.start);
  const copy = { ...source, id: w.newId(), start: to, end: to + newPages, pgoff };
  if (!(yield* writer.merge(copy, null, source))) {
    yield* writer.mark(copy);
    writer.put(copy);
  }
  // mremap_userfaultfd_prep(): no userfaultfd goes along.
  const target = w.areaAt(mm, to)!;
  if (isWatched(target)) writer.put({ ...target, like: unarmed(target) });
  for (const page of w.past.pages(mm, from, from + moved)) {
    const entry = w.past.page(mm, page);
    act.set(page, NOTHING);
    act.set(to + (page - from), entry);
  }
  yield* writer.unmap(from, from + Math.min(pages, newPages));
  writer.zap(from, from + Math.min(pages, newPages));
}

function* read_maps(act: Act): Life {
  const { w, thread, mm, event } = act;
  const kind = event.raw.kind as string;
  const sites = { maps: w.at.proc_maps, procmap_query: w.at.procmap_query, smaps: w.at.proc_smaps } as const;
  const answer = kind in sites ? sites[kind as keyof typeof sites] : 'mmap_read';
  if (answer === 'absent') return;
  const cost = kind === 'smaps' || kind === 'pagemap' ? w.costs.smaps_vma : w.costs.maps_vma;
  if (answer === 'mmap_read') {
    yield* act.enter(false);
    yield* act.hold(cost * (kind === 'procmap_query' ? 1 : w.past.areas(mm).length));
    act.leave();
    return;
  }
  for (let vma: Area | null = w.past.areas(mm)[0] ?? null; vma !== null; ) {
    const upTo: number = vma.end;
    let locked = act.readLock(vma.start);
    if (locked === null) {
      yield* act.enter(false);
      locked = w.areaFrom(mm, vma.start);
      if (locked !== null) w.note(mm, thread, { what: 'inside', vma: locked.id });
      act.leave();
      if (locked === null) return;
    }
    yield* w.sleep(thread, cost);
    w.endRead(thread, mm, locked.id);
    vma = kind === 'procmap_query' ? null : w.areaFrom(mm, upTo);
  }
}

/** A mapping that was there before the trace; told while somebody writes, it is not believed. */
function vma(act: Act): null {
  const { w, mm, event, writer } = act;
  if (w.past.mmapLock(mm).writer >= 0) return null;
  const anon = event.raw.anon_vma === true ? w.newId() : 0;
  const area = described(w, event);
  const wasWritten =
    anon !== 0 && !area.like.some(flag => ['shared', 'hugetlb', 'noreserve', 'account'].includes(flag));
  const like = wasWritten ? [...area.like, 'account'].sort() : area.like;
  writer.put({ ...area, like, anon, chain: anon === 0 ? 0 : 1 });
  if (event.raw.name === '[heap]') {
    for (const page of [event.page, act.end]) w.note(mm, act.thread, { what: 'break', page });
  }
  return null;
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  vma,
  mmap,
  munmap,
  shmdt,
  mprotect,
  madvise,
  mremap,
  brk,
  fork,
  exec,
  exit,
  read_maps,
  gup,
  mlock,
  munlock,
  mlockall,
  munlockall,
  uffd_register,
  uffd_unregister,
  uffd_copy: uffd_fill,
  uffd_zeropage: uffd_fill,
  uffd_continue: uffd_fill,
  uffd_move,
  uffd_wp,
};

/** Advice the reference knows: what is kept in flags, and some that is about pages. */
export const KNOWN_ADVICE = ADVICES.filter(
  advice => advice in KEPT || ['dontneed', 'free', 'willneed', 'cold', 'pageout'].includes(advice),
);
