/** Faults that went back to the program before they were finished: for a signal (fault_signal_pending()), or with SIGBUS. */
import { describe, expect, test } from 'vitest';
import { call, imported, line, section } from './sample.js';

const FILE = '9 (0, 2000, 3, 1, 3, 0)';
const ANONYMOUS = '9 (0, 2000, 3, 22, ffffffffffffffff, 0)';
const mapped = (how = FILE) => [
  line(0, 10, 'minor-faults:     0'),
  ...call(1, 10, how, section(2, 10, true), 6, String(0x7f0000000000)),
];
const fault = (us: number, code = 4, tid = 10) =>
  line(us, tid, `exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x${code}   0`);
const readAhead = (us: number) => line(us, 10, 'readahead:page_cache_sync_ra: dev=254:0 ino=2 index=1   0');
const done = (us: number, tid = 10) => line(us, tid, 'minor-faults:     7f0000001000');
const deliver = (us: number, signal: number) =>
  line(us, 10, `signal:signal_deliver: sig=${signal} errno=0 code=-6 sa_handler=525892 sa_flags=4000000   0`);
const raise = (us: number, signal: number, code: number, tid = 10) =>
  line(us, 10, `signal:signal_generate: sig=${signal} errno=0 code=${code} comm=x pid=${tid} grp=0 res=0   0`);
const request = (us: number) => call(us, 11, '16 (3, c020aa00, 0, 0, 0, 0)', [], us + 1, '0');
const faults = async (...rows: string[]) => (await imported(rows.join('\n'))).faults;
const INTERRUPTED = { path: 'interrupted', fallback: false };

describe('a fault that a signal came for', () => {
  const truth = async (...rows: string[]) => (await faults(...mapped(), fault(20), ...rows))[0].truth;

  test('left the VMA lock and took no other: neither finished nor ended by that signal', async () => {
    expect(await truth(readAhead(22), deliver(30, 23), fault(40), done(44))).toEqual(INTERRUPTED);
    expect(await truth(deliver(30, 23))).toEqual(INTERRUPTED);
  });

  test('was killed by it, or raised it itself', async () => {
    expect(await truth(deliver(30, 9))).toEqual({ path: 'killed', fallback: false });
    for (const signal of [7, 11]) expect(await truth(deliver(30, signal))).toEqual({ path: 'signal', fallback: false });
    expect(await truth(raise(29, 7, 2), deliver(30, 23))).toEqual({ path: 'signal', fallback: false });
  });

  test('that a program sends is no end of it before it is delivered, nor is one for another thread', async () => {
    for (const sent of [raise(22, 7, 0), raise(22, 11, -6), raise(22, 23, 128), raise(22, 11, 1, 11)])
      expect(await truth(sent, done(30))).toEqual({ path: 'vma_lock', fallback: false });
  });

  test('after it took mmap_lock fell back all the same', async () => {
    const old = { kernel: '6.8' };
    const rows = [...mapped(), fault(20), ...section(22, 10, false), deliver(30, 23)];
    const { faults } = await imported(rows.join('\n'), old);
    expect(faults[0].truth).toEqual({ path: 'interrupted', fallback: true, wait: 1_000 });
  });

  test('in kernel mode has other ways to end', async () => {
    const kernel = 'exceptions:page_fault_kernel: address=0x7f0000001000 ip=rep_movs_alternative error_code=0x2   0';
    const rows = [...mapped(), line(20, 10, kernel), ...section(22, 10, false), deliver(30, 23)];
    expect((await faults(...rows))[0].truth).toMatchObject({ path: 'signal', fallback: true });
  });
});

