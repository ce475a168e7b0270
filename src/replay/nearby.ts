/**
 * What of other faults matters to one: who faulted on its page at about the same time, and whether its thread lost the
 * processor before it was seen again, in which case it may have looked its VMA up much later than it began.
 */
import type { Columns } from '../trace/columns.js';
import type { Ns, Page } from '../units.js';
import type { FaultRow } from './result.js';

export interface Nearby {
  readonly t: Ns;
  readonly thread: number;
  readonly cpu: number;
  readonly mm: number;
  readonly page: Page;
  /** of another thread, on the same page at about the same time */
  beside: (Nearby & { readonly row: FaultRow | null }) | null;
  /** when it ended, where that was recorded; else infinite */
  readonly done: Ns;
  /** the clock does not tick: times of other processors are in the order of what happened */
  readonly ordered: boolean;
  /** another thread ran on its processor before it was over, or its own did anything else */
  away: boolean;
  /** when its thread did something else; infinite while it did not */
  next: Ns;
}

export class Neighbours<Fault extends Nearby & { readonly row: FaultRow | null }> {
  private readonly onPage = new Map<string, Fault>();
  private readonly onCpu = new Map<number, Fault>();
  private readonly ofThread = new Map<number, Fault>();

  /** An event of the trace: its thread goes on, and nobody else runs where it does. */
  passes({ thread, cpu, t }: Columns, row: number): void {
    const last = this.ofThread.get(thread[row]);
    if (last !== undefined) {
      last.next = t[row];
      this.ofThread.delete(thread[row]);
    }
    const other = cpu[row] < 0 ? undefined : this.onCpu.get(cpu[row]);
    if (other !== undefined && other.thread !== thread[row]) {
      other.away ||= t[row] < wentOn(other);
      this.onCpu.delete(cpu[row]);
    }
  }

  /** A fault begins; `within` ns of another on its page is at the same time. */
  add(fault: Fault, within: Ns): void {
    this.ofThread.set(fault.thread, fault);
    if (fault.cpu >= 0) this.onCpu.set(fault.cpu, fault);
    const place = placeOf(fault);
    const beside = this.onPage.get(place);
    if (beside !== undefined && beside.thread !== fault.thread && fault.t - beside.t < within) {
      fault.beside = beside;
      beside.beside = fault;
    }
    this.onPage.set(place, fault);
  }

  /** Nobody asks for the fault any more. */
  drop(fault: Fault): void {
    const place = placeOf(fault);
    if (this.onPage.get(place) === fault) this.onPage.delete(place);
  }
}

/** When the fault's end was recorded, or its thread did something else, ns. */
export const wentOn = ({ done, next }: Pick<Nearby, 'done' | 'next'>): Ns => Math.min(done, next);

/** When the fault is known to have been over, ns: its thread went on; infinite where that says nothing. */
export function overBy(fault: Pick<Nearby, 'ordered' | 'done' | 'next'>): Ns {
  return fault.ordered ? wentOn(fault) : Number.POSITIVE_INFINITY;
}

const placeOf = ({ mm, page }: Nearby): string => `${mm} ${page}`;
