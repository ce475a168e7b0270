/**
 * The house, as a test: which floor may see which, and the few habits a machine can check. Each rule is a function over
 * files and says what to think when it is broken; beside it stand samples in which it must find something.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SERIES } from '../src/lineage/index.js';
import { FLOOR_RULES } from './architecture/floors.js';
import { HABIT_RULES } from './architecture/habits.js';
import type { Source } from './architecture/source.js';
import { VERSION_RULES } from './architecture/versions.js';

/** What survives JSON unchanged. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

const ROOT = fileURLToPath(new URL('../src/', import.meta.url));
const SOURCES: readonly Source[] = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .map(path => path.replaceAll('\\', '/'))
  .filter(path => path.endsWith('.ts'))
  .sort()
  .map(path => ({ path, text: readFileSync(ROOT + path, 'utf8') }));

const asSources = (files: Readonly<Record<string, string>>): Source[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }));

describe.each([...FLOOR_RULES, ...VERSION_RULES, ...HABIT_RULES])('$name', ({ think, find, bad, good }) => {
  test('holds in src', () => {
    expect(find(SOURCES), think).toEqual([]);
  });

  test.each(bad.map(files => ({ files, name: Object.values(files)[0].slice(0, 60).trim() || Object.keys(files)[0] })))(
    'finds: $name',
    ({ files }) => {
      expect(find(asSources(files))).not.toEqual([]);
    },
  );

  test('leaves the rest alone', () => {
    expect(find(asSources(good))).toEqual([]);
  });
});

describe('the lineage as JSON', () => {
  test.each(SERIES.map(stage => ({ stage, id: stage.id })))('$id survives it unchanged', ({ stage }) => {
    expect(asJson(stage)).toStrictEqual(stage);
  });

  test('a series with a function or a Date does not', () => {
    for (const value of [() => 0, undefined, new Date(0)]) {
      const stage = { ...SERIES[0], extra: value };
      expect(asJson(stage)).not.toStrictEqual(stage);
    }
  });
});
