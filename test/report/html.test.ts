/** The page of `--html`: well-formed, harmless whatever a trace names, bounded, and readable by who cannot see colours. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { page } from '../../scripts/page.mjs';
import type { Span } from '../../src/replay/result.js';
import { type Drawn, diffPart, diffTracesPart, htmlPage, type Part, replayPart } from '../../src/report/html.js';
import { KINDS, SceneDraft, THREAD_LANES, VMA_LANES } from '../../src/report/scene.js';
import { CONTENDED, HOSTILE, hostileDiff, hostileResult, hostileTracesDiff, model, result } from './fixtures.js';
import { span, spans, wait } from './span-fixtures.js';

const ASSETS = { ...page(), scriptHash: 'sha256-script', styleHash: 'sha256-style' };

function drawn(all: readonly Span[], limit = 1000): Drawn {
  const draft = new SceneDraft('v6.18', limit);
  for (const one of all) draft.add(one);
  return { scene: draft.scene(), longest: draft.longest() };
}

const VOID = new Set(['meta']);
const ENTITY = /&(?!(?:amp|lt|gt|quot|#39);)/;
const TAG =
  /<!DOCTYPE html>|<(?<close>\/)?(?<name>[a-z][a-z0-9]*)(?<attributes>(?:\s+[a-zA-Z-]+\d?(?:="[^"<>]*")?)*)\s*(?<self>\/)?>/gy;

/**
 * A strict reader of what we write: every tag is closed in order, every attribute quoted, every entity one of five. Gives the
 * text of each element that holds no other, by its name.
 */
function parse(html: string): { texts: Map<string, string[]>; attributes: string[] } {
  const texts = new Map<string, string[]>();
  const attributes: string[] = [];
  const open: { name: string; from: number }[] = [];
  for (let at = 0; at < html.length; ) {
    const next = html.indexOf('<', at);
    const text = html.slice(at, next < 0 ? undefined : next);
    if (ENTITY.test(text) || text.includes('>')) throw new Error(`bad text: ${text.slice(0, 80)}`);
    if (next < 0) break;
    TAG.lastIndex = next;
    const match = TAG.exec(html);
    if (match?.groups === undefined) throw new Error(`bad tag: ${html.slice(next, next + 80)}`);
    at = TAG.lastIndex;
    const { name, close, self, attributes: own = '' } = match.groups;
    if (name === undefined) continue;
    if (ENTITY.test(own)) throw new Error(`bad attribute: ${own}`);
    attributes.push(...[...own.matchAll(/([a-zA-Z-]+\d?)(?==|\s|$)/g)].map(([, word]) => word));
    if (close !== undefined) {
      const last = open.pop();
      if (last?.name !== name) throw new Error(`</${name}> closes <${last?.name}>`);
      texts.set(name, [...(texts.get(name) ?? []), html.slice(last.from, next)]);
    } else if (self === undefined && !VOID.has(name)) {
      open.push({ name, from: at });
      if (name !== 'script' && name !== 'style') continue;
      // Raw text: it ends with the first closing tag, whatever it means.
      at = html.indexOf(`</${name}`, at);
    }
  }
  if (open.length > 0) throw new Error(`<${open[0].name}> is not closed`);
  return { texts, attributes };
}

const read = (parts: readonly Part[]) => {
  const html = htmlPage(parts, ASSETS);
  return { html, ...parse(html) };
};

const waiting = span({ i: 4, verdict: 'mmap_lock', site: 'vma_start_read', wait_ns: 800, waits: [wait(100, 900)] });

