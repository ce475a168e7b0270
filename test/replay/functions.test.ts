/** The functions an explanation names: those there are in the kernel it is about, and no others. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { functionIn } from '../../src/kernel/stage.js';
import { findStage, lineage } from '../../src/lineage/resolve.js';
import { type Event, explain, fault, mmap, range, replay, vma } from '../helpers.js';
import { traces } from '../reference/traces.js';

/** The models in the order of the kernels they are of: 5.1, 5.12, 5.17, 6.0, 6.1.y, 6.4 and so on. */
const ORDER = [
  'spf_dufour_v12',
  'spf_lespinasse_2021',
  'spf_lespinasse_2022',
  'rfc_2022',
  'mmap_lock',
  'v6.4.0',
  'swap_uncontended_2023_04',
  'swap_uncontended_2023_05',
  'vma_unlocked_2023_06',
  'v4_2023_06_28',
  'v6.4',
  'v6.5',
  'mm_unstable_2023_08',
  'v6.6',
  'v6.7',
  'v6.8',
  'v6.9',
  'v6.10',
  'v6.12',
  'v6.13',
  'v6.15',
  'v6.17',
  'v6.18',
  'v7.2',
  'v7.3',
];

const ALL = 'spf_dufour_v12 to v7.3';
/** Before c2508ec5a58d mm: introduce new 'lock_mm_and_find_vma()' page fault helper, which 6.1.y has as well. */
const BEFORE_HELPER = 'spf_dufour_v12 to rfc_2022, v6.4.0 to v4_2023_06_28';
const HELPER = 'mmap_lock, v6.4 to v7.3';

/** From which model to which the kernel has a function, as read in its source. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  // arch/x86/mm/fault.c
  do_user_addr_fault: ALL,
  do_kern_addr_fault: ALL,
  bad_area: BEFORE_HELPER,
  bad_area_nosemaphore: ALL,
  bad_area_access_error: ALL,
  // include/linux/mmap_lock.h, which 5.8 brought, and kernel/locking/rwsem.c
  down_read_trylock: ALL,
  down_read: ALL,
  up_read: ALL,
  mmap_read_trylock: 'spf_lespinasse_2021 to v7.3',
  mmap_read_lock: 'spf_lespinasse_2021 to v7.3',
  mmap_read_unlock: 'spf_lespinasse_2021 to v7.3',
  // the VMA locks, and what came before them
  __handle_speculative_fault: 'spf_dufour_v12',
  pte_map_lock: 'spf_dufour_v12',
  __pte_map_lock: 'spf_lespinasse_2021 to spf_lespinasse_2022',
  find_and_lock_anon_vma: 'rfc_2022',
  vma_read_trylock: 'rfc_2022',
  vma_read_unlock: 'rfc_2022',
  lock_vma_under_rcu: 'v6.4.0 to v7.3',
  vma_start_read: 'v6.4.0 to v7.3',
  vma_end_read: 'v6.4.0 to v7.3',
  // mm/mmap.c, mm/memory.c, mm/mmap_lock.c
  find_vma: ALL,
  expand_stack: BEFORE_HELPER,
  expand_stack_locked: HELPER,
  lock_mm_and_find_vma: HELPER,
  upgrade_mmap_lock_carefully: HELPER,
  // mm/memory.c
  handle_mm_fault: ALL,
  do_anonymous_page: ALL,
  do_read_fault: ALL,
  do_cow_fault: ALL,
  do_shared_fault: ALL,
  do_fault_around: ALL,
  __do_fault: ALL,
  do_swap_page: ALL,
  do_numa_page: ALL,
  do_wp_page: ALL,
  wp_page_copy: ALL,
  wp_page_reuse: ALL,
  wp_page_shared: ALL,
  wp_pfn_shared: ALL,
  create_huge_pmd: ALL,
  create_huge_pud: ALL,
  wp_huge_pmd: ALL,
  wp_huge_pud: ALL,
  remove_device_exclusive_entry: 'spf_lespinasse_2022 to v7.3',
  pte_marker_handle_uffd_wp: 'rfc_2022 to v7.3',
  anon_vma_prepare: 'spf_dufour_v12 to v6.9',
  vmf_anon_prepare: 'v6.7 to v7.3',
  __vmf_anon_prepare: 'v6.12 to v7.3',
  // mm/huge_memory.c
  do_huge_pmd_anonymous_page: ALL,
  do_huge_pmd_numa_page: ALL,
  do_huge_pmd_wp_page: ALL,
  do_huge_pmd_device_private: 'v7.2 to v7.3',
  // mm/hugetlb.c
  hugetlb_fault: ALL,
  hugetlb_no_page: ALL,
  hugetlb_cow: 'spf_dufour_v12 to spf_lespinasse_2022',
  hugetlb_wp: 'rfc_2022 to v7.3',
  // mm/migrate.c
  migration_entry_wait: ALL,
  migration_entry_wait_huge: ALL,
  pmd_migration_entry_wait: ALL,
  // mm/filemap.c, mm/shmem.c, fs/userfaultfd.c
  __lock_page_or_retry: 'spf_dufour_v12 to spf_lespinasse_2021',
  lock_page_maybe_drop_mmap: 'spf_dufour_v12 to spf_lespinasse_2021',
  __folio_lock_or_retry: 'spf_lespinasse_2022 to v7.3',
  lock_folio_maybe_drop_mmap: 'spf_lespinasse_2022 to v7.3',
  filemap_fault: ALL,
  do_async_mmap_readahead: ALL,
  shmem_fault: ALL,
  shmem_falloc_wait: 'v6.7 to v7.3',
  handle_userfault: ALL,
};

/** Where each caller of vmf_anon_prepare() called anon_vma_prepare() last, and since when hugetlb wraps it itself. */
const CALLERS: Readonly<Record<string, string>> = {
  'do_cow_fault > anon_vma_prepare': 'spf_dufour_v12 to v6.6',
  'do_cow_fault > vmf_anon_prepare': 'v6.7 to v7.3',
  'wp_page_copy > anon_vma_prepare': 'spf_dufour_v12 to v6.6',
  'wp_page_copy > vmf_anon_prepare': 'v6.7 to v7.3',
  'hugetlb_no_page > anon_vma_prepare': 'spf_dufour_v12 to v6.8',
  'hugetlb_no_page > vmf_anon_prepare': 'v6.9 to v6.10',
  'hugetlb_no_page > __vmf_anon_prepare': 'v6.12 to v7.3',
  'hugetlb_cow > anon_vma_prepare': 'spf_dufour_v12 to spf_lespinasse_2022',
  'hugetlb_wp > anon_vma_prepare': 'rfc_2022 to v6.8',
  'hugetlb_wp > vmf_anon_prepare': 'v6.9 to v6.10',
  'hugetlb_wp > __vmf_anon_prepare': 'v6.12 to v7.3',
  'do_anonymous_page > anon_vma_prepare': 'spf_dufour_v12 to v6.9',
  'do_anonymous_page > vmf_anon_prepare': 'v6.10 to v7.3',
  'do_huge_pmd_anonymous_page > anon_vma_prepare': 'spf_dufour_v12 to v6.9',
  'do_huge_pmd_anonymous_page > vmf_anon_prepare': 'v6.10 to v7.3',
};

