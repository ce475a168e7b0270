/**
 * What is mapped without a call that says so: by execve, before the recording began, by a growing stack.
 *
 * Models: fs/exec.c, begin_new_exec(); fs/binfmt_elf.c, elf_load(), load_elf_binary(); kernel/events/core.c,
 * perf_event_mmap() (v6.18).
 */
import { HIDDEN_WORD, PROT_EXEC, PROT_READ } from '../../vocab.js';
import { AddressMap, type Extent } from './address-map.js';
import { ALL_MEMORY } from './doubt.js';
import { type EventObject, type ImportSummary, notClassified } from './event.js';
import { checkExtent } from './extent-check.js';
import type { FaultFields } from './fields.js';
import { growthOf, type Mapped, vmaEvent } from './mapped.js';
import type { Outbox } from './outbox.js';
import { type Snapshot, snapshotEvents } from './proc-maps.js';
import type { TraceRecord } from './record.js';
import { isExec } from './syscalls.js';
import { pageOf } from './words.js';
import { type Call, type Mm, mmKey, type Thread, type World } from './world.js';

const ERROR_WRITE = 2;

const NOT_SHOWN = 'VMA of the maps file that perf does not show (its line there)';

/** Of the same memory, `shown` as perf names it? */
const isAlike = (listed: Extent, shown: Extent): boolean =>
  listed.name === (shown.name === '//anon' ? '' : shown.name) && listed.shared === shown.shared;

const rangeOf = ({ start, end }: Extent): string => `${start}-${end}`;

export class Images {
  readonly #outbox: Outbox;
  readonly #world: World;
  readonly #summary: ImportSummary;
  /** VMAs of the maps or smaps file, by their range, until the first record that perf did not make up */
  readonly #snapshot: Map<string, Snapshot>;
  readonly #listed = new AddressMap();
  /** those that perf found as well, a little later */
  readonly #shown = new Set<Snapshot>();
  /** those of which VMAs were found before the first record that perf did not make up */
  readonly #found = new Set<Mm>();

  constructor(outbox: Outbox, world: World, summary: ImportSummary, snapshot: readonly Snapshot[]) {
    this.#outbox = outbox;
    this.#world = world;
    this.#summary = summary;
    this.#snapshot = new Map(snapshot.map(vma => [rangeOf(vma.extent), vma]));
    for (const { extent } of snapshot) this.#listed.map(extent);
  }

