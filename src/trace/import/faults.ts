/**
 * The open fault of each thread: begun by its exception, ended by its completion or by what shows that there is none.
 */
import type { EventObject, ImportSummary, PageObject, TruthObject } from './event.js';
import { type Ending, FaultWindow } from './fault-window.js';
import type { Outbox } from './outbox.js';
import { field, type PerfRecord } from './perf-script.js';
import { pageOf } from './words.js';
import { type Mm, mmKey, type OpenFault, type Thread, type World } from './world.js';

const HEX = /^0x[0-9a-f]{1,16}$/;

export class Faults {
  readonly #outbox: Outbox;
  readonly #world: World;
  readonly #summary: ImportSummary;
  readonly #swapSync: boolean | undefined;
  readonly #counters = new Map<string, number>();
  #completions = false;

  constructor(outbox: Outbox, world: World, summary: ImportSummary, swapSync: boolean | undefined) {
    this.#outbox = outbox;
    this.#world = world;
    this.#summary = summary;
    this.#swapSync = swapSync;
  }

  #count(reason: string): void {
    this.#summary.unclassified[reason] = (this.#summary.unclassified[reason] ?? 0) + 1;
  }

  /** page_fault_user or page_fault_kernel; false when its fields cannot be read. */
  begin(thread: Thread, record: PerfRecord): boolean {
    const address = field(record.text, 'address');
    const code = field(record.text, 'error_code');
    if (!HEX.test(address ?? '') || !HEX.test(code ?? '') || address === null) return false;
    const { mm } = thread.process;
    const shared = mm.map.at(pageOf(address))?.shared ?? null;
    const window = new FaultWindow(record.t, address, Number(code), record.name === 'page_fault_kernel', shared);
    thread.fault = { window, entry: this.#outbox.open(), mm, cpu: record.cpu, before: [] };
    this.#summary.faults++;
    return true;
  }

  /** minor-faults or major-faults: handle_mm_fault() completed. */
  complete(thread: Thread, record: PerfRecord): void {
    this.#completions = true;
    const { fault } = thread;
    if (fault === null || fault.window.done !== null) return;
    fault.window.complete(record.t, record.name === 'major-faults' ? 'major' : 'minor');
    this.close(thread, null);
  }

  /**
   * The fault is over: completed, or another event of the thread shows that it never will be.
   *
   * @param groupDead null, or the thread exits: is it the last one of its process?
   */
  close(thread: Thread, groupDead: boolean | null): void {
    const { fault } = thread;
    if (fault === null) return;
    thread.fault = null;
    const { window, entry, mm } = fault;
    const event: EventObject = { t: window.t, tid: thread.tid, ...mmKey(mm), op: 'fault' };
    if (fault.cpu >= 0) event.cpu = fault.cpu;
    event.addr = window.address;
    event.access = window.access;
    if (window.kernelMode) event.mode = 'kernel';
    if (window.done !== null) event.dur = window.doneAt - window.t;
    const page = this.#page(window.facts());
    if (Object.keys(page).length > 0) event.page = page;
    const truth = this.#truth(thread, window, mm, groupDead);
    if (truth !== null) event.truth = truth;
    if (window.done !== null && window.pageCacheUnknown) {
      this.#count('page cache: the handler ran twice, without readahead or a wait');
      // PG_readahead is PG_reclaim too: while the folio is written back the lock is dropped and nothing read ahead.
      event.page = { ...page, readahead: true };
      event['x-inferred'] = 'the handler ran twice, without readahead or a wait';
    }
    this.#outbox.close(entry, ...fault.before, ...this.#uffdEvidence(event, window, mm), event);
  }

  #truth(thread: Thread, window: FaultWindow, mm: Mm, groupDead: boolean | null): TruthObject | null {
    if (!this.#world.locksSeen) {
      this.#count('fault before the first mmap_lock event');
      return null;
    }
    if (window.done !== null) {
      const truth = window.completedTruth();
      if (truth === null) this.#count('fault in an unknown VMA: shared and private look alike');
      return truth;
    }
    if (!this.#completions) {
      this.#count('fault without its end: no minor-faults and major-faults events were recorded');
      return window.lockTruth();
    }
    const truth = window.abandonedTruth(this.#ending(thread, window, mm, groupDead));
    if (truth.path === undefined) this.#count('kernel-mode fault with page faults disabled: neither lock was tried');
    return truth;
  }

  #page(page: PageObject): PageObject {
    if (page.entry !== 'swap' || this.#swapSync === undefined) return page;
    return { ...page, swap_sync: this.#swapSync };
  }

  /** The registration that this fault proves; it goes before the first fault that still waits for the same monitor. */
  #uffdEvidence(event: EventObject, window: FaultWindow, mm: Mm): EventObject[] {
    const by = window.done === null ? null : window.resolvedBy;
    const extent = by === null ? null : mm.map.at(pageOf(window.address));
    if (by === null || extent === null || mm.uffd === null) return [];
    let first: { t: number; tid: number; fault: OpenFault | null } = { t: event.t, tid: event.tid, fault: null };
    for (const { fault, tid } of this.#world.threads()) {
      if (fault === null || fault.mm !== mm || fault.window.t >= first.t || fault.window.resolvedBy === null) continue;
      const page = pageOf(fault.window.address);
      if (extent.start <= page && page < extent.end) first = { t: fault.window.t, tid, fault };
    }
    const before = mm.uffd.evidence({ t: first.t, tid: first.tid, ...mmKey(mm) }, extent, by);
    if (first.fault === null) return before;
    first.fault.before.push(...before);
    return [];
  }

  #ending(thread: Thread, window: FaultWindow, mm: Mm, groupDead: boolean | null): Ending {
    const extent = mm.map.at(pageOf(window.address));
    const need = { read: 7, write: 2, exec: 4 }[window.access];
    const { dying } = thread.process;
    return {
      covered: extent !== null,
      permitted: extent !== null && (extent.prot & need) !== 0,
      exits: groupDead !== null,
      groupDead: groupDead === true,
      dying: dying !== null && dying.tid !== thread.tid && dying.t >= window.t,
    };
  }

  /** The recording ended before the fault did. */
  giveUp(thread: Thread): void {
    const { fault } = thread;
    if (fault === null) return;
    thread.fault = null;
    const { window, entry, mm } = fault;
    const mode = window.kernelMode ? { mode: 'kernel' } : {};
    const keys = { op: 'fault', addr: window.address, access: window.access, ...mode };
    this.#outbox.close(entry, ...fault.before, { t: window.t, tid: thread.tid, ...mmKey(mm), ...keys });
    this.#count('fault under way when the recording ended');
  }

  /** The counter is printed as its new total in bytes: only the change says something, only for the thread's own mm. */
  rss(thread: Thread, t: number, text: string): void {
    const type = field(text, 'type') ?? '';
    const size = Number(field(text, 'size')?.replace(/B$/, ''));
    const key = `${field(text, 'mm_id')} ${type}`;
    const delta = size - (this.#counters.get(key) ?? Number.NaN);
    this.#counters.set(key, size);
    if (field(text, 'curr') === '1') thread.fault?.window.rss(t, type, delta);
  }
}
