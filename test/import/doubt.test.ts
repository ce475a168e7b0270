/**
 * Memory of which nobody knows what a call did to it: faults there say so until it is known again. Pages from 0x7f0000000;
 * `AAAA....rrrrFFFF`: private memory, a hole, memory that may only be read, a file.
 */
import { expect, test } from 'vitest';
import { call, imported, line, section } from './sample.js';

const BASE = 0x7f0000000;
const addr = (page: number) => `${(BASE + page).toString(16)}000`;
const pages = (n: number) => `${n.toString(16)}000`;
const [EPERM, ENOMEM, EFAULT, EINVAL, EACCES] = ['-1', '-12', '-14', '-22', '-13'];
const [MMAP, MPROTECT, MUNMAP, MREMAP, MADVISE, BRK] = [9, 10, 11, 25, 28, 12];
const [PKEY_MPROTECT, PROCESS_MADVISE, MSEAL] = [329, 440, 462];
const [FIXED, PRIVATE, ANONYMOUS, HUGETLB] = [0x10, 2, 0x20, 0x40000];
const MAPS = {
  file: 'maps',
  text: [
    `${addr(0)}-${addr(4)} rw-p 00000000 00:00 0 `,
    `${addr(8)}-${addr(12)} r--p 00000000 00:00 0 `,
    `${addr(12)}-${addr(16)} rw-p 00000000 08:01 7 /f\n`,
  ].join('\n'),
};
const WRITE = section(12, 10, true);

/** A call that returns `result`, with lines inside. */
const made = (us: number, nr: number, args: (string | number)[], result: string, inside: string[] = []): string[] => {
  const spelled = [...args, 0, 0, 0, 0, 0, 0]
    .slice(0, 6)
    .map(arg => (typeof arg === 'string' ? arg : arg.toString(16)));
  return call(us, 10, `${nr} (${spelled.join(', ')})`, inside, us + 9, result);
};
const shown = (from: number, to: number): string =>
  line(15, 10, `PERF_RECORD_MMAP2 10/10: [0x${addr(from)}(0x${pages(to - from)}) @ 0 00:00 0 0]: rw-p //anon`);
const fault = (us: number, tid: number, page: number): string[] => [
  line(us, tid, `exceptions:page_fault_user: address=0x${addr(page)} ip=0x1 error_code=0x4`),
  line(us + 1, tid, 'minor-faults: 0'),
];

/** Of the first 20 pages, and the first of two huge pages behind: those that are in doubt after the calls, and why. */
async function doubted(calls: string[], maps: typeof MAPS | null = MAPS): Promise<[pages: string, why: string]> {
  const places = [...Array(20).keys(), 511, 512, 1023];
  const faults = places.flatMap((page, i) => fault(100 + 10 * i, 10, page));
  const text = [line(1, 10, 'minor-faults: 0'), ...calls, ...faults].join('\n');
  const { faults: met } = await imported(text, maps === null ? {} : { maps });
  const why = met.map(event => String(event['x-hidden'] ?? '')).map(words => (words === BEGAN ? '' : words));
  return [places.filter((_, i) => why[i] !== '').join(' '), why.find(words => words !== '') ?? ''];
}

/** Why nobody knows of the holes between what was found. */
const BEGAN = 'memory: mapped as the recording began, or not';

test('holes between VMAs that were found may have been filled by then, but not that below a stack', async () => {
  const met = async (maps: string, ...calls: string[]) => {
    const rows = [
      line(1, 10, 'minor-faults: 0'),
      ...calls,
      ...[0, 5, 9, 17].flatMap((page, i) => fault(100 + 9 * i, 10, page)),
    ];
    const { faults: met } = await imported(rows.join('\n'), { maps: { file: 'maps', text: maps } });
    return met.map(event => event['x-hidden']);
  };
  expect(await met(MAPS.text)).toEqual([undefined, BEGAN, undefined, undefined]);
  expect(await met(MAPS.text, ...made(10, MUNMAP, [addr(4), pages(4)], '0'))).not.toContain(BEGAN);
  const stack = MAPS.text.replace('r--p 00000000 00:00 0 ', 'rw-p 00000000 00:00 0 [stack]');
  expect(await met(stack)).not.toContain(BEGAN);
});

const seals = (page: number, n: number): string[] => made(2, MSEAL, [addr(page), pages(n), 0], '0');

