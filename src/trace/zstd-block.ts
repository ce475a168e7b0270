/** The blocks of a zstd frame (RFC 8878, 3.1.1.2 to 3.1.1.5): literals and sequences to bytes. */
import {
  BackwardBits,
  Damage,
  decodeHuffman,
  type FseTable,
  fseOnly,
  fseTable,
  type HuffmanTable,
  readFse,
  readHuffman,
} from './zstd-entropy.js';

/** The longest block, packed or not. */
export const MAX_BLOCK = 128 * 1024;
/** Bytes between two moves of the window, to begin with and at most. */
const ROOM = 256 * 1024;
const MUCH_ROOM = 1024 * 1024;
/** Zeros behind a packed block, for whoever reads four bytes at a time. */
export const SLACK = 4;

/** One of the three numbers of a sequence: a code says where its value begins and how many bits follow. */
interface Field {
  readonly most: { log: number; symbol: number };
  readonly usual: FseTable;
}

const field = (log: number, symbol: number, usualLog: number, counts: readonly number[]): Field => ({
  most: { log, symbol },
  usual: fseTable(counts, usualLog),
});
const times = (n: number, count: number): number[] => Array.from({ length: n }, () => count);

// biome-ignore format: as the RFC has them
const LITERALS = field(9, 35, 6, [
  4, 3, ...times(11, 2), 1, 1, 1, ...times(9, 2), 3, 2, ...times(5, 1), ...times(4, -1),
]);
const MATCHES = field(9, 52, 6, [1, 4, 3, ...times(6, 2), ...times(37, 1), ...times(7, -1)]);
const OFFSETS = field(8, 31, 5, [...times(6, 1), 2, 2, 2, ...times(15, 1), ...times(5, -1)]);

