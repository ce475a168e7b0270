/**
 * What becomes of a fault, for all that a recording can show of it: its attempts at mmap_lock, and what else is known. Where a case
 * says no more, a user fault wrote to a private VMA, completed at 100, in a kernel that may try mmap_lock inside a fault.
 */
import { describe, expect, test } from 'vitest';
import { type Attempt, FaultLocks, isSlowPath } from '../../src/trace/import/fault-locks.js';
import { Recording } from '../../src/trace/import/recording.js';
import { type Circumstances, type Ending, truthOf, UNKNOWN_LOCK, UNKNOWN_VMA } from '../../src/trace/import/truth.js';

type Known = Partial<Omit<Circumstances, 'ending'>> & Partial<Ending> & Partial<Recording>;

const about = (known: Known): Circumstances => ({
  ...{ kernelMode: false, access: 'write', shared: false, mapsFile: false },
  ...{ doneAt: 100, firstRss: -1, resolvedAt: -1, signal: 0 },
  ...known,
  ending: {
    ...{ covered: true, permitted: true, exits: false, groupDead: false, goesOn: false, cutOff: false, dying: false },
    interruptedBy: 0,
    ...known,
  },
});
const recording = (known: Known): Recording =>
  Object.assign(new Recording(undefined), { locks: true, completions: true, trylock: true }, known);

/** An attempt: asked and answered at a time, released at another, or held still. */
const attempt = (asked: number, t: number, released = -1, more: Partial<Attempt> = {}): Attempt => ({
  ...{ asked, t, write: false, success: true, downgraded: false, by: null, released },
  ...more,
});
const refused = (t: number, by: string | null = null) => attempt(t, t, t, { success: false, by });
const short = attempt(20, 21, 22);
const held = attempt(20, 30);
const truth = (attempts: readonly Attempt[], known: Known = {}) => truthOf(attempts, about(known), recording(known));

const STAYED = { fallback: false, path: 'vma_lock' };
const PREPARED = { ...STAYED, anon_prepare: 'ok' };
const FELL = { fallback: true, path: 'mmap_lock' };
const waited = (wait: number) => ({ ...FELL, wait });

describe('a fault that completed', () => {
  test.each<[string, Attempt[], Known, unknown]>([
    ['without the lock', [], {}, STAYED],
    ['with a short section before: the anon_vma', [short], {}, PREPARED],
    ['with one that was held still', [held], {}, waited(10)],
    ['with one released after it', [attempt(20, 30, 101)], {}, waited(10)],
    ['with one released as it completed', [attempt(20, 30, 100)], {}, PREPARED],
    ['with a short one in a shared VMA', [short], { shared: true }, waited(1)],
    ['with a short one in kernel mode', [short], { kernelMode: true }, waited(1)],
    ['without one in kernel mode', [], { kernelMode: true }, STAYED],
    ['with a short one in a kernel without that trylock', [short], { trylock: false }, waited(1)],
    ['with a short one in a VMA nobody knows', [short], { shared: null }, UNKNOWN_VMA],
    ['without one in a VMA nobody knows', [], { shared: null }, STAYED],
    ['with one held still in a VMA nobody knows', [held], { shared: null }, waited(10)],
    ['after a refusal', [refused(10), held], {}, waited(10)],
    [
      'after two: the first was for the anon_vma',
      [refused(10), refused(12), attempt(12, 30)],
      {},
      { ...waited(18), anon_prepare: 'failed' },
    ],
    ['after two in a shared VMA', [refused(10), refused(12), attempt(12, 30)], { shared: true }, waited(18)],
    [
      'after two of which the first was waited for, in a shared VMA',
      [attempt(8, 10, 10, { success: false }), refused(12), attempt(12, 30)],
      { shared: true },
      waited(20),
    ],
    [
      'after two of which the first was waited for: not by the slow path',
      [attempt(8, 10, 10, { success: false }), refused(12), attempt(12, 30)],
      {},
      { ...waited(18), anon_prepare: 'failed' },
    ],
    ['after one, and two sections', [refused(10), short, held], {}, FELL],
    ['after two, without that trylock', [refused(10), refused(12), attempt(12, 30)], { trylock: false }, waited(18)],
    [
      'before a refusal, in a shared VMA',
      [attempt(20, 25, 30), attempt(40, 45, 45, { success: false })],
      { shared: true },
      waited(5),
    ],
    ['after one alone in a shared VMA', [refused(10)], { shared: true }, STAYED],
    ['after two in kernel mode', [refused(10), refused(12), attempt(12, 30)], { kernelMode: true }, waited(18)],
    ['after two that nobody was let in after', [refused(10), refused(12)], {}, STAYED],
    ["with two sections: one may be the anon_vma's", [short, held], {}, FELL],
    ['with two in a shared VMA', [attempt(20, 25, 30), attempt(40, 42)], { shared: true }, waited(7)],
    ['with a write lock only', [attempt(20, 21, 22, { write: true })], {}, STAYED],
    [
      'when the stack grew',
      [attempt(10, 15, 20, { write: true, downgraded: true }), attempt(20, 20, 40)],
      {},
      waited(5),
    ],
  ])('%s', (_, attempts, known, said) => {
    expect(truth(attempts, known)).toEqual(said);
  });
});

