/** What a guard or a userfaultfd forbids: it is forbidden still after a fork, after a zap, and when the page comes back. */
import { describe, expect, test } from 'vitest';
import { at, type Event, fault, len, range, replay, vma } from '../helpers.js';

const shared = (fs: string) => ({ flags: ['shared'], file: { fs, name: '/f' } });
const watch = (...modes: string[]) => range('uffd_register', 0, 8, { t: 1_000, modes });
const protect = range('uffd_wp', 0, 8, { t: 5_000 });
const away = (op: string, more = {}) => range(op, 0, 8, { t: 10_000, ...more });
const late = (page: number, more = {}) => fault(page, { tid: 2, t: 1_000_000, ...more });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const site = async (model: string, ...events: Event[]) => (await row(model, ...events)).site;
const MONITOR = 'handle_userfault';
/** Does the last event, a fault, wait for a monitor, which comes 3 ms later? */
async function asks(model: string, ...events: Event[]): Promise<boolean> {
  const answer = range('uffd_wp', 0, 8, { tid: 3, t: 4_000_000 });
  return (await replay([...events, answer], model)).row(model, -2).wait_ns > 2_000_000;
}

describe('guards in a file', () => {
  const guards = range('madvise', 2, 2, { t: 2_000, advice: 'guard_install' });
  const fork: Event = { op: 'fork', tid: 1, t: 20_000, child_tid: 9, child_mm: 2 };
  const inChild = (page: number) => fault(page, { tid: 9, mm: 2, t: 1_000_000, access: 'read' });
  const mapped = vma(0, 8, { ...shared('ext4'), anon_vma: false });

  test('are copied by fork: for an anon_vma at first, for VM_MAYBE_GUARD since 6.18.44', async () => {
    for (const model of ['v6.15', 'v6.18', 'v7.2', 'v7.3']) {
      expect(await site(model, mapped, guards, fork, inChild(2))).toBe('handle_pte_marker.guard');
      expect(await site(model, mapped, guards, fork, inChild(4))).toBeNull();
    }
  });

  test('leave the VMA without an anon_vma since 6.18.44, so that the child copies no page before its own first write', async () => {
    const write = late(5, { t: 900_000 });
    const privately = vma(0, 8, { flags: ['private'], file: { fs: 'ext4', name: '/f' }, anon_vma: false });
    const prepared = async (model: string) => (await row(model, privately, guards, write)).hold_ns;
    expect((await prepared('v6.18')) - (await prepared('v6.17'))).toBeGreaterThan(0);
  });

  test('do not keep VMAs from merging, and the merged one has them', async () => {
    const parts = [mapped, range('mprotect', 4, 4, { t: 1_500, prot: 'r--' }), guards];
    const joined = range('mprotect', 4, 4, { t: 9_000, prot: 'rw-' });
    const split = range('mprotect', 6, 2, { t: 12_000, prot: 'r--' });
    const marks = async (...more: Event[]) =>
      (await replay([...parts, ...more], 'v7.2')).lock('v7.2', 'vma_lock', 'write').acquired;
    // A munmap of all of it marks each VMA that there is.
    const unmap = range('munmap', 0, 8, { t: 30_000 });
    expect((await marks(unmap)) - (await marks())).toBe(2);
    expect((await marks(joined, unmap)) - (await marks(joined))).toBe(1);
    expect(await site('v7.2', ...parts, joined, split, fork, inChild(2))).toBe('handle_pte_marker.guard');
    // Those above had none when they were joined by those below.
    const below = range('madvise', 6, 1, { t: 2_000, advice: 'guard_install' });
    const others = [mapped, range('mprotect', 4, 4, { t: 1_500, prot: 'r--' }), below, joined];
    expect(await site('v7.2', ...others, fork, inChild(6))).toBe('handle_pte_marker.guard');
  });
});

describe('guards', () => {
  const guards = (advice: string) => range('madvise', 0, 8, { t: 2_000, advice });
  const touch = (page: number) => late(page, { access: 'read' });
  const GUARD = 'handle_pte_marker.guard';

  test('are for private anonymous memory in 6.13, and for files since 6.15; what is before the first that is refused has them', async () => {
    for (const memory of [shared('ext4'), shared('tmpfs'), { flags: ['shared', 'anonymous'] }]) {
      const events = [vma(0, 4), vma(4, 4, memory), guards('guard_install')];
      expect(await site('v6.13', ...events, touch(1))).toBe(GUARD);
      expect(await site('v6.13', ...events, touch(5))).toBeNull();
      expect(await site('v6.15', ...events, touch(5))).toBe(GUARD);
    }
  });

  test('are refused by memory that is locked, which loses those it has, and by huge pages and PFNs', async () => {
    const locked = (t: number) => range('mlock', 4, 1, { t });
    for (const model of ['v6.13', 'v6.18', 'v7.3']) {
      const install = guards('guard_install');
      expect(await site(model, vma(0, 8), locked(1_000), install, touch(1))).toBe(GUARD);
      expect(await site(model, vma(0, 8), locked(1_000), install, touch(5))).toBeNull();
      const remove = { ...guards('guard_remove'), t: 9_000 };
      expect(await site(model, vma(0, 8), install, locked(5_000), touch(5))).toBe(GUARD);
      expect(await site(model, vma(0, 8), install, locked(5_000), remove, touch(5))).toBeNull();
    }
    const pfns = vma(0, 4, { flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: '/v' } });
    expect(await site('v6.18', pfns, vma(4, 4), guards('guard_install'), touch(5))).toBeNull();
  });
});

