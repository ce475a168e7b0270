/** PMDs of memory that is not hugetlb: mm/huge_memory.c, mm/memory.c create_huge_pmd(), wp_huge_pmd(). */
import { opsOf } from './files.js';
import {
  entry,
  type Faulting,
  forbiddenStill,
  handled,
  holding,
  isArmed,
  isShared,
  migration,
  type Outcome,
  retry,
  userfault,
  vmf_anon_prepare,
} from './handle.js';
import type { Area, Entry } from './history.js';
import { HUGE, headOf } from './hugetlb.js';
import type { World } from './world.js';

/** Does one VMA map all the 2 MiB from `head` on? */
export const covers = ({ start, end }: Area, head: number): boolean => start <= head && head + HUGE <= end;

/** An entry that moved by so many pages: a PMD goes as a whole only to where it fits. */
export const landed = (entry: Entry, by: number): Entry => (by % HUGE === 0 ? entry : { ...entry, huge: false });

/** Is the fault one of a PMD, or of a PUD? A PMD holds no markers and nothing that is swapped. */
export function isHuge(w: World, f: Faulting, vma: Area, { kind, huge }: Entry): boolean {
  if (['swap', 'device_exclusive', 'hwpoison', 'poison', 'guard', 'marker'].includes(kind)) return false;
  return huge === true || f.facts.huge !== undefined || (kind === 'none' && isWanted(w, f, vma));
}

/** MADV_HUGEPAGE, and nothing there yet; where the trace says what the fault met, it says that too. */
export function isWanted(w: World, f: Faulting, vma: Area): boolean {
  const head = headOf(f.page);
  const said = Object.entries(f.facts).some(([key, fact]) => key !== 'wait' && fact !== undefined);
  if (said || vma.file !== null || !vma.like.includes('hugepage') || !covers(vma, head)) return false;
  return w.past.pages(f.mm, head, head + HUGE).length === 0;
}

export function huge_fault(
  w: World,
  f: Faulting,
  vma: Area,
  vmaLocked: boolean,
  met: Entry,
  small: { do_fault: Handler; do_wp_page: (...args: [...Parameters<Handler>, Entry]) => Outcome },
): Outcome {
  const { costs, at } = w;
  const write = f.access === 'write';
  const pud = f.facts.huge === 'pud';
  const whole = (kind: Entry['kind'], outcome: Outcome): Outcome => ({
    ...outcome,
    maps: { ...entry(kind), huge: true },
  });
  const back = (outcome: Outcome): Outcome => ({ ...outcome, maps: { ...outcome.maps!, ...forbiddenStill(vma, met) } });
  const file = write ? 'file' : 'file read-only';
  if (met.kind === 'migration') {
    const { ns, maps } = migration(w, f, f.page, entry(vma.file === null ? 'anon' : 'file read-only'));
    const waited = handled(costs.minor, null, holding(f, ns));
    return maps === null ? waited : back(whole(maps.kind, waited));
  }
  if (met.kind === 'device_private' && at.do_huge_pmd_device_private === 'retry') {
    return vmaLocked ? retry('do_huge_pmd_device_private') : back(whole('anon', handled(costs.minor, null)));
  }
  if (met.kind === 'none' || met.kind === 'device_private') {
    if (vma.file === null) {
      const extra = vmf_anon_prepare(w, f, vma, vmaLocked);
      if (extra === null) return retry('vmf_anon_prepare');
      if (isArmed(vma, 'missing') && !f.answered) return userfault(costs.huge + extra);
      return whole('anon', handled(costs.huge + extra, null));
    }
    if (!opsOf(vma).huge) {
      const outcome = small.do_fault(w, f, vma, vmaLocked);
      return outcome.result === 'handled' && (!write || isShared(vma)) ? whole(file, outcome) : outcome;
    }
    if (vmaLocked && at.create_huge_pmd === 'retry') return retry(pud ? 'create_huge_pud' : 'create_huge_pmd');
    return pud ? handled(costs.huge, null) : whole(file, handled(costs.huge, null));
  }
  if (met.rwp && isArmed(vma, 'rwp') && !f.answered) return userfault(costs.minor);
  if (met.hint || f.facts.numa_hint) return { ...handled(costs.minor, null, holding(f, 0)), unhints: true };
  const locked = f.facts.folio === 'locked';
  const writable = (met.kind === 'anon' || met.kind === 'file') && !met.cow && !met.wp;
  if (!write || (writable && !locked)) return handled(costs.minor, null);
  const async = vma.like.includes('uffd_async');
  if (vma.file === null && met.wp && isArmed(vma, 'wp') && !async && !f.answered) return userfault(costs.minor);
  const splits = vma.file === null ? met.cow || (met.wp && async) : !opsOf(vma).huge || !isShared(vma);
  if (splits) {
    w.splitAround(f.mm, f.thread, f.page);
    if (vma.file !== null) {
      const outcome = small.do_fault(w, f, vma, vmaLocked);
      return outcome.result === 'handled' && isShared(vma) ? whole('file', outcome) : outcome;
    }
    const outcome = small.do_wp_page(w, f, vma, vmaLocked, met);
    const waits = locked && outcome.result === 'handled';
    return waits ? { ...outcome, sleep: holding(f, costs.wait_folio) } : outcome;
  }
  if (vma.file !== null && vmaLocked && at.wp_huge_pmd === 'retry') return retry(pud ? 'wp_huge_pud' : 'wp_huge_pmd');
  const reused = handled(costs.wp, null, locked ? holding(f, costs.wait_folio) : 0);
  return pud ? reused : whole(vma.file === null ? 'anon' : 'file', reused);
}

type Handler = (w: World, f: Faulting, vma: Area, vmaLocked: boolean) => Outcome;
