/**
 * Operations: which mmap_lock sections each takes, which VMAs it marks, and what it leaves of the address space, as read in
 * the kernels of the stages.
 *
 * An address space is a row of pages, a letter for each VMA. While the operation lasts, other threads read the pages that
 * the second picture names:
 *
 *     M  vma_start_read() failed: the VMA is marked        V  handled under the VMA lock
 *     x  no VMA there                                      a  given up before the lock: no anon_vma (6.4 looks first)
 *     f  given up before the lock: not anonymous           .  not asked
 *
 * Sections: W and R as often as mmap_lock of the mm was taken in that mode (not their order); `>` when the read section is
 * what a downgrade left of the write section; `-` when it was not taken at all.
 */
import { type Event, vma } from '../helpers.js';

export const STAGES = ['mmap_lock', 'v6.4', 'v6.6', 'v6.12', 'v6.18'] as const;

/** By stage: one for all, or one for each stage in order. */
export type ByStage = string | readonly string[];

export interface Case {
  before: Event[];
  op: Event;
  sections: ByStage;
  /** from v6.4 on; under mmap_lock nothing is marked */
  marks: ByStage;
  /** left out where nothing changes */
  after?: string;
  /** ns into the operation when the other threads look */
  look?: number;
  /** its read section comes before its write section */
  readsFirst?: boolean;
}

export const rw = (page: number, pages: number, more = {}): Event => vma(page, pages, more);
export const ro = (page: number, pages: number, more = {}): Event => vma(page, pages, { prot: 'r--', ...more });
export const here = (op: string, more = {}): Event => ({ op, tid: 1, ...more });
