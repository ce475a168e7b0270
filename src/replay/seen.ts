/** What a fault looks at, in words of the trace and the kernel: a VMA, a page-table entry, what the trace says of the page. */
import { entryOf } from '../kernel/handle-mm-fault.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Mm } from '../kernel/mm.js';
import {
  PTE_ANON,
  PTE_ANON_WP,
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HUGE,
  PTE_HWPOISON,
  PTE_KIND_MASK,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISON,
  PTE_MARKER_UFFD_WP,
  PTE_MIGRATION,
  PTE_NONE,
  PTE_PROTNONE,
  PTE_SHARED_COW,
  PTE_SWAP,
  PTE_UFFD_WP,
  PTE_ZERO,
} from '../kernel/page-table.js';
import type { Task } from '../kernel/task.js';
import {
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_LOCKED,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_RWP,
  VM_UFFD_WP,
  VM_WRITE,
  type Vma,
  vma_is_anonymous,
} from '../kernel/vma.js';
import { formatAddr, type Ns } from '../units.js';
import { ENTRIES, FACT_BITS, FACT_SHIFT, FOLIO_SHIFT, FOLIOS, HUGE_SHIFT, HUGES, RACE_SHIFT, RACES } from '../vocab.js';
import type { EntrySeen, PageSaid, VmaSeen } from './explanation.js';
import { nameOf } from './lock-table.js';

const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [VM_GROWSDOWN, 'growsdown'],
  [VM_HUGETLB, 'hugetlb'],
  [VM_HUGEPAGE, 'hugepage'],
  [VM_LOCKED, 'locked'],
  [VM_PFNMAP, 'pfnmap'],
  [VM_UFFD_MISSING, 'uffd_missing'],
  [VM_UFFD_WP, 'uffd_wp'],
  [VM_UFFD_MINOR, 'uffd_minor'],
  [VM_UFFD_RWP, 'uffd_rwp'],
];

export function seenVma(vma: Vma, mm: Mm, k: Kernel): VmaSeen {
  const { vm_flags } = vma;
  const name = nameOf(vma, mm, k);
  return {
    start: formatAddr(vma.vm_start),
    end: formatAddr(vma.vm_end),
    prot: `${vm_flags & VM_READ ? 'r' : '-'}${vm_flags & VM_WRITE ? 'w' : '-'}${vm_flags & VM_EXEC ? 'x' : '-'}`,
    ...(name !== null && { name }),
    shared: (vm_flags & VM_SHARED) !== 0,
    anonymous: vma_is_anonymous(vma),
    anon_vma: vma.anon_vma !== null,
    flags: FLAGS.filter(([bit]) => vm_flags & bit).map(([, flag]) => flag),
  };
}

const KINDS: readonly EntrySeen['kind'][] = (() => {
  const kinds: EntrySeen['kind'][] = [];
  kinds[PTE_NONE] = 'none';
  kinds[PTE_ZERO] = 'zero_page';
  kinds[PTE_ANON] = 'anonymous';
  kinds[PTE_ANON_WP] = 'anonymous_read_only';
  kinds[PTE_FILE_RO] = 'file_read_only';
  kinds[PTE_FILE_RW] = 'file_writable';
  kinds[PTE_SWAP] = 'swap';
  kinds[PTE_MIGRATION] = 'migration';
  kinds[PTE_MARKER_UFFD_WP] = 'marker_uffd_wp';
  kinds[PTE_MARKER_POISON] = 'marker_poison';
  kinds[PTE_MARKER_GUARD] = 'marker_guard';
  kinds[PTE_HWPOISON] = 'hwpoison';
  kinds[PTE_DEVICE_PRIVATE] = 'device_private';
  kinds[PTE_DEVICE_EXCLUSIVE] = 'device_exclusive';
  return kinds;
})();

const ENTRY_BITS: readonly (readonly [bit: number, name: EntrySeen['flags'][number]])[] = [
  [PTE_UFFD_WP, 'uffd_wp'],
  [PTE_PROTNONE, 'protnone'],
  [PTE_SHARED_COW, 'shared'],
  [PTE_HUGE, 'huge'],
];

/** The entry `task` meets in `vma`; null in hugetlb, which has none of a page's own. */
export function seenEntry(k: Kernel, task: Task, vma: Vma): EntrySeen | null {
  if (vma.vm_flags & VM_HUGETLB) return null;
  const state = entryOf(k, task, vma);
  // After a wait the history has it, where it knows of the page at all.
  const said = (task.facts & 15) !== 0 && (!task.settled || state !== task.mm.page_table.get(task.page));
  return {
    kind: KINDS[state & PTE_KIND_MASK],
    flags: ENTRY_BITS.filter(([bit]) => state & bit).map(([, flag]) => flag),
    from: said ? 'trace' : 'history',
  };
}

/** `page` of a fault as the trace had it; `wait` -1 is none. */
export function saidOfPage(facts: number, wait: Ns): PageSaid {
  const said: PageSaid = {};
  const entry = ENTRIES[(facts & 15) - 1];
  const folio = FOLIOS[((facts >> FOLIO_SHIFT) & 3) - 1];
  const huge = HUGES[((facts >> HUGE_SHIFT) & 3) - 1];
  const race = RACES[((facts >> RACE_SHIFT) & 3) - 1];
  if (entry !== undefined) said.entry = entry;
  if (folio !== undefined) said.folio = folio;
  if (huge !== undefined) said.huge = huge;
  if (race !== undefined) said.race = race;
  for (const fact of FACT_BITS) {
    const bits = (facts >> FACT_SHIFT[fact]) & 3;
    if (bits & 1) said[fact] = (bits & 2) !== 0;
  }
  if (wait >= 0) said.wait = wait;
  return said;
}
