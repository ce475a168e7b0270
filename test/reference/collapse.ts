/** Collapse by khugepaged and MADV_COLLAPSE: mm/khugepaged.c collapse_huge_page(), retract_page_tables(), madvise_collapse(). */
import type { Act } from './act.js';
import { opsOf } from './files.js';
import { isArmed } from './handle.js';
import { type Area, NOTHING } from './history.js';
import { covers } from './huge.js';
import { HUGE, headOf } from './hugetlb.js';
import type { Life } from './world.js';

export const collapse = (act: Act): Life => collapsePmd(act, headOf(act.event.page));

/** Each PMD that one VMA maps whole; the read lock is kept where there is nothing to do, and held on return. */
export function* madvise_collapse(act: Act): Life {
  const { w, mm, event } = act;
  let locked = false;
  function* look(): Life {
    if (locked) return;
    yield* act.enter(false);
    yield* act.hold(w.costs.op, false);
    locked = true;
  }
  yield* look();
  for (let head = Math.ceil(event.page / HUGE) * HUGE; head + HUGE <= act.end; head += HUGE) {
    yield* look();
    const vma = w.areaAt(mm, head);
    if (vma === null || !covers(vma, head)) continue;
    if (vma.file === null && act.pagesTouched(head, head + HUGE) === 0) continue;
    act.leave();
    locked = false;
    yield* collapsePmd(act, head);
  }
  if (!locked) yield* act.enter(false);
  act.leave();
}

function collapsePmd(act: Act, head: number): Life {
  const vma = act.w.areaAt(act.mm, head);
  return vma === null || vma.file === null || opsOf(vma).empty ? collapseAnonymous(act, head) : collapseFile(act, head);
}

/** Looked at and swapped in under the read lock; put together under the write lock, with the VMA marked. */
function* collapseAnonymous(act: Act, head: number): Life {
  const { w, thread, mm, writer } = act;
  yield* act.enter(false);
  yield* act.hold(w.costs.op, false);
  act.leave();
  yield* act.enter(true);
  const vma = w.areaAt(mm, head);
  const fits = vma !== null && covers(vma, head);
  const there = fits && act.pagesTouched(head, head + HUGE) > 0;
  if (fits && (there || w.at['collapse_huge_page.start_write'] === 'before_check')) yield* writer.mark(vma);
  if (there) w.note(mm, thread, { what: 'pmd', page: head, entry: { kind: 'anon', cow: false, huge: true } });
  yield* act.hold(there ? w.costs.collapse : w.costs.op);
  act.leave();
}

/** Put together in the page cache, without a lock of the mm; then the page tables of its mapping go, so that faults find it. */
function* collapseFile(act: Act, head: number): Life {
  const { w, thread, mm, writer } = act;
  const answer = w.at.retract_page_tables;
  yield* act.hold(w.costs.collapse, false);
  const vma = w.areaAt(mm, head);
  if (vma === null || vma.anon !== 0 || !covers(vma, head)) return;
  const retract = ({ start, end }: Area) => {
    if (isArmed(vma, 'wp')) return;
    for (const page of w.past.pages(mm, Math.max(start, head), Math.min(end, head + HUGE))) {
      w.note(mm, thread, { what: 'page', page, entry: NOTHING });
    }
  };
  if (answer === 'no_lock') {
    retract(vma);
    return;
  }
  if (!act.tryWrite()) return;
  const free = w.past.readersOf(mm, vma.id).inside.length === 0;
  if (answer === 'write_and_mark' && free) yield* writer.mark(vma);
  if (answer === 'write' || free) retract(vma);
  yield* act.hold(w.costs.op);
  act.leave();
}
