/** A debugger that touches what lies below a stack of its tracee makes it grow (__access_remote_vm()). */
import { expect, test } from 'vitest';
import { imported } from './sample.js';

const [TRACEE, TRACER] = [10, 20];
const KEY = { [TRACEE]: 'mm=0xffff888105798c80', [TRACER]: 'mm=0xffff888105798d00' };
const line = (us: number, tid: number, text: string) =>
  `   ${tid}/${tid}  [000]     1.${String(us).padStart(6, '0')}000: ${text}`;
const lock = (us: number, tid: number, event: string, of: number, rest: string) =>
  line(us, tid, `mmap_lock:mmap_lock_${event}: ${KEY[of]} memcg_id=1 ${rest}   0`);
const section = (us: number, tid: number, write: boolean, of = tid) => [
  lock(us, tid, 'start_locking', of, `write=${write}`),
  lock(us + 1, tid, 'acquire_returned', of, `write=${write} success=true`),
];
const call = (us: number, tid: number, nr: string, inside: string[], result: string) => [
  line(us, tid, `raw_syscalls:sys_enter: NR ${nr}   0`),
  ...inside,
  line(us + 9, tid, `raw_syscalls:sys_exit: NR ${nr.split(' ')[0]} = ${result}   0`),
];
const released = (us: number, tid: number, write: boolean, of = tid) => lock(us, tid, 'released', of, `write=${write}`);
/** mmap(2) of a page at 0x300000000000 with these flags. */
const mapped = (flags: string) =>
  call(
    10,
    TRACEE,
    `9 (0, 1000, 3, ${flags}, ffffffff, 0)`,
    [...section(11, TRACEE, true), released(13, TRACEE, true)],
    String(0x300000000000),
  );
const GROWSDOWN = '132';
/** What the tracer holds when it has to make a stack grow. */
const grows = (us: number) => [
  ...section(us, TRACER, true, TRACEE),
  lock(us + 3, TRACER, 'acquire_returned', TRACEE, 'write=false success=true'),
  released(us + 4, TRACER, false, TRACEE),
];
const reads = (us: number) => [...section(us, TRACER, false, TRACEE), released(us + 3, TRACER, false, TRACEE)];
const traced = async (request: string, holds = grows, flags = GROWSDOWN) => {
  const own = call(
    0,
    TRACER,
    '12 (0, 0, 0, 0, 0, 0)',
    [...section(1, TRACER, true), released(3, TRACER, true)],
    '4096',
  );
  const { events } = await imported(
    [...own, ...mapped(flags), ...call(30, TRACER, request, holds(31), '0')].join('\n'),
  );
  return events.slice(2).map(({ op, tid, mm, addr, len, flags, name }) => ({ op, tid, mm, addr, len, flags, name }));
};
const POKE = '101 (5, a, 2fffffffe008, 1, 0, 0)';
const grown = [
  {
    ...{ op: 'mmap', tid: TRACER, mm: 2, addr: '0x2fffffffe000', len: '0x2000' },
    flags: ['private', 'anonymous', 'fixed', 'growsdown'],
  },
];
const other = (name: string) => [{ op: 'other', tid: TRACER, mm: 2, name }];

test('the stack is mapped as far down as it was touched', async () => {
  for (const request of ['1', '2', '4', '5']) expect(await traced(POKE.replace('(5', `(${request}`))).toEqual(grown);
});

test('nothing grows for another request or call, where the lock was only read, or there is no stack above', async () => {
  expect(await traced(POKE.replace('(5', '(7'))).toEqual(other('ptrace'));
  expect(await traced(POKE.replace('101', '311'))).toEqual(other('process_vm_writev'));
  expect(await traced(POKE, reads)).toEqual(other('ptrace'));
  expect(await traced(POKE, grows, '32')).toEqual(other('ptrace'));
  expect(await traced(POKE.replace('2fffffffe008', '300000000008'))).toEqual(other('ptrace'));
  expect(await traced(POKE.replace('2fffffffe008', '300000001008'))).toEqual(other('ptrace'));
});

test('/proc/PID/mem makes it grow as well: an MMAP2 line shows the VMA, whose other flags none shows', async () => {
  const shown = (us: number, start: string, len: string, prot = 'rw-p') =>
    line(us, TRACEE, `PERF_RECORD_MMAP2 10/10: [0x${start}(0x${len}) @ 0x${start} 00:00 0 0]: ${prot} //anon`);
  const holds = (us: number, ...inside: string[]) => [
    ...section(us, TRACEE, true),
    ...inside,
    lock(us + 3, TRACEE, 'acquire_returned', TRACEE, 'write=false success=true'),
    released(us + 4, TRACEE, false),
  ];
  const mapping = (flags: string) =>
    call(
      10,
      TRACEE,
      `9 (0, 3000, 3, ${flags}, ffffffff, 0)`,
      holds(11, shown(13, '300000000000', '3000')),
      '52776558133248',
    );
  const protect = call(
    20,
    TRACEE,
    '10 (300000000000, 1000, 1, 0, 0, 0)',
    holds(21, shown(23, '300000000000', '1000', 'r--p')),
    '0',
  );
  const read = (start: string, len: string) =>
    call(30, TRACEE, '17 (3, 7ffc0000, 8, 2fffffffe008, 0, 0)', holds(31, shown(33, start, len, 'r--p')), '8');
  const last = async (...rows: string[]) => {
    const { events } = await imported(rows.join('\n'));
    const { op, addr, len, prot, flags } = events.at(-1) ?? {};
    return { op, addr, len, prot, flags };
  };
  const growth = { ...{ op: 'mmap', addr: '0x2fffffffe000', len: '0x2000', prot: 'r--' }, flags: grown[0].flags };
  const down = read('2fffffffe000', '3000');
  expect(await last(...mapping(GROWSDOWN), ...protect, ...down)).toEqual(growth);
  // what grows otherwise is another mapping
  const other = { ...growth, len: '0x3000', flags: ['private', 'anonymous'] };
  expect(await last(...mapping('32'), ...protect, ...down)).toEqual(other);
  const both = read('2fffffffe000', '5000');
  expect(await last(...mapping(GROWSDOWN), ...protect, ...both)).toEqual({ ...other, len: '0x5000' });
});
