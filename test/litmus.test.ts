/**
 * The litmus traces: each carries what every model it names must make of its faults.
 *
 * One that is added must be simple (few threads, few events), orthogonal (no other shows the same) and textbook (fit to be
 * pasted into a mail).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { lineage } from '../src/lineage/resolve.js';
import { OP } from '../src/vocab.js';
import { replay } from './helpers.js';
import { file, readFile } from './trace/helpers.js';

const FOLDER = fileURLToPath(new URL('../traces/litmus/', import.meta.url));
const README = readFileSync(new URL('../traces/README.md', import.meta.url), 'utf8');
const NAMES = readdirSync(FOLDER)
  .filter(name => name.endsWith('.json'))
  .map(name => name.replace('.json', ''));
const MODELS = new Set(lineage.map(({ id }) => id));

const pathOf = (name: string): string => `${FOLDER}${name}.json`;

describe.each(NAMES)('%s', name => {
  test('holds under every model it names', async () => {
    const { info } = await readFile(pathOf(name));
    const models = Object.keys(info.expect ?? {});
    const { result } = await replay(pathOf(name), models.join(','));
    expect(result.expect?.failed).toEqual([]);
    expect(result.expect?.checked).toBeGreaterThan(1);
    expect(result.warnings).toEqual([]);
  });
});

describe('the collection', () => {
  test('names its traces by what happens and what it happens to, and has a line about each', () => {
    expect(NAMES.length).toBeGreaterThanOrEqual(75);
    for (const name of NAMES) {
      expect(name).toMatch(/^[a-z-]+\+[a-z-]+$/);
      expect(README).toContain(`| \`${name}\` |`);
    }
  });

  test('is simple: few events, few threads, no model that does not exist, no expectation about what is no fault', async () => {
    for (const name of NAMES) {
      const { rows, info } = await readFile(pathOf(name));
      expect([name, rows.length <= 8, info.tids.length <= 5]).toEqual([name, true, true]);
      expect(info.meta.name?.split(': ')[0]).toBe(name);
      for (const [model, faults] of Object.entries(info.expect ?? {})) {
        expect([name, model, MODELS.has(model)]).toEqual([name, model, true]);
        for (const i of Object.keys(faults)) expect([name, i, rows[Number(i)]?.op]).toEqual([name, i, OP.fault]);
      }
    }
  });

  test('is orthogonal: no two traces hold the same events', async () => {
    const events = new Set<string>();
    for (const name of NAMES) {
      const { rows, info } = await readFile(pathOf(name));
      events.add(JSON.stringify([rows.map(row => ({ ...row, line: 0 })), info.files, info.strings]));
    }
    expect(events.size).toBe(NAMES.length);
  });

  test('has a case for every stage that changed what a fault meets', () => {
    const texts = NAMES.map(name => readFileSync(pathOf(name), 'utf8'));
    // The others answer a fault as the stage before them does.
    const same = ['v6.4.0', 'v6.17', 'v6.18'];
    for (const model of [...MODELS].filter(id => !same.includes(id))) {
      expect([model, texts.some(text => text.includes(`"${model}"`))]).toEqual([model, true]);
    }
  });
});

describe('an expectation that is wrong', () => {
  const document = readFileSync(pathOf('swap+folio-locked'), 'utf8');
  const failures = async (from: string, to: string) => {
    const { result } = await replay(file(document.replace(from, to)), 'v6.6');
    return result.expect?.failed.map(({ model, i }) => ({ model, i }));
  };

  test('fails: another verdict, another site, another counter', async () => {
    const right =
      '"v6.6": { "1": {"verdict": "mmap_lock", "site": "__folio_lock_or_retry", "counter": "vma_lock_retry"}';
    expect(await failures('', '')).toEqual([]);
    for (const wrong of [
      right.replace('mmap_lock', 'vma_lock'),
      right.replace('__folio_lock_or_retry', 'do_swap_page'),
      right.replace('vma_lock_retry', 'vma_lock_abort'),
    ]) {
      expect(await failures(right, wrong)).toEqual([{ model: 'v6.6', i: 1 }]);
    }
  });

  test('fails, whichever it is', async () => {
    for (const name of NAMES) {
      const wrong = readFileSync(pathOf(name), 'utf8').replaceAll(
        /"verdict": "(\w+)"/g,
        (_, verdict: string) => `"verdict": "${verdict === 'signal' ? 'vma_lock' : 'signal'}"`,
      );
      const { result } = await replay(file(wrong), 'all');
      expect(result.expect?.failed.length).toBe(result.expect?.checked);
    }
  });

  test('fails: about an event that is no fault', async () => {
    expect(await failures('"v6.6": { "1"', '"v6.6": { "0"')).toEqual([{ model: 'v6.6', i: 0 }]);
  });
});
