import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, closeSync, mkdtempSync, openSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readBytes } from '../../src/trace/input.js';
import { Rereading } from '../../src/trace/rereading.js';
import { complaint, FAULT, file, HEADER, outcome, read, readFile } from './helpers.js';

const TEXT = HEADER + `${FAULT}\n`.repeat(5000);
const GZIP = gzipSync(TEXT);
const SHORT_TEXT = HEADER + `${FAULT}\n`.repeat(50);
const SHORT_GZIP = gzipSync(SHORT_TEXT);
const ZEROS = Buffer.alloc(512);

/** What comes of standard input that gives these. */
async function inPieces(...pieces: Uint8Array[]): Promise<unknown> {
  const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from(pieces) as typeof process.stdin);
  try {
    const { rows, info } = await readFile('-');
    return { rows, info: { ...info, file: '' } };
  } finally {
    stdin.mockRestore();
  }
}

describe('gzip', () => {
  const SHORT = 'truncated gzip data: it ends early';
  const MORE = 'something follows the zeros behind the gzip data';
  test('is known by its magic bytes, in one member or several', async () => {
    const plain = await outcome(TEXT);
    expect(await outcome(GZIP)).toEqual(plain);
    const half = TEXT.indexOf('\n', 1000) + 1;
    expect(await outcome(Buffer.concat([gzipSync(TEXT.slice(0, half)), gzipSync(TEXT.slice(half))]))).toEqual(plain);
  });

  test.each([
    ['cut off in its data', GZIP.subarray(0, GZIP.length - 40), SHORT],
    ['cut off in its check sum', GZIP.subarray(0, GZIP.length - 4), SHORT],
    ['cut off behind its header', GZIP.subarray(0, 12), SHORT],
    [
      'with a wrong check sum',
      Buffer.concat([GZIP.subarray(0, -8), Buffer.alloc(4, 1), GZIP.subarray(-4)]),
      'damaged gzip data: "incorrect data check"',
    ],
    ['with zeros and then text behind it', Buffer.concat([GZIP, Buffer.from('\0\0text')]), MORE],
    ['with zeros, text and zeros behind it', Buffer.concat([GZIP, Buffer.from('\0text\0')]), MORE],
    ['with a zero and then a member behind it', Buffer.concat([GZIP, Buffer.alloc(1), GZIP]), MORE],
    ['with many zeros and then a member behind it', Buffer.concat([GZIP, Buffer.alloc(600_000), GZIP]), MORE],
    ['with a member behind zeros, and padded itself', Buffer.concat([GZIP, Buffer.alloc(512), GZIP, ZEROS]), MORE],
    [
      'with text behind it',
      Buffer.concat([GZIP, Buffer.from('garbage')]),
      'damaged gzip data: "incorrect header check"',
    ],
    [
      'with much text behind it',
      Buffer.concat([GZIP, Buffer.alloc(600_000, 'g')]),
      'damaged gzip data: "incorrect header check"',
    ],
  ])('%s is a complaint, never a short trace', async (_, bytes, message) => {
    const hint =
      message === MORE ? 'the file is damaged, or cut off what comes after the zeros' : 'copy the file again';
    expect(await complaint(bytes)).toMatchObject({ class: 'encoding', message, hint });
  });

  test('may be padded with zeros, as tapes are', async () => {
    const plain = await outcome(SHORT_TEXT);
    for (const length of [1, 512, 600_000])
      expect(await outcome(Buffer.concat([SHORT_GZIP, Buffer.alloc(length)]))).toEqual(plain);
  });

  test('is read the same however it comes in pieces', async () => {
    const plain = await outcome(SHORT_TEXT);
    const given = Buffer.concat([SHORT_GZIP, ZEROS]);
    for (const cut of [1, SHORT_GZIP.length - 1, SHORT_GZIP.length, SHORT_GZIP.length + 1])
      expect(await inPieces(given.subarray(0, cut), given.subarray(cut))).toEqual(plain);
    await expect(inPieces(SHORT_GZIP, ZEROS, SHORT_GZIP)).rejects.toMatchObject({ class: 'encoding', message: MORE });
    expect(await inPieces(SHORT_GZIP, Buffer.alloc(0), ZEROS)).toEqual(plain);
  });

  test('a bomb stops at the longest line', async () => {
    expect((await complaint(gzipSync(Buffer.alloc(64 << 20)))).class).toBe('limit');
  });
});

