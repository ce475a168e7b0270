import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validateTrace } from '../../src/trace/reader.js';
import { anyEvent, rightEvent } from './arbitrary.js';
import { FAULT, file, MMAP } from './helpers.js';
import { BROKEN, RIGHT, WRONG } from './odd-lines.js';
import { Paths, same } from './paths.js';

/** Every problem that validation names, as plain data. */
async function problems(path: string, options: object): Promise<object[]> {
  const found: object[] = [];
  for await (const { class: kind, message, where, hint } of validateTrace(path, options))
    found.push({ kind, message, where, hint });
  return found;
}

const PIECES = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '\t',
  '\r',
  '0',
  '9',
  '-',
  '.',
  'e',
  'x',
  'f',
  'F',
  'é',
  '\0',
  '\u007f',
  'null',
  'true',
  '"t":1,',
  '0x',
  '1e3',
  '99999999999999999',
  '\\u0041',
  '"page":{}',
  '""',
];

/** An operation with recorded sections, as importers write it. */
const LOCKED =
  '{"t":5000,"tid":7,"cpu":1,"op":"madvise","addr":"0x7f0000000000","len":"0x2000","advice":"dontneed","dur":900,"locks":[{"mode":"read","ask":5001,"got":5002,"end":5003}]}';

/** Damaged lines that are compared, and how many are made of each event; VMALOCK_LINES=1000000 for a night. */
const LINES = Number(process.env.VMALOCK_LINES ?? 100_000);
const TIMES = 10;

const edit = fc.record({ at: fc.nat(), cut: fc.nat(3), piece: fc.constantFrom('', ...PIECES) });

/** Damage that leaves a line more or less what it was: a letter for a letter, a digit for a digit, a space, one left out, one twice. */
const slip = fc.record({ at: fc.nat(), kind: fc.constantFrom('other', 'space', 'drop', 'twice'), by: fc.nat(25) });

type Edit = { at: number; cut: number; piece: string } | { at: number; kind: string; by: number };

function damaged(text: string, edits: readonly Edit[]): string {
  for (const change of edits) {
    const i = change.at % (text.length + 1);
    if ('piece' in change) text = text.slice(0, i) + change.piece + text.slice(i + change.cut);
    else text = slipped(text, i, change.kind, change.by);
  }
  return text;
}

function slipped(text: string, i: number, kind: string, by: number): string {
  const c = text.charAt(i);
  if (kind === 'other') {
    const other = /\d/.test(c) ? `${by % 10}` : /[a-z]/.test(c) ? String.fromCharCode(97 + by) : c;
    return text.slice(0, i) + other + text.slice(i + 1);
  }
  if (kind === 'space') {
    const between = text.slice(i).search(/[,:}\]]/);
    return between < 0 ? text : `${text.slice(0, i + between)} ${text.slice(i + between)}`;
  }
  return text.slice(0, i) + (kind === 'twice' ? c + c : '') + text.slice(i + 1);
}

