/** A diff in every format: what people quote, what programs read, and what strangers may not do to either. */
import { describe, expect, test } from 'vitest';
import { escapeText } from '../../src/errors.js';
import type { DiffResult } from '../../src/replay/result.js';
import { diffFields, diffListing } from '../../src/report/diff.js';
import { diffOpening } from '../../src/report/diff-finding.js';
import { FORMATS, type Format } from '../../src/report/index.js';
import { renderListing } from '../../src/report/listing.js';
import { createStyle, displayWidth } from '../../src/report/style.js';
import { CHANGED, diffResult, HOSTILE, hostileDiff, transition } from './fixtures.js';

type Options = { fields?: string[]; level?: 0 | 1; width?: number };

function report(format: Format, diff: DiffResult, { fields, level = 0, width }: Options = {}): string {
  return renderListing(diffListing(diff, fields ?? null), format, createStyle(level, width));
}

const FINE = 'vma_lock vma_lock_success -';
const AT_ONCE = 'mmap_lock - do_user_addr_fault';
const SWAP = 'mmap_lock vma_lock_retry do_swap_page';
const MARKED = 'mmap_lock vma_lock_abort vma_start_read';
const FORBIDDEN = 'signal - do_user_addr_fault.access_error';
const GUARD = 'signal vma_lock_success handle_pte_marker.guard';

const finding = (faults: number, more: Partial<DiffResult> = {}): string =>
  diffOpening(diffResult(faults, more)).finding;

describe('the finding', () => {
  test.each([
    [SWAP, FINE, 'no longer fall back at do_swap_page'],
    [AT_ONCE, FINE, 'no longer take mmap_lock'],
    [FINE, MARKED, 'now fall back at vma_start_read'],
    [FINE, AT_ONCE, 'now take mmap_lock'],
    [SWAP, MARKED, 'fall back at vma_start_read instead of do_swap_page'],
    [AT_ONCE, MARKED, 'still take mmap_lock after trying the VMA lock'],
    [MARKED, AT_ONCE, 'now take mmap_lock at once'],
    [AT_ONCE, 'mmap_lock - do_kern_addr_fault', 'take mmap_lock at do_kern_addr_fault instead of do_user_addr_fault'],
    [FINE, GUARD, 'now get a signal at handle_pte_marker.guard'],
    [SWAP, GUARD, 'now get a signal at handle_pte_marker.guard'],
    [GUARD, FINE, 'no longer get a signal at handle_pte_marker.guard'],
    [GUARD, SWAP, 'now fall back at do_swap_page'],
    [FORBIDDEN, 'signal - bad_area', 'get a signal at bad_area instead of do_user_addr_fault.access_error'],
    [FORBIDDEN, FORBIDDEN.replace('-', 'vma_lock_success'), 'are now counted vma_lock_success'],
    [FORBIDDEN.replace('-', 'vma_lock_success'), FORBIDDEN, 'are no longer counted vma_lock_success'],
    [MARKED, MARKED.replace('abort', 'retry'), 'are counted vma_lock_retry instead of vma_lock_abort'],
    ['speculative - -', FINE, 'are vma_lock instead of speculative'],
  ])('from %s to %s', (before, after, words) => {
    expect(finding(1_314, { transitions: [transition(16, before, after)] })).toBe(
      `From v6.5 to v6.6, 16 of 1,314 faults ${words}; no wait changes.`,
    );
  });

  test('one fault is one fault', () => {
    const one = [transition(1, SWAP, FINE)];
    expect(finding(9, { transitions: one })).toMatch(/, 1 of 9 faults no longer falls back at do_swap_page;/);
    expect(finding(1, { transitions: one })).toMatch(/, the only fault no longer falls back at do_swap_page;/);
    expect(finding(2, { transitions: [transition(2, SWAP, FINE)] })).toMatch(/, both faults no longer fall back/);
    expect(finding(9, { transitions: [transition(9, FINE, AT_ONCE)] })).toMatch(/, all 9 faults now take mmap_lock;/);
  });

  test('three ways are named, the others counted', () => {
    const transitions = [
      transition(1_100, SWAP, FINE),
      transition(54, FINE, MARKED),
      transition(30, SWAP, MARKED),
      transition(12, FINE, GUARD),
      transition(8, GUARD, FINE),
    ];
    expect(finding(90_266, { transitions })).toBe(
      'From v6.5 to v6.6, 1,204 of 90,266 faults change: 1,100 no longer fall back at do_swap_page, ' +
        '54 now fall back at vma_start_read, 30 fall back at vma_start_read instead of do_swap_page, ' +
        '20 in other ways; no wait changes.',
    );
  });

  test('what is said in the same words is said once', () => {
    const transitions = [transition(5, AT_ONCE, MARKED), transition(4, AT_ONCE, FINE), transition(3, AT_ONCE, SWAP)];
    expect(finding(20, { transitions })).toContain(
      '12 of 20 faults change: 8 still take mmap_lock after trying the VMA lock, 4 no longer take mmap_lock;',
    );
  });

  const time = (fault: number, op: number, makespan = 0): DiffResult['time'] => ({
    makespan_ns: { from: 5_000, to: 5_000 + makespan },
    fault_wait_ns: { from: 50_000, to: 50_000 + fault },
    op_wait_ns: { from: 50_000, to: 50_000 + op },
  });

  test.each<[string, Partial<DiffResult>]>([
    ['faults wait 8.03 us less and operations 650 ns more in all', { time: time(-8_030, 650, 7) }],
    ['operations wait 650 ns less in all', { time: time(0, -650) }],
    ['1 fault waits shorter, 3 longer, with the same sum', { waits: { less: 1, more: 3 } }],
    ['the makespan is 1.50 us longer', { time: time(0, 0, 1_500) }],
    ['the makespan is 1.50 us shorter', { time: time(0, 0, -1_500) }],
    ['vma_lock_miss is 3 instead of 2', { counters: { ...diffResult(9).counters, vma_lock_miss: { from: 2, to: 3 } } }],
    ['who is waited for does', { blockers: CHANGED.blockers.slice(1) }],
  ])('no fault differs, but %s', (words, more) => {
    expect(finding(9, { ...more, differs: true })).toBe(`No fault differs between v6.5 and v6.6, but ${words}.`);
  });

  test('nothing differs', () => {
    expect(finding(9)).toBe('No fault differs between v6.5 and v6.6.');
    expect(finding(0)).toBe('The trace has no page faults and nothing differs between v6.5 and v6.6.');
    expect(finding(0, { differs: true, time: time(0, 10) })).toBe(
      'The trace has no page faults, but operations wait 10 ns more in all.',
    );
  });

  test('that replays are deterministic is said once, and only of a difference', () => {
    expect(report('table', CHANGED).match(/deterministic/g)).toHaveLength(1);
    expect(report('table', diffResult(9))).not.toContain('deterministic');
  });
});

