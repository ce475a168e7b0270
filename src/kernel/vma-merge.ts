/**
 * Which VMAs become one: the kernel's merge predicates, and a plan of each merge as data, made before anything changes.
 *
 * Models: mm/vma.c, is_mergeable_vma, is_mergeable_anon_vma, can_vma_merge_before, can_vma_merge_after,
 * vma_merge_existing_range, vma_merge_new_range, vma_expand, vma_merge_extend, copy_vma, dup_anon_vma, commit_merge,
 * find_mergeable_anon_vma (v6.12 to v6.18); mm/mmap.c, vma_merge and mmap_region (v6.4 to v6.11), whose cases are the same.
 * Leaves out: VM_SOFTDIRTY, which no merge compares; vm_ops->close (nothing we map has one that keeps
 * it from merging); failed allocations; that mmap_region before v6.12 joined only next when prev alone had no anon_vma.
 * Units: pages.
 */
import { invariant } from '../errors.js';
import type { Page } from '../units.js';
import { type AnonVma, VM_ACCESS_FLAGS, VM_SPECIAL, VM_STICKY, type Vma } from './vma.js';
import type { VmaTree } from './vma-tree.js';

/** Which neighbours the range joins. */
export type MergeKind = 'none' | 'left' | 'right' | 'both';

/**
 * struct vma_merge_struct: the range that wants to merge, and after vma_merge_*() the plan. Reused: each for*() method
 * forgets the range and the plan before.
 */
export class VmaMerge {
  /**
   * May a faulted range join a VMA that never faulted? Since 879bca0a2c4f ("mm/vma: fix incorrectly disallowed anonymous
   * VMA merges", v6.16). Kept from range to range.
   */
  into_unfaulted: boolean;

  // The range and what it is going to be.
  start: Page = 0;
  end: Page = 0;
  pgoff: Page = 0;
  flags = 0;
  file = -1;
  anon_vma: AnonVma | null = null;
  policy = 0;
  uffd_ctx = 0;
  name = -1;
  prev: Vma | null = null;
  /** the VMA the range is part of; null for a new range */
  middle: Vma | null = null;
  next: Vma | null = null;
  /** mremap's source, for a new range that is a copy */
  copied_from: Vma | null = null;
  /** brk: never looks at next */
  just_expand = false;

  // The plan; of meaning only while `kind` is not 'none'.
  kind: MergeKind = 'none';
  /** the VMA that grows to `[merged_start, merged_end)` */
  target: Vma | null = null;
  merged_start: Page = 0;
  merged_end: Page = 0;
  /** VMAs that the target swallows: middle, next or both, in address order */
  readonly removed: Vma[] = [];
  /** middle, when it only loses a part to the target: then `[shrunk_start, shrunk_end)` is left of it */
  shrunk: Vma | null = null;
  shrunk_start: Page = 0;
  shrunk_end: Page = 0;
  /** dup_anon_vma(): whose anon_vma the target takes over; null when it takes none */
  anon_from: Vma | null = null;

  constructor(into_unfaulted: boolean) {
    this.into_unfaulted = into_unfaulted;
  }

  /** A new mapping over `[start, end)`, which is empty or about to be. Set policy, uffd_ctx, name, just_expand after. */
  forNew(tree: VmaTree, start: Page, end: Page, flags: number, file: number, pgoff: Page): this {
    this.reset(start, end, pgoff);
    this.flags = flags;
    this.file = file;
    this.prev = tree.lastBelow(start);
    this.next = tree.firstFrom(end);
    return this;
  }

  /** VMG_VMA_STATE: `[start, end)` inside `vma` is about to change. Then set what changes: flags, policy, uffd_ctx, name. */
  forModify(tree: VmaTree, vma: Vma, start: Page, end: Page): this {
    invariant(vma.vm_start <= start && start < end && end <= vma.vm_end, 'merge: the range is not part of the VMA');
    this.reset(start, end, vma.vm_pgoff + (start - vma.vm_start));
    this.like(vma);
    this.prev = tree.prev(vma);
    this.middle = vma;
    this.next = tree.next(vma);
    return this;
  }

  /** vma_merge_extend(): `vma` grows in place by `delta` pages, which are empty. */
  forExtend(tree: VmaTree, vma: Vma, delta: number): this {
    this.reset(vma.vm_end, vma.vm_end + delta, vma.vm_pgoff + (vma.vm_end - vma.vm_start));
    this.like(vma);
    this.prev = vma;
    this.next = tree.next(vma);
    return this;
  }

  /** copy_vma(): `[start, end)`, which is empty, is going to be a copy of `vma` at `pgoff`. */
  forCopy(tree: VmaTree, vma: Vma, start: Page, end: Page, pgoff: Page): this {
    this.reset(start, end, pgoff);
    this.like(vma);
    this.copied_from = vma;
    this.prev = tree.lastBelow(start);
    this.next = tree.firstFrom(end);
    return this;
  }