describe('the scanner', () => {
  test('reads the plain spelling of a fault and of an mmap by itself', () => {
    const paths = new Paths();
    expect(same(paths, FAULT)).toBe(true);
    expect(same(paths, MMAP)).toBe(true);
    expect(same(paths, FAULT.replaceAll(',', ' , ').replaceAll(':', ' : '))).toBe(true);
  });

  test('is not sure of escapes, unknown keys, long numbers, repeated keys', () => {
    const paths = new Paths();
    for (const line of [
      FAULT.replace('"op"', '"\\u006fp"'),
      FAULT.replace('"t"', '"u"'),
      FAULT.replace('123456789', '1234567890123456'),
      FAULT.replace('123456789', '0123'),
      FAULT.replace('"tid"', '"t"'),
      FAULT.replace('0x7f12a4b3c123', '0X7f'),
      FAULT.replace('0x7f12a4b3c123', '0x'),
      FAULT.replace('0x7f12a4b3c123', '0x12345678123456781'),
    ])
      expect(paths.byScanner(line), line).toBe('not sure');
  });

  test('says the same as the strict parser of what is rare, and is sure of most that is right', () => {
    const paths = new Paths();
    const sure = [...RIGHT, ...RIGHT].filter(line => same(paths, line.replaceAll('\n', ' ')));
    expect(sure.length).toBeGreaterThan(1.6 * RIGHT.length);
    for (const line of [...WRONG, ...BROKEN]) {
      expect(paths.byScanner(line), line).toBe('not sure');
      expect(typeof paths.byParser(line), line).not.toBe('object');
    }
  });

  test('a length without an address does not meet the address of the event before', () => {
    const paths = new Paths();
    expect(same(paths, FAULT)).toBe(true);
    expect(same(paths, '{"op":"mlock","tid":1,"len":"0xfffffffffffff000"}')).toBe(true);
  });

  test('says the same as the strict parser of any event', () => {
    const paths = new Paths();
    let sure = 0;
    fc.assert(
      fc.property(anyEvent, event => {
        if (same(paths, JSON.stringify(event))) sure++;
      }),
      { numRuns: 3000 },
    );
    expect(sure).toBeGreaterThan(300);
  });

  test('says the same as the strict parser of any damaged line', { timeout: 300_000 + LINES }, () => {
    const paths = new Paths();
    const damage = fc.array(
      fc.oneof(fc.array(edit, { minLength: 1, maxLength: 3 }), fc.array(slip, { maxLength: 3 })),
      {
        minLength: TIMES,
        maxLength: TIMES,
      },
    );
    const line = fc.oneof(
      anyEvent.map(event => JSON.stringify(event)),
      rightEvent.map(event => JSON.stringify(event)),
      fc.constantFrom(FAULT, MMAP, LOCKED),
    );
    let lines = 0;
    let sure = 0;
    fc.assert(
      fc.property(line, damage, (text, ways) => {
        for (const edits of ways) {
          lines++;
          if (same(paths, damaged(text, edits).replaceAll('\n', ' '))) sure++;
        }
      }),
      { numRuns: LINES / TIMES },
    );
    expect(lines).toBe(LINES);
    // A scanner that is never sure agrees with everything.
    expect(sure).toBeGreaterThan(LINES / 20);
  });

  test('a scanner that read a key otherwise would be noticed', () => {
    const paths = new Paths();
    expect(() => expect(paths.byScanner(FAULT)).toEqual(paths.byParser(MMAP))).toThrow();
  });
});

describe('validation with the scanner', () => {
  const lines = fc.array(
    fc
      .oneof(
        { arbitrary: rightEvent.map(event => ({ ...event, t: undefined, locks: undefined })), weight: 16 },
        { arbitrary: fc.constant(JSON.parse(FAULT) as object), weight: 16 },
        { arbitrary: rightEvent, weight: 1 },
        { arbitrary: anyEvent, weight: 1 },
      )
      .map(event => JSON.stringify(event)),
    { minLength: 1, maxLength: 12 },
  );
  const HEAD = '{"format":"vmalock-trace","version":1,"x-mine":2,"mood":1';
  const spelled: readonly ((events: readonly string[]) => string)[] = [
    events => [`${HEAD}}`, ...events, ''].join('\n'),
    events => [`${HEAD}}`, ...events].join('\r\n\n'),
    events => events.join('\n'),
    events => `[${events.join(' ,\n')}]`,
    events => `${HEAD},"events":[${events.join(',')}]}`,
    events => `{"events":[${events.join(',\n').replaceAll(',', ',\n ')}],${HEAD.slice(1)}}\n`,
  ];

  test('names the same problems of any damaged trace as without', async () => {
    const path = file('');
    const found = { none: 0, one: 0, more: 0 };
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.constantFrom(...spelled),
        fc.array(edit, { maxLength: 3 }),
        fc.record({
          strict: fc.boolean(),
          max: fc.constantFrom(undefined, undefined, 1, 3),
          maxLine: fc.constantFrom(undefined, undefined, undefined, 150),
        }),
        async (events, spell, edits, options) => {
          writeFileSync(path, damaged(spell(events), edits));
          const scanned = await problems(path, options);
          expect(scanned).toEqual(await problems(path, { ...options, scan: false }));
          found[scanned.length === 0 ? 'none' : scanned.length === 1 ? 'one' : 'more']++;
        },
      ),
      { numRuns: 800 },
    );
    for (const times of Object.values(found)) expect(times).toBeGreaterThan(20);
  });

  test('goes on behind a bad event wherever the chunks end', async () => {
    const bad = [
      '{"op":"fault"}',
      '{"op":"munmap","tid":1,"addr":"0x1","len":1}',
      'x',
      FAULT.replace('123456789', '5'),
    ];
    const text = Array.from({ length: 4000 }, (_, i) => (i % 97 === 50 ? bad[i % 4] : FAULT)).join('\n');
    const path = file(text);
    const scanned = await problems(path, {});
    expect(scanned.length).toBeGreaterThan(40);
    expect(scanned).toEqual(await problems(path, { scan: false }));
  });
});
