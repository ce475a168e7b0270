/**
 * Kinds of fault: a trace whose last event is the fault asked about, and what every stage makes of it, as read in each kernel
 * and each series (x86-64). Nothing here comes from the lineage under test.
 *
 * A cell is written where it first holds, and holds until the next one of its kind:
 *
 *     -    mmap_lock, uncounted: no attempt, or one whose end nobody counts     V    under the VMA lock: vma_lock_success
 *     A    lock_vma_under_rcu() returned NULL: vma_lock_abort, then mmap_lock   P    speculatively
 *     R    VM_FAULT_RETRY: vma_lock_retry, then mmap_lock                       U    under the VMA lock, but uncounted
 *     M    vma_lock_miss, then mmap_lock; before V: counted, and looked up again
 *     T    V when mmap_read_trylock() succeeds inside the fault; R at vmf_anon_prepare when somebody writes under mmap_lock
 *     =    no such thing: what the trace without it gives
 *
 * Then `!` when the fault ends in a signal, the site where one decided, and after a bar what is held while it sleeps:
 * `vma_lock`, `mmap_lock`, or nothing: `free`.
 */
import { type Event, fault, mmap, range, vma } from '../../helpers.js';

/** The stages, each beside those it is most like. v6.4.0 and v6.17 have no cells of their own: they answer a fault like v6.4 and v6.15. */
export const STAGES = [
  'mmap_lock',
  'spf_dufour_v12',
  'spf_lespinasse_2021',
  'spf_lespinasse_2022',
  'rfc_2022',
  'v6.4.0',
  'v6.4',
  'v6.5',
  'swap_uncontended_2023_04',
  'swap_uncontended_2023_05',
  'vma_unlocked_2023_06',
  'v4_2023_06_28',
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
] as const;
export type StageId = (typeof STAGES)[number];

/** From each stage named on, until the next. */
export type Cells = { readonly mmap_lock: string } & { readonly [S in StageId]?: string };

export interface Kind {
  readonly events: readonly Event[];
  /** the same without the fact that makes the kind, for stages in which there is no such thing */
  readonly plain?: readonly Event[];
  readonly cells: Cells;
}

/** The cell of every stage, in order. */
export function spread(cells: Cells): Record<StageId, string> {
  const said = STAGES.filter(stage => cells[stage] !== undefined);
  const inForce = (stage: StageId) => said.filter(from => STAGES.indexOf(from) <= STAGES.indexOf(stage)).pop()!;
  return Object.fromEntries(STAGES.map(stage => [stage, cells[inForce(stage)]!])) as Record<StageId, string>;
}

/** The cells of a kind that sleeps, with `held` where they do not say what is held meanwhile. */
export function asleep(held: 'free' | 'mmap_lock', cells: Cells): Cells {
  const said = Object.entries(cells).map(([stage, cell]) => [
    stage,
    cell === '=' || cell.includes('|') ? cell : `${cell} | ${held}`,
  ]);
  return Object.fromEntries(said) as Cells;
}

// ---------------------------------------------------------------------------------------------------------------------
// Cells that kinds share

export const MMAP = '- do_user_addr_fault';

/** Anonymous memory with an anon_vma and a table of PTEs. */
export const ANONYMOUS: Cells = { mmap_lock: MMAP, spf_dufour_v12: 'P', rfc_2022: 'V' };

/** Anonymous memory that needs an anon_vma it has not: `spf` is where Lespinasse looks. */
export const noAnonVma = (spf: string): Cells => ({
  mmap_lock: MMAP,
  spf_dufour_v12: '- __handle_speculative_fault.anon_vma',
  spf_lespinasse_2021: spf,
  rfc_2022: 'V',
  'v6.4.0': 'A lock_vma_under_rcu.anon_vma',
  'v6.10': 'T',
});

/** A huge page, or the place for one. */
export const HUGE: Cells = {
  mmap_lock: MMAP,
  spf_dufour_v12: '- __handle_speculative_fault.pmd',
  spf_lespinasse_2021: '- __handle_mm_fault.spf_abort_pmd',
  rfc_2022: 'V',
};

/** An entry that is not present in anonymous memory, up to 6.5. */
export const NOT_PRESENT: Cells = {
  mmap_lock: MMAP,
  spf_dufour_v12: 'P',
  spf_lespinasse_2021: '- do_swap_page.spf_abort_non_swap_entry',
  spf_lespinasse_2022: '- do_swap_page.spf_abort_swap',
  rfc_2022: 'R do_swap_page',
};

/** A mapping that is not anonymous, before such VMAs could be locked; `spf` is what the files of 2021 make of it. */
export const file = (spf = '- do_user_addr_fault.spf_abort_no_speculate'): Cells => ({
  mmap_lock: MMAP,
  spf_dufour_v12: '- __handle_speculative_fault.vm_ops',
  spf_lespinasse_2021: spf,
  spf_lespinasse_2022: '- do_user_addr_fault.spf_abort_no_speculate',
  rfc_2022: '- find_and_lock_anon_vma.vm_ops',
  'v6.4.0': 'A lock_vma_under_rcu.vm_ops',
});

// ---------------------------------------------------------------------------------------------------------------------
// Events

/** Nanoseconds the fault waits where the trace says so. */
export const WAIT = 100_000;

/** A second thread: some series try only what several threads share. */
const THREAD: Event = { op: 'fork', tid: 1, child_tid: 9, child_mm: 1 };
/** A neighbour in the same 2 MiB, so that there is a table of PTEs. */
const NEIGHBOUR: readonly Event[] = [mmap(256, 4), fault(256)];

/** A trace of two threads in which the fault finds a table of PTEs. */
export const trace = (...events: Event[]): Event[] => [THREAD, ...NEIGHBOUR, ...events];
/** The same, where the table is still to be made. */
export const emptyPmd = (...events: Event[]): Event[] => [THREAD, ...events];

/** The fault asked about: a read or a write of the first page of the VMA, with facts. */
export const read = (page?: object, more = {}): Event => fault(0, { access: 'read', ...(page && { page }), ...more });
export const write = (page?: object, more = {}): Event => fault(0, { ...(page && { page }), ...more });

/** Anonymous memory that was written to before, and such that was not. */
export const ANON = vma(0, 128);
export const FRESH = mmap(0, 128);
/** The same in whole PMDs of 2 MiB, and a fault there. */
export const ANON_PMDS = vma(512, 1024);
export const inPmd = (page: object, access = 'write'): Event => fault(512, { access, page });

/** A mapping of a file; private ones have had no copy of a page yet. */
export const mapped = (kind: 'private' | 'shared', fs: string, more = {}): Event =>
  mmap(0, 128, { flags: [kind], file: { fs, name: 'f' }, ...more });
export const PRIVATE = mapped('private', 'ext4');
export const SHARED = mapped('shared', 'ext4');
export const SHMEM = mmap(0, 128, { flags: ['shared', 'anonymous'] });

export const register = (mode: string, page = 0, pages = 128): Event =>
  range('uffd_register', page, pages, { modes: [mode] });
