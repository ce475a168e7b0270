/** A fault from the exception to its end: arch/x86/mm/fault.c do_user_addr_fault(), mm/memory.c lock_vma_under_rcu(). */
import { Writer } from './areas.js';
import {
  anon_vma_prepare,
  entryOf,
  type Facts,
  type Faulting,
  handle_mm_fault,
  isWatched,
  type Outcome,
} from './handle.js';
import { ABSENT, type Area } from './history.js';
import { covers } from './huge.js';
import { entryOfHuge, HUGE, headOf } from './hugetlb.js';
import { speculate } from './speculate.js';
import type { Happening, Life, Thread, World } from './world.js';

/** What became of a fault: keys as in a row of `--events`. */
export interface Row {
  i: number;
  start: number;
  verdict: string;
  fallback: boolean;
  counter: string | null;
  site: string | null;
  wait_ns: number;
  hold_ns: number;
  tries: number;
  blocked_by: { i: number; op: string; tid: number } | null;
}

/** What is fetched to be executed and is not there is brought in like what is read; that it may not be executed shows then. */
export function forbids({ prot }: Area, { access, wasMapped }: Faulting): boolean {
  if (access === 'write') return !prot.includes('w');
  if (access === 'exec' && wasMapped) return !prot.includes('x');
  return prot === '---';
}

/** Is the page mapped? One at which a hint is due, or that a monitor keeps from all, looks as if it were not. */
function isMapped(w: World, f: Faulting): boolean {
  const vma = w.areaAt(f.mm, f.page);
  if (vma === null) return false;
  const { kind, hint, rwp } = vma.like.includes('hugetlb') ? entryOfHuge(w, f, vma) : entryOf(w, f, vma);
  return kind !== 'none' && !ABSENT.has(kind) && !(f.facts.numa_hint || hint || rwp);
}

export function* fault(w: World, thread: Thread, event: Happening): Life<Row> {
  const facts = (event.raw.page ?? {}) as Facts;
  const f: Faulting = {
    thread,
    mm: w.space(event.mm),
    page: event.page,
    access: event.raw.access as string,
    facts,
    settled: false,
    answered: false,
    tried: false,
    speculates: false,
    readAhead: false,
    wasMapped: false,
    site: null,
  };
  f.wasMapped = isMapped(w, f);
  const row: Row = {
    i: event.i,
    start: w.now,
    verdict: '',
    fallback: false,
    counter: null,
    site: null,
    wait_ns: 0,
    hold_ns: 0,
    tries: 0,
    blocked_by: null,
  };
  if (w.stage.vmaLock === 'none' || event.raw.mode === 'kernel') {
    f.site = event.raw.mode === 'kernel' ? 'do_user_addr_fault.kernel_mode' : 'do_user_addr_fault';
  } else if (w.at['do_user_addr_fault.mm_users'] === 'mmap_lock' && w.past.users(f.mm) <= 1) {
    f.site = w.stage.vmaLock === 'vm_sequence' ? 'handle_speculative_fault.mm_users' : 'do_user_addr_fault.mm_users';
  } else if (w.hasVmaLock) {
    row.tries = 1;
    row.verdict = yield* underVmaLock(w, f, row);
  } else {
    row.tries = 1;
    row.verdict = yield* speculate(w, f);
  }
  if (row.verdict === '') {
    row.fallback = true;
    row.verdict = yield* underMmapLock(w, f, row);
  }
  const { blame } = thread;
  row.site = renamed(w, f.site);
  row.wait_ns = thread.waited;
  row.hold_ns = thread.held;
  row.blocked_by = blame === null ? null : { i: blame.event.i, op: blame.event.op, tid: blame.tid };
  return row;
}

/** A site as the series itself called the function. */
function renamed(w: World, site: string | null): string | null {
  const [name, ...rest] = (site ?? '').split('.');
  return site === null ? null : [w.stage.names?.[name] ?? name, ...rest].join('.');
}

