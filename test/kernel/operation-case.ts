/**
 * Operations: which mmap_lock sections each takes, which VMAs it marks or read-locks and until when, and what it leaves of
 * the address space, as read in the kernels of the stages.
 *
 * Sections, in order: `R` and `W`, with `k` where the lock is taken killably and `?` where it is only tried; `W>R` is a
 * downgrade; `-` when the mm was not locked at all.
 *
 * An address space is a row of pages, a letter for each VMA. Other threads read the pages that a picture names:
 *
 *     M  vma_start_read() failed: the VMA is marked        V  handled under the VMA lock
 *     x  no VMA there                                      a  given up before the lock: no anon_vma (6.4 looks first)
 *     f  given up before the lock: not anonymous           .  not asked
 *
 * They look when the operation has begun, when it is nearly over, and when it is over. Marks last as long as the write
 * section: what is not said of the second look follows from the sections, and in the third nothing is marked.
 */
import { type Event, vma } from '../helpers.js';

/** The seven of the published table. */
export const STAGES = ['rfc_2022', 'v6.4', 'v6.6', 'v6.12', 'v6.15', 'v6.18', 'v7.2'] as const;
export type StageId = (typeof STAGES)[number];

/** One answer for all stages, or each from its stage on; the first is that of rfc_2022. */
export type ByStage = string | ({ readonly rfc_2022: string } & { readonly [S in StageId]?: string });

export interface Case {
  before: Event[];
  op: Event;
  sections: ByStage;
  /** what the first look meets; empty where others cannot look */
  marks: ByStage;
  /** what the second meets, where that does not follow from the sections */
  late?: ByStage;
  /** what the third meets, where something stays marked */
  over?: ByStage;
  /** VMAs that the operation marked (`m`) or read-locked (`r`) itself, by their first page, as told by the lock statistics */
  took?: ByStage;
  /** left out where nothing changes */
  after?: string;
  /** ns into the operation of the first look */
  look?: number;
  /** the mm it is about */
  mm?: number;
}

export const rw = (page: number, pages: number, more = {}): Event => vma(page, pages, more);
export const ro = (page: number, pages: number, more = {}): Event => vma(page, pages, { prot: 'r--', ...more });
/** A neighbour that nothing here merges with. */
export const rx = (page: number, pages: number): Event => vma(page, pages, { prot: 'r-x' });
export const here = (op: string, more = {}): Event => ({ op, tid: 1, ...more });

/** The answer at stage `i`. */
export function of(value: ByStage, i: number): string {
  if (typeof value === 'string') return value;
  for (let stage = i; stage > 0; stage--) {
    const answer = value[STAGES[stage]];
    if (answer !== undefined) return answer;
  }
  return value.rfc_2022;
}
