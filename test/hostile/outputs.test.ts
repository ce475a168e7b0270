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

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmalock-outputs-'));
});

/** Runs a line of a shell in which `vmalock` is ours; its status, and what it says on stderr. */
function shell(line: string): Promise<{ status: number | null; stderr: string }> {
  const script = `vmalock() { "${process.execPath}" "${BIN}" "$@"; }\n${line}`;
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C', trace: RECORDING },
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
