/** Blocks of zstd made by hand, bit by bit: forms that its program makes rarely, and what it never makes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unzstd } from '../../src/trace/zstd.js';

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const [RAW, RLE, PACKED] = [0, 1, 2];
/** A window of 1 KiB, no length, no check sum. */
const SMALL = [0, 0];

interface Block {
  kind: number;
  bytes: readonly number[];
  /** what its header says, where that is not how many bytes follow */
  size?: number;
}

function frame(blocks: readonly Block[], head: readonly number[] = SMALL): Buffer {
  const parts = blocks.map(({ kind, bytes, size = bytes.length }, i) => {
    const header = (size << 3) | (kind << 1) | (i === blocks.length - 1 ? 1 : 0);
    return Buffer.from([header & 255, (header >> 8) & 255, header >> 16, ...bytes]);
  });
  return Buffer.concat([Buffer.from([...MAGIC, ...head]), ...parts]);
}

async function unpacked(bytes: Uint8Array): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  async function* source() {
    yield bytes;
  }
  for await (const piece of unzstd(source(), '-')) pieces.push(piece);
  return Buffer.concat(pieces);
}

const packed = (...bytes: number[]): Block => ({ kind: PACKED, bytes });
const raw = (text: string): Block => ({ kind: RAW, bytes: [...Buffer.from(text)] });

/** Literals of one byte, `count` of them. */
function sameLiterals(byte: number, count: number): number[] {
  const header = (count << 4) | (3 << 2) | RLE;
  return [header & 255, (header >> 8) & 255, header >> 16, byte];
}
/** Literals as they are, fewer than 32. */
const literals = (text: string): number[] => [(text.length << 3) | RAW, ...Buffer.from(text)];
/** Literals of a tree of two bytes, `streams` 1 or 4, in a section of so many bytes. */
const treeLiterals = (count: number, streams: 1 | 4, bytes: readonly number[]): number[] => {
  const header = PACKED | ((streams === 1 ? 0 : 1) << 2) | (count << 4) | (bytes.length << 14);
  return [header & 255, (header >> 8) & 255, header >> 16, ...bytes];
};
/** Its one weight is 1, and so is the one that is not written down: 0 for the first byte, 1 for the second. */
const TREE = [128, 0x10];

/** Sequences that each have one and the same code: literal lengths, offsets, match lengths. */
const sequences = (count: readonly number[], codes: readonly number[], bits: readonly number[]) => [
  ...count,
  0x54,
  ...codes,
  ...bits,
];
/** A stream without a bit in it. */
const NO_BITS = [1];

/** A distribution of 2^5 states: fields of so many bits, the first in the lowest. */
function distribution(...fields: readonly [value: number, bits: number][]): number[] {
  let bits = 0n;
  let length = 0n;
  for (const [value, size] of [[0, 4] as const, ...fields]) {
    bits |= BigInt(value) << length;
    length += BigInt(size);
  }
  const bytes: number[] = [];
  for (let left = length; left > 0n; left -= 8n) {
    bytes.push(Number(bits & 255n));
    bits >>= 8n;
  }
  return bytes;
}
/** Sequences whose offsets have a distribution of their own. */
const withOffsets = (table: readonly number[]) => packed(0, 1, 0x20, ...table);

