/** What a contended VMA is called: as the trace says, else as /proc/PID/maps would. */
import { expect, test } from 'vitest';
import { addressSpace, at, draw, type Event, fault, mmap, range, replay, vma } from '../helpers.js';

const brk = (page: number): Event => ({ op: 'brk', tid: 1, addr: at(page), t: 0 });
const fork: Event = { op: 'fork', tid: 1, t: 0, child_tid: 9, child_mm: 2 };
const GROWSDOWN = { flags: ['private', 'anonymous', 'growsdown'] };

/** The names of `pages`: after `events` another thread meets each while its protection is changed. */
async function names(events: readonly Event[], pages: readonly number[], mm = 1): Promise<(string | undefined)[]> {
  const found = [];
  for (const page of pages) {
    const busy = { ...range('mprotect', page, 1, { mm, tid: 5, prot: 'r-x' }), t: 100_000, dur: 50_000 };
    const met = fault(page, { mm, tid: 6, t: 120_000 });
    const model = (await replay([...events.map(event => ({ t: 0, ...event })), busy, met], 'v6.18')).model('v6.18');
    const lock = model.locks.find(row => row.lock === 'vma_lock' && row.mode === 'read' && row.contended > 0);
    const blocker = model.blockers.find(({ op }) => op === 'mprotect');
    expect(blocker?.victims).toBe(1);
    expect(blocker?.name).toBe(lock?.name);
    found.push(lock?.name);
  }
  return found;
}

test('the heap is [heap], in one VMA or in several, and only where brk made it', async () => {
  const events = [vma(0, 2, { prot: 'r--' }), brk(2), brk(10), range('mprotect', 5, 2, { prot: 'r--' }), vma(12, 2)];
  expect(await names(events, [1, 3, 5, 9, 13])).toEqual([undefined, '[heap]', '[heap]', '[heap]', undefined]);
});

test('a heap that was there before is [heap] in all its parts', async () => {
  const parts = [vma(0, 2, { name: '[heap]' }), vma(2, 2, { name: '[heap]', prot: 'r--' }), brk(6)];
  const again = mmap(0, 1, { flags: ['private', 'anonymous', 'fixed'], prot: '---' });
  expect(await names([...parts, again], [0, 1, 3, 5])).toEqual(Array(4).fill('[heap]'));
});

test('what the trace names keeps its name inside the heap', async () => {
  const named = mmap(4, 2, { name: '[anon:arena]', flags: ['private', 'anonymous', 'fixed'] });
  const file = mmap(6, 2, { flags: ['private', 'fixed'], file: { name: '/lib', fs: 'ext4' } });
  const events = [brk(0), brk(10), named, file];
  expect(await names(events, [1, 5, 7])).toEqual(['[heap]', '[anon:arena]', '/lib']);
});

test('the highest VMA that grew down from the beginning is [stack], and no other; of its parts the uppermost', async () => {
  const events = [vma(0, 4, GROWSDOWN), vma(2000, 4, GROWSDOWN), mmap(4000, 4, GROWSDOWN)];
  expect(await names(events, [0, 2000, 2003, 4003])).toEqual([undefined, undefined, '[stack]', undefined]);
});

test('a child has the heap and the stack of its parent', async () => {
  const events = [brk(0), brk(8), vma(2000, 4, GROWSDOWN), fork];
  expect(await names(events, [1, 2003], 2)).toEqual(['[heap]', '[stack]']);
});

test('the heap joins the bss below it only before 6.1, and grows by itself after that', async () => {
  const events = [vma(0, 2), brk(2), brk(4), mmap(4, 2)];
  expect(draw(await addressSpace(events, 'rfc_2022'), 8)).toBe('AAAAAA..');
  expect(draw(await addressSpace(events, 'v6.18'), 8)).toBe('AABBBB..');
  expect(draw(await addressSpace([vma(0, 2), brk(2), brk(4), brk(6)], 'v6.18'), 8)).toBe('AABBBB..');
});
