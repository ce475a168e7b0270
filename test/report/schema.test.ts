import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type * as z from 'zod';
import { lineage } from '../../src/lineage/resolve.js';
import { Diff } from '../../src/replay/diff.js';
import { DiffTracesSchema, diffTracesJsonSchema } from '../../src/replay/diff-traces-schema.js';
import { ExplainSchema, explainJsonSchema } from '../../src/replay/explain-schema.js';
import type { Explanation } from '../../src/replay/explanation.js';
import type { DiffResult, ReplayResult } from '../../src/replay/result.js';
import {
  DiffSchema,
  diffJsonSchema,
  ReplaySchema,
  replayJsonSchema,
  VerifySchema,
  verifyJsonSchema,
} from '../../src/replay/schema.js';
import type { TracesDiff } from '../../src/replay/traces-diff.js';
import type { VerifyResult } from '../../src/replay/verification.js';
import { type ReadOptions, readTrace } from '../../src/trace/reader.js';
import { diff, explain, fault, mmap, range, verify, vma } from '../helpers.js';
import {
  CHANGED,
  CONTENDED,
  diffResult,
  HOSTILE,
  hostileDiff,
  hostileResult,
  hostileTracesDiff,
  model,
  result,
} from './fixtures.js';

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

  test('accepts any two models, whatever counters each has', async () => {
    const pairs = lineage.flatMap(from => lineage.map(to => new Diff(from, to)));
    const onBatch: ReadOptions['onBatch'] = (columns, soFar) => {
      for (const pair of pairs) pair.feed(columns, soFar);
    };
    const info = await readTrace('traces/seeds/rfc-beside-spf.json', { onBatch });
    const results = pairs.map(pair => pair.finish(info));
    for (const found of results) {
      expect(validate(JSON.parse(JSON.stringify(found))), JSON.stringify(validate.errors)).toBe(true);
      expect(DiffSchema.safeParse(found).success).toBe(true);
    }
    const one = results.find(({ from, to }) => from === 'spf_dufour_v12' && to === 'spf_lespinasse_2022');
    expect(one?.counters).toMatchObject({ speculative_pgfault: { to: 0 }, spf_attempt: { from: 0 } });
  });

  test('refuses a key it does not know, a missing one, and a negative count', () => {
    const [first] = CHANGED.transitions;
    const [fault] = CHANGED.faults;
    const bad: unknown[] = [
      { ...CHANGED, extra: 1 },
      { ...CHANGED, changed: -1 },
      { ...CHANGED, counters: { ...CHANGED.counters, spf_attempt: { from: 1 } } },
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

describe('the published schema vmalock.diff-traces/1', () => {
  const validate = new Ajv2020({ strict: true }).compile(diffTracesJsonSchema());
  const good = hostileTracesDiff(HOSTILE[0]);

  test('says what traces-diff.ts says', () => {
    expectTypeOf<TracesDiff>().toExtend<z.input<typeof DiffTracesSchema>>();
    expectTypeOf<z.output<typeof DiffTracesSchema>>().toExtend<TracesDiff>();
  });

  test('accepts what a diff of two traces finds, whatever their names', () => {
    expect(good.blockers.length * good.mappings.length * good.reasons.length * good.ops.length).toBeGreaterThan(0);
    expect(validate(good), JSON.stringify(validate.errors)).toBe(true);
    expect(DiffTracesSchema.safeParse(good).success).toBe(true);
  });

  test('refuses a key it does not know, a missing one, and a negative rate', () => {
    const bad: unknown[] = [
      { ...good, extra: 1 },
      { ...good, fallbacks: { from: 1, to: 2 } },
      { ...good, fallbacks: { ...good.fallbacks, to_per_1000: -1 } },
      { ...good, mappings: [{ ...good.mappings[0], name: undefined }] },
    ];
    for (const some of bad) {
      expect(validate(JSON.parse(JSON.stringify(some)))).toBe(false);
      expect(DiffTracesSchema.safeParse(some).success).toBe(false);
    }
  });
});

describe('the published schema vmalock.verify/1', () => {
  const validate = new Ajv2020({ strict: true }).compile(verifyJsonSchema());
  const fell = { truth: { path: 'mmap_lock', fallback: true, via: 'lock_mm_and_find_vma', wait: 70 } };
  const found = async (model: string): Promise<VerifyResult> => {
    const locks = [{ mode: 'write', ask: 90_000, got: 95_000, end: 190_000 }];
    const { result } = await verify(
      [
        vma(0, 4, { t: 0, name: '[heap]' }),
        range('mprotect', 0, 2, { t: 80_000, tid: 2, prot: 'r--', dur: 120_000, locks }),
        fault(0, { t: 100_000, tid: 3, ...fell }),
        fault(1, { t: 400_000, page: { entry: 'swap', folio: 'absent' }, ...fell }),
        fault(3, { t: 800_000, ...fell }),
        fault(2, { t: 900_000, mode: 'kernel', ...fell }),
        fault(2, { t: 950_000 }),
      ],
      model,
    );
    return result;
  };

  test('says what result.ts says', () => {
    expectTypeOf<VerifyResult>().toExtend<z.input<typeof VerifySchema>>();
    expectTypeOf<z.output<typeof VerifySchema>>().toExtend<VerifyResult>();
  });

  test('accepts what a verification finds', async () => {
    for (const model of ['v6.4', 'v6.18', 'mmap_lock', 'spf_lespinasse_2022']) {
      const result = await found(model);
      expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
      expect(VerifySchema.safeParse(result).success).toBe(true);
    }
    expect((await found('v6.18')).disagreements[0].writer).toMatchObject({ op: 'mprotect' });
  });

  test('refuses a key it does not know, a missing one, and a reason there is not', async () => {
    const good = await found('v6.18');
    const [first] = good.disagreements;
    const bad: unknown[] = [
      { ...good, extra: 1 },
      { ...good, agreement: 2 },
      { ...good, unscored: { weather: 1 } },
      { ...good, confusion: { vma_lock: good.confusion.vma_lock } },
      { ...good, disagreements: [{ ...first, recorded: undefined }] },
    ];
    for (const some of bad) {
      expect(validate(JSON.parse(JSON.stringify(some)))).toBe(false);
      expect(VerifySchema.safeParse(some).success).toBe(false);
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
