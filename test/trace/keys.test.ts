/** Every operation: which keys it must have, which it may have, and what of them the kernel would refuse. */
import { describe, expect, test } from 'vitest';
import { defaultFileOps, isKnownFs } from '../../src/trace/file-ops.js';
import { OPS, VM_OPS } from '../../src/vocab.js';
import { complaint, HEADER, read } from './helpers.js';

const AT = { addr: '0x7f0000000000', len: '0x4000' };
const MAPPED = { ...AT, prot: 'rw-', flags: ['private'] };
const FILE = { file: { name: 'f' }, name: 'n', offset: '0x1000' };
const NAMED = { ...AT, mode: 'm' };
const SRC = { src: '0x1000' };
const MOVED = { addr: '0x1000', old_len: '0x1000', new_len: '0x2000', new_addr: '0x5000' };
const FAULT = { addr: '0x1234', access: 'read' };

const EVENTS: Readonly<Record<string, readonly [must: object, may: object]>> = {
  fault: [FAULT, { mode: 'kernel', page: {}, truth: {} }],
  vma: [MAPPED, { ...FILE, anon_vma: true }],
  mmap: [MAPPED, FILE],
  munmap: [AT, {}],
  shmdt: [AT, {}],
  mprotect: [{ ...AT, prot: 'r--' }, {}],
  pkey_mprotect: [{ ...AT, prot: 'r--' }, {}],
  mremap: [MOVED, { flags: ['maymove'] }],
  brk: [{ addr: '0x1000' }, {}],
  madvise: [{ ...AT, advice: 'free' }, {}],
  prctl_set_vma: [AT, { name: 'n' }],
  mlock: [{}, NAMED],
  munlock: [{}, NAMED],
  mlockall: [{}, { mode: 'current' }],
  munlockall: [{}, { mode: 'm' }],
  mbind: [{}, NAMED],
  mseal: [{}, NAMED],
  remap_file_pages: [{}, NAMED],
  fork: [{ child_tid: 2, child_mm: 1 }, {}],
  exec: [{ new_mm: 2 }, {}],
  exit: [{}, {}],
  uffd_register: [{ ...AT, modes: ['wp'] }, {}],
  uffd_unregister: [AT, { modes: ['wp'] }],
  uffd_copy: [AT, SRC],
  uffd_zeropage: [AT, SRC],
  uffd_continue: [AT, SRC],
  uffd_move: [AT, SRC],
  uffd_wp: [AT, SRC],
  uffd_rwp: [AT, SRC],
  collapse: [{ addr: '0x1000' }, { len: '0x1000' }],
  reclaim: [AT, {}],
  migrate: [AT, {}],
  numa_scan: [AT, {}],
  read_maps: [{}, { kind: 'smaps', reader_pid: 7 }],
  clear_refs: [{}, { mode: 4 }],
  mmu_notifier_register: [{}, {}],
  gup: [AT, {}],
  thread: [{ name: 'n' }, {}],
  other: [{}, { name: 'n' }],
};
const COMMON = {
  t: 1,
  mm: 3,
  cpu: 4,
  dur: 5,
  locks: [{ mode: 'read', ask: 1, got: 2, end: 3 }],
  'x-inferred': 'e',
  'x-hidden': 'h',
};
const NOBODY = ['vma', 'collapse', 'reclaim', 'migrate', 'numa_scan'];
const spelled = (event: object) => HEADER + JSON.stringify(event);

test('are all there', () => {
  expect(Object.keys(EVENTS)).toEqual([...OPS]);
});

