/** The second thread of an import: the real one, of the build. */
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type * as ThreadModule from '../../src/cli/second-thread.js';
import { Complaint } from '../../src/errors.js';
import { type Elsewhere, importBatches } from '../../src/trace/import/index.js';
import { formatLines } from '../../src/trace/writer.js';
import { sample } from '../import/sample.js';

const { SecondThread }: typeof ThreadModule = await import(
  new URL('../../dist/cli/second-thread.js', import.meta.url).href
);
const VMALOCK = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));

const TEXT = sample('fork-exec').repeat(5);
const CHUNKS = Array.from({ length: Math.ceil(TEXT.length / 500) }, (_, i) =>
  Buffer.from(TEXT.slice(500 * i, 500 * i + 500)),
);
/** Chunk that has to wait until the thread is there. */
const WAITS = 40;

async function* feed(thread: Elsewhere, end?: Complaint): AsyncGenerator<Uint8Array> {
  for (const [i, chunk] of CHUNKS.entries()) {
    while (i === WAITS && !thread.isReady(0)) await sleep(5);
    yield chunk;
  }
  if (end !== undefined) throw end;
}

/** What comes of the text, and of how many chunks the thread has read the lines. */
async function eventsOf(chunks: AsyncIterable<Uint8Array>, thread?: Elsewhere) {
  let [events, read] = ['', 0];
  const counted: Elsewhere = {
    isReady: lines => thread!.isReady(lines),
    async *read(...args) {
      for await (const rest of thread!.read(...args)) {
        read++;
        yield rest;
      }
    },
  };
  const batches = importBatches(chunks, { file: 'x' }, thread && counted);
  try {
    for (;;) {
      const { value, done } = await batches.next();
      if (done) return { events, end: value as unknown, read };
      events += formatLines(value.events);
    }
  } catch (error) {
    return { events, end: error, read };
  }
}

const IO = new Complaint('io', 'read: the disk is gone');

test.each([
  ['to its end', undefined],
  ['as far as it can be had', IO],
])('the thread reads a text %s', async (_, end) => {
  const alone = await eventsOf(feed({ isReady: () => true } as unknown as Elsewhere, end));
  const thread = new SecondThread(0);
  const both = await eventsOf(feed(thread, end), thread);
  // what it is given before its end, and for an end one answer more
  expect(both.read).toBeGreaterThanOrEqual(CHUNKS.length - WAITS - 1);
  expect({ ...both, read: 0 }).toEqual(alone);
  expect(alone.end).toEqual(end ?? expect.objectContaining({ faults: expect.any(Number) }));
});

test('a thread that cannot be started is done without', async () => {
  const missing = new SecondThread(0, new URL('missing.js', import.meta.url));
  async function* slowly() {
    for (const chunk of CHUNKS) {
      yield chunk;
      await sleep(20);
    }
  }
  const { read, ...rest } = await eventsOf(slowly(), missing);
  expect(read).toBe(0);
  expect(rest).toMatchObject({ end: { faults: expect.any(Number) } });
});

test('a thread that dies ends the import', async () => {
  const broken = `data:text/javascript,
    import { parentPort } from 'node:worker_threads';
    parentPort.postMessage('ready');
    parentPort.on('message', () => { throw new Error('broken'); });`;
  const thread = new SecondThread(0, new URL(broken));
  expect((await eventsOf(feed(thread), thread)).end).toMatchObject({ message: 'broken' });
});

test('who wants no more of a text closes it, and the thread', async () => {
  const thread = new SecondThread(0);
  let closed = false;
  async function* text() {
    try {
      yield* feed(thread);
      for (;;) yield Buffer.from(TEXT);
    } finally {
      closed = true;
    }
  }
  const batches = importBatches(text(), { file: 'x' }, thread);
  for (let i = 0; i < 100; i++) expect((await batches.next()).done).toBe(false);
  await batches.return(null as never);
  expect(closed).toBe(true);
});

test('a text that is over before the thread is there', async () => {
  const lines = TEXT.repeat(Math.ceil(11_000 / TEXT.split('\n').length)).split('\n');
  for (const n of [10_001, 10_500, 11_000]) {
    const [out, , code] = await run(['import', '-q', '-', '-o', '/dev/stdout'], `${lines.slice(0, n).join('\n')}\n`);
    expect(code).toBe(0);
    expect(out.split('\n').length).toBeGreaterThan(500);
  }
});

test('a long text on the command line: from a file and from a pipe, whole and torn', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmalock-thread-'));
  const torn = TEXT.slice(0, 30).trimEnd();
  const long = TEXT.repeat(Math.ceil(60_000 / TEXT.split('\n').length));
  async function* one(text: string) {
    yield Buffer.from(text);
  }
  for (const [text, status] of [
    [long, 0],
    [`${long}${torn}\n${TEXT}`, 2],
  ] as const) {
    const file = join(folder, 'x.perf.txt');
    writeFileSync(file, text);
    const { events, end } = await eventsOf(one(text));
    for (const [name, stdin] of [
      [file, ''],
      ['-', text],
    ]) {
      const [out, err, code] = await run(['import', '-q', name, '-o', '/dev/stdout'], stdin);
      expect(code).toBe(status);
      if (status === 0) expect(out.slice(out.indexOf('\n') + 1) === events).toBe(true);
      else expect(err).toContain(`${(end as Complaint).where.line}:`);
    }
  }
});

function run(args: string[], stdin: string): Promise<[out: string, err: string, code: number]> {
  return new Promise(done => {
    const options = { maxBuffer: 2 ** 30 };
    const { stdin: pipe } = execFile(process.execPath, [VMALOCK, ...args], options, (failed, out, err) =>
      done([out, err, Number(failed?.code ?? 0)]),
    );
    pipe?.on('error', () => {});
    pipe?.end(stdin);
  });
}
