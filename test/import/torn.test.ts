/** Text that was cut, garbled or mixed up: a clear error or a counted remark, and never a fault that was not there. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { imported, sample, samples } from './sample.js';

const NAMED = samples();
const lines = ({ name, tool }: { name: string; tool: string }) => sample(name, tool).trimEnd().split('\n');

/** A sample, and its place in it. */
const spot = fc.constantFrom(...NAMED).chain(which =>
  fc.record({
    which: fc.constant(which),
    at: fc.nat(lines(which).length - 1),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

const identity = ({ op, tid, addr, len }: { op: string; tid: number; addr?: unknown; len?: unknown }) =>
  `${op} ${tid} ${addr} ${len}`;

async function tolerant(text: string, tool: string) {
  const complaints: Complaint[] = [];
  const result = await imported(text, {
    from: tool,
    cut: true,
    mayBeEmpty: true,
    onBadLine: complaint => complaints.push(complaint),
  });
  return { ...result, complaints };
}

test('cut off anywhere: a complaint about the last line, or what is left is whole', async () => {
  await fc.assert(
    fc.asyncProperty(spot, async ({ which, at, share }) => {
      const kept = lines(which);
      const cut = kept[at].slice(0, Math.floor(share * kept[at].length));
      const text = [...kept.slice(0, at), cut].join('\n');
      const error = await imported(text, { from: which.tool, cut: true, mayBeEmpty: true }).catch(
        (reason: unknown) => reason,
      );
      if (cut.trim() === '' || cut.startsWith('#') || cut.startsWith('strace: '))
        expect(error).not.toBeInstanceOf(Error);
      else expect(error).toMatchObject({ class: 'schema', where: { line: at + 1 } });
    }),
    { numRuns: 300 },
  );
});

const HEADS: readonly [tool: string, head: string][] = [
  ['ftrace', '            uffd-741     [001] d..1.    68.834383:'],
  ['ftrace', '   Web Content 3-4711    (   4700) [001] .....  2890.316000:'],
  ['ftrace', '           <...>-12      (-------) [127]    90.993346001:'],
  ['perf', '  6347/6347  [001]  2287.575261810:'],
  ['perf', '    -1/-1    [000]     0.000000001:'],
];

test.each(HEADS)('a line of %s that stops inside its head is told, wherever: %s', async (tool, head) => {
  const [first, ...rest] = lines({ name: 'start', tool: 'perf' });
  const [before, after] = tool === 'perf' ? [first, rest[0]] : lines({ name: 'prepare-ok', tool }).slice(3, 5);
  // What is left of a number alone may be anybody's.
  const from = tool === 'perf' ? head.indexOf('[') + 2 : head.search(/(?<=-\d+) /) + 1;
  for (let end = from; end <= head.length; end++) {
    const { complaints, summary } = await tolerant(`${before}\n${head.slice(0, end)}\n${after}\n`, tool);
    expect([head.slice(0, end), complaints.map(({ where }) => where), summary.unknownLines]).toEqual([
      ...[head.slice(0, end), [{ file: 'sample', line: 2, column: head.search(/\S/) + 1 }], 0],
    ]);
  }
});

test('one line written into another: the victim is told, no fault appears that was not there', async () => {
  await fc.assert(
    fc.asyncProperty(spot, async ({ which, at, share }) => {
      const kept = lines(which);
      const whole = await imported(sample(which.name, which.tool));
      const known = new Set(whole.faults.map(identity));
      const cut = kept[at].slice(0, Math.floor(share * kept[at].length));
      const text = [...kept.slice(0, at), cut + (kept[at + 1] ?? ''), ...kept.slice(at + 2), ''].join('\n');
      const { faults } = await tolerant(text, which.tool);
      for (const fault of faults) expect(known).toContain(identity(fault));
    }),
    { numRuns: 300 },
  );
});

test('lines of somebody else in between are counted and change nothing, or are told', async () => {
  const foreign = fc.constantFrom(
    'hello',
    'Killed',
    'perf: Segmentation fault',
    '{"a":1}',
    'make[1]: Entering',
    '\u0007',
  );
  await fc.assert(
    fc.asyncProperty(spot, foreign, async ({ which, at }, text) => {
      const kept = lines(which);
      const mixed = [...kept.slice(0, at), text, ...kept.slice(at), ''].join('\n');
      const { summary, events, complaints } = await tolerant(mixed, which.tool);
      const whole = await imported(sample(which.name, which.tool));
      // In the middle of a call that strace broke off, nobody can tell it from the rest of that call.
      if (complaints.length > 0) expect(complaints).toHaveLength(1);
      else {
        expect(summary.unknownLines).toBe(whole.summary.unknownLines + 1);
        expect(events).toEqual(whole.events);
      }
    }),
    { numRuns: 200 },
  );
});

test('any bytes at all: a complaint or a trace, never anything else', async () => {
  await fc.assert(
    fc.asyncProperty(spot, fc.string({ unit: 'binary', maxLength: 40 }), async ({ which, at, share }, junk) => {
      const kept = lines(which);
      const place = Math.floor(share * kept[at].length);
      const garbled = kept[at].slice(0, place) + junk + kept[at].slice(place + junk.length);
      const text = [...kept.slice(0, at), garbled, ...kept.slice(at + 1), ''].join('\n');
      const result = await imported(text, { from: which.tool, mayBeEmpty: true }).catch((reason: unknown) => reason);
      if (result instanceof Error) expect(result).toBeInstanceOf(Complaint);
    }),
    { numRuns: 300 },
  );
});

/** What may become of a number. */
const NUMBERS = fc.oneof(
  fc.constantFrom('0', '1', 'f', 'fff', '4096', '9007199254740993', 'ffffffffffffffff', '10000000000000000'),
  fc.constantFrom('18446744073709551615', '99999999999999999999', 'fffffffffffff000', '7fffffffffff'),
  fc.bigInt({ min: 0n, max: 2n ** 70n }).map(value => value.toString()),
  fc.bigInt({ min: 0n, max: 2n ** 66n }).map(value => value.toString(16)),
);
const NUMBER = /[0-9a-f]*\d[0-9a-f]*/g;

test('any number in place of any other: a complaint or a trace', async () => {
  const changes = fc.array(fc.tuple(fc.nat(), NUMBERS), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...NAMED), changes, async ({ name, tool }, changed) => {
      let text = sample(name, tool);
      for (const [which, value] of changed) {
        const all = [...text.matchAll(NUMBER)];
        const { index, 0: was } = all[which % all.length];
        text = text.slice(0, index) + value + text.slice(index + was.length);
      }
      await imported(text, {
        from: tool,
        mayBeEmpty: true,
        onBadLine: complaint => expect(complaint).toBeInstanceOf(Complaint),
      });
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['strace', '7 1.000000 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f01a2 <0.000012>\n', 1],
  ['strace', '7 1.000000 exit(0) = ?\n99999999999999999999 1.000010 munmap(0x7f0000000000, 4096) = 0 <0.000004>\n', 2],
  ['perf', sample('start').replaceAll('(0x', '(0xffffffffffffffff'), 1],
])('%s: numbers that make no event are told with the line that has them', async (tool, text, line) => {
  const { events, complaints } = await tolerant(text, tool);
  expect(complaints[0]).toMatchObject({ class: 'semantic', where: { file: 'sample' } });
  expect(complaints[0].where.line).toBeGreaterThanOrEqual(line);
  await expect(imported(text, { from: tool })).rejects.toMatchObject({ where: complaints[0].where });
  expect(events.every(({ addr }) => addr !== '0x7f01a2')).toBe(true);
});
