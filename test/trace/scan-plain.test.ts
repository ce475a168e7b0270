/** The scanner is sure of what is plainly spelled and right, of all of it and of nothing else. */
import { describe, expect, test } from 'vitest';
import { KEYS, type KeyName, OP_KEYS } from '../../src/trace/draft.js';
import * as vocab from '../../src/vocab.js';
import { RIGHT } from './odd-lines.js';
import { Paths, same } from './paths.js';

/** Of each operation what it must have. */
const MUST: Partial<Record<KeyName, unknown>> = {
  addr: '0x7fff12345000',
  len: '0x4000',
  access: 'write',
  prot: 'rw-',
  flags: ['private', 'anonymous'],
  old_len: '0x1000',
  new_len: '0x2000',
  new_addr: '0x123450000000',
  advice: 'dontneed',
  child_tid: 2,
  child_mm: 3,
  new_mm: 4,
  modes: ['missing'],
  name: 'n',
};
const SECTIONS = [
  { mode: 'read', ask: 1, got: 2, end: 3 },
  { end: 30, got: 20, ask: 10, mode: 'write' },
];
const words = (list: readonly string[], key: string) => list.map(word => ({ [key]: word }));
const some = (list: readonly string[]) => [[], ...list.map(word => [word]), [...list]];
const all = (shape: Readonly<Record<string, readonly unknown[]>>) =>
  Object.entries(shape).flatMap(([key, values]) => values.map(value => ({ [key]: value })));
const bits = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, [false, true]]));

/** By key: values of it, every word of the format among them. */
const VALUES: Partial<Record<KeyName, readonly unknown[]>> = {
  t: [0, 7, 123_456_789_012_345, 999_999_999_999_999],
  mm: [0, 9],
  cpu: [0, 0x7fffffff],
  dur: [0, 10],
  locks: [[], [SECTIONS[0]], SECTIONS],
  addr: ['0x0', '0xabcdef0123456789'.slice(0, 15) + '000', 0, 4096, 8192],
  access: vocab.ACCESSES,
  mode: ['user', 'kernel'],
  page: [
    {},
    ...words(vocab.ENTRIES, 'entry'),
    ...words(vocab.FOLIOS, 'folio'),
    ...words(vocab.HUGES, 'huge'),
    ...words(vocab.RACES, 'race'),
    ...all({ ...bits(vocab.FACT_BITS), wait: [0, 90] }),
    { race: 'range', wait: 5, oom: true, eof: false, huge: 'pud', folio: 'locked', entry: 'swap' },
  ],
  truth: [
    {},
    ...words(vocab.PATHS, 'path'),
    ...all({ fallback: [false, true], anon_prepare: ['ok', 'failed'], via: ['', 'f'], wait: [0, 90] }),
    { wait: 1, via: 'x', anon_prepare: 'ok', fallback: true, path: 'killed' },
  ],
  prot: ['---', 'r--', '-w-', '--x', 'rw-', 'r-x', '-wx', 'rwx'],
  file: [{}, { name: '/a b' }, { fs: 'ext4' }, ...all(bits(vocab.FILE_OPS)), { name: '{}', fs: 'xfs', dax: true }],
  name: ['', '[stack]', 'n'.repeat(4096), '~ !#/'],
  offset: ['0x0', '0x1000', 8192],
  anon_vma: [false, true],
  advice: vocab.ADVICES,
  modes: some(vocab.UFFD_MODES),
  src: ['0x1234', 5],
  kind: vocab.MAPS_KINDS,
  reader_pid: [0, 0x7fffffff],
  'x-inferred': ['', 'page cache'],
  'x-hidden': ['page cache', 'memory', 'memory: mmap failed', 'memor', 'x memory'],
};

function valuesOf(op: vocab.OpName, key: KeyName): readonly unknown[] {
  if (key === 'flags') return some(op === 'mremap' ? vocab.MREMAP_FLAGS : vocab.MAP_FLAGS);
  if (key === 'mode' && op !== 'fault') return ['current future', ''];
  return VALUES[key] ?? [MUST[key]];
}

/** Each operation with what it must have, and one thing at a time changed or added. */
const PLAIN: readonly string[] = vocab.OPS.flatMap(op => {
  const [must, may] = OP_KEYS[op];
  const event = { op, tid: 1, ...Object.fromEntries(must.map(key => [key, MUST[key]])) };
  const keys: readonly KeyName[] = [...must, ...may, 't', 'mm', 'cpu', 'dur', 'locks', 'x-inferred', 'x-hidden'];
  return [event, ...keys.flatMap(key => valuesOf(op, key).map(value => ({ ...event, [key]: value })))];
}).map(event => JSON.stringify(event));

/** A few that have everything, to be damaged at every byte. */
const FULL: readonly string[] = [
  {
    op: 'fault',
    t: 120,
    tid: 7,
    addr: '0x12345678',
    access: 'read',
    mode: 'kernel',
    page: { entry: 'swap', folio: 'cached', shared: true, numa_hint: false, wait: 10 },
    truth: { path: 'signal', fallback: true, anon_prepare: 'failed', via: 'f', wait: 30 },
  },
  {
    op: 'vma',
    addr: '0x1000',
    len: 4096,
    prot: 'r-x',
    flags: ['private', 'fixed'],
    file: { name: '/x', fs: 'ext4', pfn: true },
    name: 'n',
    offset: 8192,
    anon_vma: false,
    'x-inferred': 'why',
  },
  { op: 'uffd_register', tid: 1, cpu: 2, dur: 5, addr: '0x1000', len: '0x1000', modes: ['wp', 'minor'] },
  { op: 'mremap', tid: 1, addr: 4096, old_len: 1, new_len: 1, new_addr: '0x3000', flags: ['maymove', 'fixed'] },
  { op: 'mlock', tid: 1, addr: '0x1001', len: 1, mode: 'onfault', locks: SECTIONS },
  { op: 'read_maps', tid: 1, kind: 'smaps', reader_pid: 12, 'x-hidden': '' },
].map(event => JSON.stringify(event));

