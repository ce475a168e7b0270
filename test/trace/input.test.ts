import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { complaint, FAULT, HEADER, outcome, read, readFile } from './helpers.js';

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
    ['with text behind it', Buffer.concat([GZIP, Buffer.from('garbage')])],
    ['with much text behind it', Buffer.concat([GZIP, Buffer.alloc(600_000, 'g')])],
  ])('%s is a complaint, never a short trace', async (_, bytes) => {
    expect(['io', 'encoding']).toContain((await complaint(bytes)).class);
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
    ['gzip in gzip', gzipSync(GZIP), /unpack it once/],
    ['an ELF file', Buffer.from('\x7fELF\x02\x01\x01'), /record/],
  ])('%s is named, with what to do', async (_, bytes, hint) => {
    const found = await complaint(bytes);
    expect([found.class, found.hint]).toEqual(['encoding', expect.stringMatching(hint)]);
  });

  test('a missing file and a directory', async () => {
    await expect(readFile('/nonexistent/trace')).rejects.toMatchObject({ class: 'io' });
    await expect(readFile('/tmp')).rejects.toMatchObject({ class: 'io' });
  });

  test('exactly one byte order mark is skipped', async () => {
    expect((await read(`\ufeff${FAULT}`)).info.events).toBe(1);
    expect((await complaint(`\ufeff\ufeff${FAULT}`)).class).toBe('json-syntax');
  });
});
