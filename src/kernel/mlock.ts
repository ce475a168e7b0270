/**
 * mlock, munlock, mlockall, mbind, mseal, remap_file_pages: operations that give a range new properties.
 *
 * Models: mm/mlock.c do_mlock, apply_mlockall_flags; mm/mempolicy.c do_mbind, queue_pages_range; mm/mseal.c; mm/mmap.c
 * remap_file_pages (v6.4 to v6.18).
 */
import { PAGE_END, type Page } from '../units.js';
import { OP } from '../vocab.js';
import type { Kernel } from './kernel.js';
import { mmap_region, unknownOffset } from './mmap-ops.js';
import { populate } from './populate.js';
import {
  enter,
  hold,
  leave,
  type Operation,
  READ,
  READ_KILLABLE,
  readersLeave,
  tryEnter,
  vma_start_write,
  WRITE,
  WRITE_KILLABLE,
} from './section.js';
import type { Task } from './task.js';
import {
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_LOCKONFAULT,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_SEALED,
  VM_SHARED,
  Vma,
  vma_supports_mlock,
} from './vma.js';
import { type Modification, vma_modify } from './vma-ops.js';

/**
 * Modifies every VMA of the event's range as `change` says of its part; null leaves one alone.
 *
 * @returns where it came to: the end of the range, or of the last VMA before a hole
 */
export function* modifyRange(
  k: Kernel,
  task: Task,
  change: (vma: Vma, start: Page, end: Page) => Modification | null,
  holes: 'crosses' | 'stops' = 'crosses',
): Generator<undefined, Page, undefined> {
  const { mm } = task;
  const end = task.page + task.len;
  let at = task.page;
  for (let vma = mm.mm_mt.find(at); vma !== null && at < end && vma.vm_start < end; vma = mm.mm_mt.find(at)) {
    if (holes === 'stops' && vma.vm_start > at) break;
    const from = Math.max(at, vma.vm_start);
    at = Math.min(end, vma.vm_end);
    const wanted: Modification | null = change(vma, from, at);
    if (wanted !== null) yield* vma_modify(k, task, mm, vma, from, at, wanted);
  }
  return at;
}

/**
 * mlock(2), mlock2(2) and munlock(2): the flags under the write lock, up to the first hole; who locks populates then, under the
 * read lock, unless there was a hole, or nothing to do.
 */
export function* mlock(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const locks = task.op === OP.mlock;
  const lock = locks ? lockFlags(modeOf(k, task)) : 0;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const change = (vma: Vma): Modification | null => {
    const flags = mlock_fixup(k, vma, lock);
    return flags === vma.vm_flags ? null : { flags };
  };
  const end = task.page + task.len;
  const whole = (yield* modifyRange(k, task, change, 'stops')) === end;
  const populates = locks && whole && task.len > 0;
  if (!hold(k, task, k.costs.op, !populates)) yield;
  leave(k, task, mm, WRITE);
  if (populates) yield* populate(k, task, mm, task.page, end, 'stop');
}

/** What the event says of how, in any spelling; empty when it says nothing. */
function modeOf(k: Kernel, { name }: Task): string {
  return name >= 0 ? k.strings[name].toLowerCase() : '';
}

/** MLOCK_ONFAULT and MCL_ONFAULT: pages are locked when somebody faults them in. */
function lockFlags(mode: string): number {
  return mode.includes('onfault') ? VM_LOCKED | VM_LOCKONFAULT : VM_LOCKED;
}

/** The flags `vma` has then: what may not be locked keeps its own. */
function mlock_fixup(k: Kernel, vma: Vma, lock: number): number {
  const { vm_flags } = vma;
  return vma_supports_mlock(vma, k.files[vma.vm_file]?.fs) ? (vm_flags & ~VM_LOCKED_MASK) | lock : vm_flags;
}

