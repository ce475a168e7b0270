/**
 * The trace's vocabulary: every word of the format that the machinery meets as a small integer.
 *
 * The scanner writes these codes, the kernel floor reads them, the schema and the writer spell them. A word exists once,
 * here; a code is its place in the list (append only while a trace is in flight; codes are never stored).
 */

/** Operations, in the order of the contract. The code of an operation is its index. */
export const OPS = [
  'fault',
  'vma',
  'mmap',
  'munmap',
  'shmdt',
  'mprotect',
  'pkey_mprotect',
  'mremap',
  'brk',
  'madvise',
  'prctl_set_vma',
  'mlock',
  'munlock',
  'mlockall',
  'munlockall',
  'mbind',
  'mseal',
  'remap_file_pages',
  'fork',
  'exec',
  'exit',
  'uffd_register',
  'uffd_unregister',
  'uffd_copy',
  'uffd_zeropage',
  'uffd_continue',
  'uffd_move',
  'uffd_wp',
  'uffd_rwp',
  'collapse',
  'reclaim',
  'migrate',
  'numa_scan',
  'read_maps',
  'clear_refs',
  'mmu_notifier_register',
  'gup',
  'thread',
  'other',
] as const;
export type OpName = (typeof OPS)[number];
export const OP = Object.freeze(Object.fromEntries(OPS.map((name, code) => [name, code]))) as Readonly<
  Record<OpName, number>
>;

/** `prot` bits, spelled `rwx` with `-` for what is missing. */
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;

/** `flags` of `mmap` and `vma`; the bit of a flag is `1 << index`. */
export const MAP_FLAGS = [
  'private',
  'shared',
  'anonymous',
  'fixed',
  'growsdown',
  'hugetlb',
  'locked',
  'populate',
  'stack',
  'pfnmap',
  'noreserve',
] as const;
export type MapFlag = (typeof MAP_FLAGS)[number];
export const MAP = Object.freeze(Object.fromEntries(MAP_FLAGS.map((name, bit) => [name, 1 << bit]))) as Readonly<
  Record<MapFlag, number>
>;

/** `flags` of `mremap`. */
export const MREMAP_FLAGS = ['maymove', 'fixed', 'dontunmap'] as const;
export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;
export const MREMAP_DONTUNMAP = 4;

/** `advice` of `madvise`. An advice this list lacks is kept as written and changes nothing. */
export const ADVICES = [
  'dontneed',
  'free',
  'willneed',
  'cold',
  'pageout',
  'hugepage',
  'nohugepage',
  'populate_read',
  'populate_write',
  'collapse',
  'guard_install',
  'guard_remove',
  'remove',
  'dontfork',
  'dofork',
  'wipeonfork',
  'keeponfork',
  'dontdump',
  'dodump',
  'normal',
  'random',
  'sequential',
  'mergeable',
  'unmergeable',
  'dontneed_locked',
  'hwpoison',
  'soft_offline',
] as const;
export type Advice = (typeof ADVICES)[number];
export const ADVICE = Object.freeze(Object.fromEntries(ADVICES.map((name, code) => [name, code]))) as Readonly<
  Record<Advice, number>
>;
/** The code of an advice that is not in the list. */
export const ADVICE_UNKNOWN = 255;

/** Advice kept in the flags of a VMA, which it may split; all other is about pages. */
export const FLAG_ADVICES = [
  'hugepage',
  'nohugepage',
  'dontfork',
  'dofork',
  'wipeonfork',
  'keeponfork',
  'dontdump',
  'dodump',
  'normal',
  'random',
  'sequential',
  'mergeable',
  'unmergeable',
] as const satisfies readonly Advice[];
export type FlagAdvice = (typeof FLAG_ADVICES)[number];

/** `access` of a fault, and whether it came from the kernel: `code = access | kernel`. */
export const ACCESSES = ['read', 'write', 'exec'] as const;
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_EXEC = 2;
export const ACCESS_MASK = 3;
export const FAULT_KERNEL_MODE = 4;

/** `modes` of `uffd_register`; the bit of a mode is `1 << index`. `wp_async` is `wp` with UFFD_FEATURE_WP_ASYNC. */
export const UFFD_MODES = ['missing', 'wp', 'minor', 'rwp', 'wp_async'] as const;
export const UFFD_MISSING = 1;
export const UFFD_WP = 2;
export const UFFD_MINOR = 4;
export const UFFD_RWP = 8;
export const UFFD_WP_ASYNC = 16;

/** `kind` of `read_maps`. */
export const MAPS_KINDS = ['maps', 'smaps', 'numa_maps', 'procmap_query', 'smaps_rollup', 'pagemap'] as const;
export type MapsKind = (typeof MAPS_KINDS)[number];

