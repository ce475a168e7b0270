import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { call, imported, line, sample } from './sample.js';

const SMAPS = { file: 'smaps', text: readFileSync(new URL('../samples/import/attach.smaps', import.meta.url), 'utf8') };

test('smaps says of the VMAs that perf found which have pages of their own, and which grow', async () => {
  const alone = (await imported(sample('attach'))).events.filter(event => event.op === 'vma');
  const { events, summary } = await imported(sample('attach'), { maps: SMAPS });
  const vmas = events.filter(event => event.op === 'vma');
  expect(vmas.map(vma => vma.addr)).toEqual(alone.map(vma => vma.addr));
  expect(vmas.find(vma => vma.name === '[heap]')).toMatchObject({ anon_vma: true });
  expect(alone.find(vma => vma.name === '[heap]')).not.toHaveProperty('anon_vma');
  expect(vmas.find(vma => vma.name === '[stack]')?.flags).toContain('growsdown');
  expect(vmas.find(vma => vma.file?.name === '[vdso]')).not.toHaveProperty('anon_vma');
  expect(summary.unclassified).toEqual({});
});

test('with tracefs text the maps file is all there is: its VMAs stand first', async () => {
  const fault =
    '  python3-30799   (  30799) [001]   2.000001: page_fault_user: address=0x55b74422d010 ip=0x1 error_code=0x6';
  const { events } = await imported(fault, { maps: SMAPS });
  expect(events.map(event => event.op)).toEqual([
    'thread',
    ...SMAPS.text
      .match(/^[0-9a-f]+-/gm)!
      .slice(1)
      .map(() => 'vma'),
    'fault',
  ]);
  expect(events.some(event => String(event.addr).startsWith('0xffffffff'))).toBe(false);
});

test('brk goes on from the heap that maps shows, wherever else something is mapped', async () => {
  const text = [
    '00600000-00602000 rw-p 00000000 00:00 0 [heap]',
    '7f0000000000-7f0000010000 rw-s 00000000 00:00 0 ',
    '7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]',
  ].join('\n');
  const row = (us: number, what: string) => ` a-1 [000] ..... 1.${String(us).padStart(6, '0')}: ${what}`;
  const mm = 'mm=0000000041dd6c22 memcg_id=1 write=false';
  const lines = [
    ...[row(1, 'sys_brk(brk: 604000)'), row(2, 'sys_brk -> 0x604000')],
    row(10, 'page_fault_user: address=0x7f0000005010 ip=0x401000 error_code=0x6'),
    ...[row(11, `mmap_lock_start_locking: ${mm}`), row(12, `mmap_lock_acquire_returned: ${mm} success=true`)],
    ...[row(13, `mmap_lock_released: ${mm}`), row(14, 'sys_getpid()')],
  ];
  const { faults } = await imported(lines.join('\n'), { maps: { file: 'maps', text } });
  // as of a shared mapping: who wants an anon_vma there is none
  expect(faults.map(({ truth }) => truth?.path)).toEqual(['mmap_lock']);
});

test('a userfaultfd that was registered before is told by its VmFlags', async () => {
  const text = '7f0000000000-7f0000010000 rw-p 00000000 00:00 0 \nAnonymous: 0 kB\nVmFlags: rd wr mr um uw \n';
  const { events } = await imported(` a-1 [000] ..... 1.000001: sys_brk -> 0x1000`, { maps: { file: 'smaps', text } });
  expect(events.slice(1)).toEqual([
    { t: 0, tid: 1, op: 'vma', addr: '0x7f0000000000', len: '0x10000', prot: 'rw-', flags: ['private', 'anonymous'] },
    {
      t: 0,
      tid: 1,
      op: 'uffd_register',
      addr: '0x7f0000000000',
      len: '0x10000',
      modes: ['missing', 'wp'],
      'x-inferred': 'VmFlags um uw of smaps',
    },
  ]);
});

