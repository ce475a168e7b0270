/** What a trace knows of the pages of files, and of shmem: those of a file are there until it says that they went, and what came is there again. */
import { describe, expect, test } from 'vitest';
import {
  AddressSpace,
  FOLIO_IN_CACHE,
  FOLIO_IN_SWAP,
  FOLIO_MISSING,
  FOLIO_UNKNOWN,
} from '../../src/kernel/page-cache.js';
import { VM_SHARED, VM_UFFD_MISSING, Vma } from '../../src/kernel/vma.js';
import { at, type Event, fault, len, mmap, range, replay, vma } from '../helpers.js';

const tmpfs = { flags: ['shared'], file: { fs: 'tmpfs', name: '/dev/shm/f' } };
const punch = (page: number, pages: number): Event => range('madvise', page, pages, { advice: 'remove' });
const drop = (page: number, pages: number): Event => range('madvise', page, pages, { advice: 'dontneed' });
const reclaim = (page: number, pages: number): Event => range('reclaim', page, pages, { tid: undefined });
const read = (page: number, more: object = {}): Event => fault(page, { access: 'read', ...more });

/** The last event, a read, under v6.6: whether the page cache has the page. */
const last = async (...events: Event[]) => {
  const { site, wait_ns } = (await replay(events, 'v6.6')).row('v6.6', -1);
  if (site === null) return 'cached';
  return site === 'do_read_fault' ? (wait_ns > 0 ? 'swap' : 'absent') : site;
};

describe.each([
  ['a file on tmpfs', tmpfs],
  ['a memfd', { flags: ['shared'], file: { fs: 'memfd', name: 'm' } }],
  ['shmem by that name', { flags: ['shared'], file: { fs: 'shmem' } }],
  ['shared anonymous memory', { flags: ['shared', 'anonymous'] }],
])('of %s', (_, what) => {
  const written = [mmap(0, 8, what), fault(0), fault(1)];

  test('what was reclaimed is in swap, and what was punched out is gone, until it is faulted in', async () => {
    expect(await last(...written, reclaim(0, 1), read(0))).toBe('swap');
    expect(await last(...written, range('madvise', 0, 1, { advice: 'pageout' }), read(0))).toBe('swap');
    expect(await last(...written, punch(0, 1), read(0))).toBe('absent');
    expect(await last(...written, reclaim(0, 2), punch(0, 1), read(0))).toBe('absent');
    expect(await last(...written, punch(0, 1), reclaim(0, 1), read(0))).toBe('absent');
    for (const gone of [reclaim, punch])
      expect(await last(...written, gone(0, 2), read(0), drop(0, 2), read(0))).toBe('cached');
    expect(await last(...written, reclaim(0, 1), drop(1, 1), read(1))).toBe('cached');
    expect(await last(...written, drop(0, 8), read(0))).toBe('cached');
  });

  test('it goes along where a part of the mapping goes, and with a fork', async () => {
    const part = range('mprotect', 0, 1, { prot: 'r--' });
    const move = { op: 'mremap', tid: 1, addr: at(0), old_len: len(1), new_addr: at(20), new_len: len(1) };
    expect(await last(...written, part, reclaim(0, 1), read(0))).toBe('swap');
    expect(await last(...written, punch(0, 1), move, read(20))).toBe('absent');
    const fork = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
    expect(await last(...written, fork, punch(0, 1), read(0, { tid: 2, mm: 2 }))).toBe('absent');
  });
});

test('of a file that was mapped before, or that nobody touched, all is there that is not known to be gone', async () => {
  expect(await last(vma(0, 8, tmpfs), read(0))).toBe('cached');
  expect(await last(vma(0, 8, tmpfs), reclaim(0, 2), read(1))).toBe('swap');
  expect(await last(vma(0, 8, tmpfs), reclaim(0, 2), read(2))).toBe('cached');
  expect(await last(mmap(0, 8, tmpfs), punch(0, 4), read(1))).toBe('absent');
});

test('what the fault says of the page counts', async () => {
  const gone = [mmap(0, 8, tmpfs), punch(0, 4)];
  expect(await last(...gone, read(1, { page: { folio: 'cached' } }))).toBe('cached');
  expect(await last(mmap(0, 8, tmpfs), read(1, { page: { folio: 'absent' } }))).toBe('absent');
});

test('a private mapping leaves the file alone', async () => {
  const mine = { ...tmpfs, flags: ['private'] };
  expect(await last(mmap(0, 8, mine), read(0), reclaim(0, 1), read(0))).toBe('cached');
});

test('a monitor is asked for what is not there, or for what is: swap is there', async () => {
  const asked = async (mode: string, ...events: Event[]) => {
    const armed = range('uffd_register', 0, 8, { modes: [mode] });
    const { rows } = await replay([mmap(0, 8, tmpfs), armed, ...events, read(0, { page: { wait: 1 } })], 'v6.18');
    return rows.at(-1)?.site === 'handle_userfault';
  };
  const filled = [range('uffd_copy', 0, 1), drop(0, 1)];
  expect(await asked('missing')).toBe(true);
  expect(await asked('missing', reclaim(0, 1))).toBe(true);
  expect(await asked('missing', ...filled)).toBe(false);
  expect(await asked('missing', ...filled, reclaim(0, 1))).toBe(false);
  expect(await asked('missing', ...filled, punch(0, 1))).toBe(true);
  expect(await asked('minor')).toBe(true);
  expect(await asked('minor', reclaim(0, 1))).toBe(true);
  expect(await asked('minor', punch(0, 1))).toBe(false);
});

