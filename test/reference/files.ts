/** Which vm_operations_struct a mapping of a file has: the tables of fs/, mm/ and drivers/, as far as the reference maps them. */
import type { Area } from './history.js';

interface Operations {
  /** ->map_pages and a page cache behind it; that of shmem is filled by its own ->fault */
  readonly cache?: 'file' | 'shmem';
  readonly dax?: true;
  /** ->page_mkwrite, ->pfn_mkwrite, ->huge_fault */
  readonly mkwrite?: true;
  readonly pfn?: true;
  readonly huge?: true;
  /** without ->fault */
  readonly empty?: true;
}

const OPERATIONS: Readonly<Record<string, Operations>> = {
  ext4: { cache: 'file', mkwrite: true },
  squashfs: { cache: 'file' },
  tmpfs: { cache: 'shmem' },
  shmem: { cache: 'shmem' },
  sysv_shm: {},
  secretmem: {},
  'ext4-dax': { dax: true, mkwrite: true, huge: true },
  vfio: { pfn: true, huge: true },
  tcp: { empty: true },
};

export const opsOf = ({ file }: Pick<Area, 'file'>): Operations => OPERATIONS[file ?? ''] ?? {};
export const isShmem = (vma: Pick<Area, 'file'>): boolean => opsOf(vma).cache === 'shmem';
export const isOnDisk = (vma: Pick<Area, 'file'>): boolean => opsOf(vma).cache === 'file';
export const hasPageCache = (vma: Pick<Area, 'file'>): boolean => opsOf(vma).cache !== undefined;
