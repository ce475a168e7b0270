/** What a fault met, read off the events between its exception and its end. Times in ns; the fault begins at 1,000. */
import { describe, expect, test } from 'vitest';
import { FaultWindow, FOLIO_WAIT_NS } from '../../src/trace/import/fault-window.js';

const READ = 4;
const WRITE = 6;
const PRESENT_WRITE = 7;
const EXEC = 20;
const PMD = 2 << 20;

/** A window after these events. */
function windowOf(code: number, happens: (window: FaultWindow) => void = () => {}): FaultWindow {
  const window = new FaultWindow(1_000, '0x7f0000001000', code, false);
  happens(window);
  return window;
}
const met = (happens: (window: FaultWindow) => void, code = READ) => windowOf(code, happens).facts();

test('the error code says what was tried, and whether something was there that forbade it', () => {
  const said = [READ, WRITE, PRESENT_WRITE, EXEC, 0, 1].map(code => {
    const { access, present, write } = windowOf(code);
    return [access, present, write];
  });
  expect(said).toEqual([
    ['read', false, false],
    ['write', false, true],
    ['write', true, true],
    ['exec', false, false],
    ['read', false, false],
    ['read', true, false],
  ]);
  expect(windowOf(PRESENT_WRITE).facts()).toEqual({ entry: 'present' });
  expect(windowOf(WRITE).facts()).toEqual({});
});

describe('a swap entry, when the counter of swap entries falls', () => {
  test('and whether it had to be read', () => {
    const swapIn = (w: FaultWindow) => w.rss(1_400, 'MM_SWAPENTS', -4096);
    expect(met(swapIn)).toEqual({ entry: 'swap' });
    expect(met(w => [swapIn(w), w.complete(1_500, 'minor')])).toEqual({ entry: 'swap', folio: 'cached' });
    expect(met(w => [swapIn(w), w.complete(1_500, 'major')])).toEqual({ entry: 'swap', folio: 'absent', wait: 400 });
  });

  test('and may have slept where the page was in memory, on its way, and that took long', () => {
    const asleep = (ns: number, kind: 'minor' | 'major') =>
      windowOf(READ, w => [w.rss(1_400, 'MM_SWAPENTS', -4096), w.complete(1_000 + ns, kind)]).mayHaveWaited;
    expect([asleep(9_999, 'minor'), asleep(10_000, 'minor'), asleep(10_000, 'major')]).toEqual([false, true, false]);
  });

  describe('where the recording shows who sleeps', () => {
    const swapped = (kind: 'minor' | 'major' | null, ns: number, ...before: ((w: FaultWindow) => void)[]) => {
      const window = new FaultWindow(1_000, '0x0', READ, false, true);
      for (const happens of before) happens(window);
      window.rss(1_000 + ns, 'MM_SWAPENTS', -4096);
      if (kind !== null) window.complete(1_000 + ns, kind);
      return [window.facts(), window.mayHaveWaited];
    };
    const sleeps = (w: FaultWindow) => w.sleeps(false);
    const sleepsAlone = (w: FaultWindow) => w.sleeps(true);
    const reclaimed = (w: FaultWindow) => w.reclaimed();
    const swap = { entry: 'swap' };

    test('who slept for a read waited for it; a read that was over at once may still have been one', () => {
      expect(swapped('major', 50_000, sleeps)).toEqual([{ ...swap, folio: 'absent', wait: 50_000 }, false]);
      expect(swapped('major', 50_000)).toEqual([{ ...swap, folio: 'absent', wait: 0 }, true]);
    });

    test('no disk was read for a page of zeroes, which takes no time', () => {
      expect(swapped('major', 9_999)).toEqual([{ ...swap, folio: 'absent', wait: 0 }, false]);
      expect(swapped('major', 10_000)).toEqual([{ ...swap, folio: 'absent', wait: 0 }, true]);
    });

    test('who did not sleep, and was not held up, found a page of the swap cache unlocked', () => {
      expect(swapped('minor', 9_999)).toEqual([{ ...swap, folio: 'cached' }, false]);
      expect(swapped('minor', 10_000)).toEqual([{ ...swap, folio: 'cached' }, true]);
      expect(swapped('minor', 9_999, sleeps)).toEqual([{ ...swap, folio: 'cached' }, true]);
    });

    test('where no event says that the fault is over, too', () => {
      expect(swapped(null, 9_999)).toEqual([{ ...swap, wait: 0 }, false]);
      expect(swapped(null, 10_000)).toEqual([{ ...swap, wait: 0 }, true]);
      expect(swapped(null, 9_999, sleeps)).toEqual([swap, true]);
    });

    test('who is alone does not sleep for mmap_lock', () => {
      expect(swapped('minor', 9_999, sleepsAlone)).toEqual([{ ...swap, folio: 'locked', wait: 9_999 }, false]);
      expect(swapped('major', 9_999, sleepsAlone)).toEqual([{ ...swap, folio: 'absent', wait: 9_999 }, false]);
      expect(swapped(null, 9_999, sleepsAlone)).toEqual([{ ...swap, wait: 9_999 }, false]);
      expect(swapped(null, 9_999, sleepsAlone, sleeps)).toEqual([swap, true]);
    });

    test('reclaim is another reason to sleep', () => {
      expect(swapped('minor', 9_999, sleepsAlone, reclaimed)).toEqual([{ ...swap, folio: 'cached' }, false]);
      expect(swapped('minor', 9_999, sleeps, reclaimed)).toEqual([{ ...swap, folio: 'cached' }, false]);
      expect(swapped('minor', 9_999, sleeps, reclaimed, sleeps)).toEqual([{ ...swap, folio: 'cached' }, true]);
      expect(
        windowOf(READ, w => [w.reclaimed(), w.handlerCalled(1_100), w.complete(51_100, 'minor')]).mayHaveWaited,
      ).toBe(true);
    });

    test('a page of a file was not locked for who did not sleep', () => {
      const read = (ns: number, ...before: ((w: FaultWindow) => void)[]) => {
        const window = new FaultWindow(1_000, '0x0', READ, false, true);
        window.handlerCalled(1_100);
        for (const happens of before) happens(window);
        window.complete(1_100 + ns, 'minor');
        return [window.facts(), window.mayHaveWaited];
      };
      expect(read(FOLIO_WAIT_NS, sleeps)).toEqual([{ folio: 'locked', wait: FOLIO_WAIT_NS }, false]);
      expect(read(FOLIO_WAIT_NS)).toEqual([{}, false]);
      expect(read(FOLIO_WAIT_NS - 1, sleeps)).toEqual([{}, true]);
      expect(read(FOLIO_WAIT_NS - 1)).toEqual([{}, false]);
    });
  });

  test('not when it rises or stays, nor when another falls', () => {
    for (const [type, delta] of [
      ['MM_SWAPENTS', 4096],
      ['MM_SWAPENTS', 0],
      ['MM_ANONPAGES', -4096],
    ] as const)
      expect(met(w => w.rss(1_400, type, delta))).toEqual({});
  });
});

