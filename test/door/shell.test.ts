/** Commands as people type them: words that a shell gives back, and where a program is found. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shellCommand } from '../../src/cli/shell.js';
import { lookUp } from '../../src/cli/spawn.js';

test('a word is quoted so that a shell gives it back', () => {
  const words = ['plain', '', 'a b', "it's", '$HOME `x` "y" \\ \n * ~ # !', '-n', 'ü', '='];
  const { stdout } = spawnSync('sh', ['-c', shellCommand([['printf', '%s\\0', ...words]])], { encoding: 'utf8' });
  expect(stdout.split('\0').slice(0, -1)).toEqual(words);
});

test('a long command goes on in the next line', () => {
  const parts = Array.from({ length: 40 }, (_, n) => ['-e', `event${n}`]);
  const shown = shellCommand([['echo'], ...parts]);
  expect(Math.max(...shown.split('\n').map(line => line.length))).toBeLessThanOrEqual(102);
  const { stdout } = spawnSync('sh', ['-c', shown], { encoding: 'utf8' });
  expect(stdout.trim()).toBe(parts.flat().join(' '));
});

test('programs are found as execvp(3) finds them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmalock-shell-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/data'), '');
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${folder}/bin:${before}`;
  try {
    expect(['sh', '/bin/sh', 'bin', 'data', './nowhere/sh', 'no-such-program'].map(lookUp)).toEqual([
      'found',
      'found',
      'missing',
      'refused',
      'missing',
      'missing',
    ]);
  } finally {
    process.env.PATH = before;
    rmSync(folder, { recursive: true });
  }
});
