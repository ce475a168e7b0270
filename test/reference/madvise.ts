/** madvise(2) and PR_SET_VMA_ANON_NAME: mm/madvise.c. */
import type { Act } from './act.js';
import { madvise_collapse } from './collapse.js';
import { isOnDisk } from './files.js';
import { anon_vma_prepare, isWatched, readAhead } from './handle.js';
import { type Area, NOTHING } from './history.js';
import { faultIn, isClosed } from './populate.js';
import { leftBehind, pageOut, punch } from './reclaim.js';
import type { Life, World } from './world.js';

/** Advice that is kept in a VMA's flags: what it adds and what it takes away. */
const KEPT: Readonly<Record<string, [string[], string[]]>> = {
  hugepage: [['hugepage'], ['nohugepage']],
  nohugepage: [['nohugepage'], ['hugepage']],
  dontfork: [['dontfork'], []],
  dofork: [[], ['dontfork']],
  wipeonfork: [['wipeonfork'], []],
  keeponfork: [[], ['wipeonfork']],
  dontdump: [['dontdump'], []],
  dodump: [[], ['dontdump']],
  random: [['random'], ['sequential']],
  sequential: [['sequential'], ['random']],
  normal: [[], ['random', 'sequential']],
  mergeable: [['mergeable'], []],
  unmergeable: [[], ['mergeable']],
};

export function* madvise(act: Act): Life {
  const { w } = act;
  const advice = act.event.raw.advice as string;
  switch (advice) {
    case 'dontneed':
    case 'dontneed_locked':
    case 'free':
      yield* underOneLock(act, w.at['madvise_lock.dontneed'], vma => !isWatched(vma), zap);
      break;
    case 'guard_install':
    case 'guard_remove':
      if (w.at['madvise_lock.guard'] === 'absent') return;
      yield* underOneLock(act, w.at['madvise_lock.guard'], vma => mayGuard(w, vma, advice), guard);
      break;
    case 'collapse':
      if (w.at.madvise_collapse === 'present') yield* madvise_collapse(act);
      return;
    case 'hwpoison':
    case 'soft_offline':
      return;
    default:
      yield* advice in KEPT ? keep(act) : look(act);
  }
}

function* keep(act: Act): Life {
  const [adds, takes] = KEPT[act.event.raw.advice as string];
  yield* act.enter(true);
  yield* act.change(({ like }) => {
    // Only private memory is merged; asked for any other, the call succeeds.
    if (adds.includes('mergeable') && like.some(flag => ['shared', 'hugetlb', 'pfnmap'].includes(flag))) return like;
    return [...new Set([...like, ...adds])].filter(flag => !takes.includes(flag)).sort();
  });
  yield* act.hold(act.w.costs.op);
  act.leave();
}

/** An anonymous VMA has a name as long as it lives. */
export function* prctl_set_vma(act: Act): Life {
  const { w, event } = act;
  const name = event.raw.name as string | undefined;
  yield* act.enter(true);
  yield* act.change(({ file, like }) => {
    const others = like.filter(flag => !flag.startsWith('name '));
    return file === null && name !== undefined ? [...others, `name ${name}`].sort() : others;
  });
  yield* act.hold(w.costs.op);
  act.leave();
}

/** The lock of the VMA where the range lies in one that `may` do with it, else mmap_lock for reading. */
function* underOneLock(
  act: Act,
  answer: 'mmap_read' | 'vma_read',
  may: (vma: Area) => boolean,
  work: (act: Act) => number,
): Life {
  const { w, thread, mm, event } = act;
  const vma = answer === 'vma_read' ? act.readLock(event.page) : null;
  const sufficient = vma !== null && vma.end >= act.end && may(vma);
  if (vma !== null && !sufficient) w.endRead(thread, mm, vma.id);
  if (!sufficient) yield* act.enter(false);
  yield* act.hold(work(act));
  if (sufficient) w.endRead(thread, mm, vma.id);
  else act.leave();
}

function zap(act: Act): number {
  const { w, event } = act;
  const cost = w.costs.op + act.pagesTouched() * w.costs.zap_page;
  if (event.raw.advice !== 'free') clear(act);
  return cost;
}

/** What is to have guards, and is copied by fork for its anon_vma only, needs one first. */
const prepares = (w: World, { file }: Pick<Area, 'file'>) =>
  file === null || w.at['vma_needs_copy.guard'] === 'anon_vma';
const mayGuard = (w: World, vma: Area, advice: string) =>
  !isWatched(vma) && (advice === 'guard_remove' || vma.anon !== 0 || !prepares(w, vma));

