/**
 * userfaultfd: registering ranges, and the ioctls by which a monitor resolves what faulted there.
 *
 * Models: fs/userfaultfd.c userfaultfd_register, userfaultfd_unregister, userfaultfd_wake_function; mm/userfaultfd.c
 * uffd_mfill_lock, uffd_move_lock, mwriteprotect_range (v6.4 to v6.18).
 * Leaves out: more than one userfaultfd per mm (their ranges never overlap), and its features.
 */
import type { Page } from '../units.js';
import { OP, UFFD_MINOR, UFFD_MISSING, UFFD_RWP, UFFD_WP, UFFD_WP_ASYNC as UFFD_WP_ASYNC_MODE } from '../vocab.js';
import { isShmem } from './do-fault.js';
import { wake_userfault } from './fault-steps.js';
import type { Kernel } from './kernel.js';
import { modifyRange } from './mlock.js';
import type { Mm } from './mm.js';
import { anon_vma_prepare, UFFD_RWP_BITS } from './outcome.js';
import {
  PTE_ANON,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HUGE,
  PTE_HWPOISON,
  PTE_KIND_MASK,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISON,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_UFFD_WP,
  PTE_ZERO,
} from './page-table.js';
import { POPULATE_LIMIT } from './populate.js';
import { enter, hold, leave, type Operation, READ, tryEnter, WRITE } from './section.js';
import type { Task } from './task.js';
import {
  UFFD_WP_ASYNC,
  VM_HUGETLB,
  VM_SHARED,
  VM_UFFD_ARMED,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_RWP,
  VM_UFFD_WP,
  type Vma,
  vma_is_anonymous,
} from './vma.js';
import { tryReadVma, unlockVma, vma_start_read_locked } from './vma-section.js';

/** The context of the one userfaultfd of an mm. */
const CTX = 1;