describe('a call chain decides', () => {
  const by = (taker: string, more = short) => ({ ...more, by: taker });
  test.each<[string, Attempt[], Known, unknown]>([
    [
      'for the slow path',
      [by('lock_mm_and_find_vma', attempt(20, 30, 50))],
      {},
      { ...waited(10), via: 'lock_mm_and_find_vma' },
    ],
    ['for a handler of before', [by('do_user_addr_fault')], {}, { ...waited(1), via: 'do_user_addr_fault' }],
    [
      'for the anon_vma, however long',
      [by('__vmf_anon_prepare', held)],
      {},
      { ...PREPARED, via: '__vmf_anon_prepare' },
    ],
    ['for somebody else', [by('vm_mmap_pgoff')], { shared: true }, STAYED],
    [
      'for the anon_vma, refused, then the slow path',
      [refused(5, '__vmf_anon_prepare'), by('lock_mm_and_find_vma', held)],
      {},
      { ...waited(10), anon_prepare: 'failed', via: 'lock_mm_and_find_vma' },
    ],
    [
      'for the anon_vma, refused and then given: it was refused',
      [refused(5, '__vmf_anon_prepare'), by('__vmf_anon_prepare'), by('lock_mm_and_find_vma', held)],
      {},
      { ...waited(10), anon_prepare: 'failed', via: 'lock_mm_and_find_vma' },
    ],
    ['not where one of two has none', [by('__vmf_anon_prepare'), held], {}, { ...waited(10), anon_prepare: 'ok' }],
    [
      'where only a write lock has none',
      [by('__vmf_anon_prepare'), attempt(30, 31, -1, { write: true })],
      {},
      { ...PREPARED, via: '__vmf_anon_prepare' },
    ],
    [
      'with the wait of a stack that grew',
      [attempt(10, 15, 20, { write: true, downgraded: true }), by('lock_mm_and_find_vma', attempt(20, 22, 40))],
      {},
      { ...waited(7), via: 'lock_mm_and_find_vma' },
    ],
    [
      'without the wait for another write lock',
      [attempt(10, 15, 20, { write: true }), by('lock_mm_and_find_vma', attempt(20, 22, 40))],
      {},
      { ...waited(2), via: 'lock_mm_and_find_vma' },
    ],
  ])('%s', (_, attempts, known, said) => {
    expect(truth(attempts, known)).toEqual(said);
  });

  test('by the functions that are a fault handler’s own', () => {
    const own = ['lock_mm_and_find_vma', 'do_user_addr_fault', 'exc_page_fault', 'do_page_fault', '__do_page_fault'];
    expect([...own, '__vmf_anon_prepare', 'vm_mmap_pgoff', null].filter(isSlowPath)).toEqual(own);
  });
});

