/**
 * VMAs by inference: tracefs shows nothing of what execve mapped, but a fault that ended well shows that a VMA is there.
 *
 * Models: fs/exec.c, setup_arg_pages(); fs/binfmt_elf.c, load_elf_binary(); arch/x86/mm/mmap.c, mmap_base() (v6.18): the
 * stack lies above everything that is mapped later, and reaches 128 KiB below the arguments before it has to grow.
 *
 * Any other such VMA is one page, since more is not known. Where execve cleared the rest of a page, the file of a segment
 * ends in it and its bss begins behind it (padzero()): that much is certain, and `x-evidence` says so. What the rest is,
 * most of it: code, and what is read first, a file's, but for the vDSO, whose ELF header is read, as the dynamic loader's is
 * by its own code; what is written, anonymous, with an anon_vma when the page was there already, or when pages near it were
 * written before. Those events carry `x-inferred`. No truth is derived from any, nor they from mmap_lock events.
 */
import { formatAddr, formatLen, type Page } from '../../units.js';
import type { EventObject } from './event.js';
import type { FaultWindow } from './fault-window.js';
import { pageOf, pageRange } from './words.js';
import { type Mm, mmKey } from './world.js';

const STACK_EXPAND = 32;
/** Pages that are written so near to each other are one VMA's, and those that are executed one image's. */
const NEAR = 64;
/** Segments of one image are no further apart. */
const REACH = 4096;
const PAGE_OFFSET = 0xfffn;
/** Offset of e_phoff in an ELF header: who looks for the functions of the vDSO reads it first. */
const E_PHOFF = 0x20;

/** What is known of an address space outside its map. */
export interface Unseen {
  /** those that VMAs were told for */
  readonly pages: Set<Page>;
  readonly written: Set<Page>;
  readonly executed: Set<Page>;
  /** last pages of what segments take from their files: execve cleared the rest of each */
  readonly cleared: Page[];
  /** 0: none yet */
  stackEnd: Page;
}

/** Nothing, or what a forked child knows of its parent's. */
export function unseenOf(from?: Unseen): Unseen {
  const { pages, written, executed, cleared = [], stackEnd = 0 } = from ?? {};
  return {
    pages: new Set(pages),
    written: new Set(written),
    executed: new Set(executed),
    cleared: [...cleared],
    stackEnd,
  };
}

/**
 * The VMA of a fault, to stand before it; null when one is known there, or none can be told.
 *
 * @param ended it ended well, which proves that there is one
 */
export function unseenVma(
  mm: Mm,
  tid: number,
  { t, address, access, present }: FaultWindow,
  ended: boolean,
): EventObject | null {
  const page = pageOf(address);
  const { unseen } = mm;
  if (mm.map.at(page) !== null || unseen.pages.has(page)) return null;
  if (!ended && segmentEnd(unseen, page) === null) return null;
  const base = { t, tid, ...mmKey(mm), op: 'vma' };
  const mark = { 'x-inferred': 'the next fault ended well' };
  const range = pageRange(address);
  if (access === 'read' && Number(BigInt(address) & PAGE_OFFSET) === E_PHOFF && segmentEnd(unseen, page) === null) {
    const prot = nearby(unseen.executed, page) ? 'rwx' : 'r-x';
    unseen.pages.add(page);
    const file = { name: '[vdso]', fs: 'special' };
    return { ...base, ...range, prot, flags: ['private'], file, 'x-inferred': 'its ELF header is read first' };
  }
  if (mm.map.above(page)?.growsdown) return null;
  const last = mm.map.all().at(-1);
  const above = mm.complete && last !== undefined && page >= last.end;
  // below it, a stack grows by itself
  if (above && page < unseen.stackEnd) return null;
  unseen.pages.add(page);
  if (above && access === 'write' && unseen.stackEnd === 0) {
    unseen.stackEnd = page + 1;
    const range = { addr: formatAddr(page - STACK_EXPAND), len: formatLen(STACK_EXPAND + 1) };
    const flags: EventObject['flags'] = ['private', 'anonymous', 'growsdown'];
    return { ...base, ...range, prot: 'rw-', flags, name: '[stack]', anon_vma: true, ...mark };
  }
  // nothing that is written lies so near above a stack but what execve left on it
  if (
    present &&
    access === 'write' &&
    unseen.stackEnd > 0 &&
    page >= unseen.stackEnd &&
    page < unseen.stackEnd + NEAR
  ) {
    const evidence = { 'x-evidence': 'written just above the first page of a stack' };
    return { ...base, ...range, prot: 'rw-', flags: ['private', 'anonymous'], anon_vma: true, ...evidence };
  }
  const segment = access === 'exec' ? null : segmentEnd(unseen, page);
  const evidence = { 'x-evidence': 'execve cleared the rest of the last page of its file' };
  // its COW prepared the anon_vma
  if (segment !== null && page <= segment) {
    return { ...base, ...range, prot: 'rw-', flags: ['private'], file: {}, anon_vma: true, ...evidence };
  }
  if (access === 'exec') unseen.executed.add(page);
  if (access !== 'write' && segment === null) {
    const prot = access === 'exec' ? 'r-x' : 'rw-';
    return { ...base, ...range, prot, flags: ['private'], file: {}, ...mark };
  }
  const bss: EventObject = { ...base, ...range, prot: 'rw-', flags: ['private', 'anonymous'] };
  const known = segment === null ? present || nearby(unseen.written, page) : wroteBss(unseen, segment);
  if (known) bss.anon_vma = true;
  if (access === 'write') unseen.written.add(page);
  // who reads it first may find an anon_vma there later
  return { ...bss, ...(segment === null || (access === 'read' && !known) ? mark : evidence) };
}

/** Where the file of the segment ends that `page` is of, or of whose bss it is; null when execve cleared none near it. */
function segmentEnd({ cleared }: Unseen, page: Page): Page | null {
  const own = cleared.filter(end => end >= page && end - page <= REACH);
  if (own.length > 0) return Math.min(...own);
  const below = cleared.filter(end => end < page && page - end <= REACH);
  return below.length > 0 ? Math.max(...below) : null;
}

/** Was a page of the bss behind it written before? Then its anon_vma is there. */
function wroteBss({ written }: Unseen, end: Page): boolean {
  for (const page of written) if (page > end && page - end <= REACH) return true;
  return false;
}

function nearby(pages: ReadonlySet<Page>, page: Page): boolean {
  for (let other = page - NEAR; other <= page + NEAR; other++) if (pages.has(other)) return true;
  return false;
}
