import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineStage } from '../../src/kernel/stage.js';
import { parseStageFile, stageSchema } from '../../src/kernel/stage-file.js';
import { resolveModels } from '../../src/lineage/resolve.js';

const SERIES = {
  $schema: 'https://example.org/series.json',
  id: 'mine',
  title: '[PATCH] mm: swap faults',
  author: 'me',
  date: '2026-01-02',
  link: '',
  merged: null,
  parent: 'v6.5',
  changes: { do_swap_page: { answer: 'go', by: '[PATCH] mm: swap faults' } },
};

test('a series file is a stage but for the address of its schema', () => {
  const { $schema: _, ...data } = SERIES;
  expect(parseStageFile(SERIES, 'mine.json')).toEqual(data);
  const lock = { answer: 'none', by: '1/2' };
  const more = { merged: 'v7.4', commits: ['1234567890ab'], parent: null, lock, names: { handle_mm_fault: 'mine' } };
  expect(parseStageFile({ ...data, ...more }, 'mine.json')).toEqual({ ...data, ...more });
});

test.each([
  ['id', { id: 'a b' }],
  ['date', { date: 'yesterday' }],
  ['changes.do_swap_page.by', { changes: { do_swap_page: { answer: 'go' } } }],
  ['id', { id: '../mine' }],
  ['id', { id: 'a'.repeat(65) }],
  ['title', { title: '' }],
  ['title', { title: 'a'.repeat(201) }],
  ['author', { author: '' }],
  ['author', { author: 'a'.repeat(101) }],
  ['date', { date: 'on 2026-01-01' }],
  ['date', { date: '2026-01-01T00:00' }],
  ['link', { link: 'a'.repeat(301) }],
  ['merged', { merged: 'a'.repeat(21) }],
  ['commits[1]', { commits: ['a', 'a'.repeat(61)] }],
  ['lock.by', { lock: { answer: 'none' } }],
  ['names.handle_mm_fault', { names: { handle_mm_fault: '' } }],
  ['names.handle_mm_fault', { names: { handle_mm_fault: 'a'.repeat(61) } }],
  ['more', { more: 1 }],
  ['changes.do_swap_page.why', { changes: { do_swap_page: { answer: 'go', by: 'x', why: '' } } }],
])('a complaint names the file and the place: %j', (path, wrong) => {
  expect(() => parseStageFile({ ...SERIES, ...wrong }, 'mine.json')).toThrow(
    expect.objectContaining({
      ...{ class: 'schema', where: { file: 'mine.json', path } },
      hint: 'vmalock schema series shows the shape',
    }),
  );
});

test.each<[unknown, string]>([
  [[], 'a series is an object, got an array'],
  [null, 'a series is an object, got null'],
  [1, 'a series is an object, got a number'],
  [{}, '"id" is missing: it must be a word of at most 64 letters, digits, dots, dashes and underscores'],
  [{ ...SERIES, title: 'a'.repeat(201) }, `"title" must be text of 1 to 200 characters, got "${'a'.repeat(80)}..."`],
  [{ ...SERIES, link: 5 }, '"link" must be text of at most 300 characters, got 5'],
  [{ ...SERIES, date: 'today' }, '"date" must be a day, YYYY-MM-DD, got "today"'],
  [{ ...SERIES, parent: {} }, '"parent" must be a string, got {}'],
  [{ ...SERIES, commits: 'a' }, '"commits" must be a list of commits, got "a"'],
  [{ ...SERIES, lock: 'none' }, '"lock" must be an object with "answer" and "by", got "none"'],
  [{ ...SERIES, names: [] }, '"names" must be an object of kernel functions, got []'],
  [
    { ...SERIES, names: { ['a'.repeat(61)]: 'b' } },
    `"names.${'a'.repeat(61)}" must have a key of at most 60 characters, got "b"`,
  ],
  [{ ...SERIES, changes: 1 }, '"changes" must be an object of answers by site, got 1'],
  [{ ...SERIES, '\u202e': 1 }, 'unknown key "\\u{202e}"'],
])('what is wrong is said in our words: %j', (series, message) => {
  expect(() => parseStageFile(series, 'mine.json')).toThrow(expect.objectContaining({ message }));
});

test('an unknown site is told with the nearest one, or with where they are listed', () => {
  const [parent] = resolveModels('v6.5');
  const hint = (site: string) => {
    try {
      defineStage({ ...SERIES, changes: { [site]: { answer: 'go', by: 'me' } } }, parent);
    } catch (error) {
      return (error as { hint?: string }).hint;
    }
    return 'accepted';
  };
  expect(hint('do_swap_pgae')).toBe('did you mean do_swap_page?');
  expect(hint('something_else_entirely')).toBe('vmalock models --matrix lists the sites');
});

test('each key of a series file is described', () => {
  const { properties } = z.toJSONSchema(stageSchema, { io: 'input' }) as { properties: Record<string, object> };
  expect(Object.keys(properties)).toContain('parent');
  for (const [key, said] of Object.entries(properties))
    expect([key, said]).toEqual([key, expect.objectContaining({ description: expect.stringMatching(/\w/) })]);
});
