import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { isPerfLine, PerfScriptParser } from '../../src/trace/import/perf-script.js';
import { imported, line, sample } from './sample.js';

function records(...texts: string[]) {
  const parser = new PerfScriptParser('sample');
  const found = texts.map((text, i) => parser.push({ text, number: i + 1, unterminated: false }));
  return { found: [...found, parser.end()].filter(record => record !== null), unknown: parser.unknownLines };
}

const PF = 'exceptions:page_fault_user: address=0x7f78c9953000 ip=0x5649ae2061a1 error_code=0x6';

test.each([
  ['the recommended fields', ` 6347/6347  [001]  2287.575261810:   ${PF}               0`, 6347, 6347, 1],
  ['perf defaults: comm, tid, microseconds', `      anon_fresh 30877 [000]  2895.026021:   ${PF}`, -1, 30877, 0],
  ['a comm with spaces and digits', `Web Content 12  99/4711 [003] 12.000000001:  250 ${PF}`, 99, 4711, 3],
  ['no cpu', `ft 20798/20812  1470.047669995: ${PF}`, 20798, 20812, -1],
])('%s', (_what, text, pid, tid, cpu) => {
  expect(isPerfLine(text)).toBe(true);
  const [record] = records(text).found;
  const fields = { errorCode: 6, copies: false, clears: false };
  expect(record).toMatchObject({ pid, tid, cpu, name: 'page_fault_user', text: '0x7f78c9953000', fields, stack: null });
});

test.each([
  ['mmap_lock:mmap_lock_released: mm=0x1', 'mmap_lock_released'],
  ['mmap_lock:mmap_lock_released:ku: mm=0x1', 'mmap_lock_released'],
  ['minor-faults: 7f', 'minor-faults'],
  ['minor-faults:u: 7f', 'minor-faults'],
  ['minor-faults:uppp: 7f', 'minor-faults'],
  ['cpu-clock:', 'cpu-clock'],
  ['PERF_RECORD_LOST_SAMPLES lost 2', 'PERF_RECORD_LOST_SAMPLES'],
])('%s is %s', (text, name) => {
  expect(records(` 1/1 [000] 1.000000001: ${text}`).found.map(record => record.name)).toEqual([name]);
});

test.each(['what is this', 'a b: c', 'a:b:c:d: e', 'PERF_', 'x'])('%s is no event', text => {
  expect(isPerfLine(` 1/1 [000] 1.000000001: ${text}`)).toBe(false);
  expect(records(` 1/1 [000] 1.000000001: ${text}`)).toEqual({ found: [], unknown: 1 });
});

test('what perf made up itself has no time', () => {
  const made = (time: string) => records(` 1/1 [000] ${time}: ${PF}`).found[0].synthesized;
  expect([made('0.000000000'), made('0.000000001'), made('1.000000000')]).toEqual([true, false, false]);
});

test('a frame on the line of its event is one of mmap_lock alone, and may name its module', () => {
  const event = (name: string) =>
    ` 1/1 [000] 1.000000001: ${name}: x=1   0 ffffffff815dbf5b do_munmap ([kernel.kallsyms])`;
  expect(records(event('mmap_lock:mmap_lock_released')).found[0].stack).toEqual(['do_munmap']);
  expect(records(event('kmem:rss_stat')).found[0].stack).toBe(null);
});

