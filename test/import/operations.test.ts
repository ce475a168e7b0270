import { expect, test } from 'vitest';
import type { EventObject } from '../../src/trace/import/index.js';
import { call, imported, line, sample, section } from './sample.js';

const only = (events: EventObject[], ...ops: string[]) => events.filter(event => ops.includes(event.op));

test('a program begins with what execve mapped: no overlaps, the stack with its anon_vma, special mappings named', async () => {
  const { header, events } = await imported(sample('start'), { kernel: '6.18.44' });
  expect(header.meta).toEqual({
    producer: 'vmalock import perf',
    kernel: '6.18.44',
    arch: 'x86_64',
    pageSize: 4096,
    clock: 'mono',
    lost: 0,
    command: 'sqlite.sh',
  });
  expect(events[0]).toEqual({ t: 0, tid: 6347, op: 'thread', name: 'sqlite.sh' });
  const vmas = only(events, 'vma');
  expect(vmas.find(vma => vma.name === '[stack]')).toEqual({
    t: 144609,
    tid: 6347,
    op: 'vma',
    addr: '0x7ffd042b0000',
    len: '0x21000',
    prot: 'rw-',
    flags: ['private', 'anonymous', 'growsdown'],
    name: '[stack]',
    anon_vma: true,
  });
  expect(vmas.filter(vma => vma.file?.fs === 'special').map(vma => vma.file?.name)).toEqual([
    '[vvar]',
    '[vvar_vclock]',
    '[vdso]',
  ]);
  const dash = vmas.filter(vma => vma.file?.name === '/usr/bin/dash');
  expect(dash.map(({ addr, len, prot, offset }) => [addr, len, prot, offset])).toEqual([
    ['0x5649b004d000', '0x4000', 'r--', '0x0'],
    ['0x5649b0051000', '0x13000', 'r-x', '0x4000'],
    ['0x5649b0064000', '0x6000', 'r--', '0x17000'],
    ['0x5649b006a000', '0x3000', 'rw-', '0x1c000'],
  ]);
  expect(vmas.find(vma => vma.addr === '0x5649b006d000')?.flags).toEqual(['private', 'anonymous']);
});

test('a vfork child shares the address space until its execve, and then has a new one', async () => {
  const { events } = await imported(sample('fork-exec'));
  expect(only(events, 'fork')).toMatchObject([{ tid: 6347, child_tid: 6352, child_mm: 1 }]);
  expect(only(events, 'exec')).toMatchObject([{ tid: 6352, new_mm: 2 }]);
  expect(only(events, 'vma').every(vma => vma.mm === 2)).toBe(true);
  expect(only(events, 'fault')).toMatchObject([{ tid: 6352, mm: 2, mode: 'kernel' }]);
});

test('a forked child has the mm whose lock was taken inside fork', async () => {
  const child = 'mm=0xffff8881000692c0';
  const { events } = await imported(
    [
      ...call(1, 10, '12 (0, 0, 0, 0, 0, 0)', section(2, 10, true), 9, '4096'),
      line(10, 10, 'raw_syscalls:sys_enter: NR 435 (7ffd0, 58, 0, 8, 0, 0)   0'),
      ...section(11, 10, true),
      ...section(15, 10, true, child),
      line(20, 10, 'PERF_RECORD_FORK(20:20):(10:10)'),
      line(21, 10, 'sched:sched_process_fork: comm=x pid=10 child_comm=x child_pid=20   0'),
      line(22, 10, 'raw_syscalls:sys_exit: NR 435 = 20   0'),
      line(30, 10, 'PERF_RECORD_FORK(10:21):(10:10)'),
    ].join('\n'),
  );
  expect(only(events, 'fork')).toEqual([
    {
      t: 9000,
      tid: 10,
      op: 'fork',
      child_tid: 20,
      child_mm: 2,
      dur: 10000,
      locks: [{ mode: 'write', ask: 10000, got: 11000, end: 12000 }],
    },
    { t: 29000, tid: 10, op: 'fork', child_tid: 21, child_mm: 1 },
  ]);
});

