/** Locked memory: which flags say so, what populates it, and what ends it. */
import { describe, expect, test } from 'vitest';
import { VM_LOCKED, VM_LOCKED_MASK, VM_LOCKONFAULT } from '../../src/kernel/vma.js';
import { addressSpace, at, BASE, type Event, fault, len, mmap, range, vma } from '../helpers.js';

/** VMAs as first page, length and how they are locked: `-`, `L`, or `F` for pages that are locked when they are faulted in. */
async function locks(...events: Event[]): Promise<string> {
  const { mm_mt } = await addressSpace(events, 'v6.18');
  const found: string[] = [];
  for (let area = mm_mt.first(); area !== null; area = mm_mt.next(area)) {
    const flags = area.vm_flags & VM_LOCKED_MASK;
    const how = flags === 0 ? '-' : flags === VM_LOCKED ? 'L' : flags === (VM_LOCKED | VM_LOCKONFAULT) ? 'F' : '?';
    found.push(`${area.vm_start - BASE}+${area.vm_end - area.vm_start}${how}`);
  }
  return found.join(' ');
}

const populated = async (...events: Event[]) => (await addressSpace(events, 'v6.18')).page_table.count;
const all = (op: string, mode?: string): Event => ({ op, tid: 1, ...(mode !== undefined && { mode }) });
const onFault = (page: number, pages: number) => range('mlock', page, pages, { mode: 'onfault' });

describe('MLOCK_ONFAULT', () => {
  test('locks what is faulted in, and faults nothing in', async () => {
    expect(await locks(vma(0, 8), onFault(2, 4))).toBe('0+2- 2+4F 6+2-');
    expect(await populated(vma(0, 8), onFault(2, 4))).toBe(0);
    expect(await populated(vma(0, 8), range('mlock', 2, 4))).toBe(4);
  });

  test('is a lock of another kind, until somebody locks or unlocks the whole', async () => {
    const two = [vma(0, 8), range('mlock', 0, 4), onFault(4, 4)];
    expect(await locks(...two)).toBe('0+4L 4+4F');
    expect(await locks(...two, range('mlock', 4, 4))).toBe('0+8L');
    expect(await locks(...two, onFault(0, 4))).toBe('0+8F');
    expect(await locks(...two, range('munlock', 0, 8))).toBe('0+8-');
  });
});

describe('mlock', () => {
  const [open, closed] = ['rw-', '---'].map((prot, i) => vma(4 * i, 4, { prot, anon_vma: false }));

  test('marks what there is before a hole, and then faults nothing in; no more does munlock unmark behind one', async () => {
    const hole = [vma(0, 4), vma(8, 4)];
    expect(await locks(...hole, range('mlock', 2, 8))).toBe('0+2- 2+2L 8+4-');
    expect(await locks(...hole, range('mlock', 4, 8))).toBe('0+4- 8+4-');
    expect(await populated(...hole, range('mlock', 2, 8))).toBe(0);
    expect(await locks(...hole, range('mlock', 0, 4), range('mlock', 8, 4), range('munlock', 2, 10))).toBe(
      '0+2L 2+2- 8+4L',
    );
  });

  test('marks what forbids every access, and faults in what comes before that', async () => {
    expect(await locks(open, closed, vma(8, 4), range('mlock', 0, 12))).toBe('0+4L 4+4L 8+4L');
    expect(await populated(open, closed, vma(8, 4), range('mlock', 0, 12))).toBe(4);
    expect(await populated(open, closed, vma(8, 4), all('mlockall'))).toBe(8);
  });
});

describe('mlockall', () => {
  test.each([
    [undefined, '0+4L 8+4L', 8],
    ['current', '0+4L 8+4-', 4],
    ['future', '0+4- 8+4L', 4],
    ['current future', '0+4L 8+4L', 8],
    ['current onfault', '0+4F 8+4-', 0],
    ['future onfault', '0+4- 8+4F', 0],
    ['MCL_CURRENT|MCL_FUTURE|MCL_ONFAULT', '0+4F 8+4F', 0],
  ])('%s', async (mode, flags, pages) => {
    const events = [vma(0, 4), all('mlockall', mode), mmap(8, 4)];
    expect([await locks(...events), await populated(...events)]).toEqual([flags, pages]);
  });

  test('of what there is takes back what was to be, and munlockall all of it', async () => {
    expect(await locks(all('mlockall', 'future'), all('mlockall', 'current'), mmap(0, 4))).toBe('0+4-');
    expect(await locks(mmap(0, 4), all('mlockall'), all('munlockall'), mmap(8, 4))).toBe('0+4- 8+4-');
  });
});

