/** What a complaint says, and where: the rarer ways in which a trace is none. */
import { describe, expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import { LIMITS } from '../../src/trace/limits.js';
import { readEvents, validateTrace } from '../../src/trace/reader.js';
import type { TraceEvent } from '../../src/trace/schema.js';
import { complaint, FAULT, file, HEADER, MMAP, outcome, read } from './helpers.js';

async function problems(text: string, options = {}): Promise<Complaint[]> {
  const found: Complaint[] = [];
  for await (const problem of validateTrace(file(text), options)) found.push(problem);
  return found;
}

/** The first complaint, which reading and validation agree about. */
async function first(text: string, options = {}): Promise<Complaint> {
  const found = await complaint(text, options);
  const [validated] = await problems(text, options);
  expect([validated.class, validated.message, validated.where.path]).toEqual([
    found.class,
    found.message,
    found.where.path,
  ]);
  expect(await outcome(text, { ...options, scan: false })).toEqual(await outcome(text, options));
  return found;
}

const document = (events: string, rest = '') => `{"format":"vmalock-trace","version":1,"events":[${events}]${rest}}`;

describe('what stands in the place of an event', () => {
  test.each([
    ['in a document', document(`${MMAP},null`), 'an event is an object, got null', 'events[1]'],
    ['first in a document', document('[]'), 'not a vmalock trace: the first event is an array', 'events[0]'],
    ['in an array', `[${MMAP},true]`, 'an event is an object, got a boolean', '[1]'],
    ['in a stream', `${HEADER}${MMAP}\n"x"\n`, 'an event is an object, got a string', undefined],
  ])('%s is named with its place', async (_what, text, message, path) => {
    const found = await first(text);
    expect([found.message, found.where.path]).toEqual([message, path]);
  });

  test('an "op" that is no word, or is missing', async () => {
    expect((await first(`${HEADER}{"op":5}\n`)).message).toBe('"op" must be a word, got 5');
    expect((await first(`${HEADER}{"t":5}\n`)).message).toBe('"op" is missing');
    expect((await first(`${HEADER}{"op":"zzzzzzzz"}\n`)).message).toBe('unknown op "zzzzzzzz"');
  });
});

test.each([
  ['a new length of 0', '"new_len":"0x0"', /"new_len" of mremap is 0/],
  ['an old range that wraps', '"new_len":"0x1000"', /wraps around/],
  ['a new range that wraps', '"new_len":"0xfffffffffffff000"', /"new_len" is 0xfffffffffffff000/],
])('mremap with %s', async (what, length, message) => {
  const old = what.startsWith('an old') ? '0xfffffffffffff000' : '0x1000';
  const text = `{"op":"mremap","tid":1,"addr":"0x2000","old_len":"${old}",${length},"new_addr":"0x5000"}`;
  expect(await first(text)).toMatchObject({ class: 'semantic', message: expect.stringMatching(message) });
});

test.each([
  ['a byte that is no UTF-8, where something else belongs', Buffer.from([...Buffer.from(`[${MMAP}`), 0xff, 0x5d])],
  [
    'an overlong sequence in a string',
    Buffer.from([...Buffer.from('{"op":"x-'), 0xe0, 0x80, 0x80, ...Buffer.from('"}')]),
  ],
  ['a surrogate in UTF-8', Buffer.from([...Buffer.from('{"op":"x-'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')])],
  ['half a sequence', Buffer.from([...Buffer.from('{"op":"x-\u00e4'), 0xc3, ...Buffer.from('"}')])],
])('%s is an error of the encoding', async (_what, bytes) => {
  expect((await complaint(bytes)).class).toBe('encoding');
});

test('a character of UTF-8 where something else belongs is one of the grammar', async () => {
  expect(await first(`[${MMAP}\u00e4]`)).toMatchObject({
    class: 'json-syntax',
    message: 'expected "," or "]", found "\u00e4]"',
  });
});

describe('the header', () => {
  test('of a document is judged wherever it stands, once all of it is known', async () => {
    const behind = `{"events":[${MMAP}],"format":"other"}`;
    expect((await first(behind)).message).toContain('"format" must be "vmalock-trace"');
    const before = `{"format":"vmalock-trace","version":1,"meta":3,"events":[${MMAP}]}`;
    expect((await first(before)).message).toBe('"meta" must be an object, got 3');
    expect((await first(`{"format":"vmalock-trace","version":2}\n${MMAP}\n`)).message).toContain('"version" must be 1');
  });

  test('may end wrong: what is no member of a document is told', async () => {
    expect((await first(document(MMAP).replace(/\}$/, ';}'))).message).toContain('expected "," or "}"');
    expect((await first('{"format":"vmalock-trace";"version":1}')).message).toContain('expected "," or "}"');
    expect((await first('{"format":"vmalock-trace" 1}')).message).toContain('expected "," or "}"');
  });

  test('an unknown key of it is refused once by --strict, though what follows the events is read with it again', async () => {
    const text = '{"format":"vmalock-trace","version":1,"mood":1}\n{"op":"exit","tid":1}\n{"meta":{"lost":1}}\n';
    expect((await problems(text, { strict: true })).map(({ message }) => message)).toEqual(['unknown key "mood"']);
    expect((await problems(`${HEADER}{"op":"exit","tid":1,"mood":1}\n`, { strict: true })).map(p => p.message)).toEqual(
      ['unknown key "mood"'],
    );
  });
});

describe('limits', () => {
  test('an event that is too long, in a list: told with its line', async () => {
    const long = MMAP.replace('}', `,"name":"${'x'.repeat(2000)}"}`);
    const found = await complaint(`[\n${long}]`, { maxLine: 1000 });
    expect(found).toMatchObject({ class: 'limit', where: { line: 2 } });
    expect(found.message).toContain('the event of line 2');
    const endless = `[\n${MMAP},\n\n${MMAP.replace('}', `,"name":"${'x'.repeat(3 << 20)}`)}`;
    expect(await complaint(endless)).toMatchObject({ class: 'limit', where: { line: 4 } });
  });

  test('what is no trace is looked over for errors of the grammar, but not for ever', async () => {
    const none = 'not a vmalock trace: the first event is a number';
    expect((await complaint(`[1,${'[2],'.repeat(100_000)}`, { maxLine: 1000 })).message).toBe(none);
    expect((await complaint('[1,{"a":1,"a":2}]')).message).toBe(none);
    expect((await complaint('[1,{"a":nul}]')).class).toBe('json-syntax');
    expect((await complaint(Buffer.from([...Buffer.from('[1,"'), 0xff, 0x22, 0x5d]))).class).toBe('encoding');
  });

  const MAX_MMS = LIMITS.maxMms.standard;
  test(`more than ${MAX_MMS} address spaces`, async () => {
    const exit = (mm: number) => `{"op":"exit","tid":1,"mm":${mm}}`;
    const most = Array.from({ length: MAX_MMS }, (_, i) => exit(i)).join('\n');
    expect((await read(most)).info.mms).toHaveLength(MAX_MMS);
    expect(await complaint(`${most}\n${exit(MAX_MMS)}`)).toMatchObject({
      class: 'limit',
      where: { line: MAX_MMS + 1 },
    });
  });

  test('the names of a thousand unknown keys are remembered', async () => {
    const keys = Array.from({ length: 1001 }, (_, i) => `"k${i}":1`).join(',');
    const { info } = await read(`{"op":"exit","tid":1,${keys}}\n{"op":"exit","tid":1,"k0":1,"k1000":1}`);
    expect([info.unknownKeys.size, info.unknownKeys.get('k0'), info.unknownKeys.has('k1000')]).toEqual([
      1000,
      2,
      false,
    ]);
  });

  test('who wants no problem gets none', async () => {
    expect(await problems('{"op":"fault"}', { max: 0 })).toEqual([]);
  });
});

test('an event over two lines is none where each has its own', async () => {
  const text = `${HEADER}${FAULT}\n${FAULT.replace('"op"', '\n"op"')}\n`;
  expect(await first(text)).toMatchObject({ class: 'json-syntax', where: { line: 3 } });
});

test('a complaint of a later line of an event counts from there', async () => {
  const found = await first(document(`\n{"op":"fault",\n"tid":1,\n"addr":"0x1000",\n"access":nil}`));
  expect(found).toMatchObject({ class: 'json-syntax', where: { line: 5, column: 10 } });
});

test('what is thrown by who listens is nobody’s complaint', async () => {
  const own = new Error('mine');
  const listening = async () => {
    for await (const _ of readEvents(file(HEADER), {
      onHeader: () => {
        throw own;
      },
    }));
  };
  await expect(listening()).rejects.toBe(own);
});

test('threads whose numbers share a slot keep their own', async () => {
  const exits = [1, 4097, 1, 8193, 4097].map(tid => `{"op":"exit","tid":${tid}}`);
  const { rows, info } = await read(exits.join('\n'));
  expect(rows.map(row => info.tids[row.thread])).toEqual([1, 4097, 1, 8193, 4097]);
});

test('an event of the user’s own is of the thread and mm it names, where the trace has them, else of the first', async () => {
  const exit = (tid: number, mm: number) => `{"t":1,"op":"exit","tid":${tid},"mm":${mm}}`;
  const mine = (rest: string) => `{"op":"x-mark"${rest}}`;
  const owners = async (...lines: string[]) => {
    const { rows, info } = await read(lines.join('\n'));
    return rows.map(row => [row.t, info.tids[row.thread], info.mms[row.mm]]);
  };
  expect(await owners(exit(7, 3), exit(8, 4), mine(',"t":5,"tid":8,"mm":4'), mine(',"tid":9,"mm":9'))).toEqual([
    [1, 7, 3],
    [1, 8, 4],
    [5, 8, 4],
    [-1, 7, 3],
  ]);
  expect(await owners(mine(',"tid":9,"mm":5'))).toEqual([[-1, 9, 5]]);
  expect(await owners(mine(''))).toEqual([[-1, 0, 1]]);
});

test('a fault that hides something says so in its row', async () => {
  const hidden: number[] = [];
  const text = `${FAULT.replace('}', ',"x-hidden":"page cache"}')}\n${FAULT}`;
  await read(text, { onBatch: columns => void hidden.push(...columns.hidden.subarray(0, columns.n)) });
  expect(hidden).toEqual([1, 0]);
});

test('events come as they are written, with every key', async () => {
  const all: TraceEvent[] = [];
  for await (const event of readEvents(file(document(`{"op":"x-mine","z":1},{"op":"exit","tid":1,"k":null}`))))
    all.push(event);
  expect(all).toEqual([
    { op: 'x-mine', z: 1 },
    { op: 'exit', tid: 1, k: null },
  ]);
});
