/** fork(2), execve(2), exit(2): kernel/fork.c dup_mmap(), fs/exec.c exec_mmap(), mm/mmap.c exit_mmap(). */
import type { Act } from './act.js';
import { Writer } from './areas.js';
import type { Area, Entry } from './history.js';
import { unarmed } from './userfault.js';
import type { Life } from './world.js';

export function* fork(act: Act): Life {
  const { w, thread, mm, event } = act;
  const tid = event.raw.child_tid as number;
  const id = event.raw.child_mm as number;
  const child = w.thread(tid);
  if (id === event.mm) {
    w.note(mm, child, { what: 'uses' });
    return;
  }
  yield* act.enter(true);
  const space = w.create(id);
  w.note(space, child, { what: 'uses' });
  w.note(space, thread, { what: 'got', write: true });
  const theirs = new Writer(w, thread, space);
  const marks = w.at['dup_mmap.start_write'];
  let cost = w.costs.op;
  for (const { id: vma } of w.past.areas(mm)) {
    const area = () => w.past.area(mm, vma);
    if (marks === 'all' || marks === 'all_killable') yield* act.writer.mark(area());
    const { like, anon, chain } = area();
    if (like.includes('dontfork')) continue;
    const wiped = like.includes('wipeonfork');
    const own = anon !== 0 && !wiped;
    const copy = {
      ...area(),
      id: w.newId(),
      like: unarmed({ like }).filter(flag => flag !== 'locked' && flag !== 'onfault'),
      anon: own ? w.newId() : 0,
      chain: own ? chain + 1 : 0,
    };
    if (w.at['dup_mmap.child'] === 'all') yield* theirs.mark(copy);
    theirs.put(copy);
    cost += w.costs.fork_vma;
    if (wiped) continue;
    if (marks === 'copied') yield* act.writer.mark(area());
    if (area().anon !== 0 || like.includes('pfnmap') || area().guarded)
      cost += copyPages(act, area(), space) * w.costs.fork_page;
  }
  const heap = w.past.heap(mm);
  if (heap !== null) for (const page of [heap.from, heap.to]) w.note(space, thread, { what: 'break', page });
  yield* act.hold(cost);
  w.unlock(thread, space);
  act.leave();
}

/** Write-protects anonymous pages in both; returns how many pages were copied. */
function copyPages({ w, thread, mm }: Act, { start, end }: Area, child: string): number {
  const pages = w.past.pages(mm, start, end);
  for (const page of pages) {
    const known = w.past.page(mm, page);
    const own = known.kind === 'anon' || known.kind === 'anon read-only';
    const entry: Entry = own ? { ...known, kind: 'anon read-only', cow: true } : known;
    w.note(mm, thread, { what: 'page', page, entry });
    if (entry.kind !== 'marker')
      w.note(child, thread, { what: 'page', page, entry: { ...entry, wp: false, rwp: false } });
  }
  return pages.length;
}

/** The last thread of an mm whose threads are all known, since a fork or an exec made it, tears it down. */
export function* exit(act: Act): Life {
  const { w, thread, mm, event } = act;
  w.note(mm, thread, { what: 'uses nothing' });
  if (w.past.users(mm) > 0 || !w.isKnown(mm)) return;
  yield* exit_mmap(act);
  w.fresh(event.mm);
}

/** execve(2): exec_mmap() leaves the old mm, and mmput() tears it down where nobody else uses it. */
export function* exec(act: Act): Life {
  const { w, thread, mm, event } = act;
  const id = event.raw.new_mm as number;
  const known = w.isKnown(mm);
  yield* act.enter(false);
  yield* act.hold(w.costs.op, !known || w.past.users(mm) > 1);
  act.leave();
  const space = w.create(id);
  w.note(space, thread, { what: 'uses' });
  if (w.past.users(mm) > 0 || !known) return;
  if (id !== event.mm) w.fresh(event.mm);
  yield* exit_mmap(act);
}

function* exit_mmap(act: Act): Life {
  const { w, mm, writer } = act;
  const answer = w.at.exit_mmap;
  if (answer === 'no_lock') return;
  let zap = act.pagesTouched(0, Number.POSITIVE_INFINITY) * w.costs.zap_page;
  if (answer === 'read_then_write') {
    yield* act.enter(false);
    yield* act.hold(w.costs.op + zap, false);
    act.leave();
    zap = 0;
  }
  yield* act.enter(true);
  for (const area of w.past.areas(mm)) yield* writer.mark(area);
  yield* act.hold(w.costs.op + zap);
  act.leave();
}