test('mremap: the target is unmapped first, and those of several VMAs before the one that refuses have moved', async () => {
  const call = (from: number, before: number, after: number, to: number, error: string, inside = WRITE, flags = 3) =>
    made(30, MREMAP, [addr(from), pages(before), pages(after), flags, addr(to)], error, inside);
  const moved = async (...args: Parameters<typeof call>) => (await doubted(call(...args)))[0];
  expect(await moved(8, 4, 4, 0, EFAULT)).toBe('0 1 2 3');
  expect(await moved(8, 4, 4, 2, EFAULT)).toBe('2 3');
  expect(await moved(8, 8, 8, 0, EPERM)).toBe('0 1 2 3 4 5 6 7 8 9 10 11');
  expect(await moved(8, 4, 2, 0, EINVAL)).toBe('0 1 8 9 10 11');
  expect(await moved(8, 2, 4, 0, EINVAL)).toBe('0 1 2 3');
  expect(await moved(4, 4, 4, 0, EFAULT)).toBe('');
  expect(await moved(8, 4, 4, 0, ENOMEM, WRITE, 1)).toBe('');
  // no lock, no harm; where locks are not recorded nobody knows
  expect(await moved(8, 4, 4, 0, EFAULT, [])).toBe('0 1 2 3');
  expect((await doubted([...section(5, 10, false), ...call(8, 4, 4, 0, EFAULT, [])]))[0]).toBe('');
  expect((await doubted([...seals(8, 2), ...call(8, 2, 2, 0, EPERM)]))[0]).toBe('');
  expect((await doubted([...seals(0, 2), ...call(8, 2, 2, 0, EPERM)]))[0]).toBe('0 1');
  expect((await doubted(call(8, 4, 4, 2, EFAULT), null))[0]).toBe('2 3 4 5 8 9 10 11');
  expect((await doubted(call(8, 4, 2, 0, EINVAL), null))[0]).toBe('0 1 8 9 10 11');
  expect((await doubted(call(8, 4, 4, 0, EFAULT)))[1]).toBe('memory: what mremap did to it');
});

test('mmap: what was there may be gone; a file may be one of hugetlb, whose length is rounded up', async () => {
  const mapped = async (from: number, n: number, flags: number, error = EINVAL, before: string[] = []) =>
    (await doubted([...before, ...made(10, MMAP, [addr(from), pages(n), 3, flags], error, WRITE)]))[0];
  expect(await mapped(2, 3, FIXED | PRIVATE | ANONYMOUS, ENOMEM)).toBe('2 3');
  expect(await mapped(0, 9, FIXED | PRIVATE | ANONYMOUS, ENOMEM)).toBe('0 1 2 3 8');
  expect(await mapped(2, 3, FIXED | PRIVATE | ANONYMOUS)).toBe('');
  expect(await mapped(2, 9, FIXED | PRIVATE)).toBe('2 3 8 9 10');
  expect(await mapped(0, 3, FIXED | PRIVATE)).toBe('0 1 2 3 8 9 10 11 12 13 14 15');
  expect(await mapped(0, 3, FIXED | PRIVATE | ANONYMOUS | HUGETLB)).toBe('0 1 2 3 8 9 10 11 12 13 14 15');
  expect(await mapped(2, 3, PRIVATE)).toBe('');
  expect(await mapped(2, 2, FIXED | PRIVATE, EPERM)).toBe('2 3');
  expect(await mapped(2, 2, FIXED | PRIVATE, EPERM, seals(0, 2))).toBe('2 3');
  expect(await mapped(2, 2, FIXED | PRIVATE, EPERM, seals(0, 3))).toBe('');
});

test('mprotect shows what it changed, but in a recording without such lines', async () => {
  const changed = (error: string) => made(20, MPROTECT, [addr(8), pages(8), 3], error);
  const file = made(5, MMAP, [0, pages(1), 3, 2], String(0x7e0000000000), [
    line(8, 10, 'PERF_RECORD_MMAP2 10/10: [0x7e0000000000(0x1000) @ 0 00:00 0 0]: rw-p //anon'),
  ]);
  expect((await doubted(changed(EACCES)))[0]).toBe('8 9 10 11');
  expect((await doubted(changed(EPERM)))[0]).toBe('8 9 10 11');
  expect((await doubted(changed(EINVAL)))[0]).toBe('');
  expect((await doubted([...file, ...changed(EACCES)]))[0]).toBe('');
});

