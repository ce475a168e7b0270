/** /proc/PID/maps and smaps: every VMA with its words, and what its VmFlags give away. */
import { expect, test } from 'vitest';
import { parseMmap2, vmaEvent } from '../../src/trace/import/mapped.js';
import { readMaps, snapshotEvents } from '../../src/trace/import/proc-maps.js';

const parse = (text: string) => readMaps({ file: 'smaps', text });
const eventsOf = async (...lines: string[]) => snapshotEvents(5, 7, (await parse(lines.join('\n')))[0]);
const AT = { t: 5, tid: 7, op: 'vma', addr: '0x7f0000000000', len: '0x10000' };
const head = (prot: string, offset: string, name = '') =>
  `7f0000000000-7f0000010000 ${prot} ${offset} fe:00 12 ${name}`;

test.each<[string, string, object]>([
  ['nothing', head('rw-p', '00000000'), { prot: 'rw-', flags: ['private', 'anonymous'] }],
  ['shared memory', head('rw-s', '00000000'), { prot: 'rw-', flags: ['shared'], file: { fs: 'shmem' }, offset: '0x0' }],
  [
    'a file',
    head('r-xp', '00003000', '   /usr/lib/a b.so'),
    { prot: 'r-x', flags: ['private'], file: { name: '/usr/lib/a b.so' }, offset: '0x3000' },
  ],
  ['the heap', head('rw-p', '00000000', '  [heap]'), { prot: 'rw-', flags: ['private', 'anonymous'], name: '[heap]' }],
  [
    'the stack',
    head('rw-p', '00000000', '  [stack]'),
    { prot: 'rw-', flags: ['private', 'anonymous', 'growsdown'], name: '[stack]', anon_vma: true },
  ],
  [
    'a named one',
    head('---p', '00000000', '  [anon:x]'),
    { prot: '---', flags: ['private', 'anonymous'], name: '[anon:x]' },
  ],
  [
    'the vDSO',
    head('r-xp', '00000000', '  [vdso]'),
    { prot: 'r-x', flags: ['private'], file: { name: '[vdso]', fs: 'special' }, offset: '0x0' },
  ],
  [
    'SysV',
    head('rw-s', '00000000', '  /SYSV00000000 (deleted)'),
    { flags: ['shared'], file: { name: '/SYSV00000000 (deleted)', fs: 'sysv_shm' } },
  ],
  ['tmpfs', head('rw-s', '00000000', '  /dev/shm/a'), { file: { name: '/dev/shm/a', fs: 'tmpfs' } }],
  ['a memfd', head('rw-s', '00000000', '  /memfd:a (deleted)'), { file: { name: '/memfd:a (deleted)', fs: 'shmem' } }],
  ['/dev/zero', head('rw-p', '00000000', '  /dev/zero'), { flags: ['private', 'anonymous'], name: '/dev/zero' }],
  [
    '/dev/zero, shared',
    head('rw-s', '00000000', '  /dev/zero (deleted)'),
    { flags: ['shared'], file: { name: '/dev/zero (deleted)', fs: 'shmem' } },
  ],
  [
    'a huge page',
    head('rw-p', '00000000', '  /anon_hugepage (deleted)'),
    { flags: ['private', 'hugetlb'], file: { name: '/anon_hugepage (deleted)', fs: 'hugetlbfs' } },
  ],
  [
    'secret memory',
    head('rw-s', '00000000', '  /secretmem (deleted)'),
    { file: { name: '/secretmem (deleted)', fs: 'secretmem' } },
  ],
  ...[
    ['anon_inode:[perf_event]', 'perf_event'],
    ['anon_inode:[io_uring]', 'io_uring'],
    ['anon_inode:kvm-vcpu:0', 'anon_inode'],
  ].map(([name, fs]): [string, string, object] => [
    name,
    head('rw-s', '00000000', `  ${name}`),
    { file: { name, fs } },
  ]),
])('%s', async (_, line, words) => {
  const [event, ...more] = await eventsOf(line);
  expect(event).toMatchObject({ ...AT, ...words });
  expect(Object.keys(event).sort()).toEqual(expect.arrayContaining(Object.keys({ ...AT, ...words }).sort()));
  expect(more).toEqual([]);
  // perf prints the same VMA as an MMAP2 line
  const [, prot, offset, , , ...name] = line.split(/ +/);
  const mmap2 = ` 7/7: [0x7f0000000000(0x10000) @ 0x${offset} fe:00 12 0]: ${prot} ${name.join(' ') || '//anon'}`;
  expect(vmaEvent(5, 7, parseMmap2(mmap2)!.extent)).toEqual(event);
});

test('of anonymous memory the offset, of a file the name alone says nothing', async () => {
  expect(Object.keys((await eventsOf(head('rw-p', '00001000')))[0])).not.toContain('offset');
  expect((await eventsOf(head('rw-p', '00001000', ' /f')))[0].file).toEqual({ name: '/f' });
});

test('smaps says which VMA has pages of its own, in memory or in swap', async () => {
  const anonVma = async (...fields: string[]) => (await eventsOf(head('rw-p', '00000000'), ...fields))[0].anon_vma;
  expect(await anonVma('Rss:         12 kB', 'Anonymous:          4 kB')).toBe(true);
  expect(await anonVma('Anonymous:          0 kB', 'Swap:          8 kB')).toBe(true);
  expect(await anonVma('Anonymous:          0 kB', 'Swap:          0 kB', 'AnonHugePages:      4 kB')).toBeUndefined();
});

test('what a driver, or MADV_DONTFORK, keeps from children says so', async () => {
  const [, advice, ...more] = await eventsOf(head('rw-s', '00000000'), 'VmFlags: rd wr sh dc ');
  expect([advice.op, advice.advice, more]).toEqual(['madvise', 'dontfork', []]);
});

