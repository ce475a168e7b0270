/**
 * The system refuses: every open, read, write, fsync, rename, close and spawn of a run fails, one at a time. Whatever it is, the
 * exit status tells, a complaint names it, and a file is there whole or not at all.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { writeFakePerf } from '../door/fake-perf.js';
import { BIN, inPairs } from './run.js';

const BROKEN = fileURLToPath(new URL('failing-system.mjs', import.meta.url));
const LONG = fileURLToPath(new URL('../../traces/recorded/6.18-contend-flags.ndjson.gz', import.meta.url));
const TRACE = fileURLToPath(new URL('../cli/traces/recording.ndjson', import.meta.url));
const TRACEFS = fileURLToPath(new URL('../samples/tracefs-6.1', import.meta.url));
const PERF = fileURLToPath(new URL('../samples/import/start.perf.txt', import.meta.url));

/** What fails with which errors, and how the run may then end. */
const FAILURES: Readonly<Record<string, readonly string[]>> = {
  open: ['EMFILE'],
  read: ['EIO'],
  write: ['ENOSPC', 'EPIPE', 'short'],
  fsync: ['EIO'],
  rename: ['EACCES'],
  close: ['EIO'],
  stat: ['EIO'],
  mkdtemp: ['ENOSPC'],
  spawn: ['ENOENT'],
  load: ['EIO'],
  rm: ['EBUSY'],
};
/** What a run can do without: the system was asked a question, or to clean up; the version is left out. */
const DISPENSABLE = ['stat', 'close', 'rm', 'load'];

/** `$trace`, `$long` and `$perf` are inputs; the results are the files of the folder it runs in, `stdout` among them. */
const RUNS: readonly [name: string, command: string][] = [
  ['replay to a file', 'vmalock replay $trace --json -o out.json'],
  ['replay to many files', 'vmalock replay $trace --html page.html --perfetto p.json --folded f.txt --events e.ndjson'],
  ['replay to a file that is stdout', 'vmalock replay $trace > stdout'],
  ['rows to a pipe', 'vmalock replay $long --events - | cat > stdout; exit $PIPESTATUS'],
  ['convert, compressed', 'vmalock convert $trace -o out.ndjson.gz'],
  ['convert, from a file that is stdin', 'vmalock convert - -o out.json --to document < $trace'],
  ['explain by way of a spool', 'vmalock explain - --at 0 --json -o out.json < $trace'],
  ['import by way of a spool', 'vmalock import $perf -q -o out.ndjson'],
  ['record', 'vmalock record -q --tracefs $tracefs -o out.ndjson -- true'],
  ['validate', 'vmalock validate $trace > stdout'],
  ['a schema', 'vmalock schema trace -o out.json'],
];

interface Outcome {
  status: number | null;
  stderr: string;
  /** what is in the folder */
  files: Map<string, string>;
  /** temporary files left there, or where those belong */
  left: string[];
}

const folder = mkdtempSync(join(tmpdir(), 'vmalock-system-'));
writeFakePerf(folder);
let runs = 0;