describe('a fault that did not complete, in a recording that shows who did', () => {
  const none = { doneAt: -1 };
  const SIGNAL = { fallback: false, path: 'signal' };
  test.each<[string, Attempt[], Known, unknown]>([
    ['took no lock', [], none, SIGNAL],
    ['took it for the anon_vma', [short], none, SIGNAL],
    ['took it where the kernel is not known', [short], { ...none, trylock: null }, SIGNAL],
    [
      'where the access is forbidden and the kernel is not known',
      [short],
      { ...none, trylock: null, permitted: false },
      UNKNOWN_LOCK,
    ],
    ['where it is forbidden', [short], { ...none, permitted: false }, SIGNAL],
    [
      'in a kernel that takes it for that',
      [short],
      { ...none, trylock: false, permitted: false },
      { ...SIGNAL, fallback: true, wait: 1 },
    ],
    ['outside every VMA', [short], { ...none, covered: false }, { ...SIGNAL, fallback: true, wait: 1 }],
    ['where nobody knows the VMA', [short], { ...none, covered: null }, UNKNOWN_LOCK],
    ['where nobody knows it, without a lock', [], { ...none, covered: null }, SIGNAL],
    ['in kernel mode', [short], { ...none, kernelMode: true }, { ...SIGNAL, fallback: true, wait: 1 }],
    ['in kernel mode with page faults disabled', [], { ...none, kernelMode: true }, { fallback: false }],
    [
      'and its process died of it: the lock was acct_collect()’s',
      [short],
      { ...none, covered: false, exits: true, groupDead: true },
      { ...SIGNAL },
    ],
    [
      'and died of it after the slow path',
      [short, short],
      { ...none, covered: false, exits: true, groupDead: true },
      { ...SIGNAL, fallback: true },
    ],
    [
      'and a thread died of it alone',
      [short],
      { ...none, covered: false, exits: true },
      { ...SIGNAL, fallback: true, wait: 1 },
    ],
    [
      'and died of it where the map is not known',
      [short],
      { ...none, trylock: null, permitted: false, exits: true },
      SIGNAL,
    ],
    [
      'after a refusal, and it asked to write',
      [refused(10), attempt(20, 21, 22, { write: true })],
      { ...none, covered: false, exits: true, groupDead: true },
      { ...SIGNAL, fallback: true, wait: 1 },
    ],
    [
      'since another thread ended the process',
      [],
      { ...none, exits: true, dying: true },
      { fallback: false, path: 'killed' },
    ],
    [
      'since it was forbidden, while another ended the process',
      [],
      { ...none, exits: true, dying: true, permitted: false },
      SIGNAL,
    ],
    ['since the recording ended', [], { ...none, cutOff: true }, { fallback: false }],
  ])('%s', (_, attempts, known, said) => {
    expect(truth(attempts, known)).toEqual(said);
  });
});

describe('without completion events', () => {
  const open = { doneAt: -1, completions: false, everyCall: true, goesOn: true };
  const SIGNAL = { fallback: false, path: 'signal' };
  test.each<[string, Attempt[], Known, unknown]>([
    ['no lock', [], open, STAYED],
    ['one held still', [held], open, waited(10)],
    ['one released', [short], open, UNKNOWN_LOCK],
    ['in a shared VMA', [short], { ...open, shared: true }, FELL],
    ['in kernel mode', [short], { ...open, kernelMode: true }, FELL],
    ['in a kernel without the trylock', [short], { ...open, trylock: false }, waited(1)],
    ['by a thread that exits', [held], { ...open, exits: true, goesOn: false }, UNKNOWN_LOCK],
    [
      'by a stack that grew',
      [attempt(10, 15, 20, { write: true, downgraded: true }), attempt(20, 20, 40)],
      open,
      waited(5),
    ],
    ['after a refusal', [refused(10), short], open, waited(1)],
    ['twice', [short, attempt(30, 31, 32)], open, FELL],
    [
      'twice, where calls are not all recorded',
      [short, attempt(30, 31, 32)],
      { ...open, everyCall: false },
      UNKNOWN_LOCK,
    ],
    ['once, and nobody knows what followed', [short], { ...open, goesOn: false, firstRss: 25 }, UNKNOWN_LOCK],
    ['with a counter that changed after it: the anon_vma', [short], { ...open, firstRss: 25 }, PREPARED],
    [
      'with one that changed after it, where calls are not all recorded',
      [short],
      { ...open, everyCall: false, firstRss: 25 },
      UNKNOWN_LOCK,
    ],
    ['with one that changed inside', [attempt(20, 21, 29)], { ...open, firstRss: 25 }, waited(1)],
    ['with one that changed before', [short], { ...open, firstRss: 19 }, UNKNOWN_LOCK],
    ['with one that changed as it was got', [short], { ...open, firstRss: 21 }, UNKNOWN_LOCK],
    ['to execute, which needs no anon_vma', [short], { ...open, access: 'exec' }, waited(1)],
    ['to read a file', [short], { ...open, access: 'read', mapsFile: true }, waited(1)],
    ['to read anonymous memory', [short], { ...open, access: 'read' }, UNKNOWN_LOCK],
    ['to write to a file', [short], { ...open, mapsFile: true }, UNKNOWN_LOCK],
    ['after a monitor answered', [short], { ...open, resolvedAt: 20 }, waited(1)],
    ['before a monitor answered', [short], { ...open, resolvedAt: 21 }, UNKNOWN_LOCK],
    [
      'and SIGSEGV outside every VMA',
      [short],
      { ...open, signal: 11, covered: false },
      { ...SIGNAL, fallback: true, wait: 1 },
    ],
    ['and SIGBUS inside one', [short], { ...open, signal: 7 }, SIGNAL],
    ['and SIGBUS inside one, in a kernel nobody knows', [short], { ...open, signal: 7, trylock: null }, UNKNOWN_LOCK],
    ['and a signal where nobody knows the VMA', [short], { ...open, signal: 7, covered: null }, UNKNOWN_LOCK],
    ['and a signal without a lock', [], { ...open, signal: 7 }, SIGNAL],
  ])('%s', (_, attempts, known, said) => {
    const found = truth(attempts, known);
    if (said === FELL) expect(found).toMatchObject(FELL);
    else expect(found).toEqual(said);
  });

  test.each<[string, Known, string | undefined]>([
    ['goes on in a VMA nobody knows', { covered: null, goesOn: true }, 'vma_lock'],
    ['does not, as far as is known', { covered: null }, undefined],
    ['had its access permitted', {}, 'vma_lock'],
    ['had it forbidden', { permitted: false }, undefined],
    ['had it forbidden, where signals are recorded', { permitted: false, signals: true }, 'vma_lock'],
    ['is outside every VMA', { covered: false }, undefined],
    ['changed a counter', { covered: false, firstRss: 5 }, 'vma_lock'],
    ['was killed', { exits: true, dying: true }, 'killed'],
    ['was killed after it changed a counter', { exits: true, dying: true, firstRss: 5 }, 'vma_lock'],
    ['is cut off', { cutOff: true, firstRss: 5 }, undefined],
    ['is the kernel’s', { kernelMode: true, firstRss: 5 }, undefined],
  ])('where it was finished that %s', (_, known, path) => {
    expect(truth([], { doneAt: -1, completions: false, ...known })).toEqual({ fallback: false, ...(path && { path }) });
  });
});