describe('MADV_DONTNEED', () => {
  const dontneed = away('madvise', { advice: 'dontneed' });

  test('leaves guards, and nothing else of anonymous memory', async () => {
    const guards = range('madvise', 2, 2, { t: 2_000, advice: 'guard_install' });
    const events = [vma(0, 8), fault(5, { t: 1 }), guards, dontneed];
    expect(await site('v6.18', ...events, late(2))).toBe('handle_pte_marker.guard');
    expect((await row('v6.18', ...events, late(5, { access: 'read' }))).hold_ns).toBe(
      (await row('v6.18', vma(0, 8), late(5, { access: 'read' }))).hold_ns,
    );
  });

  test('leaves a marker of a file’s page that is write-protected: a write to it is the monitor’s', async () => {
    const events = [vma(0, 8, shared('tmpfs')), fault(3, { t: 1 }), watch('wp'), protect];
    for (const zap of [dontneed, away('madvise', { advice: 'remove' }), away('reclaim')]) {
      const [read, write] = [late(3, { access: 'read' }), late(3, { t: 1_100_000 })];
      expect(await site('v6.18', ...events, zap, read, write)).toBe(MONITOR);
      expect(await site('v6.18', ...events, range('uffd_unregister', 0, 8, { t: 6_000 }), zap, read, write)).toBeNull();
    }
  });

  test('takes the write protection of anonymous memory along', async () => {
    const events = [vma(0, 8), fault(3, { t: 1 }), watch('wp'), protect, dontneed];
    expect(await site('v6.18', ...events, late(3))).toBeNull();
  });
});

