/** The operations of a trace, as Linux has them: which locks, in which order, for how long. */
import { type Act, described, isAccountable } from './act.js';
import { isSealed } from './areas.js';
import { collapse } from './collapse.js';
import { isWatched } from './handle.js';
import { brk } from './heap.js';
import { type Area, NOTHING } from './history.js';
import { landed } from './huge.js';
import { madvise, prctl_set_vma } from './madvise.js';
import { clear_refs, migrate, mmu_notifier_register, numa_scan, other } from './others.js';
import { mbind, mseal, remap_file_pages } from './policy.js';
import { gup, mayLock, mlock, mlockall, mm_populate, munlock, munlockall, populate } from './populate.js';
import { exec, exit, fork } from './process.js';
import { reclaim } from './reclaim.js';
import { uffd_fill, uffd_move, uffd_protect, uffd_register, uffd_unregister, unarmed } from './userfault.js';
import type { Life } from './world.js';

/** Null where it takes no time. */
type Operation = (act: Act) => Life | null;

function* mmap(act: Act): Life {
  const { w, mm, event } = act;
  yield* act.enter(true);
  const area = described(w, event);
  const flags = event.raw.flags as string[];
  const locks = [...new Set([...w.past.willLock(mm), ...(flags.includes('locked') ? ['locked'] : [])])];
  const vma = mayLock(area) ? { ...area, like: [...area.like, ...locks].sort() } : area;
  const populates = locks.length > 0 || flags.includes('populate');
  yield* act.map(vma, w.costs.op, !populates);
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
  let work = w.costs.op;
  yield* act.enter(true);
  for (let at = event.page; at < act.end; ) {
    const vma = w.areaAt(mm, at);
    if (vma === null || isSealed(vma)) break;
    const upTo = Math.min(act.end, vma.end);
    if (vma.prot !== prot) {
      const others = vma.like.filter(flag => flag !== 'account');
      const counted = vma.like.includes('account');
      const forgets = w.at['mprotect_fixup.account'] === 'goes' && vma.file === null && vma.anon === 0;
      const account = isAccountable(prot, vma.like) || (counted && !(forgets && !prot.includes('w')));
      yield* act.writer.modify(vma, at, upTo, { prot, like: account ? [...others, 'account'].sort() : others });
      // Private memory that is locked is to be written to without a fault.
      const locked = vma.like.includes('locked') && !vma.like.includes('shared') && !vma.prot.includes('w');
      if (locked && prot.includes('w')) work += populate(act, at, upTo);
    }
    at = upTo;
  }
  yield* act.hold(work);
  act.leave();
}

function* mremap(act: Act): Life {
  const { w, mm, event } = act;
  const to = Number(event.raw.new_addr) / 4096;
  const newPages = Number(event.raw.new_len) / 4096;
  const { page: from, pages } = event;
  const stays = (event.raw.flags as string[] | undefined)?.includes('dontunmap') ?? false;
  yield* act.enter(true);
  const vma = w.areaAt(mm, from);
  const may = vma !== null && !isSealed(vma);
  if (may && to === from && newPages < pages) {
    yield* act.unmapAndLeave(from + newPages, from + pages);
    return;
  }
  if (may && to === from && newPages > pages) yield* grow(act, vma, newPages - pages);
  if (may && to !== from && !(from + pages > to && to + newPages > from)) {
    if (w.at.remap_move === 'one' || pages !== newPages) yield* moveOne(act, from, pages, to, newPages, stays);
    else {
      for (let at = from; at < act.end; ) {
        const area = w.areaFrom(mm, at);
        if (area === null || area.start >= act.end || isSealed(area)) break;
        const start = Math.max(at, area.start);
        at = Math.min(act.end, area.end);
        yield* moveOne(act, start, at - start, to + (start - from), at - start, stays);
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
function* moveOne(act: Act, from: number, pages: number, to: number, newPages: number, stays: boolean): Life {
  const { w, mm, writer } = act;
  if ((yield* writer.unmap(to, to + newPages)) === null) return;
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
  const entries = w.pagesIn(mm, act.thread, from, from + moved).map(page => [page, w.past.page(mm, page)] as const);
  for (const [page] of entries) act.set(page, NOTHING);
  w.split(mm, act.thread, to, to + moved);
  for (const [page, entry] of entries) act.set(to + (page - from), landed(entry, to - from));
  if (stays) {
    // dontunmap_complete(): nothing is left of it but the VMA.
    const left = writer.now(source);
    const whole = left.start === from && left.end === from + pages;
    const like = left.like.filter(flag => flag !== 'locked' && flag !== 'onfault');
    writer.put({ ...left, like, ...(whole && { anon: 0, chain: 0 }) });
    return;
  }
  yield* writer.unmap(from, from + Math.min(pages, newPages));
  writer.zap(from, from + Math.min(pages, newPages));
}

function* read_maps(act: Act): Life {
  const { w, thread, mm, event } = act;
  const kind = event.raw.kind as string;
  const sites = {
    maps: w.at.proc_maps,
    procmap_query: w.at.procmap_query,
    smaps: w.at.proc_smaps,
    numa_maps: w.at.proc_smaps,
  } as const;
  const answer = kind in sites ? sites[kind as keyof typeof sites] : 'mmap_read';
  if (answer === 'absent') return;
  const cost =
    kind === 'smaps' || kind === 'pagemap' || kind === 'numa_maps' || kind === 'smaps_rollup'
      ? w.costs.smaps_vma
      : w.costs.maps_vma;
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

/** Calls that look at their length before they take any lock, and do nothing for 0. */
const LOOK_FIRST = [
  ...['mprotect', 'pkey_mprotect', 'madvise', 'mbind', 'mseal', 'remap_file_pages', 'uffd_register', 'uffd_unregister'],
  ...['uffd_copy', 'uffd_zeropage', 'uffd_continue', 'uffd_move', 'uffd_wp', 'uffd_rwp'],
];

export function operate(act: Act): Life | null {
  const { op, pages } = act.event;
  return pages === 0 && LOOK_FIRST.includes(op) ? other(act) : OPERATIONS[op](act);
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
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
  uffd_wp: uffd_protect,
  uffd_rwp: uffd_protect,
  pkey_mprotect: mprotect,
  prctl_set_vma,
  mbind,
  mseal,
  remap_file_pages,
  reclaim,
  migrate,
  numa_scan,
  clear_refs,
  mmu_notifier_register,
  thread: () => null,
  other,
  collapse,
};
