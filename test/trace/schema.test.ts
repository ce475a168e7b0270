import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Draft, NOT_THIS_SHAPE } from '../../src/trace/draft.js';
import { encodeEvent } from '../../src/trace/encode.js';
import { readHeader } from '../../src/trace/header.js';
import { emptyInfo, Interner } from '../../src/trace/intern.js';
import type { JsonObject } from '../../src/trace/json.js';
import { TraceEventSchema, TraceHeaderSchema, traceJsonSchema } from '../../src/trace/schema.js';
import { anyEvent, rightEvent } from './arbitrary.js';
import { RIGHT, WRONG } from './odd-lines.js';

function shapeByHand(event: Record<string, unknown>): boolean {
  const draft = new Draft();
  if (!encodeEvent(event as JsonObject, draft, new Interner(emptyInfo('-'), {}, {}), [])) return false;
  return draft.check() !== NOT_THIS_SHAPE;
}

describe('the schema', () => {
  test('and the hand-written check accept the same events', () => {
    let refused = 0;
    fc.assert(
      fc.property(anyEvent, event => {
        const bySchema = TraceEventSchema.safeParse(event).success;
        if (!bySchema) refused++;
        expect(shapeByHand(event), JSON.stringify(event)).toBe(bySchema);
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(300);
  });

  test('and the hand-written check accept what is rare, and refuse what is wrong in one place', () => {
    for (const line of [...RIGHT, ...WRONG]) {
      const event = JSON.parse(line) as Record<string, unknown>;
      const right = RIGHT.includes(line);
      expect([shapeByHand(event), TraceEventSchema.safeParse(event).success], line).toEqual([right, right]);
    }
  });

  test('and the hand-written header check accept the same headers', () => {
    const good = { format: 'vmalock-trace', version: 1 };
    const headers: unknown[] = [
      good,
      { ...good, meta: {} },
      { ...good, meta: { name: 'x', lost: 3, clock: { id: 'perf' }, command: ['a', 'b'], 'x-mine': 1 } },
      { ...good, expect: { 'v6.4': { 0: { verdict: 'vma_lock', counter: null } } } },
      {},
      { ...good, version: 2 },
      { ...good, version: '1' },
      { ...good, format: 'vmalock' },
      { ...good, meta: [] },
      { ...good, meta: { cpus: 1.5 } },
      { ...good, meta: { lost: -1 } },
      { ...good, meta: { clock: 1 } },
      { ...good, meta: { command: [1] } },
      { ...good, meta: { command: ['a', 1] } },
      { ...good, meta: { kernel: null } },
      { ...good, expect: [] },
      { ...good, expect: { m: [] } },
      { ...good, expect: { m: { 0: { verdict: 1 } } } },
      { ...good, expect: { m: { 0: { verdict: 'x' } } } },
      { ...good, expect: { m: { 0: { verdict: 'signal', counter: 1 } } } },
      { ...good, expect: { m: { 0: { verdict: 'signal', counter: 'abort' } } } },
      { ...good, expect: { m: { 0: { verdict: 'signal', site: 1 } } } },
      { ...good, expect: { m: { '00': { verdict: 'signal' } } } },
      { ...good, $schema: 1 },
      { ...good, $schema: 'x' },
      {
        ...good,
        meta: { clock: 'mono', command: 'a b', arch: 'x', kernel: '6.18', producer: 'p', pageSize: 0, cpus: 0 },
      },
      { ...good, expect: { m: { 0: { verdict: 'speculative', site: 's', counter: 'vma_lock_miss' } } } },
      { ...good, events: 1 },
    ];
    for (const header of headers) {
      const byHand = readHeader(header as JsonObject, emptyInfo('-'), []);
      expect(byHand, JSON.stringify(header)).toBe(TraceHeaderSchema.safeParse(header).success);
    }
  });

  test('says of a number what it must be, whatever else it is', () => {
    const told = (event: object) => [
      ...new Set(TraceEventSchema.safeParse(event).error?.issues.map(({ message }) => message)),
    ];
    const exit = { op: 'exit', tid: 1 };
    for (const wrong of [-1, -0, 1.5, 2 ** 53, '5', null]) {
      expect(told({ ...exit, t: wrong })).toEqual([
        "must be an integer from 0 to 2^53-1 (time since the trace's origin, ns)",
      ]);
      expect(told({ ...exit, cpu: wrong })).toEqual(['must be an integer from 0 to 2147483647 (cpu)']);
    }
    expect(told({ ...exit, cpu: 2 ** 31 })).toEqual(['must be an integer from 0 to 2147483647 (cpu)']);
    const hex = 'must be lower-case hex such as "0x7f12a000" (at most 16 digits) or an integer from 0 to 2^53-1';
    for (const wrong of [-1, -0, 1.5, 2 ** 53, '5', '0x', '0X1', '0x1G', ' 0x1', '0x1 ', `0x${'1'.repeat(17)}`, null])
      expect(told({ op: 'brk', tid: 1, addr: wrong })).toEqual([hex]);
    for (const wrong of [-1, -0, 1.5, null, [1], {}])
      expect(told({ op: 'mlockall', tid: 1, mode: wrong })).toEqual(['must be a word, a number or a list of words']);
  });

  test('describes every key that it publishes', () => {
    const bare: string[] = [];
    const schema = traceJsonSchema() as { $defs: Record<string, { description?: string }> };
    const look = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, inner] of Object.entries(node as Record<string, unknown>)) {
        const { $ref, description } = (inner ?? {}) as { $ref?: string; description?: string };
        const described = description ?? schema.$defs[$ref?.replace('#/$defs/', '') ?? '']?.description;
        if (path.endsWith('/properties') && !described) bare.push(`${path}/${key}`);
        look(inner, `${path}/${key}`);
      }
    };
    look(schema, '');
    expect(bare).toEqual([]);
  });

  test('is published as a JSON Schema that strict validators compile, and it says the same', () => {
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(traceJsonSchema());
    const document = (event: unknown): unknown => ({ format: 'vmalock-trace', version: 1, events: [event] });
    fc.assert(
      fc.property(rightEvent, event => {
        expect(validate(document(event)), JSON.stringify(validate.errors)).toBe(true);
      }),
      { numRuns: 200 },
    );
    expect(validate(document({ op: 'x-mark', anything: 1 }))).toBe(true);
    expect(validate(document({ op: 'fault', tid: 1, addr: '0X1', access: 'read' }))).toBe(false);
    expect(validate(document({ op: 'fault', tid: 1, addr: '0x1' }))).toBe(false);
    expect(validate({ version: 1, events: [] })).toBe(false);
  });
});
