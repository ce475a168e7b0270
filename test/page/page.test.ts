/** The page's script: the pure half as functions, the other half run against a page that is not there. */
import vm from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { page } from '../../scripts/page.mjs';
import { describe as describeEvent, eventAt, laneAt, layOut, longestFirst } from '../../src/page/lanes.js';
import { around, moved, ticks, timeText, within, zoomed } from '../../src/page/scale.js';
import { SceneDraft } from '../../src/report/scene.js';
import { span, wait } from '../report/span-fixtures.js';

describe('the view', () => {
  test('never leaves the run, however it is moved and zoomed', () => {
    const time = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e12 }),
        time,
        time,
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        (span, a, b, factor) => {
          let view = within(Math.min(a, b), Math.max(a, b), span);
          for (const next of [zoomed(view, factor, a, span), moved(view, b, span), around(a, Math.abs(b), span)]) {
            view = next;
            expect(view.from).toBeGreaterThanOrEqual(0);
            expect(view.to).toBeLessThanOrEqual(span * (1 + 1e-9));
            expect(view.to - view.from).toBeGreaterThan(Math.min(span, 20) * 0.99);
          }
        },
      ),
      { seed: 6118 },
    );
  });

  test('keeps the time under the pointer where it is', () => {
    const view = zoomed({ from: 0, to: 1000 }, 1 / 2, 250, 1000);
    expect(view).toEqual({ from: 125, to: 625 });
  });

  test('has round ticks, told apart', () => {
    expect(ticks({ from: 0, to: 1000 }, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(ticks({ from: 999_990, to: 1_000_010 }, 4)).toEqual([999_990, 999_995, 1_000_000, 1_000_005, 1_000_010]);
    fc.assert(
      fc.property(
        fc.nat(1e12),
        fc.integer({ min: 20, max: 1e12 }),
        fc.integer({ min: 1, max: 20 }),
        (from, length, count) => {
          const times = ticks({ from, to: from + length }, count);
          expect(times.length).toBeLessThanOrEqual(count * 2 + 2);
          const step = times.length > 1 ? times[1] - times[0] : 0;
          expect(new Set(times.map(t => timeText(t, step))).size).toBe(times.length);
        },
      ),
      { seed: 6118 },
    );
  });

  test('spells times with their unit', () => {
    expect([0, 7, 999, 1250, 15_000, 7_770_842, 3e9].map(ns => timeText(ns))).toEqual([
      '0',
      '7.00 ns',
      '999 ns',
      '1.25 us',
      '15.0 us',
      '7.77 ms',
      '3.00 s',
    ]);
    expect(timeText(597_450_000, 50_000)).toBe('597.45 ms');
  });
});

/** A thread that waits for a lock, and one that has it. */
function scene() {
  const draft = new SceneDraft('v6.18', 100);
  const hold = { lock: 'mmap_lock' as const, mode: 'write' as const, vma: null, from: 0, to: 500 };
  const by = { i: 0, op: 'munmap', tid: 3 };
  draft.add(span({ i: 0, tid: 3, op: 'munmap', verdict: null, start: 0, end: 500, pages: 4, holds: [hold] }));
  draft.add(span({ i: 1, start: 100, end: 900, verdict: 'mmap_lock', wait_ns: 400, waits: [wait(100, 500, { by })] }));
  return draft.scene();
}

describe('lanes', () => {
  test('lie one below the other', () => {
    const { rows, height } = layOut(scene());
    expect(rows).toHaveLength(3);
    for (const [i, { y }] of rows.slice(1).entries()) expect(y).toBeGreaterThan(rows[i].y + rows[i].height);
    expect(height).toBeGreaterThan(rows[2].y + rows[2].height);
    expect(rows.map(({ y }) => laneAt(rows, y + 1))).toEqual([0, 1, 2]);
    expect(laneAt(rows, 0)).toBe(-1);
    expect(layOut({ ...scene(), lanes: [] }).rows).toEqual([]);
  });

  test('know what is under a pointer, or near it', () => {
    expect(eventAt(scene(), 0, 250, 0)).toBe(0);
    expect(eventAt(scene(), 0, 505, 10)).toBe(0);
    expect(eventAt(scene(), 0, 600, 10)).toBe(-1);
    expect(eventAt(scene(), 1, 250, 0)).toBe(1);
    expect(eventAt(scene(), 2, 50, 0)).toBe(0);
  });

  test('count from the origin of the trace', () => {
    expect(describeEvent({ ...scene(), origin: 49_900 }, 1)).toContain('from 50.0 us for 800 ns');
  });

  test('say what happened', () => {
    expect(longestFirst(scene())).toEqual([0]);
    expect(describeEvent(scene(), 1)).toBe(
      'event 1; thread 7; fault at 0x7f000000; from 100 ns for 800 ns; waits for mmap_lock (read) held by munmap (thread 3) for 400 ns',
    );
  });
});

describe('the script as a whole', () => {
  test('is one function without imports, exports or a closing tag', () => {
    const { script } = page();
    expect(script).not.toMatch(/^\s*(?:import|export)\b/m);
    expect(script).not.toMatch(/<\/script|<!--/i);
    expect(() => new vm.Script(script)).not.toThrow();
  });

  test('draws what is seen, and answers keys', () => {
    type Listener = (event: Record<string, unknown>) => void;
    const listeners = new Map<string, Listener>();
    const said = { textContent: '' };
    const drawn: string[] = [];
    const context = new Proxy({} as Record<string, unknown>, {
      get:
        (_, name) =>
        (...values: unknown[]) => {
          drawn.push(String(name));
          return name === 'measureText' ? { width: String(values[0]).length } : null;
        },
      set: () => true,
    });
    const canvas = {
      dataset: { kind: 'timeline', trace: '0', scene: '0' },
      nextElementSibling: said,
      style: {} as Record<string, string>,
      clientWidth: 800,
      clientHeight: 200,
      getContext: () => context,
      addEventListener: (name: string, listener: Listener) => listeners.set(name, listener),
      setPointerCapture: () => {},
    };
    const frames: (() => void)[] = [];
    class IntersectionObserver {
      constructor(private readonly told: (entries: object[]) => void) {}
      observe(target: object) {
        this.told([{ target, isIntersecting: true }]);
      }
    }
    const window = { addEventListener() {}, matchMedia: () => ({ addEventListener() {} }), devicePixelRatio: 2 };
    const document = {
      activeElement: canvas,
      getElementById: () => ({ textContent: JSON.stringify([[scene()]]) }),
      querySelectorAll: () => [canvas],
      createElement: () => ({ getContext: () => context }),
    };
    vm.runInNewContext(page().script, {
      window,
      document,
      IntersectionObserver,
      requestAnimationFrame: (frame: () => void) => frames.push(frame),
      getComputedStyle: () => ({ getPropertyValue: () => ' #123456' }),
    });
    const frame = () => {
      for (const one of frames.splice(0)) one();
    };
    frame();
    expect(drawn).toContain('fillRect');
    expect(canvas.style.height).toMatch(/^\d+px$/);
    const press = (key: string) => {
      let taken = false;
      listeners.get('keydown')?.({
        key,
        preventDefault: () => {
          taken = true;
        },
      });
      return taken;
    };
    expect(['n', 'p', '+', '-', 'ArrowLeft', 'ArrowRight', '0', 'Tab', 'x'].map(press)).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(said.textContent).toContain('wait 1 of 1: event 1; thread 7');
    listeners.get('pointermove')?.({ offsetX: 300, offsetY: layOut(scene()).rows[0].y + 2 });
    expect(said.textContent).toContain('event 0; thread 3; munmap');
    frame();
  });
});
