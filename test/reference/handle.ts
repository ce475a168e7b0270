/**
 * handle_mm_fault(): what a fault comes to once a lock is held, as one decision without side effects but for an anon_vma that
 * is made on the way.
 */
import type { Entry as EntryFact } from '../../src/vocab.js';
import { hasPageCache, isOnDisk, isShmem, opsOf } from './files.js';
import { ABSENT, type Area, type Entry, NOTHING } from './history.js';
import { huge_fault, isHuge } from './huge.js';
import { hugetlb_fault } from './hugetlb.js';
import type { Thread, World } from './world.js';

/** Facts a fault's `page` may state. */
export interface Facts {
  readonly entry?: EntryFact;
  readonly folio?: 'cached' | 'absent' | 'locked';
  readonly readahead?: boolean;
  readonly swap_sync?: boolean;
  readonly shared?: boolean;
  readonly numa_hint?: boolean;
  readonly eof?: boolean;
  readonly hole_punch?: boolean;
  readonly oom?: boolean;
  readonly huge?: 'pmd' | 'pud';
  readonly race?: 'detached' | 'range';
  readonly wait?: number;
}

/** A fault on its way. */
export interface Faulting {
  readonly thread: Thread;
  readonly mm: string;
  readonly page: number;
  readonly access: string;
  facts: Facts;
  /** its wait is over, an attempt counts as the first (FAULT_FLAG_TRIED), the readahead that a mark asks for was started */
  settled: boolean;
  /** no monitor is asked any more: it is gone, or all that the fault waited is over */
  answered: boolean;
  tried: boolean;
  /** it holds no lock, and may not be told to come again */
  speculates: boolean;
  readAhead: boolean;
  /** the page was mapped when it began, and not as one that nobody may touch */
  wasMapped: boolean;
  site: string | null;
}

export type Outcome = {
  readonly result: 'handled' | 'retry' | 'signal' | 'unlocked' | 'userfault';
  /** ns of work, and ns asleep: before the release where it is handled, after it else */
  readonly cost: number;
  readonly sleep: number;
  readonly site: string | null;
  readonly maps: Entry | null;
  /** the page it maps, where that is not the one it is about */
  readonly at?: number;
  /** a hint is taken off the whole PMD */
  readonly unhints?: true;
};

export const entry = (kind: Entry['kind'], cow = false): Entry => ({ kind, cow });
const isAnonymous = ({ file }: Area) => file === null;
export const isArmed = ({ like }: Area, mode: 'missing' | 'wp' | 'minor' | 'rwp') => like.includes(`uffd_${mode}`);
export const isWatched = ({ like }: Area) => like.some(flag => flag.startsWith('uffd_'));
export const isShared = ({ like }: Area) => like.includes('shared');

export const retry = (site: string, sleep = 0): Outcome => ({ result: 'retry', cost: 0, sleep, site, maps: null });
export const signal = (site: string, cost: number): Outcome => ({ result: 'signal', cost, sleep: 0, site, maps: null });
/** handle_userfault(): with `cost` only where a series goes on as if nothing had been. */
export const userfault = (cost: number): Outcome => ({
  result: 'userfault',
  cost,
  sleep: 0,
  site: 'handle_userfault',
  maps: null,
});
export const handled = (cost: number, maps: Entry | null, sleep = 0): Outcome => ({
  result: 'handled',
  cost,
  sleep,
  site: null,
  maps,
});

/** The entry a fault meets: stated, else what is known to be there. */
export function entryOf(w: World, f: Faulting, vma: Area): Entry {
  const known = w.past.page(f.mm, f.page);
  const { facts } = f;
  if (f.settled) {
    const waited = facts.entry === 'swap' || facts.entry === 'device_exclusive';
    return known.kind === 'none' && waited ? entry(facts.entry) : known;
  }
  let met = known;
  switch (facts.entry) {
    case 'present':
      if (known.kind === 'none' || ABSENT.has(known.kind)) {
        if (!isAnonymous(vma)) met = entry('file read-only');
        else if (vma.anon === 0) met = entry('zero');
        else met = entry(f.access === 'write' ? 'anon read-only' : 'anon');
      } else if (known.kind === 'file' && f.access === 'write' && opsOf(vma).mkwrite) {
        // A write faults only where writeback has protected the page again,
        met = { ...known, kind: 'file read-only' };
      } else if (known.kind === 'anon' && f.access === 'write' && !isWatched(vma)) {
        // or where KSM has merged it; of what is watched the monitor is more likely.
        met = { ...known, kind: 'anon read-only' };
      }
      break;
    case 'none':
      met = NOTHING;
      break;
    case 'swap':
    case 'migration':
    case 'device_private':
    case 'device_exclusive':
    case 'hwpoison':
      met = { ...entry(facts.entry), wp: known.wp, rwp: known.rwp };
      break;
    case 'marker_guard':
      if (w.at['handle_pte_marker.guard'] !== 'absent') met = entry('guard');
      break;
    case 'marker_uffd_wp':
      if (w.at['handle_pte_marker.uffd_wp'] !== 'absent') met = entry('marker');
      break;
    case 'marker_poison':
      if (w.at['handle_pte_marker.poison'] !== 'absent') met = entry('poison');
      break;
    case undefined:
      // A page of a file that nobody has in memory was taken out of every page table.
      if (facts.folio === 'absent' && known.kind.startsWith('file')) met = NOTHING;
  }
  return facts.shared === undefined || met.kind === 'none' ? met : { ...met, cow: facts.shared };
}

