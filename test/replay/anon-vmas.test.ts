/** Anon_vmas that the recorded kernel may have made later than the model does, and what rests on them. */
import { describe, expect, test } from 'vitest';
import { at, type Event, fault, len, mmap, range, verify, vma } from '../helpers.js';
import { did, FELL_BACK, MS, STAYED, writer } from './verified.js';

describe('an anon_vma that a fault has yet to make', () => {
  /** Thread 1 makes it, but waits for thread 2 and perhaps for thread 3, who asked before him. */
  const trace = (...more: Event[]): Event[] => [
    vma(0, 8, { t: 0, anon_vma: false }),
    vma(100, 8, { t: 0, anon_vma: true }),
    writer(100, MS, 5 * MS),
    fault(0, { t: 2 * MS, tid: 1, ...FELL_BACK }),
    range('mprotect', 100, 2, {
      t: 2.4 * MS,
      tid: 3,
      prot: 'rw-',
      dur: 7 * MS,
      locks: [{ mode: 'write', ask: 2.5 * MS, got: 5.1 * MS, end: 9 * MS }],
    }),
    ...more,
  ];
  const reasons = async (...more: Event[]) =>
    (await verify(trace(...more), 'v6.18')).rows
      .slice(1)
      .map(({ class: how, reason, predicted }) => reason ?? `${how} ${predicted}`);

  test('may be missing as long as writers have the lock', async () => {
    expect(await reasons(fault(1, { t: 7 * MS, tid: 4, ...STAYED }))).toEqual(['anon_vma_race']);
    expect(await reasons(fault(1, { t: 9.3 * MS, tid: 4, ...STAYED }))).toEqual(['scored vma_lock']);
  });

  test('is there when its maker goes on, for himself, and when another write is over', async () => {
    expect(
      await reasons(fault(1, { t: 6 * MS, tid: 1, ...STAYED }), fault(2, { t: 7 * MS, tid: 4, ...STAYED })),
    ).toEqual(['scored vma_lock', 'scored vma_lock']);
    const [first, second] = [6 * MS, 7 * MS].map((t, i) => fault(1 + i, { t, tid: 4, ...STAYED }));
    expect(await reasons(first, second)).toEqual(['anon_vma_race', 'scored vma_lock']);
  });
});

test('one that a populating call makes may be missing until its section is over', async () => {
  const locks = [{ mode: 'read', ask: MS, got: MS, end: 3 * MS }];
  const populate = range('madvise', 0, 4, { t: MS, tid: 2, advice: 'populate_write', dur: 2 * MS, locks });
  const last = async (t: number, tid: number, ...before: Event[]) => {
    const events = [vma(0, 8, { t: 0, anon_vma: false }), populate, ...before, fault(6, { t, tid, ...STAYED })];
    return (await verify(events, 'v6.18')).rows.at(-1);
  };
  const doubtful = { reason: 'anon_vma_race', predicted: 'vma_lock' };
  expect(await last(2 * MS, 3)).toMatchObject(doubtful);
  expect(await last(4 * MS, 3)).toMatchObject({ class: 'scored', predicted: 'vma_lock' });
  const write = fault(7, { t: 1.5 * MS, tid: 3, ...STAYED });
  expect(await last(2 * MS, 3, write)).toMatchObject({ class: 'scored', predicted: 'vma_lock' });
  expect(await last(2 * MS, 4, write)).toMatchObject(doubtful);
});

describe('one that a fault made, which may have met what was mapped there before', () => {
  const locks = [{ mode: 'write', ask: MS, got: MS, end: 3 * MS }];
  const flags = ['private', 'anonymous', 'noreserve'];
  const mapped = mmap(0, 8, { t: MS, tid: 2, dur: 2.1 * MS, flags, locks });
  const maker = fault(0, { t: 2 * MS, tid: 1, ...STAYED });
  const last = async (page: number, t: number, ...before: Event[]) => {
    const events = [vma(0, 16, { t: 0, anon_vma: true }), mapped, maker, ...before];
    return (await verify([...events, fault(page, { t, tid: 1, ...STAYED })], 'v6.18')).rows.at(-1);
  };
  const there = { class: 'scored', predicted: 'vma_lock' };

  test('may be missing, for himself as well', async () => {
    expect(await last(1, 8 * MS)).toMatchObject({ reason: 'anon_vma_race', predicted: 'vma_lock' });
  });

  test('is there after another write', async () => {
    expect(await last(1, 8 * MS, fault(2, { t: 6 * MS, tid: 1, ...STAYED }))).toMatchObject(there);
    expect(await last(9, 8 * MS)).toMatchObject(there);
  });

  test('is in a copy by mremap after a write to that, not after one to what was copied', async () => {
    const section = [{ mode: 'write', ask: 4 * MS, got: 4 * MS, end: 5 * MS }];
    const copy: Event = {
      ...{ op: 'mremap', tid: 1, t: 4 * MS, dur: MS, locks: section, flags: ['maymove', 'fixed', 'dontunmap'] },
      ...{ addr: at(0), old_len: len(4), new_addr: at(40), new_len: len(4) },
    };
    const write = (page: number) => fault(page, { t: 6 * MS, tid: 1, ...STAYED });
    expect(await last(41, 8 * MS, copy, write(5))).toMatchObject({ reason: 'anon_vma_race', predicted: 'vma_lock' });
    expect(await last(41, 8 * MS, copy, write(42))).toMatchObject(there);
  });
});