test('munmap downgrades: its write section ends where its read section begins', async () => {
  const mm = 'mm=0xffff888105798c80';
  const inside = [
    line(2, 10, `mmap_lock:mmap_lock_start_locking: ${mm} write=true   0`),
    line(3, 10, `mmap_lock:mmap_lock_acquire_returned: ${mm} write=true success=true   0`),
    line(5, 10, `mmap_lock:mmap_lock_acquire_returned: ${mm} write=false success=true   0`),
    line(8, 10, `mmap_lock:mmap_lock_released: ${mm} write=false   0`),
  ];
  const { events } = await imported(call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', inside, 9, '0').join('\n'));
  expect(events).toEqual([
    {
      t: 0,
      tid: 10,
      op: 'munmap',
      addr: '0x7f0000000000',
      len: '0x2000',
      dur: 8000,
      locks: [
        { mode: 'write', ask: 1000, got: 2000, end: 4000 },
        { mode: 'read', ask: 4000, got: 4000, end: 7000 },
      ],
    },
  ]);
});

const CALLS: readonly [enter: string, result: string, event: Record<string, unknown>][] = [
  ['10 (7f0000000000, 1000, 5, 0, 0, 0)', '0', { op: 'mprotect', addr: '0x7f0000000000', len: '0x1000', prot: 'r-x' }],
  ['12 (0, 0, 0, 0, 0, 0)', '94874673868800', { op: 'brk', addr: '0x5649bb3bf000' }],
  [
    '25 (7f0000000000, 1000, 3000, 1, 0, 0)',
    '140398042124288',
    {
      op: 'mremap',
      addr: '0x7f0000000000',
      old_len: '0x1000',
      new_len: '0x3000',
      new_addr: '0x7fb0f76d9000',
      flags: ['maymove'],
    },
  ],
  ['28 (7f0000000000, 1000, 66, 0, 0, 0)', '0', { op: 'madvise', advice: 'guard_install' }],
  ['28 (7f0000000000, 1000, 63, 0, 0, 0)', '0', { op: 'madvise', advice: '99' }],
  ['149 (7f0000000000, 1000, 0, 0, 0, 0)', '0', { op: 'mlock', addr: '0x7f0000000000', len: '0x1000' }],
  ['151 (3, 0, 0, 0, 0, 0)', '0', { op: 'mlockall', mode: 'current future' }],
  ['325 (7f0000000000, 1000, 1, 0, 0, 0)', '0', { op: 'mlock', mode: 'onfault' }],
  ['325 (7f0000000000, 1000, 0, 0, 0, 0)', '0', { op: 'mlock', addr: '0x7f0000000000', len: '0x1000' }],
  ['152 (0, 0, 0, 0, 0, 0)', '0', { op: 'munlockall' }],
  ['216 (7f0000000000, 1000, 0, 2, 0, 0)', '0', { op: 'remap_file_pages', addr: '0x7f0000000000', len: '0x1000' }],
  ['329 (7f0000000000, 1000, 1, 2, 0, 0)', '0', { op: 'pkey_mprotect', addr: '0x7f0000000000', prot: 'r--' }],
  ['237 (7f0000000000, 1000, 63, 0, 0, 0)', '0', { op: 'mbind', mode: '99' }],
  ['237 (7f0000000000, 1000, 2, 0, 0, 0)', '0', { op: 'mbind', mode: 'bind' }],
  [
    '9 (0, 2000, 3, 22, ffffffff, 0)',
    '139637976727552',
    { op: 'mmap', addr: '0x7f0000000000', len: '0x2000', prot: 'rw-', flags: ['private', 'anonymous'] },
  ],
];

test.each(CALLS)('sys_enter NR %s = %s', async (enter, result, event) => {
  const { events } = await imported(call(1, 10, enter, [], 9, result).join('\n'));
  expect(events).toMatchObject([{ t: 0, dur: 8000, ...event }]);
});

test('a call recorded by raw_syscalls and by its own event is one; perf prints named arguments without parentheses', async () => {
  const own = [
    line(1, 10, 'syscalls:sys_enter_munmap: addr: 0x7f0000000000, len: 0x00002000               0'),
    ...section(2, 10, true),
    line(5, 10, 'syscalls:sys_exit_munmap: 0x0               0'),
  ];
  const alone = await imported(own.join('\n'));
  expect(alone.events).toMatchObject([
    { op: 'munmap', addr: '0x7f0000000000', len: '0x2000', locks: [{ mode: 'write' }] },
  ]);
  const both = call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', own, 5, '0');
  const { events, summary } = await imported(both.join('\n'));
  expect(events).toEqual(alone.events);
  expect(summary.unclassified).toEqual({});
});

test('a mapped file has the name, the kind and the offset that perf saw', async () => {
  const map = 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x2000) @ 0x1000 fe:00 2 3]: r--s /memfd:a b (deleted)';
  const inside = [line(5, 10, map)];
  const { events } = await imported(call(1, 10, '9 (0, 2000, 1, 1, 3, 1000)', inside, 9, '139637976727552').join('\n'));
  expect(events).toMatchObject([
    { op: 'mmap', flags: ['shared'], file: { name: '/memfd:a b (deleted)', fs: 'shmem' }, offset: '0x1000' },
  ]);
});

