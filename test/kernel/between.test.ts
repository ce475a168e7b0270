/** What others do between two steps of an operation or of a fault, and what it finds then. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { PTE_KIND_MASK, PTE_ZERO } from '../../src/kernel/page-table.js';
import {
  addressSpace,
  at,
  BASE,
  draw,
  type Event,
  fault,
  mmap,
  otherwise,
  range,
  replay,
  replayUnder,
  vma,
} from '../helpers.js';

const NEW = 'v6.18';
/** A fault that sleeps with the VMA lock held. */
const inside = (page: number, t: number, wait: number, more = {}) =>
  fault(page, { tid: 50, t, access: 'read', page: { entry: 'migration', wait }, ...more });
const opWait = async (events: readonly Event[], model = NEW) =>
  (await replay(events, model)).model(model).time.op_wait_ns;

describe('NUMA scans of the RFC', () => {
  const scan = (tid: number, t: number) => range('numa_scan', 0, 4, { tid, t });
  const huge = { page: { huge: 'pmd', entry: 'migration', wait: 100_000 } };
  const waiting = [vma(0, 1_024, { t: 0 }), inside(0, 1_000, 0, huge), scan(2, 5_000), scan(3, 6_000), scan(4, 7_000)];

  test('wait for the same reader one behind the other, since they mark under the read lock', async () => {
    const readerLeaves = 101_000;
    const first = readerLeaves - 5_000 + COSTS.wake;
    const others = readerLeaves - 6_000 + 2 * COSTS.wake + readerLeaves - 7_000 + 3 * COSTS.wake;
    const waited = await opWait(waiting, 'rfc_2022');
    expect(waited).toBeGreaterThanOrEqual(first + others);
    expect(waited).toBeLessThan(first + others + 1_000);
  });

  test('are to blame for what their marks refuse, while they wait, when they have marked, and when they are over', async () => {
    const late = (t: number, ...more: Event[]) => [vma(0, 1_024, { t: 0 }), ...more, fault(9, { tid: 5, t })];
    const by = async (events: Event[]) => (await replay(events, 'rfc_2022')).row('rfc_2022', -1);
    const refused = { site: 'vma_read_trylock', counter: 'vma_lock_abort', fallback: true };
    const long = { ...scan(2, 5_000), dur: 50_000 };
    const named = { ...refused, blocked_by: { i: 1, op: 'numa_scan', tid: 2 } };
    expect(await by(late(9_000, long))).toMatchObject(named);
    expect(await by(late(90_000, long, { op: 'other', name: 'x', tid: 2, t: 80_000 }))).toMatchObject(named);
    const waits = { ...refused, blocked_by: { i: 2, op: 'numa_scan', tid: 2 } };
    expect(await by(late(9_000, inside(0, 1_000, 0, huge), scan(2, 5_000)))).toMatchObject(waits);
  });

  test('would do so with a reference count as well', async () => {
    const other = otherwise(NEW, { 'change_prot_numa.start_write': 'range' });
    const { result } = await replayUnder(waiting, [other]);
    expect(result.models[0].time.op_wait_ns).toBeGreaterThan(250_000);
    expect(result.models[0].blockers).toMatchObject([{ op: 'fault', tid: 50, victims: 3 }]);
  });

  test('leave marks that reading maps under VMA locks goes around by mmap_lock', async () => {
    const other = otherwise(NEW, { 'change_prot_numa.start_write': 'range' });
    const maps: Event = { op: 'read_maps', tid: 3, t: 200_000, kind: 'maps' };
    const locks = async (events: Event[]) =>
      (await replayUnder(events, [other])).lock('other', 'mmap_lock', 'read').acquired;
    expect(await locks([vma(0, 4, { t: 0 }), maps])).toBe(0);
    expect(await locks([vma(0, 4, { t: 0 }), scan(2, 5_000), maps])).toBe(2);
  });
});