describe('write protection by userfaultfd', () => {
  const written = [vma(0, 8), fault(3, { t: 1 })];
  const cached = { folio: 'cached' };

  test.each([
    ['before the page went to swap', [watch('wp'), protect, away('reclaim')]],
    ['of a page in swap', [away('reclaim', { t: 100 }), watch('wp'), protect]],
  ])('%s: a write is the monitor’s', async (_, events) => {
    const away = [...written, ...events];
    const read = late(3, { access: 'read', page: cached });
    for (const model of ['mmap_lock', 'v6.4', 'v6.5', 'v6.6', 'v6.12', 'v6.18', 'v7.3'])
      expect([model, await asks(model, ...away, read, late(3, { t: 1_100_000 }))]).toEqual([model, true]);
    // until 6.10 the write that brings it in does not ask, and comes again
    const models = ['mmap_lock', 'v6.6', 'v6.10', 'v6.12', 'v7.3'];
    const asked = await Promise.all(models.map(model => asks(model, ...away, late(3, { page: cached }))));
    expect(asked).toEqual([false, false, false, true, true]);
    // A page that a child has too is copied, which asks in any version.
    const fork: Event = { op: 'fork', tid: 1, t: 50, child_tid: 9, child_mm: 2 };
    expect(await asks('v6.6', ...written, fork, ...events, late(3, { page: cached }))).toBe(true);
    // Asynchronously nobody is asked.
    const async = events.map(event => (event.op === 'uffd_register' ? { ...event, modes: ['wp_async'] } : event));
    expect(await asks('v6.18', ...written, ...async, late(3, { page: cached }))).toBe(false);
  });

  test('is asked about once the page was read from a disk, for which the lock was dropped', async () => {
    const events = [...written, watch('wp'), protect, away('reclaim')];
    expect(await asks('v6.18', ...events, late(3))).toBe(true);
    // What the trace says is all the fault waited.
    expect(await asks('v6.18', ...events, late(3, { page: { wait: 70_000 } }))).toBe(false);
  });

  test('does not go along with a fork, neither as a marker nor in swap', async () => {
    const fork: Event = { op: 'fork', tid: 1, t: 20_000, child_tid: 9, child_mm: 2 };
    const inChild = fault(3, { tid: 9, mm: 2, t: 1_000_000, page: cached });
    expect(await site('v6.18', ...written, watch('wp'), protect, away('reclaim'), fork, inChild)).toBeNull();
    const file = vma(0, 8, { flags: ['private'], file: { fs: 'tmpfs', name: '/f' } });
    const read = fault(3, { tid: 9, mm: 2, t: 1_000_000, access: 'read' });
    const cost = async (...events: Event[]) => (await row('v6.18', file, ...events, fork, read)).hold_ns;
    expect(await cost(watch('wp'), protect)).toBe(await cost());
  });

  test('is over where the page is moved, in swap or not; guards are not what it is about', async () => {
    const move: Event = {
      op: 'mremap',
      tid: 1,
      t: 20_000,
      addr: at(0),
      old_len: len(8),
      new_addr: at(40),
      new_len: len(8),
    };
    const there = late(43, { page: cached });
    for (const gone of [[], [away('reclaim')]])
      expect(await site('v6.18', ...written, watch('wp'), protect, ...gone, move, there)).toBeNull();
    const guards = range('madvise', 3, 1, { t: 2_000, advice: 'guard_install' });
    expect(await site('v6.18', ...written, watch('wp'), guards, protect, late(3))).toBe('handle_pte_marker.guard');
  });

  test('of what a child shares keeps a speculation from bringing it in for a write', async () => {
    const fork: Event = { op: 'fork', tid: 1, t: 50, child_tid: 9, child_mm: 2 };
    const swapped = [...written, fork, watch('wp'), protect, away('reclaim')];
    const spf = (...events: Event[]) => site('spf_lespinasse_2021', ...events);
    expect(await spf(...swapped, late(3, { page: cached }))).toBe('do_wp_page.spf_abort_userfaultfd');
    expect(await spf(...swapped, late(3, { access: 'read', page: cached }))).toBeNull();
    expect(await spf(...written, fork, watch('wp'), away('reclaim'), late(3, { page: cached }))).toBeNull();
    expect(await spf(...written, fork, protect, away('reclaim'), late(3, { page: cached }))).toBeNull();
    expect(await spf(...written, watch('wp'), protect, away('reclaim'), late(3, { page: cached }))).toBeNull();
  });

  test('of a page that migrates, or that a device has, is there when it is back', async () => {
    const events = [...written, watch('wp'), protect];
    for (const entry of ['migration', 'device_private', 'device_exclusive', 'swap']) {
      const back = late(3, { access: 'read', page: { entry, folio: 'cached', wait: 10 } });
      expect([entry, await site('v6.18', ...events, back, late(3, { t: 1_100_000 }))]).toEqual([entry, MONITOR]);
    }
  });

  test('of populated memory that was in swap is kept', async () => {
    const events = [...written, watch('wp'), protect, away('reclaim')];
    for (const advice of ['populate_read', 'populate_write'])
      expect(await site('v6.18', ...events, range('madvise', 0, 8, { t: 50_000, advice }), late(3))).toBe(MONITOR);
  });
});

test('read-write protection of a page in swap: the read that brings it in does not ask, the next does', async () => {
  const events = [vma(0, 8), fault(3, { t: 1 }), watch('rwp'), range('uffd_rwp', 0, 8, { t: 5_000 }), away('reclaim')];
  const bring = late(3, { access: 'write', page: { folio: 'cached' } });
  expect(await site('v7.3', ...events, bring)).toBeNull();
  expect(await site('v7.3', ...events, bring, late(3, { access: 'read', t: 1_100_000 }))).toBe(MONITOR);
});

test.each(['read', 'write'])(
  'a hole in shared memory is waited for, and then the monitor is asked: %s',
  async access => {
    const events = [vma(0, 8, { ...shared('tmpfs'), anon_vma: false }), watch('missing')];
    const punched = (more = {}) => late(3, { access, page: { hole_punch: true, ...more } });
    expect(await asks('v6.18', ...events, punched())).toBe(true);
    expect(await asks('v6.18', ...events, punched({ wait: 70_000 }))).toBe(false);
    expect(await asks('v6.18', vma(0, 8, { ...shared('tmpfs'), anon_vma: false }), punched())).toBe(false);
  },
);

describe('a private page of hugetlb', () => {
  const mapped = (anon_vma: boolean) => vma(0, 512, { flags: ['private', 'hugetlb'], anon_vma });

  test('said to be present is its own where it has any, and else the page cache’s, which a write copies', async () => {
    const write = late(0, { page: { entry: 'present' } });
    const [own, shared] = await Promise.all(
      [true, false].map(async has => (await row('v6.18', mapped(has), write)).hold_ns),
    );
    expect(own).toBeLessThan(shared);
  });

  test('is not copied under the VMA lock while somebody writes, for want of an anon_vma', async () => {
    const busy = range('mprotect', 4_096, 1, { tid: 8, t: 990_000, dur: 50_000, prot: 'r--' });
    const write = late(0, { page: { entry: 'present' } });
    expect(await site('v6.18', mapped(false), vma(4_096, 1), busy, write)).toBe('vmf_anon_prepare');
    expect(await site('v6.18', mapped(false), vma(4_096, 1), write)).toBeNull();
  });
});
