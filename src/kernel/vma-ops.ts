/**
 * What operations do to VMAs inside a write section: split, unmap, modify a range, in the kernel's order of marks and
 * stores.
 *
 * Models: mm/vma.c __split_vma, vms_gather_munmap_vmas, vms_complete_munmap_vmas, vma_modify (v6.18); mm/mmap.c
 * do_vmi_align_munmap (v6.4, v6.6), vma_merge (v6.0 with the proof of concept).
 *
 * Context: mmap_lock held for writing by `task`.
 */
import { PAGE_END, type Page } from '../units.js';
import type { Kernel } from './kernel.js';
import type { Mm } from './mm.js';
import { readersLeave, vma_start_write, vma_store } from './section.js';
import type { Task } from './task.js';
import { VM_SEALED, VM_SPECIAL, Vma } from './vma.js';
import { commit_merge, type VmaMerge, vma_merge_existing_range, vma_merge_new_range } from './vma-merge.js';

/** vm_area_dup(): a copy that is in no tree. */
export function vm_area_dup(vma: Vma): Vma {
  const copy = new Vma(vma.vm_start, vma.vm_end, vma.vm_flags, vma.vm_pgoff, vma.vm_file, vma.vm_ops, vma.name);
  copy.anon_vma = vma.anon_vma;
  copy.anon_vma_chain = vma.anon_vma_chain;
  copy.label = vma.label;
  copy.mapping = vma.mapping;
  copy.vm_policy = vma.vm_policy;
  copy.vm_userfaultfd_ctx = vma.vm_userfaultfd_ctx;
  return copy;
}

/**
 * __split_vma(): cuts `vma` at `at`; the new VMA is the lower part when `newBelow`.
 *
 *     0123456789      before  AAAAAAAAAA
 *                     newBelow NNNNAAAAAA     else  AAAANNNNNN
 */
export function* __split_vma(
  k: Kernel,
  task: Task,
  mm: Mm,
  vma: Vma,
  at: Page,
  newBelow: boolean,
): Generator<undefined, Vma, undefined> {
  const part = vm_area_dup(vma);
  if (newBelow) part.vm_end = at;
  else {
    part.vm_start = at;
    part.vm_pgoff = vma.vm_pgoff + (at - vma.vm_start);
  }
  if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
  const marks = k.at['__split_vma.start_write'];
  if (marks === 'both') vma_start_write(k, task, mm, part);
  const next = marks === 'target_and_next' ? mm.mm_mt.next(vma) : null;
  if (next !== null && !vma_start_write(k, task, mm, next)) yield* readersLeave(k, task, mm, next);
  // vma_adjust_trans_huge()
  mm.page_table.splitEnds(at, at);
  if (newBelow) mm.mm_mt.resize(vma, at, vma.vm_end);
  else mm.mm_mt.resize(vma, vma.vm_start, at);
  vma_store(k, mm, part);
  return part;
}

/**
 * vms_gather_munmap_vmas(): splits at the ends of `[start, end)`, then marks and detaches every VMA in it. They are in the
 * tree still: who looks there finds a marked VMA.
 *
 * @returns the VMAs; null when one is sealed (EPERM) and nothing was done
 */
export function* vms_gather_munmap_vmas(
  k: Kernel,
  task: Task,
  mm: Mm,
  start: Page,
  end: Page,
): Generator<undefined, Vma[] | null, undefined> {
  const tree = mm.mm_mt;
  const gathered: Vma[] = [];
  let vma = tree.find(start);
  if (vma === null || vma.vm_start >= end) return gathered;
  for (let v: Vma | null = vma; v !== null && v.vm_start < end; v = tree.next(v)) {
    if (v.vm_flags & VM_SEALED) return null;
  }
  if (start > vma.vm_start) {
    const newBelow = k.at['__split_vma.first'] === 'below';
    const part: Vma = yield* __split_vma(k, task, mm, vma, start, newBelow);
    if (!newBelow) vma = part;
  }
  while (vma !== null && vma.vm_start < end) {
    if (vma.vm_end > end) {
      const newBelow = k.at['__split_vma.last'] === 'below';
      const part: Vma = yield* __split_vma(k, task, mm, vma, end, newBelow);
      if (newBelow) vma = part;
    }
    if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
    k.lock?.detach(vma);
    gathered.push(vma);
    vma = tree.next(vma);
  }
  return gathered;
}

/** vma_iter_clear_gfp(), or a store over them: the gathered VMAs leave the tree at once. */
export function erase(mm: Mm, gathered: readonly Vma[]): void {
  for (const vma of gathered) mm.mm_mt.erase(vma);
}