describe('without completion events', () => {
  const truth = async (...rows: string[]) =>
    (await faults(...mapped().slice(1), fault(20), ...rows, deliver(30, 23)))[0].truth;
  const counted = line(24, 10, 'kmem:rss_stat: mm_id=7 curr=1 type=MM_FILEPAGES size=4096B   0');

  test('only who was at work on the page, and did not count it, is known to have left', async () => {
    expect(await truth(readAhead(22))).toEqual(INTERRUPTED);
    expect(await truth(line(22, 10, 'filemap:mm_filemap_fault: dev=254:0 ino=2 ofs=4096   0'))).toEqual(INTERRUPTED);
    expect(await truth(readAhead(22), counted)).toEqual({ path: 'vma_lock', fallback: false });
    expect(await truth()).toEqual({ path: 'vma_lock', fallback: false });
  });

  test('it proves a VMA all the same, and infers nothing of the page cache', async () => {
    const called = (us: number) => line(us, 10, 'filemap:mm_filemap_fault: dev=254:0 ino=2 ofs=4096   0');
    const { events } = await imported(
      [...section(0, 10, true), fault(20), called(22), called(24), deliver(30, 23)].join('\n'),
    );
    expect(events.filter(({ op }) => op === 'vma')).toHaveLength(1);
    expect(events.find(({ op }) => op === 'fault')).not.toHaveProperty('x-inferred');
  });
});

test('a file ends before a fault that finds nothing, where ->fault did not look and no monitor may have', async () => {
  const named = (name: string) =>
    line(0, 10, `PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x2000) @ 0 08:01 5 0]: rw-p ${name}`);
  const met = async (name: string, ...rows: string[]) => (await faults(named(name), ...rows))[0].page;
  const [ends, called] = [raise(30, 7, 2), line(22, 10, 'filemap:mm_filemap_fault: dev=254:0 ino=2 ofs=4096   0')];
  expect(await met('/f', fault(20), ends)).toEqual({ eof: true });
  // it was cut off meanwhile; a poisoned page; a monitor may have asked for the signal; not of a disk
  expect(await met('/f', fault(20), called, ends)).toBeUndefined();
  expect(await met('/f', fault(20), raise(30, 7, 4))).toBeUndefined();
  expect(await met('/f', ...request(8), fault(20), ends)).toBeUndefined();
  expect(await met('/dev/shm/f', fault(20), ends)).toBeUndefined();
});

describe('the next fault on the page', () => {
  const entries = async (...rows: string[]) => (await faults(...rows)).map(({ page }) => page?.entry ?? null);

  test('finds nothing there after SIGBUS, or after an interruption, until one has mapped it', async () => {
    for (const ends of [raise(30, 7, 2), deliver(30, 23)])
      expect(await entries(...mapped(), fault(20), ends, fault(40), done(44), fault(50), done(54))).toEqual([
        null,
        'none',
        null,
      ]);
    expect(
      await entries(...mapped(), fault(20), raise(30, 7, 2), fault(40), raise(44, 7, 2), fault(50), done(54)),
    ).toEqual([null, 'none', 'none']);
    expect(await entries(...mapped(), fault(20), raise(30, 7, 2), fault(32, 4, 11), done(34, 11), fault(40))).toEqual([
      null,
      'none',
      null,
    ]);
  });

  test('says itself what it met', async () => {
    expect(await entries(...mapped(), fault(20), raise(30, 7, 2), fault(40, 7), done(44))).toEqual([null, 'present']);
  });

  test('may find poisoned memory, an entry of swap, what a monitor left, or what it should not touch', async () => {
    const twice = [fault(40), done(44)];
    expect(await entries(...mapped(), fault(20), raise(30, 7, 4), ...twice)).toEqual([null, null]);
    expect(await entries(...mapped(), fault(20), raise(30, 11, 2), ...twice)).toEqual([null, null]);
    expect(await entries(...mapped(ANONYMOUS), fault(20), deliver(30, 23), ...twice)).toEqual([null, null]);
    expect(await entries(...mapped(), fault(20, 7), raise(30, 7, 2), ...twice)).toEqual(['present', null]);
    expect(await entries(fault(20), deliver(30, 23), ...twice)).toEqual([null, null]);
    expect(await entries(...mapped(ANONYMOUS), ...request(8), fault(20), raise(30, 7, 2), ...twice)).toEqual([
      null,
      'none',
    ]);
    expect(await entries(...mapped(), ...request(8), fault(20), deliver(30, 23), ...twice)).toEqual([null, null]);
  });
});
