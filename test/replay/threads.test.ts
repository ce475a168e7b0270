/** Threads that have nothing in hand for long give up their memory and nothing else. */
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { COSTS } from '../../src/kernel/costs.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { resolveModels } from '../../src/lineage/resolve.js';
import { Collector } from '../../src/replay/collect.js';
import { FAULTING, type Runner } from '../../src/replay/runner.js';
import { AWAKE, Threads } from '../../src/replay/threads.js';
import { type Event, fault, range, replay, vma } from '../helpers.js';

const [stage] = resolveModels('per-vma');
const EPOCH = 7;

/** As many threads as may be awake, the last that acted in `EPOCH`; then one more. */
function crowd(prepare: (threads: Threads, kernel: Kernel) => void) {
  const engine = new Engine();
  const kernel = new Kernel(stage, engine, COSTS, new Collector(stage, null), false);
  const resumed: number[] = [];
  const threads = new Threads({ resume: ({ id }) => resumed.push(id), describe: () => '' }, kernel, engine);
  for (let id = 0; id < AWAKE; id++) threads.wake(id, EPOCH);
  prepare(threads, kernel);
  threads.wake(AWAKE, EPOCH);
  return { threads, kernel, engine, resumed };
}

test('a thread that rests goes on as it was', () => {
  const { threads, kernel, engine, resumed } = crowd((threads, kernel) => {
    kernel.uses(threads.at(5)!, kernel.mm(0));
    Object.assign(threads.at(5)!, { shift: 0.5, lastEnd: 1.5, i: 42, page: 2 ** 40 } satisfies Partial<Runner>);
  });
  expect(threads.awake.length).toBe(1);
  expect(threads.at(5)).toBeUndefined();
  expect(kernel.tasks[5]).toMatchObject({ id: 5, i: 42, page: 2 ** 40 });
  expect(threads.wake(5, EPOCH)).toMatchObject({ id: 5, shift: 0.5, lastEnd: 1.5, i: 42, uses: kernel.mm(0) });
  engine.wake(5, 10);
  engine.step();
  expect(resumed).toEqual([5]);
  // Whose memory it is now does not matter to who had it before.
  expect(kernel.tasks[6]).toMatchObject({ id: 6, i: -1, uses: null });
});

test('what a thread used to use is kept for those that rest while it is there', () => {
  const { kernel } = crowd((threads, kernel) => {
    for (const id of [1, 2, 3]) threads.at(id)!.mm = kernel.mm(id);
    for (const id of [2, 3]) kernel.dropMm(id);
  });
  expect(kernel.tasks[1].mm).toBe(kernel.mm(1));
  expect(kernel.tasks[3].mm).toBe(kernel.tasks[2].mm);
});

test('who has something in hand, or acted lately, does not rest', () => {
  const { threads } = crowd(threads => {
    threads.at(1)!.state = FAULTING;
    threads.at(2)!.epoch = EPOCH + 1;
    threads.at(3)!.unborn = true;
  });
  expect(threads.awake.map(({ id }) => id)).toEqual([1, 2, 3, AWAKE]);
});

test('a thread that rests cannot be woken by a timer', () => {
  const { engine } = crowd(() => {});
  engine.wake(0, 1);
  expect(() => engine.step()).toThrow('a resting thread was woken');
});

test('a thread that comes back after many others is as late as it was', async () => {
  const busy = range('mprotect', 0, 1, { t: 0, tid: 1, dur: 50_000, prot: 'r--' });
  const read = (t: number, tid: number): Event => fault(4, { t, tid, access: 'read' });
  const others = Array.from({ length: 2 * AWAKE }, (_, i) => read(1_000_000 + 2_000 * i, 10 + i));
  const last = read(200_000_000, 2);
  const { result, rows } = await replay([vma(0, 8, { t: 0 }), busy, read(10, 2), ...others, last], 'mmap_lock');
  expect(result.trace.threads).toBe(2 * AWAKE + 2);
  const [first, late] = rows.filter(({ tid }) => tid === 2);
  expect(first.wait_ns).toBeGreaterThan(49_000);
  expect(late.start - late.t).toBe(first.wait_ns);
});