/** The end of what may have guards: the call fails at the first VMA that may not. */
function guardable({ w, mm, event, end }: Act): number {
  const never = ['hugetlb', 'pfnmap', ...(event.raw.advice === 'guard_install' ? ['locked'] : [])];
  const [first] = w.past
    .areas(mm)
    .filter(vma => vma.end > event.page && vma.start < end)
    .filter(
      ({ file, like }) =>
        like.some(flag => never.includes(flag)) || (file !== null && w.at.is_valid_guard_vma === 'anonymous'),
    );
  return first === undefined ? end : Math.max(event.page, first.start);
}

/** A marker in each place, whatever was there, or no marker; of a file no anon_vma is made where the VMA's lock will do. */
function guard(act: Act): number {
  const { w, mm, thread, event } = act;
  const installs = event.raw.advice === 'guard_install';
  const until = guardable(act);
  const cost = w.costs.op + act.pagesTouched(event.page, until) * w.costs.zap_page;
  w.split(mm, thread, event.page, until);
  for (const { id, start, end, file } of w.past.areas(mm)) {
    const [from, to] = [Math.max(start, event.page), Math.min(end, until)];
    if (from >= to) continue;
    if (installs && prepares(w, { file })) anon_vma_prepare(w, thread, mm, w.past.area(mm, id));
    if (installs && w.at['vma_needs_copy.guard'] === 'vm_maybe_guard')
      act.writer.put({ ...w.past.area(mm, id), guarded: true });
    for (let page = from; page < to; page++) {
      if (installs) act.set(page, { kind: 'guard', cow: false });
      else if (w.past.page(mm, page).kind === 'guard') act.set(page, NOTHING);
    }
  }
  return cost;
}

/** What only looks at pages: one read section, or another after work for which the lock is dropped. */
function* look(act: Act): Life {
  const { w, event } = act;
  const advice = event.raw.advice as string;
  const drops = advice === 'remove' || (advice === 'willneed' && readsFile(act));
  for (let section = drops ? 0 : 1; section <= 1; section++) {
    yield* act.enter(false);
    yield* act.hold(w.costs.op + (drops ? 0 : touch(act)), section === 1);
    act.leave();
    if (section === 0) touch(act);
  }
}

/** Does what `look` looks for; what it takes beside the call. */
function touch(act: Act): number {
  const { w, event } = act;
  switch (event.raw.advice) {
    case 'pageout':
      return pageOut(act) * w.costs.populate_page;
    case 'populate_read':
    case 'populate_write':
      return faultIn(act, event.page, populatable(act), () => event.raw.advice === 'populate_write');
    case 'willneed':
      for (const vma of w.past.areas(act.mm).filter(isOnDisk)) {
        readAhead(w, act.mm, act.thread, vma, Math.max(event.page, vma.start), Math.min(act.end, vma.end));
      }
      return 0;
    case 'remove':
      clear(act, removable(act));
      punch(act, removable(act));
  }
  return 0;
}

/** It goes on as long as there is memory that allows the access. */
function populatable({ w, mm, event, end }: Act): number {
  const access = event.raw.advice === 'populate_write' ? 'w' : 'r';
  let page = event.page;
  for (let vma = w.areaAt(mm, page); page < end && vma !== null; vma = w.areaAt(mm, ++page)) {
    if (!vma.prot.includes(access) || isClosed(vma)) break;
  }
  return page;
}

/** The end of what MADV_REMOVE takes: it fails at private and at locked memory. */
function removable({ w, mm, event, end }: Act): number {
  const refuses = ({ like }: Area) => !like.includes('shared') || like.includes('locked');
  const [first] = w.past
    .areas(mm)
    .filter(vma => refuses(vma) && vma.end > event.page && vma.start < end)
    .sort((a, b) => a.start - b.start);
  return first === undefined ? end : Math.max(event.page, first.start);
}

/** MADV_WILLNEED reads a file ahead without mmap_lock, but not shmem and not what has no vm_ops. */
function readsFile({ w, mm, event }: Act): boolean {
  const vma = w.areaAt(mm, event.page);
  return vma !== null && ['ext4', 'squashfs', 'vfio', 'secretmem'].includes(vma.file ?? '');
}

/** Guards stay, and what says that a file is write-protected. */
function clear(act: Act, end = act.end): void {
  const { w, mm, thread, event } = act;
  for (const page of w.pagesIn(mm, thread, event.page, end)) {
    const vma = w.areaAt(mm, page);
    const met = w.past.page(mm, page);
    if (vma === null || met.kind === 'guard' || (met.kind === 'marker' && vma.file !== null)) continue;
    act.set(page, leftBehind(vma, met));
  }
}
