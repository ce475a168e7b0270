/** brk(2): mm/mmap.c SYSCALL_DEFINE1(brk), do_brk_flags(). */
import type { Act } from './act.js';
import { mm_populate } from './populate.js';
import type { Life } from './world.js';

/** A trace that has not said where the heap is says it now. What is in the way has gone without the trace: else it had failed. */
export function* brk(act: Act): Life {
  const { w, thread, mm, writer, event } = act;
  const { page: wanted } = event;
  yield* act.enter(true);
  const heap = w.past.heap(mm);
  w.note(mm, thread, { what: 'break', page: wanted });
  if (heap !== null && wanted < heap.to) {
    yield* act.unmapAndLeave(wanted, heap.to);
    return;
  }
  const gone = heap !== null && wanted > heap.to ? yield* writer.unmap(heap.to, wanted) : null;
  const future = w.past.willLock(mm);
  const locked = gone !== null && future.length > 0;
  if (heap !== null && gone !== null) {
    const { to } = heap;
    if (gone.length > 0) writer.zap(to, wanted);
    const more = {
      id: w.newId(),
      start: to,
      end: wanted,
      prot: 'rw-',
      like: ['account', ...future],
      file: null,
      pgoff: to,
      anon: 0,
      chain: 0,
    };
    // Nothing below the heap's beginning is looked at.
    const joins = to > heap.from || w.at['do_brk_flags.merge'] === 'any';
    yield* writer.insert(more, [], w.at['do_brk_flags.start_write'], joins ? 'prev' : 'nobody');
  }
  yield* act.hold(w.costs.op, !locked);
  act.leave();
  if (heap !== null && locked) yield* mm_populate(act, heap.to, wanted);
}
