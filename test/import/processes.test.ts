/** Threads and processes that come, execute a program and go, and what a recording leaves open of it. */
import { expect, test } from 'vitest';
import { MAX_HELD_BACK } from '../../src/trace/import/pairing.js';
import { call, imported, line, section } from './sample.js';

const who = async (lines: readonly string[]) =>
  (await imported(lines.join('\n'))).events.map(({ op, tid, mm = 1, child_tid, child_mm, new_mm }) =>
    [op, tid, mm, child_tid, child_mm ?? new_mm].filter(value => value !== undefined),
  );
const MUNMAP = (us: number, tid: number) => call(us, tid, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], us + 1, '0');
const exits = (us: number, tid: number, dead = '') =>
  line(us, tid, `sched:sched_process_exit: comm=x pid=${tid} prio=120${dead}   0`);
const created = (us: number, child: number) =>
  line(us, 10, `sched:sched_process_fork: comm=x pid=10 child_comm=x child_pid=${child}   0`);

test.each([
  ['clone', '56 (1200011, 0, 0, 0, 0, 0)', 2],
  ['clone with CLONE_VM', '56 (4111, 0, 0, 0, 0, 0)', 1],
  ['clone with CLONE_THREAD', '56 (3d0f00, 0, 0, 0, 0, 0)', 1],
  ['vfork', '58 (0, 0, 0, 0, 0, 0)', 1],
  ['fork', '57 (0, 0, 0, 0, 0, 0)', 2],
])('where only the tracepoint says who was made: %s', async (_what, enter, mm) => {
  const text = call(1, 10, enter, [created(2, 20)], 3, '20');
  expect(await who(text)).toEqual([['fork', 10, 1, 20, mm]]);
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

test('a fork of which nobody says whom it made leaves nothing', async () => {
  expect(await who(call(1, 10, '57 (0, 0, 0, 0, 0, 0)', [], 3, '20'))).toEqual([]);
});

test('the text says later of which process a thread is: from then on it is there', async () => {
  const ftrace = (us: number, tid: number, tgid: string, text: string) =>
    `  x-${tid}   (${tgid}) [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;
  const munmap = (us: number, tid: number, tgid: string) => [
    ftrace(us, tid, tgid, 'sys_munmap(addr: 7f0000000000, len: 2000)'),
    ftrace(us + 1, tid, tgid, 'sys_munmap -> 0x0'),
  ];
  const threads = [...munmap(1, 10, '     10'), ...munmap(3, 11, '-------'), ...munmap(5, 11, '     10')];
  expect((await who(threads)).filter(([op]) => op === 'munmap')).toEqual([
    ['munmap', 10, 1],
    ['munmap', 11, 2],
    ['munmap', 11, 1],
  ]);
  const alone = [...munmap(1, 11, '-------'), ...munmap(3, 11, '     10'), ...munmap(5, 10, '     10')];
  expect((await who(alone)).filter(([op]) => op === 'munmap')).toEqual([
    ['munmap', 11, 1],
    ['munmap', 11, 1],
    ['munmap', 10, 1],
  ]);
});

test('a thread that was taken for one of its parent’s process is told to be of its own, with the same memory', async () => {
  const text = [
    ...MUNMAP(1, 10),
    created(3, 20),
    ...MUNMAP(4, 20).map(row => row.replace('10/20', '20/20')),
    ...MUNMAP(7, 10),
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
    ...MUNMAP(1, 10),
    line(3, 10, 'PERF_RECORD_FORK(10:11):(10:10)'),
    line(4, 11, 'raw_syscalls:sys_enter: NR 59 (7ffd0, 0, 0, 0, 0, 0)   0'),
    line(4, 11, 'PERF_RECORD_COMM exec: x:10/11'),
    ...MUNMAP(5, 10),
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
    ...MUNMAP(1, 10),
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
    ...MUNMAP(7, 10),
    line(9, 10, 'PERF_RECORD_EXIT(10:10):(10:10)'),
  ];
  expect(await who(text)).toEqual([
    ['fork', 10, 1, 11, 1],
    ['exit', 11, 1],
    ['munmap', 10, 1],
    ['exit', 10, 1],
  ]);
});

const PF = (us: number, tid: number) =>
  line(us, tid, 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0');
const MAP = line(0, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');

test('where the exit does not say if it was the last one (before 6.15), the threads are counted', async () => {
  const dies = (threads: string[]) => [
    MAP,
    ...threads,
    line(1, 10, 'minor-faults:     0'),
    PF(2, 10),
    ...section(3, 10, false),
    exits(9, 10),
  ];
  // acct_collect() of the last one takes the lock for itself
  const truth = async (threads: string[]) => (await imported(dies(threads).join('\n'))).faults[0].truth?.fallback;
  const other = line(0, 10, 'PERF_RECORD_FORK(10:11):(10:10)');
  expect(await truth([])).toBe(false);
  expect(await truth([other])).toBeUndefined();
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
  const [enter, exit] = MUNMAP(1, 10);
  const named = line(1, 11, 'PERF_RECORD_COMM: x:10/11\n').repeat(MAX_HELD_BACK);
  const { events, summary } = await imported(`${enter}\n${named}${exit}\n`);
  expect(events).toHaveLength(MAX_HELD_BACK);
  expect(summary.unclassified).toEqual({ 'held back too long: dropped': 1 });
});
