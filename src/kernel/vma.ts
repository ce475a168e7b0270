/**
 * vm_area_struct: the fields and flags that decide a fault, a merge or a lock.
 *
 * Models: include/linux/mm_types.h, struct vm_area_struct (v6.18); include/linux/mm.h, VM_* (v6.18).
 * Leaves out: everything that cannot change a verdict (page protection bits, NUMA balancing state, anon_vma_name refs).
 * Units: `vm_start`, `vm_end`, `vm_pgoff` are page numbers; `vm_end` is exclusive.
 */
import { FRACTION, type Page } from '../units.js';
import { VM_OPS } from '../vocab.js';
import type { AddressSpace } from './page-cache.js';
import type { PageTable } from './page-table.js';

// The kernel's names; the bit positions are ours, packed below 2^31.
export const VM_READ = 1 << 0;
export const VM_WRITE = 1 << 1;
export const VM_EXEC = 1 << 2;
export const VM_SHARED = 1 << 3;
export const VM_GROWSDOWN = 1 << 4;
export const VM_PFNMAP = 1 << 5;
export const VM_LOCKED = 1 << 6;
export const VM_HUGETLB = 1 << 7;
export const VM_HUGEPAGE = 1 << 8;
export const VM_NOHUGEPAGE = 1 << 9;
export const VM_DONTCOPY = 1 << 10;
export const VM_WIPEONFORK = 1 << 11;
export const VM_DONTDUMP = 1 << 12;
export const VM_RAND_READ = 1 << 13;
export const VM_SEQ_READ = 1 << 14;
export const VM_MERGEABLE = 1 << 15;
export const VM_UFFD_MISSING = 1 << 16;
export const VM_UFFD_WP = 1 << 17;
export const VM_UFFD_MINOR = 1 << 18;
export const VM_SEALED = 1 << 19;
export const VM_LOCKONFAULT = 1 << 20;
export const VM_UFFD_RWP = 1 << 21;
/** VM_UFFD_WP of a userfaultfd with UFFD_FEATURE_WP_ASYNC */
export const UFFD_WP_ASYNC = 1 << 22;
/** its pages count as memory that may be needed: it is private and writable, or was */
export const VM_ACCOUNT = 1 << 23;
/** MAP_NORESERVE: they never do */
export const VM_NORESERVE = 1 << 24;

/** there may be guards in its page table */
export const VM_MAYBE_GUARD = 1 << 25;

/** VM_STICKY, all that VM_IGNORE_MERGE has too: no merge compares it, and who merges keeps it. */
export const VM_STICKY = VM_MAYBE_GUARD;
export const VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;
export const VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;
/** userfaultfd_armed(): any mode registered. */
export const VM_UFFD_ARMED = VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR | VM_UFFD_RWP | UFFD_WP_ASYNC;
/**
 * include/linux/mm.h VM_SPECIAL, as far as we carry it: such a VMA never merges. VM_HUGETLB stands for the VM_DONTEXPAND
 * that hugetlbfs_file_mmap() sets with it.
 */
export const VM_SPECIAL = VM_PFNMAP | VM_HUGETLB;

// `vm_file` of a mapping the trace names no file for.
/** MAP_SHARED | MAP_ANONYMOUS: a shmem file of its own */
export const FILE_SHMEM = 2 ** 30;
/** MAP_HUGETLB: a hugetlbfs file of its own */
export const FILE_HUGETLB = 2 ** 30 + 1;
/** vm_file of private mappings of /dev/zero: vma_set_anonymous() leaves it, and they join nothing that has none */
export const FILE_ZERO = -2;

/** One anon_vma: only its identity counts. */
export class AnonVma {}

/** An event and its thread, as may be told of it when it is over. */
export interface Culprit {
  readonly thread: number;
  readonly i: number;
  readonly op: number;
}
const NOBODY: Culprit = { thread: -1, i: -1, op: 0 };

/** vma_init_lock(): UINT_MAX / -1, a value mm_lock_seq has not reached. */
export const VM_LOCK_SEQ_INIT = -1;

export class Vma {
  vm_start: Page = FRACTION;
  vm_end: Page = FRACTION;
  /** whose it is; null until it was stored */
  vm_mm: { readonly page_table: PageTable } | null = null;
  vm_flags: number;
  vm_pgoff: Page = FRACTION;
  /** index into TraceInfo.files, or one of FILE_*; below zero it is an anonymous VMA (vm_ops NULL) */
  vm_file: number;
  /** VM_OPS bits of the mapped file; 0 for an anonymous VMA */
  vm_ops: number;
  anon_vma: AnonVma | null = null;
  /** length of anon_vma_chain: after a fork the child is linked to its ancestors' anon_vmas as well */
  anon_vma_chain = 0;
  /** anon_vma_name(), an index into TraceInfo.strings; -1 without one. VMAs of different names never merge. */
  name: number;
  /** what the trace calls it when it has neither file nor name: an index into TraceInfo.strings, or -1 */
  label = -1;
  /** vm_file->f_mapping: the pages of its file, where a trace can know of them; null for any other */
  mapping: AddressSpace | null = null;
  /** identity of vma_policy(): mbind installs one; 0 is the default policy */
  vm_policy = 0;
  /** identity of vm_userfaultfd_ctx; 0 without one */
  vm_userfaultfd_ctx = 0;

  // Fields of the VMA lock; which are used depends on the lock the stage has.
  vm_lock_seq = VM_LOCK_SEQ_INIT;
  /** v1: readers inside vm_lock. */
  vm_lock_readers = 0;
  /** v1: a writer sleeps in down_write(vm_lock). */
  vm_lock_writer_waits = false;
  /** v2: 0 detached, 1 attached, +1 per reader, plus VM_REFCNT_EXCLUDE_READERS_FLAG. */
  vm_refcnt = 0;
  /** v1: out of the tree. */
  detached = true;
  /** Thread asleep in vma_start_write(), to be woken by the last reader; -1 for none. */
  writer = -1;
  /** Thread that read-locked it last: whom a sleeping writer blames. */
  reader = -1;
  /** The NUMA scan that marked it last: under the read lock, so that the mark stays when it is over. */
  scanned = NOBODY;
  /** Statistics slot of the reporter; -1 until this VMA is first contended. */
  stats = -1;

  constructor(
    vm_start: Page,
    vm_end: Page,
    vm_flags: number,
    vm_pgoff: Page,
    vm_file: number,
    vm_ops: number,
    name: number,
  ) {
    this.vm_start = vm_start;
    this.vm_end = vm_end;
    this.vm_flags = vm_flags;
    this.vm_pgoff = vm_pgoff;
    this.vm_file = vm_file;
    this.vm_ops = vm_ops;
    this.name = name;
  }
}

/** vma_is_anonymous(): vm_ops NULL. A private file mapping is not anonymous, whatever its pages are. */
export function vma_is_anonymous(vma: Vma): boolean {
  return vma.vm_file < 0;
}

/** Can `vma`, which maps a file of `fs`, be VM_LOCKED? mlock_fixup() and mmap_region() leave the others as they are. */
export function vma_supports_mlock({ vm_flags, vm_ops }: Vma, fs: string | null | undefined): boolean {
  return !(vm_flags & VM_SPECIAL) && !(vm_ops & VM_OPS.dax) && fs !== 'secretmem';
}
