/** What a call about a range makes of its VMAs and pages: remap_file_pages, mbind, madvise, scans. */
import { describe, expect, test } from 'vitest';

import { COSTS } from '../../src/kernel/costs.js';
import { addressSpace, at, draw, type Event, fault, len, mmap, range, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
const file = (fs: string, mode = 'shared') => ({ flags: [mode], file: { fs, name: 'f' }, offset: '0x0' });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
const picture = async (...events: Event[]) => draw(await addressSpace(events, NEW), 12);

describe('remap_file_pages', () => {
  const remap = (page: number, pages: number) => range('remap_file_pages', page, pages);

  test('maps the whole range anew, whatever VMAs it was in', async () => {
    expect(await picture(mmap(0, 8, file('tmpfs')), remap(2, 2))).toBe('AABBCCCC....');
    expect(await picture(mmap(0, 8, file('tmpfs')), remap(2, 2), remap(1, 6))).toBe('ABBBBBBC....');
  });

  test('leaves nothing of what madvise, mbind or a userfaultfd had set', async () => {
    const watched = range('uffd_register', 0, 8, { modes: ['missing'] });
    const read = fault(3, { access: 'read', page: { folio: 'absent', wait: 5 } });
    expect((await row(NEW, mmap(0, 8, file('tmpfs')), watched, read)).site).toBe('handle_userfault');
    expect((await row(NEW, mmap(0, 8, file('tmpfs')), watched, remap(2, 2), read)).site).toBe(null);
    const random = [mmap(0, 8, file('ext4')), advise('random', 0, 8)];
    const marked = fault(3, { access: 'read', page: { entry: 'none', readahead: true } });
    expect((await row(NEW, ...random, marked)).site).toBe(null);
    expect((await row(NEW, ...random, remap(2, 2), marked)).site).toBe('do_async_mmap_readahead');
  });

  test('locks what was locked', async () => {
    const before = [mmap(0, 8, { ...file('tmpfs'), flags: ['shared', 'locked'] }), remap(2, 2)];
    const munlock = range('munlock', 2, 2, { t: 900_000, dur: 9_000 });
    const read = fault(3, { t: 905_000, tid: 2, access: 'read' });
    expect((await row(NEW, ...before, munlock, read)).site).toBe('vma_start_read');
  });
});

describe('mbind', () => {
  const bind = (page: number, mode?: string) => range('mbind', page, 2, mode === undefined ? {} : { mode });

  test('keeps policies apart, whose nodes are unknown, and joins those that name none', async () => {
    expect(await picture(vma(0, 8), bind(2, 'bind'), bind(4, 'bind'))).toBe('AABBCCDD....');
    expect(await picture(vma(0, 8), bind(2), bind(4))).toBe('AABBCCDD....');
    expect(await picture(vma(0, 8), bind(2, 'local'), bind(4, 'MPOL_LOCAL'))).toBe('AABBBBCC....');
  });

  test('takes a policy away again: the default one changes nothing where there was none', async () => {
    for (const mode of ['default', 'MPOL_DEFAULT']) {
      expect(await picture(vma(0, 8), bind(2, mode))).toBe('AAAAAAAA....');
      expect(await picture(vma(0, 8), bind(2, 'bind'), bind(2, mode))).toBe('AAAAAAAA....');
    }
  });
});

describe('a NUMA scan', () => {
  const scan = range('numa_scan', 0, 8);
  /** Is the next fault the hinting one? A page that faults for another reason says so by what that costs. */
  const hinted = async (access: string, ...before: Event[]) =>
    (await row(NEW, ...before, scan, fault(0, { access, page: { wait: 77 } }))).wait_ns === 77;

  test('has a hint put into pages that may move', async () => {
    expect(await hinted('read', vma(0, 8), fault(0))).toBe(true);
    expect(await hinted('read', mmap(0, 8, file('tmpfs')), fault(0))).toBe(true);
    expect(await hinted('read', mmap(0, 8, file('ext4')), fault(0, { access: 'read' }))).toBe(true);
  });

  test('leaves the zero page alone, what a child shares, and what of a file is dirty', async () => {
    const child: Event = { op: 'fork', tid: 1, child_tid: 9, child_mm: 9 };
    expect(await hinted('write', vma(0, 8), fault(0, { access: 'read' }))).toBe(false);
    expect(await hinted('read', vma(0, 8), fault(0), child)).toBe(false);
    expect(await hinted('read', mmap(0, 8, file('ext4')), fault(0))).toBe(false);
  });

  test('leaves libraries alone, what cannot be touched, and what cannot move', async () => {
    const read = fault(0, { access: 'read' });
    expect(await hinted('read', mmap(0, 8, { ...file('ext4', 'private'), prot: 'r-x' }), read)).toBe(false);
    expect(await hinted('read', mmap(0, 8, file('device-dax')), read)).toBe(false);
    const closed = range('mprotect', 0, 8, { prot: '---' });
    const opened = range('mprotect', 0, 8, { prot: 'rw-' });
    const touched = [vma(0, 8), fault(0), closed, scan, opened];
    expect((await row(NEW, ...touched, fault(0, { page: { wait: 77 } }))).wait_ns).toBe(0);
  });

  test('of the proof of concept marks only what it scans', async () => {
    const marked = async (prot: string) =>
      (await replay([vma(0, 8, { prot }), scan], 'rfc_2022')).lock('rfc_2022', 'vma_lock', 'write').acquired;
    expect([await marked('rw-'), await marked('---')]).toEqual([1, 0]);
  });
});

test('clear_refs of soft-dirty bits has a file system asked again before its page is written to, but no driver', async () => {
  const clear: Event = { op: 'clear_refs', tid: 1, mode: '4' };
  const again = (...before: Event[]) => row('v6.6', ...before, fault(0), clear, fault(0));
  expect((await again(mmap(0, 8, file('ext4')))).site).toBe('wp_page_shared');
  const driver = mmap(0, 8, { flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: '/v' } });
  expect((await again(driver)).site).toBe(null);
});

