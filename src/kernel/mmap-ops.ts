/**
 * mmap, munmap, shmdt, mremap: the operations that make, move and remove VMAs.
 *
 * Models: mm/mmap.c (mm/vma.c since 6.12) mmap_region, do_vmi_align_munmap; mm/mremap.c remap_move, mremap_to, shrink_vma,
 * move_vma (v6.4 to v6.18).
 * Leaves out: limits (RLIMIT, max_map_count), security hooks: a recorded call is one that succeeded.
 */
import type { Ns, Page } from '../units.js';
import { MAP, MREMAP_DONTUNMAP, VM_OPS } from '../vocab.js';
import { hasPageCache, isShmem } from './do-fault.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { accountable_mapping, calc_vm_prot_bits } from './mprotect.js';
import { AddressSpace, FOLIO_MISSING, FOLIO_UNKNOWN } from './page-cache.js';
import { populate } from './populate.js';
import {
  downgrade,
  enter,
  hasReaders,
  hold,
  leave,
  type Operation,
  READ,
  readersLeave,
  tryEnter,
  vma_start_write,
  vma_store,
  WRITE,
  WRITE_KILLABLE,
} from './section.js';
import type { Answers } from './sites.js';
import type { Task } from './task.js';
import {
  AnonVma,
  FILE_HUGETLB,
  FILE_SHMEM,
  FILE_ZERO,
  VM_ACCOUNT,
  VM_DONTDUMP,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_SEALED,
  VM_SHARED,
  VM_UFFD_ARMED,
  Vma,
  vma_supports_mlock,
} from './vma.js';
import { erase, unmap_range, unmap_region, vm_area_dup, vma_merge, vms_gather_munmap_vmas } from './vma-ops.js';

const UNKNOWN_OFFSET = 2 ** 31;
const PROT_SHIFT = 3;

/** Where the unknown offset of a file mapping is put: far from any other, so that it merges with nothing. */
export function unknownOffset(k: Kernel): Page {
  return (k.newIdentity() % UNKNOWN_OFFSET) * UNKNOWN_OFFSET;
}

/** mmap_zero(): what is mapped privately of it is anonymous memory. */
const DEV_ZERO = '/dev/zero';

/** How what `task` maps is to be locked: VM_LOCKED_MASK bits. */
function locks({ code, mm }: Task): number {
  return ((code >> PROT_SHIFT) & MAP.locked ? VM_LOCKED : 0) | mm.def_flags;
}

/** The VMA that an `mmap` or `vma` event describes, in no tree yet. */
export function describe(k: Kernel, task: Task): Vma {
  const map = task.code >> PROT_SHIFT;
  const shared = (map & MAP.shared) !== 0;
  const facts = task.file >= 0 ? k.files[task.file] : null;
  let flags = calc_vm_prot_bits(task.code & 7);
  if (shared) flags |= VM_SHARED;
  if (map & MAP.growsdown) flags |= VM_GROWSDOWN;
  if (map & MAP.stack && k.at['calc_vm_flag_bits.stack'] === 'nohugepage') flags |= VM_NOHUGEPAGE;
  if (map & MAP.pfnmap) flags |= VM_PFNMAP;
  if (map & MAP.hugetlb || facts?.fs === 'hugetlbfs') flags |= VM_HUGETLB;
  if (map & MAP.noreserve) flags |= VM_NORESERVE;
  if (accountable_mapping(flags)) flags |= VM_ACCOUNT;
  // secretmem_mmap()
  if (facts?.fs === 'secretmem') flags |= VM_LOCKED | VM_DONTDUMP;
  let file = task.file;
  let ops = facts?.ops ?? 0;
  const zeroes =
    !shared && (facts?.name === DEV_ZERO || (file < 0 && task.name >= 0 && k.strings[task.name] === DEV_ZERO));
  if (zeroes) file = FILE_ZERO;
  if (file < 0 && flags & VM_HUGETLB) {
    file = FILE_HUGETLB;
    ops = VM_OPS.fault;
  } else if (file < 0 && shared) {
    file = FILE_SHMEM;
    ops = VM_OPS.fault | VM_OPS.map_pages;
  } else if (file < 0) ops = 0;
  const offset = task.page2 >= 0 ? task.page2 : unknownOffset(k);
  const vma = new Vma(task.page, task.page + task.len, flags, file === -1 ? task.page : offset, file, ops, -1);
  if (vma_supports_mlock(vma, facts?.fs)) vma.vm_flags |= locks(task);
  if (!isShmem(k, vma)) vma.mapping = hasPageCache(vma) ? k.mapping(file) : null;
  else if (shared) vma.mapping = new AddressSpace(FOLIO_UNKNOWN);
  if (task.name >= 0) {
    if (k.strings[task.name].startsWith('[anon')) vma.name = task.name;
    else vma.label = task.name;
  }
  return vma;
}