  private reset(start: Page, end: Page, pgoff: Page): void {
    this.start = start;
    this.end = end;
    this.pgoff = pgoff;
    this.anon_vma = null;
    this.policy = 0;
    this.uffd_ctx = 0;
    this.name = -1;
    this.middle = null;
    this.copied_from = null;
    this.just_expand = false;
    this.kind = 'none';
    this.target = null;
    this.shrunk = null;
    this.anon_from = null;
    this.removed.length = 0;
  }

  private like(vma: Vma): void {
    this.flags = vma.vm_flags;
    this.file = vma.vm_file;
    this.anon_vma = vma.anon_vma;
    this.policy = vma.vm_policy;
    this.uffd_ctx = vma.vm_userfaultfd_ctx;
    this.name = vma.name;
  }
}

/** Linked to anon_vmas of its ancestors too: merging would spread their lock over more memory. */
function vma_is_fork_child(vma: Vma | null): boolean {
  return vma !== null && vma.anon_vma !== null && vma.anon_vma_chain !== 1;
}

/** Everything but the anon_vma and the offset. */
export function is_mergeable_vma(vmg: VmaMerge, vma: Vma): boolean {
  return (
    ((vma.vm_flags ^ vmg.flags) & ~VM_STICKY) === 0 &&
    vma.vm_file === vmg.file &&
    vma.vm_policy === vmg.policy &&
    vma.vm_userfaultfd_ctx === vmg.uffd_ctx &&
    vma.name === vmg.name
  );
}

/** The anon_vma of the range and that of the neighbour it joins: the same, or one of them missing and nothing forked. */
export function is_mergeable_anon_vma(vmg: VmaMerge, vma: Vma): boolean {
  if (vmg.anon_vma === vma.anon_vma) return true;
  if (vmg.anon_vma === null) return !vma_is_fork_child(vma);
  if (vma.anon_vma !== null || !vmg.into_unfaulted) return false;
  return !vma_is_fork_child(vmg.middle) && !vma_is_fork_child(vmg.copied_from);
}

/** Can the range join `next`, seen from the properties and the offset alone? */
export function can_vma_merge_before(vmg: VmaMerge, next: Vma): boolean {
  return (
    is_mergeable_vma(vmg, next) &&
    is_mergeable_anon_vma(vmg, next) &&
    next.vm_pgoff === vmg.pgoff + (vmg.end - vmg.start)
  );
}

/** Can the range join `prev`, seen from the properties and the offset alone? */
export function can_vma_merge_after(vmg: VmaMerge, prev: Vma): boolean {
  return (
    is_mergeable_vma(vmg, prev) &&
    is_mergeable_anon_vma(vmg, prev) &&
    prev.vm_pgoff + (prev.vm_end - prev.vm_start) === vmg.pgoff
  );
}

function can_vma_merge_left(vmg: VmaMerge): boolean {
  const { prev } = vmg;
  return prev !== null && prev.vm_end === vmg.start && can_vma_merge_after(vmg, prev);
}

/** Beside joining next, prev and next must suit each other when the range joins both. */
function can_vma_merge_right(vmg: VmaMerge, merge_left: boolean): boolean {
  const { prev, next } = vmg;
  if (next === null || next.vm_start !== vmg.end || !can_vma_merge_before(vmg, next)) return false;
  if (!merge_left || prev === null) return true;
  return prev.anon_vma === null || next.anon_vma === null || prev.anon_vma === next.anon_vma;
}

/** Plans the target: `vma` becomes `[start, end)`. */
function expand(vmg: VmaMerge, kind: MergeKind, vma: Vma, start: Page, end: Page): void {
  vmg.kind = kind;
  vmg.target = vma;
  vmg.merged_start = start;
  vmg.merged_end = end;
}

/** Plans dup_anon_vma(target, source). */
function inherit(vmg: VmaMerge, source: Vma | null): void {
  if (source !== null && source.anon_vma !== null && vmg.target?.anon_vma === null) vmg.anon_from = source;
}

/**
 * Plans how a new range joins its neighbours; `*` is the range.
 *
 *     left   PPPP****      P extends
 *     right      ****NNNN  N extends downwards
 *     both   PPPP****NNNN  P extends, N is removed
 *
 * @returns whether there is a merge; without one the caller stores a VMA of its own
 */
