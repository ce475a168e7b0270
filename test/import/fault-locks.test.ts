/** Who wanted mmap_lock, read off a call chain. */
import { expect, test } from 'vitest';
import { FaultLocks } from '../../src/trace/import/fault-locks.js';

test.each([
  [['__mmap_lock_do_trace_acquire_returned', '__vmf_anon_prepare+0x5a', 'do_anonymous_page'], '__vmf_anon_prepare'],
  [['vmf_anon_prepare.part.0', 'do_wp_page'], '__vmf_anon_prepare'],
  [['mmap_read_trylock', 'lock_mm_and_find_vma.isra.0', 'exc_page_fault'], 'lock_mm_and_find_vma'],
  [['down_read+0x1f/0x40', 'find_vma_and_lock', 'lock_mm_and_find_vma'], 'lock_mm_and_find_vma'],
  [
    ['__mmap_lock_trace_acquire_returned', 'do_user_addr_fault.constprop.0+0x12', 'asm_exc_page_fault'],
    'do_user_addr_fault',
  ],
  [['lock_mm_and_find_vma.isra.0.constprop.12.cold+0x5a/0x1c0'], 'lock_mm_and_find_vma'],
  [['__vmf_anon_prepare.part.1.llvm.123456+0x5a/0xabcdef'], '__vmf_anon_prepare'],
  [['trace_event_raw_event_mmap_lock', 'perf_trace_run', 'bpf_trace_run3', 'ftrace_call', '__ftrace_trace', 'a'], 'a'],
  [['__traceiter_mmap_lock', 'mmap_write_lock', 'down_write_killable', 'get_mmap_lock_carefully', 'b.cold'], 'b'],
  [['my_down_read.isra.x', 'c'], 'my_down_read.isra.x'],
  [['lock_mm_and_find_vma2', 'c'], 'lock_mm_and_find_vma2'],
  [['__mmap_lock_do_trace_released'], null],
  [[], null],
  [null, null],
])('the tracepoint and the wrappers of the lock are passed over: %j', (stack, by) => {
  const locks = new FaultLocks();
  locks.acquire(20, 10, false, true, stack);
  expect(locks.attempts).toMatchObject([{ by }]);
});

test('a chain that comes later counts where there was none', () => {
  const locks = new FaultLocks();
  locks.acquire(20, 10, false, false, null);
  locks.explain(['mmap_read_trylock', 'lock_mm_and_find_vma']);
  locks.explain(['__vmf_anon_prepare']);
  expect(locks.attempts.map(({ by }) => by)).toEqual(['lock_mm_and_find_vma']);
});
