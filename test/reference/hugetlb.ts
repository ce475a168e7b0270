/** hugetlb_fault(), hugetlb_no_page(), hugetlb_wp(): mm/hugetlb.c. A huge page is known by its first page. */
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
  signal,
  userfault,
  vmf_anon_prepare,
} from './handle.js';
import { type Area, type Entry, NOTHING } from './history.js';
import type { World } from './world.js';

export const HUGE = 512;
export const headOf = (page: number) => page - (page % HUGE);

export function hugetlb_fault(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  if (vmaLocked && w.at.hugetlb_fault === 'retry') return retry('hugetlb_fault');
  return { ...decide(w, f, vma, vmaLocked, entryOfHuge(w, f, vma)), at: headOf(f.page) };
}

function decide(w: World, f: Faulting, vma: Area, vmaLocked: boolean, { kind, cow, wp, rwp }: Entry): Outcome {
  const { costs } = w;
  const write = f.access === 'write';
  const own = entry(isShared(vma) ? 'file' : 'anon');
  switch (kind) {
    case 'marker':
    case 'none': {
      const { folio } = f.facts;
      const asks = (isArmed(vma, 'missing') && folio !== 'cached') || (isArmed(vma, 'minor') && folio !== 'absent');
      if (asks && !f.answered) return userfault(costs.minor);
      const outcome = noPage(w, f, vma, vmaLocked, own);
      return kind === 'none' || outcome.maps === null ? outcome : { ...outcome, maps: { ...outcome.maps, wp: true } };
    }
    case 'migration': {
      const back = { ...own, ...forbiddenStill(vma, { kind, cow, wp, rwp }) };
      const { ns, maps } = migration(w, f, headOf(f.page), back);
      return handled(costs.minor, maps, holding(f, ns));
    }
    case 'hwpoison':
    case 'poison':
      return signal(`hugetlb_fault.${kind}`, costs.minor);
  }
  if (rwp && isArmed(vma, 'rwp') && !f.answered) return userfault(costs.minor);
  const sync = isArmed(vma, 'wp') && !vma.like.includes('uffd_async');
  if (write && wp && sync && !f.answered) return userfault(costs.minor);
  const exclusive = (kind === 'anon' || kind === 'anon read-only') && !cow;
  return !write || isShared(vma) || exclusive ? handled(costs.minor, null) : anonymous(w, f, vma, vmaLocked);
}

/** Only what has no page in the page cache needs a new one; that of a private mapping needs an anon_vma. */
function noPage(w: World, f: Faulting, vma: Area, vmaLocked: boolean, own: Entry): Outcome {
  const { hugetlb } = w.costs;
  if (isShared(vma)) return handled(hugetlb, own, holding(f, 0));
  const cached = f.facts.folio === 'cached' && f.access !== 'write';
  return cached ? handled(hugetlb, entry('file read-only'), holding(f, 0)) : anonymous(w, f, vma, vmaLocked);
}

function anonymous(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  const extra = vmf_anon_prepare(w, f, vma, vmaLocked);
  return extra === null ? retry('vmf_anon_prepare') : handled(w.costs.hugetlb + extra, entry('anon'), holding(f, 0));
}

/** The entry it meets: there are no swap entries and no guards here. */
export function entryOfHuge(w: World, f: Faulting, vma: Area): Entry {
  const known = w.past.page(f.mm, headOf(f.page));
  if (f.settled) return known;
  let found = known;
  switch (f.facts.entry) {
    case 'none':
      return NOTHING;
    case 'present':
      if (known.kind === 'none') found = entry(vma.anon === 0 ? 'file read-only' : 'anon');
      break;
    case 'migration':
    case 'hwpoison':
      return { ...entry(f.facts.entry), wp: known.wp, rwp: known.rwp };
    case 'marker_poison':
      if (w.at['handle_pte_marker.poison'] !== 'absent') return entry('poison');
  }
  return f.facts.shared === undefined || found.kind === 'none' ? found : entry(found.kind, f.facts.shared);
}
