/**
 * Which anon_vmas may not be there yet when a fault meets their VMA, and which may be there already. The model knows when a
 * fault that fell back has mmap_lock, and gives its VMA an anon_vma; the recorded one may have waited longer, behind writers
 * who overtook it, or another was faster, or a system call that writes through pointers the recording does not follow.
 *
 * Models: mm/memory.c, __vmf_anon_prepare(); mm/rmap.c, __anon_vma_prepare(); mm/process_vm_access.c; mm/gup.c,
 * __get_user_pages() (v6.18).
 */
import type { Task } from '../kernel/task.js';
import { type AnonVma, type Vma, vma_is_anonymous } from '../kernel/vma.js';
import type { VmaTree } from '../kernel/vma-tree.js';
import type { Columns, TraceInfo } from '../trace/columns.js';
import type { Ns, Page } from '../units.js';
import { HIDDEN_MEMORY, OP } from '../vocab.js';
import { type Nearby, overBy, wentOn } from './nearby.js';
import type { FaultRow } from './result.js';
import type { Reach, Section, Sections } from './sections.js';
import { APART, type Slack, whileMarked } from './windows.js';

/** A fault, as far as that goes. */
export interface Preparing extends Omit<Nearby, 'beside' | 'away' | 'cpu'> {
  readonly write: boolean;
  readonly slack: Slack;
  /** it may have waited for mmap_lock, as the model says or because that cannot be told */
  readonly mayWait: boolean;
  /** its VMA; null until that is known */
  met: Met | null;
  /** a write section changed what is mapped there meanwhile: it may have met another VMA, or ended in a signal */
  elsewhere: boolean;
}

/** A VMA as it was when a fault met it. */
export interface Met {
  readonly vma: Vma;
  readonly start: Page;
  readonly end: Page;
  /** its thread had just written to it, as it was: there was an anon_vma */
  readonly again: boolean;
}

/** Who made an anon_vma: a fault, or a call that populates, which comes to it at any time from `t` to `next`. */
interface Maker extends Pick<Preparing, 'thread' | 't' | 'next' | 'mayWait' | 'elsewhere'> {
  readonly populates?: true;
}

interface Made {
  readonly by: Maker;
  /** other writes that met it: when one of them is over it is there, whatever became of its maker */
  readonly writes: Preparing[];
}

/** A page that another thread mapped anew while a write of it was under way, until `end`: the write may have met either VMA. */
interface Renewed {
  readonly page: Page;
  readonly end: Ns;
}

/** Operations that change what a page may be used for, or map something else there. */
const CHANGES: ReadonlySet<number> = new Set([OP.mmap, OP.munmap, OP.mremap, OP.mprotect, OP.pkey_mprotect]);
/** Writes by which it is tried to show that an anon_vma is there. */
const WRITES = 64;
/** Pages mapped anew under a write that are remembered, of an address space. */
const RENEWED = 64;
/** Where a fault leaves the VMA lock because its VMA has no anon_vma. */
const LACKING: ReadonlySet<string> = new Set(['lock_vma_under_rcu.anon_vma', 'vmf_anon_prepare', 'do_wp_page']);
/** Faults pages in for writing, in an address space and at places that only memory tells. */
const WRITES_ANYWHERE = 'process_vm_writev';

export class AnonVmas {
  private readonly made = new WeakMap<AnonVma, Made>();
  private readonly metBy = new WeakMap<Preparing, Made>();
  /** by thread: where it wrote last */
  private readonly last = new Map<number, Met>();
  /** mms in which a call made pages nobody knows where, and when first */
  private readonly written = new Map<number, Ns>();
  /** by mm, oldest first */
  private readonly renewed = new Map<number, Renewed[]>();

  constructor(private readonly sections: Sections) {}

  /** Takes the next event of the trace. */
  see({ op, name, mm, t, hidden }: Columns, row: number, { strings }: TraceInfo): void {
    if (op[row] !== OP.other) return;
    if (strings[name[row]] !== WRITES_ANYWHERE && hidden[row] !== HIDDEN_MEMORY) return;
    if (!this.written.has(mm[row])) this.written.set(mm[row], t[row]);
  }

  /** The fault gave its VMA this one, new or a neighbour's. */
  prepared(fault: Preparing, anonVma: AnonVma): void {
    if (!this.made.has(anonVma)) this.made.set(anonVma, { by: fault, writes: [] });
  }

