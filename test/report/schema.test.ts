import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type * as z from 'zod';
import { ExplainSchema, explainJsonSchema } from '../../src/replay/explain-schema.js';
import type { DiffResult, Explanation, ReplayResult } from '../../src/replay/result.js';
import { DiffSchema, diffJsonSchema, ReplaySchema, replayJsonSchema } from '../../src/replay/schema.js';
import { diff, explain, fault, mmap, range, vma } from '../helpers.js';
import { CHANGED, CONTENDED, diffResult, HOSTILE, hostileDiff, hostileResult, model, result } from './fixtures.js';

describe('the published schema vmalock.replay/1', () => {
  const validate = new Ajv2020({ strict: true }).compile(replayJsonSchema());
  const good = result([model('v6.18', CONTENDED), model('mmap_lock', { user: 3, fallbacks: 3 })]);

  test('says what result.ts says', () => {
    expectTypeOf<ReplayResult>().toExtend<z.input<typeof ReplaySchema>>();
    expectTypeOf<z.output<typeof ReplaySchema>>().toExtend<ReplayResult>();
  });

  test('accepts results, whatever their names', () => {
    const failed = [{ model: 'v6.18', i: 4, expected: { verdict: 'vma_lock' }, got: null }];
    for (const some of [good, hostileResult(HOSTILE[0]), { ...good, expect: { checked: 1, failed } }]) {
      expect(validate(some), JSON.stringify(validate.errors)).toBe(true);
      expect(ReplaySchema.safeParse(some).success).toBe(true);
    }
  });

  test('refuses a key it does not know, a missing one, and a negative count', () => {
    const [first] = good.models;
    const bad: unknown[] = [
      { ...good, extra: 1 },
      { ...good, models: [{ ...first, reasons: undefined }] },
      { ...good, models: [{ ...first, faults: { ...first.faults, user: -1 } }] },
      { ...good, models: [{ ...first, locks: [{ ...first.locks[1], start: '55d0' }] }] },
    ];
    for (const some of bad) {
      expect(validate(JSON.parse(JSON.stringify(some)))).toBe(false);
      expect(ReplaySchema.safeParse(some).success).toBe(false);
    }
  });
});

describe('the published schema vmalock.diff/1', () => {
  const validate = new Ajv2020({ strict: true }).compile(diffJsonSchema());

  test('says what result.ts says', () => {
    expectTypeOf<DiffResult>().toExtend<z.input<typeof DiffSchema>>();
    expectTypeOf<z.output<typeof DiffSchema>>().toExtend<DiffResult>();
  });

  test('accepts results, whatever their names', () => {
    for (const some of [CHANGED, diffResult(0), hostileDiff(HOSTILE[0])]) {
      expect(validate(some), JSON.stringify(validate.errors)).toBe(true);
      expect(DiffSchema.safeParse(some).success).toBe(true);
    }
  });

  test('accepts what a diff finds', async () => {
    const events = [
      vma(0, 4, { t: 0, name: '[heap]' }),
      mmap(8, 4, { t: 0, prot: 'r--' }),
      range('mprotect', 2, 2, { t: 10, tid: 2, prot: 'r--', dur: 9_000 }),
      fault(0, { t: 500 }),
      fault(8, { t: 20_000 }),
      fault(40, { t: 30_000 }),
    ];
    for (const to of ['v6.4', 'v6.18', 'mmap_lock']) {
      const { result: found } = await diff(events, 'mmap_lock', to);
      expect(validate(found), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  test('refuses a key it does not know, a missing one, and a negative count', () => {
    const [first] = CHANGED.transitions;
    const [fault] = CHANGED.faults;
    const bad: unknown[] = [
      { ...CHANGED, extra: 1 },
      { ...CHANGED, changed: -1 },
      { ...CHANGED, transitions: [{ ...first, site: undefined }] },
      { ...CHANGED, time: { ...CHANGED.time, makespan_ns: { from: 1 } } },
      { ...CHANGED, faults: [{ ...fault, addr: '7f12' }] },
    ];
    for (const some of bad) {
      expect(validate(JSON.parse(JSON.stringify(some)))).toBe(false);
      expect(DiffSchema.safeParse(some).success).toBe(false);
    }
  });
});

describe('the published schema vmalock.explain/1', () => {
  const validate = new Ajv2020({ strict: true }).compile(explainJsonSchema());
  const file = { name: '/lib', fs: 'ext4' };
  const events = [
    vma(0, 4, { t: 0, name: '[heap]' }),
    vma(16, 4, { t: 0, flags: ['private'], file, prot: 'r--' }),
    mmap(32, 4, { t: 0 }),
    range('mprotect', 2, 2, { t: 10, tid: 2, prot: 'r--', dur: 90_000 }),
    fault(0, { t: 500 }),
    fault(17, { t: 600, tid: 3, access: 'read', page: { folio: 'absent', readahead: false, wait: 400 } }),
    fault(33, { t: 700, tid: 4 }),
    fault(90, { t: 800, tid: 5, mode: 'kernel' }),
  ];

  test('says what explanation.ts says', () => {
    expectTypeOf<Explanation>().toExtend<z.input<typeof ExplainSchema>>();
    expectTypeOf<z.output<typeof ExplainSchema>>().toExtend<Explanation>();
  });

  test('accepts explanations under every model', async () => {
    const found = await explain(events, { events: [4, 5, 6, 7] }, 'all');
    expect(validate(found), JSON.stringify(validate.errors)).toBe(true);
    expect(ExplainSchema.safeParse(found).success).toBe(true);
  });

  test('refuses a key it does not know, a missing one, and an outcome there is not', async () => {
    const good = await explain(events, { events: [4] });
    const [told] = good.faults;
    const [model] = told.models;
    const bad: unknown[] = [
      { ...good, extra: 1 },
      { ...good, faults: [{ ...told, lineage: undefined }] },
      { ...good, faults: [{ ...told, models: [{ ...model, steps: [{ ...model.steps[0], outcome: 'lost' }] }] }] },
    ];
    for (const some of bad) {
      expect(validate(JSON.parse(JSON.stringify(some)))).toBe(false);
      expect(ExplainSchema.safeParse(some).success).toBe(false);
    }
  });
});
