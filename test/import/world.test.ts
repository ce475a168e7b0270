/** Which thread is of which process, and whose address space that is. */
import { describe, expect, test } from 'vitest';
import { Recording } from '../../src/trace/import/recording.js';
import { Mm, World } from '../../src/trace/import/world.js';
import { call, imported, line } from './sample.js';

/** A line of tracefs text with the process of its thread, or without. */
const row = (us: number, tid: number, tgid: number | null, text: string) =>
  `            prog-${tid}  (${tgid === null ? '-------' : String(tgid).padStart(7)}) [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;
const munmap = (us: number, tid: number, tgid: number | null) => [
  row(us, tid, tgid, 'sys_munmap(addr: 7f0000000000, len: 2000)'),
  row(us + 1, tid, tgid, 'sys_munmap -> 0x0'),
];
const mms = async (...lines: string[]) =>
  (await imported(lines.join('\n'))).events.filter(({ op }) => op === 'munmap').map(({ tid, mm }) => [tid, mm ?? 1]);

test('threads of a process share its address space, as soon as the text says so', async () => {
  expect(await mms(...munmap(1, 10, 10), ...munmap(3, 11, 10), ...munmap(5, 20, 20))).toEqual([
    [10, 1],
    [11, 1],
    [20, 2],
  ]);
  expect(await mms(...munmap(1, 10, 10), ...munmap(3, 12, null), ...munmap(5, 12, 10), ...munmap(7, 12, null))).toEqual(
    [
      ...[
        [10, 1],
        [12, 2],
        [12, 1],
        [12, 1],
      ],
    ],
  );
  expect(await mms(...munmap(1, 12, null), ...munmap(3, 12, 10), ...munmap(5, 10, 10))).toEqual([
    [12, 1],
    [12, 1],
    [10, 1],
  ]);
});

test('a process is there as long as a thread of it, and one that comes with its id after that is another', async () => {
  const unmaps = (us: number, tid: number) => call(us, tid, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], us + 1, '0');
  const exits = (us: number, tid: number) => line(us, tid, `PERF_RECORD_EXIT(10:${tid}):(10:${tid})`);
  expect(await mms(...unmaps(1, 10), ...unmaps(3, 11), exits(5, 10), ...unmaps(6, 12))).toEqual([
    [10, 1],
    [11, 1],
    [12, 1],
  ]);
  expect(await mms(...unmaps(1, 10), ...unmaps(3, 11), exits(5, 10), exits(6, 11), ...unmaps(7, 12))).toEqual([
    [10, 1],
    [11, 1],
    [12, 2],
  ]);
  // who is told to be of another process leaves the others in theirs
  const [other, third] = [row(8, 11, 30, 'sys_brk -> 0x1000'), munmap(9, 13, 10)];
  expect(await mms(...munmap(1, 10, 10), ...munmap(3, 11, 10), other, ...third)).toEqual([
    [10, 1],
    [11, 1],
    [13, 1],
  ]);
});

test.each([
  ['clone(CLONE_VM | CLONE_THREAD): a thread', 'sys_clone(clone_flags: 3d0f00, newsp: 0)', 'killed'],
  ['vfork: a process, whose end is its own', 'sys_vfork()', 'vma_lock'],
  ['clone(CLONE_VM): a process, whose end is its own', 'sys_clone(clone_flags: 4111, newsp: 0)', 'vma_lock'],
  ['fork: a process, whose end is its own', 'sys_fork()', 'vma_lock'],
])('who dies when the child of a call ends its process, made by %s', async (_, enter, path) => {
  const name = /^sys_\w+/.exec(enter)?.[0];
  const { faults } = await imported(
    [
      row(1, 10, 10, 'sys_mmap(addr: 0, len: 10000, prot: 3, flags: 22, fd: ffffffff, off: 0)'),
      row(2, 10, 10, 'sys_mmap -> 0x7f0000000000'),
      row(3, 10, 10, 'mmap_lock_start_locking: mm=00000000bbe4e955 memcg_path=/ write=true'),
      row(5, 10, 10, enter),
      row(6, 10, 10, 'sched_process_fork: comm=x pid=10 child_comm=x child_pid=20'),
      row(7, 10, 10, `${name} -> 0x14`),
      row(8, 10, 10, 'page_fault_user: address=0x7f0000001000 ip=0x401000 error_code=0x6'),
      row(9, 20, null, 'sys_exit_group(error_code: 0)'),
      row(10, 20, null, 'sched_process_exit: comm=x pid=20'),
      row(11, 10, 10, 'sched_process_exit: comm=x pid=10 prio=120'),
    ].join('\n'),
  );
  expect(faults[0].truth?.path).toBe(path);
});

test('of programs executed one after the other each has an mm of its own, also where no call is shown', async () => {
  const exec = (us: number) => line(us, 10, 'sched:sched_process_exec: filename=/bin/x pid=10 old_pid=10   0');
  const maps = (us: number) => line(us, 10, 'PERF_RECORD_MMAP2 10/10: [0x400000(0x1000) @ 0 fe:00 7 0]: r-xp /bin/x');
  const { events } = await imported([exec(1), maps(2), exec(3), maps(4), exec(5), maps(6)].join('\n'));
  expect(events.filter(({ op }) => op === 'exec').map(({ new_mm }) => new_mm)).toEqual([2, 3]);
});

describe('the world', () => {
  const world = () => new World(new Recording(undefined));

  test('knows a thread by its id, and its process by that of the thread or what is said', () => {
    const it = world();
    const [first, second, alone] = [it.thread(10, 10), it.thread(10, 11), it.thread(-1, 12)];
    expect(it.thread(10, 11)).toBe(second);
    expect(it.thread(-1, 11)).toBe(second);
    expect([second.process, alone.process.pid]).toEqual([first.process, 12]);
    expect([first.process.threads, alone.process.threads]).toEqual([2, 1]);
    expect([it.known(11), it.known(99)]).toEqual([second, undefined]);
    expect([...it.threads()]).toEqual([first, second, alone]);
    expect(first.held).toEqual([]);
  });

  test('a thread that turns out to be of another process takes its address space along where that is new', () => {
    const it = world();
    const [leader, thread] = [it.thread(10, 10), it.thread(-1, 12)];
    const { mm } = thread.process;
    it.thread(30, 12);
    expect([thread.process.pid, thread.process.mm, thread.process.threads]).toEqual([30, mm, 1]);
    it.thread(10, 12);
    expect([thread.process, leader.process.threads]).toEqual([leader.process, 2]);
    expect(it.thread(30, 31).process.mm).not.toBe(mm);
  });

  test('a fork makes a thread where the address space and the process are the parent’s, else a process', () => {
    const it = world();
    const parent = it.thread(10, 10);
    const { mm } = parent.process;
    const [thread, shares, child] = [it.fork(10, 11, mm), it.fork(20, 20, mm), it.fork(30, 30, it.newMm(mm))];
    expect([thread.process, parent.process.threads]).toEqual([parent.process, 2]);
    expect([shares.process.pid, shares.process.mm, shares.process === parent.process]).toEqual([20, mm, false]);
    expect([child.process.pid, child.process.mm === mm]).toEqual([30, false]);
    expect(it.fork(10, 10, mm).process).not.toBe(parent.process);
    expect(it.fork(10, 13, it.newMm()).process.threads).toBe(1);
  });

  test('a thread that executes a program leaves its process, and is alone in it otherwise', () => {
    const it = world();
    const [leader, thread] = [it.thread(10, 10), it.thread(10, 11)];
    const [before, next] = [leader.process.mm, it.newMm()];
    it.detach(thread, next);
    expect([thread.process.pid, thread.process.mm, leader.process.mm]).toEqual([11, next, before]);
    const another = it.newMm();
    it.detach(leader, another);
    expect([leader.process.pid, leader.process.mm]).toEqual([10, another]);
  });

  test('who is gone is forgotten, and a process with its last thread', () => {
    const it = world();
    const thread = it.thread(10, 11);
    const { process } = thread;
    it.forget(11);
    it.forget(99);
    expect([it.known(11), it.thread(10, 12).process]).toEqual([undefined, process]);
    process.threads = 0;
    it.forget(12);
    expect(it.thread(10, 13).process).not.toBe(process);
  });

  test('a pointer is that of the address space it was last seen with', () => {
    const it = world();
    const [one, two] = [it.newMm(), it.newMm()];
    it.bind('0x1', one);
    expect([it.mmOf('0x1'), it.keyOf(one), it.keyOf(two), it.mmOf('0x2')]).toEqual([one, '0x1', undefined, undefined]);
    it.bind('0x1', two);
    expect([it.mmOf('0x1'), it.keyOf(one), it.keyOf(two)]).toEqual([two, undefined, '0x1']);
    it.bind('0x1', two);
    expect(it.keyOf(two)).toBe('0x1');
  });
});

test('address spaces are numbered as they are mentioned; a child’s begins as a copy', () => {
  const ids = { last: 0 };
  const [first, second] = [new Mm(ids), new Mm(ids)];
  expect([second.id, first.id, second.id]).toEqual([1, 2, 1]);
  expect([first.brk, first.complete]).toEqual(['', false]);
  Object.assign(first, { brk: '0x5000', complete: true });
  const child = new Mm(ids, first);
  expect([child.brk, child.complete, child.uffd]).toEqual(['0x5000', true, null]);
});
