/**
 * userfaultfd by inference: what the faults that a monitor answered give away about its ranges, which request ended whose
 * wait, and what calls mean once the range is known.
 */
import { expect, test } from 'vitest';
import { call, imported, line, section } from './sample.js';

const ZERO_PAGE = '7f0000001000';

/** A userfault: it waits while thread 12 answers with `request`, and finds the page in place. Others act `meanwhile`. */
function userfault(us: number, request: string, page = ZERO_PAGE, meanwhile: string[] = []): string[] {
  return [
    line(us, 11, `exceptions:page_fault_user: address=0x${page} ip=0x400000 error_code=0x6   0`),
    ...call(us + 10, 12, `16 (4, ${request}, 7ffd0, 0, 0, 0)`, [], us + 20, '0'),
    ...meanwhile,
    ...section(us + 30, 11, false).slice(0, 2),
    line(us + 32, 11, `minor-faults:     ${page}`),
    ...section(us + 31, 11, false).slice(2),
  ];
}

const UFFD_MAP = line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
const REGISTER = call(2, 10, '16 (4, c020aa00, 7ffd0, 0, 0, 0)', section(3, 10, true), 7, '0');

test('the range is inferred from the first fault that another thread resolved, and marked', async () => {
  const { events } = await imported([UFFD_MAP, ...REGISTER, ...userfault(10, 'c028aa03')].join('\n'));
  expect(events.map(event => event.op)).toEqual(['other', 'uffd_register', 'fault']);
  expect(events[1]).toEqual({
    t: 9000,
    tid: 11,
    op: 'uffd_register',
    addr: '0x7f0000000000',
    len: '0x10000',
    modes: ['missing'],
    'x-inferred': 'UFFDIO_COPY resolved the next fault',
  });
  expect(events[2].page).toEqual({ entry: 'none', wait: 20000 });
});

test('later calls of the same program mean the same range', async () => {
  const unregister = call(60, 10, '16 (4, 8010aa01, 7ffd0, 0, 0, 0)', section(61, 10, true), 66, '0');
  const again = call(70, 10, '16 (4, c020aa00, 7ffd0, 0, 0, 0)', section(71, 10, true), 76, '0');
  const text = [UFFD_MAP, ...REGISTER, ...userfault(10, 'c020aa07'), ...unregister, ...again].join('\n');
  const { events } = await imported(text);
  expect(events.slice(-2)).toMatchObject([
    { op: 'uffd_unregister', addr: '0x7f0000000000', len: '0x10000', locks: [{ mode: 'write' }] },
    { op: 'uffd_register', modes: ['minor'], 'x-inferred': 'same range as the userfaults before' },
  ]);
});

test.each([
  ['that began before', 11, 13],
  ['that began behind it', 17, 11],
])(
  'the registration goes before the first fault, where one waits longer for the same monitor %s',
  async (_, us, first) => {
    const [begin, ...rest] = userfault(14, 'c028aa03');
    const other = line(us, 13, 'exceptions:page_fault_user: address=0x7f0000002000 ip=0x400000 error_code=0x6   0');
    const begun = us < 14 ? [other, begin] : [begin, other];
    const { events } = await imported(
      [UFFD_MAP, ...REGISTER, ...begun, ...rest, line(60, 13, 'minor-faults:     7f0000002000')].join('\n'),
    );
    const [early, late] = us < 14 ? [10_000, 13_000] : [13_000, 16_000];
    expect(events.map(({ t, tid, op }) => [t, tid, op])).toEqual([
      [1000, 10, 'other'],
      [early, first, 'uffd_register'],
      [early, first, 'fault'],
      [late, first === 13 ? 11 : 13, 'fault'],
    ]);
  },
);

test('a request answers nobody of another process', async () => {
  const [begin, ...rest] = userfault(10, 'c028aa03');
  const other = [
    line(5, 21, `exceptions:page_fault_user: address=0x${ZERO_PAGE} ip=0x400000 error_code=0x6   0`),
    line(60, 21, `minor-faults:     ${ZERO_PAGE}`),
  ].map(text => text.replace('10/', '20/'));
  const text = [UFFD_MAP, ...REGISTER, other[0], begin, ...rest, other[1]];
  const { faults } = await imported(text.join('\n'));
  expect(faults.map(({ tid, page }) => [tid, page])).toEqual([
    [21, undefined],
    [11, { entry: 'none', wait: 20_000 }],
  ]);
});

