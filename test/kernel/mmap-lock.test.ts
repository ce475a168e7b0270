/** The rules of mmap_lock, a rw_semaphore: who enters at once, who queues, who is woken, and who may steal. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_READERS_WAKEUP, MmapLock, RWSEM_WAIT_TIMEOUT, type Waiters } from '../../src/kernel/mmap-lock.js';

const WAKE = 3_000;

/** A lock, the clock it reads, and whom it woke. */
class Bench implements Waiters {
  now = 0;
  readonly woken: number[] = [];
  readonly lock = new MmapLock(this, WAKE);

  wake(thread: number, delay: number): void {
    expect(delay).toBe(WAKE);
    this.woken.push(thread);
  }

  /** Threads that ask for it in this order, `r3` or `w4`; those that got it at once. */
  ask(...list: string[]): string[] {
    return list.filter(one => {
      const thread = Number(one.slice(1));
      return one.startsWith('r') ? this.lock.read(thread) : this.lock.write(thread);
    });
  }

  /** Those woken since the last call. */
  takeWoken(): number[] {
    return this.woken.splice(0);
  }
}

describe('down_read_trylock()', () => {
  test('succeeds on a free lock and beside readers', () => {
    const { lock } = new Bench();
    expect(lock.tryRead(1)).toBe(true);
    expect(lock.tryRead(2)).toBe(true);
    expect([...lock.readers]).toEqual([1, 2]);
  });

  test('fails on a writer', () => {
    const bench = new Bench();
    bench.ask('w1');
    expect(bench.lock.tryRead(2)).toBe(false);
  });

  test('fails on a queued writer though only readers hold the lock', () => {
    const bench = new Bench();
    expect(bench.ask('r1', 'w2')).toEqual(['r1']);
    expect(bench.lock.tryRead(3)).toBe(false);
  });

  test('fails on a queued reader', () => {
    const bench = new Bench();
    expect(bench.ask('w1', 'r2')).toEqual(['w1']);
    bench.lock.downgrade(1);
    bench.takeWoken();
    expect(bench.ask('w3', 'r4')).toEqual([]);
    expect(bench.lock.tryRead(5)).toBe(false);
  });

  test('fails between a release and the woken writer running: its waiter is still queued', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2');
    bench.lock.releaseWrite(1);
    expect(bench.takeWoken()).toEqual([2]);
    expect(bench.lock.tryRead(3)).toBe(false);
    expect(bench.lock.writer).toBe(-1);
  });

  test('fails on handoff', () => {
    const bench = handedOff();
    expect(bench.lock.handoff).toBe(true);
    expect(bench.lock.tryRead(9)).toBe(false);
  });
});

/** Writer 2 has waited for more than 4 ms while others stole the lock, and found it taken again. */
function handedOff(): Bench {
  const bench = new Bench();
  bench.ask('w1', 'w2');
  bench.lock.releaseWrite(1);
  bench.ask('r3');
  bench.now = RWSEM_WAIT_TIMEOUT + 1;
  expect(bench.lock.woken(2)).toBe(false);
  return bench;
}

