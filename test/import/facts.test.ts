import { expect, test } from 'vitest';
import type { PageObject } from '../../src/trace/import/event.js';
import { Recording } from '../../src/trace/import/recording.js';
import { call, imported, line, sample, samples, section } from './sample.js';

const FACTS: readonly [what: string, sample: string, addr: string, page: PageObject | undefined][] = [
  ['a folio with the readahead mark', 'readahead-mark', '0x7f4e4ce4a0cc', { readahead: true }],
  ['a page that had to be read', 'page-miss', '0x7f44a6873000', { folio: 'absent', wait: 972173 }],
  ['a folio that another reader held', 'folio-locked', '0x7f44a67b2000', { folio: 'locked', wait: 749428 }],
  ['a swap entry read in', 'swap-sync', '0x7f6b84df7000', { entry: 'swap', folio: 'absent', wait: 39584 }],
  ['a swap entry on disk', 'swap-disk', '0x7f4028842000', { entry: 'swap', folio: 'absent', wait: 189444 }],
  ['a huge page', 'huge', '0x7f438f600000', { huge: 'pmd' }],
  ['a write to a present, write-protected page', 'shared-reuse', '0x7f812ec0e000', { entry: 'present' }],
  ['a first touch: nothing to say, the replay derives it', 'contended-lookup', '0x7f86aa0dd000', undefined],
];

test.each(FACTS)('%s', async (_what, name, addr, page) => {
  const { faults } = await imported(sample(name));
  expect(faults.find(fault => fault.addr === addr)?.page).toEqual(page);
});

const fault = (us: number, code = 6) =>
  line(us, 10, `exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x${code}   0`);
const counted = (us: number, type: string, pages: number) =>
  line(us, 10, `kmem:rss_stat: mm_id=7 curr=1 type=${type} size=${pages * 4096}B   0`);
const readAhead = (us: number) => line(us, 10, 'readahead:page_cache_sync_ra: dev=254:0 ino=2 index=1   0');
const page = async (...rows: string[]) => (await imported(rows.join('\n'))).faults[0].page;

test('a huge page of shared memory', async () => {
  const grows = [counted(1, 'MM_SHMEMPAGES', 1), fault(2), counted(3, 'MM_SHMEMPAGES', 513)];
  expect(await page(...grows, line(9, 10, 'minor-faults:     7f0000001000'))).toEqual({ huge: 'pmd' });
});

test('a folio that may have been locked: the fault took longer than that takes, and not so long that it must have', async () => {
  const called = line(3, 10, 'filemap:mm_filemap_fault: dev 254:0 ino 2 ofs=4096   0');
  const hidden = async (end: number) => {
    const { faults } = await imported(
      [fault(2, 4), called, line(end, 10, 'minor-faults:     7f0000001000')].join('\n'),
    );
    return [faults[0].page, faults[0]['x-hidden']];
  };
  expect(await hidden(9)).toEqual([undefined, undefined]);
  expect(await hidden(60)).toEqual([undefined, 'folio lock']);
  expect(await hidden(300)).toEqual([{ folio: 'locked', wait: 297_000 }, undefined]);
});

test('while pages of the file are being read in, a shorter wait may be for the rest of that', async () => {
  const hidden = async (file: string, at: number) => {
    const reads = line(1, 10, `readahead:page_cache_sync_ra: dev=254:0 ino=${file} index=1   0`);
    const called = line(at + 1, 10, 'filemap:mm_filemap_fault: dev=254:0 ino=2 ofs=4096   0');
    const rows = [reads, fault(at, 4), called, line(at + 10, 10, 'minor-faults:     7f0000001000')];
    return (await imported(rows.join('\n'))).faults[0]['x-hidden'];
  };
  expect(await hidden('2', 100)).toBe('folio lock');
  expect(await hidden('20', 100)).toBeUndefined();
  expect(await hidden('2', 20_000)).toBeUndefined();
});

