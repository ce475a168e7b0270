/** Texts in which one thing is many: what a line costs does not grow with what is open, or was before it. */
import { describe, expect, test } from 'vitest';
import { imported, line } from './sample.js';

const at = (page: number): string => (0x7f0000000000 + page * 4096).toString(16);
const times = (n: number, lines: (i: number) => string | string[]): string[] =>
  Array.from({ length: n }, (_, i) => lines(i)).flat();

/** A time of strace, seconds with microseconds. */
const seconds = (us: number): string => `1${(us / 1e6).toFixed(6).slice(1)}`;
const strace = (tid: number, us: number, text: string): string => `${tid} ${seconds(us)} ${text}`;
const fault = (us: number, tid: number, page: number): string =>
  line(us, tid, `exceptions:page_fault_user: address=0x${at(page)} ip=0x400000 error_code=0x6   0`);
const ioctl = (us: number, tid: number): string[] => [
  line(us, tid, 'raw_syscalls:sys_enter: NR 16 (5, c028aa03, 7ffc0000, 0, 0, 0)   0'),
  line(us + 1, tid, 'raw_syscalls:sys_exit: NR 16 = 0   0'),
];

const TEXTS: Readonly<Record<string, (n: number) => string[]>> = {
  'threads that strace shows in an unfinished call': n =>
    times(n, i => strace(100 + i, i, `munmap(0x${at(i)}, 4096 <unfinished ...>`)),
  'forks that strace shows unfinished, before their children': n => [
    ...times(n, i => strace(100, i, 'munlockall() = 0 <0.000001>')).slice(0, 1),
    ...times(n, i => strace(100 + i, i, 'clone(child_stack=0x7f, flags=CLONE_VM <unfinished ...>')),
    ...times(n, i => strace(100_000 + i, n + i, 'munlockall() = 0 <0.000001>')),
  ],
  'lines of strace without a pid, after threads that are gone': n => [
    ...times(n, i => strace(100 + i, i, '+++ exited with 0 +++')),
    ...times(n, i => `${seconds(n + i)} munlockall() = 0 <0.000001>`),
  ],
  'faults beside pages that execve cleared': n => [
    line(0, 10, 'raw_syscalls:sys_enter: NR 59 (1, 2, 3, 0, 0, 0)   0'),
    ...times(n, i =>
      line(
        1 + i,
        10,
        `exceptions:page_fault_kernel: address=0x${at(2 * i)} ip=rep_stos_alternative error_code=0x2   0`,
      ),
    ),
    line(n + 1, 10, 'raw_syscalls:sys_exit: NR 59 = 0   0'),
    ...times(n, i => [
      fault(n + 2 + 2 * i, 10, 2 * i + 1),
      line(n + 3 + 2 * i, 10, `minor-faults:     ${at(2 * i + 1)}`),
    ]),
  ],
  'losses, while many threads fault': n =>
    times(n, i => [fault(2 * i, 10 + i, i), line(2 * i + 1, 9, 'PERF_RECORD_LOST lost 1')]),
  'answers to faults, of many threads that faulted before': n => [
    ...times(n, i => [fault(2 * i, 10 + i, i), line(2 * i + 1, 10 + i, `minor-faults:     ${at(i)}`)]),
    ...times(n, i => ioctl(2 * n + 2 * i, 9)),
  ],
  'answers to faults that all wait, and end one by one': n => [
    ...times(n, i => fault(i, 10 + i, i)),
    ...times(n, i => ioctl(n + 2 * i, 9)),
    ...times(n, i => line(3 * n + i, 10 + i, `minor-faults:     ${at(i)}`)),
  ],
};

/** How often iterations over maps and sets step, and how many elements the arrays have that are searched or copied, or a splice moves. */
async function stepsOf(work: () => Promise<unknown>): Promise<number> {
  let steps = 0;
  const undo: (() => void)[] = [];
  const watch = (owner: object, name: string, cost: (self: unknown, from: unknown) => number): void => {
    const real = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    undo.push(() => Reflect.set(owner, name, real));
    Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
      steps += cost(this, args[0]);
      return Reflect.apply(real, this, args);
    });
  };
  for (const iterator of [new Map().values(), new Set().values()])
    watch(Object.getPrototypeOf(iterator), 'next', () => 1);
  for (const name of ['filter', 'find', 'findLast', 'findLastIndex', 'map', 'some', 'toSpliced']) {
    watch(Array.prototype, name, self => (self as unknown[]).length);
  }
  watch(Array.prototype, 'splice', (self, from) => (self as unknown[]).length - Number(from));
  try {
    await work();
  } finally {
    for (const restore of undo) restore();
  }
  return steps;
}

describe('four times as many cost about four times as much, not sixteen', () => {
  test.each(Object.entries(TEXTS))('%s', async (_, text) => {
    const [few, many] = [text(500), text(2000)].map(lines => `${lines.join('\n')}\n`);
    const steps = await stepsOf(() => imported(few));
    expect(await stepsOf(() => imported(many))).toBeLessThan(8 * steps);
  });
});