describe('the queue', () => {
  test('is first in, first out: a reader behind a queued writer waits for it though readers hold the lock', () => {
    const bench = new Bench();
    expect(bench.ask('r1', 'w2', 'r3')).toEqual(['r1']);
    bench.lock.releaseRead(1);
    expect(bench.takeWoken()).toEqual([2]);
    expect(bench.lock.woken(2)).toBe(true);
    expect(bench.lock.writer).toBe(2);
    bench.lock.releaseWrite(2);
    expect(bench.takeWoken()).toEqual([3]);
    expect(bench.lock.woken(3)).toBe(true);
    expect([...bench.lock.readers]).toEqual([3]);
  });

  test('the last reader wakes nobody before it is the last', () => {
    const bench = new Bench();
    bench.ask('r1', 'r2', 'w3');
    bench.lock.releaseRead(1);
    expect(bench.takeWoken()).toEqual([]);
    bench.lock.releaseRead(2);
    expect(bench.takeWoken()).toEqual([3]);
  });

  test('a reader at the head takes every queued reader along, wherever it stands; writers keep their order', () => {
    const bench = new Bench();
    bench.ask('w1', 'r2', 'w3', 'r4', 'w5', 'r6');
    bench.lock.releaseWrite(1);
    expect(bench.takeWoken()).toEqual([2, 4, 6]);
    expect([...bench.lock.readers]).toEqual([2, 4, 6]);
    for (const reader of [2, 4, 6]) bench.lock.releaseRead(reader);
    expect(bench.takeWoken()).toEqual([3]);
    expect(bench.lock.woken(3)).toBe(true);
    bench.lock.releaseWrite(3);
    expect(bench.takeWoken()).toEqual([5]);
  });

  test('a writer at the head is woken alone', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2', 'r3', 'r4');
    bench.lock.releaseWrite(1);
    expect(bench.takeWoken()).toEqual([2]);
  });

  test(`one release grants at most ${MAX_READERS_WAKEUP} readers; the others stay queued`, () => {
    const bench = new Bench();
    bench.ask('w0');
    const readers = Array.from({ length: MAX_READERS_WAKEUP + 4 }, (_, i) => i + 1);
    for (const reader of readers) bench.lock.read(reader);
    bench.lock.releaseWrite(0);
    expect(bench.takeWoken()).toEqual(readers.slice(0, MAX_READERS_WAKEUP));
    expect(bench.lock.readers.size).toBe(MAX_READERS_WAKEUP);
    expect(bench.lock.hasWaiters).toBe(true);
    for (const reader of [...bench.lock.readers]) bench.lock.releaseRead(reader);
    expect(bench.takeWoken()).toEqual(readers.slice(MAX_READERS_WAKEUP));
  });
});

describe('who is in the way', () => {
  test('of a lock that is free: nobody, whoever had it before', () => {
    const { lock } = new Bench();
    expect(lock.inTheWay).toBe(-1);
    lock.read(1);
    lock.releaseRead(1);
    lock.write(2);
    lock.releaseWrite(2);
    expect(lock.inTheWay).toBe(-1);
  });

  test('is the writer', () => {
    const bench = new Bench();
    bench.ask('w1', 'r2', 'w3');
    bench.lock.expect(4, true);
    expect(bench.lock.inTheWay).toBe(1);
  });

  test('is the writer nearest to the head, whom a new reader queues behind', () => {
    const bench = new Bench();
    bench.ask('r1', 'w2', 'r3', 'w4');
    bench.lock.expect(5, true);
    expect(bench.lock.inTheWay).toBe(2);
    bench.lock.releaseRead(1);
    expect(bench.lock.inTheWay).toBe(2);
  });

  test('is the reader who is inside longest', () => {
    const bench = new Bench();
    bench.ask('r1', 'r2', 'r3');
    expect(bench.lock.inTheWay).toBe(1);
    bench.lock.releaseRead(1);
    expect(bench.lock.inTheWay).toBe(2);
    bench.lock.read(1);
    expect(bench.lock.inTheWay).toBe(2);
  });

  test('is a writer who is known to wait, before the readers; a reader who is, where nobody has it', () => {
    const { lock } = new Bench();
    const reader = lock.expect(1, false);
    expect(lock.inTheWay).toBe(1);
    const writer = lock.expect(2, true);
    expect(lock.inTheWay).toBe(2);
    lock.arrived(writer);
    lock.arrived(reader);
    lock.read(3);
    lock.expect(4, false);
    expect(lock.inTheWay).toBe(3);
    lock.expect(5, true);
    expect(lock.inTheWay).toBe(5);
  });
});

