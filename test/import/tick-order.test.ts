/** A clock of timer interrupts: of one tick, tracefs prints all of the first processor, then all of the next. */
import { expect, test } from 'vitest';
import { MAX_TICK, TickOrder } from '../../src/trace/import/tick-order.js';
import { imported, RECORD } from './sample.js';

const at = (ms: number, tid: number, cpu: number, text: string): string =>
  `            prog-${tid}     [00${cpu}] .....     1.${String(ms).padStart(3, '0')}000: ${text}`;
const lock = (ms: number, tid: number, cpu: number, what: string): string =>
  at(ms, tid, cpu, `mmap_lock_${what.replace(' ', ': mm=00000000bbe4e955 memcg_path=/ ')}`);
const START = 'start_locking write=true';
const GOT = 'acquire_returned write=true success=true';
const END = 'released write=true';

const order = async (lines: string[]): Promise<string[]> =>
  (await imported(lines.join('\n'))).events.map(({ op, tid, mm = 1 }) => `${op} by ${tid} in ${mm}`);

/** Thread 7 of processor 0 faults in the tick in which thread 5 of processor 1 forks it. */
const forked = (clock: (ms: number) => number): string[] => [
  at(clock(0), 5, 1, 'sys_brk(brk: 0)'),
  lock(clock(0), 5, 1, START),
  lock(clock(0), 5, 1, GOT),
  lock(clock(0), 5, 1, END),
  at(clock(0), 5, 1, 'sys_brk -> 0x5000000'),
  at(clock(4), 7, 0, 'page_fault_user: address=0x5000000 ip=0x401000 error_code=0x6'),
  at(clock(4), 7, 0, 'sys_brk(brk: 0)'),
  at(clock(4), 5, 1, 'sys_clone3(uargs: 7fffffffe990, size: 58)'),
  at(clock(4), 5, 1, 'sched_process_fork: comm=prog pid=5 child_comm=prog child_pid=7'),
  at(clock(4), 5, 1, 'sys_clone3 -> 0x7'),
];

test('a thread does nothing before it is forked', async () => {
  const events = await order(forked(ms => ms));
  expect(events).toContain('fault by 7 in 1');
  expect(events.indexOf('fork by 5 in 1')).toBeLessThan(events.indexOf('fault by 7 in 1'));
});

test('a clock that counts less than that has its own order, right or wrong', async () => {
  const fine = ['1.004001', '1.004005'].map(t => at(4, 5, 1, 'sys_brk(brk: 0)').replace('1.004000', t));
  expect(await order([...fine, ...forked(ms => ms + 5)])).toContain('fault by 7 in 2');
});

test('a clock that goes on by a microsecond within a tick is one that counts ticks', async () => {
  const adjusted = forked(ms => ms).map(text => text.replace('1.004000: sys_clone', '1.004001: sys_clone'));
  expect(await order(adjusted.map(text => text.replace('1.004000: sched', '1.004001: sched')))).toContain(
    'fault by 7 in 1',
  );
});

test('nobody has mmap_lock while another writes, and a thread is on one processor at a time', async () => {
  const call = (tid: number, cpu: number, addr: string): string[] => [
    at(4, tid, cpu, `sys_munmap(addr: ${addr}, len: 1000)`),
    lock(4, tid, cpu, START),
    lock(4, tid, cpu, GOT),
  ];
  const end = (tid: number, cpu: number): string[] => [lock(4, tid, cpu, END), at(4, tid, cpu, 'sys_munmap -> 0x0')];
  // 5 takes it on processor 1 and goes on on processor 0; 6 takes it in between as the text has it
  const { events } = await imported(
    [
      at(0, 5, 1, 'sys_getpid -> 0x5'),
      ...end(5, 0),
      ...call(6, 0, '7000000'),
      ...end(6, 0),
      ...call(5, 1, '6000000'),
    ].join('\n'),
  );
  const calls = events.filter(({ op }) => op === 'munmap');
  const sections = calls.map(({ tid, locks }) => [tid, (locks as unknown[]).length]);
  expect(sections).toEqual([
    [5, 1],
    [6, 1],
  ]);
});

test('a clock that stands still holds no more back than MAX_TICK records', () => {
  const order = new TickOrder();
  let handed = 0;
  for (let i = 0; i < MAX_TICK; i++) handed += order.push(RECORD).length;
  expect(handed).toBe(0);
  expect(order.push(RECORD)).toHaveLength(MAX_TICK);
  expect(order.end()).toHaveLength(1);
});

