/**
 * The entropy coders of zstd (RFC 8878, 4.1 and 4.2): finite state entropy and Huffman, whose bits are read from the end of a
 * stream to its beginning.
 */

/** What is packed here was not made by zstd. */
export class Damage extends Error {}

/** The highest bit that is set, from 0. */
const highBit = (n: number): number => 31 - Math.clz32(n);

/** Bits of a stream from its last to its first; behind the first there are zeros. */
export class BackwardBits {
  /** bits not read yet; negative when more were read than there are */
  left: number;

  /** The stream `bytes[from, to)`; the highest bit set in its last byte marks the end. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly from: number,
    to: number,
  ) {
    if (to <= from || bytes[to - 1] === 0) throw new Damage('a bit stream without its end');
    this.left = (to - from - 1) * 8 + highBit(bytes[to - 1]);
  }

  /** The next `n` bits, 24 at most. */
  read(n: number): number {
    this.left -= n;
    return this.at(this.left, n);
  }

  /** The next `n` bits, 24 at most, which stay. */
  peek(n: number): number {
    return this.at(this.left - n, n);
  }

  private at(bit: number, n: number): number {
    if (bit < 0) return bit <= -n ? 0 : (this.at(0, n + bit) << -bit) & ((1 << n) - 1);
    const { bytes } = this;
    const i = this.from + (bit >> 3);
    const word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    return (word >>> (bit & 7)) & ((1 << n) - 1);
  }
}

/** A decoding table: in each state a symbol, and the next state: `base` and as many bits as `bits` says. */
export interface FseTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly base: Uint16Array;
}

/** The table of a distribution: how many of the 2^log states a symbol has; -1 for one at the end. */
export function fseTable(counts: ArrayLike<number>, log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(counts.length);
  let high = size - 1;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    next[symbol] = Math.abs(counts[symbol]);
    if (counts[symbol] < 0) symbols[high--] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    for (let i = 0; i < counts[symbol]; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  }
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const nth = next[symbols[state]]++;
    bits[state] = log - highBit(nth);
    base[state] = (nth << bits[state]) - size;
  }
  return { log, symbols, bits, base };
}

/** A table with one state. */
export function fseOnly(symbol: number): FseTable {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), base: new Uint16Array(1) };
}

/**
 * Reads the description of a distribution at `at`.
 * @returns its table, and where the description ends
 */
export function readFse(
  bytes: Uint8Array,
  at: number,
  end: number,
  most: { log: number; symbol: number },
): { table: FseTable; end: number } {
  let bit = at * 8;
  const peek = (n: number): number => {
    const i = bit >> 3;
    return ((bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16)) >>> (bit & 7)) & ((1 << n) - 1);
  };
  const log = peek(4) + 5;
  bit += 4;
  if (log > most.log) throw new Damage('a table that is too large');
  const counts: number[] = [];
  let remaining = (1 << log) + 1;
  while (remaining > 1) {
    if (counts.length > most.symbol || bit > end * 8) throw new Damage('a table without its end');
    // The small values of what is left take a bit less.
    const width = highBit(remaining) + 1;
    const small = (1 << width) - 1 - remaining;
    let value = peek(width - 1);
    if (value < small) bit += width - 1;
    else {
      value = peek(width);
      if (value >= 1 << (width - 1)) value -= small;
      bit += width;
    }
    counts.push(value - 1);
    remaining -= Math.abs(value - 1);
    if (value !== 1) continue;
    for (let zeros = 3; zeros === 3 && bit <= end * 8; ) {
      zeros = peek(2);
      bit += 2;
      for (let i = 0; i < zeros; i++) counts.push(0);
    }
  }
  if (bit > end * 8) throw new Damage('a table without its end');
  return { table: fseTable(counts, log), end: (bit + 7) >> 3 };
}

/** Longest code of a byte, in bits. */
const LONGEST_CODE = 11;

/** A decoding table: the byte whose code begins with these `log` bits, and how long its code is. */
export interface HuffmanTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

/**
 * Reads the description of a Huffman tree at `at`.
 * @returns its table, and where the description ends
 */
export function readHuffman(bytes: Uint8Array, at: number, end: number): { table: HuffmanTable; end: number } {
  const header = bytes[at++];
  const weights: number[] = [];
  let to = at + header;
  if (header < 128) {
    if (to > end) throw new Damage('a tree without its end');
    readWeights(bytes, at, to, weights);
  } else {
    const count = header - 127;
    to = at + ((count + 1) >> 1);
    if (to > end) throw new Damage('a tree without its end');
    for (let i = 0; i < count; i++) weights.push(i % 2 === 0 ? bytes[at + (i >> 1)] >> 4 : bytes[at + (i >> 1)] & 15);
  }
  return { table: huffmanTable(weights), end: to };
}

/** Weights packed by two states that take turns. */
function readWeights(bytes: Uint8Array, at: number, to: number, weights: number[]): void {
  const { table, end } = readFse(bytes, at, to, { log: 6, symbol: LONGEST_CODE + 1 });
  const stream = new BackwardBits(bytes, end, to);
  const states = [stream.read(table.log), stream.read(table.log)];
  for (let turn = 0; ; turn ^= 1) {
    const state = states[turn];
    weights.push(table.symbols[state]);
    states[turn] = table.base[state] + stream.read(table.bits[state]);
    if (stream.left < 0) {
      weights.push(table.symbols[states[turn ^ 1]]);
      return;
    }
    if (weights.length > 254) throw new Damage('a tree that is too large');
  }
}

/** The weight of the last byte is not written down: it makes the sum a power of two. */
function huffmanTable(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) if (weight > 0) sum += 2 ** (weight - 1);
  const log = sum === 0 ? 0 : highBit(sum) + 1;
  if (sum === 0 || log > LONGEST_CODE || weights.length > 255) throw new Damage('a tree that is too large');
  const rest = (1 << log) - sum;
  if ((rest & (rest - 1)) !== 0) throw new Damage('a tree that does not add up');
  weights.push(highBit(rest) + 1);
  const symbols = new Uint8Array(1 << log);
  const bits = new Uint8Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue;
      const states = 1 << (weight - 1);
      symbols.fill(symbol, at, at + states);
      bits.fill(log + 1 - weight, at, at + states);
      at += states;
    }
  }
  return { log, symbols, bits };
}

/** Decodes the stream `bytes[from, to)` into `out[start, end)`. */
export function decodeHuffman(
  { log, symbols, bits }: HuffmanTable,
  [bytes, from, to]: readonly [Uint8Array, number, number],
  [out, start, end]: readonly [Uint8Array, number, number],
): void {
  const stream = new BackwardBits(bytes, from, to);
  for (let i = start; i < end; i++) {
    const code = stream.peek(log);
    out[i] = symbols[code];
    stream.left -= bits[code];
  }
  if (stream.left !== 0) throw new Damage('literals that do not add up');
}