describe('the page', () => {
  test('holds its own script, style and data, and allows nothing else', () => {
    const { html, texts, attributes } = read([replayPart(result([model('v6.18', CONTENDED)]), [drawn([waiting])])]);
    expect(html).toContain("default-src 'none'; script-src 'sha256-script'; style-src 'sha256-style'");
    expect(html).not.toMatch(/\b(?:src|href|action|background)=|@import|url\((?!#)|https?:/);
    const [data, script] = texts.get('script') ?? [];
    expect(script).toBe(ASSETS.script);
    expect(JSON.parse(data)).toEqual([[drawn([waiting]).scene]]);
    expect(attributes.filter(name => /^on|^style$/.test(name))).toEqual([]);
    expect(html.length).toBeLessThan(100_000);
  });

  test('begins with the finding and says in text what is drawn', () => {
    const { html, texts } = read([replayPart(result([model('v6.18', CONTENDED)]), [drawn([waiting])])]);
    expect(texts.get('h1')).toHaveLength(1);
    expect(html.indexOf('<h1>')).toBeLessThan(html.indexOf('<svg role'));
    expect(html).toContain('<th scope="col">because of</th>');
    expect(html).toContain('Who stood in the way under v6.18');
    expect(html).toContain('aria-label="v6.18: vma_lock 89,062 (98.6 %), mmap_lock 1,238 (1.4 %)"');
    const canvases = html.match(/<canvas [^>]*>/g) ?? [];
    expect(canvases).toHaveLength(2);
    for (const canvas of canvases) expect(canvas).toMatch(/tabindex="0" role="application".* aria-label="[^"]{40,}"/);
  });

  test('of a trace without faults, waits or events is one too', () => {
    const { html } = read([replayPart(result([model('v6.18')]), [drawn([])]), replayPart(result([]), [])]);
    expect(html).toContain('no faults');
    expect(html).toContain('Nothing waited.');
    expect(html).not.toContain('NaN');
  });

  test('opens the pictures of two models', () => {
    const part = replayPart(
      result([model('v6.18')]),
      [1, 2, 3, 4].map(() => drawn([waiting])),
    );
    expect(read([part]).html.match(/<details open>/g)).toHaveLength(2);
  });

  test.each(HOSTILE.map(name => ({ name })))('is harmless with $name', ({ name }) => {
    const spy = span({ comm: name, op: name, site: name, waits: [wait(0, 5, { by: { i: 1, op: name, tid: 1 } })] });
    const parts = [
      diffTracesPart(hostileTracesDiff(name)),
      replayPart(hostileResult(name), [drawn([spy])]),
      diffPart(hostileDiff(name), [drawn([spy])]),
    ];
    const { html, texts } = read(parts);
    expect(html).not.toMatch(/[\p{Cf}\p{Cs}\u0080-\u009f\u2800]|(?! )\p{Z}|[^\P{Cc}\n]/u);
    expect(texts.get('script')).toHaveLength(2);
  });

  test('is well-formed, whatever happened and whatever it is called', () => {
    fc.assert(
      fc.property(spans, fc.nat(12), (all, limit) => {
        const { scene, longest } = drawn(all, limit);
        const { texts } = read([replayPart(result([model(all[0]?.op ?? '')]), [{ scene, longest }])]);
        expect(JSON.parse(texts.get('script')?.[0] ?? '')).toEqual([[scene]]);
      }),
      { seed: 6118, numRuns: 100 },
    );
  });
});

describe('a scene', () => {
  const equalLengths = (columns: Record<string, unknown[]>) =>
    new Set(Object.values(columns).map(list => list.length)).size;

  test('has what happened in it, in lanes', () => {
    const vma = { start: 0x7f000, end: 0x7f010, name: '[heap]' };
    const by = { i: 1, op: 'mprotect', tid: 3 };
    const holds = [
      { lock: 'mmap_lock' as const, mode: 'write' as const, vma: null, from: 120, to: 400 },
      { lock: 'vma_lock' as const, mode: 'write' as const, vma, from: 150, to: 400 },
    ];
    const operation = span({ i: 1, tid: 3, op: 'mprotect', verdict: null, start: 100, end: 400, pages: 16, holds });
    const fault = span({
      i: 2,
      start: 200,
      end: 600,
      verdict: 'mmap_lock',
      wait_ns: 200,
      waits: [wait(200, 400, { by })],
    });
    const { scene, longest } = drawn([operation, fault]);
    expect(scene.lanes.map(lane => scene.words[lane])).toEqual([
      'thread 3',
      'thread 7',
      'mmap_lock of mm 1',
      'VMA [heap]',
    ]);
    expect(scene.events).toMatchObject({ i: [1, 2], lane: [0, 1], start: [0, 100], length: [300, 400], kind: [3, 1] });
    expect(scene.origin).toBe(100);
    expect(scene.waits).toMatchObject({ event: [1], lane: [2], start: [100], length: [200] });
    expect(scene.holds).toMatchObject({ event: [0, 0], lane: [2, 3], start: [20, 50], mode: [1, 1] });
    expect(scene.words[scene.waits.what[0]]).toBe('waits for mmap_lock (read) held by mprotect (thread 3)');
    expect(longest).toEqual([
      {
        event: '2',
        thread: 'thread 7',
        what: 'fault',
        for: 'mmap_lock (read)',
        because: 'mprotect (thread 3)',
        at: 200,
        ns: 200,
      },
    ]);
  });

  test('is bounded, says how much it is, keeps the longest waits and is the same every time', () => {
    const all = Array.from({ length: 5000 }, (_, i) =>
      span({
        i,
        tid: i % 100,
        start: 10 * i,
        end: 10 * i + 9,
        page: i,
        wait_ns: i % 7 === 0 ? (i * 7919) % 1000 : 0,
        holds: [
          { lock: 'vma_lock', mode: 'read', vma: { start: i, end: i + 1, name: null }, from: 10 * i, to: 10 * i + 9 },
        ],
      }),
    );
    const { scene } = drawn(all, 400);
    expect(scene.of).toBe(5000);
    expect(scene.drawn).toBe(scene.events.i.length);
    expect(scene.drawn).toBeLessThanOrEqual(400);
    expect(scene.drawn).toBeGreaterThan(150);
    expect(scene.threads).toBe(THREAD_LANES);
    expect(scene.threadsOf).toBeGreaterThan(THREAD_LANES);
    expect(scene.lanes).toHaveLength(THREAD_LANES + VMA_LANES);
    const worst = [...all].sort((a, b) => b.wait_ns - a.wait_ns || a.i - b.i).slice(0, 100);
    expect(worst.filter(({ i }) => !scene.events.i.includes(i))).toEqual([]);
    expect(drawn(all, 400).scene).toEqual(scene);
  });

  test('has whole columns and places within the map, whatever happened', () => {
    fc.assert(
      fc.property(spans, all => {
        const { scene } = drawn(all);
        for (const columns of [scene.events, scene.waits, scene.holds]) expect(equalLengths(columns)).toBe(1);
        expect(scene.drawn).toBe(all.length);
        expect(scene.waits.length.reduce((sum, n) => sum + n, 0)).toBe(all.reduce((sum, one) => sum + one.wait_ns, 0));
        const places = [...scene.events.low, ...scene.events.high];
        expect(places.filter(place => place !== -1 && !(place >= 0 && place <= 1))).toEqual([]);
        for (const kind of scene.events.kind) expect(KINDS[kind]).toBeDefined();
      }),
      { seed: 6118, numRuns: 100 },
    );
  });
});

describe('the colours', () => {
  const style = page().style;
  const [light, dark] = style.split('prefers-color-scheme: dark');
  const colours = (css: string) => new Map([...css.matchAll(/--(\w+): #(\w{6})/g)].map(([, name, hex]) => [name, hex]));
  const schemes = [
    { scheme: 'light', inks: colours(light) },
    { scheme: 'dark', inks: colours(dark) },
  ];

  /** Contrast ratio of two colours, as WCAG 2 defines it. */
  function contrast(a = '', b = ''): number {
    const [high, low] = [a, b]
      .map(hex => {
        const [red, green, blue] = [0, 2, 4].map(at => {
          const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      })
      .sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  }

  test.each(schemes)('stand out from the paper: $scheme', ({ inks }) => {
    expect(contrast('000000', 'ffffff')).toBeCloseTo(21);
    for (const name of ['text', 'quiet', 'vma_lock', 'mmap_lock', 'signal', 'operation', 'wait', 'cursor']) {
      expect(contrast(inks.get(name), inks.get('paper')), name).toBeGreaterThan(4.5);
    }
  });
});
