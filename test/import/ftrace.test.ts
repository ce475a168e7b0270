import { expect, test } from 'vitest';
import { NO_END } from '../../src/trace/import/faults.js';
import { FtraceParser, isFtraceLine } from '../../src/trace/import/ftrace.js';
import { UNKNOWN_LOCK } from '../../src/trace/import/truth.js';
import { imported, sample } from './sample.js';

function records(...texts: string[]) {
  const parser = new FtraceParser('sample');
  const found = texts.map((text, i) => parser.push({ text, number: i + 1, unterminated: false }));
  return { found: [...found, parser.end()].filter(record => record !== null), unknown: parser.unknownLines };
}

const PF = 'page_fault_user: address=0x5bfb41 ip=0x40a619 error_code=0x4';

test.each([
  ['five columns of flags', `            uffd-693     [000] d..1.    90.993346: ${PF}`, 'uffd', -1, 693, 0],
  ['four, of kernels before 5.17', `            uffd-693   [001] d..1    90.993346: ${PF}`, 'uffd', -1, 693, 1],
  ['irq-info off, record-tgid on', `   mixed-30739   (  30700) [001]   2891.183214: ${PF}`, 'mixed', 30700, 30739, 1],
  ['a tgid that is not known', `   mixed-30739   (-------) [001] d....   2891.183214: ${PF}`, 'mixed', -1, 30739, 1],
  ['a name with spaces, dashes and digits', ` Web Co-3 x-7-99 [003] ..... 1.000001: ${PF}`, 'Web Co-3 x-7', -1, 99, 3],
  ['a name nobody saved', `           <...>-12      [120] d.h2. 123456.000001: ${PF}`, '', -1, 12, 120],
  ['ns of trace-cmd report -t', `            uffd-693   [000]    90.993346123: ${PF}`, 'uffd', -1, 693, 0],
])('%s', (_what, text, comm, pid, tid, cpu) => {
  expect(isFtraceLine(text)).toBe(true);
  expect(records(text).found).toMatchObject([{ comm, pid, tid, cpu, name: 'page_fault_user', stack: null }]);
});

test('system calls, a call chain of its own, and the rest of the line', () => {
  const { found, unknown } = records(
    '# tracer: nop',
    ' a-1 [000] ..... 1.000001: sys_mmap(addr: 0, len: 2000, prot: 3, flags: 22, fd: ffffffff, off: 0)',
    ' a-1 [000] ..... 1.000002: sys_mmap -> 0x7ffff7f65000',
    ' a-1 [000] ..... 1.000003: <stack trace>',
    ' => trace_event_raw_event_mmap_lock_acquire_returned',
    ' => __mmap_lock_do_trace_acquire_returned',
    ' => mmap_read_trylock',
    ' => lock_mm_and_find_vma.isra.0',
    ' => exc_page_fault',
    ' a-1 [000] ..... 1.000004: tracing_mark_write: >> a: b',
  );
  expect(unknown).toBe(0);
  expect(found.map(({ name, text, stack }) => [name, text, stack])).toEqual([
    ['sys_enter_mmap', '0, 2000, 3, 22, ffffffff, 0', null],
    ['sys_exit_mmap', '140737353502720', null],
    [
      'kernel_stack',
      'mmap_lock_acquire_returned',
      [
        'trace_event_raw_event_mmap_lock_acquire_returned',
        '__mmap_lock_do_trace_acquire_returned',
        'mmap_read_trylock',
        'lock_mm_and_find_vma.isra.0',
        'exc_page_fault',
      ],
    ],
    ['tracing_mark_write', ' >> a: b', null],
  ]);
});

test('records of one microsecond, or of one tick, are a nanosecond apart and stay inside it', () => {
  const times = (stamps: string[]) =>
    records(...stamps.map(stamp => ` a-1 [000] ..... ${stamp}: ${PF}`)).found.map(({ t }) => t);
  expect(times(['1.000001', '1.000001', '1.000001', '1.000002', '1.004002', '1.004002'])).toEqual([
    0, 1, 2, 1_000, 4_001_000, 4_001_001,
  ]);
  expect(times(['1.000001005', '1.000001005'])).toEqual([0, 0]);
  expect(times(Array(1_500).fill('1.000001')).at(-1)).toBe(999);
});