async function run(command: string, env: Record<string, string>): Promise<Outcome> {
  const place = join(folder, `${runs++}`);
  const temporary = join(folder, `${runs}-tmp`);
  mkdirSync(place);
  mkdirSync(temporary);
  const script = `vmalock() { "${process.execPath}" --import "${BROKEN}" "${BIN}" "$@"; }\n${command}`;
  const child = spawn('bash', ['-c', script], {
    cwd: place,
    env: {
      PATH: `${folder}/bin:${process.env.PATH}`,
      HOME: '/',
      LC_ALL: 'C',
      TMPDIR: temporary,
      ...{ trace: TRACE, long: LONG, perf: PERF, tracefs: TRACEFS },
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  const status = await new Promise<number | null>(done => child.once('close', done));
  const names = readdirSync(place);
  const left = [...names.filter(name => name.endsWith('.tmp')), ...readdirSync(temporary)];
  const files = new Map(
    names.filter(name => name !== 'count').map(name => [name, readFileSync(join(place, name), 'latin1')]),
  );
  const counts = join(place, 'count');
  if (existsSync(counts)) files.set('count', readFileSync(counts, 'utf8'));
  rmSync(place, { recursive: true });
  rmSync(temporary, { recursive: true });
  return { status, stderr, files, left };
}

/** What is wrong with how a run ended of which one call failed, given how it ends when all is well; null if nothing. */
function wrong(outcome: Outcome, good: Outcome, kind: string, code: string): string | null {
  const { status, stderr, files, left } = outcome;
  if (kind !== 'rm' && left.length > 0) return `left ${left.join(' ')}`;
  const whole = (name: string) => files.get(name) === good.files.get(name);
  const names = [...good.files.keys()].filter(name => name !== 'count');
  if (status === 0) {
    if (!names.every(whole)) return 'exit 0 and an incomplete output';
    if (stderr !== good.stderr) return 'exit 0 and a complaint';
    return DISPENSABLE.includes(kind) || code === 'short' ? null : 'exit 0, and nothing was told';
  }
  if (code === 'EPIPE') return status === 141 && stderr === '' ? null : `exit ${status}: ${stderr}`;
  if (status !== 2) return `exit ${status}: ${stderr}`;
  const lines = stderr.replace(good.stderr, '').trimEnd().split('\n');
  if (lines.length !== 1 || !/^vmalock: (.+: )?io: .+/.test(lines[0])) return `says ${stderr}`;
  if (!lines[0].includes(code)) return `does not name ${code}: ${stderr}`;
  // stdout is written as it comes; any other file is a result.
  const torn = [...files.keys()].filter(name => name !== 'stdout' && name !== 'count' && !whole(name));
  return torn.length === 0 ? null : `half written: ${torn.join(' ')}`;
}

describe('a call that fails', () => {
  test.each(RUNS)('%s', { timeout: 600_000 }, async (_, command) => {
    const counting = await run(command, { COUNT: 'count' });
    const good = await run(command, {});
    expect([good.status, good.left]).toEqual([0, []]);
    const counts = JSON.parse(counting.files.get('count') ?? '') as Record<string, number>;
    const tries = Object.entries(FAILURES).flatMap(([kind, codes]) =>
      codes.flatMap(code => Array.from({ length: counts[kind] ?? 0 }, (_, i) => ({ kind, n: i + 1, code }))),
    );
    expect(tries.length).toBeGreaterThan(3);
    const found: string[] = [];
    await inPairs(tries, async ({ kind, n, code }) => {
      const outcome = await run(command, { FAIL: `${kind}:${n}:${code}` });
      const what = wrong(outcome, good, kind, code);
      if (what !== null) found.push(`${kind} ${n} of ${counts[kind]}, ${code}: ${what}`);
    });
    expect(found.sort()).toEqual([]);
  });
});

test('a wrong ending would be noticed', () => {
  const good: Outcome = { status: 0, stderr: '', files: new Map([['out.json', 'all of it']]), left: [] };
  const told: Outcome = {
    status: 2,
    stderr: 'vmalock: io: write out.json: no space left (ENOSPC)\n',
    files: new Map(),
    left: [],
  };
  expect(wrong(told, good, 'write', 'ENOSPC')).toBeNull();
  expect(wrong({ ...told, status: 141, stderr: '' }, good, 'write', 'EPIPE')).toBeNull();
  expect(wrong(good, good, 'write', 'short')).toBeNull();
  for (const bad of [
    { status: 0 },
    { ...good },
    { ...good, files: new Map([['out.json', 'all of']]) },
    { status: 1 },
    { status: 70 },
    { stderr: '' },
    { stderr: told.stderr.replace('ENOSPC', 'EIO') },
    { stderr: `${told.stderr}    at writeSync (node:fs:900:3)\n` },
    { files: new Map([['out.json', 'all']]) },
    { left: ['.vmalock-7-0.tmp'] },
  ]) {
    expect(wrong({ ...told, ...bad }, good, 'write', 'ENOSPC'), JSON.stringify(bad)).not.toBeNull();
  }
});
