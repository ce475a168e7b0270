/** Both VMA locks against the lock-state table, and every way a fault's steps and a writer's can fall between each other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { COSTS } from '../../src/kernel/costs.js';
import { step } from '../../src/kernel/fault.js';
import {
  DONE,
  ENTRY,
  HANDLE,
  LOCK_MMAP,
  LOCK_VMA_UNDER_RCU,
  VMA_END_READ,
  VMA_LOCKED,
  VMA_START_READ,
  VMA_START_READ_RECHECK,
} from '../../src/kernel/fault-steps.js';
import { Kernel } from '../../src/kernel/kernel.js';
import type { Ledger } from '../../src/kernel/ledger.js';
import type { Mm } from '../../src/kernel/mm.js';
import { Task } from '../../src/kernel/task.js';
import { AnonVma, VM_READ, VM_WRITE, Vma } from '../../src/kernel/vma.js';
import { READ_DETACHED, READ_FAILED, READ_TAKEN, type VmaLock } from '../../src/kernel/vma-lock/index.js';
import { RefcountLock } from '../../src/kernel/vma-lock/refcount.js';
import { RwsemSeqLock } from '../../src/kernel/vma-lock/rwsem-seq.js';
import { findStage } from '../../src/lineage/resolve.js';
import { ACCESS_WRITE } from '../../src/vocab.js';

const START = 0x1000;
const LOCKS: [string, () => VmaLock][] = [
  ['rwsem and sequence', () => new RwsemSeqLock()],
  ['reference count', () => new RefcountLock()],
];
const TAKEN = { [READ_FAILED]: 'failed', [READ_TAKEN]: 'taken', [READ_DETACHED]: 'detached' };

function anonymous(start = START, end = START + 8): Vma {
  const vma = new Vma(start, end, VM_READ | VM_WRITE, start, -1, 0, -1);
  vma.anon_vma = new AnonVma();
  vma.anon_vma_chain = 1;
  return vma;
}

// ---------------------------------------------------------------------------------------------------------------------
// The lock alone

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
    const vma = anonymous();
    STATES[state](lock, mm, vma);
    expect(lock.readers(vma)).toBe(readers);
    expect(lock.isMarked(mm, vma)).toBe(marked);
    expect(lock.isDetached(vma)).toBe(detached);
    const read = lock.seqSaysLocked(mm, vma) ? 'seq' : TAKEN[lock.take(vma)];
    expect(read).toBe(name === 'reference count' ? v2 : v1);
  });

  test('a writer must sleep exactly while readers are inside, and the last to leave says so', () => {
    const lock = make();
    const vma = anonymous();
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
    const vma = anonymous();
    lock.attach(vma);
    lock.take(vma);
    expect(lock.endRead(vma)).toBe(false);
  });

  test('all marks of a section end together, those of unmapped VMAs too', () => {
    const lock = make();
    const mm = { mm_lock_seq: 0 };
    const vmas = [anonymous(), anonymous(), anonymous()];
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
        const vmas = [anonymous(), anonymous()];
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
  test('refuses to detach a VMA that readers are inside of, or to attach one twice', () => {
    const lock = new RefcountLock();
    const vma = anonymous();
    lock.attach(vma);
    lock.take(vma);
    expect(() => lock.detach(vma)).toThrow('readers are inside');
    expect(() => lock.attach(vma)).toThrow('attached already');
  });
});

// ---------------------------------------------------------------------------------------------------------------------
// The lock under a fault, step by step

const SILENT: Ledger = {
  fault() {},
  miss() {},
  mmapLocked() {},
  mmapTrylockFailed() {},
  mmapHeld() {},
  vmaRead() {},
  vmaReadRefused() {},
  vmaMarked() {},
  blocked() {},
};

/** One mm with one VMA of 8 pages, a fault on its page 2, and the moves of a writer. */
class Bench {
  misses = 0;
  private readonly engine = new Engine();
  readonly kernel: Kernel;
  readonly lock: VmaLock;
  readonly mm: Mm;
  readonly vma = anonymous();
  readonly task = new Task(0);

  constructor(stage: string) {
    this.engine.horizon = Number.POSITIVE_INFINITY;
    this.engine.add({ resume() {}, waitsFor: () => null });
    const ledger = { ...SILENT, miss: () => void this.misses++ };
    this.kernel = new Kernel(findStage(stage), this.engine, COSTS, ledger, false);
    this.lock = this.kernel.lock as VmaLock;
    this.mm = this.kernel.mm(0);
    this.kernel.tasks.push(this.task);
    this.lock.attach(this.vma);
    this.mm.mm_mt.store(this.vma);
    this.task.mm = this.mm;
    this.task.page = START + 2;
    this.task.code = ACCESS_WRITE;
    this.task.step = ENTRY;
  }

