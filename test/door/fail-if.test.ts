import { describe, expect, test } from 'vitest';
import { parseFailIf } from '../../src/cli/fail-if.js';
import { Complaint } from '../../src/errors.js';
import { CONTENDED, model } from '../report/fixtures.js';

const contended = model('v6.18', CONTENDED);

function met(expression: string, row = contended): (string | null)[] {
  return parseFailIf(expression).map(condition => condition.met(row));
}

describe('--fail-if', () => {
  test.each([
    ['fallbacks>1%', 'fallbacks 1.334 %'],
    ['fallbacks>2%', null],
    ['fallbacks>=1204', 'fallbacks 1,204'],
    ['fallbacks=1204', 'fallbacks 1,204'],
    ['fallbacks<1204', null],
    ['aborts>1000', 'aborts 1,150'],
    ['retries <= 54', 'retries 54'],
    ['misses>0', null],
    ['fallback_ratio>0.01', 'fallback_ratio 0.01334'],
    ['fallback_ratio>1%', 'fallback_ratio 1.334 %'],
    ['fallback_ratio>0.02', null],
    ['waits>=1204', null],
    ['waits>0', 'waits 889'],
    ['signals=0', 'signals 0'],
    ['max_wait>811us', 'max_wait 812 us'],
    ['max_wait>0.812ms', null],
    ['fault_wait>=3.05ms', 'fault_wait 3.05 ms'],
    ['op_wait<1us', 'op_wait 640 ns'],
    ['total_wait>1s', null],
    ['total_wait>0', 'total_wait 3.05 ms'],
  ])('%s', (expression, answer) => {
    expect(met(expression)).toEqual([answer]);
  });

  test('a comma means any', () => {
    expect(met('misses>0, aborts>0')).toEqual([null, 'aborts 1,150']);
  });

  test('a model before a colon', () => {
    expect(parseFailIf('v6.18:fallbacks>5%,my-series:waits>0,waits>1').map(({ model }) => model)).toEqual([
      'v6.18',
      'my-series',
      null,
    ]);
  });

  test('a share of no user faults is never met', () => {
    expect(met('fallbacks>=0%,fallback_ratio<1,fallback_ratio<=100%', model('v6.18'))).toEqual([null, null, null]);
  });

  test.each([
    ['', 'cannot read ""'],
    ['fallbacks', 'cannot read "fallbacks"'],
    ['fallbacks>', 'cannot read "fallbacks>"'],
    ['fallbacks>5%,', 'cannot read ""'],
    ['fallback>5', 'unknown metric "fallback"'],
    ['constructor>5', 'unknown metric "constructor"'],
    ['fallbacks>5ms', '"fallbacks>5ms" is a count'],
    ['waits>10%', '"waits>10%" is a count'],
    ['fallback_ratio>1ms', '"fallback_ratio>1ms" is a ratio'],
    ['max_wait>10', '"max_wait>10" is a time'],
    ['max_wait>10%', '"max_wait>10%" is a time'],
    ['max_wait>10toString', '"max_wait>10toString" is a time'],
    ['fallbacks>1e3', '"fallbacks>1e3"'],
  ])('refuses %s', (expression, message) => {
    expect(() => parseFailIf(expression)).toThrow(Complaint);
    expect(() => parseFailIf(expression)).toThrow(message);
  });
});