test('what the buffer overwrote and what was lost while reading it is added up', async () => {
  const text = ['# entries-in-buffer/entries-written: 10/25   #P:2', 'CPU:1 [LOST 34 EVENTS]', 'CPU:0 [LOST EVENTS]'];
  const { header, summary } = await imported([...text, ` a-1 [000] ..... 1.000001: ${PF}`].join('\n'));
  expect(summary.lost).toBe(50);
  expect(header.meta).toMatchObject({ producer: 'vmalock import ftrace', lost: 50, clock: 'mono', 'x-lost-from': 0 });
});

test('what was lost came after the event before on that processor', async () => {
  const event = (cpu: number, time: string) => ` a-1 [00${cpu}] ..... ${time}: ${PF}`;
  const text = [event(0, '1.000001'), event(1, '1.000002'), event(0, '1.000003')];
  const from = async (cpu: number) => {
    const { header } = await imported([...text, `CPU:${cpu} [LOST 3 EVENTS]`, event(cpu, '1.000009')].join('\n'));
    return header.meta['x-lost-from'];
  };
  expect([await from(0), await from(1), await from(2)]).toEqual([2_000, 1_000, 0]);
});

const truth = async (name: string, addr: string) => {
  const { faults } = await imported(sample(name, 'ftrace'));
  return faults.find(fault => fault.addr === addr)?.truth;
};

test('a refused trylock of __vmf_anon_prepare, then the slow path with a refusal of its own (6.12)', async () => {
  expect(await truth('prepare-busy', '0x7ffff7f72000')).toEqual({
    path: 'mmap_lock',
    fallback: true,
    anon_prepare: 'failed',
    via: 'lock_mm_and_find_vma',
    wait: 28000,
  });
});

test('the trylock that was granted is no fallback (6.12)', async () => {
  const prepared = { path: 'vma_lock', fallback: false, anon_prepare: 'ok', via: '__vmf_anon_prepare' };
  expect(await truth('prepare-ok', '0x7ffff7f72000')).toEqual(prepared);
});

test('a signal in a VMA that forbids the access: no lock, and the frame of the handler is another fault (6.18)', async () => {
  expect(await truth('signal', '0x7ffff7f65000')).toEqual({ path: 'signal', fallback: false });
  const frame = { path: 'mmap_lock', fallback: true, via: 'lock_mm_and_find_vma', wait: 8000 };
  expect(await truth('signal', '0x7ffff7ff5900')).toEqual(frame);
});

test('execve is past the point of no return when it first writes to a page; its own locks are not the fault’s (7.2)', async () => {
  const { events } = await imported(sample('exec', 'ftrace'));
  const after = events.slice(events.findIndex(event => event.op === 'exec'));
  expect(after.slice(0, 3)).toMatchObject([
    { op: 'exec', new_mm: 2 },
    { op: 'vma', mm: 2, file: {}, anon_vma: true },
    { op: 'fault', mm: 2, mode: 'kernel', truth: { path: 'mmap_lock', fallback: true, wait: 4000 } },
  ]);
});

test('a userfault is inferred although no event says when it ended (6.16)', async () => {
  const { events } = await imported(sample('uffd', 'ftrace'));
  expect(events.find(event => event.op === 'uffd_register')).toMatchObject({
    addr: '0x7ffff7fd6000',
    len: '0x20000',
    modes: ['missing'],
    'x-inferred': 'UFFDIO_COPY resolved the next fault',
  });
  expect(await truth('uffd', '0x7ffff7fd6000')).toMatchObject({ fallback: true, anon_prepare: 'ok' });
});

test('without call chains the counters decide: a trylock before, the slow path around, or neither (6.18)', async () => {
  const { faults, summary, events } = await imported(sample('tgid', 'ftrace'));
  expect(faults.find(fault => fault.addr === '0x4c2b98')?.truth).toEqual({
    path: 'vma_lock',
    fallback: false,
    anon_prepare: 'ok',
  });
  expect(summary.unclassified).toEqual({ [NO_END]: 1 });
  expect(summary.unclassifiedAt).toEqual({ [NO_END]: [40] });
  expect(events[0]).toEqual({ t: 0, tid: 30739, op: 'thread', name: 'mixed' });
});

