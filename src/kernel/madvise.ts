/**
 * madvise(2): which lock each advice takes and what it does to pages.
 *
 * Models: mm/madvise.c madvise_lock, get_lock_mode, try_vma_read_lock, madvise_vma_behavior (v6.4 to v6.18); mm/khugepaged.c
 * madvise_collapse, collapse_huge_page (v6.18).
 */
import type { Page } from '../units.js';
import { ADVICE, FLAG_ADVICES, type FlagAdvice, VM_OPS } from '../vocab.js';
import { collapseOne } from './collapse.js';
import type { Kernel } from './kernel.js';
import { modifyRange } from './mlock.js';
import type { Mm } from './mm.js';
import { anon_vma_prepare } from './outcome.js';
import { PMD_PAGES, PTE_KIND_MASK, PTE_MARKER_GUARD, PTE_MARKER_UFFD_WP, PTE_NONE } from './page-table.js';
import { faultIn } from './populate.js';
import { madvise_pageout } from './reclaim.js';
import { leftBehind, unmap_mapping_range } from './rmap.js';
import { enter, hold, leave, type Operation, READ, tryEnter, WRITE, WRITE_KILLABLE } from './section.js';
import type { Task } from './task.js';
import {
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MAYBE_GUARD,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WIPEONFORK,
  VM_WRITE,
  type Vma,
  vma_is_anonymous,
} from './vma.js';
import { tryReadVma, unlockVma } from './vma-section.js';

interface FlagChange {
  readonly set: number;
  readonly clear: number;
}

/** Advice that changes vm_flags: what it sets and what it clears. */
const FLAG_CHANGES: Readonly<Record<FlagAdvice, FlagChange>> = {
  hugepage: { set: VM_HUGEPAGE, clear: VM_NOHUGEPAGE },
  nohugepage: { set: VM_NOHUGEPAGE, clear: VM_HUGEPAGE },
  dontfork: { set: VM_DONTCOPY, clear: 0 },
  dofork: { set: 0, clear: VM_DONTCOPY },
  wipeonfork: { set: VM_WIPEONFORK, clear: 0 },
  keeponfork: { set: 0, clear: VM_WIPEONFORK },
  dontdump: { set: VM_DONTDUMP, clear: 0 },
  dodump: { set: 0, clear: VM_DONTDUMP },
  normal: { set: 0, clear: VM_RAND_READ | VM_SEQ_READ },
  random: { set: VM_RAND_READ, clear: VM_SEQ_READ },
  sequential: { set: VM_SEQ_READ, clear: VM_RAND_READ },
  mergeable: { set: VM_MERGEABLE, clear: 0 },
  unmergeable: { set: 0, clear: VM_MERGEABLE },
};
const FLAG_ADVICE: ReadonlyMap<number, FlagChange> = new Map(
  FLAG_ADVICES.map(name => [ADVICE[name], FLAG_CHANGES[name]]),
);

/** File systems whose pages are swapped. */
const SHMEM: ReadonlySet<string> = new Set(['tmpfs', 'shmem', 'sysv_shm']);

/** Null where that kernel takes no lock for the advice, or does not know it. */
export function madvise(k: Kernel, task: Task): Operation | null {
  const flags = FLAG_ADVICE.get(task.code);
  if (flags) return changeFlags(k, task, flags.set, flags.clear);
  switch (task.code) {
    case ADVICE.dontneed:
    case ADVICE.dontneed_locked:
    case ADVICE.free:
      return zap(k, task, k.at['madvise_lock.dontneed'] === 'vma_read');
    case ADVICE.guard_install:
    case ADVICE.guard_remove:
      if (k.at['madvise_lock.guard'] === 'absent') return null;
      return zap(k, task, k.at['madvise_lock.guard'] === 'vma_read');
    case ADVICE.collapse:
      return k.at.madvise_collapse === 'absent' ? null : madvise_collapse(k, task);
    case ADVICE.hwpoison:
    case ADVICE.soft_offline:
      return null;
    case ADVICE.remove:
      return aroundFile(k, task);
    case ADVICE.willneed:
      return readsAhead(k, task) ? aroundFile(k, task) : underReadLock(k, task);
    case ADVICE.populate_read:
      return madvise_populate(k, task, 'none');
    case ADVICE.populate_write:
      return madvise_populate(k, task, 'all');
    default:
      return underReadLock(k, task);
  }
}

/** madvise_update_vma(): a VMA that has the flags already is left alone. */
function* changeFlags(k: Kernel, task: Task, set: number, clear: number): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  yield* modifyRange(k, task, vma => {
    const flags = (vma.vm_flags | set) & ~clear;
    const ignored = set === VM_MERGEABLE && !vma_ksm_compatible(vma);
    return ignored || flags === vma.vm_flags ? null : { flags };
  });
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** MADV_MERGEABLE of anything else succeeds and does nothing. */
const vma_ksm_compatible = ({ vm_flags, vm_ops }: Vma) =>
  !(vm_flags & (VM_SHARED | VM_SPECIAL)) && !(vm_ops & VM_OPS.dax);

