/**
 * Why truth.ts is as long as it is: two shorter rules, and a recording for each way in which they are wrong.
 *
 * The naive rule: a fault in which the thread took mmap_lock for read fell back. The first rule of order: it fell back if
 * such a lock was still held when the fault completed, or, where it never did, if any was taken before the next call.
 */
import { describe, expect, test } from 'vitest';
import { imported, line, sample, section } from './sample.js';

interface Rules {
  naive: boolean;
  order: boolean;
}

/** What the two rules say of the fault at `addr`, read off the lines of its thread. */
function rulesOf(text: string, addr: string): Rules {
  let tid = '';
  let held = 0;
  let taken = 0;
  for (const row of text.split('\n')) {
    const [, who, event] = /^\s*\d+\/(\d+) .*?\d: +(\S+)/.exec(row) ?? [];
    if (who === undefined) continue;
    if (tid === '') {
      if (event.includes('page_fault') && row.includes(`address=${addr} `)) tid = who;
    } else if (who === tid) {
      if (/^(?:minor|major)-faults/.test(event)) return { naive: taken > 0, order: held > 0 };
      if (/sys_e|page_fault|process_exit/.test(event)) break;
      if (event.includes('acquire_returned') && /write=false success=true/.test(row)) {
        held++;
        taken++;
      }
      if (event.includes('released')) held--;
    }
  }
  return { naive: taken > 0, order: taken > 0 };
}

const FINDINGS: readonly [what: string, sample: string, addr: string, rules: Rules, fallback: boolean][] = [
  [
    'a shared page gets dirty: mmap_lock is dropped before the fault completes',
    'shared-write',
    '0x7f4b65cf9000',
    { naive: true, order: false },
    true,
  ],
  ['and so without any rss_stat', 'shared-reuse', '0x7f812ec0e000', { naive: true, order: false }, true],
  [
    'print_vma_addr() took the lock for the kernel log, after a forbidden access',
    'print-vma-addr',
    '0x7f344b0ce000',
    { naive: true, order: true },
    false,
  ],
  [
    'an anon_vma was prepared, then the file turned out to be too short',
    'sigbus',
    '0x7f344b0cd000',
    { naive: true, order: true },
    false,
  ],
];

describe('the short rules are wrong', () => {
  test.each(FINDINGS)('%s', async (_what, name, addr, rules, fallback) => {
    const text = sample(name);
    expect(rulesOf(text, addr)).toEqual(rules);
    expect(rules.order === fallback && rules.naive === fallback).toBe(false);
    const { faults } = await imported(text);
    expect(faults.find(fault => fault.addr === addr)?.truth?.fallback).toBe(fallback);
  });

  const MAP = line(0, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
  const CALL = line(0, 10, 'raw_syscalls:sys_exit: NR 9 = 139637976727552   0');
  const PF = 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0';
  const DONE = 'minor-faults:     7f0000001000';
  const [start, acquired, released] = section(3, 10, false);
  const refused = [start, acquired.replace('success=true', 'success=false')];
  const verdicts = async (lines: string[]) => {
    const text = [MAP, CALL, line(2, 10, PF), ...lines].join('\n');
    const { faults } = await imported(text);
    return { ...rulesOf(text, '0x7f0000001000'), truth: faults[0].truth };
  };

  test('the trylock for the anon_vma is no fallback, which the naive rule takes it for', async () => {
    const prepared = { path: 'vma_lock', fallback: false, anon_prepare: 'ok' };
    expect(await verdicts([start, acquired, released, line(7, 10, DONE)])).toEqual({
      naive: true,
      order: false,
      truth: prepared,
    });
  });

  test('one refusal is the slow path’s own trylock; only two in a row are a busy anon_vma', async () => {
    const slow = [start, acquired, line(7, 10, DONE), released];
    expect((await verdicts([...refused, ...slow])).truth).toMatchObject({ fallback: true });
    expect((await verdicts([...refused, ...slow])).truth).not.toHaveProperty('anon_prepare');
    expect((await verdicts([...refused, ...refused, ...slow])).truth).toMatchObject({ anon_prepare: 'failed' });
  });

  test('a prepared anon_vma does not keep a fault from falling back', async () => {
    const both = [start, acquired, released, start, acquired, line(7, 10, DONE), released];
    expect((await verdicts(both)).truth).toEqual({ path: 'mmap_lock', fallback: true });
  });

  test('acct_collect() of a dying process locks once more: nobody fell back, and nobody finished', async () => {
    const exits = line(9, 10, 'sched:sched_process_exit: comm=x pid=10 prio=120 group_dead=true   0');
    const { naive, order, truth } = await verdicts([line(2, 11, DONE), start, acquired, released, exits]);
    expect([naive, order, truth?.fallback]).toEqual([true, true, false]);
    expect(truth?.path).not.toBe('vma_lock');
  });
});

test('a second acquisition is a retry under mmap_lock, which counts as major without any I/O', async () => {
  const { faults } = await imported(sample('uffd-twice'));
  const [fault] = faults.filter(({ addr }) => addr === '0x7fd9d6335000');
  expect(fault.truth).toMatchObject({ path: 'mmap_lock', fallback: true });
  expect(fault.page?.folio).toBeUndefined();
});

test('SysV shared memory is shared: its first touch is a fallback although the lock was dropped early', async () => {
  const map = 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:01 5 0]: rw-s /SYSV00000000 (deleted)';
  const fault = line(2, 10, 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0');
  const text = [line(1, 10, map), fault, ...section(3, 10, false), line(9, 10, 'minor-faults:     7f0000001000')];
  const { faults } = await imported(text.join('\n'));
  expect(faults[0].truth).toMatchObject({ path: 'mmap_lock', fallback: true });
});

test('the readahead mark of a folio under writeback leaves no event: it is inferred, marked and counted', async () => {
  const { faults, summary } = await imported(sample('shared-write'));
  expect(faults[0].truth?.fallback).toBe(true);
  expect(faults[0]).toMatchObject({ page: { readahead: true }, 'x-inferred': expect.any(String) });
  expect(Object.values(summary.unclassified)).toEqual([1]);
});

test('in kernel mode with page faults disabled neither lock is tried: no path, and it is counted', async () => {
  const { faults, summary } = await imported(sample('page-faults-disabled'));
  const [fault] = faults.filter(({ addr }) => addr === '0x7f94e3487e00');
  expect(fault).toMatchObject({ mode: 'kernel', truth: { fallback: false } });
  expect(fault.truth).not.toHaveProperty('path');
  expect(summary.unclassified['kernel-mode fault with page faults disabled: neither lock was tried']).toBe(1);
});

test('major does not mean a fallback: a synchronous swap device is read under the VMA lock', async () => {
  const { faults } = await imported(sample('swap-sync'));
  expect(faults[0]).toMatchObject({
    truth: { path: 'vma_lock', fallback: false },
    page: { entry: 'swap', folio: 'absent' },
  });
});