test('the zero page does not migrate', async () => {
  const touched = [
    vma(0, 8, { t: 0 }),
    fault(0, { t: 1, access: 'read' }),
    range('migrate', 0, 8, { t: 9_000, dur: 90_000 }),
  ];
  expect((await row(NEW, ...touched, fault(0, { t: 20_000, tid: 2 }))).wait_ns).toBe(0);
});

test('MADV_GUARD_INSTALL across a hole leaves no guard where something is mapped later', async () => {
  const guarded = [vma(0, 2), vma(4, 2), advise('guard_install', 0, 6), mmap(2, 2)];
  const verdicts = await Promise.all([1, 2, 4].map(async page => (await row(NEW, ...guarded, fault(page))).verdict));
  expect(verdicts).toEqual(['signal', 'vma_lock', 'signal']);
});

describe('madvise', () => {
  /** How long an advice takes: its thread's next fault begins at its end. */
  const lasts = async (advice: Event, before: Event[], meanwhile: Event[] = []) => {
    const events = [vma(0, 2, { t: 0 }), ...before, { ...advice, t: 900_000 }, ...meanwhile, fault(1, { t: 900_600 })];
    return (await row('v6.4', ...events)).start - 900_000 - COSTS.op;
  };

  test('to populate takes as long as its faults, those that swap in and those that copy too', async () => {
    const populate = advise('populate_write', 0, 2);
    const zero = [0, 1].map(page => fault(page, { access: 'read' }));
    const swapped = [fault(0), fault(1), range('reclaim', 0, 2)];
    expect(await lasts(populate, [])).toBe(2 * COSTS.populate_page);
    expect(await lasts(populate, zero)).toBe(2 * COSTS.populate_page);
    expect(await lasts(populate, swapped)).toBe(2 * COSTS.populate_page);
    expect(await lasts(populate, [fault(0), fault(1)])).toBe(0);
  });

  test('to zap pays for the pages that are there when it has the lock', async () => {
    const busy = range('munmap', 8, 1, { t: 900_000, dur: 50_000, tid: 4 });
    const zap = (...meanwhile: Event[]) => lasts(advise('dontneed', 0, 2), [busy], meanwhile);
    expect(await zap()).toBe(50_000 + COSTS.wake);
    expect(await zap(fault(0, { t: 900_500, tid: 3 }))).toBe(50_000 + COSTS.wake + COSTS.zap_page);
  });

  test('to merge like pages is for private memory, and changes nothing else', async () => {
    const merge = advise('mergeable', 2, 2);
    expect(await picture(vma(0, 8), merge)).toBe('AABBCCCC....');
    expect(await picture(mmap(0, 8, file('ext4', 'private')), merge)).toBe('AABBCCCC....');
    expect(await picture(mmap(0, 8, file('ext4')), merge)).toBe('AAAAAAAA....');
    expect(await picture(mmap(0, 8, file('device-dax', 'private')), merge)).toBe('AAAAAAAA....');
  });

  test('to remove drops pages between its two sections, when the lock is free', async () => {
    const section = (got: number, end: number) => ({ mode: 'read', ask: got, got, end });
    const locks = [section(900_000, 950_000), section(990_000, 999_000)];
    const read = (t: number) => fault(0, { t, tid: 2, access: 'read' });
    const shared = [
      mmap(0, 2, file('ext4')),
      fault(0, { access: 'read' }),
      { ...advise('remove', 0, 2), t: 900_000, locks },
    ];
    const held = async (t: number) => (await row(NEW, ...shared, read(t))).hold_ns;
    expect([await held(920_000), await held(970_000)]).toEqual([COSTS.minor, COSTS.file_map]);
  });
});