test('a fault that put its page there itself is no userfault', async () => {
  const lines = userfault(10, 'c028aa03');
  lines.splice(-2, 0, line(42, 11, 'kmem:rss_stat: mm_id=7 curr=1 type=MM_ANONPAGES size=4096B   0'));
  const { events } = await imported([UFFD_MAP, ...REGISTER, ...lines].join('\n'));
  expect(events.map(event => event.op)).toEqual(['other', 'fault']);
});

const COPY = 'c028aa03';
/** Calls of thread 10, with the mmap_lock section each takes. */
const ioctl = (us: number, request: string) =>
  call(us, 10, `16 (4, ${request}, 7ffd0, 0, 0, 0)`, section(us + 1, 10, true), us + 6, '0');
const registers = (us: number) => ioctl(us, 'c020aa00');
const unregisters = (us: number) => ioctl(us, '8010aa01');
const protects = (us: number) => ioctl(us, 'c018aa06');
const told = async (...lines: string[]) =>
  (await imported([UFFD_MAP, ...lines].join('\n'))).events.map(({ op, addr, modes }) =>
    [op, addr, ...((modes as string[] | undefined) ?? [])].filter(word => word !== undefined).join(' '),
  );
const RANGE = '0x7f0000000000';
const FAULT = `fault 0x${ZERO_PAGE}`;

test.each([
  ['UFFDIO_COPY', COPY, ['missing']],
  ['UFFDIO_ZEROPAGE', 'c020aa04', ['missing']],
  ['UFFDIO_MOVE', 'c028aa05', ['missing']],
  ['UFFDIO_CONTINUE', 'c020aa07', ['minor']],
])('%s shows a range, where somebody registered one', async (name, request, modes) => {
  expect(await told(...userfault(10, request))).toEqual([FAULT]);
  const { events } = await imported([UFFD_MAP, ...REGISTER, ...userfault(10, request)].join('\n'));
  expect(events[1]).toMatchObject({ modes, 'x-inferred': `${name} resolved the next fault` });
});

test('a fault that UFFDIO_WRITEPROTECT ends was protected before, as its range is', async () => {
  const { events } = await imported([UFFD_MAP, ...REGISTER, ...userfault(10, 'c018aa06')].join('\n'));
  const why = { addr: RANGE, 'x-inferred': 'UFFDIO_WRITEPROTECT resolved the next fault' };
  expect(events.slice(1)).toMatchObject([
    { op: 'uffd_register', modes: ['wp'], ...why },
    { op: 'uffd_wp', ...why },
    { op: 'fault' },
  ]);
});

test('an ioctl of something else with the number of UFFDIO_COPY answers nobody', async () => {
  expect(await told(...REGISTER, ...userfault(10, '5403'))).toEqual(['other', FAULT]);
});

test('a userfault in another VMA shows another range, one in the same VMA nothing new', async () => {
  const map = line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7e0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
  const [here, there] = [ZERO_PAGE, '7e0000003000'];
  const faults = [here, '7f0000004000', there].flatMap((page, i) => userfault(10 + 50 * i, COPY, page));
  expect((await told(map, ...REGISTER, ...faults)).slice(-5)).toEqual([
    `uffd_register ${RANGE} missing`,
    FAULT,
    'fault 0x7f0000004000',
    'uffd_register 0x7e0000000000 missing',
    `fault 0x${there}`,
  ]);
});

test('what was unregistered is registered anew by the next userfault there', async () => {
  const faults = [...userfault(10, COPY), ...unregisters(60), ...unregisters(70), ...userfault(80, COPY)];
  expect((await told(...REGISTER, ...faults)).slice(1)).toEqual([
    `uffd_register ${RANGE} missing`,
    FAULT,
    `uffd_unregister ${RANGE}`,
    'other',
    `uffd_register ${RANGE} missing`,
    FAULT,
  ]);
});