describe('somebody who is known to wait', () => {
  test('makes a trylock fail until he has it', () => {
    const { lock } = new Bench();
    const writer = lock.expect(9, true);
    expect(lock.tryRead(1)).toBe(false);
    lock.arrived(writer);
    expect(lock.tryRead(1)).toBe(true);
  });

  test.each([
    ['writer', 'w1', (lock: MmapLock) => lock.releaseWrite(1)],
    ['last reader', 'r1', (lock: MmapLock) => lock.releaseRead(1)],
    ['writer who goes on as a reader', 'w1', (lock: MmapLock) => lock.downgrade(1)],
  ] as const)('has it, if he only reads, from the release of the %s on, whenever he runs', (_, holder, release) => {
    const bench = new Bench();
    bench.ask(holder);
    const [first, second] = [bench.lock.expect(8, false), bench.lock.expect(9, false)];
    expect(bench.lock.tryRead(2)).toBe(false);
    release(bench.lock);
    expect(bench.lock.tryRead(2)).toBe(true);
    for (const reader of [first, second]) bench.lock.arrived(reader);
    expect(bench.lock.tryRead(3)).toBe(true);
  });

  test('waits on behind a writer, and so does a writer behind him', () => {
    const bench = new Bench();
    bench.ask('w1');
    const [writer, reader] = [bench.lock.expect(7, true), bench.lock.expect(8, false)];
    bench.lock.releaseWrite(1);
    bench.lock.arrived(writer);
    expect(bench.lock.tryRead(2)).toBe(false);
    bench.ask('w3');
    const last = bench.lock.expect(9, true);
    bench.lock.releaseWrite(3);
    expect(bench.lock.tryRead(2)).toBe(false);
    for (const waiter of [reader, last]) bench.lock.arrived(waiter);
    expect(bench.lock.tryRead(2)).toBe(true);
  });
});

describe('stealing', () => {
  test('a reader takes the free lock in the wake window of a queued writer, which then sleeps on', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2');
    bench.lock.releaseWrite(1);
    expect(bench.ask('r3')).toEqual(['r3']);
    bench.now = WAKE;
    expect(bench.lock.woken(2)).toBe(false);
    expect(bench.lock.handoff).toBe(false);
    bench.lock.releaseRead(3);
    expect(bench.takeWoken()).toEqual([2, 2]);
    expect(bench.lock.woken(2)).toBe(true);
  });

  test('so does a writer', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2');
    bench.lock.releaseWrite(1);
    expect(bench.ask('w3')).toEqual(['w3']);
    expect(bench.lock.woken(2)).toBe(false);
    bench.lock.releaseWrite(3);
    expect(bench.lock.woken(2)).toBe(true);
  });

  test('nobody joins a reader who stole: there are readers now, and somebody is queued', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2');
    bench.lock.releaseWrite(1);
    expect(bench.ask('r3', 'r4')).toEqual(['r3']);
  });

  test('a lock whose queue is not woken yet is not stolen while readers hold it', () => {
    const bench = new Bench();
    expect(bench.ask('r1', 'w2', 'w3')).toEqual(['r1']);
  });

  test('after 4 ms the writer at the head asks for the handoff, and nobody steals any more', () => {
    const bench = handedOff();
    bench.lock.releaseRead(3);
    expect(bench.ask('r4', 'w5')).toEqual([]);
    expect(bench.lock.woken(2)).toBe(true);
    expect(bench.lock.handoff).toBe(false);
    expect(bench.lock.writer).toBe(2);
  });

  test('before 4 ms it does not', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2');
    bench.lock.releaseWrite(1);
    bench.ask('r3');
    bench.now = RWSEM_WAIT_TIMEOUT;
    expect(bench.lock.woken(2)).toBe(false);
    expect(bench.lock.handoff).toBe(false);
  });
});

