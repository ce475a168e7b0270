/** Threads, processes, signals and calls, as the records of a few lines put them together, and what a recording leaves open of them. */
import { describe, expect, test } from 'vitest';
import { HELD_TOO_LONG } from '../../src/trace/import/outbox.js';
import { LIMITS } from '../../src/trace/limits.js';
import { call, imported, line, section } from './sample.js';

/** So that nothing begins at 0. */
const FIRST = line(0, 10, 'minor-faults:     0');
const MAP = line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
const PF = 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0';
const DONE = 'minor-faults:     7f0000001000';
const MUNMAP = '11 (7f0000000000, 2000, 0, 0, 0, 0)';
const from = async (...lines: string[]) => imported([FIRST, ...lines].join('\n'));
/** Who does what in which address space, and to which one a child or a program goes. */
const who = async (lines: readonly string[]) =>
  (await imported(lines.join('\n'))).events.map(({ op, tid, mm = 1, child_tid, child_mm, new_mm }) =>
    [op, tid, mm, child_tid, child_mm ?? new_mm].filter(value => value !== undefined),
  );
const munmap = (us: number, tid: number) => call(us, tid, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], us + 1, '0');
const exits = (us: number, tid: number, dead = '') =>
  line(us, tid, `sched:sched_process_exit: comm=x pid=${tid} prio=120${dead}   0`);
