/** Threads, processes, signals and calls, as the records of a few lines put them together. */
import { describe, expect, test } from 'vitest';
import { Outbox } from '../../src/trace/import/outbox.js';
import { call, imported, line, section } from './sample.js';

/** So that nothing begins at 0. */
const FIRST = line(0, 10, 'minor-faults:     0');
const MAP = line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
const PF = 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0';
const DONE = 'minor-faults:     7f0000001000';
const MUNMAP = '11 (7f0000000000, 2000, 0, 0, 0, 0)';
const from = async (...lines: string[]) => imported([FIRST, ...lines].join('\n'));

describe('whom a fork makes, told by sched_process_fork alone', () => {
  const forked = line(15, 10, 'sched:sched_process_fork: comm=x pid=10 child_comm=x child_pid=20   0');
  const later = line(30, 20, 'raw_syscalls:sys_enter: NR 11 (7f0000000000, 2000, 0, 0, 0, 0)   0');

  test.each<[string, string, number]>([
    ['fork: a process with an mm of its own', '57 (0, 0, 0, 0, 0, 0)', 2],
    ['vfork: one that shares it', '58 (0, 0, 0, 0, 0, 0)', 1],
    ['clone: a process', '56 (1200011, 0, 0, 0, 0, 0)', 2],
    ['clone(CLONE_VM): one that shares the mm', '56 (4111, 0, 0, 0, 0, 0)', 1],
    ['clone(CLONE_VM | CLONE_THREAD): a thread', '56 (3d0f00, 0, 0, 0, 0, 0)', 1],
    ['clone3 that makes no mm: a thread', '435 (7ffd0, 58, 0, 8, 0, 0)', 1],
  ])('%s', async (_, enter, mm) => {
    const { events } = await from(...call(10, 10, enter, [forked], 20, '20'), later);
    expect(events).toEqual([{ t: 10_000, tid: 10, op: 'fork', child_tid: 20, child_mm: mm, dur: 5_000 }, ...[]]);
  });

  test('and its mm, once its pointer is known, is not that of the parent', async () => {
    const child = 'mm=0xffff8881000692c0';
    const locks = [...section(11, 10, true), ...section(13, 10, true, child)];
    const { events } = await from(
      ...section(2, 10, true),
      ...call(10, 10, '435 (7ffd0, 58, 0, 8, 0, 0)', [...locks, forked.replace('000015', '000016')], 20, '20'),
      ...call(30, 20, MUNMAP, section(31, 20, true, child), 40, '0').map(row => row.replace('10/20', '20/20')),
    );
    expect(events.map(({ op, tid, mm, child_mm }) => [op, tid, mm ?? 1, child_mm])).toEqual([
      ['fork', 10, 1, 2],
      ['munmap', 20, 2, undefined],
    ]);
  });

  test('is told once, also where PERF_RECORD_FORK tells it too', async () => {
    const twice = [line(14, 10, 'PERF_RECORD_FORK(10:20):(10:10)'), forked];
    const { events } = await from(...call(10, 10, '435 (7ffd0, 58, 0, 8, 0, 0)', twice, 20, '20'));
    expect(events.map(({ op }) => op)).toEqual(['fork']);
  });
});

describe('a thread that exits', () => {
  const exits = (us: number, tid: number) =>
    line(us, tid, `sched:sched_process_exit: comm=x pid=${tid} prio=120 group_dead=false   0`);
  const record = (us: number, tid: number) => line(us, tid, `PERF_RECORD_EXIT(10:${tid}):(10:10)`);

  test('is gone once, whoever tells it, and does nothing more', async () => {
    const lines = [exits(5, 11), line(6, 11, PF), record(7, 11), record(8, 99), ...call(9, 10, MUNMAP, [], 12, '0')];
    const { events } = await from(line(2, 11, DONE), ...lines);
    expect(events.map(({ op, tid, t }) => [op, tid, t])).toEqual([
      ['exit', 11, 5_000],
      ['munmap', 10, 9_000],
    ]);
    expect((await from(line(2, 11, DONE), record(7, 11))).events).toEqual([{ t: 7_000, tid: 11, op: 'exit' }]);
  });

  test('leaves its call without an end, which is counted; execve is over all the same', async () => {
    const enter = (text: string) => line(4, 11, `raw_syscalls:sys_enter: NR ${text}   0`);
    const counted = async (text: string) => (await from(enter(text), exits(5, 11))).summary.unclassified;
    expect(await counted(MUNMAP)).toEqual({ 'system call without its end': 1 });
    expect(await counted('202 (0, 0, 0, 0, 0, 0)')).toEqual({});
  });
});

