/**
 * Recording, with a perf that is a shell script: what it is asked for, what becomes of what it leaves, and of what it
 * does not.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shellCommand } from '../../src/cli/shell.js';
import { FINISH, type PerfDoes, writeFakePerf } from './fake-perf.js';

const BIN = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));
const TRACEFS = join(SAMPLES, 'tracefs-6.1');
const TEXT = join(SAMPLES, 'import/start.perf.txt');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmalock-fake-perf-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'tmp'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const fakePerf = (does?: PerfDoes) => writeFakePerf(folder, does);
const asked = (verb: 'record' | 'script') =>
  readFileSync(join(folder, `asked-${verb}`), 'utf8')
    .trimEnd()
    .split('\n');
const env = () => ({ PATH: `${folder}/bin:${process.env.PATH}`, TMPDIR: join(folder, 'tmp'), LC_ALL: 'C' });
const out = () => join(folder, 'out.ndjson');

/** Starts \`vmalock record\`; \`-o\` and a tracefs are given. */
function begin(...args: string[]) {
  const child = spawn(process.execPath, [BIN, 'record', '--tracefs', TRACEFS, '-o', out(), ...args], {
    env: env(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>(done =>
    child.on('close', status => done({ status, ...said })),
  );
  return { child, ended };
}

const record = (...args: string[]) => begin(...args).ended;

/** Waits for a file that a script makes. */
async function until(name: string): Promise<void> {
  while (!existsSync(join(folder, name))) await new Promise(done => setTimeout(done, 10));
}

const meta = () => JSON.parse(readFileSync(out(), 'utf8').split('\n')[0]).meta as Record<string, unknown>;
/** What a run may leave: the trace, or nothing; never a temporary file. */
function expectLeft(trace: boolean): void {
  expect(existsSync(out())).toBe(trace);
  expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([]);
}

describe('a command', () => {
  test('becomes a trace, and its words, its output and its status stay its own', async () => {
    fakePerf();
    const odd = 'a b\n$(touch x) `y` \'"\\';
    const said = await record('-q', '--', 'sh', '-c', 'printf %s "$1"; echo oops >&2; exit 3', 'sh', odd);
    expect(said).toEqual({ status: 0, stdout: odd, stderr: 'oops\nvmalock: sh exited with 3\n' });
    expect(meta()).toMatchObject({ producer: 'vmalock record perf', arch: 'x86_64', clock: 'mono', lost: 0 });
    expect(meta()).toMatchObject({ cpus: expect.any(Number), kernel: expect.any(String) });
    expect(meta().command).toBe(shellCommand([['sh', '-c', 'printf %s "$1"; echo oops >&2; exit 3', 'sh', odd]]));
    expectLeft(true);
  });

  test('that a signal ends is no failure of the recording', async () => {
    fakePerf({ record: `${FINISH}; kill -SEGV $$` });
    expect(await record('-q', '--', 'true')).toMatchObject({
      status: 0,
      stderr: 'vmalock: true was killed by SIGSEGV\n',
    });
    expectLeft(true);
  });

  test('is recorded with the tracepoints this kernel has', async () => {
    fakePerf();
    const { stderr } = await record('--', 'true');
    expect(stderr).toContain(
      'vmalock: warning: left out, this kernel has no filemap:mm_filemap_fault, readahead:*: ' +
        'the trace does not tell whether a page was read ahead or not cached at all\n',
    );
    for (const event of ['migrate:set_migration_pte', 'signal:signal_generate', 'signal:signal_deliver']) {
      expect(asked('record')).toContain(event);
    }
    expect(asked('record')).not.toContain('filemap:mm_filemap_fault');
  });

  test('is recorded by the commands that --print shows', async () => {
    fakePerf();
    const words = ['printf', '%s|', 'a b', "it's", '$HOME', '-x'];
    await record('-m', '512k', '--', ...words);
    const ran = [asked('record'), asked('script')];
    const shown = spawnSync(
      process.execPath,
      [BIN, 'record', '--print', '--tracefs', TRACEFS, '-m', '512k', '-o', out(), '--', ...words],
      {
        env: env(),
        encoding: 'utf8',
      },
    );
    rmSync(out());
    const vmalock = `vmalock() { '${process.execPath}' '${BIN}' "$@"; }`;
    const pasted = spawnSync('bash', ['-c', `${vmalock}\n${shown.stdout}`], {
      cwd: folder,
      env: env(),
      encoding: 'utf8',
    });
    expect(pasted.stdout).toBe("a b|it's|$HOME|-x|");
    const inPlace = (args: string[]) => args.map(word => (word.endsWith('perf.data') ? 'perf.data' : word));
    expect([asked('record'), asked('script')].map(inPlace)).toEqual(ran.map(inPlace));
    expect(readdirSync(folder).filter(name => name.includes('perf.data'))).toEqual([]);
    expectLeft(true);
  });
});

describe('a process', () => {
  test('is recorded for some seconds, and says what it was', async () => {
    fakePerf({ record: FINISH });
    expect(await record('-q', '-p', String(process.pid), '--seconds', '0.5')).toMatchObject({ status: 0, stderr: '' });
    expect(asked('record').slice(-5)).toEqual(['-p', String(process.pid), '--', 'sleep', '0.5']);
    expect(meta().command).toContain('node');
    expectLeft(true);
  });

  test('whose threads are gone before perf has looked at them is tried again, five times', async () => {
    const count = `echo >> '${folder}/tries'; [ $(wc -l < '${folder}/tries') -lt`;
    fakePerf({ record: `${count} 3 ] && exit 255; ${FINISH}` });
    expect(await record('-q', '-p', String(process.pid), '--seconds', '0.1')).toMatchObject({ status: 0, stderr: '' });
    fakePerf({ record: `${count} 9 ] && exit 255; ${FINISH}` });
    const { status, stderr } = await record('-q', '-p', String(process.pid), '--seconds', '0.1');
    expect([status, stderr]).toEqual([
      2,
      'vmalock: io: perf record exited with 255 without a recording (its threads may come and go faster than perf can list them: try again)\n',
    ]);
    expect(readFileSync(join(folder, 'tries'), 'utf8')).toBe('\n'.repeat(8));
  });

  test('whose recording is refused: what perf said is told', async () => {
    fakePerf({ record: "printf 'Error:\\nNo permission to enable minor-faults\\nHint: ask\\n' >&2; exit 255" });
    const { status, stderr } = await record('-q', '-p', String(process.pid));
    expect(stderr).toMatch(
      /^vmalock: io: perf record exited with 255 without a recording: "No permission to enable minor-faults" \(.*\)\n$/,
    );
    expect(status).toBe(2);
    expectLeft(false);
  });
});

describe('what goes wrong is said, and leaves nothing', () => {
  const failures = [
    { name: 'perf leaves no file', record: 'exit 255', says: 'perf record exited with 255 without a recording' },
    {
      name: 'perf leaves half a file',
      record: `${FINISH}; printf PERFILE2 > "$file"`,
      says: 'perf record ended without',
    },
    { name: 'perf is killed', record: 'kill -KILL $$', says: 'perf record was killed by SIGKILL without a recording' },
    {
      name: 'perf script fails in the middle',
      script: `head -n 40 '${TEXT}'; echo "'trace' not valid for unknown events. Ignoring." >&2; echo 'no memory' >&2; exit 3`,
      says: 'vmalock: io: perf script exited with 3: "no memory"',
    },
    {
      name: 'perf script is killed',
      script: `head -n 40 '${TEXT}'; kill -KILL $$`,
      says: 'vmalock: io: perf script was killed by SIGKILL',
    },
    {
      name: 'perf script stops in the middle of a line',
      script: `head -c 3000 '${TEXT}'`,
      says: 'vmalock: recording of true:',
    },
    { name: 'perf script says nothing', script: 'true', says: 'vmalock: io: the recording is empty' },
  ];
  test.each(failures)('$name', async ({ record: recorded, script, says }) => {
    fakePerf({ ...(recorded && { record: recorded }), ...(script && { script }) });
    const { status, stdout, stderr } = await record('-q', '--', 'true');
    expect(stderr).toContain(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expectLeft(false);
  });

  /** With no other programs in PATH than those of the test. */
  const recordAlone = (...args: string[]) =>
    spawnSync(process.execPath, [BIN, 'record', '--tracefs', TRACEFS, '-o', out(), ...args, '--', '/bin/sh'], {
      env: { ...env(), PATH: `${folder}/bin` },
      encoding: 'utf8',
    });

  test('a perf that may not be run', () => {
    fakePerf();
    chmodSync(join(folder, 'bin/perf'), 0o644);
    const { status, stderr } = recordAlone('--with', 'perf');
    expect(stderr).toMatch(/^vmalock: io: run perf: permission denied \(EACCES\) \(/);
    expect(status).toBe(2);
    expectLeft(false);
  });

  test('a perf that cannot be started', () => {
    writeFileSync(join(folder, 'bin/perf'), '#!/nowhere/sh\n');
    chmodSync(join(folder, 'bin/perf'), 0o755);
    const { status, stderr } = recordAlone('-q');
    expect(stderr).toBe('vmalock: io: run "perf": no such file or directory (ENOENT)\n');
    expect(status).toBe(2);
    expectLeft(false);
  });

  test('no perf at all: tracefs is tried', () => {
    const { status, stderr } = recordAlone();
    expect(stderr).toMatch(/^vmalock: warning: perf is not in PATH: recording with tracefs, /);
    expect(stderr).toMatch(/\nvmalock: io: make .*: no such file or directory \(ENOENT\)/);
    expect(status).toBe(2);
    expectLeft(false);
  });

  test('a full disk', async () => {
    fakePerf();
    const { status, stderr } = await record('-q', '-o', '/dev/full', '--', 'true');
    expect({ status, stderr }).toEqual({ status: 2, stderr: 'vmalock: io: write /dev/full: no space left (ENOSPC)\n' });
    expectLeft(false);
  });
});

describe('lost events', () => {
  const lossy = `cat '${TEXT}'; echo ' 6347/6347  [001]  2299.000000000: PERF_RECORD_LOST lost 1234'`;
  const holes = '1,234 events were lost, the trace has holes (record again with a larger --buffer)\n';

  test('are in the trace, and in the exit status', async () => {
    fakePerf({ script: lossy });
    expect(await record('-q', '--', 'true')).toMatchObject({ status: 1, stderr: `vmalock: ${holes}` });
    expect(meta().lost).toBe(1234);
    expectLeft(true);
  });

  test('are a warning where they are allowed', async () => {
    fakePerf({ script: lossy });
    const { status, stderr } = await record('--allow-lost', '--', 'true');
    expect(stderr).toContain(`vmalock: warning: ${holes}`);
    expect(status).toBe(0);
  });
});

describe('a signal', () => {
  const ready = () => `touch '${folder}/ready'; while :; do sleep 0.02; done`;
  /** Ends as perf does: finishes its file, then dies of the signal it was sent. */
  const patient = () =>
    `finish() { ${FINISH}; trap - $1; kill -$1 $$; }; trap 'finish INT' INT; trap 'finish TERM' TERM; ${ready()}`;

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the recording, not the run', async signal => {
    fakePerf({ record: patient() });
    const { child, ended } = begin('-q', '--', 'true');
    await until('ready');
    child.kill(signal);
    expect(await ended).toMatchObject({ status: 0, stderr: `vmalock: recording of true ended by ${signal}\n` });
    expectLeft(true);
  });

  test('given twice gives up, even where perf does not end', async () => {
    fakePerf({ record: `trap 'touch "${folder}/heard"' INT TERM; echo $$ > '${folder}/pid'; ${ready()}` });
    const { child, ended } = begin('-q', '-p', String(process.pid));
    await until('ready');
    child.kill('SIGINT');
    await until('heard');
    child.kill('SIGTERM');
    expect((await ended).status).toBe(143);
    expectLeft(false);
    await untilGone();
  });

  test('during the import gives up', async () => {
    fakePerf({ script: `echo $$ > '${folder}/pid'; head -n 40 '${TEXT}'; ${ready()}` });
    const { child, ended } = begin('-q', '--', 'true');
    await until('ready');
    child.kill('SIGINT');
    expect((await ended).status).toBe(130);
    expectLeft(false);
    await untilGone();
  });

  test('that hangs up leaves nothing', async () => {
    fakePerf({ record: `echo $$ > '${folder}/pid'; ${ready()}` });
    const { child, ended } = begin('-q', '--', 'true');
    await until('ready');
    child.kill('SIGHUP');
    expect((await ended).status).toBe(129);
    expectLeft(false);
    await untilGone();
  });

  /** The script that wrote its pid ends; what is left of it may wait for init. */
  async function untilGone(): Promise<void> {
    const stat = `/proc/${readFileSync(join(folder, 'pid'), 'utf8').trim()}/stat`;
    while (existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8')))
      await new Promise(done => setTimeout(done, 10));
  }
});
