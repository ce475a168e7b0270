/** What a trace may ask of the machine that reads it: each limit bites, says its option, and stands in SECURITY.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { resolveModels } from '../../src/lineage/resolve.js';
import { Replay } from '../../src/replay/replay.js';
import { MAX_TICK } from '../../src/trace/import/tick-order.js';
import { LIMITS, type Limited, type LimitName, MAX_DEPTH } from '../../src/trace/limits.js';
import { readTrace } from '../../src/trace/reader.js';
import { formatCount, LAST_NS } from '../../src/units.js';
import { at, type Event, fault, len, mmap, range, traceFile, vma } from '../helpers.js';
import { complaint, HEADER, MMAP, problems, read } from './helpers.js';

async function replayed(events: readonly Event[], limits: Limited<LimitName>): Promise<Complaint | null> {
  const machine = new Replay(resolveModels('v6.18'), limits);
  const onBatch = machine.feed.bind(machine);
  try {
    machine.finish(await readTrace(traceFile(events), { ...limits, onBatch }));
    return null;
  } catch (error) {
    if (error instanceof Complaint) return error;
    throw error;
  }
}

const fork = (child_tid: number, child_mm: number, more = {}): Event => ({
  op: 'fork',
  tid: 1,
  child_tid,
  child_mm,
  ...more,
});
const three = [0, 2, 4].map(page => mmap(page, 1, { name: `name ${page}` }));

/** The header is line 1: event i is on line i + 2. */
const CASES: [limit: LimitName, most: number, events: Event[], complains: number][] = [
  ['maxThreads', 2, [1, 2, 1, 3].map(tid => fault(0, { tid })), 3],
  ['maxThreads', 1, [fault(0), fork(2, 1)], 1],
  ['maxMms', 2, [1, 2, 1, 3].map(mm => fault(0, { mm })), 3],
  ['maxMms', 1, [fault(0), fork(2, 7)], 1],
  ['maxVmas', 2, three, 2],
  ['maxVmas', 2, [vma(0, 1), vma(2, 1), vma(4, 1)], 2],
  ['maxVmas', 2, [mmap(0, 3), range('munmap', 1, 1), range('mprotect', 2, 1, { prot: 'r--' }), fork(2, 2)], 3],
  ['maxVmas', 1, [mmap(0, 3), range('munmap', 0, 3), mmap(4, 1), mmap(9, 1)], 3],
  ['maxPages', 2_000, [mmap(0, 900, { flags: ['private', 'anonymous', 'populate'] }), fork(2, 2)], 1],
  ['maxNames', 150, three, 2],
  ['maxNames', 150, [mmap(0, 1, { file: { name: '/lib/a' } }), mmap(2, 1, { file: { name: '/lib/b' } })], 1],
];

describe('a limit', () => {
  test.each(CASES)('%s of %i', async (name, most, events, complains) => {
    const found = await replayed(events, { [name]: most });
    expect(found).toMatchObject({
      class: 'limit',
      message: `more than ${most} ${LIMITS[name].what}`,
      where: { line: complains + 2 },
      hint: expect.stringContaining(LIMITS[name].option),
    });
    expect(await replayed(events.slice(0, complains), { [name]: most })).toBeNull();
  });

  test('VMAs of an operation that is over long after it was read', async () => {
    const slow = range('mprotect', 0, 1, { t: 1, dur: 1_000_000, prot: 'r--' });
    const late = { t: 2, tid: 2, op: 'mmap', addr: at(20), len: len(1), prot: 'rw-', flags: ['private', 'anonymous'] };
    const later = Array.from({ length: 3_000 }, (_, i) => fault(1, { t: 3 + i, tid: 3, access: 'read' }));
    const found = await replayed([vma(0, 8, { t: 0 }), slow, late, ...later], { maxVmas: 2 });
    expect(found?.where).toMatchObject({ path: 'events[2]', line: undefined });
  });

  test('an event that is too long, in a list: told with its line', async () => {
    const long = MMAP.replace('}', `,"name":"${'x'.repeat(2000)}"}`);
    const found = await complaint(`[\n${long}]`, { maxLine: 1000 });
    expect(found).toMatchObject({ class: 'limit', where: { line: 2 } });
    expect(found.message).toContain('the event of line 2');
    const endless = `[\n${MMAP},\n\n${MMAP.replace('}', `,"name":"${'x'.repeat(3 << 20)}`)}`;
    expect(await complaint(endless)).toMatchObject({
      message: 'the event of line 4 is longer than 1048576 bytes',
      where: { line: 4 },
    });
    const line = endless.replaceAll(',\n', '\n').replace('[', '');
    expect(await complaint(line)).toMatchObject({ class: 'limit', message: 'line 4 is longer than 1048576 bytes' });
    const header = `{"meta":"${'x'.repeat(3 << 20)}`;
    expect(await complaint(header)).toMatchObject({ class: 'limit', message: 'line 1 is longer than 1048576 bytes' });
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

  test('names count for who only looks a trace over', async () => {
    const text = three.map(event => JSON.stringify(event)).join('\n');
    expect(await problems(HEADER + text, { maxNames: 150 })).toMatchObject([{ class: 'limit', where: { line: 4 } }]);
  });
});

describe('SECURITY.md', () => {
  /** By option, or by what is limited where there is none. */
  const standards = new Map(
    readFileSync('SECURITY.md', 'utf8')
      .split('\n')
      .filter(line => /^\| [^-]/.test(line))
      .slice(1)
      .map(line => line.split('|').map(cell => cell.trim()))
      .map(([, what, standard, option]) => [option === '' ? what : option.replaceAll('`', ''), standard]),
  );
  const fixed: [what: string, standard: number][] = [
    ['nesting', MAX_DEPTH],
    ['records of one timer tick', MAX_TICK],
    ['clock of a replay, and sums of times', LAST_NS],
  ];

  test('lists every limit as it is', () => {
    const known = [...Object.values(LIMITS).map(({ option, standard }) => [option, standard] as const), ...fixed];
    const listed = [...standards].map(([key, standard]) => [key, standard.replace(/ (?:bytes|ns)$/, '')]);
    expect(listed.sort()).toEqual(known.map(([key, standard]) => [key, formatCount(standard)]).sort());
  });
});