/** Does a table say that the kernel of `model` has `name`? */
function has(table: Readonly<Record<string, string>>, name: string, model: string): boolean {
  return (table[name] ?? '')
    .split(', ')
    .map(range => range.split(' to ').map(id => ORDER.indexOf(id)))
    .some(([first, last = first]) => first >= 0 && first <= ORDER.indexOf(model) && ORDER.indexOf(model) <= last);
}

const isPrepare = (call: string): boolean => call.endsWith('anon_prepare') || call.endsWith('anon_vma_prepare');

/** What the explanations of all faults of a trace name that is not there, and what they name at all. */
async function named(trace: readonly Event[] | string): Promise<{ wrong: string[]; told: string[] }> {
  const { rows } = await replay(trace, 'mmap_lock');
  const { faults } = await explain(trace, { events: rows.map(({ i }) => i) }, 'all');
  const wrong = new Set<string>();
  const told = new Set<string>();
  for (const { i, models } of faults) {
    for (const { model, steps } of models) {
      for (const { function: fn, path } of steps) {
        for (const name of [fn, ...path]) {
          told.add(name);
          if (!has(FUNCTIONS, name, model)) wrong.add(`${name} in ${model}, event ${i}`);
        }
        const calls = path.slice(1).map((callee, at) => `${path[at]} > ${callee}`);
        for (const call of calls.filter(isPrepare)) {
          told.add(call);
          if (!has(CALLERS, call, model)) wrong.add(`${call} in ${model}, event ${i}`);
        }
      }
    }
  }
  return { wrong: [...wrong], told: [...told] };
}

