/** A trace that is gone through twice: what comes from a pipe is put by in a temporary file, and told as from a file. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fault, mmap, munmap, stream } from '../hostile/case.js';
import { vmalock } from '../hostile/run.js';

const folder = mkdtempSync(join(tmpdir(), 'vmalock-twice-'));
const aside = join(folder, 'aside');
mkdirSync(aside);

/** Of several batches; its fault 4,000 waits for a munmap. */
const TRACE = stream(
  mmap({ t: 0, len: '0x2000000' }),
  ...Array.from({ length: 4000 }, (_, i) =>
    fault({ t: 1000 * i, tid: 1 + (i % 3), addr: `0x${(0x7f0000000000 + i * 4096).toString(16)}` }),
  ),
  munmap({ t: 5_000_000, tid: 2, addr: '0x7f0001000000', len: '0x1000', dur: 90_000 }),
  fault({ t: 5_000_100, tid: 1, addr: '0x7f0001000000' }),
  ...Array.from({ length: 3000 }, (_, i) => fault({ t: 6_000_000 + i, tid: 1, addr: '0x7f0000000000' })),
);
const path = join(folder, 'trace.ndjson');
writeFileSync(path, TRACE);

test.each([
  ['the fault that waited longest', ['--worst', '1']],
  ['the fault at a time of the second batch', ['--at', '1500us']],
  ['the fault at a time of the last', ['--at', '6001us']],
])('%s is the same', async (_, which) => {
  const env = { TMPDIR: aside };
  const file = await vmalock(['explain', path, ...which, '--json'], { env });
  const pipe = await vmalock(['explain', '-', ...which, '--json'], { input: TRACE, env });
  expect([file.status, pipe.status, pipe.stderr]).toEqual([0, 0, file.stderr]);
  const [a, b] = [JSON.parse(file.stdout), JSON.parse(pipe.stdout)];
  expect({ ...b, trace: { ...b.trace, file: path } }).toEqual(a);
  expect(readdirSync(aside)).toEqual([]);
});

test.each([
  ['explain', ['--worst', '1']],
  ['explain', ['--at', '1500us']],
  ['verify', ['-m', 'v6.18']],
])('%s %j: another file in its place by the second time is not taken for it', async (command, which) => {
  const [there, other] = [join(folder, 'there.ndjson'), join(folder, 'other.ndjson')];
  writeFileSync(there, TRACE);
  writeFileSync(other, TRACE.slice(0, TRACE.indexOf('\n', 1_000) + 1));
  const { status, stdout, stderr } = await vmalock([command, there, ...which], {
    node: ['--import', `data:text/javascript,${encodeURIComponent(atSecondOpen(there, other))}`],
  });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toBe(`vmalock: ${there}: io: the file changed while it was read (read a copy of it)\n`);
});

/** A module after which `other` is renamed to `path` before that is opened a second time. */
const atSecondOpen = (path: string, other: string): string => `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { open } = fs.promises;
let times = 0;
fs.promises.open = async (path, ...rest) => {
  if (path === ${JSON.stringify(path)} && ++times === 2) fs.renameSync(${JSON.stringify(other)}, path);
  return open(path, ...rest);
};
syncBuiltinESMExports();
`;

test('where nothing can be put by, that is said; a fault that is named needs it not', async () => {
  const env = { TMPDIR: join(folder, 'missing') };
  const { status, stdout, stderr } = await vmalock(['explain', '-', '--worst', '1'], { input: TRACE, env });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^vmalock: io: write .*missing: no such file or directory \(ENOENT\) \(set TMPDIR .*\)\n$/);
  expect((await vmalock(['explain', '-', '--fault', '4002'], { input: TRACE, env })).status).toBe(0);
});