/** Gathers `[start, end)` and takes it out of the tree. Returns how many VMAs that were; -1 when one is sealed. */
export function* unmap_range(
  k: Kernel,
  task: Task,
  mm: Mm,
  start: Page,
  end: Page,
): Generator<undefined, number, undefined> {
  // do_vmi_munmap(): EINVAL
  if (start === end) return 0;
  const gathered = yield* vms_gather_munmap_vmas(k, task, mm, start, end);
  if (gathered === null) return -1;
  erase(mm, gathered);
  return gathered.length;
}

/** unmap_region(): zaps `[start, end)`, out of which every VMA is gone, and frees the tables up to the neighbours. */
export function unmap_region(mm: Mm, start: Page, end: Page): void {
  const { mm_mt, page_table } = mm;
  page_table.clearRange(start, end);
  page_table.freeTables(mm_mt.lastBelow(start)?.vm_end ?? 0, mm_mt.find(end)?.vm_start ?? PAGE_END);
}

/** What vma_modify() gives a range: fields left out stay as they are. */
export interface Modification {
  flags: number;
  policy?: number;
  uffd_ctx?: number;
  name?: number;
  /** the part that changes is not marked for it: vma_replace_policy() once was like that */
  unmarked?: boolean;
}

/**
 * vma_modify(): gives `[start, end)` inside `vma` new properties: merges it with what then is alike, else splits, marks
 * and changes it.
 *
 * @returns the VMA that now covers `start`
 */
export function* vma_modify(
  k: Kernel,
  task: Task,
  mm: Mm,
  vma: Vma,
  start: Page,
  end: Page,
  change: Modification,
): Generator<undefined, Vma, undefined> {
  const { vmg } = mm;
  vmg.forModify(mm.mm_mt, vma, start, end);
  vmg.flags = change.flags;
  if (change.policy !== undefined) vmg.policy = change.policy;
  if (change.uffd_ctx !== undefined) vmg.uffd_ctx = change.uffd_ctx;
  if (change.name !== undefined) vmg.name = change.name;
  // vma_adjust_trans_huge(), also where a merge moves the edges.
  mm.page_table.splitEnds(start, end);
  const merged = yield* vma_merge(k, task, mm);
  if (merged !== null) return merged;
  // split_vma(): first the lower edge, then the upper; the part in the middle keeps its identity.
  if (start > vma.vm_start) yield* __split_vma(k, task, mm, vma, start, true);
  if (end < vma.vm_end) yield* __split_vma(k, task, mm, vma, end, false);
  if (!change.unmarked && !vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
  return applyTo(vma, change);
}

function applyTo(vma: Vma, change: Modification): Vma {
  vma.vm_flags = change.flags;
  if (change.policy !== undefined) vma.vm_policy = change.policy;
  if (change.uffd_ctx !== undefined) vma.vm_userfaultfd_ctx = change.uffd_ctx;
  if (change.name !== undefined) vma.name = change.name;
  return vma;
}

/**
 * vma_merge(), later vma_merge_existing_range() and vma_merge_new_range(): the range in `mm.vmg` joins its neighbours, who
 * are marked for it. `gathered` is in the tree still and gives way to the merged VMA.
 *
 * @returns the merged VMA; null when nothing merges
 */
export function* vma_merge(
  k: Kernel,
  task: Task,
  mm: Mm,
  gathered: readonly Vma[] = [],
): Generator<undefined, Vma | null, undefined> {
  const { vmg } = mm;
  if (k.at['vma_merge.start_write'] === 'neighbours' && !(vmg.flags & VM_SPECIAL)) {
    for (const vma of neighbours(vmg)) {
      if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
    }
  }
  if (!(vmg.middle === null ? vma_merge_new_range(vmg) : vma_merge_existing_range(vmg))) return null;
  const { target, shrunk, removed } = vmg;
  if (target !== null && !vma_start_write(k, task, mm, target)) yield* readersLeave(k, task, mm, target);
  if (shrunk !== null && !vma_start_write(k, task, mm, shrunk)) yield* readersLeave(k, task, mm, shrunk);
  for (const vma of removed) if (!vma_start_write(k, task, mm, vma)) yield* readersLeave(k, task, mm, vma);
  erase(mm, gathered);
  const merged = commit_merge(mm.mm_mt, vmg);
  for (const vma of removed) k.lock?.detach(vma);
  return merged;
}

/** Whom the first vma_merge() to know VMA locks marked before it decided: prev, what follows it, and who follows that. */
function neighbours({ prev, middle, next, start, end }: VmaMerge): Vma[] {
  const around =
    middle === null
      ? [prev, next]
      : // Its callers passed the VMA itself as prev when its beginning stays as it was.
        start > middle.vm_start
        ? [middle, next]
        : [prev, middle, end === middle.vm_end ? next : null];
  return around.filter(vma => vma !== null);
}
