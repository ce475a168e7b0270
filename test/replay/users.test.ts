/** Who counts as a thread: of the trace, and of an mm, where a kernel asks whether it has more than one. */
import { expect, test } from 'vitest';
import { at, type Event, explain, fault, len, mmap, range, replay } from '../helpers.js';

const MODELS = ['spf_dufour_v12', 'rfc_2022'];
const MM_USERS = ['handle_speculative_fault.mm_users', 'do_user_addr_fault.mm_users'];
const touch = (more: Event): Event[] => [mmap(0, 4), fault(0), more, fault(1)];
const nobody = (event: Event): Event => ({ ...event, tid: undefined });

test.each<[what: string, event: Event, threads: number]>([
  ['an event of the user’s own', { op: 'x-a' }, 1],
  ['one that names a thread', { op: 'x-a', tid: 5, mm: 7 }, 1],
  ['reclaim', nobody(range('reclaim', 2, 1)), 1],
  ['reclaim by kswapd', range('reclaim', 2, 1, { tid: 5 }), 2],
  ['khugepaged', nobody({ op: 'collapse', addr: at(2) }), 1],
  ['khugepaged by its tid', { op: 'collapse', tid: 5, addr: at(2) }, 2],
  ['migration', nobody(range('migrate', 2, 1, { dur: 5 })), 1],
  ['migration by kcompactd', range('migrate', 2, 1, { tid: 5, dur: 5 }), 2],
  ['a NUMA scan', nobody(range('numa_scan', 2, 1)), 1],
  ['a VMA there was', nobody({ op: 'vma', addr: at(8), len: len(1), prot: 'r--', flags: ['private'] }), 1],
  ['another process that reads', { op: 'read_maps', tid: 5, reader_pid: 5 }, 2],
])('%s makes a program no second thread', async (_, event, threads) => {
  const { result, rows } = await replay(touch(event), MODELS.join());
  expect(result.trace).toMatchObject({ threads, mms: 1 });
  for (const [i, model] of MODELS.entries()) {
    const sites = rows.filter(row => row.model === model).map(({ site }) => site);
    expect(sites).toEqual([MM_USERS[i], MM_USERS[i]]);
  }
});

test.each<[what: string, event: Event]>([
  ['a fault', fault(3, { tid: 5 })],
  ['a call', { op: 'read_maps', tid: 5 }],
  ['a NUMA scan, which is its own task work', range('numa_scan', 2, 1, { tid: 5 })],
  ['a thread with the number 0', fault(3, { tid: 0 })],
  ['its name', { op: 'thread', tid: 5, name: 'worker' }],
])('%s does', async (_, event) => {
  const { result, rows } = await replay(touch(event), 'rfc_2022');
  expect(result.trace.threads).toBe(2);
  for (const { site } of rows) expect(site).not.toBe('do_user_addr_fault.mm_users');
});

test('who reads about another process stays a thread of its own', async () => {
  const mine = { tid: 2, mm: 2 };
  const events = [
    ...[mmap(0, 4, mine), fault(0, mine), fault(1, { ...mine, tid: 3 })],
    { op: 'read_maps', tid: 3, mm: 1, reader_pid: 2 },
    fault(2, mine),
  ];
  expect((await replay(events, 'rfc_2022')).row('rfc_2022', -1).site).toBe(null);
});

test('events of the user’s own change nothing, with times or without', async () => {
  const timed = [
    mmap(0, 4, { t: 50_000 }),
    fault(0, { t: 51_000 }),
    range('mprotect', 0, 4, { t: 52_000, tid: 2, prot: 'rw-', dur: 9_000 }),
    fault(1, { t: 53_000 }),
    fault(2, { t: 54_000, tid: 3 }),
  ];
  const marks = [{ op: 'x-a' }, { op: 'x-b', tid: 9 }];
  const marked = timed.flatMap(event => [...marks, event]);
  const plain = await replay(timed, 'v6.4,v6.18');
  const told = await replay(marked, 'v6.4,v6.18');
  expect(told.rows.map(({ i, blocked_by, ...row }) => row)).toEqual(plain.rows.map(({ i, blocked_by, ...row }) => row));
  expect(told.result.trace).toEqual({ ...plain.result.trace, file: told.result.trace.file, events: 15 });
  expect(told.result.models.map(({ time, ops }) => [time, ops])).toEqual(
    plain.result.models.map(({ time, ops }) => [time, ops]),
  );
});

test('an event of the user’s own is nothing to explain', async () => {
  const complaint = explain(touch({ op: 'x-a', tid: 5 }), { events: [2] });
  await expect(complaint).rejects.toThrow("event 2 is no fault: it is an event of the user's own");
});
