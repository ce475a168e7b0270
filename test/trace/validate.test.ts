/** Every problem of a trace in one go, and the events of a good one as objects. */
import { describe, expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { type EventOptions, readEvents, type ValidateOptions, validateTrace } from '../../src/trace/events.js';
import { FAULT, file, HEADER, MMAP } from './helpers.js';

/** Line and message of each problem, the same with the scanner and without. */
async function problems(text: string | Uint8Array, options: ValidateOptions = {}): Promise<string[]> {
  const path = file(text);
  const told = async (scan: boolean) => {
    const found: string[] = [];
    for await (const { where, message } of validateTrace(path, { ...options, scan }))
      found.push(`${where.line}: ${message}`);
    return found;
  };
  const found = await told(true);
  expect(await told(false)).toEqual(found);
  return found;
}

const BAD = '{"op":"munmap","tid":1,"addr":"0x1001","len":"0x1000"}';
const UNALIGNED = '"addr" of munmap is not page aligned: 0x1001';
const WRONG_VERSION = '"version" must be 1, the only version there is, got 2';

test('where bytes turn out to be no text, what came before them in a list was none either', async () => {
  const bytes = Buffer.from([...Buffer.from(`[${BAD},"`), 0xff, ...Buffer.from('"]')]);
  expect(await problems(bytes)).toEqual(['1: byte 0xff is not UTF-8']);
});

describe('the problems of', () => {
  test.each<[string, string, string[]]>([
    ['nothing wrong', `${HEADER}${FAULT}\n${MMAP.replace('{', '{"t":200000000,')}\n`, []],
    [
      'a stream',
      `${HEADER}${BAD}\n${FAULT}\n${BAD}\nx\n${BAD}`,
      [...[`2: ${UNALIGNED}`, `4: ${UNALIGNED}`, '5: expected a value, found "x"', `6: ${UNALIGNED}`]],
    ],
    [
      'a stream whose header is wrong',
      `{"format":"vmalock-trace","version":2}\n${FAULT}\n${BAD}\n`,
      [`1: ${WRONG_VERSION}`, `3: ${UNALIGNED}`],
    ],
    ['a stream whose trailer is no trailer', `${HEADER}${FAULT}\n{"meta":{"lost":-1}}\n`, ['3: "op" is missing']],
    [
      'an array',
      `[${FAULT},\n${BAD},\n7,\n${BAD}]`,
      [`2: ${UNALIGNED}`, '3: an event is an object, got a number', `4: ${UNALIGNED}`],
    ],
    [
      'an array that breaks off: no more is looked for',
      `[${FAULT},\n${BAD},\n{"op" 7},\n${BAD}]`,
      [`2: ${UNALIGNED}`, '3: expected ":" after the key, found "7}"'],
    ],
    [
      'a document, its header last',
      `{"events":[${FAULT},\n${BAD}],\n"format":"vmalock-trace","version":2}`,
      [`2: ${UNALIGNED}`, `3: ${WRONG_VERSION}`],
    ],
    [
      'a document without a format',
      `{"events":[${FAULT},\n${BAD}],\n"version":1}`,
      [`2: ${UNALIGNED}`, '1: "format" is missing: it must be "vmalock-trace"'],
    ],
    [
      'a document, its header first',
      `{"format":"vmalock-trace","version":2,"events":[${FAULT},\n${BAD}]}`,
      [`2: ${UNALIGNED}`, `1: ${WRONG_VERSION}`],
    ],
    [
      'what is no JSON from its first event on',
      '[{"op":"fault"},\n{"op":7},\n{"op" 7}]',
      ['3: expected ":" after the key, found "7}"'],
    ],
    [
      'events that are all wrong',
      '[{"op":7},\n{"op":8}]',
      ['1: "op" must be a word, got 7', '2: "op" must be a word, got 8'],
    ],
    [
      'events behind a key given twice',
      `[${FAULT},\n{"op":"exit","tid":1,"tid":2},\n${BAD}]`,
      ['2: duplicate key "tid"', `3: ${UNALIGNED}`],
    ],
    [
      'time that stands still is none',
      `${HEADER}${FAULT}\n${FAULT}\n${FAULT.replace('9,', '8,')}\n`,
      ['4: time runs backwards: t 123456788 after 123456789'],
    ],
  ])('%s', async (_, text, found) => {
    expect(await problems(text)).toEqual(found);
  });

  test('many: as many as are wanted', async () => {
    const text = `${HEADER}${`${BAD}\n`.repeat(5)}`;
    const count = async (max?: number) => (await problems(text, { max })).length;
    expect([await count(0), await count(1), await count(3), await count(9), await count()]).toEqual([0, 1, 3, 5, 5]);
  });

  test('keys that nobody knows: with --strict, once for the header, and each for the events', async () => {
    const mood = FAULT.replace('}', ',"mood":1,"way":2,"x-mine":3}');
    const head = HEADER.replace('}', ',"mind":1,"x-head":2}');
    const text = `${head}${mood}\n${FAULT}\n${mood}\n{"op":"x-mine","mood":1}\n{"meta":{"name":"n"}}\n`;
    const events = [2, 4].flatMap(line => [`${line}: unknown key "mood"`, `${line}: unknown key "way"`]);
    expect(await problems(text, { strict: true })).toEqual(['1: unknown key "mind"', ...events]);
    expect(await problems(text)).toEqual([]);
    const document = `{"mind":1,"events":[${mood}],"format":"vmalock-trace","version":1,"size":2}`;
    expect(await problems(document, { strict: true })).toEqual([
      ...['1: unknown key "mood"', '1: unknown key "way"', '1: unknown key "mind"', '1: unknown key "size"'],
    ]);
  });

  test('keys that nobody knows: without --strict, counted for who asks at the end', async () => {
    const locks = [1, 2].map(why => ({ mode: 'read', ask: 1, got: 1, end: 1, why }));
    const mood = FAULT.replace('}', `,"mood":1,"x-mine":3,"locks":${JSON.stringify(locks)}}`);
    const text = `${HEADER.replace('}', ',"mind":1,"x-head":2}')}${mood}\n${FAULT}\n{"meta":{"lost":3,"end":1}}\n`;
    for (const [of, lost, keys] of [
      [text, 3, { mood: 1, 'locks.why': 2, mind: 1, 'meta.end': 1 }],
      [
        `{"mind":1,"events":[${mood}],"format":"vmalock-trace","version":1}`,
        undefined,
        { mood: 1, 'locks.why': 2, mind: 1 },
      ],
      [`[${mood}]`, undefined, { mood: 1, 'locks.why': 2 }],
      [`${FAULT}\n`, undefined, {}],
    ] as const) {
      for (const scan of [true, false]) {
        const told: unknown[] = [];
        const onEnd: ValidateOptions['onEnd'] = ({ meta, unknownKeys }) => told.push([meta.lost, unknownKeys]);
        expect(await problems(of, { scan, onEnd })).toEqual([]);
        expect(told).toEqual(Array(2).fill([lost, new Map(Object.entries(keys))]));
      }
    }
    const strict: number[] = [];
    await problems(text, { strict: true, onEnd: ({ unknownKeys }) => strict.push(unknownKeys.size) });
    expect(strict).toEqual([0, 0]);
  });

  test('a line that is too long: nothing more is read', async () => {
    const text = `${HEADER}${FAULT}\n${FAULT.replace('}', `,"x-a":"${'a'.repeat(200)}"}`)}\n${BAD}\n`;
    expect(await problems(text, { maxLine: 150 })).toEqual(['3: line 3 is longer than 150 bytes']);
  });
});

