import { describe, expect, test } from 'vitest';
import { MEMBERS_LISTED } from '../../src/replay/convoys.js';
import type { Convoy } from '../../src/replay/result.js';
import { at, fault, range, replay, vma } from '../helpers.js';

/** Thread 2 has mmap_lock for reading, 3 wants it for writing, and whoever comes then waits behind 3. */
const behindReader = (followers: number) => [
  vma(0, 256, { t: 0, name: 'heap' }),
  { op: 'read_maps', tid: 2, t: 1_000, kind: 'smaps_rollup', dur: 500_000 },
  range('mprotect', 0, 1, { t: 2_000, tid: 3, prot: 'r--' }),
  ...Array.from({ length: followers }, (_, i) => fault(2 + i, { t: 3_000 + i, tid: 10 + i })),
];

const convoyOf = async (events: Parameters<typeof replay>[0], model = 'mmap_lock'): Promise<Convoy | null> =>
  (await replay(events, model)).model(model).convoy;

describe('the longest convoy', () => {
  test('a writer waits behind a reader, everyone behind the writer', async () => {
    const convoy = await convoyOf(behindReader(3));
    expect(convoy).toMatchObject({ mm: 1, from_ns: 2_000, threads: 4, waits: 4, deepest: 4 });
    expect(convoy?.holder).toMatchObject({ i: 1, op: 'read_maps', tid: 2, mode: 'read', from_ns: 1_000 });
    const [writer, ...faults] = convoy!.members;
    const held = { op: 'read_maps', tid: 2 };
    expect(writer).toMatchObject({ op: 'mprotect', tid: 3, mode: 'write', name: 'heap', blocked_by: held });
    expect(writer).toMatchObject({ start: at(0), end: at(1), from_ns: 2_000 });
    expect(faults.map(({ tid, mode, from_ns }) => [tid, mode, from_ns])).toEqual([
      [10, 'read', 3_000],
      [11, 'read', 3_001],
      [12, 'read', 3_002],
    ]);
    for (const one of faults) expect(one.blocked_by).toMatchObject({ op: 'mprotect', tid: 3 });
    const waits = convoy!.members.map(({ wait_ns }) => wait_ns);
    expect(convoy!.wait_ns).toBe(waits.reduce((sum, wait) => sum + wait));
    expect(convoy!.max_wait_ns).toBe(Math.max(...waits));
    expect(convoy!.to_ns).toBe(Math.max(...convoy!.members.map(one => one.from_ns + one.wait_ns)));
  });

  test('faults under the VMA lock are in none', async () => {
    const convoy = await convoyOf(behindReader(3), 'v6.4');
    expect(convoy?.members.every(({ op, tid }) => op === 'mprotect' || tid >= 10) ?? true).toBe(true);
    const untouched = [vma(0, 8, { t: 0 }), fault(0, { t: 10 }), fault(1, { t: 10, tid: 2 })];
    expect(await convoyOf(untouched)).toBeNull();
  });

  test('one thread that waits alone makes none', async () => {
    expect(await convoyOf(behindReader(0))).toBeNull();
  });

  test('the first members are listed, all are counted', async () => {
    const convoy = await convoyOf(behindReader(MEMBERS_LISTED + 20));
    expect(convoy?.members).toHaveLength(MEMBERS_LISTED);
    expect(convoy).toMatchObject({ threads: MEMBERS_LISTED + 21, waits: MEMBERS_LISTED + 21 });
  });

  test('of two the one with more waiting is kept', async () => {
    const shifted = (followers: number) =>
      behindReader(followers)
        .slice(1)
        .map(event => ({ ...event, t: Number(event.t) + 10_000_000, tid: Number(event.tid) + 100 }));
    const kept = [
      await convoyOf([...behindReader(3), ...shifted(6)]),
      await convoyOf([...behindReader(6), ...shifted(3)]),
    ];
    expect(kept).toMatchObject([
      { from_ns: 10_002_000, threads: 7 },
      { from_ns: 2_000, threads: 7 },
    ]);
  });
});

describe('what is known of those in it', () => {
  test('advice, the file of /proc, the name of a system call and what threads are called', async () => {
    const [heap, , , ...faults] = behindReader(2);
    const locks = [{ mode: 'read', ask: 2_100, got: 2_100, end: 2_200 }];
    const events = [
      heap,
      { op: 'thread', tid: 2, t: 0, name: 'agent' },
      { op: 'read_maps', tid: 2, t: 1_000, kind: 'smaps_rollup', dur: 500_000 },
      range('madvise', 0, 1, { t: 2_000, tid: 3, advice: 'sequential' }),
      { op: 'other', tid: 4, t: 2_100, name: 'mincore', dur: 100, locks },
      ...faults,
    ];
    const convoy = await convoyOf(events);
    expect(convoy?.holder).toMatchObject({ op: 'read_maps', kind: 'smaps_rollup', comm: 'agent' });
    expect(convoy?.members.slice(0, 2)).toMatchObject([
      { op: 'madvise', kind: 'sequential' },
      { op: 'mincore', tid: 4 },
    ]);
    expect(convoy?.members[2]).not.toHaveProperty('kind');
  });
});

describe('operations that stand in the way', () => {
  const reads = (gaps: readonly number[]) => {
    let t = 0;
    return gaps.flatMap((gap, k) => {
      t += gap;
      const read = { op: 'read_maps', tid: 2, t, kind: 'smaps', dur: 500_000 };
      return [read, range('mprotect', 0, 1, { t: t + 1_000, tid: 10 + k, prot: k % 2 ? 'rw-' : 'r--' })];
    });
  };
  const rowOf = async (gaps: readonly number[]) => {
    const { blockers } = (await replay([vma(0, 8, { t: 0 }), ...reads(gaps)], 'v6.18')).model('v6.18');
    return blockers.find(({ op }) => op === 'read_maps');
  };

  test('and come again after as long each time have a period', async () => {
    expect(await rowOf([10_000, 30_000_000, 31_000_000, 30_000_000])).toMatchObject({
      times: 4,
      period_ns: 30_333_333,
    });
  });

  test('but neither two of them nor any that come now and then', async () => {
    for (const gaps of [
      [10_000, 30_000_000],
      [10_000, 30_000_000, 35_000_000, 30_000_000],
    ]) {
      const row = await rowOf(gaps);
      expect(row?.times).toBe(gaps.length);
      expect(row).not.toHaveProperty('period_ns');
    }
  });
});