describe('table', () => {
  test('the finding, then the tables, in 80 columns', () => {
    const text = report('table', CHANGED);
    expect(text.split('\n').filter(line => displayWidth(line) > 80)).toEqual([]);
    expect(text).toContain(' 1,100  mmap_lock  lock_vma_under_rcu.vm_ops        vma_lock   -\n');
    expect(text).toContain('     2  signal     do_user_addr_fault.access_error  signal     same, success\n');
    expect(text).toMatch(/^mmap_lock +1,202 +102 +-1,100$/m);
    expect(text).toMatch(/^vma_lock_retry +0 +104 +\+104$/m);
    expect(text).not.toContain('vma_lock_miss');
    expect(text).toMatch(/^faults waited +3\.05 ms +47\.0 us +-3\.00 ms$/m);
    expect(text).toContain('Faults that wait less: 1,010; more: 2.\n');
    expect(text).toMatch(/^mprotect +41 +\[heap\] +1,120 -> 0 +/m);
    expect(text).toMatch(/^munmap +7 +0x7f12a4b3c000-0x7f12a4b7c000 +30 .* \+7\.00 us$/m);
    expect(text).toMatch(/^ +14 +0x7f12a4b3c000 +lock_vma_under_rcu\.vm_ops +do_cow_fault$/m);
    expect(text.endsWith('... 1,203 more\n')).toBe(true);
  });

  test('a wide terminal shows waits and threads too', () => {
    const text = report('table', CHANGED, { width: 120 });
    expect(text).toMatch(/^ 1,100 +mmap_lock +lock_vma_under_rcu\.vm_ops +990 us +vma_lock +- +0$/m);
    expect(text).toMatch(/^ +14 +7 +0x7f12a4b3c000 +lock_vma_under_rcu\.vm_ops +do_cow_fault +900 ns -> 0$/m);
    expect(text).toMatch(/^mprotect +41 +\[heap\] +1,120 -> 0 +1,118 -> 0 +3\.05 ms -> 0 +-3\.05 ms$/m);
  });

  test('where nothing differs there are no tables', () => {
    expect(report('table', diffResult(9)).split('\n')).toHaveLength(3);
  });

  test('--fields chooses tables, and columns of the first', () => {
    const text = report('table', CHANGED, { fields: ['from_wait_ns', 'count', 'site', 'from_counter', 'time'] });
    expect(text).toMatch(/^from_wait_ns +count +site +from_counter$/m);
    expect(text).toMatch(/^ +990 us +1,100 +lock_vma_under_rcu\.vm_ops +vma_lock_abort$/m);
    expect(text).toMatch(/^ +1\.80 us +2 +do_user_addr_fault\.access_error +-$/m);
    expect(text).toContain('makespan');
    expect(text).not.toMatch(/Verdicts|Counters|in the way|first faults/);
  });

  test('colour only where a level allows it', () => {
    expect(report('table', CHANGED, { level: 1 })).toContain('\u001b[1m');
    expect(report('table', CHANGED)).not.toContain('\u001b');
  });
});

