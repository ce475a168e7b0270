/**
 * What calls did before they failed: those that go from VMA to VMA stop at one that refuses, and nothing is undone.
 *
 * Models: mm/madvise.c, madvise_walk_vmas(), madvise_vma_behavior(), madvise_populate(); mm/mprotect.c, do_mprotect_pkey();
 * mm/mlock.c, apply_vma_lock_flags(), do_mlock() (v6.18).
 */
import { PROT_READ, PROT_WRITE } from '../../vocab.js';
import type { AddressMap, Extent } from './address-map.js';
import { pageOf, pagesOf } from './words.js';

const ENOMEM = '-12';
const EINVAL = '-22';
const EACCES = '-13';

/** How far a call comes. */
interface Walk {
  readonly crossesHoles: boolean;
  takes(extent: Extent): boolean;
}

const TO_A_HOLE: Walk = { crossesHoles: false, takes: () => true };
/** mprotect and mlock stop at a hole; what an mlock did to the VMAs before it, but not to their pages, the replay knows. */
const BY_NAME: ReadonlyMap<string, Walk | 'whole'> = new Map<string, Walk | 'whole'>([
  ['mprotect', TO_A_HOLE],
  ['pkey_mprotect', TO_A_HOLE],
  ['mlock', 'whole'],
  ['mlock2', 'whole'],
  ['munlock', 'whole'],
]);

/** Advice, in hex, that some VMAs refuse. */
const REFUSED: ReadonlyMap<string, Walk> = new Map([
  // what is locked, too: the replay knows that
  ['9', { crossesHoles: true, takes: ({ shared }) => shared }],
  ['12', { crossesHoles: true, takes: ({ mapsFile, shared }) => !mapsFile && !shared }],
  ['16', { crossesHoles: false, takes: ({ prot }) => (prot & PROT_READ) !== 0 }],
  ['17', { crossesHoles: false, takes: ({ prot }) => (prot & PROT_WRITE) !== 0 }],
]);
/** MADV_COLLAPSE says whether there was a huge page to be made. */
const COLLAPSE = '19';

/** Most advice goes on behind holes, and says in the end that there were some. */
function walkOf(name: string, advice: string, error: string): Walk | 'whole' | null {
  if (name !== 'madvise') return error === ENOMEM ? (BY_NAME.get(name) ?? null) : null;
  if (error === EINVAL || error === EACCES) return REFUSED.get(advice) ?? null;
  if (error !== ENOMEM || advice === COLLAPSE) return null;
  return REFUSED.get(advice)?.crossesHoles === false ? TO_A_HOLE : 'whole';
}

/**
 * The arguments of a call that would have done as much and succeeded; null for one that did nothing.
 *
 * @param error what it returned, a negated errno
 */
export function partDone(
  map: AddressMap,
  { name, args }: { readonly name: string; readonly args: readonly string[] },
  error: string,
): readonly string[] | null {
  const walk = walkOf(name, args[2], error);
  if (walk === null) return null;
  if (walk === 'whole') return args;
  const start = pageOf(`0x${args[0]}`);
  const wanted = start + pagesOf(`0x${args[1]}`);
  let end = start;
  for (const extent of map.overlapping(start, wanted)) {
    if ((extent.start > end && !walk.crossesHoles) || !walk.takes(extent)) break;
    end = Math.min(extent.end, wanted);
  }
  return end === start ? null : [args[0], ((end - start) * 4096).toString(16), ...args.slice(2)];
}
