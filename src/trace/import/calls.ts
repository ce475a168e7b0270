/**
 * System calls from enter to exit: what each one did to the address space, with the mmap_lock sections it took.
 */
import { formatAddr, formatLen, type Ns } from '../../units.js';
import { FLAG_ADVICES } from '../../vocab.js';
import type { AddressMap, Extent } from './address-map.js';
import { blank, doubtsOf, HIDE_MORE, reasonOf } from './doubt.js';
import type { EventObject, ImportSummary } from './event.js';
import { checkExtent, type Range } from './extent-check.js';
import { throughGrowsdown } from './grows-down.js';
import { throughInt80 } from './int80.js';
import { STOPPED } from './locking.js';
import { asShown, extentOf, nameMmap } from './mapped.js';
import type { Entry, Outbox } from './outbox.js';
import { partDone } from './part-done.js';
import { detach } from './shm.js';
import type { Enter } from './syscall-text.js';
import { type Decoded, decode, failed, isFork, isModelled } from './syscalls.js';
import { RANGED_REQUESTS, resolver, Userfault, uffdRequest } from './uffd.js';
import { pageOf, pagesOf, protBits } from './words.js';
import { type Call, type Mm, mmKey, type Thread, type World } from './world.js';

export class Calls {
  readonly #outbox: Outbox;
  readonly #world: World;
  readonly #summary: ImportSummary;

  constructor(outbox: Outbox, world: World, summary: ImportSummary) {
    this.#outbox = outbox;
    this.#world = world;
    this.#summary = summary;
  }

  enter(thread: Thread, t: number, { name, raw }: Enter, args: readonly string[]): void {
    const request = name === 'ioctl' ? uffdRequest(args[1]) : -1;
    const holds = isModelled(name) || isFork(name) || RANGED_REQUESTS.has(request) || resolver(request) !== null;
    const entry = holds ? this.#outbox.open() : null;
    thread.call = { kind: 'call', name, args, raw, t, entry, sections: [], stopped: false, mapped: [], newKey: null };
  }

  /** The call returned `result`: its event takes the place it was given at its start. */
  exit(thread: Thread, t: number, result: string): void {
    const { map } = thread.process.mm;
    const call = thread.call === null ? null : throughGrowsdown(map, throughInt80(thread.call));
    thread.call = null;
    if (call === null || call.entry === null || call.entry.done) return;
    const args = failed(result) ? partDone(map, call, result) : call.args;
    if (args === null || HIDE_MORE.has(call.name)) this.#doubt(thread.process.mm, call, result);
    const event = args === null ? null : this.#event(thread, { ...call, args }, result, t);
    this.#outbox.close(call.entry, event === null ? this.#other(thread, call, t) : [event]);
  }

  /** What nobody knows of memory once the call is over; faults that began after it met the same. */
  #doubt(mm: Mm, call: Call, result: string): void {
    const ranges = doubtsOf(mm, call, result, this.#world.recording);
    if (ranges.length === 0) return;
    for (const range of ranges) mm.doubts.add(range, reasonOf(call));
    for (const { events } of this.#outbox.behind(call.entry as Entry)) {
      for (const event of events) {
        const about = event.op === 'fault' && (event.mm ?? 1) === mm.id && mm.doubts.at(pageOf(String(event.addr)));
        if (about) event['x-hidden'] = about;
      }
    }
  }

  /** The call will never return: its thread is gone, or the recording ends. Says whether something was lost by it. */
  abandon(thread: Thread, t: number): boolean {
    const { call } = thread;
    thread.call = null;
    if (call === null || call.entry === null || call.entry.done) return false;
    this.#outbox.close(call.entry, this.#other(thread, call, t));
    return true;
  }

  /** A call nobody models, or one that failed, kept for the time it held mmap_lock. */
  #other(thread: Thread, call: Call, t: number): EventObject[] {
    if (call.sections.length === 0) return [];
    return [this.#timed(thread, call, t, { op: 'other', name: call.name })];
  }

  #timed(thread: Thread, call: Call, t: number, keys: { op: string; [key: string]: unknown }): EventObject {
    const event: EventObject = { t: call.t, tid: thread.tid, ...mmKey(thread.process.mm), ...keys, dur: t - call.t };
    // an empty list says that it took none, where the recording would have shown it
    if (this.#world.recording.locks) event.locks = call.sections;
    if (call.stopped) event['x-hidden'] = STOPPED;
    return event;
  }

  #event(thread: Thread, call: Call, result: string, t: number): EventObject | null {
    const { mm } = thread.process;
    if (call.name === 'ioctl') return this.#uffd(thread, call, t);
    let keys = this.#decode(mm, call, result);
    if (keys === null) return null;
    if (keys.op === 'mmap') keys = nameMmap(keys, call.mapped);
    keys = asShown(keys, call.mapped);
    if (keys.advice === 'free') mm.freed = true;
    if (DROPS.has(String(keys.advice))) this.#world.recording.drops = true;
    for (const shown of mm.complete && mm.uffd === null ? call.mapped : []) {
      checkExtent(shown, ownRange(mm, keys, shown.extent), this.#summary);
    }
    const section = call.sections.find(({ mode }) => mode === 'write');
    applyToMap(mm, keys, call.mapped.length > 0, section?.got ?? call.t);
    return this.#timed(thread, call, t, keys);
  }

