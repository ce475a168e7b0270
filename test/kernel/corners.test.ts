/** Corners of operations and faults that no other test comes to: each a fact, and the trace that shows it. */
import { describe, expect, test } from 'vitest';
import { COSTS } from '../../src/kernel/costs.js';
import { POPULATE_LIMIT } from '../../src/kernel/populate.js';
import { addressSpace, at, BASE, draw, type Event, fault, len, mmap, range, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
const file = (fs: string, mode = 'private') => ({ flags: [mode], file: { fs, name: 'f' } });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const held = async (...events: Event[]) => (await row(NEW, ...events)).hold_ns;
const picture = async (...events: Event[]) => draw(await addressSpace(events, NEW), 24);
const COST = { huge: 100_000, anon: 600, minor: 300, wp: 900, swap: 1_500, zero: 350, file: 800 };
const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });

describe('a huge page', () => {
  const wanted = [vma(0, 2_048), advise('hugepage', 0, 2_048)];

  test('is made by the first touch where the whole of it is mapped, and nothing is there yet', async () => {
    expect(await held(...wanted, fault(700))).toBe(COST.huge);
    expect(await held(...wanted, fault(700, { page: { entry: 'none' } }))).toBe(COST.anon);
    expect(await held(...wanted, fault(700), fault(701))).toBe(COST.minor);
    expect(await held(vma(512, 512), advise('hugepage', 512, 512), fault(700))).toBe(COST.huge);
    for (const there of [512, 1_023])
      expect(await held(vma(0, 2_048), fault(there), advise('hugepage', 0, 2_048), fault(700))).toBe(COST.anon);
    for (const beside of [511, 1_024])
      expect(await held(vma(0, 2_048), fault(beside), advise('hugepage', 0, 2_048), fault(700))).toBe(COST.huge);
    expect(await held(vma(520, 1_000), advise('hugepage', 520, 1_000), fault(700))).toBe(COST.anon);
    expect(await held(vma(100, 1_000), advise('hugepage', 100, 1_000), fault(1_050))).toBe(COST.anon);
  });

  test('that migrates is waited for with the lock held, in a file as well', async () => {
    const page = { huge: 'pmd', entry: 'migration', wait: 7_000 };
    expect(await held(vma(0, 1_024), fault(0, { page }))).toBe(COST.minor + 7_000);
    expect(await held(mmap(0, 1_024, file('ext4-dax', 'shared')), fault(0, { page }))).toBe(COST.minor + 7_000);
  });

  test('whose folio is locked is waited for by a write, with the lock held, although it may be written to', async () => {
    const locked = { page: { folio: 'locked', wait: 7_000 } };
    expect(await held(...wanted, fault(700), fault(701, locked))).toBe(COST.wp + 7_000);
    expect(await held(...wanted, fault(700), fault(701, { ...locked, access: 'read' }))).toBe(COST.minor);
  });

  test('of a PUD that is write-protected has a site of its own', async () => {
    const dax = mmap(0, 1_024, file('device-dax', 'shared'));
    const page = { huge: 'pud', entry: 'present' };
    expect((await row('v6.5', dax, fault(0, { page }))).site).toBe('lock_vma_under_rcu.vm_ops');
    expect((await row('mm_unstable_2023_08', dax, fault(0, { page }))).site).toBe('wp_huge_pud');
    expect((await row(NEW, dax, fault(0, { page }))).verdict).toBe('vma_lock');
  });
});

