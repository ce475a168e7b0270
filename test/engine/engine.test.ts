/** Who runs when: the total order of a run, its limit, and what is said when nobody can go on. */
import { describe, expect, test } from 'vitest';
import { Engine, STEP_LIMIT, type Thread } from '../../src/engine/engine.js';
import { Bug, Complaint } from '../../src/errors.js';
import { COSTS } from '../../src/kernel/costs.js';
import { findStage } from '../../src/lineage/resolve.js';
import { Run } from '../../src/replay/run.js';
import { readTrace } from '../../src/trace/reader.js';
import { LAST_NS } from '../../src/units.js';
import { fault, traceFile, vma } from '../helpers.js';

/** A thread that notes its name and the time whenever it runs, and then does `next`. */
class Noting implements Thread {
  blockedOn: string | null = null;

  constructor(
    private readonly engine: Engine,
    private readonly notes: string[],
    private readonly name: string,
    private readonly next: () => void = () => {},
  ) {}

  resume(): void {
    this.notes.push(`${this.name}@${this.engine.now}`);
    this.next();
  }

  waitsFor(): string | null {
    return this.blockedOn;
  }
}

function threads(...names: string[]) {
  const engine = new Engine();
  const notes: string[] = [];
  const ids = names.map(name => engine.add(new Noting(engine, notes, name)));
  return { engine, notes, ids };
}

describe('the order of a run', () => {
  test('is by time', () => {
    const { engine, notes, ids } = threads('a', 'b', 'c');
    engine.wake(ids[0], 30);
    engine.wake(ids[1], 10);
    engine.wake(ids[2], 20);
    while (engine.step());
    expect(notes).toEqual(['b@10', 'c@20', 'a@30']);
  });

  test('at the same time is the order of asking, whatever the numbers of the threads', () => {
    const { engine, notes, ids } = threads('a', 'b', 'c', 'd');
    for (const i of [2, 0, 3, 1]) engine.wake(ids[i], 5);
    while (engine.step());
    expect(notes).toEqual(['c@5', 'a@5', 'd@5', 'b@5']);
  });

  test('puts who is woken at no delay behind those due at the same time', () => {
    const engine = new Engine();
    const notes: string[] = [];
    const late = engine.add(new Noting(engine, notes, 'late'));
    const first = engine.add(new Noting(engine, notes, 'first', () => engine.wake(late, 0)));
    const second = engine.add(new Noting(engine, notes, 'second'));
    engine.wake(first, 1);
    engine.wake(second, 1);
    while (engine.step());
    expect(notes).toEqual(['first@1', 'second@1', 'late@1']);
  });
});

describe('the clock', () => {
  test('runs up to the time asked for, with everything due by then', () => {
    const { engine, notes, ids } = threads('a', 'b');
    engine.wake(ids[0], 10);
    engine.wake(ids[1], 11);
    engine.runUntil(10);
    expect(notes).toEqual(['a@10']);
    engine.runUntil(10.5);
    expect(engine.now).toBe(10.5);
    expect(engine.next).toBe(11);
  });

  test('moves for the running thread while nobody else can act before, and not beyond the horizon', () => {
    const { engine, ids } = threads('a', 'b');
    engine.horizon = 100;
    engine.wake(ids[1], 50);
    expect(engine.pass(ids[0], 40)).toBe(true);
    expect(engine.now).toBe(40);
    // Thread b is due at 50: thread a must block and comes after it.
    expect(engine.pass(ids[0], 10)).toBe(false);
    expect(engine.now).toBe(40);
  });

  test('stands at the horizon: what the trace holds next may come first', () => {
    const { engine, ids } = threads('a');
    engine.horizon = 10;
    expect(engine.pass(ids[0], 11)).toBe(false);
    expect(engine.now).toBe(0);
    expect(engine.next).toBe(11);
  });
});

describe('a time past the last that is exact', () => {
  test.each<[string, (engine: Engine) => void]>([
    ['is not asked for', engine => engine.wake(0, LAST_NS)],
    ['does not pass', engine => engine.pass(0, LAST_NS)],
    ['is not run to', engine => engine.runUntil(LAST_NS + 1)],
  ])('%s', (_, act) => {
    const engine = new Engine();
    engine.where = { file: 't.json' };
    engine.runUntil(1);
    const message = 'the clock of the replay passes 9,007,199,254,740,991 ns (104 days), and would not be exact';
    const hint = 'give shorter times, smaller --costs or a part of the trace';
    expect(() => act(engine)).toThrow(new Complaint('limit', message, engine.where, hint));
  });

  test('the last one is reached', () => {
    const engine = new Engine();
    engine.runUntil(1);
    engine.horizon = LAST_NS;
    expect(engine.pass(0, LAST_NS - 1)).toBe(true);
    expect(engine.now).toBe(LAST_NS);
  });
});

describe('no time', () => {
  test('passes at once, and is no progress', () => {
    const engine = new Engine();
    expect([engine.pass(0, 0), engine.now]).toEqual([true, 0]);
  });
});

describe('no progress', () => {
  test('nobody acts in the past', () => {
    const engine = new Engine();
    engine.add({ resume() {}, waitsFor: () => null });
    engine.runUntil(10);
    engine.wake(0, -3);
    expect(() => engine.step()).toThrow(new Bug('thread 0 is to act at 7 ns, and it is 10 ns'));
  });

  test('a loop of wake-ups that never lets time pass ends with its reason', () => {
    const engine = new Engine();
    const id: number = engine.add({ resume: () => engine.wake(id, 0), waitsFor: () => null });
    engine.wake(id, 7);
    expect(() => {
      while (engine.step());
    }).toThrow(new Bug(`no progress: ${STEP_LIMIT} steps at 7 ns (a retry loop that nobody ends?)`));
  });

  test('who is blocked is told a line each, runnable threads are not', () => {
    const engine = new Engine();
    const held = new Noting(engine, [], 'a');
    engine.add(held);
    engine.add(new Noting(engine, [], 'b'));
    expect(engine.blocked()).toEqual([]);
    held.blockedOn = 'thread 1 waits for mmap_lock (read), held up by thread 2';
    expect(engine.blocked()).toEqual(['thread 1 waits for mmap_lock (read), held up by thread 2']);
  });

  test('a deadlock names who waits, for what, and who holds it', async () => {
    const run = new Run(findStage('v6.18'), { timing: 'closed', costs: COSTS });
    let fed = 0;
    await readTrace(traceFile([vma(0, 4, { t: 0, tid: 1 }), fault(0, { t: 10, tid: 2, mode: 'kernel' })]), {
      batch: 1,
      onBatch: (columns, info) => {
        // No trace can make a thread keep mmap_lock for ever: thread 1 takes it behind the run's back.
        if (fed === 1) run.kernel.mm(0).mmap_lock.write(0);
        run.feed(columns, fed++, info);
      },
    });
    expect(() => run.finish()).toThrow(
      new Bug('deadlock: thread 2 (event 1) waits for mmap_lock (read), held up by thread 1'),
    );
  });
});
