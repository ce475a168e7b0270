/**
 * What any output shows adds up: the numbers of a page, a table or a sheet are read back from its text and compared with the
 * faults and events of the trace.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveModels } from '../../src/lineage/resolve.js';
import { diffTraces, replayToCompare } from '../../src/replay/diff-traces.js';
import { Replay } from '../../src/replay/replay.js';
import { HOT_KEYS, type HotKey, type ReplayResult } from '../../src/replay/result.js';
import { diffListing } from '../../src/report/diff.js';
import { diffTracesListing } from '../../src/report/diff-traces.js';
import { diffTracesPart, htmlPage, type Part, replayPart } from '../../src/report/html.js';
import { type Format, loadReporter } from '../../src/report/index.js';
import { type Listing, renderListing } from '../../src/report/listing.js';
import { createStyle } from '../../src/report/style.js';
import { verifyListing } from '../../src/report/verify.js';
import { readTrace } from '../../src/trace/reader.js';
import { traces } from '../arbitrary.js';
import { diff, type Event, traceFile, verify } from '../helpers.js';

const MODELS = ['mmap_lock', 'v6.4', 'v7.3'];
/** Wide enough for every column. */
const WIDE = createStyle(0, 1000);
const ALL = 1_000_000;

type Row = Record<string, string>;
interface Table {
  title: string;
  rows: Row[];
  /** rows it says it leaves out */
  more: number;
}

const rowOf = (titles: readonly string[], cells: readonly string[]): Row =>
  Object.fromEntries(titles.map((title, i) => [title, cells[i] ?? '']));
const moreOf = (text: string): number => Number(/^\.\.\. ([\d,]+) more$/m.exec(text)?.[1].replaceAll(',', '') ?? 0);

/** The tables of the terminal's output: a title, headings, a ruler, rows; columns are where the headings are. */
function readTables(text: string): Table[] {
  return text
    .split('\n\n')
    .slice(1)
    .map(block => {
      const [title, head, , ...lines] = block.trimEnd().split('\n');
      const split = (line: string): string[] => line.trim().split(/ {2,}/);
      // A note below, and how many more there are, is no row.
      const body = lines.filter(line => split(line).length > 1);
      const titles = split(head);
      return { title, rows: body.map(line => rowOf(titles, split(line))), more: moreOf(block) };
    });
}

function readMarkdown(text: string): Table[] {
  return text
    .split('### ')
    .slice(1)
    .map(block => {
      const [title, ...lines] = block.split('\n');
      const [head, , ...rows] = lines
        .filter(line => line.startsWith('|'))
        .map(line => line.slice(2, -2).split(/(?<!\\) \| /));
      return { title: title.replaceAll('\\', ''), rows: rows.map(cells => rowOf(head, cells)), more: moreOf(block) };
    });
}

function readHtml(html: string): Table[] {
  return [...html.matchAll(/<h3>([^<]*)<\/h3>\n<div class="scroll"[\s\S]*?(?=<h[123]|<\/article>)/g)].map(
    ([block, title]) => {
      const cells = (tag: string, row: string) =>
        [...row.matchAll(new RegExp(`<${tag}[^>]*>([^<]*)</${tag}>`, 'g'))].map(([, text]) => text);
      const [head, ...rows] = [...block.matchAll(/<tr>.*<\/tr>/g)].map(([row]) => row);
      const more = /\.\.\. ([\d,]+) more/.exec(block)?.[1].replaceAll(',', '') ?? 0;
      return { title, rows: rows.map(row => rowOf(cells('th', head), cells('td', row))), more: Number(more) };
    },
  );
}

function readSheet(text: string, format: 'csv' | 'tsv'): Row[] {
  const [head, ...lines] = text.trimEnd().split('\n');
  const separator = format === 'csv' ? ',' : '\t';
  return lines.map(line => rowOf(head.split(separator), line.split(separator)));
}

/** A count in a cell of any output. */
const count = (cell: string | number | undefined): number => {
  const text = String(cell).replaceAll(',', '');
  if (!/^\d+$/.test(text)) throw new Error(`no count: ${cell}`);
  return Number(text);
};
const sum = (rows: readonly Row[], column: string): number =>
  rows.reduce((total, row) => total + count(row[column]), 0);