test('files that are being read in are known, but not more of them than a machine reads at one time', () => {
  const recording = new Recording(undefined);
  recording.saw({ t: 1_000, cpu: 0 });
  const files = Array.from({ length: 4_097 }, (_, i) => `254:0 ${i}`);
  for (const file of files.slice(0, -1)) recording.readsAhead(file);
  expect(files.map(file => recording.mayRead(file)).indexOf(false)).toBe(4_096);
  recording.readsAhead(files[4_096]);
  expect([recording.mayRead(files[0]), recording.mayRead(files[4_096])]).toEqual([false, true]);
  recording.saw({ t: 20_001_000, cpu: 0 });
  expect(recording.mayRead(files[4_096])).toBe(false);
});

test('a readahead or a call of ->fault that is cut off is of no file', async () => {
  const rows = [line(1, 10, 'readahead:page_cache_sync_ra: dev=254:0'), fault(2, 4)];
  const cut = [
    ...rows,
    line(3, 10, 'filemap:mm_filemap_fault: dev 254:0 ino'),
    line(13, 10, 'minor-faults:     7f0000001000'),
  ];
  expect((await imported(cut.join('\n'))).faults[0]['x-hidden']).toBeUndefined();
});

test('a swap entry: its page was in the swap cache, or had to be read; without a completion nobody knows', async () => {
  const swapIn = [counted(1, 'MM_SWAPENTS', 5), fault(2), counted(5, 'MM_SWAPENTS', 4)];
  const end = (kind: string) => line(9, 10, `${kind}-faults:     7f0000001000`);
  expect(await page(...swapIn, end('minor'))).toEqual({ entry: 'swap', folio: 'cached' });
  expect(await page(...swapIn, end('major'))).toEqual({ entry: 'swap', folio: 'absent', wait: 3000 });
  expect(await page(...swapIn, fault(9))).toEqual({ entry: 'swap' });
});

test('what was given to MADV_FREE is not in swap where its counter does not change: reclaim dropped it', async () => {
  const MAP = call(1, 10, '9 (0, 2000, 3, 22, ffffffff, 0)', [], 2, String(0x7f0000000000));
  const end = line(19, 10, 'minor-faults:     7f0000001000');
  const met = async (advice: string, ...rows: string[]) => {
    const freed = call(3, 10, `28 (7f0000000000, 2000, ${advice}, 0, 0, 0)`, [], 4, '0');
    return (await imported([...MAP, ...freed, ...rows].join('\n'))).faults[0].page;
  };
  const counts = counted(5, 'MM_ANONPAGES', 5);
  expect(await met('8', counts, fault(6), counted(7, 'MM_ANONPAGES', 6), end)).toEqual({ entry: 'none' });
  expect(await met('8', counts, fault(6, 4), end)).toEqual({ entry: 'none' });
  expect(await met('8', counts, fault(6, 7), end)).toEqual({ entry: 'present' });
  // it may have been written to again; nothing counts; other advice
  expect(await met('8', counts, fault(6), counted(7, 'MM_SWAPENTS', 6), end)).toBeUndefined();
  expect(await met('8', fault(6, 4), end)).toBeUndefined();
  expect(await met('14', counts, fault(6, 4), end)).toBeUndefined();
});

test('what MADV_PAGEOUT or MADV_REMOVE left of a file, or somebody wrote since, is in the page cache where ->fault is not called, or by a write once', async () => {
  const MAP = line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x2000) @ 0 08:01 5 0]: rw-p /f');
  const called = (us: number) => line(us, 10, 'filemap:mm_filemap_fault: dev 8:1 ino 5 ofs=4096   0');
  const end = (us: number) => line(us, 10, 'minor-faults:     7f0000001000');
  const met = async (advice: string, before: string[], ...rows: string[]) => {
    const given = call(20, 10, `28 (7f0000000000, 2000, ${advice}, 0, 0, 0)`, [], 21, '0');
    return (await imported([MAP, ...before, ...given, ...rows].join('\n'))).faults.at(-1)?.page;
  };
  const shows = [fault(2, 4), called(3), end(4)];
  for (const advice of ['15', '9'])
    expect(await met(advice, shows, fault(30, 4), end(32))).toEqual({ folio: 'cached' });
  expect(await met('15', shows, fault(30), called(31), end(32))).toEqual({ folio: 'cached' });
  // no advice, or nothing that would show the call; a page that was read in; what is mapped there may be the page itself
  expect(await met('4', shows, fault(30, 4), end(32))).toBeUndefined();
  expect(await met('15', [], fault(30, 4), end(32))).toBeUndefined();
  expect(await met('15', shows, fault(30, 4), called(31), end(32))).toBeUndefined();
  expect(await met('15', shows, fault(30), end(32))).toBeUndefined();
  const huge = line(
    22,
    10,
    'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x2000) @ 0 00:0f 5 0]: rw-p /anon_hugepage (deleted)',
  );
  expect(await met('15', shows, huge, fault(30, 4), end(32))).toBeUndefined();
  expect(await met('15', shows, fault(30, 7), called(31), end(32))).toEqual({ entry: 'present' });
  expect(await met('15', shows, fault(30), called(31), line(32, 10, 'major-faults:     7f0000001000'))).toMatchObject({
    folio: 'absent',
  });
});

