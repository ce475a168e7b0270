/** Faults of which a recording cannot tell what they met, and by how little. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Event, fault, mmap, range, traceFile, verify, vma } from '../helpers.js';
import { FELL_BACK, MS, STAYED, writer } from './verified.js';

describe('undecided', () => {
  const one = async (t: number, truth: object, more: Partial<Event> = {}) => {
    const trace = [vma(0, 8, { t: 0 }), writer(0, MS, 2 * MS), fault(0, { t, tid: 3, ...truth, ...more })];
    const { rows } = await verify(
      trace.sort((a, b) => Number(a.t) - Number(b.t)),
      'v6.18',
    );
    return [rows[0].class, rows[0].reason, rows[0].predicted];
  };

  test('at the edges of a section that marks its VMA, and nowhere else', async () => {
    expect(await one(MS - 60_000, STAYED)).toEqual(['scored', null, 'vma_lock']);
    expect(await one(MS - 40_000, STAYED)).toEqual(['undecided', 'vma_lock_race', 'vma_lock']);
    expect(await one(MS + 5_000, FELL_BACK)).toEqual(['undecided', 'vma_lock_race', 'mmap_lock']);
    expect(await one(MS + 500_000, FELL_BACK)).toEqual(['scored', null, 'mmap_lock']);
    expect(await one(2 * MS - 20_000, FELL_BACK)).toEqual(['undecided', 'vma_lock_race', 'mmap_lock']);
    expect(await one(2 * MS + 20_000, STAYED)).toEqual(['scored', null, 'vma_lock']);
  });

  test('while its thread had lost the processor, unless that is explained by a wait', async () => {
    const other = fault(100, { t: MS - 80_000, tid: 4, cpu: 1, ...STAYED });
    const away = async (dur: number, page: object, cpu = 1) => {
      const met = fault(0, { t: MS - 100_000, tid: 3, cpu, dur, page, ...STAYED });
      const trace = [vma(0, 8, { t: 0 }), vma(100, 8, { t: 0 }), met, other, writer(0, MS, 2 * MS)];
      return (await verify(trace, 'v6.18')).rows[0].reason;
    };
    expect(await away(500_000, {})).toBe('vma_lock_race');
    expect(await away(500_000, {}, 2)).toBe(null);
    expect(await away(19_000, {})).toBe(null);
    expect(await away(500_000, { entry: 'swap', swap_sync: true, wait: 490_000 })).toBe(null);
  });

  test('not for who waits for mmap_lock: others may have overtaken it', async () => {
    const behind = async (page: number, cpu: number) => {
      const met = fault(0, { t: MS + 500_000, tid: 3, cpu: 1, dur: 4 * MS, ...FELL_BACK });
      const trace = [vma(0, 8, { t: 0 }), vma(100, 8, { t: 0 }), writer(page, MS, 2 * MS), met];
      trace.push(fault(101, { t: MS + 600_000, tid: 4, cpu, ...STAYED }), writer(0, 3 * MS, 4 * MS));
      return (await verify(trace, 'v6.18')).rows[0].reason;
    };
    expect(await behind(0, 1)).toBe(null);
    expect(await behind(100, 1)).toBe('vma_lock_race');
    expect(await behind(100, 2)).toBe(null);
  });

  test('not by a section of the same thread', async () => {
    expect(await one(MS - 40_000, STAYED, { tid: 2 })).toEqual(['scored', null, 'vma_lock']);
  });

  test('not where every fault takes mmap_lock', async () => {
    const trace = [vma(0, 8, { t: 0 }), writer(0, MS, 2 * MS), fault(0, { t: MS + 5_000, tid: 3, ...FELL_BACK })];
    const { result } = await verify(trace, 'mmap_lock');
    expect(result).toMatchObject({ scored: 1, agree: 1, undecided: { faults: 0 } });
  });

  test('where a first touch tries mmap_lock while somebody is about to take it', async () => {
    const first = (t: number) => [
      vma(0, 8, { t: 0 }),
      mmap(64, 4, { t: 10 }),
      ...[writer(0, MS, 2 * MS), fault(64, { t, tid: 3, ...FELL_BACK })].sort((a, b) => Number(a.t) - Number(b.t)),
    ];
    for (const [t, how, predicted] of [
      [MS - 200_000, 'scored', 'vma_lock'],
      [MS - 50_000, 'undecided', 'vma_lock'],
      [MS + 500_000, 'scored', 'mmap_lock'],
      [2 * MS - 50_000, 'undecided', 'mmap_lock'],
    ] as const) {
      const { rows } = await verify(first(t), 'v6.18');
      expect([t, rows[0].class, rows[0].predicted]).toEqual([t, how, predicted]);
    }
  });

  test('where a read from disk may have ended before anybody waited for it', async () => {
    const swapped = (folio: string, more = {}) =>
      fault(0, { t: 10, page: { entry: 'swap', folio, ...more }, ...FELL_BACK });
    for (const [event, reason] of [
      [swapped('absent'), 'swap_io'],
      [swapped('absent', { swap_sync: true }), null],
      [swapped('cached'), null],
      [swapped('locked'), null],
    ] as const) {
      const { rows } = await verify([vma(0, 8, { t: 0 }), event], 'v6.18');
      expect([event.page, rows[0].reason]).toEqual([event.page, reason]);
    }
  });

  test('but not where the header says that the device is synchronous, whether the fault is known to be of swap or not', async () => {
    const swapped = [
      vma(0, 8, { t: 0, anon_vma: true }),
      fault(0, { t: 10, ...STAYED }),
      range('madvise', 0, 1, { t: MS, advice: 'pageout' }),
      fault(0, { t: 2 * MS, ...STAYED }),
    ];
    expect((await verify(swapped, 'v6.18')).rows[1]).toMatchObject({ reason: 'swap_io', predicted: 'mmap_lock' });
    const path = traceFile(swapped);
    const text = readFileSync(path, 'utf8').replace('"version":1', '"version":1,"meta":{"x-swap-sync":true}');
    writeFileSync(path, text);
    expect((await verify(path, 'v6.18')).rows[1]).toMatchObject({ class: 'scored', predicted: 'vma_lock' });
  });

  test('behind records that were lost', async () => {
    const met = [10, 20, 30].map(t => fault(64, { t, ...STAYED }));
    const path = traceFile([vma(0, 8, { t: 0 }), ...met]);
    const lost = readFileSync(path, 'utf8').replace('"version":1', '"version":1,"meta":{"lost":3,"x-lost-from":20}');
    writeFileSync(path, lost);
    const reasons = async (model: string) => (await verify(path, model)).rows.map(({ reason }) => reason);
    expect(await reasons('v6.18')).toEqual([null, null, 'lost']);
    expect(await reasons('mmap_lock')).toEqual([null, null, null]);
  });

  test('not where the recording shows who slept for it, unless something else is hidden', async () => {
    const page = { entry: 'swap', folio: 'absent', wait: 50_000 };
    const met = [{}, { 'x-hidden': 'folio lock' }].map((more, i) =>
      fault(i, { t: 10 + 200_000 * i, page, ...FELL_BACK, ...more }),
    );
    const path = traceFile([vma(0, 8, { t: 0 }), ...met]);
    const reasons = async () => (await verify(path, 'v6.18')).rows.map(({ reason }) => reason);
    expect(await reasons()).toEqual(['swap_io', 'swap_io']);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"version":1', '"version":1,"meta":{"x-sleeps":true}'));
    expect(await reasons()).toEqual([null, 'swap_io']);
  });

  test('where nobody knows what a call did to that memory, whatever the model says', async () => {
    const hidden = { 'x-hidden': 'memory: mremap failed' };
    const met = [fault(0, { t: 10, ...STAYED, ...hidden }), fault(64, { t: 20, ...FELL_BACK, ...hidden })];
    const { rows, result } = await verify([vma(0, 8, { t: 0 }), ...met, fault(1, { t: 30, ...STAYED })], 'v6.18');
    expect(rows.map(({ reason }) => reason)).toEqual(['hidden_memory', 'hidden_memory', null]);
    expect(result.undecided).toMatchObject({ faults: 2, agree: 2 });
  });

  test('where no VMA is known, in a recording that hides some', async () => {
    const nowhere = fault(64, { t: 20, ...STAYED });
    const guessed = { 'x-inferred': 'a fault there ended well' };
    for (const [known, reason] of [
      [vma(0, 8, { t: 0, ...guessed }), 'hidden_vma'],
      [vma(0, 8, { t: 0 }), null],
    ] as const) {
      const { rows } = await verify([known, nowhere], 'v6.18');
      expect(rows[0].reason).toBe(reason);
    }
  });

  test('but not below a stack, where nothing else is mapped', async () => {
    const guessed = vma(0, 8, { t: 0, 'x-inferred': 'a fault there ended well' });
    const stack = vma(1000, 8, { t: 0, flags: ['private', 'anonymous', 'growsdown'] });
    const { rows } = await verify([guessed, stack, fault(990, { t: 20, access: 'write', ...FELL_BACK })], 'v6.18');
    expect(rows[0]).toMatchObject({ class: 'scored', predicted: 'mmap_lock', site: 'lock_vma_under_rcu.no_vma' });
  });

  test('while the model still holds up its thread, up to where it begins there', async () => {
    const { rows } = await verify(
      [
        vma(0, 8, { t: 0 }),
        writer(0, MS, 2 * MS),
        fault(0, { t: MS + 5_000, tid: 3, ...STAYED }),
        fault(1, { t: MS + 500_000, tid: 3, ...FELL_BACK }),
      ],
      'v6.18',
    );
    expect(rows.map(row => [row.class, row.predicted])).toEqual([
      ['undecided', 'mmap_lock'],
      ['undecided', 'vma_lock'],
    ]);
  });

  test('however long the fault sleeps, and however many come after it', async () => {
    const file = { name: '/data', fs: 'ext4' };
    const slow = { page: { folio: 'absent', wait: 90 * MS }, access: 'read', ...FELL_BACK };
    const later = Array.from({ length: 3_000 }, (_, i) => fault(40 + i, { t: 3 * MS + i * 20_000, ...STAYED }));
    const trace = [
      mmap(0, 8, { t: 0, flags: ['shared'], file }),
      vma(40, 3_000, { t: 0 }),
      fault(0, { t: MS - 40_000, tid: 3, ...slow }),
      writer(0, MS, 2 * MS),
      ...later,
    ];
    const { result, rows } = await verify(trace, 'v6.18', { batch: 64 });
    expect(rows.find(row => row.i === 2)).toMatchObject({ class: 'undecided', reason: 'vma_lock_race' });
    expect(result).toMatchObject({ scored: 3_000, agree: 3_000 });
  });

  test('in what an operation only comes to: any VMA of a fork, of an mprotect all but the first', async () => {
    const locks = [{ mode: 'write', ask: MS - 1_000, got: MS, end: 2 * MS }];
    const call = { t: MS - 2_000, tid: 2, dur: MS + 4_000, locks };
    const twice = [vma(0, 4, { t: 0 }), vma(4, 4, { t: 0, prot: 'r--' })];
    for (const [operation, page, how] of [
      [{ op: 'fork', child_tid: 9, child_mm: 2, ...call }, 0, 'undecided'],
      [range('mprotect', 2, 6, { ...call, prot: 'rwx' }), 2, 'scored'],
      [range('mprotect', 2, 6, { ...call, prot: 'rwx' }), 4, 'undecided'],
    ] as const) {
      const met = fault(page, { t: MS + 500_000, tid: 3, access: 'read', ...FELL_BACK });
      const { rows } = await verify([...twice, operation, met], 'v6.18');
      expect([operation.op, page, rows[0].class, rows[0].predicted]).toEqual([operation.op, page, how, 'mmap_lock']);
    }
  });

  test('in what an operation marks whose thread stopped running meanwhile', async () => {
    const stopped = { ...writer(0, MS, 2 * MS), 'x-hidden': 'its thread stopped running' };
    const events = [vma(0, 8, { t: 0 }), stopped, fault(0, { t: MS + 500_000, tid: 3, ...STAYED })];
    expect((await verify(events, 'v6.18')).rows[0]).toMatchObject({ class: 'undecided', reason: 'vma_lock_race' });
  });

  test('by a call that nobody models: it may mark any VMA, as prctl(PR_SET_MEMORY_MERGE) does', async () => {
    const { op: _op, prot: _prot, addr: _addr, len: _len, ...when } = writer(0, MS, 2 * MS);
    const call = { ...when, op: 'other', name: 'prctl' };
    const events = [vma(0, 8, { t: 0 }), call, fault(0, { t: MS + 500_000, tid: 3, ...FELL_BACK })];
    expect((await verify(events, 'v6.18')).rows[0]).toMatchObject({ class: 'undecided', reason: 'vma_lock_race' });
  });

  test.each([
    ['its end was recorded', { dur: 5 * MS }, []],
    ['its thread goes on, for it ended in a signal', {}, [range('munmap', 900, 1, { t: 6 * MS, tid: 2 })]],
  ])('while a fault waits for mmap_lock to grow a stack, until %s', async (_, how, after) => {
    const grows = fault(98, { t: MS, tid: 2, ...how, truth: { path: 'mmap_lock', fallback: true } });
    const stack = mmap(100, 4, { t: 0, flags: ['private', 'anonymous', 'growsdown'] });
    const touch = (page: number, t: number) => fault(page, { t, tid: 3, ...STAYED });
    const fresh = [0, 8, 16].map(page => vma(page, 4, { t: 0, anon_vma: false }));
    const events = [...fresh, stack, grows, touch(0, 3 * MS), ...after, touch(8, 8 * MS), touch(16, 9 * MS)];
    const { rows } = await verify(events, 'v6.18');
    expect(rows.map(row => row.reason)).toEqual([null, 'mmap_lock_race', null, null]);
  });

  describe('no longer when the fault is known to be over', () => {
    /** A few calls that take mmap_lock for so long: the clock of the recording is known by them. */
    const calls = (held: number): Event[] =>
      Array.from({ length: 8 }, (_, i) => {
        const t = i * 20_000;
        return mmap(100 + 8 * i, 4, {
          t,
          tid: 9,
          dur: held,
          locks: [{ mode: 'write', ask: t, got: t, end: t + held }],
        });
      });
    const t = MS - 40_000;
    const [ends, goesOn] = [{ dur: 30_000 }, fault(8, { t: t + 30_000, tid: 3, ...STAYED })];
    const first = async (held: number, more: object, ...next: Event[]) => {
      const trace = [vma(0, 16, { t: 0 }), ...calls(held), fault(0, { t, tid: 3, ...STAYED, ...more }), ...next];
      return (await verify([...trace, writer(0, MS, 2 * MS)], 'v6.18')).rows[0].class;
    };

    test('because its end was recorded, or its thread went on', async () => {
      expect(await first(9_000, {})).toBe('undecided');
      expect(await first(9_000, ends)).toBe('scored');
      expect(await first(9_000, {}, goesOn)).toBe('scored');
      expect(await first(9_000, { dur: 41_000 })).toBe('undecided');
    });

    test('nor by a call that is', async () => {
      const behind = async (held: number, t: number) => {
        const trace = [vma(0, 16, { t: 0 }), ...calls(held), writer(0, MS, 2 * MS), fault(0, { t, tid: 3, ...STAYED })];
        return (await verify(trace, 'v6.18')).rows[0].class;
      };
      // the call is over 2 us behind it released mmap_lock
      expect([await behind(9_000, 2 * MS + 1_900), await behind(9_000, 2 * MS + 2_000)]).toEqual([
        'undecided',
        'scored',
      ]);
      expect(await behind(2, 2 * MS + 2_000)).toBe('undecided');
    });

    test('unless the clock ticks: between two ticks nothing is known of the order', async () => {
      expect(await first(2, ends)).toBe('undecided');
      expect(await first(2, {}, goesOn)).toBe('undecided');
    });
  });
});