test('what smaps says of a VMA beside its line: locked, of page frames, huge; shared memory may have no name', async () => {
  const text = [
    '10000-11000 rw-p 00000000 00:00 0 ',
    'VmFlags: rd wr mr mw lo ',
    '7f0000000000-7f0000001000 rw-s 00000000 00:00 0 ',
    'VmFlags: rd wr sh pf io ',
    '7f0000200000-7f0000400000 rw-p 00000000 00:0f 6 /anon_hugepage (deleted)',
    'VmFlags: rd wr mr mw ht ',
  ];
  const maps = { file: 'smaps', text: text.join('\n') };
  const { events } = await imported(' a-1 [000] ..... 1.000001: sys_brk -> 0x1000', { maps });
  expect(events.slice(1).map(({ flags, file }) => [flags, file])).toEqual([
    [['private', 'anonymous', 'locked'], undefined],
    [['shared', 'pfnmap'], { fs: 'shmem' }],
    [['private', 'hugetlb'], { name: '/anon_hugepage (deleted)', fs: 'hugetlbfs' }],
  ]);
});

test('perf makes up no lines for reservations that nobody may access: the maps file has them', async () => {
  const maps = { file: 'maps', text: '7f0000000000-7f0000010000 ---p 00000000 00:00 0 \n' };
  const { events, summary } = await imported(sample('attach'), { maps });
  expect(events.find(event => event.addr === '0x7f0000000000')).toMatchObject({ t: 0, op: 'vma', prot: '---' });
  expect(summary.unclassified).toEqual({});
});

test('what perf does not show is counted with its line, a foreign line is refused', async () => {
  const extra = { file: 'maps', text: '10000-11000 rw-p 00000000 00:00 0 \n' };
  const { summary } = await imported(sample('attach'), { maps: extra });
  expect(Object.values(summary.unclassifiedAt)).toEqual([[1]]);
  const foreign = imported(sample('attach'), { maps: { file: 'maps', text: `${extra.text}hello\n` } });
  await expect(foreign).rejects.toMatchObject({ class: 'schema', where: { file: 'maps', line: 2 } });
});

test('what perf finds is newer than the maps file: what grew is known all the same, what went is gone', async () => {
  const found = (what: string) => `   10/10  [000]     0.000000000: PERF_RECORD_MMAP2 10/10: ${what}`;
  const text = [
    found('[0x600000(0x4000) @ 0 00:00 0 0]: rw-p [heap]'),
    found('[0x7f0000000000(0x2000) @ 0 00:00 0 0]: rw-p //anon'),
    found('[0x7f0000100000(0x1000) @ 0 00:00 0 0]: rw-p //anon'),
    line(1, 10, 'minor-faults: 0'),
  ];
  const smaps = [
    ...['00600000-00602000 rw-p 00000000 00:00 0 [heap]', 'Anonymous: 8 kB', 'VmFlags: rd wr lo '],
    ...['7f0000000000-7f0000001000 ---p 00000000 00:00 0 ', 'Anonymous: 0 kB'],
    ...['7f0000001000-7f0000003000 rw-p 00000000 00:00 0 ', 'Anonymous: 4 kB'],
    ...['7f0000005000-7f0000006000 rw-p 00000000 00:00 0 ', 'Anonymous: 4 kB'],
    ...['7f0000008000-7f0000009000 ---p 00000000 00:00 0 ', 'Anonymous: 0 kB'],
    ...['7f0000100000-7f0000102000 rw-s 00000000 00:01 7 /dev/zero (deleted)', 'Anonymous: 4 kB'],
  ];
  const { events, summary } = await imported(text.join('\n'), { maps: { file: 'smaps', text: smaps.join('\n') } });
  expect(
    events.map(({ op, addr, len, anon_vma, flags }) => [op, addr, len, anon_vma, flags?.includes('locked')]),
  ).toEqual([
    ['vma', '0x600000', '0x4000', true, true],
    ['vma', '0x7f0000000000', '0x2000', true, false],
    ['vma', '0x7f0000100000', '0x1000', undefined, false],
    ['vma', '0x7f0000008000', '0x1000', undefined, false],
  ]);
  expect(summary.unclassified).toEqual({});
});