export function handle_mm_fault(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  if (vma.like.includes('hugetlb')) return hugetlb_fault(w, f, vma, vmaLocked);
  const met = entryOf(w, f, vma);
  const write = f.access === 'write';
  const huge = isHuge(w, f, vma, met);
  // What is away says itself when it needs memory.
  const away = ABSENT.has(met.kind) && !(met.kind === 'swap' && isShared(vma));
  if (f.facts.oom && (huge || !away)) return handled(w.costs.minor, null);
  if (huge) return huge_fault(w, f, vma, vmaLocked, met, { do_fault, do_wp_page });
  if (met.kind === 'none' || (met.kind === 'swap' && isShared(vma))) {
    return isAnonymous(vma) ? anonymousPage(w, f, vma, vmaLocked) : do_fault(w, f, vma, vmaLocked);
  }
  if (ABSENT.has(met.kind)) return do_swap_page(w, f, vma, vmaLocked, met);
  if (met.rwp && isArmed(vma, 'rwp') && !f.answered) return userfault(w.costs.minor);
  if (f.facts.numa_hint ?? met.hint) return handled(w.costs.minor, { ...met, hint: false }, holding(f, 0));
  const writable = (met.kind === 'anon' || met.kind === 'file') && !met.cow && !met.wp;
  return write && !writable ? do_wp_page(w, f, vma, vmaLocked, met) : handled(w.costs.minor, null);
}

/** A fault at a migration entry: how long it waits, and what it leaves there, which is nothing where the page is on its way still. */
export function migration(w: World, f: Faulting, page: number, moved: Entry): { ns: number; maps: Entry | null } {
  const until = w.past.migratesUntil(f.mm, page);
  return until === null ? { ns: w.costs.wait_migration, maps: moved } : { ns: until - w.now, maps: null };
}

/** ns asleep with the lock held. */
export const holding = (f: Faulting, ns: number) => (f.settled ? 0 : (f.facts.wait ?? ns));

/** Drops the lock and sleeps; the stated wait is all a fault waits. */
function dropping(f: Faulting, site: string, ns: number): Outcome {
  const { wait } = f.facts;
  const sleep = wait === undefined ? ns : f.settled ? 0 : wait;
  f.settled = true;
  f.answered ||= wait !== undefined;
  return retry(site, sleep);
}

/** ns of making an anon_vma, 0 where there is one; null when it takes mmap_lock and did not get it. */
export function vmf_anon_prepare(w: World, f: Faulting, vma: Area, vmaLocked: boolean): number | null {
  if (vma.anon !== 0) return 0;
  const answer = vmaLocked ? w.at.vmf_anon_prepare : 'unlocked';
  if (answer === 'retry') return null;
  if (answer === 'trylock') {
    if (!w.tryRead(f.thread, f.mm)) {
      w.blames(f.thread, w.holder(f.mm));
      return null;
    }
    anon_vma_prepare(w, f.thread, f.mm, vma);
    w.unlock(f.thread, f.mm);
  } else anon_vma_prepare(w, f.thread, f.mm, vma);
  return w.costs.anon_vma_prepare;
}

const unnamed = ({ like }: Area) => like.filter(flag => !flag.startsWith('name ')).join();