/** UFFDIO_REGISTER and UFFDIO_UNREGISTER: flags and context of every VMA in the range; who slept there is woken. */
export function* uffd_register(k: Kernel, task: Task): Operation {
  const { mm, code: modes } = task;
  const registers = task.op === OP.uffd_register;
  let armed = 0;
  if (modes & UFFD_MISSING) armed |= VM_UFFD_MISSING;
  if (modes & UFFD_WP) armed |= VM_UFFD_WP;
  if (modes & UFFD_MINOR) armed |= VM_UFFD_MINOR;
  if (modes & UFFD_RWP) armed |= VM_UFFD_RWP;
  if (modes & UFFD_WP_ASYNC_MODE) armed |= VM_UFFD_WP | UFFD_WP_ASYNC;
  if (registers && !knows(k, armed)) return;
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  yield* modifyRange(k, task, (vma, start, end) => {
    const { vm_flags } = vma;
    const flags = vm_flags & ~VM_UFFD_ARMED;
    if (registers) {
      const watched = (vm_flags & armed) === armed || !vma_can_userfault(k, vma, armed);
      return watched ? null : { flags: flags | armed, uffd_ctx: CTX };
    }
    if (vm_flags & VM_UFFD_WP) uffd_wp_range(mm, vma, start, end, PTE_UFFD_WP, false);
    if (vm_flags & VM_UFFD_RWP) uffd_wp_range(mm, vma, start, end, UFFD_RWP_BITS, false);
    return flags === vm_flags ? null : { flags, uffd_ctx: 0 };
  });
  if (!registers) wake_userfault(k, mm, task.page, task.page + task.len, true, task);
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** Anonymous memory, shmem and hugetlb; write protection alone and asynchronous, any; minor faults need a page cache. */
function vma_can_userfault(k: Kernel, vma: Vma, armed: number): boolean {
  const anonymous = vma_is_anonymous(vma);
  const cached = isShmem(k, vma) || (vma.vm_flags & VM_HUGETLB) !== 0;
  if (armed & VM_UFFD_MINOR && !cached) return false;
  if (armed === (VM_UFFD_WP | UFFD_WP_ASYNC)) return true;
  if (armed & VM_UFFD_WP && !anonymous && k.at['userfaultfd_register.wp'] !== 'any') return false;
  return anonymous || cached;
}

/** Does this kernel have every mode that is asked for? Where it does not, UFFDIO_API or UFFDIO_REGISTER failed with EINVAL. */
function knows(k: Kernel, armed: number): boolean {
  const { at } = k;
  if (armed & VM_UFFD_WP && at['userfaultfd_register.wp'] === 'absent') return false;
  if (armed & VM_UFFD_MINOR && at['userfaultfd_register.minor'] === 'absent') return false;
  if (armed & UFFD_WP_ASYNC && at['userfaultfd_register.wp_async'] === 'absent') return false;
  // The two share a bit of the entry.
  if (armed & VM_UFFD_RWP && armed & VM_UFFD_WP) return false;
  return !(armed & VM_UFFD_RWP) || at['userfaultfd_register.rwp'] === 'present';
}

/** UFFDIO_COPY, ZEROPAGE, CONTINUE: fills the range and wakes who slept there. */
export function* uffd_fill(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const end = task.page + task.len;
  const cost = Math.max(1, task.len) * k.costs.uffd_page;
  if (k.at.uffd_mfill_lock === 'vma_read') {
    const vma = yield* uffd_lock_vma(k, task, mm, task.page);
    fill(task, mm, end);
    if (!hold(k, task, cost)) yield;
    if (vma !== null) unlockVma(k, task, mm, vma);
  } else {
    if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
    const dst = mm.mm_mt.walk(task.page);
    if (dst !== null) prepare(mm, dst);
    fill(task, mm, end);
    if (!hold(k, task, cost)) yield;
    leave(k, task, mm, READ);
  }
  wake_userfault(k, mm, task.page, end, false, task);
}

/** A private VMA needs an anon_vma before pages are put into it. */
function prepare(mm: Mm, dst: Vma): void {
  if (!(dst.vm_flags & VM_SHARED)) anon_vma_prepare(mm, dst);
}

/** uffd_lock_vma(): the destination, read-locked; null where there is none. */
function* uffd_lock_vma(k: Kernel, task: Task, mm: Mm, page: Page): Generator<undefined, Vma | null, undefined> {
  const vma = tryLockDst(k, task, mm, page);
  if (vma !== null) return vma;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const dst = mm.mm_mt.walk(page);
  if (dst !== null) {
    prepare(mm, dst);
    vma_start_read_locked(k, task, dst);
  }
  if (!hold(k, task, k.costs.minor, false)) yield;
  leave(k, task, mm, READ);
  task.since = k.engine.now;
  return dst;
}

/** lock_vma(), the attempt without mmap_lock: a private VMA without anon_vma needs mmap_lock to get one. */
function tryLockDst(k: Kernel, task: Task, mm: Mm, page: Page): Vma | null {
  const vma = tryReadVma(k, task, mm, page);
  if (vma === null) return null;
  if (vma.vm_flags & VM_SHARED || vma.anon_vma !== null) return vma;
  unlockVma(k, task, mm, vma);
  return null;
}

/** Installs what the ioctl puts into the empty entries of `[task.page, end)`. */
function fill(task: Task, mm: Mm, end: Page): void {
  const last = Math.min(end, task.page + POPULATE_LIMIT);
  for (let page = task.page; page < last; page++) {
    const vma = mm.mm_mt.walk(page);
    if (vma === null || !EMPTY.has(mm.page_table.get(page) & PTE_KIND_MASK)) continue;
    mm.page_table.set(page, filled(task, vma));
    vma.mapping?.add(vma, page);
  }
}

/** pte_none_mostly(). */
const EMPTY: ReadonlySet<number> = new Set([PTE_NONE, PTE_MARKER_UFFD_WP, PTE_MARKER_POISON, PTE_MARKER_GUARD]);

/** A private mapping of a file gets a page of its own at once, but for CONTINUE. */
function filled(task: Task, vma: Vma): number {
  if (!vma_is_anonymous(vma)) {
    if (vma.vm_flags & VM_SHARED) return PTE_FILE_RW;
    if (task.op === OP.uffd_continue) return PTE_FILE_RO;
  }
  return task.op === OP.uffd_zeropage ? PTE_ZERO : PTE_ANON;
}

/** UFFDIO_MOVE: pages move from `src` without a copy, under mmap_lock or with both VMAs read-locked. */
export function* uffd_move(k: Kernel, task: Task): Operation {
  if (k.at.uffd_move_lock === 'absent') return;
  const { mm } = task;
  const cost = Math.max(1, task.len) * k.costs.uffd_page;
  if (k.at.uffd_move_lock === 'vma_read') {
    const locked = yield* uffd_move_lock(k, task, mm);
    mm.page_table.moveRange(task.page2, task.page2 + task.len, task.page);
    if (!hold(k, task, cost)) yield;
    for (const vma of locked) unlockVma(k, task, mm, vma);
  } else {
    if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
    const dst = mm.mm_mt.walk(task.page);
    if (dst !== null) prepare(mm, dst);
    mm.page_table.moveRange(task.page2, task.page2 + task.len, task.page);
    if (!hold(k, task, cost)) yield;
    leave(k, task, mm, READ);
  }
  wake_userfault(k, mm, task.page, task.page + task.len, false, task);
}

/**
 * uffd_move_lock(): destination, then source, read-locked. Nobody may sleep for mmap_lock with a VMA locked: where the source
 * cannot be locked at once, the destination is let go, and both are locked under mmap_lock.
 */
function* uffd_move_lock(k: Kernel, task: Task, mm: Mm): Generator<undefined, Vma[], undefined> {
  const dst = yield* uffd_lock_vma(k, task, mm, task.page);
  if (dst === null) return [];
  if (task.page2 >= dst.vm_start && task.page2 < dst.vm_end) return [dst];
  const src = tryReadVma(k, task, mm, task.page2);
  if (src !== null) return [dst, src];
  unlockVma(k, task, mm, dst);
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const both = [mm.mm_mt.walk(task.page), mm.mm_mt.walk(task.page2)].filter(vma => vma !== null);
  const locked = [...new Set(both)];
  for (const vma of locked) vma_start_read_locked(k, task, vma);
  if (!hold(k, task, k.costs.minor, false)) yield;
  leave(k, task, mm, READ);
  task.since = k.engine.now;
  return locked;
}

/**
 * UFFDIO_WRITEPROTECT, and UFFDIO_RWPROTECT, which takes reads away too: protects the range; where faults sleep on it, it
 * resolves them instead. mmap_lock in any version.
 */
export function* uffd_wp(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const end = task.page + task.len;
  const reads = task.op === OP.uffd_rwp;
  if (reads && k.at['userfaultfd_register.rwp'] === 'absent') return;
  const bits = reads ? UFFD_RWP_BITS : PTE_UFFD_WP;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const resolves = mm.userfaults.any(task.page, end);
  const registered = reads ? VM_UFFD_RWP : VM_UFFD_WP;
  for (let vma = mm.mm_mt.find(task.page); vma !== null && vma.vm_start < end; vma = mm.mm_mt.next(vma)) {
    if (!(vma.vm_flags & registered)) continue;
    uffd_wp_range(mm, vma, Math.max(task.page, vma.vm_start), Math.min(end, vma.vm_end), bits, !resolves);
  }
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, READ);
  if (resolves) wake_userfault(k, mm, task.page, end, false, task);
}