test('what was mapped over a page while it was written to may have got the anon_vma', async () => {
  const map = (page: number): Event => ({
    ...mmap(page, 8, { t: 3 * MS, tid: 2, flags: ['private', 'anonymous', 'noreserve'] }),
    locks: [{ mode: 'write', ask: 3 * MS, got: 3 * MS, end: 4 * MS }],
  });
  const last = async (page: number, dur: number) => {
    const mapped = [vma(0, 8, { t: 0, anon_vma: false }), vma(100, 8, { t: 0, anon_vma: true })];
    const first = fault(0, { t: 2 * MS, tid: 1, dur, ...FELL_BACK });
    const second = fault(page + 1, { t: 8 * MS, tid: 1, ...FELL_BACK });
    return (await verify([...mapped, first, map(page), writer(100, 7 * MS, 9 * MS), second], 'v6.18')).rows.at(-1);
  };
  expect(await last(0, 4 * MS)).toMatchObject({ reason: 'anon_vma_race', predicted: 'mmap_lock' });
  expect(await last(0, MS)).toMatchObject({ class: 'scored', predicted: 'mmap_lock' });
  expect(await last(4, 4 * MS)).toMatchObject({ class: 'scored', predicted: 'mmap_lock' });
});

test('VMAs that only doubtful anon_vmas keep apart may be one, marked as a whole', async () => {
  const locks = (got: number) => [{ mode: 'write', ask: got, got, end: got + 5_000 }];
  const trace = (...before: Event[]): Event[] => [
    vma(100, 8, { t: 0, anon_vma: true }),
    mmap(0, 4, { t: 0, locks: locks(0) }),
    mmap(8, 4, { t: 100_000, locks: locks(100_000) }),
    ...before,
    fault(0, { t: 2 * MS, tid: 1, ...did(before.length > 0) }),
    fault(8, { t: 10 * MS, tid: 1, ...STAYED }),
    // joins the first of them: the second has another anon_vma
    mmap(4, 4, { t: 11 * MS, locks: locks(11 * MS) }),
    writer(8, 20 * MS, 24 * MS),
    fault(1, { t: 22 * MS, tid: 3, ...STAYED }),
  ];
  const last = async (...before: Event[]) => (await verify(trace(...before), 'v6.18')).rows.at(-1);
  expect(await last()).toMatchObject({ class: 'scored', predicted: 'vma_lock' });
  expect(await last(writer(100, MS, 5 * MS))).toMatchObject({ class: 'undecided', reason: 'vma_lock_race' });
});

describe('an anon_vma that may be there already', () => {
  const us = 1_000;
  const classes = async (...trace: Event[]) =>
    (await verify(trace, 'v6.4')).rows.map(({ class: how, reason, predicted }) => reason ?? `${how} ${predicted}`);

  test('because another thread was faster', async () => {
    const trace = (later: number): Event[] => [
      vma(0, 8, { t: 0, anon_vma: false }),
      fault(0, { t: MS, tid: 1, ...FELL_BACK }),
      fault(1, { t: MS + later, tid: 2, ...FELL_BACK }),
    ];
    expect((await classes(...trace(40 * us)))[0]).toBe('anon_vma_race');
    expect((await classes(...trace(60 * us)))[0]).toBe('scored mmap_lock');
  });

  test('because a call wrote through pointers', async () => {
    const call = (name: string): Event => ({ op: 'other', name, t: 2 * MS, tid: 3 });
    const trace = (name: string): Event[] => [
      ...[0, 8, 16].map(page => vma(page, 4, { t: 0, anon_vma: false })),
      fault(0, { t: MS, tid: 1, ...FELL_BACK }),
      call(name),
      fault(1, { t: 3 * MS, tid: 1, ...STAYED }),
      fault(8, { t: 4 * MS, tid: 1, ...STAYED }),
    ];
    expect(await classes(...trace('process_vm_writev'))).toEqual([
      'scored mmap_lock',
      'scored vma_lock',
      'anon_vma_race',
    ]);
    expect((await classes(...trace('process_vm_readv')))[2]).toBe('scored mmap_lock');
    // what a recording knows to have made pages, and not where
    const read = trace('pread64').map(event =>
      event.op === 'other' ? { ...event, 'x-hidden': 'memory: which' } : event,
    );
    expect((await classes(...read))[2]).toBe('anon_vma_race');
    const stopped = trace('pread64').map(event => (event.op === 'other' ? { ...event, 'x-hidden': 'stopped' } : event));
    expect((await classes(...stopped))[2]).toBe('scored mmap_lock');
  });

  test('or not yet, because the VMA between was mapped meanwhile', async () => {
    const at = (page: number, tid: number, t: number): Event =>
      mmap(page, 4, { t, tid, locks: [{ mode: 'write', ask: t, got: t, end: t + 2 * us }] });
    const trace = (t: number): Event[] => [
      vma(8, 4, { t: 0, anon_vma: true }),
      at(4, 2, MS),
      at(0, 1, t),
      fault(0, { t: t + 3 * us, tid: 1, ...STAYED }),
      fault(1, { t: t + 4 * us, tid: 1, ...STAYED }),
    ];
    expect(await classes(...trace(MS + 3 * us))).toEqual(['vma_lock_race', 'scored vma_lock']);
    expect(await classes(...trace(2 * MS))).toEqual(['scored vma_lock', 'scored vma_lock']);
  });
});