describe('a signal that the kernel raises', () => {
  const raised = (sig: number, pid: number, code = 1) =>
    line(4, 10, `signal:signal_generate: sig=${sig} errno=0 code=${code} comm=x pid=${pid} grp=0 res=0   0`);
  const truth = async (signal: string) =>
    (await from(MAP, ...section(1, 12, true), line(2, 10, PF), signal, line(9, 10, DONE))).faults[0].truth?.path;

  test('ends the fault of its thread when it is SIGSEGV or SIGBUS, and no other', async () => {
    expect([await truth(raised(11, 10)), await truth(raised(7, 10))]).toEqual(['signal', 'signal']);
    expect(await truth(raised(8, 10))).toBe('vma_lock');
    expect(await truth(raised(11, 11))).toBe('vma_lock');
    expect(await truth(raised(11, 10, 0))).toBe('vma_lock');
  });

  test('is nothing where nobody faults', async () => {
    expect((await from(raised(11, 10), ...call(9, 10, MUNMAP, [], 12, '0'))).events.map(({ op }) => op)).toEqual([
      'munmap',
    ]);
  });
});

describe('system calls', () => {
  const enter = (us: number, text: string) => line(us, 10, `raw_syscalls:sys_enter: NR ${text}   0`);
  const exit = (us: number, text: string) => line(us, 10, `raw_syscalls:sys_exit: NR ${text}   0`);

  test('last from their own entry to their own exit', async () => {
    const { events, summary } = await from(enter(5, MUNMAP), enter(7, MUNMAP), exit(9, '11 = 0'));
    expect(events).toMatchObject([{ t: 7_000, op: 'munmap', dur: 2_000 }]);
    expect(summary.unclassified).toEqual({ 'system call without its end': 1 });
    const other = await from(enter(5, MUNMAP), exit(9, '12 = 4096'));
    expect([other.events, other.summary.unclassified]).toEqual([[], { 'system call without its end': 1 }]);
    expect((await from(enter(5, MUNMAP), exit(9, '-1 = 0'))).events).toMatchObject([{ op: 'munmap', dur: 4_000 }]);
    expect((await from(enter(5, MUNMAP))).summary.unclassified).toEqual({ 'system call without its end': 1 });
  });

  test('that nobody models are kept for the time they held mmap_lock', async () => {
    const { events } = await from(...call(10, 10, '157 (0, 0, 0, 0, 0, 0)', section(12, 10, false), 20, '0'));
    const locks = [{ mode: 'read', ask: 12_000, got: 13_000, end: 14_000 }];
    expect(events).toEqual([{ t: 12_000, tid: 10, op: 'other', name: 'prctl', dur: 2_000, locks }]);
  });

  test('take two sections of one lock inside each other as one episode, and those of another mm apart', async () => {
    const [start, got, released] = section(12, 10, false);
    const [again, gotToo, releasedToo] = section(13, 10, false);
    const nested = [start, got, again, gotToo, releasedToo, released.replace('000014', '000018')];
    const { events } = await from(...call(10, 10, '157 (0, 0, 0, 0, 0, 0)', nested, 20, '0'));
    expect(events).toMatchObject([{ op: 'other', dur: 6_000, locks: [{ end: 15_000 }, { end: 18_000 }] }]);
  });
});

test('a migration entry that is set again was removed in between', async () => {
  const set = (us: number) => line(us, 10, 'migrate:set_migration_pte: addr=7f790ad81000, pte=f7ff order=0   0');
  const { events } = await from(
    set(5),
    set(9),
    line(12, 11, 'migrate:remove_migration_pte: addr=7f790ad81000, pte=8 order=0   0'),
  );
  expect(events.map(({ op, t, dur }) => [op, t, dur])).toEqual([
    ['migrate', 5_000, 4_000],
    ['migrate', 9_000, 3_000],
  ]);
});

