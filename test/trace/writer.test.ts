import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvents } from '../../src/trace/reader.js';
import type { TraceEvent } from '../../src/trace/schema.js';
import { formatDocument, formatEvent, formatHeader, formatTrailer } from '../../src/trace/writer.js';
import { rightEvent } from './arbitrary.js';
import { file, outcome, read } from './helpers.js';

async function events(text: string): Promise<TraceEvent[]> {
  const all: TraceEvent[] = [];
  for await (const event of readEvents(file(text))) all.push(event);
  return all;
}

describe('the writer', () => {
  test('spells keys in the order of the format, addresses in plain hex, strangers last', () => {
    expect(
      formatEvent({ access: 'read', 'x-b': 1, addr: '0x00ff', op: 'fault', mood: 2, tid: 1, t: 0 } as TraceEvent),
    ).toBe('{"t":0,"tid":1,"op":"fault","addr":"0xff","access":"read","x-b":1,"mood":2}');
    expect(formatHeader({ meta: { lost: 0, name: 'x' } })).toBe(
      '{"format":"vmalock-trace","version":1,"meta":{"name":"x","lost":0}}',
    );
  });

  test('leaves out what is undefined', () => {
    expect(formatEvent({ op: 'exit', tid: 1, t: undefined, 'x-mine': undefined } as unknown as TraceEvent)).toBe(
      '{"tid":1,"op":"exit"}',
    );
  });

  test('spells what follows the events of a stream as the header does', () => {
    expect(formatTrailer({ 'x-end': true, lost: 3, name: 'n' })).toBe('{"meta":{"name":"n","lost":3,"x-end":true}}');
  });

  test('escapes what a terminal must not meet', () => {
    const line = formatEvent({ op: 'thread', tid: 1, name: 'a\u001b[2J\u009b\u202e' });
    expect(line).toBe('{"tid":1,"op":"thread","name":"a\\u001b[2J\\u009b\\u202e"}');
  });

  test('what is read back is what was written, and writing it again changes nothing', async () => {
    const sample = fc.sample(rightEvent, { numRuns: 300, seed: 7 });
    for (const event of sample) {
      delete event.t;
      const line = formatEvent(event as TraceEvent);
      const before = (await outcome(JSON.stringify(event))) as { rows?: unknown };
      if (before.rows === undefined) continue;
      expect(await outcome(line), line).toEqual(before);
      const [again] = await events(line);
      expect(formatEvent(again)).toBe(line);
    }
  });

  test('a document reads as the stream does', async () => {
    const all = await events(
      '{"op":"exit","tid":1}\n{"op":"x-mine","z":1}\n{"op":"thread","tid":1,"name":"é","k":[1.5,null]}',
    );
    const document = formatDocument({ meta: { name: 'n' } }, all);
    expect(await events(document)).toEqual(all);
    expect((await read(document)).info.meta.name).toBe('n');
    expect(await events(formatDocument({}, []))).toEqual([]);
  });

  test('an address keeps all its 64 bits', async () => {
    const [event] = await events('{"op":"fault","tid":1,"addr":"0xfedcba9876543210","access":"read"}');
    expect(formatEvent(event)).toContain('"0xfedcba9876543210"');
  });
});
