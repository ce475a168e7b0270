/**
 * What is mapped where after a call, told by what is made of a fault there: one short mmap_lock section is a fallback in a
 * shared VMA, an anon_vma's in a private one, and undecided where nothing is known to be mapped.
 */
import { expect, test } from 'vitest';
import { call, imported, line, section } from './sample.js';

const DONE: Record<string, string> = { mmap_lock: 'shared', vma_lock: 'private' };

/** What is mapped at each of `addresses` after these calls: [enter, result]. */
async function mappedAt(calls: readonly (readonly [string, string])[], addresses: readonly string[]) {
  let us = 0;
  const text = calls.flatMap(([enter, result]) => call(us++, 10, enter, [], us++, result));
  for (const address of addresses) {
    us += 10;
    text.push(
      line(us, 10, `exceptions:page_fault_user: address=0x${address} ip=0x400000 error_code=0x6   0`),
      ...section(us + 1, 10, false),
      line(us + 5, 10, `minor-faults:     ${address}`),
    );
  }
  const { faults } = await imported(text.join('\n'));
  return faults.map(({ truth }) => DONE[truth?.path ?? ''] ?? 'nothing');
}

const decimal = (digits: string) => BigInt(`0x${digits}`).toString();
const A = '7f0000000000';
const B = '7f0000100000';
const SHARED = [`9 (0, 2000, 3, 21, ffffffff, 0)`, decimal(A)] as const;
const PRIVATE = [`9 (0, 2000, 3, 22, ffffffff, 0)`, decimal(A)] as const;
const page = (base: string, n: number) => (BigInt(`0x${base}`) + BigInt(n) * 4096n).toString(16);

test('a length that is no multiple of the page size is rounded up', async () => {
  const odd = ['9 (0, 1800, 3, 21, ffffffff, 0)', decimal(A)] as const;
  expect(await mappedAt([odd], [page(A, 1), page(A, 2)])).toEqual(['shared', 'nothing']);
});

test('brk grows the heap and gives it back', async () => {
  const brk = (end: string) => ['12 (0, 0, 0, 0, 0, 0)', decimal(end)] as const;
  const heap = page(B, 2);
  expect(await mappedAt([brk(B), brk(page(B, 4))], [heap])).toEqual(['private']);
  expect(await mappedAt([brk(B), brk(page(B, 4)), brk(page(B, 1))], [B, heap])).toEqual(['private', 'nothing']);
  expect(await mappedAt([brk(B)], [B])).toEqual(['nothing']);
});

test.each([
  ['moves what was there', '2000, 3000, 1', ['nothing', 'shared', 'shared']],
  ['leaves the old range with MREMAP_DONTUNMAP', '2000, 2000, 5', ['shared', 'shared', 'nothing']],
  ['duplicates a shared mapping of which nothing is old', '0, 3000, 1', ['shared', 'shared', 'shared']],
])('mremap %s', async (_what, lengths, mapped) => {
  const mremap = [`25 (${A}, ${lengths}, 0, 0)`, decimal(B)] as const;
  expect(await mappedAt([SHARED, mremap], [page(A, 1), B, page(B, 2)])).toEqual(mapped);
});

test('mremap of what nobody saw mapped leaves it unknown; without flags it stays where it is', async () => {
  expect(await mappedAt([[`25 (${A}, 1000, 1000, 1, 0, 0)`, decimal(B)]], [B])).toEqual(['nothing']);
  expect(await mappedAt([PRIVATE, [`25 (${A}, 2000, 4000, 0, 0, 0)`, decimal(A)]], [page(A, 3)])).toEqual(['private']);
});

test('a call on an empty range, and shmdt of what is not the beginning of a mapping, change nothing', async () => {
  expect(await mappedAt([SHARED, [`10 (${A}, 0, 0, 0, 0, 0)`, '0']], [A])).toEqual(['shared']);
  expect(await mappedAt([SHARED, [`67 (${page(A, 1)}, 0, 0, 0, 0, 0)`, '0']], [A])).toEqual(['shared']);
  expect(await mappedAt([SHARED, [`67 (${B}, 0, 0, 0, 0, 0)`, '0']], [A])).toEqual(['shared']);
  const { events } = await imported(call(1, 10, `67 (${B}, 0, 0, 0, 0, 0)`, [], 2, '0').join('\n'));
  expect(events).toEqual([]);
});

test('a forked child has what its parent had mapped, and goes its own way from there', async () => {
  const fault = (us: number, tid: number) => [
    line(us, tid, `exceptions:page_fault_user: address=0x${A} ip=0x400000 error_code=0x6   0`).replace(
      '10/20',
      '20/20',
    ),
    ...section(us + 1, tid, false).map(row => row.replace('10/20', '20/20')),
    line(us + 5, tid, `minor-faults:     ${A}`).replace('10/20', '20/20'),
  ];
  const text = [
    ...call(1, 10, SHARED[0], [], 2, SHARED[1]),
    line(3, 10, 'PERF_RECORD_FORK(20:20):(10:10)'),
    ...call(4, 10, `11 (${A}, 2000, 0, 0, 0, 0)`, [], 5, '0'),
    ...fault(10, 10),
    ...fault(20, 20),
  ];
  const { faults } = await imported(text.join('\n'));
  expect(faults.map(({ tid, truth }) => [tid, truth?.path])).toEqual([
    [10, undefined],
    [20, 'mmap_lock'],
  ]);
});
