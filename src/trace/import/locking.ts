/**
 * mmap_lock events of a thread -> sections, each given to the fault or call that took it.
 *
 * Models: include/trace/events/mmap_lock.h; include/linux/mmap_lock.h; mm/memory.c, __access_remote_vm() (v6.18):
 * start_locking also fires for trylocks, a second acquire_returned without start_locking is a downgrade, released fires
 * before the lock is really free.
 */
import { Complaint, quote } from '../../errors.js';
import type { Extent } from './address-map.js';
import { POPULATED } from './doubt.js';
import type { EventObject } from './event.js';
import type { LockFields } from './fields.js';
import { type Growth, growthOf, mmapEvent } from './mapped.js';
import type { Outbox } from './outbox.js';
import type { TraceRecord } from './record.js';
import { isExec, isFork } from './syscalls.js';
import { pageOf } from './words.js';
import { type Call, type Episode, type Held, mmKey, type Owner, type Thread, type World } from './world.js';

/** Why it is not known when an operation marked its VMAs. */
export const STOPPED = 'its thread stopped running while it held mmap_lock';

export class Locking {
  readonly #outbox: Outbox;
  readonly #world: World;
  readonly #file: string;
  /** by cpu: whose record came last */
  readonly #running = new Map<number, Thread>();

  constructor(outbox: Outbox, world: World, file: string) {
    this.#outbox = outbox;
    this.#world = world;
    this.#file = file;
  }

  #read(record: TraceRecord): LockFields {
    const { recording } = this.#world;
    recording.locks = true;
    const fields = record.fields as LockFields | null;
    if (fields === null) {
      const what = `mmap_lock event is cut off, found ${quote(record.text.trim())}`;
      throw new Complaint('schema', what, { file: this.#file, line: record.line }, 'print the trace field: -F +trace');
    }
    if (fields.memcgId) recording.trylock ??= true;
    return fields;
  }

  start(thread: Thread, record: TraceRecord): void {
    const { mm: key } = this.#read(record);
    this.#learn(thread, key);
    const { t, stack } = record;
    thread.asking = { key, t, stack, owner: this.#owner(thread, key, t) };
    thread.unexplained = null;
  }

  acquired(thread: Thread, record: TraceRecord): void {
    const { mm: key, write, success } = this.#read(record);
    const { t } = record;
    const asking = thread.asking?.key === key ? thread.asking : null;
    const stack = record.stack ?? asking?.stack ?? null;
    thread.asking = null;
    thread.unexplained = null;
    if (asking === null) {
      const held = thread.held.find(candidate => candidate.key === key && candidate.section.mode === 'write');
      if (held !== undefined && !write && success) {
        this.#downgrade(thread, held, t, stack);
        return;
      }
    }
    const owner = asking?.owner ?? this.#owner(thread, key, t);
    const ask = asking?.t ?? t;
    if (owner.kind === 'fault') {
      owner.window.locks.acquire(t, ask, write, success, stack);
      thread.unexplained = owner.window;
    }
    if (success) {
      thread.held.push({ key, owner, section: { mode: write ? 'write' : 'read', ask, got: t, end: -1 } });
    } else {
      this.#endEpisode(thread, t);
    }
  }

  /** A call chain that came as an event of its own: of the lock just taken, or of the one just asked for. */
  explain(thread: Thread, { text, stack }: TraceRecord): void {
    if (stack === null) return;
    if (thread.asking !== null && text !== 'mmap_lock_acquire_returned') {
      if (text === '' || text === 'mmap_lock_start_locking') thread.asking.stack = stack;
    } else if (thread.unexplained !== null && (text === '' || text === 'mmap_lock_acquire_returned')) {
      thread.unexplained.locks.explain(stack);
    }
  }

  released(thread: Thread, record: TraceRecord): void {
    const { mm: key } = this.#read(record);
    thread.unexplained = null;
    const at = thread.held.findLastIndex(held => held.key === key);
    if (at < 0) return;
    const [held] = thread.held.splice(at, 1);
    this.#end(held, record.t);
    this.#endEpisode(thread, record.t);
  }

  /** A record of the thread: who ran on that processor before has stopped. */
  runs(thread: Thread, cpu: number): void {
    const before = this.#running.get(cpu);
    if (before === thread || cpu < 0) return;
    this.stops(before);
    this.#running.set(cpu, thread);
  }

  /** The thread stops running: what it does to VMAs while it holds mmap_lock it may do later than others do. */
  stops(thread: Thread | undefined): void {
    for (const { owner, section } of thread?.held ?? []) {
      if (section.mode === 'write' && owner.kind !== 'nobody' && owner.kind !== 'fault') owner.stopped = true;
    }
  }

  /** The thread is gone: what it held is over. */
  drop(thread: Thread, t: number): void {
    thread.held = [];
    thread.asking = null;
    this.#endEpisode(thread, t);
  }

  /** Records were lost: what an open fault of the thread did is not known, nor what it holds. */
  lost(thread: Thread, t: number): void {
    if (thread.fault !== null) thread.fault.lossy = true;
    this.drop(thread, t);
  }

  #downgrade(thread: Thread, held: Held, t: number, stack: readonly string[] | null): void {
    const { owner } = held;
    if (owner.kind === 'fault') {
      owner.window.locks.downgrade(t, stack);
      thread.unexplained = owner.window;
    } else {
      this.#end(held, t);
    }
    held.section = { mode: 'read', ask: t, got: t, end: -1 };
  }

  #end({ owner, section, key }: Held, t: number): void {
    section.end = t;
    if (owner.kind === 'fault') owner.window.locks.release(t);
    else if (owner.kind === 'episode' && owner.key === key) owner.sections.push(section);
    else if (owner.kind === 'call' && key !== owner.newKey) owner.sections.push(section);
  }