/** Any access to these is an error already, or the marker says it all. */
const UNPROTECTED: ReadonlySet<number> = new Set([
  PTE_MARKER_UFFD_WP,
  PTE_MARKER_POISON,
  PTE_MARKER_GUARD,
  PTE_HWPOISON,
]);

/**
 * Sets or clears `bits` in what is mapped in `[start, end)` of `vma`, or is in swap or on its way. An empty entry of a file that
 * is write-protected has a marker instead; what is not there needs none to be told of its first access.
 */
function uffd_wp_range(mm: Mm, vma: Vma, start: Page, end: Page, bits: number, on: boolean): void {
  const { page_table } = mm;
  page_table.transformRange(start, end, pte => {
    const kind = pte & PTE_KIND_MASK;
    if (kind === PTE_MARKER_UFFD_WP && !on) return PTE_NONE;
    if (UNPROTECTED.has(kind)) return pte;
    // pgtable_split_needed(): what is mapped as a whole has no place for the bit of a file's page.
    if (pte & PTE_HUGE && on && bits === PTE_UFFD_WP && !vma_is_anonymous(vma)) return PTE_NONE;
    return on ? pte | bits : pte & ~bits;
  });
  if (!on || bits !== PTE_UFFD_WP || vma_is_anonymous(vma)) return;
  for (let page = start; page < Math.min(end, start + POPULATE_LIMIT); page++) {
    if (page_table.get(page) === PTE_NONE) page_table.set(page, PTE_MARKER_UFFD_WP);
  }
}
