import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { TraceEventSchema, TraceHeaderSchema } from '../../src/trace/schema.js';
import { call, imported, line, sample, samples, section } from './sample.js';

test.each(samples())(
  '$name ($tool) is the same fed in pieces of 100 bytes, with CRLF and a BOM, or named by hand',
  async ({ name, tool }) => {
    const text = sample(name, tool);
    const whole = await imported(text);
    const bytes = Buffer.from(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
      bytes.subarray(100 * i, 100 * i + 100),
    );
    expect(await imported(pieces)).toEqual(whole);
    expect(await imported('\ufeff' + text.replaceAll('\n', '\r\n'))).toEqual(whole);
    expect(await imported(text, { from: tool })).toEqual(whole);
  },
);

test.each(samples())(
  '$name ($tool) comes out in time order and in the shapes of the trace format',
  async ({ name, tool }) => {
    const { header, events } = await imported(sample(name, tool));
    expect(TraceHeaderSchema.safeParse(header).error).toBeUndefined();
    for (const event of events) expect(TraceEventSchema.safeParse(event).error).toBeUndefined();
    expect(events.map(event => event.t)).toEqual(events.map(event => event.t).sort((a, b) => a - b));
  },
);

test.each([
  ['strace', sample('page-miss', 'perf'), 'it looks like perf: leave out --from'],
  ['ftrace', sample('page-miss', 'perf'), 'it looks like perf: leave out --from'],
  ['perf', sample('uffd', 'strace'), 'it looks like strace: leave out --from'],
  ['perf', '{"op":"exit"}\n', 'leave out --from to see whose it is'],
])('a text of which no line is one of %s is refused', async (from, text, hint) => {
  const [found] = text.split('\n');
  const message = expect.stringContaining(`no line is one of ${from}, found "${found.slice(0, 40)}`);
  await expect(imported(text, { from })).rejects.toMatchObject({ class: 'schema', message, where: { line: 1 }, hint });
});

test('one line far behind is enough, as is nothing at all in a recording of our own', async () => {
  const [first] = sample('page-miss', 'perf').split('\n');
  const { summary } = await imported([...Array(1000).fill('hello'), first, ''].join('\n'), { from: 'perf' });
  expect(summary).toMatchObject({ lines: 1001, unknownLines: 1000 });
  for (const from of [undefined, 'perf', 'ftrace', 'strace'])
    await expect(imported('', { from })).rejects.toMatchObject({ class: 'schema', message: 'the text is empty' });
  expect((await imported('', { from: 'perf', mayBeEmpty: true })).events).toEqual([]);
  expect((await imported('# tracer: nop\n', { from: 'ftrace' })).events).toEqual([]);
  expect((await imported('\n', { from: 'strace' })).events).toEqual([]);
});

test('lost records are added up in the header and the summary', async () => {
  const lost = [line(1, 10, 'PERF_RECORD_LOST lost 12'), line(2, 10, 'PERF_RECORD_LOST lost 30')];
  const { header, summary } = await imported([sample('huge'), ...lost, ''].join('\n'));
  expect(header.meta.lost).toBe(42);
  expect(summary.lost).toBe(42);
});

test('what was lost came after the record before on that processor', async () => {
  const on = (cpu: number, us: number, text: string) => line(us, 10, text).replace('[000]', `[00${cpu}]`);
  const lost = [1, 2].map(cpu => on(cpu, 40 + cpu, 'PERF_RECORD_LOST lost 3'));
  const faults = [10, 20, 30].map((us, cpu) => on(cpu, us, 'minor-faults: 0'));
  const from = async (...lines: string[]) => (await imported(lines.join('\n'))).header.meta['x-lost-from'];
  expect(await from(...faults)).toBeUndefined();
  expect(await from(...faults, ...lost)).toBe(10_000);
  expect(await from(...faults, lost[1])).toBe(20_000);
  expect(await from(...faults, on(7, 50, 'PERF_RECORD_LOST lost 3'))).toBe(0);
});

test('a fault during which records were lost has no truth, and no lock is taken to be held after it', async () => {
  const fault = (us: number) => [
    line(us, 10, 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0'),
    ...section(us + 1, 10, false).slice(0, 2),
  ];
  const done = (us: number) => line(us, 10, 'minor-faults:     7f0000001000');
  const [, , released] = section(24, 10, false);
  const text = [...fault(1), line(5, 10, 'PERF_RECORD_LOST lost 3'), done(6), ...fault(20), done(25), released];
  const { faults, summary } = await imported(text.join('\n'));
  expect(faults.map(({ truth }) => truth?.fallback)).toEqual([undefined, true]);
  expect(summary.unclassifiedAt).toEqual({ 'fault during which records were lost': [1] });
});

test.each([
  ['', 'the text is empty', undefined],
  ['{"headers":1}\n', 'not a text any importer knows', 'known formats: ftrace perf strace; --from names one'],
  ['PERFILE2\u0000\u0001\n', 'not a text any importer knows', 'it looks like perf.data: run perf script on it first'],
])('%j is refused', async (text, message, hint) => {
  const error = await imported(text).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ class: 'schema', message: expect.stringContaining(message) });
  if (hint !== undefined) expect(error).toMatchObject({ hint });
});

