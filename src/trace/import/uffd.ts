/**
 * userfaultfd by inference: its ranges lie behind ioctl pointers, but its faults give themselves away.
 *
 * Models: fs/userfaultfd.c, handle_userfault(), userfaultfd_ioctl(); include/uapi/linux/userfaultfd.h (v6.18).
 *
 * A fault of thread A is a userfault when another thread's UFFDIO_COPY, ZEROPAGE, CONTINUE, MOVE or WRITEPROTECT began
 * after it and returned before it completed, and A changed no counter of its own (the monitor had put the page there) and
 * read nothing ahead. Its VMA is then taken as the registered range, from that fault on. Such events carry
 * `x-inferred` with the evidence. A register or unregister call after the first evidence is taken to mean the same
 * range. None of this looks at the fault's mmap_lock events.
 */
import { formatAddr, formatLen } from '../../units.js';
import type { UFFD_MODES } from '../../vocab.js';
import type { Extent } from './address-map.js';
import type { EventObject } from './event.js';
import type { Entry } from './outbox.js';
import { Queue } from './queue.js';

export type Mode = (typeof UFFD_MODES)[number];

const UFFDIO = 0xaa;
const REGISTER = 0;
const UNREGISTER = 1;
const WRITEPROTECT = 6;
const RESOLVES: Readonly<Record<number, { name: string; mode: Mode }>> = {
  3: { name: 'UFFDIO_COPY', mode: 'missing' },
  4: { name: 'UFFDIO_ZEROPAGE', mode: 'missing' },
  5: { name: 'UFFDIO_MOVE', mode: 'missing' },
  6: { name: 'UFFDIO_WRITEPROTECT', mode: 'wp' },
  7: { name: 'UFFDIO_CONTINUE', mode: 'minor' },
};

/** Number of a userfaultfd request, or -1 for any other ioctl. */
export function uffdRequest(command: string): number {
  const bits = Number('0x' + command);
  return Math.trunc(bits / 256) % 256 === UFFDIO ? bits % 256 : -1;
}

/** What a request would have put into a waiting fault, or null. */
export function resolver(request: number): { name: string; mode: Mode } | null {
  return RESOLVES[request] ?? null;
}

interface Logged {
  t: number;
  request: number;
  entry: Entry;
}

/** The userfaultfd of one mm. */
export class Userfault {
  #range: { addr: string; len: string; modes: Mode[] } | null = null;
  #registered = false;
  readonly #log = new Queue<Logged>();

  /**
   * A REGISTER, UNREGISTER or protecting WRITEPROTECT that returned well. `plain` is what it is while its range is
   * unknown. Fills the entry.
   */
  called(request: number, entry: Entry, plain: EventObject): EventObject {
    while (this.#log.first?.entry.queued === false) this.#log.shift();
    this.#log.push({ t: plain.t, request, entry });
    return this.#apply(request, plain);
  }

  /** Is `extent` known to be what is registered? */
  watches(extent: Extent): boolean {
    const { addr, len } = rangeOf(extent);
    return this.#registered && this.#range?.addr === addr && this.#range.len === len;
  }

  /**
   * A fault in `extent` was resolved from outside: what must stand before `fault` in the trace, itself or one that waits
   * longer. Calls after the fault that still wait in the queue are understood now, and rewritten.
   */
  evidence(
    fault: { t: number; tid: number; mm?: number },
    extent: Extent,
    by: { name: string; mode: Mode },
  ): EventObject[] {
    const range = rangeOf(extent);
    this.#range = { ...range, modes: [by.mode] };
    this.#registered = true;
    const { t } = fault;
    const mark = { 'x-inferred': `${by.name} resolved the next fault` };
    const before: EventObject[] = [{ ...fault, op: 'uffd_register', ...range, modes: [by.mode], ...mark }];
    if (by.mode === 'wp') before.push({ ...fault, op: 'uffd_wp', ...range, ...mark });
    for (const { t: at, request, entry } of this.#log.items) {
      if (at > t && entry.queued) entry.events = entry.events.map(event => this.#apply(request, event));
    }
    return before;
  }

  #apply(request: number, plain: EventObject): EventObject {
    if (this.#range === null) return plain;
    const { addr, len, modes } = this.#range;
    const { name: _name, ...base } = plain;
    const mark = { 'x-inferred': 'same range as the userfaults before' };
    if (request === REGISTER) {
      this.#registered = true;
      return { ...base, op: 'uffd_register', addr, len, modes, ...mark };
    }
    if (request === UNREGISTER && this.#registered) {
      this.#registered = false;
      return { ...base, op: 'uffd_unregister', addr, len, ...mark };
    }
    if (request === WRITEPROTECT && this.#registered) return { ...base, op: 'uffd_wp', addr, len, ...mark };
    return plain;
  }
}

function rangeOf({ start, end }: Extent): { addr: string; len: string } {
  return { addr: formatAddr(start), len: formatLen(end - start) };
}

/** Requests whose meaning depends on a range. */
export const RANGED_REQUESTS: ReadonlySet<number> = new Set([REGISTER, UNREGISTER, WRITEPROTECT]);
