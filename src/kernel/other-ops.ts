/**
 * Everything else that touches an address space: reclaim, migration, NUMA scans, files of /proc, get_user_pages, mmu
 * notifiers, and system calls kept for their timing.
 *
 * Models: mm/vmscan.c, mm/migrate.c; kernel/sched/fair.c task_numa_work; mm/mprotect.c change_pte_range; fs/proc/task_mmu.c
 * m_start, lock_next_vma, procfs_procmap_ioctl, show_smap, clear_refs_write; mm/gup.c; mm/mmu_notifier.c
 * mmu_notifier_register (v6.4 to v7.2).
 * Leaves out: VM_SOFTDIRTY, which every VMA counts as having; migration entries that a fork copies, or mremap moves, while the
 * page migrates: they are waited for as if the trace did not know until when.
 */
import type { Ns, Page } from '../units.js';
import { MAPS_KINDS, type MapsKind, VM_OPS } from '../vocab.js';
import { isShmem } from './do-fault.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import {
  PTE_ANON,
  PTE_ANON_WP,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_KIND_MASK,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_PROTNONE,
  PTE_SHARED_COW,
  PTE_SWAP,
  PTE_ZERO,
} from './page-table.js';
import { faultIn, POPULATE_LIMIT } from './populate.js';
import { reclaimRange } from './reclaim.js';
import {
  enter,
  hold,
  leave,
  type Operation,
  READ,
  READ_KILLABLE,
  readersLeave,
  tryEnter,
  tryLock,
  vma_start_write,
  WRITE,
  WRITE_KILLABLE,
} from './section.js';
import type { Task } from './task.js';
import { VM_ACCESS_FLAGS, VM_READ, VM_SPECIAL, VM_WRITE, type Vma } from './vma.js';
import { tryReadVma, unlockVma, vma_start_read_locked } from './vma-section.js';

/** Pages of the range are reclaimed: found through rmap, under no lock of the mm. */
export function reclaim(k: Kernel, task: Task): null {
  const { mm, page, len } = task;
  reclaimRange(k, mm, page, page + len);
  return null;
}

/**
 * Pages of the range migrate: for `dur` their entries are migration entries, under no lock of the mm. The zero page stays. What was
 * forbidden of a page meanwhile is so when it is back (remove_migration_pte).
 */
export function* migrate(k: Kernel, task: Task): Operation {
  const { mm, page, len } = task;
  const end = page + len;
  const kinds = new Map<Page, number>();
  const last = Math.min(end, page + POPULATE_LIMIT);
  const duration = task.dur >= 0 ? task.dur : k.costs.wait_migration;
  mm.page_table.splitEnds(page, end);
  for (let at = page; at < last; at++) {
    const pte = mm.page_table.get(at);
    const kind = pte & PTE_KIND_MASK;
    if (kind === PTE_NONE || kind === PTE_ZERO || kind >= PTE_SWAP) continue;
    kinds.set(at, kind);
    mm.migrating.set(at, k.engine.now + duration);
    mm.page_table.set(at, PTE_MIGRATION | (pte & ~PTE_KIND_MASK));
  }
  if (!k.engine.pass(task.id, duration)) yield;
  for (const [at, kind] of kinds) {
    const pte = mm.page_table.get(at);
    if ((pte & PTE_KIND_MASK) === PTE_MIGRATION) mm.page_table.set(at, kind | (pte & ~PTE_KIND_MASK));
    mm.migrating.delete(at);
  }
}

/**
 * task_numa_work(): a trylock; given up when anybody writes or waits. Where change_prot_numa() marks VMAs, nothing ends the
 * marks but the next write section of somebody else.
 */
export function* numa_scan(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryLock(k, task, mm, READ)) return;
  const end = task.page + task.len;
  const marks = k.at['change_prot_numa.start_write'] === 'range';
  const scan = { thread: task.id, i: task.i, op: task.op };
  for (let vma = mm.mm_mt.find(task.page); vma !== null && vma.vm_start < end; vma = mm.mm_mt.next(vma)) {
    if (!isScanned(vma)) continue;
    vma.scanned = scan;
    if (marks && !vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
    change_prot_numa(k, mm, vma, Math.max(task.page, vma.vm_start), Math.min(end, vma.vm_end));
  }
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, READ);
}

/** Not what cannot be touched or moved, nor libraries, of which each node has its copy. */
function isScanned({ vm_flags, vm_file, vm_ops }: Vma): boolean {
  if (vm_flags & VM_SPECIAL || vm_ops & VM_OPS.dax || !(vm_flags & VM_ACCESS_FLAGS)) return false;
  return vm_file < 0 || (vm_flags & (VM_READ | VM_WRITE)) !== VM_READ;
}

/** Neither the zero page, nor what several processes map, nor a file's dirty page gets a hint: none of them would move. */
function change_prot_numa(k: Kernel, mm: Mm, vma: Vma, start: Page, end: Page): void {
  const dirty = isShmem(k, vma) ? PTE_NONE : PTE_FILE_RW;
  mm.page_table.transformRange(start, end, pte => {
    const kind = pte & PTE_KIND_MASK;
    return kind >= PTE_SWAP || kind === PTE_ZERO || kind === dirty || pte & PTE_SHARED_COW ? pte : pte | PTE_PROTNONE;
  });
}

