/** Pages that were something else before somebody filled them: a populate, a huge page, a marker. */
import { expect, test } from 'vitest';
import {
  PTE_ANON,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_KIND_MASK,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_SWAP,
} from '../../src/kernel/page-table.js';
import { addressSpace, BASE, type Event, fault, mmap, otherwise, range, replay, replayUnder, vma } from '../helpers.js';

const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
const last = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const pageAt = (page: number): number => BASE + page;
const hugetlb = { flags: ['shared', 'hugetlb'], file: { fs: 'hugetlbfs', name: 'f' } };
const tmpfs = { flags: ['shared'], file: { fs: 'tmpfs', name: 'f' } };

test('MADV_POPULATE_READ reads a swapped page back, for reading only: a write copies it or takes it over', async () => {
  const swapped = [vma(0, 4, { anon_vma: true }), fault(0), range('reclaim', 0, 1)];
  const swap = await last('v6.4', ...swapped, fault(0, { access: 'read' }));
  expect(swap).toMatchObject({ verdict: 'mmap_lock', site: 'do_swap_page' });
  const read = [...swapped, advise('populate_read', 0, 1)];
  expect((await replay([...read, fault(0)], 'v6.4')).model('v6.4').counters).toMatchObject({ vma_lock_success: 2 });
});

test('where a mapping turns out to be shared, what was swapped out there comes back as the file has it', async () => {
  const events = [vma(0, 4, { anon_vma: true }), fault(0), range('reclaim', 0, 1), vma(0, 4, tmpfs)];
  const kind = async (...more: Event[]) =>
    (await addressSpace([...events, ...more], 'v6.18')).page_table.get(pageAt(0)) & PTE_KIND_MASK;
  expect(await kind()).toBe(PTE_SWAP);
  expect(await kind(advise('populate_read', 0, 1))).toBe(PTE_FILE_RO);
  expect(await kind(advise('populate_write', 0, 1))).toBe(PTE_FILE_RW);
});

test('MADV_POPULATE_WRITE waits for a page that migrates, and it is there', async () => {
  const events = [
    vma(0, 4, { anon_vma: true }),
    fault(0),
    range('migrate', 0, 1, { t: 100_000, tid: 2, dur: 500_000 }),
    { ...advise('populate_write', 0, 1), t: 200_000 },
  ];
  expect((await addressSpace(events, 'v6.18')).page_table.get(pageAt(0)) & PTE_KIND_MASK).toBe(PTE_ANON);
});

test('a huge page that a monitor must supply is waited for before it is made', async () => {
  const armed = [
    vma(0, 1_024, { anon_vma: true }),
    advise('hugepage', 0, 1_024),
    range('uffd_register', 0, 1_024, { modes: ['missing'] }),
  ];
  const waits = await last('v6.18', ...armed, fault(0, { page: { wait: 5_000 } }));
  expect(waits).toMatchObject({ verdict: 'mmap_lock', site: 'handle_userfault' });
});

test('a poison marker of a hugetlb page is none where the kernel does not know it', async () => {
  const poisoned = [mmap(0, 512, hugetlb), fault(0, { page: { entry: 'marker_poison' } })];
  const { rows } = await replayUnder(poisoned, [otherwise('v6.18', { 'handle_pte_marker.poison': 'absent' })]);
  expect(rows[0]).toMatchObject({ verdict: 'vma_lock', site: null });
  expect((await last('v6.18', ...poisoned)).verdict).toBe('signal');
});

test('a monitor that lets a write go on takes the markers around it away as well', async () => {
  const marked = [
    mmap(0, 4, tmpfs),
    range('uffd_register', 0, 4, { modes: ['wp'] }),
    fault(0, { t: 50_000 }),
    range('uffd_wp', 0, 4, { t: 100_000 }),
    fault(0, { t: 200_000 }),
  ];
  const letGo = range('uffd_wp', 0, 4, { t: 900_000, tid: 2 });
  const entry = async (...events: Event[]) => (await addressSpace(events, 'v6.18')).page_table.get(pageAt(1));
  expect(await entry(...marked)).toBe(PTE_MARKER_UFFD_WP);
  expect(await entry(...marked, letGo)).toBe(PTE_NONE);
  expect(await entry(...marked, { ...letGo, len: '0x1000' })).toBe(PTE_MARKER_UFFD_WP);
});