describe('is unpacked:', () => {
  test('a block of one byte, and literals of one', async () => {
    const bytes = frame([{ kind: RLE, bytes: [0x78], size: 1000 }, packed(...sameLiterals(0x79, 70_000), 0)]);
    expect((await unpacked(bytes)).equals(Buffer.from('x'.repeat(1000) + 'y'.repeat(70_000)))).toBe(true);
  });

  test('a length of two bytes, which counts from 256', async () => {
    const block = { kind: RLE, bytes: [0x78], size: 300 };
    expect(await unpacked(frame([block], [0x40, 0, 44, 0]))).toHaveLength(300);
    await expect(unpacked(frame([block], [0x40, 0, 45, 0]))).rejects.toThrow('wrong length');
  });

  test('literals of a tree of three bytes: two weights in one byte, the higher half first', async () => {
    const [zero, one, two] = ['1', '00', '01'];
    const stream = Number.parseInt(`1${zero}${one}${two}`, 2);
    expect(await unpacked(frame([packed(...treeLiterals(3, 1, [129, 0x21, stream]), 0)]))).toEqual(
      Buffer.from([0, 1, 2]),
    );
  });

  test('literals of a tree, in one stream or four', async () => {
    // each stream is read from its end: below the mark the first code, 1, then 0
    expect(await unpacked(frame([packed(...treeLiterals(2, 1, [...TREE, 0b110]), 0)]))).toEqual(Buffer.from([1, 0]));
    const four = [...TREE, 1, 0, 1, 0, 1, 0, 0b110, 0b101, 0b100, 0b111];
    expect(await unpacked(frame([packed(...treeLiterals(8, 4, four), 0)]))).toEqual(
      Buffer.from([1, 0, 0, 1, 0, 0, 1, 1]),
    );
  });

  test('a literal length, an offset and a match length of one code each, with the three ways to say how many', async () => {
    // offset 4 reaches back before the block; the next one, of no literals, is the one before it
    const many = sequences([255, 0, 0], [0, 0, 0], NO_BITS);
    const run = await unpacked(frame([raw('xxxx'), packed(0, ...many)]));
    expect(run.equals(Buffer.from('x'.repeat(4 + 0x7f00 * 3)))).toBe(true);
    expect(
      await unpacked(frame([raw('xxxx'), packed(0, ...sequences([128 + 1, 44], [0, 0, 0], NO_BITS))])),
    ).toHaveLength(4 + 300 * 3);
    expect(
      (
        await unpacked(frame([raw('abcd'), packed(...literals('e'), ...sequences([1], [1, 0, 0], NO_BITS))]))
      ).toString(),
    ).toBe('abcdeeee');
  });

  test('the offset before the last less one, which needs one of 2', async () => {
    // value 5 is an offset of 2, then 3 without literals is that less 1
    const first = packed(...literals('abc'), 1, 0x54, 3, 2, 0, 0b101);
    const second = packed(0, 1, 0x54, 0, 1, 0, 0b11);
    expect((await unpacked(frame([first, second]))).toString()).toBe('abcbcbbbb');
  });

  test('the last three offsets, in the order of their use', async () => {
    const step = fc.record({
      run: fc.nat(3),
      value: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 4, max: 15 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async steps => {
        const text = 'abcdefghijklmnop';
        const blocks = [raw(text)];
        let out = text;
        let recent = [1, 4, 8];
        for (const [i, { run, value }] of steps.entries()) {
          // RFC 8878, 3.1.1.5: up to 3 they are repeated, without literals the next one is, and the third is the first less 1
          const which = value > 3 ? 3 : value - 1 + (run === 0 ? 1 : 0);
          const offset = value > 3 ? value - 3 : which === 3 ? recent[0] - 1 : recent[which];
          if (offset === 0) continue;
          recent = [offset, ...recent.filter((_, place) => place !== which)].slice(0, 3);
          const letters = String(i % 10).repeat(run);
          out += letters;
          for (let n = 0; n < 3; n++) out += out[out.length - offset];
          const code = Math.floor(Math.log2(value));
          blocks.push(packed(...literals(letters), ...sequences([1], [run, code, 0], [value])));
        }
        expect((await unpacked(frame(blocks))).toString()).toBe(out);
      }),
      { numRuns: 300, seed: 8878 },
    );
  });

  test('much more than its window', async () => {
    const blocks = Array.from({ length: 40 }, (_, i) => ({ kind: RLE, bytes: [i], size: 128 * 1024 }));
    const bytes = await unpacked(frame(blocks));
    expect(bytes).toHaveLength(40 * 128 * 1024);
    expect([0, 20, 39].map(i => bytes[i * 128 * 1024])).toEqual([0, 20, 39]);
  });
});