const created = (us: number, child: number) =>
  line(us, 10, `sched:sched_process_fork: comm=x pid=10 child_comm=x child_pid=${child}   0`);

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

  test('and where its call does not say, it has an mm of its own, unless the locks of the call show none being made', async () => {
    const fork = line(15, 10, 'PERF_RECORD_FORK(20:20):(10:10)');
    const clone3 = call(10, 10, '435 (7ffd0, 58, 0, 8, 0, 0)', [fork], 20, '20');
    const made = async (...lines: string[]) => (await from(...lines)).events.map(({ op, child_mm }) => [op, child_mm]);
    expect(await made(...clone3)).toEqual([['fork', 2]]);
    const locked = call(1, 10, '202 (0, 0, 0, 0, 0, 0)', section(2, 10, true), 6, '0');
    expect(await made(...locked, ...clone3)).toEqual([
      ['other', undefined],
      ['fork', 1],
    ]);
    // during another call, or during none that was recorded
    expect(await made(...locked, fork)).toEqual([
      ['other', undefined],
      ['fork', 1],
    ]);
    const during = call(10, 10, '202 (0, 0, 0, 0, 0, 0)', [fork], 20, '0');
    expect(await made(...locked, ...during)).toEqual([
      ['other', undefined],
      ['fork', 1],
    ]);
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
    const late = [line(6, 11, PF), line(7, 11, DONE), ...call(8, 11, MUNMAP, [], 9, '0')];
    expect((await from(line(2, 11, DONE), exits(5, 11), ...late)).events).toEqual([{ t: 5_000, tid: 11, op: 'exit' }]);
  });

  test('leaves its call without an end, which is counted; execve is over all the same', async () => {
    const enter = (text: string) => line(4, 11, `raw_syscalls:sys_enter: NR ${text}   0`);
    const counted = async (text: string) => (await from(enter(text), exits(5, 11), record(6, 11))).summary.unclassified;
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

test('a migration entry that is set again was removed in between; of several pages each has its own', async () => {
  const set = (us: number, page = 1) =>
    line(us, 10, `migrate:set_migration_pte: addr=7f790ad8${page}000, pte=f7ff order=0   0`);
  const removed = (us: number, page = 1) =>
    line(us, 11, `migrate:remove_migration_pte: addr=7f790ad8${page}000, pte=8 order=0   0`);
  const { events } = await from(set(5), set(7, 2), set(9), removed(12), removed(15, 2));
  expect(events.map(({ op, addr, t, dur }) => [op, addr, t, dur])).toEqual([
    ['migrate', '0x7f790ad81000', 5_000, 4_000],
    ['migrate', '0x7f790ad82000', 7_000, 8_000],
    ['migrate', '0x7f790ad81000', 9_000, 3_000],
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

test('the kernel uses the pointer of an mm again: it means the one that was made last', async () => {
  const forks = (us: number, child: number) => [
    line(us, 10, 'raw_syscalls:sys_enter: NR 57 (0, 0, 0, 0, 0, 0)   0'),
    ...section(us + 1, 10, true),
    ...section(us + 4, 10, true, 'mm=0xffff8881000692c0'),
    line(us + 8, 10, `PERF_RECORD_FORK(${child}:${child}):(10:10)`),
    line(us + 9, 10, `raw_syscalls:sys_exit: NR 57 = ${child}   0`),
  ];
  const reads = call(40, 10, '310 (14, 0, 0, 0, 0, 0)', section(41, 10, false, 'mm=0xffff8881000692c0'), 49, '1');
  expect(await who([...forks(1, 20), ...forks(20, 21), ...reads])).toEqual([
    ['fork', 10, 1, 20, 2],
    ['fork', 10, 1, 21, 3],
    ['other', 10, 3],
  ]);
  // and the first child is known by what it uses from then on
  const other = 'mm=0xffff8881000aaaa0';
  const own = call(60, 20, '202 (0, 0, 0, 0, 0, 0)', section(61, 20, false, other), 69, '0').map(row =>
    row.replace('10/20', '20/20'),
  );
  const looks = call(70, 10, '310 (14, 0, 0, 0, 0, 0)', section(71, 10, false, other), 79, '1');
  expect((await who([...forks(1, 20), ...forks(20, 21), ...own, ...looks])).slice(2)).toEqual([
    ['other', 20, 2],
    ['other', 10, 2],
  ]);
});

test('the mm that execve locks is the one that it makes: who looks into it from outside means that one', async () => {
  const made = 'mm=0xffff8881000692c0';
  const execve = (...inside: string[]) => call(10, 10, '59 (7ffd0, 0, 0, 0, 0, 0)', inside, 30, '0');
  const exec = line(14, 10, 'PERF_RECORD_COMM exec: x:10/10');
  const looks = [
    ...call(32, 20, '11 (7f0000000000, 2000, 0, 0, 0, 0)', section(33, 20, true, 'mm=0xffff8881000aaaa0'), 39, '0'),
    ...call(40, 20, '310 (a, 0, 0, 0, 0, 0)', section(41, 20, false, made), 49, '1'),
  ].map(row => row.replace('10/20', '20/20'));
  const known = call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', section(2, 10, true), 6, '0');
  expect((await who([...known, ...execve(...section(11, 10, true, made), exec), ...looks])).at(-1)).toEqual([
    'other',
    20,
    2,
  ]);
  // also where the one before was never seen locked
  expect((await who([...execve(...section(11, 10, true, made), exec), ...looks])).at(-1)).toEqual(['other', 20, 2]);
});

test('a fork of which nobody says whom it made leaves nothing', async () => {
  expect(await who(call(1, 10, '57 (0, 0, 0, 0, 0, 0)', [], 3, '20'))).toEqual([]);
});

test('the text says later of which process a thread is: from then on it is there', async () => {
  const ftrace = (us: number, tid: number, tgid: string, text: string) =>
    `  x-${tid}   (${tgid}) [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;
  const unmaps = (us: number, tid: number, tgid: string) => [
    ftrace(us, tid, tgid, 'sys_munmap(addr: 7f0000000000, len: 2000)'),
    ftrace(us + 1, tid, tgid, 'sys_munmap -> 0x0'),
  ];
  const threads = [...unmaps(1, 10, '     10'), ...unmaps(3, 11, '-------'), ...unmaps(5, 11, '     10')];
  expect((await who(threads)).filter(([op]) => op === 'munmap')).toEqual([
    ['munmap', 10, 1],
    ['munmap', 11, 2],
    ['munmap', 11, 1],
  ]);
  const alone = [...unmaps(1, 11, '-------'), ...unmaps(3, 11, '     10'), ...unmaps(5, 10, '     10')];
  expect((await who(alone)).filter(([op]) => op === 'munmap')).toEqual([
    ['munmap', 11, 1],
    ['munmap', 11, 1],
    ['munmap', 10, 1],
  ]);
});

test('a thread that was taken for one of its parent’s process is told to be of its own, with the same memory', async () => {
  const text = [
    ...munmap(1, 10),
    created(3, 20),
    ...munmap(4, 20).map(row => row.replace('10/20', '20/20')),
    ...munmap(7, 10),
  ];
  expect(await who(text)).toEqual([
    ['munmap', 10, 1],
    ['fork', 10, 1, 20, 1],
    ['munmap', 20, 1],
    ['munmap', 10, 1],
  ]);
});

test('a thread that executes a program leaves the others the memory they had', async () => {
  const text = [
    ...munmap(1, 10),
    line(3, 10, 'PERF_RECORD_FORK(10:11):(10:10)'),
    line(4, 11, 'raw_syscalls:sys_enter: NR 59 (7ffd0, 0, 0, 0, 0, 0)   0'),
    line(4, 11, 'PERF_RECORD_COMM exec: x:10/11'),
    ...munmap(5, 10),
  ];
  expect(await who(text)).toEqual([
    ['munmap', 10, 1],
    ['fork', 10, 1, 11, 1],
    ['exec', 11, 1, 2],
    ['thread', 11, 2],
    ['munmap', 10, 1],
  ]);
});

test('what execve only reads is its old memory: the page that it writes to first is of the new one', async () => {
  const fault = (us: number, code: number) =>
    line(us, 10, `exceptions:page_fault_kernel: address=0x7f0000001000 ip=0xffffffff81 error_code=0x${code}   0`);
  const text = [
    ...munmap(1, 10),
    line(3, 10, 'raw_syscalls:sys_enter: NR 59 (7ffd0, 0, 0, 0, 0, 0)   0'),
    fault(4, 0),
    fault(5, 2),
    line(6, 10, 'raw_syscalls:sys_exit: NR 59 = 0   0'),
  ];
  expect(await who(text)).toEqual([
    ['munmap', 10, 1],
    ['fault', 10, 1],
    ['exec', 10, 1, 2],
    ['fault', 10, 2],
  ]);
});

test('exit(2) ends a thread, not its process; nothing that it does after its exit is its own', async () => {
  const text = [
    line(0, 10, 'PERF_RECORD_FORK(10:11):(10:10)'),
    line(1, 11, 'raw_syscalls:sys_enter: NR 60 (0, 0, 0, 0, 0, 0)   0'),
    exits(2, 11, ' group_dead=false'),
    ...section(3, 11, true),
    line(6, 11, 'PERF_RECORD_EXIT(10:11):(10:11)'),
    ...munmap(7, 10),
    line(9, 10, 'PERF_RECORD_EXIT(10:10):(10:10)'),
  ];
  expect(await who(text)).toEqual([
    ['fork', 10, 1, 11, 1],
    ['exit', 11, 1],
    ['munmap', 10, 1],
    ['exit', 10, 1],
  ]);
});

test('where the exit does not say if it was the last one (before 6.15), the threads are counted', async () => {
  const dies = (threads: string[], exit: string) => [
    MAP,
    ...threads,
    line(1, 10, 'minor-faults:     0'),
    line(2, 10, PF),
    ...section(3, 10, false),
    exit,
  ];
  // acct_collect() of the last one takes the lock for itself
  const truth = async (threads: string[], exit: string) =>
    (await imported(dies(threads, exit).join('\n'))).faults[0].truth?.fallback;
  const other = line(0, 10, 'PERF_RECORD_FORK(10:11):(10:10)');
  for (const exit of [exits(9, 10), line(9, 10, 'PERF_RECORD_EXIT(10:10):(10:10)')]) {
    expect(await truth([], exit)).toBe(false);
    expect(await truth([other], exit)).toBeUndefined();
    // what has gone before is not counted
    expect(await truth([other, exits(0, 11)], exit)).toBe(false);
  }
});

test('a call that its thread did not return from is counted, and kept for the lock that it took', async () => {
  const begun = [
    line(1, 10, 'raw_syscalls:sys_enter: NR 11 (7f0000000000, 2000, 0, 0, 0, 0)   0'),
    ...section(2, 10, true),
  ];
  for (const next of [
    exits(9, 10),
    line(9, 10, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0'),
    line(9, 10, 'raw_syscalls:sys_exit: NR 202 = 0   0'),
  ]) {
    const { events, summary } = await imported([...begun, next].join('\n'));
    expect(events[0]).toMatchObject({ op: 'other', name: 'munmap', dur: 8000, locks: [{ mode: 'write' }] });
    expect(summary.unclassified).toEqual({ 'system call without its end': 1 });
  }
  const futex = line(1, 10, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0');
  const { summary } = await imported([futex, line(2, 10, 'raw_syscalls:sys_exit: NR 1 = 0   0')].join('\n'));
  expect(summary.unclassified).toEqual({});
});

test('what was held back too long is dropped, and counted', async () => {
  const [enter, exit] = munmap(1, 10);
  const most = LIMITS.maxHeld.standard;
  const text = `${enter}\n${line(1, 11, 'PERF_RECORD_COMM: x:10/11\n').repeat(most)}${exit}\n`;
  const { events, summary } = await imported(text);
  expect(events).toHaveLength(most);
  expect(summary.unclassified).toEqual({ [HELD_TOO_LONG]: 1 });
  const more = await imported(text, { maxHeld: most + 1 });
  expect([more.events.length, more.summary.unclassified]).toEqual([most + 1, {}]);
});

test('what perf lost is counted, records as well as samples', async () => {
  const lost = (text: string) => line(5, 10, `PERF_RECORD_LOST${text}`);
  expect((await from(lost(' lost 34'), lost('_SAMPLES lost 5'), lost(''))).summary.lost).toBe(40);
});

test('what perf calls a program is its name: the tracepoint of an execve adds none', async () => {
  const exec = line(5, 10, 'sched:sched_process_exec: filename=/bin/x pid=10 old_pid=10   0');
  const { events } = await from(...call(1, 10, '59 (7ffd0, 0, 0, 0, 0, 0)', [exec], 9, '0'));
  expect(events.map(({ op }) => op)).toEqual(['exec']);
});

test('a thread that is called otherwise goes on where it was', async () => {
  const named = line(5, 10, 'PERF_RECORD_COMM: worker:10/10');
  expect(await who([...munmap(1, 10), named, ...munmap(7, 10)])).toEqual([
    ['munmap', 10, 1],
    ['thread', 10, 1],
    ['munmap', 10, 1],
  ]);
});
