import { describe, expect, test } from 'vitest';
import { finding, remarks, subject } from '../../src/report/finding.js';
import { CONTENDED, model, result } from './fixtures.js';

describe('the finding of one model', () => {
  test('a trace without faults says so', () => {
    expect(finding(result([model('v6.18')]))).toBe('The trace has no page faults.');
  });

  test('no fallback at all', () => {
    expect(finding(result([model('v6.18', { user: 1_200 })]))).toBe(
      'None of 1,200 user faults fell back to mmap_lock under v6.18.',
    );
  });

  test('some fallbacks: how many, their share, the main reason, who stood in the way', () => {
    expect(finding(result([model('v6.18', CONTENDED)]))).toBe(
      '1,204 of 90,266 user faults (1.3 %) fell back to mmap_lock under v6.18; main reason, 92.9 %: vma_start_read ' +
        '(the VMA was write-locked); most in the way: mprotect by thread 41 on [heap] (1,120 victims, 3.05 ms of waiting).',
    );
  });

  test('all of them, and a single one', () => {
    expect(finding(result([model('mmap_lock', { user: 7, fallbacks: 7 })]))).toBe(
      'All 7 user faults took mmap_lock under mmap_lock.',
    );
    expect(finding(result([model('mmap_lock', { user: 1, fallbacks: 1 })]))).toBe(
      'The only user fault took mmap_lock under mmap_lock.',
    );
  });

  test('faults from kernel mode only', () => {
    expect(finding(result([model('v6.18', { kernel: 3 })]))).toBe(
      '3 of 3 faults took mmap_lock under v6.18; none came from user mode.',
    );
  });

  test('nearly all is never rounded to all', () => {
    const text = finding(result([model('v6.4', { user: 1_000_000, fallbacks: 999_999 })]));
    expect(text).toContain('999,999 of 1,000,000 user faults (>99.9 %) fell back');
  });
});

describe('the finding of several models', () => {
  test("models are compared, the reason is the last one's", () => {
    const text = finding(
      result([model('mmap_lock', { user: 90_266, kernel: 34, fallbacks: 90_266 }), model('v6.18', CONTENDED)]),
    );
    expect(text).toMatch(
      /^mmap_lock: all 90,266 user faults took mmap_lock; v6\.18: 1,204 \(1\.3 %\) fell back, main /,
    );
  });

  test('a long list of models shows its first and its last', () => {
    const models = ['mmap_lock', 'v6.4', 'v6.5', 'v6.6', 'v6.7'].map(id => model(id, { user: 10 }));
    expect(finding(result(models))).toBe(
      'mmap_lock: none of 10 user faults fell back; (3 more); v6.7: none of 10 user faults fell back.',
    );
  });
});

describe('beside the finding', () => {
  test('the subject counts what was replayed', () => {
    expect(subject(result([model('v6.18', { user: 1 })], { mms: 2 }))).toBe(
      'node.ndjson.gz: 13 events, 1 fault, 8 threads, 2 mms, span 3.00 s, closed timing',
    );
  });

  test('lost events and expectations are remarked on', () => {
    const some = result([model('v6.18')], { lost: 3 });
    const failed = [{ model: 'v6.18', i: 4, expected: { verdict: 'vma_lock' }, got: null }];
    expect(remarks({ ...some, expect: { checked: 5, failed } })).toEqual([
      'The recording lost 3 events: all counts are lower bounds.',
      '4 of 5 expectations of the trace hold.',
    ]);
    expect(remarks(result([model('v6.18')]))).toEqual([]);
  });
});