describe('downgrade_write()', () => {
  test('leaves one reader and wakes the queued readers when a reader is at the head', () => {
    const bench = new Bench();
    bench.ask('w1', 'r2', 'w3', 'r4');
    bench.lock.downgrade(1);
    expect(bench.takeWoken()).toEqual([2, 4]);
    expect(bench.lock.writer).toBe(-1);
    expect([...bench.lock.readers]).toEqual([1, 2, 4]);
  });

  test('wakes nobody when a writer is at the head', () => {
    const bench = new Bench();
    bench.ask('w1', 'w2', 'r3');
    bench.lock.downgrade(1);
    expect(bench.takeWoken()).toEqual([]);
    expect(bench.lock.writer).toBe(-1);
    expect([...bench.lock.readers]).toEqual([1]);
    bench.lock.releaseRead(1);
    expect(bench.takeWoken()).toEqual([2]);
  });

  test('lets new readers in beside it when nobody is queued', () => {
    const bench = new Bench();
    bench.ask('w1');
    bench.lock.downgrade(1);
    expect(bench.ask('r2')).toEqual(['r2']);
    expect(bench.ask('w3')).toEqual([]);
  });
});

describe('misuse is a bug', () => {
  test('held for reading and for writing at once', () => {
    const { lock } = new Bench();
    lock.write(1);
    lock.readers.add(2).add(3);
    expect(() => lock.releaseRead(3)).toThrow('a reader beside a writer');
    expect(() => lock.releaseWrite(1)).toThrow('a writer beside a reader');
  });

  test('read-unlocked too often, or by somebody else', () => {
    const { lock } = new Bench();
    lock.read(1);
    expect(() => lock.releaseRead(2)).toThrow('read-unlocked by a thread that does not hold it');
    lock.releaseRead(1);
    expect(() => lock.releaseRead(1)).toThrow('read-unlocked by a thread that does not hold it');
  });

  test('write-unlocked or downgraded by somebody else', () => {
    const bench = new Bench();
    bench.ask('w1');
    expect(() => bench.lock.releaseWrite(2)).toThrow('does not hold it');
    expect(() => bench.lock.downgrade(2)).toThrow('does not hold it');
  });
});

test('a queue longer than its first ring keeps its order', () => {
  const bench = new Bench();
  bench.ask('w0');
  for (let i = 1; i <= 40; i++) bench.lock.write(i);
  for (let i = 0; i < 40; i++) {
    bench.lock.releaseWrite(i);
    expect(bench.takeWoken()).toEqual([i + 1]);
    expect(bench.lock.woken(i + 1)).toBe(true);
  }
});

/** Bursts of as many that ask in a row, and releases in between. */
const bursts = fc.array(
  fc.oneof(
    fc.record({ ask: fc.constantFrom('r', 'w'), times: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(200)) }),
    fc.constant(null),
  ),
  { maxLength: 40 },
);

test('the queue is a list, from which a release takes a writer at its head, or its first readers', () => {
  fc.assert(
    fc.property(bursts, all => {
      const bench = new Bench();
      const { lock } = bench;
      const list: string[] = [];
      const first = () => Number(list.find(one => one.startsWith('w'))?.slice(1) ?? [...lock.readers, -1][0]);
      const inTheWay = () => (lock.writer >= 0 ? lock.writer : first());
      lock.write(0);
      let thread = 0;
      for (const burst of all) {
        if (burst !== null) {
          const names = Array.from({ length: burst.times }, () => `${burst.ask}${++thread}`);
          const beside = burst.ask === 'r' && lock.readers.size > 0 && list.length === 0;
          expect(bench.ask(...names)).toEqual(beside ? names : []);
          if (!beside) list.push(...names);
          expect(lock.inTheWay).toBe(inTheWay());
          continue;
        }
        if (lock.writer >= 0) lock.releaseWrite(lock.writer);
        else for (const reader of [...lock.readers]) lock.releaseRead(reader);
        const takes = list[0]?.startsWith('w') ? [list[0]] : list.filter(one => one.startsWith('r')).slice(0, 256);
        for (const one of takes) list.splice(list.indexOf(one), 1);
        expect(bench.takeWoken()).toEqual(takes.map(one => Number(one.slice(1))));
        for (const one of takes) expect(lock.woken(Number(one.slice(1)))).toBe(true);
        // nobody is left: somebody has to hold it
        if (takes.length === 0) lock.write(++thread);
        expect(lock.inTheWay).toBe(inTheWay());
      }
    }),
    { numRuns: 200 },
  );
});