describe('the attempts of a fault', () => {
  test('are released from the last that is held, and a downgrade is another', () => {
    const locks = new FaultLocks();
    locks.acquire(12, 10, true, true, null);
    locks.downgrade(15, ['lock_mm_and_find_vma']);
    locks.acquire(17, 16, false, false, ['x']);
    locks.release(20);
    expect(locks.attempts).toEqual([
      attempt(10, 12, 15, { write: true, downgraded: true }),
      attempt(15, 15, 20, { by: 'lock_mm_and_find_vma' }),
      attempt(16, 17, 17, { success: false, by: 'x' }),
    ]);
  });

  test('are explained by the innermost function that is one of ours, once', () => {
    const taker = (...stack: string[]) => {
      const locks = new FaultLocks();
      locks.acquire(1, 1, false, true, null);
      locks.explain(stack);
      locks.explain(['too late']);
      return locks.attempts[0].by;
    };
    expect(taker('down_read', 'lock_mm_and_find_vma', 'do_user_addr_fault')).toBe('lock_mm_and_find_vma');
    expect(taker('a', '__vmf_anon_prepare', 'do_cow_fault')).toBe('__vmf_anon_prepare');
    expect(taker('vmf_anon_prepare', 'lock_mm_and_find_vma')).toBe('__vmf_anon_prepare');
    expect(taker('vm_mmap_pgoff', 'do_mmap')).toBe('vm_mmap_pgoff');
    expect(taker()).toBe('too late');
  });
});

describe('what a recording says of its kernel', () => {
  test.each([
    ['6.9.12', false],
    ['v6.10-rc1', true],
    ['6.18.44', true],
    ['7.0', true],
    ['5.19', false],
    ['linux', null],
    [undefined, null],
  ])('the release %s', (release, trylock) => {
    expect(new Recording(release).trylock).toBe(trylock);
  });

  test('64 user faults in a row that took mmap_lock are of a kernel without VMA locks; one that did not, of another', () => {
    const seen = (...faults: boolean[]) => {
      const found = recording({ trylock: null });
      for (const locked of faults) found.sawUserFault(locked);
      return [found.trylock, found.undecided];
    };
    const locked = Array.from({ length: 64 }, () => true);
    expect(seen(...locked.slice(1))).toEqual([null, true]);
    expect(seen(...locked)).toEqual([false, false]);
    expect(seen(false, ...locked)).toEqual([null, false]);
    const unlocked = new Recording(undefined);
    unlocked.sawUserFault(false);
    expect(unlocked.undecided).toBe(true);
    const named = new Recording('6.18');
    for (const lock of locked) named.sawUserFault(lock);
    expect(named.trylock).toBe(true);
  });

  test('a clock of timer interrupts is told from its shortest step', () => {
    const ticks = (...times: number[]) => {
      const found = new Recording(undefined);
      for (const t of times) found.saw({ t, cpu: 0 });
      return found.ticks;
    };
    expect(ticks()).toBe(false);
    expect(ticks(0)).toBe(false);
    expect(ticks(0, 4_000_000, 4_001_999, 8_000_000)).toBe(true);
    expect(ticks(0, 1_000_000)).toBe(true);
    expect(ticks(0, 4_000_000, 4_999_999)).toBe(false);
    expect(ticks(0, 4_000_000, 4_002_000)).toBe(false);
  });
});
