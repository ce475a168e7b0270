/** How long operations hold what they lock when the trace does not say: sums of the data sheet, for the pages there are. */
import { expect, test } from 'vitest';
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
