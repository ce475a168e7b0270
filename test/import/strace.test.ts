import { expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { hexOf, pathOf, splitArguments } from '../../src/trace/import/strace-args.js';
import { imported, sample } from './sample.js';

const operations = async (text: string) => (await imported(text)).events.map(({ t: _t, ...event }) => event);

test('threads, calls that are resumed, a fork, a vfork with its execve; failed calls leave nothing', async () => {
  const { header, events } = await imported(sample('threads', 'strace'));
  expect(header.meta).toEqual({
    producer: 'vmalock import strace',
    arch: 'x86_64',
    pageSize: 4096,
    clock: 'realtime',
    lost: 0,
    command: 'a',
  });
  const forks = events.filter(event => ['fork', 'exec', 'exit'].includes(event.op));
  expect(forks.map(({ op, tid, child_tid, child_mm, new_mm }) => [op, tid, child_tid ?? new_mm, child_mm])).toEqual([
    ['fork', 10603, 10604, 1],
    ['fork', 10603, 10605, 1],
    ['exit', 10605, undefined, undefined],
    ['exit', 10604, undefined, undefined],
    ['fork', 10603, 10606, 2],
    ['exit', 10606, undefined, undefined],
    ['fork', 10603, 10607, 1],
    ['exec', 10607, 3, undefined],
    ['exit', 10607, undefined, undefined],
    ['exit', 10603, undefined, undefined],
  ]);
  expect(events.filter(event => event.op === 'madvise').map(event => event.addr)).not.toContain('0x1');
  expect(events.find(event => event.op === 'mremap')).toEqual({
    t: 13290000,
    tid: 10603,
    op: 'mremap',
    addr: '0x7f01a2bf3000',
    old_len: '0x2000',
    new_len: '0x10000',
    new_addr: '0x7f01a19f5000',
    flags: ['maymove'],
    dur: 21000,
  });
});

test('on stderr: lines without a pid are of the only thread, notes in the middle of a line are taken out', async () => {
  const { events } = await imported(sample('stderr', 'strace'));
  expect(events.map(({ tid, op, child_tid }) => [tid, op, child_tid])).toEqual([
    [1, 'thread', undefined],
    [1, 'brk', undefined],
    [1, 'mmap', undefined],
    [1, 'brk', undefined],
    [1, 'fork', 10614],
    [10614, 'exit', undefined],
    [1, 'fork', 10615],
    [1, 'exit', undefined],
  ]);
});

test('userfaultfd requests that strace decodes are operations on their range', async () => {
  const events = await operations(sample('uffd', 'strace'));
  expect(events).toContainEqual({
    tid: 5926,
    op: 'uffd_register',
    addr: '0x7f24cd12a000',
    len: '0x10000',
    modes: ['missing'],
    dur: 17000,
  });
  expect(events).toContainEqual({
    tid: 5927,
    op: 'uffd_copy',
    addr: '0x7f24cd12a000',
    len: '0x1000',
    src: '0x4bf000',
    dur: 28000,
  });
});

test('process_madvise by its vectors, mseal by its number, names with escapes, flags by word', async () => {
  const events = await operations(sample('decoded', 'strace'));
  const seen = events.map(({ op, addr, len, advice, mode, file, flags }) => ({
    op,
    addr,
    len,
    advice,
    mode,
    file,
    flags,
  }));
  const of = (op: string) => seen.filter(event => event.op === op);
  expect(of('madvise').map(({ len, advice }) => [len, advice])).toEqual([
    ['0x1000', 'cold'],
    ['0x2000', 'cold'],
  ]);
  expect(of('mseal')).toHaveLength(1);
  expect(of('mbind')).toMatchObject([{ mode: 'bind' }]);
  expect(of('mmap').map(({ file, flags }) => [file, flags])).toEqual([
    [undefined, ['private', 'anonymous', 'populate']],
    [{ name: '/memfd:a\nb<c> (deleted)', fs: 'shmem' }, ['shared']],
    [undefined, ['private', 'anonymous', 'fixed', 'growsdown', 'locked']],
  ]);
});

test('a request whose range strace did not print is counted', async () => {
  const text = '7 1.000001 ioctl(3, UFFDIO_CONTINUE, 0x7fcef90d71f0) = 0 <0.000027>';
  const { events, summary } = await imported(text);
  expect(events).toEqual([]);
  expect(summary.unclassified).toEqual({ 'userfaultfd request whose range strace did not print': 1 });
});

test.each([
  ['1.000001 munmap(0x7f0000000000, 40', 'munmap(0x7f0000000000, 40'],
  ['7 1.000001 munmap(0x7f0000000000, 4096) = ', 'munmap'],
  ['7 1.000001 <... mmap resumed>) = 0 <0.1\n7 1.0000', '7 1.0000'],
])('%j is cut off', async (text, found) => {
  const whole = '7 1.000000 brk(NULL) = 0x5615737e6000 <0.000003>\n';
  const error = await imported(whole + text, { cut: true }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Complaint);
  expect(error).toMatchObject({ class: 'schema', message: expect.stringContaining(found) });
});

test.each([
  ['1, "a, \\"b", [1, 2], {x=1, y=f(2, 3)}', ['1', '"a, \\"b"', '[1, 2]', '{x=1, y=f(2, 3)}']],
  ['3</tmp/a "b, c>, 0', ['3</tmp/a "b, c>', '0']],
  ['4<TCP:[1.2.3.4:5->6.7.8.9:80]>, 21<<MAP_HUGE_SHIFT', ['4<TCP:[1.2.3.4:5->6.7.8.9:80]>', '21<<MAP_HUGE_SHIFT']],
  ['', []],
  ['"open', null],
  ['[1, 2', null],
  ['1)', null],
])('arguments %j', (text, args) => {
  expect(splitArguments(text)).toEqual(args);
});

test.each([
  ['NULL', '0'],
  ['-1', 'ffffffffffffffff'],
  ['18446744073709547520', 'fffffffffffff000'],
  ['0x7f01a2bf5000', '7f01a2bf5000'],
  ['MAP_PRIVATE|MAP_ANONYMOUS|0x4000000', '4000022'],
  ['MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT', '40002'],
  ['MADV_GUARD_INSTALL', '66'],
  ['0x63 /* MADV_??? */', '63'],
  ['MPOL_BIND|MPOL_F_STATIC_NODES', '2'],
  ['3</etc/x>', '3'],
  ['SIGCHLD', null],
  ['MADV_NOBODY_KNOWS', null],
  ['MPOL_NOBODY_KNOWS', null],
])('%s is %s', (argument, hex) => {
  expect(hexOf(argument)).toBe(hex);
});

test('a path with escapes, UTF-8 among them', () => {
  expect(pathOf('3</tmp/\\74a\\76 \\303\\244>')).toBe('/tmp/<a> ä');
  expect(pathOf('-1')).toBe('');
});
