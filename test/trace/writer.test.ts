import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvents } from '../../src/trace/reader.js';
import type { TraceEvent } from '../../src/trace/schema.js';
import {
  formatDocument,
  formatEvent,
  formatHeader,
  formatLines,
  formatTrailer,
  frameOf,
} from '../../src/trace/writer.js';
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

  const LINES = [
    '{"t":1,"tid":2,"mm":3,"cpu":4,"op":"fault","addr":"0x7f00","access":"write","mode":"user","page":{"entry":"swap","folio":"locked","readahead":true,"swap_sync":false,"shared":true,"huge":"pmd","wait":5,"x-p":1},"truth":{"path":"mmap_lock","fallback":true,"anon_prepare":"ok","via":"f","wait":6,"x-t":1},"x-a":1,"a":{"wait":1,"entry":2}}',
    '{"tid":2,"op":"mmap","addr":"0x1000","len":"0x2000","prot":"rw-","flags":["private","fixed","locked"],"file":{"name":"f","fs":"ext4","map_pages":true,"fault":true,"page_mkwrite":false,"pfn":true,"dax":false,"x-f":1},"name":"n","offset":"0x3000","dur":9,"locks":[{"mode":"write","ask":1,"got":2,"end":3,"x-l":1},{"mode":"read","ask":4,"got":5,"end":6}]}',
    '{"tid":2,"op":"fault","addr":"0x0","access":"read","page":{"folio":"absent","eof":true,"wait":5,"race":"range"},"truth":{"path":"mmap_lock","fallback":true,"anon_prepare":"ok","via":"f","wait":6}}',
    '{"tid":2,"op":"mmap","addr":"0x1000","len":"0x2000","prot":"rw-","flags":["private"],"file":{"name":"f","fs":"ext4","huge_fault":true,"pfn":true},"name":"n","offset":"0x3000","locks":[{"mode":"read","ask":4,"got":5,"end":6}]}',
    '{"tid":2,"op":"mremap","addr":"0x0","old_len":"0x1000","new_len":"0x2000","new_addr":"0xffffffffff601000","flags":["maymove","fixed","dontunmap"]}',
    '{"tid":2,"op":"fault","addr":"0x0","access":"read","page":{},"truth":{}}',
    '{"tid":2,"op":"uffd_register","addr":"0x1000","len":"0x2000","modes":["missing","wp","minor"]}',
    '{"tid":2,"op":"uffd_copy","addr":"0x1000","len":"0x2000","src":"0x3000"}',
    '{"tid":2,"op":"fork","child_tid":3,"child_mm":4}',
    '{"t":1,"tid":2,"mm":3,"cpu":4,"op":"x-mine","dur":3,"z":{"b":1,"a":2}}',
    '{"tid":2,"op":"exit","x":-0,"y":1.5,"z":9007199254740993}',
  ];

  test.each(LINES)('spells %s the same, in whatever order its keys and words come', line => {
    const backwards = (value: unknown, depth = 0): unknown => {
      if (Array.isArray(value))
        return depth === 1 && typeof value[0] === 'string'
          ? [...value].reverse()
          : value.map(one => backwards(one, depth + 1));
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, backwards(inner, depth + 1)]),
      );
    };
    const event = JSON.parse(line) as TraceEvent;
    expect(formatEvent(event)).toBe(line.replace('-0', '0').replace('9007199254740993', '9007199254740992'));
    const known = (text: string) => text.replace(/,"(?:x|z|a|y|x-\w+)":.*/, '');
    expect(known(formatEvent(backwards(event) as TraceEvent))).toBe(known(formatEvent(event)));
  });

  test('spells each of many faults as JSON does, whichever keys the one before had', () => {
    const few = fc.nat({ max: 2 });
    const number = fc.oneof(few, fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }));
    const path = fc.constantFrom('vma_lock', 'mmap_lock');
    const truth = fc.record({ path, fallback: fc.boolean(), via: fc.constant('f'), wait: few }, { requiredKeys: [] });
    const fault = fc.record(
      {
        ...{ t: number, tid: few, mm: fc.option(few, { nil: undefined }), cpu: few, op: fc.constant('fault') },
        ...{
          addr: fc.oneof(
            fc.constantFrom('0x0', '0x7f00', '0xg', '0x7f00\n'),
            fc.bigInt(1n, 2n ** 64n - 1n).map(at => `0x${at.toString(16)}`),
          ),
          access: fc.constantFrom('read', 'write', 'é'),
          mode: fc.constant('kernel'),
        },
        ...{ page: fc.constantFrom({}, { wait: 1 }, { 'x-é': '€' }), truth, dur: number, 'x-a': few },
      },
      { requiredKeys: ['op', 'tid'] },
    );
    fc.assert(
      fc.property(fc.array(fault, { minLength: 30, maxLength: 60 }), faults => {
        const lines = faults.map(one => JSON.stringify(one));
        expect(faults.map(one => formatEvent(one as TraceEvent))).toEqual(lines);
        expect(formatLines(faults as TraceEvent[]).toString()).toBe(`${lines.join('\n')}\n`);
      }),
      { seed: 7 },
    );
  });

  test('spells addresses that come as numbers, or with zeros, and leaves out what is undefined', () => {
    const event = { op: 'munmap', tid: 1, addr: 4096, len: '0x0002000', dur: undefined, 'x-a': undefined };
    expect(formatEvent(event as unknown as TraceEvent)).toBe('{"tid":1,"op":"munmap","addr":"0x1000","len":"0x2000"}');
    const remap = { op: 'mremap', tid: 1, addr: '0x00', old_len: '0x01000', new_len: '0x02000', new_addr: '0x03000' };
    expect(formatEvent(remap as unknown as TraceEvent)).toBe(
      '{"tid":1,"op":"mremap","addr":"0x0","old_len":"0x1000","new_len":"0x2000","new_addr":"0x3000"}',
    );
    const copy = { op: 'uffd_copy', tid: 1, addr: 0, len: 4096, src: '0x0a' };
    expect(formatEvent(copy as unknown as TraceEvent)).toContain('"addr":"0x0","len":"0x1000","src":"0xa"');
    const mmap = { op: 'mmap', tid: 1, addr: 0, len: 4096, prot: '---', flags: [], offset: '0x01000' };
    expect(formatEvent(mmap as unknown as TraceEvent)).toContain('"offset":"0x1000"');
    const foreign = '{"tid":1,"op":"x-mine","addr":"0x00ff"}';
    expect(formatEvent(JSON.parse(foreign) as TraceEvent)).toBe(foreign);
  });

  test('frames events in four spellings', () => {
    const meta = {
      meta: {
        command: 'c',
        lost: 1,
        clock: 'mono',
        cpus: 2,
        pageSize: 4096,
        arch: 'x',
        kernel: 'k',
        producer: 'p',
        name: 'n',
        'x-m': 1,
      },
    };
    const header =
      '{"$schema":"s","format":"vmalock-trace","version":1,"meta":{"name":"n","producer":"p","kernel":"k","arch":"x","pageSize":4096,"cpus":2,"clock":"mono","lost":1,"command":"c","x-m":1},"expect":[],"more":null}';
    const given = { more: null, expect: [], ...meta, version: 9, $schema: 's' };
    const written = (spelling: 'document' | 'array' | 'stream' | 'headerless', events: string[]) => {
      const { open, first, between, close, none } = frameOf(spelling, given);
      return events.length === 0 ? open + none : open + first + events.join(between) + close;
    };
    const document = header.slice(0, -1);
    expect(formatDocument({}, [])).toBe('{"format":"vmalock-trace","version":1,"events":[]}\n');
    expect(written('document', [])).toBe(`${document},"events":[]}\n`);
    expect(written('document', ['1', '2'])).toBe(`${document},"events":[\n  1,\n  2\n]}\n`);
    expect([written('array', []), written('array', ['1', '2'])]).toEqual(['[]\n', '[\n  1,\n  2\n]\n']);
    expect([written('stream', []), written('stream', ['1', '2'])]).toEqual([`${header}\n`, `${header}\n1\n2\n`]);
    expect([written('headerless', []), written('headerless', ['1', '2'])]).toEqual(['', '1\n2\n']);
    expect(formatTrailer({ 'x-m': 1, command: 'c', lost: 2 })).toBe('{"meta":{"lost":2,"command":"c","x-m":1}}');
    for (const meta of [5, null, []])
      expect(formatHeader({ meta })).toBe(`{"format":"vmalock-trace","version":1,"meta":${JSON.stringify(meta)}}`);
  });

  test('escapes what a terminal must not meet', () => {
    const line = formatEvent({ op: 'thread', tid: 1, name: 'a\u001b[2J\u009b\u202e \u00a0\u2800\u3000' });
    expect(line).toBe('{"tid":1,"op":"thread","name":"a\\u001b[2J\\u009b\\u202e \\u00a0\\u2800\\u3000"}');
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
