/**
 * Which anon_vmas may not be there yet when a fault meets them. The model knows when a fault that fell back has mmap_lock, and
 * gives its VMA an anon_vma; the recorded one may have waited longer, behind writers who overtook it.
 *
 * Models: mm/memory.c, __vmf_anon_prepare(); mm/rmap.c, __anon_vma_prepare() (v6.18).
 */
import type { AnonVma } from '../kernel/vma.js';
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