test('a huge page, when a counter of pages of its kind rises by 2 MiB', () => {
  for (const type of ['MM_ANONPAGES', 'MM_SHMEMPAGES'])
    expect(met(w => w.rss(1_400, type, PMD))).toEqual({ huge: 'pmd' });
  for (const [type, delta] of [
    ['MM_FILEPAGES', PMD],
    ['MM_ANONPAGES', 4096],
    ['MM_ANONPAGES', -PMD],
  ] as const)
    expect(met(w => w.rss(1_400, type, delta))).toEqual({});
});

describe('the page cache', () => {
  test('had the page where ->fault took no longer than that takes', () => {
    expect(met(w => [w.handlerCalled(1_100), w.complete(1_200, 'minor')])).toEqual({});
    expect(met(w => w.handlerCalled(1_100))).toEqual({});
  });

  test('had it locked where it took longer', () => {
    const slept = (ns: number) => met(w => [w.handlerCalled(1_100), w.complete(1_100 + ns, 'minor')]);
    expect(slept(FOLIO_WAIT_NS - 1)).toEqual({});
    expect(slept(FOLIO_WAIT_NS)).toEqual({ folio: 'locked', wait: FOLIO_WAIT_NS });
  });

  test('had it not where it was read ahead, or the fault was a major one', () => {
    const readAhead = (w: FaultWindow) => w.readAhead(1_150, 'page_cache_sync_ra');
    expect(met(w => [w.handlerCalled(1_100), readAhead(w)])).toEqual({ folio: 'absent' });
    expect(met(w => [w.handlerCalled(1_100), readAhead(w), w.complete(1_450, 'minor')])).toEqual({
      folio: 'absent',
      wait: 300,
    });
    expect(met(w => [readAhead(w), w.complete(1_450, 'minor')])).toEqual({ folio: 'absent', wait: 300 });
    expect(met(w => [w.handlerCalled(1_100), w.complete(1_450, 'major')])).toEqual({ folio: 'absent', wait: 350 });
  });

  test('was waited for until the handler ran again, a page was mapped, or the fault was over: what came first', () => {
    const read = (w: FaultWindow) => [w.handlerCalled(1_100), w.readAhead(1_150, 'page_cache_sync_ra')];
    const ends = (w: FaultWindow) => [w.rss(1_400, 'MM_FILEPAGES', 4096), w.complete(1_450, 'major')];
    expect(met(w => [read(w), w.handlerCalled(1_350), ends(w)])).toEqual({ folio: 'absent', wait: 200 });
    expect(met(w => [read(w), ends(w)])).toEqual({ folio: 'absent', wait: 250 });
    expect(met(w => [w.rss(1_050, 'MM_FILEPAGES', 0), read(w), w.complete(1_450, 'major')])).toEqual({
      folio: 'absent',
      wait: 300,
    });
  });

  test('had it with the readahead mark where that is an asynchronous one', () => {
    const marked = (w: FaultWindow) => [w.handlerCalled(1_100), w.readAhead(1_150, 'page_cache_async_ra')];
    expect(met(w => [marked(w), w.complete(1_450, 'major')])).toEqual({ readahead: true });
  });

  test('may have had it locked where ->fault took a little longer, with no reason known', () => {
    const asleep = (ns: number, ...more: ((w: FaultWindow) => void)[]) =>
      windowOf(READ, w => [w.handlerCalled(1_100), ...more.map(happens => happens(w)), w.complete(1_100 + ns, 'minor')])
        .mayHaveWaited;
    expect([19_999, 20_000, FOLIO_WAIT_NS - 1, FOLIO_WAIT_NS].map(ns => asleep(ns))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(asleep(50_000, w => w.handlerCalled(60_000))).toBe(false);
    expect(asleep(50_000, w => w.readAhead(1_150, 'page_cache_sync_ra'))).toBe(false);
    expect(windowOf(READ, w => w.complete(90_000, 'minor')).mayHaveWaited).toBe(false);
    const neighbours = (w: FaultWindow) => [w.rss(1_050, 'MM_FILEPAGES', 4096), w.handlerCalled(1_100)];
    const counted = (at: number) => windowOf(READ, w => [neighbours(w), w.rss(at, 'MM_FILEPAGES', 4096)]).mayHaveWaited;
    expect([counted(21_000), counted(21_100)]).toEqual([false, true]);
  });

  test('had it locked for no write that called ->fault only once: it would have had to start again', () => {
    const [short, long] = [50_000, FOLIO_WAIT_NS];
    const write = (ns: number, ...more: ((w: FaultWindow) => void)[]) =>
      windowOf(WRITE, w => [
        w.handlerCalled(1_100),
        ...more.map(happens => happens(w)),
        w.complete(1_100 + ns, 'minor'),
      ]);
    expect(write(short).mayHaveWaited).toBe(false);
    expect(write(long).facts()).toEqual({});
    const again = (w: FaultWindow) => w.handlerCalled(1_000 + long + 100);
    expect(write(2 * long, again).facts()).toEqual({ folio: 'locked', wait: long });
  });

  describe('had it locked for a write that found it mapped by another when it started again', () => {
    const write = (shows: boolean | undefined, ...happens: ((w: FaultWindow) => void)[]) => {
      const window = new FaultWindow(1_000, '0x0', WRITE, false, shows);
      window.handlerCalled(1_100);
      for (const happen of happens) happen(window);
      window.complete(51_100, 'minor');
      return [window.facts(), window.mayHaveWaited];
    };
    const falls = (type: string) => (w: FaultWindow) => w.rss(41_100, type, -4096);
    const rises = (w: FaultWindow) => w.rss(41_200, 'MM_ANONPAGES', 4096);
    const sleeps = (w: FaultWindow) => w.sleeps(false);
    const LOCKED = [{ folio: 'locked', wait: 40_000 }, false];

    test('and copied that: what the file has mapped falls', () => {
      for (const type of ['MM_FILEPAGES', 'MM_SHMEMPAGES']) {
        expect(write(undefined, falls(type), rises)).toEqual(LOCKED);
        expect(write(true, sleeps, falls(type), rises)).toEqual(LOCKED);
        expect(write(true, falls(type), rises)).toEqual(LOCKED);
      }
      expect(met(w => [w.handlerCalled(1_100), w.rss(1_200, 'MM_FILEPAGES', -4096)])).toEqual({});
    });

    test('not where it was alone with it, or pages were reclaimed', () => {
      expect(write(undefined, rises)).toEqual([{}, false]);
      expect(write(true, sleeps, rises)).toEqual([{}, false]);
      expect(write(undefined, falls('MM_ANONPAGES'), rises)).toEqual([{}, false]);
      expect(write(undefined, falls('MM_FILEPAGES'), w => w.reclaimed(), rises)).toEqual([{}, false]);
      expect(windowOf(WRITE, w => [falls('MM_FILEPAGES')(w), w.handlerCalled(45_000)]).facts()).toEqual({});
    });

    test('and may have, where it slept and counted nothing: to let a shared page be written sleeps as well', () => {
      expect(write(true, sleeps)).toEqual([{}, true]);
      expect(write(true)).toEqual([{}, false]);
      expect(write(undefined)).toEqual([{}, false]);
    });
  });

  test('is not known where the handler ran twice for nothing', () => {
    const twice = (w: FaultWindow) => [w.handlerCalled(1_100), w.handlerCalled(1_200)];
    const unknown = (happens: (w: FaultWindow) => void) => windowOf(READ, happens).pageCacheUnknown;
    expect(unknown(twice)).toBe(true);
    expect(unknown(w => w.handlerCalled(1_100))).toBe(false);
    expect(unknown(w => [w.handlerCalled(1_100), w.handlerCalled(1_100 + FOLIO_WAIT_NS)])).toBe(false);
    expect(unknown(w => [twice(w), w.readAhead(1_150, 'page_cache_async_ra')])).toBe(false);
  });
});

describe('a monitor', () => {
  const answers = (w: FaultWindow) => {
    w.answered({ name: 'UFFDIO_ZEROPAGE', mode: 'missing', at: 1_200 });
    w.answered({ name: 'UFFDIO_COPY', mode: 'missing', at: 1_300 });
  };

  test('answered with its last request, and the page was missing', () => {
    expect(windowOf(READ, answers).resolvedBy?.name).toBe('UFFDIO_COPY');
    expect(windowOf(READ, answers).resolvedAt).toBe(1_200);
    expect(met(answers)).toEqual({ entry: 'none', wait: 300 });
    expect(met(answers, PRESENT_WRITE)).toEqual({ entry: 'present', wait: 300 });
    expect(met(w => w.answered({ name: 'UFFDIO_WRITEPROTECT', mode: 'wp', at: 1_300 }))).toEqual({ wait: 300 });
  });

  test('did not, where the fault put its page there, or read it', () => {
    const others: ((w: FaultWindow) => void)[] = [
      w => w.rss(0, 'MM_ANONPAGES', 4096),
      w => w.readAhead(0, 'page_cache_sync_ra'),
      w => w.handlerCalled(1_100),
    ];
    for (const happens of others) expect(windowOf(READ, w => [answers(w), happens(w)]).resolvedBy).toBe(null);
  });

  describe('may have answered', () => {
    const mayBe = (window: FaultWindow, elapsed = 0) => window.mayBeUserfault(elapsed);
    const asleep = (...happens: ((w: FaultWindow) => void)[]) => {
      const window = new FaultWindow(1_000, '0x0', WRITE, false, true);
      for (const happen of happens) happen(window);
      return mayBe(window, 90_000);
    };
    const counts = (w: FaultWindow) => w.rss(1_400, 'MM_ANONPAGES', 4096);
    const answersBy = (name: string) => (w: FaultWindow) => w.answered({ name, mode: 'missing', at: 1_300 });

    test('who did nothing himself, where a request came, or it took as long as a request does', () => {
      expect(mayBe(windowOf(READ, answers))).toBe(true);
      expect([24_999, 25_000].map(ns => mayBe(windowOf(READ), ns))).toEqual([false, true]);
      expect([24_999, 25_000].map(ns => mayBe(windowOf(READ, w => w.complete(1_000 + ns, 'minor'))))).toEqual([
        false,
        true,
      ]);
      expect(mayBe(windowOf(READ, counts), 90_000)).toBe(false);
    });

    test('who copied what a request had put there, but for a copy', () => {
      for (const name of ['UFFDIO_ZEROPAGE', 'UFFDIO_CONTINUE'])
        expect(mayBe(windowOf(WRITE, w => [answersBy(name)(w), counts(w)]))).toBe(true);
      expect(mayBe(windowOf(WRITE, w => [answersBy('UFFDIO_COPY')(w), counts(w)]))).toBe(false);
      expect(mayBe(windowOf(READ, w => [answersBy('UFFDIO_ZEROPAGE')(w), counts(w)]))).toBe(false);
    });

    test('who slept so that a signal could have woken him, where the recording shows that', () => {
      expect(asleep(w => w.sleeps(true, true))).toBe(true);
      expect(asleep(w => [w.sleeps(true, true), w.sleeps(true)])).toBe(true);
      expect(asleep(w => w.sleeps(true, true), counts)).toBe(true);
      expect(asleep(w => w.sleeps(true))).toBe(false);
      expect(asleep()).toBe(false);
      expect(asleep(answersBy('UFFDIO_COPY'))).toBe(true);
    });
  });
});