  /** A call populated its VMA, in the section it has in hand. */
  populated({ id: thread, sectionGot: t, sectionEnd: next }: Task, anonVma: AnonVma): void {
    if (this.made.has(anonVma)) return;
    this.made.set(anonVma, { by: { thread, t, next, mayWait: false, elsewhere: false, populates: true }, writes: [] });
  }

  /** The fault was in this VMA. */
  met(fault: Preparing, vma: Vma): void {
    const { thread, write } = fault;
    const { vm_start: start, vm_end: end, anon_vma } = vma;
    const last = this.last.get(thread);
    const again = last !== undefined && last.vma === vma && last.start === start && last.end === end;
    fault.met = { vma, start, end, again };
    if (write) this.last.set(thread, fault.met);
    const made = anon_vma === null ? undefined : this.made.get(anon_vma);
    if (made === undefined) return;
    this.metBy.set(fault, made);
    if (write && fault !== made.by && made.writes.length < WRITES) made.writes.push(fault);
  }

  /** The fault is over. */
  over(fault: Preparing): void {
    const { write, thread, mm, page, t } = fault;
    if (!write) return;
    const until = wentOn(fault);
    for (const { op, thread: by, page: start, len, got, end } of this.sections.of(mm)) {
      if (!CHANGES.has(op) || by === thread || got >= until || end <= t || page < start || page >= start + len)
        continue;
      fault.elsewhere = true;
      if (op !== OP.mmap) continue;
      const renewed = this.renewed.get(mm) ?? [];
      this.renewed.set(mm, renewed);
      renewed.push({ page, end });
      if (renewed.length > RENEWED) renewed.shift();
    }
  }

  /** Can it not be told whether the VMA of the fault had its anon_vma? */
  areDoubtfulFor(fault: Preparing, { site }: FaultRow): boolean {
    return LACKING.has(site ?? '') ? this.mayBeThere(fault) : this.mayBeMissing(fault);
  }

  /** May the fault, whose VMA had none when the model looked it up, have met one? */
  private mayBeThere(fault: Preparing): boolean {
    const { t, thread, mm, slack, met } = fault;
    const written = this.written.get(mm);
    if (written !== undefined && written < t) return true;
    const until = Math.min(t + slack.lookup, overBy(fault));
    const renewed = this.renewed.get(mm) ?? [];
    if (met !== null && renewed.some(({ page, end }) => end < until && met.start <= page && page < met.end))
      return true;
    const anonVma = met?.vma.anon_vma;
    const made = anonVma ? this.made.get(anonVma) : undefined;
    if (made === undefined) return false;
    return [made.by, ...made.writes].some(other => other.thread !== thread && t <= other.t && other.t < until);
  }

  /** May the anon_vma that the fault met have been missing? */
  private mayBeMissing(fault: Preparing): boolean {
    const made = this.metBy.get(fault);
    if (made === undefined || made.by === fault) return false;
    const { t, thread, mm, slack } = fault;
    const { by, writes } = made;
    const isSure = (other: Maker): boolean =>
      !other.elsewhere && (other.thread === thread ? other.t < t : other.next <= t);
    // a VMA that mremap copied has what the other had by then, not what writes to that one made since
    if (isSure(by) || writes.some(write => write.met?.vma === fault.met?.vma && isSure(write))) return false;
    if (by.elsewhere || by.populates) return true;
    if (!by.mayWait) return false;
    // where processors stop anywhere, nobody needs to be in its way
    return slack.marking === null || t < this.sections.busyUntil(mm, by.t + slack.trylock) + slack.trylock;
  }

  /**
   * May `section` have marked more than the model knows, and the fault's VMA with it? It may where that is one VMA with a
   * marked one by now, or had been, were their anon_vmas made in another order.
   */
  mayBeMarked({ page, met, slack }: Preparing, section: Section, from: Ns, to: Ns): boolean {
    return section.marks.some(({ start, end, reach }) => {
      const joined = met !== null && !met.again && met.start < end && start < met.end && (page < start || page >= end);
      const within = reach !== null && reach.start <= page && page < reach.end && this.areDoubtful(reach);
      return (joined || within) && whileMarked(section, start, from, to, slack) !== APART;
    });
  }

  /** May one of them have been made later than the model says? */
  private areDoubtful({ anonVmas }: Reach): boolean {
    return anonVmas.some(anonVma => isLate(this.made.get(anonVma)));
  }
}

/** May it have been made later than the model says? */
const isLate = (made: Made | undefined): boolean => made !== undefined && (made.by.mayWait || made.by.elsewhere);

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