  /** One step of the fault; true while there is another. */
  fault(): boolean {
    const next = step(this.kernel, this.task);
    // A sleep or a hold of known length: the step has set where it goes on.
    if (next >= 0 || next === DONE) this.task.step = next;
    return this.task.step !== DONE && this.task.step !== LOCK_MMAP;
  }

  faultUntil(at: number): void {
    while (this.task.step !== at) if (!this.fault()) throw new Error(`the fault was over before step ${at}`);
  }

  faultToEnd(): string {
    while (this.fault());
    return this.task.step === DONE ? 'vma_lock' : `mmap_lock because of ${this.task.site}`;
  }

  begin = (): void => this.lock.beginWriteSection(this.mm);
  exclude = (): void => void this.lock.excludeReaders(this.vma);
  mark = (): void => this.lock.mark(this.mm, this.vma);
  erase = (): void => this.mm.mm_mt.erase(this.vma);
  detach = (): void => this.lock.detach(this.vma);
  end = (): void => this.lock.endWriteAll(this.mm);
  /** Cuts the VMA short: the fault's page is outside of it now. */
  shrink = (): void => this.mm.mm_mt.resize(this.vma, START + 4, START + 8);
  /** A new VMA in the place of the one that was erased. */
  replace = (): void => {
    const other = anonymous();
    this.lock.attach(other);
    this.mm.mm_mt.store(other);
  };

  write(...moves: (() => void)[]): void {
    for (const move of moves) move();
  }
}

describe.each(['v6.4', 'v6.12', 'v6.15', 'v6.18'])('a fault between the steps of a writer under %s', stage => {
  test('undisturbed it passes every step', () => {
    const bench = new Bench(stage);
    const steps = [bench.task.step];
    while (bench.fault()) steps.push(bench.task.step);
    expect(steps).toEqual([
      ENTRY,
      LOCK_VMA_UNDER_RCU,
      VMA_START_READ,
      VMA_START_READ_RECHECK,
      VMA_LOCKED,
      HANDLE,
      VMA_END_READ,
    ]);
    expect(bench.task.step).toBe(DONE);
  });

  test('the sequence moves between the first look and the reference: taken, seen again, given back, aborted', () => {
    const bench = new Bench(stage);
    bench.faultUntil(VMA_START_READ);
    bench.write(bench.begin, bench.exclude, bench.mark);
    bench.faultUntil(VMA_START_READ_RECHECK);
    expect(bench.lock.readers(bench.vma)).toBe(1);
    expect(bench.faultToEnd()).toBe('mmap_lock because of vma_start_read');
    expect(bench.lock.readers(bench.vma)).toBe(0);
  });

  test('a writer that has come and gone in between is nothing to fear', () => {
    const bench = new Bench(stage);
    bench.faultUntil(VMA_START_READ);
    bench.write(bench.begin, bench.exclude, bench.mark, bench.end);
    expect(bench.faultToEnd()).toBe('vma_lock');
  });

  test('the VMA is unmapped in between: a miss, and the lookup finds nothing', () => {
    const bench = new Bench(stage);
    bench.faultUntil(VMA_START_READ);
    bench.write(bench.begin, bench.exclude, bench.mark, bench.erase, bench.detach, bench.end);
    expect(bench.faultToEnd()).toBe('mmap_lock because of lock_vma_under_rcu.no_vma');
    expect(bench.misses).toBe(1);
  });

  test('it is unmapped and another put in its place: a miss, and the lookup finds the other', () => {
    const bench = new Bench(stage);
    bench.faultUntil(VMA_START_READ);
    bench.write(bench.begin, bench.exclude, bench.mark, bench.erase, bench.detach, bench.replace, bench.end);
    expect(bench.faultToEnd()).toBe('vma_lock');
    expect(bench.misses).toBe(1);
  });

  test('its bounds moved away from the page in between: aborted', () => {
    const bench = new Bench(stage);
    bench.faultUntil(VMA_START_READ);
    bench.write(bench.begin, bench.exclude, bench.mark, bench.shrink, bench.end);
    expect(bench.faultToEnd()).toBe('mmap_lock because of lock_vma_under_rcu.range');
    expect(bench.misses).toBe(0);
  });

  test('a writer that waits keeps the next reader out', () => {
    const bench = new Bench(stage);
    bench.lock.take(bench.vma);
    bench.write(bench.begin, bench.exclude);
    expect(bench.faultToEnd()).toBe('mmap_lock because of vma_start_read');
  });
});