test('to populate stops at a hole, and where the access is not allowed', async () => {
  const mapped = [mmap(0, 2, file('ext4')), mmap(2, 2, { ...file('ext4'), prot: 'r--' }), mmap(6, 2, file('ext4'))];
  const held = async (advice: string, page: number) => {
    const read = fault(page, { access: 'read' });
    return (await row(NEW, ...mapped, advise(advice, 0, 8), read)).hold_ns;
  };
  const { minor, file_map } = COSTS;
  const after = (advice: string) => Promise.all([0, 2, 6].map(page => held(advice, page)));
  expect(await after('populate_read')).toEqual([minor, minor, file_map]);
  expect(await after('populate_write')).toEqual([minor, file_map, file_map]);
});

test('to remove stops at what is locked and at private memory', async () => {
  const read = (page: number) => fault(page, { access: 'read' });
  const mapped = [
    mmap(0, 4, file('ext4')),
    read(0),
    read(3),
    vma(4, 2),
    mmap(6, 2, { ...file('ext4'), offset: '0x6000' }),
    read(6),
  ];
  const held = async (page: number, ...between: Event[]) => (await row(NEW, ...mapped, ...between, read(page))).hold_ns;
  expect(await held(3, advise('remove', 0, 8))).toBe(COSTS.file_map);
  expect(await held(6, advise('remove', 0, 8))).toBe(COSTS.minor);
  expect(await held(0, range('mlock', 2, 1), advise('remove', 0, 4))).toBe(COSTS.file_map);
  expect(await held(3, range('mlock', 2, 1), advise('remove', 0, 4))).toBe(COSTS.minor);
});

test('what is not in the page cache any more is not mapped any more', async () => {
  const mapped = [mmap(0, 4, file('ext4')), fault(0, { access: 'read' })];
  const met = (page: object) => row(NEW, ...mapped, fault(0, { page }));
  expect((await met({ wait: 5 })).site).toBe(null);
  expect((await met({ folio: 'absent', wait: 5 })).site).toBe('filemap_fault');
  expect((await met({ entry: 'present', folio: 'absent', wait: 5 })).site).toBe(null);
});

test('one mremap that moves several VMAs stops at a sealed one', async () => {
  const mapped = [vma(0, 2), vma(2, 2, { prot: 'r--' }), vma(4, 2), range('mseal', 2, 2)];
  const move = { op: 'mremap', tid: 1, addr: at(0), old_len: len(6), new_addr: at(6), new_len: len(6) };
  expect(await picture(...mapped, move)).toBe('..AABBCC....');
});

test('who meets a hole being punched waits for that before a monitor is asked', async () => {
  const watched = [mmap(0, 4, file('tmpfs')), range('uffd_register', 0, 4, { modes: ['missing'] })];
  const met = fault(0, { page: { folio: 'absent', hole_punch: true, wait: 5 } });
  expect((await row(NEW, ...watched, met)).site).toBe('shmem_falloc_wait');
});

describe('userfaultfd read-write protection', () => {
  const last = (...events: Event[]) => row('v7.3', ...events, fault(0, { access: 'read', page: { wait: 5 } }));
  const register = (...modes: string[]) => range('uffd_register', 0, 1_024, { modes });
  const protect = range('uffd_rwp', 0, 1_024);

  test('is about pages that are there: of a file too it leaves no marker', async () => {
    const tmpfs = mmap(0, 1_024, file('tmpfs'));
    expect((await last(tmpfs, register('rwp'), protect)).hold_ns).toBe(COSTS.file_map);
    expect((await last(tmpfs, fault(0), register('rwp'), protect)).site).toBe('handle_userfault');
  });

  test('takes reads away from huge pages as well', async () => {
    const thp = [vma(0, 1_024), fault(0, { page: { huge: 'pmd' } })];
    const hugetlb = [vma(0, 1_024, { flags: ['private', 'hugetlb'] }), fault(0)];
    for (const touched of [thp, hugetlb]) {
      expect((await last(...touched, register('rwp'))).site).toBe(null);
      expect((await last(...touched, register('rwp'), protect)).site).toBe('handle_userfault');
    }
  });

  test('is not for a child: its write copies the page', async () => {
    const child: Event = { op: 'fork', tid: 1, child_tid: 9, child_mm: 9 };
    const write = fault(0, { tid: 9, mm: 9 });
    expect((await row('v7.3', vma(0, 1_024), fault(0), register('rwp'), protect, child, write)).hold_ns).toBe(COSTS.wp);
  });

  test('ends with the registration, and goes with no write protection', async () => {
    const unregister = range('uffd_unregister', 0, 1_024);
    expect((await last(vma(0, 1_024), fault(0), register('rwp'), protect, unregister)).wait_ns).toBe(0);
    expect((await last(vma(0, 1_024), fault(0), register('rwp', 'wp'), protect)).site).toBe(null);
  });
});
