import { describe, expect, test } from 'vitest';
import type { TruthObject } from '../../src/trace/import/event.js';
import { NO_END } from '../../src/trace/import/faults.js';
import { HELD_TOO_LONG } from '../../src/trace/import/outbox.js';
import { UNKNOWN_LOCK } from '../../src/trace/import/truth.js';
import { call, imported, line, sample, section } from './sample.js';

/** Each shape as the recording has it: sample, address of the fault, and what a kernel with call chains said of it. */
const SHAPES: readonly [what: string, sample: string, addr: string, truth: TruthObject][] = [
  ['an executable page of a fresh program', 'start', '0x7f6c3c55eb70', { path: 'vma_lock', fallback: false }],
  [
    'a kernel-mode fault of execve always takes mmap_lock',
    'start',
    '0x5649b006c240',
    { path: 'mmap_lock', fallback: true, wait: 5640 },
  ],
  [
    'a shared write dirties its page and drops mmap_lock before it completes (VM_FAULT_COMPLETED)',
    'shared-write',
    '0x7f4b65cf9000',
    { path: 'mmap_lock', fallback: true, wait: 3356 },
  ],
  [
    'so does the reuse of a shared page, without any rss_stat',
    'shared-reuse',
    '0x7f812ec0e000',
    { path: 'mmap_lock', fallback: true, wait: 39433 },
  ],
  [
    'a refused trylock of the slow path is no anon_vma trylock',
    'contended-lookup',
    '0x7f86aa0dd000',
    { path: 'mmap_lock', fallback: true, wait: 4729702 },
  ],
  [
    'two refusals in a row: the first was the trylock of __vmf_anon_prepare',
    'prepare-busy',
    '0x7eff845fd000',
    { path: 'mmap_lock', fallback: true, anon_prepare: 'failed', wait: 5821 },
  ],
  [
    'a userfault that has to retry under mmap_lock completes as major',
    'uffd-twice',
    '0x7fd9d6335000',
    { path: 'mmap_lock', fallback: true },
  ],
  [
    'an anon_vma is prepared and then the page is missing: a fallback all the same',
    'prepare-then-miss',
    '0x7f4e4ce9f100',
    { path: 'mmap_lock', fallback: true },
  ],
  [
    'a signal in an existing VMA: print_vma_addr took the lock, not the fault',
    'print-vma-addr',
    '0x7f344b0ce000',
    { path: 'signal', fallback: false },
  ],
  [
    'beyond the end of a private file: an anon_vma was prepared, nobody fell back',
    'sigbus',
    '0x7f344b0cd000',
    { path: 'signal', fallback: false },
  ],
  ['no VMA there: the slow path looked again', 'no-vma', '0x0', { path: 'signal', fallback: true }],
  [
    'a bad pointer of read(2): the slow path, then -EFAULT',
    'bad-user-pointer',
    '0x1000',
    { path: 'signal', fallback: true, wait: 7664 },
  ],
  ['page faults are disabled: neither lock is tried', 'page-faults-disabled', '0x7f94e3487e00', { fallback: false }],
  [
    'the stack grows: read, write, downgrade',
    'stack-growth',
    '0x7ffe863055b0',
    { path: 'mmap_lock', fallback: true, wait: 41687 },
  ],
  [
    'swap-in from a synchronous device stays under the VMA lock',
    'swap-sync',
    '0x7f6b84df7000',
    { path: 'vma_lock', fallback: false },
  ],
  [
    'with call chains: the anon_vma trylock',
    'stacks',
    '0x7f90b30dbd58',
    { path: 'vma_lock', fallback: false, anon_prepare: 'ok', via: '__vmf_anon_prepare' },
  ],
  [
    'with call chains: a refused anon_vma trylock, then the slow path',
    'stacks',
    '0x7eff845fd000',
    { path: 'mmap_lock', fallback: true, anon_prepare: 'failed', via: 'lock_mm_and_find_vma', wait: 5821 },
  ],
];

test.each(SHAPES)('%s', async (_what, name, addr, truth) => {
  const { faults } = await imported(sample(name));
  expect(faults.find(fault => fault.addr === addr)?.truth).toEqual(truth);
});

const MAP = 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon';
const PF = 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0';
const DONE = 'minor-faults:     7f0000001000';

