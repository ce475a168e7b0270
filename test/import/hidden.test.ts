/** What tracefs does not show: page-cache misses, what execve mapped, and who was first where times overlap. */
import { expect, test } from 'vitest';
import type { EventObject } from '../../src/trace/import/index.js';
import { imported } from './sample.js';

/** Threads below 10 are of process 5. */
const line = (us: number, tid: number, text: string): string =>
  `   prog-${tid}  (${tid < 10 ? '      5' : '-------'}) [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;
const user = (us: number, tid: number, page: string, code: number): string =>
  line(us, tid, `page_fault_user: address=0x${page}000 ip=0x401000 error_code=0x${code}`);
const lock = (us: number, tid: number, write: boolean): string[] => [
  line(us, tid, `mmap_lock_start_locking: mm=00000000bbe4e955 memcg_path=/ write=${write}`),
  line(us + 1, tid, `mmap_lock_acquire_returned: mm=00000000bbe4e955 memcg_path=/ write=${write} success=true`),
  line(us + 2, tid, `mmap_lock_released: mm=00000000bbe4e955 memcg_path=/ write=${write}`),
];
/** mmap(2) of 16 pages at 0x7f0000000000. */
const mmap = (us: number, tid: number, end: number, flags: string): string[] => [
  line(us, tid, `sys_mmap(addr: 0, len: 10000, prot: 3, flags: ${flags}, fd: 3, off: 0)`),
  ...lock(us + 1, tid, true),
  line(end, tid, 'sys_mmap -> 0x7f0000000000'),
];
const PRIVATE_FILE = '2';
const ANONYMOUS = '22';
const READ = 4;
const WRITE_PRESENT = 7;

const hidden = (faults: readonly EventObject[]): unknown[] => faults.map(fault => fault['x-hidden'] ?? null);

test('a fault on a file that took as long as I/O may have read its page in; a shorter one did not', async () => {
  const { faults } = await imported(
    [
      ...mmap(0, 5, 9, PRIVATE_FILE),
      user(20, 5, '7f0000000', READ),
      user(50, 5, '7f0000001', READ),
      user(400, 5, '7f0000002', WRITE_PRESENT),
      user(900, 5, '7f0000003', READ),
      line(950, 5, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  expect(hidden(faults)).toEqual([null, 'page cache', null, null]);
});

test('anonymous memory hides nothing, nor a recording that has page-cache events', async () => {
  const slow = [user(20, 5, '7f0000000', READ), line(900, 5, 'sys_brk(brk: 0)')];
  expect(hidden((await imported([...mmap(0, 5, 9, ANONYMOUS), ...slow].join('\n'))).faults)).toEqual([null]);
  for (const shows of [
    'mm_filemap_fault: dev 254:0 ino 21e5e4 ofs=0',
    'page_cache_sync_ra: dev=254:0 ino=21e5e4 index=0',
    'rss_stat: mm_id=7 curr=1 type=MM_FILEPAGES size=4096B',
  ]) {
    const told = [...mmap(0, 5, 9, PRIVATE_FILE), line(15, 5, shows), ...slow];
    expect(hidden((await imported(told.join('\n'))).faults)).toEqual([null]);
  }
});

test('where a userfaultfd was registered, a monitor may have answered what took as long as I/O', async () => {
  const ioctl = [line(11, 5, 'sys_ioctl(fd: 3, cmd: c020aa00, arg: 7ffd0)'), line(15, 5, 'sys_ioctl -> 0x0')];
  const fault = (end: number) => [user(400, 5, '7f0000000', READ), line(end, 5, 'sys_brk(brk: 0)')];
  const said = async (...lines: string[]) =>
    hidden((await imported([...mmap(0, 5, 9, ANONYMOUS), ...lines].join('\n'))).faults);
  expect(await said(...ioctl, ...fault(500))).toEqual(['userfaultfd']);
  expect(await said(...ioctl, ...fault(499))).toEqual([null]);
  expect(await said(...fault(900))).toEqual([null]);
});

test('a clock of timer interrupts cannot tell what is short', async () => {
  const ticks = [
    ...mmap(0, 5, 9, PRIVATE_FILE),
    user(4_010, 5, '7f0000000', READ),
    user(4_010, 5, '7f0000001', READ),
    line(4_010, 5, 'sys_brk(brk: 0)'),
  ].map(text => text.replace(/1\.00000\d/, '1.000000'));
  expect(hidden((await imported(ticks.join('\n'))).faults)).toEqual(['page cache', 'page cache']);
});

test('what is below memory that grows down is no VMA of its own', async () => {
  const growing = [
    ...mmap(0, 5, 9, '122'),
    user(20, 5, '7effffffe', 6),
    user(40, 5, '7effff000', 6),
    line(60, 5, 'sys_brk(brk: 0)'),
  ];
  const { events } = await imported(growing.join('\n'));
  expect(events.filter(({ op }) => op === 'vma')).toEqual([]);
});

test('an unmap that goes on for long leaves what was mapped in its place meanwhile', async () => {
  const { events } = await imported(
    [
      ...mmap(0, 5, 9, ANONYMOUS),
      line(100, 5, 'sys_munmap(addr: 7f0000000000, len: 10000)'),
      ...lock(101, 5, true),
      ...mmap(200, 6, 209, ANONYMOUS),
      line(300, 5, 'sys_munmap -> 0x0'),
      user(320, 6, '7f0000000', 6),
      line(340, 6, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  expect(events.filter(({ op }) => op === 'vma')).toEqual([]);
});

test('pages that are written near to each other are one VMA with an anon_vma, and so is one that was there', async () => {
  const { events } = await imported(
    [
      ...lock(0, 5, true),
      user(20, 5, '4c1', 6),
      user(40, 5, '4c2', 6),
      user(60, 5, '5c2', 6),
      user(80, 5, '9c2', WRITE_PRESENT),
      user(100, 5, '401', READ),
      line(110, 5, 'page_fault_user: address=0x7ffff7fc1020 ip=0x401000 error_code=0x4'),
      line(120, 5, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  const vmas = events.filter(({ op }) => op === 'vma');
  expect(vmas.map(({ addr, anon_vma = null, file = null }) => [addr, anon_vma, file])).toEqual([
    ['0x4c1000', null, null],
    ['0x4c2000', true, null],
    ['0x5c2000', null, null],
    ['0x9c2000', true, null],
    ['0x401000', null, {}],
    ['0x7ffff7fc1000', null, { name: '[vdso]', fs: 'special' }],
  ]);
});

/** execve of a program whose data ends in page 0x4bb, with no mapping shown; then its own faults. */
const executed = (faults: readonly string[]): string[] => [
  line(0, 5, 'sys_execve(filename: 5ac272, argv: 18d7808, envp: 18d7868)'),
  line(10, 5, 'page_fault_kernel: address=0x4bb710 ip=rep_stos_alternative error_code=0x2'),
  line(30, 5, 'sys_execve -> 0x0'),
  ...faults,
  line(900, 5, 'sys_brk(brk: 0)'),
];
/** Why a VMA is told, as its event says. */
const WHY: Readonly<Record<string, string>> = {
  'x-inferred: the next fault ended well': 'ended well',
  'x-evidence: execve cleared the rest of the last page of its file': 'cleared',
  'x-evidence: written just above the first page of a stack': 'above the stack',
  'x-inferred: its ELF header is read first': 'ELF header',
  'x-inferred: executed behind an ELF header that was read': 'behind it',
  'x-inferred: read just behind its ELF header': 'right behind it',
  'x-inferred: read just below the vDSO': 'below it',
};
/** Address, protection, of what file, whether it has an anon_vma, and why. */
const toldOf = (events: readonly EventObject[]) =>
  events
    .filter(({ op }) => op === 'vma')
    .map(vma => {
      expect([vma.len, vma.flags]).toEqual(
        vma.name === '[stack]'
          ? ['0x21000', ['private', 'anonymous', 'growsdown']]
          : ['0x1000', vma.file ? ['private'] : ['private', 'anonymous']],
      );
      const of = vma.file ? (vma.file.name ?? 'file') : (vma.name ?? 'anonymous');
      const why = 'x-inferred' in vma ? `x-inferred: ${vma['x-inferred']}` : `x-evidence: ${vma['x-evidence']}`;
      return [vma.addr, vma.prot, of, vma.anon_vma === true, WHY[why]];
    });
const mappings = async (faults: readonly string[]) => toldOf((await imported(executed(faults).join('\n'))).events);

test('where execve clears the rest of a page, the file of the data ends and the bss begins', async () => {
  const faults = [
    user(40, 5, '4b8', 6),
    user(50, 5, '4b8', 6),
    user(60, 5, '4a0', READ),
    user(65, 5, '4a0', WRITE_PRESENT),
    user(70, 5, '4c1', READ),
    user(80, 5, '4c0', 6),
    user(90, 5, '4bf', READ),
    user(100, 5, '4bd', 6),
    line(110, 5, 'page_fault_kernel: address=0x4be020 ip=rep_movs_alternative error_code=0x2'),
    user(140, 5, '401', 14),
    user(160, 5, '20000', 6),
  ];
  expect(await mappings(faults)).toEqual([
    ['0x4bb000', 'rw-', 'file', true, 'cleared'],
    ['0x4b8000', 'rw-', 'file', true, 'cleared'],
    ['0x4a0000', 'rw-', 'file', false, 'cleared'],
    ['0x4a0000', 'rw-', 'file', true, 'cleared'],
    ['0x4c1000', 'rw-', 'anonymous', false, 'ended well'],
    ['0x4c0000', 'rw-', 'anonymous', false, 'cleared'],
    ['0x4bf000', 'rw-', 'anonymous', true, 'cleared'],
    ['0x4bd000', 'rw-', 'anonymous', true, 'cleared'],
    ['0x4be000', 'rw-', 'anonymous', true, 'cleared'],
    ['0x401000', 'r-x', 'file', false, 'ended well'],
    ['0x20000000', 'rw-', 'anonymous', false, 'ended well'],
  ]);
});

test('of several segments a page is of the one whose file ends next above it, its bss of the one that ends next below', async () => {
  const cleared = (us: number, page: string) =>
    line(us, 5, `page_fault_kernel: address=0x${page}710 ip=rep_stos_alternative error_code=0x2`);
  const told = async (...pages: [page: string, code: number][]) => {
    const text = [
      line(0, 5, 'sys_execve(filename: 5ac272, argv: 18d7808, envp: 18d7868)'),
      ...['4bb', '10000', '30000'].map((page, i) => cleared(10 + i, page)),
      line(30, 5, 'sys_execve -> 0x0'),
      ...pages.map(([page, code], i) => user(40 + 20 * i, 5, page, code)),
      line(900, 5, 'sys_brk(brk: 0)'),
    ];
    return toldOf((await imported(text.join('\n'))).events)
      .slice(3)
      .map(([, , of, anonVma, why]) => [of, anonVma, why]);
  };
  // no further apart than 4,096 pages: of the second segment, of none
  expect(await told(['f000', READ], ['efff', READ])).toEqual([
    ['file', false, 'cleared'],
    ['file', false, 'ended well'],
  ]);
  // the bss of the first, and of none
  expect(await told(['4bc', 6], ['14bb', 6])).toEqual([
    ['anonymous', false, 'cleared'],
    ['anonymous', true, 'cleared'],
  ]);
  expect(await told(['4bc', 6], ['14bc', 6])).toEqual([
    ['anonymous', false, 'cleared'],
    ['anonymous', false, 'ended well'],
  ]);
  // one bss says nothing of another, nor does what is written before it
  expect(await told(['4bc', 6], ['10001', 6], ['10002', 6])).toEqual([
    ['anonymous', false, 'cleared'],
    ['anonymous', false, 'cleared'],
    ['anonymous', true, 'cleared'],
  ]);
  expect(await told(['ffff', 6], ['10001', 6])).toEqual([
    ['file', true, 'cleared'],
    ['anonymous', false, 'cleared'],
  ]);
});

test('what was written far from a bss prepared no anon_vma there', async () => {
  const prepared = async (...pages: string[]) =>
    (await mappings(pages.map((page, i) => user(40 + 20 * i, 5, page, 6)))).slice(1).map(([, , , anonVma]) => anonVma);
  expect(await prepared('20000', '4c0')).toEqual([false, false]);
  expect(await prepared('4c0', '4bd')).toEqual([false, true]);
});

test('the page that is read for its ELF header is the vDSO, or the loader where that has run', async () => {
  const header = line(60, 5, 'page_fault_user: address=0x7ffff7fc1020 ip=0x401000 error_code=0x4');
  expect((await mappings([header])).map(([, prot]) => prot)).toEqual(['rw-', 'r-x']);
  const loader = user(40, 5, '7ffff7fc3', 14);
  expect((await mappings([loader, header])).map(([, prot]) => prot)).toEqual(['rw-', 'r-x', 'rwx']);
  const near = [
    ...[user(70, 5, '7ffff7fbb', READ), user(80, 5, '7ffff7fba', READ), user(85, 5, '7ffff7fc0', READ)],
    ...[user(90, 5, '7ffff7fc2', 14), user(95, 5, '7ffff7fc3', 14), user(97, 5, '7ffff7fc0', 14)],
  ];
  expect((await mappings([header, ...near])).slice(1)).toEqual([
    ['0x7ffff7fc1000', 'r-x', '[vdso]', false, 'ELF header'],
    ['0x7ffff7fbb000', 'rwx', '[vvar]', false, 'below it'],
    ['0x7ffff7fba000', 'rw-', 'file', false, 'ended well'],
    ['0x7ffff7fc0000', 'rwx', '[vvar]', false, 'below it'],
    ['0x7ffff7fc2000', 'r-x', '[vdso]', false, 'behind it'],
    ['0x7ffff7fc3000', 'r-x', 'file', false, 'ended well'],
  ]);
  const second = [header, user(70, 5, '7ffff7fc2', READ), user(80, 5, '7ffff7fc3', READ)];
  expect((await mappings(second)).slice(1).map(([, prot, of, , why]) => [prot, of, why])).toEqual([
    ['r-x', '[vdso]', 'ELF header'],
    ['rwx', '[vdso]', 'right behind it'],
    ['rw-', 'file', 'ended well'],
  ]);
  // nothing was read there: what is executed and read is a file's
  expect((await mappings(near)).slice(1).map(([, , of]) => of)).toEqual(near.slice(0, 5).map(() => 'file'));
  const low = line(60, 5, 'page_fault_user: address=0x54a1020 ip=0x401000 error_code=0x4');
  expect((await mappings([low])).map(([, prot]) => prot)).toEqual(['rw-', 'rw-']);
});

test('of the pages that execve writes without clearing them the first is of the stack', async () => {
  const wrote = (us: number, page: string) =>
    line(us, 5, `page_fault_kernel: address=0x${page}000 ip=rep_movs_alternative error_code=0x2`);
  const { events } = await imported(
    [
      line(0, 5, 'sys_execve(filename: 5ac272, argv: 18d7808, envp: 18d7868)'),
      wrote(10, '7ffffffde'),
      wrote(20, '7ffffffdf'),
      line(30, 5, 'sys_execve -> 0x0'),
      user(40, 5, '7ffffffdf', 6),
      user(60, 5, '7ffffffde', 6),
      line(80, 5, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  const vmas = events.filter(({ op }) => op === 'vma');
  expect(vmas.map(({ addr, len, name = null }) => [addr, len, name])).toEqual([
    ['0x7ffffffdf000', '0x1000', null],
    ['0x7ffffffbe000', '0x21000', '[stack]'],
  ]);
  expect(toldOf(events).map(([, prot, of, anonVma, why]) => [prot, of, anonVma, why])).toEqual([
    ['rw-', 'anonymous', false, 'ended well'],
    ['rw-', '[stack]', true, 'ended well'],
  ]);
});

test('far below the stack lies the loader, which does not grow', async () => {
  const used = [
    ...mmap(40, 5, 49, ANONYMOUS),
    user(60, 5, '7ffffffde', 6),
    user(70, 5, '7ffffff00', 6),
    user(80, 5, '7fff00002', 14),
  ];
  expect((await mappings(used)).slice(1).map(([addr, prot]) => [addr, prot])).toEqual([
    ['0x7ffffffbe000', 'rw-'],
    ['0x7fff00002000', 'r-x'],
  ]);
});

test('what is written just above the first page of a stack is of it', async () => {
  const stack = [...mmap(40, 5, 49, ANONYMOUS), user(60, 5, '7ffffffde', 6), user(80, 5, '7ffffffdf', WRITE_PRESENT)];
  const told = async (...more: string[]) => (await mappings([...stack, ...more])).slice(1);
  const first = [
    ['0x7ffffffbe000', 'rw-', '[stack]', true, 'ended well'],
    ['0x7ffffffdf000', 'rw-', 'anonymous', true, 'above the stack'],
  ];
  expect(await told()).toEqual(first);
  expect(await told(user(90, 5, '80000001e', WRITE_PRESENT), user(95, 5, '80000001f', WRITE_PRESENT))).toEqual([
    ...first,
    ['0x80000001e000', 'rw-', 'anonymous', true, 'above the stack'],
    ['0x80000001f000', 'rw-', 'anonymous', true, 'ended well'],
  ]);
  // where no stack was seen nothing is above one
  const alone = [...lock(0, 5, true), user(20, 5, '2', WRITE_PRESENT), line(80, 5, 'sys_brk(brk: 0)')];
  expect(toldOf((await imported(alone.join('\n'))).events)).toEqual([
    ['0x2000', 'rw-', 'anonymous', true, 'ended well'],
  ]);
});

test.each([
  [
    'a system call that reads what it was given',
    'page_fault_kernel: address=0x5c2c98 ip=strncpy_from_user error_code=0x0',
    1,
  ],
  [
    'the kernel writes to it, as a signal would',
    'page_fault_kernel: address=0x5c2c98 ip=rep_movs_alternative error_code=0x2',
    0,
  ],
  ['the end of a call that was not seen to begin', 'sys_wait4 -> 0x5', 1],
  ['the end of a signal handler', 'sys_rt_sigreturn -> 0x0', 0],
  ['a signal that no fault raises', 'signal_deliver: sig=17 errno=0 code=1 sa_handler=525892 sa_flags=4000000', 1],
  ['one that it raised itself', 'signal_deliver: sig=11 errno=0 code=1 sa_handler=525892 sa_flags=4000000', 0],
  ['a program that is executed', 'sched_process_exec: filename=/bin/x pid=5 old_pid=5', 1],
])('a fault ended well if what its thread does next is: %s', async (_, next, proven) => {
  const text = [...lock(0, 5, true), user(20, 5, '4c1', 6), line(40, 5, next)];
  const { events } = await imported(text.join('\n'));
  expect(events.filter(({ op }) => op === 'vma')).toHaveLength(proven);
});

test('a signal that no fault raises proves nothing of one in kernel mode: the call may have failed for it', async () => {
  const delivered = 'signal_deliver: sig=17 errno=0 code=1 sa_handler=525892 sa_flags=4000000';
  const kernel = line(20, 5, 'page_fault_kernel: address=0x4c1000 ip=rep_movs_alternative error_code=0x2');
  const { events } = await imported([...lock(0, 5, true), kernel, line(40, 5, delivered)].join('\n'));
  expect(events.filter(({ op }) => op === 'vma')).toEqual([]);
});

test.each([
  ['may have ended well', 'page_fault_kernel: address=0x7f0000001000 ip=rep_movs_alternative error_code=0x2', 1],
  ['may have run a handler', 'sys_rt_sigreturn(0)', 1],
  ['may have raised the signal', 'signal_deliver: sig=11 errno=0 code=1 sa_handler=525892 sa_flags=4000000', 1],
  ['raised a signal', 'signal_generate: sig=11 errno=0 code=1 comm=prog pid=5 grp=0 res=0', 0],
  ['was its thread’s last', 'sched_process_exit: comm=prog pid=5 prio=120', 0],
])('a fault that %s tells of the data that execve left there: %s', async (_, next, told) => {
  const text = executed([user(40, 5, '4b8', 6), line(60, 5, next)]);
  const vmas = toldOf((await imported(text.join('\n'))).events);
  expect(vmas.filter(([addr]) => addr === '0x4b8000')).toHaveLength(told);
});

test('who lives on for a millisecond and does nothing more had no signal either', async () => {
  const LOST = ['CPU:1 [LOST 34 EVENTS]'];
  for (const [until, lost, proven] of [
    [1_017, [], 0],
    [1_018, [], 1],
    [2_000, LOST, 0],
  ] as const) {
    const text = [...lock(0, 5, true), user(20, 5, '4c1', 6), ...lost, ...lock(until, 6, true)];
    const { events } = await imported(text.join('\n'));
    expect(events.filter(({ op }) => op === 'vma')).toHaveLength(proven);
  }
});

test('after an execve, what is written first above all mappings is the stack, which grows by itself', async () => {
  const exec = [
    user(0, 5, '7f0000000', 6),
    line(1, 5, 'sys_execve(filename: 55ff, argv: 55ee, envp: 55dd)'),
    line(2, 5, 'page_fault_kernel: address=0x7fffffffeff8 ip=0xffffffff81 error_code=0x2'),
    line(3, 5, 'sys_execve -> 0x0'),
  ];
  const { events } = await imported(
    [
      ...exec,
      ...mmap(10, 5, 19, ANONYMOUS),
      user(30, 5, '7ffd00100', 4),
      user(40, 5, '7ffd00200', 6),
      user(50, 5, '7ffd001f0', 6),
      user(60, 5, '7ffd00201', 6),
      user(70, 5, '7effffff0', 6),
      line(80, 5, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  const vmas = events.filter(({ op, mm }) => op === 'vma' && mm === 2);
  expect(vmas.map(({ addr, len, name = null }) => [addr, len, name])).toEqual([
    ['0x7ffd00100000', '0x1000', null],
    ['0x7ffd001e0000', '0x21000', '[stack]'],
    ['0x7ffd00201000', '0x1000', null],
    ['0x7effffff0000', '0x1000', null],
  ]);
});