  /** Whose lock is it? A fault's until it completes, then the call's; a call that is not modelled gets an episode. */
  #owner(thread: Thread, key: string, t: number): Owner {
    if (thread.fault !== null) return { kind: 'fault', window: thread.fault.window };
    const { call } = thread;
    if (call === null || isExec(call.name)) return { kind: 'nobody' };
    if (call.entry !== null && !call.entry.done) return call;
    if (call.entry !== null) return { kind: 'nobody' };
    thread.episode ??= this.#episode(thread, key, t, call.name);
    return thread.episode;
  }

  #episode(thread: Thread, key: string, t: number, name: string): Episode {
    const mm = this.#world.mmOf(key) ?? thread.process.mm;
    return {
      kind: 'episode',
      t,
      entry: this.#outbox.open(),
      key,
      mm,
      name,
      sections: [],
      mapped: null,
      grown: null,
      populates: false,
      stopped: false,
    };
  }

  #endEpisode(thread: Thread, t: number): void {
    const { episode } = thread;
    if (episode === null || thread.held.some(held => held.owner === episode)) return;
    thread.episode = null;
    this.#outbox.close(episode.entry, episodeEvents(thread, episode, t));
  }

  /** Ties a pointer to an address space: the thread's own, or the one that its fork or execve is making. */
  #learn(thread: Thread, key: string): void {
    const { mm } = thread.process;
    const own = this.#world.keyOf(mm);
    const { call } = thread;
    const fork = call !== null && isFork(call.name) && call.entry?.done === false;
    const exec = call !== null && isExec(call.name) && thread.execMaps === null;
    // fork locks the parent's mm first, execve the one it is making
    const making = (fork && own !== undefined) || (exec && (own !== undefined || call.newKey === null));
    if (call !== null && making && own !== key) call.newKey = key;
    else if (own === undefined && key !== call?.newKey) this.#world.bind(key, mm);
  }
}

function episodeEvents(thread: Thread, episode: Episode, t: number): EventObject[] {
  if (episode.sections.length === 0) return [];
  const mm = mmKey(episode.mm);
  const timing: Partial<EventObject> = { dur: t - episode.t, locks: episode.sections };
  if (episode.stopped) timing['x-hidden'] = STOPPED;
  if (episode.mapped !== null) return [{ ...mmapEvent(episode.t, thread.tid, episode.mapped), ...mm, ...timing }];
  const grown = episode.grown ?? grownBy(thread.call, episode);
  if (grown !== null) return [{ t: episode.t, tid: thread.tid, ...mm, ...grown, ...timing }];
  if (episode.populates) timing['x-hidden'] = POPULATED;
  return [{ t: episode.t, tid: thread.tid, ...mm, op: 'other', name: episode.name, ...timing }];
}

/** PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_POKETEXT, PTRACE_POKEDATA. */
const ACCESSES: ReadonlySet<string> = new Set(['1', '2', '4', '5']);

/**
 * What a debugger made a stack of its tracee grow by, where no MMAP2 line says so: __access_remote_vm() calls expand_stack() where
 * there is no VMA, which shows as a write section that became a read section.
 */
function grownBy(call: Call | null, { mm, sections, t }: Episode): Growth | null {
  if (call?.name !== 'ptrace' || !ACCESSES.has(call.args[0])) return null;
  const grew = sections.some(({ mode, end }, i) => mode === 'write' && sections[i + 1]?.ask === end);
  const start = pageOf(`0x${call.args[2]}`);
  const stack = mm.map.above(start);
  if (!grew || !stack?.growsdown || stack.start <= start) return null;
  const grown: Extent = { ...stack, start, end: stack.start, since: t };
  mm.map.map(grown);
  return growthOf(stack, start);
}
