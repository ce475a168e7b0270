/** Every limit on the command line: passed it is a complaint, or a warning, that names the option; moved it is none. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LIMITS, type LimitName } from '../../src/trace/limits.js';
import { fault, mmap, stream } from '../hostile/case.js';
import { BIN, vmalock } from '../hostile/run.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const RECORDING = at('../cli/traces/recording.ndjson');
const TRUTH = at('../cli/traces/recording.truth.ndjson');
const PERF = at('../samples/import/attach.perf.txt');
const SMAPS = at('../samples/import/attach.smaps');

const folder = mkdtempSync(join(tmpdir(), 'vmalock-limits-'));
const made = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

const TRACE = made(
  'trace.ndjson',
  stream(
    mmap({ name: 'a' }),
    mmap({ addr: '0x7e0000000000', name: 'b'.repeat(99), prot: 'r--' }),
    fault(),
    fault({ tid: 2, mm: 2 }),
    fault({ tid: 3, mm: 3, addr: '0x7f0000001000' }),
    fault({ addr: '0x7f0000001000' }),
  ),
);
/** A frame of zstd with a window of 256 MiB, which only a small part of is used. */
const ZSTD = made(
  'trace.ndjson.zst',
  Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3]),
    Buffer.from([1 | ((readFileSync(TRACE).length << 3) & 0xff), readFileSync(TRACE).length >> 5, 0]),
    readFileSync(TRACE),
  ]),
);
/** A call of one thread is unfinished while another makes a hundred. */
const STRACE = made(
  'strace.txt',
  [
    '7 1.000001 munmap(0x7f0000000000, 4096 <unfinished ...>',
    ...Array.from({ length: 100 }, (_, i) => `8 1.000${i + 100} munmap(0x7f0000004000, 4096) = 0 <0.000001>`),
    '7 1.900000 <... munmap resumed>) = 0 <0.899999>',
    '',
  ].join('\n'),
);

const MAPS = made('maps.txt', `7f0000000000-7f0000001000 rw-p 00000000 00:00 0 /${'n'.repeat(400)}\n`);

/** What is run, with which limit it is too much, and with which it is not. */
const CASES: readonly [name: LimitName, args: string[], few: number, enough: number][] = [
  ['maxLine', ['replay', TRACE], 150, 300],
  ['maxLine', ['validate', TRACE], 150, 300],
  ['maxLine', ['import', PERF], 100, 300],
  ['maxLine', ['import', PERF, '--maps', MAPS], 300, 500],
  ['maxLine', ['verify', RECORDING, '-m', 'v6.4', '--truth', TRUTH, '--min', '0'], 60, 300],
  ['maxNames', ['replay', TRACE], 160, 500],
  ['maxThreads', ['replay', TRACE], 2, 3],
  ['maxMms', ['diff', TRACE, 'v6.4', 'v6.4'], 2, 3],
  ['maxVmas', ['explain', TRACE, '--fault', '3'], 1, 2],
  ['maxPages', ['replay', TRACE], 1, 1024],
  ['maxWindow', ['replay', ZSTD], 2 ** 27, 2 ** 28],
  ['maxWindow', ['convert', ZSTD], 2 ** 27, 2 ** 28],
  ['maxWindow', ['validate', ZSTD], 2 ** 27, 2 ** 28],
  ['maxHeld', ['import', STRACE], 100, 101],
  ['maxMaps', ['import', PERF, '--smaps', SMAPS], 100, 2 ** 20],
  ['maxTruth', ['verify', RECORDING, '-m', 'v6.4', '--truth', TRUTH, '--min', '0'], 4, 5],
];

test.each(CASES)('%s of %j', async (name, args, few, enough) => {
  const { option } = LIMITS[name];
  const passed = await vmalock([...args, option, String(few)]);
  expect(passed.stderr).toContain(option);
  expect(passed.status).toBe(name === 'maxHeld' ? 0 : args[0] === 'validate' ? 1 : 2);
  const moved = await vmalock([...args, option, String(enough)]);
  expect([moved.status, moved.stderr.includes(option)]).toEqual([0, false]);
});

test('every limit is tried', () => {
  expect(new Set(CASES.map(([name]) => name))).toEqual(new Set(Object.keys(LIMITS)));
});

test('a recording has the limit of its import', () => {
  expect(execFileSync(process.execPath, [BIN, 'record', '--help'], { encoding: 'utf8' })).toContain('--max-held');
});
