/** Paths that name a descriptor: what the shell opened is used, what Node opened for itself is as good as not open. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isOfRuntime } from '../../src/cli/system.js';
import { BIN, vmalock } from '../hostile/run.js';

const TRACE = fileURLToPath(new URL('../cli/traces/recording.ndjson', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vmalock-descriptors-'));

const descriptors = () =>
  readdirSync('/proc/self/fd').flatMap(number => {
    try {
      return [{ number, opened: readlinkSync(`/proc/self/fd/${number}`) }];
    } catch {
      return [];
    }
  });

describe('is Node’s own', () => {
  test('what it polls with, by both names', () => {
    const polls = descriptors().filter(({ opened }) => opened.startsWith('anon_inode:'));
    expect(polls).not.toEqual([]);
    for (const { number } of polls) {
      expect([isOfRuntime(`/dev/fd/${number}`), isOfRuntime(`/proc/self/fd/${number}`)]).toEqual([true, true]);
    }
  });

  test('a pipe to itself', () => {
    const pipes = descriptors().filter(({ opened }) => opened.startsWith('pipe:'));
    const both = pipes.filter(({ opened }) => pipes.filter(other => other.opened === opened).length === 2);
    expect(both.some(({ number }) => isOfRuntime(`/dev/fd/${number}`))).toBe(true);
  });

  test('nothing that is a file, not open, or no descriptor', () => {
    const file = openSync(TRACE, 'r');
    for (const path of [`/dev/fd/${file}`, '/dev/fd/9999', '/dev/fd/', '/dev/null', TRACE]) {
      expect(isOfRuntime(path)).toBe(false);
    }
    closeSync(file);
  });
});

const inShell = (script: string): string =>
  execFileSync('bash', ['-c', script, process.execPath, BIN, TRACE], { encoding: 'utf8', cwd: folder });

test.each([
  ['a file to write', `"$0" "$1" replay "$2" -q -o /dev/null --events /dev/fd/7 7>out; wc -l < out`],
  ['a pipe to write', `"$0" "$1" replay "$2" -q -o /dev/null --events /dev/fd/7 7> >(cat) | wc -l`],
  ['stdout once more', `"$0" "$1" replay "$2" -q -o /dev/null --events /dev/fd/7 7>&1 | wc -l`],
  ['a file to read', `"$0" "$1" replay /dev/fd/7 -q -o /dev/null --events - 7<"$2" | wc -l`],
  ['a pipe to read', `"$0" "$1" replay <(cat "$2") -q -o /dev/null --events - | wc -l`],
])('what the shell opened is used: %s', (_, script) => {
  expect(Number(inShell(script))).toBeGreaterThan(1);
});

describe('what it did not open', () => {
  const numbers = [3, 4, 7, 11, 14];

  test.each([
    ['written', (path: string) => ['replay', TRACE, '-q', '--events', path]],
    ['read', (path: string) => ['replay', path]],
    ['read beside', (path: string) => ['replay', TRACE, '--costs', path]],
  ])('is not %s', async (_, args) => {
    const ended = await Promise.all(numbers.map(number => vmalock(args(`/dev/fd/${number}`))));
    for (const { status, stdout, stderr } of ended) {
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^vmalock: .+\n$/);
    }
    expect(ended.some(({ stderr }) => stderr.includes('not open (EBADF)'))).toBe(true);
  });
});

test('too few of them for all that is to be loaded are a complaint, wherever they run out', () => {
  const under = (limit: number, args: readonly string[]) =>
    spawnSync('bash', ['-c', 'ulimit -n "$1"; shift; exec "$@"', 'bash', `${limit}`, process.execPath, ...args]);
  // Node needs some of its own before it can read one file
  let least = 12;
  while (under(least, ['-e', `require('fs').readFileSync(${JSON.stringify(BIN)})`]).status !== 0) least++;
  const statuses = new Set<number | null>();
  for (let limit = least + 1; limit < least + 16; limit++) {
    const { status, stderr } = under(limit, [BIN, 'replay', TRACE, '-q']);
    statuses.add(status);
    if (status !== 0)
      expect([limit, status, `${stderr}`]).toEqual([limit, 2, expect.stringMatching(/^vmalock: .+\n$/)]);
  }
  expect(statuses).toContain(2);
});
