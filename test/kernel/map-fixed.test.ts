/** A section in two phases: MAP_FIXED unmaps, then maps. What others find in between, and how long it all takes. */
import { describe, expect, test } from 'vitest';
import { type Event, fault, mmap, replay, vma } from '../helpers.js';

const WAKE = 3_000;
const T = 100_000;
const DUR = 80_000;
const GAP = 'v6.4,v6.6,v6.9,v6.10';
const GATHER = 'v6.12,v6.15,v6.18,v7.2';

const section = { mode: 'write', ask: T, got: T, end: T + DUR };
const RECORDED: readonly (readonly [string, Event])[] = [
  ['its length', { op: 'mmap', dur: DUR }],
  ['its section', { op: 'mmap', locks: [section] }],
];
const flags = ['private', 'anonymous', 'fixed'];
/** Thread 1 replaces the upper half of a VMA; `looks` follow. */
const trace = (said: Event, looks: Event[]): Event[] => [
  vma(0, 8, { t: 0 }),
  vma(20, 4, { t: 0 }),
  { ...mmap(4, 4, { prot: 'r--', flags, t: T }), ...said },
  ...looks,
];
const read = (page: number, tid: number, t: number, more = {}): Event =>
  fault(page, { tid, t, access: 'read', ...more });

describe.each(RECORDED)('MAP_FIXED of which %s was recorded', (_, said) => {
  describe.each(['closed', 'recorded'] as const)('at %s times', timing => {
    const early = read(5, 2, T + 10_000);
    const late = read(6, 3, T + DUR - 10_000);

    test('leaves a gap while it zaps, then a marked VMA', async () => {
      const replayed = await replay(trace(said, [early, late]), GAP, { timing });
      for (const model of GAP.split(',')) {
        expect(replayed.row(model, 3)).toMatchObject({ site: 'lock_vma_under_rcu.no_vma', counter: 'vma_lock_abort' });
        if (model !== 'v6.4') expect(replayed.row(model, 4).site).toMatch(/^vma_start_read$|anon_vma$/);
      }
    });

    test('since 6.12 the old VMA is there, marked, until the new one is stored over it', async () => {
      const replayed = await replay(trace(said, [early, late]), GATHER, { timing });
      for (const model of GATHER.split(',')) {
        for (const i of [3, 4]) expect(replayed.row(model, i)).toMatchObject({ site: 'vma_start_read' });
      }
    });

    test('takes as long as it did, in one section that is never downgraded', async () => {
      const waits = read(21, 2, T + 10_000, { mode: 'kernel' });
      const models = `mmap_lock,${GAP},${GATHER}`;
      const replayed = await replay(trace(said, [waits]), models, { timing });
      for (const model of models.split(',')) {
        expect(replayed.row(model, 3).wait_ns).toBe(DUR - 10_000 + WAKE);
        const row = replayed.model(model).locks.find(({ lock, mode }) => lock === 'mmap_lock' && mode === 'write');
        expect(row).toMatchObject({ acquired: 1, hold_ns: { total: DUR } });
      }
    });
  });
});

test('the cost of one is split, not doubled', async () => {
  const costs = { op: 701 };
  const replayed = await replay(trace({ op: 'mmap' }, []), `mmap_lock,${GAP},${GATHER}`, { costs });
  for (const { locks } of replayed.result.models) {
    expect(locks.find(({ lock, mode }) => lock === 'mmap_lock' && mode === 'write')?.hold_ns.total).toBe(701);
  }
});

test('while it waits for the reader of a neighbour it merges with, there is no gap either since 6.12', async () => {
  const inside = read(1, 4, T - 1_000, { page: { entry: 'migration', wait: 500_000 } });
  const over = { ...mmap(4, 4, { flags, t: T }), dur: DUR };
  const events: Event[] = [
    vma(0, 4, { t: 0 }),
    vma(4, 4, { t: 0, prot: 'r--' }),
    inside,
    over,
    read(5, 2, T + DUR - 10_000),
  ];
  const replayed = await replay(events, 'v6.6,v6.18');
  expect(replayed.row('v6.6', -1).site).toBe('lock_vma_under_rcu.no_vma');
  expect(replayed.row('v6.18', -1).site).toBe('vma_start_read');
});

test('UFFDIO_COPY goes on with the VMA locked once mmap_lock has given it an anon_vma: others need not wait for it', async () => {
  const registered = { op: 'uffd_register', tid: 1, addr: '0x7f0000200000', len: '0x4000', modes: ['missing'], t: 10 };
  const copy = { op: 'uffd_copy', tid: 1, addr: '0x7f0000200000', len: '0x1000', t: T, dur: DUR };
  const elsewhere = { op: 'mprotect', tid: 2, addr: '0x7f0000210000', len: '0x1000', prot: 'r--', t: T + 10_000 };
  const same = { ...elsewhere, addr: '0x7f0000200000', len: '0x4000' };
  const before = [vma(0, 4, { t: 0, anon_vma: false }), vma(16, 4, { t: 0 }), registered, copy];
  const waits = async (op: Event, model: string) => (await replay([...before, op], model)).model(model).time.op_wait_ns;
  expect(await waits(elsewhere, 'v6.8')).toBe(DUR - 10_000 + WAKE);
  expect(await waits(elsewhere, 'v6.18')).toBe(0);
  expect(await waits(same, 'v6.18')).toBe(DUR - 10_000 + WAKE);
});

test('who reads /proc/PID/maps takes mmap_lock for a VMA that is being written, and then reads it with the VMA locked', async () => {
  const events: Event[] = [
    vma(0, 4, { t: 0 }),
    { op: 'mprotect', tid: 1, addr: '0x7f0000200000', len: '0x4000', prot: 'r--', t: T, dur: DUR },
    { op: 'read_maps', tid: 2, kind: 'procmap_query', t: T + 10_000 },
  ];
  const replayed = await replay(events, 'v6.18');
  expect(replayed.lock('v6.18', 'mmap_lock', 'read')).toMatchObject({ acquired: 1, contended: 1 });
  expect(replayed.lock('v6.18', 'vma_lock', 'read')).toMatchObject({ acquired: 1, contended: 1 });
});
