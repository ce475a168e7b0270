/** Whether a trace holds an inference, by its bytes: never a false no. */
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { mayInfer } from '../../src/trace/infers.js';
import { fault, traceFile, verify, vma } from '../helpers.js';

const PLAIN = [vma(0, 4, { t: 0 }), fault(0, { t: 1_000, truth: { path: 'vma_lock' } })];

test.each([
  ['nothing of the kind', PLAIN, false],
  ['an inference', [...PLAIN, vma(8, 1, { t: 2_000, 'x-inferred': 'by guess' })], true],
  [
    'one that is far inside',
    [...Array.from({ length: 9_000 }, (_, t) => vma(8, 1, { t })), { ...vma(8, 1), t: 9_000, 'x-inferred': 1 }],
    true,
  ],
])('%s', async (_, events, expected) => {
  const path = traceFile(events);
  expect(await mayInfer(path)).toBe(expected);
});

test('wherever the key is cut by a chunk, and compressed', async () => {
  for (const before of [131_060, 131_066, 131_071]) {
    const path = traceFile([]);
    writeFileSync(path, `${' '.repeat(before)}"x-inferred"`);
    expect(await mayInfer(path)).toBe(true);
    writeFileSync(path, gzipSync(`${' '.repeat(before)}"x-inferred"`));
    expect(await mayInfer(path)).toBe(true);
  }
});

test('what cannot be told may: a key that is escaped, a damaged file, stdin, a file that is not there', async () => {
  const path = traceFile([]);
  writeFileSync(path, String.raw`{"x-\u0069nferred":1}`);
  expect(await mayInfer(path)).toBe(true);
  writeFileSync(path, gzipSync('{}'.repeat(1_000)).subarray(0, 20));
  expect(await mayInfer(path)).toBe(true);
  expect(await mayInfer('-')).toBe(true);
  expect(await mayInfer('/nowhere/t.json')).toBe(true);
});

test('nothing is looked for behind a line that is too long to be read', async () => {
  const path = traceFile([]);
  const long = ' '.repeat(200_000);
  for (const [text, maxLine, expected] of [
    [`${long}{}\n`, 100_000, true],
    [`${long}\n${long}\n`, 250_000, false],
  ] as const) {
    writeFileSync(path, text);
    expect(await mayInfer(path, { maxLine })).toBe(expected);
  }
});

test('who is told that there is none and meets one stops', async () => {
  const events = [...PLAIN, vma(8, 1, { t: 2_000, 'x-inferred': 'by guess' })];
  await expect(verify(events, 'v6.18', { inferences: false })).rejects.toThrow(/an inference in a trace without any/);
  expect((await verify(PLAIN, 'v6.18', { inferences: false })).result).toEqual({
    ...(await verify(PLAIN, 'v6.18')).result,
    trace: expect.anything(),
  });
});