test('memory with a protection key, whose rights are in a register', async () => {
  const keyed = (pkey: string | number, result = '0', last: string[] = []) =>
    doubted([...made(20, PKEY_MPROTECT, [addr(2), pages(8), 3, pkey], result, WRITE), ...last]);
  expect(await keyed(1)).toEqual(['2 3 4 5 6 7 8 9', 'memory: what pkey_mprotect did to it']);
  expect((await keyed(0))[0]).toBe('');
  expect((await keyed('ffffffff'))[0]).toBe('');
  expect((await keyed('ffffffffffffffff'))[0]).toBe('');
  expect((await keyed(1, EINVAL))[0]).toBe('');
  expect((await keyed(1, EACCES))[0]).toBe('2 3 4 5 6 7');
  expect((await keyed(15, '0', made(40, MUNMAP, [addr(2), pages(3)], '0')))[0]).toBe('5 6 7 8 9');
});

test('madvise: what comes before the last VMA; all of it where the VMAs are not known', async () => {
  const advised = (advice: number, error: string, from = 8, n = 8) =>
    made(10, MADVISE, [addr(from), pages(n), advice], error, WRITE);
  for (const advice of [4, 8, 21, 24, 102, 103]) expect((await doubted(advised(advice, EINVAL)))[0]).toBe('8 9 10 11');
  for (const advice of [4, 8, 9, 24, 102]) expect((await doubted(advised(advice, EPERM)))[0]).toBe('8 9 10 11');
  expect((await doubted(advised(4, EPERM, 8, 4)))[0]).toBe('');
  expect((await doubted(advised(4, EPERM, 4, 2)))[0]).toBe('4 5');
  expect((await doubted(advised(4, EPERM), null))[0]).toBe('8 9 10 11 12 13 14 15');
  expect((await doubted(advised(14, EINVAL)))[0]).toBe('');
  expect((await doubted(advised(103, EPERM)))[0]).toBe('');
  expect((await doubted(advised(4, EACCES)))[0]).toBe('');
  expect((await doubted([...seals(10, 1), ...advised(4, EPERM)]))[0]).toBe('8 9');
  expect((await doubted([...seals(8, 2), ...advised(4, EPERM)]))[0]).toBe('');
});

test('process_madvise: all memory, but where it may have been that of another, or was none', async () => {
  const advised = async (advice: number, result: string, inside = WRITE) =>
    await doubted(made(10, PROCESS_MADVISE, [3, '7ffe0000', 1, advice], result, inside));
  const all = [...Array(20).keys(), 511, 512, 1023].join(' ');
  expect(await advised(4, '4096')).toEqual([all, 'memory: what process_madvise did to its pages']);
  expect(await advised(102, '4096')).toEqual([all, 'memory: what process_madvise did to it']);
  expect((await advised(102, '4096', []))[0]).toBe(all);
  expect((await advised(4, EINVAL))[0]).toBe(all);
  const lock = section(5, 10, false);
  const failed = made(10, PROCESS_MADVISE, [3, '7ffe0000', 1, 4], EINVAL);
  expect((await doubted([...lock, ...failed]))[0]).toBe('');
  expect((await advised(4, '0'))[0]).toBe('');
  expect((await advised(21, '4096'))[0]).toBe('');
});

