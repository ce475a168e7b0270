/** What is known of the memory of a process before its recording begins: what no event of the recording will say. */
import { readFileSync } from 'node:fs';
import type { EventObject } from '../../trace/import/index.js';

/** The text of /proc/PID/smaps, which has the lines of /proc/PID/maps too; empty where it may not be read. */
export function smapsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps`, 'latin1');
  } catch {
    return '';
  }
}

/**
 * The lines perf does not print of the memory it finds: those of mappings that nobody may access yet.
 *
 * Models: tools/perf/util/synthetic-events.c, perf_event__synthesize_mmap_events() (v6.1), which skips what is neither
 * readable nor executable; mprotect(2) on such a reservation makes it memory.
 */
export function omittedByPerf(pid: number, smaps: string): string {
  const found = smaps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (-[w-]-[ps]) ([0-9a-f]+) (\S+ \d+) *(.*)$/gm);
  const lines = Array.from(found, ([, start, end, perms, offset, inode, name]) => {
    const length = (BigInt(`0x${end}`) - BigInt(`0x${start}`)).toString(16);
    const place = `[0x${start}(0x${length}) @ 0x${offset} ${inode} 0]`;
    return `${pid}/${pid} [000] 0.000000000: PERF_RECORD_MMAP2 ${pid}/${pid}: ${place}: ${perms} ${name || '//anon'}\n`;
  });
  return lines.join('');
}

/**
 * Adds what a snapshot knows to the VMAs a recording begins with: a private VMA with anonymous pages, in memory or
 * swapped out, has an anon_vma. Without any it may have one or not, and nothing is said.
 */
export function anonVmaFrom(smaps: string): (event: EventObject) => EventObject {
  const known = new Set<string>();
  let start = '';
  for (const line of smaps.split('\n')) {
    const head = /^0*([0-9a-f]+)-[0-9a-f]+ (\S{4}) /.exec(line);
    if (head !== null) start = head[2].endsWith('p') ? `0x${head[1]}` : '';
    else if (start !== '' && /^(?:Anonymous|Swap): +[1-9]/.test(line)) known.add(start);
  }
  return event =>
    event.op === 'vma' && event.t === 0 && known.has(String(event.addr)) ? { ...event, anon_vma: true } : event;
}