describe('mprotect that lets locked memory be written to', () => {
  const written = async (...events: Event[]) => {
    const { mm_mt, page_table } = await addressSpace(events, 'v6.18');
    return [page_table.count, mm_mt.walk(BASE + 1)?.anon_vma !== null];
  };
  const opened = range('mprotect', 0, 4, { prot: 'rw-' });

  test('faults it in, so that no write has to', async () => {
    expect(await written(vma(0, 8, { prot: '---', anon_vma: false }), range('mlock', 0, 8), opened)).toEqual([4, true]);
  });

  test.each([
    ['that is not locked', [vma(0, 8, { prot: '---', anon_vma: false }), opened], 0],
    ['that is locked as it is faulted in', [vma(0, 8, { prot: '---', anon_vma: false }), onFault(0, 8), opened], 0],
    [
      'that stays as it is',
      [vma(0, 8, { prot: '---', anon_vma: false }), range('mlock', 0, 8), range('mprotect', 0, 4, { prot: 'r--' })],
      0,
    ],
    [
      'that is shared',
      [vma(0, 8, { prot: '---', flags: ['shared'], anon_vma: false }), range('mlock', 0, 8), opened],
      0,
    ],
  ])('not memory %s', async (_, events, pages) => {
    expect(await written(...events)).toEqual([pages, false]);
  });
});

test('MREMAP_DONTUNMAP unlocks all of the VMA it takes pages from', async () => {
  const move: Event = {
    ...{ op: 'mremap', tid: 1, addr: at(2), old_len: len(2), new_len: len(2), new_addr: at(20) },
    flags: ['maymove', 'fixed', 'dontunmap'],
  };
  expect(await locks(vma(0, 8), range('mlock', 0, 8), move)).toBe('0+8- 20+2L');
});

test('a child locks nothing', async () => {
  const child = [
    vma(0, 4),
    onFault(0, 4),
    all('mlockall', 'future'),
    { op: 'fork', tid: 1, child_tid: 2, child_mm: 2 },
  ];
  const events = [...child, mmap(8, 4, { tid: 2 }), fault(8, { tid: 2 })];
  expect(await locks(...events.slice(0, -2))).toBe('0+4F');
  const run = await addressSpace(events, 'v6.18', 2);
  expect([...'08'].map(page => (run.mm_mt.walk(BASE + Number(page))?.vm_flags ?? 0) & VM_LOCKED_MASK)).toEqual([0, 0]);
});

test('remap_file_pages maps anew, and so honours mlockall(MCL_FUTURE)', async () => {
  const mapped = vma(0, 4, { flags: ['shared'], file: { fs: 'ext4', name: '/f' }, anon_vma: false });
  const remap = range('remap_file_pages', 0, 4);
  expect(await locks(mapped, remap)).toBe('0+4-');
  expect(await locks(mapped, all('mlockall', 'future'), remap)).toBe('0+4L');
  expect(await locks(mapped, all('mlockall', 'future onfault'), remap)).toBe('0+4F');
  expect(await locks(mapped, range('mlock', 0, 4), remap)).toBe('0+4L');
  const huge = vma(0, 512, { flags: ['shared', 'hugetlb'], anon_vma: false });
  expect(await locks(huge, all('mlockall', 'future'), range('remap_file_pages', 0, 512))).toBe('0+512-');
});

test('memfd_secret memory is locked as it is made, no call changes that, and none faults it in', async () => {
  const secret = mmap(0, 4, { flags: ['shared'], file: { fs: 'secretmem', name: '/secretmem' } });
  for (const call of [[], [range('munlock', 0, 4)], [all('munlockall')], [onFault(0, 4)]])
    expect(await locks(secret, ...call)).toBe('0+4L');
  for (const call of [range('mlock', 0, 4), all('mlockall'), range('madvise', 0, 4, { advice: 'populate_write' })])
    expect(await populated(secret, call)).toBe(0);
  expect(await populated(secret, range('gup', 0, 4))).toBe(0);
  expect(await populated(secret, fault(1, { t: 1 }))).toBe(1);
});