/** The verdict; '' when it has to go to mmap_lock. */
function* underVmaLock(w: World, f: Faulting, row: Row): Life<string> {
  const { at } = w;
  const leaves = (site: string, contended = false) => {
    f.site = site;
    if (contended || at['lock_vma_under_rcu.count'] === 'all') row.counter = 'vma_lock_abort';
    return '';
  };
  const missed = () => {
    row.counter = 'vma_lock_miss';
    f.site = 'lock_vma_under_rcu.detached';
    return '';
  };
  for (let race = f.facts.race; ; race = undefined) {
    const vma = w.areaAt(f.mm, f.page);
    if (vma === null) return leaves('lock_vma_under_rcu.no_vma');
    const which = at['lock_vma_under_rcu.vm_ops'];
    if (vma.file !== null && which !== 'any' && !(which === 'anonymous_or_tcp' && vma.file === 'tcp')) {
      return leaves('lock_vma_under_rcu.vm_ops');
    }
    const anon = at['lock_vma_under_rcu.anon_vma'];
    if (anon === 'abort_before_lock' && vma.anon === 0) return leaves('lock_vma_under_rcu.anon_vma');
    const taken = w.startRead(f.thread, f.mm, vma.id);
    if (taken === 'refused') {
      const { writer } = w.past.mmapLock(f.mm);
      // Only a NUMA scan marks without being a writer; its marks outlive it.
      if (writer >= 0) w.blames(f.thread, writer);
      else f.thread.blame = w.past.scanOf(f.mm, vma.id);
      return leaves('vma_start_read', true);
    }
    const detached = taken === 'gone' || race === 'detached';
    if (detached || (race === 'range' && at['lock_vma_under_rcu.range'] !== 'never')) {
      if (taken === 'taken') w.endRead(f.thread, f.mm, vma.id);
      if (!detached) return leaves('lock_vma_under_rcu.range');
      if (at['lock_vma_under_rcu.detached'] === 'give_up') return missed();
      continue;
    }
    f.thread.since = w.now;
    if (anon === 'abort_after_lock' && vma.anon === 0 && vma.file === null) {
      w.endRead(f.thread, f.mm, vma.id);
      return leaves('lock_vma_under_rcu.anon_vma');
    }
    if (at['lock_vma_under_rcu.userfaultfd_armed'] === 'abort' && isWatched(vma)) {
      w.endRead(f.thread, f.mm, vma.id);
      return leaves('lock_vma_under_rcu.userfaultfd_armed');
    }
    if (forbids(vma, f)) {
      f.site = 'do_user_addr_fault.access_error';
      if (at['do_user_addr_fault.access_error'] === 'mmap_lock') {
        w.endRead(f.thread, f.mm, vma.id);
        return '';
      }
      yield* holdVma(w, f, vma, w.costs.minor);
      row.counter = 'vma_lock_success';
      return 'signal';
    }
    return yield* handleVmaLocked(w, f, vma, row);
  }
}

function* handleVmaLocked(w: World, f: Faulting, vma: Area, row: Row): Life<string> {
  const outcome = handle_mm_fault(w, f, vma, true);
  maps(w, f, outcome);
  f.site = outcome.site;
  if (outcome.result === 'userfault' && w.at.handle_userfault !== 'drops_mmap_lock') {
    w.endRead(f.thread, f.mm, vma.id);
    yield* awaitMonitor(w, f);
    row.counter = 'vma_lock_retry';
    return '';
  }
  if (outcome.result === 'userfault') {
    // It dropped a lock that it did not hold; what comes of that is anybody's guess.
    const wait = f.facts.wait ?? 0;
    f.thread.waited += wait;
    yield* holdVma(w, f, vma, outcome.cost + wait);
    return 'vma_lock';
  }
  if (outcome.result === 'retry' || outcome.result === 'unlocked') {
    w.endRead(f.thread, f.mm, vma.id);
    yield* pageWait(w, f, outcome.sleep);
    row.counter = outcome.result === 'retry' ? 'vma_lock_retry' : 'vma_lock_success';
    return outcome.result === 'retry' ? '' : 'vma_lock';
  }
  f.thread.waited += outcome.sleep;
  yield* holdVma(w, f, vma, outcome.cost + outcome.sleep);
  row.counter = 'vma_lock_success';
  return outcome.result === 'signal' ? 'signal' : 'vma_lock';
}

function maps(w: World, f: Faulting, { maps: entry, at: page = f.page, unhints }: Outcome): void {
  const { mm, thread } = f;
  const vma = w.areaAt(mm, page);
  const head = headOf(page);
  if (entry?.huge && vma !== null && !covers(vma, head)) {
    for (let at = Math.max(head, vma.start); at < Math.min(head + HUGE, vma.end); at++) {
      w.note(mm, thread, { what: 'page', page: at, entry });
    }
  } else if (entry !== null) w.note(mm, thread, { what: entry.huge ? 'pmd' : 'page', page, entry });
  for (const at of unhints ? w.past.pages(mm, head, head + HUGE) : []) {
    w.note(mm, thread, { what: 'page', page: at, entry: { ...w.past.page(mm, at), hint: false } });
  }
}

function* pageWait(w: World, f: Faulting, ns: number): Life {
  f.thread.waited += ns;
  if (ns > 0) yield* w.sleep(f.thread, ns);
}

