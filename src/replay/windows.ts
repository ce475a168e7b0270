/**
 * What a recording cannot tell: whether a fault looked its VMA up before or after another thread marked it, and whether it tried
 * mmap_lock before or after another thread had it.
 *
 * A tracepoint is not the moment itself. The exception is recorded before the lookup, mmap_lock before the VMAs are marked,
 * its release before the marks end. How much later these happen was measured on 84,741 user faults in 52 recordings of Linux
 * 6.18.44 (x86-64, 2 virtual cpus, every event above traced): the limits below are the latest that was seen, rounded up.
 * Interrupts and the hypervisor make the tail; half of all faults are over after 5 us. Slower machines get more (tempo.ts).
 *
 * A fault that is known to be over sooner, or whose thread went on, had done both by then, where the clock does not tick.
 * Only times of the trace enter here, never what the kernel did with the fault.
 */
import type { Ns, Page } from '../units.js';
import { endOf, type Section } from './sections.js';

/** From the exception to the lookup of the VMA: 30 us was seen. */
export const LOOKUP: Ns = 50_000;
/** From the exception to the trylock of __vmf_anon_prepare: 76 us was seen. */
export const TRYLOCK: Ns = 100_000;
/** From mmap_lock_acquire_returned to the marks: 16 us was seen. */
export const MARKING: Ns = 30_000;
/** From mmap_lock_released to the end of the marks and of the lock: 3 us was seen. */
export const RELEASING: Ns = 10_000;

/** How far what is recorded may be from what happened, ns. */
export interface Slack {
  readonly lookup: Ns;
  readonly trylock: Ns;
  /** null: a mark may come at any time of its section */
  readonly marking: Ns | null;
  readonly releasing: Ns;
}

/** The limits above: of a machine that runs on its own processors, with a clock in nanoseconds. */
export const NATIVE = { lookup: LOOKUP, trylock: TRYLOCK, marking: MARKING, releasing: RELEASING } satisfies Slack;

/** How a window of time lies to a section. */
export const APART = 0;
/** partly inside, or where the edges of the section are not known well enough */
export const ACROSS = 1;
export const INSIDE = 2;
export type Lie = typeof APART | typeof ACROSS | typeof INSIDE;

/** Is `page` marked by `section` during `[from, to]`? */
export function whileMarked(section: Section, page: Page, from: Ns, to: Ns, slack: Slack = NATIVE): Lie {
  const { marking } = slack;
  let lie: Lie = APART;
  for (const { start, end, late } of section.marks) {
    if (page < start || page >= end) continue;
    if (!late && marking !== null) return lieOf(section, section.got, section.got + marking, from, to, slack);
    lie = lieOf(section, section.got, Number.POSITIVE_INFINITY, from, to, slack);
  }
  return lie;
}

/** Does the writer of `section` have mmap_lock, or wait for it, during `[from, to]`? */
export function whileHeld(section: Section, from: Ns, to: Ns, slack: Slack = NATIVE): Lie {
  return lieOf(section, section.ask, section.got, from, to, slack);
}

/** What holds begins between `earliest` and `latest`, and ends soon after the section. */
function lieOf(section: Section, earliest: Ns, latest: Ns, from: Ns, to: Ns, slack: Slack): Lie {
  const { recorded, over } = section;
  const end = endOf(section);
  // Times that were not recorded are the model's: as uncertain as a lookup.
  const released = Math.min(over, end + (recorded ? slack.releasing : slack.lookup));
  if (to <= earliest || from >= released) return APART;
  return recorded && from >= latest && to <= end ? INSIDE : ACROSS;
}

/** Can the trace not tell what was met? It can where every section lies apart, or one is there all the time. */
export function isRace(lies: Iterable<Lie>): boolean {
  let across = false;
  for (const lie of lies) {
    if (lie === INSIDE) return false;
    across ||= lie === ACROSS;
  }
  return across;
}
