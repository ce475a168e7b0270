/** mbind(2), mseal(2), remap_file_pages(2): mm/mempolicy.c, mm/mseal.c, mm/mmap.c. */
import { type Act, unknownOffset } from './act.js';
import { mayLock, mm_populate } from './populate.js';
import type { Life } from './world.js';

/** do_mbind(): queue_pages_range() looks for pages first, then each VMA gets the policy. */
export function* mbind(act: Act): Life {
  const { w, mm, event, writer } = act;
  // Of which nodes a trace does not say: no two policies of a mode that names nodes are taken for the same.
  const mode = event.raw.mode as string | undefined;
  const policy = mode === 'default' ? [] : [`policy ${mode === 'local' ? mode : w.newId()}`];
  yield* act.enter(true);
  if (w.at['queue_pages_range.start_write'] === 'range') {
    for (const vma of w.past.areas(mm)) if (vma.start < act.end && vma.end > event.page) yield* writer.mark(vma);
  }
  const marks = w.at['vma_replace_policy.start_write'] === 'target';
  yield* act.change(({ like }) => {
    const others = like.filter(flag => !flag.startsWith('policy '));
    return [...others, ...policy].sort();
  }, marks);
  yield* act.hold(w.costs.op);
  act.leave();
}

export function* mseal(act: Act): Life {
  const { w } = act;
  if (w.at.mseal === 'absent') return;
  yield* act.enter(true);
  yield* act.change(({ like }) => [...new Set([...like, 'sealed'])].sort());
  yield* act.hold(w.costs.op);
  act.leave();
}

/**
 * Maps a range anew, in pieces of its file that a trace does not name: nothing but the access rights and whether it is locked
 * is kept of what was there; mlockall(MCL_FUTURE) is about it too.
 */
export function* remap_file_pages(act: Act): Life {
  const { w, mm, event } = act;
  const { page } = event;
  if (w.at.remap_file_pages === 'read_then_write') {
    yield* act.enter(false);
    yield* act.hold(w.costs.minor, false);
    act.leave();
  }
  yield* act.enter(true);
  const vma = w.areaAt(mm, page);
  if (vma === null) yield* act.hold(w.costs.op);
  else {
    const kept = vma.like.filter(flag =>
      ['shared', 'hugetlb', 'pfnmap', 'noreserve', 'account', 'locked'].includes(flag),
    );
    const locks = mayLock({ ...vma, like: kept }) ? w.past.willLock(mm) : [];
    const like = [...new Set([...kept, ...locks])].sort();
    const pgoff = unknownOffset(w);
    yield* act.map(
      { ...vma, id: w.newId(), start: page, end: act.end, pgoff, like, anon: 0, chain: 0, guarded: false },
      w.costs.op,
      false,
    );
  }
  act.leave();
  if (vma !== null) yield* mm_populate(act, page, act.end);
}
