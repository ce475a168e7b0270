/**
 * VMAs by inference: tracefs shows nothing of what execve mapped, but a fault that ended well shows that a VMA is there.
 *
 * Models: fs/exec.c, setup_arg_pages(); fs/binfmt_elf.c, load_elf_binary(); arch/x86/mm/mmap.c, mmap_base() (v6.18): the
 * stack lies above everything that is mapped later, and reaches 128 KiB below the arguments before it has to grow.
 *
 * Any other such VMA is one page, since more is not known. What most of it is: code, and what is read first, a file's, but for the vDSO; what
 * is written, anonymous, with an anon_vma when the page was there already, or when pages near it were written before. The
 * events carry `x-inferred` with the evidence; no truth is derived from them, nor they from mmap_lock events.
 */
import { formatAddr, formatLen, type Page } from '../../units.js';
import type { EventObject } from './event.js';
import type { FaultWindow } from './fault-window.js';
import { pageOf, pageRange } from './words.js';
import { type Mm, mmKey } from './world.js';

const STACK_EXPAND = 32;
/** Pages that are written so near to each other are one VMA's. */
const NEAR = 64;
const PAGE_OFFSET = 0xfffn;
/** Offset of e_phoff in an ELF header: who looks for the functions of the vDSO reads it first. */
const E_PHOFF = 0x20;

/** The VMA that a fault proves, to stand before it; null when one is known there. */
export function unseenVma(mm: Mm, tid: number, { t, address, access, present }: FaultWindow): EventObject | null {
  const page = pageOf(address);
  const { unseen } = mm;
  if (mm.map.at(page) !== null || unseen.pages.has(page)) return null;
  const base = { t, tid, ...mmKey(mm), op: 'vma' };
  const mark = { 'x-inferred': 'the next fault ended well' };
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
  const range = pageRange(address);
  if (access === 'read' && Number(BigInt(address) & PAGE_OFFSET) === E_PHOFF) {
    const file = { name: '[vdso]', fs: 'special' };
    return { ...base, ...range, prot: 'r-x', flags: ['private'], file, 'x-inferred': 'its ELF header is read first' };
  }
  if (access !== 'write') {
    const prot = access === 'exec' ? 'r-x' : 'rw-';
    return { ...base, ...range, prot, flags: ['private'], file: {}, ...mark };
  }
  const known = present || nearby(unseen.written, page) ? { anon_vma: true } : {};
  unseen.written.add(page);
  return { ...base, ...range, prot: 'rw-', flags: ['private', 'anonymous'], ...known, ...mark };
}

function nearby(pages: ReadonlySet<Page>, page: Page): boolean {
  for (let other = page - NEAR; other <= page + NEAR; other++) if (pages.has(other)) return true;
  return false;
}
