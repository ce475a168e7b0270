/** What a speculation does where a fault under a lock would drop it, and how its attempts are counted. */
import { describe, expect, test } from 'vitest';
import { fault, range, replay, vma } from '../helpers.js';

describe("Dufour's speculation", () => {
  const dufour = 'spf_dufour_v12';
  /** A second thread, or nobody speculates; and a table of PTEs. */
  const before = [
    vma(0, 8, { t: 0 }),
    vma(8, 8, { t: 0, prot: 'r--' }),
    fault(0, { t: 1 }),
    fault(1, { t: 1, tid: 2 }),
  ];

  test('sleeps for the lock of a swap folio, then maps it: it may not be told to come again', async () => {
    const swap = fault(2, { t: 50_000, page: { entry: 'swap', folio: 'locked', wait: 5_000 } });
    const replayed = await replay([...before, swap, fault(2, { t: 90_000 })], dufour, {
      costs: { swap: 1_500, minor: 7 },
    });
    expect(replayed.row(dufour, 4)).toMatchObject({ verdict: 'speculative', site: null, wait_ns: 5_000, tries: 1 });
    // The page is there: a write finds it writable. Were it not, the fault would be a first touch, and longer.
    const { makespan_ns } = replayed.model(dufour).time;
    expect(makespan_ns).toBe(90_000 + 7);
  });

  test('has tried once when it finds that the access is forbidden', async () => {
    const replayed = await replay([...before, fault(9, { t: 50_000 })], dufour);
    expect(replayed.row(dufour, 4)).toMatchObject({ verdict: 'signal', fallback: false, tries: 1 });
  });
});

describe('VM_FAULT_RETRY without a wait', () => {
  test('lets nobody in between: the fault goes on to mmap_lock at once', async () => {
    // Thread 1 is late; thread 2's munmap of the same page starts with its fault, and not before it.
    const events = [
      vma(0, 8, { t: 0 }),
      range('mprotect', 0, 8, { t: 1, dur: 50_000, prot: 'r--' }),
      fault(1, { t: 2, access: 'read', page: { entry: 'swap', wait: 0 } }),
      range('munmap', 1, 1, { t: 3, tid: 2 }),
    ];
    const row = (await replay(events, 'v6.4')).row('v6.4', 2);
    expect(row).toMatchObject({ site: 'do_swap_page', verdict: 'mmap_lock', wait_ns: 0, start: 50_001 });
  });
});

test("Lespinasse's reuses an anonymous page of its own, whatever the trace says of the anon_vma, and copies none without", async () => {
  const model = 'spf_lespinasse_2022';
  const swapped = { page: { entry: 'swap', folio: 'cached' } };
  const trace = (more: Record<string, unknown>) => [
    vma(0, 8, { t: 0, anon_vma: false }),
    fault(0, { t: 1, access: 'read', mode: 'kernel', ...swapped }),
    fault(0, { t: 500_000, tid: 2, ...more }),
  ];
  const verdict = async (more: Record<string, unknown>) => {
    const { site, fallback } = (await replay(trace(more), model)).row(model, 2);
    return [fallback, site];
  };
  expect(await verdict({})).toEqual([false, null]);
  expect(await verdict({ page: { entry: 'present', shared: true } })).toEqual([
    true,
    'wp_page_copy.spf_abort_anon_vma',
  ]);
});