test('reading maps waits for a munmap that waits for a reader, and finds nothing where the last VMA was', async () => {
  const munmap = range('munmap', 8, 4, { tid: 2, t: 100_000 });
  const maps: Event = { op: 'read_maps', tid: 3, t: 110_000, kind: 'maps' };
  const events = [vma(0, 4, { t: 0 }), vma(8, 4, { t: 0 }), inside(8, 90_000, 50_000), munmap, maps];
  const replayed = await replay(events, NEW);
  // the fault, and of the two VMAs the first
  expect(replayed.lock(NEW, 'vma_lock', 'read').acquired).toBe(2);
  expect(replayed.lock(NEW, 'mmap_lock', 'read').contended).toBe(1);
});

test('a stack that was replaced while its fault waited to write-lock mmap_lock does not grow', async () => {
  const stack = mmap(8, 8, { t: 0, flags: ['private', 'anonymous', 'growsdown'] });
  const busy = range('mprotect', 400, 1, { tid: 2, t: 99_000, dur: 20_000, prot: 'r--' });
  const replaced = mmap(8, 8, { tid: 3, t: 101_000, flags: ['private', 'anonymous', 'fixed'], prot: 'r--' });
  // another reader keeps it from taking the lock at once, so that it queues behind the mmap
  const reader = range('gup', 400, 1, { tid: 5, t: 100_500, dur: 60_000 });
  const events = [stack, vma(400, 1, { t: 0 }), busy, fault(6, { tid: 4, t: 100_000 }), reader, replaced];
  expect((await replay(events, NEW)).row(NEW, 3).verdict).toBe('signal');
  expect((await replay(events.slice(0, 5), NEW)).row(NEW, 3).verdict).toBe('mmap_lock');
});

describe('a munmap below a stack, in the RFC,', () => {
  const stack = vma(8, 1_016, { t: 0, flags: ['private', 'anonymous', 'growsdown'], name: '[stack]' });
  const munmap = range('munmap', 0, 8, { tid: 2, t: 50_000 });

  test('keeps the write lock, and marks the stack, once those inside have left', async () => {
    const huge = { page: { huge: 'pmd', entry: 'migration', wait: 100_000 } };
    const events = [vma(0, 8, { t: 0, prot: 'r--' }), stack, inside(512, 1_000, 0, huge), munmap];
    expect(await opWait(events, 'rfc_2022')).toBeGreaterThan(50_000);
    expect(await opWait(events, 'v6.4')).toBe(0);
  });
});

test('a fork that marks what it copies waits for whoever is inside of that, and of nothing else', async () => {
  const other = otherwise(NEW, { 'dup_mmap.start_write': 'copied' });
  const fork: Event = { op: 'fork', tid: 1, t: 10_000, child_tid: 9, child_mm: 2 };
  const waits = async (advice: string) => {
    const kept = range('madvise', 0, 4, { t: 500, advice });
    const { result } = await replayUnder([vma(0, 4, { t: 0 }), kept, inside(0, 5_000, 90_000), fork], [other]);
    return result.models[0].time.op_wait_ns;
  };
  expect(await waits('normal')).toBeGreaterThan(80_000);
  expect(await waits('dontfork')).toBe(0);
});

test('a VMA that gives a part to its neighbour is marked too: somebody may be inside of it alone', async () => {
  const events = [vma(0, 4, { t: 0 }), vma(4, 4, { t: 0, prot: 'r--', anon_vma: false }), inside(6, 1_000, 90_000)];
  const mprotect = range('mprotect', 4, 2, { tid: 2, t: 10_000, prot: 'rw-' });
  expect(await opWait([...events, mprotect])).toBeGreaterThan(80_000);
  expect(draw(await addressSpace([...events, mprotect], NEW), 10)).toBe('AAAAAABB..');
});

