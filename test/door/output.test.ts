import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isSameTarget, openSink, openSpool } from '../../src/cli/output.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmalock-output-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a result file', () => {
  test('is there only when all of it is', async () => {
    const out = join(folder, 'out.json');
    const sink = openSink(out, []);
    sink.write('a'.repeat(200_000));
    sink.write(new Uint8Array([98]));
    expect(existsSync(out)).toBe(false);
    await sink.commit();
    expect(readFileSync(out, 'utf8')).toBe(`${'a'.repeat(200_000)}b`);
    expect(readdirSync(folder)).toEqual(['out.json']);
  });

  test('keeps what was there when the work fails', () => {
    const out = join(folder, 'out.json');
    writeFileSync(out, 'old');
    const sink = openSink(out, []);
    sink.write('new');
    sink.discard();
    expect(readFileSync(out, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['out.json']);
  });

  test('keeps the mode of the file it replaces', async () => {
    const out = join(folder, 'out.json');
    writeFileSync(out, 'old');
    chmodSync(out, 0o640);
    await openSink(out, []).commit();
    expect(statSync(out).mode & 0o777).toBe(0o640);
  });

  test('is written behind a symbolic link, a dangling one too', async () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('real/out.json', join(folder, 'link'));
    const sink = openSink(join(folder, 'link'), []);
    sink.write('x');
    await sink.commit();
    expect(readFileSync(join(folder, 'real/out.json'), 'utf8')).toBe('x');
    expect(readdirSync(folder).sort()).toEqual(['link', 'real']);
  });

  test('never replaces an input, by whatever name', () => {
    const input = join(folder, 'trace.json');
    writeFileSync(input, '[]');
    linkSync(input, join(folder, 'hard'));
    symlinkSync('trace.json', join(folder, 'soft'));
    for (const name of ['trace.json', 'hard', 'soft', './../' + folder.split('/').pop() + '/trace.json']) {
      expect(() => openSink(join(folder, name), [input])).toThrow('is also an input');
    }
    expect(readFileSync(input, 'utf8')).toBe('[]');
  });

  test('in a place that cannot be written is refused at once', () => {
    expect(() => openSink(folder, [])).toThrow('is a directory');
    expect(() => openSink(join(folder, 'none/out.json'), [])).toThrow('no such file or directory (ENOENT)');
    writeFileSync(join(folder, 'file'), '');
    expect(() => openSink(join(folder, 'file/out.json'), [])).toThrow('not a directory (ENOTDIR)');
  });

  test('a full device is a complaint, not a silence', () => {
    const sink = openSink('/dev/full', []);
    sink.write('x');
    return expect(sink.commit()).rejects.toThrow('write /dev/full: no space left (ENOSPC)');
  });
});

test('two names of one target are told', () => {
  symlinkSync('a', join(folder, 'b'));
  expect(isSameTarget(join(folder, 'a'), join(folder, 'b'))).toBe(true);
  expect(isSameTarget('-', '/dev/stdout')).toBe(true);
  expect(isSameTarget('-', join(folder, 'a'))).toBe(false);
});

test('a spool gives back what was written, and leaves nothing behind', () => {
  const spool = openSpool();
  spool.write('a'.repeat(100_000));
  spool.write('b');
  expect(Buffer.concat([...spool.read()]).toString()).toBe(`${'a'.repeat(100_000)}b`);
  spool.remove();
});

describe('a run that is stopped', () => {
  const bin = fileURLToPath(new URL('../../bin/vmalock.js', import.meta.url));

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s ends with its status and leaves no file', async (signal, status) => {
    const out = join(folder, 'out.json');
    const child = spawn(process.execPath, [bin, 'validate', '-', '-o', out], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise<number | null>(done => child.on('close', done));
    while (!readdirSync(folder).some(name => name.endsWith('.tmp'))) await new Promise(done => setTimeout(done, 10));
    child.kill(signal);
    expect(await ended).toBe(status);
    expect(readdirSync(folder)).toEqual([]);
  });
});