export function vma_merge_new_range(vmg: VmaMerge): boolean {
  const { prev, next } = vmg;
  if (vmg.flags & VM_SPECIAL) return false;
  const left = can_vma_merge_left(vmg);
  const right = !vmg.just_expand && can_vma_merge_right(vmg, left);
  if (left && right && prev !== null && next !== null) {
    expand(vmg, 'both', prev, prev.vm_start, next.vm_end);
    vmg.removed.push(next);
    inherit(vmg, next);
  } else if (left && prev !== null) {
    expand(vmg, 'left', prev, prev.vm_start, vmg.end);
  } else if (right && next !== null) {
    expand(vmg, 'right', next, vmg.start, next.vm_end);
  } else {
    return false;
  }
  if (vmg.anon_from === null) inherit(vmg, vmg.copied_from);
  return true;
}

/**
 * Plans how a part of middle that is about to change joins its neighbours; `*` is the part, `M` the rest of middle.
 *
 *     both   PPPP****NNNN  P extends, middle and N are removed
 *     left   PPPP****      P extends, middle is removed
 *            PPPP****MMMM  P extends, middle shrinks from below
 *     right      ****NNNN  N extends downwards, middle is removed
 *            MMMM****NNNN  N extends downwards, middle shrinks from above
 *
 * @returns whether there is a merge; without one the caller splits middle where the part ends and changes the part
 */
export function vma_merge_existing_range(vmg: VmaMerge): boolean {
  const { prev, middle, next, start, end } = vmg;
  invariant(middle !== null, 'merge: no VMA is being modified');
  const left_side = start === middle.vm_start;
  const right_side = end === middle.vm_end;
  if (vmg.flags & VM_SPECIAL) return false;
  const left = left_side && can_vma_merge_left(vmg);
  const right = right_side && can_vma_merge_right(vmg, left);
  if (left && right && prev !== null && next !== null) {
    expand(vmg, 'both', prev, prev.vm_start, next.vm_end);
    vmg.removed.push(middle, next);
    inherit(vmg, next.anon_vma === null ? middle : next);
    return true;
  }
  if (left && prev !== null) {
    expand(vmg, 'left', prev, prev.vm_start, end);
    if (!right_side) shrink(vmg, middle, end, middle.vm_end);
  } else if (right && next !== null) {
    expand(vmg, 'right', next, start, next.vm_end);
    if (!left_side) shrink(vmg, middle, middle.vm_start, start);
  } else {
    return false;
  }
  if (vmg.shrunk === null) vmg.removed.push(middle);
  inherit(vmg, middle);
  return true;
}

/** Plans what is left of middle: `[start, end)`. */
function shrink(vmg: VmaMerge, middle: Vma, start: Page, end: Page): void {
  vmg.shrunk = middle;
  vmg.shrunk_start = start;
  vmg.shrunk_end = end;
}

/**
 * Carries the plan out in the tree, and dup_anon_vma(). On return the removed VMAs are out of the tree and the caller
 * marks them detached. Whatever else lies in the merged range must be out of the tree already.
 *
 * Context: mmap_lock held for writing; target, removed and shrunk VMAs marked with vma_start_write().
 * @returns the target
 */
export function commit_merge(tree: VmaTree, vmg: VmaMerge): Vma {
  const { target, shrunk, anon_from } = vmg;
  invariant(target !== null, 'merge: there is no plan to carry out');
  target.vm_flags |= vmg.flags & VM_STICKY;
  for (const vma of vmg.removed) {
    target.vm_flags |= vma.vm_flags & VM_STICKY;
    tree.erase(vma);
  }
  if (shrunk !== null) tree.resize(shrunk, vmg.shrunk_start, vmg.shrunk_end);
  tree.resize(target, vmg.merged_start, vmg.merged_end);
  if (anon_from !== null) {
    target.anon_vma = anon_from.anon_vma;
    target.anon_vma_chain = anon_from.anon_vma_chain;
  }
  return target;
}

/** Could `a` and the adjoining `b` be one VMA again after an mprotect()? */
function anon_vma_compatible(a: Vma, b: Vma): boolean {
  return (
    a.vm_end === b.vm_start &&
    a.vm_policy === b.vm_policy &&
    a.vm_file === b.vm_file &&
    ((a.vm_flags ^ b.vm_flags) & ~(VM_ACCESS_FLAGS | VM_STICKY)) === 0 &&
    b.vm_pgoff === a.vm_pgoff + (b.vm_start - a.vm_start)
  );
}

function reusable_anon_vma(old: Vma, a: Vma, b: Vma): AnonVma | null {
  return anon_vma_compatible(a, b) && old.anon_vma_chain === 1 ? old.anon_vma : null;
}

/** The anon_vma of next or prev that the first fault in `vma` shares, so that the two may merge later; or null. */
export function find_mergeable_anon_vma(tree: VmaTree, vma: Vma): AnonVma | null {
  const next = tree.next(vma);
  const shared = next === null ? null : reusable_anon_vma(next, vma, next);
  if (shared !== null) return shared;
  const prev = tree.prev(vma);
  return prev === null ? null : reusable_anon_vma(prev, prev, vma);
}
