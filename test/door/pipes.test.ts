/** Commands in a row, as a shell runs them: what comes out comes while there is still input, and nothing is put by. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));
const hasJq = spawnSync('sh', ['-c', 'command -v jq']).status === 0;

/**
 * What `perf script` prints of the faults `from` to `to` of one thread, 1 ms apart. Nothing says what is mapped there, so each
 * becomes two events: the page that was mapped, since the fault ended well, and the fault.
 */
function perfText(from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) {
    const time = `${2000 + Math.floor(i / 1000)}.${String((i % 1000) * 1000).padStart(6, '0')}000`;
    const address = (0x7f44a6873000 + 4096 * i).toString(16);
    text += `  467/467   [001]  ${time}:  exceptions:page_fault_user: address=0x${address} ip=0x4016ce error_code=0x6\n`;
  }
  return text;
}

class Pipeline {
  /** where temporary files would be */
  readonly folder = mkdtempSync(join(tmpdir(), 'vmalock-pipe-'));
  output = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;

  constructor(script: string) {
    const vmalock = `vmalock() { "${process.execPath}" "${BIN}" "$@"; }`;
    const env = { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C', TMPDIR: this.folder };
    this.child = spawn('bash', ['-c', `${vmalock}\n${script}`], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    this.child.stdout?.setEncoding('utf8').on('data', text => {
      this.output += text;
    });
    // A reader that went away is for the commands to mind.
    this.child.stdin?.on('error', () => {});
    this.ended = new Promise(done => this.child.on('close', () => done()));
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Until as many lines are there; a test that waits in vain runs into its time limit. */
  async lines(count: number): Promise<string[]> {
    for (;;) {
      const lines = this.output.split('\n').slice(0, -1);
      if (lines.length >= count) return lines;
      await new Promise(done => setTimeout(done, 20));
    }
  }

  async end(): Promise<string[]> {
    this.child.stdin?.end();
    await this.ended;
    return this.output.split('\n').slice(0, -1);
  }
}

describe('a slow pipe', () => {
  test('import: events come before the input ends', async () => {
    const pipeline = new Pipeline('vmalock import -q');
    pipeline.write(perfText(0, 100));
    const [header, , first] = await pipeline.lines(3);
    expect(JSON.parse(header)).toMatchObject({ format: 'vmalock-trace', meta: { lost: 0 } });
    expect(JSON.parse(first)).toMatchObject({ op: 'fault', addr: '0x7f44a6873000' });
    expect(readdirSync(pipeline.folder)).toEqual([]);
    pipeline.write('  467/467   [001]  2001.000000000: PERF_RECORD_LOST lost 3\n');
    const lines = await pipeline.end();
    // Of the last fault nobody knows how it ended.
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe('{"meta":{"lost":3,"x-lost-from":99000000}}');
  });

  test('import | replay: rows come before the input ends, without temporary files', async () => {
    const pipeline = new Pipeline('vmalock import -q | vmalock replay -q -m v6.18 --events - --fields i,verdict');
    pipeline.write(perfText(0, 1_500));
    expect((await pipeline.lines(1_000))[999]).toBe('{"i":1999,"verdict":"vma_lock"}');
    expect(readdirSync(pipeline.folder)).toEqual([]);
    pipeline.write(perfText(1_500, 3_000));
    await pipeline.lines(2_000);
    expect(await pipeline.end()).toHaveLength(3_000);
  });

  test.skipIf(!hasJq)('import | replay | jq', async () => {
    const pipeline = new Pipeline(
      "vmalock import -q | vmalock replay -q -m v6.18 --events - | jq -c --unbuffered 'select(.i % 200 == 1) | .i'",
    );
    pipeline.write(perfText(0, 1_500));
    expect((await pipeline.lines(10)).slice(0, 10).map(Number)).toEqual([
      1, 201, 401, 601, 801, 1001, 1201, 1401, 1601, 1801,
    ]);
    await pipeline.end();
  });

  test('what was lost is in the result, though it was known only at the end', async () => {
    const pipeline = new Pipeline('vmalock import -q | vmalock replay -q -m v6.18 --format ndjson --fields lost');
    pipeline.write(perfText(0, 100));
    pipeline.write('  467/467   [001]  2001.000000000: PERF_RECORD_LOST lost 3\n');
    expect(await pipeline.end()).toEqual(['{"lost":3}']);
  });

  test('a reader that goes away ends all of it', async () => {
    const pipeline = new Pipeline('vmalock import -q | vmalock replay -q -m v6.18 --events - | head -n 1');
    pipeline.write(perfText(0, 5_000));
    expect(await pipeline.end()).toHaveLength(1);
  });
});
