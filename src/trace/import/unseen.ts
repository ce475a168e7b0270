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
import type { AddressMap } from './address-map.js';
import type { EventObject } from './event.js';
import type { FaultWindow } from './fault-window.js';
import { pageOf } from './words.js';

const STACK_EXPAND = 32;
/** RLIMIT_STACK as it mostly is, 8 MiB. */
const STACK_LIMIT = 2048;
/** Pages that are written so near to each other are one VMA's, and those that are executed one image's. */
const NEAR = 64;
/** Segments of one image are no further apart. */
const REACH = 4096;
const PAGE_OFFSET = 0xfffn;
/** Offset of e_phoff in an ELF header: who looks for the functions of the vDSO reads it first. */
const E_PHOFF = 0x20;
/** The vDSO lies beside the stack or where mmap(2) begins: in the uppermost 2 TiB, as x86-64 spreads them. */
const LOWEST_VDSO: Page = 0x7e0000000;
/** Pages of the vDSO, and those below it that its functions read: [vvar], and since 6.13 [vvar_vclock]. */
const VDSO = 2;
const VVAR = 6;

/** The keys of a `vma` event that say what is there; `x-inferred` where that is not certain. */
type Vma = Pick<EventObject, 'prot' | 'flags' | 'file' | 'name' | 'anon_vma' | 'x-inferred'>;

const INFERRED = { 'x-inferred': 'the next fault ended well' };
const CLEARED = { 'x-evidence': 'execve cleared the rest of the last page of its file' };
const ABOVE_STACK = { 'x-evidence': 'written just above the first page of a stack' };
const PRIVATE: Pick<Vma, 'flags'> = { flags: ['private'] };
const ANONYMOUS: Pick<Vma, 'prot' | 'flags'> = { prot: 'rw-', flags: ['private', 'anonymous'] };

/** What is known of an address space outside its map. */
export class Unseen {
  /** pages that VMAs were told for */
  #told = new Set<Page>();
  /** of those, what was only read of the file of a segment: its data, or what nobody writes to */
  #read = new Set<Page>();
  #written = new Set<Page>();
  #executed = new Set<Page>();
  /** last pages of what segments take from their files, ascending */
  #ends: Page[] = [];
  /** a page that execve wrote to on the stack; 0: none was seen */
  #stack: Page = 0;
  /** behind the first page of it that was written; 0: none yet */
  #stackEnd: Page = 0;
  /** first page of the vDSO; 0: not known yet */
  #vdso: Page = 0;

  /** A copy for a forked child. */
  clone(): Unseen {
    const copy = new Unseen();
    copy.#told = new Set(this.#told);
    copy.#read = new Set(this.#read);
    copy.#written = new Set(this.#written);
    copy.#executed = new Set(this.#executed);
    copy.#ends = [...this.#ends];
    copy.#stack = this.#stack;
    copy.#stackEnd = this.#stackEnd;
    copy.#vdso = this.#vdso;
    return copy;
  }

