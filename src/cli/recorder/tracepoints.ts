/** What is recorded: the tracepoints a trace is made from, and which of them a kernel has. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Complaint } from '../../errors.js';
import { systemReason } from '../system.js';

interface Group {
  /** `subsystem:name` */
  events: readonly string[];
  /** what a trace does not say without them; null where there is no trace without them */
  tells: string | null;
}

const GROUPS: readonly Group[] = [
  { events: ['exceptions:page_fault_user', 'exceptions:page_fault_kernel'], tells: null },
  { events: ['raw_syscalls:sys_enter', 'raw_syscalls:sys_exit'], tells: null },
  { events: ['sched:sched_process_fork', 'sched:sched_process_exec', 'sched:sched_process_exit'], tells: null },
  {
    // since 5.11
    events: [
      'mmap_lock:mmap_lock_start_locking',
      'mmap_lock:mmap_lock_acquire_returned',
      'mmap_lock:mmap_lock_released',
    ],
    tells: 'what this kernel did with each fault, and when mmap_lock was held',
  },
  {
    events: ['signal:signal_generate', 'signal:signal_deliver'],
    tells: 'which faults ended with a signal that the program handled',
  },
  // since 5.10
  { events: ['kmem:rss_stat'], tells: 'which faults met a swap entry' },
  {
    // since 6.9 and 6.18
    events: [
      'filemap:mm_filemap_fault',
      'readahead:page_cache_sync_ra',
      'readahead:page_cache_async_ra',
      'readahead:page_cache_ra_order',
      'readahead:page_cache_ra_unbounded',
    ],
    tells: 'whether a page was read ahead or not cached at all',
  },
  {
    // reclaim sleeps too, and for something else
    events: ['sched:sched_switch', 'vmscan:mm_vmscan_direct_reclaim_end', 'vmscan:mm_vmscan_memcg_reclaim_end'],
    tells: 'which faults slept for a page that was on its way in',
  },
  // since 6.0
  { events: ['migrate:set_migration_pte', 'migrate:remove_migration_pte'], tells: 'which pages were being moved' },
];

/** Its call chain tells a fault that fell back from one that only prepared an anon_vma. */
export const WITH_CALL_CHAIN = 'mmap_lock:mmap_lock_acquire_returned';

export interface Tracepoints {
  events: readonly string[];
  /** what this kernel does not have: names, and what they would have told */
  absent: readonly { events: readonly string[]; tells: string }[];
}

/** All of them, whether a kernel has them or not. */
export const ALL_TRACEPOINTS: Tracepoints = { events: GROUPS.flatMap(group => group.events), absent: [] };

/** Where tracefs is mounted, unless it is somewhere else. */
const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/**
 * The directory of tracefs.
 *
 * @param place where it is said to be mounted
 * @throws Complaint (io) when it is not there or may not be read
 */
export function findTracefs(place: string | undefined): string {
  const refused: string[] = [];
  for (const path of place === undefined ? PLACES : [place]) {
    try {
      readdirSync(join(path, 'events'));
      return path;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') refused.push(`read ${path}: ${systemReason(error as Error)}`);
    }
  }
  if (refused.length > 0) throw new Complaint('io', refused[0], {}, 'run it as root: sudo vmalock record ...');
  const hint = place === undefined ? 'as root: mount -t tracefs nodev /sys/kernel/tracing' : 'name where it is mounted';
  throw new Complaint('io', `tracefs is not mounted${place === undefined ? '' : ` at ${place}`}`, {}, hint);
}

/**
 * What of the tracepoints a kernel has.
 *
 * @throws Complaint (io) without those that make a trace
 */
export function tracepointsOf(tracefs: string): Tracepoints {
  const isThere = (event: string): boolean =>
    statSync(join(tracefs, 'events', ...event.split(':')), { throwIfNoEntry: false }) !== undefined;
  const absent: Tracepoints['absent'][number][] = [];
  for (const { events, tells } of GROUPS) {
    const missing = events.filter(event => !isThere(event));
    if (missing.length === 0) continue;
    if (tells === null) {
      const what = `this kernel has no tracepoint ${missing[0]}`;
      throw new Complaint('io', what, {}, 'x86-64 kernels with CONFIG_FTRACE and CONFIG_FTRACE_SYSCALLS have it');
    }
    absent.push({ events: missing, tells });
  }
  const gone = new Set(absent.flatMap(({ events }) => events));
  return { events: ALL_TRACEPOINTS.events.filter(event => !gone.has(event)), absent };
}