describe('what a trace says is present', () => {
  const present = { page: { entry: 'present' } };

  test('is neither in swap nor absent, whatever the trace has told before', async () => {
    expect(await held(vma(0, 4), fault(0), advise('pageout', 0, 1), fault(0))).toBe(COST.swap);
    expect(await held(vma(0, 4), fault(0), advise('pageout', 0, 1), fault(0, present))).toBe(COST.wp);
    expect(await held(vma(0, 4), fault(0, present))).toBe(COST.wp);
  });

  test('does not fault again unless it was protected: by a monitor, where there is one, else by whoever cleaned or merged it', async () => {
    expect(await held(vma(0, 4), fault(0), fault(0, present))).toBe(COST.wp);
    const watched = range('uffd_register', 0, 4, { modes: ['missing'] });
    expect(await held(vma(0, 4), fault(0), watched, fault(0, present))).toBe(COST.minor);
    const hinted = [vma(0, 4), fault(0), range('numa_scan', 0, 4)];
    expect((await row(NEW, ...hinted, fault(0, { page: { entry: 'present', wait: 77 } }))).wait_ns).toBe(77);
  });

  test('is the page of zeros, or of the file, that was read there before: a write copies it', async () => {
    const read = fault(0, { access: 'read' });
    for (const mapped of [mmap(0, 4), mmap(0, 4, file('ext4'))])
      expect(await held(mapped, read, fault(0, present))).toBe(COST.wp + COSTS.anon_vma_prepare);
  });

  test('of a PMD that a monitor watches is not its business as long as it did not protect it', async () => {
    const watched = [vma(0, 1_024), range('uffd_register', 0, 1_024, { modes: ['wp'] })];
    const write = fault(0, { page: { huge: 'pmd', entry: 'present', wait: 5 } });
    expect((await row(NEW, ...watched, write)).site).toBeNull();
    expect((await row(NEW, ...watched, fault(0), range('uffd_wp', 0, 1_024), fault(0))).site).toBe('handle_userfault');
  });

  test('of a PUD says nothing of its PMDs', async () => {
    const dax = mmap(0, 1_024, file('device-dax', 'shared'));
    for (const entry of ['none', 'present'])
      expect(await held(dax, fault(0, { page: { huge: 'pud', entry } }), fault(3))).toBe(await held(dax, fault(3)));
  });
});

describe('a hugetlb page', () => {
  const shared = mmap(0, 1_024, { flags: ['shared', 'hugetlb'] });
  const register = (mode: string) => range('uffd_register', 0, 1_024, { modes: [mode] });

  test('that a monitor protects sends a write to it, and a read nowhere', async () => {
    const before = [shared, fault(0), register('wp'), range('uffd_wp', 0, 1_024)];
    expect((await row(NEW, ...before, fault(0, { page: { wait: 5 } }))).site).toBe('handle_userfault');
    expect((await row(NEW, ...before, fault(0, { access: 'read' }))).site).toBe(null);
    // nor a write where the kernel only takes note of it
    const noted = [shared, fault(0), register('wp_async'), range('uffd_wp', 0, 1_024)];
    expect((await row(NEW, ...noted, fault(0, { page: { wait: 5 } }))).site).toBe(null);
  });

  test('that is absent goes to a monitor that asked for missing or minor faults, not to one that protects', async () => {
    const page = { wait: 5 };
    for (const [mode, site] of [
      ['missing', 'handle_userfault'],
      ['minor', 'handle_userfault'],
      ['wp', null],
    ] as const) {
      expect((await row(NEW, shared, register(mode), fault(0, { page }))).site).toBe(site);
    }
    // a page of the cache is not missing, one that is not there is no minor fault
    for (const [mode, folio, site] of [
      ['missing', 'cached', null],
      ['missing', 'absent', 'handle_userfault'],
      ['minor', 'cached', 'handle_userfault'],
      ['minor', 'absent', null],
    ] as const) {
      const met = fault(0, { page: { folio, wait: 5 } });
      expect([mode, folio, (await row(NEW, shared, register(mode), met)).site]).toEqual([mode, folio, site]);
    }
  });
});

describe('reclaim by MADV_PAGEOUT', () => {
  test('swaps anonymous pages, drops those of files, and leaves the zero page', async () => {
    const read = { access: 'read' };
    const again = (...before: Event[]) =>
      held(...before, advise('pageout', 0, 1), fault(0, { ...read, page: { wait: 0 } }));
    expect(await again(vma(0, 4), fault(0))).toBe(COST.swap);
    expect(await again(vma(0, 4), fault(0, read))).toBe(COST.minor);
    expect(await again(mmap(0, 4, file('ext4')), fault(0, read))).toBe(COST.file);
    // one that fork has write-protected is anonymous too, once the child has gone; what is in swap stays there, whoever scans it
    const fork = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
    expect(await again(vma(0, 4), fault(0), fork, { op: 'exit', tid: 2, mm: 2 })).toBe(COST.swap);
    expect(await again(vma(0, 4), fault(0), advise('pageout', 0, 1))).toBe(COST.swap);
    const scanned = [vma(0, 4), fault(0), advise('pageout', 0, 1), range('numa_scan', 0, 4)];
    expect(await held(...scanned, fault(0, { ...read, page: { wait: 0 } }))).toBe(COST.swap);
  });
});