describe('collapse of a file', () => {
  const other = otherwise(NEW, { retract_page_tables: 'write_and_mark' });
  const mapped = mmap(0, 512, { t: 0, flags: ['shared'], file: { fs: 'ext4', name: 'f' } });
  const read = (page: number, t: number, more = {}) => fault(page, { t, access: 'read', ...more });
  const collapse: Event = { op: 'collapse', tid: 7, t: 300_000, addr: at(0) };
  const held = async (...events: Event[]) => {
    const { rows } = await replayUnder([mapped, read(3, 1_000), ...events, read(3, 9_000_000)], [other]);
    return rows.find(row => row.i === events.length + 2)?.hold_ns;
  };

  test('only tries the lock of its VMA: who is inside keeps the page tables', async () => {
    expect(await held(collapse)).toBe(COSTS.file_map);
    expect(await held(inside(9, 290_000, 5_000_000), collapse)).toBe(COSTS.minor);
    expect(await held(inside(9, 290_000, 1_000), collapse)).toBe(COSTS.file_map);
  });

  test('finds its VMA gone where somebody unmapped it meanwhile', async () => {
    const munmap = range('munmap', 0, 512, { tid: 8, t: 301_000 });
    const { result } = await replayUnder([mapped, read(3, 1_000), collapse, munmap, read(3, 9_000_000)], [other]);
    expect(result.models[0].faults.signal).toBe(1);
  });

  test('holds mmap_lock while others come', async () => {
    const busy = { tid: 8, t: 300_000 + COSTS.collapse + 100 };
    const { result } = await replayUnder(
      [mapped, read(3, 1_000), collapse, range('mprotect', 0, 4, { ...busy, prot: 'r--' })],
      [other],
    );
    expect(result.models[0].blockers).toMatchObject([{ op: 'collapse', tid: 7, victims: 1 }]);
  });
});

test('MADV_COLLAPSE reads once more at its end, behind a writer that came while it collapsed', async () => {
  const collapse = range('madvise', 0, 512, { tid: 1, t: 100_000, advice: 'collapse' });
  const others = [
    range('gup', 600, 4, { tid: 3, t: 150_000, dur: 20_000 }),
    range('mprotect', 600, 4, { tid: 2, t: 160_000, dur: 20_000, prot: 'r--' }),
  ];
  const before = [vma(0, 512, { t: 0 }), vma(600, 4, { t: 0 }), fault(0, { t: 1_000 }), collapse];
  const end = async (events: Event[]) => (await replay(events, NEW)).model(NEW).time.makespan_ns;
  expect((await end([...before, ...others])) - (await end(before))).toBeGreaterThan(40_000);
});

test('remap_file_pages of nothing holds mmap_lock all the same', async () => {
  const nothing = range('remap_file_pages', 8, 4, { t: 10_000 });
  const other = range('mprotect', 0, 4, { tid: 2, t: 10_100, prot: 'r--' });
  for (const model of ['v6.4', NEW]) {
    const { result } = await replay([vma(0, 4, { t: 0 }), nothing, other], model);
    expect(result.models[0].blockers).toMatchObject([{ op: 'remap_file_pages', victims: 1 }]);
  }
});

test('fork waits killably for readers since 7.2', async () => {
  const fork: Event = { op: 'fork', tid: 1, t: 10_000, child_tid: 9, child_mm: 2 };
  const events = [vma(0, 4, { t: 0 }), inside(0, 5_000, 90_000), fork];
  expect(await opWait(events, 'v7.2')).toBe(await opWait(events, NEW));
});

test('who speculates on a page that another thread mapped meanwhile leaves that as it is', async () => {
  // the read is the faster one
  const both = [fault(1, { tid: 2, t: 90_000 }), fault(1, { tid: 3, t: 90_000, access: 'read' })];
  const events = [vma(0, 4, { t: 0 }), fault(0, { t: 1_000 }), ...both];
  const { rows } = await replay(events, 'spf_lespinasse_2022');
  expect(rows.slice(-2).map(({ verdict }) => verdict)).toEqual(['speculative', 'speculative']);
  const { page_table } = await addressSpace(events, 'spf_lespinasse_2022');
  expect(page_table.get(BASE + 1) & PTE_KIND_MASK).toBe(PTE_ZERO);
});

