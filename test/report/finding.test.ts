import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Blocker, Convoy, ModelResult, Reason } from '../../src/replay/result.js';
import { finding, openingOf, remarks, subject } from '../../src/report/finding.js';
import { SITE_WORDS } from '../../src/report/site-words.js';
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

  test('some fallbacks: how many, their share, and who made most of them', () => {
    expect(finding(result([model('v6.18', CONTENDED)]))).toBe(
      '1,204 of 90,266 user faults (1.3 %) fell back to mmap_lock under v6.18; 93 % because mprotect by thread 41 ' +
        'write-locked [heap].',
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

  test('faults that nothing was mapped for have no ratio', () => {
    const lost = { ...model('v6.18', { user: 2, fallbacks: 2 }), fallback_ratio: null };
    expect(finding(result([lost]))).toBe('No VMA covered any of 2 user faults under v6.18.');
    expect(finding(result([lost, lost]))).toBe('No VMA covered any of 2 user faults.');
  });

  test('nearly all is never rounded to all', () => {
    const text = finding(result([model('v6.4', { user: 1_000_000, fallbacks: 999_999 })]));
    expect(text).toContain('999,999 of 1,000,000 user faults (>99.9 %) fell back');
  });
});

describe('why they fell back', () => {
  const retry = (site: string, count: number): Reason => ({ counter: 'vma_lock_retry', site, count, wait_ns: 0 });
  const abort = (count: number): Reason => ({ counter: 'vma_lock_abort', site: 'vma_start_read', count, wait_ns: 0 });
  const kernelMode: Reason = { counter: null, site: 'do_user_addr_fault.kernel_mode', count: 500, wait_ns: 0 };
  const blocker = (op: string, tid: number, fallbacks: number, more: Partial<Blocker> = {}): Blocker => ({
    op,
    tid,
    victims: fallbacks,
    fallbacks,
    wait_ns: 1,
    max_wait_ns: 1,
    times: 1,
    ...more,
  });
  const because = (fallbacks: number, reasons: Reason[], blockers: Blocker[] = []): string =>
    finding(result([model('v6.18', { user: 1_000, fallbacks, reasons, blockers })])).replace(/^.* under v6\.18/, '');

  test('an operation is the sum of its rows, named by the mapping where it did most', () => {
    const blockers = [
      blocker('madvise', 7, 30),
      blocker('mprotect', 41, 20, { name: '[stack]' }),
      blocker('mprotect', 41, 25, { start: '0x7f12a4b3c000', end: '0x7f12a4b7c000' }),
    ];
    expect(because(100, [abort(75), retry('filemap_fault', 25)], blockers)).toBe(
      '; 45 % because mprotect by thread 41 write-locked 0x7f12a4b3c000-0x7f12a4b7c000 and 1 more.',
    );
  });

  test('who made less than a quarter of them is not named: the main reason of user faults is', () => {
    const reasons = [kernelMode, retry('vmf_can_call_fault', 60), abort(40)];
    expect(because(100, reasons, [blocker('brk', 7, 24)])).toBe(
      '; 60 % because the file has no ->map_pages (vmf_can_call_fault).',
    );
    expect(because(100, reasons, [blocker('brk', 7, 25, { name: '[heap]' })])).toBe(
      '; 60 % because the file has no ->map_pages (vmf_can_call_fault), 25 % because brk by thread 7 write-locked [heap].',
    );
  });

  test('a failed trylock of mmap_lock is not called a write-locked VMA', () => {
    const reasons = [abort(6), retry('vmf_anon_prepare', 4)];
    expect(because(10, reasons, [blocker('munmap', 7, 10)])).toBe(
      '; all because munmap by thread 7 kept mmap_lock busy.',
    );
  });

  test('a signal under the VMA lock is no fallback', () => {
    const signal: Reason = { ...retry('do_user_addr_fault.access_error', 50), counter: 'vma_lock_success' };
    expect(because(2, [signal, retry('handle_userfault', 2)])).toBe(
      '; both because a userfaultfd monitor had to resolve the fault (handle_userfault).',
    );
  });

  test('fork works on no pages in particular', () => {
    const fork = blocker('fork', 1, 3, {});
    expect(because(3, [abort(3)], [fork])).toBe('; all because fork by thread 1 had write-locked the VMA.');
  });

  test('one fault has a cause and no share', () => {
    expect(because(1, [abort(1)], [blocker('fault', 7, 1, { name: '[stack]' })])).toBe(
      ', because a fault by thread 7 write-locked [stack].',
    );
  });

  test('no share exceeds 100 %, none is rounded up to all', () => {
    expect(because(100, [abort(100)], [blocker('brk', 7, 140)])).toContain('; all because brk by thread 7 ');
    expect(because(999, [abort(998), retry('hugetlb_fault', 1)], [blocker('brk', 7, 998)])).toContain(
      '; >99 % because',
    );
  });

  test('a site without words is named as it is', () => {
    expect(because(4, [retry('do_new_thing', 3)])).toBe('; 75 % at do_new_thing.');
  });
});

describe('words for sites', () => {
  /** Sites at which the files of the kernel floor send a fault away. */
  function sitesOf(folder: string): string[] {
    const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => readFileSync(`${folder}/${name}`, 'utf8'));
    const leave = /(?:\babort|giveUp|blamed|retryAt|releaseAndWait|badArea)\([^;{]*?'([\w.]+)'(?: : '([\w.]+)')?/g;
    return texts.flatMap(text => [...text.matchAll(leave)].flatMap(([, ...sites]) => sites.filter(Boolean)));
  }

  test('every site where a fault leaves the VMA lock has some', () => {
    const sites = sitesOf(fileURLToPath(new URL('../../src/kernel', import.meta.url)));
    expect(sites).toEqual(expect.arrayContaining(['do_read_fault', 'filemap_fault', 'wp_huge_pud', 'do_swap_page']));
    expect(sites.filter(site => !SITE_WORDS.has(site))).toEqual([]);
  });
});

describe('the finding of several models', () => {
  const before = model('mmap_lock', { user: 90_266, kernel: 34, fallbacks: 90_266 });

  test("models are compared, the reason is the last one's", () => {
    expect(finding(result([before, model('v6.18', CONTENDED)]))).toBe(
      'Under mmap_lock all 90,266 user faults took mmap_lock; under v6.18 1,204 (1.3 %) did, 93 % of them because ' +
        'mprotect by thread 41 write-locked [heap].',
    );
  });

  test('no reason is given for a model without a VMA lock', () => {
    const reasons: Reason[] = [{ counter: null, site: 'do_user_addr_fault', count: 90_266, wait_ns: 0 }];
    expect(finding(result([model('v6.18', CONTENDED), { ...before, reasons }]))).toBe(
      'Under v6.18 1,204 of 90,266 user faults (1.3 %) took mmap_lock; under mmap_lock all did.',
    );
  });

  test('a single fault is told as one', () => {
    const one = model('mmap_lock', { user: 1, fallbacks: 1 });
    const none = model('v6.18', { user: 1 });
    expect(finding(result([one, none]))).toBe(
      'Under mmap_lock the only user fault took mmap_lock; under v6.18 it did not.',
    );
    expect(finding(result([none, one]))).toBe(
      'Under v6.18 the only user fault did not take mmap_lock; under mmap_lock it did.',
    );
    expect(finding(result([none]))).toBe('The only user fault did not fall back to mmap_lock under v6.18.');
  });

  test('two are both', () => {
    const two = model('mmap_lock', { user: 2, fallbacks: 2 });
    expect(finding(result([two, two]))).toBe(
      'Under mmap_lock both user faults took mmap_lock; under mmap_lock both did.',
    );
  });

  test('faults from kernel mode only', () => {
    expect(finding(result([model('v6.17', { kernel: 3 }), model('v6.18', { kernel: 3 })]))).toBe(
      'None of 3 faults came from user mode: no model could use a VMA lock.',
    );
  });

  test('of a long list of models the first and the last are told', () => {
    const models = ['mmap_lock', 'v6.4', 'v6.5', 'v6.6', 'v6.7'].map(id => model(id, { user: 10 }));
    expect(finding(result(models))).toBe(
      'Under mmap_lock none of 10 user faults took mmap_lock; under v6.7, the last of 5 models, none did.',
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

describe('the longest convoy', () => {
  const queued = { i: 3, op: 'madvise', tid: 7, mode: 'write', name: 'index', from_ns: 40 } as const;
  const reader = { i: 1, op: 'read_maps', tid: 12, mode: 'read', from_ns: 10 } as const;
  const first = { ...queued, wait_ns: 9e9, blocked_by: { i: 1, op: 'read_maps', tid: 12 } };
  const convoy: Convoy = {
    mm: 1,
    from_ns: 40,
    to_ns: 9e9,
    threads: 46,
    waits: 46,
    wait_ns: 4e11,
    max_wait_ns: 9e9,
    deepest: 46,
    holder: reader,
    members: [first],
  };
  const said = (more: Partial<Convoy>) =>
    openingOf(result([model('mmap_lock', { user: 4, fallbacks: 4, convoy: { ...convoy, ...more } })])).finding;

  test('is said with the writer at its head and the reader that writer waited for', () => {
    expect(said({})).toBe(
      'All 4 user faults took mmap_lock under mmap_lock. Longest convoy under mmap_lock: 46 threads queued for ' +
        'mmap_lock, up to 9.00 s, behind madvise by thread 7 in index, which waited for read_maps by thread 12.',
    );
  });

  test('behind who held it for writing is behind that one alone', () => {
    expect(said({ holder: { ...reader, mode: 'write', op: 'munmap' } })).toMatch(/behind munmap by thread 12\.$/);
    expect(said({ holder: null })).toMatch(/behind madvise by thread 7 in index\.$/);
  });

  test('names advice, threads and how often it comes again', () => {
    const again: Blocker = { op: 'read_maps', tid: 12, victims: 4, fallbacks: 0, wait_ns: 9, max_wait_ns: 9, times: 4 };
    const more = {
      convoy: {
        ...convoy,
        holder: { ...reader, kind: 'smaps', comm: 'agent' },
        members: [{ ...first, kind: 'random' }],
      },
      blockers: [{ ...again, period_ns: 3e10 }],
    };
    expect(openingOf(result([model('v6.18', { user: 4, ...more })])).finding).toMatch(
      /behind madvise random by thread 7 in index, which waited for read_maps smaps by agent \(12\), which comes every 30\.0 s\.$/,
    );
  });

  test('of several models it is that of the longest, beside the last', () => {
    const under = (id: string, wait_ns: number) => model(id, { user: 4, convoy: { ...convoy, wait_ns } });
    const said = (...models: ModelResult[]) => openingOf(result(models)).finding.replace(/.*Longest/, 'Longest');
    expect(said(under('mmap_lock', 9e9), under('v6.4', 8e9))).toMatch(
      /^Longest .* mmap_lock: .* 12; under v6\.4 46, up to 9\.00 s\.$/,
    );
    expect(said(under('mmap_lock', 9e9), model('v6.18', { user: 4 }))).toMatch(/; under v6\.18 none\.$/);
    expect(said(model('mmap_lock', { user: 4 }), under('v6.18', 9e9))).toMatch(
      /^Longest convoy under v6\.18: .* 12\.$/,
    );
  });

  test('is not said of two threads, nor where it is little of the waiting', () => {
    for (const small of [{ threads: 2 }, { wait_ns: 1_000 }]) expect(said(small)).not.toContain('convoy');
  });
});
