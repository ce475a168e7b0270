/**
 * `--html`: one page that needs nothing but itself. The finding, bars and tables are plain HTML; timelines and maps are drawn
 * by the page's script from data beside it, and the longest waits stand there as text too.
 */
import type { DiffResult, ModelResult, ReplayResult } from '../replay/result.js';
import type { TracesDiff } from '../replay/traces-diff.js';
import { formatCount, formatNs } from '../units.js';
import { diffOpening } from './diff-finding.js';
import { diffSections, TABLES } from './diff-sections.js';
import { diffTracesSections } from './diff-traces.js';
import { diffTracesOpening } from './diff-traces-finding.js';
import { htmlText, scriptJson } from './escape.js';
import { openingOf } from './finding.js';
import { formatRatio } from './rows.js';
import { KINDS, type LongWait, type Scene } from './scene.js';
import { number, type Opening, type Section, text } from './section.js';
import { sections } from './sections.js';

/** The page's own script and style, and the hashes by which the page allows them and nothing else. */
export interface Assets {
  readonly script: string;
  readonly style: string;
  /** `sha256-...` */
  readonly scriptHash: string;
  readonly styleHash: string;
}

/** Where faults were finished under a model. */
export type Bar = Pick<ModelResult, 'model'> & Pick<ModelResult['faults'], 'vma_lock' | 'mmap_lock' | 'signal'>;

/** One model's pictures. */
export interface Drawn {
  readonly scene: Scene;
  readonly longest: readonly LongWait[];
}

/** What a page says of one trace. */
export interface Part {
  readonly opening: Opening;
  readonly bars: readonly Bar[];
  readonly drawn: readonly Drawn[];
  readonly sections: readonly Section[];
}

/** Models whose pictures are open from the beginning. */
const OPEN = 2;

/** A replay's part of the page. */
export function replayPart(result: ReplayResult, drawn: readonly Drawn[]): Part {
  const bars = result.models.map(({ model, faults }) => ({ model, ...faults }));
  return { opening: openingOf(result), bars, drawn, sections: sections(result, null) };
}

/** A diff's part of the page. */
export function diffPart(diff: DiffResult, drawn: readonly Drawn[]): Part {
  const bar = (side: 'from' | 'to'): Bar => {
    const { vma_lock, mmap_lock, signal } = diff.verdicts;
    return { model: diff[side], vma_lock: vma_lock[side], mmap_lock: mmap_lock[side], signal: signal[side] };
  };
  const sections = diffSections(diff, TABLES).filter(section => section.rows.length > 0);
  return { opening: diffOpening(diff), bars: [bar('from'), bar('to')], drawn, sections };
}

/** The comparison of two traces, before the part of each. */
export function diffTracesPart(diff: TracesDiff): Part {
  const { vma_lock, mmap_lock, signal } = diff.verdicts;
  const bar = (side: 'from' | 'to'): Bar => ({
    model: diff[side].file,
    vma_lock: vma_lock[side],
    mmap_lock: mmap_lock[side],
    signal: signal[side],
  });
  return {
    opening: diffTracesOpening(diff),
    bars: [bar('from'), bar('to')],
    drawn: [],
    sections: diffTracesSections(diff),
  };
}

