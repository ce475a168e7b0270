/** JSON as an enemy writes it: nesting, keys given twice, names of prototypes, numbers that do not fit. */
import { fault, HEADER, type HostileCase, mmap, stream, withRaw } from '../case.js';

const number = (name: string, raw: string, says: RegExp): HostileCase => ({
  name: `a time of ${name}`,
  input: stream(mmap(), withRaw(fault(), 't', raw)),
  refused: { class: 'schema', line: 3, says },
});

export const JSON_CASES: readonly HostileCase[] = [
  {
    name: 'an array nested 100,000 deep',
    input: '['.repeat(100_000),
    refused: { class: 'json-syntax', line: 1, says: /nested deeper than 64/ },
  },
  {
    name: 'an object nested 100,000 deep, on a line of its own',
    input: stream('{"op":'.repeat(100_000)),
    refused: { class: 'json-syntax', line: 2, says: /nested deeper than 64/ },
  },
  {
    name: 'an unknown key nested 100,000 deep',
    input: stream(withRaw(mmap(), 'x-deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`)),
    refused: { class: 'json-syntax', line: 2, says: /nested deeper than 64/ },
  },
  {
    name: 'a meta nested 100,000 deep',
    input: `${HEADER.slice(0, -1)},"meta":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}\n`,
    refused: { class: 'json-syntax', line: 1, says: /nested deeper than 64/ },
  },
  {
    name: 'a key twice',
    input: stream(JSON.stringify(fault()).replace('}', ',"op":"fault"}')),
    refused: { class: 'schema', line: 2, says: /duplicate key "op"/ },
  },
  {
    name: 'a key twice, once escaped',
    input: stream(JSON.stringify(fault()).replace('}', ',"\\u006fp":"fault"}')),
    refused: { class: 'schema', line: 2, says: /duplicate key "op"/ },
  },
  {
    name: 'a key of the header twice',
    input: HEADER.replace('}', ',"version":1}\n'),
    refused: { class: 'schema', line: 1, says: /duplicate key "version"/ },
  },
  {
    name: 'an unknown key twice',
    input: stream(JSON.stringify(fault()).replace('}', ',"x-a":1,"x-a":2}')),
    refused: { class: 'schema', line: 2, says: /duplicate key "x-a"/ },
  },
  {
    name: '__proto__ as a key',
    input: stream(mmap(), withRaw(fault(), '__proto__', '{"tid":7,"polluted":true}').replace('"__proto__":"@@"', '')),
    warns: /1 unknown key was ignored: "__proto__"/,
    result: faultsOne(),
  },
  {
    name: 'constructor, toString and hasOwnProperty as keys',
    input: stream(mmap(), fault({ constructor: 1, toString: 2, hasOwnProperty: 3 })),
    warns: /3 unknown keys were ignored: "constructor", "toString", "hasOwnProperty"/,
    result: faultsOne(),
  },
  {
    name: 'constructor as an op',
    input: stream(fault({ op: 'constructor' })),
    refused: { class: 'schema', line: 2, says: /unknown op "constructor"/ },
  },
  {
    name: '__proto__ as an op',
    input: stream(fault({ op: '__proto__' })),
    refused: { class: 'schema', line: 2, says: /unknown op "__proto__"/ },
  },
  {
    name: '__proto__ as a tid',
    input: stream(fault({ tid: '__proto__' })),
    refused: { class: 'schema', line: 2, says: /"tid" must be an integer.*got "__proto__"/ },
  },
  {
    name: 'constructor and __proto__ as names of mappings and threads',
    input: stream(
      mmap({ name: 'constructor', file: { name: '__proto__', fs: 'constructor' } }),
      { op: 'thread', tid: 1, name: '__proto__' },
      fault(),
    ),
    warns: /: 1 file\.fs is unknown and taken for a page cache: "constructor";/,
    result: { trace: { events: 3, faults: 1, threads: 1 } },
  },
  {
    name: 'constructor as an advice, __proto__ as the file system',
    input: stream(mmap({ file: { fs: '__proto__' } }), {
      op: 'madvise',
      tid: 1,
      addr: '0x7f0000000000',
      len: '0x1000',
      advice: 'constructor',
    }),
    warns: /: 1 file\.fs is unknown and taken for a page cache: "__proto__";/,
    result: { trace: { events: 2 } },
  },
  {
    name: 'constructor as access',
    input: stream(fault({ access: 'constructor' })),
    refused: { class: 'schema', line: 2, says: /"access" must be .*got "constructor"/ },
  },
  number('2^53 + 1', '9007199254740993', /9007199254740993/),
  number('2^64 - 1', '18446744073709551615', /18446744073709551615/),
  number('2^53 + 1, written as a fraction', '9007199254740993.0', /got 9007199254740993\.0/),
  number('1e400', '1e400', /1e400/),
  number('-1e400', '-1e400', /-1e400/),
  number('1.5', '1.5', /"t" must be an integer.*got 1\.5/),
  number('-1', '-1', /"t" must be an integer.*got -1/),
  number('-0', '-0', /negative zero/),
  number('1e-400, which a double makes 0', '1e-400', /would lose its fraction: "1e-400"/),
  number('1.00000000000000000001', '1.00000000000000000001', /would lose its fraction/),
  number('a string', '"12"', /"t" must be an integer.*got "12"/),
  number('null', 'null', /"t" must be an integer.*got null/),
  number('true', 'true', /"t" must be an integer.*got true/),
  ...['NaN', 'Infinity', '-Infinity', '0x10', '01', '+1', '.5', '1.', '1_000', 'undefined'].map(
    (raw): HostileCase => ({
      name: `a time of ${raw}`,
      input: stream(mmap(), withRaw(fault(), 't', raw)),
      refused: { class: 'json-syntax', line: 3, says: /expected|leading zero/ },
    }),
  ),
  {
    name: 'an address above 2^53 as a number',
    input: stream(withRaw(fault(), 'addr', '9007199254740993')),
    refused: { class: 'schema', line: 2, says: /9007199254740993/ },
  },
  {
    name: 'an address of 2^57 and one in the kernel half, as hex',
    input: stream(mmap(), fault({ addr: '0x200000000000000' }), fault({ addr: '0xffffffff81000001' })),
    options: ['--events', '-', '--fields', 'addr'],
    says: /^\{"addr":"0x200000000000000"\}\n.*\n\{"addr":"0xffffffff81000001"\}\n/s,
  },
  {
    name: 'a tid of 2^31, a cpu of 2^40',
    input: stream(mmap({ tid: 2 ** 31, cpu: 2 ** 40 })),
    refused: { class: 'schema', line: 2, says: /"(tid|cpu)" must be/ },
  },
  {
    name: 'no events, an array',
    input: '[]',
    result: { trace: { events: 0 } },
  },
  { name: 'an empty file', input: '', refused: { class: 'json-syntax', line: 1, says: /empty input/ } },
  { name: 'white space alone', input: ' \n\t\r\n ', refused: { class: 'json-syntax', says: /empty input/ } },
  { name: 'null', input: 'null\n', refused: { class: 'schema', line: 1, says: /not a vmalock trace: found null/ } },
  {
    name: 'text that is no JSON',
    input: 'hello\n',
    refused: { class: 'json-syntax', line: 1, says: /found "hello"/ },
  },
  {
    name: 'a comment',
    input: stream('// a comment'),
    refused: { class: 'json-syntax', line: 2, says: /expected a value/ },
  },
  {
    name: 'a trailing comma',
    input: `[${JSON.stringify(fault())},]`,
    refused: { class: 'json-syntax', line: 1, says: /expected/ },
  },
  {
    name: 'single quotes',
    input: stream(JSON.stringify(fault()).replaceAll('"', "'")),
    refused: { class: 'json-syntax', line: 2, says: /expected/ },
  },
  {
    name: 'two events on a line',
    input: stream(JSON.stringify(mmap()) + JSON.stringify(fault())),
    refused: { class: 'json-syntax', line: 2, says: /expected the end of the/ },
  },
  {
    name: 'an event over two lines of a stream',
    input: stream(mmap(), JSON.stringify(fault(), null, 1)),
    refused: { class: 'json-syntax', line: 3, says: /expected/ },
  },
];

function faultsOne(): object {
  return { trace: { faults: 1, threads: 1 }, models: [{}, { model: 'v7.3', faults: { total: 1, vma_lock: 1 } }] };
}
