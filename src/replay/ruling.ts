/** Which answer of which patch decided where a fault ends, and which neighbours in the lineage agree. */
import { SITES, type SiteName } from '../kernel/sites.js';
import { isSpeculation, type Stage } from '../kernel/stage.js';
import { CONTENDED_SITES } from '../vocab.js';
import type { LineageRange, Rule } from './explanation.js';
import { ruleAt } from './trail.js';
import type { Followed } from './watch.js';

/** Sites of a result that another site's answer decides. */
const DECIDED_AT: ReadonlyMap<string, SiteName> = new Map([
  ['handle_speculative_fault.mm_users', 'do_user_addr_fault.mm_users'],
  ['do_user_addr_fault.spf_abort_no_speculate', 'vma_can_speculate'],
  ['do_swap_page.spf_abort_swap', 'do_swap_page.speculative'],
  ['create_huge_pud', 'create_huge_pmd'],
  ['wp_huge_pud', 'wp_huge_pmd'],
  ['remove_device_exclusive_entry', '__folio_lock_or_retry'],
]);

/** Sites of a result inside ->fault: reached where one of CALLERS lets it be called under the VMA lock. */
const INSIDE_FAULT: ReadonlySet<string> = new Set([
  'vmf_can_call_fault',
  'filemap_fault',
  'lock_folio_maybe_drop_mmap',
  'do_async_mmap_readahead',
  'shmem_falloc_wait',
]);
const CALLERS: ReadonlySet<SiteName> = new Set<SiteName>([
  'do_read_fault',
  'do_cow_fault',
  'do_shared_fault',
  'wp_page_shared',
  'wp_pfn_shared',
]);

/** A fault that was followed under a stage. */
export interface Ending {
  readonly stage: Stage;
  readonly followed: Followed;
}

/** The same end: verdict, counter and site. */
function alike({ followed: { row: a } }: Ending, { followed: { row: b } }: Ending): boolean {
  return a.verdict === b.verdict && a.counter === b.counter && a.site === b.site;
}

/**
 * The answer that decided. Where the fault left the fast path it is that site's; else what this kernel answers where the last
 * stage before it, under which the fault ended otherwise, sent it away. Null where there is no such answer.
 *
 * @param endings the fault under every stage of the lineage, by id
 */
export function ruleOf(ending: Ending, endings: ReadonlyMap<string, Ending>): Rule | null {
  const { stage, followed } = ending;
  const { left } = followed.trail;
  if (followed.row.site !== null) return left === null ? null : ruleOfSite(stage, left.site, left.asked);
  const line = stage.line.flatMap(id => endings.get(id) ?? []).filter(({ stage: { id } }) => id !== stage.id);
  const other = line.findLastIndex(before => !alike(before, ending));
  if (other < 0) return null;
  const before = line[other];
  const { stage: first } = line[other + 1] ?? ending;
  if (kindOf(before.stage) !== kindOf(first)) return ruleAt(first, 'lock');
  const site = ruleOf(before, endings)?.site as SiteName | 'lock' | undefined;
  if (site === undefined || site === 'lock' || before.stage.answers[site] === first.answers[site]) return null;
  return ruleAt(first, site);
}

/** How faults do without mmap_lock: the two VMA locks there have been are of one kind. */
function kindOf({ vmaLock }: Stage): string {
  return isSpeculation(vmaLock) || vmaLock === 'none' ? vmaLock : 'vma';
}

function ruleOfSite(stage: Stage, site: string, asked: readonly SiteName[]): Rule | null {
  const at = DECIDED_AT.get(site) ?? site;
  if (Object.hasOwn(SITES, at)) return ruleAt(stage, at as SiteName);
  if (INSIDE_FAULT.has(site)) {
    const caller = asked.findLast(name => CALLERS.has(name));
    return caller === undefined ? null : ruleAt(stage, caller);
  }
  return CONTENDED_SITES.has(site) || isSpeculation(stage.vmaLock) ? ruleAt(stage, 'lock') : null;
}

/** The endings in the order given, those next to each other that are alike taken together. */
export function rangesOf(inOrder: readonly Ending[], endings: ReadonlyMap<string, Ending>): LineageRange[] {
  const ranges: LineageRange[] = [];
  let last: Ending | null = null;
  for (const ending of inOrder) {
    if (last !== null && alike(last, ending)) ranges[ranges.length - 1].models.push(ending.stage.id);
    else {
      const { verdict, counter, site } = ending.followed.row;
      ranges.push({ models: [ending.stage.id], verdict, counter, site, rule: ruleOf(ending, endings) });
    }
    last = ending;
  }
  return ranges;
}
