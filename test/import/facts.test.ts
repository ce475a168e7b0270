import { expect, test } from 'vitest';
import type { PageObject } from '../../src/trace/import/event.js';
import { imported, sample, samples } from './sample.js';

const FACTS: readonly [what: string, sample: string, addr: string, page: PageObject | undefined][] = [
  ['a folio with the readahead mark', 'readahead-mark', '0x7f4e4ce4a0cc', { readahead: true }],
  ['a page that had to be read', 'page-miss', '0x7f44a6873000', { folio: 'absent', wait: 973415 }],
  ['a folio that another reader held', 'folio-locked', '0x7f44a67b2000', { folio: 'locked', wait: 756171 }],
  ['a swap entry read in', 'swap-sync', '0x7f6b84df7000', { entry: 'swap', folio: 'absent', wait: 39584 }],
  ['a swap entry on disk', 'swap-disk', '0x7f4028842000', { entry: 'swap', folio: 'absent', wait: 189444 }],
  ['a huge page', 'huge', '0x7f438f600000', { huge: 'pmd' }],
  ['a write to a present, write-protected page', 'shared-reuse', '0x7f812ec0e000', { entry: 'present' }],
  ['a first touch: nothing to say, the replay derives it', 'contended-lookup', '0x7f86aa0dd000', undefined],
];

test.each(FACTS)('%s', async (_what, name, addr, page) => {
  const { faults } = await imported(sample(name));
  expect(faults.find(fault => fault.addr === addr)?.page).toEqual(page);
});

test('whether the swap device is synchronous is for the user to say', async () => {
  const { faults } = await imported(sample('swap-sync'), { swapSync: true });
  expect(faults[0].page).toMatchObject({ entry: 'swap', swap_sync: true });
});

test('a handler that ran twice without a reason is counted, and the mark that explains it is inferred', async () => {
  const { faults, summary } = await imported(sample('shared-write'));
  expect(faults[0]).toMatchObject({
    page: { readahead: true },
    'x-inferred': 'the handler ran twice, without readahead or a wait',
  });
  expect(summary.unclassified).toEqual({ 'page cache: the handler ran twice, without readahead or a wait': 1 });
});

/** Takes the mmap_lock events between each page fault and its completion, or the thread's next step, out of a sample. */
function withoutOwnLocks(text: string): string {
  const open = new Map<string, 'fault' | 'release'>();
  let dropped = false;
  const kept = text.split('\n').filter(line => {
    if (line.startsWith(' =>')) return !dropped;
    const [, perf, ftrace, event] = /^\s*(?:\d+\/(\d+) |\S+-(\d+) ).*?\d: +(\S+)/.exec(line) ?? [];
    const tid = perf ?? ftrace;
    dropped = tid !== undefined && event === '<stack' && open.has(tid);
    if (tid === undefined || event === '<stack') return !dropped;
    if (/^(?:mmap_lock:)?mmap_lock_/.test(event)) {
      const state = open.get(tid);
      if (state === 'release') open.delete(tid);
      return state === undefined;
    }
    if (event.includes('page_fault_')) open.set(tid, 'fault');
    else if (/^(minor|major)-faults/.test(event)) open.set(tid, 'release');
    else if (/sys_|process_exit|signal_deliver/.test(event)) open.delete(tid);
    return true;
  });
  return kept.join('\n');
}

const facts = async (text: string) =>
  (await imported(text)).faults.map(({ t, tid, addr, access, mode, dur, page }) => [
    t,
    tid,
    addr,
    access,
    mode,
    dur,
    page,
  ]);

test.each([...samples('perf').filter(({ name }) => name !== 'stacks'), ...samples('ftrace')])(
  'no fact of $name ($tool) comes from the outcome: without the fault-own mmap_lock events the facts are the same',
  async ({ name, tool }) => {
    const text = withoutOwnLocks(sample(name, tool));
    expect(text).not.toBe(sample(name, tool).trimEnd());
    expect(await facts(text)).toEqual(await facts(sample(name, tool)));
  },
);
