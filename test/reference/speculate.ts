/** Speculative page faults: Dufour's __handle_speculative_fault(), Lespinasse's do_user_addr_fault(). Nothing is locked. */
import { forbids } from './fault.js';
import { opsOf } from './files.js';
import { entryOf, type Faulting, folioIn, handle_mm_fault, isArmed, isShared } from './handle.js';
import { ABSENT, type Area, type Entry } from './history.js';
import { isWanted } from './huge.js';
import type { Life, World } from './world.js';

/** The verdict; '' when it gives up, with the site set. */
export function* speculate(w: World, f: Faulting): Life<string> {
  const { thread, mm } = f;
  const perVma = w.stage.vmaLock === 'vm_sequence';
  const vma = perVma ? w.areaFrom(mm, f.page) : w.areaAt(mm, f.page);
  const { writer } = w.past.mmapLock(mm);
  const [cause, byWriter] = perVma ? whyNotVma(w, f, vma) : writer >= 0 ? WRITER : [whyNotMm(w, f, vma), false];
  if (cause !== null || vma === null) {
    f.site = cause;
    if (byWriter) w.blames(thread, writer);
    return '';
  }
  if (perVma && forbids(vma, f)) {
    f.site = '__handle_speculative_fault.access_error';
    return 'signal';
  }
  const before = count(w, mm, vma);
  const found = w.past.page(mm, f.page);
  f.speculates = true;
  const outcome = handle_mm_fault(w, f, vma, false);
  f.speculates = false;
  thread.waited += outcome.sleep;
  if (outcome.cost + outcome.sleep > 0) yield* w.sleep(thread, outcome.cost + outcome.sleep);
  if (count(w, mm, vma) !== before) {
    f.site = perVma ? 'pte_map_lock.vma_has_changed' : '__pte_map_lock.spf_abort_pte_map_lock_seq1';
    w.blames(thread, w.past.mmapLock(mm).writer);
    return '';
  }
  const now = w.past.page(mm, f.page);
  const same = now.kind === found.kind && now.cow === found.cow && now.wp === found.wp;
  if (outcome.maps !== null && same) w.note(mm, thread, { what: 'page', page: f.page, entry: outcome.maps });
  f.site = outcome.result === 'signal' ? outcome.site : null;
  return outcome.result === 'signal' ? 'signal' : 'speculative';
}

const WRITER: [string, boolean] = ['do_user_addr_fault.spf_abort_odd', true];

/** The sequence count: it moves with every mark of the VMA, or with the beginning and the end of every write section. */
function count(w: World, mm: string, vma: Area): number {
  if (w.stage.vmaLock === 'mmap_seq') return w.past.mmapLock(mm).sections;
  return w.past.timesMarked(mm, vma.id) + (w.past.wasDetached(mm, vma.id) ? 1 : 0);
}

/** Dufour: why not, and whether a writer is to blame. */
function whyNotVma(w: World, f: Faulting, vma: Area | null): [string | null, boolean] {
  const here = (cause: string): [string, boolean] => [`__handle_speculative_fault.${cause}`, cause === 'vm_sequence'];
  if (vma === null) return here('no_vma');
  if (w.past.isMarked(f.mm, vma.id)) return here('vm_sequence');
  if (vma.file !== null && !opsOf(vma).empty) return here('vm_ops');
  if (vma.file === null && vma.anon === 0) return here('anon_vma');
  if (isArmed(vma, 'missing')) return here('userfaultfd');
  if (vma.like.includes('growsdown')) return here('growsdown');
  if (f.page < vma.start) return here('range');
  if (f.facts.race !== undefined) return here('vma_has_changed');
  if (forbids(vma, f)) return [null, false];
  if (!hasTable(w, f, vma)) return here('pmd');
  const { kind } = entryOf(w, f, vma);
  if (vma.file !== null && kind === 'none') return ['handle_pte_fault', false];
  // A locked folio is in the swap cache.
  const { folio, swap_sync } = f.facts;
  const atHand = folio === 'cached' || folio === 'locked' || swap_sync;
  return [kind === 'swap' && !atHand ? 'do_swap_page' : null, false];
}

