/**
 * What has happened so far, and nothing else: the reference keeps no state beside this list. Who holds a lock, who waits for
 * it, which VMAs there are and what a page-table entry holds is read from the list anew each time it is asked.
 *
 * Units: ns; pages are page numbers, ends exclusive.
 */

/** A VMA as it is since some moment. `like` holds every property but the access rights that two VMAs must share to be one. */
export interface Area {
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly prot: string;
  readonly like: readonly string[];
  readonly file: string | null;
  readonly pgoff: number;
  /** whose anon_vma it has: a number of its own, 0 for none */
  readonly anon: number;
  /** how many anon_vmas it is linked to */
  readonly chain: number;
  /** which file of shmem it shares, a number that a mapping and all that comes of it have in common */
  readonly object?: number;
  /** VM_MAYBE_GUARD: no merge asks for it, and none loses it */
  readonly guarded?: boolean;
}

import type { Happening } from './world.js';

export type Folio = 'made' | 'dropped' | 'swapped out';

export type Fact =
  // mmap_lock
  | { readonly what: 'queued'; readonly write: boolean }
  | { readonly what: 'got'; readonly write: boolean }
  | { readonly what: 'let go' }
  | { readonly what: 'downgraded' }
  /** the writer at the head was told to try; it tried in vain */
  | { readonly what: 'told' }
  | { readonly what: 'in vain' }
  /** somebody waits, as was recorded, who is in no queue here; waits no longer */
  | { readonly what: 'expected'; readonly write: boolean }
  | { readonly what: 'no longer expected' }
  // The lock of a VMA
  | { readonly what: 'inside'; readonly vma: number }
  | { readonly what: 'left'; readonly vma: number }
  /** a writer waits for the readers inside */
  | { readonly what: 'excludes'; readonly vma: number }
  | { readonly what: 'marked'; readonly vma: number }
  | { readonly what: 'detached'; readonly vma: number }
  /** all marks end before their section does */
  | { readonly what: 'marks end' }
  /** a NUMA scan is at it, by that event */
  | { readonly what: 'scanned'; readonly vma: number; readonly event: Happening }
  // The address space
  | { readonly what: 'area'; readonly area: Area }
  | { readonly what: 'gone'; readonly vma: number }
  | { readonly what: 'page'; readonly page: number; readonly entry: Entry }
  /** all 512 pages around `page`, and that one PMD maps them no longer */
  | { readonly what: 'pmd'; readonly page: number; readonly entry: Entry }
  | { readonly what: 'split'; readonly page: number }
  /** it is on its way until then; the way is over */
  | { readonly what: 'migrates'; readonly page: number; readonly until: number | null }
  /** an entry that the trace states proves a table for it */
  | { readonly what: 'table'; readonly page: number }
  | { readonly what: 'tables gone'; readonly from: number; readonly to: number }
  /** a page of shmem, by its offset in its file: made, dropped, and gone to swap */
  | { readonly what: Folio; readonly object: number; readonly offset: number }
  /** the heap ends at a page */
  | { readonly what: 'break'; readonly page: number }
  /** how new VMAs will be locked */
  | { readonly what: 'will lock'; readonly like: readonly string[] }
  // Threads
  | { readonly what: 'uses' }
  | { readonly what: 'uses nothing' };

export type Happened = Fact & { readonly at: number; readonly mm: string; readonly by: number };

/** What a page-table entry holds, `marker` being one of userfaultfd write protection; `cow`: mapped elsewhere too. */
export interface Entry {
  readonly kind:
    | 'none'
    | 'zero'
    | 'anon'
    | 'anon read-only'
    | 'file read-only'
    | 'file'
    | 'swap'
    | 'migration'
    | 'device_private'
    | 'device_exclusive'
    | 'hwpoison'
    | 'poison'
    | 'guard'
    | 'marker';
  readonly cow: boolean;
  /** a userfaultfd write-protects it, or forbids every access */
  readonly wp?: boolean | undefined;
  readonly rwp?: boolean | undefined;
  /** it is part of what a PMD maps */
  readonly huge?: boolean;
  /** a NUMA hinting fault is due */
  readonly hint?: boolean;
}
export const NOTHING: Entry = { kind: 'none', cow: false };
export const ABSENT: ReadonlySet<Entry['kind']> = new Set([
  'swap',
  'migration',
  'device_private',
  'device_exclusive',
  'hwpoison',
  'poison',
  'guard',
  'marker',
]);

