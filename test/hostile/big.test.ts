/** Inputs that are large where others are small, scaled to seconds: what memory they take is bounded by what they say exists at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createGzip } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { fault, HEADER, mmap, munmap } from './case.js';
import { BIN } from './run.js';

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Pipes pieces into `vmalock ARGS` whose heap may hold `heap` MiB, until it wants no more. */
async function feed(
  args: string[],
  heap: number,
  pieces: Iterable<string | Uint8Array>,
  packed = false,
): Promise<Ended> {
  const child = spawn(process.execPath, [`--max-old-space-size=${heap}`, BIN, ...args], { env: { LC_ALL: 'C' } });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => (said.stderr += text));
  let open = true;
  const ended = once(child, 'close').then(([status]) => {
    open = false;
    return { status: status as number | null, ...said };
  });
  child.stdin.on('error', () => {});
  const sink = packed ? createGzip({ level: 1 }) : child.stdin;
  if (packed) (sink as ReturnType<typeof createGzip>).pipe(child.stdin);
  for (const piece of pieces) {
    if (!open) break;
    if (!sink.write(piece)) await Promise.race([new Promise(done => sink.once('drain', done)), ended]);
  }
  sink.end();
  return ended;
}

/** As many pieces of the same. */
function* repeat<T>(piece: T, times: number): Generator<T> {
  for (let i = 0; i < times; i++) yield piece;
}

function* lines(count: number, line: (i: number) => object): Generator<string> {
  yield `${HEADER}\n`;
  for (let i = 0; i < count; i += 1000) {
    let text = '';
    for (let j = i; j < Math.min(i + 1000, count); j++) text += `${JSON.stringify(line(j))}\n`;
    yield text;
  }
}

const at = (page: number): string => `0x${(0x7f0000000000 + page * 4096).toString(16)}`;
const MIB = 1024 * 1024;

describe('what is no trace is not read to its end', () => {
  test.each([
    ['a line of 1 GiB', Buffer.alloc(MIB, 'x'), false],
    ['1 GiB of NUL', Buffer.alloc(MIB), false],
    ['1 GiB of spaces', Buffer.alloc(MIB, ' '), false],
    ['a gzip bomb of 1 GiB', Buffer.alloc(MIB), true],
  ])('%s', async (_, piece, packed) => {
    const { status, stdout, stderr } = await feed(['replay', '-'], 32, repeat(piece, 1024), packed);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^vmalock: -:1:1: limit: line 1 is longer than 1048576 bytes \(.*--max-line.*\)\n$/);
  });

  test('a string of 1 GiB on the third line', async () => {
    const pieces = [`${HEADER}\n${JSON.stringify(mmap())}\n{"op":"`, ...repeat('x'.repeat(MIB), 8)];
    expect((await feed(['replay', '-'], 32, pieces)).stderr).toMatch(/^vmalock: -:3:1: limit: line 3 is longer/);
  });
});

describe('memory does not grow with a trace', () => {
  const faults = () =>
    lines(200_000, i =>
      i === 0 ? mmap({ len: '0x1000000' }) : fault({ tid: 1 + (i % 4), addr: at((i * 7919) % 4096) }),
    );

  test.each([
    ['faults', ['--json']],
    ['their rows', ['--events', '-', '--fields', 'i']],
    ['their pictures', ['--html', '-', '--folded', '/dev/null']],
  ])('of %s', async (_, options) => {
    const { status, stderr } = await feed(['replay', '-', ...options], 32, faults());
    expect([status, stderr]).toEqual([0, '']);
  });

  test('of mappings that come and go', async () => {
    const churn = lines(100_000, i => {
      const where = { addr: at(2 * (Math.floor(i / 2) % 16_384)), len: '0x1000' };
      return i % 2 === 0 ? mmap(where) : munmap(where);
    });
    expect((await feed(['replay', '-', '--json'], 24, churn)).status).toBe(0);
  });
});

describe('many at once', () => {
  test.each([
    ['VMAs', (i: number) => mmap({ addr: at(2 * i), len: '0x1000' }), { events: 50_000 }],
    ['threads', (i: number) => fault({ tid: i + 1 }), { threads: 50_000 }],
    ['names', (i: number) => mmap({ addr: at(2 * i), len: '0x1000', name: `name ${i}` }), { events: 50_000 }],
    ['unknown keys', (i: number) => fault({ [`key ${i}`]: i }), { events: 50_000 }],
  ])('%s', async (_, event, trace) => {
    const { status, stdout } = await feed(['replay', '-', '-q', '--json'], 256, lines(50_000, event));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ trace });
    // What lists them is cut.
    expect(stdout.length).toBeLessThan(200_000);
  });

  test('who wait for mmap_lock', async () => {
    const write = (i: number) => ({
      op: 'mprotect',
      t: i,
      tid: i + 1,
      addr: at(i),
      len: '0x1000',
      prot: 'r--',
      dur: 10,
    });
    const writers = lines(30_000, i => (i === 0 ? mmap({ t: 0, len: '0x10000000' }) : write(i)));
    const { status, stdout } = await feed(['replay', '-', '-q', '--json'], 256, writers);
    expect([status, JSON.parse(stdout).models[0].time.op_wait_ns > 1e9]).toEqual([0, true]);
  });

  test('who sleep for a monitor', async () => {
    const HALF = 20_000;
    const [all, modes] = [{ tid: 1, addr: at(0), len: '0x10000000' }, ['missing']];
    const watched = lines(2 * HALF + 2, i => {
      if (i < 2) return i === 0 ? mmap(all) : { op: 'uffd_register', ...all, modes };
      if (i < HALF + 2) return fault({ tid: i, addr: at(i) });
      return { op: 'uffd_zeropage', tid: 1, addr: at(i - HALF), len: '0x1000' };
    });
    const { status, stdout } = await feed(['replay', '-', '-q', '--json', '-m', 'v6.18'], 256, watched);
    expect([status, JSON.parse(stdout).models[0].faults]).toMatchObject([0, { total: HALF }]);
  });

  test('programs that come and go', async () => {
    const events = (tid: number) => [
      { op: 'fork', tid: 1, child_tid: tid, child_mm: tid },
      mmap({ tid, mm: tid }),
      fault({ tid, mm: tid }),
      { op: 'exit', tid, mm: tid },
    ];
    const programs = lines(100_000, i => events(2 + Math.floor(i / 4))[i % 4]);
    const { status, stdout } = await feed(['replay', '-', '-q', '-m', 'v6.18', '--format', 'csv'], 320, programs);
    expect([status, stdout.split('\n')[1]]).toEqual([0, expect.stringContaining('v6.18')]);
  });

  test('address spaces have a limit', async () => {
    const { status, stderr } = await feed(
      ['replay', '-', '-m', 'v7.3'],
      2048,
      lines(70_000, i => munmap({ mm: i + 1 })),
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^vmalock: -:\d+: limit: more than 65536 address spaces \(.*--max-mms.*\)\n$/);
  });
});
