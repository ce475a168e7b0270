/** The strict parser: what is no JSON, and what of JSON no trace may say, each with its place and what to do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonError, parseJson, type Spot } from '../../src/trace/json.js';

/** Parses `text`, which more bytes follow. */
function parse(text: string | readonly number[], behind = '') {
  const bytes = Buffer.from(typeof text === 'string' ? text + behind : text);
  return parseJson(bytes, 0, bytes.length - behind.length);
}
function refused(text: string | readonly number[], behind = ''): JsonError {
  try {
    parse(text, behind);
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
  throw new Error('it was taken for JSON');
}

const VALUE = 'expected a value, found';
const END = 'the end of the text';
const KEY = 'expected a key in double quotes, found';

describe('is no JSON:', () => {
  test.each<[string, string, number]>([
    ['', `${VALUE} ${END}`, 0],
    [' \t', `${VALUE} ${END}`, 2],
    ['{', `${KEY} ${END}`, 1],
    ['{"a"', `expected ":" after the key, found ${END}`, 4],
    ['{"a":', `${VALUE} ${END}`, 5],
    ['{"a":1', `expected "," or "}", found ${END}`, 6],
    ['{"a":1,', `${KEY} ${END}`, 7],
    ['{"a":1,}', `${KEY} "}"`, 7],
    ['{a:1}', `${KEY} "a:1}"`, 1],
    ['{"a" 1}', 'expected ":" after the key, found "1}"', 5],
    ['{"a":1 "b":2}', 'expected "," or "}", found ""b":2}"', 7],
    ['[', `${VALUE} ${END}`, 1],
    ['[1', `expected "," or "]", found ${END}`, 2],
    ['[1,]', `${VALUE} "]"`, 3],
    ['[1 2]', 'expected "," or "]", found "2]"', 3],
    ['[,1]', `${VALUE} ",1]"`, 1],
    ['nul', `${VALUE} "nul"`, 0],
    ['nulll', 'expected the end of the value, found "l"', 4],
    ['tru', `${VALUE} "tru"`, 0],
    ['fals', `${VALUE} "fals"`, 0],
    ["'a'", `${VALUE} "'a'"`, 0],
    ['01', 'expected the end of the value, found "1"', 1],
    ['-', `expected a digit, found ${END}`, 1],
    ['-a', 'expected a digit, found "a"', 1],
    ['1.', `expected a digit, found ${END}`, 2],
    ['.5', `${VALUE} ".5"`, 0],
    ['1e', `expected a digit, found ${END}`, 2],
    ['1E-', `expected a digit, found ${END}`, 3],
    ['+1', `${VALUE} "+1"`, 0],
    ['1 2', 'expected the end of the value, found "2"', 2],
    ['{} x', 'expected the end of the value, found "x"', 3],
    ['"a', 'string without its closing quote', 0],
    ['"a\\', 'unknown escape in a string', 2],
    ['"a\\x"', 'unknown escape in a string', 2],
    ['"\\u12"', '\\u needs four hex digits', 1],
    ['"\\u12g4"', '\\u needs four hex digits', 1],
    ['"ab\\u12G4"', '\\u needs four hex digits', 3],
  ])('%s', (text, message, offset) => {
    expect(refused(text)).toMatchObject({ class: 'json-syntax', message, offset, hint: undefined });
  });

  test.each<[string, string, number, string]>([
    ['"a\nb"', 'expected a string without control characters, found "\\x0ab""', 2, 'write \\n, \\t or \\u00XX'],
    ['"\u001f"', 'expected a string without control characters, found "\\x1f""', 1, 'write \\n, \\t or \\u00XX'],
    ['{"a":1}\r{', 'expected the end of the value, found "{"', 8, 'end lines with LF or CRLF, not with CR alone'],
    [`${'['.repeat(65)}`, 'nested deeper than 64', 64, 'a trace needs at most six levels'],
    [`${'{"a":'.repeat(65)}`, 'nested deeper than 64', 320, 'a trace needs at most six levels'],
  ])('%j, and what to do', (text, message, offset, hint) => {
    expect(refused(text)).toMatchObject({ class: 'json-syntax', message, offset, hint });
  });
});

describe('is no UTF-8:', () => {
  test.each<[string, number[], number]>([
    ['a byte there is not', [0x22, 0xff, 0x22], 1],
    ['a byte that goes on from nowhere', [0x22, 0x61, 0x80, 0x22], 2],
    ['two bytes, of which the second is none', [0x22, 0xc3, 0x28, 0x22], 1],
    ['three of which one is missing', [0x22, 0xe2, 0x82, 0x22], 1],
    ['four of which one is missing', [0x22, 0xf0, 0x9f, 0x98, 0x22], 1],
    ['too many bytes for an ASCII character', [0x22, 0xc0, 0x80, 0x22], 1],
    ['too many for one of two', [0x22, 0xe0, 0x9f, 0xbf, 0x22], 1],
    ['too many for one of three', [0x22, 0xf0, 0x8f, 0xbf, 0xbf, 0x22], 1],
    ['half of a pair', [0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    ['more than Unicode has', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], 1],
  ])('%s', (_, bytes, offset) => {
    const message = `byte 0x${bytes[offset].toString(16)} is not UTF-8`;
    expect(refused(bytes)).toMatchObject({ class: 'encoding', message, offset, hint: 'traces are UTF-8 text' });
  });

  test('whatever is, and where it first is not', () => {
    const strict = new TextDecoder('utf-8', { fatal: true });
    const decoded = (bytes: readonly number[]): string | null => {
      try {
        return strict.decode(Uint8Array.from(bytes));
      } catch {
        return null;
      }
    };
    const seconds = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
    const others = [0x7e, 0x80, 0xbf, 0xc0];
    for (let first = 0x7f; first < 0x100; first++) {
      for (const second of seconds) {
        for (const third of others) {
          for (const fourth of others) {
            const bytes = [first, second, third, fourth];
            const text = [0x22, 0xc3, 0xa9, ...bytes, 0x22];
            const value = decoded(bytes);
            if (value !== null) {
              expect(parse(text)).toBe(`é${value}`);
              continue;
            }
            let right = 0;
            for (let n = 1; n < 4; n++) if (decoded(bytes.slice(0, n)) !== null) right = n;
            const found = refused(text);
            if (found.class !== 'encoding' || found.offset !== 3 + right)
              expect([bytes, found.offset]).toEqual([bytes, 3 + right]);
          }
        }
      }
    }
  });

  test.each(['"\\ud800"', '"\\udc00"', '"\\ud83dx"', '"\\ud83d\\u0041"', '"\\ude00\\ud83d"'])('%s', text => {
    const hint = 'a \\uD800-\\uDFFF escape needs its other half';
    expect(refused(text)).toMatchObject({ class: 'encoding', message: 'lone surrogate in a string', offset: 0, hint });
  });

  test('what is', () => {
    for (const text of ['¢', '߿', 'ࠀ', '€', '퟿', '', '￿', '😀', '\u{10ffff}'])
      expect(parse(`"a${text}b"`)).toBe(`a${text}b`);
    expect(parse('"\\ud83d\\ude00\\u20AC\\u00e9"')).toBe('😀€é');
  });
});

describe('a number that a double would change is refused', () => {
  const FEWER = 'write fewer digits';
  const HEX = 'spell addresses as hex strings';
  test.each<[string, string, string | undefined]>([
    ['-0', 'negative zero is not an integer', 'write 0'],
    ['9007199254740992', 'integer beyond 2^53: "9007199254740992"', HEX],
    ['-9007199254740992', 'integer beyond 2^53: "-9007199254740992"', HEX],
    ['100000000000000000000', 'integer beyond 2^53: "100000000000000000000"', HEX],
    ['1e400', 'number out of range: "1e400"', undefined],
    ['1e-400', 'number that would lose its fraction: "1e-400"', FEWER],
    ['12345678901234567890.5', 'number that would lose its fraction: "12345678901234567890.5"', FEWER],
  ])('%s', (text, message, hint) => {
    expect(refused(text)).toMatchObject({ class: 'schema', message, offset: 0, hint });
    expect(refused(`[1,${text}]`)).toMatchObject({ message, offset: 3 });
  });

  test('one that it keeps is not', () => {
    const kept = [
      '0',
      '1.0',
      '-5',
      '9007199254740991',
      '-9007199254740991',
      '0.1',
      '1e2',
      '1E+2',
      '1.5e3',
      '25e-1',
      '0.5',
    ];
    for (const text of kept) expect([text, parse(text)]).toEqual([text, JSON.parse(text)]);
  });
});

test('escapes', () => {
  expect(parse(String.raw`"\"\\\/\b\f\n\r\t\u0041"`)).toBe('"\\/\b\f\n\r\tA');
});

test('a key is given once, in each object', () => {
  expect(refused('{"a":1, "a":2}')).toMatchObject({
    class: 'schema',
    message: 'duplicate key "a"',
    offset: 8,
    hint: 'give each key once',
  });
  expect(refused('{"b":{"a":1,"c":2,"a":3}}').offset).toBe(18);
  // an error of the grammar behind it comes first
  expect(refused('{"a":1,"a":2').class).toBe('json-syntax');
  expect(parse('{"a":{"a":[{"a":1},{"a":2}]}}')).toEqual({ a: { a: [{ a: 1 }, { a: 2 }] } });
  expect(Object.keys(parse('{"__proto__":1,"constructor":2}') as object)).toEqual(['__proto__', 'constructor']);
});

test('64 levels are allowed, fewer inside of others', () => {
  expect(parse('['.repeat(64) + ']'.repeat(64))).toHaveLength(1);
  const text = Buffer.from('[[1]]');
  expect(parseJson(text, 0, text.length, { depth: 62 })).toEqual([[1]]);
  expect(() => parseJson(text, 0, text.length, { depth: 63 })).toThrow('nested deeper than 64');
});

test('only what lies between start and end is read', () => {
  const text = Buffer.from('xx{"a":1}yy');
  expect(parseJson(text, 2, 9)).toEqual({ a: 1 });
  expect(() => parseJson(text, 2, 8)).toThrow(END);
  expect(() => parseJson(text, 2, 10)).toThrow('found "y"');
});

test.each([
  ['1', 'e5', 1],
  ['1', '.5', 1],
  ['12', '3', 12],
  ['[]', ']', []],
  ['"a"', '"', 'a'],
])('%s is all there is, though %s stands behind it', (text, behind, value) => {
  expect(parse(text, behind)).toEqual(value);
});

test.each<[string, string, number, string]>([
  ['"\\u12', '34"', 1, '\\u needs four hex digits'],
  ['"\\', 'n"', 1, 'unknown escape in a string'],
  ['"ab', '"', 0, 'string without its closing quote'],
  ['tru', 'e', 0, `${VALUE} "tru"`],
  ['{"a"', ':1}', 4, `expected ":" after the key, found ${END}`],
  ['', '1', 0, `${VALUE} ${END}`],
])('%s is cut off, though %s stands behind it', (text, behind, offset, message) => {
  expect(refused(text, behind)).toMatchObject({ class: 'json-syntax', message, offset });
});

test('half a character is no UTF-8, though its other half stands behind it', () => {
  const bytes = Buffer.from('1€');
  expect(() => parseJson(bytes, 0, 3)).toThrow('byte 0xe2 is not UTF-8');
  expect(() => parseJson(bytes, 0, 4)).toThrow('found "€"');
});

test('lines that end with CR alone are one line: a second object says so', () => {
  expect(refused('{}\r{}').hint).toBe('end lines with LF or CRLF, not with CR alone');
  expect(refused('{} {}').hint).toBeUndefined();
  expect(refused('{}\r[]').hint).toBeUndefined();
});

test('the error is what its caller makes of it', () => {
  const fail = (kind: string, offset: number, message: string) => new RangeError(`${kind} ${offset} ${message}`);
  expect(() => parseJson(Buffer.from('[1,]'), 0, 4, { fail })).toThrow(
    new RangeError('json-syntax 3 expected a value, found "]"'),
  );
});

test('positions are those of values and their keys, by path', () => {
  const text = Buffer.from('{ "a": [1, {"b" : "x"}],"c":null}');
  const positions = new Map<string, Spot>();
  parseJson(text, 0, text.length, { positions });
  const values = Object.fromEntries([...positions].map(([path, { value }]) => [path, value]));
  expect(values).toEqual({ '': 0, a: 7, 'a[0]': 8, 'a[1]': 11, 'a[1].b': 18, c: 28 });
  const keys = Object.fromEntries([...positions].map(([path, { key }]) => [path, key]));
  expect(keys).toEqual({ '': 0, a: 2, 'a[0]': 8, 'a[1]': 11, 'a[1].b': 12, c: 24 });
});

test('whatever JSON.stringify writes is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5, noUnicodeString: false }),
      fc.constantFrom(undefined, 1, '\t'),
      (value, space) => {
        const text = JSON.stringify(value, null, space);
        if (!/-0(?!\.|e|\d)|\d{16}|e-?\d{2}/.test(text)) expect(parse(text)).toEqual(JSON.parse(text));
      },
    ),
    { seed: 6118, numRuns: 300 },
  );
});
