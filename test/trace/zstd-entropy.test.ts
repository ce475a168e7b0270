/** Distributions as zstd writes them down: whatever is written is what is read. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fseTable, readFse } from '../../src/trace/zstd-entropy.js';

/** Largest table and last symbol of a distribution of match lengths. */
const MOST = { log: 9, symbol: 52 };

/**
 * RFC 8878, 4.1.1: a value takes as many bits as what is left needs, small ones a bit less; after a symbol without a state
 * two bits each say how many more there are.
 */
function written(counts: readonly number[], log: number): number[] {
  const bits: number[] = [];
  const put = (value: number, size: number) => {
    for (let i = 0; i < size; i++) bits.push((value >> i) & 1);
  };
  put(log - 5, 4);
  let left = 2 ** log;
  for (let symbol = 0; symbol < counts.length; ) {
    const value = counts[symbol] + 1;
    const size = Math.floor(Math.log2(left + 1)) + 1;
    const small = 2 ** size - 1 - (left + 1);
    if (value < small) put(value, size - 1);
    else put(value < 2 ** (size - 1) ? value : value + small, size);
    left -= Math.abs(counts[symbol++]);
    if (value !== 1) continue;
    let zeros = 0;
    while (counts[symbol] === 0) {
      zeros++;
      symbol++;
    }
    for (; zeros >= 3; zeros -= 3) put(3, 2);
    put(zeros, 2);
  }
  const bytes: number[] = [];
  for (let i = 0; i < bits.length; i += 8)
    bytes.push(
      Number.parseInt(
        bits
          .slice(i, i + 8)
          .reverse()
          .join(''),
        2,
      ),
    );
  return bytes;
}

/** Of 2^log states each symbol has some, -1 for less than one, or none; the last has any. */
const distribution = fc
  .record({
    log: fc.integer({ min: 5, max: MOST.log }),
    shares: fc.array(fc.oneof(fc.integer({ min: -1, max: 40 }), fc.constant(0)), { maxLength: MOST.symbol }),
  })
  .map(({ log, shares }) => {
    const counts: number[] = [];
    let left = 2 ** log;
    for (const share of shares) {
      if (Math.abs(share) >= left) break;
      counts.push(share);
      left -= Math.abs(share);
    }
    return { log, counts: [...counts, left] };
  });

test('a distribution is read as it was written, wherever it stands', () => {
  fc.assert(
    fc.property(distribution, fc.uint8Array({ maxLength: 3 }), ({ log, counts }, behind) => {
      const bytes = written(counts, log);
      const read = readFse(Uint8Array.of(255, ...bytes, ...behind), 1, 1 + bytes.length, MOST);
      expect(read).toEqual({ table: fseTable(counts, log), end: 1 + bytes.length });
    }),
    { numRuns: 2_000, seed: 8878 },
  );
});

test('a distribution has as many symbols as there may be, and no more', () => {
  const ones = (symbols: number) => [...Array.from({ length: symbols - 1 }, () => 1), 2 ** MOST.log - symbols + 1];
  const read = (symbols: number) => {
    const bytes = Uint8Array.from(written(ones(symbols), MOST.log));
    return readFse(bytes, 0, bytes.length, MOST);
  };
  expect(read(MOST.symbol + 1).table).toEqual(fseTable(ones(MOST.symbol + 1), MOST.log));
  expect(() => read(MOST.symbol + 2)).toThrow('a table without its end');
});
