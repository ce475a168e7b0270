/** What is written without becoming a string first is what a string would have been; what is not that leaves nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ink } from '../../src/trace/ink.js';

const some = fc.oneof(
  { weight: 4, arbitrary: fc.maxSafeInteger() },
  fc.nat(20),
  fc.constantFrom(0, 9, 10, 999_999_999, 1e9, 1e9 + 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -1, 0.5, Number.NaN, '1', null),
);
const hex = fc.bigInt(1n, 2n ** 64n - 1n).map(value => `0x${value.toString(16)}`);
const near = fc.constantFrom('0x', '0x0', '0x00ff', '0X1', '1x1', 'x1', '0xG', '0xfF', '0x:', '0x/', '0x`', '0xg', '');
const address = fc.oneof(
  { weight: 4, arbitrary: hex },
  near,
  hex.map(text => `${text}0`),
  fc.constantFrom(1, null),
);

test('numbers are written as JSON spells them, and nothing is of what is no natural one', () => {
  fc.assert(
    fc.property(fc.array(some, { minLength: 300, maxLength: 400 }), values => {
      const ink = new Ink();
      const natural = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
      expect(values.map(value => ink.natural(value))).toEqual(values.map(natural));
      expect(ink.toString()).toBe(values.filter(natural).join(''));
    }),
    { seed: 10 },
  );
});

test('addresses are written in quotes, and nothing is of what is not in canonical spelling', () => {
  fc.assert(
    fc.property(fc.array(address, { minLength: 300, maxLength: 400 }), values => {
      const ink = new Ink();
      const canonical = (value: unknown) => typeof value === 'string' && /^0x[1-9a-f][0-9a-f]{0,15}$/.test(value);
      ink.text('€');
      expect(values.map(value => ink.address(value))).toEqual(values.map(canonical));
      const written = ['€', ...values.filter(canonical).map(value => `"${value}"`)].join('');
      expect(ink.toString()).toBe(written);
      expect([ink.length, ink.copy().toString()]).toEqual([Buffer.byteLength(written), written]);
    }),
    { seed: 16 },
  );
});
