/** Signals are heard while a trace comes in without a pause. */
import { Readable } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { Progress } from '../../src/cli/progress.js';
import { replayFile } from '../../src/cli/replay-file.js';
import { LIMITS } from '../../src/trace/limits.js';
import { fault, stream } from '../hostile/case.js';

afterEach(() => vi.restoreAllMocks());

test('the event loop turns between batches', async () => {
  const batches = Array.from({ length: 5 }, (_, i) => Buffer.from(stream(...Array(1024).fill(fault())).slice(i && 39)));
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from(batches) as typeof process.stdin);
  let turns = 0;
  const count = (): void => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const heard: number[] = [];
  const machine = { feed: () => void heard.push(turns), finish: () => ({ warnings: [] }) };
  await replayFile('-', machine, {
    ...{
      sinks: { drain: async () => {} },
      progress: new Progress({ progress: false }),
    },
    ...{ maxLine: LIMITS.maxLine.standard, maxNames: LIMITS.maxNames.standard, maxWindow: LIMITS.maxWindow.standard },
    ...{ maxThreads: 1, maxMms: 1 },
  });
  clearImmediate(next);
  expect(heard).toHaveLength(5);
  for (const [i, before] of heard.slice(0, -1).entries()) expect(heard[i + 1]).toBeGreaterThan(before);
});