/** munmap of one page by `tid` on processor `cpu`, in the tick `ms`, from its entry to the lock. */
const takes = (ms: number, tid: number, cpu: number, mode = 'write'): string[] => [
  at(ms, tid, cpu, `sys_munmap(addr: ${tid}000000, len: 1000)`),
  lock(ms, tid, cpu, START.replace('write=', `${mode}=`).replace('read=true', 'write=false')),
  lock(ms, tid, cpu, GOT.replace('write=true', `write=${mode === 'write'}`)),
];
const gives = (ms: number, tid: number, cpu: number, mode = 'write'): string[] => [
  lock(ms, tid, cpu, END.replace('write=true', `write=${mode === 'write'}`)),
  at(ms, tid, cpu, 'sys_munmap -> 0x0'),
];
/** The sections that the calls took, by when they got the lock. */
async function sections(lines: string[]) {
  const { events } = await imported(lines.join('\n'));
  return events
    .flatMap(({ tid, locks = [] }) =>
      (locks as { got: number; end: number }[]).map(({ got, end }) => ({ tid, got, end })),
    )
    .toSorted((a, b) => a.got - b.got);
}

test.each([
  ['a writer keeps out a writer', 'write', 'write'],
  ['a writer keeps out a reader', 'write', 'read'],
  ['a reader keeps out a writer', 'read', 'write'],
])('%s until it releases, in the same tick on a later processor', async (_what, held, wanted) => {
  const text = [...takes(0, 6, 1, held), ...takes(4, 5, 0, wanted), ...gives(4, 5, 0, wanted), ...gives(4, 6, 1, held)];
  const [first, second] = await sections(text);
  expect([first.tid, second.tid]).toEqual([6, 5]);
  expect(second.got).toBeGreaterThan(first.end);
});

test('who takes the lock twice in a tick keeps others out until the second release', async () => {
  const text = [
    ...[5, 6, 8].map((tid, cpu) => at(0, tid, cpu, 'sys_brk(brk: 0)')),
    ...[...takes(4, 5, 0), ...gives(4, 5, 0), ...takes(4, 5, 0)],
    // nothing more of processor 0 before processor 2 has forked its thread
    at(4, 7, 0, 'page_fault_user: address=0x5000000 ip=0x401000 error_code=0x6'),
    ...gives(4, 5, 0),
    ...[...takes(4, 6, 1), ...gives(4, 6, 1)],
    at(4, 8, 2, 'sched_process_fork: comm=prog pid=8 child_comm=prog child_pid=7'),
  ];
  const [, second, third] = await sections(text);
  expect([second.tid, third.tid]).toEqual([5, 6]);
  expect(third.got).toBeGreaterThan(second.end);
});

test('a writer who downgrades is not kept out by himself', async () => {
  const downgrades = lock(4, 6, 1, 'acquire_returned write=false success=true');
  const text = [...takes(4, 5, 0), ...gives(4, 5, 0), ...takes(0, 6, 1), downgrades, ...gives(4, 6, 1, 'read')];
  const got = await sections([...text.slice(5, 8), ...text.slice(0, 5), ...text.slice(8)]);
  expect(got.map(({ tid }) => tid)).toEqual([6, 6, 5]);
});

test('two readers hold the lock beside each other, in the order of the text', async () => {
  const text = [
    ...takes(0, 6, 1, 'read'),
    ...takes(4, 5, 0, 'read'),
    ...gives(4, 5, 0, 'read'),
    ...gives(4, 6, 1, 'read'),
  ];
  const [first, second] = await sections(text);
  expect([first.tid, second.tid]).toEqual([6, 5]);
  expect(second.end).toBeLessThan(first.end);
});

test('a thread that exited may come again anywhere; where causes contradict each other, the order is the text’s', async () => {
  const exits = at(4, 7, 1, 'sched_process_exit: comm=prog pid=7 prio=120 group_dead=false');
  const again = [
    at(0, 7, 1, 'sys_getpid -> 0x7'),
    at(4, 5, 0, 'sys_getpid -> 0x5'),
    exits,
    at(8, 7, 0, 'sys_brk(brk: 0)'),
    at(8, 5, 1, 'sys_brk(brk: 0)'),
  ];
  expect((await order(again)).filter(event => event.startsWith('exit'))).toEqual(['exit by 7 in 1']);
  // each thread is to run first where the other one ran before
  const crossed = [
    at(0, 5, 0, 'sys_getpid -> 0x5'),
    at(0, 6, 1, 'sys_getpid -> 0x6'),
    at(4, 6, 0, 'sys_munmap(addr: 6000000, len: 1000)'),
    at(4, 5, 0, 'sys_munmap(addr: 5000000, len: 1000)'),
    at(4, 5, 1, 'sys_munmap -> 0x0'),
    at(4, 6, 1, 'sys_munmap -> 0x0'),
  ];
  expect((await order(crossed)).filter(event => event.startsWith('munmap'))).toHaveLength(2);
});

test('a fork that is cut off in a tick of two processors is told, like any other line', async () => {
  const cut = [
    at(0, 5, 1, 'sys_getpid -> 0x5'),
    at(4, 7, 0, 'sys_getpid -> 0x7'),
    at(4, 5, 1, 'sched_process_fork: comm=prog pid=5 chi'),
  ];
  await expect(imported(cut.join('\n'))).rejects.toMatchObject({ class: 'schema', where: { line: 3 } });
});