/** A neighbour's anon_vma where an mprotect() could make them one, else a new one. */
export function anon_vma_prepare(w: World, thread: Thread, mm: string, vma: Area): void {
  if (vma.anon !== 0) return;
  const all = w.past.areas(mm);
  const at = all.findIndex(({ id }) => id === vma.id);
  const alike = (a: Area | undefined, b: Area | undefined) =>
    a !== undefined &&
    b !== undefined &&
    a.end === b.start &&
    a.file === b.file &&
    unnamed(a) === unnamed(b) &&
    b.pgoff === a.pgoff + (b.start - a.start);
  const { [at - 1]: prev, [at + 1]: next } = all;
  const from = [alike(vma, next) ? next : undefined, alike(prev, vma) ? prev : undefined].find(
    area => area !== undefined && area.anon !== 0 && area.chain === 1,
  );
  w.note(mm, thread, { what: 'area', area: { ...vma, anon: from?.anon ?? w.newId(), chain: 1 } });
}

function anonymousPage(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  const missing = isArmed(vma, 'missing') && !f.answered;
  if (f.access !== 'write') return missing ? userfault(w.costs.minor) : handled(w.costs.anon_read, entry('zero'));
  const extra = vmf_anon_prepare(w, f, vma, vmaLocked);
  if (extra === null) return retry('vmf_anon_prepare');
  const cost = w.costs.anon_write + extra;
  return missing ? userfault(cost) : handled(cost, entry('anon'));
}

/** Where a page of a VMA is in its file. */
export const offsetOf = ({ pgoff, start }: Area, page: number) => pgoff + (page - start);

/** A page of shmem that was made is there for everybody who shares the mapping. */
export function make(w: World, mm: string, thread: Thread, vma: Area, page: number): void {
  const { object } = vma;
  if (object !== undefined) w.note(mm, thread, { what: 'made', object, offset: offsetOf(vma, page) });
}

/**
 * What a file has of a page: of anonymous memory what was made, of a file what is not known to be gone. What was in a file on tmpfs
 * a trace does not say; where a monitor is to fill it, it is taken for empty.
 */
export function folioIn(w: World, vma: Area, page: number): 'cached' | 'absent' | 'swapped' {
  const last = vma.object === undefined ? null : w.past.folio(vma.object, offsetOf(vma, page));
  if (last === null) return vma.file === 'shmem' || isArmed(vma, 'missing') ? 'absent' : 'cached';
  return last === 'made' ? 'cached' : last === 'dropped' ? 'absent' : 'swapped';
}

/** What was dropped of a file on a disk is there again. */
export function readAhead(w: World, mm: string, thread: Thread, vma: Area, from: number, to: number): void {
  for (let page = from; page < to; page++) if (folioIn(w, vma, page) === 'absent') make(w, mm, thread, vma, page);
}

function do_fault(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  const outcome = fileFault(w, f, vma, vmaLocked);
  if (outcome.result !== 'handled') return outcome;
  const missed = (f.facts.folio ?? folioIn(w, vma, f.page)) === 'absent';
  // A page that is read brings its neighbours along, but for MADV_RANDOM.
  if (missed && isOnDisk(vma) && !vma.like.includes('random'))
    readAhead(w, f.mm, f.thread, vma, f.page - 16, f.page + 32);
  make(w, f.mm, f.thread, vma, f.page);
  return outcome;
}

/** ->fault, where there is one. A file system without ->map_pages wants mmap_lock. */
function fileFault(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  if (opsOf(vma).empty) return signal('do_fault', w.costs.minor);
  const { facts } = f;
  const mark = facts.readahead === true && !f.readAhead;
  const folio = facts.folio ?? folioIn(w, vma, f.page);
  const mayMap = hasPageCache(vma) && !isArmed(vma, 'wp') && !isArmed(vma, 'minor');
  const lacks = facts.eof || facts.entry === 'swap' || (facts.hole_punch && !f.settled);
  const around = mayMap && !mark && !lacks && ((f.settled && !facts.hole_punch) || folio === 'cached');
  const read = f.access !== 'write';
  if (read && around) return handled(w.costs.file_map, entry('file read-only'));
  const site = read ? 'do_read_fault' : isShared(vma) ? 'do_shared_fault' : 'do_cow_fault';
  if (vmaLocked && w.at[site] === 'retry') return retry(site);
  if (vmaLocked && !hasPageCache(vma)) return retry('vmf_can_call_fault');
  const extra = site === 'do_cow_fault' ? vmf_anon_prepare(w, f, vma, vmaLocked) : 0;
  if (extra === null) return retry('vmf_anon_prepare');
  const cost = w.costs.minor + extra + w.costs.file_fault;
  if (facts.eof) return signal(isShmem(vma) ? 'shmem_fault.eof' : 'filemap_fault.eof', cost);
  let sleep = 0;
  if (isShmem(vma)) {
    if (facts.hole_punch && !f.settled) return dropping(f, 'shmem_falloc_wait', w.costs.wait_folio);
    // shmem_get_folio_gfp(): a page in swap is one.
    const there = facts.entry === 'swap' || folio !== 'absent';
    if (!f.answered && isArmed(vma, there ? 'minor' : 'missing')) return userfault(0);
    if (facts.entry === 'swap' || folio === 'swapped') sleep = holding(f, w.costs.wait_sync_swap);
    else if (isLocked(f)) sleep = holding(f, w.costs.wait_folio);
  } else if (hasPageCache(vma) && !isShmem(vma)) {
    const left = filemap_fault(w, f, vma, vmaLocked);
    if (left !== null) return left;
  }
  if (site === 'do_shared_fault' && opsOf(vma).mkwrite) sleep = holding(f, 0);
  return handled(cost, entry(read ? 'file read-only' : isShared(vma) ? 'file' : 'anon'), sleep);
}

