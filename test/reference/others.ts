/** What is nobody's system call, or changes no VMA: reclaim, migration, NUMA balancing, /proc/PID/clear_refs, mmu notifiers. */
import type { Act } from './act.js';
import { isShmem, opsOf } from './files.js';
import { ABSENT, type Area, type Entry } from './history.js';
import type { Life } from './world.js';

/** A call that is kept for the sections of mmap_lock that it was recorded with. */
export function* other(act: Act): Life {
  for (const { mode } of act.event.locks ?? []) {
    yield* act.enter(mode === 'write');
    yield* act.hold(0);
    act.leave();
  }
}

/** migrate_pages(): migration entries from its beginning to its end. The zero page stays. */
export function* migrate(act: Act): Life {
  const { w, thread, mm, event } = act;
  const moved = new Map<number, Entry>();
  const ns = event.dur >= 0 ? event.dur : w.costs.wait_migration;
  for (const page of w.pagesIn(mm, thread, event.page, act.end)) {
    const entry = w.past.page(mm, page);
    if (ABSENT.has(entry.kind) || entry.kind === 'zero') continue;
    moved.set(page, entry);
    act.set(page, { ...entry, kind: 'migration' });
    w.note(mm, thread, { what: 'migrates', page, until: w.now + ns });
  }
  yield* w.sleep(thread, ns);
  for (const [page, { kind }] of moved) {
    const now = w.past.page(mm, page);
    if (now.kind === 'migration') act.set(page, { ...now, kind });
    w.note(mm, thread, { what: 'migrates', page, until: null });
  }
}

/** task_numa_work(): gives up where mmap_lock is not free. */
export function* numa_scan(act: Act): Life {
  const { w, mm, event } = act;
  if (!act.tryRead()) return;
  for (const vma of w.past.areas(mm)) {
    if (vma.start >= act.end || vma.end <= event.page || !isScanned(vma)) continue;
    w.note(mm, act.thread, { what: 'scanned', vma: vma.id, event });
    if (w.at['change_prot_numa.start_write'] === 'range') yield* act.writer.mark(vma);
    for (const page of w.pagesIn(mm, act.thread, Math.max(vma.start, event.page), Math.min(vma.end, act.end))) {
      const entry = w.past.page(mm, page);
      if (isTrapped(vma, entry)) act.set(page, { ...entry, hint: true });
    }
  }
  yield* act.hold(w.costs.op);
  act.leave();
}

/** Not what cannot be touched or moved, nor libraries, of which each node has a copy. */
const isScanned = ({ prot, like, file }: Area) =>
  prot !== '---' &&
  !opsOf({ file }).dax &&
  !like.includes('hugetlb') &&
  !like.includes('pfnmap') &&
  !(file !== null && prot.startsWith('r-'));

/** change_pte_range(): neither the zero page, nor what several processes map, nor a dirty page of a file. */
const isTrapped = (vma: Area, { kind, cow }: Entry) =>
  !ABSENT.has(kind) && kind !== 'zero' && !cow && !(kind === 'file' && !isShmem(vma));

/** Mode 4 ends VM_SOFTDIRTY, which every VMA has; mode 5 looks at no page. */
export function* clear_refs(act: Act): Life {
  const { w, mm, writer, event } = act;
  const mode = Number(event.raw.mode ?? 1);
  yield* act.enter(true);
  if (mode === 4 || (mode !== 5 && w.at['clear_refs_write.start_write'] === 'all')) {
    for (const vma of w.past.areas(mm)) yield* writer.mark(vma);
  }
  if (mode === 4) for (const vma of w.past.areas(mm)) protect(act, vma);
  yield* act.hold(w.costs.op * (mode === 5 ? 1 : w.past.areas(mm).length));
  act.leave();
}

/** clear_soft_dirty(): the next write to a page is a fault. */
function protect({ w, mm, thread }: Act, { start, end, like }: Area): void {
  if (like.includes('pfnmap') || like.includes('hugetlb')) return;
  for (const page of w.past.pages(mm, start, end)) {
    const entry = w.past.page(mm, page);
    if (entry.kind !== 'anon' && entry.kind !== 'file') continue;
    w.note(mm, thread, { what: 'page', page, entry: { ...entry, kind: `${entry.kind} read-only` } });
  }
}

/** mm_take_all_locks(), mm_drop_all_locks(). */
export function* mmu_notifier_register(act: Act): Life {
  const { w, mm, thread, writer } = act;
  yield* act.enter(true);
  for (const vma of w.past.areas(mm)) yield* writer.mark(vma);
  if (w.at.mm_drop_all_locks === 'end_early') w.note(mm, thread, { what: 'marks end' });
  yield* act.hold(w.costs.op * w.past.areas(mm).length);
  act.leave();
}