describe('a monitor', () => {
  const register = (mode: string) => range('uffd_register', 0, 8, { t: 10, modes: [mode] });
  const waits = async (events: Event[], i: number) => (await replay(events, NEW)).row(NEW, i);

  test('answers those whose page it fills, and nobody else', async () => {
    const events = [
      vma(0, 8, { t: 0 }),
      register('missing'),
      fault(0, { tid: 2, t: 1_000 }),
      fault(4, { tid: 3, t: 1_000 }),
      range('uffd_copy', 0, 1, { tid: 9, t: 50_000, src: at(100) }),
      range('uffd_copy', 4, 1, { tid: 9, t: 90_000, src: at(100) }),
    ];
    const [first, second] = [await waits(events, 2), await waits(events, 3)];
    expect(second.wait_ns - first.wait_ns).toBe(40_000);
  });

  test('wakes who came first first, wherever its page is', async () => {
    // What each does next needs mmap_lock for itself.
    const then = (tid: number) => [
      range('mprotect', 100 + tid, 1, { tid, t: 50_000, prot: 'rw-' }),
      fault(100 + tid, { tid, t: 50_000 }),
    ];
    const sleeps = [fault(4, { tid: 3, t: 1_000 }), fault(0, { tid: 2, t: 1_001 }), fault(2, { tid: 4, t: 1_002 })];
    const gone = range('uffd_unregister', 0, 8, { tid: 9, t: 50_000 });
    const before = [vma(0, 8, { t: 0 }), vma(100, 8, { t: 0 }), register('missing'), ...sleeps, gone];
    const { rows } = await replay([...before, ...then(4), ...then(3), ...then(2)], NEW);
    const later = rows.filter(({ i }) => i >= before.length).sort((a, b) => a.start - b.start);
    expect(later.map(({ tid }) => tid)).toEqual([3, 2, 4]);
  });

  test('moves pages under mmap_lock in 6.8, then with the VMAs locked: one of them where both are the same', async () => {
    const move = (src: number) => range('uffd_move', 0, 2, { tid: 9, t: 50_000, src: at(src) });
    const busy = range('mprotect', 400, 1, { tid: 2, t: 49_000, dur: 21_000, prot: 'r--' });
    const events = (src: number) => [vma(0, 8, { t: 0 }), vma(16, 4, { t: 0 }), vma(400, 1, { t: 0 }), busy, move(src)];
    const locks = async (src: number) => (await replay(events(src), NEW)).lock(NEW, 'vma_lock', 'read').acquired;
    expect([await locks(4), await locks(16)]).toEqual([1, 2]);
    expect(await opWait(events(4), 'v6.8')).toBe(20_000 + COSTS.wake);
    expect(await opWait(events(4))).toBe(0);
  });

  test('takes its protection away where somebody waits for that', async () => {
    const events = [
      vma(0, 8, { t: 0 }),
      register('wp'),
      fault(0, { t: 20 }),
      range('uffd_wp', 0, 1, { tid: 9, t: 10_000 }),
      fault(0, { tid: 2, t: 20_000 }),
      range('uffd_wp', 0, 1, { tid: 9, t: 90_000 }),
      fault(0, { tid: 2, t: 200_000 }),
    ];
    const first = await waits(events, 4);
    expect([first.site, first.wait_ns > 70_000]).toEqual(['handle_userfault', true]);
    expect((await waits(events, 6)).site).toBe(null);
  });

  const protect = (page: number, pages: number, t: number) => range('uffd_wp', page, pages, { tid: 9, t });
  const touched = Array.from({ length: 8 }, (_, page) => fault(page, { t: 20 }));
  const watched = [vma(0, 8, { t: 0 }), register('wp'), ...touched];

  test('protects a range although somebody sleeps beside it', async () => {
    const asleep = [protect(3, 1, 10_000), fault(3, { tid: 2, t: 20_000 })];
    const beside = [protect(0, 3, 40_000), protect(4, 4, 50_000)];
    const written = [fault(2, { tid: 3, t: 60_000 }), fault(4, { tid: 4, t: 60_000 })];
    const events = [...watched, ...asleep, ...beside, ...written, protect(0, 8, 200_000)];
    const { rows } = await replay(events, NEW);
    expect(rows.filter(({ site }) => site === 'handle_userfault').map(({ tid }) => tid)).toEqual([2, 3, 4]);
  });

  test('that protects again before the one it woke goes on has it ask again', async () => {
    const asleep = [protect(0, 1, 10_000), fault(0, { tid: 2, t: 20_000 })];
    const [once, twice] = [[protect(0, 1, 90_000)], [protect(0, 1, 90_000), protect(0, 1, 90_001)]];
    const asked = [...watched, ...asleep, ...twice, protect(0, 1, 300_000)];
    const woken = await waits([...watched, ...asleep, ...once], 11);
    expect((await waits(asked, 11)).wait_ns - woken.wait_ns).toBeGreaterThan(200_000);
  });
});
