/**
 * zstd (RFC 8878): frames, one after the other, each with its blocks, the length it may promise and its check sum. How large a
 * window a frame asks for is looked at before any of it is made.
 */
import { Complaint } from '../errors.js';
import { LIMITS } from './limits.js';
import { Xxh64 } from './xxhash.js';
import { BlockDecoder, MAX_BLOCK, SLACK } from './zstd-block.js';
import { Damage } from './zstd-entropy.js';

const MAGIC = 0xfd2fb528;

function magicOf(head: Uint8Array): number {
  return (head[0] | (head[1] << 8) | (head[2] << 16) | (head[3] << 24)) >>> 0;
}

const isSkippable = (magic: number): boolean => (magic & 0xfffffff0) >>> 0 === 0x184d2a50;

/** Do these bytes begin a frame, of data or of something to skip? */
export function isZstd(head: Uint8Array): boolean {
  return magicOf(head) === MAGIC || isSkippable(magicOf(head));
}

/**
 * What the frames of `source` hold, one after the other.
 * @param maxWindow bytes
 * @throws Complaint of class `encoding` or `limit`
 */
export async function* unzstd(
  source: AsyncIterable<Uint8Array>,
  file: string,
  maxWindow: number = LIMITS.maxWindow.standard,
): AsyncGenerator<Uint8Array> {
  const input = new Input(source);
  const block = new Uint8Array(MAX_BLOCK + SLACK);
  try {
    while (await input.begins(block)) {
      const magic = magicOf(block);
      if (magic === MAGIC) yield* unpackFrame(input, block, maxWindow);
      else if (isSkippable(magic)) {
        await input.read(block, 4);
        await input.skip(magicOf(block));
      } else throw new Damage('bytes that are not zstd follow it');
    }
  } catch (error) {
    if (error instanceof Damage) {
      throw new Complaint('encoding', `damaged zstd data: ${error.message}`, { file }, 'copy the file again');
    }
    if (error === ENDS_EARLY) {
      throw new Complaint('encoding', 'truncated zstd data: it ends early', { file }, 'copy the file again');
    }
    if (error instanceof TooLarge) {
      const message = `zstd data with a window of ${error.window} bytes, more than ${maxWindow}`;
      const hint = `raise the limit with ${LIMITS.maxWindow.option}, or pack it without --long`;
      throw new Complaint('limit', message, { file }, hint);
    }
    throw error;
  }
}

const ENDS_EARLY = Symbol('ends early');

class TooLarge extends Error {
  constructor(readonly window: number) {
    super();
  }
}

/** Bytes by the number that is wanted. */
class Input {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.chunks = source[Symbol.asyncIterator]();
  }

  /** Reads four bytes into `place`; false when there are none. */
  async begins(place: Uint8Array): Promise<boolean> {
    if (!(await this.more())) return false;
    await this.read(place, 4);
    return true;
  }

  async read(place: Uint8Array, length: number): Promise<void> {
    for (let have = 0; have < length; ) {
      if (!(await this.more())) throw ENDS_EARLY;
      const part = this.chunk.subarray(this.at, this.at + length - have);
      place.set(part, have);
      have += part.length;
      this.at += part.length;
    }
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      if (!(await this.more())) throw ENDS_EARLY;
      const part = Math.min(left, this.chunk.length - this.at);
      left -= part;
      this.at += part;
    }
  }

  /** Is there another byte? */
  private async more(): Promise<boolean> {
    while (this.at === this.chunk.length) {
      const { value, done } = await this.chunks.next();
      if (done === true) return false;
      this.chunk = value;
      this.at = 0;
    }
    return true;
  }
}

interface FrameHeader {
  window: number;
  /** bytes it holds, null where it does not say */
  size: number | null;
  hasSum: boolean;
}

async function readHeader(input: Input, head: Uint8Array, maxWindow: number): Promise<FrameHeader> {
  await input.read(head, 1);
  const descriptor = head[0];
  if ((descriptor & 8) !== 0) throw new Damage('an unknown kind of frame');
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3];
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const windowBytes = single ? 0 : 1;
  await input.read(head, windowBytes + dictionary + sizeBytes);
  const sizeAt = windowBytes + dictionary;
  if (head.subarray(windowBytes, sizeAt).some(byte => byte !== 0)) throw new Damage('it needs a dictionary');
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + head[sizeAt + i];
  if (sizeBytes === 2) size += 256;
  const base = 2 ** (10 + (head[0] >> 3));
  const window = single ? size : base + (base / 8) * (head[0] & 7);
  if (window > maxWindow) throw new TooLarge(window);
  return { window, size: sizeBytes === 0 ? null : size, hasSum: (descriptor & 4) !== 0 };
}

async function* unpackFrame(input: Input, block: Uint8Array, maxWindow: number): AsyncGenerator<Uint8Array> {
  const { window, size, hasSum } = await readHeader(input, block, maxWindow);
  const decoder = new BlockDecoder(window);
  const sum = new Xxh64();
  let length = 0;
  for (let last = false; !last; ) {
    await input.read(block, 3);
    const header = block[0] | (block[1] << 8) | (block[2] << 16);
    last = (header & 1) === 1;
    const bytes = await unpackBlock(input, block, decoder, header >> 1);
    length += bytes.length;
    if (hasSum) sum.update(bytes);
    yield bytes;
  }
  if (size !== null && size !== length) throw new Damage('wrong length');
  if (!hasSum) return;
  await input.read(block, 4);
  if (magicOf(block) !== Number(BigInt.asUintN(32, sum.digest()))) throw new Damage('wrong check sum');
}

/** @param header its kind in the lowest two bits, and its size */
async function unpackBlock(
  input: Input,
  block: Uint8Array,
  decoder: BlockDecoder,
  header: number,
): Promise<Uint8Array> {
  const kind = header & 3;
  const size = header >> 2;
  if (size > MAX_BLOCK) throw new Damage('a block of more than 128 KiB');
  if (kind === 3) throw new Damage('an unknown kind of block');
  await input.read(block, kind === 1 ? 1 : size);
  if (kind === 0) return decoder.raw(block.subarray(0, size));
  if (kind === 1) return decoder.repeated(block[0], size);
  block.fill(0, size, size + SLACK);
  return decoder.packed(block, size);
}
