import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/trace/limits.js';
import { Xxh64 } from '../../src/trace/xxhash.js';
import { unzstd } from '../../src/trace/zstd.js';
import { complaint, FAULT, HEADER, MMAP, outcome } from './helpers.js';

/** A header, MMAP and its munmap, packed by `zstd -19`. */
const PACKED = Buffer.from(
  'KLUv/QRopQMA8kcYF3BvxqjXpwCTbbdPy7mqenBmIJaq7woiwPWiYyhaV719OrtFlRj4bOTQoo4yO5jgeVz4EK85swWloIRzmCQ6G/KEibMfde782S3gGvK3DASbNLshCmPQIOuok86jOrjKVgUAeOPgtQEWmSh0tko0YAaBJh6I',
  'base64',
);
const TEXT = `${HEADER}${MMAP}\n{"op":"munmap","tid":1,"addr":"0x7f0000000000","len":"0x4000"}\n`;
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

function xxh64(text: string | Uint8Array, pieces = [1 << 20]): bigint {
  const bytes = Buffer.from(text);
  const hash = new Xxh64();
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = pieces[i % pieces.length];
    hash.update(bytes.subarray(at, at + size));
    at += size;
  }
  return hash.digest();
}

interface FrameParts {
  /** the byte that says how large the window is */
  window?: number;
  /** flags beside that of the check sum */
  descriptor?: number;
  more?: number[];
  sum?: bigint;
}

/** A frame that holds `content` as it is, with a check sum. */
function frame(
  content: string | Uint8Array,
  { window = 0, descriptor = 0, more = [], sum = xxh64(content) }: FrameParts = {},
): Buffer {
  const bytes = Buffer.from(content);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 1024) {
    const block = bytes.subarray(at, at + 1024);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + 1024 < bytes.length ? 0 : 1), 0, 3);
    blocks.push(header, block);
  }
  const end = Buffer.alloc(4);
  end.writeUInt32LE(Number(BigInt.asUintN(32, sum)));
  return Buffer.concat([Buffer.from([...MAGIC, 4 | descriptor, window, ...more]), ...blocks, end]);
}

const skipped = (length: number): Buffer => {
  const head = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, Buffer.alloc(length, 'x')]);
};

describe('XXH64', () => {
  test.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('of %j is that of its authors', (text, sum) => {
    expect(xxh64(text)).toBe(sum);
  });

  test('does not mind how the bytes come', () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) >>> 3);
    for (const pieces of [[1], [31, 2], [33], [7, 64, 1000]]) expect(xxh64(bytes, pieces)).toBe(xxh64(bytes));
    expect(xxh64(bytes.subarray(1))).not.toBe(xxh64(bytes));
  });
});