/** prctl(2) PR_SET_VMA_ANON_NAME: anonymous VMAs get a name, none where the event says none. */
export function* prctl_set_vma(k: Kernel, task: Task): Operation {
  const { mm, name } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  yield* modifyRange(k, task, vma =>
    vma.name === name || !vma_is_anonymous(vma) ? null : { flags: vma.vm_flags, name },
  );
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** Advice that only touches pages: under the lock of the one VMA where the stage can, else under mmap_lock for read. */
function* zap(k: Kernel, task: Task, underVmaLock: boolean): Operation {
  const { mm } = task;
  const end = task.page + task.len;
  const vma = underVmaLock ? try_vma_read_lock(k, task, end) : null;
  if (vma === null) {
    if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
    if (task.code === ADVICE.guard_install) prepareGuards(k, task, mm, guardable(k, task, mm, end));
  }
  const until = GUARDS.has(task.code) ? guardable(k, task, mm, end) : end;
  const cost = k.costs.op + mm.page_table.countRange(task.page, until) * k.costs.zap_page;
  apply(k, task, mm, until);
  if (!hold(k, task, cost)) yield;
  if (vma !== null) unlockVma(k, task, mm, vma);
  else leave(k, task, mm, READ);
}

const GUARDS: ReadonlySet<number> = new Set([ADVICE.guard_install, ADVICE.guard_remove]);

/** is_valid_guard_vma(): the end of what may have guards: EINVAL at the first VMA that may not. */
function guardable(k: Kernel, task: Task, { mm_mt }: Mm, end: Page): Page {
  const disallowed = VM_SPECIAL | (task.code === ADVICE.guard_install ? VM_LOCKED : 0);
  for (const [vma, from] of mm_mt.parts(task.page, end)) {
    const refused = k.at.is_valid_guard_vma === 'anonymous' && !vma_is_anonymous(vma);
    if (refused || vma.vm_flags & disallowed) return from;
  }
  return end;
}

/** madvise_guard_install(): fork copies the page tables of what has an anon_vma; the first version gave one to files too. */
function prepareGuards(k: Kernel, task: Task, mm: Mm, end: Page): void {
  for (let vma = mm.mm_mt.find(task.page); vma !== null && vma.vm_start < end; vma = mm.mm_mt.next(vma)) {
    if (needsAnonVma(k, vma)) anon_vma_prepare(mm, vma);
  }
}

const needsAnonVma = (k: Kernel, vma: Vma) => k.at['vma_needs_copy.guard'] === 'anon_vma' || vma_is_anonymous(vma);

/**
 * try_vma_read_lock(): the range must lie in one VMA that no userfaultfd watches; a VMA that is to have guards and has no
 * anon_vma must get one under mmap_lock.
 */
function try_vma_read_lock(k: Kernel, task: Task, end: Page): Vma | null {
  const vma = tryReadVma(k, task, task.mm, task.page);
  if (vma === null) return null;
  const prepares = task.code === ADVICE.guard_install && vma.anon_vma === null && needsAnonVma(k, vma);
  if (end <= vma.vm_end && vma.vm_userfaultfd_ctx === 0 && !prepares) return vma;
  unlockVma(k, task, task.mm, vma);
  return null;
}

/** What the advice makes of the pages of `[task.page, end)`. */
function apply(k: Kernel, task: Task, mm: Mm, end: Page): void {
  const { page_table } = mm;
  switch (task.code) {
    case ADVICE.free:
      return;
    case ADVICE.guard_install:
      installGuards(k, mm, task.page, end);
      return;
    case ADVICE.guard_remove:
      page_table.transformRange(task.page, end, pte => ((pte & PTE_KIND_MASK) === PTE_MARKER_GUARD ? PTE_NONE : pte));
      return;
    case ADVICE.pageout:
      madvise_pageout(k, mm, task.page, end);
      return;
    case ADVICE.willneed:
      for (const [vma, from, to] of mm.mm_mt.parts(task.page, end)) vma.mapping?.readAhead(vma, from, to);
      return;
    case ADVICE.dontneed:
    case ADVICE.dontneed_locked:
      transform(mm, task.page, end, zapped);
      return;
    case ADVICE.remove: {
      const until = madvise_remove(mm, task.page, end);
      transform(mm, task.page, until, zapped);
      for (const [vma, from, to] of mm.mm_mt.parts(task.page, until)) {
        unmap_mapping_range(k, vma, from, to);
        vma.mapping?.remove(vma, from, to);
      }
    }
  }
}

/** madvise_remove(): the end of what is removed: EINVAL or EACCES at a VMA that is locked or no shared file. */
function madvise_remove({ mm_mt }: Mm, start: Page, end: Page): Page {
  for (const [vma, from] of mm_mt.parts(start, end)) {
    if ((vma.vm_flags & (VM_SHARED | VM_LOCKED)) !== VM_SHARED) return from;
  }
  return end;
}

/** A marker in the place of every page that is mapped, of the first 1 GiB. */
function installGuards(k: Kernel, { mm_mt, page_table }: Mm, start: Page, end: Page): void {
  const last = Math.min(end, start + PMD_PAGES * PMD_PAGES);
  page_table.clearRange(start, end);
  for (let vma = mm_mt.find(start); vma !== null && vma.vm_start < last; vma = mm_mt.next(vma)) {
    if (k.at['vma_needs_copy.guard'] === 'vm_maybe_guard') vma.vm_flags |= VM_MAYBE_GUARD;
    for (let page = Math.max(start, vma.vm_start); page < Math.min(last, vma.vm_end); page++) {
      page_table.set(page, PTE_MARKER_GUARD);
    }
  }
}

function transform(mm: Mm, start: Page, end: Page, change: (pte: number, vma: Vma) => number): void {
  mm.page_table.splitEnds(start, end);
  for (const [vma, from, to] of mm.mm_mt.parts(start, end)) {
    mm.page_table.transformRange(from, to, pte => change(pte, vma));
  }
}

/** zap_pte_range() without ZAP_FLAG_DROP_MARKER: guards stay, and markers in files. */
function zapped(pte: number, vma: Vma): number {
  const kind = pte & PTE_KIND_MASK;
  if (kind === PTE_MARKER_GUARD || (kind === PTE_MARKER_UFFD_WP && !vma_is_anonymous(vma))) return pte;
  return leftBehind(pte, vma);
}

/** willneed, cold, pageout, and every advice we know nothing of but its lock; a file's pages that go take their time. */
function* underReadLock(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const before = mm.page_table.count;
  apply(k, task, mm, task.page + task.len);
  if (!hold(k, task, k.costs.op + (before - mm.page_table.count) * k.costs.populate_page)) yield;
  leave(k, task, mm, READ);
}

/** madvise_populate(): faults of this kind in every VMA of the range. */
function* madvise_populate(k: Kernel, task: Task, writes: 'all' | 'none'): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const end = populatable(mm, task.page, task.page + task.len, writes === 'all' ? VM_WRITE : VM_READ);
  if (!hold(k, task, k.costs.op + faultIn(k, task, mm, task.page, end, writes, 'stop'))) yield;
  leave(k, task, mm, READ);
}