describe('guard markers', () => {
  test('are removed without the pages beside them', async () => {
    const before = [vma(0, 8), fault(0), advise('guard_install', 1, 2), advise('guard_remove', 0, 8)];
    expect(await held(...before, fault(0))).toBe(COST.minor);
    expect(await held(...before, fault(1))).toBe(COST.anon);
  });

  test('gave an anon_vma to files too when they were new', async () => {
    const events = [mmap(0, 8, file('ext4')), advise('guard_install', 0, 1)];
    expect((await addressSpace(events, 'v6.15')).mm_mt.walk(BASE)?.anon_vma).not.toBeNull();
    expect((await addressSpace(events, 'v7.2')).mm_mt.walk(BASE)?.anon_vma).toBeNull();
  });
});

describe('the name of an anonymous VMA', () => {
  const names = (page: number, pages: number, name?: string): Event => range('prctl_set_vma', page, pages, { name });

  test('keeps it from a neighbour with another one, and not from one with the same', async () => {
    const named = [vma(0, 8), names(0, 4, 'a')];
    expect(await picture(...named)).toBe('AAAABBBB................');
    expect(await picture(...named, names(4, 4, 'b'))).toBe('AAAABBBB................');
    expect(await picture(...named, names(4, 4, 'a'))).toBe('AAAAAAAA................');
    expect(await picture(...named, names(0, 4))).toBe('AAAAAAAA................');
  });

  test('is not for a file', async () => {
    expect(await picture(mmap(0, 8, file('ext4')), names(0, 4, 'a'))).toBe('AAAAAAAA................');
  });
});

test('MAP_STACK means no huge pages since 6.8, which keeps such a VMA apart', async () => {
  const stack = mmap(4, 4, { flags: ['private', 'anonymous', 'stack'] });
  expect(draw(await addressSpace([mmap(0, 4), stack], 'v6.7'), 8)).toBe('AAAAAAAA');
  expect(draw(await addressSpace([mmap(0, 4), stack], 'v6.8'), 8)).toBe('AAAABBBB');
});

describe('a sealed VMA', () => {
  const sealed = [vma(0, 8), range('mseal', 4, 2)];

  test('is neither unmapped, nor replaced, nor changed, nor moved onto, nor sealed twice', async () => {
    expect(await picture(...sealed)).toBe('AAAABBCC................');
    expect(await picture(...sealed, range('munmap', 0, 8))).toBe('AAAABBCC................');
    expect(await picture(...sealed, mmap(0, 8, { prot: 'r--', flags: ['private', 'anonymous', 'fixed'] }))).toBe(
      'AAAABBCC................',
    );
    expect(await picture(...sealed, range('mprotect', 0, 8, { prot: 'r--' }))).toBe('AAAABBCC................');
    expect(await picture(...sealed, range('mseal', 4, 2))).toBe('AAAABBCC................');
    const move = { op: 'mremap', tid: 1, addr: at(0), old_len: len(2), new_addr: at(4), new_len: len(2) };
    expect(await picture(...sealed, move)).toBe('AAAABBCC................');
  });
});