/** What is put into a line, or in the place of one of its bytes. */
const BYTES = [
  '',
  ' ',
  '\t',
  '\n',
  '0',
  '5',
  '-',
  '.',
  'e',
  'x',
  'g',
  '"',
  '\\',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '\x7f',
  'é',
];

/** Keys that the strict parser knows and the scanner does not, at any depth; a file with anything but blanks between its words. */
function isPlain(line: string): boolean {
  const bare = line.replaceAll(/"[^"]*"/g, '""');
  if (!/^\{[ -~\s]*$/.test(line) || line.includes('\\') || /-|\d[.eE]|\d{16}/.test(bare)) return false;
  let plain = !/"file"\s*:\s*\{[^}]*[\t\n\r]/.test(line);
  const event = JSON.parse(line, function (this: object, key, value: unknown) {
    if (key.startsWith('x-') && !(KEYS.includes(key as KeyName) && 'op' in this && typeof value === 'string'))
      plain = false;
    if (typeof value === 'string' && value.length > 4096) plain = false;
    return value;
  }) as { op: string; mode?: unknown; advice?: string };
  if (event.op.startsWith('x-') || (event.mode !== undefined && typeof event.mode !== 'string')) return false;
  return plain && (event.advice === undefined || vocab.ADVICES.includes(event.advice as vocab.Advice));
}

/** Reads a line both ways, and expects the scanner to be sure of it where it should be. */
function judge(paths: Paths, line: string): boolean {
  const sure = same(paths, line, false);
  expect(sure, line).toBe(typeof paths.byParser(line) === 'object' && isPlain(line));
  // What goes over a line end is no line.
  expect(paths.byScanner(line) !== 'not sure', line).toBe(sure && !line.includes('\n'));
  return sure;
}

describe('the scanner', () => {
  test('is sure of every word of the format, and of every key in its place', () => {
    const paths = new Paths();
    expect(PLAIN.length).toBeGreaterThan(700);
    for (const line of [...PLAIN, ...FULL, ...PLAIN]) expect(judge(paths, line), line).toBe(true);
  });

  test('is sure of keys in any order, and however often a key follows another', () => {
    const paths = new Paths();
    for (const line of FULL) {
      const members = Object.entries(JSON.parse(line) as object);
      for (const [i] of members.entries()) {
        const turned = [...members.slice(i), ...members.slice(0, i)];
        for (const order of [turned, [...turned].reverse()])
          expect(judge(paths, JSON.stringify(Object.fromEntries(order)))).toBe(true);
      }
    }
  });

  test.for([' ', '  ', '\t', '\r', '\n', ' \n ', '\r\n\t'])('is sure with %j between any two tokens', blank => {
    const paths = new Paths();
    for (const line of FULL) {
      // not in a text, and of a file only around it
      const token = /"file":\{[^}]*\}|"[^"]*"|\w+|[[\]{}:,]/g;
      const tokens = line.match(token)!;
      expect(tokens.join('')).toBe(line);
      expect(judge(paths, tokens.join(blank)), line).toBe(true);
      for (const [i] of tokens.entries()) {
        if (i > 0) expect(judge(paths, `${tokens.slice(0, i).join('')}${blank}${tokens.slice(i).join('')}`)).toBe(true);
      }
    }
  });

  test.for(FULL)('is sure of a line that was damaged only where it is still right and plain: %s', line => {
    const paths = new Paths();
    let sure = 0;
    for (let i = 0; i < line.length; i++) {
      for (const byte of BYTES) {
        if (judge(paths, line.slice(0, i) + byte + line.slice(i + 1))) sure++;
        if (judge(paths, line.slice(0, i) + byte + line.slice(i))) sure++;
      }
    }
    expect(sure).toBeGreaterThan(100);
  });

  test('is sure of a line that ends early nowhere', () => {
    const paths = new Paths();
    for (const line of [...FULL, ...RIGHT.filter(line => line.length < 1000)]) {
      for (let i = 0; i < line.length; i++) expect(judge(paths, line.slice(0, i)), line.slice(0, i)).toBe(false);
    }
  });

  test('is not sure of odd spellings of what is right', () => {
    const paths = new Paths();
    const [fault] = FULL;
    for (const line of [
      fault.replace('"op"', '"\\u006fp"'),
      fault.replace('120', '120.0'),
      fault.replace('120', '1e2'),
      fault.replace('120', '1234567890123456'),
      fault.replace('"wait":10', '"wait":1234567890123456'),
      fault.replace('"f"', '"\\u0066"'),
      fault.replace('"f"', '"\u00e4"'),
      fault.replace('"f"', `"${'f'.repeat(4097)}"`),
      '{"op":"mlock","tid":1,"mode":["current"]}',
      '{"op":"mlock","tid":1,"mode":4}',
      '{"op":"exit","tid":1,"x-inferred":true}',
    ]) {
      expect(judge(paths, line), line).toBe(false);
      expect(typeof paths.byParser(line), line).toBe('object');
    }
  });
});