  /** The first record that perf did not make up: its process is the one that the maps file is of. */
  begin(thread: Thread, t: number): void {
    if (this.#snapshot.size === 0 && this.#found.size === 0) return;
    const { complete: shown, map } = thread.process.mm;
    for (const vma of this.#snapshot.values()) {
      const { start, end, prot } = vma.extent;
      if (this.#shown.has(vma)) continue;
      // perf does not make up MMAP2 lines for what is neither readable nor executable
      const unseen = (prot & (PROT_READ | PROT_EXEC)) === 0 && map.overlapping(start, end).length === 0;
      if (!shown || unseen) this.#exists(thread, t, vma);
      // what perf found is newer; a file of which it found nothing is of another process
      else if (this.#shown.size === 0) notClassified(this.#summary, NOT_SHOWN, vma.line);
    }
    this.#snapshot.clear();
    for (const mm of this.#found) doubtHoles(mm);
    this.#found.clear();
  }

  /** The VMA of the maps file that this one is, or was: it may have grown meanwhile, merged, or been split. */
  #knownOf(extent: Extent): Snapshot | undefined {
    const same = this.#snapshot.get(rangeOf(extent));
    const others = this.#listed.overlapping(extent.start, extent.end).filter(other => isAlike(other, extent));
    const known = same === undefined ? others.map(other => this.#snapshot.get(rangeOf(other))!) : [same];
    for (const vma of known) this.#shown.add(vma);
    return known.find(({ anonymous }) => anonymous) ?? known[0];
  }

  /** A VMA that was there when the recording began. */
  #exists(thread: Thread, t: number, vma: Snapshot): void {
    const { mm } = thread.process;
    const { extent } = vma;
    this.#world.recording.maps = true;
    mm.complete = true;
    mm.attached = true;
    this.#found.add(mm);
    mm.map.map(extent);
    if (extent.name === '[heap]') mm.brk = `0x${extent.end.toString(16)}000`;
    for (const event of snapshotEvents(t, thread.tid, vma)) this.#outbox.add(within(mm, event));
  }

  /** PERF_RECORD_MMAP2. */
  mapped(thread: Thread, { synthesized, t, line }: TraceRecord, mapped: Mapped): void {
    const { map, complete, doubts, attached } = thread.process.mm;
    if (synthesized) {
      const known = this.#knownOf(mapped.extent);
      const extent = { ...mapped.extent, dontfork: known?.extent.dontfork ?? false, since: t };
      this.#exists(thread, t, { extent, anonymous: known?.anonymous ?? false, flags: known?.flags ?? [], line });
      return;
    }
    this.#world.recording.maps = true;
    this.#world.recording.changes = true;
    const { fault, call, episode } = thread;
    const over = map.overlapping(mapped.extent.start, mapped.extent.end);
    const grew = episode !== null && hasGrown(over, mapped.extent);
    // what changed or grew has the flags that it had: neighbours of which one has others do not merge
    const like = fault !== null || changes(call) || grew;
    const dontfork = like && over.some(before => before.dontfork);
    const growsdown = mapped.extent.growsdown || (like && over.some(before => before.growsdown));
    const extent = { ...mapped.extent, dontfork, growsdown, since: t };
    const older = attached
      ? [...over.filter(({ since }) => since === 0), ...doubts.overlapping(extent.start, extent.end)]
      : [];
    const shown = { extent, over, line, older };
    map.map(extent);
    if (thread.execMaps !== null) this.#execMaps(thread, thread.execMaps, extent);
    else if (fault !== null) {
      const page = pageOf(fault.window.address);
      if (complete) checkExtent(shown, { start: page, end: shown.over[0]?.start ?? page + 1 }, this.#summary);
    } else if (call?.entry) call.mapped.push(shown);
    else if (episode !== null) {
      if (grew) episode.grown = growthOf(over[0], extent.start);
      else episode.mapped = extent;
      doubts.settle(extent.start, extent.end);
    }
  }

  /** execve passed the point of no return: an empty address space from here on. */
  exec(thread: Thread, t: number): void {
    const before = thread.process.mm;
    const { call } = thread;
    const first = call === null && before.map.last === null;
    const mm = first ? before : this.#world.newMm();
    mm.complete = true;
    this.#world.detach(thread, mm);
    thread.execed = true;
    thread.execMaps = new AddressMap();
    if (call?.newKey) this.#world.bind(call.newKey, mm);
    if (!first) this.#outbox.add({ t, tid: thread.tid, ...mmKey(before), op: 'exec', new_mm: mm.id });
  }

  /**
   * Without PERF_RECORD_COMM lines: execve reads its arguments from the old address space, then clears and fills pages of
   * the new one, so the first page that it writes to is past the point of no return. What it clears is the rest of the last
   * page that a segment takes from its file; what else it writes there is the stack.
   */
  execFaults(thread: Thread, { name, text, t }: TraceRecord, { errorCode, clears }: FaultFields): void {
    const { call } = thread;
    if (name !== 'page_fault_kernel' || call === null || !isExec(call.name) || (errorCode & ERROR_WRITE) === 0) return;
    if (!thread.execed) this.exec(thread, t);
    thread.process.mm.unseen.execWrote(pageOf(text), clears);
  }

  /**
   * elf_load() maps the whole image first and unmaps all but the first segment at once: no record says so, but the
   * second segment does.
   */
  #execMaps(thread: Thread, maps: AddressMap, extent: Extent): void {
    const whole = thread.execImage;
    if (whole?.name === extent.name && whole.start < extent.start && extent.start < whole.end) {
      for (const map of [maps, thread.process.mm.map]) {
        map.unmap(extent.start, whole.end);
        map.map(extent);
      }
      thread.execImage = { ...whole, end: extent.start };
      return;
    }
    if (whole?.name !== extent.name) thread.execImage = extent;
    maps.map(extent);
  }

  /** What execve mapped is told before anything can fault on it; by then its parts no longer overlap. */
  flush(thread: Thread, t: number, over: boolean): void {
    if (thread.execMaps === null) return;
    for (const extent of thread.execMaps.all()) {
      this.#outbox.add(within(thread.process.mm, vmaEvent(t, thread.tid, extent)));
    }
    thread.execMaps = over ? null : new AddressMap();
  }
}

/** Is its MMAP2 line one of a VMA that was there before? */
const changes = (call: Call | null): boolean => call?.name === 'mprotect' || call?.name === 'pkey_mprotect';

/** The event with the `mm` that it is of. */
function within(mm: Mm, event: EventObject): EventObject {
  if (mm.id !== 1) event.mm = mm.id;
  return event;
}

/** Between the copy of its maps and the first record something may have been mapped where nothing was, but not below a stack. */
function doubtHoles({ map, doubts }: Mm): void {
  let from = Number.POSITIVE_INFINITY;
  for (const { start, end, growsdown } of map.overlapping(ALL_MEMORY.start, ALL_MEMORY.end)) {
    if (!growsdown) doubts.add({ start: from, end: start }, `${HIDDEN_WORD}: mapped as the recording began, or not`);
    from = end;
  }
}

/** Is `extent` the one VMA that was there, grown down? */
function hasGrown(over: readonly Extent[], { start, end }: Extent): boolean {
  const [stack] = over;
  return over.length === 1 && stack.growsdown && start < stack.start && end === stack.end;
}