/** Sleeps in handle_userfault(), for as long as is said; what was said of the page is of no more use then. */
function* awaitMonitor(w: World, f: Faulting): Life {
  const { wait } = f.facts;
  if (wait !== undefined) yield* pageWait(w, f, wait);
  else f.facts = {};
  const over = wait !== undefined || (yield* w.awaitMonitor(f.thread, f.mm, f.page)) === 'gone';
  f.settled ||= over;
  f.answered ||= over;
}

function* holdVma(w: World, f: Faulting, vma: Area, ns: number): Life {
  f.thread.until = w.now + ns;
  if (ns > 0) yield* w.sleep(f.thread, ns);
  f.thread.held += w.now - f.thread.since;
  w.endRead(f.thread, f.mm, vma.id);
}

function* underMmapLock(w: World, f: Faulting, row: Row): Life<string> {
  const { thread, mm } = f;
  const nolock = w.stage.vmaLock === 'none';
  for (;;) {
    row.tries++;
    thread.since = w.now;
    if (!w.tryRead(thread, mm)) yield* w.lock(thread, mm, false);
    const grown = w.areaAt(mm, f.page) !== null || (yield* expandStack(w, f));
    if (grown === 'no lock') {
      if (nolock) f.site = 'bad_area';
      return 'signal';
    }
    const vma = w.areaAt(mm, f.page);
    if (vma === null || forbids(vma, f)) {
      if (nolock) f.site = vma === null ? 'bad_area' : 'bad_area_access_error';
      yield* holdMmap(w, f, w.costs.minor);
      return 'signal';
    }
    const outcome = handle_mm_fault(w, f, vma, false);
    maps(w, f, outcome);
    if (nolock && outcome.result === 'signal') f.site = outcome.site;
    if (outcome.result === 'userfault') {
      thread.held += w.now - thread.since;
      w.unlock(thread, mm);
      yield* awaitMonitor(w, f);
      continue;
    }
    if (outcome.result !== 'retry') {
      thread.waited += outcome.sleep;
      yield* holdMmap(w, f, outcome.cost + outcome.sleep);
      return outcome.result === 'signal' ? 'signal' : 'mmap_lock';
    }
    f.tried = true;
    thread.held += w.now - thread.since;
    w.unlock(thread, mm);
    yield* pageWait(w, f, outcome.sleep);
  }
}

/** expand_stack(): false where the page is no stack's; 'no lock' where it is not any more, and mmap_lock is gone. */
function* expandStack(w: World, f: Faulting): Life<boolean | 'no lock'> {
  const { thread, mm } = f;
  const stack = w.areaFrom(mm, f.page);
  if (!stack?.like.includes('growsdown')) return false;
  const how = w.at['expand_stack.lock'];
  const writer = new Writer(w, thread, mm);
  if (how === 'read') {
    if (!mayExpand(w, f, stack)) return false;
    anon_vma_prepare(w, thread, mm, stack);
    writer.put(growsTo(writer.now(stack), f.page));
    return true;
  }
  thread.held += w.now - thread.since;
  w.unlock(thread, mm);
  yield* w.lock(thread, mm, true);
  const again = w.areaFrom(mm, f.page);
  if (again === null || (again.start > f.page && !mayExpand(w, f, again))) {
    w.unlock(thread, mm);
    return 'no lock';
  }
  if (again.start > f.page) {
    anon_vma_prepare(w, thread, mm, again);
    if (how === 'write_and_mark') yield* writer.mark(again);
    writer.put(growsTo(writer.now(again), f.page));
  }
  thread.held += w.now - thread.since;
  w.downgrade(thread, mm);
  thread.since = w.now;
  return true;
}

const growsTo = (stack: Area, start: number): Area => ({ ...stack, start, pgoff: stack.pgoff - (stack.start - start) });

/** RLIMIT_STACK, and stack_guard_gap to whatever is below that may be accessed, both in pages. */
function mayExpand(w: World, f: Faulting, stack: Area): boolean {
  if (!stack.like.includes('growsdown') || stack.end - f.page > 2_048) return false;
  const below = w.past.areas(f.mm).findLast(({ end }) => end <= stack.start);
  if (below === undefined || below.like.includes('growsdown') || below.prot === '---') return true;
  return f.page - below.end >= 256;
}

function* holdMmap(w: World, f: Faulting, ns: number): Life {
  f.thread.until = w.now + ns;
  if (ns > 0) yield* w.sleep(f.thread, ns);
  f.thread.held += w.now - f.thread.since;
  w.unlock(f.thread, f.mm);
}