test('an unknown importer names the nearest one', async () => {
  await expect(imported('', { from: 'pref' })).rejects.toMatchObject({ class: 'usage', hint: 'did you mean perf?' });
});

test('bytes that are no UTF-8 are refused with their line', async () => {
  const bytes = [Buffer.from(`${line(1, 10, 'minor-faults: 0')}\n`), Buffer.from([0x20, 0xff, 0x0a])];
  await expect(imported(bytes)).rejects.toMatchObject({ class: 'encoding', where: { line: 2 } });
});

test('a name may be cut inside a character, or have bytes that are no UTF-8: that is told with the first of its lines', async () => {
  const fault = (comm: string) =>
    `${comm}  7/7  [000]     1.000000002: exceptions:page_fault_user: address=0x1000 ip=0x1 error_code=0x6\n`;
  const shown = line(2, 10, 'PERF_RECORD_MMAP2 10/10: [0x1000(0x1000) @ 0 fe:00 2 3]: r--p /caf\xe9');
  const text = [
    line(0, 10, 'PERF_RECORD_COMM: \xc3\xa4\xc3:10/10\n'),
    ...call(1, 10, '9 (0, 1000, 1, 2, 3, 0)', [shown], 3, '4096').map(row => `${row}\n`),
    fault('\xff'),
  ];
  const { header, events, summary } = await imported([Buffer.from(text.join(''), 'latin1')]);
  expect(header.meta.command).toBe('ä\ufffd');
  expect(events.map(({ op, name, file }) => [op, name ?? file?.name])).toContainEqual(['mmap', '/caf\ufffd']);
  expect(summary.mended).toEqual({ lines: 3, first: 1 });
  expect((await imported(line(0, 10, 'PERF_RECORD_COMM: \ufffd:10/10'))).summary.mended.lines).toBe(0);
});

test.each([
  [
    'a number',
    Buffer.from(line(1, 10, 'exceptions:page_fault_user: address=0x1\xff ip=0x1 error_code=0x6\n'), 'latin1'),
    'schema',
  ],
  ['a line of no event', Buffer.from('x\xff\n', 'latin1'), 'encoding'],
  ['the end, inside a character', Buffer.from([0xc3]), 'encoding'],
  ['a line that is too long', Buffer.from(`\xff${'x'.repeat(300)}`, 'latin1'), 'encoding'],
])('%s has none', async (_what, bytes, kind) => {
  const chunks = [Buffer.from(`${line(1, 10, 'minor-faults: 0')}\n`), bytes, Buffer.from('x\n')];
  const where = { line: 2 };
  await expect(imported(chunks, { maxLine: 200 })).rejects.toMatchObject({ class: kind, where });
  await expect(imported(chunks.slice(0, 2), { maxLine: 200, cut: true })).rejects.toMatchObject({ class: kind, where });
});

const RECORDED = new URL('../../traces/recorded/', import.meta.url);
const RECORDINGS = readdirSync(RECORDED, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.gz'));

test.each(RECORDINGS)('shipped recording %s: valid, in order, every fault with its truth', name => {
  const text = gunzipSync(readFileSync(new URL(name, RECORDED))).toString();
  const [header, ...events] = text
    .trimEnd()
    .split('\n')
    .map(row => JSON.parse(row) as Record<string, unknown>);
  expect(TraceHeaderSchema.safeParse(header).error).toBeUndefined();
  const kernel = name.startsWith('emulated/') ? name.slice('emulated/'.length, name.indexOf('-')) : '6.18.44';
  expect(header).toMatchObject({ meta: { kernel, lost: 0 } });
  let last = 0;
  let untold = 0;
  for (const event of events) {
    if (!TraceEventSchema.safeParse(event).success) expect(TraceEventSchema.parse(event)).toBeDefined();
    if ((event.t as number) < last) expect(event.t).toBeGreaterThanOrEqual(last);
    if (event.op === 'fault' && event.truth === undefined) untold++;
    last = event.t as number;
  }
  // nothing is known of what came before the first mmap_lock event of a buffer
  expect(untold).toBeLessThanOrEqual(kernel === '6.18.44' ? 0 : 1);
});

test('who recorded without one mmap_lock event knows that nobody took it, if it was asked for', async () => {
  const text = [
    line(0, 10, 'exceptions:page_fault_user: address=0x7f00 ip=0x1 error_code=0x6'),
    line(5, 10, 'minor-faults: '),
  ];
  const untold = await imported(text.join('\n'));
  expect(untold.faults[0]).not.toHaveProperty('truth');
  expect(untold.summary.unclassified).toEqual({ 'fault before the first mmap_lock event': 1 });
  const { faults } = await imported(text.join('\n'), { locks: true, kernel: '6.18.44' });
  expect(faults[0].truth).toEqual({ path: 'vma_lock', fallback: false });
});
