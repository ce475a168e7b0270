/**
 * The data sheet: how long each step takes. Data, never code; `--costs FILE` replaces any of them.
 *
 * Costs decide how long locks are held and hence who waits for whom; they never decide what a handler does with a fault.
 * Defaults are for a current server on bare metal. Sources: (w) will-it-scale page_fault1 to 3, single thread, as posted
 * with the per-VMA lock series; (b) microbenchmarks of a 6.6 and a 6.18 kernel, scaled to bare metal; (d) device class.
 *
 * Units: ns, unless a name says per page or per VMA.
 */
export const COSTS = {
  /** (w) first touch of an anonymous page by a write, page tables and anon_vma present */
  anon_write: 600,
  /** (b) the same by a read: the zero page */
  anon_read: 350,
  /** (b) anon_vma allocated as well */
  anon_vma_prepare: 900,
  /** (b) a write that copies or reuses a write-protected page */
  wp: 900,
  /** (w) a file page mapped from the page cache, with its neighbours */
  file_map: 800,
  /** (b) a file or shmem page through ->fault */
  file_fault: 1_200,
  /** (b) a PMD-sized anonymous page: zeroing 2 MiB */
  huge: 100_000,
  /** (b) hugetlb page */
  hugetlb: 60_000,
  /** (b) swap-in, without the device */
  swap: 1_500,
  /** (b) spurious fault, access flag, marker, signal */
  minor: 300,
  /** (d) read from a block device when the trace does not say how long (NVMe) */
  wait_io: 80_000,
  /** (b) read from zram or pmem */
  wait_sync_swap: 2_000,
  /** (d) a folio somebody else has locked */
  wait_folio: 10_000,
  /** (d) a migration entry */
  wait_migration: 10_000,
  /** (b) queueing readahead for a marked page */
  wait_readahead: 3_000,
  /** (b) a woken sleeper until it runs */
  wake: 3_000,

  /** (b) a system call that maps, unmaps or changes one VMA, lock held */
  op: 700,
  /** (b) zapping one touched page */
  zap_page: 60,
  /** (b) populating one page: what a fault costs without its exception */
  populate_page: 400,
  /** (b) fork, per touched page */
  fork_page: 25,
  /** (b) fork, per VMA */
  fork_vma: 250,
  /** (b) userfaultfd ioctl, per page */
  uffd_page: 800,
  /** (b) reading one VMA's line of /proc/PID/maps */
  maps_vma: 500,
  /** (b) reading one VMA's part of /proc/PID/smaps, without its pages */
  smaps_vma: 4_000,
  /** (b) collapsing 512 pages into one */
  collapse: 150_000,
} as const;

export type CostName = keyof typeof COSTS;
export type Costs = { readonly [C in CostName]: number };

/** The data sheet where the times are recorded and have every step in them: what is left is how long a fault sleeps. */
export const SLEEPS = Object.fromEntries(
  Object.entries(COSTS).map(([name, ns]) => [name, name.startsWith('wait_') ? ns : 0]),
) as Costs;