describe.each(Object.entries(EVENTS))('%s', (op, [must, may]) => {
  const whole = { op, tid: 7, ...must };

  test('has these keys and no other', async () => {
    const { info, rows } = await read(spelled({ ...whole, ...may, ...COMMON }), { strict: true });
    expect([info.events, rows[0].op, info.tids]).toEqual([
      1,
      OPS.indexOf(op as (typeof OPS)[number]),
      expect.arrayContaining([7]),
    ]);
    const others = Object.keys({
      ...MAPPED,
      ...FILE,
      ...FAULT,
      ...SRC,
      ...MOVED,
      mode: 1,
      modes: 1,
      kind: 1,
      advice: 1,
      page: 1,
    });
    for (const key of others.filter(key => !(key in must) && !(key in may))) {
      const found = await complaint(spelled({ ...whole, [key]: 'x' }), { strict: true });
      expect([key, found.message]).toEqual([key, `unknown key "${key}"`]);
    }
  });

  test('must have what it must have, and may leave out the rest', async () => {
    expect((await read(spelled(whole))).info.events).toBe(1);
    for (const key of Object.keys(must)) {
      const found = await complaint(spelled({ ...whole, [key]: undefined }));
      expect(found.message).toMatch(`"${key}" is missing`);
    }
  });

  test('is of somebody, or else of nobody in particular', async () => {
    const nobody = spelled({ ...whole, tid: undefined });
    if (NOBODY.includes(op)) expect((await read(nobody)).info.tids).toEqual([0]);
    else expect((await complaint(nobody)).message).toMatch('"tid" is missing');
  });
});

test('whom and what an operation names stands in its row', async () => {
  const NONE = { page: 0, len: 0, page2: -1, len2: 0, code: 0, a: -1, b: -1, file: -1, name: -1 };
  const AT_7F = { page: 0x7f0000000, len: 4 };
  const named = async (op: string, more: object = {}) => {
    const first = { op: 'exit', tid: 5, mm: 6 };
    const { rows, info } = await read(`${JSON.stringify(first)}\n${JSON.stringify({ op, tid: 7, ...more })}`);
    const { page, len, page2, len2, code, a, b, file, name } = rows[1];
    expect([info.tids[rows[1].thread], info.mms[rows[1].mm]]).toEqual([7, 1]);
    return { row: { page, len, page2, len2, code, a, b, file, name }, info };
  };
  const rowOf = async (op: string, more: object) => (await named(op, more)).row;
  const fork = await named('fork', { child_tid: 8, child_mm: 9 });
  expect(fork.row).toEqual({ ...NONE, a: 2, b: 2 });
  expect([fork.info.tids, fork.info.mms]).toEqual([
    [5, 7, 8],
    [6, 1, 9],
  ]);
  const exec = await named('exec', { new_mm: 6 });
  expect(exec.row).toEqual({ ...NONE, b: 0 });
  expect(await rowOf('read_maps', { kind: 'smaps', reader_pid: 5 })).toEqual({ ...NONE, code: 1, a: 5 });
  expect(await rowOf('read_maps', {})).toEqual(NONE);
  expect(await rowOf('brk', { addr: '0x1001' })).toEqual({ ...NONE, page: 2 });
  expect(await rowOf('brk', { addr: '0x1000' })).toEqual({ ...NONE, page: 1 });
  expect(await rowOf('mprotect', { ...AT, prot: 'r-x' })).toEqual({ ...NONE, ...AT_7F, code: 5 });
  expect(await rowOf('pkey_mprotect', { ...AT, prot: '-w-' })).toEqual({ ...NONE, ...AT_7F, code: 2 });
  expect(await rowOf('madvise', { ...AT, advice: 'willneed' })).toEqual({ ...NONE, ...AT_7F, code: 2 });
  expect(await rowOf('uffd_copy', { ...AT, src: '0x5000' })).toEqual({ ...NONE, ...AT_7F, page2: 5 });
  expect(await rowOf('uffd_register', { ...AT, modes: ['wp', 'minor'] })).toEqual({ ...NONE, ...AT_7F, code: 6 });
  expect(await rowOf('mlock', { ...AT, mode: 'onfault' })).toEqual({ ...NONE, ...AT_7F, name: 0 });
  expect(await rowOf('mremap', { ...MOVED, flags: ['fixed'] })).toEqual({
    ...{ ...NONE, page: 1, len: 1, page2: 5, len2: 2, code: 2 },
  });
  expect((await rowOf('mremap', MOVED)).code).toBe(-1);
  const vma = { ...MAPPED, ...FILE, anon_vma: false };
  expect(await rowOf('vma', vma)).toEqual({ ...NONE, ...AT_7F, page2: 1, code: 3 | (1 << 3), a: 0, file: 0, name: 0 });
  expect(await rowOf('mmap', MAPPED)).toEqual({ ...NONE, ...AT_7F, code: 3 | (1 << 3) });
});

