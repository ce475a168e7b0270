/**
 * The kernels' own counters (CONFIG_PER_VMA_LOCK_STATS, /proc/vmstat) around a recording against the model's. They were read
 * by a shell whose own faults lie outside the recording: the difference is always the same.
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { replay } from '../helpers.js';

/** vma_lock_success, vma_lock_abort, vma_lock_retry: after the run less before it. */
const VMSTAT: readonly [recording: string, success: number, abort: number, retry: number][] = [
  ['6.4.6-cow-fork', 812, 175, 0],
  ['6.4.6-file-shared', 97, 699, 0],
  ['6.4.6-hugetlb', 130, 226, 0],
  ['6.4.6-segv', 217, 336, 0],
  ['6.4.6-stack-growth', 191, 255, 0],
  ['6.4.6-uffd-missing', 100, 320, 0],
  ['6.6.17-cow-fork', 971, 11, 12],
  ['6.6.17-file-shared', 260, 10, 525],
  ['6.6.17-hugetlb', 308, 12, 44],
  ['6.6.17-segv', 369, 178, 12],
  ['6.6.17-stack-growth', 336, 104, 12],
];

/**
 * The shell's faults: a second process of it came in between in some runs. On 6.4 three or four faults of the program that was
 * there before the recording count as successes: what of its memory is a file's nobody says.
 */
const SHELL = {
  '6.4': { success: [63, 64], fell: [49, 50] },
  '6.6': { success: [107, 114, 115], fell: [5] },
} as const;

test.each(VMSTAT)('%s: the same, but for the shell', async (name, success, abort, retry) => {
  const kernel = name.slice(0, 3) as keyof typeof SHELL;
  const trace = fileURLToPath(new URL(`../../traces/recorded/emulated/${name}.ndjson.gz`, import.meta.url));
  const { result } = await replay(trace, `v${kernel}`, { timing: 'recorded', rows: false });
  const { vma_lock_success, vma_lock_abort, vma_lock_retry, vma_lock_miss } = result.models[0].counters;
  expect(SHELL[kernel].success).toContain(success - vma_lock_success);
  expect(SHELL[kernel].fell).toContain(abort + retry - vma_lock_abort - vma_lock_retry);
  expect(vma_lock_miss).toBe(0);
});
