/** Recording for real, where that is possible: as root, with perf and tracefs. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lookUp } from '../../src/cli/spawn.js';

const BIN = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));
const REAL_TRACEFS = '/sys/kernel/tracing';
const canRecord =
  process.getuid?.() === 0 && lookUp('perf') === 'found' && existsSync(join(REAL_TRACEFS, 'events/exceptions'));

describe.skipIf(!canRecord)('on this machine, as root and with perf', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalock-recorded-'));
    mkdirSync(join(folder, 'tmp'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, [BIN, ...args], {
      env: { PATH: process.env.PATH, TMPDIR: join(folder, 'tmp') },
      encoding: 'utf8',
    });

  test.each([
    { words: ['true'], faults: 20 },
    { words: [process.execPath, '-e', 'Buffer.alloc(1 << 24, 1)'], faults: 500 },
  ])('$words.0 becomes a trace that is valid and can be replayed', ({ words, faults }) => {
    const trace = join(folder, 'real.ndjson.gz');
    const recorded = run('record', '-q', '-o', trace, '--', ...words);
    expect(recorded).toMatchObject({ status: 0, stdout: '' });
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
    const [header] = gunzipSync(readFileSync(trace)).toString().split('\n');
    expect(JSON.parse(header).meta).toMatchObject({ lost: 0, producer: 'vmalock record perf' });
    expect(run('validate', '--strict', trace)).toMatchObject({ status: 0 });
    const replayed = run('replay', trace, '-m', 'per-vma', '--json');
    expect(JSON.parse(replayed.stdout).models[0].faults.total).toBeGreaterThan(faults);
  });

  const asked = spawnSync(process.execPath, [BIN, 'import', '--from', 'ftrace', '/dev/null'], { encoding: 'utf8' });
  const readsFtrace = !asked.stderr.includes('unknown importer');
  test.skipIf(!readsFtrace)('tracefs alone does too, and its instance is gone', () => {
    const trace = join(folder, 'real.ndjson');
    const recorded = run('record', '-q', '--with', 'tracefs', '-o', trace, '--', 'sh', '-c', 'echo out; exit 3');
    expect(recorded).toMatchObject({ status: 0, stdout: 'out\n', stderr: 'vmalock: sh exited with 3\n' });
    expect(run('validate', '--strict', trace)).toMatchObject({ status: 0 });
    expect(readFileSync(trace, 'utf8').split('"op":"fault"').length).toBeGreaterThan(20);
    expect(readdirSync(join(REAL_TRACEFS, 'instances')).filter(name => name.includes(`-${recorded.pid}`))).toEqual([]);
  });
});