/**
 * A VMA that existed when the trace began: no lock was taken for it that we know of. Told late, it replaces what was
 * thought to be there, but for VMAs that somebody is inside of; and whoever is in a write section knows better.
 */
export function existing(k: Kernel, task: Task): void {
  const { mm } = task;
  if (mm.mmap_lock.writer >= 0) return;
  const vma = describe(k, task);
  const inside: Vma[] = [];
  mm.mm_mt.collect(vma.vm_start, vma.vm_end, inside);
  if (task.a === 1) {
    vma.anon_vma = new AnonVma();
    vma.anon_vma_chain = 1;
    // who has pages of its own could be written once
    if (!(vma.vm_flags & (VM_SHARED | VM_HUGETLB | VM_NORESERVE))) vma.vm_flags |= VM_ACCOUNT;
  }
  if (task.name >= 0 && k.strings[task.name] === '[heap]') {
    mm.start_brk = mm.start_brk < 0 ? vma.vm_start : Math.min(mm.start_brk, vma.vm_start);
    mm.brk = vma.vm_end;
  }
  if (vma.vm_flags & VM_GROWSDOWN) mm.start_stack = Math.max(mm.start_stack, vma.vm_end - 1);
  const { vm_start: start, vm_end: end } = vma;
  let from = start;
  for (const old of inside) {
    const { vm_start, vm_end } = old;
    if (hasReaders(k, old)) {
      if (vm_start > from) storePart(k, mm, vma, from, vm_start);
      from = vm_end;
      continue;
    }
    mm.mm_mt.erase(old);
    k.lock?.detach(old);
    if (vm_start < start) storePart(k, mm, old, vm_start, start);
    if (vm_end > end) storePart(k, mm, old, end, vm_end);
  }
  if (from === start) vma_store(k, mm, vma);
  else if (from < end) storePart(k, mm, vma, from, end);
}

function storePart(k: Kernel, mm: Mm, old: Vma, start: Page, end: Page): void {
  const part = vm_area_dup(old);
  part.vm_pgoff = old.vm_pgoff + (start - old.vm_start);
  part.vm_start = start;
  part.vm_end = end;
  vma_store(k, mm, part);
}

/** mmap(2): whatever was there is replaced, then the new range merges with its neighbours or becomes a VMA. */
export function* mmap(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const vma = describe(k, task);
  // shmem_zero_setup()
  if (vma.vm_file === FILE_SHMEM) vma.mapping = new AddressSpace(FOLIO_MISSING);
  const { vm_start, vm_end } = vma;
  const populates = ((task.code >> PROT_SHIFT) & MAP.populate) !== 0 || locks(task) !== 0;
  yield* mmap_region(k, task, mm, vma, !populates);
  leave(k, task, mm, WRITE);
  if (populates) yield* populate(k, task, mm, vm_start, vm_end);
}

/**
 * mmap_region(): `vma` takes its place, and the section lasts. What was there is zapped under the write lock, before the new
 * VMA is stored; meanwhile who looks there finds a gap, or the old VMAs, marked. `last` as in hold().
 */
export function* mmap_region(k: Kernel, task: Task, mm: Mm, vma: Vma, last: boolean): Operation {
  const { vm_start, vm_end } = vma;
  let gathered = yield* vms_gather_munmap_vmas(k, task, mm, vm_start, vm_end);
  let cost: Ns = k.costs.op;
  if (gathered !== null && gathered.length > 0) {
    const half = Math.floor(cost / 2);
    const zap = half + mm.page_table.countRange(vm_start, vm_end) * k.costs.zap_page;
    if (k.at['mmap_region.fixed'] === 'munmap_then_insert') {
      erase(mm, gathered);
      gathered = [];
    }
    unmap_region(mm, vm_start, vm_end);
    if (!hold(k, task, zap, last, 0.5)) yield;
    cost -= half;
  }
  if (gathered !== null) yield* insert(k, task, mm, vma, k.at['mmap_region.start_write'], gathered);
  if (!hold(k, task, cost, last)) yield;
}

