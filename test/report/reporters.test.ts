import { describe, expect, test } from 'vitest';
import { escapeText } from '../../src/errors.js';
import type { ReplayResult } from '../../src/replay/result.js';
import { FORMATS, loadReporter } from '../../src/report/index.js';
import { createStyle, displayWidth } from '../../src/report/style.js';
import { wrap } from '../../src/report/table.js';
import { CONTENDED, HOSTILE, hostileResult, model, result } from './fixtures.js';

type Options = { fields?: string[]; level?: 0 | 1; width?: number };

async function report(
  format: (typeof FORMATS)[number],
  results: ReplayResult[],
  options: Options = {},
): Promise<string> {
  const style = createStyle(options.level ?? 0, options.width);
  return (await loadReporter(format))(results, { fields: options.fields ?? null, several: results.length > 1, style });
}

const plain = result([model('mmap_lock', { user: 90_266, kernel: 34, fallbacks: 90_266 }), model('v6.18', CONTENDED)]);

describe('table', () => {
  test('the finding, then the tables, in 80 columns', async () => {
    const text = await report('table', [plain]);
    expect(text.split('\n').filter(line => displayWidth(line) > 80)).toEqual([]);
    expect(text).toContain('model      faults    user  kernel  vma_lock  mmap_lock  signal  fallback\n');
    expect(text).toContain('v6.18      90,300  90,266      34    89,062      1,238       0     1.3 %\n');
    expect(text).toContain('vma_lock:W   [heap]         12   310 us  31.0 us  22.0 us  44.0 us  44.0 us\n');
    expect(text.endsWith('\n') && !text.endsWith('\n\n')).toBe(true);
  });

  test('tables without rows are left out', async () => {
    const text = await report('table', [result([model('v6.18', { user: 3 })])]);
    expect(text).toContain('Verdicts');
    expect(text).not.toMatch(/Why faults|contended|in the way|Time/);
  });

  test('the eleventh row and those after it are counted', async () => {
    const blockers = Array.from({ length: 1_013 }, (_, i) => ({
      op: 'munmap',
      tid: i,
      victims: 2_000 - i,
      fallbacks: 0,
      wait_ns: 5,
      max_wait_ns: 5,
      times: 1,
    }));
    const text = await report('table', [result([model('v6.18', { user: 3, blockers })])]);
    expect(text.match(/^munmap +\d/gm)).toHaveLength(10);
    expect(text).toContain('\n... 1,003 more\n');
  });

  test('a long name is cut in the middle so that the row fits', async () => {
    const locks = CONTENDED.locks!.map(row => ({ ...row, name: '/very/long/path/to/some/library/libexample.so.6' }));
    const text = await report('table', [result([model('v6.18', { ...CONTENDED, locks })])]);
    expect(text).toMatch(/^vma_lock:W {3}\/very\/\S*\.\.\.\S*so\.6 /m);
    expect(text.split('\n').filter(line => displayWidth(line) > 80)).toEqual([]);
  });

  test('a range is shown whole, and what percentiles there is room for', async () => {
    const locks = CONTENDED.locks!.map(({ name, ...row }) => row);
    const blockers = CONTENDED.blockers!.map(({ name, ...row }) => row);
    const results = [result([model('v6.18', { ...CONTENDED, locks, blockers })])];
    const narrow = await report('table', results);
    expect(narrow).toMatch(/^vma_lock:W {3}0x55d0c0de1000-0x55d0c0e02000 /m);
    expect(narrow).toMatch(/^lock +where +contended +total +p99 +max$/m);
    expect(narrow).toMatch(/^operation +thread +where +victims +fell back +waited$/m);
    expect(narrow).toMatch(/^mprotect +41 +0x55d0c0de1000-0x55d0c0e02000 +1,120 +1,118 +3\.05 ms$/m);
    expect(narrow.split('\n').filter(line => displayWidth(line) > 80)).toEqual([]);
    const wide = await report('table', results, { width: 100 });
    expect(wide).toMatch(/^lock +where +contended +total +mean +p50 +p99 +max$/m);
    expect(wide).toMatch(/^operation +thread +where +victims +fell back +waited +longest$/m);
  });

  test('sites are whole: gaps narrow before one is cut', async () => {
    const site = 'do_user_addr_fault.kernel_mode';
    const reasons = [{ counter: 'vma_lock_abort' as const, site, count: 3, wait_ns: 8_770 }];
    const text = await report('table', [result([model('mmap_lock', { user: 3, fallbacks: 3, reasons })])]);
    expect(text).toContain(`\nmmap_lock vma_lock_abort ${site}      3 100 % 8.77 us\n`);
    const roomy = await report('table', [result([model('v6.18', { user: 3, fallbacks: 3, reasons })])]);
    expect(roomy).toContain(`\nv6.18  vma_lock_abort  ${site}       3  100 %  8.77 us\n`);
  });

  test('five locks are shown, the others counted', async () => {
    const locks = Array.from({ length: 8 }, (_, i) => ({ ...CONTENDED.locks![1], name: `lib${i}.so` }));
    const text = await report('table', [result([model('v6.18', { user: 3, locks })])]);
    expect(text.match(/^vma_lock:W/gm)).toHaveLength(10);
    expect(text.match(/^\.\.\. 3 more$/gm)).toHaveLength(2);
  });

  test('a line never ends between a number and its unit', () => {
    expect(wrap('waited for 12.4 us, that is 5 % of 3 s or so', 10)).toEqual([
      'waited for',
      '12.4 us,',
      'that is',
      '5 % of 3 s',
      'or so',
    ]);
  });

  test('colour only where a level allows it', async () => {
    expect(await report('table', [plain], { level: 1 })).toContain('\u001b[1m');
    expect(await report('table', [plain])).not.toContain('\u001b');
  });

  test('--fields chooses the columns and the lists', async () => {
    const text = await report('table', [plain], { fields: ['model', 'time', 'reasons'] });
    expect(text).toContain('model      makespan  faults waited  operations waited\n');
    expect(text).toContain('Why faults');
    expect(text).not.toContain('contended');
  });

  test('several traces are told apart by their file', async () => {
    const text = await report('table', [plain, result([model('v6.18', { user: 3 })], { file: 'other.json' })]);
    expect(text).toContain('\nnode.ndjson.gz: ');
    expect(text).toContain('\nother.json: ');
  });
});