describe('zstd', () => {
  test('is unpacked: packed blocks, blocks as they are, several frames, what is to be skipped', async () => {
    const plain = await outcome(TEXT);
    const half = TEXT.indexOf('\n', 60) + 1;
    const several = [skipped(0), frame(TEXT.slice(0, half)), skipped(300_000), frame(TEXT.slice(half)), skipped(5)];
    for (const bytes of [PACKED, frame(TEXT), Buffer.concat(several)]) expect(await outcome(bytes)).toEqual(plain);
    const long = HEADER + `${FAULT}\n`.repeat(5000);
    expect(await outcome(frame(long))).toEqual(await outcome(long));
  });

  test('may come in pieces of any size, a byte order mark in two of them', async () => {
    const bytes = Buffer.from(`\ufeff${TEXT}`);
    const pieces = Buffer.concat([frame(bytes.subarray(0, 1)), frame(bytes.subarray(1))]);
    expect(await outcome(pieces)).toEqual(await outcome(TEXT));
  });

  test('cut off anywhere is a complaint', async () => {
    for (const bytes of [PACKED, frame(TEXT), Buffer.concat([frame(TEXT), skipped(9)])]) {
      for (let end = 4; end < bytes.length; end += 3) {
        if (end === frame(TEXT).length) continue;
        const found = await complaint(bytes.subarray(0, end));
        expect([found.class, found.message], `${end}`).toEqual(['encoding', expect.stringMatching(/truncated zstd/)]);
      }
    }
  });

  test.each([
    ['with a wrong check sum', frame(TEXT, { sum: 1n }), /wrong check sum/],
    ['with another length than it says', frame(TEXT, { descriptor: 0x80, more: [9, 0, 0, 0] }), /wrong length/],
    ['with text behind it', Buffer.concat([frame(TEXT), Buffer.from('text')]), /bytes that are not zstd follow it/],
    ['with an unknown kind of block', Buffer.from([...MAGIC, 0, 0, 7, 0, 0]), /damaged/],
    ['with a block that is too long', Buffer.from([...MAGIC, 0, 0, 1, 0, 0x20]), /more than 128 KiB/],
    ['with a dictionary', frame(TEXT, { descriptor: 1, more: [7] }), /needs a dictionary/],
    ['packed twice', frame(frame('x')), /what was packed here is packed data/],
  ])('%s is a complaint', async (_, bytes, message) => {
    const found = await complaint(bytes);
    expect([found.class, found.message]).toEqual(['encoding', expect.stringMatching(message)]);
  });

  test('that needs a huge window is refused before one is made', async () => {
    const largest = (Math.log2(LIMITS.maxWindow.standard) - 10) << 3;
    expect(await outcome(frame(TEXT, { window: largest }))).toEqual(await outcome(TEXT));
    const whole = Buffer.from([...MAGIC, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0]);
    for (const bytes of [frame(TEXT, { window: largest + 1 }), frame(TEXT, { window: 0xff }), whole]) {
      expect((await complaint(bytes)).class).toBe('limit');
    }
    expect(await outcome(frame(TEXT, { window: largest + 1 }), { maxWindow: 2 ** 28 })).toEqual(await outcome(TEXT));
    expect(await complaint(frame(TEXT), { maxWindow: 512 })).toMatchObject({
      class: 'limit',
      message: 'zstd data with a window of 1024 bytes, more than 512',
      hint: 'raise the limit with --max-window, or pack it without --long',
    });
  });

  test('no damaged bit goes unnoticed, but those that mean nothing', async () => {
    const plain = await outcome(TEXT);
    const unnoticed: number[] = [];
    for (let bit = 40; bit < PACKED.length * 8; bit++) {
      const damaged = Buffer.from(PACKED);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      const found = (await outcome(damaged)) as { class?: string };
      if (found.class !== undefined) continue;
      expect(found).toEqual(plain);
      unnoticed.push(bit);
    }
    expect(unnoticed.length).toBeLessThan(10);
  });
});

describe.skipIf(spawnSync('zstd', ['--version']).error !== undefined)('what the zstd program packs', () => {
  async function unpacked(packed: Buffer, size: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    async function* chunks() {
      for (let at = 0; at < packed.length; at += size) yield packed.subarray(at, at + size);
    }
    for await (const piece of unzstd(chunks(), '-')) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  const pack = (bytes: Uint8Array, ...how: string[]) =>
    execFileSync('zstd', ['-q', '-c', ...how], { input: bytes, maxBuffer: 1 << 30 });

  test('is unpacked to the same bytes, whatever they are', async () => {
    // Runs, repeats of what came before, and skewed letters: every kind of block, literal and table.
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.uint8Array({ min: 60, max: 70, minLength: 1, maxLength: 3000 }),
      fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    );
    const content = fc
      .array(fc.tuple(piece, fc.nat(3)), { maxLength: 30 })
      .map(parts => Buffer.concat(parts.flatMap(([part, again]) => Array<Uint8Array>(again + 1).fill(part))));
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.constantFrom('-1', '-3', '-19', '--fast=3', '--no-check'),
        fc.constantFrom(1, 100, 1 << 17),
        async (bytes, how, size) => {
          expect((await unpacked(pack(bytes, how), size)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('is a recording, in many blocks', async () => {
    const recorded = new URL('../../traces/recorded/6.18-node-workers.ndjson.gz', import.meta.url);
    const bytes = gunzipSync(readFileSync(recorded));
    for (const how of ['-1', '-12', '--long=27'])
      expect((await unpacked(pack(bytes, how), 1 << 16)).equals(bytes)).toBe(true);
  });
});