/** The processor goes from a thread to another. */
const leaves = (us: number, tid: number, state: string) =>
  line(
    us,
    tid,
    `sched:sched_switch: prev_comm=a prev_pid=${tid} prev_prio=120 prev_state=${state} ==> next_comm=b next_pid=0`,
  );

test('who slept for a swapped page, and who did not: known from the first sched_switch on, of threads that are known', async () => {
  const swapIn = [counted(1, 'MM_SWAPENTS', 5), fault(2)];
  const [mapped, done] = [counted(8, 'MM_SWAPENTS', 4), line(9, 10, 'major-faults:     7f0000001000')];
  const other = leaves(1, 99, 'S');
  expect(await page(...swapIn, mapped, done)).toMatchObject({ wait: 6000 });
  expect(await page(other, ...swapIn, mapped, done)).toMatchObject({ wait: 0 });
  expect(await page(other, ...swapIn, leaves(4, 10, 'R+'), mapped, done)).toMatchObject({ wait: 0 });
  expect(await page(other, ...swapIn, leaves(4, 10, 'D'), mapped, done)).toMatchObject({ wait: 6000 });
  const reclaim = ['direct', 'memcg'].map(whose =>
    line(6, 10, `vmscan:mm_vmscan_${whose}_reclaim_end: nr_reclaimed=26   0`),
  );
  for (const end of reclaim)
    expect(await page(other, ...swapIn, leaves(4, 10, 'D'), end, mapped, done)).toMatchObject({ wait: 0 });
  expect(await page(...reclaim, other, ...swapIn, mapped, done)).toMatchObject({ wait: 0 });
  const { header, events } = await imported([other, ...swapIn, mapped, done].join('\n'));
  expect(header.meta).toMatchObject({ 'x-sleeps': true });
  expect(events.filter(({ tid }) => tid === 99)).toEqual([]);
});

test('a page of the swap cache that was waited for: its folio was locked, where the thread is alone in its address space', async () => {
  const met = async (end: number, ...rows: string[]) => {
    const swapIn = [counted(1, 'MM_SWAPENTS', 5), ...rows, fault(2)];
    const asleep = rows.some(row => row.includes('sched_switch')) ? [leaves(3, 10, 'D')] : [];
    const done = [counted(end, 'MM_SWAPENTS', 4), line(end, 10, 'minor-faults:     7f0000001000')];
    const { faults } = await imported([...swapIn, ...asleep, ...done].join('\n'));
    return [faults[0].page, faults[0]['x-hidden']];
  };
  const shows = leaves(1, 99, 'S');
  const [cached, locked] = [
    { entry: 'swap', folio: 'cached' },
    { entry: 'swap', folio: 'locked', wait: 7000 },
  ];
  expect(await met(9, shows)).toEqual([locked, undefined]);
  // another thread, or who it is not known: it may have slept for mmap_lock
  expect(await met(9, shows, line(1, 11, 'minor-faults:     0'))).toEqual([cached, 'folio lock']);
  // who sleeps does not show: it may have, where it took as long
  expect(await met(11)).toEqual([cached, undefined]);
  expect(await met(12)).toEqual([cached, 'folio lock']);
});

