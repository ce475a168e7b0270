/** Where results go when something is wrong with the place, or with the moment. */
import { spawn } from 'node:child_process';
import { copyFileSync, linkSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { fault, HEADER, mmap, stream } from './case.js';
import { BIN, vmalock } from './run.js';

const RECORDING = fileURLToPath(new URL('../cli/traces/recording.ndjson', import.meta.url));
const TRUTH = fileURLToPath(new URL('../cli/traces/recording.truth.ndjson', import.meta.url));
const PERF = fileURLToPath(new URL('../samples/import/attach.perf.txt', import.meta.url));
const SERIES = JSON.stringify({
  ...{ id: 'mine', title: 'No VMA lock', author: 'me', date: '2026-01-01', link: '-', merged: null, parent: 'v6.18' },
  ...{ lock: { answer: 'none', by: '1/1' }, changes: {} },
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmalock-outputs-'));
});

const contents = (): string[] => readdirSync(folder).map(name => `${name} ${readFileSync(join(folder, name), 'utf8')}`);

/** Runs a line of a shell in which `vmalock` is ours; its status, and what it says on stderr. */
function shell(line: string): Promise<{ status: number | null; stderr: string }> {
  const script = `vmalock() { "${process.execPath}" "${BIN}" "$@"; }\n${line}`;
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C', trace: RECORDING, perf: PERF },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  return new Promise(done => child.once('close', status => done({ status, stderr })));
}

describe('a full device', () => {
  test.each([
    'vmalock replay $trace',
    'vmalock replay $trace --json',
    'vmalock replay $trace --events -',
    'vmalock replay $trace --html -',
    'vmalock diff $trace v6.4 v7.3',
    'vmalock verify $trace -m v6.4',
    'vmalock explain $trace --fault 2',
    'vmalock validate $trace',
    'vmalock convert $trace',
    'vmalock models',
    'vmalock completion bash',
    'vmalock man',
    'vmalock --help',
    'vmalock replay --help',
    'vmalock --version',
  ])('is told by %s', async command => {
    const { status, stderr } = await shell(`${command} > /dev/full`);
    expect([status, stderr]).toEqual([2, 'vmalock: io: write stdout: no space left (ENOSPC)\n']);
  });

  test('is told where complaints cannot be', async () => {
    expect((await shell('vmalock replay none 2> /dev/full')).status).toBe(2);
  });
});

test('a closed stdin is an empty trace, a closed stderr changes nothing', async () => {
  expect((await shell('vmalock replay - <&-')).status).toBe(2);
  expect((await shell('vmalock replay $trace 2>&-')).status).toBe(0);
  expect((await shell('vmalock replay none 2>&-')).status).toBe(2);
});

test('a reader that goes away is no error', async () => {
  const faults = Array.from({ length: 20_000 }, (_, i) => fault({ addr: `0x${(0x7f0000000000 + i).toString(16)}` }));
  writeFileSync(join(folder, 'long.ndjson'), stream(mmap(), ...faults));
  for (const command of ['replay - --events -', 'convert - --to document', 'convert -']) {
    const { status, stderr } = await shell(`vmalock ${command} < long.ndjson | head -c 1; exit $PIPESTATUS`);
    expect([0, 141]).toContain(status);
    expect(stderr).toBe('');
  }
});

test('the input is never written over, by whatever name', async () => {
  const bytes = readFileSync(RECORDING);
  copyFileSync(RECORDING, join(folder, 'in.ndjson'));
  symlinkSync('in.ndjson', join(folder, 'soft'));
  linkSync(join(folder, 'in.ndjson'), join(folder, 'hard'));
  for (const line of [
    'vmalock convert in.ndjson -o in.ndjson',
    'vmalock convert in.ndjson -o soft',
    'vmalock convert soft -o ./in.ndjson',
    'vmalock convert in.ndjson -o hard',
    'vmalock convert - -o in.ndjson < in.ndjson',
    'vmalock replay in.ndjson --events in.ndjson',
    'vmalock replay in.ndjson --html soft',
    'vmalock replay $trace in.ndjson --perfetto hard',
  ]) {
    const { status, stderr } = await shell(line);
    expect([status, stderr], line).toEqual([2, expect.stringContaining('is also an input')]);
    expect(readFileSync(join(folder, 'in.ndjson')).equals(bytes)).toBe(true);
  }
  expect(readdirSync(folder).sort()).toEqual(['hard', 'in.ndjson', 'soft']);
});

test('nor is anything else that is read', async () => {
  writeFileSync(join(folder, 'costs.json'), '{}');
  writeFileSync(join(folder, 'config.json'), '{}');
  writeFileSync(join(folder, 'vmalock.config.json'), '{"top": 3}');
  writeFileSync(join(folder, 'series.json'), SERIES);
  copyFileSync(TRUTH, join(folder, 'truth'));
  writeFileSync(join(folder, 'maps'), '7f0000000000-7f0000001000 rw-p 00000000 00:00 0\n');
  linkSync(join(folder, 'truth'), join(folder, 'hard'));
  const before = contents();
  for (const line of [
    'vmalock replay $trace --costs costs.json -o costs.json',
    'vmalock explain $trace --fault 2 --costs costs.json -o costs.json',
    'vmalock replay $trace --config config.json --perfetto config.json',
    'vmalock replay $trace -o vmalock.config.json',
    'vmalock convert $trace -o vmalock.config.json',
    'vmalock schema trace -o vmalock.config.json',
    'vmalock replay $trace -m v6.4,./series.json --html series.json',
    'vmalock diff $trace v6.4 ./series.json --events series.json',
    'vmalock models ./series.json -o series.json',
    'vmalock models --diff v6.4 ./series.json -o series.json',
    'vmalock verify $trace -m v6.4 --truth truth -o truth',
    'vmalock verify $trace -m v6.4 --truth truth --events hard',
    'vmalock import $perf --maps maps -o maps',
  ]) {
    const { status, stderr } = await shell(line);
    expect([status, stderr], line).toEqual([2, expect.stringContaining('is also an input')]);
    expect(contents(), line).toEqual(before);
  }
});

test('what is read twice is not read from stdin', async () => {
  for (const line of [
    'vmalock replay - --costs - < $trace',
    'vmalock verify --truth - < $trace',
    'vmalock import - --maps - < $perf',
    'vmalock replay - - < $trace',
  ]) {
    const said = 'vmalock: usage: stdin (-) is given twice (it can be read once)\n';
    expect(await shell(line), line).toEqual({ status: 2, stderr: said });
  }
});

test('a name that is none, or that of a directory, is told before the work begins', async () => {
  for (const option of ['-o', '--events', '--html']) {
    expect((await shell(`vmalock replay $trace ${option} ''`)).stderr).toMatch(
      /^vmalock: usage: a file to write to has no/,
    );
    expect((await shell(`vmalock replay $trace ${option} new/`)).stderr).toMatch(/^vmalock: io: write new\/: is a dir/);
  }
  expect((await shell("vmalock replay ''")).stderr).toMatch(/^vmalock: io: a file to read has no name/);
  expect((await shell('vmalock replay - < .')).stderr).toMatch(/^vmalock: -: io: is a directory/);
  expect((await shell('TMPDIR=/nosuch vmalock convert $trace')).stderr).toMatch(
    /^vmalock: io: write \/nosuch: no such file or directory \(ENOENT\) \(set TMPDIR/,
  );
  expect(readdirSync(folder)).toEqual([]);
});

test('where one of several files cannot be written, none is in its place', async () => {
  for (const last of ['--html', '--perfetto', '--folded', '--events']) {
    const { status, stderr } = await shell(`vmalock replay $trace -o out.json ${last} /dev/full`);
    expect([status, stderr]).toEqual([2, 'vmalock: io: write /dev/full: no space left (ENOSPC)\n']);
    expect(readdirSync(folder)).toEqual([]);
  }
});

test('a bad trace among good ones is named, and nothing is written', async () => {
  writeFileSync(join(folder, 'bad.ndjson'), stream(mmap(), '{'));
  for (const traces of ['$trace bad.ndjson', 'bad.ndjson $trace']) {
    const { status, stderr } = await shell(`vmalock replay ${traces} -o out.json --html page.html`);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^vmalock: bad\.ndjson:3:2: json-syntax: /);
    expect(readdirSync(folder)).toEqual(['bad.ndjson']);
  }
});

test('runs at the same time with the same output leave one of them whole', async () => {
  const alone = await vmalock(['replay', RECORDING, '--json']);
  const args = ['replay', RECORDING, '--json', '-o', join(folder, 'out.json')];
  const ran = await Promise.all([1, 2, 3, 4].map(() => vmalock(args)));
  expect(ran.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  expect(readFileSync(join(folder, 'out.json'), 'utf8')).toBe(alone.stdout);
  expect(readdirSync(folder)).toEqual(['out.json']);
});

describe('a signal in the middle of the work', () => {
  const event = JSON.stringify(fault());
  /** What is written before it comes, and what would follow. */
  const WORK: readonly [name: string, args: string[], text: string][] = [
    [
      'replay',
      ['replay', '-', '-o', 'out.json', '--events', 'rows', '--html', 'page', '--perfetto', 'p'],
      `${event}\n`,
    ],
    ['convert', ['convert', '-', '-o', 'out.ndjson.gz'], `${event}\n`],
    ['import', ['import', '-', '--from', 'strace', '-o', 'out.ndjson'], '100 1.000001 getpid() = 7\n'],
  ];

  test.each(
    WORK.flatMap(([name, args, text]) =>
      (
        [
          ['SIGINT', 130],
          ['SIGTERM', 143],
          ['SIGHUP', 129],
          ['SIGQUIT', 131],
        ] as const
      ).map(([signal, status]) => ({ name, args, text, signal, status })),
    ),
  )('$signal ends $name with $status and leaves nothing', async ({ name, args, text, signal, status }) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, TMPDIR: folder },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', said => {
      stderr += said;
    });
    const ended = new Promise<number | null>(done => child.once('close', done));
    child.stdin.on('error', () => {});
    if (name !== 'import') child.stdin.write(`${HEADER}\n${JSON.stringify(mmap())}\n`);
    // Without an end, and never faster than it is read.
    const feed = (): void => {
      while (child.stdin.writable && child.stdin.write(text.repeat(1000))) {}
    };
    child.stdin.on('drain', feed);
    feed();
    while (!readdirSync(folder).some(file => file.endsWith('.tmp'))) await new Promise(done => setTimeout(done, 10));
    child.kill(signal);
    expect([await ended, stderr]).toEqual([status, '']);
    child.stdin.destroy();
    expect(readdirSync(folder)).toEqual([]);
  });
});