/** RWSEM_WAIT_TIMEOUT. */
const PATIENCE = 4_000_000;
/** Pages of a table of PTEs. */
const TABLE = 512;

export class History {
  private readonly list: Happened[] = [];

  add(at: number, mm: string, by: number, fact: Fact): void {
    this.list.push({ ...fact, at, mm, by });
  }

  private of(mm: string): Happened[] {
    return this.list.filter(it => it.mm === mm);
  }

  /** Every address space in which anything has happened. */
  spaces(): string[] {
    return [...new Set(this.list.map(({ mm }) => mm))];
  }

  /** mmap_lock of `mm`. */
  mmapLock(mm: string) {
    let writer = -1;
    let readers: number[] = [];
    let queue: { who: number; write: boolean; since: number }[] = [];
    let told = false;
    let impatient = false;
    let expected: { who: number; write: boolean }[] = [];
    let sections = 0;
    for (const it of this.of(mm)) {
      switch (it.what) {
        case 'queued':
          queue.push({ who: it.by, write: it.write, since: it.at });
          break;
        case 'got':
          if (queue[0]?.who === it.by && it.write) told = impatient = false;
          queue = queue.filter(({ who }) => who !== it.by);
          if (it.write) {
            writer = it.by;
            sections++;
          } else readers.push(it.by);
          break;
        case 'let go':
          if (writer === it.by) {
            writer = -1;
            sections++;
          } else readers = without(readers, it.by);
          if (readers.length === 0) expected = lettingIn(expected);
          break;
        case 'downgraded':
          writer = -1;
          sections++;
          readers.push(it.by);
          expected = lettingIn(expected);
          break;
        case 'told':
          told = true;
          break;
        case 'in vain':
          told = false;
          impatient = it.at - queue[0].since > PATIENCE;
          break;
        case 'expected':
          expected.push({ who: it.by, write: it.write });
          break;
        case 'no longer expected':
          expected = expected.filter(({ who }) => who !== it.by);
      }
    }
    return { writer, readers, queue, told, impatient, expected, sections };
  }

  /** Threads inside a VMA, in the order in which they came, and who came last, inside or not. */
  readersOf(mm: string, vma: number): { inside: number[]; last: number; awaited: number } {
    let inside: number[] = [];
    let last = -1;
    let awaited = -1;
    for (const it of this.of(mm)) {
      if (!('vma' in it) || it.vma !== vma) continue;
      if (it.what === 'inside') {
        inside.push(it.by);
        last = it.by;
      } else if (it.what === 'left') inside = without(inside, it.by);
      else if (it.what === 'excludes') awaited = it.by;
      else if (it.what === 'marked') awaited = -1;
    }
    return { inside, last, awaited };
  }

  /** Is the VMA marked in the write section that is going on? */
  isMarked(mm: string, vma: number): boolean {
    let marked = false;
    let writer = -1;
    for (const it of this.of(mm)) {
      if (it.what === 'got' && it.write) writer = it.by;
      else if (it.what === 'marks end') marked = false;
      else if (it.what === 'downgraded' || (it.what === 'let go' && it.by === writer)) {
        marked = false;
        writer = -1;
      } else if (it.what === 'marked' && it.vma === vma) marked = true;
    }
    return marked;
  }

  /** Who scanned the VMA last, by which event; null where nobody has. */
  scanOf(mm: string, vma: number): { tid: number; event: Happening } | null {
    const last = this.of(mm).findLast(it => it.what === 'scanned' && it.vma === vma);
    return last?.what === 'scanned' ? { tid: last.by, event: last.event } : null;
  }

  /** How often the VMA was marked. */
  timesMarked(mm: string, vma: number): number {
    return this.of(mm).filter(it => it.what === 'marked' && it.vma === vma).length;
  }

  wasDetached(mm: string, vma: number): boolean {
    return this.of(mm).some(it => it.what === 'detached' && it.vma === vma);
  }

