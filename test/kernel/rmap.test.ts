/** Who else maps a page: what is paged out, and what is punched out of a file, asks. */
import { describe, expect, test } from 'vitest';
import {
  PTE_ANON,
  PTE_ANON_WP,
  PTE_FILE_RO,
  PTE_FILE_RW,
  PTE_HUGE,
  PTE_KIND_MASK,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_SWAP,
} from '../../src/kernel/page-table.js';
import { addressSpace, at, BASE, type Event, fault, len, mmap, range, vma } from '../helpers.js';

const fork: Event = { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 };
const child = { tid: 2, mm: 2 };
const advise = (advice: string, page: number, pages: number, more: object = {}) =>
  range('madvise', page, pages, { advice, ...more });
const pageout = advise('pageout', 0, 8);
const SHARED = { flags: ['shared', 'anonymous'] };

/** What the entry of a page is at the end, in the address space of the first process or of another. */
async function kind(page: number, events: readonly Event[], mm = 1): Promise<number> {
  const { page_table } = await addressSpace(events, 'v6.18', mm);
  return page_table.get(BASE + page) & PTE_KIND_MASK;
}

describe('MADV_PAGEOUT', () => {
  const forked = [vma(0, 8), fault(0), fault(1), fork];

  test('leaves alone what a fork shares, for as long as it does', async () => {
    expect(await kind(0, [...forked, pageout])).toBe(PTE_ANON_WP);
    expect(await kind(0, [...forked, { ...pageout, ...child }], 2)).toBe(PTE_ANON_WP);
    expect(await kind(0, [...forked, fault(0, child), pageout])).toBe(PTE_SWAP);
    expect(await kind(0, [...forked, fault(0), pageout])).toBe(PTE_SWAP);
    expect(await kind(0, [...forked, { op: 'exit', ...child }, pageout])).toBe(PTE_SWAP);
    expect(await kind(1, [...forked, fault(0, child), pageout])).toBe(PTE_ANON_WP);
    expect(await kind(0, [...forked, fault(0), fault(1, child), pageout])).toBe(PTE_SWAP);
  });

  test('takes anonymous memory that another process has at the same address, and nobody shares', async () => {
    const other = { ...vma(0, 8), ...child };
    expect(await kind(0, [vma(0, 8), other, fault(0), fault(0, child), pageout])).toBe(PTE_SWAP);
  });

  test('leaves alone what somebody else maps of a file, and what is mapped twice', async () => {
    const mapped = [mmap(0, 8, SHARED), fault(0), fault(1)];
    expect(await kind(0, [...mapped, fork, fault(0, child), pageout])).toBe(PTE_FILE_RW);
    expect(await kind(1, [...mapped, fork, fault(0, child), pageout])).toBe(PTE_NONE);
    expect(await kind(0, [...mapped, pageout])).toBe(PTE_NONE);
    const read = [mmap(0, 8, { flags: ['private'], file: { fs: 'ext4' } }), fault(0, { access: 'read' }), fork];
    expect(await kind(0, [...read, fault(0, { ...child, access: 'read' }), pageout])).toBe(PTE_FILE_RO);
    expect(await kind(0, [...read, fault(0, child), pageout])).toBe(PTE_NONE);
  });

  test('fails at memory that is locked, of huge pages or of no pages, and takes nothing behind it', async () => {
    const refused = [
      vma(4, 2, { flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: '/v' } }),
      vma(4, 2, { flags: ['private', 'anonymous', 'locked'] }),
    ];
    for (const other of refused) {
      const events = [vma(0, 4), other, vma(6, 2), fault(0), fault(7), pageout];
      expect(await kind(0, events)).toBe(PTE_SWAP);
      expect(await kind(7, events)).toBe(PTE_ANON);
    }
  });
});

test('reclaim takes a page of shared memory from all who map it', async () => {
  const events = [mmap(0, 8, SHARED), fault(0), fork, fault(0, child), range('reclaim', 0, 2)];
  for (const mm of [1, 2]) expect(await kind(0, events, mm)).toBe(PTE_NONE);
});

describe('MADV_REMOVE', () => {
  const mapped = [mmap(0, 8, SHARED), fault(0), fault(5), fork];
  const remove = advise('remove', 0, 4);

  test('unmaps what it removes in every process, and nothing else', async () => {
    const events = [...mapped, fault(0, child), fault(5, child), remove];
    for (const mm of [1, 2]) {
      expect(await kind(0, events, mm)).toBe(PTE_NONE);
      expect(await kind(5, events, mm)).toBe(PTE_FILE_RW);
    }
    const read = fault(0, { ...child, access: 'read' });
    expect(await kind(0, [...mapped, read], 2)).toBe(PTE_FILE_RO);
    expect(await kind(0, [...mapped, read, remove], 2)).toBe(PTE_NONE);
  });

  test('finds the page where a part of the mapping has gone, and has to be there itself', async () => {
    const move = { op: 'mremap', ...child, addr: at(0), old_len: len(2), new_addr: at(20), new_len: len(2) };
    const unmap = range('munmap', 2, 6, child);
    // whether somebody asked before or not
    for (const asked of [[], [advise('remove', 7, 1)]]) {
      const events = [...mapped, ...asked, fault(0, child), fault(5, child), unmap, move];
      expect(await kind(20, events, 2)).toBe(PTE_FILE_RW);
      expect(await kind(20, [...events, remove], 2)).toBe(PTE_NONE);
      expect(await kind(20, [...events, advise('remove', 1, 4)], 2)).toBe(PTE_FILE_RW);
    }
  });

  test('finds those who came, and parts of mappings that were split and joined, since it was asked first', async () => {
    const asked = [...mapped, advise('remove', 7, 1)];
    const gone = { op: 'exit', ...child };
    const another = [{ ...fork, child_tid: 3, child_mm: 3 }, fault(0, { tid: 3, mm: 3 })];
    expect(await kind(0, [...asked, fault(0, child), gone, ...another], 3)).toBe(PTE_FILE_RW);
    expect(await kind(0, [...asked, fault(0, child), gone, ...another, remove], 3)).toBe(PTE_NONE);
    const protect = (prot: string) => range('mprotect', 2, 2, { ...child, prot });
    for (const split of [[protect('r--')], [protect('r--'), protect('rw-')]]) {
      const events = [...asked, ...split, fault(0, child), fault(5, child)];
      for (const page of [0, 5]) {
        expect(await kind(page, events, 2)).toBe(PTE_FILE_RW);
        expect(await kind(page, [...events, advise('remove', page, 1)], 2)).toBe(PTE_NONE);
      }
    }
  });

  test('leaves what was write-protected in another process a marker, and splits a huge page of it', async () => {
    const watched = [range('uffd_register', 0, 8, { ...child, modes: ['wp'] }), range('uffd_wp', 0, 8, child)];
    expect(await kind(0, [...mapped, fault(0, child), ...watched, remove], 2)).toBe(PTE_MARKER_UFFD_WP);
    const huge = fault(512, { ...child, page: { huge: 'pmd' } });
    const events = [mmap(512, 512, SHARED), fork, huge];
    expect((await addressSpace(events, 'v6.18', 2)).page_table.get(BASE + 700) & PTE_HUGE).toBe(PTE_HUGE);
    expect(await kind(700, [...events, advise('remove', 520, 8)], 2)).toBe(PTE_NONE);
  });
});
