/**
 * userfaultfd requests as strace prints them -> operations.
 *
 * Models: include/uapi/linux/userfaultfd.h (v6.18); strace 6.1 to 6.12, src/userfaultfd.c.
 *
 *     UFFDIO_REGISTER, {range={start=0x7f24cd12a000, len=0x10000}, mode=UFFDIO_REGISTER_MODE_MISSING, ioctls=...}
 *     UFFDIO_COPY, {dst=0x7f24cd12a000, src=0x4bf000, len=0x1000, mode=0, copy=0x1000}
 */
import { UFFD_MODES } from '../../vocab.js';
import { member } from './strace-args.js';

type Operation = { op: string; [key: string]: unknown };

const OPS: Readonly<Record<string, string>> = {
  UFFDIO_REGISTER: 'uffd_register',
  UFFDIO_UNREGISTER: 'uffd_unregister',
  UFFDIO_COPY: 'uffd_copy',
  UFFDIO_ZEROPAGE: 'uffd_zeropage',
  UFFDIO_CONTINUE: 'uffd_continue',
  UFFDIO_MOVE: 'uffd_move',
  UFFDIO_WRITEPROTECT: 'uffd_wp',
};

/** The operation of a request; null when its range is not printed, undefined when it changes nothing that is modelled. */
export function uffdOperation(request: string, structure: string): Operation | null | undefined {
  const op = OPS[request];
  if (op === undefined) return undefined;
  const start = member(structure, 'dst') ?? member(structure, 'start');
  const length = member(structure, 'len');
  if (start === null || length === null) return null;
  const range: Operation = { op, addr: `0x${start}`, len: `0x${length}` };
  if (op === 'uffd_register') {
    const modes = UFFD_MODES.filter(mode => structure.includes(`UFFDIO_REGISTER_MODE_${mode.toUpperCase()}`));
    return modes.length === 0 ? null : { ...range, modes };
  }
  // taking the protection away is what ends a wait
  if (op === 'uffd_wp' && !structure.includes('UFFDIO_WRITEPROTECT_MODE_WP')) return undefined;
  const src = member(structure, 'src');
  return src === null ? range : { ...range, src: `0x${src}` };
}
