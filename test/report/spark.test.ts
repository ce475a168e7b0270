/** Bars and lines in a terminal: where there are any, what they are made of, and what they must not hide. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { marksOf } from '../../src/cli/terminal.js';
import type { ReplayResult } from '../../src/replay/result.js';
import { loadReporter } from '../../src/report/index.js';
import { bar, type Marks, sparkline } from '../../src/report/spark.js';
import { createStyle, displayWidth } from '../../src/report/style.js';
import { CONTENDED, model, result } from './fixtures.js';

describe('marks', () => {
  test('tell nothing, something and all apart', () => {
    expect(sparkline([null, 0, 1e-9, 0.5, 0.999, 1], 'blocks')).toBe(' ·▁▄██');
    expect(sparkline([null, 0, 1e-9, 0.5, 1], 'ascii')).toBe(' .:+@');
    expect([0, 1e-9, 0.5, 0.55, 1].map(share => bar(share, 10, 'blocks'))).toEqual([
      '',
      '▏',
      '█████',
      '█████▌',
      '██████████',
    ]);
    expect([0, 1e-9, 0.5, 1].map(share => bar(share, 10, 'ascii'))).toEqual(['', '#', '#####', '##########']);
  });

  test('take the room they are given, and a larger share never less', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, fc.constantFrom<Marks>('blocks', 'ascii'), (a, b, marks) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect(bar(high, 10, marks).length).toBeGreaterThanOrEqual(bar(low, 10, marks).length);
        expect(bar(high, 10, marks).length).toBeLessThanOrEqual(10);
        expect(sparkline([a, b, null], marks)).toHaveLength(3);
      }),
      { seed: 6118 },
    );
  });

  test('are ASCII where the locale or the terminal has no more', () => {
    expect(marksOf({ LANG: 'en_US.UTF-8', TERM: 'xterm-256color' })).toBe('blocks');
    expect(marksOf({ LC_CTYPE: 'C.utf8' })).toBe('blocks');
    expect(marksOf({ LC_ALL: 'C', LANG: 'en_US.UTF-8' })).toBe('ascii');
    expect(marksOf({ LANG: 'en_US.UTF-8', TERM: 'dumb' })).toBe('ascii');
    expect(marksOf({})).toBe('ascii');
  });
});

describe('in the tables', () => {
  const table = async (results: ReplayResult[], marks: Marks | null, width: number) =>
    (await loadReporter('table'))(results, { fields: null, several: false, style: createStyle(0, width, marks) });
  const contended = result([model('mmap_lock', { user: 100, fallbacks: 100 }), model('v6.18', CONTENDED)]);

  test('faults over time are shown where some fell back and some did not', async () => {
    const text = await table([contended], 'blocks', 100);
    expect(text).toContain('Fallbacks over time\n');
    expect(text).toMatch(/^v6\.18 +2\.00 us {2}▁ ·$/m);
    const all = result([model('mmap_lock', { user: 100, fallbacks: 100 })]);
    expect(await table([all], 'blocks', 100)).not.toContain('over time');
  });

  test('bars go first where it is narrow, and there are none in a pipe', async () => {
    expect(await table([contended], 'ascii', 100)).toMatch(/^v6\.18 .*__folio_lock_or_retry .* #$/m);
    const narrow = await table([contended], 'ascii', 80);
    expect(narrow).not.toContain('#');
    expect(narrow.split('\n').filter(line => displayWidth(line) > 80)).toEqual([]);
    expect(await table([contended], null, 100)).not.toMatch(/[#▁█]|over time/);
  });
});
