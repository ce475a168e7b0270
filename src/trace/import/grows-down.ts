/**
 * mprotect with PROT_GROWSDOWN changes all of a stack below the range that it names. PROT_GROWSUP always fails: no VMA of
 * x86 has VM_GROWSUP.
 *
 * Models: mm/mprotect.c, do_mprotect_pkey() (v6.18): it begins where the first VMA of the range does.
 */
import type { AddressMap } from './address-map.js';
import { pageOf, pagesOf } from './words.js';
import type { Call } from './world.js';

const PROTECTS: ReadonlySet<string> = new Set(['mprotect', 'pkey_mprotect']);
const PROT_GROWSDOWN = 0x1000000;

/** The call with the range that it is about, where that VMA is known; its own MMAP2 lines are in the map already. */
export function throughGrowsdown<T extends Pick<Call, 'name' | 'args' | 'mapped'>>(map: AddressMap, call: T): T {
  const { name, args, mapped } = call;
  if (!PROTECTS.has(name) || (Number(`0x${args[2]}`) & PROT_GROWSDOWN) === 0) return call;
  const start = pageOf(`0x${args[0]}`);
  const end = start + pagesOf(`0x${args[1]}`);
  const before = mapped.length > 0 ? mapped.flatMap(({ over }) => over) : map.overlapping(start, end);
  const first = before.find(extent => extent.start < end && start < extent.end);
  if (first === undefined) return call;
  const range = [first.start * 4096, (end - first.start) * 4096].map(bytes => bytes.toString(16));
  return { ...call, args: [...range, ...args.slice(2)] };
}
