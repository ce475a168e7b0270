/** Calls about no bytes: which take mmap_lock all the same, and that none changes anything. */
import { expect, test } from 'vitest';
import { addressSpace, at, draw, type Event, range, replay, vma } from '../helpers.js';

const empty = (op: string, more: Record<string, unknown> = {}) => range(op, 2, 0, more);
async function taken(op: Event, model: string, timing: 'closed' | 'recorded' = 'closed'): Promise<string> {
  const replayed = await replay([vma(0, 8, { t: 0 }), { t: 1_000, ...op }], model, { timing });
  return replayed
    .model(model)
    .locks.filter(({ lock }) => lock === 'mmap_lock')
    .map(({ mode, acquired }) => `${mode} ${acquired}`)
    .join();
}

test.each([
  ['mprotect', { prot: 'r--' }],
  ['pkey_mprotect', { prot: 'r--' }],
  ['madvise', { advice: 'hugepage' }],
  ['madvise', { advice: 'dontneed' }],
  ['mbind', { mode: 'bind' }],
  ['mseal', {}],
  ['remap_file_pages', {}],
  ['uffd_register', { modes: ['missing'] }],
  ['uffd_unregister', {}],
  ['uffd_copy', {}],
  ['uffd_wp', {}],
])('%s returns before it asks for a lock', async (op, more) => {
  const event = empty(op, more);
  for (const model of ['v6.4', 'v6.18']) expect(await taken(event, model)).toBe('');
  expect(draw(await addressSpace([vma(0, 8), event], 'v6.18'), 8)).toBe('AAAAAAAA');
});

test.each(['mlock', 'munlock'])('%s writes, and populates nothing', async op => {
  expect(await taken(empty(op), 'v6.18')).toBe('write 1');
  expect(draw(await addressSpace([vma(0, 8), empty(op)], 'v6.18'), 8)).toBe('AAAAAAAA');
});

test('mremap of nothing unmaps nothing where it comes from', async () => {
  const move = { op: 'mremap', tid: 1, addr: at(2), old_len: '0x0', new_addr: at(20), new_len: '0x1000' };
  expect(draw(await addressSpace([vma(0, 8), move], 'v6.18'), 8)).toBe('AAAAAAAA');
});

test('a section that was recorded was there', async () => {
  const locks = [{ mode: 'write', ask: 1_000, got: 2_000, end: 5_000 }];
  for (const timing of ['closed', 'recorded'] as const)
    expect(await taken(empty('mprotect', { prot: 'r--', locks }), 'v6.18', timing)).toBe('write 1');
});
