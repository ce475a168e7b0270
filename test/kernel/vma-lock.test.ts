/** Both VMA locks against the lock-state table. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VM_READ, VM_WRITE, Vma } from '../../src/kernel/vma.js';
import { READ_DETACHED, READ_FAILED, READ_TAKEN, type VmaLock } from '../../src/kernel/vma-lock/index.js';
import { RefcountLock } from '../../src/kernel/vma-lock/refcount.js';
import { RwsemSeqLock } from '../../src/kernel/vma-lock/rwsem-seq.js';
import { SequenceLock } from '../../src/kernel/vma-lock/sequence.js';

const LOCKS: [string, () => VmaLock][] = [
  ['rwsem and sequence', () => new RwsemSeqLock()],
  ['reference count', () => new RefcountLock()],
];
const TAKEN = { [READ_FAILED]: 'failed', [READ_TAKEN]: 'taken', [READ_DETACHED]: 'detached' };

const attachable = (): Vma => new Vma(0x1000, 0x1008, VM_READ | VM_WRITE, 0x1000, -1, 0, -1);

/** How a VMA comes into each state of the table. */
const STATES: Record<string, (lock: VmaLock, mm: { mm_lock_seq: number }, vma: Vma) => void> = {
  detached: () => {},
  attached: (lock, _, vma) => lock.attach(vma),
  'one reader': (lock, _, vma) => {
    lock.attach(vma);
    lock.take(vma);
  },
  'two readers': (lock, _, vma) => {
    lock.attach(vma);
    lock.take(vma);
    lock.take(vma);
  },
  'writer waits for a reader': (lock, mm, vma) => {
    lock.attach(vma);
    lock.take(vma);
    lock.beginWriteSection(mm);
    lock.excludeReaders(vma);
  },
  marked: (lock, mm, vma) => {
    lock.attach(vma);
    lock.beginWriteSection(mm);
    lock.excludeReaders(vma);
    lock.mark(mm, vma);
  },
  'marked, section over': (lock, mm, vma) => {
    STATES.marked(lock, mm, vma);
    lock.endWriteAll(mm);
  },
  'unmapped in this section': (lock, mm, vma) => {
    STATES.marked(lock, mm, vma);
    lock.detach(vma);
  },
  'unmapped, section over': (lock, mm, vma) => {
    STATES['unmapped in this section'](lock, mm, vma);
    lock.endWriteAll(mm);
  },
};

// What vma_start_read() makes of it in v1 and in v2 (`seq`: refused by the sequence before anything is taken).
const TABLE: [state: string, v1: string, v2: string, readers: number, marked: boolean, detached: boolean][] = [
  ['attached', 'taken', 'taken', 0, false, false],
  ['one reader', 'taken', 'taken', 1, false, false],
  ['two readers', 'taken', 'taken', 2, false, false],
  ['writer waits for a reader', 'failed', 'failed', 1, false, false],
  ['marked', 'seq', 'seq', 0, true, false],
  ['marked, section over', 'taken', 'taken', 0, false, false],
  ['unmapped in this section', 'seq', 'seq', 0, true, true],
  ['unmapped, section over', 'taken', 'detached', 0, false, true],
];

