/**
 * PERF_RECORD_MMAP2 lines -> extents, and extents -> the words of a `vma` or `mmap` event.
 *
 * Models: tools/perf/util/event.c, perf_event__fprintf_mmap2(); kernel/events/core.c, perf_event_mmap_event() (v6.18):
 * `[0xaddr(0xlen) @ offset maj:min ino gen]: rwxp name`, with the extent that results after merging; of a 0 printf's `%#x`
 * prints no more than that.
 */

import { formatAddr, formatLen } from '../../units.js';
import type { MapFlag } from '../../vocab.js';
import type { Extent } from './address-map.js';
import type { EventObject, FileObject } from './event.js';
import type { Shown } from './extent-check.js';
import type { Decoded } from './syscalls.js';
import { type Page, pageOf, pagesOf, protBits, protWord } from './words.js';

/** Pages of a huge page of hugetlb. */
export const HUGE: Page = 512;

const MMAP2 =
  /^ (-?\d+)\/(-?\d+): \[(0|0x[0-9a-f]+)\(0x([0-9a-f]+)\) @ (?:0x)?([0-9a-f]+)[^\]]*\]: ([r-][w-][x-][ps]) (.*)$/;

export interface Mapped {
  pid: number;
  tid: number;
  extent: Extent;
}

/** The text after `PERF_RECORD_MMAP2`, or null when it is cut off. */
export function parseMmap2(text: string): Mapped | null {
  const match = MMAP2.exec(text);
  if (match === null) return null;
  const [, pid, tid, addr, len, offset, prot, name] = match;
  const start = pageOf(addr);
  const extent = {
    start,
    end: start + pagesOf('0x' + len),
    shared: prot[3] === 's',
    prot: protBits(prot),
    mapsFile: identity(name, prot[3] === 's').file !== undefined,
    growsdown: name === '[stack]',
    dontfork: false,
    name,
    offset: pageOf('0x' + offset),
    since: 0,
  };
  return { pid: Number(pid), tid: Number(tid), extent };
}

/** File systems that a name alone gives away; a path says nothing and is left to the replay's defaults. */
const FS_OF_NAME: readonly [prefix: string, fs: string][] = [
  ['[', 'special'],
  ['/SYSV', 'sysv_shm'],
  ['/dev/shm/', 'tmpfs'],
  ['/memfd:', 'shmem'],
  ['/dev/zero', 'shmem'],
  ['/anon_hugepage', 'hugetlbfs'],
  ['/secretmem', 'secretmem'],
  ['anon_inode:[perf_event]', 'perf_event'],
  ['anon_inode:[io_uring]', 'io_uring'],
  ['anon_inode:', 'anon_inode'],
];

/** `file` and `name` of an extent: `{}` for anonymous memory nobody named. */
export function identity(name: string, shared: boolean): { file?: FileObject; name?: string } {
  if (name === '//anon' || name === '') return shared ? { file: { fs: 'shmem' } } : {};
  if (name === '[heap]' || name === '[stack]' || name.startsWith('[anon')) return { name };
  if (name.startsWith('/dev/zero') && !shared) return { name };
  const fs = FS_OF_NAME.find(([prefix]) => name.startsWith(prefix))?.[1];
  return { file: fs === undefined ? { name } : { name, fs } };
}

/** Is it a file whose pages are read from a disk, for all that its name says? */
export function mayBeOnDisk(extent: Extent | null): boolean {
  if (extent === null) return false;
  const { file } = identity(extent.name, extent.shared);
  return file !== undefined && file.fs === undefined;
}

/** A VMA that was there before the program ran: mapped by execve, or found when the recording began. */
export function vmaEvent(t: number, tid: number, extent: Extent): EventObject & { flags: MapFlag[] } {
  const who = identity(extent.name, extent.shared);
  const stack = extent.name === '[stack]';
  const flags: MapFlag[] = [extent.shared ? 'shared' : 'private'];
  if (who.file === undefined) flags.push('anonymous');
  if (who.file?.fs === 'hugetlbfs') flags.push('hugetlb');
  if (stack) flags.push('growsdown');
  const [addr, len] = [formatAddr(extent.start), formatLen(extent.end - extent.start)];
  // key by key: of objects that are copied from others V8 gives each a shape of its own
  const event: EventObject & { flags: MapFlag[] } = {
    t,
    tid,
    op: 'vma',
    addr,
    len,
    prot: protWord(extent.prot),
    flags,
  };
  if (who.name !== undefined) event.name = who.name;
  if (who.file !== undefined) {
    event.file = who.file;
    event.offset = formatAddr(extent.offset);
  }
  // execve wrote the arguments there, so its pages are in place
  if (stack) event.anon_vma = true;
  return event;
}