test('a counter of another address space says nothing of the fault in which it changes', async () => {
  const theirs = (us: number, pages: number) => counted(us, 'MM_SWAPENTS', pages).replace('curr=1', 'curr=0');
  const done = line(9, 10, 'minor-faults:     7f0000001000');
  expect(await page(theirs(1, 5), fault(2), theirs(5, 4), done)).toBeUndefined();
});

test('readahead inside a fault: the page was absent, whether or not its handler was seen, and for how long if the end was', async () => {
  expect(await page(fault(2, 4), readAhead(3), line(9, 10, 'major-faults:     7f0000001000'))).toEqual({
    folio: 'absent',
    wait: 6000,
  });
  expect(await page(fault(2, 4), readAhead(3), fault(9))).toEqual({ folio: 'absent' });
});

test('a recording without processors has faults without one', async () => {
  expect((await imported(fault(2).replace('[000]', ''))).faults[0]).not.toHaveProperty('cpu');
});

const mmap = (flags: number, shown: string) =>
  call(
    1,
    10,
    `9 (0, 1000, 3, ${flags}, 3, 0)`,
    [line(2, 10, `PERF_RECORD_MMAP2 10/10: ${shown}`)],
    3,
    '139637976727552',
  );
const AT = '[0x7f0000000000';

test.each([
  [
    'of /dev/zero, private: anonymous memory that has a name',
    2,
    `${AT}(0x1000) @ 0 00:05 4 0]: rw-p /dev/zero`,
    {
      len: '0x1000',
      flags: ['private', 'anonymous'],
      name: '/dev/zero',
    },
  ],
  [
    'shared and anonymous: a file without an offset of the call',
    21,
    `${AT}(0x1000) @ 0 00:01 5 0]: rw-s /dev/zero (deleted)`,
    {
      len: '0x1000',
      flags: ['shared', 'anonymous'],
      file: { name: '/dev/zero (deleted)', fs: 'shmem' },
    },
  ],
  [
    'of a huge page: as long as that',
    40022,
    `${AT}(0x200000) @ 0 00:0f 6 0]: rw-p /anon_hugepage (deleted)`,
    {
      len: '0x200000',
      flags: ['private', 'anonymous', 'hugetlb'],
      file: { name: '/anon_hugepage (deleted)', fs: 'hugetlbfs' },
    },
  ],
])('a mapping %s', async (_what, flags, shown, keys) => {
  const {
    t: _t,
    tid: _tid,
    op,
    dur: _dur,
    addr: _addr,
    prot: _prot,
    ...rest
  } = (await imported(mmap(flags, shown).join('\n'))).events[0];
  expect({ op, ...rest }).toEqual({ op: 'mmap', ...keys });
});

test('whether the swap device is synchronous is for the user to say', async () => {
  const { faults, header } = await imported(sample('swap-sync'), { swapSync: true });
  expect(header.meta['x-swap-sync']).toBe(true);
  expect(faults[0].page).toMatchObject({ entry: 'swap', swap_sync: true });
  const other = await imported(sample('page-miss'), { swapSync: true });
  expect(JSON.stringify(other.faults)).not.toContain('swap_sync');
});

test('a handler that ran twice without a reason is counted, and the mark that explains it is inferred', async () => {
  const { faults, summary } = await imported(sample('shared-write'));
  expect(faults[0]).toMatchObject({
    page: { readahead: true },
    'x-inferred': 'the handler ran twice, without readahead or a wait',
  });
  expect(summary.unclassified).toEqual({ 'page cache: the handler ran twice, without readahead or a wait': 1 });
});

