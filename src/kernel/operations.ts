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

/** By operation code; undefined for `fault`, `vma` and `thread`, which take no time. */
export const OPERATIONS: readonly (Start | undefined)[] = (() => {
  const table: (Start | undefined)[] = [];
  table[OP.mmap] = mmap;
  table[OP.munmap] = munmap;
  table[OP.shmdt] = shmdt;
  table[OP.mprotect] = mprotect;
  table[OP.pkey_mprotect] = mprotect;
  table[OP.mremap] = mremap;
  table[OP.brk] = brk;
  table[OP.madvise] = madvise;
  table[OP.prctl_set_vma] = prctl_set_vma;
  table[OP.mlock] = mlock;
  table[OP.munlock] = mlock;
  table[OP.mlockall] = mlockall;
  table[OP.munlockall] = mlockall;
  table[OP.mbind] = mbind;
  table[OP.mseal] = mseal;
  table[OP.remap_file_pages] = remap_file_pages;
  table[OP.fork] = fork;
  table[OP.exec] = exec;
  table[OP.exit] = exit;
  table[OP.uffd_register] = uffd_register;
  table[OP.uffd_unregister] = uffd_register;
  table[OP.uffd_copy] = uffd_fill;
  table[OP.uffd_zeropage] = uffd_fill;
  table[OP.uffd_continue] = uffd_fill;
  table[OP.uffd_move] = uffd_move;
  table[OP.uffd_wp] = uffd_wp;
  table[OP.uffd_rwp] = uffd_wp;
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