describe('what is no trace', () => {
  const ICONV = 'convert it: iconv -t UTF-8';
  test.each([
    ['perf.data', Buffer.from('PERFILE2\x68\0\0\0'), 'run: perf script -i FILE | vmalock import -'],
    ['perf.data', Buffer.from('2ELIFREP\0\0\0\x68'), 'run: perf script -i FILE | vmalock import -'],
    ['UTF-16 text', Buffer.from(`\ufeff${HEADER}`, 'utf16le'), ICONV],
    ['UTF-16 text', Buffer.from(`\ufeff${HEADER}`, 'utf16le').swap16(), ICONV],
    ['UTF-16 text', Buffer.from(HEADER, 'utf16le'), ICONV],
    ['UTF-16 text', Buffer.from(HEADER, 'utf16le').swap16(), ICONV],
    ['UTF-32 text', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), ICONV],
    ['UTF-32 text', Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x7b]), ICONV],
    ['UTF-32 text', Buffer.from('{\0\0\0"\0\0\0'), ICONV],
    ['UTF-32 text', Buffer.from('\0\0\0{\0\0\0"'), ICONV],
    ['bzip2 data', Buffer.from('BZh91AY&SY'), 'pipe it through bzcat'],
    ['xz data', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4]), 'pipe it through xzcat'],
    ['a zip archive', Buffer.from('PK\x03\x04\x14\0\0\0'), 'pipe it through unzip -p'],
    ['an ELF program', Buffer.from('\x7fELF\x02\x01\x01'), 'record it: vmalock record -o FILE -- PROGRAM'],
  ])('%s is named, packed or not, with what to do', async (what, bytes, hint) => {
    const message = `looks like ${what}, not like a trace`;
    for (const given of [bytes, gzipSync(bytes)])
      expect(await complaint(given)).toMatchObject({ class: 'encoding', message, hint, where: { line: 1, column: 1 } });
  });

  test('what was packed twice is to be unpacked once', async () => {
    const found = await complaint(gzipSync(GZIP));
    expect(found).toMatchObject({
      class: 'encoding',
      message: 'what was packed here is packed data',
      hint: 'unpack it once',
    });
  });

  test('the file that only begins like one is read as text', async () => {
    for (const text of ['PERFILE', '2ELIFRE', 'xPERFILE2', '\x7fEL', 'BZ', 'xBZh', 'PK\x03', '{\0', '{\0"', '{"\0\0'])
      expect((await complaint(text)).class).toBe('json-syntax');
  });

  test('a missing file and a directory', async () => {
    const where = { file: '/nonexistent/trace' };
    const none = { class: 'io', message: 'no such file', hint: 'check the path; - reads stdin', where };
    await expect(readFile('/nonexistent/trace')).rejects.toMatchObject(none);
    const folder = { class: 'io', message: 'is a directory', hint: 'name a file' };
    await expect(readFile('/tmp')).rejects.toMatchObject(folder);
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

  test('standard input that is a directory is refused, though it ends at once', async () => {
    const fd = openSync(tmpdir(), 'r');
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Object.assign(Readable.from([]), { fd }) as never);
    await expect(readFile('-')).rejects.toMatchObject({ class: 'io', message: 'is a directory', where: { file: '-' } });
    closeSync(fd);
  });

  test('standard input tells how much has come so far', async () => {
    const chunks = [HEADER, `${FAULT}\n`, `${FAULT}\n`].map(text => Buffer.from(text));
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from(chunks) as typeof process.stdin);
    const progress: [number, number | null][] = [];
    await readFile('-', { onProgress: (...said) => void progress.push(said) });
    const [header, event] = [HEADER.length, FAULT.length + 1];
    expect(progress).toEqual([
      [header, null],
      [header + event, null],
      [header + 2 * event, null],
    ]);
  });

  test.each([
    ['EIO', 'cannot read: "EIO: read"'],
    ['EPERM', 'permission denied (EPERM)'],
    ['EACCES', 'permission denied (EACCES)'],
  ])('%s in the middle of standard input is a complaint, packed or not', async (code, message) => {
    for (const head of [Buffer.from(HEADER), GZIP.subarray(0, 100), Buffer.from('28b52ffd0000000000', 'hex')]) {
      failing(head, code);
      await expect(readFile('-')).rejects.toMatchObject({ class: 'io', message, where: { file: '-' } });
    }
  });

  test('an error that is not the system’s is a bug, and not dressed up', async () => {
    failing(Buffer.from(HEADER), 'ERR_INVALID_STATE');
    await expect(readFile('-')).rejects.toMatchObject({ name: 'Error', code: 'ERR_INVALID_STATE' });
  });
});

describe('a file that is read more than once', () => {
  const CHANGED = { class: 'io', message: 'the file changed while it was read', hint: 'read a copy of it' };

  test('is the same each time, or that is a complaint', async () => {
    const [path, rereading] = [file(SHORT_TEXT), new Rereading()];
    await readFile(path, { rereading });
    await readFile(path, { rereading });
    writeFileSync(path, SHORT_TEXT.replaceAll('1234', '4321'));
    utimesSync(path, 1, 1);
    await expect(readFile(path, { rereading })).rejects.toMatchObject({ ...CHANGED, where: { file: path } });
    await readFile(path, { rereading: new Rereading() });
  });

  test('must not grow meanwhile either', async () => {
    const [path, rereading] = [file(SHORT_TEXT), new Rereading()];
    const reading = readFile(path, { rereading, batch: 10, onBatch: () => appendFileSync(path, `${FAULT}\n`) });
    await expect(reading).rejects.toMatchObject(CHANGED);
  });
});

test('a file without a name is told for that', async () => {
  const message = 'a file to read has no name';
  const hint = 'name a file; - reads stdin';
  await expect(readBytes('').next()).rejects.toMatchObject({ class: 'io', message, where: {}, hint });
});