describe('the events', () => {
  const events = async (text: string, options: EventOptions = {}) => {
    const found: object[] = [];
    for await (const event of readEvents(file(text), options)) found.push({ ...event });
    return found;
  };

  test('are all there, with every key, those of the user’s own too', async () => {
    const lines = [FAULT.replace('}', ',"mood":1}'), '{"op":"x-mine","z":[1]}', MMAP.replace('{', '{"t":200000000,')];
    const found = lines.map(line => JSON.parse(line) as object);
    expect(await events(`${HEADER}${lines.join('\n')}\n`)).toEqual(found);
    expect(await events(`[${lines.join(',')}]`)).toEqual(found);
  });

  test('end with the first problem', async () => {
    await expect(events(`${HEADER}${FAULT}\n${BAD}\n`)).rejects.toThrow(Complaint);
    await expect(events(`{"format":"vmalock-trace","version":2}\n${FAULT}\n`)).rejects.toThrow(WRONG_VERSION);
  });

  test('come behind their header, which is told again with what a trailer adds', async () => {
    const headers = async (text: string) => {
      const told: object[] = [];
      await events(text, { onHeader: ({ meta }) => told.push({ ...meta }) });
      return told;
    };
    const head = HEADER.replace('}', ',"meta":{"name":"n","lost":1}}');
    expect(await headers(`${head}${FAULT}\n`)).toEqual([{ name: 'n', lost: 1 }]);
    expect(await headers(`${head}${FAULT}\n{"meta":{"lost":2,"command":"c"}}\n`)).toEqual([
      { name: 'n', lost: 1 },
      { name: 'n', lost: 2, command: 'c' },
    ]);
    expect(await headers(`{"events":[${FAULT}],"meta":{"name":"d"},"format":"vmalock-trace","version":1}`)).toEqual([
      { name: 'd' },
    ]);
    expect(await headers(`[${FAULT}]`)).toEqual([]);
  });
});
