import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type * as z from 'zod';
import type { ReplayResult } from '../../src/replay/result.js';
import { ReplaySchema, replayJsonSchema } from '../../src/replay/schema.js';
import { CONTENDED, HOSTILE, hostileResult, model, result } from './fixtures.js';

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