test('a call that protects means the same range once that is known and registered', async () => {
  const faults = [...userfault(10, 'c018aa06'), ...protects(60), ...unregisters(70), ...protects(80)];
  expect((await told(...REGISTER, ...protects(8), ...faults)).slice(-4)).toEqual([
    FAULT,
    `uffd_wp ${RANGE}`,
    `uffd_unregister ${RANGE}`,
    'other',
  ]);
});

test('calls during the first userfault are understood when it is over, those before it are not', async () => {
  // A system call of thread 13 that is under way holds back all that comes after it.
  const long = call(2, 13, '10 (7f0000008000, 1000, 1, 0, 0, 0)', [], 90, '0');
  const meanwhile = [...registers(31), ...unregisters(38).slice(0, -1)];
  const over = unregisters(38).slice(-1);
  const [first, ...rest] = userfault(15, 'c018aa06', ZERO_PAGE, meanwhile);
  const lines = [long[0], ...registers(3), first, ...rest, ...over, long[1]];
  expect((await told(...lines)).slice(1)).toEqual([
    'other',
    `uffd_register ${RANGE} wp`,
    `uffd_wp ${RANGE}`,
    FAULT,
    `uffd_register ${RANGE} wp`,
    `uffd_unregister ${RANGE}`,
  ]);
});

const [REGISTERS, UNREGISTERS, WRITEPROTECT] = ['c020aa00', '8010aa01', 'c018aa06'];
const request = (us: number, tid: number, command: string) =>
  call(us, tid, `16 (4, ${command}, 7ffd0, 0, 0, 0)`, [], us + 1, '0');
const fault = (us: number, tid: number, addr = '0x7f0000001000', mode = 'user') =>
  line(us, tid, `exceptions:page_fault_${mode}: address=${addr} ip=0x400000 error_code=0x6   0`);
const done = (us: number, tid: number) => line(us, tid, 'minor-faults:     7f0000001000');
/** Operations after the registration, whose range does not show; `us` since the mapping. */
const operations = async (...rows: (string | string[])[]) =>
  (await imported([UFFD_MAP, ...request(1, 10, REGISTERS), ...rows.flat()].join('\n'))).events
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

test('a fault of another range, which waited longer, does not move the registration', async () => {
  const rows = [fault(2, 13, '0x7f0000400000'), fault(3, 11), request(4, 12, COPY), done(8, 11), done(9, 13)];
  expect((await operations(...rows)).map(({ op, us, tid }) => [op, us, tid])).toEqual([
    ['fault', 1, 13],
    ['uffd_register', 2, 11],
    ['fault', 2, 11],
  ]);
});

test('it goes before the first fault there that waited for the monitor and for nothing else', async () => {
  const [FIRST_PAGE, LAST_PAGE] = ['0x7f0000000000', '0x7f000000f000'];
  const registeredFor = async (...before: (string | string[])[]) => {
    const over = [13, 14, 21].map(tid => done(12, tid));
    const rows = [...before, fault(5, 11), request(6, 12, COPY), done(9, 11), ...over];
    const events = await operations(...rows);
    return events.filter((_, i) => events[i - 1]?.op === 'uffd_register').map(({ tid }) => tid);
  };
  expect(await registeredFor()).toEqual([11]);
  for (const inside of [FIRST_PAGE, LAST_PAGE]) expect(await registeredFor(fault(2, 13, inside))).toEqual([13]);
  for (const outside of ['0x7efffffff000', '0x7f0000010000'])
    expect(await registeredFor(fault(2, 13, outside))).toEqual([11]);
  // whichever is over first, and the first line of those at one time
  expect(await registeredFor(fault(2, 13), fault(3, 14))).toEqual([13]);
  expect(await registeredFor(fault(2, 14), fault(2, 13))).toEqual([14]);
  const counts = line(3, 13, 'kmem:rss_stat: mm_id=7 curr=1 type=MM_ANONPAGES size=4096B   0');
  expect(await registeredFor(fault(2, 13), counts, fault(3, 14))).toEqual([14]);
});