test('the same events are an anon_vma trylock in a private VMA and a fallback in a shared one', async () => {
  const text = (map: string) =>
    [line(1, 10, map), line(2, 10, PF), ...section(3, 10, false), line(7, 10, DONE)].join('\n');
  const [mine] = (await imported(text(MAP))).faults;
  expect(mine.truth).toEqual({ path: 'vma_lock', fallback: false, anon_prepare: 'ok' });
  const [shared] = (await imported(text(MAP.replace('rw-p //anon', 'rw-s /SYSV00000000 (deleted)')))).faults;
  expect(shared.truth).toEqual({ path: 'mmap_lock', fallback: true, wait: 1000 });
});

test('in a VMA nobody knows they are not told apart, and that is counted', async () => {
  const { faults, summary } = await imported([line(2, 10, PF), ...section(3, 10, false), line(7, 10, DONE)].join('\n'));
  expect(faults[0].truth).toBeUndefined();
  expect(summary.unclassified).toEqual({ 'fault in an unknown VMA: shared and private look alike': 1 });
});

test('a thread killed by the exit_group of another while it waited took neither lock to the end', async () => {
  const { faults } = await imported(
    [
      line(1, 10, MAP),
      line(2, 10, 'minor-faults:     0'),
      ...section(3, 10, false),
      line(8, 11, PF),
      line(20, 10, 'raw_syscalls:sys_enter: NR 231 (0, 0, 0, 0, 0, 0)   0'),
      ...section(30, 11, false),
      line(40, 11, 'sched:sched_process_exit: comm=x pid=11 prio=120 group_dead=true   0'),
    ].join('\n'),
  );
  expect(faults[0].truth).toEqual({ path: 'killed', fallback: false });
});

test('a fault still waiting when the recording ends is kept without a truth', async () => {
  const text = [line(1, 10, MAP), line(1, 10, 'minor-faults:     0'), line(2, 10, PF)].join('\n');
  const { faults, summary } = await imported(text);
  expect(faults).toEqual([{ t: 1000, tid: 10, cpu: 0, op: 'fault', addr: '0x7f0000001000', access: 'write' }]);
  expect(summary.unclassified).toEqual({ 'fault under way when the recording ended': 1 });
});

test('without completion events there is no truth unless the locks alone decide', async () => {
  const lines = [
    line(1, 10, MAP),
    ...section(2, 10, true),
    line(5, 10, PF),
    line(9, 10, PF),
    ...section(10, 10, false),
  ];
  const { faults, summary } = await imported([...lines, line(15, 10, PF)].join('\n'));
  expect(faults.map(fault => fault.truth)).toEqual([
    { fallback: false, path: 'vma_lock' },
    undefined,
    { fallback: false },
  ]);
  expect(summary.unclassified).toEqual({ [UNKNOWN_LOCK]: 1, [NO_END]: 1 });
});

/** An execve of thread 10, in a recording that shows its calls. */
const EXECVE = [
  line(1, 10, 'raw_syscalls:sys_enter: NR 59 (7ffd0, 0, 0, 0, 0, 0)   0'),
  line(2, 10, 'PERF_RECORD_COMM exec: x:10/10'),
  line(3, 10, 'raw_syscalls:sys_exit: NR 59 = 0   0'),
];

test('what execve mapped is private: where it was seen, no VMA has to be known to tell an anon_vma from a fallback', async () => {
  const lines = [line(12, 10, PF), ...section(13, 10, false), line(17, 10, DONE)];
  const truth = async (...before: string[]) => (await imported([...before, ...lines].join('\n'))).faults[0].truth;
  expect(await truth(...EXECVE)).toEqual({ path: 'vma_lock', fallback: false, anon_prepare: 'ok' });
  const other = EXECVE.filter(text => !text.includes('exec:'));
  expect(await truth(...other)).toBeUndefined();
});

test('nobody maps below vm.mmap_min_addr or above user space: who faulted there looked under mmap_lock', async () => {
  const truth = async (addr: string) => {
    const fault = line(2, 10, PF.replace('0x7f0000001000', addr));
    const signal = line(8, 10, 'signal:signal_generate: sig=11 errno=0 code=1 comm=x pid=10 grp=0 res=0   0');
    const text = [line(1, 10, 'minor-faults:     0'), fault, ...section(3, 10, false), signal];
    return (await imported(text.join('\n'))).faults[0].truth?.fallback;
  };
  expect([await truth('0xfff'), await truth('0x100000000000000')]).toEqual([true, true]);
  // there may be a VMA, whose anon_vma was prepared
  expect([await truth('0x1000'), await truth('0xfffffffffffff0')]).toEqual([undefined, undefined]);
});

