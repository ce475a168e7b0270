/** How long operations hold what they lock when the trace does not say: sums of the data sheet, for the pages there are. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { at, type Event, fault, len, mmap, range, replay, vma } from '../helpers.js';
import { costSums } from './cost-sum.js';

const { costs, spell } = costSums(
  ['op', 'zap_page', 'populate_page', 'fork_page', 'fork_vma', 'uffd_page', 'maps_vma', 'smaps_vma'],
  15,
);

/** What the last of these events held, by lock, under a model. */
async function heldBy(events: readonly Event[], model: string): Promise<string> {
  const sums = async (some: readonly Event[]) => {
    const { locks } = (await replay(some, model, { costs })).model(model);
    return (lock: string, mode: string) =>
      locks.filter(of => of.lock === lock && of.mode === mode).reduce((ns, of) => ns + of.hold_ns.total, 0);
  };
  const [before, all] = [await sums(events.slice(0, -1)), await sums(events)];
  const held = (lock: string, mode: string) => spell(all(lock, mode) - before(lock, mode));
  const sections = {
    W: held('mmap_lock', 'write'),
    R: held('mmap_lock', 'read'),
    V: held('vma_lock', 'read'),
  };
  return Object.entries(sections)
    .filter(([, sum]) => sum !== '')
    .map(([section, sum]) => `${section} ${sum}`)
    .join(', ');
}

const advise = (advice: string): Event => range('madvise', 0, 8, { advice });
const anonymous = (more: string): Event => mmap(100, 4, { flags: ['private', 'anonymous', more] });
const file = (fs: string, mode: string): Event[] => [
  mmap(0, 8, { flags: [mode], file: { fs, name: 'f' } }),
  ...[0, 1].map(page => fault(page, { access: 'read' })),
];
const remap = (pages: number): Event => ({
  ...{ op: 'mremap', tid: 1, addr: at(0), old_len: len(8), new_addr: at(0), new_len: len(pages) },
});
/** Eight pages of which three are there, and a VMA of another kind. */
const TOUCHED = [vma(0, 8), fault(0), fault(1), fault(2)];
const TWO = [...TOUCHED, vma(100, 1, { prot: 'r--' })];
const WATCHED = [...TOUCHED, range('uffd_register', 0, 8, { modes: ['missing'] })];
const LOCKED = [vma(0, 8, { prot: '---' }), range('mlock', 0, 8)];
const FORK = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
const maps = (kind: string): Event => ({ op: 'read_maps', tid: 1, kind });

test.each<[string, readonly Event[], Event, string, string?]>([
  ['MADV_DONTNEED', TOUCHED, advise('dontneed'), 'R op + 3 zap_page', 'V op + 3 zap_page'],
  ['MADV_FREE', TOUCHED, advise('free'), 'R op + 3 zap_page', 'V op + 3 zap_page'],
  ['MADV_GUARD_INSTALL', TOUCHED, advise('guard_install'), '', 'V op + 3 zap_page'],
  ['MADV_COLD', TOUCHED, advise('cold'), 'R op'],
  ['MADV_PAGEOUT', TOUCHED, advise('pageout'), 'R op'],
  ['MADV_POPULATE_WRITE', TOUCHED, advise('populate_write'), 'R op + 5 populate_page'],
  ['MADV_REMOVE', file('tmpfs', 'shared'), advise('remove'), 'R 2 op'],
  ['MADV_WILLNEED of a file', file('ext4', 'private'), advise('willneed'), 'R 2 op'],
  ['MADV_WILLNEED of shmem', file('tmpfs', 'shared'), advise('willneed'), 'R op'],
  ['MADV_HUGEPAGE', TOUCHED, advise('hugepage'), 'W op'],
  ['mprotect', TOUCHED, range('mprotect', 0, 8, { prot: 'r--' }), 'W op'],
  ['mprotect of locked memory', LOCKED, range('mprotect', 0, 4, { prot: 'rw-' }), 'W op + 4 populate_page'],
  ['munmap', TOUCHED, range('munmap', 0, 8), 'W op, R 3 zap_page'],
  ['munmap of a part', TOUCHED, range('munmap', 1, 4), 'W op, R 2 zap_page'],
  ['munmap of nothing', TOUCHED, range('munmap', 100, 1), 'W op'],
  [
    'brk that shrinks the heap',
    [vma(0, 4, { name: '[heap]' }), fault(0), fault(3)],
    { op: 'brk', tid: 1, addr: at(2) },
    'W op, R zap_page',
  ],
  ['mremap that shrinks', TOUCHED, remap(1), 'W op, R 2 zap_page'],
  ['mremap that grows', TOUCHED, remap(9), 'W op'],
  ['mmap', TOUCHED, mmap(100, 4), 'W op'],
  ['mmap over what is there', TOUCHED, mmap(1, 4), 'W op + 2 zap_page'],
  ['mmap with MAP_POPULATE', TOUCHED, anonymous('populate'), 'W op, R op + 4 populate_page'],
  ['mmap with MAP_LOCKED', TOUCHED, anonymous('locked'), 'W op, R op + 4 populate_page'],
  ['mlock', TOUCHED, range('mlock', 0, 8), 'W op, R op + 5 populate_page'],
  ['munlock', [...TOUCHED, range('mlock', 0, 8)], range('munlock', 0, 8), 'W op'],
  ['get_user_pages', TOUCHED, range('gup', 0, 8), 'R op + 5 populate_page'],
  ['fork: the parent and the child, as long as it takes', TWO, FORK, 'W 2 op + 6 fork_page + 4 fork_vma'],
  ['fork: pages of a file are not copied', file('ext4', 'private'), FORK, 'W 2 op + 2 fork_vma'],
  ['fork: nor what is wiped', [...TOUCHED, advise('wipeonfork')], FORK, 'W 2 op + 2 fork_vma'],
  ['fork: what it leaves out costs nothing', [...TOUCHED, advise('dontfork')], FORK, 'W 2 op'],
  ['execve', TOUCHED, { op: 'exec', tid: 1, new_mm: 3 }, 'R op'],
  ['the last exit', [...TOUCHED, FORK], { op: 'exit', tid: 2, mm: 2 }, 'W op, R op + 3 zap_page'],
  ['reading maps', TWO, maps('maps'), 'R 2 maps_vma', 'V 2 maps_vma'],
  ['reading smaps', TWO, maps('smaps'), 'R 2 smaps_vma', 'V 2 smaps_vma'],
  ['UFFDIO_COPY', WATCHED, range('uffd_copy', 3, 4, { src: at(200) }), 'R 4 uffd_page', 'V 4 uffd_page'],
  ['UFFDIO_ZEROPAGE', WATCHED, range('uffd_zeropage', 3, 4), 'R 4 uffd_page', 'V 4 uffd_page'],
  ['UFFDIO_WRITEPROTECT', WATCHED, range('uffd_wp', 0, 4), 'R op'],
])('%s', async (_, before, op, underMmapLock, inNew = underMmapLock) => {
  expect(await heldBy([...before, op], 'mmap_lock')).toBe(underMmapLock);
  expect(await heldBy([...before, op], 'v7.2')).toBe(inNew);
});

