/**
 * Which anon_vmas may not be there yet when a fault meets them. The model knows when a fault that fell back has mmap_lock, and
 * gives its VMA an anon_vma; the recorded one may have waited longer, behind writers who overtook it.
 *
 * Models: mm/memory.c, __vmf_anon_prepare(); mm/rmap.c, __anon_vma_prepare() (v6.18).
 */
import { type AnonVma, type Vma, vma_is_anonymous } from '../kernel/vma.js';
import type { VmaTree } from '../kernel/vma-tree.js';
import type { Page } from '../units.js';
import type { Nearby } from './nearby.js';
import type { Sections } from './sections.js';
import type { Slack } from './windows.js';

/** A fault, as far as that goes. */
export interface Preparing extends Pick<Nearby, 't' | 'thread' | 'mm' | 'next'> {
  readonly write: boolean;
  readonly slack: Slack;
  /** it may have waited for mmap_lock, as the model says or because that cannot be told */
  readonly mayWait: boolean;
}

/** An anon_vma that a fault made. */
interface Made {
  readonly by: Preparing;
  /** writes that met it: when one of them is over it is there, whatever became of its maker */
  readonly writes: Preparing[];
}

/** VMAs side by side that only their anon_vmas keep apart: one VMA, had these been made in another order. */
export interface Reach {
  readonly start: Page;
  readonly end: Page;
  readonly anonVmas: readonly AnonVma[];
}

/** Writes by which it is tried to show that an anon_vma is there. */
const WRITES = 64;

export class AnonVmas {
  private readonly made = new WeakMap<AnonVma, Made>();
  private readonly metBy = new WeakMap<Preparing, Made>();

  constructor(private readonly sections: Sections) {}

  /** The fault gave its VMA this one, new or a neighbour's. */
  prepared(fault: Preparing, anonVma: AnonVma): void {
    if (!this.made.has(anonVma)) this.made.set(anonVma, { by: fault, writes: [] });
  }

  /** The fault met this one. */
  met(fault: Preparing, anonVma: AnonVma): void {
    const made = this.made.get(anonVma);
    if (made === undefined) return;
    this.metBy.set(fault, made);
    if (fault.write && made.writes.length < WRITES) made.writes.push(fault);
  }

  /** May one of them have been made later than the model says? */
  areDoubtful({ anonVmas }: Reach): boolean {
    return anonVmas.some(anonVma => this.made.get(anonVma)?.by.mayWait);
  }

  /** May the anon_vma that the fault met have been missing? */
  mayBeMissing(fault: Preparing): boolean {
    const made = this.metBy.get(fault);
    if (made === undefined) return false;
    const { t, thread, mm, slack } = fault;
    const { by, writes } = made;
    if (by.thread === thread || by.next <= t || !by.mayWait) return false;
    if (writes.some(({ next }) => next <= t)) return false;
    // where processors stop anywhere, nobody needs to be in its way
    return slack.marking === null || t < this.sections.busyUntil(mm, by.t + slack.trylock) + slack.trylock;
  }
}

/**
 * What `vma`, marked for an operation on `[from, to)`, may have been a part of; null where nothing beside it could have been
 * merged with it.
 */
export function reachOf(tree: VmaTree, vma: Vma, from: Page, to: Page): Reach | null {
  const anonVmas = vma.anon_vma === null ? [] : [vma.anon_vma];
  // who is marked beside a range that is being mapped is to grow over it
  let start = vma.vm_start === to ? from : vma.vm_start;
  let end = vma.vm_end === from ? to : vma.vm_end;
  const [near, far] = [start, end];
  for (let prev = like(vma, tree.walk(start - 1)); prev !== null; prev = like(vma, tree.walk(start - 1))) {
    if (prev.anon_vma !== null) anonVmas.push(prev.anon_vma);
    start = prev.vm_start;
  }
  for (let next = like(vma, tree.walk(end)); next !== null; next = like(vma, tree.walk(end))) {
    if (next.anon_vma !== null) anonVmas.push(next.anon_vma);
    end = next.vm_end;
  }
  return start === near && end === far ? null : { start, end, anonVmas };
}

/** `other` where it could be one VMA with `vma`. */
function like(vma: Vma, other: Vma | null): Vma | null {
  if (other === null || other.vm_flags !== vma.vm_flags) return null;
  return vma_is_anonymous(vma) && vma_is_anonymous(other) ? other : null;
}
