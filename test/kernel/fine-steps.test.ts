/** Every way the steps of a fault and those of a writer can fall between each other, under both VMA locks. */
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
import type { VmaLock } from '../../src/kernel/vma-lock/index.js';
import { findStage } from '../../src/lineage/resolve.js';
import { ACCESS_WRITE } from '../../src/vocab.js';

const START = 0x1000;

function anonymous(start = START, end = START + 8): Vma {
  const vma = new Vma(start, end, VM_READ | VM_WRITE, start, -1, 0, -1);
  vma.anon_vma = new AnonVma();
  vma.anon_vma_chain = 1;
  return vma;
}

const SILENT: Ledger = {
  fault() {},
  count() {},
  miss() {},
  asleep() {},
  slept() {},
  mmapLocked() {},
  trylock() {},
  prepared() {},
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
    expect(() => explore(stage, hasty)).toThrow('vma_start_write: readers are inside');
  });

  test('a writer that marks nothing is found out', () => {
    expect(explore(stage, [shrink[0], shrink[3], shrink[4]]).bad).toMatch(/^[01]+$/);
  });
});
