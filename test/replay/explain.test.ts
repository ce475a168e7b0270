import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { lineage, resolveModels } from '../../src/lineage/resolve.js';
import type { ModelExplanation } from '../../src/replay/explanation.js';
import { Replay } from '../../src/replay/replay.js';
import { type Question, Search } from '../../src/replay/search.js';
import { Watch } from '../../src/replay/watch.js';
import { readTrace } from '../../src/trace/reader.js';
import { at, type Event, explain, fault, mmap, range, replay, traceFile, vma } from '../helpers.js';

const TRACES = fileURLToPath(new URL('../../traces/', import.meta.url));
const LITMUS = readdirSync(`${TRACES}litmus`).map(name => `${TRACES}litmus/${name}`);
const RECORDED = `${TRACES}recorded/6.18-contend-flags.ndjson.gz`;

type Trace = readonly Event[] | string;

async function one(trace: Trace, i: number, model: string): Promise<ModelExplanation> {
  return (await explain(trace, { events: [i] }, model)).faults[0].models[0];
}

async function search(trace: Trace, question: Question, model = 'per-vma'): Promise<number[]> {
  const machine = new Search(resolveModels(model)[0], question);
  const path = typeof trace === 'string' ? trace : traceFile(trace);
  const info = await readTrace(path, { onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return machine.finish(info).events;
}

/** Explains every fault of a trace under every model, beside a replay that follows none. */
async function beside(path: string, models: string, some: (i: number) => boolean = () => true) {
  const { rows, result } = await replay(path, models);
  const events = [...new Set(rows.map(({ i }) => i))].filter(some);
  const { faults } = await explain(path, { events }, models);
  return { rows, result, faults };
}

function checkSteps(explained: ModelExplanation): void {
  const { steps, start, end, site, verdict, wait_ns } = explained;
  const last = steps[steps.length - 1];
  const times = steps.map(({ t }) => t);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times[0]).toBe(start);
  expect(last.t).toBeLessThanOrEqual(end);
  expect(steps.reduce((sum, step) => sum + step.wait_ns, 0)).toBe(wait_ns);
  expect(last.held).toEqual([]);
  const under = steps.some(({ held }) => held.includes('mmap_lock:read'));
  const outcomes = steps.map(({ outcome }) => outcome);
  if (verdict === 'signal') expect(outcomes).toContain('signal');
  else if (verdict === 'mmap_lock') expect(under).toBe(true);
  else {
    expect(under).toBe(false);
    expect(last.outcome).toBe('over');
  }
  if (site !== null) expect(steps.filter(step => step.site !== null)).not.toEqual([]);
}

describe('the steps of a fault', () => {
  test.each(LITMUS.map(path => [path.slice(TRACES.length), path]))(
    'of %s end as the replay says, under every model',
    async (_, path) => {
      const { rows, faults } = await beside(path, 'all');
      for (const { i, models } of faults) {
        for (const explained of models) {
          const { model, start, verdict, fallback, counter, site, wait_ns, hold_ns, tries } = explained;
          const row = rows.find(row => row.i === i && row.model === model);
          expect(row).toMatchObject({ start, verdict, fallback, counter, site, wait_ns, hold_ns, tries });
          checkSteps(explained);
        }
      }
    },
  );

  test('of a recording do too, and following them changes nothing', async () => {
    const models = 'mmap_lock,v6.9,v7.3';
    const { rows, result, faults } = await beside(RECORDED, models, i => i % 7 === 0);
    for (const { i, models } of faults) {
      for (const explained of models) {
        const { model, end: _, steps, others, rule, ...ending } = explained;
        expect(rows.find(row => row.i === i && row.model === model)).toMatchObject(ending);
        checkSteps(explained);
      }
    }
    const followed = new Set(faults.map(({ i }) => i));
    const machine = new Replay(resolveModels(models), { collect: stage => new Watch(stage, followed) });
    const info = await readTrace(RECORDED, { onBatch: (columns, soFar) => machine.feed(columns, soFar) });
    expect(machine.finish(info)).toEqual(result);
  });

  test('name who held the VMA, from when to when', async () => {
    const events = [
      vma(0, 16, { name: 'arena' }),
      range('mprotect', 0, 16, { t: 10_000, tid: 2, prot: 'r--', locks: section(10_000, 40_000) }),
      fault(3, { t: 20_000, access: 'read' }),
    ];
    const { steps, others } = await one(events, 2, 'v6.18');
    expect(steps.map(step => `${step.function} ${step.outcome}`)).toEqual([
      'do_user_addr_fault passes',
      'lock_vma_under_rcu leaves',
      'lock_mm_and_find_vma sleeps',
      'lock_mm_and_find_vma locked',
      'handle_mm_fault handled',
      'mmap_read_unlock over',
    ]);
    expect(steps[1]).toMatchObject({ site: 'vma_start_read', blocked_by: 0 });
    expect(others).toEqual([
      {
        i: 1,
        op: 'mprotect',
        tid: 2,
        start: at(0),
        end: at(16),
        name: 'arena',
        role: 'writer',
        queued: null,
        since: 10_000,
        until: 40_000,
      },
    ]);
  });

  test('name every writer that had mmap_lock while the fault slept', async () => {
    const events = [
      vma(0, 16),
      vma(32, 16),
      range('mprotect', 32, 8, { t: 10_000, tid: 2, prot: 'r--', locks: section(10_000, 40_000) }),
      range('mprotect', 40, 8, { t: 11_000, tid: 3, prot: 'r--', dur: 50_000 }),
      fault(3, { t: 20_000 }),
    ];
    const { steps, others } = await one(events, 4, 'mmap_lock');
    expect(others.map(({ i, role }) => `${i} ${role}`)).toEqual(['2 writer', '3 writer']);
    const [first, second] = others;
    expect(first).toMatchObject({ since: 10_000, until: 40_000 });
    expect(second.since).toBeGreaterThanOrEqual(40_000);
    expect(second.until).toBe(second.since! + 50_000);
    expect(steps.find(({ wait_ns }) => wait_ns > 0)?.t).toBeGreaterThanOrEqual(second.until!);
  });

  test('name a writer that is ahead in the queue, and when it had its turn', async () => {
    const events = [
      vma(0, 16, { t: 0 }),
      fault(0, { t: 10_000, page: { entry: 'migration', wait: 50_000 } }),
      range('mprotect', 8, 4, { t: 20_000, tid: 2, prot: 'r--', dur: 5_000 }),
      fault(3, { t: 30_000, tid: 3 }),
    ];
    const { others } = await one(events, 3, 'mmap_lock');
    expect(others).toMatchObject([{ i: 2, op: 'mprotect', role: 'writer', queued: 20_000 }]);
    const [{ since, until }] = others;
    expect(since).toBeGreaterThanOrEqual(60_000);
    expect(until).toBe(since! + 5_000);
  });

  test('say that the trylock inside the fault worked, or failed and who was to blame', async () => {
    const fresh = [mmap(0, 16, { t: 0 }), vma(32, 16, { t: 0 }), fault(0, { t: 20_000 })];
    const ok = await one(fresh, 2, 'v6.10');
    expect(ok.steps.map(({ trylock }) => trylock)).toContain('ok');
    expect(ok.steps[4].path).toEqual(['do_anonymous_page', 'vmf_anon_prepare']);
    const writer = range('mprotect', 32, 16, { t: 10_000, tid: 2, prot: 'r--', dur: 30_000 });
    const failed = await one([...fresh.slice(0, 2), writer, fresh[2]], 3, 'v6.10');
    const step = failed.steps.find(({ trylock }) => trylock === 'failed');
    expect(step).toMatchObject({ outcome: 'retry', site: 'vmf_anon_prepare', blocked_by: 0 });
    expect(failed.others[0]).toMatchObject({ i: 2, op: 'mprotect', role: 'writer' });
  });

  test('name who resolved what a monitor was asked for', async () => {
    const events = [
      vma(0, 16, { t: 0 }),
      range('uffd_register', 0, 16, { t: 10, tid: 1, modes: ['missing'] }),
      fault(2, { t: 10_000 }),
      range('uffd_copy', 2, 1, { t: 60_000, tid: 9 }),
    ];
    const { steps, others, wait_ns } = await one(events, 2, 'v6.18');
    const asked = steps.find(({ outcome }) => outcome === 'userfault');
    expect(asked).toMatchObject({ wait_ns, wait_from: 'monitor', blocked_by: 0, held: [] });
    expect(others).toMatchObject([{ i: 3, op: 'uffd_copy', tid: 9, role: 'resolver' }]);
  });

  test('say where the page state and the length of a wait come from', async () => {
    const swap = { entry: 'swap', folio: 'locked', wait: 7_000 };
    const said = await one([vma(0, 16), fault(0, { page: swap })], 1, 'v6.6');
    expect(said.steps.find(({ outcome }) => outcome === 'retry')).toMatchObject({
      entry: { kind: 'swap', flags: [], from: 'trace' },
      wait_ns: 7_000,
      wait_from: 'trace',
    });
    const derived = await one([vma(0, 16), fault(0), range('reclaim', 0, 1), fault(0)], 3, 'v6.6');
    expect(derived.steps.find(({ outcome }) => outcome === 'retry')).toMatchObject({
      entry: { kind: 'swap', from: 'history' },
      wait_from: 'costs',
    });
  });
});

/** Function, outcome and what is held after each step, from the one that is named on. */
async function told(trace: Trace, i: number, model: string, from: string): Promise<string[]> {
  const { steps } = await one(trace, i, model);
  const first = steps.findIndex(step => step.function === from);
  return steps.slice(first).map(({ function: fn, outcome, held }) => [fn, outcome, ...held].join(' '));
}

describe('what a kernel does in its own way', () => {
  const thread: Event = { op: 'fork', tid: 1, child_tid: 2, child_mm: 1 };
  const stack = [thread, vma(3000, 16, { flags: ['private', 'anonymous', 'growsdown'] }), fault(2990), fault(3)];

  test.each([
    ['spf_dufour_v12', 'down_read_trylock', 'up_read'],
    ['spf_lespinasse_2022', 'mmap_read_trylock', 'mmap_read_unlock'],
    ['rfc_2022', 'mmap_read_trylock', 'mmap_read_unlock'],
    ['v6.4.0', 'mmap_read_trylock', 'mmap_read_unlock'],
  ])('under %s a stack grows under the read lock', async (model, lock, unlock) => {
    expect(await told(stack, 2, model, lock)).toEqual([
      `${lock} locked mmap_lock:read`,
      'expand_stack grown mmap_lock:read',
      'handle_mm_fault handled mmap_lock:read',
      `${unlock} over`,
    ]);
  });

  test('later it takes the write lock for that', async () => {
    expect(await told(stack, 2, 'v6.4', 'lock_mm_and_find_vma')).toEqual([
      'lock_mm_and_find_vma locked mmap_lock:read',
      'lock_mm_and_find_vma grows',
      'upgrade_mmap_lock_carefully locked mmap_lock:write',
      'expand_stack_locked grown mmap_lock:read',
      'handle_mm_fault handled mmap_lock:read',
      'mmap_read_unlock over',
    ]);
  });

  test('where it may not grow there is a signal, once the lock is free', async () => {
    expect(await told(stack, 3, 'v6.4.0', 'mmap_read_trylock')).toEqual([
      'mmap_read_trylock locked mmap_lock:read',
      'expand_stack unmapped mmap_lock:read',
      'bad_area signal',
    ]);
    expect(await told(stack, 3, 'v6.4', 'upgrade_mmap_lock_carefully')).toEqual([
      'upgrade_mmap_lock_carefully locked mmap_lock:write',
      'expand_stack_locked unmapped',
      'bad_area_nosemaphore signal',
    ]);
  });

  test('so where nothing is mapped', async () => {
    const trace = [vma(0, 16), fault(40)];
    expect(await told(trace, 1, 'mmap_lock', 'lock_mm_and_find_vma')).toEqual([
      'lock_mm_and_find_vma locked mmap_lock:read',
      'lock_mm_and_find_vma unmapped mmap_lock:read',
      'bad_area_nosemaphore signal',
    ]);
    expect(await told(trace, 1, 'spf_dufour_v12', 'down_read_trylock')).toEqual([
      'down_read_trylock locked mmap_lock:read',
      'find_vma unmapped mmap_lock:read',
      'bad_area signal',
    ]);
  });

  const retried = (lock: string, unlock: string): string[] => [
    `handle_mm_fault retry vma_lock`,
    `${unlock} releases`,
    'do_user_addr_fault leaves',
    `${lock} locked mmap_lock:read`,
    'handle_mm_fault retry',
  ];

  test.each([
    ['rfc_2022', 'mmap_read_trylock', 'vma_read_unlock'],
    ['v6.4', 'lock_mm_and_find_vma', 'vma_end_read'],
    ['v6.5', 'lock_mm_and_find_vma', 'vma_end_read'],
    ['swap_uncontended_2023_05', 'mmap_read_trylock', 'vma_end_read'],
  ])('under %s a RETRY leaves the VMA lock to do_user_addr_fault()', async (model, lock, unlock) => {
    const steps = await told([thread, vma(0, 16), fault(0, { page: { entry: 'swap' } })], 2, model, 'handle_mm_fault');
    expect(steps.slice(0, 5)).toEqual(retried(lock, unlock));
  });

  test('with VM_FAULT_VMA_UNLOCKED only where nobody slept', async () => {
    const met = (entry: string) =>
      told([vma(0, 16), fault(0, { page: { entry } })], 1, 'vma_unlocked_2023_06', 'handle_mm_fault');
    expect((await met('device_private')).slice(0, 2)).toEqual([
      'handle_mm_fault retry vma_lock',
      'vma_end_read releases',
    ]);
    expect((await met('swap')).slice(0, 2)).toEqual(['handle_mm_fault retry', 'do_user_addr_fault leaves']);
  });

  test('a VMA that is gone or smaller once it is locked is seen by the lookup, or by a count of 0', async () => {
    const range = [vma(0, 16), fault(0, { page: { race: 'range' } })];
    const detached = [vma(0, 16), fault(0, { page: { race: 'detached' } })];
    for (const model of ['v6.4', 'v6.18']) {
      expect((await told(range, 1, model, 'vma_start_read')).slice(0, 2)).toEqual([
        'vma_start_read locked vma_lock',
        'lock_vma_under_rcu leaves',
      ]);
    }
    expect((await told(detached, 1, 'v6.4', 'vma_start_read')).slice(0, 2)).toEqual([
      'vma_start_read locked vma_lock',
      'lock_vma_under_rcu again',
    ]);
    expect((await told(detached, 1, 'v6.18', 'vma_start_read'))[0]).toBe('vma_start_read again');
    expect(await told([thread, ...detached], 2, 'rfc_2022', 'vma_read_trylock')).toContain(
      'find_and_lock_anon_vma leaves',
    );
  });

  test('a site is called as the series calls it, in the step too', async () => {
    const { site, steps } = await one([thread, vma(0, 16), fault(40)], 2, 'rfc_2022');
    expect(site).toBe('find_and_lock_anon_vma.no_vma');
    expect(steps.map(step => step.site).filter(Boolean)).toEqual([site]);
  });

  const file = { name: '/f', fs: 'ext4' };
  test.each<[string, readonly Event[], string, string]>([
    [
      'beyond the end',
      [vma(0, 16, { file, flags: ['private'] }), fault(0, { access: 'read', page: { eof: true } })],
      'v6.6',
      'filemap_fault.eof',
    ],
    ['of poison', [vma(0, 16), fault(0, { page: { entry: 'hwpoison' } })], 'v6.4', 'do_swap_page.hwpoison'],
    ['of poison', [vma(0, 16), fault(0, { page: { entry: 'hwpoison' } })], 'v6.18', 'do_swap_page.hwpoison'],
    ['forbidden', [vma(0, 16, { prot: 'r--' }), fault(0)], 'v6.9', 'bad_area_access_error'],
    ['forbidden', [vma(0, 16, { prot: 'r--' }), fault(0)], 'v6.10', 'do_user_addr_fault.access_error'],
    ['where nothing is', [vma(0, 16), fault(40)], 'v6.18', 'bad_area'],
  ])('a signal says why: %s (%#)', async (_, trace, model, signal) => {
    const { verdict, steps } = await one(trace, 1, model);
    expect(verdict).toBe('signal');
    expect(steps.map(step => step.signal).filter(Boolean)).toEqual([signal]);
  });
});

describe('what decided', () => {
  const file = { name: '/lib', fs: 'ext4' };
  const mapped = [vma(0, 16), vma(32, 16, { flags: ['private'], file, prot: 'r--' }), fault(32, { access: 'read' })];

  test('is the answer at the site, with the patch and the stage that brought it', async () => {
    const { rule } = await one(mapped, 2, 'v6.4');
    expect(rule).toMatchObject({ site: 'lock_vma_under_rcu.vm_ops', answer: 'anonymous', stage: 'v6.4.0' });
  });

  test('is, where nothing stood in the way, what the last stage that ended otherwise answered otherwise', async () => {
    const { rule } = await one(mapped, 2, 'v7.3');
    expect(rule).toMatchObject({ site: 'lock_vma_under_rcu.vm_ops', answer: 'any', stage: 'mm_unstable_2023_08' });
  });

  test('is not what was asked on the way and did not matter', async () => {
    const migrating = [vma(0, 16), fault(0, { access: 'read', page: { entry: 'migration', wait: 10_000 } })];
    const { rule } = await one(migrating, 1, 'v6.6');
    expect(rule).toMatchObject({ site: 'do_swap_page', answer: 'go', stage: 'mm_unstable_2023_08' });
  });

  test('is the lock where the VMA was marked', async () => {
    const marked = [
      vma(0, 16),
      range('mprotect', 0, 8, { t: 10_000, tid: 2, prot: 'r--', dur: 30_000 }),
      fault(3, { t: 20_000, access: 'read' }),
    ];
    expect((await one(marked, 2, 'v6.18')).rule).toMatchObject({ site: 'lock', answer: 'refcount', stage: 'v6.15' });
  });

  test('is nothing where every kernel decides so', async () => {
    expect((await one([fault(5)], 0, 'v6.18')).rule).toBeNull();
    expect((await one([vma(0, 16), fault(0)], 1, 'mmap_lock')).rule).toBeNull();
  });

  test('neighbours that end alike are one range; together they are the lineage', async () => {
    const { faults } = await explain(mapped, { events: [2] });
    const [{ lineage: ranges }] = faults;
    expect(ranges.flatMap(({ models }) => models)).toEqual(lineage.map(({ id }) => id));
    const ends = ranges.map(({ verdict, counter, site }) => `${verdict} ${counter} ${site}`);
    expect(ends.every((end, i) => i === 0 || end !== ends[i - 1])).toBe(true);
  });
});

describe('which fault', () => {
  const events = [vma(0, 16, { t: 0 }), fault(0, { t: 100 }), fault(3, { t: 5_000 }), fault(3, { t: 9_000 })];

  test('--addr: the first on the page, and which come later', async () => {
    const page = Number(BigInt(at(3)) >> 12n);
    const { faults, further } = await explain(events, { page });
    expect(faults.map(({ i }) => i)).toEqual([2]);
    expect(further).toEqual([3]);
  });

  test('--at: in progress then, else the next', async () => {
    expect(await search(events, { at: 0 })).toEqual([1]);
    expect(await search(events, { at: 699 })).toEqual([1]);
    expect(await search(events, { at: 700 })).toEqual([2]);
    expect(await search(events, { at: 5_000 })).toEqual([2]);
  });

  test('--worst: who waited longest first, nobody who did not wait', async () => {
    const waits = [500, 0, 900, 900, 100].map((wait, page) =>
      fault(page, { t: 1_000 * (page + 1), tid: page + 1, page: { entry: 'migration', wait } }),
    );
    const trace = [vma(0, 16, { t: 0 }), ...waits];
    expect(await search(trace, { worst: 2 })).toEqual([3, 4]);
    expect(await search(trace, { worst: 9 })).toEqual([3, 4, 1, 5]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['event 0 is no fault: it is a vma of thread 1', () => explain(events, { events: [0] })],
    ['there is no event 4: the trace has 4 events with 3 faults', () => explain(events, { events: [4] })],
    ['no fault is on the page of 0x1000', () => explain(events, { page: 1 })],
    ['no fault waits under v7.3: the trace has 3 faults', () => search(events, { worst: 1 })],
    ['no fault is in progress at 20.0 us or later under v7.3', () => search(events, { at: 20_000 })],
    ['the trace has no page faults', () => search(events.slice(0, 1), { at: 0 })],
  ])('a complaint where there is none: %s', async (message, asked) => {
    const complaint: unknown = await asked().catch((error: unknown) => error);
    expect(complaint).toBeInstanceOf(Complaint);
    expect((complaint as Complaint).message).toContain(message);
  });
});

/** A recorded write section. */
function section(got: number, end: number) {
  return [{ mode: 'write', ask: got, got, end }];
}
