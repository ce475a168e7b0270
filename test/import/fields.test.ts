/** Tracepoints as they are printed, and the same cut off or followed by what perf adds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childOf,
  clearsUser,
  copiesFromUser,
  END,
  execPath,
  faultFields,
  fileOf,
  groupDead,
  lockFields,
  migrationAddress,
  rssFields,
  signalFields,
  switchedState,
} from '../../src/trace/import/fields.js';

const FAULT = ' address=0x7f12a4b3c123 ip=0x401dc2 error_code=0x6';
const LOCK = ' mm=000000008eace7ac memcg_id=1 write=true';
const RSS = ' mm_id=7 curr=1 type=MM_ANONPAGES size=-4096B';
const CHILD = ' comm=a child_pid=3 b pid=10 child_comm=x y child_pid=20';

/** What reads a field that ends its event, and what it says of the whole text. */
const LAST: readonly [name: string, text: string, read: (text: string) => unknown, said: unknown][] = [
  [
    'a fault',
    FAULT,
    text => faultFields('page_fault_user', text),
    { address: '0x7f12a4b3c123', fields: { errorCode: 6, copies: false, clears: false } },
  ],
  [
    'a lock',
    LOCK,
    text => lockFields('mmap_lock_released', text),
    { mm: '000000008eace7ac', write: true, success: true, memcgId: true },
  ],
  ['a counter', RSS, rssFields, { size: -4096, fields: { name: '7 MM_ANONPAGES', own: true, type: 'MM_ANONPAGES' } }],
  ['a child', CHILD, childOf, 20],
];

describe.each(LAST)('%s', (_, text, read, said) => {
  test.each([
    ['alone', ''],
    ['before spaces', '   '],
    ['before the address of the sample', '               0'],
    ['before a frame of the call chain', '   ffffffff81415c9c handle_mm_fault'],
    ['before both', '   0 ffffffff81415c9c handle_mm_fault ([kernel.kallsyms])  '],
  ])('%s', (_, tail) => {
    expect(read(text + tail)).toEqual(said);
  });

  test.each([
    ['with another line behind it', ' 10/10 [000] 1.5: x'],
    ['that goes on', ' and more'],
    ['cut off into another line', 'x'],
  ])('is none %s', (_, tail) => {
    expect(read(text + tail)).toBe(null);
  });

  test('is none behind somebody else, nor without its beginning', () => {
    if (read !== childOf) expect(read(`x${text}`)).toBe(null);
    expect(read(text.slice(6))).toBe(read === childOf ? 20 : null);
  });
});

test('a fault without an error code of its own', () => {
  const fault = (text: string) => faultFields('page_fault_user', text);
  expect(fault(' address=0x1000 ip=0x1 error_code=0')).toMatchObject({ address: '0x1000', fields: { errorCode: 0 } });
  expect(fault('address=0x1000 ip=show_regs+0x1/0x2 error_code=0x15')).toMatchObject({
    address: '0x1000',
    fields: { errorCode: 21 },
  });
  expect(fault(' address=__pi__text ip=0x1 error_code=0x5')).toMatchObject({
    address: '__pi__text',
    fields: { errorCode: 5 },
  });
  for (const text of [' address=0x1000 ip=0x1 error_code=6', ' address=1000 ip=0x1 error_code=0x6'])
    expect(fault(text)).toBe(null);
});

test('only the kernel reads and clears memory for a thread', () => {
  const said = (name: string, ip: string, code: number) =>
    faultFields(name, ` address=0x1000 ip=${ip} error_code=0x${code}`)?.fields;
  expect(said('page_fault_kernel', 'copy_user_generic', 0)).toEqual({ errorCode: 0, copies: true, clears: false });
  expect(said('page_fault_kernel', '__clear_user', 2)).toEqual({ errorCode: 2, copies: false, clears: true });
  expect(said('page_fault_user', 'copy_user_generic', 0)).toEqual({ errorCode: 0, copies: false, clears: false });
});

