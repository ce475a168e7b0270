/** VM_FAULT_OOM: where a fault asks for memory, and what it does before. */
import { describe, expect, test } from 'vitest';
import { PTE_KIND_MASK, PTE_MARKER_UFFD_WP, PTE_NONE, PTE_SWAP } from '../../src/kernel/page-table.js';
import { addressSpace, BASE, type Event, fault, range, replay, vma } from '../helpers.js';

const AWAY = [vma(0, 8), fault(0), range('reclaim', 0, 1)];
const oom = (facts: object = {}) => fault(0, { page: { oom: true, ...facts } });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const entry = async (...events: Event[]) => (await addressSpace(events, 'v6.18')).page_table.get(BASE) & PTE_KIND_MASK;

describe('a page in swap', () => {
  test('needs memory once its lock is known to do, and before it is read', async () => {
    const retried = { verdict: 'mmap_lock', counter: 'vma_lock_retry', wait_ns: 0 };
    expect(await row('v6.4', ...AWAY, oom())).toMatchObject({ ...retried, site: 'do_swap_page' });
    const done = { verdict: 'vma_lock', counter: 'vma_lock_success', site: null, wait_ns: 0 };
    for (const model of ['v6.6', 'v6.18']) {
      expect(await row(model, ...AWAY, oom())).toMatchObject(done);
      expect(await row(model, ...AWAY, oom({ swap_sync: true }))).toMatchObject(done);
      expect(await row(model, ...AWAY, oom({ folio: 'cached' }))).toMatchObject(done);
      const locked = { verdict: 'mmap_lock', site: '__folio_lock_or_retry', wait_ns: 700 };
      expect(await row(model, ...AWAY, oom({ folio: 'locked', wait: 700 }))).toMatchObject(locked);
    }
  });

  test('is there still', async () => {
    for (const facts of [{}, { folio: 'cached' }, { folio: 'locked' }])
      expect(await entry(...AWAY, oom(facts))).toBe(PTE_SWAP);
    const watch = [range('uffd_register', 0, 8, { modes: ['wp'] }), range('uffd_wp', 0, 8)];
    expect(await entry(...AWAY, ...watch, oom({ folio: 'cached' }))).toBe(PTE_SWAP);
  });

  test('of a file is none of the page table: it is a new page', async () => {
    const shared = vma(0, 8, { flags: ['shared'], file: { fs: 'tmpfs', name: '/t' } });
    expect(await row('v6.6', shared, oom({ entry: 'swap' }))).toMatchObject({ verdict: 'vma_lock', site: null });
  });
});

test('what needs no memory does not run out of it', async () => {
  expect(await row('v6.18', vma(0, 8), oom({ entry: 'migration', wait: 900 }))).toMatchObject({ wait_ns: 900 });
  for (const entry of ['marker_guard', 'hwpoison'])
    expect(await row('v6.18', vma(0, 8), oom({ entry }))).toMatchObject({ verdict: 'signal' });
});

test('what a device or a monitor has of a page stays', async () => {
  const device = [vma(0, 8), oom({ entry: 'device_private' })];
  expect(await row('v6.6', ...device)).toMatchObject({ site: 'do_swap_page.device_private', fallback: true });
  expect(await entry(...device)).toBe(PTE_NONE);
  const watched = [range('uffd_register', 0, 8, { modes: ['wp'] }), range('uffd_wp', 0, 8)];
  const shared = vma(0, 8, { flags: ['shared'], file: { fs: 'tmpfs', name: '/t' } });
  expect(await entry(shared, ...watched, oom())).toBe(PTE_MARKER_UFFD_WP);
});