test('ranges that went are kept as few as there are', () => {
  const area = new Vma(100, 200, VM_SHARED, 0, 0, 0, -1);
  const inode = new AddressSpace(FOLIO_UNKNOWN);
  const map = (): string => {
    const signs: string[] = [];
    signs[FOLIO_UNKNOWN] = '?';
    signs[FOLIO_IN_CACHE] = 'c';
    signs[FOLIO_IN_SWAP] = 's';
    signs[FOLIO_MISSING] = '.';
    return Array.from({ length: 12 }, (_, i) => signs[inode.folio(area, 100 + i)]).join('');
  };
  expect(map()).toBe('????????????');
  inode.remove(area, 102, 104);
  inode.remove(area, 108, 110);
  expect(map()).toBe('??..????..??');
  inode.swapOut(area, 101, 109);
  expect(map()).toBe('?s..ssss..??');
  inode.remove(area, 104, 106);
  expect(map()).toBe('?s....ss..??');
  inode.add(area, 103);
  inode.add(area, 107);
  expect(map()).toBe('?s.c..sc..??');
  inode.swapOut(area, 103, 104);
  expect(map()).toBe('?s.s..sc..??');
  inode.remove(area, 100, 112);
  inode.swapOut(area, 105, 105);
  expect(map()).toBe('............');
  area.vm_flags |= VM_UFFD_MISSING;
  inode.swapOut(area, 110, 115);
  expect(inode.folio(area, 113)).toBe(FOLIO_UNKNOWN);
});

describe('of a file on a disk', () => {
  const ext4 = { flags: ['shared'], file: { fs: 'ext4', name: '/f' }, offset: '0x0' };
  const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
  /** The last event, a read, under v6.18. */
  const now = async (...events: Event[]) => {
    const { site } = (await replay(events, 'v6.18')).row('v6.18', -1);
    return site === null ? 'cached' : site === 'filemap_fault' ? 'absent' : site;
  };
  const mapped = [mmap(0, 256, ext4), read(0), read(100)];

  test('all is there but what was dropped, until it is read, with what is around it', async () => {
    expect(await now(...mapped, drop(0, 256), read(0))).toBe('cached');
    for (const gone of [reclaim, punch]) {
      expect(await now(...mapped, gone(0, 256), read(7))).toBe('absent');
      expect(await now(...mapped, gone(0, 256), read(7), read(8))).toBe('cached');
      expect(await now(...mapped, gone(0, 256), read(7), drop(7, 1), read(7))).toBe('cached');
      expect(await now(...mapped, gone(0, 256), read(7), read(77))).toBe('absent');
      expect(await now(...mapped, gone(0, 8), read(77), read(7))).toBe('absent');
      expect(await now(...mapped, gone(0, 256), advise('random', 0, 256), read(7), read(8))).toBe('absent');
      expect(await now(...mapped, gone(0, 256), advise('willneed', 0, 256), read(7))).toBe('cached');
      expect(await now(...mapped, gone(0, 256), advise('populate_read', 7, 1), drop(7, 1), read(7))).toBe('cached');
    }
    expect(await now(...mapped, advise('willneed', 0, 256), read(7))).toBe('cached');
    const all = 2 ** 34;
    expect(await now(mmap(0, all, ext4), reclaim(8, all - 8), advise('willneed', 9, all - 9), read(9))).toBe('cached');
    expect(await now(mmap(0, all, ext4), reclaim(8, all - 8), advise('willneed', 9, all - 9), read(8))).toBe('absent');
  });

  test('MADV_PAGEOUT drops what is mapped and clean, and nothing else', async () => {
    const pageout = advise('pageout', 0, 256);
    expect(await now(...mapped, pageout, read(100))).toBe('absent');
    expect(await now(...mapped, pageout, read(50))).toBe('cached');
    expect(await now(...mapped, pageout, advise('willneed', 64, 64), read(100))).toBe('cached');
    expect(await now(...mapped, fault(9), pageout, read(9))).toBe('cached');
    const twice = [mmap(1_000, 256, ext4), read(1_100)];
    expect(await now(...mapped, ...twice, pageout, drop(0, 256), read(100))).toBe('cached');
    expect(await now(...mapped, ...twice, pageout, drop(0, 256), read(0))).toBe('absent');
  });

  test('every mapping of the file at that place knows, a private one and a speculation too', async () => {
    const mine = mmap(1_000, 16, { ...ext4, flags: ['private'], offset: len(96) });
    const other = mmap(1_000, 16, { ...ext4, file: { fs: 'ext4', name: '/g' }, offset: len(96) });
    expect(await now(...mapped, mine, punch(100, 1), read(1_004))).toBe('absent');
    expect(await now(...mapped, mine, punch(100, 1), fault(1_004))).toBe('absent');
    expect(await now(...mapped, mine, punch(100, 1), read(1_003))).toBe('cached');
    expect(await now(...mapped, other, punch(100, 1), read(1_004))).toBe('cached');
    const thread: Event = { op: 'fork', tid: 1, child_tid: 2, child_mm: 1 };
    const spf = await replay([...mapped, thread, reclaim(100, 1), read(100)], 'spf_lespinasse_2021');
    expect(spf.row('spf_lespinasse_2021', -1).site).toBe('filemap_fault');
  });

  test('what a fault says of the page counts, and is remembered', async () => {
    const gone = [...mapped, reclaim(0, 256)];
    expect(await now(...gone, read(7, { page: { folio: 'cached' } }))).toBe('cached');
    expect(await now(...gone, read(7, { page: { folio: 'cached' } }), drop(7, 1), read(7))).toBe('cached');
    expect(await now(...gone, read(7, { page: { folio: 'cached' } }), read(8))).toBe('absent');
    const near = [...mapped, reclaim(0, 8), read(9, { page: { folio: 'absent' } }), read(7)];
    expect(await now(...near)).toBe('cached');
  });
});
