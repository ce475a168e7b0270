/** Every operation of the trace format, by its code: what a thread runs. Faults and `vma` are no operations. */
import { OP } from '../vocab.js';
import { brk } from './brk.js';
import { collapse } from './collapse.js';
import { exec, exit, fork } from './fork.js';
import type { Kernel } from './kernel.js';
import { madvise, prctl_set_vma } from './madvise.js';
import { mbind, mlock, mlockall, mseal, remap_file_pages } from './mlock.js';
import { mmap, mremap, munmap, shmdt } from './mmap-ops.js';
import { mprotect } from './mprotect.js';
import { clear_refs, gup, migrate, mmu_notifier_register, numa_scan, other, read_maps, reclaim } from './other-ops.js';
import type { Operation } from './section.js';
import type { Task } from './task.js';
import { uffd_fill, uffd_move, uffd_register, uffd_wp } from './userfaultfd.js';

/** Starts the operation `task` has in hand; null when it was done at once. */
export type Start = (k: Kernel, task: Task) => Operation | null;

/**
 * A call about no bytes is over before it asks for mmap_lock: do_mprotect_pkey(), madvise_should_skip(), do_mbind() and do_mseal() return 0,
 * remap_file_pages() and validate_range() of userfaultfd EINVAL. munmap() and mlock() take it first. What was recorded is held.
 */
const unlessEmpty =
  (start: Start): Start =>
  (k, task) =>
    task.len === 0 ? other(k, task) : start(k, task);

/** By operation code; undefined for `fault`, `vma` and `thread`, which take no time. */
export const OPERATIONS: readonly (Start | undefined)[] = (() => {
  const table: (Start | undefined)[] = [];
  table[OP.mmap] = mmap;
  table[OP.munmap] = munmap;
  table[OP.shmdt] = shmdt;
  table[OP.mprotect] = unlessEmpty(mprotect);
  table[OP.pkey_mprotect] = unlessEmpty(mprotect);
  table[OP.mremap] = mremap;
  table[OP.brk] = brk;
  table[OP.madvise] = unlessEmpty(madvise);
  table[OP.prctl_set_vma] = prctl_set_vma;
  table[OP.mlock] = mlock;
  table[OP.munlock] = mlock;
  table[OP.mlockall] = mlockall;
  table[OP.munlockall] = mlockall;
  table[OP.mbind] = unlessEmpty(mbind);
  table[OP.mseal] = unlessEmpty(mseal);
  table[OP.remap_file_pages] = unlessEmpty(remap_file_pages);
  table[OP.fork] = fork;
  table[OP.exec] = exec;
  table[OP.exit] = exit;
  table[OP.uffd_register] = unlessEmpty(uffd_register);
  table[OP.uffd_unregister] = unlessEmpty(uffd_register);
  table[OP.uffd_copy] = unlessEmpty(uffd_fill);
  table[OP.uffd_zeropage] = unlessEmpty(uffd_fill);
  table[OP.uffd_continue] = unlessEmpty(uffd_fill);
  table[OP.uffd_move] = unlessEmpty(uffd_move);
  table[OP.uffd_wp] = unlessEmpty(uffd_wp);
  table[OP.uffd_rwp] = unlessEmpty(uffd_wp);
  table[OP.collapse] = collapse;
  table[OP.reclaim] = reclaim;
  table[OP.migrate] = migrate;
  table[OP.numa_scan] = numa_scan;
  table[OP.read_maps] = read_maps;
  table[OP.clear_refs] = clear_refs;
  table[OP.mmu_notifier_register] = mmu_notifier_register;
  table[OP.gup] = gup;
  table[OP.other] = other;
  return table;
})();