describe('is damaged:', () => {
  test.each([
    ['a frame with the reserved bit', [packed(0, 0)], [8, 0], 'an unknown kind of frame'],
    ['no literals at all', [packed()], SMALL, 'literals without their end'],
    ['literals without their end', [packed(...literals('abc').slice(0, 2))], SMALL, 'literals without their end'],
    ['a header of literals without its end', [packed(PACKED)], SMALL, 'literals without their end'],
    [
      'packed literals without their end',
      [packed(...treeLiterals(2, 1, [...TREE, 6]).slice(0, 5))],
      SMALL,
      'literals without their end',
    ],
    ['too many literals', [packed(...sameLiterals(0x78, 128 * 1024 + 1), 0)], SMALL, 'too many literals'],
    ['literals of a tree that nobody told', [packed(3 | (1 << 4), 0x40, 0, 1, 0)], SMALL, 'literals without a tree'],
    [
      'four streams of two literals',
      [packed(...treeLiterals(2, 4, [...TREE, 1, 0, 1, 0, 1, 0, 6, 6, 6, 6]), 0)],
      SMALL,
      'literals without their end',
    ],
    [
      'four streams without their lengths',
      [packed(...treeLiterals(8, 4, [...TREE, 1, 0]), 0)],
      SMALL,
      'literals without their end',
    ],
    [
      'a stream that is longer than all',
      [packed(...treeLiterals(8, 4, [...TREE, 9, 0, 1, 0, 1, 0, 6, 6, 6, 6]), 0)],
      SMALL,
      'literals without their end',
    ],
    [
      'a stream that is too long for its literals',
      [packed(...treeLiterals(2, 1, [...TREE, 0b1110]), 0)],
      SMALL,
      'literals that do not add up',
    ],
    ['no sequences', [packed(0)], SMALL, 'sequences without their end'],
    ['half of how many sequences', [packed(0, 200)], SMALL, 'sequences without their end'],
    ['bytes behind no sequences', [packed(0, 0, 0)], SMALL, 'bytes behind a block'],
    ['sequences without their kinds', [packed(0, 1)], SMALL, 'an unknown kind of sequence'],
    ['a reserved kind of sequence', [packed(0, 1, 1)], SMALL, 'an unknown kind of sequence'],
    ['a code that there is not', [packed(0, 1, 0x54, 36, 0, 0, 1)], SMALL, 'an unknown code'],
    ['sequences without their codes', [packed(0, 1, 0x54)], SMALL, 'an unknown code'],
    ['tables of the block before, of which there is none', [packed(0, 1, 0xfc, 1)], SMALL, 'no table to repeat'],
    ['sequences without their bits', [packed(0, 1, 0x54, 0, 0, 0)], SMALL, 'a bit stream without its end'],
    [
      'bits that no sequence takes',
      [raw('xxxx'), packed(0, ...sequences([1], [0, 0, 0], [3]))],
      SMALL,
      'sequences that do not add up',
    ],
    ['an offset of 0', [raw('xxxx'), packed(0, 2, 0x54, 0, 1, 0, 0b1111)], SMALL, 'an offset of 0'],
    [
      'more literals than there are',
      [packed(...literals('e'), ...sequences([1], [2, 0, 0], NO_BITS))],
      SMALL,
      'a block that is too long',
    ],
    [
      'a match behind as many literals as fit',
      [raw('xxxx'), packed(...sameLiterals(0x78, 128 * 1024), ...sequences([1], [0, 0, 0], NO_BITS))],
      SMALL,
      'a block that is too long',
    ],
    [
      'a match before the first byte',
      [packed(...literals('e'), ...sequences([1], [1, 2, 0], [0b101]))],
      SMALL,
      'a match that reaches too far back',
    ],
    ['a table that is too large', [packed(0, 1, 0x20, 15)], SMALL, 'a table that is too large'],
    [
      'a table of too many symbols',
      [
        withOffsets([
          ...distribution(
            [1, 5],
            ...Array.from({ length: 12 }, (): [number, number] => [3, 2]),
            [0, 2],
            [1, 5],
            [0, 2],
          ),
          0,
          0,
          0,
          0,
        ]),
      ],
      SMALL,
      'a table without its end',
    ],
    ['a table without its end', [withOffsets(distribution([1, 5]))], SMALL, 'a table without its end'],
    [
      'a table whose zeros do not end',
      [withOffsets(distribution([1, 5], [3, 2], [3, 2], [3, 2]))],
      SMALL,
      'a table without its end',
    ],
    [
      'a table whose last symbol is behind the block',
      [withOffsets(distribution([2, 5], [30, 5], [2, 2]))],
      SMALL,
      'a table without its end',
    ],
    ['a tree without its end', [packed(...treeLiterals(2, 1, [100, 0]), 0)], SMALL, 'a tree without its end'],
    [
      'a tree of many weights without its end',
      [packed(...treeLiterals(2, 1, [250, 0]), 0)],
      SMALL,
      'a tree without its end',
    ],
    ['a tree of nothing', [packed(...treeLiterals(2, 1, [128, 0, 6]), 0)], SMALL, 'a tree that is too large'],
    [
      'a tree that does not add up',
      [packed(...treeLiterals(2, 1, [130, 0x33, 0x10, 6]), 0)],
      SMALL,
      'a tree that does not add up',
    ],
  ] as const)('%s', async (_what, blocks, head, message) => {
    await expect(unpacked(frame(blocks, head))).rejects.toMatchObject({
      class: 'encoding',
      message: `damaged zstd data: ${message}`,
    });
  });
});