/** Takes the mmap_lock events between each page fault and its completion, or the thread's next step, out of a sample. */
function withoutOwnLocks(text: string): string {
  const open = new Map<string, 'fault' | 'release'>();
  let dropped = false;
  const kept = text.split('\n').filter(line => {
    if (line.startsWith(' =>')) return !dropped;
    const [, perf, ftrace, event] = /^\s*(?:\d+\/(\d+) |\S+-(\d+) ).*?\d: +(\S+)/.exec(line) ?? [];
    const tid = perf ?? ftrace;
    dropped = tid !== undefined && event === '<stack' && open.has(tid);
    if (tid === undefined || event === '<stack') return !dropped;
    if (/^(?:mmap_lock:)?mmap_lock_/.test(event)) {
      const state = open.get(tid);
      if (state === 'release') open.delete(tid);
      return state === undefined;
    }
    if (event.includes('page_fault_')) open.set(tid, 'fault');
    else if (/^(minor|major)-faults/.test(event)) open.set(tid, 'release');
    else if (/sys_|process_exit|signal_deliver/.test(event)) open.delete(tid);
    return true;
  });
  return kept.join('\n');
}

const facts = async (text: string) =>
  (await imported(text)).faults.map(({ t, tid, addr, access, mode, dur, page }) => [
    t,
    tid,
    addr,
    access,
    mode,
    dur,
    page,
  ]);

test.each([...samples('perf').filter(({ name }) => name !== 'stacks'), ...samples('ftrace')])(
  'no fact of $name ($tool) comes from the outcome: without the fault-own mmap_lock events the facts are the same',
  async ({ name, tool }) => {
    const text = withoutOwnLocks(sample(name, tool));
    expect(text).not.toBe(sample(name, tool).trimEnd());
    expect(await facts(text)).toEqual(await facts(sample(name, tool)));
  },
);

test('a fault lasts from its exception to its completion', async () => {
  const { faults } = await imported([fault(2), line(9, 10, 'minor-faults:     7f0000001000')].join('\n'));
  expect(faults[0]).toMatchObject({ t: 0, dur: 7_000 });
  const later = [line(1, 10, 'minor-faults: 0'), fault(20), line(29, 10, 'minor-faults:     7f0000001000')];
  expect((await imported(later.join('\n'))).faults[0]).toMatchObject({ t: 19_000, dur: 9_000 });
});

test('a fault that its thread does not outlive was killed, where another thread ended the process meanwhile', async () => {
  const gone = (us: number, tid: number, dead = false) =>
    line(us, tid, `sched:sched_process_exit: comm=a pid=${tid} prio=120 group_dead=${dead}   0`);
  const calls = (us: number, tid: number, nr: number) =>
    line(us, tid, `raw_syscalls:sys_enter: NR ${nr} (0, 0, 0, 0, 0, 0)   0`);
  const before = [
    ...section(1, 10, false),
    line(5, 10, 'minor-faults: 0'),
    ...call(6, 10, '9 (0, 2000, 7, 22, ffffffffffffffff, 0)', section(7, 10, true), 10, String(0x7f0000000000)),
  ];
  const path = async (...rows: string[]) => {
    const { faults } = await imported([...before, ...rows, gone(40, 10, true)].join('\n'));
    return (faults[0].truth as { path?: string } | undefined)?.path;
  };
  const [EXIT, EXIT_GROUP] = [60, 231];
  expect(await path(fault(20), calls(24, 11, EXIT_GROUP), gone(25, 11))).toBe('killed');
  for (const code of [4, 6, 14]) expect(await path(fault(20, code), gone(25, 11))).toBe('killed');
  expect(await path(fault(20), calls(20, 11, EXIT_GROUP), gone(25, 11))).toBe('killed');
  // That one ended alone, or before the fault began; and no thread is its own murderer.
  expect(await path(fault(20), calls(24, 11, EXIT), gone(25, 11))).toBe('signal');
  expect(await path(calls(15, 11, EXIT_GROUP), fault(20), gone(25, 11))).toBe('signal');
  expect(await path(fault(20))).toBe('signal');
  expect(await path(calls(20, 10, EXIT_GROUP), fault(20))).toBe('signal');
});

test('a time of 2^53 ns or more after the first is told, with its line', async () => {
  const late = '   10/10  [000] 99999999999.000000000: minor-faults: 0';
  await expect(imported([line(1, 10, 'minor-faults: 0'), late].join('\n'))).rejects.toMatchObject({
    class: 'semantic',
    message: expect.stringMatching(/^a time of 2\^53 ns or more after the first, found \d+ ns$/),
    where: { file: 'sample', line: 2 },
    hint: 'leave it out with --keep-going',
  });
});