describe('a recorded duration is held once: the last section of an operation takes what the others leave of it', () => {
  const DUR = 90_000;
  const { op: OP, zap_page: ZAP } = COSTS;
  const child = { tid: 2, mm: 2 };
  const FAMILY = [...TOUCHED, FORK];
  const THREADS = [...FAMILY, { op: 'fork', ...child, child_tid: 4, child_mm: 2 }];
  const moved = { op: 'mremap', tid: 1, addr: at(0), old_len: len(8), new_addr: at(20), new_len: len(8) };
  const huge = [vma(0, 512), fault(0)];

  test.each<[string, readonly Event[], Event, read: number, write: number]>([
    ['munmap', TOUCHED, range('munmap', 0, 8), DUR - OP, OP],
    ['brk that shrinks', [vma(0, 8, { name: '[heap]' })], { op: 'brk', tid: 1, addr: at(4) }, DUR - OP, OP],
    ['mlock', TOUCHED, range('mlock', 0, 8), DUR - OP, OP],
    ['MAP_POPULATE', [], anonymous('populate'), DUR - OP, OP],
    ['mremap', TOUCHED, moved, 0, DUR],
    ['MADV_REMOVE', file('tmpfs', 'shared'), advise('remove'), DUR, 0],
    ['MADV_COLLAPSE', huge, range('madvise', 0, 512, { advice: 'collapse' }), 2 * OP, DUR - 2 * OP],
    ['collapse', huge, { op: 'collapse', tid: 1, addr: at(0) }, OP, DUR - OP],
    ['fork, of both address spaces', TOUCHED, FORK, 0, 2 * DUR],
    ['execve of a process whose threads are not known', TOUCHED, { op: 'exec', tid: 1, new_mm: 3 }, DUR, 0],
    ['execve of one of two threads', THREADS, { op: 'exec', ...child, new_mm: 3 }, DUR, 0],
    ['execve of the last', FAMILY, { op: 'exec', ...child, new_mm: 3 }, 2 * OP + 3 * ZAP, DUR - 2 * OP - 3 * ZAP],
    ['exit of the last', FAMILY, { op: 'exit', ...child }, OP + 3 * ZAP, DUR - OP - 3 * ZAP],
  ])('%s', async (_, before, op, read, write) => {
    const totals = async (events: readonly Event[]) => {
      const { locks } = (await replay(events, 'v7.2')).model('v7.2');
      return ['read', 'write'].map(mode =>
        locks
          .filter(row => row.lock === 'mmap_lock' && row.mode === mode)
          .reduce((sum, row) => sum + row.hold_ns.total, 0),
      );
    };
    const [without, whole] = [await totals(before), await totals([...before, { ...op, dur: DUR }])];
    expect(whole.map((total, i) => total - without[i])).toEqual([read, write]);
  });
});
