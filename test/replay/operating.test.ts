/** Operations asleep: whatever their ranges, who is in the way is found as in a list of them all. */
import { expect, test } from 'vitest';
import type { Mm } from '../../src/kernel/mm.js';
import { Operating } from '../../src/replay/operating.js';
import { Runner } from '../../src/replay/runner.js';
import { PAGE_END } from '../../src/units.js';
import { OP } from '../../src/vocab.js';

const HOST = { resume: () => {}, describe: () => '' };
const MMS = [0, 1].map(id => ({ id }) as Mm);
let state = 1;
const below = (most: number): number => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 2 ** 32) * most);
};
const pick = <T>(...list: T[]): T => list[below(list.length)];
const range = () => {
  const page = pick(0, below(2_000), 2 ** 18 - below(600), 2 ** 35 - below(2 ** 20), PAGE_END - 2 ** 20);
  return { page, len: pick(0, 1, below(600), below(2 ** 19), 2 ** 20, 2 ** 30) };
};

test('is found by its pages, and by when it was over', () => {
  const [operating, asleep] = [new Operating(), new Set<Runner>()];
  for (let i = 0; i < 3_000; i++) {
    const runner = new Runner(i, HOST);
    const given = { i, mm: pick(...MMS), t: i, dur: pick(-1, 0, 10, 5_000), op: pick<number>(OP.mmap, OP.madvise) };
    Object.assign(runner, given, range(), { blockedOn: pick(null, 'mmap_lock (write)') });
    operating.add(runner);
    asleep.add(runner);
    while (asleep.size > 60) {
      const over = pick(...asleep);
      operating.remove(over);
      asleep.delete(over);
    }
    const [mm, { page, len }] = [pick(...MMS), range()];
    const found = [...asleep].filter(other => {
      const counts = other.dur < 0 ? other.op === OP.mmap && other.blockedOn !== null : other.t + other.dur <= i;
      return counts && other.mm === mm && other.page < page + len && other.page + other.len > page;
    });
    const one = operating.inTheWay(mm.id, page, page + len, i);
    expect(found.length === 0 ? [-1] : found.map(({ i }) => i)).toContain(one);
  }
  for (const runner of asleep) operating.remove(runner);
  expect([operating.size, operating.inTheWay(0, 0, PAGE_END, 1e9)]).toEqual([0, -1]);
});
