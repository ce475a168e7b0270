/** The words of pictures: what a thread, a lock, a wait and an event are called in a lane, a frame or a slice. Not escaped yet. */
import type { FaultRow, Hold, Span, VmaRange, Wait } from '../replay/result.js';
import { formatAddr, formatCount } from '../units.js';

/** `node (5632)`, or `thread 5632` where the trace has no name for it. */
export function threadWords(tid: number, comm: string | null): string {
  return comm === null ? `thread ${tid}` : `${comm} (${tid})`;
}

/** `[heap]`, else the range of addresses. */
export function vmaWords({ start, end, name }: VmaRange): string {
  return name ?? `${formatAddr(start)}-${formatAddr(end)}`;
}

/** `fault at do_swap_page` where a fault left the fast path; else the name of the operation. */
export function spanWords({ op, site }: Pick<Span, 'op' | 'site'>): string {
  const what = op === '' ? 'other' : op;
  return site === null ? what : `${what} at ${site}`;
}

/** What is waited for: `mmap_lock (read)`, `the readers of [heap]`, `a page`, `a userfaultfd monitor`. */
export function waitWords({ on, mode, vma }: Pick<Wait, 'on' | 'mode' | 'vma'>): string {
  if (on === 'page') return 'a page';
  if (on === 'monitor') return 'a userfaultfd monitor';
  if (on === 'mmap_lock') return `mmap_lock (${mode})`;
  return vma === null ? 'the readers of a VMA' : `the readers of ${vmaWords(vma)}`;
}

/** `mmap_lock (write)`, `VMA [heap] (read)`; a VMA held for writing is marked. */
export function holdWords({ lock, mode, vma }: Pick<Hold, 'lock' | 'mode' | 'vma'>): string {
  if (lock === 'mmap_lock' || vma === null) return `${lock} (${mode})`;
  return `VMA ${vmaWords(vma)} (${mode === 'write' ? 'marked' : 'read'})`;
}

/** `munmap (thread 5632)`; null where nobody is known to be the cause. */
export function causeWords(by: FaultRow['blocked_by']): string | null {
  return by === null ? null : `${by.op} (thread ${by.tid})`;
}

/** `37 events lost when recorded` */
export function lostWords(events: number): string {
  return `${formatCount(events)} ${events === 1 ? 'event' : 'events'} lost when recorded`;
}