/** The end of what allows `access` from `start` on: it fails with EFAULT where that is missing, with ENOMEM at a hole. */
function populatable({ mm_mt }: Mm, start: Page, end: Page, access: number): Page {
  let at = start;
  for (let vma = mm_mt.walk(at); vma !== null && at < end && vma.vm_flags & access; vma = mm_mt.walk(at)) {
    at = Math.min(end, vma.vm_end);
  }
  return at;
}

/** madvise_willneed(): what is not swapped in and is no DAX goes through vfs_fadvise(). */
function readsAhead(k: Kernel, task: Task): boolean {
  const vma = task.mm.mm_mt.walk(task.page);
  if (vma === null || vma.vm_ops === 0 || vma.vm_ops & VM_OPS.dax) return false;
  return vma.vm_file < k.files.length && !SHMEM.has(k.files[vma.vm_file].fs ?? '');
}

/** MADV_REMOVE and MADV_WILLNEED of a file: mmap_lock is dropped around the file system's part and taken again. */
function* aroundFile(k: Kernel, task: Task): Operation {
  const { mm } = task;
  for (let section = 0; section < 2; section++) {
    if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
    if (!hold(k, task, k.costs.op, section === 1)) yield;
    leave(k, task, mm, READ);
    if (section === 0) apply(k, task, mm, task.page + task.len);
  }
}

/**
 * MADV_COLLAPSE: each PMD that is mapped whole is looked at under the read lock, which is dropped where something is to be done; on
 * return it is held once more.
 */
function* madvise_collapse(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  if (!hold(k, task, k.costs.op, false)) yield;
  let locked = true;
  const first = Math.ceil(task.page / PMD_PAGES) * PMD_PAGES;
  for (let pmd = first; pmd + PMD_PAGES <= task.page + task.len; pmd += PMD_PAGES) {
    if (!locked) {
      if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
      if (!hold(k, task, k.costs.op, false)) yield;
      locked = true;
    }
    const vma = mm.mm_mt.walk(pmd);
    if (vma === null || pmd + PMD_PAGES > vma.vm_end) continue;
    // SCAN_PMD_NULL
    if (vma_is_anonymous(vma) && mm.page_table.countRange(pmd, pmd + PMD_PAGES) === 0) continue;
    leave(k, task, mm, READ);
    locked = false;
    yield* collapseOne(k, task, mm, pmd);
  }
  if (!locked && !tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  leave(k, task, mm, READ);
}