/** Somebody reads a file of /proc/PID that shows VMAs or pages, or asks about one VMA. */
export function* read_maps(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const kind = MAPS_KINDS[task.code];
  const answer = lockOf(k, kind);
  if (answer === 'absent') return;
  const cost = kind === 'maps' || kind === 'procmap_query' ? k.costs.maps_vma : k.costs.smaps_vma;
  if (answer === 'vma_read') {
    for (let vma = mm.mm_mt.first(); vma !== null; ) {
      const upTo: number = vma.vm_end;
      yield* lock_next_vma(k, task, mm, vma.vm_start, cost);
      vma = kind === 'procmap_query' ? null : mm.mm_mt.find(upTo);
    }
    return;
  }
  if (!tryEnter(k, task, mm, READ_KILLABLE)) yield* enter(k, task, mm, READ_KILLABLE);
  const vmas = kind === 'procmap_query' ? 1 : mm.mm_mt.count;
  if (!hold(k, task, vmas * cost)) yield;
  leave(k, task, mm, READ);
}

function lockOf(k: Kernel, kind: MapsKind): 'absent' | 'mmap_read' | 'vma_read' {
  switch (kind) {
    case 'maps':
      return k.at.proc_maps;
    case 'procmap_query':
      return k.at.procmap_query;
    case 'smaps':
    case 'numa_maps':
      return k.at.proc_smaps;
    default:
      return 'mmap_read';
  }
}

/** lock_next_vma(): one VMA read-locked for `cost`; mmap_lock only to find one that is being written. */
function* lock_next_vma(k: Kernel, task: Task, mm: Mm, start: Page, cost: Ns): Operation {
  let vma = tryReadVma(k, task, mm, start);
  if (vma === null) {
    if (!tryEnter(k, task, mm, READ_KILLABLE)) yield* enter(k, task, mm, READ_KILLABLE);
    vma = mm.mm_mt.find(start);
    if (vma !== null) vma_start_read_locked(k, task, vma);
    leave(k, task, mm, READ);
    task.since = k.engine.now;
  }
  if (vma === null) return;
  if (!k.engine.pass(task.id, cost)) yield;
  unlockVma(k, task, mm, vma);
}

/** Writing to /proc/PID/clear_refs: what each number means to VMAs. */
const CLEAR_REFS_SOFT_DIRTY = '4';
const CLEAR_REFS_MM_HIWATER_RSS = '5';

/** clear_refs_write(): the walk over all VMAs marks them. Every VMA counts as soft-dirty. */
export function* clear_refs(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const mode = task.name >= 0 ? k.strings[task.name] : '1';
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const dirty = mode === CLEAR_REFS_SOFT_DIRTY;
  const walks = mode !== CLEAR_REFS_MM_HIWATER_RSS;
  if (walks && (dirty || k.at['clear_refs_write.start_write'] === 'all')) yield* markAll(k, task, mm);
  if (dirty) for (let vma = mm.mm_mt.first(); vma !== null; vma = mm.mm_mt.next(vma)) wrprotect(mm, vma);
  if (!hold(k, task, walks ? mm.mm_mt.count * k.costs.op : k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** clear_soft_dirty(): the next write to each page is a fault, which finds the page its own, or asks the file system anew. */
function wrprotect(mm: Mm, vma: Vma): void {
  if (vma.vm_flags & VM_SPECIAL) return;
  mm.page_table.transformRange(vma.vm_start, vma.vm_end, pte => {
    const kind = pte & PTE_KIND_MASK;
    if (kind !== PTE_ANON && kind !== PTE_FILE_RW) return pte;
    return (pte & ~PTE_KIND_MASK) | (kind === PTE_ANON ? PTE_ANON_WP : PTE_FILE_RO);
  });
}

function* markAll(k: Kernel, task: Task, mm: Mm): Operation {
  for (let vma = mm.mm_mt.first(); vma !== null; vma = mm.mm_mt.next(vma)) {
    if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
  }
}

/** mmu_notifier_register(): mm_take_all_locks() marks every VMA; mm_drop_all_locks() may end the marks, early. */
export function* mmu_notifier_register(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  yield* markAll(k, task, mm);
  if (k.at.mm_drop_all_locks === 'end_early') k.lock?.endWriteAll(mm);
  if (!hold(k, task, mm.mm_mt.count * k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** get_user_pages() on behalf of a system call: mmap_lock for read, in every version. */
export function* gup(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (!tryEnter(k, task, mm, READ_KILLABLE)) yield* enter(k, task, mm, READ_KILLABLE);
  if (!hold(k, task, k.costs.op + faultIn(k, task, mm, task.page, task.page + task.len, 'all'))) yield;
  leave(k, task, mm, READ);
}

/** A system call that changed nothing we model: its recorded mmap_lock sections, nothing else. */
export function* other(k: Kernel, task: Task): Operation {
  const { mm, locks } = task;
  if (locks === null) return;
  for (let at = 0; at < locks.length; at += 4) {
    const ask = locks[at] === 1 ? WRITE : READ;
    task.lockAt = at;
    if (!tryEnter(k, task, mm, ask)) yield* enter(k, task, mm, ask);
    if (!hold(k, task, 0)) yield;
    leave(k, task, mm, ask);
  }
}
