/** Lines of strace that are rare: notes, lines that are cut off, calls that never return, and what it does not decode. */
import { expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import { pathOf, splitArguments, stringOf } from '../../src/trace/import/strace-args.js';
import { imported } from './sample.js';

const BRK = '7 1.000000 brk(NULL) = 0x5615737e6000 <0.000003>';
const MUNMAP = '7 1.000009 munmap(0x7f0000000000, 4096) = 0 <0.000003>';

const strace = (lines: readonly string[], options = {}) => imported(lines.join('\n'), { from: 'strace', ...options });
const operations = async (...lines: string[]) => (await strace(lines)).events.map(({ t: _t, ...event }) => event);

test.each([
  '7 1.000001 munmap(0x7f0000000000, 4096 <unfinished ...>',
  '7 1.000001 <... munmap resumed>) = 0 <0.001065>',
  '7 1.000001 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---',
  '7 1.000001 +++ exited with 0 +++',
])('one line is enough to know the text: %s', async text => {
  expect((await imported(text)).header.meta.producer).toBe('vmalock import strace');
});

test.each([
  ['before its result', '7 1.000001 munmap(0x7f0000000000, 4096)'],
  ['in the middle of its result', '7 1.000001 munmap(0x7f0000000000, 4096) = E'],
  ['in the middle of a word', '7 1.000001 munmap(0x7f0000000000, MAP_) = 0 <0.000003>'],
  ['in the middle of a bracket', '7 1.000001 munmap([0x7f0000000000, 4096) = 0 <0.000003>'],
  ['before its last argument', '7 1.000001 munmap(0x7f0000000000) = 0 <0.000003>'],
  ['before the request of an ioctl', '7 1.000001 ioctl(3) = 0 <0.000003>'],
  ['before the path of an execve', '7 1.000001 execve() = 0 <0.000003>'],
  ['in the middle of an advice', '7 1.000001 process_madvise(3<pid:7>, [], 0, MADV_DONT, 0) = 0 <0.000003>'],
  ['in its head', '[pid 7'],
])('a line cut off %s is a complaint, and holds back nothing that follows', async (_what, text) => {
  const lines = [BRK, text, MUNMAP];
  await expect(strace(lines)).rejects.toMatchObject({ class: 'schema', where: { file: 'sample', line: 2 } });
  const skipped: Complaint[] = [];
  const { events } = await strace(lines, { onBadLine: (complaint: Complaint) => skipped.push(complaint) });
  expect(skipped).toHaveLength(1);
  expect(events.map(({ op }) => op)).toEqual(['brk', 'munmap']);
});

test('the end of one call after the beginning of another: neither is known, and nothing is held back', async () => {
  const lines = [
    '7 1.000001 munmap(0x7f0000000000, 4096 <unfinished ...>',
    '7 1.000002 <... mmap resumed>) = 0',
    MUNMAP,
  ];
  await expect(strace(lines)).rejects.toMatchObject({ where: { line: 2 } });
  const { events } = await strace(lines, { onBadLine: () => {} });
  expect(events).toMatchObject([{ op: 'munmap', t: 8000 }]);
});

test('a call during which its thread was killed, or that did not return, leaves nothing', async () => {
  const begun = '7 1.000001 munmap(0x7f0000000000, 4096 <unfinished ...>';
  const killed = [begun, '7 1.000005 +++ killed by SIGKILL +++', '7 1.000006 +++ exited with 0 +++', BRK];
  expect(await operations(...killed)).toEqual([{ op: 'exit', tid: 7 }, expect.objectContaining({ op: 'brk' })]);
  const waiting = '9 1.000002 futex(0x7f0000000000, FUTEX_WAIT, 1, NULL <unfinished ...>';
  expect(await operations(BRK, begun, waiting)).toEqual([expect.objectContaining({ op: 'brk' })]);
});

test('notes, stacks of -k and empty lines are no lines of a call; what is not strace’s is counted', async () => {
  const notes = ['strace: Process 8 attached', ' > /usr/lib/libc.so.6(__mmap+0x23) [0x101f83]', ''];
  const { events, summary } = await strace([BRK, ...notes, 'hello', MUNMAP]);
  expect(events.map(({ op }) => op)).toEqual(['brk', 'munmap']);
  expect(summary.unknownLines).toBe(1);
});

test('calls that changed nothing, or that say too little, leave nothing; shmat is counted', async () => {
  const { events, summary } = await strace([
    '7 1.000001 madvise(0x7f0000000000, 0, MADV_DONTNEED) = 0',
    '7 1.000002 ioctl(1, TCGETS, {c_iflag=ICRNL}) = 0',
    '7 1.000003 ioctl(3, UFFDIO_API) = 0',
    '7 1.000004 ioctl(3, UFFDIO_WRITEPROTECT, {range={start=0x7f0000000000, len=0x1000}, mode=0}) = 0',
    '7 1.000005 shmat(3, NULL, 0) = 0x7f0000000000',
    '7 1.000006 shmdt(0x7f0000000000) = 0',
  ]);
  expect(events).toEqual([]);
  expect(summary.unclassified).toEqual({ 'shmat: its length is not in the call': 1 });
});

test('userfaultfd: protection, a zero page, and a registration whose modes are not printed', async () => {
  const range = '{start=0x7f0000000000, len=0x1000}';
  const { events, summary } = await strace([
    `7 1.000001 ioctl(3, UFFDIO_REGISTER, {range=${range}, mode=0, ioctls=0}) = 0`,
    `7 1.000002 ioctl(3, UFFDIO_WRITEPROTECT, {range=${range}, mode=UFFDIO_WRITEPROTECT_MODE_WP}) = 0`,
    `7 1.000003 ioctl(3, UFFDIO_ZEROPAGE, {range=${range}, mode=0, zeropage=4096}) = 0`,
  ]);
  expect(events.map(({ t: _t, dur: _dur, ...event }) => event)).toEqual([
    { tid: 7, op: 'uffd_wp', addr: '0x7f0000000000', len: '0x1000' },
    { tid: 7, op: 'uffd_zeropage', addr: '0x7f0000000000', len: '0x1000' },
  ]);
  expect(summary.unclassified).toEqual({ 'userfaultfd request whose range strace did not print': 1 });
});

const VECTOR = '[{iov_base=0x7f0000000000, iov_len=4096}]';

test('process_madvise reaches the process that its pidfd names; one that strace does not follow is counted', async () => {
  const { events, summary } = await strace([
    '[pid 7] 1.000001 fork() = 8',
    '[pid 7] 1.000002 pidfd_open(8, 0) = 3',
    "[pid 7] 1.000003 pidfd_open(2 /* 9 in strace's PID NS */, 0) = 4",
    `[pid 7] 1.000004 process_madvise(3, ${VECTOR}, 1, MADV_PAGEOUT, 0) = 4096`,
    `[pid 7] 1.000005 process_madvise(4, ${VECTOR}, 1, MADV_PAGEOUT, 0) = 4096`,
    `[pid 8] 1.000006 process_madvise(5<pid:7>, ${VECTOR}, 1, MADV_COLD, 0) = 4096`,
  ]);
  expect(events.map(({ tid, mm, op, advice }) => [tid, mm, op, advice])).toEqual([
    [7, undefined, 'fork', undefined],
    [7, 2, 'madvise', 'pageout'],
    [8, undefined, 'madvise', 'cold'],
  ]);
  expect(summary.unclassified).toEqual({ 'process_madvise on a process that strace did not follow': 1 });
});

test('a second thread whose fork was not seen shares the first address space, and is counted', async () => {
  const { events, summary } = await strace([BRK, MUNMAP.replace('7', '8')]);
  expect(events.map(({ tid, mm }) => [tid, mm])).toEqual([
    [7, undefined],
    [8, undefined],
  ]);
  expect(summary.unclassified).toEqual({
    'thread whose fork was not seen: taken to share the first address space': 1,
  });
});

test('execveat names its program in the second argument', async () => {
  const events = await operations(
    '7 1.000001 execve("/usr/bin/env", ["env"], 0x7ffd0) = 0',
    '7 1.000002 execveat(AT_FDCWD, "/usr/bin/true", ["true"], 0x7ffd0, 0) = 0',
  );
  expect(events).toEqual([
    { tid: 7, op: 'thread', name: 'env' },
    { tid: 7, op: 'exec', new_mm: 2, dur: 0 },
    { tid: 7, mm: 2, op: 'thread', name: 'true' },
  ]);
});

test.each([
  ['a path that is not closed', '3</tmp/a', null],
  ['a comparison is no path', '<a, b', ['<a', 'b']],
])('arguments with %s', (_what, text, args) => {
  expect(splitArguments(text)).toEqual(args);
});

test('escapes of a string: C, hex, octal, a quote; a character that strace left as it was', () => {
  expect(stringOf('"a\\tb\\x41\\101\\""...')).toBe('a\tbAA"');
  expect(stringOf('0x7ffd0')).toBe('');
  expect(pathOf('3</tmp/\u65e5\\40x>')).toBe('/tmp/\u65e5 x');
});