test('what many events have in common is one object, of however many kinds there were between', () => {
  const counter = (id: number) => rssFields(` mm_id=${id} curr=1 type=MM_ANONPAGES size=4096B`)?.fields;
  const first = counter(0);
  expect(counter(1)).not.toBe(first);
  expect(counter(0)).toBe(first);
  for (let id = 1; id < 3_000; id++) counter(id);
  expect(counter(0)).toEqual(first);
});

test.each([
  [
    'copies from',
    copiesFromUser,
    0,
    'strncpy_from_user rep_movs_alternative copy_user_generic copy_from_user _copy_from_user',
  ],
  ['clears', clearsUser, 2, 'clear_user __clear_user rep_stos_alternative padzero elf_load load_elf_interp'],
] as const)(
  'who %s memory of the thread, told by the instruction and the kind of access',
  (_, told, code, functions) => {
    const text = (fn: string, error: string) => ` address=0x1000 ip=${fn} error_code=${error}`;
    for (const fn of functions.split(' ')) {
      for (const where of [fn, `${fn}+0x12/0x40`]) {
        for (const error of [`0x${code}`, `${code}`, `0x${code}   0`])
          expect([fn, told(text(where, error))]).toEqual([fn, true]);
        for (const error of [`0x${2 - code}`, `0x${code}1`, `0x1${code}`, `0x${code}x`])
          expect([fn, error, told(text(where, error))]).toEqual([fn, error, false]);
      }
      expect(told(text(fn, `0x${code}`).replace(' ip=', ' xip='))).toBe(false);
    }
    for (const fn of ['0x400000', 'show_regs', `x${functions.split(' ')[0].replace('_', '-')}`])
      expect(told(text(fn, `0x${code}`))).toBe(false);
  },
);

test('mmap_lock says whether it was got only where it was asked for', () => {
  const acquired = 'mmap_lock_acquire_returned';
  const got = { mm: '0x1', write: false, memcgId: false };
  expect(lockFields(acquired, ' mm=0x1 memcg_path=/a b write=false success=true')).toEqual({ ...got, success: true });
  expect(lockFields(acquired, ' mm=0x1 write=false success=false')).toEqual({ ...got, success: false });
  expect(lockFields(acquired, ' mm=0x1 write=false')).toBe(null);
  expect(lockFields('mmap_lock_released', ' mm=0x1 write=false success=true')).toBe(null);
  expect(lockFields('mmap_lock_released', ' mm=0x1 new=1 newer=2 write=false')).toEqual({ ...got, success: true });
  expect(lockFields('mmap_lock_released', ' mm=0x1 write=maybe')).toBe(null);
});

test('a counter of another mm, as it was called before', () => {
  const size = { size: 8192, fields: { name: '12 MM_FILEPAGES', own: false, type: 'MM_FILEPAGES' } };
  expect(rssFields('mm_id=12 curr=0 member=MM_FILEPAGES size=8192B')).toEqual(size);
  expect(rssFields('mm_id=12 curr=2 member=MM_FILEPAGES size=8192B')).toBe(null);
});

test('which file a page is of, however it is spelled', () => {
  const file = fileOf(' dev 254:0 ino 21e5e4 ofs=0');
  expect(file).toBe(fileOf('dev=254:0 ino=21e5e4 ofs=0')?.replace('dev=', 'dev '));
  for (const text of [' dev 254:0 ino', ' dev 254:0 ino 21e5e4', ' dev 254 ino 21e5e4 ofs=0'])
    expect(fileOf(text)).toBe(null);
});

test('a migration entry', () => {
  expect(migrationAddress(' addr=7f790ad81000, pte=f7ffe7ffdfc65000 order=0')).toBe('7f790ad81000');
  expect(migrationAddress('addr=0x7f790ad81000, pte=8')).toBe('7f790ad81000');
  for (const text of [
    ' addr=7f790ad81000',
    'addr=7f790ad81000, pte= 8',
    'x addr=7f790ad81000, pte=8',
    'addr=7g0, pte=8',
  ])
    expect(migrationAddress(text)).toBe(null);
});

