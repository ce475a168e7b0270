import { describe, expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import { readEvents } from '../../src/trace/reader.js';
import type { TraceEvent } from '../../src/trace/schema.js';
import { OP, TRUTH_FALLBACK_SAID } from '../../src/vocab.js';
import { complaint, FAULT, file, HEADER, MMAP, outcome, problems, read } from './helpers.js';

const EVENTS = [
  MMAP,
  FAULT,
  FAULT.replace('123456789', '123456790'),
  '{"op":"munmap","tid":1,"addr":"0x7f0000000000","len":16384}',
];
const STREAM = HEADER + EVENTS.join('\n') + '\n';
const DOCUMENT = `{"format":"vmalock-trace","version":1,"meta":{"name":"x"},"events":[${EVENTS.join(',')}]}`;

describe('the four spellings', () => {
  const spellings: [string, string][] = [
    ['stream', STREAM],
    ['document', DOCUMENT],
    ['document, printed wide', JSON.stringify(JSON.parse(DOCUMENT), null, 2)],
    ['stream without its header', EVENTS.join('\n')],
    ['bare array', `[${EVENTS.join(',\n')}]`],
    [
      'members behind the events',
      `{"events":[${EVENTS.join(',')}],"version":1,"meta":{"name":"x"},"format":"vmalock-trace"}`,
    ],
    ['CRLF and blank lines', '\n' + STREAM.replaceAll('\n', '\r\n\r\n')],
    ['a byte order mark', '\ufeff' + STREAM],
  ];
  test.each(spellings)('%s: the same rows', async (_, text) => {
    const { rows } = await read(text);
    expect(rows.map(row => ({ ...row, line: 0 }))).toEqual((await read(STREAM)).rows.map(row => ({ ...row, line: 0 })));
    expect(rows.map(row => row.op)).toEqual([OP.mmap, OP.fault, OP.fault, OP.munmap]);
  });

  test.each(spellings)('%s: with and without the scanner, in batches of any size', async (_, text) => {
    const whole = await outcome(text);
    for (const batch of [1, 2, 3, 100]) expect(await outcome(text, { batch })).toEqual(whole);
    expect(await outcome(text, { scan: false })).toEqual(whole);
  });

  test('line numbers are those of the file', async () => {
    expect((await read(HEADER + '\n\r\n' + EVENTS.join('\n\n'))).rows.map(row => row.line)).toEqual([4, 6, 8, 10]);
    expect(
      (await read(`{"format":"vmalock-trace",\n"version":1,"events":[\n${EVENTS.join(',\n')}]}`)).rows.map(r => r.line),
    ).toEqual([3, 4, 5, 6]);
  });

  test('batches are full but for the last, wherever the chunks end', async () => {
    const lines = Array.from({ length: 10_000 }, () => FAULT).join('\n');
    const sizes: number[] = [];
    await read(lines, { batch: 999, onBatch: columns => void sizes.push(columns.n) });
    expect(sizes).toEqual([...Array(10).fill(999), 10]);
  });

  test('a document of one huge line streams', async () => {
    const text = `{"format":"vmalock-trace","version":1,"events":[${Array.from({ length: 30_000 }, () => FAULT).join(',')}]}`;
    expect(text.length).toBeGreaterThan(2 * 1024 * 1024);
    expect((await read(text)).info.events).toBe(30_000);
  });

  test('meta, expect and unknown keys are read wherever they stand', async () => {
    const { info } = await read(
      '{"later":1,"format":"vmalock-trace","version":1,"events":[],"meta":{"lost":2,"mood":1},"expect":{"v6.4":{"0":{"verdict":"vma_lock"}}},"x-mine":1}',
    );
    expect(info.meta.lost).toBe(2);
    expect(info.expect?.['v6.4']?.['0']?.verdict).toBe('vma_lock');
    expect([...info.unknownKeys]).toEqual([
      ['later', 1],
      ['meta.mood', 1],
    ]);
  });
});

describe('what is read', () => {
  test('every column of a fault', async () => {
    const line =
      '{"t":5,"tid":9,"mm":3,"cpu":1,"op":"fault","addr":"0xfffffffffffffabc","access":"exec","mode":"kernel","page":{"entry":"swap","shared":false,"wait":7},"truth":{"fallback":false}}';
    const { rows, info } = await read(line);
    expect(info.tids).toEqual([9]);
    expect(info.mms).toEqual([3]);
    expect(rows[0]).toMatchObject({ t: 5, cpu: 1, page: 2 ** 52 - 1, off: 0xabc, code: 6, wait: 7, dur: -1, file: -1 });
    expect(rows[0].facts).toBe(3 | (1 << 12));
    expect(rows[0].truth).toBe(TRUTH_FALLBACK_SAID);
    expect([rows[0].truthWait, rows[0].via, rows[0].inferred]).toEqual([-1, -1, 0]);
  });

  test.each([true, false])(
    'the rest of a truth, and the mark of an inference in whatever words (scan: %s)',
    async scan => {
      const fault = '{"op":"fault","tid":1,"addr":"0x1000","access":"read"';
      const { rows, info } = await read(
        [
          `${fault},"truth":{"fallback":true,"via":"lock_mm_and_find_vma","wait":70}}`,
          `${fault},"x-inferred":"by what came later"}`,
          `${fault},"x-inferred":{"by":["me"]}}`,
          `${fault},"x-mine":1}`,
        ].join('\n'),
        { scan },
      );
      expect([info.strings[rows[0].via], rows[0].truthWait]).toEqual(['lock_mm_and_find_vma', 70]);
      expect(rows.map(row => row.inferred)).toEqual([0, 1, 1, 0]);
      expect(info.unknownKeys.size).toBe(0);
    },
  );

  test('lengths are rounded up to pages as the kernel does', async () => {
    const { rows } = await read(
      '{"op":"munmap","tid":1,"addr":"0x1000","len":"0x1001"}\n{"op":"mlock","tid":1,"addr":"0x1fff","len":2}',
    );
    expect(rows.map(row => row.len)).toEqual([2, 2]);
  });

  test('an event without t, mm, cpu says so', async () => {
    expect((await read(MMAP)).rows[0]).toMatchObject({ t: -1, mm: 0, cpu: -1, dur: -1, page2: -1, a: -1 });
    expect((await read(MMAP)).info.mms).toEqual([1]);
  });

  test('files are numbered once for each set of facts, defaults by file system', async () => {
    const map = (f: string) => MMAP.replace('}', `,"file":${f}}`);
    const { rows, info } = await read(
      [
        map('{"name":"a","fs":"ext4"}'),
        map('{"fs":"ext4","name":"a"}'),
        map('{"name":"a","fs":"sysv_shm"}'),
        map('{"fs":"ext4","name":"a","map_pages":false}'),
      ].join('\n'),
    );
    expect(rows.map(row => row.file)).toEqual([0, 0, 1, 2]);
    expect(info.files.map(f => f.ops)).toEqual([7, 2, 6]);
  });

  test("an event of the user's own keeps its place and belongs to nobody new", async () => {
    const { rows, info } = await read(`${MMAP}\n{"op":"x-mark","tid":77,"addr":12}\n${FAULT}`);
    expect(rows.map(row => row.op)).toEqual([OP.mmap, OP.other, OP.fault]);
    expect(info.tids).toEqual([1, 1234]);
    expect(info.events).toBe(3);
  });

  test('unknown keys are counted, those of the user are not', async () => {
    const { info } = await read(
      `${FAULT.replace('}', ',"mood":1,"x-mine":2,"page":{"hue":3}}')}\n${FAULT.replace('}', ',"mood":1}')}`,
    );
    expect([...info.unknownKeys]).toEqual([
      ['mood', 2],
      ['page.hue', 1],
    ]);
    const section = '{"mode":"read","ask":1,"got":1,"end":1,"why":1}';
    const locked = await read(FAULT.replace('}', `,"locks":[${section},${section}]}`));
    expect([...locked.info.unknownKeys]).toEqual([['locks.why', 2]]);
  });

  test('__proto__ and constructor are words like any other', async () => {
    const { info } = await read(`${FAULT.replace('}', ',"__proto__":{"a":1},"constructor":2}')}`);
    expect([...info.unknownKeys.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as { a?: number }).a).toBeUndefined();
    expect((await complaint(FAULT.replace('fault', 'constructor'))).message).toContain('unknown op "constructor"');
  });
});

describe('what is refused', () => {
  const bad: [string, string, string, RegExp][] = [
    ['empty input', '', 'json-syntax', /empty input/],
    ['blank input', ' \n\n', 'json-syntax', /empty input/],
    ['a number', '[1,2]', 'schema', /not a vmalock trace/],
    ['a string', '"x"', 'schema', /not a vmalock trace/],
    ['another object', '{"a":1}', 'schema', /not a vmalock trace/],
    ['a later version', '{"format":"vmalock-trace","version":2}', 'schema', /"version" must be 1/],
    [
      'time that runs backwards',
      `${FAULT}\n${FAULT.replace('123456789', '5')}`,
      'semantic',
      /runs backwards: t 5 after 123456789/,
    ],
    ['an unknown op', FAULT.replace('fault', 'falut'), 'schema', /unknown op "falut", did you mean fault/],
    ['a key twice', FAULT.replace('}', ',"tid":1}'), 'schema', /duplicate key "tid"/],
    ['a key twice, escaped', FAULT.replace('}', ',"\\u0074id":1}'), 'schema', /duplicate key "tid"/],
    ['an integer beyond 2^53', FAULT.replace('123456789', '9007199254740993'), 'schema', /beyond 2\^53/],
    ['1e400', FAULT.replace('123456789', '1e400'), 'schema', /out of range/],
    ['a fraction', FAULT.replace('123456789', '1.5'), 'schema', /"t" must be an integer/],
    ['a negative time', FAULT.replace('123456789', '-5'), 'schema', /"t" must be an integer .* got -5/],
    ['negative zero', FAULT.replace('123456789', '-0'), 'schema', /negative zero/],
    ['upper-case hex', FAULT.replace('0x7f12a4b3c123', '0x7F'), 'schema', /lower-case hex/],
    ['17 hex digits', FAULT.replace('0x7f12a4b3c123', '0x10000000000000000'), 'schema', /hex/],
    ['an empty mmap', MMAP.replace('0x4000', '0x0'), 'semantic', /"len" of mmap is 0/],
    ['an unaligned mmap', MMAP.replace('0x7f0000000000', '0x7f0000000001'), 'semantic', /not page aligned/],
    [
      'a length that wraps',
      MMAP.replace('0x7f0000000000', '0xfffffffffffff000').replace('0x4000', '0x2000'),
      'semantic',
      /wraps around/,
    ],
    ['a missing key', '{"op":"fault","tid":1,"access":"read"}', 'schema', /"addr" is missing/],
    ['bad UTF-8', 'LATIN', 'encoding', /0xe9 is not UTF-8/],
    ['a lone surrogate', MMAP.replace('}', ',"name":"\\ud800"}'), 'encoding', /lone surrogate/],
    ['CR alone', `${HEADER.trim()}\r${MMAP}\r`, 'json-syntax', /end of the line/],
    ['a line cut off', HEADER + MMAP.slice(0, 40), 'json-syntax', /end of the text|closing quote/],
    ['a document cut off', DOCUMENT.slice(0, -2), 'json-syntax', /end of the file/],
    ['text behind a document', DOCUMENT + 'x', 'json-syntax', /end of the file/],
    ['nesting', '['.repeat(70), 'json-syntax', /nested deeper than 64/],
    ['a BOM in the middle', `${HEADER}\ufeff${MMAP}`, 'json-syntax', /expected a value/],
  ];
  test.each(bad)('%s', async (name, text, kind, message) => {
    const bytes = name === 'bad UTF-8' ? Buffer.from(MMAP.replace('}', ',"name":"caf\u00e9"}'), 'latin1') : text;
    const found = await complaint(bytes);
    expect([found.class, found.message]).toEqual([kind, expect.stringMatching(message)]);
    expect(found.where.line).toBeGreaterThan(0);
    expect(await outcome(bytes, { scan: false })).toEqual(await outcome(bytes));
  });

  test('with line, column and path', async () => {
    const found = await complaint(
      `${HEADER}${MMAP}\n{"op":"fault","tid":1,"addr":"0x1","access":"read","page":{"wait":-1}}`,
    );
    expect(found.where).toMatchObject({ line: 3, column: 67, path: 'page.wait' });
    const inside = await complaint(
      `{"format":"vmalock-trace","version":1,"events":[\n  ${MMAP},\n  {"op":"fault","tid":"x"}\n]}`,
    );
    expect(inside.where).toMatchObject({ line: 4 - 1, column: 23, path: 'events[1].tid' });
  });

  test('a line of more than --max-line bytes, wherever the chunks end', async () => {
    const long = MMAP.replace('}', `,"name":"${'x'.repeat(2000)}"}`);
    const found = await complaint(`${HEADER}${long}\n`, { maxLine: 1000 });
    expect([found.class, found.where.line]).toEqual(['limit', 2]);
    expect((await read(`${HEADER}${long}`, { maxLine: long.length })).info.events).toBe(1);
    expect((await complaint('x'.repeat(3 << 20))).class).toBe('limit');
    expect((await complaint(`[${MMAP},"${'x'.repeat(3 << 20)}"]`)).class).toBe('limit');
  });

  test('unknown keys under strict', async () => {
    expect((await complaint(FAULT.replace('}', ',"mood":1}'), { strict: true })).message).toBe('unknown key "mood"');
    expect((await read(FAULT.replace('}', ',"x-mood":1}'), { strict: true })).info.events).toBe(1);
  });

  test('keep going skips bad lines and tells of each', async () => {
    const told: Complaint[] = [];
    const text = `${HEADER}${MMAP}\nnot json\n${FAULT}\n{"op":"fault"}\n${FAULT}\n`;
    const { info } = await read(text, { onBadLine: found => void told.push(found) });
    expect(info.events).toBe(3);
    expect(told.map(found => found.where.line)).toEqual([3, 5]);
  });
});

describe('validation', () => {
  test('names every problem and goes on behind it', async () => {
    const text = `${HEADER}${MMAP}\nnot json\n{"op":"fault","tid":"x"}\n${FAULT}\n{"op":"nothing"}\n`;
    const found = await problems(text);
    expect(found.map(problem => problem.class)).toEqual(['json-syntax', 'schema', 'schema', 'schema', 'schema']);
    expect(found.map(problem => problem.where.line)).toEqual([3, 4, 4, 4, 6]);
    expect(
      found
        .filter(p => p.where.line === 4)
        .map(p => p.where.path)
        .toSorted(),
    ).toEqual(['access', 'addr', 'tid']);
  });

  test('says nothing of a good trace, and stops at max', async () => {
    expect(await problems(STREAM)).toEqual([]);
    expect(await problems(DOCUMENT, { strict: true })).toEqual([]);
    expect((await problems('{"op":"fault"}\n'.repeat(50), { max: 3 })).length).toBe(3);
  });
});

test('threads whose numbers share a slot keep their own', async () => {
  const exits = [1, 4097, 1, 8193, 4097].map(tid => `{"op":"exit","tid":${tid}}`);
  const { rows, info } = await read(exits.join('\n'));
  expect(rows.map(row => info.tids[row.thread])).toEqual([1, 4097, 1, 8193, 4097]);
});

test('an event of the user’s own is of no thread and no mm, and of its own time or that of the event before', async () => {
  const exit = '{"t":3,"op":"exit","tid":7,"mm":3}';
  const mine = (rest: string) => `{"op":"x-mark"${rest}}`;
  const { rows, info } = await read(
    [mine(',"tid":7,"mm":3'), exit, mine(',"tid":7'), mine(',"t":5,"tid":9')].join('\n'),
  );
  expect(rows.map(({ t, thread, mm }) => [t, thread, mm])).toEqual([
    [-1, -1, -1],
    [3, 0, 0],
    [3, -1, -1],
    [5, -1, -1],
  ]);
  expect([info.tids, info.mms]).toEqual([[7], [3]]);
});

test('what nobody in particular does is not what thread 0 does', async () => {
  const scan = (tid: string) => `{"op":"numa_scan"${tid},"addr":"0x1000","len":"0x1000"}`;
  const { rows, info } = await read([scan(',"tid":0'), scan(''), scan(''), scan(',"tid":0')].join('\n'));
  expect(rows.map(({ thread }) => thread)).toEqual([0, 1, 1, 0]);
  expect([info.tids, info.nobody]).toEqual([[0, 0], 1]);
});

test('a fault that hides something says so in its row', async () => {
  const hidden: number[] = [];
  const says = (what: string): string => FAULT.replace('}', `,"x-hidden":${what}}`);
  const text = [says('"page cache"'), FAULT, says('"memory: mmap failed"'), says('"memo"'), says('true')].join('\n');
  await read(text, { onBatch: columns => void hidden.push(...columns.hidden.subarray(0, columns.n)) });
  expect(hidden).toEqual([1, 0, 2, 1, 1]);
});

test('events come as they are written, with every key', async () => {
  const all: TraceEvent[] = [];
  for await (const event of readEvents(
    file(`{"events":[{"op":"x-mine","z":1},{"op":"exit","tid":1,"k":null}],"format":"vmalock-trace","version":1}`),
  ))
    all.push(event);
  expect(all).toEqual([
    { op: 'x-mine', z: 1 },
    { op: 'exit', tid: 1, k: null },
  ]);
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

test('of a header the clock and the command are texts, however they came; the rest is as it was', async () => {
  const meta = async (given: object) =>
    (await read(`${JSON.stringify({ format: 'vmalock-trace', version: 1, meta: given })}\n${FAULT}`)).info.meta;
  const rest = { name: 'n', producer: 'p', kernel: 'k', arch: 'x', pageSize: 4096, cpus: 2, lost: 1, 'x-mine': [1] };
  expect(await meta({ ...rest, clock: 'mono', command: 'a b' })).toEqual({ ...rest, clock: 'mono', command: 'a b' });
  expect(await meta({ ...rest, clock: { id: 1 }, command: ['a', 'b'] })).toEqual({
    ...rest,
    clock: '{"id":1}',
    command: 'a b',
  });
});