/** `mmap` for a mapping that some other call made (shmat, io_setup): only its MMAP2 line is known. */
export function mmapEvent(t: number, tid: number, extent: Extent): EventObject {
  return { ...vmaEvent(t, tid, extent), op: 'mmap' };
}

/** What was decoded of a call. */
type Operation = NonNullable<Decoded>;

/** What a VMA has grown by, as an operation without its time and thread. */
export type Growth = Pick<EventObject, 'op' | 'addr' | 'len' | 'prot' | 'flags'>;

/** `mmap` of what `stack` has grown down by, to `start`: it is like it, and becomes one VMA with it. */
export function growthOf(stack: Extent, start: Page): Growth {
  const [addr, len] = [formatAddr(start), formatLen(stack.start - start)];
  return { op: 'mmap', addr, len, prot: protWord(stack.prot), flags: ['private', 'anonymous', 'fixed', 'growsdown'] };
}

/** Completes a decoded mmap with what its MMAP2 line says of the file. */
export function nameMmap(event: Operation, lines: readonly Shown[]): Operation {
  const start = pageOf(String(event.addr));
  const shown = lines.find(({ extent }) => extent.start <= start && start < extent.end);
  if (shown === undefined) return event;
  const { extent } = shown;
  const named = identified(event, extent.name, extent.shared);
  const flags = event.flags as MapFlag[];
  const len = formatLen(extent.end - start);
  if (named.file === undefined) return named;
  if (flags.includes('hugetlb')) return { ...named, len };
  const huge = isRounded(shown, start + pagesOf(String(event.len)));
  return huge
    ? { ...named, len, flags: [...flags, 'hugetlb'], file: { ...(named.file as FileObject), fs: 'hugetlbfs' } }
    : named;
}

/** ksys_mmap_pgoff(): only of a file of hugetlb more is mapped than was asked for; nothing of it joins what was there. */
function isRounded({ extent, over }: Shown, end: Page): boolean {
  if (extent.end <= end || extent.start % HUGE !== 0 || extent.end % HUGE !== 0) return false;
  return !over.some(before => before.end > end && before.name === extent.name);
}

/** The operation with the protection that its MMAP2 lines show: READ_IMPLIES_EXEC gives more than was asked for. */
export function asShown(event: Operation, shown: readonly Shown[]): Operation {
  const [first, ...others] = shown;
  if (event.prot === undefined || first === undefined) return event;
  const { prot } = first.extent;
  return others.some(({ extent }) => extent.prot !== prot) ? event : { ...event, prot: protWord(prot) };
}

/** A decoded mmap with what the name of its file says: whether it is one, and of which file system. */
export function identified(event: Operation, name: string, shared: boolean): Operation {
  const who = identity(name, shared);
  if (who.file !== undefined) return { ...event, ...who };
  const { file: _file, offset: _offset, ...rest } = event;
  const flags = event.flags as MapFlag[];
  return { ...rest, flags: flags.includes('anonymous') ? flags : [...flags, 'anonymous'], ...who };
}

/** The extent a decoded `mmap` makes, for a recording without MMAP2 lines. */
export function extentOf(event: { [key: string]: unknown }): Extent {
  const start = pageOf(String(event.addr));
  const flags = event.flags as MapFlag[];
  const shared = flags.includes('shared');
  const mapsFile = !flags.includes('anonymous');
  const offset = event.offset === undefined ? 0 : pageOf(String(event.offset));
  const end = start + pagesOf(String(event.len));
  const growsdown = flags.includes('growsdown');
  const prot = protBits(String(event.prot));
  return { start, end, shared, prot, mapsFile, growsdown, dontfork: false, name: '', offset, since: 0 };
}
