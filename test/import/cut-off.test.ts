/** A line that is cut off and has its line feed all the same: a complaint with its number, and the next line is read. */
import { describe, expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import { importBatches } from '../../src/trace/import/index.js';
import { LIMITS } from '../../src/trace/limits.js';
import { imported, line } from './sample.js';

const BEFORE = line(0, 10, 'raw_syscalls:sys_enter: NR 202 (0, 0, 0, 0, 0, 0)   0');
const AFTER = line(9, 10, 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0');

async function refused(lines: readonly string[], from = 'perf') {
  const text = lines.join('\n');
  await expect(imported(text, { from })).rejects.toMatchObject({ class: 'schema', where: { line: 2 } });
  const complaints: Complaint[] = [];
  const { events } = await imported(text, { from, onBadLine: complaint => complaints.push(complaint) });
  expect(complaints).toHaveLength(1);
  return events;
}

describe('perf script', () => {
  test.each([
    'exceptions:page_fault_user: address=0x7f00',
    'exceptions:page_fault_kernel: address=0x7f0000001000 ip=0xffff error_code=',
    'mmap_lock:mmap_lock_start_locking: mm=0xffff8881',
    'mmap_lock:mmap_lock_acquire_returned: mm=0xffff888105798c80 memcg_id=1 write=false',
    'mmap_lock:mmap_lock_released: mm=0xffff888105798c80 memcg_id=1 write=tr',
    'kmem:rss_stat: mm_id=7 curr=1 type=MM_ANONPAGES siz',
    'migrate:set_migration_pte: addr=7f790ad81000',
    'migrate:remove_migration_pte: addr=7f7',
    'signal:signal_generate: sig=11 errno=0 code=1 com',
    'signal:signal_deliver: sig',
    'sched:sched_process_fork: comm=x pid=10 child_comm=x child_p',
    'sched:sched_process_exec: filename=/usr/bin/x pi',
    'raw_syscalls:sys_enter: NR 9 (0, 2000, 3',
    'raw_syscalls:sys_exit: NR 9 =',
    'syscalls:sys_enter_munmap: addr: 0x7f0000000000, len:',
    'syscalls:sys_exit_munmap: 0x',
    'PERF_RECORD_COMM: x:10',
    'PERF_RECORD_MMAP2 10/10: [0x7f78c9',
    'PERF_RECORD_FORK(20:20):(10',
    'PERF_RECORD_EXIT(20:20',
  ])('%s', async text => {
    expect(await refused([BEFORE, line(1, 10, text), AFTER])).toMatchObject([{ op: 'fault', t: 9000 }]);
    // the last line is taken when the text is over
    await refused([BEFORE, line(1, 10, text)]);
  });

  test('a line that stops where its event begins, or in its head', async () => {
    await refused([BEFORE, '   10/10  [000]     1.0000', AFTER]);
    const none = ['PERF_RECORD_', 'page_fault_us', 'two words: x', '?'].map((text, i) => line(i, 10, text));
    const { summary, events } = await imported([BEFORE, ...none, AFTER].join('\n'));
    expect(summary.unknownLines).toBe(4);
    expect(events).toHaveLength(1);
  });

  test('a line that another one was written into', async () => {
    expect(await refused([BEFORE, BEFORE.slice(0, 60) + AFTER, AFTER])).toHaveLength(1);
    expect(await refused([BEFORE, `make[1]: Entering directory '/home/user/src'${AFTER}`, AFTER])).toHaveLength(1);
  });

  test('an event without fields ends in its colon', async () => {
    const { faults } = await imported([AFTER, line(12, 10, 'minor-faults:')].join('\n'));
    expect(faults).toMatchObject([{ dur: 3000 }]);
  });

  test('a switch from thread to thread needs its state', async () => {
    const error = imported([BEFORE, line(1, 10, 'sched:sched_switch: prev_comm=a prev_pid=10')].join('\n'));
    await expect(error).rejects.toMatchObject({ class: 'schema', message: expect.stringContaining('is cut off') });
  });

  test('a loss whose number is cut off is one at least', async () => {
    const { summary } = await imported([BEFORE, line(1, 10, 'PERF_RECORD_LOST lost')].join('\n'));
    expect(summary.lost).toBe(1);
  });
});

describe('ftrace', () => {
  const FAULT = ' a-1 [000] ..... 1.000009: page_fault_user: address=0x5bfb41 ip=0x40a619 error_code=0x4';

  test.each([
    ['before its head', ' a-1 [000] ..... 1.0000'],
    ['in its arguments', ' a-1 [000] ..... 1.000001: sys_mmap(addr: 0, len: 2000, pro'],
    ['in its result', ' a-1 [000] ..... 1.000001: sys_mmap -> 0x'],
    ['by another line', ` a-1 [000] ..... 1.000001: sys_mmap(addr: 0, len: 2000, pro${FAULT}`],
    ['by somebody else’s words', `make[1]: Entering directory '/home/user/src'${FAULT}`],
  ])('cut off %s', async (_what, text) => {
    const events = await refused(['# tracer: nop', text, FAULT], 'ftrace');
    expect(events.filter(({ op }) => op === 'fault')).toHaveLength(1);
  });

  test.each([
    ['an event', FAULT],
    ['a frame of a call chain', ' => lock_mm_and_find_vm'],
  ])('%s without a line feed at the end of the text', async (_what, text) => {
    const error = imported(`# tracer: nop\n${text}`, { from: 'ftrace', cut: true });
    await expect(error).rejects.toMatchObject({ class: 'schema', where: { line: 2 } });
  });

  test('frames that belong to no chain, and lines of the function tracer, change nothing; a foreign line is counted', async () => {
    const text = [
      ' => lock_mm_and_find_vma',
      FAULT,
      ' => exc_page_fault',
      ' a-1 [000] ..... 1.000010: handle_mm_fault <-do_user_addr_fault',
      'hello',
      '   ',
      '# a comment',
    ];
    const { events, summary } = await imported(text.join('\n'));
    expect(events.map(({ op }) => op)).toEqual(['thread', 'fault']);
    expect(summary.unknownLines).toBe(1);
  });
});

test.each([
  ['PERF_RECORD_COMM', 'PERF_RECORD_COMM: prog:10'],
  ['PERF_RECORD_FORK', 'PERF_RECORD_FORK(10:20)'],
  ['PERF_RECORD_EXIT', 'PERF_RECORD_EXIT(10:20'],
  ['PERF_RECORD_MMAP2', 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p'],
  ['sys_enter', 'raw_syscalls:sys_enter: NR 11 (7f0000000000, 20   0'],
  ['sys_enter_mmap', 'syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x00002000   0'],
  ['sys_exit', 'raw_syscalls:sys_exit: NR 11 =   '],
  ['page_fault_user', 'exceptions:page_fault_user: address=0x7f00   0'],
  ['rss_stat', 'kmem:rss_stat: mm_id=7 curr=1 type=MM_ANON   0'],
  ['sched_process_fork', 'sched:sched_process_fork: comm=x pid=10 child_comm=x   0'],
  ['sched_process_exec', 'sched:sched_process_exec: filename=/bin/x pid=10   0'],
])('%s without its last field is refused', async (name, text) => {
  await expect(imported([BEFORE, line(5, 10, text), AFTER].join('\n'))).rejects.toMatchObject({
    class: 'schema',
    message: expect.stringMatching(`^${name} is cut off, found "\\S(.*\\S)?"$`),
    where: { file: 'sample', line: 2 },
    hint: 'export it again, with -F +trace',
  });
});

test('mmap_lock events without their fields are refused with how to get them', async () => {
  const text = [BEFORE, line(5, 10, 'mmap_lock:mmap_lock_released: mm=0x1   0'), AFTER];
  await expect(imported(text.join('\n'))).rejects.toMatchObject({
    class: 'schema',
    message: 'mmap_lock event is cut off, found "mm=0x1   0"',
    where: { file: 'sample', line: 2 },
    hint: 'print the trace field: -F +trace',
  });
});

test('a text that ends before its first event has none', async () => {
  const { header, events } = await imported('# tracer: nop\n');
  expect(header.meta.producer).toBe('vmalock import ftrace');
  expect(events).toEqual([]);
});

test('a text is closed where a line of it ends the import', async () => {
  let closed = 0;
  const text = async function* () {
    try {
      for (const line of ['7 1.000000 brk(NULL) = 0x1000 <0.000003>', '7 1.0000', ...Array(99).fill(AFTER)])
        yield `${line}\n`;
    } finally {
      closed++;
    }
  };
  const batches = importBatches(text(), { file: 'x', from: 'strace' });
  await expect(batches.next()).rejects.toMatchObject({ class: 'schema' });
  expect(closed).toBe(1);
});

test('an importer that nobody knows is refused with the list', async () => {
  const error = imported(AFTER, { from: 'dtrace-of-another-system' });
  await expect(error).rejects.toMatchObject({ class: 'usage', hint: 'one of ftrace perf strace' });
});

test.each([
  ['with its end', `${'x'.repeat(LIMITS.maxLine.standard + 1)}\n`],
  ['without', 'x'.repeat(LIMITS.maxLine.standard + 1)],
])('a line above 1 MiB is refused, %s', async (_what, text) => {
  await expect(imported([`${AFTER}\n`, text])).rejects.toMatchObject({
    class: 'limit',
    message: 'line 2 is longer than 1048576 bytes',
    where: { line: 2 },
    hint: 'raise the limit with --max-line if it is meant',
  });
  const { events } = await imported([`${AFTER}\n`, text.replace('xx', '#')]);
  expect(events).toEqual((await imported(AFTER)).events);
});

test('a character of which another chunk has the rest is one', async () => {
  const text = Buffer.from(` d\u00e9j\u00e0-\u20ac-1 [000] ..... 1.000001: sys_brk -> 0x1000\n`);
  const { events } = await imported(Array.from(text, byte => Buffer.from([byte])));
  expect(events[0]).toMatchObject({ op: 'thread', name: 'd\u00e9j\u00e0-\u20ac' });
});
