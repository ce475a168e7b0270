import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { complaint, FAULT, file, HEADER, outcome, read, readFile } from './helpers.js';

const TEXT = HEADER + `${FAULT}\n`.repeat(5000);
const GZIP = gzipSync(TEXT);

describe('gzip', () => {
  test('is known by its magic bytes, in one member or several', async () => {
    const plain = await outcome(TEXT);
    expect(await outcome(GZIP)).toEqual(plain);
    const half = TEXT.indexOf('\n', 1000) + 1;
    expect(await outcome(Buffer.concat([gzipSync(TEXT.slice(0, half)), gzipSync(TEXT.slice(half))]))).toEqual(plain);
  });

  test.each([
    ['cut off in its data', GZIP.subarray(0, GZIP.length - 40)],
    ['cut off in its check sum', GZIP.subarray(0, GZIP.length - 4)],
    ['cut off behind its header', GZIP.subarray(0, 12)],
    ['with a wrong check sum', Buffer.concat([GZIP.subarray(0, -8), Buffer.alloc(4, 1), GZIP.subarray(-4)])],
    ['with zeros and then text behind it', Buffer.concat([GZIP, Buffer.from('\0\0text')])],
    ['with text behind it', Buffer.concat([GZIP, Buffer.from('garbage')])],
    ['with much text behind it', Buffer.concat([GZIP, Buffer.alloc(600_000, 'g')])],
  ])('%s is a complaint, never a short trace', async (_, bytes) => {
    expect(['io', 'encoding']).toContain((await complaint(bytes)).class);
  });

  test('may be padded with zeros, as tapes are', async () => {
    expect(await outcome(Buffer.concat([GZIP, Buffer.alloc(512)]))).toEqual(await outcome(TEXT));
  });

  test('a bomb stops at the longest line', async () => {
    expect((await complaint(gzipSync(Buffer.alloc(64 << 20)))).class).toBe('limit');
  });
});

describe('what is no trace', () => {
  test.each([
    ['perf.data', Buffer.from('PERFILE2\x68\0\0\0'), /perf script/],
    ['UTF-16', Buffer.from(`\ufeff${HEADER}`, 'utf16le'), /iconv/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /iconv/],
    ['UTF-16 without a mark', Buffer.from(HEADER, 'utf16le'), /iconv/],
    ['UTF-16, big end first', Buffer.from(HEADER, 'utf16le').swap16(), /iconv/],
    ['UTF-32 without a mark', Buffer.from('{\0\0\0"\0\0\0'), /iconv/],
    ['bzip2', Buffer.from('BZh91AY&SY'), /bzcat/],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4]), /xzcat/],
    ['a zip archive', Buffer.from('PK\x03\x04\x14\0\0\0'), /unzip -p/],
    ['gzip in gzip', gzipSync(GZIP), /unpack it once/],
    ['UTF-32, big end first', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x7b]), /iconv/],
    ['UTF-32 without a mark', Buffer.from('{\0\0\0"\0\0\0'), /iconv/],
    ['perf.data of the other byte order', Buffer.from('2ELIFREP\0\0\0\x68'), /perf script/],
    ['an ELF file', Buffer.from('\x7fELF\x02\x01\x01'), /record/],
    ['bzip2 data', Buffer.from('BZh91AY&SY'), /bzcat/],
    ['xz data', Buffer.from('\xfd7zXZ\0\0\x04', 'latin1'), /xzcat/],
    ['a zip archive', Buffer.from('PK\x03\x04\x14\0'), /unzip/],
  ])('%s is named, with what to do', async (_, bytes, hint) => {
    const found = await complaint(bytes);
    expect([found.class, found.hint]).toEqual(['encoding', expect.stringMatching(hint)]);
  });

  test('the file that only begins like one is read as text', async () => {
    for (const text of ['PERFILE', '\x7fEL', 'BZ', 'PK\x03', '{\0'])
      expect((await complaint(text)).class).toBe('json-syntax');
  });

  test('a missing file and a directory', async () => {
    await expect(readFile('/nonexistent/trace')).rejects.toMatchObject({ class: 'io' });
    await expect(readFile('/tmp')).rejects.toMatchObject({ class: 'io' });
    const below = join(file(HEADER), 'trace');
    await expect(readFile(below)).rejects.toMatchObject({ class: 'io', hint: 'the system said ENOTDIR' });
  });

  test('exactly one byte order mark is skipped', async () => {
    expect((await read(`\ufeff${FAULT}`)).info.events).toBe(1);
    expect((await complaint(`\ufeff\ufeff${FAULT}`)).class).toBe('json-syntax');
  });
});

describe('what is no file', () => {
  test('of a pipe nobody knows how much will come', async () => {
    const pipe = join(mkdtempSync(join(tmpdir(), 'vmalock-pipe-')), 'trace');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', file(TEXT), pipe]);
    const progress: [number, number | null][] = [];
    const { info } = await readFile(pipe, { onProgress: (...said) => void progress.push(said) });
    expect(info.events).toBe(5000);
    expect(progress.at(-1)).toEqual([TEXT.length, null]);
    writer.kill();
  });

  afterEach(() => vi.restoreAllMocks());

  /** Standard input that gives `head` and then fails. */
  function failing(head: Uint8Array, code: string) {
    const stdin = Readable.from(
      (async function* () {
        yield head;
        throw Object.assign(new Error(`${code}: read`), { code });
      })(),
    );
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(stdin as typeof process.stdin);
  }

  test.each([
    ['EIO', 'cannot read: "EIO: read"'],
    ['EPERM', 'permission denied (EPERM)'],
    ['EACCES', 'permission denied (EACCES)'],
  ])('%s in the middle of standard input is a complaint, packed or not', async (code, message) => {
    for (const head of [Buffer.from(HEADER), GZIP.subarray(0, 100), Buffer.from('28b52ffd0000000000', 'hex')]) {
      failing(head, code);
      await expect(readFile('-')).rejects.toMatchObject({ class: 'io', message });
    }
  });

  test('an error that is not the system’s is a bug, and not dressed up', async () => {
    failing(Buffer.from(HEADER), 'ERR_INVALID_STATE');
    await expect(readFile('-')).rejects.toMatchObject({ name: 'Error', code: 'ERR_INVALID_STATE' });
  });
});
