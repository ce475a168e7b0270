/**
 * A slow replay that keeps nothing but a list of what has happened agrees with ours, fault by fault.
 *
 * REFERENCE_RUNS says how many traces for each stage and timing, REFERENCE_SEED which.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COSTS, type Costs } from '../../src/kernel/costs.js';
import type { Stage } from '../../src/kernel/stage.js';
import { resolveModels } from '../../src/lineage/resolve.js';
import { type Event, otherwise, replayUnder } from '../helpers.js';
import { play } from './play.js';
import { traces } from './traces.js';

const SEED = Number(process.env.REFERENCE_SEED ?? 6118);
const RUNS = Number(process.env.REFERENCE_RUNS ?? 50);
/** Whatever any stage answers one of these answers too, where a fault can come to it. */
const MODELS = [
  ...['mmap_lock', 'v6.4', 'v6.5', 'v6.6', 'v6.8', 'v6.12', 'v6.18', 'v7.3'],
  ...['rfc_2022', 'swap_uncontended_2023_04', 'vma_unlocked_2023_06', 'mm_unstable_2023_08'],
  ...['spf_dufour_v12', 'spf_lespinasse_2021', 'spf_lespinasse_2022'],
];
const TIMINGS = ['closed', 'recorded'] as const;
type Timing = (typeof TIMINGS)[number];
/** Of a thousand traces this many at most have unrelated events at the same moment; those are not compared. */
const TIED = 250;

/** Costs that no sum of a few others makes, so that events which have nothing to do with each other hardly ever coincide. */
const costs: Costs = {
  ...COSTS,
  anon_write: 607,
  anon_read: 353,
  minor: 307,
  wake: 3_019,
  op: 701,
  wp: 911,
  file_map: 809,
};

async function ours(events: readonly Event[], stage: Stage, timing: Timing) {
  const { rows } = await replayUnder(events, [stage], { timing, costs });
  return rows
    .toSorted((a, b) => a.i - b.i)
    .map(({ i, start, verdict, fallback, counter, site, wait_ns, hold_ns, tries, blocked_by }) => ({
      ...{ i, start, verdict, fallback, counter, site, wait_ns, hold_ns, tries, blocked_by },
    }));
}

/** Does the reference under one stage agree with the replay under another? Returns how many traces were tied. */
async function agree(
  stage: Stage,
  replayed: Stage,
  timing: Timing,
  how: { numRuns: number; endOnFailure?: boolean },
): Promise<number> {
  let tied = 0;
  const property = fc.asyncProperty(traces(24), async events => {
    const theirs = play(events, stage, costs, timing);
    if (theirs.tied) tied++;
    else expect(theirs.rows).toEqual(await ours(events, replayed, timing));
  });
  await fc.assert(property, { seed: SEED, ...how });
  return tied;
}

describe('the reference', () => {
  for (const timing of TIMINGS) {
    test.each(MODELS)(`agrees about every fault under %s, at ${timing} times`, { timeout: 3_600_000 }, async model => {
      const [stage] = resolveModels(model);
      expect(await agree(stage, stage, timing, { numRuns: RUNS })).toBeLessThanOrEqual(
        Math.ceil((RUNS * TIED) / 1_000),
      );
    });
  }
});

describe('the reference is not content', () => {
  const broken: [model: string, site: string, answer: string][] = [
    ['v6.18', '__split_vma.start_write', 'target'],
    ['v6.18', 'proc_maps', 'mmap_read'],
    ['v6.18', 'madvise_lock.dontneed', 'mmap_read'],
    ['v6.18', 'do_brk_flags.merge', 'any'],
    ['v6.18', 'uffd_mfill_lock', 'mmap_read'],
    ['v6.12', 'mmap_region.fixed', 'munmap_then_insert'],
    ['v7.3', 'userfaultfd_register.rwp', 'absent'],
    ['v7.3', 'madvise_lock.guard', 'mmap_read'],
    ['v7.3', 'madvise_collapse', 'absent'],
    ['v6.18', 'collapse_huge_page.start_write', 'after_check'],
    ['v6.18', 'mseal', 'absent'],
    ['v6.18', 'do_swap_page.uffd_wp', 'handled'],
    ['v7.3', 'vma_needs_copy.guard', 'anon_vma'],
    ['v6.18', 'clear_refs_write.start_write', 'soft_dirty'],
    ['v6.12', 'remap_file_pages', 'write'],
    ['v6.8', 'uffd_move_lock', 'vma_read'],
    ['v6.6', 'queue_pages_range.start_write', 'none'],
    ['v6.6', 'mm_drop_all_locks', 'end_early'],
    ['v6.4', 'retract_page_tables', 'no_lock'],
    ['rfc_2022', 'change_prot_numa.start_write', 'none'],
    ['mm_unstable_2023_08', 'create_huge_pmd', 'go'],
    ['mm_unstable_2023_08', 'wp_page_shared', 'map_pages'],
    ['mm_unstable_2023_08', 'wp_pfn_shared', 'map_pages'],
    ['v7.3', 'do_huge_pmd_device_private', 'absent'],
    ['vma_unlocked_2023_06', 'migration_entry_wait', 'wait_with_lock'],
    ['swap_uncontended_2023_04', 'do_swap_page.device_private', 'retry'],
    ['v6.5', 'lock_vma_under_rcu.vm_ops', 'anonymous'],
    ['v6.6', '__folio_lock_or_retry', 'retry_at_once'],
    ['v6.6', 'hugetlb_fault', 'go'],
    ['v6.6', 'exit_mmap', 'write'],
    ['v6.4', 'lock_vma_under_rcu.anon_vma', 'go'],
    ['v6.6', 'lock_vma_under_rcu.userfaultfd_armed', 'abort'],
    ['rfc_2022', 'dup_mmap.start_write', 'none'],
    ['spf_lespinasse_2021', 'vma_can_speculate', 'anonymous'],
    ['spf_dufour_v12', 'do_user_addr_fault.mm_users', 'go'],
  ];
  test.each(broken)('when %s answers otherwise at %s: %s', async (model, site, answer) => {
    const [stage] = resolveModels(model);
    const differs = agree(stage, otherwise(model, { [site]: answer }), 'closed', {
      numRuns: 10_000,
      endOnFailure: true,
    });
    await expect(differs).rejects.toThrow(`seed: ${SEED}`);
  });
});