const LITERAL_BITS = [...times(16, 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_BITS = [...times(32, 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const LITERAL_BASE = basesOf(LITERAL_BITS, 0);
const MATCH_BASE = basesOf(MATCH_BITS, 3);

/** Values follow one another without a gap. */
function basesOf(bits: readonly number[], first: number): Int32Array {
  let next = first;
  return Int32Array.from(bits, n => {
    const base = next;
    next += 2 ** n;
    return base;
  });
}

/** Unpacks the blocks of one frame, one after the other. */
export class BlockDecoder {
  /** the window, and behind it what was unpacked since it was moved */
  private out = new Uint8Array(ROOM);
  private at = 0;
  private readonly literals = new Uint8Array(MAX_BLOCK);
  private literalCount = 0;
  private huffman: HuffmanTable | null = null;
  private tables: [FseTable | null, FseTable | null, FseTable | null] = [null, null, null];
  private readonly offsets = [1, 4, 8];

  /** @param window bytes that a match may reach back */
  constructor(private readonly window: number) {}

  /** The bytes of a block that is as it is. */
  raw(bytes: Uint8Array): Uint8Array {
    this.makeRoom();
    this.out.set(bytes, this.at);
    return this.take(bytes.length);
  }

  /** The bytes of a block of one byte. */
  repeated(byte: number, length: number): Uint8Array {
    this.makeRoom();
    this.out.fill(byte, this.at, this.at + length);
    return this.take(length);
  }

  /**
   * The bytes of a packed block.
   * @param bytes with SLACK behind the block, which ends at `end`
   * @throws Damage
   */
  packed(bytes: Uint8Array, end: number): Uint8Array {
    this.makeRoom();
    const at = this.readLiterals(bytes, end);
    return this.take(this.readSequences(bytes, at, end));
  }

  private makeRoom(): void {
    if (this.at + MAX_BLOCK <= this.out.length) return;
    const kept = Math.min(this.at, this.window);
    const size = Math.min(this.out.length * 2, this.window + MUCH_ROOM);
    const out = size > this.out.length ? new Uint8Array(size) : this.out;
    out.set(this.out.subarray(this.at - kept, this.at));
    this.out = out;
    this.at = kept;
  }

  private take(length: number): Uint8Array {
    const from = this.at;
    this.at += length;
    return this.out.slice(from, this.at);
  }

  private readLiterals(bytes: Uint8Array, end: number): number {
    const kind = bytes[0] & 3;
    const format = (bytes[0] >> 2) & 3;
    const packed = kind >= 2;
    const headerBytes = packed ? [3, 3, 4, 5][format] : [1, 2, 1, 3][format];
    if (headerBytes > end) throw new Damage('literals without their end');
    let header = 0;
    for (let i = headerBytes - 1; i >= 0; i--) header = header * 256 + bytes[i];
    const sizeBits = packed ? [10, 10, 14, 18][format] : headerBytes * 8 - (format % 2 === 0 ? 3 : 4);
    const sizes = Math.floor(header / 2 ** (packed || format % 2 === 1 ? 4 : 3));
    const count = sizes % 2 ** sizeBits;
    if (count > MAX_BLOCK) throw new Damage('too many literals');
    this.literalCount = count;
    if (!packed) {
      const length = kind === 1 ? 1 : count;
      if (headerBytes + length > end) throw new Damage('literals without their end');
      if (kind === 1) this.literals.fill(bytes[headerBytes], 0, count);
      else this.literals.set(bytes.subarray(headerBytes, headerBytes + count));
      return headerBytes + length;
    }
    const to = headerBytes + Math.floor(sizes / 2 ** sizeBits);
    if (to > end) throw new Damage('literals without their end');
    let at = headerBytes;
    if (kind === 2) {
      const tree = readHuffman(bytes, at, to);
      this.huffman = tree.table;
      at = tree.end;
    }
    this.decodeLiterals(bytes, at, to, format === 0 ? 1 : 4);
    return to;
  }

  private decodeLiterals(bytes: Uint8Array, at: number, to: number, streams: 1 | 4): void {
    const { huffman, literals, literalCount: count } = this;
    if (huffman === null) throw new Damage('literals without a tree');
    if (streams === 1) {
      decodeHuffman(huffman, [bytes, at, to], [literals, 0, count]);
      return;
    }
    const share = (count + 3) >> 2;
    let from = at + 6;
    if (from > to || share * 3 > count) throw new Damage('literals without their end');
    for (let i = 0; i < 4; i++) {
      const last = i === 3;
      const until = last ? to : from + (bytes[at + 2 * i] | (bytes[at + 2 * i + 1] << 8));
      if (until > to) throw new Damage('literals without their end');
      decodeHuffman(huffman, [bytes, from, until], [literals, share * i, last ? count : share * (i + 1)]);
      from = until;
    }
  }

  /** Unpacks the sequences behind the literals; how many bytes came of them. */
  private readSequences(bytes: Uint8Array, at: number, end: number): number {
    const first = at < end ? bytes[at] : -1;
    const headerBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
    if (first < 0 || at + headerBytes > end) throw new Damage('sequences without their end');
    let count = first;
    if (headerBytes === 2) count = ((first - 128) << 8) | bytes[at + 1];
    else if (headerBytes === 3) count = bytes[at + 1] + (bytes[at + 2] << 8) + 0x7f00;
    at += headerBytes;
    if (count === 0) {
      if (at !== end) throw new Damage('bytes behind a block');
      return this.copyRest(0, 0);
    }
    const modes = at < end ? bytes[at++] : 3;
    if ((modes & 3) !== 0) throw new Damage('an unknown kind of sequence');
    [LITERALS, OFFSETS, MATCHES].forEach(({ most, usual }, i) => {
      const mode = (modes >> (6 - 2 * i)) & 3;
      if (mode === 0) this.tables[i] = usual;
      else if (mode === 1) {
        if (at >= end || bytes[at] > most.symbol) throw new Damage('an unknown code');
        this.tables[i] = fseOnly(bytes[at++]);
      } else if (mode === 2) {
        const read = readFse(bytes, at, end, most);
        this.tables[i] = read.table;
        at = read.end;
      }
    });
    return this.execute(new BackwardBits(bytes, at, end), count);
  }

  private execute(stream: BackwardBits, count: number): number {
    const [literalTable, offsetTable, matchTable] = this.tables;
    if (literalTable === null || offsetTable === null || matchTable === null) throw new Damage('no table to repeat');
    let literalState = stream.read(literalTable.log);
    let offsetState = stream.read(offsetTable.log);
    let matchState = stream.read(matchTable.log);
    const { out, literals } = this;
    const most = this.at + MAX_BLOCK;
    let at = this.at;
    let literal = 0;
    for (let i = 0; i < count; i++) {
      const offsetCode = offsetTable.symbols[offsetState];
      const high = Math.max(0, offsetCode - 16);
      const value = 2 ** offsetCode + stream.read(high) * 2 ** (offsetCode - high) + stream.read(offsetCode - high);
      const matchCode = matchTable.symbols[matchState];
      const length = MATCH_BASE[matchCode] + stream.read(MATCH_BITS[matchCode]);
      const literalCode = literalTable.symbols[literalState];
      const run = LITERAL_BASE[literalCode] + stream.read(LITERAL_BITS[literalCode]);
      if (i < count - 1) {
        literalState = literalTable.base[literalState] + stream.read(literalTable.bits[literalState]);
        matchState = matchTable.base[matchState] + stream.read(matchTable.bits[matchState]);
        offsetState = offsetTable.base[offsetState] + stream.read(offsetTable.bits[offsetState]);
      }
      const offset = this.offset(value, run === 0);
      if (literal + run > this.literalCount || at + run + length > most) throw new Damage('a block that is too long');
      for (const until = literal + run; literal < until; ) out[at++] = literals[literal++];
      if (offset > at || offset > this.window) throw new Damage('a match that reaches too far back');
      for (const until = at + length; at < until; at++) out[at] = out[at - offset];
    }
    if (stream.left !== 0) throw new Damage('sequences that do not add up');
    return this.copyRest(literal, at - this.at);
  }

  /** The offset that a value stands for: a new one, or one of the last three, which are kept in the order of their use. */
  private offset(value: number, noLiterals: boolean): number {
    const { offsets } = this;
    const which = value > 3 ? 3 : value - 1 + (noLiterals ? 1 : 0);
    let offset = value - 3;
    if (value <= 3) offset = which === 3 ? offsets[0] - 1 : offsets[which];
    if (offset <= 0) throw new Damage('an offset of 0');
    if (which > 1) offsets[2] = offsets[1];
    if (which > 0) offsets[1] = offsets[0];
    offsets[0] = offset;
    return offset;
  }

  /** Copies the literals that no sequence took behind the `done` bytes of the block; the length of the block. */
  private copyRest(literal: number, done: number): number {
    const rest = this.literalCount - literal;
    if (done + rest > MAX_BLOCK) throw new Damage('a block that is too long');
    this.out.set(this.literals.subarray(literal, this.literalCount), this.at + done);
    return done + rest;
  }
}
