/** What a program may do is never an error; what the kernel would not have done is, with its line. */
import { fault, faults, type HostileCase, mmap, munmap, stream } from '../case.js';

const refused = (name: string, event: object, kind: 'schema' | 'semantic', says: RegExp): HostileCase => ({
  name,
  input: stream(mmap(), event),
  refused: { class: kind, line: 3, says },
});

const fine = (name: string, events: readonly object[], result: object, warns?: RegExp): HostileCase => ({
  name,
  input: stream(...events),
  result,
  ...(warns && { warns }),
});

const address = (name: string, addr: string): HostileCase =>
  refused(name, fault({ addr }), 'schema', /"addr" must be .*hex/);

const OUTSIDE = '0x7e0000000000';

export const MEMORY_CASES: readonly HostileCase[] = [
  {
    name: 'time runs backwards',
    input: stream(mmap({ t: 100 }), fault({ t: 50 })),
    refused: { class: 'semantic', line: 3, says: /time runs backwards: t 50 after 100/ },
  },
  fine('equal times keep the order of the file', [mmap({ t: 5 }), fault({ t: 5 }), munmap({ t: 5 })], faults(1, 1)),
  fine('equal times, the other way round', [mmap({ t: 5 }), munmap({ t: 5 }), fault({ t: 5 })], faults(1, 0, 1)),
  fine(
    'an mmap over another replaces it',
    [mmap(), fault(), mmap({ prot: 'r--' }), fault({ access: 'read' }), fault({ access: 'write' })],
    { trace: { faults: 3 }, models: [{}, { faults: { signal: 1 } }] },
  ),
  fine(
    'an mmap inside another splits it',
    [
      mmap(),
      mmap({ addr: '0x7f0000004000', len: '0x1000', prot: '---' }),
      fault({ addr: '0x7f0000003000' }),
      fault({ addr: '0x7f0000004000' }),
      fault({ addr: '0x7f0000005000' }),
    ],
    { models: [{}, { faults: { total: 3, signal: 1 } }] },
  ),
  fine('munmap of nothing', [mmap(), munmap({ addr: OUTSIDE }), fault()], faults(1, 1)),
  fine(
    'munmap of the middle',
    [
      mmap(),
      munmap({ addr: '0x7f0000004000', len: '0x4000' }),
      fault({ addr: '0x7f0000003fff' }),
      fault({ addr: '0x7f0000004000' }),
      fault({ addr: '0x7f0000007fff' }),
      fault({ addr: '0x7f0000008000' }),
    ],
    { models: [{}, { faults: { total: 4, signal: 2 } }] },
  ),
  fine(
    'munmap of all of it, and then of all there is',
    [mmap(), munmap(), fault(), munmap({ addr: '0x0', len: '0x7ffffffff000' }), fault()],
    faults(2, 0, 2),
  ),
  fine('a fault outside', [mmap(), fault({ addr: OUTSIDE })], faults(1, 0, 1)),
  fine('a fault at NULL', [mmap(), fault({ addr: '0x0' })], faults(1, 0, 1)),
  fine('a fault in the kernel half', [mmap(), fault({ addr: '0xffffffff81000000' })], {
    models: [
      { faults: { total: 1, signal: 1, mmap_lock: 0 }, locks: [{ mode: 'write' }] },
      { faults: { total: 1, signal: 1, mmap_lock: 0 } },
    ],
  }),
  fine('a fault at the last byte there is', [mmap(), fault({ addr: '0xffffffffffffffff' })], faults(1, 0, 1)),
  fine(
    'the last byte of a mapping, and the first behind it',
    [mmap(), fault({ addr: '0x7f000000ffff' }), fault({ addr: '0x7f0000010000' })],
    faults(2, 1, 1),
  ),
  {
    name: 'a trace that starts late: no mapping at all',
    input: stream(fault(), fault({ addr: '0x7f0000001000' })),
    warns: /2 of 2 faults hit no known mapping/,
    result: { models: [{ fallback_ratio: null }, { fallback_ratio: null }] },
  },
  refused('a length of -4096', mmap({ len: -4096 }), 'schema', /"len" must be .*got -4096/),
  refused('a length of 0', mmap({ len: 0 }), 'semantic', /"len" of mmap is 0/),
  refused('a length of 0x0', mmap({ len: '0x0' }), 'semantic', /"len" of mmap is 0/),
  refused('a length of 4096.5', mmap({ len: 4096.5 }), 'schema', /"len" must be .*got 4096\.5/),
  refused(
    'a range that wraps',
    mmap({ addr: '0xfffffffffffff000', len: '0x2000' }),
    'semantic',
    /the range wraps around 2\^64/,
  ),
  refused('a length of 2^64 - 1', mmap({ len: '0xffffffffffffffff' }), 'semantic', /wraps around 2\^64/),
  fine('a length that is no multiple of a page', [mmap({ len: 1 }), fault({ addr: '0x7f0000000fff' })], faults(1, 1)),
  fine('a mapping of 128 TiB', [mmap({ addr: '0x1000', len: '0x7fffffffe000' }), fault()], faults(1, 1)),
  refused('an unaligned mmap', mmap({ addr: '0x7f0000000001' }), 'semantic', /"addr" of mmap is not page aligned/),
  refused('an unaligned munmap', munmap({ addr: '0x7f0000000001' }), 'semantic', /"addr" of munmap is not page/),
  fine('an unaligned fault', [mmap(), fault({ addr: '0x7f0000000123' })], faults(1, 1)),
  address('0x without digits', '0x'),
  address('an empty address', ''),
  address('an address in spaces', ' 0x1000 '),
  address('digits and then letters', '0x1000zz'),
  address('17 digits', '0x10000000000000000'),
  address('17 digits, the first of them 0', '0x00000000000001000'),
  address('an underscore', '0x7f_0000'),
  address('capital letters', '0X1000'),
  address('decimal digits', '4096'),
  address('a sign', '-0x1000'),
  address('full-width digits', '0x\uff11000'),
  fine(
    'threads that exit twice, fork themselves, exec twice',
    [
      mmap(),
      { op: 'fork', tid: 1, child_tid: 1, child_mm: 1 },
      { op: 'exec', tid: 1, new_mm: 2 },
      { op: 'exec', tid: 1, new_mm: 2 },
      { op: 'exit', tid: 1 },
      { op: 'exit', tid: 1 },
      fault(),
    ],
    { trace: { events: 7, faults: 1 } },
  ),
  fine(
    'a fork into an mm that has mappings of its own',
    [mmap(), mmap({ tid: 2, mm: 2 }), { op: 'fork', tid: 1, child_tid: 3, child_mm: 2 }, fault({ tid: 3, mm: 2 })],
    { trace: { mms: 2, faults: 1 } },
  ),
  {
    name: 'pages of 16 KiB',
    input: stream(mmap(), fault()).replace('}', ',"meta":{"pageSize":16384}}'),
    warns: /meta\.pageSize is 16,384: it is replayed with pages of 4,096 bytes/,
    result: faults(1, 1),
  },
];
