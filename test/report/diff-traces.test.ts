/** A diff of two traces in words, tables and rows. */
import { describe, expect, test } from 'vitest';
import { escapeText } from '../../src/errors.js';
import { diffTraces } from '../../src/replay/diff-traces.js';
import type { HotSpot } from '../../src/replay/result.js';
import type { TracesDiff } from '../../src/replay/traces-diff.js';
import { diffTracesListing } from '../../src/report/diff-traces.js';
import { diffTracesOpening, formatRate } from '../../src/report/diff-traces-finding.js';
import { FORMATS, type Format } from '../../src/report/index.js';
import { renderListing } from '../../src/report/listing.js';
import { createStyle, displayWidth } from '../../src/report/style.js';
import { CONTENDED, HOSTILE, hostileTracesDiff, type ModelFigures, model, result } from './fixtures.js';

function report(format: Format, diff: TracesDiff, fields: string[] | null = null): string {
  return renderListing(diffTracesListing(diff, fields, 10), format, createStyle(0));
}

const spot = (name: string | null, faults: number, fallbacks: number): HotSpot => ({
  key: name,
  ...(name !== null && { name }),
  faults,
  fallbacks,
  wait_ns: 0,
  max_wait_ns: 0,
});

/** One run with these figures, whose faults are in these mappings. */
function run(
  file: string,
  figures: ModelFigures,
  by: HotSpot[] = [spot('heap', figures.user ?? 0, figures.fallbacks ?? 0)],
) {
  const one = result([model('v6.18', figures)], { file });
  return { ...one, models: [{ ...one.models[0], by }] };
}

const between = (before: ModelFigures, after: ModelFigures, ...by: HotSpot[][]) =>
  diffTraces(run('a.json', before, by[0]), run('b.json', after, by[1]));
const finding = (...args: Parameters<typeof between>): string => diffTracesOpening(between(...args)).finding;

describe('the finding', () => {
  const calm = { user: 1_000 };

  test('says that nothing differs, and then nothing else', () => {
    expect(finding(calm, calm)).toBe('Nothing differs between a.json and b.json under v6.18.');
    expect(diffTracesOpening(between(calm, calm)).remarks.join()).not.toContain('deterministic');
  });

  test('says how many faults there are, and where most of the difference is', () => {
    const before = [spot('heap', 700, 0), spot('stack', 300, 0)];
    expect(finding(calm, { user: 1_500 }, before, [spot('heap', 1_100, 0), spot('stack', 400, 0)])).toMatch(
      /^From a\.json to b\.json under v6\.18: 1,500 faults instead of 1,000, most of the difference in heap; /,
    );
    expect(finding(calm, { user: 1_200 }, before, [spot('heap', 800, 0), spot('stack', 400, 0)])).not.toContain(
      'most of',
    );
  });

  test('says how many of 1,000 fall back, and why most of them', () => {
    const marked = { counter: 'vma_lock_abort', site: 'vma_start_read', count: 30, wait_ns: 0 } as const;
    expect(finding(calm, { user: 1_000, fallbacks: 30, reasons: [marked] })).toBe(
      'From a.json to b.json under v6.18: 30.0 of 1,000 faults fall back instead of 0, ' +
        'mostly because the VMA was write-locked (vma_start_read).',
    );
    const swap = { counter: 'vma_lock_retry', site: 'do_swap_page', count: 15, wait_ns: 0 } as const;
    const halves = { user: 1_000, fallbacks: 30, reasons: [{ ...marked, count: 15 }, swap] };
    expect(finding(calm, halves)).toMatch(/fall back instead of 0\.$/);
  });

  test('says that replays are deterministic, and what they cannot tell', () => {
    expect(report('table', between(calm, { user: 10 })).match(/deterministic/g)).toHaveLength(1);
  });

  test('warns of lost events', () => {
    const lossy = result([model('v6.18', calm)], { file: 'b.json', lost: 3 });
    const { remarks } = diffTracesOpening(diffTraces(run('a.json', calm), lossy));
    expect(remarks).toContain('Events were lost when this was recorded (b.json lost 3): counts are too low.');
  });
});

test.each([
  [0, '0'],
  [0.004, '<0.01'],
  [8.2, '8.20'],
  [31.04, '31.0'],
  [962.4, '962'],
  [1_234.5, '1,235'],
])('%f of 1,000 is %s', (rate, words) => {
  expect(formatRate(rate)).toBe(words);
});

test('tables fit into 80 columns', () => {
  const text = report(
    'table',
    between({ user: 9 }, CONTENDED, [spot('x'.repeat(90), 9, 0)], [spot('[heap]', 90_266, 7)]),
  );
  expect(text.split('\n').filter(line => displayWidth(line) > 80)).toEqual([]);
  expect(text).toMatch(/^vma_start_read +vma_lock_abort +0 +1,150 +0 +12\.7 +\+12\.7$/m);
});

test('--fields chooses tables, parts of json and columns of rows', () => {
  const diff = between({ user: 9 }, CONTENDED);
  expect(report('table', diff, ['ops'])).not.toMatch(/finished|makespan/);
  expect(Object.keys(JSON.parse(report('json', diff, ['time'])))).toEqual([
    'schema',
    'model',
    'timing',
    'from',
    'to',
    'differs',
    'time',
    'warnings',
  ]);
  expect(report('csv', diff, ['to', 'key']).split('\n', 2)).toEqual(['to,key', '90300,total']);
});

// Printable text, line feeds, and for tsv the separator: nothing a name brought along.
const CLEAN = /^(?: |[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}\u2800])*$/u;

describe.each(HOSTILE.map(name => [escapeText(name), name]))('traces that name things %s', (_, name) => {
  test.each(FORMATS)('reach %s escaped', format => {
    const text = report(format, hostileTracesDiff(name));
    for (const line of text.split('\n')) expect(line.replaceAll('\t', format === 'tsv' ? '' : '\t')).toMatch(CLEAN);
  });

  test('come back unchanged from json, and are no formula in a sheet', () => {
    const diff = hostileTracesDiff(name);
    expect(JSON.parse(report('json', diff))).toEqual(diff);
    for (const line of report('csv', diff, ['from_file', 'to']).trimEnd().split('\n')) {
      expect(line).not.toMatch(/^"?[=+\-@]/);
    }
  });
});