describe('an ioctl of a userfaultfd', () => {
  const ioctl = (op: string, page: number, src?: number) =>
    range(op, page, 2, src === undefined ? {} : { src: at(src) });

  test('on memory that is not mapped leaves nothing locked, in any version', async () => {
    for (const model of ['v6.6', 'v6.8', NEW]) {
      const events = [vma(16, 4), ioctl('uffd_copy', 0, 100), ioctl('uffd_move', 0, 4), ioctl('uffd_move', 16, 4)];
      const replayed = await replay([...events, fault(16)], model);
      expect(replayed.row(model, -1).fallback).toBe(false);
    }
  });

  test('shows a page of a private file for reading, and copies one of its own into it', async () => {
    const filled = (mode: string, op: string) => held(mmap(0, 4, file('tmpfs', mode)), ioctl(op, 0, 100), fault(0));
    expect(await filled('shared', 'uffd_copy')).toBe(COST.minor);
    expect(await filled('private', 'uffd_copy')).toBe(COST.minor);
    expect(await filled('private', 'uffd_continue')).toBe(COST.wp);
    expect(await filled('shared', 'uffd_continue')).toBe(COST.minor);
    expect(await held(vma(0, 4), ioctl('uffd_zeropage', 0), fault(0))).toBe(COST.wp);
  });

  test('fills empty entries only', async () => {
    const swapped = [vma(0, 4), fault(0), advise('pageout', 0, 1), ioctl('uffd_copy', 0)];
    expect((await row('v6.4', ...swapped, fault(0))).site).toBe('do_swap_page');
  });

  test('that registers less than there is leaves it at that; what cannot be watched is not', async () => {
    const [both, missing] = [['missing', 'wp'], ['missing']].map(modes => range('uffd_register', 0, 4, { modes }));
    const protect = [vma(0, 4), fault(0), both, missing, ioctl('uffd_wp', 0)];
    expect((await row(NEW, ...protect, fault(0, { page: { wait: 5 } }))).site).toBe('handle_userfault');
    const other = [mmap(0, 4, file('ext4', 'shared')), missing];
    expect((await row(NEW, ...other, fault(0, { page: { wait: 5 } }))).site).toBe(null);
  });

  test('that ends the watch ends write protection, and so does a move elsewhere', async () => {
    const wp = range('uffd_register', 0, 4, { modes: ['wp'] });
    const gone = [vma(0, 4), fault(0), wp, ioctl('uffd_wp', 0), range('uffd_unregister', 0, 4), wp];
    expect((await row(NEW, ...gone, fault(0, { page: { wait: 5 } }))).site).toBe(null);
    const move = { op: 'mremap', tid: 1, addr: at(0), old_len: len(4), new_addr: at(8), new_len: len(4) };
    const missing = range('uffd_register', 0, 4, { modes: ['missing'] });
    expect((await row(NEW, vma(0, 4), missing, move, fault(8, { page: { wait: 5 } }))).site).toBe(null);
  });

  test('that protects empty entries of a file leaves markers: who reads there meets a protected page', async () => {
    const wp = range('uffd_register', 0, 4, { modes: ['wp'] });
    const before = [mmap(0, 4, file('tmpfs', 'shared')), wp, ioctl('uffd_wp', 0), fault(0, { access: 'read' })];
    expect((await row(NEW, ...before, fault(0, { page: { wait: 5 } }))).site).toBe('handle_userfault');
  });

  test('is an answer to what was missing when the fault met it', async () => {
    const missing = range('uffd_register', 0, 4, { modes: ['missing'], t: 1 });
    const met = fault(0, { t: 2, page: { entry: 'none' } });
    const copy = range('uffd_copy', 0, 1, { t: 50_000, tid: 2, src: 0 });
    const replayed = await replay([vma(0, 4, { t: 0 }), missing, met, copy, fault(1, { t: 900_000, tid: 3 })], NEW);
    expect(replayed.row(NEW, 2)).toMatchObject({ site: 'handle_userfault', tries: 2 });
    expect(replayed.row(NEW, 2).wait_ns).toBeLessThan(60_000);
  });
});

describe('a private mapping of /dev/zero', () => {
  test('is anonymous memory, a shared one is not', async () => {
    const zero = (mode: string) => mmap(0, 4, { flags: [mode], file: { fs: 'devtmpfs', name: '/dev/zero' } });
    const read = fault(0, { access: 'read' });
    expect(await held(zero('private'), read)).toBe(COST.zero);
    expect(await held(zero('shared'), read)).not.toBe(COST.zero);
  });

  test.each([{ file: { fs: 'devtmpfs', name: '/dev/zero' } }, { name: '/dev/zero', flags: ['private', 'anonymous'] }])(
    'keeps its file: it joins no anonymous memory beside it, though both were written (%o)',
    async zero => {
      const writer = { ...range('mprotect', 0, 4, { prot: 'r--' }), t: 100_000, dur: 50_000 };
      const pages = [mmap(0, 4, { t: 0 }), mmap(4, 4, { flags: ['private'], ...zero, t: 10 })];
      const written = [fault(0, { t: 20_000 }), fault(4, { t: 40_000 })];
      const events = [...pages, ...written, writer, fault(5, { t: 120_000, tid: 2 })];
      expect((await replay(events, NEW)).row(NEW, 5).verdict).toBe('vma_lock');
    },
  );
});