test('page 0 is mapped like any other: perf prints its address without 0x', async () => {
  const shown = line(2, 10, 'PERF_RECORD_MMAP2 10/10: [0(0x1000) @ 0 00:00 0 0]: rw-p //anon');
  const fault = [
    line(5, 10, 'exceptions:page_fault_user: address=0x8 ip=0x401000 error_code=0x6   8'),
    line(6, 10, 'minor-faults:     8'),
  ];
  const rows = [...call(1, 10, '9 (0, 1000, 3, 32, ffffffff, 0)', [shown], 3, '0'), ...fault];
  const { events, faults } = await imported(rows.join('\n'));
  expect(events.find(({ op }) => op === 'mmap')).toMatchObject({ addr: '0x0', len: '0x1000' });
  expect(faults).toMatchObject([{ addr: '0x8' }]);
});

test('shmat is a mapping of SysV shared memory, shmdt takes it away again', async () => {
  const [start, acquired, released] = section(2, 10, true);
  const map = line(
    3,
    10,
    'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x4000) @ 0 00:01 5 0]: rw-s /SYSV00000000 (deleted)',
  );
  const { events } = await imported(
    [
      ...call(1, 10, '30 (5, 0, 0, 0, 0, 0)', [start, acquired, map, released], 6, '139637976727552'),
      ...call(7, 10, '67 (7f0000000000, 0, 0, 0, 0, 0)', [], 9, '0'),
    ].join('\n'),
  );
  expect(events).toMatchObject([
    { op: 'mmap', addr: '0x7f0000000000', len: '0x4000', file: { fs: 'sysv_shm' } },
    { op: 'shmdt', addr: '0x7f0000000000', len: '0x4000' },
  ]);
});

/** shmdt(0x7f0000000000) with these extents there, [from, to) in pages and the offset of each, a file's where it is named. */
async function detached(...extents: [from: number, to: number, offset: number, name?: string][]) {
  const at = (page: number) => (0x7f0000000000 + page * 4096).toString(16);
  const maps = extents.map(([from, to, offset, name = '/SYSV00000000 (deleted)'], i) => {
    const extent = `[0x${at(from)}(0x${((to - from) * 4096).toString(16)}) @ 0x${(offset * 4096).toString(16)} 00:01 5 0]`;
    return line(i, 10, `PERF_RECORD_MMAP2 10/10: ${extent}: rw-s ${name}`);
  });
  const faults = extents.map(([from], i) =>
    line(40 + i, 10, `exceptions:page_fault_user: address=0x${at(from)} ip=0x1 error_code=0x4`),
  );
  const shmdt = call(20, 10, '67 (7f0000000000, 0, 0, 0, 0, 0)', [], 30, '0');
  const { events } = await imported([...maps, ...shmdt, ...faults].join('\n'));
  return [
    events.filter(({ op }) => op === 'shmdt').map(({ addr, len }) => `${addr} ${len}`),
    events.filter(event => 'x-hidden' in event).map(({ addr, 'x-hidden': why }) => `${addr} ${why}`),
  ];
}

test('shmdt takes every piece of its segment, whatever is missing; of those behind another mapping nobody knows', async () => {
  expect(await detached([0, 3, 0], [4, 8, 4])).toEqual([['0x7f0000000000 0x8000'], []]);
  expect(await detached([2, 3, 2], [4, 8, 4], [8, 9, 0])).toEqual([['0x7f0000002000 0x6000'], []]);
  expect(await detached([0, 3, 0], [3, 4, 3, '/f'], [4, 8, 4], [8, 9, 8, '/SYSV00000001 (deleted)'])).toEqual([
    ['0x7f0000000000 0x3000'],
    ['0x7f0000004000 memory: what shmdt did to it'],
  ]);
  expect(await detached([0, 3, 0, '/f'], [3, 4, 1])).toEqual([[], []]);
});