describe.each(LOCKS)('the VMA lock as %s', (name, make) => {
  test.each(TABLE)('%s', (state, v1, v2, readers, marked, detached) => {
    const lock = make();
    const mm = { mm_lock_seq: 0 };
    const vma = attachable();
    STATES[state](lock, mm, vma);
    expect(lock.readers(vma)).toBe(readers);
    expect(lock.isMarked(mm, vma)).toBe(marked);
    expect(lock.isDetached(vma)).toBe(detached);
    const read = lock.seqSaysLocked(mm, vma) ? 'seq' : TAKEN[lock.take(vma)];
    expect(read).toBe(name === 'reference count' ? v2 : v1);
  });

  test('a writer must sleep exactly while readers are inside, and the last to leave says so', () => {
    const lock = make();
    const vma = attachable();
    const mm = { mm_lock_seq: 0 };
    lock.attach(vma);
    lock.take(vma);
    lock.take(vma);
    lock.beginWriteSection(mm);
    expect(lock.excludeReaders(vma)).toBe(true);
    expect(lock.endRead(vma)).toBe(false);
    expect(lock.endRead(vma)).toBe(true);
    lock.mark(mm, vma);
    expect(lock.isMarked(mm, vma)).toBe(true);
    expect(lock.readers(vma)).toBe(0);
  });

  test('a reader that leaves while nobody waits wakes nobody', () => {
    const lock = make();
    const vma = attachable();
    lock.attach(vma);
    lock.take(vma);
    expect(lock.endRead(vma)).toBe(false);
  });

  test('all marks of a section end together, those of unmapped VMAs too', () => {
    const lock = make();
    const mm = { mm_lock_seq: 0 };
    const vmas = [attachable(), attachable(), attachable()];
    for (const vma of vmas) lock.attach(vma);
    lock.beginWriteSection(mm);
    for (const vma of vmas) {
      lock.excludeReaders(vma);
      lock.mark(mm, vma);
    }
    lock.detach(vmas[2]);
    expect(vmas.map(vma => lock.isMarked(mm, vma))).toEqual([true, true, true]);
    lock.endWriteAll(mm);
    expect(vmas.map(vma => lock.isMarked(mm, vma))).toEqual([false, false, false]);
    expect(vmas.map(vma => lock.seqSaysLocked(mm, vma))).toEqual([false, false, false]);
  });

  test('the sequence says locked from mark to end of the section and at no other time', () => {
    const commands = fc.array(fc.constantFrom('begin', 'mark0', 'mark1', 'end'), { maxLength: 60 });
    fc.assert(
      fc.property(commands, list => {
        const lock = make();
        const mm = { mm_lock_seq: 0 };
        const vmas = [attachable(), attachable()];
        for (const vma of vmas) lock.attach(vma);
        const marked = [false, false];
        let writing = false;
        for (const command of list) {
          if (command === 'begin' && !writing) {
            lock.beginWriteSection(mm);
            writing = true;
          } else if (command === 'end' && writing) {
            lock.endWriteAll(mm);
            marked.fill(false);
            writing = false;
          } else if (command.startsWith('mark') && writing) {
            const which = Number(command.slice(4));
            if (!lock.isMarked(mm, vmas[which])) {
              lock.excludeReaders(vmas[which]);
              lock.mark(mm, vmas[which]);
            }
            marked[which] = true;
          }
          expect(vmas.map(vma => lock.seqSaysLocked(mm, vma))).toEqual(marked);
        }
      }),
      { seed: 612, numRuns: 100 },
    );
  });
});

describe('the reference count', () => {
  test.each(LOCKS)(
    '%s: refuses to mark or detach what readers are inside of, and to let out who is not inside',
    (_, make) => {
      const [lock, mm, vma] = [make(), { mm_lock_seq: 0 }, attachable()];
      lock.attach(vma);
      expect(() => lock.endRead(vma)).toThrow('vma_end_read: nobody is inside');
      lock.take(vma);
      lock.beginWriteSection(mm);
      lock.excludeReaders(vma);
      expect(() => lock.mark(mm, vma)).toThrow('vma_start_write: readers are inside');
      expect(() => lock.detach(vma)).toThrow('vma_mark_detached: readers are inside');
    },
  );

  test('refuses to detach a VMA that readers are inside of, or to attach one twice', () => {
    const lock = new RefcountLock();
    const vma = attachable();
    lock.attach(vma);
    lock.take(vma);
    expect(() => lock.detach(vma)).toThrow('readers are inside');
    expect(() => lock.attach(vma)).toThrow('attached already');
  });
});

describe('a sequence count', () => {
  test('locks nobody: a VMA is marked until its write section ends, which is odd inside and even outside', () => {
    const [lock, mm, vma] = [new SequenceLock(), { mm_lock_seq: 0 }, attachable()];
    lock.attach(vma);
    expect([lock.isDetached(vma), lock.take(), lock.readers(), lock.endRead()]).toEqual([false, READ_FAILED, 0, false]);
    lock.beginWriteSection(mm);
    expect([lock.isMarked(mm, vma), lock.seqSaysLocked(mm, vma), mm.mm_lock_seq % 2]).toEqual([false, false, 1]);
    expect(lock.excludeReaders()).toBe(false);
    lock.mark(mm, vma);
    expect([lock.isMarked(mm, vma), lock.seqSaysLocked(mm, vma)]).toEqual([true, true]);
    lock.endWriteAll(mm);
    expect([lock.isMarked(mm, vma), lock.seqSaysLocked(mm, vma), mm.mm_lock_seq % 2]).toEqual([false, false, 0]);
    lock.detach(vma);
    expect(lock.isDetached(vma)).toBe(true);
  });
});