  #decode(mm: Mm, call: Call, result: string): Decoded {
    if (call.name === 'shmdt') return this.#detached(mm, call);
    return call.name === 'io_destroy' ? ringGone(mm, call.args[0]) : decode(call.name, call.args, result);
  }

  #detached(mm: Mm, call: Call): Decoded {
    const gone = detach(mm.map, call.args[0]);
    for (const piece of gone?.rest ?? []) mm.doubts.add(piece, reasonOf(call));
    return gone?.keys ?? null;
  }

  #uffd(thread: Thread, call: Call, t: number): EventObject | null {
    const { mm } = thread.process;
    const request = uffdRequest(call.args[1]);
    const by = resolver(request);
    const waiting = by !== null && mm.waiting.request({ ...by, at: t }, call.t);
    const name = { op: 'other', name: call.name };
    if (!RANGED_REQUESTS.has(request) || waiting) return null;
    mm.uffd ??= new Userfault();
    return mm.uffd.called(request, call.entry as Entry, this.#timed(thread, call, t, name));
  }
}

/** fs/aio.c, kill_ioctx(): the ring of a context is unmapped; its address is what the context is called by. */
function ringGone({ map }: Mm, context: string): Decoded {
  const ring = map.at(pageOf(`0x${context}`));
  if (ring === null || !ring.name.startsWith('/[aio]')) return null;
  return { op: 'munmap', addr: formatAddr(ring.start), len: formatLen(ring.end - ring.start) };
}

/** What a call itself mapped or changed of the extent that was shown. */
function ownRange(mm: Mm, keys: { op: string; [key: string]: unknown }, shown: Extent): Range {
  const start = keys.op === 'brk' ? pagesOf(mm.brk) : pageOf(String(keys.addr));
  const end = keys.op === 'brk' ? pagesOf(String(keys.addr)) : start + pagesOf(String(keys.len));
  if (keys.op === 'mmap' || keys.op === 'brk' || end <= shown.start || shown.end <= start) return { start, end };
  return { start: Math.max(start, shown.start), end: Math.min(end, shown.end) };
}

/** Advice that splits VMAs. */
const SPLITS: ReadonlySet<string> = new Set(FLAG_ADVICES);

/** Advice that drops pages of files from the page cache. */
const DROPS: ReadonlySet<string> = new Set(['pageout', 'remove']);

/** Advice that says what a forked child has. */
const FORKING: ReadonlySet<string> = new Set(['dontfork', 'dofork']);

/** What was shown already, with all that it is now one VMA with, lacks only what no MMAP2 line says. */
function mapAsSaid(map: AddressMap, said: Extent, shown: boolean): void {
  const there = shown ? map.at(said.start) : null;
  if (there === null) map.map(said);
  else if (said.growsdown) map.map({ ...there, growsdown: true });
}

/** Keeps the address map in step with an operation that returned well, and had the lock for writing at `at`. */
function applyToMap(mm: Mm, keys: { op: string; [key: string]: unknown }, shown: boolean, at: Ns): void {
  const { map, doubts } = mm;
  const start = pageOf(String(keys.addr));
  switch (keys.op) {
    case 'mmap':
      mapAsSaid(map, { ...extentOf(keys), since: at }, shown);
      doubts.settle(start, start + pagesOf(String(keys.len)));
      break;
    case 'munmap':
    case 'shmdt':
      map.unmap(start, start + pagesOf(String(keys.len)), at);
      doubts.settle(start, start + pagesOf(String(keys.len)));
      break;
    case 'mprotect':
    case 'pkey_mprotect':
      map.protect(start, start + pagesOf(String(keys.len)), protBits(String(keys.prot)));
      break;
    case 'mremap':
      remap(mm, keys);
      break;
    case 'brk':
      moveBreak(mm, String(keys.addr), shown);
      break;
    case 'madvise':
      if (FORKING.has(String(keys.advice))) {
        map.keepFromChildren(start, start + pagesOf(String(keys.len)), keys.advice === 'dontfork');
      } else if (SPLITS.has(String(keys.advice))) map.split(start, start + pagesOf(String(keys.len)));
      break;
    case 'mlock':
    case 'munlock':
    case 'mbind':
      map.split(start, start + pagesOf(String(keys.len)));
      break;
    case 'mseal':
      map.split(start, start + pagesOf(String(keys.len)));
      mm.sealed.map(blank(start, start + pagesOf(String(keys.len))));
      break;
  }
}

function remap({ map, doubts }: Mm, keys: { [key: string]: unknown }): void {
  const start = pageOf(String(keys.addr));
  const pages = pagesOf(String(keys.old_len));
  const flags = (keys.flags ?? []) as string[];
  const to = pageOf(String(keys.new_addr));
  const now = pagesOf(String(keys.new_len));
  const keep = flags.includes('dontunmap');
  map.move(start, start + pages, to, now, keep);
  doubts.move(start, start + pages, to, now, keep);
}

function moveBreak(mm: Mm, to: string, shown: boolean): void {
  const end = pagesOf(to);
  const before = mm.brk === '' ? end : pagesOf(mm.brk);
  mm.brk = to;
  mm.doubts.settle(Math.min(end, before), Math.max(end, before));
  if (end < before) mm.map.unmap(end, before);
  else if (end > before && !shown) mm.map.map({ ...blank(before, end, '[heap]'), prot: 3 });
}