test('VmFlags are flags of the VMA, once, and the modes of its userfaultfd', async () => {
  const flags = (words: string, line = head('rw-p', '00000000')) => eventsOf(line, `VmFlags: ${words} `);
  const known = ['private', 'anonymous'];
  expect((await flags('rd wr gd'))[0].flags).toEqual([...known, 'growsdown']);
  expect((await flags('lo  nr pf'))[0].flags).toEqual([...known, 'locked', 'noreserve', 'pfnmap']);
  expect((await flags('ht', head('rw-p', '0', ' /anon_hugepage (deleted)')))[0].flags).toEqual(['private', 'hugetlb']);
  expect((await flags('rd ht'))[0].flags).toEqual([...known, 'hugetlb']);
  expect((await flags('um uw ui'))[1]).toEqual({
    ...{ ...AT, op: 'uffd_register', modes: ['missing', 'wp', 'minor'] },
    'x-inferred': 'VmFlags um uw ui of smaps',
  });
  expect((await flags('rd ui'))[1]).toMatchObject({ modes: ['minor'], 'x-inferred': 'VmFlags ui of smaps' });
});

test('VMAs come with their lines; those above user space are left out', async () => {
  const kernel = 'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]';
  const last = 'fffffffffff000-100000000000000 rw-p 00000000 00:00 0 ';
  const found = await parse([head('rw-p', '0'), 'Size: 64 kB', last, kernel, ''].join('\r\n'));
  expect(found.map(({ line, extent }) => [line, extent.start])).toEqual([
    [1, 0x7f0000000],
    [3, 0xfffffffffff],
  ]);
  expect(found[0].extent).toEqual({
    ...{
      start: 0x7f0000000,
      end: 0x7f0000010,
      shared: false,
      prot: 3,
      mapsFile: false,
      growsdown: false,
      dontfork: false,
    },
    ...{ name: '', offset: 0, since: 0 },
  });
  const above = head('rw-p', '0', ' [stack]').replaceAll('7f00', '7f10');
  const [file, stack] = await parse(`${head('r--s', '5000', ' /f')}\n${above}`);
  expect(file.extent).toMatchObject({
    shared: true,
    mapsFile: true,
    growsdown: false,
    dontfork: false,
    offset: 5,
    name: '/f',
  });
  expect(stack.extent.growsdown).toBe(true);
});

test.each([
  ['hello', 1],
  ['Anonymous: 4 kB', 1],
  [`${head('rw-p', '0')}\nanonymous: 4 kB`, 2],
  [`${head('rw-p', '0')}\nAnonymous 4 kB`, 2],
  [`x${head('rw-p', '0')}`, 1],
  [head('rwzp', '0'), 1],
  ['7f0000000000-7f0000010000 rw-p 00000000 fe:00', 1],
  ['7f0000000000-7f0000010000 rw-p 00000000 fe:00 12x', 1],
])('%j is no line of either', async (text, line) => {
  const message = expect.stringMatching(/^not a line of \/proc\/PID\/maps or smaps, found "/);
  await expect(parse(text)).rejects.toMatchObject({ class: 'schema', where: { file: 'smaps', line }, message });
});

test.each([
  [
    '7f0000004000-7f0000000000 rw-p 00000000 00:00 0',
    'a VMA of /proc/PID/maps or smaps ends where it begins, or before',
  ],
  [
    '7f0000004000-7f0000004fff rw-p 00000000 00:00 0',
    'a VMA of /proc/PID/maps or smaps ends where it begins, or before',
  ],
  [`${head('rw-p', '0')}\n${head('rw-p', '0')}`, 'a VMA begins before the one in front of it ends'],
])('%j is of no address space: %s', async (text, what) => {
  const error = { class: 'schema', where: { file: 'smaps' }, message: expect.stringContaining(`${what}, found "`) };
  await expect(parse(text)).rejects.toMatchObject(error);
});

test.each([
  ' 7/7: [0x7f0000000000(0x10000) @ 0 fe:00 12 0]: rw-p',
  ' 7/7: [0x7f0000000000(0x10000)]: rw-p //anon',
  ' 7/7: [7f0000000000(0x10000) @ 0 fe:00 12 0]: rw-p //anon',
  'x 7/7: [0x7f0000000000(0x10000) @ 0 fe:00 12 0]: rw-p //anon',
])('%j is cut off', text => {
  expect(parseMmap2(text)).toBe(null);
});

test('an MMAP2 line rounds its length to pages, and says whose it is', () => {
  const mapped = parseMmap2(' -1/12: [0x1000(0x1800) @ 0x2000 fe:00 12 0]: r--p /a b');
  expect(mapped).toMatchObject({ pid: -1, tid: 12, extent: { start: 1, end: 3, offset: 2, prot: 1, name: '/a b' } });
});

test('an empty line says nothing', async () => {
  expect(await parse(`\n${head('rw-p', '00000000')}\n\nRss: 4 kB\n`)).toHaveLength(1);
});

test('has no more bytes than its limit, in one piece or in several', async () => {
  const lines = `${head('rw-p', '00000000')}\n`;
  const pieces = async function* () {
    yield lines.slice(0, 9);
    yield lines.slice(9);
  };
  expect(await readMaps({ file: 'maps', text: pieces() }, { maxMaps: lines.length })).toHaveLength(1);
  await expect(readMaps({ file: 'maps', text: lines }, { maxMaps: lines.length - 1 })).rejects.toMatchObject({
    class: 'limit',
    where: { file: 'maps', line: 1 },
  });
});