async function replayed(events: readonly Event[], by?: HotKey): Promise<ReplayResult> {
  const machine = new Replay(resolveModels(MODELS.join()), { ...(by && { by }) });
  const info = await readTrace(traceFile(events), { onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return machine.finish(info);
}

async function report(format: Format, result: ReplayResult, top?: number): Promise<string> {
  return (await loadReporter(format))([result], { fields: null, several: false, style: WIDE, top });
}

const page = (parts: readonly Part[]): string =>
  htmlPage(parts, { script: '', style: '', scriptHash: '', styleHash: '' });

const holds = (property: (events: Event[]) => Promise<void>, numRuns = 15) =>
  fc.assert(fc.asyncProperty(traces(), property), { seed: 6118, numRuns });

const faultsOf = (events: readonly Event[]) => events.filter(({ op }) => op === 'fault').length;

/** What the tables of one result must say, whoever drew them. */
function checkTables(tables: readonly Table[], result: ReplayResult, faults: number): void {
  const named = (title: string) => tables.find(table => table.title === title);
  const verdicts = named('Verdicts')?.rows ?? [];
  expect(verdicts.map(row => row.model)).toEqual(MODELS);
  for (const row of verdicts) {
    expect(count(row.vma_lock) + count(row.mmap_lock) + count(row.signal)).toBe(faults);
    expect(count(row.user) + count(row.kernel)).toBe(faults);
    const why = (named('Why faults did not finish under the VMA lock')?.rows ?? []).filter(
      reason => reason.model === row.model,
    );
    expect(sum(why, 'faults')).toBe(faults - count(row.vma_lock));
  }
  for (const { model, blockers } of result.models) {
    const rows = named(`Who stood in the way under ${model}`)?.rows ?? [];
    expect(sum(rows, 'victims')).toBe(blockers.reduce((total, row) => total + row.victims, 0));
  }
}

describe('a replay', () => {
  test('adds up in tables, markdown and on the page', () =>
    holds(async events => {
      const result = await replayed(events);
      checkTables(readTables(await report('table', result, ALL)), result, faultsOf(events));
      checkTables(readMarkdown(await report('markdown', result, ALL)), result, faultsOf(events));
      const shown = readHtml(page([replayPart(result, [])]));
      if (shown.every(({ more }) => more === 0)) checkTables(shown, result, faultsOf(events));
    }));

  test('says how many rows it leaves out, on the page too', () =>
    holds(async events => {
      const result = await replayed(events);
      for (const tables of [
        readTables(await report('table', result, 1)),
        readHtml(page([replayPart(result, [])])),
        readMarkdown(await report('markdown', result)),
      ]) {
        for (const { model, blockers, convoy, locks } of result.models) {
          const all = (title: string) => {
            const table = tables.find(one => one.title === title);
            return table === undefined ? 0 : table.rows.length + table.more;
          };
          expect(all(`Who stood in the way under ${model}`)).toBe(blockers.length);
          const contended = locks.filter(row => row.contended > 0).length;
          expect(all(`Most contended locks under ${model}: waits`)).toBe(contended);
          const shown = convoy === null || convoy.threads < 3 ? 0 : convoy.waits + (convoy.holder === null ? 0 : 1);
          expect(all(`Longest convoy under ${model}`)).toBe(shown);
        }
      }
    }));

  test('adds up in json, ndjson, csv and tsv', () =>
    holds(async events => {
      const result = await replayed(events);
      const faults = faultsOf(events);
      const others = events.filter(({ op }) => op !== 'thread').length;
      const lines = (await report('ndjson', result)).trimEnd().split('\n');
      for (const models of [JSON.parse(await report('json', result)).models, lines.map(line => JSON.parse(line))]) {
        for (const model of models as ReplayResult['models']) {
          expect(model.faults.vma_lock + model.faults.mmap_lock + model.faults.signal).toBe(faults);
          expect(model.reasons.reduce((total, row) => total + row.count, 0)).toBe(faults - model.faults.vma_lock);
          expect(model.ops.reduce((total, row) => total + row.count, 0)).toBe(others);
          expect(model.over_time.faults.reduce((total, n) => total + n, 0)).toBe(faults);
        }
      }
      for (const format of ['csv', 'tsv'] as const) {
        const rows = readSheet(await report(format, result), format);
        expect(rows.map(row => row.model)).toEqual(MODELS);
        for (const row of rows) {
          expect(count(row.vma_lock) + count(row.mmap_lock) + count(row.signal)).toBe(faults);
          expect(count(row.faults)).toBe(faults);
        }
      }
    }));

  test('its rows of --by have all fallbacks and all waits of faults, in every format', () =>
    holds(async events => {
      for (const by of HOT_KEYS) {
        const result = await replayed(events, by);
        for (const { by: rows = [], time, faults, fallback_ratio } of result.models) {
          expect(rows.reduce((total, row) => total + row.wait_ns, 0)).toBe(time.fault_wait_ns);
          const fallbacks = rows.reduce((total, row) => total + row.fallbacks, 0);
          if (fallback_ratio !== null) expect(fallbacks).toBe(Math.round(fallback_ratio * faults.user));
        }
        const rows = readSheet(await report('csv', result), 'csv');
        const tables = readTables(await report('table', result, ALL));
        for (const { model, time, by: own = [] } of result.models) {
          const mine = rows.filter(row => row.model === model);
          expect(sum(mine, 'wait_ns')).toBe(time.fault_wait_ns);
          const title = `Faults that fell back or waited under ${model}, by `;
          const shown = tables.find(table => table.title.startsWith(title))?.rows ?? [];
          expect(sum(shown, 'faults')).toBe(own.reduce((total, row) => total + row.faults, 0));
        }
      }
    }, 6));
});

describe('a diff', () => {
  const formatted = (listing: Listing) => (format: Format) => renderListing(listing, format, WIDE);

  test('of two models: its ways add up to the faults that change', () =>
    holds(async events => {
      const { result } = await diff(events, 'mmap_lock', 'v6.4');
      const as = formatted(diffListing(result, null));
      const title = 'Faults that change';
      for (const tables of [readTables(as('table')), readMarkdown(as('markdown'))]) {
        const table = tables.find(one => one.title === title);
        const shown = sum(table?.rows ?? [], 'faults');
        if ((table?.more ?? 0) === 0) expect(shown).toBe(result.changed);
        expect((table?.rows.length ?? 0) + (table?.more ?? 0)).toBe(result.transitions.length);
      }
      expect(sum(readSheet(as('csv'), 'csv'), 'count')).toBe(result.changed);
      expect(sum(readSheet(as('tsv'), 'tsv'), 'count')).toBe(result.changed);
      const lines = as('ndjson').trimEnd().split('\n').filter(Boolean);
      expect(lines.reduce((total, line) => total + JSON.parse(line).count, 0)).toBe(result.changed);
    }));

  test('of two traces: both columns add up to the faults of their trace', () =>
    fc.assert(
      fc.asyncProperty(traces(), traces(), async (from, to) => {
        const both = [];
        for (const events of [from, to]) {
          const machine = replayToCompare(resolveModels('v6.4')[0], {});
          const info = await readTrace(traceFile(events), {
            onBatch: (columns, soFar) => machine.feed(columns, soFar),
          });
          both.push(machine.finish(info));
        }
        const result = diffTraces(both[0], both[1]);
        const faults = [faultsOf(from), faultsOf(to)];
        const as = formatted(diffTracesListing(result, null, ALL));
        for (const tables of [
          readTables(as('table')),
          readMarkdown(as('markdown')),
          readHtml(page([diffTracesPart(result)])),
        ]) {
          const of = (title: string) => tables.find(one => one.title === title)?.rows;
          const verdicts = of('Faults, and of 1,000')?.filter(row => row.finished !== 'fallbacks');
          if (verdicts !== undefined) expect([sum(verdicts, 'A'), sum(verdicts, 'B')]).toEqual(faults);
          const mappings = of('Faults by mapping') ?? [];
          const less = tables.find(one => one.title === 'Faults by mapping')?.more ?? 0;
          if (less === 0) expect(sum(mappings, 'B') - sum(mappings, 'A')).toBe(faults[1] - faults[0]);
        }
        for (const format of ['csv', 'tsv'] as const) {
          const rows = readSheet(as(format), format);
          const verdicts = rows.filter(({ part, key }) => part === 'verdicts' && key !== 'fallbacks');
          expect([sum(verdicts, 'from'), sum(verdicts, 'to')]).toEqual(faults);
          expect(as('ndjson').trimEnd().split('\n')).toHaveLength(rows.length);
        }
        expect(JSON.parse(as('json'))).toEqual(result);
      }),
      { seed: 6118, numRuns: 15 },
    ));
});

describe('a verification', () => {
  test('scores what its confusion shows, and no fault is in two classes', () =>
    holds(async events => {
      const told = events.map((event, i) =>
        event.op === 'fault'
          ? { ...event, truth: { path: i % 3 === 0 ? 'mmap_lock' : 'vma_lock', fallback: i % 3 === 0 } }
          : event,
      );
      const { result } = await verify(told, 'v6.18');
      const { scored, inferred, unscored, confusion } = result;
      const listing = verifyListing([result], null, false);
      const counted = Object.values(confusion).reduce((total, row) => total + row.vma_lock + row.mmap_lock, 0);
      expect(counted).toBe(scored);
      const rest = Object.values(unscored).reduce((total, n) => total + n, 0);
      expect(scored + inferred.scored + rest).toBe(faultsOf(events));
      const [row] = readSheet(renderListing(listing, 'csv', WIDE), 'csv');
      expect(count(row.scored)).toBe(scored);
      expect(JSON.parse(renderListing(listing, 'json', WIDE))).toEqual(result);
    }));
});

test('a table that does not add up is found, whoever drew it', async () => {
  const result = await replayed([{ op: 'fault', tid: 1, addr: '0x1000', access: 'read' }]);
  const [first, ...others] = result.models;
  const wrong = { ...result, models: [{ ...first, faults: { ...first.faults, signal: 7 } }, ...others] };
  const draw = async (some: ReplayResult) => [
    readTables(await report('table', some)),
    readMarkdown(await report('markdown', some)),
    readHtml(page([replayPart(some, [])])),
  ];
  for (const tables of await draw(result)) checkTables(tables, result, 1);
  for (const tables of await draw(wrong)) expect(() => checkTables(tables, wrong, 1)).toThrow();
});
