/**
 * shmdt(2) says only where: what goes is every piece of the segment that lies where it was attached.
 *
 * Models: ipc/shm.c, ksys_shmdt() (v6.18): the first VMA above the address that lies as far from it as into its segment, and
 * all of the same segment that do. Others may lie between; two segments of one name are taken for one.
 */
import { formatAddr, formatLen } from '../../units.js';
import type { AddressMap, Extent } from './address-map.js';
import type { Decoded } from './syscalls.js';
import { HIGHEST_PAGE, pageOf } from './words.js';

/** Names of SysV shared memory. */
const SEGMENT = '/SYSV';

/** What a shmdt took away; null where no segment is known to have been there. */
interface Detached {
  /** up to the first mapping of something else */
  readonly keys: NonNullable<Decoded>;
  /** pieces behind that */
  readonly rest: readonly Extent[];
}

export function detach(map: AddressMap, address: string): Detached | null {
  const at = pageOf(`0x${address}`);
  const isPiece = ({ name, start, offset }: Extent): boolean => name.startsWith(SEGMENT) && start - at === offset;
  const above = map.overlapping(at, HIGHEST_PAGE);
  const from = above.findIndex(isPiece);
  if (from < 0) return null;
  const { start, name } = above[from];
  const goes = (extent: Extent): boolean => extent.name === name && isPiece(extent);
  const other = above.findIndex((extent, i) => i > from && !goes(extent));
  const until = other < 0 ? above.length : other;
  const { end } = above[until - 1];
  const keys = { op: 'shmdt', addr: formatAddr(start), len: formatLen(end - start) };
  return { keys, rest: above.slice(until).filter(goes) };
}
