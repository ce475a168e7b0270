/** What a reader says of what is wrong: class, message, place, and what to do. Each is met by changing one thing in a right trace. */
import { describe, expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import type { ReadOptions } from '../../src/trace/reader.js';
import { OPS } from '../../src/vocab.js';
import { FAULT, complaint as firstComplaint, HEADER, MMAP, outcome, problems, read } from './helpers.js';

/** The first complaint, which reading and validation agree about, with the scanner and without. */
async function complaint(text: string | Uint8Array, options: ReadOptions = {}): Promise<Complaint> {
  const found = await firstComplaint(text, options);
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

const munmap = (changed: object) => JSON.stringify({ op: 'munmap', tid: 1, addr: '0x1000', len: '0x1000', ...changed });
const mremap = (changed: object) =>
  JSON.stringify({
    op: 'mremap',
    tid: 1,
    addr: '0x1000',
    old_len: '0x1000',
    new_len: '0x1000',
    new_addr: '0x1000',
    ...changed,
  });
const lock = (changed: object) => munmap({ locks: [{ mode: 'read', ask: 5, got: 6, end: 7, ...changed }] });
const fault = (key: string, value: string) => FAULT.replace('}', `,"${key}":${value}}`);

const ADDRESS = 'lower-case hex such as "0x7f12a000" (at most 16 digits) or an integer from 0 to 2^53-1';
const EINVAL = 'the kernel refuses such a call (EINVAL); a call that failed is "other"';
const shape = (op: string) => `see the keys of ${op}: vmalock schema trace`;

describe('an event of the wrong shape', () => {
  test.each<[string, string, string, number, string]>([
    [munmap({ addr: '0x12g' }), 'addr', `"addr" must be ${ADDRESS}, got "0x12g"`, 31, shape('munmap')],
    [munmap({ addr: null }), 'addr', `"addr" must be ${ADDRESS}, got null`, 31, shape('munmap')],
    [munmap({ len: undefined }), 'len', `"len" is missing: it must be ${ADDRESS}`, 1, shape('munmap')],
    [munmap({ tid: -1 }), 'tid', '"tid" must be an integer from 0 to 2^53-1 (thread id), got -1', 22, shape('munmap')],
    [
      munmap({ tid: [1] }),
      'tid',
      '"tid" must be an integer from 0 to 2^53-1 (thread id), got [1]',
      22,
      shape('munmap'),
    ],
    [lock({ mode: 'x' }), 'locks[0].mode', '"locks[0].mode" must be one of read, write, got "x"', 72, shape('munmap')],
    [
      lock({ end: undefined }),
      'locks[0].end',
      '"locks[0].end" is missing: it must be an integer from 0 to 2^53-1 (released, ns)',
      64,
      shape('munmap'),
    ],
    [MMAP.replace('rw-', 'rwz'), 'prot', '"prot" must be rwx with - for what is missing, got "rwz"', 68, shape('mmap')],
    [
      FAULT.replace('write', 'wrote'),
      'access',
      '"access" must be one of read, write, exec, got "wrote"',
      73,
      shape('fault'),
    ],
  ])('%s', async (line, path, message, column, hint) => {
    const where = { line: 2, column, path };
    expect(await complaint(HEADER + line)).toMatchObject({ class: 'schema', message, where, hint });
  });
});

describe('what is repeated of a value', () => {
  test.each<[string, string, string]>([
    ['as it is', 'a'.repeat(81), `"${'a'.repeat(80)}..."`],
    ['blank, and no space', '\u00a0\u2800', '"\\xa0\\u{2800}"'],
    ['escaped', '\\u202e\\u0007'.repeat(100), `"${'\\u{202e}\\x07'.repeat(6)}\\u{202e}..."`],
    ['of more than one unit', '\u{1f40c}'.repeat(90), `"${'\u{1f40c}'.repeat(80)}..."`],
  ])('is 80 characters at most: %s', async (_, text, shown) => {
    const { message } = await complaint(HEADER + MMAP.replace('0x7f0000000000', text));
    expect(message).toMatch(/, got ".*"$/);
    expect(message.split(', got ')[1]).toBe(shown);
    const inside = await complaint(HEADER + MMAP.replace('"0x7f0000000000"', `["${'\\u0007'.repeat(100)}"]`));
    expect(inside.message.split(', got ')[1]).toBe(`["${'\\u0007'.repeat(13)}...`);
  });
});

describe('an event that cannot have happened', () => {
  test.each<[string, string, string, string]>([
    [munmap({ addr: '0x1001' }), 'addr', '"addr" of munmap is not page aligned: 0x1001', EINVAL],
    [MMAP.replace('}', ',"file":{},"offset":"0x10"}'), 'offset', '"offset" of mmap is not page aligned: 0x10', EINVAL],
    [mremap({ addr: '0x1010' }), 'addr', '"addr" of mremap is not page aligned: 0x1010', EINVAL],
    [mremap({ new_addr: '0x10' }), 'new_addr', '"new_addr" of mremap is not page aligned: 0x10', EINVAL],
    [munmap({ len: '0x0' }), 'len', '"len" of munmap is 0', EINVAL],
    [mremap({ new_len: 0 }), 'new_len', '"new_len" of mremap is 0', EINVAL],
    [
      munmap({ addr: '0xfffffffffffff000', len: '0x2000' }),
      'len',
      'the range wraps around 2^64: "len" is 0x2000',
      'addr + len is at most 2^64',
    ],
    [
      mremap({ addr: '0x2000', old_len: '0xfffffffffffff000' }),
      'old_len',
      'the range wraps around 2^64: "old_len" is 0xfffffffffffff000',
      'addr + len is at most 2^64',
    ],
    [
      mremap({ new_addr: '0xfffffffffffff000', new_len: '0x2000' }),
      'new_len',
      'the range wraps around 2^64: "new_len" is 0x2000',
      'addr + len is at most 2^64',
    ],
    [lock({ got: 4 }), 'locks', 'a lock section has ask > got or got > end', 'ask <= got <= end'],
    [lock({ end: 5 }), 'locks', 'a lock section has ask > got or got > end', 'ask <= got <= end'],
  ])('%s', async (line, path, message, hint) => {
    const where = { line: 2, column: line.search(new RegExp(`(?<="${path}":)`)) + 1, path };
    expect(await complaint(HEADER + line)).toMatchObject({ class: 'semantic', message, where, hint });
  });

  test('as one before another that stands in front of it', async () => {
    expect(await complaint(`${HEADER}${munmap({ t: 9 })}\n${munmap({ t: 5 })}\n`)).toMatchObject({
      class: 'semantic',
      message: 'time runs backwards: t 5 after 9',
      where: { line: 3, column: 59, path: 't' },
      hint: 'sort the events by t',
    });
  });
});

describe('an operation', () => {
  const known = OPS.join(' ');
  test.each<[string, string, number, string]>([
    ['{"tid":1}', '"op" is missing', 1, `it is one of ${known}`],
    ['{"op":7}', '"op" must be a word, got 7', 7, `it is one of ${known}`],
    ['{"op":{"a":1}}', '"op" must be a word, got {"a":1}', 7, `it is one of ${known}`],
    ['{"op":"munmp"}', 'unknown op "munmp", did you mean munmap', 7, `known: ${known}; your own begin with x-`],
    ['{"op":"qqqqqqqq"}', 'unknown op "qqqqqqqq"', 7, `known: ${known}; your own begin with x-`],
  ])('%s', async (line, message, column, hint) => {
    const where = { line: 2, column, path: 'op' };
    expect(await complaint(HEADER + line)).toMatchObject({ class: 'schema', message, where, hint });
  });
});

describe('what is no event', () => {
  const first = 'not a vmalock trace: the first event is';
  test.each<[string, string, object]>([
    [`${HEADER}5`, `${first} a number`, { line: 2, column: 1 }],
    [`${HEADER}null`, `${first} null`, { line: 2, column: 1 }],
    [`${HEADER}[1]`, `${first} an array`, { line: 2, column: 1 }],
    [`${HEADER}true`, `${first} a boolean`, { line: 2, column: 1 }],
    [`${HEADER}${MMAP}\n"x"`, 'an event is an object, got a string', { line: 3, column: 1 }],
    [
      '{"format":"vmalock-trace","version":1,"events":[7]}',
      `${first} a number`,
      { line: 1, column: 49, path: 'events[0]' },
    ],
    [document('[]'), `${first} an array`, { line: 1, column: 49, path: 'events[0]' }],
    [document(`${MMAP},null`), 'an event is an object, got null', { line: 1, column: 155, path: 'events[1]' }],
    [`[${MMAP},true]`, 'an event is an object, got a boolean', { line: 1, column: 108, path: '[1]' }],
    [`[${MMAP},7]`, 'an event is an object, got a number', { line: 1, column: 108, path: '[1]' }],
  ])('%s', async (text, message, where) => {
    const found = await complaint(text);
    expect(found).toMatchObject({ class: 'schema', message, where, hint: 'an event is {"op":...}' });
    expect(found.where.path).toBe((where as { path?: string }).path);
  });
});

test('the place inside a document or an array has the number of the event', async () => {
  const wrong = munmap({ addr: 'x' });
  const document = await complaint(`{"format":"vmalock-trace","version":1,"events":[${MMAP},${wrong}]}`);
  expect(document.where).toMatchObject({ line: 1, column: 185, path: 'events[1].addr' });
  expect((await complaint(`[${MMAP},${wrong}]`)).where).toMatchObject({ line: 1, column: 138, path: '[1].addr' });
});

describe('a header', () => {
  const TOP = '{"format":"vmalock-trace","version":1,';
  const LINE = 'the first line is {"format":"vmalock-trace","version":1}';
  test.each<[string, string, string]>([
    ['{"format":"vmalock-trace","version":2}', 'version', '"version" must be 1, the only version there is, got 2'],
    ['{"format":"vmalock-trace"}', 'version', '"version" is missing: it must be 1, the only version there is'],
    ['{"format":"vmalock","version":1}', 'format', '"format" must be "vmalock-trace", got "vmalock"'],
    [`${TOP}"meta":{"name":5}}`, 'meta.name', '"meta.name" must be a string, got 5'],
    [
      `${TOP}"meta":{"cpus":-1}}`,
      'meta.cpus',
      '"meta.cpus" must be an integer from 0 to 2^53-1 (number of cpus), got -1',
    ],
    [`${TOP}"meta":{"clock":5}}`, 'meta.clock', '"meta.clock" must be a string or an object, got 5'],
    [`${TOP}"meta":{"command":5}}`, 'meta.command', '"meta.command" must be a string or a list of strings, got 5'],
    [`${TOP}"meta":{"command":[5]}}`, 'meta.command', '"meta.command" must be a string or a list of strings, got [5]'],
    [`${TOP}"expect":5}`, 'expect', '"expect" must be an object of expectations by model, got 5'],
    [`${TOP}"expect":{"m":5}}`, 'expect.m', '"expect.m" must be an object of expectations by event index, got 5'],
    [`${TOP}"expect":{"m":{"0":5}}}`, 'expect.m.0', '"expect.m.0" must be an object, got 5'],
    [
      `${TOP}"expect":{"m":{"0":{"verdict":"signal","counter":5}}}}`,
      'expect.m.0.counter',
      '"expect.m.0.counter" must be null or one of vma_lock_success, vma_lock_abort, vma_lock_retry, vma_lock_miss, got 5',
    ],
    [
      `${TOP}"expect":{"m":{"0":{"verdict":"vma"}}}}`,
      'expect.m.0.verdict',
      '"expect.m.0.verdict" must be one of vma_lock, mmap_lock, signal, speculative, got "vma"',
    ],
    [
      `${TOP}"expect":{"m":{"one":{}}}}`,
      'expect.m.one',
      '"expect.m.one" must be an object of expectations by event index, got {}',
    ],
    [`${TOP}"events":5}`, 'events', '"events" must be a list of events, got 5'],
    [`${TOP}"$schema":5}`, '$schema', '"$schema" must be a string, got 5'],
  ])('%s', async (line, path, message) => {
    const key = path.split('.').at(-1);
    const column = 1 + Math.max(0, line.indexOf(`"${key}":`) + `"${key}":`.length);
    const where = { line: 1, column: message.includes('missing') ? 1 : column, path };
    const hint = path === 'format' || path === 'version' ? LINE : 'see the header: vmalock schema trace';
    expect(await complaint(`${line}\n${MMAP}\n`)).toMatchObject({ class: 'schema', message, where, hint });
  });

  test.each<[string, string, number, number, string?]>([
    ['', 'format', 2, 1],
    ['"version":2,"format":"vmalock-trace",', 'version', 2, 12, 'a document is'],
    ['"format":"vmalock-trace",\n"version":1,"meta":\n{"lost":"x"},', 'meta.lost', 4, 9, 'see the header'],
    [
      '"format":"vmalock-trace","version":1,"x-a":[\n{}],\n "expect":\n{"v6.4":{"0":{"site":"s"}}},',
      'expect.v6.4.0.verdict',
      5,
      14,
    ],
  ])('of a document: %j', async (members, path, line, column, hint = '') => {
    for (const text of [`\n{${members}"events":[]}`, `\n{${members}"x-b":{"meta":\n{}},"events":[\n${MMAP}]}`]) {
      const found = await complaint(text);
      expect(found).toMatchObject({ class: 'schema', where: { line, column, path } });
      expect(found.hint).toContain(hint);
    }
  });

  test('behind the events of a document keeps its place, also when the text of it is long gone', async () => {
    const head = '{"format":"vmalock-trace",\n"version":1,"events":[';
    const text = `${head}${`${MMAP},\n`.repeat(9000)}${MMAP}],\n "meta":{"cpus":1,\n"arch":5}}`;
    expect((await complaint(text)).where).toMatchObject({ line: 9004, column: 8, path: 'meta.arch' });
    const other = `${head.replace('1', '7')}${`${MMAP},\n`.repeat(9000)}${MMAP}]}`;
    expect((await complaint(other)).where).toMatchObject({ line: 2, column: 11, path: 'version' });
  });

  test('of a document is judged wherever it stands, once all of it is known', async () => {
    const behind = `{"events":[${MMAP}],"format":"other"}`;
    expect((await complaint(behind)).message).toContain('"format" must be "vmalock-trace"');
    expect((await complaint(`{"events":[${MMAP}],"version":1}`)).message).toContain('"format" is missing');
    const before = `{"format":"vmalock-trace","version":1,"meta":3,"events":[${MMAP}]}`;
    expect((await complaint(before)).message).toBe('"meta" must be an object, got 3');
  });

  test.each([
    ['5\n', 'schema', 'not a vmalock trace: found a number', `${LINE}, or an event with an "op"`],
    ['{"a":1}\n', 'schema', 'not a vmalock trace: an object with "a"', `${LINE}, or an event with an "op"`],
    ['', 'json-syntax', 'empty input, expected a trace', 'vmalock schema trace'],
  ])('is not %j', async (text, kind, message, hint) => {
    expect(await complaint(text)).toMatchObject({ class: kind, message, where: { line: 1, column: 1 }, hint });
  });
});

describe('a model that is expected something of', () => {
  const models = ['v6.4', 'v6.9', 'my_series'];
  const said = '{"0":{"verdict":"vma_lock","sight":1,"x-why":2}}';
  const expected = (id: string) => `"expect":{"v6.4":${said},"x-own":{},\n"${id}":{}}`;

  test('is nobody where nothing is expected', async () => {
    expect(await problems(`${HEADER}${MMAP}\n`, { models })).toEqual([]);
  });

  test.each([
    ['v6.99', 'no model "v6.99", did you mean v6.9'],
    ['nothing_of_the_sort', 'no model "nothing_of_the_sort"'],
  ])('is there: %s is not', async (id, message) => {
    for (const text of [
      `{"format":"vmalock-trace","version":1,${expected(id)}}\n${MMAP}\n{"meta":{"lost":1}}\n`,
      `{"format":"vmalock-trace","version":1,${expected(id)},"events":[${MMAP}]}`,
      `{"events":[${MMAP}],${expected(id)},"format":"vmalock-trace","version":1}`,
    ]) {
      const where = { line: 2, column: 1, path: `expect.${id}` };
      expect(await complaint(text, { models })).toMatchObject({ class: 'schema', message, where });
      expect(await problems(text, { models })).toHaveLength(1);
      expect(await problems(text)).toEqual([]);
      expect([...(await read(text)).info.unknownKeys]).toEqual([['expect.v6.4.0.sight', 1]]);
      expect(await problems(text.replace(id, 'my_series'), { models })).toEqual([]);
    }
  });
});

describe('a trace that breaks its own frame', () => {
  const DOCUMENT = document('').slice(0, -2);
  test.each<[string, string, number]>([
    [`${DOCUMENT}${MMAP} ${MMAP}]}`, '"," or "]"', 155],
    [`${DOCUMENT}${MMAP},]}`, 'an event', 155],
    [`[${MMAP},`, 'an event', 108],
    ['[}', 'an event', 2],
    [`${DOCUMENT}] "a":1}`, '"," or "}"', 51],
    [`${DOCUMENT}],a:1}`, 'a key in double quotes', 51],
    [`${DOCUMENT}],"a" 1}`, '":" after the key', 55],
    [`${DOCUMENT}],"a":}`, 'a value', 55],
    [`${DOCUMENT}]} x`, 'the end of the file', 52],
    [`[${MMAP}] x`, 'the end of the file', 109],
    [`${DOCUMENT}];}`, '"," or "}"', 50],
    ['{"format":"vmalock-trace" "version":1}', '"," or "}"', 27],
    ['{"format":"vmalock-trace";"version":1}', '"," or "}"', 26],
    ['{"format":"vmalock-trace" 1}', '"," or "}"', 27],
    ['{format:1}', 'a key in double quotes', 2],
    ['{"format" 1}', '":" after the key', 11],
    ['{"format":}', 'a value', 11],
    ['{"format":"vmalock-trace","version":1} x', 'the end of the line', 40],
  ])('%s', async (text, expected, column) => {
    const found = await complaint(text);
    expect(found).toMatchObject({ class: 'json-syntax', where: { line: 1, column } });
    expect(found.message).toMatch(`expected ${expected}, found `);
  });

  test.each([
    [`${DOCUMENT}${MMAP}`, 'the trace is truncated'],
    [`[${MMAP}\rx]`, 'end lines with LF or CRLF, not with CR alone'],
    [`[${MMAP}x\r]`, 'check the JSON here'],
  ])('%s, and what to do', async (text, hint) => {
    expect(await complaint(text)).toMatchObject({ class: 'json-syntax', hint });
  });

  test.each([
    ['{}', 'not a vmalock trace: an object with no keys'],
    ['{"a":1,"b":2,"c":3,"d":4}', 'not a vmalock trace: an object with "a", "b", "c"'],
    ['"x"', 'not a vmalock trace: found a string'],
    ['null', 'not a vmalock trace: found null'],
    [`${DOCUMENT}],"version":1}`, 'duplicate key "version"'],
    [`${DOCUMENT}],"events":[]}`, 'duplicate key "events"'],
    ['{"a":1,"a":2}', 'duplicate key "a"'],
  ])('%s', async (text, message) => {
    expect(await complaint(text)).toMatchObject({ class: 'schema', message });
  });

  test('an event, or a line, of more than is allowed', async () => {
    const long = FAULT.replace('}', `,"x-a":"${'a'.repeat(5000)}"}`);
    const tooLong = async (text: string) => (await complaint(text, { maxLine: 300 })).message;
    expect(await tooLong(`${HEADER}${FAULT}\n${long}\n`)).toBe('line 3 is longer than 300 bytes');
    for (const event of [long, FAULT.replace('}', `,"x-a":"${'a'.repeat(300)}"}`)]) {
      const text = `{"format":"vmalock-trace","version":1,"events":[\n  ${FAULT},\n  ${event}\n]}`;
      expect(await complaint(text, { maxLine: 300 })).toMatchObject({
        class: 'limit',
        message: 'the event of line 3 is longer than 300 bytes',
        where: { line: 3, column: 1 },
      });
    }
  });
});

test('a number that no double holds is refused before anything else', async () => {
  expect(await complaint(HEADER + munmap({}).replace('"tid":1', '"tid":12345678901234567890'))).toMatchObject({
    class: 'schema',
    message: 'integer beyond 2^53: "12345678901234567890"',
    where: { line: 2, column: 22 },
    hint: 'spell addresses as hex strings',
  });
});

describe('with --strict a key there is not', () => {
  const places = (found: Complaint[]) => found.map(({ where: { line, column, path } }) => `${line}:${column} ${path}`);

  test.each<[string, string, string[]]>([
    [
      'a document',
      '{\n"format":"vmalock-trace",\n"version":1,\n"meta":{\n"weird":1},\n "oops":2,\n"events":[\n{"op":"exit","tid":1,\n"zz" :1}]}',
      ['9:1 events[0].zz', '6:2 oops', '5:1 meta.weird'],
    ],
    [
      'a stream and what follows its events',
      `{"format":"vmalock-trace","oops":2,"version":1}\n {"op":"exit","tid":1,"zz":1}\n\n {"meta":{"lost":1,"weird":2}}\n`,
      ['1:27 oops', '2:23 zz', '4:20 meta.weird'],
    ],
    [
      'a bare list, at any depth',
      `[${MMAP},\n${fault('page', '{"huh":1}')},${fault('locks', '[{"mode":"read","ask":1,"got":1,"end":1,"why":1}]')}]`,
      ['2:89 [1].page.huh', '2:227 [2].locks[0].why'],
    ],
    [
      'what is spelled like the path of another',
      '{"format":"vmalock-trace","version":1,"meta.a":1,"meta":{\n"b":2}}\n',
      ['1:39 meta.a', '2:1 meta.b'],
    ],
  ])('in %s', async (_, text, found) => {
    expect(places(await problems(text, { strict: true }))).toEqual(found);
    const order = text.includes('"events"') ? [found[1]] : [found[0]];
    expect(places([await firstComplaint(text, { strict: true })])).toEqual(order);
  });
});

test('with --strict a key there is not is refused', async () => {
  expect(await complaint(HEADER + fault('mood', '1'), { strict: true })).toMatchObject({
    class: 'schema',
    message: 'unknown key "mood"',
    where: { line: 2, path: 'mood' },
    hint: 'leave out --strict, or begin keys of your own with x-',
  });
  // once, though what follows the events is read with the header again
  const text = '{"format":"vmalock-trace","version":1,"mood":1}\n{"op":"exit","tid":1}\n{"meta":{"lost":1}}\n';
  expect((await problems(text, { strict: true })).map(({ message }) => message)).toEqual(['unknown key "mood"']);
  expect(await problems(HEADER + fault('mood', '1'), { strict: true })).toHaveLength(1);
});

describe('every key says what it must be', () => {
  const flags = 'private, shared, anonymous, fixed, growsdown, hugetlb, locked, populate, stack, pfnmap, noreserve';
  test.each<[string, string]>([
    [fault('mm', '{}'), `"mm" must be an integer from 0 to 2^53-1 (address space, 1 when absent), got {}`],
    [fault('cpu', '2147483648'), '"cpu" must be an integer from 0 to 2147483647 (cpu), got 2147483648'],
    [fault('dur', '-1'), '"dur" must be an integer from 0 to 2^53-1 (the recorded call took, ns), got -1'],
    [fault('dur', '-0'), 'negative zero is not an integer'],
    [fault('mode', '"a\\nb\\"c"'), '"mode" must be one of user, kernel, got "a\\x0ab"c"'],
    [fault('mode', '["a\\nb"]'), '"mode" must be one of user, kernel, got ["a\\nb"]'],
    [fault('mode', '{ "a" : 1.50 }'), '"mode" must be one of user, kernel, got {"a":1.5}'],
    [fault('mode', '{}'), '"mode" must be one of user, kernel, got {}'],
    [fault('page', '[]'), '"page" must be an object, got []'],
    [fault('page', '{"folio":"gone"}'), '"page.folio" must be one of cached, absent, locked, got "gone"'],
    [fault('page', '{"huge":"pte"}'), '"page.huge" must be one of pmd, pud, got "pte"'],
    [fault('page', '{"shared":1}'), '"page.shared" must be true or false, got 1'],
    [
      fault('page', '{"wait":1.5}'),
      '"page.wait" must be an integer from 0 to 2^53-1 (waited for I/O or a folio lock; 0: it was over before the fault got to it, ns), got 1.5',
    ],
    [fault('truth', '1'), '"truth" must be an object, got 1'],
    [
      fault('truth', '{"path":"x"}'),
      '"truth.path" must be one of vma_lock, mmap_lock, signal, killed, interrupted, got "x"',
    ],
    [fault('truth', '{"via":1}'), '"truth.via" must be a string, got 1'],
    [fault('locks', '{}'), '"locks" must be a list of lock sections, got {}'],
    [fault('locks', '[1]'), '"locks[0]" must be an object, got 1'],
    [MMAP.replace('}', ',"file":1}'), '"file" must be an object, got 1'],
    [MMAP.replace('}', ',"file":{"fs":1}}'), '"file.fs" must be a string, got 1'],
    [MMAP.replace('}', ',"file":{"pfn":1}}'), '"file.pfn" must be true or false, got 1'],
    [MMAP.replace('}', ',"name":1}'), '"name" must be a string, got 1'],
    [MMAP.replace(/"flags":.*}/, '"flags":"private"}'), `"flags" must be a list of ${flags}, got "private"`],
    [mremap({ flags: ['x'] }), '"flags[0]" must be one of maymove, fixed, dontunmap, got "x"'],
    ['{"op":"mlockall","tid":1,"mode":-1}', '"mode" must be a word, a number or a list of words, got -1'],
    ['{"op":"mlockall","tid":1,"mode":[1]}', '"mode" must be a word, a number or a list of words, got [1]'],
    ['{"op":"mlockall","tid":1,"mode":{}}', '"mode" must be a word, a number or a list of words, got {}'],
    [
      '{"op":"uffd_register","tid":1,"addr":"0x1000","len":"0x1000","modes":["x"]}',
      '"modes[0]" must be one of missing, wp, minor, rwp, wp_async, got "x"',
    ],
    [
      '{"op":"read_maps","tid":1,"kind":"x"}',
      '"kind" must be one of maps, smaps, numa_maps, procmap_query, smaps_rollup, pagemap, got "x"',
    ],
    ['{"op":"madvise","tid":1,"addr":"0x1000","len":"0x1000"}', '"advice" is missing: it must be a string'],
    [
      '{"op":"fork","tid":1,"child_tid":2}',
      '"child_mm" is missing: it must be an integer from 0 to 2^53-1 (address space of the child; the same one for a thread)',
    ],
    ['{"op":"exec","tid":1}', '"new_mm" is missing: it must be an integer from 0 to 2^53-1 (address space after exec)'],
  ])('%s', async (line, message) => {
    expect(await complaint(HEADER + line)).toMatchObject({ class: 'schema', message });
  });
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
  expect(await complaint(`[${MMAP}\u00e4]`)).toMatchObject({
    class: 'json-syntax',
    message: 'expected "," or "]", found "\u00e4]"',
  });
});

test('an event over two lines is none where each has its own', async () => {
  const text = `${HEADER}${FAULT}\n${FAULT.replace('"op"', '\n"op"')}\n`;
  expect(await complaint(text)).toMatchObject({ class: 'json-syntax', where: { line: 3 } });
});

test('a complaint of a later line of an event counts from there', async () => {
  const found = await complaint(document(`\n{"op":"fault",\n"tid":1,\n"addr":"0x1000",\n"access":nil}`));
  expect(found).toMatchObject({ class: 'json-syntax', where: { line: 5, column: 10 } });
});