describe('the end of an mm that a fork made', () => {
  const fork: Event = { op: 'fork', tid: 1, t: 10, child_tid: 9, child_mm: 2 };
  const exit = (t: number): Event => ({ op: 'exit', tid: 9, mm: 2, t });

  test('takes the VMAs along: unmapped under the read lock, freed under the write lock, as long as was recorded', async () => {
    const section = (mode: string, from: number) => ({ mode, ask: from, got: from + 1_000, end: from + 9_000 });
    const locks = [section('read', 60_000), section('write', 70_000)];
    const events = [vma(0, 4, { t: 0 }), fork, fault(0, { tid: 9, mm: 2, t: 40_000 }), { ...exit(60_000), locks }];
    const after = fault(0, { tid: 6, mm: 2, t: 200_000 });
    for (const timing of ['closed', 'recorded'] as const) {
      const replayed = await replay([...events, after], NEW, { timing });
      expect(replayed.row(NEW, -1).verdict).toBe('signal');
      expect(replayed.lock(NEW, 'mmap_lock', 'write').acquired).toBe(3);
    }
  });

  test('took no lock at all before 5.17', async () => {
    const replayed = await replay([vma(0, 4, { t: 0 }), fork, exit(60_000)], 'spf_dufour_v12');
    expect(replayed.lock('spf_dufour_v12', 'mmap_lock', 'write').acquired).toBe(2);
  });
});

describe('what happens to a page while it migrates', () => {
  test('others meet its migration entry until it has moved; its neighbours and what is swapped stay what they are', async () => {
    const touched = [0, 1, 2, 3].map(page => fault(page, { t: page + 1 }));
    const out = { ...advise('pageout', 1, 1), t: 500_000 };
    const sleeps = async (page: number, after: number, migrate: Event) =>
      (await row(NEW, vma(0, 4, { t: 0 }), ...touched, out, migrate, fault(page, { t: 1_000_000 + after, tid: 2 })))
        .wait_ns;
    const long = range('migrate', 0, 3, { t: 1_000_000, dur: 50_000 });
    expect(await Promise.all([0, 1, 2, 3].map(page => sleeps(page, 20_000, long)))).toEqual([
      30_000, 80_000, 30_000, 0,
    ]);
    expect(await sleeps(0, 60_000, long)).toBe(0);
    const unsaid = range('migrate', 0, 3, { t: 1_000_000 });
    expect([await sleeps(0, 9_000, unsaid), await sleeps(0, 11_000, unsaid)]).toEqual([1_000, 0]);
  });

  test('is waited for by what populates: the page is there, writable as it was', async () => {
    const migrate = range('migrate', 0, 1, { t: 1_000_000, dur: 50_000 });
    const populate = { ...advise('populate_read', 0, 1), tid: 2, t: 1_010_000 };
    const write = fault(0, { t: 1_030_000, tid: 2 });
    const before = [vma(0, 4, { t: 0 }), fault(0, { t: 1 }), migrate];
    expect((await row(NEW, ...before, populate, write)).hold_ns).toBe(COST.minor);
    expect((await row(NEW, ...before, write)).wait_ns).toBeGreaterThan(0);
  });

  test('stands: it was unmapped, and is not there afterwards', async () => {
    const migrate = range('migrate', 0, 4, { t: 1_000_000, dur: 50_000 });
    const zap = { ...advise('dontneed', 0, 1), tid: 2, t: 1_010_000 };
    const before = [vma(0, 4, { t: 0 }), fault(0, { t: 1 }), fault(1, { t: 2 }), migrate, zap];
    expect(await held(...before, fault(0, { t: 2_000_000 }))).toBe(COST.anon);
    expect(await held(...before, fault(1, { t: 2_000_000 }))).toBe(COST.minor);
  });
});

describe('a NUMA scan and clear_refs', () => {
  test('leave alone what is swapped, and the zero page', async () => {
    const swapped = [vma(0, 4), fault(0), advise('pageout', 0, 1), range('numa_scan', 0, 4)];
    expect(await held(...swapped, fault(0, { page: { wait: 0 } }))).toBe(COST.swap);
    const clear: Event = { op: 'clear_refs', tid: 1, mode: '4' };
    expect(await held(vma(0, 4), fault(0, { access: 'read' }), clear, fault(0, { access: 'read' }))).toBe(COST.minor);
    expect(await held(vma(0, 4), fault(0), clear, fault(0))).toBe(COST.wp);
  });
});