test('the kernel refuses an address inside a page of some calls, and an empty range of fewer', async () => {
  const refused = async (changed: object) => {
    const found: string[] = [];
    for (const [op, [must]] of Object.entries(EVENTS)) {
      if (!('addr' in must) || op === 'fault') continue;
      const outcome = await complaint(spelled({ op, tid: 7, ...must, ...changed })).catch(() => null);
      if (outcome?.class === 'semantic') found.push(op);
    }
    return found;
  };
  const mapped = ['vma', 'mmap', 'munmap', 'shmdt'];
  expect(await refused({ addr: '0x1001' })).toEqual([...mapped, 'mprotect', 'pkey_mprotect', 'mremap']);
  expect(await refused({ len: '0x0' })).toEqual(mapped);
  expect(await refused({ addr: '0xfffffffffffff000', len: '0x2000', old_len: '0x2000' })).toEqual(
    Object.keys(EVENTS).filter(op => 'len' in EVENTS[op][0] || ['collapse', 'mremap'].includes(op)),
  );
});

describe('by its file system a file has', () => {
  const { map_pages, fault, page_mkwrite, huge_fault, dax, pfn } = VM_OPS;
  test.each<[number, string]>([
    [map_pages | fault | page_mkwrite, 'ext2 ext3 ext4 xfs btrfs f2fs fuse nfs nfs4 smb cifs smb3 9p afs gfs2'],
    [map_pages | fault | page_mkwrite, 'nilfs2 orangefs ubifs udf exfat zonefs vboxsf overlay overlayfs what-is-this'],
    [map_pages | fault, 'squashfs iso9660 erofs aio tmpfs shmem memfd devtmpfs'],
    [fault | page_mkwrite, 'ceph ocfs2 kernfs sysfs cgroup cgroup2'],
    [
      fault,
      'hugetlbfs hugetlb sysv_shm sysv secretmem special vdso vvar guest_memfd kvm drm gem bpf_arena vmcore proc',
    ],
    [fault | page_mkwrite | huge_fault | dax, 'ext4-dax fuse-dax virtiofs-dax'],
    [map_pages | fault | page_mkwrite | huge_fault | dax, 'xfs-dax'],
    [fault | page_mkwrite | dax, 'ext2-dax'],
    [fault | huge_fault | dax, 'erofs-dax device-dax'],
    [fault | huge_fault | pfn, 'vfio vfio-pci'],
    [0, 'tcp'],
  ])('%i: %s', (ops, kinds) => {
    for (const fs of kinds.split(' ')) expect([fs, defaultFileOps(fs, false)]).toEqual([fs, ops]);
  });

  test('what a page cache has where nobody says', () => {
    expect(defaultFileOps(null, false)).toBe(defaultFileOps('ext4', false));
    expect(defaultFileOps(null, true)).toBe(defaultFileOps('ext4', false));
    expect(defaultFileOps('nosuchfs', false)).toBe(defaultFileOps('ext4', false));
    expect(['ext4', 'vfio', 'devdax', ''].map(isKnownFs)).toEqual([true, true, false, false]);
  });

  test('what it has with DAX, where the file is said to be mapped so; what else is said of it counts', async () => {
    const opsOf = async (file: object) =>
      (await read(spelled({ op: 'mmap', tid: 1, ...MAPPED, file }))).info.files[0].ops;
    for (const fs of ['ext2', 'ext4', 'xfs', 'fuse', 'virtiofs', 'erofs'])
      expect([fs, await opsOf({ fs, dax: true })]).toEqual([fs, defaultFileOps(`${fs}-dax`, false)]);
    expect(await opsOf({ fs: 'device-dax', dax: true })).toBe(fault | huge_fault | dax);
    expect(await opsOf({ fs: 'ext4', dax: false })).toBe(map_pages | fault | page_mkwrite);
    expect(await opsOf({ dax: true, huge_fault: false, fs: 'ext4' })).toBe(fault | page_mkwrite | dax);
    expect(await opsOf({ map_pages: true, fs: 'ext4', dax: true })).toBe(
      map_pages | fault | page_mkwrite | huge_fault | dax,
    );
  });
});