const line = (us: number, tid: number, text: string) =>
  `            uffd-${tid}     [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;

/** A user fault at page `n` that holds mmap_lock for a while. */
const locked = (n: number, memcg = 'memcg_path=/') => [
  line(10 * n, 5, `page_fault_user: address=0x7f${String(n).padStart(6, '0')}000 ip=0x40a619 error_code=0x6`),
  line(10 * n + 1, 5, `mmap_lock_start_locking: mm=0000000041dd6c22 ${memcg} write=false`),
  line(10 * n + 2, 5, `mmap_lock_acquire_returned: mm=0000000041dd6c22 ${memcg} write=false success=true`),
  line(10 * n + 3, 5, `mmap_lock_released: mm=0000000041dd6c22 ${memcg} write=false`),
];
const pages = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

test('where no user fault ever does without mmap_lock, there are no VMA locks: all of them fell back (6.1)', async () => {
  const { faults } = await imported(
    pages(70)
      .flatMap(n => locked(n))
      .join('\n'),
  );
  expect(faults.map(fault => fault.truth?.fallback)).toEqual(pages(70).map(() => true));
});

test('one that does without says that there are; then a short section may be the anon_vma’s', async () => {
  const free = line(5, 5, 'page_fault_user: address=0x7f0000000000 ip=0x40a619 error_code=0x6');
  const text = [...locked(0), free, ...pages(70).flatMap(n => locked(n))].join('\n');
  const { faults, summary } = await imported(text);
  expect(faults.map(fault => fault.truth?.fallback)).toEqual([undefined, false, ...pages(70).map(() => undefined)]);
  expect(summary.unclassified[UNKNOWN_LOCK]).toBe(71);
  const old = await imported(text, { kernel: '6.6.17' });
  expect(old.faults.map(fault => fault.truth?.fallback)).toEqual([true, false, ...pages(70).map(() => true)]);
});

test('memcg_id came with 6.16: such a kernel has the trylock, and is not taken for one without VMA locks', async () => {
  const { faults } = await imported(
    pages(70)
      .flatMap(n => locked(n, 'memcg_id=1'))
      .join('\n'),
  );
  expect(faults.every(fault => fault.truth === undefined)).toBe(true);
});

test('a call chain belongs to the last event of its thread, whatever other processors wrote in between', async () => {
  const [fault, start, acquired, released] = locked(1, 'memcg_id=1');
  const stack = [line(13, 5, '<stack trace>'), ' => lock_mm_and_find_vma', ' => exc_page_fault'];
  const other = [line(12, 6, 'sys_brk(brk: 60e000)'), line(12, 6, '<stack trace>'), ' => do_syscall_64'];
  const wakeup = [
    line(12, 5, 'sched_wakeup: x'),
    line(12, 5, '<stack trace>'),
    ' => trace_event_raw_event_sched_wakeup',
  ];
  const text = [fault, start, acquired, ...other, ...wakeup, ' => __vmf_anon_prepare', ...stack, released].join('\n');
  const { faults } = await imported(text);
  expect(faults[0].truth).toMatchObject({ fallback: true, via: 'lock_mm_and_find_vma' });
});

test('the chain of start_locking serves when acquire_returned has none', async () => {
  const [fault, start, acquired, released] = locked(1, 'memcg_id=1');
  const stack = [line(11, 5, '<stack trace>'), ' => __vmf_anon_prepare', ' => do_anonymous_page'];
  const { faults } = await imported([fault, start, ...stack, acquired, released].join('\n'));
  expect(faults[0].truth).toMatchObject({ fallback: false, anon_prepare: 'ok' });
});

test('a handler that takes the lock itself is the slow path too (kernels before 6.4)', async () => {
  const [fault, start, acquired, released] = locked(1);
  const stack = [line(12, 5, '<stack trace>'), ' => down_read_trylock', ' => do_user_addr_fault', ' => exc_page_fault'];
  const { faults } = await imported([fault, start, acquired, ...stack, released].join('\n'));
  expect(faults[0].truth).toMatchObject({ fallback: true, via: 'do_user_addr_fault' });
});
