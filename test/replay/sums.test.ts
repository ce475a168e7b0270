/** The sums of a replay: each that is broken is found out, and so is a lock that is still held. */
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { Bug } from '../../src/errors.js';
import { COSTS } from '../../src/kernel/costs.js';
import { Kernel } from '../../src/kernel/kernel.js';
import type { Ledger } from '../../src/kernel/ledger.js';
import { VM_READ, Vma } from '../../src/kernel/vma.js';
import { findStage } from '../../src/lineage/resolve.js';
import { LockTable } from '../../src/replay/lock-table.js';
import { checkLocks, checkSums, checkTimes, type Sums } from '../../src/replay/sums.js';
import { LAST_NS } from '../../src/units.js';
import { fault, range, replay, vma } from '../helpers.js';

/** Ten faults, two from kernel mode: six under the VMA lock, three under mmap_lock, one signal after a retry. */
const SUMS: Sums = {
  backlog: 0,
  begun: 10,
  total: 10,
  kernelMode: 2,
  userFallbacks: 2,
  verdicts: [0, 6, 3, 1],
  counters: [2, 6, 1, 1, 0],
  uncounted: 2,
  givenUp: 0,
  reasons: 4,
  overTime: { from_ns: 0, bin_ns: 1_000, faults: [4, 6], fallbacks: [2, 0] },
  hasVmaLock: true,
  attempts: 0,
  gaveUp: 0,
  speculativeSignals: 0,
};

describe('sums that add up', () => {
  test('are left alone', () => {
    expect(() => checkSums(SUMS, 'here')).not.toThrow();
  });

  test.each<[Partial<Sums>, string]>([
    [{ backlog: 1 }, '1 events were never started here'],
    [{ begun: 11 }, '11 faults were started and 10 are over here'],
    [{ verdicts: [0, 7, 3, 1] }, 'verdicts do not add up to the 10 faults here'],
    [{ reasons: 3 }, 'reasons do not add up here'],
    [{ counters: [2, 6, 1, 0, 0] }, 'counters do not add up here'],
    [{ givenUp: 1 }, 'counters do not add up here'],
    [{ hasVmaLock: false }, 'too many successes here'],
    [{ counters: [2, 8, 0, 0, 0] }, 'too many successes here'],
    [{ attempts: 9 }, 'speculations do not add up here'],
    [{ userFallbacks: 9 }, 'more fallbacks than user faults here'],
    [{ kernelMode: 0 }, 'mmap_lock without a fallback here'],
    [{ overTime: { ...SUMS.overTime, faults: [4, 5] } }, 'times do not add up here'],
    [{ overTime: { ...SUMS.overTime, fallbacks: [2, 1] } }, 'times do not add up here'],
  ])('are missed where they are broken: %j', (broken, message) => {
    expect(() => checkSums({ ...SUMS, ...broken }, 'here')).toThrow(new Bug(message));
  });
});

describe('times', () => {
  test('that are exact are left alone', () => {
    expect(() => checkTimes(LAST_NS, LAST_NS, 't.json')).not.toThrow();
  });

  test.each([
    ['what faults and operations waited', LAST_NS + 1, 0],
    ['how long locks were held', 0, LAST_NS + 1],
  ])('%s must be exact', (what, waits, holds) => {
    const message = `${what} passes 9,007,199,254,740,991 ns (104 days), and would not be exact`;
    const complaint = { class: 'limit', message, where: { file: 't.json' } };
    expect(() => checkTimes(waits, holds, 't.json')).toThrow(expect.objectContaining(complaint));
  });

  test.each([
    ['waits', { page: { entry: 'swap', wait: LAST_NS - 1e12 } }, {}, 'what faults and operations waited'],
    ['holds', {}, { anon_read: LAST_NS - 1e12 }, 'how long locks were held'],
  ])('%s of many threads add up, though the clock stands far below', async (_, more, costs, what) => {
    const faults = [1, 2].map(tid => fault(tid, { t: 0, tid, access: 'read', ...more }));
    const replayed = replay([vma(0, 8, { t: 0 }), ...faults], 'v6.18', { costs });
    await expect(replayed).rejects.toMatchObject({ class: 'limit', message: expect.stringMatching(what) });
  });

  test('costs of a step that nobody can take are no times', async () => {
    const trace = [vma(0, 8), range('mprotect', 0, 8, { prot: 'r--' }), fault(0, { tid: 2, access: 'read' })];
    const replayed = replay(trace, 'v6.18', { costs: { op: LAST_NS, anon_read: LAST_NS } });
    await expect(replayed).rejects.toMatchObject({ class: 'limit', message: expect.stringMatching(/^the clock/) });
  });
});

describe('locks that are free at the end', () => {
  function kernel() {
    const k = new Kernel(findStage('v6.18'), new Engine(), COSTS, {} as Ledger, false);
    const vma = new Vma(1, 2, VM_READ, 1, -1, 0, -1);
    k.lock?.attach(vma);
    k.mm(0).mm_mt.store(vma);
    return { k, vma, lock: k.mm(0).mmap_lock };
  }

  test('are left alone', () => {
    expect(() => checkLocks(kernel().k, 'here')).not.toThrow();
  });

  test('are missed where somebody holds one, or waits for it', () => {
    const [writer, reader, inside] = [kernel(), kernel(), kernel()];
    writer.lock.write(0);
    reader.lock.read(0);
    inside.k.lock?.take(inside.vma);
    for (const { k } of [writer, reader]) {
      expect(() => checkLocks(k, 'here')).toThrow(new Bug('mmap_lock is not free at the end here'));
    }
    expect(() => checkLocks(inside.k, 'here')).toThrow(new Bug('a VMA lock is not free at the end here'));
  });

  test('were released as often as they were taken', () => {
    const table = new LockTable();
    table.mmap(0, true).acquire(0, false);
    expect(() => table.check('here')).toThrow(new Bug('mmap_lock: 1 taken, 0 released here'));
  });
});