const LITMUS = fileURLToPath(new URL('../../traces/litmus/', import.meta.url));
const GROWS = { flags: ['private', 'anonymous', 'growsdown'] };
const HUGETLB = { flags: ['private', 'anonymous', 'hugetlb'] };
const THREAD: Event = { op: 'fork', tid: 1, child_tid: 2, child_mm: 1 };

const MORE: Readonly<Record<string, readonly Event[]>> = {
  'a stack that grows, and may not': [THREAD, vma(3000, 16, GROWS), fault(2990), fault(3), fault(5000)],
  'a stack that may not be written': [THREAD, mmap(3000, 16, { ...GROWS, prot: 'r--' }), fault(2990)],
  'an address of the kernel': [fault(0, { addr: '0xffff888000000000' })],
  'hugetlb after fork': [
    vma(512, 512, HUGETLB),
    fault(512),
    { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 },
    fault(512, { page: { shared: true } }),
  ],
  'huge pages that migrate': [
    vma(512, 512),
    vma(1024, 512, HUGETLB),
    fault(512, { page: { entry: 'migration', huge: 'pmd' } }),
    fault(512, { page: { entry: 'present', shared: true, huge: 'pmd' } }),
    fault(1024, { page: { entry: 'migration' } }),
  ],
  'a huge page of a file, written': [
    vma(512, 512, { flags: ['shared'], file: { name: '/dax', fs: 'ext4-dax' } }),
    fault(512, { access: 'read', page: { huge: 'pud' } }),
    fault(512, { access: 'read', page: { huge: 'pmd' } }),
    fault(512, { page: { huge: 'pmd' } }),
  ],
  'a writer in the way': [
    vma(0, 16),
    range('mprotect', 8, 8, { t: 10_000, tid: 2, prot: 'r--', dur: 30_000 }),
    fault(3, { t: 20_000, tid: 3 }),
  ],
};

describe('every function that is told is in that kernel', () => {
  const found = new Set<string>();

  test.each(readdirSync(LITMUS))('%s', async name => {
    const { wrong, told } = await named(LITMUS + name);
    expect(wrong).toEqual([]);
    for (const name of told) found.add(name);
  });

  test.each(Object.keys(MORE))('%s', async name => {
    const { wrong, told } = await named(MORE[name]);
    expect(wrong).toEqual([]);
    for (const name of told) found.add(name);
  });

  test('traces at random', async () => {
    for (const trace of fc.sample(traces(40), { seed: 7, numRuns: 40 })) {
      if (!trace.some(({ op }) => op === 'fault')) continue;
      const { wrong, told } = await named(trace);
      expect(wrong).toEqual([]);
      for (const name of told) found.add(name);
    }
  });

  test('and nothing is in the tables that nobody tells', () => {
    expect([...Object.keys(FUNCTIONS), ...Object.keys(CALLERS)].filter(name => !found.has(name))).toEqual([]);
  });
});

describe('the tables', () => {
  test('know every model, each once', () => {
    expect(ORDER.toSorted()).toEqual(lineage.map(({ id }) => id).sort());
    const ids = [...Object.values(FUNCTIONS), ...Object.values(CALLERS)].flatMap(text => text.split(/, | to /));
    expect(ids.filter(id => !ORDER.includes(id))).toEqual([]);
  });

  test('find a name that is wrong', () => {
    expect(has(FUNCTIONS, 'lock_mm_and_find_vma', 'v6.4.0')).toBe(false);
    expect(has(FUNCTIONS, 'lock_mm_and_find_vma', 'mmap_lock')).toBe(true);
    expect(has(FUNCTIONS, 'vma_start_read', 'rfc_2022')).toBe(false);
    expect(has(FUNCTIONS, 'vmf_anon_prepare', 'v6.6')).toBe(false);
    expect(has(FUNCTIONS, 'do_no_such_fault', 'v7.3')).toBe(false);
  });
});

test('a function is called as the nearest stage says, its caller before itself', () => {
  const of = (id: string, special?: string): string => functionIn(findStage(id), 'vmf_anon_prepare', special);
  expect(of('v6.6')).toBe('anon_vma_prepare');
  expect(of('v6.7')).toBe('anon_vma_prepare');
  expect(of('v6.7', 'wp_page_copy.vmf_anon_prepare')).toBe('vmf_anon_prepare');
  expect(of('v6.18', 'wp_page_copy.vmf_anon_prepare')).toBe('vmf_anon_prepare');
  expect(of('v6.18', 'hugetlb_wp.vmf_anon_prepare')).toBe('__vmf_anon_prepare');
});