test('the last thread of its process, where the kernel says so', () => {
  expect(groupDead(' comm=x pid=10 prio=120 group_dead=true   0')).toBe(true);
  expect(groupDead(' comm=x pid=10 prio=120 group_dead=false')).toBe(false);
  for (const text of [' comm=x pid=10 prio=120', ' group_dead=trueish', ' xgroup_dead=true'])
    expect(groupDead(text)).toBe(null);
});

test.each([
  ['the kernel', ' prev_comm=a b prev_pid=10 prev_prio=120 prev_state=D ==> next_comm=x next_pid=0 next_prio=120', 'D'],
  [
    'the kernel, of who could go on',
    ' prev_comm=a prev_pid=10 prev_prio=120 prev_state=R+ ==> next_comm=x next_pid=9',
    'R+',
  ],
  ['perf', ' a b:10 [120] D ==> swapper/1:0 [120]               0', 'D'],
  ['perf, of who could go on', ' a:10 [120] R+ ==> x:9 [120]', 'R+'],
])('the state in which a thread is left, as %s prints it', (_, text, state) => {
  expect(switchedState(text)).toBe(state);
  expect(switchedState(text.slice(0, text.indexOf('>')))).toBe(null);
  expect(switchedState(text.padEnd(8_193))).toBe(null);
});

test('the path that was executed', () => {
  expect(execPath(' filename=/bin/a pid=1 b pid=10 old_pid=11   0')).toBe('/bin/a pid=1 b');
  expect(execPath('filename=/bin/a pid=10 old_pid=11')).toBe('/bin/a');
  for (const text of [
    ' filename=/bin/a pid=10 old_pid=',
    'x filename=/bin/a pid=10 old_pid=11',
    ' filename=/bin/a pid=1 old_pid=11x',
  ])
    expect(execPath(text)).toBe(null);
});

test('a signal, and whether the kernel raised it for what its target did', () => {
  const signal = (code: number, more = '') =>
    ` sig=11 errno=-14 code=${code} comm=a pid=3 b pid=741 grp=0 res=0${more}`;
  expect(signalFields(signal(2, '   0'))).toEqual({ signal: 11, code: 2, tid: 741 });
  expect(signalFields('sig=7 errno=0 code=128 comm=x pid=5 grp=1 res=1')).toEqual({ signal: 7, code: 128, tid: 5 });
  for (const code of [0, -6]) expect(signalFields(signal(code))).toEqual({ signal: 11, code, tid: 741 });
  for (const text of [signal(2, 'x'), `x${signal(2)}`, ' sig=11 errno=0 code=2 comm=x pid='])
    expect(signalFields(text)).toBe(null);
});

test('an end is an end whatever ended the event before it', () => {
  const end = new RegExp(`^${END}`);
  const token = fc.constantFrom(
    ' ',
    '  ',
    '\t',
    '0',
    'ffffffff81415c9c',
    '815c',
    'handle_mm_fault',
    '([kernel])',
    'B',
    'x',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 6 }), fc.boolean(), (tokens, again) => {
      const tail = tokens.join('');
      // 0x6 and a digit behind it is another number
      fc.pre(!/^[0-9a-f]/.test(tail));
      for (const [, text, read] of LAST) {
        if (again) read(`${text}   0 ffffffff81415c9c handle_mm_fault`);
        if (read !== childOf) expect([tail, read(text + tail) !== null]).toEqual([tail, end.test(tail)]);
      }
    }),
    { numRuns: 2000 },
  );
});

test('what is longer than tracefs prints for an event is no mmap_lock event', () => {
  const long = (n: number) => `mm=0x1 memcg_path=/${'a'.repeat(n)} write=true`;
  expect(lockFields('mmap_lock_released', long(8_000))).toMatchObject({ write: true });
  expect(lockFields('mmap_lock_released', long(8_192))).toBeNull();
});
