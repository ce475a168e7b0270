/** What tracefs does not show: page-cache misses, what execve mapped, and who was first where times overlap. */
import { expect, test } from 'vitest';
import type { EventObject } from '../../src/trace/import/index.js';
import { imported } from './sample.js';

const line = (us: number, tid: number, text: string): string =>
  `            prog-${tid}     [000] .....     1.${String(us).padStart(6, '0')}: ${text}`;
const user = (us: number, tid: number, page: string, code: number): string =>
  line(us, tid, `page_fault_user: address=0x${page}000 ip=0x401000 error_code=0x${code}`);
const lock = (us: number, tid: number, write: boolean): string[] => [
  line(us, tid, `mmap_lock_start_locking: mm=00000000bbe4e955 memcg_path=/ write=${write}`),
  line(us + 1, tid, `mmap_lock_acquire_returned: mm=00000000bbe4e955 memcg_path=/ write=${write} success=true`),
  line(us + 2, tid, `mmap_lock_released: mm=00000000bbe4e955 memcg_path=/ write=${write}`),
];
/** mmap(2) of 16 pages at 0x7f0000000000. */
const mmap = (us: number, tid: number, end: number, flags: string): string[] => [
  line(us, tid, `sys_mmap(addr: 0, len: 10000, prot: 3, flags: ${flags}, fd: 3, off: 0)`),
  ...lock(us + 1, tid, true),
  line(end, tid, 'sys_mmap -> 0x7f0000000000'),
];
const PRIVATE_FILE = '2';
const ANONYMOUS = '22';
const READ = 4;
const WRITE_PRESENT = 7;

const hidden = (faults: readonly EventObject[]): unknown[] => faults.map(fault => fault['x-hidden'] ?? null);

test('a fault on a file that took as long as I/O may have read its page in; a shorter one did not', async () => {
  const { faults } = await imported(
    [
      ...mmap(0, 5, 9, PRIVATE_FILE),
      user(20, 5, '7f0000000', READ),
      user(50, 5, '7f0000001', READ),
      user(400, 5, '7f0000002', WRITE_PRESENT),
      user(900, 5, '7f0000003', READ),
      line(950, 5, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  expect(hidden(faults)).toEqual([null, 'page cache', null, null]);
});

test('anonymous memory hides nothing, nor a recording that has page-cache events', async () => {
  const slow = [user(20, 5, '7f0000000', READ), line(900, 5, 'sys_brk(brk: 0)')];
  expect(hidden((await imported([...mmap(0, 5, 9, ANONYMOUS), ...slow].join('\n'))).faults)).toEqual([null]);
  const told = [...mmap(0, 5, 9, PRIVATE_FILE), line(15, 5, 'mm_filemap_fault: dev 254:0 ino 21e5e4 ofs=0'), ...slow];
  expect(hidden((await imported(told.join('\n'))).faults)).toEqual([null]);
});

test('a clock of timer interrupts cannot tell what is short', async () => {
  const ticks = [
    ...mmap(0, 5, 9, PRIVATE_FILE),
    user(4_010, 5, '7f0000000', READ),
    user(4_010, 5, '7f0000001', READ),
    line(4_010, 5, 'sys_brk(brk: 0)'),
  ].map(text => text.replace(/1\.00000\d/, '1.000000'));
  expect(hidden((await imported(ticks.join('\n'))).faults)).toEqual(['page cache', 'page cache']);
});

test('what is below memory that grows down is no VMA of its own', async () => {
  const growing = [
    ...mmap(0, 5, 9, '122'),
    user(20, 5, '7effffffe', 6),
    user(40, 5, '7effff000', 6),
    line(60, 5, 'sys_brk(brk: 0)'),
  ];
  const { events } = await imported(growing.join('\n'));
  expect(events.filter(({ op }) => op === 'vma')).toEqual([]);
});

test('an unmap that goes on for long leaves what was mapped in its place meanwhile', async () => {
  const { events } = await imported(
    [
      ...mmap(0, 5, 9, ANONYMOUS),
      line(100, 5, 'sys_munmap(addr: 7f0000000000, len: 10000)'),
      ...lock(101, 5, true),
      ...mmap(200, 6, 209, ANONYMOUS),
      line(300, 5, 'sys_munmap -> 0x0'),
      user(320, 6, '7f0000000', 6),
      line(340, 6, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  expect(events.filter(({ op }) => op === 'vma')).toEqual([]);
});

test('pages that are written near to each other are one VMA with an anon_vma, and so is one that was there', async () => {
  const { events } = await imported(
    [
      ...lock(0, 5, true),
      user(20, 5, '4c1', 6),
      user(40, 5, '4c2', 6),
      user(60, 5, '5c2', 6),
      user(80, 5, '9c2', WRITE_PRESENT),
      user(100, 5, '401', READ),
      line(110, 5, 'page_fault_user: address=0x7ffff7fc1020 ip=0x401000 error_code=0x4'),
      line(120, 5, 'sys_brk(brk: 0)'),
    ].join('\n'),
  );
  const vmas = events.filter(({ op }) => op === 'vma');
  expect(vmas.map(({ addr, anon_vma = null, file = null }) => [addr, anon_vma, file])).toEqual([
    ['0x4c1000', null, null],
    ['0x4c2000', true, null],
    ['0x5c2000', null, null],
    ['0x9c2000', true, null],
    ['0x401000', null, {}],
    ['0x7ffff7fc1000', null, { name: '[vdso]', fs: 'special' }],
  ]);
});
