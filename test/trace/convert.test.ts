/** Between spellings nothing is lost: there and back again is the same bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvents } from '../../src/trace/events.js';
import type { Spelling } from '../../src/trace/frame.js';
import { readTrace } from '../../src/trace/reader.js';
import type { TraceEvent, TraceHeader } from '../../src/trace/schema.js';
import { formatEvent, frameOf } from '../../src/trace/writer.js';
import { traces } from '../arbitrary.js';
import { file } from './helpers.js';

const SPELLINGS: readonly Spelling[] = ['document', 'stream', 'headerless', 'array'];

function spell(spelling: Spelling, header: object, events: readonly TraceEvent[]): string {
  const { open, first, between, close, none } = frameOf(spelling, header);
  return events.length === 0 ? open + none : open + first + events.map(formatEvent).join(between) + close;
}

async function parse(text: string): Promise<{ header: object; events: TraceEvent[] }> {
  let header: object = {};
  const onHeader = (found: TraceHeader): void => {
    header = found;
  };
  const events: TraceEvent[] = [];
  for await (const event of readEvents(file(text), { onHeader })) events.push(event);
  return { header, events };
}

async function respell(text: string, to: Spelling): Promise<string> {
  const { header, events } = await parse(text);
  return spell(to, header, events);
}

/** JSON that a strict reader takes: integers are exact or refused. */
const plain = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.maxSafeInteger().filter(n => Math.abs(n) < 2 ** 53 - 1),
  fc.constantFrom(0.5, -1.25e-7, 1e-300),
);
const json = fc.oneof(plain, fc.array(plain, { maxLength: 3 }), fc.dictionary(fc.string(), plain, { maxKeys: 3 }));

/** What a stranger may have put into an event. */
const strange = fc.dictionary(fc.constantFrom('note', 'x-mine', '__proto__', 'constructor', 'é', ''), json, {
  maxKeys: 2,
});
const address = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(bits => `0x${bits.toString(16)}`);
const annotated = fc
  .tuple(traces(), fc.array(strange, { minLength: 1, maxLength: 4 }), fc.array(address, { minLength: 1, maxLength: 4 }))
  .map(([events, extras, addresses]) =>
    events.map((event, i) => ({
      ...extras[i % extras.length],
      ...event,
      ...(event.op === 'fault' && { addr: addresses[i % addresses.length] }),
    })),
  );
const meta = fc.record({ name: fc.string(), lost: fc.nat(), 'x-site': json }, { requiredKeys: [] });

describe('a trace in another spelling and back', () => {
  test('is the same bytes: order, unknown keys, 64-bit addresses', async () => {
    await fc.assert(
      fc.asyncProperty(
        annotated,
        meta,
        fc.constantFrom(...SPELLINGS),
        fc.constantFrom(...SPELLINGS),
        async (events, about, a, b) => {
          const room = [a, b].every(spelling => spelling === 'document' || spelling === 'stream');
          const first = await respell(
            JSON.stringify({ format: 'vmalock-trace', version: 1, ...(room && { meta: about }), events }),
            a,
          );
          expect(await respell(await respell(first, b), a)).toBe(first);
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  test.each(SPELLINGS)('without events: %s', async spelling => {
    const text = spell(spelling, {}, []);
    if (spelling === 'headerless') expect(text).toBe('');
    else expect(await respell(text, spelling)).toBe(text);
  });
});

describe('what follows the events of a stream', () => {
  const LINES = [
    '{"format":"vmalock-trace","version":1,"meta":{"name":"n","lost":0}}',
    '{"op":"exit","tid":1}',
    '{"meta":{"lost":3,"x-end":true}}',
    '',
  ].join('\n');

  test('adds to its header', async () => {
    const info = await readTrace(file(LINES));
    expect(info).toMatchObject({ events: 1, meta: { name: 'n', lost: 3, 'x-end': true } });
    const { header, events } = await parse(LINES);
    expect(header).toMatchObject({ meta: { name: 'n', lost: 3, 'x-end': true } });
    expect(events).toHaveLength(1);
  });

  test('is in its header when it is written again', async () => {
    expect(await respell(LINES, 'stream')).toBe(
      '{"format":"vmalock-trace","version":1,"meta":{"name":"n","lost":3,"x-end":true}}\n{"tid":1,"op":"exit"}\n',
    );
  });

  test.each([
    ['{"meta":{"lost":-1}}', '"op" is missing'],
    ['{"meta":3}', '"op" is missing'],
    ['{"meta":{},"more":1}', '"op" is missing'],
  ])('is nothing else: %s', async (line, message) => {
    const text = LINES.replace(/\{"meta":\{"lost":3.*/, line);
    await expect(readTrace(file(text))).rejects.toThrow(message);
    await expect(parse(text)).rejects.toThrow(message);
  });

  test('is held to --strict as the header is', async () => {
    const text = LINES.replace('x-end', 'end');
    expect((await readTrace(file(text))).unknownKeys.get('meta.end')).toBe(1);
    await expect(readTrace(file(text), { strict: true })).rejects.toThrow('unknown key "meta.end"');
  });
});