describe('json', () => {
  test('is the result', () => {
    expect(JSON.parse(report('json', CHANGED))).toEqual(CHANGED);
  });

  test('the keys people rely on come first', () => {
    expect(Object.keys(JSON.parse(report('json', CHANGED)).transitions[0]).slice(0, 4)).toEqual([
      'from',
      'to',
      'site',
      'count',
    ]);
  });

  test('--fields chooses parts, and columns of transitions; what was compared stays', () => {
    const document = JSON.parse(report('json', CHANGED, { fields: ['waits', 'count', 'to'] }));
    expect(document).toEqual({
      schema: 'vmalock.diff/1',
      trace: CHANGED.trace,
      timing: 'closed',
      from: 'v6.5',
      to: 'v6.6',
      differs: true,
      changed: 1_206,
      waits: CHANGED.waits,
      transitions: [
        { count: 1_100, to: 'vma_lock' },
        { count: 104, to: 'mmap_lock' },
        { count: 2, to: 'signal' },
      ],
      warnings: [],
    });
    const whole = JSON.parse(report('json', CHANGED, { fields: ['transitions'] }));
    expect(whole.transitions).toEqual(CHANGED.transitions);
    expect(whole.faults).toBeUndefined();
  });
});

describe('csv, tsv and ndjson', () => {
  test('a row for each way in which faults change', () => {
    const [header, first, , last] = report('csv', CHANGED).split('\n');
    expect(header).toBe(
      'from_model,to_model,from,to,site,count,from_site,to_site,from_counter,to_counter,' +
        'from_wait_ns,to_wait_ns,lost,file',
    );
    expect(first).toBe(
      'v6.5,v6.6,mmap_lock,vma_lock,lock_vma_under_rcu.vm_ops,1100,lock_vma_under_rcu.vm_ops,,' +
        'vma_lock_abort,vma_lock_success,990000,0,0,node.ndjson.gz',
    );
    expect(last).toContain(',do_user_addr_fault.access_error,2,');
    const lines = report('ndjson', CHANGED).trimEnd().split('\n');
    expect(lines.map(line => Object.values(JSON.parse(line)).join())).toEqual(
      report('csv', CHANGED).trimEnd().split('\n').slice(1),
    );
  });

  test('a header alone, or nothing, where no fault changes', () => {
    expect(report('tsv', diffResult(9), { fields: ['count', 'site'] })).toBe('count\tsite\n');
    expect(report('ndjson', diffResult(9))).toBe('');
  });

  test('they know columns, json and tables the parts as well', () => {
    expect(diffFields('csv')).not.toContain('time');
    expect(diffFields('ndjson')).not.toContain('faults');
    expect(diffFields('markdown')).toContain('faults');
    expect(diffFields('json')).toContain('waits');
  });
});

test('markdown: the tables of the terminal', () => {
  const text = report('markdown', CHANGED);
  expect(text).toMatch(/^\*\*From v6\.5 to v6\.6, 1,206 of 90,266 faults change: /);
  expect(text).toContain('### Counters\n\n| counter | v6.5 | v6.6 | change |\n| --- | ---: | ---: | ---: |\n');
});

// Printable text, line feeds, and for tsv the separator: nothing a name brought along.
const CLEAN = /^(?: |[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}\u2800])*$/u;

describe.each(HOSTILE.map(name => [escapeText(name), name]))('a trace that names things %s', (_, name) => {
  test.each(FORMATS)('reaches %s escaped', format => {
    const text = report(format, hostileDiff(name));
    for (const line of text.split('\n')) expect(line.replaceAll('\t', format === 'tsv' ? '' : '\t')).toMatch(CLEAN);
  });

  test('comes back unchanged from json, and is no formula in a sheet', () => {
    expect(JSON.parse(report('json', hostileDiff(name)))).toEqual(hostileDiff(name));
    const [, row] = report('csv', hostileDiff(name), { fields: ['file', 'count'] }).split('\n');
    expect(row).not.toMatch(/^"?[=+\-@]/);
  });
});
