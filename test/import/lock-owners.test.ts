/** Whose is a section of mmap_lock? A fault's, a call's, or of a call that is not modelled and is kept for its time. */
import { expect, test } from 'vitest';
import { call, imported, line, section } from './sample.js';

const FUTEX = '202 (0, 0, 0, 0, 0, 0)';
const OTHER_MM = 'mm=0xffff8881000692c0';
const operations = async (lines: readonly string[]) =>
  (await imported(lines.join('\n'))).events.map(({ op, name, mm, dur, locks }) => ({ op, name, mm, dur, locks }));
const held = (mode: string, ask: number, got: number, end: number) => ({
  mode,
  ask: 1000 * ask,
  got: 1000 * got,
  end: 1000 * end,
});

test('a call that is not modelled is kept for each run of sections that it took, with its name', async () => {
  const inside = [...section(2, 10, false), ...section(6, 10, true)];
  expect(await operations(call(1, 10, FUTEX, inside, 20, '0'))).toEqual([
    { op: 'other', name: 'futex', dur: 2000, locks: [held('read', 1, 2, 3)] },
    { op: 'other', name: 'futex', dur: 2000, locks: [held('write', 5, 6, 7)] },
  ]);
});

test('a call that made anonymous pages without a fault leaves it open which VMA has an anon_vma now', async () => {
  const rss = (us: number, pages: number, type = 'MM_ANONPAGES', curr = 1) =>
    line(us, 10, `kmem:rss_stat: mm_id=7 curr=${curr} type=${type} size=${pages * 4096}B   0`);
  const hidden = async (...counted: string[]) => {
    const [start, acquired, released] = section(3, 10, false);
    const rows = [
      rss(0, 5),
      rss(0, 5, 'MM_FILEPAGES'),
      ...call(1, 10, FUTEX, [start, acquired, ...counted, released], 20, '0'),
    ];
    return (await imported(rows.join('\n'))).events.map(event => event['x-hidden']);
  };
  expect(await hidden(rss(4, 6))).toEqual(['memory: which pages it made']);
  // of another process, as by /proc/PID/mem
  expect(await hidden(rss(4, 6, 'MM_ANONPAGES', 0))).toEqual(['memory: which pages it made']);
  expect(await hidden(rss(4, 4))).toEqual([undefined]);
  expect(await hidden(rss(4, 6, 'MM_FILEPAGES'))).toEqual([undefined]);
  const fault = [
    line(4, 10, 'exceptions:page_fault_kernel: address=0x7f0000001000 ip=strncpy_from_user error_code=0x2   0'),
    rss(4, 6),
    line(4, 10, 'minor-faults:     7f0000001000'),
  ];
  expect(await hidden(...fault)).not.toContain('memory: which pages it made');
});

test('where page faults are disabled, what made the page is no fault', async () => {
  const enter = line(1, 10, 'raw_syscalls:sys_enter: NR 202 (7f0000001000, 86, 0, 0, 0, 0)   0');
  const refused = line(
    2,
    10,
    'exceptions:page_fault_kernel: address=0x7f0000001000 ip=futex_lock_pi_atomic error_code=0x0   0',
  );
  const counted = line(4, 10, 'kmem:rss_stat: mm_id=7 curr=1 type=MM_ANONPAGES size=4096B   0');
  const leave = line(9, 10, 'raw_syscalls:sys_exit: NR 202 = 0   0');
  const others = async (...rows: string[]) =>
    (await imported(rows.join('\n'))).events.filter(({ op }) => op === 'other').map(({ t, name }) => [t, name]);
  const first = line(0, 10, 'minor-faults:     7f0000003000');
  const [start, acquired, released] = section(3, 10, false);
  expect(await others(first, enter, refused, start, acquired, counted, released, leave)).toEqual([[2_000, 'futex']]);
  // without them nothing tells a fault that is over from one that was refused
  expect(await others(enter, refused, start, acquired, counted, released, leave)).toEqual([]);
  expect(await others(first, enter, refused, start, acquired, released, leave)).toEqual([]);
  expect(await others(first, refused, counted, leave)).toEqual([]);
});

test('one lock inside another is one run; the lock of an mm that was not seen before is taken for the thread’s own', async () => {
  const [start, acquired, released] = section(2, 10, false);
  const inside = [
    ...section(0, 10, true),
    start,
    acquired,
    ...section(5, 10, false, OTHER_MM),
    released.replace('004', '009'),
  ];
  expect(await operations(call(0, 10, FUTEX, inside, 20, '0'))).toMatchObject([
    { locks: [held('write', 0, 1, 2)] },
    { mm: undefined, dur: 7000, locks: [held('read', 2, 3, 9)] },
  ]);
  const foreign = [...section(1, 10, true), ...section(5, 10, false, OTHER_MM)];
  expect(await operations(call(0, 10, FUTEX, foreign, 20, '0'))).toMatchObject([{ op: 'other' }, { mm: undefined }]);
});

test('a trylock that was refused holds nothing, and leaves nothing', async () => {
  const [start, acquired] = section(2, 10, false);
  const refused = [start, acquired.replace('success=true', 'success=false')];
  expect(await operations(call(1, 10, FUTEX, refused, 9, '0'))).toEqual([]);
});