  /** Every VMA in the tree, by address. */
  areas(mm: string): Area[] {
    const areas = new Map<number, Area>();
    for (const it of this.of(mm)) {
      if (it.what === 'area') areas.set(it.area.id, it.area);
      else if (it.what === 'gone') areas.delete(it.vma);
    }
    return [...areas.values()].sort((a, b) => a.start - b.start);
  }

  /** A VMA as it was last, in the tree or not. */
  area(mm: string, id: number): Area {
    const found = this.of(mm).findLast(it => it.what === 'area' && it.area.id === id);
    if (found?.what !== 'area') throw new Error(`no VMA ${id}`);
    return found.area;
  }

  page(mm: string, page: number): Entry {
    const around = (other: number) => Math.floor(other / TABLE) === Math.floor(page / TABLE);
    let split = false;
    for (let i = this.list.length - 1; i >= 0; i--) {
      const it = this.list[i];
      if (it.mm !== mm) continue;
      if (it.what === 'split' && around(it.page)) split = true;
      if ((it.what === 'page' && it.page === page) || (it.what === 'pmd' && around(it.page))) {
        return split ? { ...it.entry, huge: false } : it.entry;
      }
    }
    return NOTHING;
  }

  /** When the page that migrates will have; null where no event says that it does. */
  migratesUntil(mm: string, page: number): number | null {
    const last = this.of(mm).findLast(it => it.what === 'migrates' && it.page === page);
    return last?.what === 'migrates' ? last.until : null;
  }

  /** Pages of `[from, to)` with an entry. */
  pages(mm: string, from: number, to: number): number[] {
    const last = new Map<number, Entry>();
    for (const it of this.of(mm)) {
      if (it.what === 'page' && it.page >= from && it.page < to) last.set(it.page, it.entry);
      if (it.what !== 'pmd') continue;
      const head = it.page - (it.page % TABLE);
      for (let page = Math.max(from, head); page < Math.min(to, head + TABLE); page++) last.set(page, it.entry);
    }
    return [...last].filter(([, entry]) => entry.kind !== 'none').map(([page]) => page);
  }

  /** Is there a table of PTEs for the 2 MiB around `page`? */
  hasTable(mm: string, page: number): boolean {
    const table = Math.floor(page / TABLE);
    let there = false;
    for (const it of this.of(mm)) {
      const makes = it.what === 'table' || ((it.what === 'page' || it.what === 'pmd') && it.entry.kind !== 'none');
      if (makes && Math.floor(it.page / TABLE) === table) there = true;
      else if (it.what === 'tables gone' && Math.ceil(it.from / TABLE) <= table && table < Math.floor(it.to / TABLE))
        there = false;
    }
    return there;
  }

  /** What became last of the page at `offset` of a file of shmem, whoever did it; null where nobody did anything. */
  folio(object: number, offset: number): Folio | null {
    const last = this.list.findLast(it => 'object' in it && it.object === object && it.offset === offset);
    return last !== undefined && 'object' in last ? last.what : null;
  }

  /** The heap `[from, to)`: where it ended first, or began where it was there, and where it ends now; null while nobody has said. */
  heap(mm: string): { from: number; to: number } | null {
    const breaks = this.of(mm).filter(it => it.what === 'break');
    return breaks.length === 0 ? null : { from: breaks[0].page, to: breaks[breaks.length - 1].page };
  }

  /** What mlockall(MCL_FUTURE) makes of new VMAs; empty where it is not in force. */
  willLock(mm: string): readonly string[] {
    const last = this.of(mm).findLast(it => it.what === 'will lock');
    return last?.what === 'will lock' ? last.like : [];
  }

  /** Threads that use `mm`, as far as they have shown it. */
  users(mm: string): number {
    const last = new Map<number, string | null>();
    for (const it of this.list) {
      if (it.what === 'uses') last.set(it.by, it.mm);
      else if (it.what === 'uses nothing') last.set(it.by, null);
    }
    return [...last.values()].filter(used => used === mm).length;
  }
}

/** `list` without the first `who`. */
function without(list: readonly number[], who: number): number[] {
  const at = list.indexOf(who);
  return list.filter((_, i) => i !== at);
}

/** Of those who are known to wait, who still does when the lock is let go: no reader, if one is first. */
function lettingIn<Waiter extends { write: boolean }>(expected: Waiter[]): Waiter[] {
  return expected[0]?.write === false ? expected.filter(({ write }) => write) : expected;
}
