/**
 * Which `vm_ops` a mapped file has, by the file system it comes from: the defaults of the `file` facts.
 *
 * Models: the vm_operations_struct tables of fs/, mm/, ipc/ and drivers/ (v6.18): who sets ->map_pages, ->page_mkwrite
 *         and ->huge_fault.
 * Leaves out: everything but those pointers; a file system may refuse a fault for reasons of its own.
 */
import { VM_OPS } from '../vocab.js';

/** filemap_map_pages and a page_mkwrite of their own, or the generic one. */
const PAGE_CACHE = VM_OPS.map_pages | VM_OPS.fault | VM_OPS.page_mkwrite;
const NO_MKWRITE = VM_OPS.map_pages | VM_OPS.fault;
const FAULT_ONLY = VM_OPS.fault;
const DAX = VM_OPS.fault | VM_OPS.page_mkwrite | VM_OPS.huge_fault | VM_OPS.dax;

/** By the name the kernel mounts it by, and kinds of mappings. */
const BY_FS: ReadonlyMap<string, number> = new Map([
  ...(
    'ext2 ext3 ext4 xfs btrfs f2fs bcachefs fuse fuseblk virtiofs nfs nfs4 smb smb3 cifs 9p afs gfs2 nilfs2 orangefs ' +
    'ubifs udf exfat zonefs vboxsf overlay overlayfs vfat msdos ntfs ntfs3 jfs reiserfs hfs hfsplus minix ramfs'
  )
    .split(' ')
    .map(fs => [fs, PAGE_CACHE] as const),
  // read-only images and the aio ring: nothing to make writable
  ...['squashfs', 'iso9660', 'erofs', 'aio'].map(fs => [fs, NO_MKWRITE] as const),
  // shmem_vm_ops and shmem_anon_vm_ops have no page_mkwrite
  ...['tmpfs', 'shmem', 'memfd', 'devtmpfs'].map(fs => [fs, NO_MKWRITE] as const),
  // no callback that a fault asks for
  ...['tcp', 'io_uring'].map(fs => [fs, 0] as const),
  // no ->map_pages; perf_mmap_vmops has a pfn_mkwrite instead since 6.16, which asks for as much
  ...['ceph', 'ocfs2', 'kernfs', 'sysfs', 'cgroup', 'cgroup2', 'perf_event'].map(
    fs => [fs, VM_OPS.fault | VM_OPS.page_mkwrite] as const,
  ),
  ...['hugetlbfs', 'hugetlb', 'sysv_shm', 'sysv', 'secretmem', 'special', 'vdso', 'vvar', 'guest_memfd', 'kvm'].map(
    fs => [fs, FAULT_ONLY] as const,
  ),
  ...['drm', 'gem', 'bpf_arena', 'vmcore', 'proc', 'anon_inode'].map(fs => [fs, FAULT_ONLY] as const),
  ...['ext4-dax', 'fuse-dax', 'virtiofs-dax'].map(fs => [fs, DAX] as const),
  // xfs_file_vm_ops serves both: it keeps ->map_pages
  ['xfs-dax', DAX | VM_OPS.map_pages],
  ['ext2-dax', VM_OPS.fault | VM_OPS.page_mkwrite | VM_OPS.dax],
  ['erofs-dax', VM_OPS.fault | VM_OPS.huge_fault | VM_OPS.dax],
  ['device-dax', VM_OPS.fault | VM_OPS.huge_fault | VM_OPS.dax],
  ['vfio', VM_OPS.fault | VM_OPS.huge_fault | VM_OPS.pfn],
  ['vfio-pci', VM_OPS.fault | VM_OPS.huge_fault | VM_OPS.pfn],
]);

/** Is it known which vm_ops files on `fs` have? */
export function isKnownFs(fs: string): boolean {
  return BY_FS.has(fs);
}

/**
 * VM_OPS bits of a file on `fs`, as it has them where the file is mapped with `dax`; an unknown or absent one is taken for a
 * regular page-cache file.
 */
export function defaultFileOps(fs: string | null, dax: boolean): number {
  if (fs === null) return PAGE_CACHE;
  return (dax ? BY_FS.get(`${fs}-dax`) : undefined) ?? BY_FS.get(fs) ?? PAGE_CACHE;
}