test('a call whose number takes mmap_lock for writing in the 32-bit table only came through int 0x80', async () => {
  const write = section(12, 10, true);
  const events = async (nr: string, result: string, inside = write) =>
    (await imported([...section(1, 10, false), ...call(10, 10, nr, inside, 20, result)].join('\n'))).events.filter(
      ({ t }) => t > 0,
    );
  expect(await events('91 (30000000, 4000, 0, 0, 0, 0)', '0')).toMatchObject([
    { op: 'munmap', addr: '0x30000000', len: '0x4000' },
  ]);
  expect(await events('125 (30000000, 4000, 1, 0, 0, 0)', '0')).toMatchObject([{ op: 'mprotect', prot: 'r--' }]);
  expect(await events('192 (ffffffff30000000, 8000, 3, 11, 3, 2)', '805306368')).toMatchObject([
    { op: 'mmap', addr: '0x30000000', len: '0x8000', flags: ['shared', 'fixed'], offset: '0x2000' },
  ]);
  expect(await events('163 (30000000, 1000, 2000, 1, 0, 0)', '805306368')).toMatchObject([{ op: 'mremap' }]);
  expect(await events('91 (3, 1b6, 0, 0, 0, 0)', '0', [])).toEqual([]);
  expect(await events('91 (3, 1b6, 0, 0, 0, 0)', '0', section(12, 10, false))).toMatchObject([{ op: 'other' }]);
});

test('MMAP2 lines say which protection it is, and how long a file of hugetlb is mapped', async () => {
  const shown = (us: number, page: number, n: number, prot: string, name: string) => {
    const addr = (0x7f0000000000 + page * 4096).toString(16);
    const extent = `[0x${addr}(0x${(n * 4096).toString(16)}) @ 0 00:01 5 0]: ${prot} ${name}`;
    return line(us, 10, `PERF_RECORD_MMAP2 10/10: ${extent}`);
  };
  const mmap = async (pages: number, inside: string[], flags = 1, before: string[] = []) => {
    const enter = `9 (0, ${(pages * 4096).toString(16)}, 1, ${flags}, 3, 0)`;
    const lines = [...before, ...call(10, 10, enter, inside, 20, String(0x7f0000000000))];
    return only((await imported(lines.join('\n'))).events, 'mmap')[0];
  };
  expect(await mmap(4, [shown(15, 0, 4, 'r-xs', '/f')])).toMatchObject({ prot: 'r-x', len: '0x4000' });
  const hugetlb = { len: '0x200000', flags: ['shared', 'hugetlb'], file: { name: '/memfd:h', fs: 'hugetlbfs' } };
  expect(await mmap(4, [shown(15, 0, 512, 'r--s', '/memfd:h')])).toMatchObject(hugetlb);
  const other = [shown(5, 0, 512, 'r--s', '/f')];
  expect(await mmap(4, [shown(15, 0, 512, 'r--s', '/memfd:h')], 1, other)).toMatchObject(hugetlb);
  const same = [shown(5, 4, 508, 'r--s', '/memfd:h')];
  for (const [pages, n, page, before] of [
    [4, 512, 0, same],
    [512, 512, 0, []],
    [4, 500, 0, []],
    [508, 508, 0, []],
    [4, 516, -4, []],
  ] as const) {
    const event = await mmap(pages, [shown(15, page, n, 'r--s', '/memfd:h')], 1, [...before]);
    expect(event).toMatchObject({ len: `0x${(pages * 4096).toString(16)}`, flags: ['shared'] });
  }
  const protects = async (...inside: string[]) => {
    const lines = call(10, 10, '10 (7f0000000000, 8000, 1, 0, 0, 0)', inside, 20, '0');
    return only((await imported(lines.join('\n'))).events, 'mprotect')[0].prot;
  };
  expect(await protects(shown(14, 0, 4, 'r-xs', '/f'), shown(15, 4, 4, 'r-xs', '/g'))).toBe('r-x');
  expect(await protects(shown(14, 0, 4, 'r-xs', '/f'), shown(15, 4, 4, 'r--s', '/g'))).toBe('r--');
});