/** No table of PTEs is made by a speculation, and no huge page; an entry that is stated proves one. */
function hasTable(w: World, f: Faulting, vma: Area): boolean {
  if (f.facts.huge !== undefined || w.past.page(f.mm, f.page).huge || isWanted(w, f, vma)) return false;
  if ((f.facts.entry ?? 'none') !== 'none') w.note(f.mm, f.thread, { what: 'table', page: f.page });
  return w.past.hasTable(f.mm, f.page);
}

/** Lespinasse: anonymous memory; in 2021 page-cache files too, but no write to a shared one. */
function whyNotMm(w: World, f: Faulting, vma: Area | null): string | null {
  const write = f.access === 'write';
  if (vma === null) return 'do_user_addr_fault.spf_abort_unmapped';
  if (vma.file !== null) {
    // ->speculative: ext4 has it, tmpfs, hugetlbfs and drivers do not.
    const files = w.at.vma_can_speculate === 'anonymous_or_file' && opsOf(vma).cache === 'file';
    if (!files || (write && isShared(vma))) return 'do_user_addr_fault.spf_abort_no_speculate';
  }
  if (f.facts.race !== undefined) return 'do_user_addr_fault.spf_abort_vma_copy';
  if (forbids(vma, f)) return 'do_user_addr_fault.spf_abort_access_error';
  if (!hasTable(w, f, vma)) return '__handle_mm_fault.spf_abort_pmd';
  const met = entryOf(w, f, vma);
  if (met.kind === 'none' || (met.kind === 'swap' && isShared(vma))) {
    return vma.file === null ? whyNotAnonymous(vma, write) : whyNotFile(w, f, vma, write);
  }
  if (ABSENT.has(met.kind)) return whyNotSwap(w, f, vma, met);
  if (write && met.wp && isArmed(vma, 'wp')) return 'do_wp_page.spf_abort_userfaultfd';
  if (!write || vma.anon !== 0) return null;
  const own = (met.kind === 'anon' || met.kind === 'anon read-only') && !met.cow;
  return own ? null : 'wp_page_copy.spf_abort_anon_vma';
}

function whyNotAnonymous(vma: Area, write: boolean): string | null {
  if (write && vma.anon === 0) return 'do_anonymous_page.spf_abort_anon_vma';
  return isArmed(vma, 'missing') ? 'do_anonymous_page.spf_abort_userfaultfd' : null;
}

/** do_cow_fault(), filemap_fault(): nothing may be slept for. */
function whyNotFile(w: World, { facts, page }: Faulting, vma: Area, write: boolean): string | null {
  if (write && vma.anon === 0) return 'do_cow_fault.spf_abort_anon_vma';
  const locked = facts.folio === 'locked' && facts.wait !== 0;
  const absent = (facts.folio ?? folioIn(w, vma, page)) === 'absent';
  return absent || facts.eof || locked || facts.readahead ? 'filemap_fault' : null;
}

/** do_swap_page(): in 2021 what is in the swap cache, where its lock is free. */
function whyNotSwap(w: World, { facts, access }: Faulting, vma: Area, met: Entry): string | null {
  if (w.at['do_swap_page.speculative'] === 'abort') return 'do_swap_page.spf_abort_swap';
  if (met.kind !== 'swap') return 'do_swap_page.spf_abort_non_swap_entry';
  if (facts.folio !== 'cached' && facts.folio !== 'locked') return 'do_swap_page.spf_abort_swap_nopage';
  if (facts.folio === 'locked' && facts.wait !== 0) return 'do_swap_page';
  const copies = access === 'write' && met.cow && met.wp && isArmed(vma, 'wp');
  return copies ? 'do_wp_page.spf_abort_userfaultfd' : null;
}