test('who was recorded only from the answer on is taken to have asked then', async () => {
  const [, acquired, released] = section(2, 10, true);
  expect(
    await operations(call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [acquired, released], 9, '0')),
  ).toMatchObject([{ op: 'munmap', locks: [held('write', 2, 2, 3)] }]);
});

test('a write lock taken while another is held is no downgrade', async () => {
  const [start, acquired, released] = section(2, 10, true);
  const inside = [
    start,
    acquired,
    acquired.replace('003', '004'),
    released.replace('004', '005'),
    released.replace('004', '006'),
  ];
  expect(await operations(call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', inside, 9, '0'))).toMatchObject([
    { op: 'munmap', locks: [held('write', 3, 3, 4), held('write', 1, 2, 5)] },
  ]);
});

test('a lock of another mm that is got without being asked for is no downgrade either', async () => {
  const [start, acquired, released] = section(2, 10, true);
  const [, other, over] = section(3, 10, false, OTHER_MM);
  const inside = [start, acquired, other, over, released.replace('004', '006')];
  expect(await operations(call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', inside, 9, '0'))).toMatchObject([
    { op: 'munmap', locks: [held('read', 3, 3, 4), held('write', 1, 2, 5)] },
  ]);
});

test('what is released is the lock of that mm, whichever was taken last', async () => {
  const [start, acquired, released] = section(2, 10, true);
  const [, other, over] = section(3, 10, false, OTHER_MM);
  const inside = [start, acquired, other, released.replace('004', '005'), over.replace('005', '006')];
  expect(await operations(call(1, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', inside, 9, '0'))).toMatchObject([
    { op: 'munmap', locks: [held('write', 1, 2, 4), held('read', 3, 3, 5)] },
  ]);
});

test('after its child was made, what fork still locks is no part of it', async () => {
  const text = [
    line(0, 10, 'raw_syscalls:sys_enter: NR 57 (0, 0, 0, 0, 0, 0)   0'),
    ...section(1, 10, true),
    line(4, 10, 'PERF_RECORD_FORK(20:20):(10:10)'),
    ...section(5, 10, true),
    line(9, 10, 'raw_syscalls:sys_exit: NR 57 = 20   0'),
  ];
  expect(await operations(text)).toMatchObject([{ op: 'fork', dur: 4000, locks: [held('write', 1, 2, 3)] }]);
});

const MAP = line(0, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
const FAULT = line(1, 10, 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0');
const DONE = line(9, 10, 'minor-faults:     7f0000001000');

test('a call chain without frames, or of another event, says nothing of who wanted the lock', async () => {
  const [start, acquired, released] = section(2, 10, false);
  const stack = line(3, 10, 'ftrace:kernel_stack:  <stack trace >');
  const text = [MAP, FAULT, start, acquired, stack, released, DONE];
  const [plain, told] = await Promise.all(
    [text.filter(row => row !== stack), text].map(rows => imported(rows.join('\n'))),
  );
  expect(told.events).toEqual(plain.events);
  const ftrace = (us: number, what: string) => ` a-1 [000] ..... 1.${String(us).padStart(6, '0')}: ${what}`;
  const mm = 'mm=0000000041dd6c22 memcg_id=1 write=false';
  const { faults } = await imported(
    [
      ftrace(1, 'page_fault_user: address=0x7f0000001000 ip=0x40a619 error_code=0x6'),
      ftrace(2, `mmap_lock_start_locking: ${mm}`),
      ftrace(3, '<stack trace>'),
      ' => trace_event_raw_event_sched_wakeup',
      ' => lock_mm_and_find_vma',
      ftrace(4, '<stack trace>'),
      ' => trace_event_raw_event_mmap_lock_start_locking',
      ' => __vmf_anon_prepare',
      ftrace(5, `mmap_lock_acquire_returned: ${mm} success=true`),
      ftrace(6, `mmap_lock_released: ${mm}`),
    ].join('\n'),
  );
  expect(faults[0].truth).toMatchObject({ fallback: false, via: '__vmf_anon_prepare' });
});

test('whose thread stopped running while it held the lock for writing says so: another ran there, or it was switched off', async () => {
  const [start, acquired, released] = section(2, 10, true);
  const switched = 'prev_comm=a prev_pid=10 prev_prio=120 prev_state=R+ ==> next_comm=b next_pid=0 next_prio=120';
  const off = line(3, 10, `sched:sched_switch: ${switched}`);
  const other = line(3, 11, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0');
  const munmap = '11 (7f0000000000, 2000, 0, 0, 0, 0)';
  const stopped = async (enter: string, between: string, of = [start, acquired, between, released]) => {
    const { events } = await imported(call(1, 10, enter, of, 9, '0').join('\n'));
    return events.filter(event => event['x-hidden'] !== undefined).map(({ op }) => op);
  };
  expect(await stopped(munmap, off)).toEqual(['munmap']);
  expect(await stopped(munmap, other)).toEqual(['munmap']);
  expect(await stopped(FUTEX, other)).toEqual(['other']);
  // on another processor, or when it does not hold the lock, or for reading
  expect(await stopped(munmap, other.replace('[000]', '[001]'))).toEqual([]);
  expect(await stopped(munmap, off, [start, off, acquired, released])).toEqual([]);
  expect(await stopped(FUTEX, other, [...section(2, 10, false).toSpliced(2, 0, other)])).toEqual([]);
});