test('a line says the same behind whatever lines', () => {
  const part = fc.constantFrom(
    ...['', '  ', ' ', '10/10', '10/11', '-1/-1', '7', 'Web 1.5', '[001]', '[002]', '250', 'x=1', ': ', '0'],
    ...['5.000000007:', '5.000007:', '5.0:', '6.1', 'kmem:rss_stat: ', 'minor-faults: ', 'minor-faults:u: '],
    ...['minor-faults:', 'a:b:c: ', 'PERF_RECORD_EXIT(1'],
  );
  const whole = fc
    .tuple(
      ...['10/10', '[001]', '5.000000007:', 'minor-faults: ', 'x=1'].map(usual => fc.oneof(fc.constant(usual), part)),
    )
    .map(parts => parts.join(' ').trimEnd());
  const read = (...texts: string[]) => {
    const parser = new PerfScriptParser('sample');
    const pushed = texts.map((text, i) => {
      try {
        return parser.push({ text, number: i, unterminated: false });
      } catch (error) {
        return error;
      }
    });
    const last = parser.end();
    const told = pushed[pushed.length - 1] instanceof Complaint;
    const made = last?.line === texts.length - 1;
    return { told, record: made ? { ...last, t: 0, line: 0 } : null };
  };
  fc.assert(
    fc.property(fc.array(whole, { maxLength: 6 }), whole, (before, text) => {
      expect(read(...before, ...before, text)).toEqual(read(text));
    }),
    { numRuns: 3000 },
  );
});

test('more beginnings and events than are remembered say the same', () => {
  const many = Array.from(
    { length: 2_100 },
    (_, i) => ` ${i + 1}/${i + 1}  [001]  2287.575261810:   e${i}:n${i}: text`,
  );
  const { found } = records(...many, many[0]);
  expect(found.map(({ tid, name }) => [tid, name])).toEqual([...many.keys(), 0].map(i => [i + 1, `n${i}`]));
});

test('time is exact to the nanosecond, however large the clock', () => {
  const { found } = records(
    ` 1/1 [000] 98765432.999999999: ${PF}`,
    ` 1/1 [000] 98765433.000000000: ${PF}`,
    ` 1/1 [000] 98851833.000000001: ${PF}`,
  );
  expect(found.map(record => record.t)).toEqual([0, 1, 86400000000002]);
});

test('a call chain belongs to the event above it, on the line or below', () => {
  const { found, unknown } = records(
    ' 1/1 [000] 1.000000001: mmap_lock:mmap_lock_acquire_returned: mm=0x1 write=false success=true   0',
    '\tffffffff815dbff0 __mmap_lock_do_trace_acquire_returned',
    '\tffffffff815e2d1a __vmf_anon_prepare+0x5a ([kernel.kallsyms])',
    '',
    ' 1/1 [000] 1.000000002: mmap_lock:mmap_lock_released: mm=0x1 write=false   0 ffffffff815dbf5b do_munmap',
  );
  expect(found.map(record => record.stack)).toEqual([
    ['__mmap_lock_do_trace_acquire_returned', '__vmf_anon_prepare+0x5a'],
    ['do_munmap'],
  ]);
  expect(unknown).toBe(0);
});

test('a line that is nothing perf prints is skipped and counted', async () => {
  const { summary, faults } = await imported(`# a comment\nhello\n${sample('huge')}what is this\n`);
  expect(summary).toMatchObject({ unknownLines: 2, faults: 1 });
  expect(faults).toHaveLength(1);
});

test.each([
  ['in the middle of its head', ' 1/1 [000] 1.00', 4],
  ['in the middle of a fault', line(1, 10, 'exceptions:page_fault_user: address=0x7f78'), 4],
  ['in the middle of a mapping', line(1, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f78c9'), 4],
  ['in the middle of a call', line(1, 10, 'raw_syscalls:sys_enter: NR 9 (0, 20'), 4],
])('a line cut off %s is a complaint with its number', async (_what, text, number) => {
  const before = `${line(0, 10, PF)}\n\n\n`;
  const error = await imported(before + text, { cut: true }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Complaint);
  expect(error).toMatchObject({ class: 'schema', where: { file: 'sample', line: number } });
  const skipped: Complaint[] = [];
  const { faults } = await imported(before + text, { cut: true, onBadLine: complaint => skipped.push(complaint) });
  expect(skipped).toHaveLength(1);
  expect(faults).toHaveLength(1);
});

test('time that runs backwards is taken as simultaneous, and counted', async () => {
  const { events, summary } = await imported([line(5, 10, PF), line(3, 11, PF)].join('\n'));
  expect(events.map(event => event.t)).toEqual([0, 0]);
  expect(summary.unclassified['time runs backwards: taken as simultaneous']).toBe(1);
});