/** mlockall(2) and munlockall(2). `mode` says `current`, `future` or both; where it says neither, both are meant. */
export function* mlockall(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const locks = task.op === OP.mlockall;
  const mode = modeOf(k, task);
  const lock = locks ? lockFlags(mode) : 0;
  const future = mode.includes('future');
  const current = mode.includes('current') || !future;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  mm.def_flags = future || !mode.includes('current') ? lock : 0;
  if (current) {
    for (let vma = mm.mm_mt.first(); vma !== null; ) {
      const upTo: number = vma.vm_end;
      const flags = mlock_fixup(k, vma, lock);
      if (flags !== vma.vm_flags) yield* vma_modify(k, task, mm, vma, vma.vm_start, upTo, { flags });
      vma = mm.mm_mt.find(upTo);
    }
  }
  if (!hold(k, task, k.costs.op, !(locks && current))) yield;
  leave(k, task, mm, WRITE);
  if (locks && current) yield* populate(k, task, mm, 0, PAGE_END);
}

/** The identity of MPOL_LOCAL, of which there is one. */
const LOCAL = -1;

/** The policy that a call puts into VMAs. Which nodes it names a trace does not say: two that name any are taken for different. */
function policyOf(k: Kernel, task: Task): number {
  const mode = modeOf(k, task);
  if (mode === 'default' || mode === 'mpol_default') return 0;
  return mode === 'local' || mode === 'mpol_local' ? LOCAL : k.newIdentity();
}

/**
 * mbind(2), set_mempolicy_home_node(2), the rebinding of a cpuset: the walk that queues pages may mark every VMA of the range,
 * changed or not. Where a policy was put into an unmarked VMA, that was CVE-2023-4611.
 */
export function* mbind(k: Kernel, task: Task): Operation {
  const { mm } = task;
  const policy = policyOf(k, task);
  if (!tryEnter(k, task, mm, WRITE)) yield* enter(k, task, mm, WRITE);
  if (k.at['queue_pages_range.start_write'] === 'range') {
    const end = task.page + task.len;
    for (let vma = mm.mm_mt.find(task.page); vma !== null && vma.vm_start < end; vma = mm.mm_mt.next(vma)) {
      if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
    }
  }
  const unmarked = k.at['vma_replace_policy.start_write'] === 'none';
  yield* modifyRange(k, task, ({ vm_flags: flags, vm_policy }) =>
    vm_policy === policy ? null : { flags, policy, unmarked },
  );
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** mseal(2). */
export function* mseal(k: Kernel, task: Task): Operation {
  if (k.at.mseal === 'absent') return;
  const { mm } = task;
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  yield* modifyRange(k, task, vma => (vma.vm_flags & VM_SEALED ? null : { flags: vma.vm_flags | VM_SEALED }));
  if (!hold(k, task, k.costs.op)) yield;
  leave(k, task, mm, WRITE);
}

/** What do_mmap() sets anew from what it is told, and from the file; nothing that madvise, mbind or a userfaultfd added. */
const MAPPED_ANEW = VM_ACCESS_FLAGS | VM_SHARED | VM_LOCKED | VM_HUGETLB | VM_PFNMAP | VM_ACCOUNT | VM_NORESERVE;

/**
 * remap_file_pages(2): since 4.0 an mmap of another part of the file over the same range, which may be that of several VMAs; its
 * pages are populated.
 */
export function* remap_file_pages(k: Kernel, task: Task): Operation {
  const { mm } = task;
  if (k.at.remap_file_pages === 'read_then_write') {
    if (!tryEnter(k, task, mm, READ_KILLABLE)) yield* enter(k, task, mm, READ_KILLABLE);
    if (!hold(k, task, k.costs.minor, false)) yield;
    leave(k, task, mm, READ);
  }
  if (!tryEnter(k, task, mm, WRITE_KILLABLE)) yield* enter(k, task, mm, WRITE_KILLABLE);
  const vma = mm.mm_mt.walk(task.page);
  if (vma === null) {
    if (!hold(k, task, k.costs.op)) yield;
    leave(k, task, mm, WRITE);
    return;
  }
  const { vm_flags, vm_file, vm_ops } = vma;
  const end = task.page + task.len;
  const mapped = new Vma(task.page, end, vm_flags & MAPPED_ANEW, unknownOffset(k), vm_file, vm_ops, -1);
  // do_mmap(): what mlockall(MCL_FUTURE) asked for.
  if (vma_supports_mlock(mapped, k.files[vm_file]?.fs)) mapped.vm_flags |= mm.def_flags;
  mapped.label = vma.label;
  mapped.mapping = vma.mapping;
  yield* mmap_region(k, task, mm, mapped, false);
  leave(k, task, mm, WRITE);
  yield* populate(k, task, mm, mapped.vm_start, mapped.vm_end);
}