/** vma_merge_new_range(), else a VMA of its own; what was `gathered` gives way to either. */
export function* insert(
  k: Kernel,
  task: Task,
  mm: Mm,
  vma: Vma,
  start_write: Answers['do_brk_flags.start_write'],
  gathered: readonly Vma[],
  justExpand = false,
): Generator<undefined, Vma, undefined> {
  const { vmg } = mm;
  vmg.forNew(mm.mm_mt, vma.vm_start, vma.vm_end, vma.vm_flags, vma.vm_file, vma.vm_pgoff);
  vmg.name = vma.name;
  vmg.just_expand = justExpand;
  // vma_prev_limit(): not with the bss below start_brk
  if (justExpand && k.at['do_brk_flags.merge'] === 'heap' && vma.vm_start <= mm.start_brk) vmg.prev = null;
  const merged = yield* vma_merge(k, task, mm, gathered);
  if (merged !== null) return merged;
  erase(mm, gathered);
  if (start_write === 'before_store') vma_start_write(k, task, mm, vma);
  vma_store(k, mm, vma);
  if (start_write === 'after_store') vma_start_write(k, task, mm, vma);
  return vma;
}

/** munmap(2): the VMAs leave the tree under the write lock, their pages are zapped under the read lock. */
export function* munmap(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  yield* unmapAndLeave(k, task, mm, task.page, task.page + task.len);
}

/** shmdt(2), and whatever else unmaps by vm_munmap(): the section is never downgraded. */
export function* shmdt(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  yield* unmapAndLeave(k, task, mm, task.page, task.page + task.len, false);
}

/** Unmaps `[start, end)` and ends the section that was begun for it, by way of a downgrade if wanted and possible. */
export function* unmapAndLeave(k: Kernel, task: Task, mm: Mm, start: Page, end: Page, downgrades = true): Operation {
  const count = yield* unmap_range(k, task, mm, start, end);
  if (count <= 0) {
    if (!hold(k, task, k.costs.op)) yield;
    leave(k, task, mm, WRITE);
    return;
  }
  const zap = mm.page_table.countRange(start, end) * k.costs.zap_page;
  if (downgrades && (yield* mayDowngrade(k, task, mm, end))) {
    if (!hold(k, task, k.costs.op, false)) yield;
    downgrade(k, task, mm);
    unmap_region(mm, start, end);
    if (!hold(k, task, zap)) yield;
    leave(k, task, mm, READ);
  } else {
    unmap_region(mm, start, end);
    if (!hold(k, task, k.costs.op + zap)) yield;
    leave(k, task, mm, WRITE);
  }
}

/** A neighbour that may grow into the hole under the read lock keeps munmap from downgrading, where nobody forbade it that. */
function* mayDowngrade(k: Kernel, task: Task, mm: Mm, end: Page): Generator<undefined, boolean, undefined> {
  const answer = k.at['do_vmi_align_munmap.downgrade'];
  const next = answer === 'always' ? null : mm.mm_mt.find(end);
  if (next === null || !(next.vm_flags & VM_GROWSDOWN)) return true;
  if (answer === 'unless_grows_then_mark' && !vma_start_write(k, task, mm, next)) {
    yield* readersLeave(k, task, mm, next);
  }
  return false;
}

/** mremap(2): the same size, smaller, larger in place, or somewhere else. */
export function* mremap(k: Kernel, task: Task): Operation {
  const { mm, page: from, len: oldLen, page2: to, len2: newLen } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const vma = mm.mm_mt.walk(from);
  const dontUnmap = task.code > 0 && (task.code & MREMAP_DONTUNMAP) !== 0;
  if (vma !== null && !(vma.vm_flags & VM_SEALED)) {
    if (to === from && newLen < oldLen) {
      yield* unmapAndLeave(k, task, mm, from + newLen, from + oldLen);
      return;
    }
    if (to === from && newLen > oldLen) yield* grow(k, task, mm, vma, from + oldLen, newLen - oldLen);
    if (to !== from) yield* move(k, task, mm, dontUnmap);
  }
  const locked = vma !== null && (vma.vm_flags & VM_LOCKED) !== 0 && newLen > oldLen;
  if (!hold(k, task, k.costs.op, !locked)) yield;
  leave(k, task, mm, WRITE);
  if (locked) yield* populate(k, task, mm, to + oldLen, to + newLen);
}