const isLocked = (f: Faulting) => f.facts.folio === 'locked' && f.facts.wait !== 0;

/** filemap_fault(): what makes it drop the lock, readahead first, as a found folio is not locked yet; null when nothing does. */
function filemap_fault(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome | null {
  const major = vmaLocked && w.at['do_user_addr_fault.tried'] === 'major';
  if (!f.settled && (f.facts.folio ?? folioIn(w, vma, f.page)) === 'absent') {
    f.tried ||= major;
    return dropping(f, 'filemap_fault', w.costs.wait_io);
  }
  const waits = !f.settled && isLocked(f) ? w.costs.wait_folio : null;
  const may = vmaLocked || !f.tried;
  if (f.facts.readahead && !f.readAhead && !vma.like.includes('random') && may) {
    f.readAhead = true;
    return dropping(f, 'do_async_mmap_readahead', w.costs.wait_readahead + (waits ?? 0));
  }
  return waits === null ? null : dropping(f, 'lock_folio_maybe_drop_mmap', waits);
}

/** What a monitor forbade of a page before it went away is forbidden when it is back. */
export function forbiddenStill(vma: Area, { wp, rwp }: Entry): Pick<Entry, 'wp' | 'rwp'> {
  return isArmed(vma, 'rwp') ? { wp: false, rwp: wp || rwp } : { wp: (wp || rwp) && isArmed(vma, 'wp'), rwp: false };
}

function do_swap_page(w: World, f: Faulting, vma: Area, vmaLocked: boolean, met: Entry): Outcome {
  const outcome = do_nonpresent(w, f, vma, vmaLocked, met);
  if (outcome.maps === null || met.kind === 'marker') return outcome;
  const maps = { ...outcome.maps, ...forbiddenStill(vma, met) };
  const asks = met.kind === 'swap' && outcome.result === 'handled' && f.access === 'write' && maps.wp;
  if (!asks || (w.at['do_swap_page.uffd_wp'] === 'handled' && !met.cow)) return { ...outcome, maps };
  const written = do_wp_page(w, f, vma, vmaLocked, { ...maps, kind: 'anon' });
  const cost = outcome.cost + written.cost;
  return { ...written, cost, sleep: written.result === 'userfault' ? 0 : outcome.sleep, maps: written.maps ?? maps };
}

function do_nonpresent(w: World, f: Faulting, vma: Area, vmaLocked: boolean, met: Entry): Outcome {
  const { costs, at } = w;
  if (vmaLocked && at.do_swap_page === 'retry') return retry('do_swap_page');
  const brought = entry(f.access === 'write' ? 'anon' : isShared(vma) ? 'file read-only' : 'anon read-only');
  if (met.kind === 'marker') return marker(w, f, vma, vmaLocked);
  if (met.kind === 'hwpoison') return signal('do_swap_page.hwpoison', costs.minor);
  if (met.kind === 'poison') return signal('handle_pte_marker.poison', costs.minor);
  if (met.kind === 'guard') return signal('handle_pte_marker.guard', costs.minor);
  if (met.kind === 'migration') {
    const { ns, maps } = migration(w, f, f.page, entry(isShared(vma) ? 'file' : 'anon'));
    const answer = vmaLocked ? at.migration_entry_wait : 'wait_with_lock';
    if (answer === 'release_and_wait') return { ...dropping(f, 'migration_entry_wait', ns), maps };
    const waited = handled(costs.minor, maps, holding(f, ns));
    return answer === 'release_and_return' ? { ...waited, result: 'unlocked' } : waited;
  }
  if (met.kind === 'device_private') {
    // ->migrate_to_ram() wants mmap_lock.
    const may = !vmaLocked || at['do_swap_page.device_private'] === 'go';
    return may ? handled(costs.minor, f.facts.oom ? null : brought) : retry('do_swap_page.device_private');
  }
  const { folio, wait, swap_sync, oom } = f.facts;
  if (met.kind === 'device_exclusive') {
    if (f.settled || !isLocked(f)) return handled(costs.minor, brought);
    const outcome = lockedFolio(w, f, vmaLocked, costs.wait_folio, costs.minor, brought);
    return outcome.result === 'retry' ? { ...outcome, site: 'remove_device_exclusive_entry' } : outcome;
  }
  // There is no memory to read it into; of what was read already it is missed later.
  if (oom && folio !== 'cached' && folio !== 'locked') return handled(costs.minor, null);
  if (f.settled || wait === 0 || folio === 'cached') return handled(costs.swap, oom ? null : brought);
  if (folio !== 'locked' && swap_sync) return handled(costs.swap, brought, holding(f, costs.wait_sync_swap));
  const ns = folio === 'locked' ? costs.wait_folio : costs.wait_io;
  const outcome = lockedFolio(w, f, vmaLocked, ns, costs.swap, oom ? null : brought);
  f.tried ||= folio !== 'locked' && vmaLocked && at['do_user_addr_fault.tried'] === 'major';
  return outcome;
}

/** __folio_lock_or_retry(): somebody has locked it, for `ns` more. Kept waiting with the lock, the fault goes on. */
function lockedFolio(w: World, f: Faulting, vmaLocked: boolean, ns: number, cost: number, maps: Entry | null): Outcome {
  const answer = w.at.__folio_lock_or_retry;
  if (vmaLocked && answer === 'retry_at_once') return retry('__folio_lock_or_retry');
  const keeps = vmaLocked ? answer === 'wait_with_lock' : f.tried || f.speculates;
  return keeps ? handled(cost, maps, holding(f, ns)) : dropping(f, '__folio_lock_or_retry', ns);
}

/** pte_marker_handle_uffd_wp(): a page is brought in, write-protected; a marker that outlived its registration goes. */
function marker(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  if (!isArmed(vma, 'wp')) return handled(w.costs.minor, NOTHING);
  if (f.facts.oom) return handled(w.costs.minor, null);
  const outcome = isAnonymous(vma) ? anonymousPage(w, f, vma, vmaLocked) : do_fault(w, f, vma, vmaLocked);
  return outcome.maps === null ? outcome : { ...outcome, maps: { ...outcome.maps, wp: true } };
}

function do_wp_page(w: World, f: Faulting, vma: Area, vmaLocked: boolean, met: Entry): Outcome {
  const asks = isArmed(vma, 'wp') && !vma.like.includes('uffd_async');
  if (met.wp && asks && !f.answered) return userfault(w.costs.wp);
  if (isShared(vma)) {
    return wpShared(w, f, vma, vmaLocked);
  }
  const own = met.kind === 'anon' || met.kind === 'anon read-only';
  if (own && !met.cow) return handled(w.costs.wp, entry('anon'));
  if (vma.anon === 0 && vmaLocked && w.at.do_wp_page === 'retry') return retry('do_wp_page');
  const extra = vmf_anon_prepare(w, f, vma, vmaLocked);
  return extra === null ? retry('vmf_anon_prepare') : handled(w.costs.wp + extra, entry('anon'));
}

/** wp_page_shared(); what has no struct page goes by wp_pfn_shared(), which has a callback of its own and does not sleep. */
function wpShared(w: World, f: Faulting, vma: Area, vmaLocked: boolean): Outcome {
  const { mkwrite, pfn } = opsOf(vma);
  const special = vma.like.includes('pfnmap');
  const site = special ? 'wp_pfn_shared' : 'wp_page_shared';
  const asks = special ? pfn : mkwrite;
  if (asks && vmaLocked && w.at[site] === 'retry') return retry(site);
  if (asks && vmaLocked && !hasPageCache(vma)) return retry('vmf_can_call_fault');
  return handled(w.costs.wp, entry('file'), asks && !special ? holding(f, 0) : 0);
}