test('a monitor of another process answers its own: each has its registration', async () => {
  const theirs = (row: string) => row.replace('10/', '20/');
  const rows = [
    UFFD_MAP.replaceAll('10/10', '20/20'),
    ...request(1, 20, REGISTERS).map(theirs),
    theirs(fault(2, 21)),
    ...request(3, 22, COPY).map(theirs),
    [fault(5, 11), ...request(6, 12, COPY), done(9, 11)],
    theirs(done(10, 21)),
  ];
  expect((await operations(...rows)).map(({ op, tid }) => [op, tid])).toEqual([
    ['other', 20],
    ['uffd_register', 21],
    ['fault', 21],
    ['uffd_register', 11],
    ['fault', 11],
  ]);
});

test('what was called after the fault began is understood once the fault is', async () => {
  const rows = [
    fault(2, 11),
    request(3, 12, UNREGISTERS),
    request(5, 12, REGISTERS),
    request(7, 12, COPY),
    done(9, 11),
  ];
  expect((await operations(...rows)).map(({ op, us }) => [op, us])).toEqual([
    ['uffd_register', 1],
    ['fault', 1],
    ['uffd_unregister', 2],
    ['uffd_register', 4],
  ]);
});

test('calls after the range is known: protection, the end of it, and what has nothing left to end', async () => {
  const known = [fault(2, 11), request(3, 12, COPY), done(6, 11)];
  const calls = [WRITEPROTECT, UNREGISTERS, UNREGISTERS, WRITEPROTECT].map((command, i) =>
    request(10 + 2 * i, 12, command),
  );
  expect((await operations(...known, ...calls)).slice(2).map(({ op, why }) => [op, why])).toEqual([
    ['uffd_wp', 'same range as the userfaults before'],
    ['uffd_unregister', 'same range as the userfaults before'],
    ['other', undefined],
    ['other', undefined],
  ]);
});

test('a fault that nobody answered may be waiting still when the recording ends, where a range was registered', async () => {
  const under = async (registered: string[]) => {
    const rows = [UFFD_MAP, ...registered, fault(10, 11), ...section(2_000, 12, false)];
    const { faults, summary } = await imported(rows.join('\n'));
    return [faults[0].truth, summary.unclassified];
  };
  expect(await under(REGISTER)).toEqual([undefined, { 'fault under way when the recording ended': 1 }]);
  const other = call(2, 10, '202 (0, 0, 0, 0, 0, 0)', section(3, 10, true), 7, '0');
  expect(await under(other)).toEqual([{ fallback: false, path: 'vma_lock' }, {}]);
});

test('a fault in memory that is watched, or was copied from such, may have waited for a monitor nobody sees', async () => {
  const fork = (us: number, pid: number, parent: number) =>
    line(us, parent, `PERF_RECORD_FORK(${pid}:${pid}):(${parent}:${parent})`).replace('10/', `${parent}/`);
  const slow = (us: number, pid: number, how = 'user', name = `${pid}/`) =>
    [
      line(us, pid, `exceptions:page_fault_${how}: address=0x${ZERO_PAGE} ip=0x400000 error_code=0x6   0`),
      line(us + 40, pid, `minor-faults:     ${ZERO_PAGE}`),
    ].map(text => text.replace('10/', name));
  const hidden = async (...rows: string[]) => {
    const { faults } = await imported([UFFD_MAP, ...rows].join('\n'));
    return faults.map(fault => fault['x-hidden']);
  };
  const [CHILD, GRANDCHILD] = [20, 30];
  expect(await hidden(...slow(20, 10), fork(70, CHILD, 10), ...slow(80, CHILD))).toEqual([undefined, undefined]);
  expect(
    await hidden(
      ...[...REGISTER, ...slow(20, 10), ...slow(70, 10, 'kernel'), fork(120, CHILD, 10), ...slow(130, CHILD)],
      ...[fork(180, GRANDCHILD, CHILD), ...slow(190, GRANDCHILD)],
    ),
  ).toEqual(['userfaultfd', undefined, 'userfaultfd', 'userfaultfd']);
});