  /** execve wrote to the page: it cleared the rest of it behind a file's data, or its arguments are there. */
  execWrote(page: Page, cleared: boolean): void {
    if (cleared) this.#ends.splice(this.#endsBelow(page), 0, page);
    else if (this.#stack === 0) this.#stack = page;
  }

  /**
   * The VMA of a fault, to stand before it; null when one is known there, or none can be told.
   *
   * @param map what is known of the address space; `complete` since it was empty
   * @param ended it ended well, which proves that there is one
   */
  vmaOf(window: FaultWindow, { map, complete }: Where, ended: boolean): (Vma & { addr: string; len: string }) | null {
    const page = pageOf(window.address);
    const { access } = window;
    if (map.at(page) !== null || (this.#told.has(page) && !(access === 'write' && this.#read.has(page)))) return null;
    const end = this.#segmentEnd(page);
    if (!ended && end === null) return null;
    const special = this.#special(page, window);
    if (special !== null) return this.#tell(page, special);
    if (map.above(page)?.growsdown) return null;
    const { last } = map;
    const above = complete && last !== null && page >= last.end;
    // below it, a stack grows by itself
    if (above && page < this.#stackEnd && this.#stackEnd - page <= STACK_LIMIT) return null;
    if (page === this.#stack || (above && access === 'write' && this.#stackEnd === 0)) return this.#tellStack(page);
    if (access === 'exec') {
      this.#executed.add(page);
      return this.#tell(page, { prot: 'r-x', ...PRIVATE, file: {}, ...INFERRED });
    }
    return this.#tell(page, this.#data(page, window, end));
  }

  /** Is it the vDSO, or the data that its functions read? */
  #special(page: Page, { access, address }: FaultWindow): Vma | null {
    const vdso = this.#vdso;
    const file = (name: string) => ({ ...PRIVATE, file: { name, fs: 'special' } as const });
    if (access === 'exec' && vdso <= page && page < vdso + VDSO) {
      return { prot: 'r-x', ...file('[vdso]'), 'x-inferred': 'executed behind an ELF header that was read' };
    }
    if (access !== 'read' || page < LOWEST_VDSO) return null;
    if (Number(BigInt(address) & PAGE_OFFSET) === E_PHOFF) {
      this.#vdso = page;
      const prot = nearby(this.#executed, page) ? 'rwx' : 'r-x';
      return { prot, ...file('[vdso]'), 'x-inferred': 'its ELF header is read first' };
    }
    if (page > vdso && page < vdso + VDSO) {
      return { prot: 'rwx', ...file('[vdso]'), 'x-inferred': 'read just behind its ELF header' };
    }
    if (page >= vdso || page < vdso - VVAR) return null;
    return { prot: 'rwx', ...file('[vvar]'), 'x-inferred': 'read just below the vDSO' };
  }

  /** What is read or written, on a page of a segment whose file ends at page `end`, or of its bss, or where none is known. */
  #data(page: Page, { access, present }: FaultWindow, end: Page | null): Vma {
    const write = access === 'write';
    if (end !== null && page <= end) {
      // the page that was cleared is a copy: the VMA of the data has an anon_vma since then
      if (write) this.#read.delete(page);
      else this.#read.add(page);
      return { prot: 'rw-', ...PRIVATE, file: {}, ...(write && { anon_vma: true }), ...CLEARED };
    }
    // nothing that is written lies so near above a stack but what execve left on it
    const stack = this.#stackEnd > 0 && page >= this.#stackEnd && page < this.#stackEnd + NEAR;
    if (write && present && stack) return { ...ANONYMOUS, anon_vma: true, ...ABOVE_STACK };
    if (!write && end === null) return { prot: 'rw-', ...PRIVATE, file: {}, ...INFERRED };
    const known = end === null ? present || nearby(this.#written, page) : this.#wroteBss(end);
    if (write) this.#written.add(page);
    // who reads it first may find an anon_vma there later
    const certain = end !== null && (write || known);
    return { ...ANONYMOUS, ...(known && { anon_vma: true }), ...(certain ? CLEARED : INFERRED) };
  }

  #tell(page: Page, vma: Vma): Vma & { addr: string; len: string } {
    this.#told.add(page);
    return { addr: formatAddr(page), len: formatLen(1), ...vma };
  }

  #tellStack(page: Page): Vma & { addr: string; len: string } {
    this.#told.add(page);
    this.#stackEnd = page + 1;
    const range = { addr: formatAddr(page - STACK_EXPAND), len: formatLen(STACK_EXPAND + 1) };
    const flags: EventObject['flags'] = ['private', 'anonymous', 'growsdown'];
    return { ...range, prot: 'rw-', flags, name: '[stack]', anon_vma: true, ...INFERRED };
  }

  /** Where the file of the segment ends that `page` is of, or of whose bss it is; null when execve cleared none near it. */
  #segmentEnd(page: Page): Page | null {
    const n = this.#endsBelow(page);
    const [below, own] = [this.#ends[n - 1], this.#ends[n]];
    if (own - page <= REACH) return own;
    return page - below <= REACH ? below : null;
  }

  /** How many of the ends lie below `page`. */
  #endsBelow(page: Page): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle] >= page) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Was a page of the bss behind it written before? Then its anon_vma is there. */
  #wroteBss(end: Page): boolean {
    for (const page of this.#written) if (page > end && page - end <= REACH) return true;
    return false;
  }
}

/** What a fault is looked up in. */
interface Where {
  readonly map: AddressMap;
  readonly complete: boolean;
}

function nearby(pages: ReadonlySet<Page>, page: Page): boolean {
  for (let other = page - NEAR; other <= page + NEAR; other++) if (pages.has(other)) return true;
  return false;
}
