/** What became of a fault whose completion is not recorded: told by its mmap_lock sections, the counters beside them, and what its thread does next. */
import { describe, expect, test } from 'vitest';
import { UNKNOWN_LOCK } from '../../src/trace/import/truth.js';
import { call, imported, line, section } from './sample.js';

const PAGE = '0x7f0000001000';
const fault = (us: number, tid = 10, code = 6, address = PAGE) =>
  line(us, tid, `exceptions:page_fault_user: address=${address} ip=0x400000 error_code=0x${code}   0`);
const map = (what: string) => line(0, 10, `PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: ${what}`);
const ANON = map('rw-p //anon');
const FILE = map('r-xp /usr/lib/libc.so.6');
/** Any call: the thread goes on in user mode. */
const goesOn = (us: number, tid = 10) => line(us, tid, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0');
const own = (us: number) => line(us, 10, 'syscalls:sys_enter_munmap: addr: 0x7f0000400000, len: 0x00001000   0');
const rss = (us: number, size: number, type = 'MM_ANONPAGES') =>
  line(us, 10, `kmem:rss_stat: mm_id=7 curr=1 type=${type} size=${size}B   0`);
const raised = (us: number, signal: number, code: number, tid = 10) =>
  line(us, 10, `signal:signal_generate: sig=${signal} errno=0 code=${code} comm=x pid=${tid} grp=0 res=0   0`);
const exits = (us: number, tid = 10) =>
  line(us, tid, `sched:sched_process_exit: comm=x pid=${tid} prio=120 group_dead=false   0`);
const old = (rows: readonly string[]) => rows.map(row => row.replace('memcg_id=1', 'memcg_path=/'));
const [START, ACQUIRED, RELEASED] = section(3, 10, false);
const late = (row: string) => row.replace('1.000005', '1.000007');
const REFUSED = [START, ACQUIRED.replace('success=true', 'success=false')];

async function judged(rows: readonly string[], kernel?: string) {
  const { faults, summary } = await imported(rows.join('\n'), { kernel });
  return faults[0].truth ?? Object.keys(summary.unclassified)[0];
}

describe('without completion events', () => {
  test.each([
    [
      'who exits next may have been asked for the name of its VMA',
      [ANON, fault(2), ...section(3, 10, false), exits(9)],
    ],
    [
      'two sections, where calls may hide between them',
      [ANON, fault(2), ...section(3, 10, false), ...section(6, 10, false), own(9)],
    ],
    ['a first write to anonymous memory', [ANON, fault(2), ...section(3, 10, false), goesOn(9)]],
  ])('%s: undecided', async (_what, rows) => {
    expect(await judged(rows)).toBe(UNKNOWN_LOCK);
  });

  test.each([
    ['the lock is held when the recording ends', [ANON, fault(2), START, ACQUIRED]],
    ['its stack grew', [ANON, fault(2), ...section(3, 10, true).slice(0, 2), ACQUIRED, RELEASED, goesOn(9)]],
    ['it was refused, and waited', [ANON, fault(2), ...REFUSED, START, ACQUIRED, RELEASED, goesOn(9)]],
    [
      'two sections, where every call shows',
      [ANON, goesOn(1), fault(2), ...section(3, 10, false), ...section(6, 10, false), goesOn(9)],
    ],
    [
      'its page was counted inside the section',
      [ANON, fault(2), START, ACQUIRED, rss(5, 4096), late(RELEASED), goesOn(9)],
    ],
    ['it fetched an instruction', [FILE, fault(2, 10, 14), ...section(3, 10, false), goesOn(9)]],
    ['it read a file', [FILE, fault(2, 10, 4), ...section(3, 10, false), goesOn(9)]],
  ])('%s: a fallback', async (_what, rows) => {
    expect(await judged(rows)).toMatchObject({ fallback: true });
  });

  test('its page was counted after the section, and no call can be between: the anon_vma’s', async () => {
    const rows = [ANON, goesOn(1), fault(2), ...section(3, 10, false), rss(6, 4096), goesOn(9)];
    expect(await judged(rows)).toEqual({ path: 'vma_lock', fallback: false, anon_prepare: 'ok' });
  });

  test('a userfault that asked for the lock after its monitor had answered fell back', async () => {
    const copy = (us: number) => call(us, 12, '16 (4, c028aa03, 7ffd0, 0, 0, 0)', [], us + 1, '0');
    const before = [ANON, goesOn(1), fault(2), ...copy(3), ...section(6, 10, false), goesOn(9)];
    expect(await judged(before)).toMatchObject({ fallback: true });
    const prepared = [ANON, goesOn(1), fault(2), ...section(3, 10, false), ...copy(6), goesOn(9)];
    expect(await judged(prepared)).toBe(UNKNOWN_LOCK);
  });

  test('SIGSEGV where nothing is mapped: the slow path looked again; where a VMA forbids the access, it did not', async () => {
    const nowhere = [goesOn(1), fault(2, 10, 6, '0x7f0000400000'), ...section(3, 10, false), raised(8, 11, 1)];
    expect(await judged([ANON, ...nowhere])).toEqual({ path: 'signal', fallback: true, wait: 1000 });
    const forbidden = [FILE, goesOn(1), fault(2), ...section(3, 10, false), raised(8, 11, 2)];
    expect(await judged(forbidden)).toEqual({ path: 'signal', fallback: false });
    expect(await judged(old(forbidden))).toBe(UNKNOWN_LOCK);
    expect(await judged(old(forbidden), '6.12')).toEqual({ path: 'signal', fallback: false });
  });

  test('SIGBUS ends a fault too; a signal that was sent, or is a timer’s, does not', async () => {
    const [begun, end] = [[ANON, ...section(0, 10, true), goesOn(1), fault(2)], goesOn(9)];
    expect(await judged([...begun, raised(8, 7, 2), end])).toEqual({ path: 'signal', fallback: false });
    for (const other of [raised(8, 11, 0), raised(8, 14, 128), raised(8, 11, 1, 11)]) {
      expect(await judged([...begun, other, end])).toEqual({ path: 'vma_lock', fallback: false });
    }
  });

  test('a thread whose process was killed by another one finished nowhere; one that exits by itself was done before', async () => {
    const text = (killer: string[]) => [
      ANON,
      ...section(0, 10, true),
      fault(2),
      ...killer,
      line(9, 10, 'sched:sched_process_exit: comm=x pid=10 prio=120 group_dead=false   0'),
    ];
    expect(await judged(text([line(4, 11, 'raw_syscalls:sys_enter: NR 231 (0, 0, 0, 0, 0, 0)   0')]))).toEqual({
      path: 'killed',
      fallback: false,
    });
    expect(await judged(text([goesOn(4, 11)]))).toEqual({ path: 'vma_lock', fallback: false });
  });
});

describe('with completion events, where this fault has none', () => {
  const done = line(1, 10, 'minor-faults:     0');
  const begun = (what: string) => [what, done, goesOn(1), fault(2), ...section(3, 10, false)];

  test.each([
    ['its thread exits: acct_collect() or print_vma_addr() took the lock', [...begun(FILE), exits(9)]],
    ['the access was permitted: the lock was the anon_vma’s', [...begun(ANON), goesOn(9)]],
  ])('%s', async (_what, rows) => {
    expect(await judged(old(rows))).toMatchObject({ fallback: false });
  });

  test('a forbidden access took the lock before 6.10, and only its name was asked for later', async () => {
    const rows = [...begun(FILE), goesOn(9)];
    expect(await judged(old(rows))).toBe(UNKNOWN_LOCK);
    expect(await judged(old(rows), '6.9')).toMatchObject({ fallback: true });
    expect(await judged(old(rows), '6.10')).toMatchObject({ path: 'signal', fallback: false });
  });
});

test('of a fault with call chains, the waits of those that have none count as well, but for a write lock', async () => {
  const slow = `${ACQUIRED} ffffffff815dbf5b lock_mm_and_find_vma`;
  const [ask, got, over] = section(10, 10, false);
  const [askWrite, gotWrite, overWrite] = section(20, 10, true);
  const rows = [ANON, fault(2), START, slow, RELEASED, ask, got, over, askWrite, gotWrite, overWrite];
  expect(await judged([...rows, line(30, 10, 'minor-faults:     7f0000001000')])).toEqual({
    path: 'mmap_lock',
    fallback: true,
    via: 'lock_mm_and_find_vma',
    wait: 2000,
  });
});