/**
 * vma_merge_extend(): `vma` ends at `end` and takes the empty `delta` pages behind it; perhaps it reaches the next. It merges with
 * itself, but for VM_SPECIAL, where mremap fails with EFAULT.
 */
function* grow(k: Kernel, task: Task, mm: Mm, vma: Vma, end: Page, delta: number): Operation {
  if (vma.vm_end !== end) return;
  const next = mm.mm_mt.next(vma);
  if (next !== null && next.vm_start < end + delta) return;
  mm.vmg.forExtend(mm.mm_mt, vma, delta);
  yield* vma_merge(k, task, mm);
}

/** remap_move(): where the stage moves several VMAs by one call, each goes the same way; else only the first. */
function* move(k: Kernel, task: Task, mm: Mm, dontUnmap: boolean): Operation {
  const { page: from, len: oldLen, page2: to, len2: newLen } = task;
  const end = from + oldLen;
  // mremap_to(): EINVAL where the two overlap.
  if (end > to && to + newLen > from) return;
  if (k.at.remap_move === 'one' || oldLen !== newLen) {
    yield* mremap_to(k, task, mm, from, oldLen, to, newLen, dontUnmap);
    return;
  }
  let at = from;
  // What stays in its place may reach beyond the range: the range ends the walk, not the VMAs.
  for (let vma = mm.mm_mt.find(at); vma !== null && at < end && vma.vm_start < end; vma = mm.mm_mt.find(at)) {
    // check_prep_vma(): what came before it has moved.
    if (vma.vm_flags & VM_SEALED) return;
    const start = Math.max(at, vma.vm_start);
    at = Math.min(end, vma.vm_end);
    yield* mremap_to(k, task, mm, start, at - start, to + (start - from), at - start, dontUnmap);
  }
}

/**
 * mremap_to() and move_vma(): marks the source, copies it to its new place, moves the pages, unmaps the old place (never
 * downgrading).
 */
function* mremap_to(
  k: Kernel,
  task: Task,
  mm: Mm,
  from: Page,
  oldLen: number,
  to: Page,
  newLen: number,
  dontUnmap: boolean,
): Operation {
  // EPERM where the new place is sealed.
  if ((yield* unmap_range(k, task, mm, to, to + newLen)) < 0) return;
  unmap_region(mm, to, to + newLen);
  // Whoever asks for less than there was loses the tail first.
  if (newLen < oldLen) {
    yield* unmap_range(k, task, mm, from + newLen, from + oldLen);
    unmap_region(mm, from + newLen, from + oldLen);
  }
  const source = mm.mm_mt.walk(from)!;
  const moved = Math.min(oldLen, newLen, source.vm_end - from);
  if (!vma_start_write(k, task, mm, source)) yield* readersLeave(k, task, mm, source);
  const anonymous = source.vm_file < 0;
  // copy_vma(): memory nobody has faulted yet is renumbered as if it had always been there.
  const pgoff = anonymous && source.anon_vma === null ? to : source.vm_pgoff + (from - source.vm_start);
  mm.vmg.forCopy(mm.mm_mt, source, to, to + newLen, pgoff);
  const merged = yield* vma_merge(k, task, mm);
  if (merged !== null) mremap_userfaultfd_prep(merged);
  else {
    const copy = vm_area_dup(source);
    copy.vm_start = to;
    copy.vm_end = to + newLen;
    copy.vm_pgoff = pgoff;
    mremap_userfaultfd_prep(copy);
    vma_start_write(k, task, mm, copy);
    vma_store(k, mm, copy);
  }
  mm.page_table.moveRange(from, from + moved, to);
  if (dontUnmap) {
    // dontunmap_complete(): the source stays, empty, and is locked no more, all of its VMA; whole, it leaves its anon_vma.
    source.vm_flags &= ~VM_LOCKED_MASK;
    if (source.vm_start === from && source.vm_end === from + oldLen) {
      source.anon_vma = null;
      source.anon_vma_chain = 0;
    }
  } else {
    yield* unmap_range(k, task, mm, from, from + Math.min(oldLen, newLen));
    unmap_region(mm, from, from + Math.min(oldLen, newLen));
  }
}

/** No userfaultfd goes along: UFFD_FEATURE_EVENT_REMAP is not known to be asked for. */
function mremap_userfaultfd_prep(vma: Vma): void {
  vma.vm_flags &= ~VM_UFFD_ARMED;
  vma.vm_userfaultfd_ctx = 0;
}
