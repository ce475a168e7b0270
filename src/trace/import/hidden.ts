/**
 * What a fault met that a recording does not show: whether its page was in the page cache, where there are no filemap,
 * readahead or completion events, and whether a userfaultfd monitor had to supply it: its ranges are not known, nor what a child
 * inherits of them (UFFD_FEATURE_EVENT_FORK), nor which pages it protects (UFFDIO_COPY_MODE_WP).
 *
 * Models: mm/filemap.c, filemap_fault(); fs/userfaultfd.c, handle_userfault(), dup_userfaultfd() (v6.18).
 *
 * What took less time than any I/O read nothing in; what took more may have. None of this looks at the fault's mmap_lock
 * events.
 */
import type { Ns } from '../../units.js';
import type { Extent } from './address-map.js';
import type { FaultWindow } from './fault-window.js';
import type { Recording } from './recording.js';
import type { Mm } from './world.js';

/** No disk answers sooner. */
const SOONEST_IO: Ns = 100_000;

/**
 * What of a fault in `extent` is hidden, or null. It was over `elapsed` ns after it began, or sooner.
 *
 * @param extent what is known to be mapped there; null when nothing is
 */
export function hiddenFrom(
  recording: Recording,
  mm: Mm,
  window: FaultWindow,
  extent: Extent | null,
  elapsed: Ns,
): string | null {
  if (window.kernelMode) return null;
  if (recording.pages) return mm.watched && window.mayBeUserfault(elapsed) ? 'userfaultfd' : null;
  if (elapsed < SOONEST_IO && !recording.ticks) return null;
  if (mm.watched && window.resolvedBy === null) return 'userfaultfd';
  return window.present || extent?.mapsFile === false ? null : 'page cache';
}