/**
 * `page` of a fault packed into one integer, so that facts travel without an object. 0 means "nothing said": every fact
 * left out is derived from the trace's own history.
 *
 *     bits 0-3  entry   index into ENTRIES plus 1, 0 when absent
 *     bits 4-5  folio   index into FOLIOS plus 1, 0 when absent
 *     bits 6-7  huge    index into HUGES plus 1, 0 when absent
 *     then two bits for each boolean of FACT_BITS: "is it said", "what does it say"
 *     bits 22-23 race   index into RACES plus 1, 0 when absent
 */
export const ENTRIES = [
  'none',
  'present',
  'swap',
  'migration',
  'device_private',
  'device_exclusive',
  'hwpoison',
  'marker_uffd_wp',
  'marker_poison',
  'marker_guard',
] as const;
export type Entry = (typeof ENTRIES)[number];
export const FOLIOS = ['cached', 'absent', 'locked'] as const;
export type Folio = (typeof FOLIOS)[number];
export const HUGES = ['pmd', 'pud'] as const;
export type Huge = (typeof HUGES)[number];
export const FACT_BITS = ['readahead', 'swap_sync', 'shared', 'numa_hint', 'eof', 'hole_punch', 'oom'] as const;
export type FactBit = (typeof FACT_BITS)[number];
/** What became of the VMA between the lookup and the lock: it left the tree, or its bounds moved away from the address. */
export const RACES = ['detached', 'range'] as const;
export type Race = (typeof RACES)[number];

export const ENTRY = Object.freeze(Object.fromEntries(ENTRIES.map((name, i) => [name, i + 1]))) as Readonly<
  Record<Entry, number>
>;
export const FOLIO_SHIFT = 4;
export const FOLIO_CACHED = 1;
export const FOLIO_ABSENT = 2;
export const FOLIO_LOCKED = 3;
export const HUGE_SHIFT = 6;
export const HUGE_PMD = 1;
export const HUGE_PUD = 2;
/** Where each boolean's two bits begin: bit 0 "said", bit 1 "value". */
export const FACT_SHIFT: Readonly<Record<FactBit, number>> = Object.freeze({
  readahead: 8,
  swap_sync: 10,
  shared: 12,
  numa_hint: 14,
  eof: 16,
  hole_punch: 18,
  oom: 20,
});
export const RACE_SHIFT = 22;
export const RACE_DETACHED = 1;
export const RACE_RANGE = 2;

/** What a recording says the kernel did (`truth`), packed: path index plus 1, then `fallback` said and value. */
export const PATHS = ['vma_lock', 'mmap_lock', 'signal', 'killed', 'interrupted'] as const;
export type TruthPath = (typeof PATHS)[number];
export const TRUTH_FALLBACK_SAID = 8;
export const TRUTH_FALLBACK = 16;

/**
 * What of a fault a recording does not show (`x-hidden`): something about its page, or, where the words begin so, what a call
 * did to that memory, VMAs and pages.
 */
export const HIDDEN_WORD = 'memory';
export const HIDDEN_PAGE = 1;
export const HIDDEN_MEMORY = 2;

/** `vm_ops` of a mapped file that decide a fault; the bit of a fact is `1 << index`. */
export const FILE_OPS = ['map_pages', 'fault', 'page_mkwrite', 'huge_fault', 'pfn', 'dax'] as const;
export type FileOp = (typeof FILE_OPS)[number];
export const VM_OPS = Object.freeze(Object.fromEntries(FILE_OPS.map((name, bit) => [name, 1 << bit]))) as Readonly<
  Record<FileOp, number>
>;

/** Sites of a result where a fault found its VMA marked by somebody else. */
export const MARKED_SITES: ReadonlySet<string> = new Set([
  'vma_start_read',
  'vma_read_trylock',
  '__handle_speculative_fault.vm_sequence',
  'pte_map_lock.vma_has_changed',
]);
/** Sites where another thread's operation is what sent the fault away: those, and where it had mmap_lock. */
export const CONTENDED_SITES: ReadonlySet<string> = new Set([
  ...MARKED_SITES,
  'vmf_anon_prepare',
  'do_user_addr_fault.spf_abort_odd',
  '__pte_map_lock.spf_abort_pte_map_lock_seq1',
]);

/** Where a model finishes a fault; `speculative` where that needs no lock. */
export const VERDICTS = ['vma_lock', 'mmap_lock', 'signal', 'speculative'] as const;
export type Verdict = (typeof VERDICTS)[number];
/** The kernel's own counters; null when that kernel counts nothing for the outcome. */
export const COUNTERS = ['vma_lock_success', 'vma_lock_abort', 'vma_lock_retry', 'vma_lock_miss'] as const;
export type Counter = (typeof COUNTERS)[number];