test('a fault on what is printed as a symbol is none of user memory: it is counted, and the one before it is over', async () => {
  const text = [
    line(1, 10, 'exceptions:page_fault_user: address=0x1000 ip=0x1 error_code=0x4'),
    line(2, 10, 'exceptions:page_fault_user: address=__pi__text ip=0x1 error_code=0x5'),
    line(3, 10, 'signal:signal_generate: sig=11 errno=0 code=1 comm=x pid=10 grp=0 res=0'),
    line(4, 10, 'exceptions:page_fault_user: address=0x2000 ip=0x1 error_code=0x4'),
  ];
  const { faults, summary } = await imported(text.join('\n'));
  expect(faults.map(({ addr }) => addr)).toEqual(['0x1000', '0x2000']);
  expect(summary.unclassifiedAt['fault on an address of the kernel, printed as a symbol']).toEqual([2]);
});

test('a call that failed is kept for its lock only; without one it leaves nothing', async () => {
  const failing = '9 (0, 2000, 3, 22, ffffffff, 0)';
  const { events } = await imported(call(1, 10, failing, section(2, 10, true), 9, '-12').join('\n'));
  expect(events).toMatchObject([{ op: 'other', name: 'mmap', locks: [{ mode: 'write' }] }]);
  expect((await imported(call(1, 10, failing, [], 9, '-12').join('\n'))).events).toEqual([]);
});

test('tracefs prints an errno as 64 bits; the exit of a call whose number is gone ends what is under way', async () => {
  const ftrace = [
    ' a-1 [000] ..... 1.000001: sys_munmap(addr: 7f0000000000, len: 2000)',
    ' a-1 [000] ..... 1.000002: sys_munmap -> 0xffffffffffffffea',
  ];
  expect(only((await imported(ftrace.join('\n'))).events, 'munmap')).toEqual([]);
  const [enter, exit] = call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], 9, '0');
  const restarted = exit.replace('NR 11 = 0', 'NR -1 = 0');
  expect((await imported([enter, restarted].join('\n'))).events).toMatchObject([{ op: 'munmap' }]);
});

test('an operation that took no mmap_lock says so, where the recording would have shown it', async () => {
  const dontneed = call(10, 10, '28 (7f0000000000, 1000, 4, 0, 0, 0)', [], 19, '0');
  const { events } = await imported([...section(1, 10, true), ...dontneed].join('\n'));
  expect(events).toMatchObject([{ op: 'madvise', advice: 'dontneed', locks: [] }]);
});

test('a thread asleep in futex holds nothing back; a call that maps does, until it returns', async () => {
  const order: string[] = [];
  async function* feed() {
    const lines = [
      line(1, 11, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0'),
      ...call(2, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], 3, '0'),
      line(4, 12, 'raw_syscalls:sys_enter: NR 9 (0, 2000, 3, 22, ffffffff, 0)   0'),
      ...call(5, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], 6, '0'),
      line(7, 12, 'raw_syscalls:sys_exit: NR 9 = 139637976727552   0'),
      line(8, 10, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0'),
      ...Array.from({ length: 70 }, (_, i) =>
        line(
          9 + i,
          10,
          'sched:sched_switch: prev_comm=x prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=y next_pid=0 next_prio=120   0',
        ),
      ),
    ];
    for (const text of lines) {
      order.push(/sys_\w+: NR \d+/.exec(text)?.[0] ?? '');
      yield text + '\n';
    }
  }
  const { importTrace } = await import('../../src/trace/import/index.js');
  const seen: string[] = [];
  for await (const event of importTrace(feed(), { file: 'x', from: 'perf' })) {
    if ('op' in event) seen.push(`${event.op} ${event.t}`);
  }
  expect(seen).toEqual(['munmap 1000', 'mmap 3000', 'munmap 4000']);
});

test('a migration entry stands from set to remove', async () => {
  const { events } = await imported(
    [
      line(1, 10, 'migrate:set_migration_pte: addr=7f790ad81000, pte=f7ffe7ffdfc65000 order=0   0'),
      line(9, 10, 'migrate:remove_migration_pte: addr=7f790ad81000, pte=8 order=0   0'),
    ].join('\n'),
  );
  expect(events).toEqual([{ t: 0, tid: 10, op: 'migrate', addr: '0x7f790ad81000', len: '0x1000', dur: 8000 }]);
});

test('a migration that is not over when the recording is has no end; one page after another has one each', async () => {
  const set = (us: number) => line(us, 10, 'migrate:set_migration_pte: addr=7f790ad81000, pte=f7ff order=0   0');
  const { events } = await imported([set(1), set(5)].join('\n'));
  expect(events).toMatchObject([{ op: 'migrate', t: 0, dur: 4000 }, { t: 4000 }]);
  expect(events[1]).not.toHaveProperty('dur');
});
