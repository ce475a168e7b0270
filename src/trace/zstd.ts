/**
 * zstd (RFC 8878). fzstd unpacks the blocks; what it leaves unchecked is checked here: how large a window a frame asks for,
 * before any of it is allocated, that it needs no dictionary, and that what came out is as long as it says and has its check sum.
 */
import { Complaint } from '../errors.js';
import { MAX_ZSTD_WINDOW } from './limits.js';
import { Xxh64 } from './xxhash.js';

/** Bytes that are unpacked at a time: each may become 40 times as many. */
const STEP = 16 * 1024;
const MAGIC = 0xfd2fb528;
/** The longest block, packed or not. */
const MAX_BLOCK = 128 * 1024;
/** The longest header of a frame. */
const MAX_HEADER = 18;

/** Do these bytes begin a frame, of data or of something to skip? */
export function isZstd(head: Uint8Array): boolean {
  const magic = (head[0] | (head[1] << 8) | (head[2] << 16) | (head[3] << 24)) >>> 0;
  return magic === MAGIC || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
}

/**
 * What the frames of `source` hold, one after the other.
 * @throws Complaint of class `encoding` or `limit`
 */
export async function* unzstd(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd');
  const out: Uint8Array[] = [];
  const decompress = () => new Decompress(piece => void out.push(piece));
  const frame = new Frame(file);
  let zstd = decompress();
  let sum = new Xxh64();
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const end = frame.walk(chunk, at, Math.min(at + STEP, chunk.length));
      try {
        zstd.push(chunk.subarray(at, end), frame.over);
      } catch (error) {
        throw frame.damaged(error instanceof Error ? error.message : String(error));
      }
      at = end;
      for (const piece of out.splice(0)) {
        if (frame.hasSum) sum.update(piece);
        length += piece.length;
        yield piece;
      }
      if (!frame.over) continue;
      if (frame.hasSum && frame.sum !== Number(BigInt.asUintN(32, sum.digest())))
        throw frame.damaged('wrong check sum');
      if (frame.size !== null && frame.size !== length) throw frame.damaged('wrong length');
      zstd = decompress();
      sum = new Xxh64();
      length = 0;
    }
  }
  if (!frame.over) {
    throw new Complaint('encoding', 'truncated zstd data: it ends early', { file }, 'copy the file again');
  }
}

/** Where a frame ends, and what its header and its last bytes say. */
class Frame {
  /** is what was walked the end of a frame? */
  over = true;
  /** bytes it holds, null where it does not say */
  size: number | null = null;
  hasSum = false;
  /** the low half of XXH64 */
  sum = 0;
  private part: 'magic' | 'header' | 'skip' | 'block' | 'body' | 'sum' = 'magic';
  /** bytes of a body that are still to come */
  private left = 0;
  private last = false;
  private readonly head = Buffer.alloc(MAX_HEADER);
  private have = 0;
  private want = 4;

  constructor(private readonly file: string) {}

  damaged(why: string): Complaint {
    return new Complaint('encoding', `damaged zstd data: ${why}`, { file: this.file }, 'copy the file again');
  }

  /** Goes on from `at` to the end of the frame, or to `end`; where it came to. */
  walk(chunk: Uint8Array, at: number, end: number): number {
    this.over = false;
    while (at < end && !this.over) {
      if (this.left > 0) {
        const n = Math.min(this.left, end - at);
        this.left -= n;
        at += n;
        if (this.left === 0) this.bodyEnds();
      } else {
        this.head[this.have++] = chunk[at++];
        if (this.have === this.want) this.headEnds();
      }
    }
    return at;
  }

  private next(part: Frame['part'], want: number): void {
    this.part = part;
    this.want = want;
    if (part !== 'header' && part !== 'skip') this.have = 0;
  }

  private body(length: number): void {
    this.left = length;
    if (length === 0) this.bodyEnds();
  }

  private bodyEnds(): void {
    if (this.part === 'body' && !this.last) this.next('block', 3);
    else if (this.part === 'body' && this.hasSum) this.next('sum', 4);
    else this.end();
  }

  private end(): void {
    this.over = true;
    this.next('magic', 4);
  }

  private headEnds(): void {
    const { head } = this;
    switch (this.part) {
      case 'magic':
        if (!isZstd(head)) throw this.damaged('bytes that are not zstd follow it');
        this.hasSum = false;
        this.size = null;
        if (head.readUInt32LE(0) === MAGIC) this.next('header', 5);
        else this.next('skip', 8);
        return;
      case 'skip':
        this.body(head.readUInt32LE(4));
        return;
      case 'header':
        this.headerEnds();
        return;
      case 'block': {
        const header = head.readUIntLE(0, 3);
        const length = header >>> 3;
        if (length > MAX_BLOCK) throw this.damaged('a block of more than 128 KiB');
        this.last = (header & 1) === 1;
        this.next('body', 0);
        // a block of one byte, repeated
        this.body(((header >>> 1) & 3) === 1 ? 1 : length);
        return;
      }
      default:
        this.sum = head.readUInt32LE(0);
        this.end();
    }
  }

  private headerEnds(): void {
    const { head } = this;
    const descriptor = head[4];
    const single = (descriptor & 0x20) !== 0;
    const dictionary = [0, 1, 2, 4][descriptor & 3];
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6];
    const at = single ? 5 : 6;
    if (this.have < at + dictionary + sizeBytes) {
      this.next('header', at + dictionary + sizeBytes);
      return;
    }
    if (head.subarray(at, at + dictionary).some(byte => byte !== 0)) {
      throw new Complaint('encoding', 'zstd data that needs a dictionary', { file: this.file }, 'pack it without one');
    }
    this.hasSum = (descriptor & 4) !== 0;
    const sizeAt = at + dictionary;
    if (sizeBytes === 8) this.size = Number(head.readBigUInt64LE(sizeAt));
    else if (sizeBytes > 0) this.size = head.readUIntLE(sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
    const base = 2 ** (10 + (head[5] >> 3));
    const window = single ? (this.size ?? 0) : base + (base / 8) * (head[5] & 7);
    if (window > MAX_ZSTD_WINDOW) {
      const message = `zstd data that needs a window of ${window} bytes, more than ${MAX_ZSTD_WINDOW}`;
      throw new Complaint('limit', message, { file: this.file }, 'pack it without --long, or pipe it through zstdcat');
    }
    this.next('block', 3);
  }
}