describe('a detached VMA whose bounds moved as well', () => {
  test.each([
    ['v6.10', 'aborts: bounds are looked at first', 0, 'mmap_lock because of lock_vma_under_rcu.range'],
    ['v6.12', 'is a miss: bounds of a detached VMA mean nothing', 1, 'mmap_lock because of lock_vma_under_rcu.no_vma'],
  ])('%s %s', (stage, _, misses, outcome) => {
    const bench = new Bench(stage);
    bench.faultUntil(VMA_START_READ);
    bench.write(bench.begin, bench.exclude, bench.mark, bench.shrink, bench.erase, bench.detach, bench.end);
    expect(bench.faultToEnd()).toBe(outcome);
    expect(bench.misses).toBe(misses);
  });
});

// ---------------------------------------------------------------------------------------------------------------------
// Every interleaving

interface Move {
  run(bench: Bench): void;
  /** may it be made now? */
  may?(bench: Bench): boolean;
}

const readersGone = (bench: Bench): boolean => bench.lock.readers(bench.vma) === 0;
const munmap: readonly Move[] = [
  { run: bench => bench.begin() },
  { run: bench => bench.exclude() },
  { run: bench => bench.mark(), may: readersGone },
  { run: bench => bench.erase() },
  { run: bench => bench.detach(), may: readersGone },
  { run: bench => bench.end() },
];
const shrink: readonly Move[] = [
  { run: bench => bench.begin() },
  { run: bench => bench.exclude() },
  { run: bench => bench.mark(), may: readersGone },
  { run: bench => bench.shrink() },
  { run: bench => bench.end() },
];

/** Past every check of the lookup the fault relies on the VMA: it must be attached, unmarked and around the page. */
function violated({ task, lock, mm }: Bench): boolean {
  if (task.step !== HANDLE && task.step !== VMA_END_READ) return false;
  const vma = task.vma as Vma;
  const outside = task.page < vma.vm_start || task.page >= vma.vm_end;
  return lock.isDetached(vma) || lock.isMarked(mm, vma) || outside;
}

/** Runs the fault (`0`) against the writer (`1`) in every order; gives the outcomes and the first bad schedule. */
function explore(stage: string, writer: readonly Move[]) {
  const outcomes = new Map<string, number>();
  let bad: string | null = null;
  const visit = (schedule: string): void => {
    const bench = new Bench(stage);
    let done = false;
    let moved = 0;
    for (const turn of schedule) {
      if (turn === '0') done = !bench.fault();
      else writer[moved++].run(bench);
      if (violated(bench)) bad ??= schedule;
    }
    const may = moved < writer.length && (writer[moved].may?.(bench) ?? true);
    if (!done) visit(`${schedule}0`);
    if (may) visit(`${schedule}1`);
    if (done && moved === writer.length) {
      const how = bench.task.step === DONE ? 'vma_lock' : (bench.task.site as string);
      outcomes.set(how, (outcomes.get(how) ?? 0) + 1);
    } else if (done && !may) outcomes.set('stuck', 1);
  };
  visit('');
  return { outcomes: [...outcomes.keys()].sort(), bad };
}

describe.each(['v6.4', 'v6.12', 'v6.18'])('every interleaving of one fault under %s', stage => {
  test('with munmap: handled before it, refused during it, or nothing found after it', () => {
    expect(explore(stage, munmap)).toEqual({
      outcomes: ['lock_vma_under_rcu.no_vma', 'vma_lock', 'vma_start_read'],
      bad: null,
    });
  });

  test('with a VMA that shrinks: handled before it, refused during it, or outside after it', () => {
    const { outcomes, bad } = explore(stage, shrink);
    expect(bad).toBeNull();
    expect(outcomes).toEqual(['lock_vma_under_rcu.no_vma', 'lock_vma_under_rcu.range', 'vma_lock', 'vma_start_read']);
  });

  test('a writer that does not wait for readers is found out', () => {
    const hasty = shrink.map(({ run }) => ({ run }));
    expect(explore(stage, hasty).bad).toMatch(/^[01]+$/);
  });

  test('a writer that marks nothing is found out', () => {
    expect(explore(stage, [shrink[0], shrink[3], shrink[4]]).bad).toMatch(/^[01]+$/);
  });
});
