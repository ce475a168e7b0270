/** strace line by line: what each kind of line is, whose it is, and what it leaves. */
import { describe, expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import { syscallName } from '../../src/trace/import/syscall-table.js';
import { imported } from './sample.js';

const BRK = '7 1.000000 brk(NULL) = 0x5615737e6000 <0.000003>';
const MUNMAP = '7 1.000090 munmap(0x7f0000000000, 4096) = 0 <0.000003>';
/** What lines leave behind a brk of thread 7 at 0. */
async function lines(...texts: string[]) {
  const { events, summary } = await imported([BRK, ...texts].join('\n'));
  return { events: events.slice(1), summary };
}
/** What they leave where bad ones are skipped, and which those are. */
async function skipping(...texts: string[]) {
  const skipped: Complaint[] = [];
  const onBadLine = (complaint: Complaint) => void skipped.push(complaint);
  const { events } = await imported([BRK, ...texts].join('\n'), { onBadLine });
  return { events: events.slice(1), lines: skipped.map(({ where }) => where.line) };
}
/** A call of thread 7 at 10 us that took 4 us, and what it leaves. */
const called = async (text: string, tid = 7) => (await lines(`${tid} 1.000010 ${text} <0.000004>`)).events;
const AT = { t: 10_000, tid: 7 };
const PAGE = { addr: '0x7f0000000000', len: '0x1000', dur: 4_000 };

describe('a line', () => {
  test.each([
    ['with a pid', '7 1.000010 munmap(0x7f0000000000, 4096) = 0 <0.000004>'],
    ['with a pid in brackets', '[pid     7] 1.000010 munmap(0x7f0000000000, 4096) = 0 <0.000004>'],
    ['in nanoseconds', '7 1.000010000 munmap(0x7f0000000000, 4096) = 0 <0.000004000>'],
    ['in columns', '7  1.000010  munmap(0x7f0000000000, 0x1000)     = 0 <0.000004>'],
  ])('%s', async (_, text) => {
    expect((await lines(text)).events).toEqual([{ ...AT, op: 'munmap', ...PAGE }]);
  });

  test.each([
    '7 1.000001 munmap(0x7f0000000000, 4096 <unfinished ...>',
    '7 1.000001 <... munmap resumed>) = 0 <0.001065>',
    '7 1.000001 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---',
    '7 1.000001 +++ exited with 0 +++',
  ])('is enough to know the text: %s', async text => {
    expect((await imported(text)).header.meta.producer).toBe('vmalock import strace');
  });

  test('without -T says not how long the call took', async () => {
    const { events } = await lines('7 1.000010 munmap(0x7f0000000000, 4096) = 0');
    expect(events).toEqual([{ ...AT, op: 'munmap', ...PAGE, dur: 0 }]);
  });

  test('that took seconds', async () => {
    const { events } = await lines('7 1.000010 munmap(0x7f0000000000, 4096) = 0 <3.000004>');
    expect(events[0].dur).toBe(3_000_004_000);
  });

  test('whose time runs backwards is of the time before it', async () => {
    const { events } = await lines('7 1.000010 munlockall() = 0', '7 1.000004 munlockall() = 0');
    expect(events.map(({ t }) => t)).toEqual([10_000, 10_000]);
  });

  test('is put together from its halves, whatever stands between them', async () => {
    const { events } = await lines(
      '7 1.000010 munmap(0x7f0000000000,  <unfinished ...>',
      '7 1.000011 --- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---',
      '8 1.000012 munlockall() = 0 <0.000001>',
      '7 1.000013 <... munmap resumed>4096) = 0 <0.000003>',
    );
    expect(events.map(({ op, t, tid, dur }) => [op, t, tid, dur])).toEqual([
      ['munmap', 10_000, 7, 3_000],
      ['munlockall', 12_000, 8, 1_000],
    ]);
  });

  test('is put together also where it has no arguments', async () => {
    for (const blank of ['', ' ', '  ']) {
      const { events } = await lines(
        `7 1.000010 munlockall(${blank}<unfinished ...>`,
        '7 1.000013 <... munlockall resumed>) = 0 <0.000003>',
      );
      expect(events).toEqual([{ ...AT, op: 'munlockall', dur: 3_000 }]);
    }
  });

  test('that resumes what began before strace came is nothing, and what is never resumed neither', async () => {
    expect((await lines('7 1.000013 <... munmap resumed>) = 0 <0.000003>')).events).toEqual([]);
    const open = '7 1.000010 munmap(0x7f0000000000, 4096 <unfinished ...>';
    expect((await lines(open)).events).toEqual([]);
    const killed = ['7 1.000013 +++ killed by SIGKILL +++', '7 1.000014 +++ exited with 0 +++', MUNMAP];
    expect((await lines(open, ...killed)).events).toMatchObject([
      { t: 13_000, tid: 7, op: 'exit' },
      { t: 90_000, op: 'munmap' },
    ]);
    const waiting = '9 1.000012 futex(0x7f0000000000, FUTEX_WAIT, 1, NULL <unfinished ...>';
    expect((await lines(open, waiting)).events).toEqual([]);
  });

  test('that resumes what had to be let go because too much came behind it is counted, not told', async () => {
    const text = [
      BRK,
      '8 1.000010 munmap(0x7f0000000000, 4096 <unfinished ...>',
      ...[20, 30].map(us => `7 1.0000${us} munmap(0x7f0000000000, 4096) = 0 <0.000003>`),
      '8 1.000040 <... munmap resumed>) = 0 <0.000030>',
    ].join('\n');
    const told = async (maxHeld: number) => {
      const { events, summary } = await imported(text, { maxHeld });
      const reasons = Object.entries(summary.unclassified).filter(([reason]) =>
        reason.startsWith('held back too long'),
      );
      return [events.filter(({ op }) => op === 'munmap').map(({ t }) => t), reasons.map(([, count]) => count)];
    };
    expect(await told(3)).toEqual([[10_000, 20_000, 30_000], []]);
    expect(await told(2)).toEqual([[20_000, 30_000], [1]]);
  });

  test('of strace itself, a frame, or nothing is left out; anything else is counted', async () => {
    const kept = ['strace: Process 8 attached', 'strace: Process 8 detached', ' > /lib/libc.so(f+0x1) [0x2]', '', '  '];
    expect((await lines(...kept, 'hello', '1.5 apples', ...kept)).summary.unknownLines).toBe(2);
  });

  test.each([
    '7 1.0000',
    '7 ',
    '1234 ',
    '1234 567.8',
    '7 1.000010 what is munmap(0x7f0000000000, 4096) = 0',
    '[pid  7',
    '[pid  7] 1.',
    '7 1.000010 munmap(0x7f0000000000, 4096',
    '7 1.000010 munmap(0x7f0000000000, 4096) = ',
    '7 1.000010 munmap(0x7f0000000000, 4096) = 0x',
    '7 1.000010 munmap(0x7f0000000000, [4096) = 0',
    '7 1.000010 munmap(0x7f0000000000) = 0',
    '7 1.000010 mprotect(0x7f0000000000, 4096, PROT_WHAT) = 0',
    '7 1.000010 what is this',
    '7 1.000010 write(1, "+++ exited with 0 +++',
    '7 1.000010 write(1, "+++ superseded by execve in pid 8 +++',
    '7 1.000010 write(1, "--- SIGCHLD {} ---',
    '7 1.000010 +++ exited with 0',
    '7 1.000010 +++ superseded by execve in pid 8',
    '7 1.000010 --- SIGCHLD {si_signo=SIGCHLD',
    '7 1.000010 munmap(0x7f0000000000, 4096) = E',
    '7 1.000010 munmap(0x7f0000000000, MAP_) = 0 <0.000003>',
    '7 1.000010 ioctl(3) = 0 <0.000003>',
    '7 1.000010 execve() = 0 <0.000003>',
    '7 1.000010 execveat(3</usr/bin>) = 0 <0.000003>',
    '7 1.000010 process_madvise(3<pid:7>, [], 0, MADV_DONT, 0) = 0 <0.000003>',
    '7 1.000010 munmap(0x7f0000000000, 18446744073709551616) = 0 <0.000003>',
    '7 1.000010 munmap(-9223372036854775809, 4096) = 0 <0.000003>',
    '7 1.000010 brk(0x5615737e6000) = 18446744073709551616 <0.000003>',
    '7 1.000010 brk(0x5615737e6000) = 0x10000000000000000 <0.000003>',
    '7 1.000010 munmap(0x7f0000000000, 4096) = 0 <-1.000000>',
    '7 1.000010 munmap(0x7f0000000000, 4096) = 0 <1.0.0>',
  ])('%j is cut off, told with its line, and holds back nothing that follows', async text => {
    await expect(lines(text, BRK)).rejects.toMatchObject({
      class: 'schema',
      message: expect.stringMatching(/^strace line is cut off, found "/),
      where: { file: 'sample', line: 2 },
    });
    const { events, lines: skipped } = await skipping(text, MUNMAP);
    expect([skipped, events.map(({ op }) => op)]).toEqual([[2], ['munmap']]);
  });

  test('that is resumed as another call is refused; one that begins a call ends the call before it', async () => {
    const open = '7 1.000010 munmap(0x7f0000000000, 4096 <unfinished ...>';
    const resumed = '7 1.000011 <... mmap resumed>) = 0';
    await expect(lines(open, resumed)).rejects.toMatchObject({ where: { line: 3 } });
    expect((await skipping(open, resumed, MUNMAP)).events).toMatchObject([{ op: 'munmap', t: 90_000 }]);
    const { events } = await lines(open, '7 1.000011 munlockall() = 0', '7 1.000012 munlockall() = 0');
    expect(events.map(({ op, t }) => [op, t])).toEqual([
      ['munlockall', 11_000],
      ['munlockall', 12_000],
    ]);
  });
});

describe('a call', () => {
  test.each<[string, object]>([
    [
      'mmap(0x7f0000000000, 4096, PROT_READ, MAP_PRIVATE, 3</lib/a>, 0x5000) = 0x7f0000000000',
      { op: 'mmap', ...PAGE, prot: 'r--', flags: ['private'], file: { name: '/lib/a' }, offset: '0x5000' },
    ],
    [
      'mmap(0x7f0000000000, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000000000',
      { op: 'mmap', ...PAGE, prot: 'r--', flags: ['private'], file: {}, offset: '0x0' },
    ],
    [
      'mmap(NULL, 4096, PROT_NONE, MAP_SHARED, 3</dev/shm/a>, 0) = 0x7f0000000000',
      { op: 'mmap', ...PAGE, prot: '---', flags: ['shared'], file: { name: '/dev/shm/a', fs: 'tmpfs' }, offset: '0x0' },
    ],
    [
      'mmap(NULL, 4096, PROT_NONE, MAP_SHARED, 3</dev/zero>, 0) = 0x7f0000000000',
      { op: 'mmap', ...PAGE, prot: '---', flags: ['shared'], file: { name: '/dev/zero', fs: 'shmem' }, offset: '0x0' },
    ],
    [
      'mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE, 3</dev/zero>, 0) = 0x7f0000000000',
      { op: 'mmap', ...PAGE, prot: '---', flags: ['private', 'anonymous'], name: '/dev/zero' },
    ],
    [
      'mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000',
      { op: 'mmap', ...PAGE, prot: '---', flags: ['private', 'anonymous'] },
    ],
    ['madvise(0x7f0000000000, 4096, MADV_FREE) = 0', { op: 'madvise', ...PAGE, advice: 'free' }],
    ['syscall_0x1ce(0x7f0000000000, 0x1000, 0, 0, 0, 0) = 0', { op: 'mseal', ...PAGE }],
  ])('%s', async (text, event) => {
    expect(await called(text)).toEqual([{ ...AT, ...event }]);
  });

  test.each([
    'munmap(0x7f0000000000, 4096) = -1 EINVAL (Invalid argument)',
    'munmap(0x7f0000000000, 4096) = ?',
    'madvise(0x7f0000000000, 0, MADV_DONTNEED) = 0',
    'read(3, "a, b"..., 100) = 100',
    'ioctl(1, TCGETS, {c_iflag=BRKINT, ...}) = 0',
    'xsyscall_0x1ce(0x7f0000000000, 0x1000, 0, 0, 0, 0) = 0',
    'syscall_0x1cex(0x7f0000000000, 0x1000, 0, 0, 0, 0) = 0',
    'ioctl(1, _IOC(_IOC_WRITE, 0x12, 0x34, 0x8), 0x7ffd0) = 0',
    'shmdt(0x7f0000000000) = 0',
    'ioctl(3, UFFDIO_API, {api=0xaa, features=0}) = 0',
    'ioctl(3, UFFDIO_API) = 0',
    'ioctl(3, UFFDIO_WRITEPROTECT, {range={start=0x7f0000000000, len=0x1000}, mode=0}) = 0',
  ])('leaves nothing: %s', async text => {
    const { events, summary } = await lines(`7 1.000010 ${text} <0.000004>`);
    expect([events, summary.unclassified]).toEqual([[], {}]);
  });

  const RANGE = 'range={start=0x7f0000000000, len=0x1000}';
  test.each<[string, object]>([
    [
      `UFFDIO_REGISTER, {${RANGE}, mode=UFFDIO_REGISTER_MODE_WP|UFFDIO_REGISTER_MODE_MINOR}`,
      { op: 'uffd_register', modes: ['wp', 'minor'] },
    ],
    ['UFFDIO_UNREGISTER, {start=0x7f0000000000, len=0x1000}', { op: 'uffd_unregister' }],
    [
      'UFFDIO_COPY, {dst=0x7f0000000000, src=0x4bf000, len=0x1000, mode=0, copy=0x1000}',
      { op: 'uffd_copy', src: '0x4bf000' },
    ],
    [`UFFDIO_ZEROPAGE, {${RANGE}, mode=0, zeropage=4096}`, { op: 'uffd_zeropage' }],
    [`UFFDIO_CONTINUE, {${RANGE}, mode=0, mapped=4096}`, { op: 'uffd_continue' }],
    [
      'UFFDIO_MOVE, {dst=0x7f0000000000, src=0x4bf000, len=0x1000, mode=0, move=0x1000}',
      { op: 'uffd_move', src: '0x4bf000' },
    ],
    [`UFFDIO_WRITEPROTECT, {${RANGE}, mode=UFFDIO_WRITEPROTECT_MODE_WP}`, { op: 'uffd_wp' }],
  ])('ioctl(3, %s)', async (text, event) => {
    expect(await called(`ioctl(3<anon_inode:[userfaultfd]>, ${text}) = 0`)).toEqual([{ ...AT, ...PAGE, ...event }]);
  });

  test.each([
    ['ioctl(3, UFFDIO_COPY, 0x7fff) = 0', 'userfaultfd request whose range strace did not print'],
    [`ioctl(3, UFFDIO_REGISTER, {${RANGE}, mode=0}) = 0`, 'userfaultfd request whose range strace did not print'],
    ['shmat(5, NULL, 0) = 0x7f0000000000', 'shmat: its length is not in the call'],
    [
      'process_madvise(9, [{iov_base=0x7f0000000000, iov_len=4096}], 1, MADV_COLD, 0) = 4096',
      'process_madvise on a process that strace did not follow',
    ],
  ])('that says too little is counted: %s', async (text, reason) => {
    const { events, summary } = await lines(`7 1.000010 ${text} <0.000004>`);
    expect([events, summary.unclassifiedAt]).toEqual([[], { [reason]: [2] }]);
  });

  test('process_madvise is of the process that its pidfd names', async () => {
    const advise = (fd: string) =>
      `7 1.000010 process_madvise(${fd}, [{iov_base=0x7f0000000000, iov_len=4096}, {iov_base=0x7f0000008000, iov_len=8192}], 2, MADV_COLD, 0) = 12288 <0.000004>`;
    const fork = '7 1.000005 fork() = 1234';
    const cold = (mm: object) => [
      { ...AT, ...mm, op: 'madvise', advice: 'cold', ...PAGE },
      { ...AT, ...mm, op: 'madvise', advice: 'cold', ...PAGE, addr: '0x7f0000008000', len: '0x2000' },
    ];
    expect((await lines(fork, advise('3<pid:1234>'))).events.slice(1)).toEqual(cold({ mm: 2 }));
    // another call that returns 3 says nothing of the fd
    const opens = ['7 1.000008 pidfd_open(1234, 0) = 3', '7 1.000009 read(0, "abc", 3) = 3'];
    expect((await lines(fork, ...opens, advise('3'))).events.slice(1)).toEqual(cold({ mm: 2 }));
    expect((await lines(advise('3<pid:7>'))).events).toEqual(cold({}));
    const child = advise('5<pid:7>').replace('7', '1234');
    expect((await lines(fork, child)).events.slice(1)).toEqual(cold({ tid: 1234 }));
    // its pid was not printed while it was the only one
    const alone = await imported([BRK.slice(2), fork, child].join('\n'));
    expect(alone.events.slice(2)).toEqual(cold({ tid: 1234 }));
    // strace runs in another PID namespace: the number that it shows in a comment is its own
    const { summary } = await lines("7 1.000008 pidfd_open(2 /* 9 in strace's PID NS */, 0) = 4", advise('4'));
    expect(summary.unclassified).toEqual({ 'process_madvise on a process that strace did not follow': 1 });
  });
});

describe('a thread', () => {
  const made = async (text: string) => {
    const { events } = await lines(`7 1.000010 ${text} <0.000004>`, '8 1.000020 munlockall() = 0');
    expect(events[0]).toMatchObject({ ...AT, op: 'fork', child_tid: 8, dur: 4_000 });
    return [events[0].child_mm, events[1].mm ?? 1];
  };

  test.each([
    ['fork() = 8', 2],
    ['vfork() = 8', 1],
    ['clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 8', 2],
    ['clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD, tls=0x7f) = 8', 1],
    ['clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f} => {parent_tid=[8]}, 88) = 8', 1],
    ['clone3({flags=CLONE_VM_NOT, exit_signal=SIGCHLD}, 88) = 8', 2],
  ])('that %s makes', async (text, mm) => {
    expect(await made(text)).toEqual([mm, mm]);
  });

  test('is the one of a line without a pid, when it is the only one left', async () => {
    const { events } = await imported(
      [
        '1.000000 brk(NULL) = 0x5615737e6000 <0.000003>',
        '1.000010 fork() = 8 <0.000004>',
        '[pid     8] 1.000020 munlockall() = 0',
        '[pid     7] 1.000030 munlockall() = 0',
        '[pid     7] 1.000040 +++ exited with 0 +++',
        '1.000050 munlockall() = 0',
        '1.000060 +++ exited with 0 +++',
      ].join('\n'),
    );
    expect(events.slice(1).map(({ op, tid, mm }) => [op, tid, mm])).toEqual([
      ['fork', 1, undefined],
      ['munlockall', 8, 2],
      ['munlockall', 1, undefined],
      ['exit', 1, undefined],
      ['munlockall', 8, 2],
      ['exit', 8, 2],
    ]);
  });

  test('may be seen before the call that makes it returns', async () => {
    const { events } = await lines(
      '7 1.000010 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>',
      '8 1.000013 munlockall() = 0 <0.000001>',
      '7 1.000015 <... clone resumed>) = 8 <0.000005>',
    );
    expect(events).toEqual([
      { ...AT, op: 'fork', child_tid: 8, child_mm: 2, dur: 3_000 },
      { t: 13_000, tid: 8, mm: 2, op: 'munlockall', dur: 1_000 },
    ]);
  });

  test('whose fork was not seen shares the first address space, and is counted', async () => {
    const { events, summary } = await lines('8 1.000010 munlockall() = 0', '8 1.000011 munlockall() = 0');
    expect(events.map(({ tid, mm }) => [tid, mm])).toEqual([
      [8, undefined],
      [8, undefined],
    ]);
    expect(summary.unclassified).toEqual({
      'thread whose fork was not seen: taken to share the first address space': 1,
    });
  });

  test.each(['exited with 0', 'exited with -1', 'killed by SIGSEGV (core dumped)', 'superseded by execve in pid 9'])(
    'has %s: it is gone, once',
    async how => {
      const { events } = await lines(`7 1.000010 +++ ${how} +++`, `7 1.000011 +++ ${how} +++`);
      expect(events.map(({ op, t }) => [op, t])[0]).toEqual(['exit', 10_000]);
      expect(events.filter(({ op }) => op === 'exit')).toHaveLength(1);
    },
  );

  test('that executes a program has its name and a new mm; the first execve is strace’s own', async () => {
    const exec = (us: number, text: string) => `7 1.0000${us} ${text} = 0 <0.000004>`;
    const { events, header } = await imported(
      [
        exec(10, 'execve("/usr/bin/first", ["first"], 0x7ffd /* 3 vars */)'),
        exec(20, 'execve("/usr/bin/a-program-of-a-long-name", ["x"], 0x7ffd /* 3 vars */)'),
        exec(25, 'execve("/usr/bin/<... x resumed>y", ["x"], 0x7ffd /* 3 vars */)'),
        exec(30, 'execveat(3</usr/bin>, "third", ["x"], NULL, 0)'),
        exec(40, 'execveat(AT_FDCWD, "/usr/bin/true", ["true"], 0x7ffd, 0)'),
      ].join('\n'),
    );
    expect(header.meta.command).toBe('first');
    expect(events.map(({ t: _t, ...event }) => event)).toEqual([
      { tid: 7, op: 'thread', name: 'first' },
      { tid: 7, op: 'exec', new_mm: 2, dur: 4_000 },
      { tid: 7, mm: 2, op: 'thread', name: 'a-program-of-a-' },
      { tid: 7, mm: 2, op: 'exec', new_mm: 3, dur: 4_000 },
      { tid: 7, mm: 3, op: 'thread', name: '<... x resumed>' },
      { tid: 7, mm: 3, op: 'exec', new_mm: 4, dur: 4_000 },
      { tid: 7, mm: 4, op: 'thread', name: 'third' },
      { tid: 7, mm: 4, op: 'exec', new_mm: 5, dur: 4_000 },
      { tid: 7, mm: 5, op: 'thread', name: 'true' },
    ]);
  });
});

test('numbers of system calls are those of x86-64, and stay numbers where the table is silent', () => {
  const names = {
    ...{
      9: 'mmap',
      10: 'mprotect',
      11: 'munmap',
      12: 'brk',
      15: 'rt_sigreturn',
      16: 'ioctl',
      25: 'mremap',
      28: 'madvise',
    },
    ...{ 30: 'shmat', 67: 'shmdt', 56: 'clone', 57: 'fork', 58: 'vfork', 59: 'execve', 60: 'exit', 231: 'exit_group' },
    ...{
      149: 'mlock',
      150: 'munlock',
      151: 'mlockall',
      152: 'munlockall',
      157: 'prctl',
      202: 'futex',
      206: 'io_setup',
      207: 'io_destroy',
    },
    ...{ 216: 'remap_file_pages', 237: 'mbind', 256: 'migrate_pages', 279: 'move_pages', 310: 'process_vm_readv' },
    ...{ 311: 'process_vm_writev', 322: 'execveat', 323: 'userfaultfd', 325: 'mlock2', 329: 'pkey_mprotect' },
    ...{ 0: 'read', 1: 'write', 14: 'rt_sigprocmask', 26: 'msync', 27: 'mincore', 61: 'wait4', 239: 'get_mempolicy' },
    ...{ 257: 'openat', 262: 'newfstatat' },
    ...{ 425: 'io_uring_setup', 435: 'clone3', 440: 'process_madvise', 447: 'memfd_secret', 462: 'mseal' },
  };
  for (const [nr, name] of Object.entries(names)) expect(syscallName(Number(nr))).toBe(name);
  expect(syscallName(999)).toBe('syscall_999');
});

test('lines that notes were written into are joined, up to the longest line', async () => {
  const noted = `7 1.000010 munmap(0x7f00${'strace: Process 9 attached\n'.repeat(40)}00000000, 4096) = 0 <0.000004>`;
  expect((await lines(noted)).events).toMatchObject([{ op: 'munmap', ...PAGE }]);
  const endless = `${BRK}\n${`${'x'.repeat(50)}strace: Process 9 attached\n`.repeat(3)}`;
  await expect(imported(endless, { maxLine: 200 })).rejects.toMatchObject({ class: 'limit', where: { line: 4 } });
});