test('what changed between the list of the maps and the first record contradicts no call', async () => {
  const found = (at: string) =>
    `   10/10  [000]     0.000000000: PERF_RECORD_MMAP2 10/10: [0x${at}(0x1000) @ 0 00:00 0 0]: r--p //anon`;
  const before = ['600000', '7f0000004000', '7f0000100000'].map(found);
  const merged = mmap(1, '2000', '7f0000000000(0x9000)', BASE + 0x2000);
  const mismatched = async (...rows: string[]) => (await imported(rows.join('\n'))).summary.mismatched;
  expect(await mismatched(...before, line(0, 10, 'minor-faults: 0'), ...merged)).toBe(0);
  expect(await mismatched(EXEC, ...merged)).toBe(1);
});

const EXEC = line(0, 10, 'PERF_RECORD_COMM exec: x:10/10');
const map = (us: number, range: string, prot = 'rw-p //anon') =>
  line(us, 10, `PERF_RECORD_MMAP2 10/10: [0x${range} @ 0 00:00 0 0]: ${prot}`);
const mmap = (us: number, length: string, shown: string, at: number) =>
  call(us, 10, `9 (0, ${length}, 3, 22, ffffffff, 0)`, [map(us + 1, shown)], us + 2, String(at));
const BASE = 0x7f0000000000;

test('an MMAP2 line that merges whole neighbours that are alike is no mismatch', async () => {
  const text = [
    EXEC,
    ...mmap(1, '2000', '7f0000002000(0x2000)', BASE + 0x2000),
    ...mmap(5, '2000', '7f0000000000(0x4000)', BASE),
  ];
  expect((await imported(text.join('\n'))).summary).toMatchObject({ mismatched: 0, mismatches: [] });
});

test.each([
  ['takes in a part of its neighbour', '7f0000000000(0x3000)', '0x7f0000000000-0x7f0000003000'],
  ['takes in what nobody mapped', '7f0000000000(0x9000)', '0x7f0000000000-0x7f0000009000'],
  ['is not all of the call', '7f0000000000(0x1000)', '0x7f0000000000-0x7f0000001000'],
])('one that %s is told with both ranges', async (_what, range, shown) => {
  const text = [EXEC, ...mmap(1, '2000', '7f0000002000(0x2000)', BASE + 0x2000), ...mmap(5, '2000', range, BASE)];
  const { summary } = await imported(text.join('\n'));
  expect(summary.mismatched).toBe(1);
  expect(summary.mismatches[0]).toMatchObject({ line: 6, shown });
});

test('a neighbour of other protection does not merge; a stack grows to the page of the fault', async () => {
  const readOnly = [EXEC, map(0, '7ffe00000000(0x21000)', 'rw-p [stack]')];
  const text = [
    ...readOnly,
    ...mmap(1, '2000', '7f0000002000(0x2000)', BASE + 0x2000),
    ...call(4, 10, '10 (7f0000002000, 1000, 1, 0, 0, 0)', [map(5, '7f0000002000(0x1000)', 'r--p //anon')], 6, '0'),
    ...mmap(7, '2000', '7f0000000000(0x3000)', BASE),
    line(10, 10, 'exceptions:page_fault_user: address=0x7ffdffffe010 ip=0x400000 error_code=0x6   0'),
    map(11, '7ffdffffe000(0x23000)', 'rw-p [stack]'),
    line(12, 10, 'minor-faults:     7ffdffffe010'),
    line(13, 10, 'exceptions:page_fault_user: address=0x7ffdffffc010 ip=0x400000 error_code=0x6   0'),
    map(14, '7ffdffffb000(0x26000)', 'rw-p [stack]'),
  ];
  const { summary } = await imported(text.join('\n'));
  expect(summary.mismatches).toEqual([
    { line: 10, shown: '0x7f0000000000-0x7f0000003000', expected: '0x7f0000000000-0x7f0000002000' },
    { line: 16, shown: '0x7ffdffffb000-0x7ffe00021000', expected: '0x7ffdffffc000-0x7ffe00021000' },
  ]);
});