test('a kernel without VMA locks shows in its user faults: those of the kernel itself take mmap_lock in any', async () => {
  const truth = async (mode: string) => {
    const locked = Array.from({ length: 64 }, (_, i) => {
      const [start, acquired, released] = section(10 * i + 3, 10, false);
      return [line(10 * i + 2, 10, PF.replace('user', mode)), start, acquired, line(10 * i + 4, 10, DONE), released];
    });
    const last = [line(700, 10, PF), ...section(703, 10, false), line(709, 10, DONE)];
    const text = [line(1, 10, MAP), ...locked.flat(), ...last].join('\n').replaceAll('memcg_id=1', 'memcg_path=/');
    return (await imported(text)).faults[64].truth;
  };
  expect(await truth('kernel')).toEqual({ path: 'vma_lock', fallback: false, anon_prepare: 'ok' });
  expect(await truth('user')).toEqual({ path: 'mmap_lock', fallback: true, wait: 1000 });
});

test('a call chain that shows the trylock decides what came before, and nothing waits for it any longer', async () => {
  const readOnly = MAP.replace('rw-p //anon', 'r--p /bin/x');
  const forbidden = [
    ...[line(2, 10, PF), ...section(3, 10, false)],
    line(8, 10, 'signal:signal_generate: sig=11 errno=0 code=2 comm=x pid=10 grp=0 res=0   0'),
  ];
  const [start, acquired, released] = section(13, 10, false);
  const refused = acquired.replace('success=true', 'success=false');
  const by = (row: string, frame: string) => `${row}\n        ffffffff81 ${frame}\n`;
  const prepares = [
    ...[line(12, 10, PF), start, by(refused, '__vmf_anon_prepare'), by(acquired, 'lock_mm_and_find_vma'), released],
    line(18, 10, DONE),
  ];
  const others = Array.from({ length: 10 }, (_, i) => line(20 + i, 10, 'PERF_RECORD_COMM: x:10/10'));
  const found = async (...lines: string[]) => {
    const calls = call(1, 10, '202 (0, 0, 0, 0, 0, 0)', [], 1, '0');
    const text = [line(1, 10, readOnly), line(1, 10, DONE), ...calls, ...forbidden, ...lines, ...others].join('\n');
    const { faults, summary } = await imported(text.replaceAll('memcg_id=1', 'memcg_path=/'), { maxHeld: 8 });
    return [faults[0]?.truth, summary.unclassified];
  };
  expect(await found(...prepares)).toEqual([{ path: 'signal', fallback: false }, {}]);
  const [truth, unclassified] = await found();
  expect([truth, Object.keys(unclassified!)]).toEqual([undefined, [UNKNOWN_LOCK, HELD_TOO_LONG]]);
});

describe('without completion events', () => {
  const exits = line(30, 10, 'sched:sched_process_exit: comm=x pid=10 prio=120 group_dead=true   0');
  const truth = async (...lines: string[]) =>
    (await imported([...section(0, 12, true), ...lines].join('\n'))).faults[0].truth;

  test('a fault without a signal was finished, where the recording shows signals', async () => {
    expect(await truth(line(9, 10, PF), exits)).toEqual({ fallback: false });
    for (const signal of [
      'signal:signal_generate: sig=17 errno=0 code=1 comm=x pid=12 grp=0 res=0   0',
      'signal:signal_deliver: sig=17 errno=0 code=1 sa_handler=525892 sa_flags=4000000   0',
    ])
      expect(await truth(line(5, 12, signal), line(9, 10, PF), exits)).toEqual({ path: 'vma_lock', fallback: false });
  });

  test('two sections are the fault’s where its thread goes on, and where it does not may be for a signal', async () => {
    const calls = call(4, 10, '202 (0, 0, 0, 0, 0, 0)', [], 5, '0');
    const twice = [line(7, 10, MAP), ...calls, line(9, 10, PF), ...section(10, 10, false), ...section(14, 10, false)];
    expect(await truth(...twice, line(20, 10, PF))).toMatchObject({ fallback: true });
    const delivered = 'signal:signal_deliver: sig=11 errno=0 code=1 sa_handler=525892 sa_flags=4000000   0';
    expect(await truth(...twice, line(20, 10, delivered))).toBeUndefined();
  });
});