/** The whole page. */
export function htmlPage(parts: readonly Part[], assets: Assets): string {
  const policy = `default-src 'none'; script-src '${assets.scriptHash}'; style-src '${assets.styleHash}'`;
  const traces = parts.filter(({ drawn }) => drawn.length > 0).length;
  const title = parts.length === 1 ? parts[0].opening.finding : `vmalock: ${traces} traces`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${htmlText(title)}</title>
<style>${assets.style}</style>
</head>
<body>
${PATTERNS}
<main>
${parts.map(part).join('\n')}
</main>
<script type="application/json" id="scenes">${scriptJson(parts.map(({ drawn }) => drawn.map(({ scene }) => scene)))}</script>
<script>${assets.script}</script>
</body>
</html>
`;
}

const PATTERNS = `<svg width="0" height="0" aria-hidden="true"><defs>
<pattern id="stripes" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="mmap_lock" width="7" height="7"/><line class="stripe" x1="0" y1="0" x2="0" y2="7"/></pattern>
<pattern id="dots" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="signal" width="8" height="8"/><circle cx="4" cy="4" r="1.5" fill="var(--paper)"/></pattern>
</defs></svg>`;

function part({ opening, bars, drawn, sections }: Part, trace: number): string {
  return `<article>
<h1>${htmlText(opening.finding)}</h1>
<p class="note">${htmlText(opening.subject)}</p>
${opening.remarks.map(remark => `<p>${htmlText(remark)}</p>\n`).join('')}<h2>Where faults were finished</h2>
<dl class="bars">
${bars.map(bar).join('\n')}
</dl>
${drawn.length === 0 ? '' : LEGEND}
${drawn.map((one, scene) => pictures(one, trace, scene)).join('\n')}
<h2>Tables</h2>
${sections.map(table).join('\n')}
</article>`;
}

/** Shares of one bar, one behind the other; plain, striped and dotted. */
function bar({ model, vma_lock, mmap_lock, signal }: Bar): string {
  const total = vma_lock + mmap_lock + signal;
  const shares = [
    { name: 'vma_lock', count: vma_lock, fill: 'class="vma_lock"' },
    { name: 'mmap_lock', count: mmap_lock, fill: 'fill="url(#stripes)"' },
    { name: 'signal', count: signal, fill: 'fill="url(#dots)"' },
  ].filter(({ count }) => count > 0);
  let x = 0;
  const rects = shares.map(({ name, count, fill }) => {
    const width = (100 * count) / total;
    const rect = `<rect ${fill} x="${x.toFixed(3)}%" width="${width.toFixed(3)}%" height="100%"><title>${name}</title></rect>`;
    x += width;
    return rect;
  });
  const words = shares.map(({ name, count }) => `${name} ${formatCount(count)} (${formatRatio(count, total)})`);
  const spoken = words.length === 0 ? 'no faults' : words.join(', ');
  return `<dt>${htmlText(model)}</dt><dd><svg role="img" aria-label="${htmlText(`${model}: ${spoken}`)}">${rects.join('')}</svg><span>${spoken}</span></dd>`;
}

const SHAPES: Readonly<Record<(typeof KINDS)[number], string>> = {
  vma_lock: '<rect class="vma_lock" x="2" y="8" width="22" height="8"/>',
  mmap_lock: '<rect class="mmap_lock" x="2" y="1" width="22" height="15"/>',
  signal:
    '<rect class="signal" x="2" y="1" width="22" height="5"/><rect class="signal" x="2" y="11" width="22" height="5"/>',
  operation: '<rect class="operation" x="3" y="2" width="20" height="12"/>',
};

const MEANS: Readonly<Record<(typeof KINDS)[number], string>> = {
  vma_lock: 'fault under the VMA lock (in the map: a dot); a lock held for reading',
  mmap_lock: 'fault under mmap_lock (a cross); a lock held for writing, a VMA marked',
  signal: 'fault that ends in a signal (a triangle)',
  operation: 'operation (in the map: its range)',
};

const WAIT_SHAPE = '<path class="wait" d="M2 16 12 1M9 16 19 1M16 16 25 2"/>';

const LEGEND = `<h2>Timelines and maps</h2>
<ul class="legend">
${KINDS.map(kind => `<li><svg aria-hidden="true">${SHAPES[kind]}</svg> ${MEANS[kind]}</li>`).join('\n')}
<li><svg aria-hidden="true">${WAIT_SHAPE}</svg> waiting</li>
</ul>
<p class="note">Click a picture, then: wheel or <kbd>+</kbd> <kbd>-</kbd> zoom, drag or arrow keys move, <kbd>0</kbd> shows all, <kbd>n</kbd> <kbd>p</kbd> go through the longest waits. All pictures of a trace show the same time.</p>
<noscript><p>The pictures are drawn by a script; the tables say the same without one.</p></noscript>`;

function pictures({ scene, longest }: Drawn, trace: number, index: number): string {
  const all = scene.drawn === scene.of;
  const drawn = all
    ? `All ${formatCount(scene.of)} events are drawn`
    : `${formatCount(scene.drawn)} of ${formatCount(scene.of)} events are drawn, the longest waits among them`;
  const threads =
    scene.threads === scene.threadsOf
      ? ''
      : `; ${scene.threads} of ${formatCount(scene.threadsOf)} threads have a lane`;
  const canvas = (kind: string, label: string): string =>
    `<canvas tabindex="0" role="application" data-kind="${kind}" data-trace="${trace}" data-scene="${index}" aria-label="${htmlText(label)}"></canvas>\n<output aria-live="polite"></output>`;
  const keys = 'Arrow keys move, plus and minus zoom, 0 shows all, n and p go through the longest waits.';
  const waits: Section = {
    title: `Longest waits under ${scene.model}`,
    note: null,
    headings: [
      number('event'),
      text('thread'),
      text('what'),
      text('waits for'),
      text('because of'),
      number('at'),
      number('for'),
    ],
    rows: longest.map(wait => [
      wait.event,
      wait.thread,
      wait.what,
      wait.for,
      wait.because,
      formatNs(wait.at),
      formatNs(wait.ns),
    ]),
    more: 0,
  };
  return `<details${index < OPEN ? ' open' : ''}>
<summary>${htmlText(scene.model)}</summary>
<p class="note">${drawn}${threads}.</p>
<h3>Timeline under ${htmlText(scene.model)}</h3>
${canvas('timeline', `Timeline of threads and locks under ${scene.model}. ${keys}`)}
${scene.stretches.length === 0 ? '' : `<h3>Faults by time and address under ${htmlText(scene.model)}</h3>\n${canvas('map', `Map of faults by time and address under ${scene.model}, gaps in the address space squeezed. ${keys}`)}`}
${waits.rows.length === 0 ? '<p>Nothing waited.</p>' : table(waits)}
</details>`;
}

function table({ title, note, headings, rows, more }: Section): string {
  const kind = (column: number): string => (headings[column].kind === 'number' ? ' class="number"' : '');
  const head = headings.map((heading, i) => `<th scope="col"${kind(i)}>${htmlText(heading.title)}</th>`).join('');
  const body = rows.map(row => `<tr>${row.map((cell, i) => `<td${kind(i)}>${htmlText(cell)}</td>`).join('')}</tr>`);
  const below = [...(more > 0 ? [`... ${formatCount(more)} more`] : []), ...(note === null ? [] : [note])];
  return `<h3>${htmlText(title)}</h3>
<div class="scroll" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table></div>${below.map(line => `\n<p class="note">${htmlText(line)}</p>`).join('')}`;
}
