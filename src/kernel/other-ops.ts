/**
 * Everything else that touches an address space: reclaim, migration, NUMA scans, readers of /proc, get_user_pages, and
 * system calls kept for their timing.
 *
 * Models: mm/vmscan.c, mm/migrate.c; kernel/sched/fair.c task_numa_work; fs/proc/task_mmu.c m_start, lock_next_vma,
 * procfs_procmap_ioctl, show_smap; mm/gup.c (v6.4 to v6.18).
 */
import { MAPS_KINDS } from '../vocab.js';
import type { Kernel } from './kernel.js';
import { pagedOut } from './madvise.js';
import type { Mm } from './mm.js';
import { PTE_KIND_MASK, PTE_MIGRATION, PTE_NONE, PTE_PROTNONE, PTE_SWAP } from './page-table.js';
import { faultIn, POPULATE_LIMIT } from './populate.js';
import { enter, hold, leave, type Operation, READ, tryEnter, tryLock, WRITE } from './section.js';
import type { Task } from './task.js';
import { tryReadVma, unlockVma } from './vma-section.js';

/** Pages of the range are reclaimed: found through rmap, under no lock of the mm. */
export function reclaim(_k: Kernel, task: Task): null {
  task.mm.page_table.transformRange(task.page, task.page + task.len, pagedOut);
  return null;
}

/** Pages of the range migrate: for `dur` their entries are migration entries, under no lock of the mm. */
export function* migrate(k: Kernel, task: Task): Operation {
  const { mm, page, len } = task;
  const end = page + len;
  const entries = new Map<number, number>();
  const last = Math.min(end, page + POPULATE_LIMIT);
  for (let at = page; at < last; at++) {
    const pte = mm.page_table.get(at);
    if (pte === PTE_NONE || (pte & PTE_KIND_MASK) >= PTE_SWAP) continue;
    entries.set(at, pte);
    mm.page_table.set(at, PTE_MIGRATION | (pte & ~PTE_KIND_MASK));
  }
  const duration = task.dur >= 0 ? task.dur : k.costs.wait_migration;
  if (!k.engine.pass(task.id, duration)) yield;
  for (const [at, pte] of entries) {
    if ((mm.page_table.get(at) & PTE_KIND_MASK) === PTE_MIGRATION) mm.page_table.set(at, pte);
  }
}

/** task_numa_work(): a trylock; given up when anybody writes or waits. */
export function* numa_scan(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryLock(k, task, mm)) return;
  mm.page_table.transformRange(task.page, task.page + task.len, pte =>
    (pte & PTE_KIND_MASK) >= PTE_SWAP ? pte : pte | PTE_PROTNONE,
  );
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, READ);
}

/** Somebody reads /proc/PID/maps or asks about one VMA. */
export function* read_maps(k: Kernel, task: Task): Operation {
  const kind = MAPS_KINDS[task.code];
  const { at } = k;
  const answer = kind === 'maps' ? at.proc_maps : kind === 'procmap_query' ? at.procmap_query : at.proc_smaps;
  if (answer === 'absent') return;
  const cost = kind === 'maps' || kind === 'procmap_query' ? k.costs.maps_vma : k.costs.smaps_vma;
  if (answer === 'vma_read') {
    if (kind === 'procmap_query') yield* readOneVma(k, task, task.mm, cost);
    else yield* readEachVma(k, task, task.mm, cost);
    return;
  }
  if (!tryEnter(k, task, task.mm, READ)) yield* enter(k, task, task.mm, READ);
  const vmas = kind === 'procmap_query' ? 1 : task.mm.mm_mt.count;
  if (!hold(k, task, vmas * cost)) yield;
  leave(k, task, task.mm, READ);
}

/** lock_next_vma() over the whole mm: mmap_lock only to find a VMA that is being written. */
function* readEachVma(k: Kernel, task: Task, mm: Mm, cost: number): Operation {
  for (let vma = mm.mm_mt.first(); vma !== null; ) {
    const upTo: number = vma.vm_end;
    const locked = tryReadVma(k, task, mm, vma.vm_start);
    if (locked !== null) {
      if (!k.engine.pass(task.id, cost)) yield;
      unlockVma(k, task, mm, locked);
    } else {
      if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
      leave(k, task, mm, READ);
    }
    vma = mm.mm_mt.find(upTo);
  }
}

function* readOneVma(k: Kernel, task: Task, mm: Mm, cost: number): Operation {
  const first = mm.mm_mt.first();
  const locked = first === null ? null : tryReadVma(k, task, mm, first.vm_start);
  if (locked === null) return;
  if (!k.engine.pass(task.id, cost)) yield;
  unlockVma(k, task, mm, locked);
}

/** get_user_pages() on behalf of a system call: mmap_lock for read, in every version. */
export function* gup(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, READ)) yield* enter(k, task, mm, READ);
  const pages = faultIn(mm, task.page, task.page + task.len, true);
  if (!hold(k, task, k.costs.op + pages * k.costs.populate_page)) yield;
  leave(k, task, mm, READ);
}

/** A system call that changed nothing we model: its recorded mmap_lock sections, nothing else. */
export function* other(k: Kernel, task: Task): Operation {
  const { mm, locks } = task;
  if (locks === null) return;
  for (let at = 0; at < locks.length; at += 4) {
    const write = locks[at] === 1 ? WRITE : READ;
    task.lockAt = at;
    if (!tryEnter(k, task, mm, write)) yield* enter(k, task, mm, write);
    if (!hold(k, task, 0)) yield;
    leave(k, task, mm, write);
  }
}
