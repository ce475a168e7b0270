/** The strict parser on its own, with bytes behind the text that do not belong to it. */
import { expect, test } from 'vitest';
import { JsonError, parseJson } from '../../src/trace/json.js';

/** What is thrown for `text`, which more bytes follow. */
function error(text: string, behind = ''): JsonError {
  const bytes = Buffer.from(text + behind);
  try {
    parseJson(bytes, 0, Buffer.byteLength(text));
  } catch (thrown) {
    if (thrown instanceof JsonError) return thrown;
    throw thrown;
  }
  throw new Error('it was accepted');
}

test('what stands behind the end is not looked at', () => {
  for (const [text, behind, value] of [
    ['1', 'e5', 1],
    ['1', '.5', 1],
    ['12', '3', 12],
    ['[]', ']', []],
    ['"a"', '"', 'a'],
  ] as const) {
    expect(parseJson(Buffer.from(text + behind), 0, text.length)).toEqual(value);
  }
});

test.each([
  ['"\\u12', '34"', 0, '\\u needs four hex digits'],
  ['"\\u12g4"', '', 1, '\\u needs four hex digits'],
  ['"\\', 'n"', 1, 'unknown escape in a string'],
  ['"ab', '"', 0, 'string without its closing quote'],
  ['tru', 'e', 0, 'expected a value, found "tru"'],
  ['{"a"', ':1}', 4, 'expected ":" after the key, found the end of the text'],
  ['', '1', 0, 'expected a value, found the end of the text'],
  ['[1 2]', '', 3, 'expected "," or "]", found "2]"'],
])('%j is cut off', (text, behind, offset, message) => {
  const found = error(text, behind);
  expect(found.message).toBe(message);
  expect(found.offset).toBeGreaterThanOrEqual(offset);
});

test('a key that comes again is refused, but an error of the grammar behind it comes first', () => {
  expect(error('{"a":1,"a":2}')).toMatchObject({ class: 'schema', message: 'duplicate key "a"' });
  expect(error('{"a":1,"a":2').class).toBe('json-syntax');
});

test('lines that end with CR alone are one line: a second value says so', () => {
  expect(error('{}\r{}').hint).toBe('end lines with LF or CRLF, not with CR alone');
  expect(error('{} {}').hint).toBeUndefined();
  expect(error('{}\r[]').hint).toBeUndefined();
});

test('the error is what its caller makes of it', () => {
  const fail = (kind: string, offset: number, message: string) => new RangeError(`${kind} ${offset} ${message}`);
  expect(() => parseJson(Buffer.from('[1,]'), 0, 4, { fail })).toThrow(
    new RangeError('json-syntax 3 expected a value, found "]"'),
  );
});
