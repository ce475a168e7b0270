/** A recording against a model: every user fault is in one class, and the class does not depend on what the kernel did. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VerifiedFault } from '../../src/replay/verification.js';
import { at, type Event, fault, mmap, range, verify, vma } from '../helpers.js';
import { addUp, did, FELL_BACK, MS, STAYED, writer } from './verified.js';

const RECORDED = fileURLToPath(new URL('../../traces/recorded/', import.meta.url));
const RECORDINGS = readdirSync(RECORDED).filter(name => name.endsWith('.gz'));
const EMULATED = readdirSync(`${RECORDED}emulated`);

const events = (path: string): Event[] =>
  gunzipSync(readFileSync(path))
    .toString()
    .trim()
    .split('\n')
    .slice(1)
    .map(line => JSON.parse(line) as Event);

describe('the recordings that are shipped', () => {
  test.each(RECORDINGS)('%s: the model says of every fault what the kernel did', async name => {
    const { result } = await verify(RECORDED + name, 'v6.18');
    addUp(result);
    expect(result.disagreements).toEqual([]);
    expect(result.agreement).toBe(1);
    expect(result.scored).toBeGreaterThan(30);
  });

  test.each(EMULATED)(
    'emulated/%s: of seven kernels, whatever can be said from facts alone is what they did',
    async name => {
      const { result } = await verify(`${RECORDED}emulated/${name}`, name.slice(0, name.indexOf('-')));
      addUp(result);
      expect(result.disagreements).toEqual([]);
      expect(result.scored).toBeGreaterThan(40);
    },
  );

  test('hardly a fault of a real program is undecided', async () => {
    for (const name of ['6.18-node-workers', '6.18-sqlite']) {
      const { result } = await verify(`${RECORDED}${name}.ndjson.gz`, 'v6.18');
      expect(result.inferred.scored + result.undecided.faults).toBe(0);
    }
  });

  test('under another kernel they disagree', async () => {
    const { result } = await verify(`${RECORDED}6.18-sqlite.ndjson.gz`, 'v6.5', { top: 3 });
    expect(result.agreement).toBeLessThan(0.6);
    expect(result.disagreements).toHaveLength(3);
    expect(result.disagreements[0]).toMatchObject({ truth: 'vma_lock', predicted: 'mmap_lock' });
    addUp(result);
  });
});

describe('what the kernel did', () => {
  test('does not decide in which class a fault is: turned round, only the agreement changes', async () => {
    const turn = (event: Event): Event => {
      const { truth } = event as { truth?: { path?: string; fallback?: boolean } };
      // an interrupted one has no outcome yet
      if (truth?.fallback === undefined || truth.path === 'interrupted') return event;
      return { ...event, truth: { ...truth, fallback: !truth.fallback } };
    };
    const about = ({ i, class: how, reason, predicted }: VerifiedFault) => [i, how, reason, predicted];
    for (const name of RECORDINGS.filter(name => !name.includes('node'))) {
      const all = events(RECORDED + name);
      const [as, turned] = [await verify(all, 'v6.18'), await verify(all.map(turn), 'v6.18')];
      expect(turned.rows.map(about)).toEqual(as.rows.map(about));
      expect(turned.result.unscored).toEqual(as.result.unscored);
      const { scored, agree, inferred, undecided } = as.result;
      expect(turned.result).toMatchObject({ scored, agree: scored - agree });
      expect(turned.result.inferred.agree).toBe(inferred.scored - inferred.agree);
      expect(turned.result.undecided.agree).toBe(undecided.faults - undecided.agree);
    }
  });

  test('may be unknown, of a fault from kernel mode, of a thread that was killed, or of one that a signal interrupted', async () => {
    const { result, rows } = await verify(
      [
        vma(0, 8, { t: 0 }),
        fault(0, { t: 10, ...STAYED }),
        fault(1, { t: 20 }),
        fault(2, { t: 30, mode: 'kernel', ...FELL_BACK }),
        fault(3, { t: 40, truth: { path: 'killed', fallback: false } }),
        fault(4, { t: 50, truth: { path: 'interrupted', fallback: false } }),
        fault(5, { t: 60, truth: { path: 'interrupted', fallback: true } }),
      ],
      'v6.18',
    );
    expect(result).toMatchObject({ scored: 2, unscored: { kernel_mode: 1, no_truth: 1, killed: 1, interrupted: 1 } });
    expect(rows.map(row => [row.i, row.class, row.reason])).toEqual([
      [1, 'scored', null],
      [2, 'unscored', 'no_truth'],
      [4, 'unscored', 'killed'],
      [5, 'unscored', 'interrupted'],
      [6, 'scored', null],
    ]);
    addUp(result);
  });
});

describe('a fault that the model gets wrong', () => {
  test('is named, with what either has to say and who was near', async () => {
    const { result } = await verify(
      [
        vma(0, 8, { t: 0 }),
        writer(0, MS, 2 * MS),
        fault(0, { t: 1.5 * MS, tid: 3, truth: { path: 'vma_lock', fallback: false } }),
        fault(40, { t: 4 * MS, truth: { path: 'mmap_lock', fallback: true, via: 'lock_mm_and_find_vma', wait: 70 } }),
        mmap(60, 4, { t: 5 * MS }),
        fault(60, { t: 6 * MS, truth: { path: 'mmap_lock', fallback: true, via: 'lock_mm_and_find_vma', wait: 70 } }),
      ],
      'v6.18',
    );
    expect(result).toMatchObject({ scored: 3, agree: 1 });
    expect(result.confusion).toEqual({
      vma_lock: { vma_lock: 0, mmap_lock: 1 },
      mmap_lock: { vma_lock: 1, mmap_lock: 1 },
    });
    expect(result.disagreements).toMatchObject([
      {
        ...{
          i: 2,
          t: 1.5 * MS,
          tid: 3,
          addr: at(0),
          truth: 'vma_lock',
          predicted: 'mmap_lock',
          site: 'vma_start_read',
        },
        blocked_by: { i: 1, op: 'mprotect', tid: 2 },
        recorded: { path: 'vma_lock', via: null, wait_ns: null },
        writer: { i: 1, op: 'mprotect', tid: 2, ask: MS - 1_000, got: MS, end: 2 * MS, marks: true },
      },
      {
        ...{ i: 5, truth: 'mmap_lock', predicted: 'vma_lock', site: null },
        recorded: { path: 'mmap_lock', via: 'lock_mm_and_find_vma', wait_ns: 70 },
        writer: null,
      },
    ]);
  });

  test('is one of the first in the order of the trace, however many there are', async () => {
    const faults = Array.from({ length: 40 }, (_, i) => fault(i, { t: 100 + i * 10, ...FELL_BACK }));
    for (const batch of [1, 7, 1024]) {
      const { result } = await verify([vma(0, 64, { t: 0 }), ...faults], 'v6.18', { top: 2, batch });
      expect([result.scored - result.agree, result.disagreements.map(({ i }) => i)]).toEqual([40, [1, 2]]);
    }
  });
});

describe('inferred', () => {
  const registered = (more: Partial<Event>) => [
    vma(0, 8, { t: 0 }),
    range('uffd_register', 0, 4, { t: 10, tid: 2, modes: ['missing'], ...more }),
    fault(0, { t: 1_000_000, page: { wait: 500 }, ...FELL_BACK }),
    fault(5, { t: 2_000_000, ...STAYED }),
  ];

  test('a prediction that would be another without the inference', async () => {
    const { result, rows } = await verify(registered({ 'x-inferred': 'by what came later' }), 'v6.18');
    expect(rows.map(row => [row.class, row.predicted])).toEqual([
      ['inferred', 'mmap_lock'],
      ['scored', 'vma_lock'],
    ]);
    expect(result).toMatchObject({ scored: 1, agree: 1, inferred: { scored: 1, agree: 1 } });
    addUp(result);
  });

  test('not one that rests on what was recorded', async () => {
    const { result } = await verify(registered({}), 'v6.18');
    expect(result).toMatchObject({ scored: 2, agree: 2, inferred: { scored: 0, agree: 0 } });
  });

  test('what the page of a fault says', async () => {
    const file = { name: '/data', fs: 'ext4' };
    const { result } = await verify(
      [
        mmap(0, 4, { t: 0, flags: ['shared'], file }),
        fault(0, { t: 10, page: { readahead: true }, 'x-inferred': 'the handler ran twice', ...FELL_BACK }),
        fault(1, { t: 1_000_000, page: { readahead: true }, ...FELL_BACK }),
      ],
      'v6.18',
    );
    expect(result).toMatchObject({ scored: 1, agree: 1, inferred: { scored: 1, agree: 1 } });
  });
});

describe('a fault that nothing explains', () => {
  test('is undecided, and the next one of its thread is not', async () => {
    const trace = [vma(0, 8, { t: 0 }), ...[0, 0, 1].map((page, i) => fault(page, { t: MS * (i + 1), ...STAYED }))];
    const { rows } = await verify(trace, 'v6.18');
    expect(rows.map(({ class: how, reason }) => [how, reason])).toEqual([
      ['scored', null],
      ['undecided', 'hidden_page'],
      ['scored', null],
    ]);
  });

  test('nor is one decided that met what the recording hides, unless it fell back before', async () => {
    const file = { name: '/data', fs: 'ext4' };
    const met = { t: MS, access: 'write', 'x-hidden': 'page cache' };
    const trace = [mmap(0, 4, { t: 0, flags: ['shared'], file }), fault(0, { ...met, ...FELL_BACK })];
    expect((await verify(trace, 'v6.18')).rows[0]).toMatchObject({ class: 'undecided', reason: 'hidden_page' });
    expect((await verify(trace, 'v6.6')).rows[0]).toMatchObject({ class: 'scored', predicted: 'mmap_lock' });
  });

  test('of two threads on one page either may have been first', async () => {
    const swapped = { page: { entry: 'swap' }, access: 'read' };
    const trace = [
      vma(0, 4, { t: 0, anon_vma: true }),
      fault(0, { t: MS, tid: 1, ...swapped, ...FELL_BACK }),
      fault(0, { t: MS + 1_000, tid: 2, ...STAYED }),
    ];
    const { rows } = await verify(trace, 'v6.4');
    expect(rows.map(({ class: how, reason }) => [how, reason])).toContainEqual(['undecided', 'page_race']);
  });

  test('and both may fall back for what the first of them then fills', async () => {
    const swapped = { page: { entry: 'swap' }, access: 'read', ...FELL_BACK };
    const two = (later: number) => [
      vma(0, 4, { t: 0, anon_vma: true }),
      fault(0, { t: MS, tid: 1, ...swapped }),
      fault(0, { t: MS + later, tid: 2, ...swapped }),
    ];
    const reasons = async (later: number) => (await verify(two(later), 'v6.4')).rows.map(({ reason }) => reason);
    expect(await reasons(20_000)).toEqual(['page_race', 'page_race']);
    expect(await reasons(5 * MS)).toEqual([null, null]);
  });
});

test('a step takes no time that was not recorded', async () => {
  // a clock that ticks: all is of one tick, and thread 1 was through with its pages before thread 2 mapped over them
  const locks = (got: number) => [{ mode: 'write', ask: got, got, end: got + 1 }];
  const trace = [
    mmap(0, 4, { t: 0 }),
    ...[0, 1, 2, 3].map(page => fault(page, { t: 10 + page, ...STAYED })),
    range('munmap', 0, 4, { t: 20, locks: locks(21) }),
    mmap(2, 4, { t: 30, tid: 2, locks: locks(31) }),
    fault(3, { t: 5 * MS, tid: 2, ...STAYED }),
  ];
  expect((await verify(trace, 'v6.18')).rows.at(-1)).toMatchObject({ class: 'scored', predicted: 'vma_lock' });
});

test('whatever the trace: the classes add up, and batches change nothing', async () => {
  const some = fc.record({
    t: fc.integer({ min: 0, max: 400_000 }),
    tid: fc.integer({ min: 1, max: 3 }),
    page: fc.integer({ min: 0, max: 7 }),
    kind: fc.constantFrom('fault', 'first', 'write'),
    fallback: fc.boolean(),
    inferred: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(some, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), async (drawn, batch) => {
      const trace = drawn
        .sort((a, b) => a.t - b.t)
        .map(({ t, tid, page, kind, fallback, inferred }): Event => {
          const mark = inferred ? { 'x-inferred': 'so' } : {};
          if (kind === 'write') return { ...range('mprotect', page, 1, { t, tid, prot: 'r--', dur: 30_000 }), ...mark };
          if (kind === 'first') return { ...mmap(16 + page, 1, { t, tid, dur: 9_000 }), ...mark };
          return { ...fault(fallback ? 16 + page : page, { t, tid, ...did(fallback) }), ...mark };
        });
      const whole = [vma(0, 8, { t: 0 }), ...trace];
      const { result, rows } = await verify(whole, 'v6.18');
      addUp(result);
      expect(rows).toHaveLength(result.trace.faults);
      const cut = await verify(whole, 'v6.18', { batch });
      expect(cut.result).toEqual({ ...result, trace: { ...result.trace, file: cut.result.trace.file } });
    }),
    { numRuns: 60 },
  );
});
