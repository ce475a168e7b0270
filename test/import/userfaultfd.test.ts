/** userfaultfd by inference: which request ended whose wait, and what calls mean once the range is known. */
import { expect, test } from 'vitest';
import { call, imported, line } from './sample.js';

const MAP = line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
const [REGISTER, UNREGISTER, WRITEPROTECT, COPY] = ['c020aa00', '8010aa01', 'c018aa06', 'c028aa03'];
const request = (us: number, tid: number, command: string) =>
  call(us, tid, `16 (4, ${command}, 7ffd0, 0, 0, 0)`, [], us + 1, '0');
const fault = (us: number, tid: number, addr = '0x7f0000001000', mode = 'user') =>
  line(us, tid, `exceptions:page_fault_${mode}: address=${addr} ip=0x400000 error_code=0x6   0`);
const done = (us: number, tid: number) => line(us, tid, 'minor-faults:     7f0000001000');
/** Operations after the registration, whose range does not show; `us` since the mapping. */
const operations = async (...rows: (string | string[])[]) =>
  (await imported([MAP, ...request(1, 10, REGISTER), ...rows.flat()].join('\n'))).events
    .slice(1)
    .map(({ op, tid, t, ...rest }) => ({
      op,
      tid,
      us: t / 1000,
      modes: rest.modes,
      why: rest['x-inferred'],
    }));
const ops = async (...rows: (string | string[])[]) => (await operations(...rows)).map(({ op }) => op);

test('a request that began before the fault, or another ioctl, did not resolve it; kernel mode has no userfaults of its own', async () => {
  const [enter, exit] = request(2, 12, COPY);
  expect(await ops(enter, fault(3, 11), exit, done(9, 11))).toEqual(['fault']);
  expect(await ops(fault(2, 11), request(3, 12, '5401'), done(9, 11))).toEqual(['fault']);
  expect(await ops(fault(2, 11, '0x7f0000001000', 'kernel'), request(3, 12, COPY), done(9, 11))).toEqual(['fault']);
  expect(await ops(fault(2, 11), request(3, 12, COPY), done(9, 11))).toEqual(['uffd_register', 'fault']);
});

test('who takes the protection away resolves a fault on a protected page: it was protected before', async () => {
  expect(await operations(fault(2, 11), request(3, 12, WRITEPROTECT), done(9, 11))).toMatchObject([
    { op: 'uffd_register', modes: ['wp'], why: 'UFFDIO_WRITEPROTECT resolved the next fault' },
    { op: 'uffd_wp', why: 'UFFDIO_WRITEPROTECT resolved the next fault' },
    { op: 'fault' },
  ]);
});

test('a fault of another range, which waited longer, does not move the registration', async () => {
  const rows = [fault(2, 13, '0x7f0000400000'), fault(3, 11), request(4, 12, COPY), done(8, 11), done(9, 13)];
  expect((await operations(...rows)).map(({ op, us, tid }) => [op, us, tid])).toEqual([
    ['fault', 1, 13],
    ['uffd_register', 2, 11],
    ['fault', 2, 11],
  ]);
});

test('what was called after the fault began is understood once the fault is', async () => {
  const rows = [fault(2, 11), request(3, 12, UNREGISTER), request(5, 12, REGISTER), request(7, 12, COPY), done(9, 11)];
  expect((await operations(...rows)).map(({ op, us }) => [op, us])).toEqual([
    ['uffd_register', 1],
    ['fault', 1],
    ['uffd_unregister', 2],
    ['uffd_register', 4],
  ]);
});

test('calls after the range is known: protection, the end of it, and what has nothing left to end', async () => {
  const known = [fault(2, 11), request(3, 12, COPY), done(6, 11)];
  const calls = [WRITEPROTECT, UNREGISTER, UNREGISTER, WRITEPROTECT].map((command, i) =>
    request(10 + 2 * i, 12, command),
  );
  expect((await operations(...known, ...calls)).slice(2).map(({ op, why }) => [op, why])).toEqual([
    ['uffd_wp', 'same range as the userfaults before'],
    ['uffd_unregister', 'same range as the userfaults before'],
    ['other', undefined],
    ['other', undefined],
  ]);
});