describe('json and ndjson', () => {
  test('one trace is its result, several are an array in input order', async () => {
    expect(JSON.parse(await report('json', [plain]))).toEqual(plain);
    const other = result([model('v6.18')], { file: 'other' });
    expect(JSON.parse(await report('json', [plain, other]))).toEqual([plain, other]);
  });

  test('ndjson is one line per model and names the file', async () => {
    const lines = (await report('ndjson', [plain])).trimEnd().split('\n');
    expect(lines.map(line => JSON.parse(line))).toEqual(
      plain.models.map(row => ({ file: 'node.ndjson.gz', lost: 0, ...row })),
    );
  });

  test('--fields selects keys of a row as they are, and flat columns by name', async () => {
    const document = JSON.parse(await report('json', [plain], { fields: ['model', 'time', 'vma_lock', 'faults'] }));
    expect(document.schema).toBe('vmalock.replay/1');
    expect(document.models[1]).toEqual({
      model: 'v6.18',
      time: plain.models[1].time,
      vma_lock: 89_062,
      faults: plain.models[1].faults,
    });
  });
});

describe('csv and tsv', () => {
  test('a header and one row per model', async () => {
    const [header, ...rows] = (await report('csv', [plain])).trimEnd().split('\n');
    expect(header).toBe(
      'model,faults,user,kernel,vma_lock,mmap_lock,signal,vma_lock_success,vma_lock_abort,vma_lock_retry,' +
        'vma_lock_miss,fallback_ratio,makespan_ns,fault_wait_ns,op_wait_ns,lost,file',
    );
    expect(rows[1]).toBe(
      'v6.18,90300,90266,34,89062,1238,0,89062,1150,54,0,0.013338355526997983,3010000000,3050000,640,0,node.ndjson.gz',
    );
    expect(rows).toHaveLength(2);
  });

  test('an unknown ratio is an empty field', async () => {
    const text = await report('csv', [result([model('v6.18')])], { fields: ['fallback_ratio', 'model'] });
    expect(text).toBe('fallback_ratio,model\n,v6.18\n');
  });

  test('groups spell out their columns', async () => {
    const text = await report('tsv', [plain], { fields: ['model', 'counters'] });
    expect(text).toContain('model\tvma_lock_success\tvma_lock_abort\tvma_lock_retry\tvma_lock_miss\n');
  });
});

describe('markdown', () => {
  test('the tables of the terminal, as GitHub Markdown', async () => {
    const text = await report('markdown', [plain]);
    expect(text).toContain('### Verdicts\n\n| model | faults | user |');
    expect(text).toContain('| v6.18 | 90,300 | 90,266 | 34 | 89,062 | 1,238 | 0 | 1.3 % |');
  });
});

// Printable text, line feeds, and for tsv the separator: nothing a name brought along.
const CLEAN = /^(?: |[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}\u2800])*$/u;

describe.each(HOSTILE.map(name => [escapeText(name), name]))('a trace that names things %s', (_, name) => {
  test.each(FORMATS)('reaches %s escaped', async format => {
    const text = await report(format, [hostileResult(name)]);
    for (const line of text.split('\n')) expect(line.replaceAll('\t', format === 'tsv' ? '' : '\t')).toMatch(CLEAN);
  });

  test('comes back unchanged from json and ndjson', async () => {
    const hostile = hostileResult(name);
    expect(JSON.parse(await report('json', [hostile]))).toEqual(hostile);
    const line = (await report('ndjson', [hostile])).trimEnd();
    expect(line).not.toContain('\n');
    expect(JSON.parse(line).file).toBe(name);
  });

  test('adds no column to csv or tsv and is no formula there', async () => {
    for (const [format, separator] of [
      ['csv', /,(?=(?:[^"]*"[^"]*")*[^"]*$)/],
      ['tsv', /\t/],
    ] as const) {
      const lines = (await report(format, [hostileResult(name)], { fields: ['file', 'faults'] })).trimEnd().split('\n');
      expect(lines).toHaveLength(2);
      const cells = lines[1].split(separator);
      expect(cells).toHaveLength(2);
      expect(cells[0]).not.toMatch(/^"?[=+\-@]/);
    }
  });

  test('adds no cell, tag or row to markdown', async () => {
    const text = await report('markdown', [hostileResult(name)]);
    expect(text).not.toMatch(/<|(?<!\\)`/);
    const table = text.slice(text.indexOf('### Verdicts')).split('\n').slice(2, 5);
    expect(table.map(line => line.match(/(?<!\\)\|/g)?.length)).toEqual([9, 9, 9]);
  });
});