test('a program that tracefs shows being executed has its name, as long as the kernel keeps it, and a new mm', async () => {
  const row = (us: number, text: string) =>
    `            prog-5     [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;
  const { events, header } = await imported(
    [
      row(1, 'sys_brk -> 0x1000'),
      row(4, 'sys_execve(filename: 7ffd0, argv: 7ffd8, envp: 7ffe0)'),
      row(6, 'sched_process_exec: filename=/usr/bin/a-program-of-a-long-name pid=5 old_pid=5'),
      row(8, 'sys_execve -> 0x0'),
      row(9, 'sys_munmap(addr: 7f0000000000, len: 2000)'),
      row(10, 'sys_munmap -> 0x0'),
    ].join('\n'),
  );
  expect(header.meta.command).toBe('prog');
  expect(events.map(({ op, name, new_mm, mm }) => [op, name ?? new_mm ?? mm])).toEqual([
    ['thread', 'prog'],
    ['thread', 'a-program-of-a-'],
    ['exec', 2],
    ['munmap', 2],
  ]);
});

test.each([
  ['PERF_RECORD_COMM', 'PERF_RECORD_COMM: prog:10'],
  ['PERF_RECORD_FORK', 'PERF_RECORD_FORK(10:20)'],
  ['PERF_RECORD_EXIT', 'PERF_RECORD_EXIT(10:20'],
  ['PERF_RECORD_MMAP2', 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p'],
  ['sys_enter', 'raw_syscalls:sys_enter: NR 11 (7f0000000000, 20   0'],
  ['sys_enter_mmap', 'syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x00002000   0'],
  ['sys_exit', 'raw_syscalls:sys_exit: NR 11 =   '],
  ['page_fault_user', 'exceptions:page_fault_user: address=0x7f00   0'],
  ['rss_stat', 'kmem:rss_stat: mm_id=7 curr=1 type=MM_ANON   0'],
  ['sched_process_fork', 'sched:sched_process_fork: comm=x pid=10 child_comm=x   0'],
  ['sched_process_exec', 'sched:sched_process_exec: filename=/bin/x pid=10   0'],
])('%s without its last field is refused', async (name, text) => {
  await expect(from(line(5, 10, text), MAP)).rejects.toMatchObject({
    class: 'schema',
    message: expect.stringMatching(`^${name} is cut off, found "`),
    where: { file: 'sample', line: 2 },
    hint: 'export it again, with -F +trace',
  });
});

test('mmap_lock events without their fields are refused with how to get them', async () => {
  await expect(from(line(5, 10, 'mmap_lock:mmap_lock_released: mm=0x1   0'), MAP)).rejects.toMatchObject({
    class: 'schema',
    message: 'mmap_lock event is cut off, found "mm=0x1   0"',
    where: { file: 'sample', line: 2 },
    hint: 'print the trace field: -F +trace',
  });
});

describe('the order of events', () => {
  const event = (t: number) => ({ t, tid: 1, op: 'exit' });
  const times = (events: readonly { t: number }[]) => events.map(({ t }) => t);

  test('an entry holds back what comes after it until it is filled', () => {
    const outbox = new Outbox();
    const first = outbox.open();
    outbox.add(event(2));
    const seen: ReturnType<typeof event>[] = [];
    outbox.drain(seen);
    expect([times(seen), outbox.length, first.queued]).toEqual([[], 2, true]);
    outbox.close(first, event(1));
    outbox.drain(seen);
    expect([times(seen), outbox.length, first.queued, outbox.late]).toEqual([[1, 2], 0, false, 0]);
  });

  test('beyond the limit the oldest is handed out empty, and what comes for it later is counted', () => {
    const outbox = new Outbox();
    const [early, empty] = [outbox.open(), outbox.open()];
    for (let t = 0; t < 3; t++) outbox.add(event(t));
    const seen: ReturnType<typeof event>[] = [];
    outbox.drain(seen, 5);
    expect([times(seen), outbox.length]).toEqual([[], 5]);
    outbox.drain(seen, 4);
    expect([times(seen), outbox.length, early.queued, empty.queued]).toEqual([[], 4, false, true]);
    outbox.drain(seen, 0);
    outbox.close(early, event(9));
    outbox.close(empty);
    expect([times(seen), outbox.length, outbox.late]).toEqual([[0, 1, 2], 0, 1]);
  });

  test('is that of the entries, however many there are', () => {
    const outbox = new Outbox();
    const seen: ReturnType<typeof event>[] = [];
    const open = outbox.open();
    for (let t = 1; t < 3_000; t++) outbox.add(event(t));
    outbox.close(open, event(0));
    const last = outbox.open();
    outbox.drain(seen);
    expect([seen.length, outbox.length]).toEqual([3_000, 1]);
    outbox.add(event(3_001));
    outbox.close(last, event(3_000));
    outbox.drain(seen);
    expect(times(seen)).toEqual(Array.from({ length: 3_002 }, (_, t) => t));
  });
});
