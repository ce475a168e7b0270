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