describe('userfaultfd', () => {
  const register = (mode: string) => range('uffd_register', 0, 4, { modes: [mode] });

  test('has the pages of a file that are missing, but for those that are said to be cached', async () => {
    const read = (page: object) => fault(0, { access: 'read', page });
    const shared = [mmap(0, 4, file('tmpfs', 'shared')), register('missing')];
    expect((await row(NEW, ...shared, read({ wait: 5 }))).site).toBe('handle_userfault');
    expect((await row(NEW, ...shared, read({ wait: 5, folio: 'cached' }))).site).toBe(null);
  });

  test('that protects is asked about a write, which sleeps until the protection of its own page is taken away', async () => {
    const protect = (page: number, pages: number, t: number) => range('uffd_wp', page, pages, { t, tid: 2 });
    const touched = [0, 3, 4, 6].map((page, i) => fault(page, { t: i + 1 }));
    const before = [vma(0, 8, { t: 0 }), ...touched, { ...range('uffd_register', 0, 8, { modes: ['wp'] }), t: 1_000 }];
    const asleep = [fault(0, { t: 100_000, tid: 3 }), fault(6, { t: 100_000, tid: 4 })];
    const events = [...before, protect(0, 8, 20_000), ...asleep, protect(0, 4, 200_000), protect(4, 4, 300_000)];
    const again = [0, 3, 4].map((page, i) => fault(page, { t: 400_000, tid: 5 + i }));
    for (const model of ['mmap_lock', NEW]) {
      const { rows } = await replay(
        [...events, ...again, protect(4, 1, 500_000), fault(4, { t: 600_000, tid: 5 })],
        model,
      );
      const [first, second, ...later] = rows.slice(touched.length);
      expect(first.wait_ns).toBeGreaterThan(100_000);
      expect(second.wait_ns - first.wait_ns).toBe(100_000);
      expect(later.map(({ hold_ns }) => hold_ns)).toEqual([COST.minor, COST.minor, COST.minor, COST.wp]);
    }
  });

  test("leaves a marker of its protection that brings a file's page in protected", async () => {
    const page = { entry: 'marker_uffd_wp', wait: 5 };
    const shared = [mmap(0, 4, file('tmpfs', 'shared')), register('wp'), fault(0, { access: 'read', page })];
    expect((await row(NEW, ...shared)).site).toBe(null);
    expect((await row(NEW, ...shared, fault(0, { page: { wait: 5 } }))).site).toBe('handle_userfault');
  });

  test('is not asked about a marker that outlived it, and an anonymous page comes in protected', async () => {
    const page = { entry: 'marker_uffd_wp', wait: 5 };
    expect(await held(vma(0, 4), fault(0, { page }))).toBe(COST.minor);
    const protectedRead = [vma(0, 4), register('wp'), fault(0, { access: 'read', page })];
    expect((await row(NEW, ...protectedRead, fault(0, { page: { wait: 5 } }))).site).toBe('handle_userfault');
  });
});

describe('threads and memory that a trace tells of late', () => {
  test('a VMA told around somebody who is inside of another replaces what it can', async () => {
    const inside = fault(9, { t: 1_000, access: 'read', page: { entry: 'migration', wait: 90_000 } });
    const told = vma(4, 16, { t: 20_000, tid: 2, prot: 'r--' });
    expect(await picture(vma(8, 4, { t: 0 }), inside, told)).toBe('....AAAABBBBCCCCCCCC....');
  });

  test('memory locked for the future is populated when the heap grows', async () => {
    const heap = vma(0, 4, { name: '[heap]' });
    const lock: Event = { op: 'mlockall', tid: 1, mode: 'future' };
    const events = [heap, lock, { op: 'brk', tid: 1, addr: at(8) }];
    expect(await held(...events, fault(6))).toBe(COST.minor);
  });

  test('what mlockall locks it populates', async () => {
    const lock: Event = { op: 'mlockall', tid: 1, mode: 'current' };
    expect(await held(vma(0, 4), lock, fault(2))).toBe(COST.minor);
  });

  test('one call populates 4 GiB at most, however many VMAs it is about', async () => {
    const each = POPULATE_LIMIT - 512;
    const events = [vma(0, each), vma(each, each, { prot: 'r--' }), vma(2 * each, each)];
    const { page_table } = await addressSpace([...events, range('mlock', 0, 3 * each)], 'v6.18');
    expect(page_table.count).toBe(POPULATE_LIMIT);
  });

  test('a thread that only its fork shows uses the mm too: the RFC tries the VMA lock', async () => {
    const fork: Event = { op: 'fork', tid: 1, child_tid: 9, child_mm: 1 };
    expect((await row('rfc_2022', vma(0, 4), fault(0))).site).toBe('do_user_addr_fault.mm_users');
    expect((await row('rfc_2022', vma(0, 4), fork, fault(0))).verdict).toBe('vma_lock');
  });
});
