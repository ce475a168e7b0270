/**
 * What calls did before they failed: those that go from VMA to VMA stop at one that refuses, and nothing is undone.
 *
 * Models: mm/madvise.c, madvise_walk_vmas(), madvise_vma_behavior(), madvise_populate(); mm/mprotect.c, do_mprotect_pkey(),
 * mprotect_fixup(), whose MMAP2 lines show what it changed; mm/mlock.c, apply_vma_lock_flags(), do_mlock() (v6.18).
 */
import { PROT_READ, PROT_WRITE } from '../../vocab.js';
import type { AddressMap, Extent } from './address-map.js';
import { type Page, pageOf, pagesOf } from './words.js';
import type { Call } from './world.js';

export const EPERM = '-1';
export const ENOMEM = '-12';
export const EACCES = '-13';
export const EINVAL = '-22';

type Failed = Pick<Call, 'name' | 'args' | 'sections' | 'mapped'>;

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
const LOCKS: ReadonlySet<string> = new Set(['mlock', 'mlock2']);
const PROTECTS: ReadonlySet<string> = new Set(['mprotect', 'pkey_mprotect']);

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
export function partDone(map: AddressMap, call: Failed, error: string): readonly string[] | null {
  const { name, args, mapped } = call;
  const start = pageOf(`0x${args[0]}`);
  const wanted = start + pagesOf(`0x${args[1]}`);
  if (PROTECTS.has(name) && (error === EACCES || error === EPERM)) {
    return until(args, start, Math.min(wanted, mapped.at(-1)?.extent.end ?? start));
  }
  const walk = walkOf(name, args[2], error);
  if (walk === null || (LOCKS.has(name) && !locked(map, call, start, wanted))) return null;
  if (walk === 'whole') return args;
  let end = start;
  for (const extent of map.overlapping(start, wanted)) {
    if ((extent.start > end && !walk.crossesHoles) || !walk.takes(extent)) break;
    end = Math.min(extent.end, wanted);
  }
  return until(args, start, end);
}

/** do_mlock(): over the limit it does nothing; where a hole ended it, or a page that could not be populated, it did the rest. */
function locked(map: AddressMap, { sections }: Failed, start: Page, wanted: Page): boolean {
  let end = start;
  for (const extent of map.overlapping(start, wanted)) if (extent.start <= end) end = extent.end;
  return end < wanted || sections.some(({ mode }) => mode === 'read');
}

const until = (args: readonly string[], start: Page, end: Page): readonly string[] | null =>
  end === start ? null : [args[0], ((end - start) * 4096).toString(16), ...args.slice(2)];