test('what is mapped anew or unmapped is known again, and what mremap moves is not', async () => {
  const given = made(2, MMAP, [addr(0), pages(12), 3, FIXED | PRIVATE | ANONYMOUS], String(BASE * 4096));
  const lost = [...given, ...made(10, MMAP, [addr(0), pages(12), 3, FIXED | PRIVATE | ANONYMOUS], ENOMEM, WRITE)];
  const after = async (...calls: string[]) => (await doubted([...lost, ...calls]))[0];
  const at = (page: number) => String((BASE + page) * 4096);
  expect(await after(...made(20, MMAP, [addr(2), pages(3), 3, 0x32], at(2)))).toBe('0 1 5 6 7 8 9 10 11');
  expect(await after(...made(20, MUNMAP, [addr(2), pages(3)], '0'))).toBe('0 1 5 6 7 8 9 10 11');
  const shmat = [
    ...section(22, 10, true).slice(0, 2),
    shown(4, 8).replace('.000015', '.000024'),
    ...section(22, 10, true).slice(2),
  ];
  expect(await after(...made(20, 30, [1, 0, 0], at(4), shmat.toSorted()))).toBe('0 1 2 3 8 9 10 11');
  expect(await after(...made(20, MREMAP, [addr(0), pages(12), pages(4), 1], at(0)))).toBe('0 1 2 3');
  expect(await after(...made(20, MREMAP, [addr(10), pages(2), pages(2), 3, addr(16)], at(16)))).toBe(
    '0 1 2 3 4 5 6 7 8 9 16 17',
  );
  expect(await after(...made(20, MREMAP, [addr(10), pages(2), pages(2), 7, addr(16)], at(16)))).toBe(
    '0 1 2 3 4 5 6 7 8 9 10 11 16 17',
  );
  expect(await after(...made(20, MREMAP, [addr(12), pages(2), pages(2), 3, addr(0)], at(0)))).toBe(
    '2 3 4 5 6 7 8 9 10 11',
  );
  const grown = [...made(20, BRK, [0], at(2)), ...made(40, BRK, [addr(6)], at(6))];
  expect(await after(...grown)).toBe('0 1 6 7 8 9 10 11');
  expect(await after(...grown, ...made(60, BRK, [addr(6)], at(6)))).toBe('0 1 6 7 8 9 10 11');
});

test('a page that was written to is known again, if nothing else was in doubt', async () => {
  const twice = async (advice: number, code: string, ...end: string[]) => {
    const at = `exceptions:page_fault_user: address=0x${addr(1)} ip=0x1 error_code=0x${code}`;
    const faults = [line(50, 10, at), ...end, ...fault(60, 10, 1), ...fault(70, 10, 2)];
    const advised = made(10, PROCESS_MADVISE, [3, '7ffe0000', 1, advice], '4096');
    const text = [line(1, 10, 'minor-faults: 0'), ...advised, ...faults].join('\n');
    return (await imported(text, { maps: MAPS })).faults.map(event => event['x-hidden'] !== undefined);
  };
  const over = line(51, 10, 'minor-faults: 0');
  expect(await twice(4, '6', over)).toEqual([true, false, true]);
  expect(await twice(4, '4', over)).toEqual([true, true, true]);
  expect(await twice(4, '6')).toEqual([true, true, true]);
  expect(await twice(102, '6', over)).toEqual([true, true, true]);
});

test('a fault that began after the call met the same, of the same address space', async () => {
  const lines = [
    line(1, 10, 'minor-faults: 0'),
    line(2, 11, 'minor-faults: 0'),
    line(10, 10, `raw_syscalls:sys_enter: NR ${MMAP} (${addr(1)}, ${pages(3)}, 3, 12, 0, 0)`),
    ...section(12, 10, true),
    ...fault(16, 11, 1),
    ...fault(18, 11, 8),
    line(20, 11, `exceptions:page_fault_user: address=0x${addr(2)} ip=0x1 error_code=0x4`),
    line(22, 10, `raw_syscalls:sys_exit: NR ${MMAP} = ${EINVAL}`),
    line(24, 11, 'minor-faults: 0'),
  ];
  const hidden = (await imported(lines.join('\n'), { maps: MAPS })).faults.map(
    event => event['x-hidden'] !== undefined,
  );
  expect(hidden).toEqual([true, false, true]);
});

test('a child that was forked knows no more than its parent', async () => {
  const text = [
    line(1, 10, 'minor-faults: 0'),
    ...made(10, MMAP, [addr(0), pages(4), 3, FIXED | PRIVATE | ANONYMOUS], ENOMEM, WRITE),
    line(30, 10, 'PERF_RECORD_FORK(20:20):(10:10)'),
    ...fault(40, 20, 1).map(text => text.replace('10/20', '20/20')),
    line(50, 20, 'PERF_RECORD_COMM exec: prog:20/20').replace('10/20', '20/20'),
    ...fault(60, 20, 1).map(text => text.replace('10/20', '20/20')),
  ];
  const { faults } = await imported(text.join('\n'), { maps: MAPS });
  expect(faults.map(event => event['x-hidden'] !== undefined)).toEqual([true, false]);
});
